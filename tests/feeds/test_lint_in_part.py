"""What is known of an entry need not be read again: looking at a part finds what looking at the whole does."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds import assemble, lint
from feedservice.feeds.formats import FORMATS
from feedservice.model import Document, Enclosure, Entry, FeedHead, Person

if TYPE_CHECKING:
    from conftest import Make

LATE = datetime(2025, 12, 24, tzinfo=UTC)
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"title": "<b>bold</b>"},
    {"url": "https://example.org/写真/"},
    {"url": "nowhere"},
    {"id": "tag:example.org,2025:/1/"},
    {"id": "12"},
    {"id": " "},
    {"authors": ()},
    {"updated": LATE},
    {"updated": datetime(2025, 11, 18, 4, 42, 1, tzinfo=UTC)},
    {"enclosures": (Enclosure(url="https://example.org/a.mp3", type="audio/mpeg"),)},
    {"enclosures": (Enclosure(url="ftp://example.org/a.mp3", type="audio", length=1),) * 2},
    {"html": "<p>one\n\n\ntwo</p>\n"},
)
"""What may be special about an entry: with a problem of its own, with one of its place, or none."""


def document(make: Make, name: str, entries: Sequence[Entry], head: FeedHead) -> Document:
    profile, written = make.profile(), FORMATS[name]
    return assemble.document(head, name, [assemble.fragment(each.id, written.entry(each, profile)) for each in entries])


def numbered(make: Make, kinds: Sequence[tuple[int, int]]) -> list[Entry]:
    return [make.entry(number, **KINDS[kind]) for number, kind in kinds]


entries = st.lists(st.tuples(st.integers(1, 9), st.integers(0, len(KINDS) - 1)), max_size=7)


@pytest.mark.parametrize("name", FORMATS)
@given(before=entries, after=entries, own=st.booleans(), notices=st.booleans(), later=st.booleans())
def test_a_part_says_what_the_whole_says(
    make: Make,
    name: str,
    before: list[tuple[int, int]],
    after: list[tuple[int, int]],
    own: bool,
    notices: bool,
    later: bool,
) -> None:
    head = make.head(authors=(Person(name="編集部"),) if own else ())
    told = dataclasses.replace(head, withdrawn=(make.entry(99),), notices=True) if notices else head
    told = dataclasses.replace(told, updated=LATE) if later else told
    known = lint.look(document(make, name, numbered(make, before), head), {}).clean
    whole = document(make, name, numbered(make, after), told)
    found = lint.look(whole, known)
    assert found.problems == lint.check(whole)
    assert found.clean.keys() <= lint.look(whole, {}).clean.keys() | known.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_known_is_not_read(make: Make, name: str) -> None:
    made = document(make, name, [make.entry(number) for number in range(1, 6)], make.head())
    known = lint.look(made, {}).clean
    assert len(known) == 5
    # Nobody changes bytes under the same digest; here it shows what is looked at.
    middle = made.entries[2]
    spoiled = made.body[: middle.start] + b"<" * (middle.end - middle.start) + made.body[middle.end :]
    assert lint.look(dataclasses.replace(made, body=spoiled), known).problems == ()
    assert [problem.rule for problem in lint.check(dataclasses.replace(made, body=spoiled))] == ["feed.malformed"]


def test_between_other_declarations_an_entry_is_another(make: Make) -> None:
    made = document(make, "atom", [make.entry(1), make.entry(2)], make.head())
    known = lint.look(made, {}).clean
    start = made.body.index(b"<feed ")
    other = made.body[: start + 6] + b'xmlns:more="urn:more" ' + made.body[start + 6 :]
    spans = tuple(dataclasses.replace(span, start=span.start + 22, end=span.end + 22) for span in made.entries)
    assert lint.look(dataclasses.replace(made, body=other, entries=spans), known).clean.keys().isdisjoint(known)
