"""One database: how it is read, written and let go of, and what its failures are called."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from feedservice.store import StoreError, Stream, dialects, rows
from feedservice.store.connections import Work, Writer
from feedservice.store.dialects import Differences
from feedservice.store.seal import Seal

T = TypeVar("T")

_FETCHED = 1000
"""Rows that an iterator fetches at once."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file, whatever else may get its name."""

    path: Path
    device: int
    inode: int


def opened(path: Path) -> Opened | None:
    """Return the file that has a name now; None when there is none, or it cannot be looked at."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return Opened(path=path, device=stat.st_dev, inode=stat.st_ino)


class Database:
    """What ``SqlStore`` and ``SqlOutbox`` stand on."""

    def __init__(
        self,
        *,
        name: str,
        ways: Differences,
        readers: sa.Engine,
        prober: sa.Engine,
        writer: Writer,
        seal: Seal,
        file: Opened | None = None,
    ) -> None:
        """Keep the parts; ``name`` is the place as errors say it, ``file`` the one that is open, where it is one."""
        self._name = name
        self._ways = ways
        self._readers = readers
        self._prober = prober
        self._writer = writer
        self._seal = seal
        self._file = file
        self._closed = False
        self._closing = threading.Lock()

    def writable(self) -> None:
        """See ``Store.writable``."""
        self._refuse_closed()
        if self.lost():
            # To open it would make another.
            raise StoreError(f"{self._name}: the file was removed or replaced", "the next pass sees to it", path=self._name)
        try:
            with self._explained(), self._prober.connect() as connection:
                connection.exec_driver_sql(self._ways.probe)
        except StoreError as error:
            if error.hint != dialects.BUSY:
                raise

    def lost(self) -> bool:
        """See ``Store.lost``."""
        return self._file is not None and opened(self._file.path) != self._file

    def close(self) -> None:
        """See ``Store.close``."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._writer.close()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def _write(self, work: Work[T]) -> T:
        self._refuse_closed()
        with self._explained():
            return self._writer.run(work)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        self._refuse_closed()
        with self._explained(), self._readers.connect() as connection:
            yield connection

    def _stream(self, query: sa.Select[*tuple[Any, ...]], read: Callable[[rows.Found], T]) -> Stream[T]:
        # Not a generator itself, so that a closed store is refused here and not at the first item.
        self._refuse_closed()
        return self._each(query, read)

    def _each(self, query: sa.Select[*tuple[Any, ...]], read: Callable[[rows.Found], T]) -> Stream[T]:
        with self._reading() as connection, connection.execution_options(yield_per=_FETCHED).execute(query) as found:
            yield from map(read, found)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RuntimeError(f"the store {self._name} is closed")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what a person can mend into a ``StoreError``; the rest are bugs and are let through."""
        try:
            yield
        except sa.exc.DatabaseError as error:
            if not dialects.is_failure(error):
                raise
            advice = dialects.hint(error.orig)
            damaged = advice == dialects.DAMAGED
            # PostgreSQL's own words go over several lines.
            text = " ".join(str(error.orig).split())
            raise StoreError(f"{self._name}: {text}", advice, path=self._name, damaged=damaged) from error
