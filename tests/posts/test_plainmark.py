"""The short way gives what the long way gives, or nothing."""

from __future__ import annotations

import html as entities
from unittest.mock import patch

import lxml.html
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedservice.posts import markup, plainmark
from feedservice.posts.liquid import LiquidContext
from feedservice.posts.markup import Rendered

BASE = "https://example.org/2025/01/05/post/"
CONTEXT = LiquidContext(site={}, page={}, post_urls={})


def rendered(text: str, *, dialect: str = "plain") -> Rendered:
    return markup.render(text, markdown=True, base_url=BASE, id_prefix="x-", dialect=dialect, context=CONTEXT)


def long_way(text: str, *, dialect: str = "plain") -> Rendered:
    with patch.object(plainmark, "finished", lambda _html, _base: None):
        return rendered(text, dialect=dialect)


def meaning(html: str) -> str:
    """Two spellings of one tree are equal."""
    return lxml.html.tostring(lxml.html.fragment_fromstring(html, create_parent="div"), encoding="unicode")


def is_short(text: str) -> bool:
    taken: list[bool] = []
    real = plainmark.finished

    def watched(html: str, base_url: str) -> str | None:
        found = real(html, base_url)
        taken.append(found is not None)
        return found

    with patch.object(plainmark, "finished", watched):
        rendered(text)
    return taken == [True]


@pytest.mark.parametrize(
    "text",
    [
        "# 題\n\nこれは**「重要」**です。[ここ](/a/b/?x=1&y=2#z)と[そこ](../c.html)。",
        "| a | b |\n|---|:-:|\n| 1 | `<b>` |\n",
        "```python\nif a < b: print('&amp;')\n```",
        "- [x] done\n- [ ] not\n",
        "![alt \"q\"](pic.png 'a title')",
        "<https://example.net/a?b=c> and me@example.net",
        "line  \nbreak\n\n---\n\n> quote",
        "3. three\n4. four",
        "[m](mailto:a@b.example)",
        "[x](</a b>)",
        "[x](日本.html)",
        "[x](/\\evil.example)",
    ],
)
def test_plain_markdown_takes_the_short_way_and_means_the_same(text: str) -> None:
    assert is_short(text)
    assert meaning(rendered(text).html) == meaning(long_way(text).html)


@pytest.mark.parametrize(
    "text",
    [
        "<b>raw</b>",
        "a <script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,x)",
        "![x](data:image/png;base64,AAAA)",
        "[x](foo:bar)",
        "[x](//evil.example/)",
        "[x](#own)",
        "note[^1]\n\n[^1]: text",
        "[x](https://example.org:99999999999/)",
        "[x](http://user@evil.example/)",
    ],
)
def test_what_is_not_plain_takes_the_long_way(text: str) -> None:
    assert not is_short(text)
    assert rendered(text) == long_way(text)


words = st.sampled_from(
    [
        "**",
        "*",
        "`",
        "[",
        "](",
        ")",
        "<",
        ">",
        "!",
        "|",
        "---",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "> ",
        "# ",
        "    ",
        "&",
        '"',
        "'",
        "\\",
        "~~",
        "javascript:",
        "data:",
        "https://e.example/",
        "/x",
        "../",
        "日本",
        "a",
        "b ",
        "<b>",
        "</b>",
        "{:",
        "}",
        "[^1]",
        ":",
        "[ ] ",
        "#",
        "?",
        "%",
        "%41",
        "//",
        "@",
        "{{",
        "mailto:",
        "http://",
    ]
)


@settings(max_examples=600)
@given(st.lists(words, max_size=25).map("".join), st.sampled_from(["plain", "jekyll", "hugo"]))
@example("[a](//x)", "plain")
@example("[a](<javascript:x>)", "plain")
@example("[a](http:x)", "plain")
def test_both_ways_mean_the_same(text: str, dialect: str) -> None:
    short, full = rendered(text, dialect=dialect), long_way(text, dialect=dialect)
    assert meaning(short.html) == meaning(full.html)
    assert short.problems == full.problems


@given(st.text("[]()<>!:/#?.%&;\"' jJaAvsScript\t\n=-", max_size=60))
def test_no_link_of_the_short_way_is_dangerous(text: str) -> None:
    for element in lxml.html.fragment_fromstring(rendered(text).html, create_parent="div").iter():
        for name in ("href", "src"):
            value = entities.unescape(element.get(name) or "https:")
            assert value.startswith(("https:", "http:", "mailto:", "tel:")), value
