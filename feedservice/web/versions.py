"""Older versions of documents, remembered for as long as readers may hold them: what deltas start from.

A pure table that goes from pass to pass: ``advance`` takes what was remembered and what is published now. The shell keeps it
in a file between runs.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from feedservice.model import Published
from feedservice.web.delta import Version

MOST = 100
"""Older versions remembered of one document; the oldest are forgotten first."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A version that was replaced or removed."""

    version: Version
    replaced: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """One document over time."""

    current: Version | None
    """None while it is not published."""
    past: tuple[Past, ...] = ()
    """The one replaced last comes first."""


Memory = Mapping[str, Remembered]
"""Output path → what is remembered of the document there."""


def advance(memory: Memory, published: Iterable[Published], *, now: datetime, keep: timedelta) -> Memory:
    """Take in what is published now, and forget what was replaced longer than ``keep`` ago."""
    documents = {each.path: each for each in published if each.entries and not each.immutable}
    moved: dict[str, Remembered] = {}
    for path in (*memory, *(path for path in documents if path not in memory)):
        known = memory.get(path, Remembered(current=None))
        current = _version(documents[path], known) if path in documents else None
        past = [each for each in known.past if now - each.replaced < keep]
        if known.current is not None and (current is None or current.etag != known.current.etag):
            past.insert(0, Past(version=known.current, replaced=now))
        # A version that is published again is no longer past.
        kept = tuple(each for each in past if current is None or each.version.etag != current.etag)[:MOST]
        if current is not None or kept:
            moved[path] = Remembered(current=current, past=kept)
    return moved


def _version(document: Published, known: Remembered) -> Version:
    if known.current is not None and known.current.etag == document.etag:
        return known.current
    digests = frozenset(span.digest for span in document.entries)
    return Version(etag=document.etag, last_modified=document.last_modified, digests=digests)


def older(memory: Memory, path: str) -> Mapping[str, Version]:
    """Return the older versions of a document by hash, the newest first."""
    known = memory.get(path)
    return {each.version.etag: each.version for each in known.past} if known is not None else {}


def to_json(memory: Memory) -> bytes:
    """Write the table down."""
    rows = {
        path: {
            "current": None if known.current is None else _row(known.current),
            "past": [{**_row(each.version), "replaced": each.replaced.isoformat()} for each in known.past],
        }
        for path, known in sorted(memory.items())
    }
    return json.dumps({"documents": rows}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _row(version: Version) -> dict[str, str]:
    return {
        "etag": version.etag,
        "last_modified": version.last_modified.isoformat(),
        "digests": _digests(version.digests),
    }


@functools.lru_cache(maxsize=2048)
def _digests(digests: frozenset[str]) -> str:
    """Return them as one text. Of the hundreds of documents of a site a pass changes a few."""
    return " ".join(sorted(digests))


def from_json(data: bytes) -> Memory:
    """Read what ``to_json`` wrote; raises ``ValueError`` for anything else."""
    try:
        rows = json.loads(data.decode("utf-8", "surrogatepass"))["documents"]
        return {
            str(path): Remembered(
                current=None if row["current"] is None else _read(row["current"]),
                past=tuple(Past(version=_read(each), replaced=_instant(each["replaced"])) for each in row["past"]),
            )
            for path, row in rows.items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no table of versions: {error!r}") from error


def _read(row: Mapping[str, str]) -> Version:
    digests = frozenset(row["digests"].split())
    return Version(etag=str(row["etag"]), last_modified=_instant(row["last_modified"]), digests=digests)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
