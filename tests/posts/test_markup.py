from __future__ import annotations

import re
from itertools import accumulate

import pytest

from feedservice.posts.liquid import LiquidContext
from feedservice.posts.markup import MOST_WARNINGS, WIDEST_TABLE, Rendered, markdown_to_html, render
from feedservice.posts.nesting import DEEPEST

PAGE = "https://e.example/a/b/"
CONTEXT = LiquidContext(
    site={"url": "https://e.example", "baseurl": ""},
    page={"path": "blog/here.md"},
    post_urls={"blog/x.md": "https://e.example/x/", "2024-01-02-y": "/y/", "pages/日本.md": "/日本/"},
)


def rendered(
    body: str, dialect: str = "plain", *, markdown: bool = True, unsafe_html: bool = False, base_url: str = PAGE
) -> Rendered:
    return render(
        body,
        markdown=markdown,
        base_url=base_url,
        id_prefix="p-",
        dialect=dialect,
        context=CONTEXT,
        body_line=10,
        unsafe_html=unsafe_html,
    )


def rules(body: str, dialect: str = "plain") -> list[tuple[str, int | None]]:
    return [(problem.rule, problem.line) for problem in rendered(body, dialect).problems]


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("これは**「重要」**です", "<p>これは<strong>「重要」</strong>です</p>"),
        ("**強調。**次", "<p><strong>強調。</strong>次</p>"),
        ("*a* ~~b~~ `c`", "<p><em>a</em> <del>b</del> <code>c</code></p>"),
        ("- [x] done\n- [ ] open", "<ul>\n<li>☑ done</li>\n<li>☐ open</li>\n</ul>"),
        ("```python\nx < 1\n```", '<pre><code class="language-python">x &lt; 1\n</code></pre>'),
        ("www.example.org", '<p><a href="http://www.example.org">www.example.org</a></p>'),
        ("# Head", "<h1>Head</h1>"),
        ("a\nb", "<p>a\nb</p>"),
        ("a<!-- hidden -->b", "<p>ab</p>"),
    ],
)
def test_markdown_becomes_html(markdown: str, html: str) -> None:
    assert rendered(markdown).html == html


def test_a_table_keeps_its_alignment() -> None:
    html = rendered("|a|b|\n|:-|-:|\n|1|2|").html
    assert '<th align="left">a</th>' in html
    assert '<td align="right">2</td>' in html


def test_footnotes_link_to_each_other_with_ids_of_the_post() -> None:
    html = rendered("a[^n]\n\n[^n]: note").html
    assert '<a href="https://e.example/a/b/#p-fn-n" id="p-fnref-n">1</a>' in html
    assert '<li id="p-fn-n">' in html
    assert '<a href="https://e.example/a/b/#p-fnref-n" class="footnote-backref">' in html


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ("[a](#there)\n\n<p id=there>x</p>", '<a href="https://e.example/a/b/#p-there">'),
        ("[a](#elsewhere)\n\n<p id=there>x</p>", '<a href="https://e.example/a/b/#elsewhere">'),
        ("[a](#日本)\n\n<p id=日本>x</p>", '<a href="https://e.example/a/b/#p-%E6%97%A5%E6%9C%AC">'),
        ('[a](#old)\n\nx <a name="old">y</a>', '<a id="p-old">y</a>'),
        ('[a](#old)\n\nx <a name="old" id="new">y</a>', '<a id="p-new">y</a>'),
        ("[a](https://e.example/a/b/#there)\n\n<p id=there>x</p>", '<a href="https://e.example/a/b/#p-there">'),
        ("[a](other/#there)\n\n<p id=there>x</p>", '<a href="https://e.example/a/b/other/#there">'),
    ],
)
def test_ids_are_of_the_post_and_links_to_them_follow(body: str, part: str) -> None:
    assert part in rendered(body).html


def test_links_to_ids_follow_whatever_way_the_page_is_written() -> None:
    body = "<p id=x>[a](#x)</p>\n\n[b](#x)"
    assert 'href="https://xn--wgv71a.example/%C3%A9?q=1#p-x"' in rendered(body, base_url="https://日本.example/é?q=1#top").html


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>x",
        "<SCRIPT SRC=//h/x.js></SCRIPT>x",
        "<style>p{}</style>x",
        '<p onclick="a()" onmouseover=b() style="color:red">x</p>',
        "[x](javascript:alert(1))",
        '<a href="jAvA&#x0A;script:alert(1)">x</a>',
        '<a href="data:text/html,y">x</a>',
        "<form action=/f>x<input name=q><button>b</button><select><option>o</select><textarea>t</textarea></form>",
        '<iframe src="javascript:alert(1)"></iframe>x',
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>x",
        "<iframe><script>alert(1)</script></iframe>x",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>x",
        '<math><mi><iframe><p>"x"</p></iframe></mi><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
        "<svg><script>alert(1)</script></svg>x",
        '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">x',
        '<object data="javascript:alert(1)"></object><embed src="javascript:alert(1)">x',
        '<img src="x" data-src="javascript:alert(1)" class=lazy>x',
        '<img data-src="javascript:alert(1)">x',
        "<meta http-equiv=refresh content=0><link rel=stylesheet href=/s><base href=//evil/>x",
        "<template><script>alert(1)</script></template>x",
        '<math><annotation encoding="application/x-tex">&lt;script>alert(1)&lt;/script></annotation></math>x',
        "<textarea><img src=x onerror=alert(1)></textarea><title><script>alert(1)</script></title>x",
        "[x]( <javascript:alert(1)> ) <javascript:alert(1)>",
        "&l{: .x}t;script&gt;",
    ],
)  # fmt: skip
def test_nothing_that_acts_comes_through(body: str) -> None:
    for dialect in ("plain", "jekyll"):
        html = rendered(body, dialect).html.lower()
        for forbidden in (
            "<script",
            "<style",
            "<iframe",
            "<object",
            "<embed",
            "<form",
            "<input",
            "<svg",
            "<meta",
            "<link",
            "<base",
        ):
            assert forbidden not in html
        tags = "".join(part.partition(">")[0] + " " for part in html.split("<")[1:])
        for forbidden in ("javascript:", "data:", " on", "style=", "evil"):
            assert forbidden not in tags


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("<my-code>x = 1</my-code>", "<p>x = 1</p>"),
        ("<form>Name <input></form>", "Name"),
        ("<details open><summary>s</summary>t</details>", '<details open=""><summary>s</summary>t</details>'),
        ("<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>", "<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby></p>"),
        ("<p>unclosed <b>bold", "<p>unclosed <b>bold\n</b></p>"),
        ('<table><tr><td style="color:red;text-align: RIGHT">1</td></tr></table>', '<table><tbody><tr><td align="right">1</td></tr></tbody></table>'),
        ("<math><mi>x</mi><mo>=</mo><mn>1</mn></math>", "x=1"),
        ('<math><mi>x</mi><annotation encoding="application/x-tex">x^2</annotation></math>', "<code>x^2</code>"),
        ("<bdo>x</bdo>", "<p>x</p>"),
        ("<noscript>no scripts</noscript>", "no scripts"),
    ],
)  # fmt: skip
def test_what_is_no_danger_keeps_its_content(body: str, html: str) -> None:
    assert rendered(body).html in {html, f"<p>{html}</p>"}


def test_a_whole_html_document_gives_its_body() -> None:
    document = "<!DOCTYPE html><html><head><title>T</title><style>p{}</style></head><body class=x><p>hi</p></body></html>"
    assert rendered(document, markdown=False).html == "<p>hi</p>"


def test_html_is_not_read_as_markdown() -> None:
    assert rendered("<p>*a*</p>\n\n    b", markdown=False).html == "<p>*a*</p>\n\n    b"


def test_characters_that_xml_cannot_hold_are_counted_wherever_they_come_from() -> None:
    result = rendered("a\x0b\ufffe\ud800 &#1; b")
    assert (result.html, result.removed) == ("<p>a  b</p>", 4)


def test_unsafe_html_stays_but_is_absolute_and_well_formed() -> None:
    body = (
        '<div onclick="x()" style="background: url(b.png)"><script>if (a < b) f("<a href=\'/x\'>")</script>'
        '<iframe src="/f"></iframe><img srcset="/a 2x" data-src="i.png"><x-y z=1>t</x-y><a href="javascript:go()">g</a><b>\x0b'
    )
    html = rendered(body, unsafe_html=True, markdown=False).html
    assert html == (
        '<div onclick="x()" style="background: url(\'https://e.example/a/b/b.png\')"><script>if (a < b) f("<a href=\'/x\'>")</script>'
        '<iframe src="https://e.example/f"></iframe><img srcset="https://e.example/a 2x" data-src="https://e.example/a/b/i.png">'
        '<x-y z="1">t</x-y><a href="javascript:go()">g</a><b></b></div>'
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a\n\n<iframe></iframe>", [("content.embed", 12)]),
        ("<iframe src=//youtube.com/embed/a></iframe>\n\n<iframe></iframe>", [("content.embed", 12)]),
        ("<svg></svg>", [("content.svg", 10)]),
        ("x\n![](data:image/png;base64,AAAA)", [("content.picture", 11)]),
        ("plain", []),
    ],
)
def test_what_is_left_out_is_named_with_its_line(body: str, expected: list[tuple[str, int | None]]) -> None:
    assert rules(body) == expected


def test_deep_nesting_is_bounded_and_keeps_the_text() -> None:
    result = rendered("<div>\n" * 3000 + "inside" + "</div>\n" * 3000)
    assert result.html.count("<div>") == DEEPEST
    assert "inside" in result.html
    assert [problem.rule for problem in result.problems] == ["content.nesting"]


def test_nesting_is_counted_as_a_parser_does() -> None:
    fooled = "<div><table><tr><td></div></table>" * 500
    tags = re.findall(r"<(/?)(?:div|table|tbody|tr|td)>", rendered(fooled, markdown=False).html)
    assert max(accumulate(-1 if closing else 1 for closing in tags)) <= 2 * DEEPEST
    flat = "<p>a<b>b</b><li>c" * 500
    assert rendered(flat, markdown=False).problems == ()


def test_a_row_that_is_too_wide_is_no_table() -> None:
    wide = "|a" * (WIDEST_TABLE + 1) + "|\n" + "|-" * (WIDEST_TABLE + 1) + "|"
    assert rules(wide) == [("content.table", None)]
    assert "<table>" not in markdown_to_html(wide)
    assert "<table>" in markdown_to_html("|a|\n|-|\n" + "|b|\n" * WIDEST_TABLE)


@pytest.mark.parametrize(
    "body",
    [
        "[" * 20000, "*" * 20000, " `" * 20000, ">" * 20000, "<a <a " * 5000, "![[" * 9000, "[a](" * 9000, "<!--" * 9000, "{{" * 9000,
        "{%" * 9000, "{% raw %}" * 3000, "{: " * 9000, "<math>" * 4000, "<iframe>" * 4000, "<noscript>" * 4000, "- " * 9000, "&" * 20000,
        "<div " * 5000, '<div "' * 5000, "<b>" * 9000, "<svg>" * 4000, "**あ。" * 5000, "# {#a\n" * 3000, "<p>" + " " * 20000,
        "a\n\n: b\n\n  c\n\n" * 9000, "a\n" + ": b\n" * 9000, "*[a]: b\n" * 9000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", ["jekyll", "hugo"])
def test_hostile_text_is_rendered(body: str, dialect: str) -> None:
    result = rendered(body, dialect)
    assert len(result.html) < 60 * len(body)
    assert len(result.problems) <= MOST_WARNINGS + 1


def test_a_flood_of_warnings_is_cut_short() -> None:
    problems = rendered("{{ x\n\n" * 200, "jekyll").problems
    assert len(problems) == MOST_WARNINGS + 1
    assert problems[-1].message == "150 more warnings of this post are not shown"


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("[l](/x){: .btn}", '<p><a href="https://e.example/x">l</a></p>'),
        ('[l](/x){: .btn #i rel="nofollow"} y', '<p><a href="https://e.example/x">l</a> y</p>'),
        ("text {: .x}", "<p>text</p>"),
        ("text\n{:.x}", "<p>text</p>"),
        ("a\n\n{: #id}\n\nb", "<p>a</p>\n<p>b</p>"),
        ("prose {:ok, pid} stays", "<p>prose {:ok, pid} stays</p>"),
        ("returns {:ok}", "<p>returns {:ok}</p>"),
        ("write {: .btn} after a link", "<p>write {: .btn} after a link</p>"),
        ("`{:ok, x}` `{: .x}`", "<p><code>{:ok, x}</code> <code>{: .x}</code></p>"),
        ("```elixir\n{: .x}\n```", '<pre><code class="language-elixir">{: .x}\n</code></pre>'),
        ("* TOC\n{:toc}\n\ntext", "<p>text</p>"),
        ("## H {#here}\n\n[j](#here)", '<h2 id="p-here">H</h2>\n<p><a href="https://e.example/a/b/#p-here">j</a></p>'),
        ("## C {x} {.cls}", "<h2>C {x}</h2>"),
        ('<div class="a" markdown="1">\n**x**\n</div>', "<div>\n<p><strong>x</strong></p>\n</div>"),
        ("a\n\n{::comment}\nhidden\n{:/comment}\n\nb", "<p>a</p>\n<p>b</p>"),
        ("{::nomarkdown}\n<b>x</b>\n{:/}", "<p>\n<b>x</b></p>"),
        ("- a\n\n^\n\n- b", "<ul>\n<li>a</li>\n</ul>\n<ul>\n<li>b</li>\n</ul>"),
    ],
)
def test_attribute_lists_are_gone_in_dialect_jekyll(body: str, html: str) -> None:
    assert rendered(body, "jekyll").html == html


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("text\n{: .x #y}", "<p>text</p>"),
        ("[l](/x){: .btn target='_blank'} y", '<p><a href="https://e.example/x">l</a> y</p>'),
        ("## H {: #here }\n\n[j](#here)", '<h2 id="p-here">H</h2>\n<p><a href="https://e.example/a/b/#p-here">j</a></p>'),
        ("## H {#here}", '<h2 id="p-here">H</h2>'),
        ("`{: .x}` {:ok, pid}", "<p><code>{: .x}</code> {:ok, pid}</p>"),
        ('<div markdown="1">\n**x**\n</div>', "<div>\n<p><strong>x</strong></p>\n</div>"),
    ],
)
def test_pelican_has_those_of_python_markdown(body: str, html: str) -> None:
    assert rendered(body, "pelican").html == html


def test_an_attribute_list_below_a_table_is_no_row() -> None:
    table = "|a|b|\n|-|:-|\n|1|2|\n"
    assert rendered(f"{table}{{: .x #y}}", "jekyll").html == rendered(table, "jekyll").html
    assert rendered(f"{table}{{:.x}}{{: .y}}\n\nz", "jekyll").html == rendered(f"{table}\nz", "jekyll").html
    assert rendered("|a|\n|-|\n{: .x}", "jekyll").html == "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n</table>"
    assert "<td>{:ok}</td>" in rendered(f"{table}{{:ok}}", "jekyll").html


@pytest.mark.parametrize("dialect", ["plain", "eleventy", "hugo", "zola", "auto"])
def test_attribute_lists_are_text_elsewhere(dialect: str) -> None:
    assert rendered("text {: .x}", dialect).html == "<p>text {: .x}</p>"


@pytest.mark.parametrize("dialect", ["plain", "eleventy", "pelican", "auto"])
def test_braces_are_text_in_dialects_without_templates(dialect: str) -> None:
    body = "{{ site.url }} {% if x %} {{< youtube a >}}"
    assert rendered(body, dialect).html == "<p>{{ site.url }} {% if x %} {{&lt; youtube a &gt;}}</p>"


@pytest.mark.parametrize(
    ("dialect", "link", "url"),
    [
        ("pelican", "{filename}/blog/x.md", "https://e.example/x/"),
        ("pelican", "{filename}x.md#part", "https://e.example/x/#part"),
        ("pelican", "|filename|x.md", "https://e.example/x/"),
        ("pelican", "{static}/files/a.pdf", "https://e.example/files/a.pdf"),
        ("pelican", "{attach}a.pdf", "https://e.example/blog/a.pdf"),
        ("pelican", "{tag}news", "https://e.example/tag/news.html"),
        ("pelican", "{index}", "https://e.example/"),
        ("pelican", "{filename}/pages/日本.md", "https://e.example/%E6%97%A5%E6%9C%AC/"),
        ("zola", "@/blog/x.md#part", "https://e.example/x/#part"),
        ("zola", "@/blog/_index.md", "https://e.example/blog/"),
    ],
)
def test_links_by_file_name_lead_to_posts(dialect: str, link: str, url: str) -> None:
    assert rendered(f"[a]({link})", dialect).html == f'<p><a href="{url}">a</a></p>'


@pytest.mark.parametrize(("dialect", "link"), [("pelican", "{filename}no.md"), ("zola", "@/no.md")])
def test_a_link_to_no_post_is_named(dialect: str, link: str) -> None:
    assert [problem.message for problem in rendered(f"[a]({link})", dialect).problems] == [f"the link {link} names no post"]


def test_a_link_in_code_is_code() -> None:
    assert rendered('`href="@/no.md"`', "zola").html == '<p><code>href="@/no.md"</code></p>'
