from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedservice.service import files


def test_a_staged_file_is_not_seen_before_it_is_committed(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "feed.atom"
    staged = files.stage(target, b"new")
    assert not target.exists()
    files.commit(staged)
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]
    files.settle({target.parent})


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "feed.atom"
    target.write_bytes(b"old")
    files.discard(files.stage(target, b"new"))
    assert [path.name for path in tmp_path.iterdir()] == ["feed.atom"]
    assert target.read_bytes() == b"old"


def test_what_a_crash_left_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "feed.atom"
    first = files.stage(target, b"half of a")
    second = files.stage(target, b"whole")
    assert first == second
    files.commit(second)
    assert target.read_bytes() == b"whole"


@pytest.mark.parametrize(("body", "expected"), [(b"same", True), (b"diff", False), (b"longer", False)])
def test_same(tmp_path: Path, body: bytes, expected: bool) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"same")
    assert files.same(target, body) is expected


def test_same_of_a_missing_file_and_of_a_link(tmp_path: Path) -> None:
    assert not files.same(tmp_path / "missing", b"")
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    # A link is replaced by a file: what is behind it is not ours to write.
    assert not files.same(tmp_path / "link", b"x")


def test_long_names_can_be_staged(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 100 + ".atom")
    files.commit(files.stage(target, b"x"))
    assert target.read_bytes() == b"x"


def test_a_directory_in_the_way_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "feed.atom").mkdir()
    staged = files.stage(tmp_path / "feed.atom", b"x")
    with pytest.raises(IsADirectoryError):
        files.commit(staged)
    files.discard(staged)
    assert [path.name for path in tmp_path.iterdir()] == ["feed.atom"]


def test_what_is_replaced_is_let_go_of_afterwards(tmp_path: Path) -> None:
    targets = [tmp_path / "there", tmp_path / "missing", tmp_path / "link"]
    targets[0].write_bytes(b"old")
    targets[2].symlink_to(tmp_path / "loop" / "..")
    staged = [files.stage(target, b"new") for target in targets]
    with files.held(targets):
        for each in staged:
            files.commit(each)
        assert [target.read_bytes() for target in targets] == [b"new"] * 3
    with files.held([]):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "missing", "there"]


@pytest.mark.parametrize("left", [False, True])
def test_what_is_private_is_so_from_its_first_byte_on(tmp_path: Path, left: bool) -> None:
    target = tmp_path / "keys"
    if left:
        # Of a process that was killed, or of another version of this program.
        before = files.stage(target, b"old")
        before.temporary.chmod(0o644)
    modes: list[int] = []

    def parts() -> Iterator[bytes]:
        modes.append(next(tmp_path.iterdir()).stat().st_mode & 0o777)
        yield b"secret"

    files.commit(files.stage_parts(target, parts(), private=True))
    assert modes == [0o600]
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_bytes() == b"secret"
