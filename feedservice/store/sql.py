"""The store on a relational database: the same statements for SQLite and PostgreSQL.

All writes go through one thread that owns one connection; each read has a connection of its own. What differs between the
databases stands in ``dialects``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from feedservice.deliveries import Announcement
from feedservice.model import Fingerprint, Problem, Severity
from feedservice.store import (
    BodyRow,
    Changes,
    DocumentRow,
    FeedRow,
    LedgerRow,
    PastVersion,
    PostRow,
    StoreError,
    Stream,
    connections,
    dialects,
    history_sql,
    migrations,
    outbox_writes,
    refuse_other_zones,
    rows,
    tables,
    writes,
)
from feedservice.store.connections import Writer
from feedservice.store.database import opened
from feedservice.store.dialects import DIFFERENCES
from feedservice.store.history import Event
from feedservice.store.outbox_sql import SqlOutbox
from feedservice.store.seal import Seal

_SMALLEST = 512
"""Bytes of the smallest page of SQLite, and so of the smallest file."""
_NOTHING: Changes[Any] = Changes()


KEY_FILE = "secrets.key"


def open_store(place: Path | str, *, key_file: Path | None = None) -> SqlStore:
    """Open a store, create what is missing, and bring its schema up to date.

    ``place``: path of an SQLite file, or the SQLAlchemy URL of a database. ``key_file`` is what secrets are sealed with, made
    when there is a first one; for a file it is ``secrets.key`` beside it, and without one a database takes no secrets.

    Raises ``StoreError`` when the store cannot be used as it is; nothing is ever deleted or begun anew. A process that forks does
    so before it opens a store.
    """
    file = None
    if isinstance(place, Path):
        _make_file(place)
        file = opened(place.absolute())
        # Connections are made later, when the working directory may be another.
        name, url = str(place), sa.URL.create("sqlite", database=str(place.absolute()))
        key_file = key_file or place.absolute().with_name(KEY_FILE)
    else:
        url = sa.make_url(place)
        name = url.render_as_string()
    ways = DIFFERENCES[url.get_backend_name()]
    writer = Writer(connections.writing(url, ways))
    seal = Seal(key_file, name=name)
    readers, prober = connections.reading(url, ways), connections.probing(url, ways)
    store = SqlStore(name=name, ways=ways, readers=readers, prober=prober, writer=writer, seal=seal, file=file)
    try:
        store.upgrade()
    except BaseException:
        store.close()
        raise
    return store


def _make_file(path: Path) -> None:
    """Make sure of a file that only its owner can read: the store will hold secrets. An empty file is an empty database.

    A file that is there is looked at from outside: closing it would take away the locks of another store in this process.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        size = path.stat().st_size
    except OSError as error:
        hint = "make the file and its directory writable for the user that runs feedservice, or choose another `state` directory"
        raise StoreError(f"{path}: {error.strerror}", hint, path=str(path)) from error
    # SQLite itself takes a file of a few bytes for an empty one, and writes over it.
    if 0 < size < _SMALLEST:
        raise StoreError(f"{path}: file is not a database", dialects.DAMAGED, path=str(path), damaged=True)


class SqlStore(SqlOutbox):
    """``feedservice.store.Store`` and ``feedservice.store.outbox.Outbox`` on a database; ``open_store`` makes one."""

    def upgrade(self) -> None:
        """Bring the schema up to date, in one transaction. Raises ``StoreError`` when it is not ours, or too new."""
        self._write(self._upgrade)

    def posts(self) -> Stream[PostRow]:
        """See ``Store.posts``."""
        return self._stream(sa.select(tables.posts).order_by(tables.posts.c.path), rows.post)

    def fingerprints(self) -> Stream[tuple[str, Fingerprint, str]]:
        """See ``Store.fingerprints``."""
        index = tables.posts.c
        return self._stream(sa.select(index.path, index.fingerprint, index.context).order_by(index.path), rows.fingerprint)

    def bodies(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], bytes]:
        """See ``Store.bodies``."""
        table = tables.bodies
        both = sa.tuple_(table.c.path, table.c.key)
        found: dict[tuple[str, str], bytes] = {}
        with self._reading() as connection:
            for batch in writes.batches(keys):
                # SQLite finds pairs by reading the whole table; by path it uses the index.
                asked = sa.and_(table.c.path.in_([path for path, _ in batch]), both.in_(batch))
                for path, key, body in connection.execute(sa.select(table).where(asked)):
                    found[path, key] = body
        return found

    def documents(self) -> Stream[DocumentRow]:
        """See ``Store.documents``."""
        return self._stream(sa.select(tables.documents).order_by(tables.documents.c.path), rows.document)

    def versions(self) -> Stream[PastVersion]:
        """See ``Store.versions``."""
        past = tables.versions.c
        query = sa.select(tables.versions).order_by(past.path, past.replaced_at.desc(), past.etag)
        return self._stream(query, rows.past)

    def feeds(self) -> Stream[FeedRow]:
        """See ``Store.feeds``."""
        return self._stream(sa.select(tables.feeds).order_by(tables.feeds.c.key), rows.feed)

    def ledger(self) -> Stream[LedgerRow]:
        """See ``Store.ledger``."""
        return self._stream(sa.select(tables.ledger).order_by(tables.ledger.c.path, tables.ledger.c.id), rows.ledger)

    def events(self, *, feed: str | None = None, entry: str | None = None, since: datetime | None = None) -> Stream[Event]:
        """See ``Store.events``."""
        return self._stream(history_sql.select(feed, entry, since), history_sql.event)

    def meta(self) -> Mapping[str, str]:
        """See ``Store.meta``."""
        with self._reading() as connection:
            return dict(connection.execute(sa.select(tables.meta.c.key, tables.meta.c.value)).all())

    def replace_posts(
        self, changed: Sequence[PostRow] = (), removed: Collection[str] = (), bodies: Sequence[BodyRow] = ()
    ) -> None:
        """See ``Store.replace_posts``."""

        def work(connection: sa.Connection) -> None:
            writes.write_posts(connection, self._ways.insert, Changes(changed=changed, removed=removed))
            writes.write_bodies(connection, self._ways.insert, bodies)

        self._write(work)

    def publish(
        self,
        *,
        at: datetime,
        posts: Changes[PostRow] = _NOTHING,
        bodies: Sequence[BodyRow] = (),
        documents: Changes[DocumentRow] = _NOTHING,
        feeds: Changes[FeedRow] = _NOTHING,
        ledger: Changes[LedgerRow] = _NOTHING,
        events: Sequence[Event] = (),
        events_since: datetime | None = None,
        meta: Mapping[str, str | None] | None = None,
        announcement: Announcement | None = None,
    ) -> tuple[DocumentRow, ...]:
        """See ``Store.publish``."""
        refuse_other_zones("at", at)
        insert = self._ways.insert

        def work(connection: sa.Connection) -> tuple[DocumentRow, ...]:
            writes.write_posts(connection, insert, posts)
            writes.write_bodies(connection, insert, bodies)
            written = writes.write_documents(connection, insert, documents, at)
            writes.write_feeds(connection, insert, feeds)
            writes.write_ledger(connection, insert, ledger)
            history_sql.write(connection, events, events_since)
            writes.write_meta(connection, insert, meta or {})
            if announcement is not None:
                outbox_writes.write_announcement(connection, insert, self._seal, announcement)
            return written

        return self._write(work)

    def prune(self, before: datetime) -> int:
        """See ``Store.prune``."""
        refuse_other_zones("before", before)
        return self._write(lambda connection: writes.prune(connection, before))

    def renew(self, at: datetime) -> Mapping[str, int]:
        """See ``Store.renew``."""
        refuse_other_zones("at", at)
        return self._write(lambda connection: writes.renew(connection, self._ways.insert, at))

    def integrity(self) -> tuple[Problem, ...]:
        """See ``Store.integrity``."""
        said: list[str] = []
        try:
            with self._reading() as connection:
                for check, reading in self._ways.checks.items():
                    said += filter(None, map(reading, connection.exec_driver_sql(check)))
        except StoreError as error:
            said.append(str(error))
        return tuple(
            Problem(rule="store.damaged", severity=Severity.ERROR, message=what, hint=dialects.DAMAGED, path=self._name)
            for what in said
        )

    def _upgrade(self, connection: sa.Connection) -> None:
        if self._ways.alone is not None:
            connection.exec_driver_sql(self._ways.alone)
        found, newest = migrations.current(connection), migrations.REVISIONS[-1]
        if found == newest:
            return
        if found == migrations.FOREIGN:
            text = f"{self._name} has tables, but not those of feedservice"
            raise StoreError(text, "name another file or database", path=self._name)
        if found is not None and found not in migrations.REVISIONS:
            text = f"{self._name} has schema {found}, and this program knows none after {newest}"
            raise StoreError(text, "install the newer feedservice that has used it, or restore a backup", path=self._name)
        migrations.upgrade(connection, newest)
