"""Many texts in one file: what was written comes back or nothing does, whatever happens to the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.service import pack

TEXTS = {"a.md": b"one\n", "\u65e5\u672c/\udcff.md": b'{"name": "b", "digest": ""}\n', "empty.md": b""}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "good" / "sources"


def texts(place: Path) -> dict[str, bytes | None]:
    return {name: pack.read(place, name) for name in pack.records(place)}


def test_no_file_holds_nothing(place: Path) -> None:
    assert texts(place) == {}
    assert pack.read(place, "a.md") is None


def test_what_was_added_last_counts_and_what_is_gone_is_gone(place: Path) -> None:
    pack.add(place, TEXTS.items())
    assert texts(place) == TEXTS
    pack.add(place, [("a.md", b"two")], gone=["empty.md", "never.md"])
    assert texts(place) == {"a.md": b"two", "\u65e5\u672c/\udcff.md": TEXTS["\u65e5\u672c/\udcff.md"]}
    pack.add(place, [("empty.md", b"again")])
    assert pack.read(place, "empty.md") == b"again"


def test_it_is_written_anew_with_what_is_wanted(place: Path) -> None:
    for number in range(50):
        pack.add(place, [("a.md", b"%d" % number * 1000), ("b.md", b"same")])
    before = place.stat().st_size
    pack.shrink(place, {"a.md"})
    assert place.stat().st_size < before / 20
    assert texts(place) == {"a.md": b"49" * 1000}
    pack.add(place, [("b.md", b"more")])
    assert texts(place) == {"a.md": b"49" * 1000, "b.md": b"more"}
    assert [each.name for each in place.parent.iterdir()] == ["sources"]


@pytest.mark.parametrize("lost", range(1, 120, 7))
def test_a_torn_end_is_no_record_and_the_next_one_takes_its_place(place: Path, lost: int) -> None:
    pack.add(place, [("a.md", b"first"), ("b.md", b"second " * 8)])
    whole = place.read_bytes()
    place.write_bytes(whole[: max(0, len(whole) - lost)])
    left = texts(place)
    assert left.items() <= {"a.md": b"first", "b.md": b"second " * 8}.items()
    pack.add(place, [("c.md", b"third")])
    assert texts(place) == {**left, "c.md": b"third"}


def test_bytes_that_changed_are_not_given_out(place: Path) -> None:
    pack.add(place, [("a.md", b"first"), ("b.md", b"second")])
    place.write_bytes(place.read_bytes().replace(b"first", b"farst"))
    assert texts(place) == {"a.md": None, "b.md": b"second"}


@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_as_what_they_hold(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    place = tmp_path_factory.mktemp("pack") / "sources"
    place.write_bytes(data)
    before = texts(place)
    pack.add(place, [("new.md", b"text")])
    assert texts(place) == {**before, "new.md": b"text"}


def test_who_knows_how_the_file_was_left_goes_on_from_there(place: Path) -> None:
    left = pack.add(place, [("a.md", b"first")])
    left = pack.add(place, [("b.md", b"second")], left=left)
    assert texts(place) == {"a.md": b"first", "b.md": b"second"}
    pack.add(place, [("c.md", b"somebody else's")])
    left = pack.add(place, [("a.md", b"third")], left=left)
    place.write_bytes(place.read_bytes()[:-3])
    left = pack.add(place, [("d.md", b"after a torn end")], left=left)
    assert texts(place) == {"a.md": b"first", "b.md": b"second", "c.md": b"somebody else's", "d.md": b"after a torn end"}
    pack.shrink(place, {"d.md"})
    pack.add(place, [("e.md", b"last")], left=left)
    assert texts(place) == {"d.md": b"after a torn end", "e.md": b"last"}
