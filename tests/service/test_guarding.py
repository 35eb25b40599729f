from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedservice.errors import RefusedError
from feedservice.feeds.difference import Served
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
