"""What a document says of its entries, for those who quote it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from feedservice.feeds import quoting
from feedservice.feeds.formats import FORMATS
from feedservice.model import Entry, EntrySpan

NAMES = ("atom", "rss", "json")


def written(make: Any, name: str, entries: Sequence[Entry], *, full: bool = True) -> tuple[bytes, list[EntrySpan]]:
    profile = make.profile(full=full)
    body = make.body(name, entries, profile=profile)
    spans = []
    for entry in entries:
        part = FORMATS[name].entry(entry, profile)
        start = body.index(part.strip())
        spans.append(EntrySpan(id=entry.id, digest=entry.id, start=start, end=start + len(part.strip())))
    return body, spans


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_summaries_are_those_that_readers_see(make: Any, name: str, full: bool) -> None:
    entries = [make.entry(number, summary=f"<b>第{number}</b> & “それ” &amp; ]]>") for number in range(1, 6)]
    body, spans = written(make, name, entries, full=full)
    wanted = {entries[1].id, entries[4].id, "tag:example.org,2025:/other/"}
    assert quoting.summaries(name, body, spans, wanted) == {each.id: each.summary for each in (entries[1], entries[4])}
    assert quoting.summaries(name, body, spans, {each.id for each in entries}) == {each.id: each.summary for each in entries}
    assert quoting.summaries(name, body, spans, set()) == {}


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_a_title_in_the_place_of_a_summary_is_none(make: Any, name: str, full: bool) -> None:
    entries = [make.entry(1, summary=""), make.entry(2)]
    body, spans = written(make, name, entries, full=full)
    assert quoting.summaries(name, body, spans, {each.id for each in entries}) == {entries[1].id: entries[1].summary}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"", b"<a>", b"<a/>", b"{}", b"[]", b"\xff\xfe", b'{"items": 1}'])
def test_what_is_no_document_of_ours_has_none(name: str, body: bytes) -> None:
    span = EntrySpan(id="a", digest="d", start=0, end=0)
    assert quoting.summaries(name, body, [span], {"a"}) == {}
