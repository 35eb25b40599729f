"""Bodies: kept up to a number of bytes, and read only when the file is still the one that was published."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from feedservice.web import bodies as reading
from feedservice.web.bodies import Bodies, Outcome, Stored, fingerprint, read

BODY = b"<feed>\xe6\x8a\x95</feed>" * 50


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "all.atom"
    path.write_bytes(BODY)
    return path


@pytest.fixture(params=["by hash", "by what stat says"])
def stored(request: pytest.FixtureRequest, file: Path) -> Stored:
    if request.param == "by hash":
        return Stored(path=file, size=len(BODY), digest=hashlib.blake2b(BODY, digest_size=16).hexdigest())
    return Stored(path=file, size=len(BODY), fingerprint=fingerprint(file))


def test_what_was_replaced_is_let_go() -> None:
    bodies = Bodies(1000)
    for name in ("a", "b", "c"):
        bodies.put((name, "identity"), name.encode() * 100)
    bodies.retain({("b", "identity"), ("d", "gzip")})
    assert bodies.get(("a", "identity")) is None
    assert bodies.get(("b", "identity")) == b"b" * 100
    assert bodies.size == 100
    bodies.retain(())
    assert bodies.size == 0


def test_those_that_were_asked_for_last_are_kept() -> None:
    bodies = Bodies(1000)
    for name in "abcd":
        bodies.put((name, "identity"), b"x" * 250)
    assert bodies.get(("a", "identity")) is not None
    bodies.put(("e", "identity"), b"x" * 250)
    bodies.put(("too long", "identity"), b"x" * 251)
    kept = [name for name in (*"abcde", "too long") if bodies.get((name, "identity")) is not None]
    assert (kept, bodies.size) == (["a", "c", "d", "e"], 1000)


@pytest.mark.parametrize("wait", [True, False])
def test_what_was_published_is_read(stored: Stored, wait: bool) -> None:
    stored.path.read_bytes()
    assert read(stored, wait=wait) == BODY


@pytest.mark.parametrize("wait", [True, False])
def test_another_file_is_as_good_as_none(stored: Stored, file: Path, tmp_path: Path, wait: bool) -> None:
    other = tmp_path / "other"
    # As long as the one that was published.
    other.write_bytes(BODY.replace(b"<feed>", b"<FEED>"))
    other.replace(file)
    assert read(stored, wait=wait) is Outcome.LOST
    file.write_bytes(BODY + b"x")
    assert read(stored, wait=wait) is Outcome.LOST
    # The very bytes, but not here: whoever may make links in the directory chooses what is served.
    file.unlink()
    other.write_bytes(BODY)
    file.symlink_to(other)
    assert read(stored, wait=wait) is Outcome.LOST
    file.unlink()
    assert read(stored, wait=wait) is Outcome.LOST
    os.mkfifo(file)
    assert read(stored, wait=wait) is Outcome.LOST
    file.unlink()
    file.mkdir()
    assert read(stored, wait=wait) is Outcome.LOST


@pytest.mark.parametrize("wait", [True, False])
def test_a_file_that_is_cut_while_it_is_read_is_none(
    stored: Stored, file: Path, monkeypatch: pytest.MonkeyPatch, wait: bool
) -> None:
    real = os.preadv

    def preadv(*arguments: object) -> int:
        os.truncate(file, 10)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "preadv", preadv)
    assert read(stored, wait=wait) is Outcome.LOST


def test_a_long_file_is_left_to_a_thread(stored: Stored, file: Path) -> None:
    long = dataclasses.replace(stored, size=reading._AT_ONCE + 1)
    os.truncate(file, reading._AT_ONCE + 1)
    assert read(long, wait=False) is Outcome.BLOCKS
