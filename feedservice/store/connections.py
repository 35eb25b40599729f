"""Connections: one thread that owns the one that writes, and new ones for those who read."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa

from feedservice.store.dialects import Differences

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
"""What is done in one transaction."""

_PATIENCE = 10.0
"""Seconds for which a lock is waited for."""
_PAUSE = 0.01
"""Seconds between two tries."""


def reading(url: sa.URL, ways: Differences) -> sa.Engine:
    """Return an engine whose connections only read, each in a transaction that sees one state."""
    # A connection to SQLite costs half a millisecond; none stays open, and none is carried into a forked process.
    engine = _engine(url, ways.reader_options)
    return _configured(engine, ways.reader_settings, ways.begin_read)


def writing(url: sa.URL, ways: Differences) -> sa.Engine:
    """Return an engine for the one connection that writes."""
    return _configured(_engine(url, ways.writer_options), ways.writer_settings, ways.begin_write)


def probing(url: sa.URL, ways: Differences) -> sa.Engine:
    """Return an engine whose connections begin a write and do none; nobody is waited for."""
    return _configured(_engine(url, ways.writer_options), ways.probe_settings, ways.begin_write)


def _engine(url: sa.URL, options: Mapping[str, object]) -> sa.Engine:
    # What a statement was given (callbacks, payloads) is nobody's business who reads an error of it, or a traceback in a log.
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=dict(options), hide_parameters=True)


def _configured(engine: sa.Engine, settings: Sequence[str], begin: str | None) -> sa.Engine:
    def configure(connection: Any, _record: object) -> None:
        if begin is not None:
            # Python's driver would begin transactions at a time of its own choice, and none for a reader.
            connection.isolation_level = None
        cursor = connection.cursor()
        for setting in settings:
            _say(cursor, setting)
        cursor.close()
        connection.commit()

    sa.event.listen(engine, "connect", configure)
    if begin is not None:
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _say(cursor: Any, setting: str) -> None:
    """Say it until it is heard.

    For a stronger lock in place of a weaker one SQLite does not wait, since two that do so would wait for each other. Two
    processes that turn a new database to WAL at once meet in this way.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute(setting)
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
        else:
            return


class Writer:
    """One thread and its one connection. Work is done in the order in which it was asked for."""

    def __init__(self, engine: sa.Engine) -> None:
        """Keep the engine; the thread and the connection begin with the first work."""
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._connection: sa.Connection | None = None

    def run(self, work: Work[T]) -> T:
        """Do the work in one transaction and return what it returns. Raises what it raises, with everything rolled back."""
        return self._thread.submit(self._transact, work).result()

    def close(self) -> None:
        """Finish what was asked for, and let go of the connection in the thread that owns it."""
        self._thread.submit(self._disconnect).result()
        self._thread.shutdown()

    def _transact(self, work: Work[T]) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
        with self._connection.begin():
            return work(self._connection)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
