from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.posts.liquid import LiquidContext, expand_liquid
from feedservice.posts.shortcodes import expand_hugo, expand_zola

CONTEXT = LiquidContext(
    site={"url": "https://e.example", "baseurl": "/base", "title": "Site", "flag": True, "words": ["a", "b"], "n": {"m": "deep"}},
    page={
        "title": "Post",
        "url": "/p/",
        "path": "_posts/2024-01-02-here.md",
        "tags": ["x", "y"],
        "date": "2024-01-02 03:04:05 +0900",
    },
    post_urls={
        "2024-01-02-a": "/2024/a/",
        "_posts/2024-01-02-a.md": "/2024/a/",
        "blog/x.md": "https://e.example/x/",
        "blog/d/index.md": "/d/",
    },
)


def expanded(text: str) -> str:
    return expand_liquid(text, CONTEXT)[0]


def messages(text: str) -> list[tuple[int | None, str]]:
    return [(problem.line, problem.message) for problem in expand_liquid(text, CONTEXT, line=10)[1]]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ site.url }}{{site.baseurl}}/x", "https://e.example/base/x"),
        ("{{ page.title }} {{ site.n.m }} {{ site.flag }} {{ site.words }}", "Post deep true ab"),
        ("a{{ site.nothing }}b{{ page.title.x }}c{{ site.n }}d", "abcd"),
        ("{% raw %}{{ site.url }} {% x %}{% endraw %}", "{{ site.url }} {% x %}"),
        ("a{% comment %} {{ x }} {% endcomment %}b", "ab"),
        ("a{% include ads.html id='1' %}b{% include_relative x %}c", "abc"),
        ("[a]({% post_url 2024-01-02-a %})", "[a](/2024/a/)"),
        ("[a]({% link _posts/2024-01-02-a.md %})", "[a](/2024/a/)"),
        ("[a]({% link assets/a.pdf %})", "[a](/base/assets/a.pdf)"),
        ("a {%- include x -%} b", "ab"),
        ("a {{- site.title -}} b", "aSiteb"),
        ("{% assign x = 'q' %}{{ x | upcase }}", "Q"),
        ("{% if site.flag %}yes{% else %}no{% endif %}", "yes"),
        ("{% for w in site.words %}{{ w }},{% endfor %}", "a,b,"),
        ("{% for w in site.nothing %}{{ w }}{% endfor %}{{ site.nothing.a | upcase }}", ""),
        ("{% unless site.flag %}{% raw %}{{{% endraw %}{% endunless %}{{ 'a' | append: 'b' }}", "ab"),
        ("{{ '/a b' | relative_url }} {{ 'c' | absolute_url }} {{ 'https://x.example/' | relative_url }}", "/base/a%20b https://e.example/base/c https://x.example/"),
        ("{{ 'a b&c' | cgi_escape }} {{ 'a b' | uri_escape }} {{ '<a>' | xml_escape }}", "a+b%26c a%20b &lt;a&gt;"),
        ("{{ page.date | date: '%-d %B %Y %H:%M %z' }}", "2 January 2024 03:04 +0900"),
        ("{{ page.date | date_to_string }}; {{ page.date | date_to_long_string }}", "02 Jan 2024; 02 January 2024"),
        ("{{ page.date | date_to_xmlschema }} {{ page.date | date_to_rfc822 }}", "2024-01-02T03:04:05+09:00 Tue, 02 Jan 2024 03:04:05 +0900"),
        ("{{ 'now' | date: '%Y' }}|{{ 'today' | date: '%Y' }}|{{ 'soon' | date: '%Y' }}", "||soon"),
        ("{{ 'x' | no_such_filter }}", "x"),
        ("{{ 'soon' | date_to_string }} {{ 'soon' | date_to_xmlschema }} {{ 'soon' | date_to_rfc822 }}", "soon soon soon"),
        ("{{ nil | slugify }}{{ true | slugify }} {{ '2024-01-02 03:04:05 UTC' | date: '%I %p %Q' }}", "true 03 AM %Q"),
        ("{{ 'a,b,c' | split: ',' | array_to_sentence_string: 'or' }} {{ '42x' | to_integer }} {{ 'x' | to_integer }}", "a, b, or c 42 0"),
        ("{{ 'a/index.html' | strip_index }} {{ 'a b c' | number_of_words }} {{ '*a*' | markdownify }}", "a/ 3 *a*"),
        ("{{ page.tags | array_to_sentence_string }} {{ 'A  B' | slugify }} {{ page.tags | jsonify }}", 'x and y a-b ["x", "y"]'),
        ('{{ "{{" }} and {{ "{% x %}" }}', "{{ and {% x %}"),
        ("no braces at all { % } %}", "no braces at all { % } %}"),
    ],
)  # fmt: skip
def test_liquid_is_expanded(source: str, text: str) -> None:
    assert expanded(source) == text
    assert messages(source) == []


@pytest.mark.parametrize(
    ("source", "markdown"),
    [
        ("{% highlight ruby linenos %}\nx\n{% endhighlight %}\ntext", "~~~ruby\nx\n~~~\ntext"),
        ("{% highlight ruby %}x{% endhighlight %} text", "~~~ruby\nx\n~~~\n text"),
        ("before {% highlight c++ %}\nx\n{% endhighlight %}", "before \n\n~~~c++\nx\n~~~\n"),
        ("- item\n\n  {% highlight sh %}\n  x\n  {% endhighlight %}\n", "- item\n\n  ~~~sh\n  x\n  ~~~\n"),
        ("{% highlight liquid %}{% raw %}\n{{ x }}\n{% endraw %}{% endhighlight %}", "~~~liquid\n{{ x }}\n~~~\n"),
        ("{% highlight md %}\n~~~~\nx\n~~~~\n{% endhighlight %}\n", "~~~~~md\n~~~~\nx\n~~~~\n~~~~~\n"),
        ("{% highlight ruby %}\n{{ site.title }}\n{% endhighlight %}\n", "~~~ruby\nSite\n~~~\n"),
        ("{% if true %}{% highlight x`y %}\n{{ 'a' | upcase }}\n{% endhighlight %}\n{% endif %}", "~~~xy\nA\n~~~\n"),
    ],
)
def test_highlight_becomes_a_code_block(source: str, markdown: str) -> None:
    assert expanded(source) == markdown


@pytest.mark.parametrize(
    ("source", "text", "problems"),
    [
        ("a\n{% gist u/1 %} b", "a\n b", [(11, "the tag {% gist %} is not known and was left out")]),
        ("{% note %}in{% endnote %}", "in", [(10, "the tag {% note %} is not known and was left out")]),
        ("a\n\na {{ lone", "a\n\na {{ lone", [(12, "{{ is never closed")]),
        ("a {{ one\n\n{{ site.title }}", "a {{ one\n\nSite", [(10, "{{ is never closed")]),
        ("${{皆さんも}^{{}^{}{}", "${{皆さんも}^{{}^{}{}", [(10, "{{ is never closed"), (10, "{{ is never closed")]),
        ("a {% b", "a {% b", [(10, "{% is never closed")]),
        ("{% raw %} a", " a", [(10, "{% raw %} is never closed")]),
        ("[a]({% post_url 2000-01-01-no %})", "[a]()", [(10, "the link {% post_url 2000-01-01-no %} names no post")]),
        ("{% link _posts/no.md %}", "", [(10, "the link {% link _posts/no.md %} names no post")]),
    ],
)
def test_what_cannot_be_expanded_is_named_with_its_line(source: str, text: str, problems: list[tuple[int, str]]) -> None:
    assert expanded(source) == text
    assert messages(source) == problems


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("a\n{{ site.data.members[0].name }}", [(11, "data")]),
        (
            "{% for p in site.posts %}{{ p.title }}{% endfor %}\n{{ site.posts.size }}\n{{ site.time }}",
            [(10, "posts"), (12, "time")],
        ),
        ("{% raw %}{{ site.data.x }}{% endraw %} site.data.x", []),
        ("{{ site.title }} {{ site.words }} {{ site.nothing }} {{ opposite.data }}", []),
    ],
)
def test_what_jekyll_would_know_and_a_feed_does_not_is_named(source: str, named: list[tuple[int, str]]) -> None:
    assert messages(source) == [
        (line, f"site.{name} is not known to a feed; what is made of it stays empty") for line, name in named
    ]


def test_a_configured_value_stands_in_for_what_jekyll_would_know() -> None:
    context = dataclasses.replace(CONTEXT, site={**CONTEXT.site, "data": {"links": {"a": "https://a.example/"}}})
    assert expand_liquid("[a]({{ site.data.links.a }})", context) == ("[a](https://a.example/)", ())


def test_a_faulty_output_stays_and_the_others_are_expanded() -> None:
    text, problems = expand_liquid("{{ 'a' | upcase }}\n{{ a b c }}\n{{ site.title }}", CONTEXT)
    assert text == "A\n{{ a b c }}\nSite"
    assert [(problem.rule, problem.line) for problem in problems] == [("liquid.syntax", 2)]


@pytest.mark.parametrize(
    "source",
    [
        "{% if x %}never closed",
        "{% endfor %}",
        "{% if true %}"
        "{{ 'aaaaaaaaaa' | append: 'b' }}"
        "{% assign x = 'aaaaaaaaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 17 + "{% endif %}",
        "{% for i in (1..100000000) %}x{% endfor %}",
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 40 + "{{ x }}",
        "{{ (1..999999999) | join: ',' }}",
        "{% assign x = 'aaaaaaaaaaaaaaaaaaaa' %}{% if true %}"
        + "{% assign x = x | replace: 'a', x %}" * 9
        + "{{ x }}{% endif %}",
        "{{ 1 | divided_by: 0 }}",
    ],
)
def test_a_template_without_bounds_or_sense_stays_as_it_was_typed(source: str) -> None:
    text, problems = expand_liquid(source, CONTEXT)
    assert text == source
    assert {problem.rule for problem in problems} == {"liquid.syntax"}


def test_dates_may_be_values() -> None:
    page = {"day": dt.date(2024, 1, 2), "instant": dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC)}
    context = LiquidContext(site={}, page=page, post_urls={})
    source = "{{ page.day | date: '%F' }} {{ page.instant | date_to_xmlschema }}"
    assert expand_liquid(source, context) == ("2024-01-02 2024-01-02T03:04:00+00:00", ())


def test_a_template_reads_nothing_but_its_context() -> None:
    assert expanded("{{ site.__class__ }}{{ page.items }}{{ site.words.__len__ }}{% if true %}{% endif %}") == ""


def test_the_library_is_loaded_only_for_logic() -> None:
    program = (
        "import sys\n"
        "from feedservice.posts.liquid import LiquidContext, expand_liquid\n"
        "context = LiquidContext(site={'url': 'u'}, page={}, post_urls={})\n"
        "assert expand_liquid('{{ site.url }}{% highlight x %}y{% endhighlight %}', context)[0]\n"
        "assert 'liquid' not in sys.modules\n"
        "assert expand_liquid('{% if true %}a{% endif %}', context)[0] == 'a'\n"
        "assert 'liquid' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('{{< figure src="/i.png" alt="a" >}}', '<figure><img src="/i.png" alt="a"></figure>'),
        ('{{< figure src="i.png" title="T" caption="C <b>" link="/l" attr="By" attrlink="/by" width="5" >}}',
         '<figure><a href="/l"><img src="i.png" alt="C &lt;b&gt;" width="5"></a><figcaption><strong>T</strong> C &lt;b&gt; <a href="/by">By</a></figcaption></figure>'),
        ("{{< youtube abc >}}", '<a href="https://www.youtube.com/watch?v=abc">YouTube</a>'),
        ('{{< youtube id="abc" title="Clip" >}}', '<a href="https://www.youtube.com/watch?v=abc">Clip</a>'),
        ("{{< vimeo 12 >}}", '<a href="https://vimeo.com/12">Vimeo</a>'),
        ("{{< gist u 1 >}}", '<a href="https://gist.github.com/u/1">Gist</a>'),
        ('{{< x user="u" id="1" >}}', '<a href="https://x.com/u/status/1">Post on X</a>'),
        ('{{< highlight go "linenos=table" >}}\nx := 1\n{{< /highlight >}}\n', "~~~go\nx := 1\n~~~\n"),
        ('[a]({{< ref "x.md" >}}) [b]({{% relref "/blog/x.md#f" %}}) [c]({{< ref "#g" >}})', "[a](https://e.example/x/) [b](https://e.example/x/#f) [c](#g)"),
        ('[a]({{< ref "blog/d" >}})', "[a](/d/)"),
        ("{{% notice tip %}}in **b**{{% /notice %}}", "in **b**"),
        ("{{< a >}}x{{< b >}}y{{< /b >}}{{< /a >}}", "xy"),
        ("{{</* youtube a */>}} {{%/* x */%}}", "{{< youtube a >}} {{% x %}}"),
        ('{{< details summary="S" >}}in{{< /details >}}', "<details><summary>S</summary>\n\nin\n\n</details>\n"),
        ('{{< param "title" >}}', "Post"),
        ("{{< badge />}}{{% badge / %}}", ""),
        ("{{ .Title }} {{< never closed", "{{ .Title }} {{< never closed"),
    ],
)  # fmt: skip
def test_shortcodes_of_hugo(source: str, text: str) -> None:
    context = LiquidContext(site=CONTEXT.site, page={"title": "Post", "path": "blog/here.md"}, post_urls=CONTEXT.post_urls)
    assert expand_hugo(source, context) == (text, ())


def test_what_a_figure_says_shows_no_marks() -> None:
    source = '{{< figure src="a.png" caption="A **bold** [claim](/x) & *more*" title="`T`" attr="*me*" >}}'
    picture = '<img src="a.png" alt="A bold claim &amp; more">'
    said = "<strong>T</strong> A bold claim &amp; more me"
    assert expand_hugo(source, CONTEXT) == (f"<figure>{picture}<figcaption>{said}</figcaption></figure>", ())


def test_unknown_shortcodes_are_named() -> None:
    text, problems = expand_hugo('a\n{{< chart "x" >}}b [c]({{< ref "no.md" >}})', CONTEXT, line=5)
    assert text == "a\nb [c]()"
    assert [(problem.line, problem.message) for problem in problems] == [
        (6, "the shortcode {{< chart is not known and was left out"),
        (6, "the link {{< ref no.md >}} names no post"),
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('{{ youtube(id="a-b") }}', '<a href="https://www.youtube.com/watch?v=a-b">YouTube</a>'),
        ("{{-vimeo( autoplay = true, id='12' )-}}", '<a href="https://vimeo.com/12">Vimeo</a>'),
        ("{{ streamable(id=`92ok4`) }}", '<a href="https://streamable.com/92ok4">Streamable</a>'),
        ('{{ gist(url="https://gist.github.com/a/b?x&y") }}', '<a href="https://gist.github.com/a/b?x&amp;y">Gist</a>'),
        ('{{ youtube(id="a", title="A <talk>") }}', '<a href="https://www.youtube.com/watch?v=a">A &lt;talk&gt;</a>'),
        ("{{/* youtube(id=1) */}}", "{{ youtube(id=1) }}"),
    ],
)
def test_players_that_zola_has_become_links(source: str, text: str) -> None:
    assert expand_zola(source) == (text, ())


def test_hyphens_of_zola_are_no_text() -> None:
    text, problems = expand_zola('{%- quote(author="y") -%}in{%- end -%}')
    assert (text, [problem.message for problem in problems]) == ("in", ["the shortcode {% quote() is not known and was left out"])


def test_shortcodes_of_zola() -> None:
    source = 'a {{ gallery(id="x") }}\n{% quote(author="y") %}in *e*{% end %}\n{{/* shown(a=1) */}} {%/* end */%} {{ name }} {{ x("a") }}{{ x() }}'
    text, problems = expand_zola(source, line=3)
    assert text == "a \nin *e*\n{{ shown(a=1) }} {% end %} {{ name }} "
    assert [(problem.line, problem.message) for problem in problems] == [
        (3, "the shortcode {{ gallery() is not known and was left out"),
        (4, "the shortcode {% quote() is not known and was left out"),
        (5, "the shortcode {{ x() is not known and was left out"),
    ]


PIECES = st.lists(
    st.sampled_from(
        [*"{}%<>-/|'\" \nax~", "{{", "}}", "{%", "%}", "{{<", ">}}", "{%-", "-%}", "{% raw %}", "{% endraw %}", "{% if x %}", "{% endif %}",
         "{{ site.url }}", "{% highlight x %}", "{% endhighlight %}", "{% for i in (1..3) %}", "{% endfor %}", "{{ 'a' | upcase }}",
         "{% comment %}", "{% endcomment %}", "{{</* ", " */>}}", "{% assign a = 1 %}"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(PIECES)
def test_any_text_is_expanded_or_stays(text: str) -> None:
    first = expand_liquid(text, CONTEXT)
    assert first == expand_liquid(text, CONTEXT)
    assert isinstance(expand_hugo(text, CONTEXT)[0], str)
    assert isinstance(expand_zola(text)[0], str)


@given(st.text())
def test_text_without_braces_stays(text: str) -> None:
    text = text.replace("{", "(")
    assert expand_liquid(text, CONTEXT) == (text, ())
    assert expand_hugo(text, CONTEXT) == (text, ())
    assert expand_zola(text) == (text, ())
