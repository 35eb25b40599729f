from __future__ import annotations

import re

import lxml.html
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedservice.posts.excerpt import plain_text, summarize
from feedservice.posts.liquid import LiquidContext
from feedservice.posts.markup import Rendered, markdown_to_html, render
from feedservice.posts.text import xml_text

CONTEXT = LiquidContext(site={"url": "https://e.example"}, page={"path": "a.md"}, post_urls={})
DIALECTS = st.sampled_from(["jekyll", "hugo", "zola", "pelican", "eleventy", "plain", "auto"])
FORBIDDEN = {
    "applet", "base", "button", "embed", "form", "frame", "frameset", "iframe", "input", "link", "math", "meta", "noscript", "object", "param",
    "script", "select", "style", "svg", "template", "textarea", "title", "xmp",
}  # fmt: skip
FRAGMENTS = st.lists(
    st.sampled_from(
        [*"<>/=\"'&;:#*_`[]()!|-~\n\t x日。{}%", "<script>", "</script>", "<iframe src=", "<img src=", "srcset=", " onerror=", "javascript:", "<svg>",
         "<math>", "<style>", "</style>", "<table>", "<td style=", "<noscript>", "</noscript>", "<a href=", "<p id=a>", "[^1]", "\n\n[^1]: ", "<!--",
         "-->", "<object data=", "<embed src=", "<input type=checkbox>", "&lt;", "&#1;", "```\n", "{: .x}", "{{", "{% raw %}", "\x0b", "\ud800", "</p>",
         "<template>", "<textarea>", "<title>", "<xmp>", "<plaintext>", "</iframe>", "<select>", "</", "data-src=", "<mi>", "<annotation>", "##  a {#b}"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


def rendered(body: str, dialect: str = "plain", *, markdown: bool = True, unsafe_html: bool = False) -> Rendered:
    return render(
        body,
        markdown=markdown,
        base_url="https://e.example/p/",
        id_prefix="p-",
        dialect=dialect,
        context=CONTEXT,
        unsafe_html=unsafe_html,
    )


def assert_safe(html: str) -> None:
    assert xml_text(html) == (html, 0)
    if not html.strip():
        return
    for element in lxml.html.fragment_fromstring(html, create_parent=True).iter():
        assert isinstance(element.tag, str)
        assert element.tag not in FORBIDDEN
        for name, value in element.attrib.items():
            assert not str(name).startswith("on")
            assert name != "style"
            if name in {"href", "src", "cite", "poster"}:
                assert re.match(r"(?!javascript|data)[a-z][a-z0-9+.-]*:", str(value))
            if name == "id":
                assert str(value).startswith("p-")


@given(FRAGMENTS, DIALECTS, st.booleans())
@example("<noscript><iframe src=", "plain", False)
@example("<math><mi><iframe src=<!--</iframe>-->", "plain", False)
def test_whatever_is_written_the_html_is_safe_and_parses(body: str, dialect: str, markdown: bool) -> None:
    assert_safe(rendered(body, dialect, markdown=markdown).html)


@given(st.text(), DIALECTS)
def test_any_text_is_rendered(body: str, dialect: str) -> None:
    result = rendered(body, dialect)
    assert_safe(result.html)
    assert result == rendered(body, dialect)


@given(FRAGMENTS, DIALECTS)
def test_unsafe_html_is_legal_xml_text(body: str, dialect: str) -> None:
    html = rendered(body, dialect, unsafe_html=True).html
    assert xml_text(html) == (html, 0)


@given(FRAGMENTS)
def test_rendering_safe_html_again_changes_nothing(body: str) -> None:
    once = rendered(body, markdown=False).html
    assert rendered(once, markdown=False).html == once


@given(FRAGMENTS)
def test_every_rendered_post_has_a_summary_without_tags(body: str) -> None:
    html = rendered(body).html
    summary = summarize(plain_text(html), title="x", characters=20, words=5)
    assert "\n" not in summary
    assert len(summary) <= len(html) + 1


@given(
    st.lists(
        st.sampled_from(
            ["word", "日本", "**b**", "*e*", "`c`", "[l](https://x.example/)", "\n\n", "\n- i\n", "\n> q\n", "\n# h\n", " "]
        ),
        max_size=20,
    ).map("".join)
)
def test_the_sanitiser_leaves_plain_markdown_as_the_engine_made_it(markdown: str) -> None:
    assert rendered(markdown).html == markdown_to_html(markdown).replace("<p></p>\n", "").strip()


@pytest.mark.parametrize("dialect", ["jekyll", "hugo", "zola", "pelican", "plain"])
def test_an_empty_post_is_empty(dialect: str) -> None:
    assert rendered("", dialect) == Rendered(html="", problems=(), removed=0)
