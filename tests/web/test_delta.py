from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.model import Document, EntrySpan
from feedservice.web import delta

Pairs = Sequence[tuple[str, str]]

WHEN = datetime(2026, 8, 1, 12, tzinfo=UTC)
FRAMES = {
    "atom": (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><title>{}</title>\n',
        "<entry><id>{}</id><title>{}</title></entry>",
        "\n",
        "\n</feed>\n",
    ),
    "rss": (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel><title>{}</title>',
        '<item><guid isPermaLink="false">{}</guid><title>{}</title></item>',
        "",
        "</channel></rss>",
    ),
    "json": (
        '{{"version": "https://jsonfeed.org/version/1.1", "title": "{}", "items": [\n',
        '{{"id": "{}", "title": "{}"}}',
        ",\n",
        "\n]}\n",
    ),
}


def document(form: str, entries: Pairs, title: str = "見出し") -> Document:
    """entries: (id, text) pairs."""
    head, pattern, separator, end = FRAMES[form]
    body = head.format(title).encode()
    spans = []
    for at, (identity, text) in enumerate(entries):
        body += separator.encode() if at else b""
        piece = pattern.format(identity, text).encode()
        digest = hashlib.blake2b(piece, digest_size=8).hexdigest()
        spans.append(EntrySpan(id=identity, digest=digest, start=len(body), end=len(body) + len(piece)))
        body += piece
    body += end.encode()
    return Document(
        feed="all",
        format=form,
        url="https://example.org/feed",
        path="feed",
        media_type="application/xml",
        body=body,
        etag=hashlib.blake2b(body, digest_size=16).hexdigest(),
        last_modified=WHEN,
        entries=tuple(spans),
    )


def ids(form: str, data: bytes) -> list[str | None]:
    if form == "json":
        return [item["id"] for item in json.loads(data)["items"]]
    root = ET.fromstring(data)
    name = "{http://www.w3.org/2005/Atom}entry/{http://www.w3.org/2005/Atom}id" if form == "atom" else "channel/item/guid"
    return [element.text for element in root.findall(name)]


OLD = [("c", "3"), ("b", "2"), ("a", "1")]

CASES = [
    ("a new entry", [("d", "4"), *OLD], ["d"]),
    ("two new entries", [("e", "5"), ("d", "4"), *OLD], ["e", "d"]),
    ("a new one pushes the oldest out", [("d", "4"), ("c", "3"), ("b", "2")], ["d"]),
    ("a changed first entry", [("c", "3!"), ("b", "2"), ("a", "1")], ["c"]),
    ("a changed middle entry", [("c", "3"), ("b", "2!"), ("a", "1")], ["b"]),
    ("a changed last entry", [("c", "3"), ("b", "2"), ("a", "1!")], ["a"]),
    ("first and last changed", [("c", "3!"), ("b", "2"), ("a", "1!")], ["c", "a"]),
    ("a new one in the middle", [("c", "3"), ("x", "9"), ("b", "2"), ("a", "1")], ["x"]),
    ("new and changed", [("d", "4"), ("c", "3"), ("b", "2!"), ("a", "1")], ["d", "b"]),
    ("only a removal", [("c", "3"), ("a", "1")], []),
    ("only another order", [("a", "1"), ("b", "2"), ("c", "3")], []),
]


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize(("entries", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_delta_holds_what_is_new_or_changed(form: str, entries: Pairs, expected: list[str]) -> None:
    current = document(form, entries)
    plan = delta.plan(current, delta.version(document(form, OLD)))
    assert plan is not None
    data = delta.body(current, plan)
    assert ids(form, data) == expected
    assert plan.entries == len(expected)
    assert plan.length == len(data) < len(current.body)
    assert plan.base == document(form, OLD).etag


@pytest.mark.parametrize("form", FRAMES)
def test_a_changed_head_alone_is_a_delta_without_entries(form: str) -> None:
    current = document(form, OLD, title="新しい")
    plan = delta.plan(current, delta.version(document(form, OLD)))
    assert plan is not None
    data = delta.body(current, plan)
    assert ids(form, data) == []
    assert "新しい".encode() in data


@pytest.mark.parametrize("form", FRAMES)
def test_a_delta_is_byte_for_byte_the_document_that_has_only_those_entries(form: str) -> None:
    current = document(form, [("d", "4"), ("c", "3"), ("b", "2!"), ("a", "1")])
    plan = delta.plan(current, delta.version(document(form, OLD)))
    assert plan is not None
    assert delta.body(current, plan) == document(form, [("d", "4"), ("b", "2!")]).body


@pytest.mark.parametrize("form", FRAMES)
@pytest.mark.parametrize(
    ("old", "new"),
    [(OLD, OLD), ([], OLD), (OLD, []), ([], []), ([("z", "0")], OLD)],
    ids=["same", "from empty", "to empty", "both empty", "nothing in common"],
)
def test_no_delta_where_there_is_nothing_to_gain(form: str, old: Pairs, new: Pairs) -> None:
    assert delta.plan(document(form, new), delta.version(document(form, old))) is None


def test_neighbours_are_copied_in_one_piece() -> None:
    current = document("json", [("e", "5"), ("d", "4"), *OLD])
    plan = delta.plan(current, delta.version(document("json", OLD)))
    assert plan is not None
    assert len(plan.slices) == 2


@pytest.mark.parametrize("form", ["atom", "rss"])
def test_feedparser_reads_a_delta_as_a_feed(form: str) -> None:
    current = document(form, [("d", "4"), *OLD])
    plan = delta.plan(current, delta.version(document(form, OLD)))
    assert plan is not None
    parsed = feedparser.parse(delta.body(current, plan))
    assert not parsed.bozo
    assert parsed.feed.title == "見出し"
    assert [(entry.id, entry.title) for entry in parsed.entries] == [("d", "4")]


ENTRIES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("12")), max_size=8, unique_by=lambda entry: entry[0])


@given(st.sampled_from(sorted(FRAMES)), ENTRIES, ENTRIES, st.booleans())
def test_old_entries_and_a_delta_make_the_new_document(form: str, old: Pairs, new: Pairs, retitled: bool) -> None:
    base, current = document(form, old), document(form, new, title="新" if retitled else "見出し")
    plan = delta.plan(current, delta.version(base))
    known = {span.digest for span in base.entries}
    fresh = [span.id for span in current.entries if span.digest not in known]
    if plan is None:
        assert current.etag == base.etag or len(fresh) == len(new)
    else:
        data = delta.body(current, plan)
        assert ids(form, data) == fresh
        assert len(data) == plan.length < len(current.body)
        assert all(start < end for start, end in plan.slices)
