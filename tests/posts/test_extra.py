from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.posts.extra import DEFINITION_LISTS, MOST_DEFINITIONS, has_definitions, prepared
from feedservice.posts.markup import markdown_to_html


def html(markdown: str, dialect: str = "jekyll") -> str:
    return markdown_to_html(prepared(markdown, dialect), dialect).replace("\n", "")


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("1.8系\n: 1.8.5以前\n\n開発版\n: より前", "<dl><dt>1.8系</dt><dd>1.8.5以前</dd><dt>開発版</dt><dd>より前</dd></dl>"),
        ("a\n: b\n: c", "<dl><dt>a</dt><dd>b</dd><dd>c</dd></dl>"),
        ("a\n\n: b", "<dl><dt>a</dt><dd><p>b</p></dd></dl>"),
        ("a\n: b\n\n  c", "<dl><dt>a</dt><dd><p>b</p><p>c</p></dd></dl>"),
        ("a\n:   b\n    d\n\n    c\n\ne\n: f", "<dl><dt>a</dt><dd><p>bd</p><p>c</p></dd><dt>e</dt><dd>f</dd></dl>"),
        ("a\n: b\n: c\n\n  d", "<dl><dt>a</dt><dd><p>b</p></dd><dd><p>c</p><p>d</p></dd></dl>"),
        ("a\n: b\n\n\n: c\n\n\td", "<dl><dt>a</dt><dd><p>b</p></dd><dd><p>c</p><p>d</p></dd></dl>"),
        ("a :\n:) smile", "<p>a ::) smile</p>"),
        ("a: b\n:c", "<p>a: b:c</p>"),
    ],
)
def test_definition_lists_are_lists(markdown: str, expected: str) -> None:
    assert {html(markdown, dialect) for dialect in DEFINITION_LISTS} == {expected}


@pytest.mark.parametrize("dialect", ["plain", "zola", "eleventy"])
def test_where_the_generator_has_none_they_are_text(dialect: str) -> None:
    assert html("a\n: b\n\n  c", dialect) == "<p>a: b</p><p>c</p>"


@pytest.mark.parametrize("fence", ["```", "~~~~", "   ```` text"])
def test_code_is_left_as_it_is(fence: str) -> None:
    end = fence.strip().partition(" ")[0]
    code = f"{fence}\na\n: b\n\n  c\n\n*[X]: y\n{end}\n"
    assert prepared(code, "jekyll") == code


def test_what_follows_code_is_read_again() -> None:
    assert prepared("```\nx\n```\n*[X]: y\nz", "jekyll") == "```\nx\n```\n*[X]: y\nz", "no definition may end a paragraph"
    assert prepared("```\nx\n```\n\n*[X]: y\n\nz", "jekyll") == "```\nx\n```\n\n\nz"


def test_definitions_of_abbreviations_are_left_out() -> None:
    body = "*[HTML]: Hyper *Text*\n*[CSS]: Cascading\n\nHTML and CSS."
    assert {html(body, dialect) for dialect in ("jekyll", "pelican")} == {"<p>HTML and CSS.</p>"}
    assert "[CSS]: Cascading" in html(body, "hugo")
    assert html("text *[x]: y*", "jekyll") == "<p>text <em>[x]: y</em></p>"


def test_more_definitions_than_anybody_writes_are_text() -> None:
    assert has_definitions("a\n: b\n\n" * MOST_DEFINITIONS, "hugo")
    assert not has_definitions("a\n: b\n\n" * (MOST_DEFINITIONS + 1), "hugo")
    assert has_definitions("ratio 1:2 " * (MOST_DEFINITIONS + 1), "hugo"), "a colon in a line is none"


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("[a](b c.png)", '<p><a href="b%20c.png">a</a></p>'),
        ('![i](日本 a.png "T")', '<p><img src="%E6%97%A5%E6%9C%AC%20a.png" alt="i" title="T" /></p>'),
        ("[x](y  z 't') [`c`](a b)", '<p><a href="y%20%20z" title="t">x</a> <a href="a%20b"><code>c</code></a></p>'),
        ("![p](a (1).png)", '<p><img src="a%20(1).png" alt="p" /></p>'),
        ("[q](<b c>) [r](s) [t](u 'v')", '<p><a href="b%20c">q</a> <a href="s">r</a> <a href="u" title="v">t</a></p>'),
        ("`[a](b c)`", "<p><code>[a](b c)</code></p>"),
        ("[a](b\nc)", "<p>[a](bc)</p>"),
        ("[a](see (this one) now)", "<p>[a](see (this one) now)</p>"),
    ],
)
def test_links_may_have_spaces(markdown: str, expected: str) -> None:
    assert {html(markdown, dialect) for dialect in ("jekyll", "pelican")} == {expected}
    assert prepared(markdown, "hugo") == markdown
    assert (prepared(markdown, "plain") == markdown) is ("![" not in markdown)


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("![写真](写真 1.png)", '<p><img src="%E5%86%99%E7%9C%9F%201.png" alt="写真" /></p>'),
        ("![a](b c.png 'T') [d](e f.png)", '<p><img src="b%20c.png" alt="a" title="T" /> [d](e f.png)</p>'),
        ("[![a](b c.jpeg)](https://example.org/)", '<p><a href="https://example.org/"><img src="b%20c.jpeg" alt="a" /></a></p>'),
        ("![a](no picture here)", "<p>![a](no picture here)</p>"),
        ("`![a](b c.png)`", "<p><code>![a](b c.png)</code></p>"),
        ("![a](b.png) ![c](d e.png)", '<p><img src="b.png" alt="a" /> <img src="d%20e.png" alt="c" /></p>'),
    ],
)
def test_a_picture_may_have_spaces_where_no_generator_is_known(markdown: str, expected: str) -> None:
    assert html(markdown, "plain") == expected
    assert prepared(markdown, "hugo") == markdown


def test_a_bar_in_code_ends_no_cell() -> None:
    table = "| a | b |\n|:--|---|\n| 1 | `x|y` |\n| `a|b` and ``c\\|d`` | 2 |\n\n`e|f` | g\n"
    made = html(table)
    assert [cell in made for cell in ("<td><code>x|y</code></td>", "<code>a|b</code> and <code>c|d</code></td>")] == [True, True]
    assert "<p><code>e|f</code> | g</p>" in made
    assert html("`a|b` | c\n--|--\n1 | 2").count("<code>a|b</code>") == 1, "a head is a row too"
    assert prepared(table, "hugo") == table
    code = "```\n| a |\n|---|\n| `x|y` |\n```"
    assert prepared(code, "jekyll") == code


@pytest.mark.parametrize(
    ("markdown", "github", "one_inside_a_word", "two"),
    [
        ("5~10分、20~30分", "5<del>10分、20</del>30分", "5~10分、20~30分", "5~10分、20~30分"),
        ("3~5개, 10~20개", "3<del>5개, 10</del>20개", "3~5개, 10~20개", "3~5개, 10~20개"),
        ("a ~b c~ d", "a <del>b c</del> d", "a <del>b c</del> d", "a ~b c~ d"),
        ("a ~~b~~ c", "a <del>b</del> c", "a <del>b</del> c", "a <del>b</del> c"),
        ("`a~b~c` \\~d~", "<code>a~b~c</code> ~d~", "<code>a~b~c</code> ~d~", "<code>a~b~c</code> ~d~"),
        ("[x](/~a/b~c~d)", '<a href="/~a/b~c~d">x</a>', '<a href="/~a/b~c~d">x</a>', '<a href="/~a/b~c~d">x</a>'),
    ],
)
def test_a_tilde_strikes_out_as_on_the_site(markdown: str, github: str, one_inside_a_word: str, two: str) -> None:
    assert {html(markdown, dialect) for dialect in ("hugo", "zola")} == {f"<p>{github}</p>"}
    assert html(markdown, "plain") == f"<p>{one_inside_a_word}</p>"
    assert {html(markdown, dialect) for dialect in ("jekyll", "pelican", "eleventy")} == {f"<p>{two}</p>"}


@given(st.lists(st.sampled_from(["~", "~~", "~~~", "a", " ", "\n", "`", "\\", "[x](", ")", "5", "分", "https://a.example/"])))
def test_no_tilde_is_lost_or_left_hidden(parts: list[str]) -> None:
    made = html("".join(parts), "plain")
    assert "\uf07e" not in made
    assert "%EF%81%BE" not in made


LINES = st.lists(st.sampled_from(["", "  ", "a", "  b", "\tc", ": d", " : e", "> : f", "- : g", "```", "~~~", "*[X]: y", "1: 2"]))


@given(LINES, st.sampled_from(["jekyll", "hugo", "pelican", "plain"]))
def test_only_empty_lines_come_and_only_abbreviations_go(lines: list[str], dialect: str) -> None:
    body = "\n".join(lines)
    kept = [line for line in prepared(body, dialect).split("\n") if line.strip() and line != "*[X]: y"]
    assert kept == [line for line in lines if line.strip() and line != "*[X]: y"]
