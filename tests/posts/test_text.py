from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feedservice.posts.text import plain_title, xml_text


@pytest.mark.parametrize(
    ("text", "kept", "removed"),
    [
        ("plain", "plain", 0),
        ("a\x0bb\x00c", "abc", 2),
        ("a\ud800b", "ab", 1),
        ("\ufffe\uffff\ufffd", "\ufffd", 2),
        ("tab\tlf\ncr\r", "tab\tlf\ncr\r", 0),
        ("\u2028\u0085\U0001f468‍👩‍👧", "\u2028\u0085\U0001f468‍👩‍👧", 0),
        ("", "", 0),
    ],
)
def test_only_xml_characters_stay_and_the_rest_is_counted(text: str, kept: str, removed: int) -> None:
    assert xml_text(text) == (kept, removed)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_what_is_left_is_what_an_xml_library_takes(text: str) -> None:
    kept, removed = xml_text(text)
    element = etree.Element("t")
    element.text = kept
    assert len(kept) + removed == len(text)
    assert xml_text(kept) == (kept, 0)


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("**A** &amp; <b>B</b>", "A & B"),
        ("a < b", "a < b"),
        ("a < b > c", "a < b > c"),
        ("C++ *and* 5 * 3", "C++ and 5 * 3"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("`Vec<T>` in depth", "Vec<T> in depth"),
        ("`**kwargs` and `&amp;`", "**kwargs and &amp;"),
        ("Vec<T> and Map<K, V>", "Vec<T> and Map<K, V>"),
        ("How <script> works", "How <script> works"),
        ("The <b> element", "The <b> element"),
        ("<em>x</em><br>y", "x y"),
        ("<span class='a'>x</span>", "x"),
        ("__init__ and snake_case_name", "__init__ and snake_case_name"),
        ("*args and **kwargs", "*args and **kwargs"),
        ("f*ck and sh*t", "f*ck and sh*t"),
        ("これは**「重要」**です", "これは「重要」です"),
        ("~~old~~ new, ~5 minutes", "old new, ~5 minutes"),
        ("[text](https://x.example/a_(b)) here", "text here"),
        ("a[0](x", "a[0](x"),
        (r"\*not\* emphasis", "*not* emphasis"),
        ("&lt;b&gt;", "<b>"),
        ("&amp;lt;", "&lt;"),
        ("AT&T, R&D, ?a=1&copy=2", "AT&T, R&D, ?a=1&copy=2"),
        ("&#x41;&#66;&eacute;", "ABé"),
        ("x&#0;y&#xFFFE;", "x\ufffdy"),
        ("  two\n\tlines  ", "two lines"),
        ("tick ` alone", "tick ` alone"),
        ("", ""),
        ("投資\u3000分析", "投資 分析"),
    ],
)
def test_a_title_is_plain_text(title: str, plain: str) -> None:
    assert plain_title(title) == plain


@given(st.text())
def test_a_title_is_one_line_of_legal_characters(title: str) -> None:
    plain = plain_title(title)
    assert plain == " ".join(plain.split())
    assert xml_text(plain) == (plain, 0)


@given(st.text(alphabet="ab 12+-=.,:()日本あ。", max_size=30))
def test_a_title_without_marks_stays_as_it_is(title: str) -> None:
    assert plain_title(title) == " ".join(title.split())
