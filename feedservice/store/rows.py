"""The nouns of the store as rows of ``tables``, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from feedservice.model import EntrySpan, Fingerprint
from feedservice.store import BodyRow, DocumentRow, FeedRow, LedgerRow, PastVersion, PostRow

Values = dict[str, Any]
"""Column → value."""
Found = sa.Row[*tuple[Any, ...]]
"""All columns of a table, in its order."""


def post_values(post: PostRow) -> Values:
    """Return the row of ``tables.posts``."""
    stat = post.fingerprint
    fingerprint = f"{stat.size} {stat.mtime_ns} {stat.inode}"
    return {"path": post.path, "fingerprint": fingerprint, "context": post.context, "record": post.record}


def post(row: Found) -> PostRow:
    """Read a row of ``tables.posts``."""
    path, stat, context, record = row
    return PostRow(path=path, fingerprint=_fingerprint(stat), context=context, record=record)


def fingerprint(row: Found) -> tuple[str, Fingerprint, str]:
    """Read what a row of ``tables.posts`` says of the file alone."""
    path, stat, context = row
    return path, _fingerprint(stat), context


def _fingerprint(stat: str) -> Fingerprint:
    size, mtime_ns, inode = stat.split()
    return Fingerprint(size=int(size), mtime_ns=int(mtime_ns), inode=int(inode))


def body_values(body: BodyRow) -> Values:
    """Return the row of ``tables.bodies``."""
    return {"path": body.path, "key": body.key, "body": body.body}


def document_values(document: DocumentRow) -> Values:
    """Return the row of ``tables.documents``."""
    spans = [(span.id, span.digest, span.start, span.end) for span in document.entries]
    return {
        "path": document.path,
        "feed": document.feed,
        "format": document.format,
        "url": document.url,
        "media_type": document.media_type,
        "etag": document.etag,
        "last_modified": document.last_modified,
        "size": document.size,
        # ASCII: an id may hold what no database text holds.
        "entries": json.dumps(spans, separators=(",", ":")),
    }


def document(row: Found) -> DocumentRow:
    """Read a row of ``tables.documents``."""
    values = dict(row._mapping)  # noqa: SLF001 - documented, in spite of its name
    spans = json.loads(values.pop("entries"))
    entries = tuple(EntrySpan(id=name, digest=digest, start=start, end=end) for name, digest, start, end in spans)
    return DocumentRow(**values, entries=entries)


def past_values(document: DocumentRow, at: datetime) -> Values:
    """Return the row of ``tables.versions`` for a document that was replaced."""
    return {
        "path": document.path,
        "etag": document.etag,
        "last_modified": document.last_modified,
        "digests": json.dumps(sorted({span.digest for span in document.entries}), separators=(",", ":")),
        "replaced_at": at,
    }


def past(row: Found) -> PastVersion:
    """Read a row of ``tables.versions``."""
    path, etag, last_modified, digests, replaced_at = row
    return PastVersion(
        path=path, etag=etag, last_modified=last_modified, digests=frozenset(json.loads(digests)), replaced_at=replaced_at
    )


def feed_values(feed: FeedRow) -> Values:
    """Return the row of ``tables.feeds``."""
    return {"key": feed.key, "inputs": feed.inputs, "record": feed.record}


def feed(row: Found) -> FeedRow:
    """Read a row of ``tables.feeds``."""
    key, inputs, record = row
    return FeedRow(key=key, inputs=inputs, record=record)


def ledger_values(entry: LedgerRow) -> Values:
    """Return the row of ``tables.ledger``."""
    return {"id": entry.id, "path": entry.path, "first_seen": entry.first_seen, "line": entry.line}


def ledger(row: Found) -> LedgerRow:
    """Read a row of ``tables.ledger``."""
    name, path, first_seen, line = row
    return LedgerRow(id=name, path=path, first_seen=first_seen, line=line)
