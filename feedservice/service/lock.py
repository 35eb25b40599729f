"""One builder at a time: a lock on the state directory that ends with its process, however that ends.

The system holds the lock (``flock``), so a crash, ``kill -9`` or a power cut leaves none behind. The file says who holds it,
for people; what it says counts for nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

NAME = "lock"
"""File of the state directory."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has the lock, as far as it can be told."""

    pid: int | None
    since: datetime | None
    """UTC."""


class Lock:
    """A lock that is held until ``release``, or until the process ends. Children that are forked meanwhile do not hold it."""

    def __init__(self, descriptor: int, path: Path) -> None:
        """Keep the open file; ``acquire`` makes locks."""
        self._descriptor: int | None = descriptor
        self._owner = os.getpid()
        self.path = path

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self.release()

    @property
    def holds(self) -> bool:
        """Say whether nobody else can have it: not after its file was removed, or the directory made anew."""
        if self._descriptor is None:
            return False
        ours = os.fstat(self._descriptor)
        try:
            there = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            # What cannot be looked at now cannot be taken by somebody else either.
            return True
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def release(self) -> None:
        """Let go. Doing so twice is fine. The file stays: removing it would let two builders hold two locks of one name."""
        if self._descriptor is None:
            return
        if os.getpid() == self._owner:
            # A forked child has this file too, and the lock belongs to the file: it has to be taken off, closing is not enough.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
        self._descriptor = None


def acquire(state: Path, *, now: datetime) -> Lock | Holder:
    """Take the lock of a state directory, or return who has it; never waits.

    ``now`` is what others are told that it is held since. Raises ``OSError`` when the directory cannot be written.
    """
    path = state / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _holder(os.pread(descriptor, 1000, 0))
        os.close(descriptor)
        return holder
    except BaseException:
        os.close(descriptor)
        raise
    said = json.dumps({"pid": os.getpid(), "since": now.isoformat()}).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, said, 0)
    return Lock(descriptor, path)


def _holder(said: bytes) -> Holder:
    # Its owner may be between taking the lock and saying so.
    with contextlib.suppress(ValueError, KeyError, TypeError):
        read = json.loads(said)
        return Holder(pid=int(read["pid"]), since=datetime.fromisoformat(read["since"]).astimezone(UTC))
    return Holder(pid=None, since=None)
