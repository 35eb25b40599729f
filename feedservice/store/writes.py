"""What is written, statement by statement. Every function here runs inside a transaction that its caller has begun."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from feedservice.store import BodyRow, Changes, DocumentRow, FeedRow, LedgerRow, PostRow, rows, tables
from feedservice.store.dialects import Insert

T = TypeVar("T")

BATCH = 500
"""Rows in one step, keys in one question."""


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Yield the items in lists of at most ``BATCH``."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def write_posts(connection: sa.Connection, insert: Insert, changes: Changes[PostRow]) -> None:
    """Remember posts; see ``Store.replace_posts`` for which bodies go."""
    _forget(connection, tables.posts, changes.removed)
    known, bodies = tables.posts.c, tables.bodies.c
    another = sa.or_(known.context != sa.bindparam("its_context"), known.record != sa.bindparam("its_record"))
    same_path = known.path == sa.bindparam("its_path")
    stale = sa.delete(tables.bodies).where(bodies.path == sa.bindparam("its_path"), sa.exists().where(same_path, another))
    for batch in batches(changes.changed):
        connection.execute(stale, [{"its_path": p.path, "its_context": p.context, "its_record": p.record} for p in batch])
        upsert(connection, insert, tables.posts, map(rows.post_values, batch))


def write_bodies(connection: sa.Connection, insert: Insert, bodies: Sequence[BodyRow]) -> None:
    """Remember bodies. Raises ``ValueError`` when one has no post."""
    for batch in batches(bodies):
        paths = {body.path for body in batch}
        known = connection.execute(sa.select(tables.posts.c.path).where(tables.posts.c.path.in_(paths))).scalars()
        missing = paths.difference(known)
        if missing:
            raise ValueError(f"bodies of posts that are not in the index: {sorted(missing)}")
        upsert(connection, insert, tables.bodies, map(rows.body_values, batch))


def write_documents(
    connection: sa.Connection, insert: Insert, changes: Changes[DocumentRow], at: datetime
) -> tuple[DocumentRow, ...]:
    """Remember documents and what they replace; return them with the ``last_modified`` that is kept."""
    for paths in batches(changes.removed):
        _retire(connection, insert, _documents(connection, paths).values(), at)
    _forget(connection, tables.documents, changes.removed)
    written: list[DocumentRow] = []
    last = {document.path: document for document in changes.changed}
    for batch in batches(last.values()):
        written += _replace(connection, insert, batch, at)
    return tuple(written)


def _replace(connection: sa.Connection, insert: Insert, batch: Sequence[DocumentRow], at: datetime) -> list[DocumentRow]:
    paths = [document.path for document in batch]
    before = _documents(connection, paths)
    latest = _latest(connection, paths)
    kept: list[DocumentRow] = []
    for document in batch:
        path, instants = document.path, [document.last_modified]
        if path in latest:
            instants.append(latest[path])
        if path in before:
            instants.append(before[path].last_modified)
        kept.append(dataclasses.replace(document, last_modified=max(instants)))
    etags = {document.path: document.etag for document in kept}
    _retire(connection, insert, (old for path, old in before.items() if old.etag != etags[path]), at)
    past = tables.versions.c
    served_again = sa.delete(tables.versions).where(past.path == sa.bindparam("its_path"), past.etag == sa.bindparam("its_etag"))
    connection.execute(served_again, [{"its_path": path, "its_etag": etag} for path, etag in etags.items()])
    upsert(connection, insert, tables.documents, map(rows.document_values, kept))
    return kept


def _documents(connection: sa.Connection, paths: Collection[str]) -> dict[str, DocumentRow]:
    found = connection.execute(sa.select(tables.documents).where(tables.documents.c.path.in_(paths)))
    return {document.path: document for document in map(rows.document, found)}


def _latest(connection: sa.Connection, paths: Collection[str]) -> dict[str, datetime]:
    past = tables.versions.c
    newest = sa.func.max(past.last_modified, type_=tables.Instant)
    found = connection.execute(sa.select(past.path, newest).where(past.path.in_(paths)).group_by(past.path))
    return dict(found.all())


def _retire(connection: sa.Connection, insert: Insert, documents: Iterable[DocumentRow], at: datetime) -> None:
    upsert(connection, insert, tables.versions, (rows.past_values(document, at) for document in documents))


def write_feeds(connection: sa.Connection, insert: Insert, changes: Changes[FeedRow]) -> None:
    """Remember feeds."""
    for keys in batches(changes.removed):
        connection.execute(sa.delete(tables.feeds).where(tables.feeds.c.key.in_(keys)))
    for batch in batches(changes.changed):
        upsert(connection, insert, tables.feeds, map(rows.feed_values, batch))


def write_ledger(connection: sa.Connection, insert: Insert, changes: Changes[LedgerRow]) -> None:
    """Remember ids."""
    for ids in batches(changes.removed):
        connection.execute(sa.delete(tables.ledger).where(tables.ledger.c.id.in_(ids)))
    for batch in batches(changes.changed):
        upsert(connection, insert, tables.ledger, map(rows.ledger_values, batch))


def write_meta(connection: sa.Connection, insert: Insert, facts: Mapping[str, str | None]) -> None:
    """Remember facts, and forget those that are None."""
    gone = [key for key, value in facts.items() if value is None]
    for batch in batches(gone):
        connection.execute(sa.delete(tables.meta).where(tables.meta.c.key.in_(batch)))
    upsert(connection, insert, tables.meta, ({"key": key, "value": value} for key, value in facts.items() if value is not None))


def prune(connection: sa.Connection, before: datetime) -> int:
    """Forget past versions; return how many."""
    return connection.execute(sa.delete(tables.versions).where(tables.versions.c.replaced_at < before)).rowcount


def renew(connection: sa.Connection, insert: Insert, at: datetime) -> Mapping[str, int]:
    """Forget the index, and move the documents that cannot be read to the past; see ``Store.renew``."""
    connection.execute(sa.delete(tables.bodies))
    forgotten = {table.name: connection.execute(sa.delete(table)).rowcount for table in (tables.posts, tables.feeds)}
    unread: list[str] = []
    for row in connection.execute(sa.select(tables.documents)).all():
        try:
            rows.document(row)
        except (ValueError, TypeError, LookupError):
            unread.append(row.path)
            kept = {"path": row.path, "etag": row.etag, "last_modified": row.last_modified, "digests": "[]", "replaced_at": at}
            upsert(connection, insert, tables.versions, [kept])
    _forget(connection, tables.documents, unread)
    return forgotten | {tables.documents.name: len(unread)}


def _forget(connection: sa.Connection, table: sa.Table, paths: Collection[str]) -> None:
    for batch in batches(paths):
        connection.execute(sa.delete(table).where(table.c.path.in_(batch)))


def upsert(connection: sa.Connection, insert: Insert, table: sa.Table, values: Iterable[rows.Values]) -> None:
    """Insert rows, or replace those with the same primary key."""
    found = list(values)
    if not found:
        return
    statement = insert(table)
    rest = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=rest), found)
