from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from feedservice.posts.excerpt import plain_text, split_more, summarize

FAMILY = "👨‍👩‍👧‍👦"
JAPANESE = "今日は良い天気です。明日は雨が降るでしょう。"


@pytest.mark.parametrize(
    ("body", "separator", "before", "rest"),
    [
        ("a\n\n<!--more-->\n\nb", "<!--more-->", "a\n\n", "a\n\n\n\nb"),
        ("a <!-- More --> b", "<!--more-->", "a ", "a  b"),
        ("a\n---8<---\nb", "---8<---", "a\n", "a\n\nb"),
        ("no separator", "<!--more-->", None, "no separator"),
        ("<!--more-->b", "<!--more-->", None, "b"),
        ("```html\n<!--more-->\n```\nx", "<!--more-->", None, "```html\n<!--more-->\n```\nx"),
        (
            "```\n<!--more-->\n```\nx\n<!--more-->\ny",
            "<!--more-->",
            "```\n<!--more-->\n```\nx\n",
            "```\n<!--more-->\n```\nx\n\ny",
        ),
        ("~~~\n```\n<!--more-->\n~~~\n", "<!--more-->", None, "~~~\n```\n<!--more-->\n~~~\n"),
        ("write `<!--more-->` there", "<!--more-->", None, "write `<!--more-->` there"),
        ("\nfirst\n\nsecond", "\n\n", "\nfirst", "\nfirst\n\nsecond"),
        ("anything", "", None, "anything"),
        ("a[x][1]<!--more-->b\n\n[1]: /u\n", "<!--more-->", "a[x][1]\n\n[1]: /u", "a[x][1]b\n\n[1]: /u\n"),
    ],
)
def test_what_stands_before_the_separator(body: str, separator: str, before: str | None, rest: str) -> None:
    assert split_more(body, separator) == (before, rest)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a <em>b</em>c</p>", "a bc"),
        ("<p>a &lt;b&gt; &amp;amp;</p>", "a <b> &amp;"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("a<br>b", "a\nb"),
        ("<p>改行は\n空白でない。Latin\ntext</p>", "改行は空白でない。Latin text"),
        ("<p>한국어 띄어쓰기</p>", "한국어 띄어쓰기"),
        ("<p>漢字<b>と</b>仮名</p>", "漢字と仮名"),
        ("<h2>Head</h2><p>text</p>", "text"),
        ("<h2>Head</h2>", "Head"),
        ("<p>a</p><pre><code>code</code></pre><table><tr><td>1</td></tr></table><p>b</p>", "a\nb"),
        ("<figure><figure>x</figure>y</figure><p>z</p>", "z"),
        ("<script>x<b></script><style>p{}</style><!-- c --><p>a</p>", "a"),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字</p>", "漢字"),
        (
            '<p>a<sup class="footnote-ref"><a href="#x">1</a></sup>.</p><section class="footnotes"><ol><li>n</li></ol></section>',
            "a.",
        ),
        ("<section><p>kept</p></section>", "kept"),
        ("<p>x\u00a0 \t y</p>", "x y"),
        ("", ""),
    ],
)
def test_the_text_of_html(html: str, text: str) -> None:
    assert plain_text(html) == text


@pytest.mark.parametrize(
    ("text", "title", "characters", "words", "summary"),
    [
        (JAPANESE, "", 140, 55, JAPANESE),
        (JAPANESE, "", 20, 55, "今日は良い天気です。"),
        (JAPANESE, "", 14, 55, "今日は良い天気です。"),
        ("長い長い長い文はどこでも切れる。", "", 8, 55, "長い長い長い文は…"),
        ("「本当ですか？」と彼は言った。そして", "", 17, 55, "「本当ですか？」と彼は言った。"),
        ("本当？！すごい、すごい、すごい", "", 6, 55, "本当？！"),
        ("One two. Three four five six.", "", 140, 4, "One two."),
        ("One two three four five six.", "", 140, 4, "One two three four…"),
        ("Version 3.14 of example.org is out. More text follows here.", "", 140, 8, "Version 3.14 of example.org is out."),
        ("Dr. Smith went to the U.S. yesterday and came back. Then", "", 140, 8, "Dr. Smith went to the U.S. yesterday and…"),
        ("Is it? Yes! But it is not over yet", "", 140, 5, "Is it? Yes!"),
        (FAMILY * 3 + "あ", "", 2, 55, FAMILY * 2 + "…"),
        ("か\u3099き\u3099く\u3099", "", 2, 55, "か\u3099き\u3099…"),
        ("🇯🇵🇩🇪日本", "", 1, 55, "🇯🇵…"),
        ("注意⚠️日本語の文が続く", "", 3, 55, "注意⚠️…"),
        ("한국어 문장입니다. 다음 문장이 여기에 있습니다.", "", 12, 55, "한국어 문장입니다."),
        ("一行目。\n二行目", "", 140, 55, "一行目。二行目"),
        ("line one\nline two", "", 140, 55, "line one line two"),
        ("Title here\nThe text.", "Title here!", 140, 55, "The text."),
        ("題名。本文が続く。", "題名", 140, 55, "本文が続く。"),
        ("題名\n題名\n本文", "題名", 140, 55, "本文"),
        ("Ｔｉｔｌｅ！\n本文", "title", 140, 55, "本文"),
        ("AI is here. It changes all.", "AI", 140, 55, "AI is here. It changes all."),
        ("題名", "題名", 140, 55, ""),
        ("Memory ships to customers today\nText.", "2026: Memory ships to customers today, and more", 140, 55, "Text."),
        ("Memory\nText.", "Memory ships to customers today, and more", 140, 55, "Memory Text."),
        ("x" * 2000, "", 140, 55, "x" * 825 + "…"),
        ("", "", 140, 55, ""),
        ("https://example.org/a/very/long/address/that/is/latin 日本語の文。次の文。", "", 140, 55, "https://example.org/a/very/long/address/that/is/latin 日本語の文。次の文。"),
    ],
)  # fmt: skip
def test_the_summary_is_the_first_sentences(text: str, title: str, characters: int, words: int, summary: str) -> None:
    assert summarize(text, title=title, characters=characters, words=words) == summary


CHARACTERS = [*"ab.,!?。、！？「」日本語かき\u3099\u200d\ufe0f\u0301", "👨", FAMILY, "🇯🇵", "⚠️", "한", "ก็"]
UNBROKEN = st.lists(st.sampled_from(CHARACTERS), max_size=60).map("".join)
TEXTS = st.lists(st.sampled_from([*CHARACTERS, " ", "\n", " Word. "]), max_size=60).map("".join)
HTML = st.lists(st.sampled_from([*"<>&;/ab =\"'\n", "<p>", "</p>", "<pre>", "</pre>", "&amp;", "<h2>", "</table>", "<table>"]))


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, st.integers(1, 30), st.integers(1, 8))
def test_a_summary_is_one_line_and_begins_the_text(text: str, characters: int, words: int) -> None:
    summary = summarize(text, title="", characters=characters, words=words)
    assert "\n" not in summary
    assert squeezed(text).startswith(squeezed(summary.removesuffix("…")))


@given(UNBROKEN, st.integers(1, 30), st.integers(1, 8))
def test_a_summary_divides_no_grapheme(text: str, characters: int, words: int) -> None:
    shown = summarize(text, title="", characters=characters, words=words).removesuffix("…")
    assert len(shown) in {0, *(match.end() for match in regex.finditer(r"\X", text))}


@given(TEXTS, st.integers(1, 30))
def test_a_summary_in_japanese_is_not_longer_than_its_limit(text: str, characters: int) -> None:
    summary = summarize("日本" * 200 + text, title="", characters=characters, words=8)
    assert len(regex.findall(r"\X", summary.removesuffix("…"))) <= characters


@given(
    st.lists(st.sampled_from(["one ", "two, ", "three. ", "(four!) ", "x\n"]), min_size=9, max_size=40).map("".join),
    st.integers(1, 8),
)
def test_a_summary_in_words_is_not_longer_than_its_limit(text: str, words: int) -> None:
    summary = summarize(text, title="", characters=140, words=words)
    assert 1 <= len(summary.split()) <= words


@given(HTML.map("".join))
def test_plain_text_takes_anything(html: str) -> None:
    lines = plain_text(html).split("\n")
    assert all(line == line.strip() for line in lines)
