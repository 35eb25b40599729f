from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feedservice.service import lock
from feedservice.service.lock import Holder, Lock

NOW = datetime(2025, 6, 1, 12, 30, tzinfo=UTC)
LATER = datetime(2025, 6, 2, tzinfo=UTC)

HOLD = (
    "import sys, pathlib, datetime, time;"
    "from feedservice.service import lock;"
    "held = lock.acquire(pathlib.Path(sys.argv[1]), now=datetime.datetime.fromisoformat(sys.argv[2]));"
    "print(type(held).__name__, flush=True);"
    "sys.stdin.read()"
)


def held_by_another(state: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(state), NOW.isoformat()]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_second_is_told_who_has_it(tmp_path: Path) -> None:
    with held_by_another(tmp_path) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "Lock"
        assert lock.acquire(tmp_path, now=LATER) == Holder(pid=other.pid, since=NOW)
        other.communicate("", timeout=60)


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    with held_by_another(tmp_path) as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.send_signal(signal.SIGKILL)
        other.wait(timeout=60)
    taken = lock.acquire(tmp_path, now=LATER)
    assert isinstance(taken, Lock)
    taken.release()


def test_a_released_lock_can_be_taken_again_and_released_twice(tmp_path: Path) -> None:
    first = lock.acquire(tmp_path / "new" / "state", now=NOW)
    assert isinstance(first, Lock)
    assert isinstance(lock.acquire(tmp_path / "new" / "state", now=LATER), Holder)
    first.release()
    first.release()
    second = lock.acquire(tmp_path / "new" / "state", now=LATER)
    assert isinstance(second, Lock)
    with second:
        assert second.path.stat().st_mode & 0o077 == 0


def test_a_lock_whose_file_is_gone_or_another_holds_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = lock.acquire(state, now=NOW)
    assert isinstance(first, Lock)
    assert first.holds
    first.path.rename(tmp_path / "away")
    assert not first.holds
    second = lock.acquire(state, now=LATER)
    assert isinstance(second, Lock)
    assert second.holds
    assert not first.holds
    first.release()
    assert second.holds
    shutil.rmtree(state)
    assert not second.holds
    state.write_text("no directory", "utf-8")
    assert not second.holds
    second.release()
    assert not second.holds


def test_a_child_does_not_let_go_for_its_parent(tmp_path: Path) -> None:
    taken = lock.acquire(tmp_path, now=NOW)
    assert isinstance(taken, Lock)
    child = os.fork()
    if child == 0:
        try:
            taken.release()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert lock.acquire(tmp_path, now=LATER) == Holder(pid=os.getpid(), since=NOW)
    taken.release()


def test_a_child_that_outlives_the_owner_does_not_hold_it(tmp_path: Path) -> None:
    taken = lock.acquire(tmp_path, now=NOW)
    assert isinstance(taken, Lock)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    try:
        taken.release()
        again = lock.acquire(tmp_path, now=LATER)
        assert isinstance(again, Lock)
        again.release()
    finally:
        os.close(write_end)
        os.close(read_end)
        os.waitpid(child, 0)


@pytest.mark.parametrize("said", [b"", b"{", b"[]", b'{"pid": "x", "since": ""}', b'{"pid": 1}', b"\xff\xfe"])
def test_a_file_that_says_nothing_of_use_is_no_obstacle(tmp_path: Path, said: bytes) -> None:
    with held_by_another(tmp_path) as other:
        assert other.stdout is not None
        other.stdout.readline()
        (tmp_path / lock.NAME).write_bytes(said)
        assert lock.acquire(tmp_path, now=LATER) == Holder(pid=None, since=None)
        other.communicate("", timeout=60)
    (tmp_path / lock.NAME).write_bytes(said)
    taken = lock.acquire(tmp_path, now=LATER)
    assert isinstance(taken, Lock)
    taken.release()
