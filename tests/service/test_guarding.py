from __future__ import annotations

import contextlib
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from feedservice.errors import RefusedError
from feedservice.feeds.difference import Served, Shown
from feedservice.service import guarding
from feedservice.service.guarding import Decisions
from tests.service.conftest import MakeSite
from tests.service.test_crashes import engine_of, one_pass
from tests.service.test_publish import post

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def file(state: Path) -> Path:
    guarding.remember(state, Served(feed="all", since=NOW, at=NOW, window=50, entries=(), late={}, withdrawn={}))
    (found,) = (state / "served").iterdir()
    return found


def test_what_readers_have_is_read_as_it_was_written(tmp_path: Path) -> None:
    file(tmp_path)
    assert guarding.served(tmp_path)["all"].since == NOW


@pytest.mark.parametrize("left", [0, 1, 20, -30, -2])
@pytest.mark.parametrize("filled", [0, 4096])
def test_a_file_whose_bytes_a_power_cut_took_is_as_good_as_lost(tmp_path: Path, left: int, filled: int) -> None:
    """It is not made durable: of a file that has its name there may be a part, or zeros."""
    place = file(tmp_path)
    place.write_bytes(place.read_bytes()[:left] + b"\0" * filled)
    assert guarding.served(tmp_path) == {}


@pytest.mark.parametrize("said", [b"{}\n", b'{"feed": "all", "since": 1}\n', b"[]\n", b"no JSON\n", b'{"feed": }\n'])
def test_a_file_that_says_something_else_is_damaged(tmp_path: Path, said: bytes) -> None:
    file(tmp_path).write_bytes(said)
    with pytest.raises(RefusedError, match="is damaged"):
        guarding.served(tmp_path)


@pytest.mark.parametrize("now", [datetime(1970, 1, 1, tzinfo=UTC), NOW - timedelta(days=1), NOW + timedelta(days=1)])
def test_a_feed_that_readers_have_is_theirs_whatever_the_clock_says(tmp_path: Path, now: datetime) -> None:
    """A small computer begins in 1970 and is told the time later: no feed has just begun by that."""
    entry = Shown(id="tag:1", title="One", url="/1/", published=NOW, updated=NOW)
    old = Served(feed="tea", since=NOW, at=NOW, window=50, entries=(entry,))
    guarding.remember(tmp_path, old)
    assert guarding.had({"tea": old}, now) == {"tea"}
    assert guarding.forget(tmp_path, {"tea": old}, (), now) == {"tea": old}
    assert guarding.served(tmp_path) == {"tea": old}


def test_a_feed_that_has_just_begun_is_given_up_without_a_question(tmp_path: Path) -> None:
    entry = Shown(id="tag:1", title="One", url="/1/", published=NOW, updated=NOW)
    new = Served(feed="tae", since=NOW, at=NOW, window=50, entries=(entry,))
    guarding.remember(tmp_path, new)
    assert guarding.had({"tae": new}, NOW + timedelta(minutes=1)) == frozenset()
    assert guarding.forget(tmp_path, {"tae": new}, ("tae",), NOW + timedelta(minutes=1)) == {"tae": new}
    assert guarding.forget(tmp_path, {"tae": new}, (), NOW + timedelta(minutes=1)) == {}
    assert guarding.served(tmp_path) == {}


def test_what_readers_have_is_known_by_the_store_when_the_state_directory_lost_it(make_site: MakeSite) -> None:
    extra = "feeds: {category_feeds: false, pages: false, formats: [atom], window: 4}\nguard: {new: 2}\n"
    loaded = make_site({f"{at}.md": post(f"T{at}", f"2025-05-{10 + at} 09:00") for at in range(8)}, extra)
    one_pass(loaded, NOW)
    state = loaded.root / loaded.config.state
    shutil.rmtree(state / "served")
    # The archive comes, the newest post goes, and one comes late.
    make_site({f"old/{at}.md": post(f"Old {at}", f"2024-05-{10 + at} 09:00", body=f"Old {at}.") for at in range(7)}, extra)
    (loaded.root / "content" / "7.md").unlink()
    with contextlib.closing(engine_of(loaded)) as engine:
        (held,) = engine.build(loaded, now=NOW + HOUR).guarded
        assert held.reasons[0].startswith("4 entries would be new at once, 2 are allowed")
        for file in (loaded.root / "content" / "old").iterdir():
            file.unlink()
        make_site({"late.md": post("Late", "2025-04-01 09:00")}, extra)
        assert engine.build(loaded, now=NOW + 2 * HOUR).guarded == ()
    (found,) = guarding.served(state).values()
    assert [each.title for each in found.entries] == ["T6", "T5", "T4", "Late"]
    assert found.since == NOW
    # And which of its entries came late: what it passes over is let in no more than before.
    shutil.rmtree(state / "served")
    make_site({"5.md": post("T5", "2025-05-15 09:00", "draft: true\n")}, extra)
    one_pass(loaded, NOW + 3 * HOUR)
    (found,) = guarding.served(state).values()
    assert [each.title for each in found.entries] == ["T6", "T4", "Late"]


def test_what_the_store_knew_of_readers_is_written_down_at_once(make_site: MakeSite) -> None:
    """A pass that takes a feed its last post, and is cut off, leaves nobody else who knows that there was such a feed."""
    loaded = make_site({"a.md": post("A", "2025-05-10 09:00")}, "feeds: {pages: false, formats: [atom]}\n")
    one_pass(loaded, NOW)
    state = loaded.root / loaded.config.state
    before = guarding.served(state)
    shutil.rmtree(state / "served")
    one_pass(loaded, NOW + HOUR)
    found = guarding.served(state)
    assert found.keys() == before.keys()
    assert [each.id for each in found["all"].entries] == [each.id for each in before["all"].entries]


def test_an_older_store_knows_nothing_of_the_documents_of_a_feed_that_is_held(make_site: MakeSite) -> None:
    """It has places of entries in documents that are others now: a feed that is let go is not put together by them."""
    extra = "feeds: {category_feeds: false, pages: false, formats: [atom], compress: []}\nguard: {new: 2}\n"
    loaded = make_site({f"{at}.md": post(f"T{at}", f"2025-05-{10 + at} 09:00") for at in range(4)}, extra)
    state = loaded.root / loaded.config.state
    one_pass(loaded, NOW)
    older = {file: file.read_bytes() for file in state.glob("store*")}
    # Every entry stands elsewhere afterwards.
    make_site({"3.md": post("A longer title", "2025-05-13 09:00", body="A longer text. " * 9)}, extra)
    one_pass(loaded, NOW + HOUR)
    for file in state.glob("store*"):
        file.unlink()
    for file, data in older.items():
        file.write_bytes(data)
    make_site({f"new/{at}.md": post(f"New {at}", f"2025-04-{10 + at} 09:00", body=f"New {at}.") for at in range(3)}, extra)
    with contextlib.closing(engine_of(loaded)) as engine:
        assert engine.build(loaded, now=NOW + 2 * HOUR).guarded
        guarding.decide(state, Decisions(released={key: each.key for key, each in guarding.decisions(state).held.items()}))
        assert engine.build(loaded, now=NOW + 3 * HOUR).guarded == ()
    titles = [each.findtext("{*}title") for each in etree.parse(loaded.root / "public/feeds/all.atom").iterfind("{*}entry")]
    assert titles == ["A longer title", "T2", "T1", "T0", "New 2", "New 1", "New 0"]


def test_a_category_is_kept_for_its_readers_when_what_they_have_is_lost_as_it_empties(make_site: MakeSite) -> None:
    extra = "feeds: {pages: false, formats: [atom]}\n"
    loaded = make_site(
        {f"{at}.md": post(f"T{at}", f"2025-05-{10 + at} 09:00", "categories: [Tea]\n" * (at == 1)) for at in range(3)}, extra
    )
    one_pass(loaded, NOW)
    shutil.rmtree(loaded.root / loaded.config.state / "served")
    (loaded.root / "content" / "1.md").unlink()
    with contextlib.closing(engine_of(loaded)) as engine:
        report = engine.build(loaded, now=NOW + HOUR)
        assert "tea" in {spec.key for spec in report.feeds}
        assert b"<entry" not in (engine.out / "feeds/tea.atom").read_bytes()
