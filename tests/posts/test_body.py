from __future__ import annotations

import pytest

from feedservice.config.schema import Config
from feedservice.model import Source
from feedservice.posts.body import Body, render
from feedservice.posts.parse import Context, parse

LONG = "One sentence with six words here. " * 60


def context(dialect: str = "plain", url: str = "https://e.example", **content: object) -> Context:
    values = {
        "site": {"title": "S", "url": url, "timezone": "Asia/Tokyo", "language": "ja", "description": "D"},
        "content": content,
    }
    config = Config.model_validate(values)
    return Context(site=config.site, content=config.content, dialect=dialect)


def body(text: str, where: Context | None = None, path: str = "notes/2025-01-05-a.md", front: str = "title: T\n") -> Body:
    where = where or context()
    source = Source(path=path, data=f"---\n{front}---\n{text}".encode())
    parsed = parse(source, where)
    assert parsed.post is not None, parsed.problems
    return render(source.data, parsed.post, where, post_urls={"notes/b.md": "https://e.example/b/"})


def test_a_body_is_html_with_absolute_links_and_a_summary() -> None:
    made = body("# 題\n\n最初の文。次の[文](../x)。\n\n![a](b.png)")
    assert made.html.startswith("<h1>題</h1>\n<p>最初の文。")
    assert '<a href="https://e.example/2025/01/05/x">文</a>' in made.html
    assert '<img src="https://e.example/2025/01/05/a/b.png" alt="a">' in made.html
    assert (made.summary, made.problems) == ("最初の文。次の文。", ())


@pytest.mark.parametrize(
    ("front", "text", "html", "where"),
    [
        ("", "# 題 *b* & c\n\n本文。", "<p>本文。</p>", None),
        ("", "## 題 {#t}\n\n本文。", "<p>本文。</p>", context("hugo")),
        ("", "# 題 {: #t .x} #\n\n本文。", "<p>本文。</p>", context("pelican")),
        ("tags: [a]\n", "題\n==\n\n# 二\n\nb", "<h1>題</h1>\n<h1>二</h1>\n<p>b</p>", None),
        ("title: 題\n", "# 題\n\n本文。", "<h1>題</h1>\n<p>本文。</p>", None),
        ("Title: 題\n", "# 題\n\n本文。", "<h1>題</h1>\n<p>本文。</p>", None),
        ("", "前。\n\n# 題\n\n本文。", "<p>前。</p>\n<h1>題</h1>\n<p>本文。</p>", None),
        ("", "# 題\n", "<h1>題</h1>", None),
        ("", "# 題\n\n本文。", "<h1>題</h1>\n<p>本文。</p>", context("jekyll")),
        ("", "# 題\n\n本文。", "<h1>題</h1>\n<p>本文。</p>", context(defaults=[{"values": {"title": "題"}}])),
    ],
)
def test_a_heading_that_is_the_title_does_not_stand_below_it_again(
    front: str, text: str, html: str, where: Context | None
) -> None:
    assert body(text, where, front=front or "tags: []\n").html == html


def test_a_post_that_is_html_is_no_markdown() -> None:
    assert body("<p>*a*</p>", path="2025-01-05-a.HTM").html == "<p>*a*</p>"


def test_ids_of_two_posts_differ_and_those_of_one_stay() -> None:
    first, second = (body("a[^1]\n\n[^1]: n", path=f"2025-01-05-{name}.md").html for name in "ab")
    assert first != second
    assert body("a[^1]\n\n[^1]: n", path="2025-01-05-a.md").html == first
    assert first.count("-fn-1") == 2


@pytest.mark.parametrize(
    ("front", "text", "summary"),
    [
        ("title: T\nexcerpt: 著者の  要約\n", "本文。", "著者の 要約"),
        ("title: T\n", "前。<!-- more -->後。", "前。"),
        ("title: T\n", "前[a]。\n\n<!--more-->\n\n後。\n\n[a]: /x", "前a。"),
        ("title: T\n", f"{LONG}<!--more-->rest", LONG.strip()),
        ("title: T\n", LONG, ("One sentence with six words here. " * 9).strip()),
        ("title: T\n", "", ""),
        ("title: T\n", "```\ncode\n```", ""),
        ("title: 題名はここ\n", "題名はここ\n\n本文です。", "本文です。"),
    ],
)
def test_the_summary_is_the_authors_or_the_opening(front: str, text: str, summary: str) -> None:
    assert body(text, front=front).summary == summary


def test_the_separator_is_in_no_feed() -> None:
    assert body("a\n\n<!--more-->\n\nb").html == "<p>a</p>\n<p>b</p>"
    assert body("a\n\n==CUT==\n\nb", context(excerpt_separator="==CUT==")).html == "<p>a</p>\n<p>b</p>"


def test_the_limits_of_a_summary_are_configured() -> None:
    assert body("一" * 30, context(summary_characters=20)).summary == "一" * 20 + "…"
    assert body("word " * 30, context(summary_words=10)).summary == " ".join(["word"] * 10) + "…"


def test_problems_name_the_post_and_the_line_in_the_file() -> None:
    found = body("a\n\n<iframe></iframe>\n\x0b").problems
    assert [(each.path, each.rule, each.line) for each in found] == [
        ("notes/2025-01-05-a.md", "content.embed", 6),
        ("notes/2025-01-05-a.md", "text.characters", None),
    ]


def test_unsafe_html_is_a_choice_of_the_site() -> None:
    assert body("<form><p>x</p></form>").html == "<p>x</p>"
    assert body("<form><p>x</p></form>", context(unsafe_html=True)).html == "<form><p>x</p></form>"


def test_a_template_of_jekyll_sees_the_post_as_jekyll_shows_it() -> None:
    front = "title: T\ndescription: 説明\nversion: 3.10\nsizes: {gz: 12}\nhosts: [a, b]\nauthor: A\ncategories: [X, Y]\n"
    text = "{{ page.description }}|{{ page.version }}|{{ page.sizes.gz }}|{{ page.hosts }}|{{ page.none }}|{{ page.title }}|{{ page.author }}"
    path = "_posts/2025-01-05-a.md"
    assert body(text, context("jekyll"), path, front).html == "<p>説明|3.10|12|ab||T|A</p>"
    looped = "{% for host in page.hosts %}{{ host | upcase }}{% endfor %} {{ page.url }} {{ page.path }}"
    assert body(looped, context("jekyll"), path, front).html == "<p>AB /2025/01/05/a/ _posts/2025-01-05-a.md</p>"
    assert body("{{ page.categories | join: '+' }}", context("jekyll"), path, front).html == "<p>X+Y</p>"


def test_a_template_sees_the_defaults_of_its_path() -> None:
    where = context("jekyll", defaults=[{"path": "_posts", "values": {"series": "Ink", "title": "not this"}}])
    assert body("{{ page.series }} {{ page.title }}", where, "_posts/2025-01-05-a.md").html == "<p>Ink T</p>"


def test_the_date_is_that_of_the_site() -> None:
    made = body("{{ page.date | date: '%F %H %z' }}", context("jekyll"), front="title: T\ndate: 2025-01-05 17:25 UTC\n")
    assert made.html == "<p>2025-01-06 02 +0900</p>"


def test_the_site_is_its_configuration() -> None:
    where = context("jekyll", url="https://e.example/base/", variables={"short": "s", "title": "not this"})
    made = body("{{ site.url }} {{ site.baseurl }} {{ site.title }} {{ site.description }} {{ site.short }}", where)
    assert made.html == '<p><a href="https://e.example">https://e.example</a> /base S D s</p>'


def test_eleventy_sees_its_front_matter_by_name_and_says_who_reads_it() -> None:
    text = "{{ tool }} {{ title }} {{ page.fileSlug }} {{ nothing }}"
    made = body(text, context("eleventy"), front="title: T\ntool: press\n")
    assert (made.html, [each.rule for each in made.problems]) == ("<p>press T a</p>", ["liquid.variable"])
    for override in ("md", "false"):
        assert body(text, context("eleventy"), front=f"title: T\ntemplateEngineOverride: {override}\n").html == f"<p>{text}</p>"


def test_bytes_that_parse_could_not_have_read_are_a_bug() -> None:
    where = context()
    parsed = parse(Source(path="2025-01-05-a.md", data=b"x"), where)
    assert parsed.post is not None
    with pytest.raises(TypeError, match=r"2025-01-05-a\.md was read before and cannot be now"):
        render("日本".encode("utf-16"), parsed.post, where, post_urls={})
