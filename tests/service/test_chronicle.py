from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice.feeds.difference import Difference, Shown
from feedservice.service import chronicle
from feedservice.service.chronicle import Happened
from feedservice.service.guarding import Held
from feedservice.store.history import Event, What
from tests.service.conftest import MakeSite
from tests.service.test_crashes import one_pass, opener
from tests.service.test_publish import post

NOW = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def shown(number: int) -> Shown:
    return Shown(id=f"tag:{number}", title=f"記事 {number}", url="", published=NOW, updated=NOW)


def test_every_kind_of_thing_is_told() -> None:
    one, two = shown(1), shown(2)
    told = Difference(
        feed="all",
        held=10,
        shown=10,
        new=(one,),
        back=(one,),
        renamed=((one, two),),
        updated=((one, one),),
        retitled=((one, two),),
        edited=(two,),
        gone=(two,),
        slid=(one,),
    )
    held = Held(feed="tea", since=NOW, key="k", reasons=("a", "b"))
    found = list(
        chronicle.events(
            NOW, Happened(differences=[told], held=[held], released=[("ink", "how")], rejected=[("ink", "tag:9", "Old")])
        )
    )
    assert [(each.what.value, each.feed, each.id, each.note) for each in found] == [
        ("rejected", "ink", "tag:9", ""),
        ("released", "ink", "", "how"),
        ("published", "all", "tag:1", ""),
        ("returned", "all", "tag:1", ""),
        ("renamed", "all", "tag:2", "under another id"),
        ("changed", "all", "tag:1", ""),
        ("changed", "all", "tag:2", "another title"),
        ("changed", "all", "tag:2", "edited"),
        ("withdrawn", "all", "tag:2", ""),
        ("held", "tea", "", "a; b"),
    ]


def test_a_first_publication_is_one_line() -> None:
    told = Difference(feed="all", held=0, shown=3, new=(shown(1), shown(2), shown(3)))
    assert list(chronicle.events(NOW, Happened(differences=[told]))) == [
        Event(at=NOW, what=What.PUBLISHED, feed="all", note="3 entries"),
    ]


def test_what_is_written_is_read_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    first = Event(at=NOW, what=What.PUBLISHED, feed="all", id="tag:1", title="記事")
    second = Event(at=NOW + DAY, what=What.HELD, feed="all", note="why")
    chronicle.write(tmp_path, [first], keep=DAY)
    with (tmp_path / chronicle.FILE).open("ab") as file:
        file.write(b'{"at": "2025-\n')
    chronicle.write(tmp_path, [second], keep=DAY)
    assert chronicle.read(tmp_path).events == (first, second)
    assert chronicle.read(tmp_path / "nowhere") == chronicle.Notes()


def test_what_is_too_old_is_forgotten_when_the_file_is_large(tmp_path: Path) -> None:
    old = [Event(at=NOW - 500 * DAY, what=What.CHANGED, feed="all", title="x" * 1000) for _ in range(900)]
    chronicle.write(tmp_path, old, keep=400 * DAY)
    assert len(chronicle.read(tmp_path).events) == 900
    new = Event(at=NOW, what=What.PUBLISHED, feed="all")
    chronicle.write(tmp_path, [new, *[Event(at=NOW, what=What.CHANGED, feed="all", title="y" * 1000)] * 100], keep=400 * DAY)
    assert {each.at for each in chronicle.read(tmp_path).events} == {NOW}


def test_notes_of_an_earlier_version_are_taken_into_the_store_once(make_site: MakeSite) -> None:
    loaded = make_site({"a.md": post("一", "2025-05-01 09:00")})
    state = loaded.root / loaded.config.state
    old = [
        Event(at=NOW - 500 * DAY, what=What.PUBLISHED, feed="all", note="7 entries"),
        Event(at=NOW - DAY, what=What.CHANGED, feed="all", id="tag:1", title="記事", note="edited"),
    ]
    chronicle.write(state, old, keep=9000 * DAY)
    one_pass(loaded, NOW)
    assert not (state / chronicle.FILE).exists()
    with contextlib.closing(opener(state)) as store:
        kept = list(store.events())
    assert [(each.what, each.at) for each in kept] == [(What.PUBLISHED, NOW), (What.CHANGED, NOW - DAY)]
    assert kept[1] == old[1]


def test_notes_that_the_store_has_are_not_taken_in_again(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site({"a.md": post("一", "2025-05-01 09:00")})
    state = loaded.root / loaded.config.state
    with monkeypatch.context() as patched:
        # The process ends before it can remove them.
        patched.setattr(chronicle, "clear", lambda _state: None)
        one_pass(loaded, NOW)
    assert chronicle.read(state).events
    one_pass(loaded, NOW + DAY)
    assert not chronicle.read(state).events
    with contextlib.closing(opener(state)) as store:
        assert len(list(store.events())) == 1


def test_a_pass_that_is_made_again_says_nothing_twice() -> None:
    was, other = (Event(at=NOW, what=What.PUBLISHED, feed="all", id=name) for name in ("tag:1", "tag:2"))
    again = [Event(at=NOW + DAY, what=What.PUBLISHED, feed="all", id=name) for name in ("tag:1", "tag:3")]
    # Readers had the feed as it was before: the pass of the note has not come to its end.
    for out in ({}, {"all": NOW - DAY}):
        assert list(chronicle.unsaid(again, [was, other], out)) == again[1:]
    assert list(chronicle.unsaid(again, [was, other], {"all": NOW})) == again
