"""Delta feeds: the entries that are new or changed since a version the reader has (RFC 3229 with the method ``feed``).

A delta is the current document without the entries that the older version already had: its head, the remaining entries
with what divides them, its end. It is a whole feed in itself, so a reader needs no code for it beyond asking.

Entries that left the feed are not mentioned: readers keep what they have seen, just as with a whole document. A delta
therefore never says less than the document would. An entry that moved without a change of its own is left out too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from feedservice.model import Document


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What is remembered of an older document: enough to tell what is new since, none of its text."""

    etag: str
    """Hex hash of its body, as in ``Document.etag``."""
    last_modified: datetime
    digests: frozenset[str]
    """``EntrySpan.digest`` of every entry. A digest covers the entry's id, so that ids need not be kept."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeltaPlan:
    """How to cut a delta out of the current body."""

    base: str
    """Hex hash of the version that the delta starts from."""
    slices: tuple[tuple[int, int], ...]
    """Half-open ranges of the current body, in order; their bytes together are the delta."""
    length: int
    """Of the delta, in bytes."""
    entries: int
    """How many entries it has; 0 when only the head changed, or entries were only removed."""


def version(document: Document) -> Version:
    """Keep what must be remembered of a document while readers may still hold it."""
    return Version(
        etag=document.etag,
        last_modified=document.last_modified,
        digests=frozenset(span.digest for span in document.entries),
    )


def plan(current: Document, base: Version) -> DeltaPlan | None:
    """Plan the delta from ``base`` to ``current``.

    None when there is nothing to gain: the versions are the same, or every entry is new (or there is none).
    """
    if base.etag == current.etag:
        return None
    entries = current.entries
    fresh = [at for at, span in enumerate(entries) if span.digest not in base.digests]
    if len(fresh) == len(entries):
        return None
    pieces = [(0, entries[0].start)]
    for place, at in enumerate(fresh):
        # What divides an entry from the one before goes with it, except in front of the first.
        pieces.append((entries[at - 1].end if place else entries[at].start, entries[at].end))
    pieces.append((entries[-1].end, len(current.body)))
    slices = tuple(_joined(pieces))
    return DeltaPlan(
        base=base.etag,
        slices=slices,
        length=sum(end - start for start, end in slices),
        entries=len(fresh),
    )


def _joined(pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch."""
    ranges: list[tuple[int, int]] = []
    for start, end in pieces:
        if ranges and ranges[-1][1] == start:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((start, end))
    return ranges


def body(document: Document, delta: DeltaPlan) -> bytes:
    """Cut the bytes of a delta; ``document`` is the one it was planned for."""
    return b"".join(document.body[start:end] for start, end in delta.slices)
