"""What of a document is new to somebody who has had some of its entries: ranges of its bytes that are a whole document again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from feedservice.model import EntrySpan

Slices = tuple[tuple[int, int], ...]
"""Half-open ranges of a body, in order."""


def slices(entries: Sequence[EntrySpan], length: int, known: Collection[str]) -> tuple[Slices, int] | None:
    """Return the ranges without the entries whose digests are known, and how many entries are left.

    ``length`` is that of the whole body in bytes. None when there is nothing to leave out.
    """
    fresh = [at for at, span in enumerate(entries) if span.digest not in known]
    if len(fresh) == len(entries):
        return None
    pieces = [(0, entries[0].start)]
    for place, at in enumerate(fresh):
        # What divides an entry from the one before goes with it, except in front of the first.
        pieces.append((entries[at - 1].end if place else entries[at].start, entries[at].end))
    pieces.append((entries[-1].end, length))
    return tuple(_joined(pieces)), len(fresh)


def _joined(pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch."""
    ranges: list[tuple[int, int]] = []
    for start, end in pieces:
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((start, end))
    return ranges


def cut(body: bytes, ranges: Slices) -> bytes:
    """Return these ranges of a body."""
    return b"".join(body[start:end] for start, end in ranges)
