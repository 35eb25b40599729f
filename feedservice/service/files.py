"""Files that are replaced whole or not at all.

A document is staged beside its target (same directory, so the rename cannot cross a file system), made durable, and renamed.
A reader sees the old bytes or the new ones. A file whose bytes would be the same is not touched.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

_STAGED = ".feedservice-new"
_PART = 1 << 18
"""Bytes that are compared at a time."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A file that is written and waits for its name."""

    target: Path
    temporary: Path


def same(target: Path, body: bytes) -> bool:
    """Return whether a file holds exactly these bytes."""
    try:
        if target.is_symlink() or target.stat().st_size != len(body):
            return False
        return target.read_bytes() == body
    except FileNotFoundError:
        return False


def stage(target: Path, body: bytes, *, durable: bool = True, private: bool = False) -> Staged:
    """Write the bytes beside their target; what is ``durable`` survives a power cut, what is ``private`` only its owner reads.

    Raises ``OSError`` when that cannot be done; nothing is left then.
    """
    return stage_parts(target, (body,), durable=durable, private=private)


def stage_parts(target: Path, parts: Iterable[bytes], *, durable: bool = True, private: bool = False) -> Staged:
    """Do the same with bytes that come one part after the other, and are never all there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:200]}{_STAGED}")
    try:
        # From the beginning, not when it is written: who has opened it by then goes on reading.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600 if private else 0o666)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            if private:
                os.fchmod(descriptor, 0o600)
            file.writelines(parts)
            file.flush()
            if durable:
                os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return Staged(target=target, temporary=temporary)


def alike(staged: Staged) -> bool:
    """Return whether what waits has the very bytes of its target."""
    try:
        if staged.target.is_symlink() or staged.target.stat().st_size != staged.temporary.stat().st_size:
            return False
        with staged.target.open("rb") as old, staged.temporary.open("rb") as new:
            while part := new.read(_PART):
                if part != old.read(_PART):
                    return False
    except FileNotFoundError:
        return False
    return True


def commit(staged: Staged) -> None:
    """Give a staged file its name (POSIX ``rename``: atomic)."""
    staged.temporary.replace(staged.target)


@contextlib.contextmanager
def held(targets: Iterable[Path]) -> Iterator[None]:
    """Keep what the targets are now until all of them are replaced, and let go of it in a thread.

    A rename over the last name of a file frees its blocks, which takes milliseconds for a large one; who waits for the new bytes
    need not wait for that.
    """
    descriptors: list[int] = []
    for target in targets:
        # One that is not there, or of which the system gives us no more, is let go of at once.
        with contextlib.suppress(OSError):
            descriptors.append(os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK))
    try:
        yield
    finally:
        if descriptors:
            try:
                threading.Thread(target=_let_go, args=(descriptors,), name="let go").start()
            except RuntimeError:
                # The system has no thread to spare.
                _let_go(descriptors)


def _let_go(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def discard(staged: Staged) -> None:
    """Remove a staged file that will not be needed."""
    staged.temporary.unlink(missing_ok=True)


def settle(folders: set[Path]) -> None:
    """Make renames durable: a directory is a file too."""
    for folder in sorted(folders):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Some network file systems refuse to sync a directory; their renames are as durable as they get.
            with contextlib.suppress(OSError):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
