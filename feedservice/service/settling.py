"""When a change may be read: events and the time in, wait or go out. No file is looked at here.

::

    nothing ─noticed→ Held ─looked, something moved→ Held
                       │                        ↑ (due later)
                       └─looked, all at rest → Settled

An editor that writes twice, a file that is being copied and a checkout of 3,000 files are one change each. A file is at rest when
its size, time and inode were the same for as long as the hold lasts. However long something keeps moving, after ``limit``
seconds a pass is made all the same: a file that is half written then is read again when it has settled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

Stamp = tuple[int, int, int] | None
"""Size, mtime in nanoseconds, inode; None: there is nothing of this name."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds."""

    hold: float
    """For a few files."""
    limit: float = 10.0
    """From the first change on, whatever happens."""
    many: int = 20
    """More changed files than this are a burst: a checkout, a copy of a directory."""
    burst: float = 10.0
    """How many times longer a burst is held: its files come with pauses between them."""

    def of(self, files: int) -> float:
        """Return the hold for a number of changed files."""
        return self.hold * self.burst if files > self.many else self.hold


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Something changed; times are those of one steady clock, in seconds."""

    since: float
    due: float
    """When to look again."""
    stamps: Mapping[str, Stamp]
    """Changed path → what it was when it was last looked at."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Everything that changed is at rest: make a pass."""

    paths: frozenset[str]


def noticed(held: Held | None, stamps: Mapping[str, Stamp], at: float, patience: Patience) -> Held:
    """Take in what changed, the last of it at ``at``; the hold begins anew, and the limit does not."""
    together = {**(held.stamps if held else {}), **stamps}
    return Held(since=held.since if held else at, due=at + patience.of(len(together)), stamps=together)


def looked(held: Held, stamps: Mapping[str, Stamp], now: float, patience: Patience, *, busy: bool = False) -> Held | Settled:
    """Decide at ``held.due``, with fresh stamps of its paths; ``busy`` says that a program is known to be at work there.

    Raises ``ValueError`` before that time, or when the stamps are those of other paths: both are bugs.
    """
    if now < held.due:
        raise ValueError(f"looked at {now}, due at {held.due}")
    if stamps.keys() != held.stamps.keys():
        raise ValueError("stamps of other paths")
    if now - held.since < patience.limit and (busy or stamps != held.stamps):
        return Held(since=held.since, due=now + patience.of(len(stamps)), stamps=stamps)
    return Settled(paths=frozenset(stamps))
