from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feedservice.feeds import elements
from feedservice.feeds.text import language_tag, legal, named, terms_of, title_of, written
from feedservice.model import Category, FeedKind, Person

if TYPE_CHECKING:
    from conftest import Make


def test_exactly_what_lxml_refuses_is_removed() -> None:
    element = etree.Element("a")
    for code in (*range(0x300), *range(0xD7F0, 0xE010), *range(0xFDD0, 0x10010), 0x1FFFE, sys.maxunicode):
        try:
            element.text = chr(code)
        except ValueError:
            assert legal(chr(code)) == "", hex(code)
        else:
            assert legal(chr(code)) == chr(code), hex(code)


@given(text=st.text(st.characters(exclude_categories=())))
def test_filtered_text_is_written_and_read_back(text: str) -> None:
    root = elements.root("a")
    elements.add(root, "b", legal(text))

    assert (elements.read(elements.document(root))[0].text or "") == legal(text)


def test_every_string_within_a_noun_is_filtered_and_nothing_else(make: Make) -> None:
    head = make.head(title="a\x00b", urls={"atom": "https://example.org/\x01"}, authors=(Person(name="c\x02"),))
    clean = legal(head)

    assert (clean.spec.title, clean.spec.urls, clean.authors) == ("ab", {"atom": "https://example.org/"}, (Person(name="c"),))
    assert (clean.updated, clean.spec.kind, clean.podcast) == (head.updated, FeedKind.ALL, None)
    assert legal(make.head()) == make.head()


def test_a_writer_that_refuses_gets_the_filtered_value() -> None:
    assert written(lambda value: value.encode(), "a\ud800b") == b"ab"
    assert written(lambda value: value.encode(), "a\x00b") == b"a\x00b"


def test_a_writer_that_refuses_again_is_a_bug_and_looks_like_one() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        written(int, "x")


@pytest.mark.parametrize(
    ("title", "summary", "expected"),
    [("題", "要約", "題"), ("", "要約", "要約"), (" \n", " ", "https://example.org/1/"), ("", "", "https://example.org/1/")],
)
def test_what_stands_in_for_a_blank_title(title: str, summary: str, expected: str, make: Make) -> None:
    assert title_of(make.entry(title=title, summary=summary)) == expected


def test_terms_and_people_without_a_name_are_left_out(make: Make) -> None:
    entry = make.entry(
        categories=(Category(term=" ", label="x"), Category(term="a", label="")), tags=(Category(term="b", label="B"),)
    )

    assert [(term.term, term.label) for term in terms_of(entry)] == [("a", "a"), ("b", "B")]
    assert named([Person(name=""), Person(name="Ada"), Person(name="\t")]) == [Person(name="Ada")]


@pytest.mark.parametrize(
    ("typed", "usual"),
    [
        ("JA", "ja"),
        ("en-us", "en-US"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("sr-latn", "sr-Latn"),
        ("es-419", "es-419"),
        ("sl-rozaj-biske", "sl-rozaj-biske"),
        ("de-ch-1996", "de-CH-1996"),
        ("en-u-ca-gregory", "en-u-ca-gregory"),
        ("x-ab-klingon", "x-ab-klingon"),
    ],
)
def test_language_tags_are_spelled_as_usual(typed: str, usual: str) -> None:
    assert language_tag(typed) == usual
