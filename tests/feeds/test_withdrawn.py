"""Entries that nobody wrote: RFC 6721 and notices of what was taken back, and the last entry of a feed that has ended."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import feedparser
import pytest

from feedservice.feeds import archives, elements, lint
from feedservice.feeds.archives import Archive
from feedservice.feeds.elements import TOMBSTONES
from feedservice.feeds.formats import FORMATS
from tests.feeds.conftest import Make

WHEN = datetime(2025, 11, 19, tzinfo=UTC)


@pytest.mark.parametrize("notices", [False, True])
def test_what_each_format_says(make: Make, notices: bool) -> None:
    gone = make.entry(1, html="", summary="", updated=WHEN)
    odd = make.entry(2, html="", summary="", updated=WHEN, id="x y", atom_id="https://example.org/#x%20y")
    head = make.head(withdrawn=(gone, odd), notices=notices)
    atom, rss, json = (make.body(name, [make.entry(3)], head) for name in ("atom", "rss", "json"))
    stones = elements.read(atom).findall(f"{{{TOMBSTONES}}}deleted-entry")
    assert [dict(stone.attrib) for stone in stones] == [
        {"ref": gone.id, "when": "2025-11-19T09:00:00+09:00"},
        {"ref": "https://example.org/#x%20y", "when": "2025-11-19T09:00:00+09:00"},
    ]
    assert [entry.id for entry in feedparser.parse(atom).entries] == [make.entry(3).id]
    items = feedparser.parse(rss).entries
    assert [(item.id, item.title) for item in items] == [
        *([(gone.id, "【取り下げ】第1回"), ("x y", "【取り下げ】第2回")] if notices else []),
        (make.entry(3).id, "第3回"),
    ]
    for name, body in (("atom", atom), ("rss", rss), ("json", json)):
        found = lint.check(make.document(name, body))
        assert [problem for problem in found if problem.severity == "error"] == []
    assert b"deleted" not in json


def test_a_feed_without_them_does_not_speak_of_it(make: Make) -> None:
    assert TOMBSTONES.encode() not in make.body("atom", [make.entry()])


def test_what_contradicts_itself_is_seen(make: Make) -> None:
    here = make.entry(1, updated=WHEN)
    body = make.body("atom", [make.entry(1)], make.head(withdrawn=(here,)))
    assert [problem.rule for problem in lint.check(make.document("atom", body))] == ["feed.tombstone"]
    late = make.entry(2, updated=WHEN + timedelta(seconds=1))
    body = make.body("atom", [make.entry(1)], make.head(withdrawn=(late,)))
    assert [problem.rule for problem in lint.check(make.document("atom", body))] == ["feed.tombstone"]
    body = make.body("atom", [], make.head(withdrawn=(dataclasses.replace(late, updated=WHEN),)))
    broken = body.replace(b' when="2025-11-19T09:00:00+09:00"', b"")
    assert broken != body
    assert [problem.rule for problem in lint.check(make.document("atom", broken))] == ["feed.tombstone"]
    assert set(FORMATS) == {"atom", "rss", "json"}


@pytest.mark.parametrize(
    ("language", "title"),
    [("ja", "「AIコンパス」は終了しました"), ("en", "AIコンパス has ended"), ("de", "AIコンパス has ended")],
)
@pytest.mark.parametrize("entries", [0, 1])
def test_a_feed_that_has_ended_says_so_last(make: Make, language: str, title: str, entries: int) -> None:
    head = make.head(retired=True, language=language, title="AIコンパス")
    newest = make.entry(1).updated
    head = dataclasses.replace(head, updated=newest + timedelta(seconds=1))
    for name in ("atom", "rss"):
        document = make.document(name, make.body(name, [make.entry(number) for number in range(1, entries + 1)], head))
        assert lint.check(document) == ()
        read = feedparser.parse(document.body)
        assert [entry.title for entry in read.entries if entry.id == f"{head.id}#ended"] == [title]
        assert len(read.entries) == entries + 1
    assert b"#ended" not in make.body("json", [], head)


def test_its_archives_are_what_they_were(make: Make) -> None:
    head = make.head(retired=True)
    archive = archives.archive_head(head, Archive(number=1, entries=(), followed=False), base="https://example.org/feeds")
    for name in ("atom", "rss"):
        assert b"#ended" in make.body(name, [make.entry()], head)
        assert b"#ended" not in make.body(name, [make.entry()], archive)
