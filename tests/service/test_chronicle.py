from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedservice.feeds.difference import Difference, Shown
from feedservice.service import chronicle
from feedservice.service.chronicle import Event, What
from feedservice.service.guarding import Held

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
    found = list(chronicle.events(NOW, [told], [held], ["ink"]))
    assert [(each.what.value, each.feed, each.id, each.note) for each in found] == [
        ("released", "ink", "", ""),
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
    assert list(chronicle.events(NOW, [told], [], [])) == [
        Event(at=NOW, what=What.PUBLISHED, feed="all", note="3 entries"),
    ]


def test_what_is_written_is_read_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    first = Event(at=NOW, what=What.PUBLISHED, feed="all", id="tag:1", title="記事")
    second = Event(at=NOW + DAY, what=What.HELD, feed="all", note="why")
    chronicle.write(tmp_path, [first], keep=DAY)
    with (tmp_path / chronicle.FILE).open("ab") as file:
        file.write(b'{"at": "2025-\n')
    chronicle.write(tmp_path, [second], keep=DAY)
    assert list(chronicle.read(tmp_path)) == [first, second]
    assert list(chronicle.read(tmp_path / "nowhere")) == []


def test_what_is_too_old_is_forgotten_when_the_file_is_large(tmp_path: Path) -> None:
    old = [Event(at=NOW - 500 * DAY, what=What.CHANGED, feed="all", title="x" * 1000) for _ in range(900)]
    chronicle.write(tmp_path, old, keep=400 * DAY)
    assert len(list(chronicle.read(tmp_path))) == 900
    new = Event(at=NOW, what=What.PUBLISHED, feed="all")
    chronicle.write(tmp_path, [new, *[Event(at=NOW, what=What.CHANGED, feed="all", title="y" * 1000)] * 100], keep=400 * DAY)
    assert {each.at for each in chronicle.read(tmp_path)} == {NOW}
