"""The bytes of published files: read from the output directory when they are asked for, checked, and kept while there is room.

A file may change or vanish between two passes. What is sent under a tag must still be what the tag names, so a body is
checked whenever it is read: the uncoded one by its hash, which *is* the tag; a coded one by its size, time and inode as they were
when the pass that published it was over. What fails the check is as good as not there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

from feedservice.model import Fingerprint

Key = tuple[str, str]
"""Hash of the uncoded bytes, and the coding: two paths with the same bytes share a body."""

_AT_ONCE = 256 * 1024
"""Longest file that the event loop reads by itself when it is in the system's cache, in bytes."""


class Outcome(enum.Enum):
    """Why there is no body."""

    LOST = "lost"
    """The file is not there, or is another than was published."""
    BLOCKS = "blocks"
    """It would have to wait for the disk."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Where a body lies and how it is known to be the right one."""

    path: Path
    size: int
    digest: str = ""
    """Hex BLAKE2b-128 of the bytes; empty for coded ones."""
    fingerprint: Fingerprint | None = None
    """Of a coded file; None when it was not there to begin with."""


class Bodies:
    """The bodies that were asked for last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        """``limit`` is in bytes; a body longer than a quarter of it is never kept."""
        self.limit = limit
        self.size = 0
        self._kept: OrderedDict[Key, bytes] = OrderedDict()

    def get(self, key: Key) -> bytes | None:
        """Return a body that is kept."""
        body = self._kept.get(key)
        if body is not None:
            self._kept.move_to_end(key)
        return body

    def put(self, key: Key, body: bytes) -> None:
        """Keep a body, and let go of those not asked for longest."""
        if len(body) > self.limit // 4 or key in self._kept:
            return
        self._kept[key] = body
        self.size += len(body)
        while self.size > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.size -= len(oldest)

    def retain(self, keys: Collection[Key]) -> None:
        """Let go of all but these: what was replaced is not asked for again."""
        for key in [key for key in self._kept if key not in keys]:
            self.size -= len(self._kept.pop(key))


def fingerprint(path: Path) -> Fingerprint | None:
    """Return what ``stat`` says of a regular file; None when there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return _fingerprint(found) if stat.S_ISREG(found.st_mode) else None


def _fingerprint(found: os.stat_result) -> Fingerprint:
    return Fingerprint(size=found.st_size, mtime_ns=found.st_mtime_ns, inode=found.st_ino)


def read(stored: Stored, *, wait: bool) -> bytes | Outcome:
    """Read and check a body. With ``wait`` false a file that is long, or not in the system's cache, is left alone."""
    if not wait and (stored.size > _AT_ONCE or not hasattr(os, "RWF_NOWAIT")):
        return Outcome.BLOCKS
    try:
        # A symbolic link is not followed, and nothing that is no file can make the server wait.
        descriptor = os.open(stored.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return Outcome.LOST
    try:
        return _checked(descriptor, stored, wait=wait)
    except BlockingIOError:
        return Outcome.BLOCKS
    except OSError:
        # Some file systems cannot say what is cached.
        return Outcome.LOST if wait else Outcome.BLOCKS
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _checked(descriptor: int, stored: Stored, *, wait: bool) -> bytes | Outcome:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size != stored.size:
        return Outcome.LOST
    if not stored.digest and _fingerprint(found) != stored.fingerprint:
        return Outcome.LOST
    buffer = bytearray(stored.size)
    view = memoryview(buffer)
    done = 0
    while done < stored.size:
        count = os.preadv(descriptor, [view[done:]], done, 0 if wait else os.RWF_NOWAIT)
        if count == 0:
            return Outcome.LOST
        done += count
    body = bytes(buffer)
    if stored.digest and hashlib.blake2b(body, digest_size=16).hexdigest() != stored.digest:
        return Outcome.LOST
    return body
