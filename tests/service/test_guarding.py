from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice.errors import RefusedError
from feedservice.feeds.difference import Served, Shown
from feedservice.service import guarding

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def file(state: Path) -> Path:
    guarding.remember(state, Served(feed="all", since=NOW, at=NOW, window=50, entries=(), late={}, withdrawn={}))
    (found,) = (state / "served").iterdir()
    return found


def test_what_readers_have_is_read_as_it_was_written(tmp_path: Path) -> None:
    file(tmp_path)
    assert guarding.served(tmp_path)["all"].since == NOW


@pytest.mark.parametrize("left", [b"", b"\0" * 4096])
def test_a_file_whose_bytes_a_power_cut_took_is_as_good_as_lost(tmp_path: Path, left: bytes) -> None:
    file(tmp_path).write_bytes(left)
    assert guarding.served(tmp_path) == {}


def test_a_file_that_says_something_else_is_damaged(tmp_path: Path) -> None:
    file(tmp_path).write_bytes(b"{")
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
