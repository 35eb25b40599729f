"""Delta feeds: the entries that are new or changed since a version the reader has (RFC 3229 with the method ``feed``).

A delta is the current document without the entries that the older version already had: its head, the remaining entries
with what divides them, its end. It is a whole feed in itself, so a reader needs no code for it beyond asking.

Entries that left the feed are not mentioned: readers keep what they have seen, just as with a whole document. A delta
therefore never says less than the document would. An entry that moved without a change of its own is left out too.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from feedservice import cutting
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
    slices: cutting.Slices
    """Of the current body; their bytes together are the delta."""
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
    found = cutting.slices(current.entries, len(current.body), base.digests)
    if found is None:
        return None
    slices, entries = found
    return DeltaPlan(base=base.etag, slices=slices, length=sum(end - start for start, end in slices), entries=entries)


def body(document: Document, delta: DeltaPlan) -> bytes:
    """Cut the bytes of a delta; ``document`` is the one it was planned for."""
    return cutting.cut(document.body, delta.slices)
