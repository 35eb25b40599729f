"""What differs between databases; everything else is said once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Row = sa.Row[*tuple[Any, ...]]


class Insert(Protocol):
    """``INSERT … ON CONFLICT``, which SQLAlchemy has once for each database."""

    def __call__(self, table: sa.Table, /) -> sqlite.Insert | postgresql.Insert:
        """Begin the statement."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """One database's way."""

    insert: Insert
    value: str
    """Stands for a value in a statement that is given to the driver as it is."""
    writer_settings: tuple[str, ...]
    """Said on the connection that writes, when it is new."""
    reader_settings: tuple[str, ...]
    """Said on every new connection that reads."""
    probe_settings: tuple[str, ...]
    """Said on a connection that is to find out whether one could write."""
    probe: str
    """Said in its transaction: an error when one could not."""
    begin_write: str | None
    """Begins a transaction that alone may write; None when the driver begins it."""
    begin_read: str | None
    """Begins a transaction that sees one state; None when the driver begins it."""
    alone: str | None
    """Said inside a writing transaction: no other process upgrades the schema before it ends. None when that is so anyway."""
    checks: Mapping[str, Callable[[Row], str]]
    """Statement → what a row of its result says is damaged; empty when the row says that all is well."""
    reader_options: Mapping[str, object]
    """Of the driver, for connections that read."""
    writer_options: Mapping[str, object]
    """Of the driver, for the connection that writes."""


def _integrity(row: Row) -> str:
    return "" if row[0] == "ok" else str(row[0])


def _foreign_key(row: Row) -> str:
    return f"row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there"


def _postgresql_insert(table: sa.Table, /) -> postgresql.Insert:
    # Most sites have a file: the dialects of PostgreSQL are 40 ms of a start.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415

    return postgresql.insert(table)


_LOCKS = "SET lock_timeout = '10s'"
"""As long as SQLite waits."""
_PATIENT: Mapping[str, object] = {
    "connect_timeout": 10,
    # A server that is gone without a word (power, a firewall that forgets) is noticed after half a minute, not after hours.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
"""How long the other end of a connection may be silent: seconds, and the last in milliseconds."""

DIFFERENCES: Mapping[str, Differences] = {
    "sqlite": Differences(
        insert=sqlite.insert,
        value="?",
        writer_settings=(
            # First, because turning to WAL needs a lock as well.
            "PRAGMA busy_timeout = 10000",
            "PRAGMA journal_mode = WAL",
            # What has been announced must not be forgotten by a power cut. It costs one fsync for each transaction.
            "PRAGMA synchronous = FULL",
            "PRAGMA foreign_keys = ON",
            # The log of one large pass is not kept at its full length for ever.
            "PRAGMA journal_size_limit = 16777216",
        ),
        reader_settings=("PRAGMA busy_timeout = 10000", "PRAGMA query_only = ON"),
        probe_settings=("PRAGMA busy_timeout = 0",),
        probe="SELECT 1",
        begin_write="BEGIN IMMEDIATE",
        begin_read="BEGIN",
        alone=None,
        checks={"PRAGMA integrity_check": _integrity, "PRAGMA foreign_key_check": _foreign_key},
        # An iterator may be begun in one thread and closed in another.
        reader_options={"check_same_thread": False},
        writer_options={},
    ),
    "postgresql": Differences(
        insert=_postgresql_insert,
        value="%s",
        writer_settings=(_LOCKS,),
        reader_settings=(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            _LOCKS,
        ),
        probe_settings=(),
        # A copy of another server refuses that.
        probe="SET TRANSACTION READ WRITE",
        begin_write=None,
        begin_read=None,
        # Any number will do as long as it stays the same.
        alone="SELECT pg_advisory_xact_lock(7239017543)",
        checks={},
        reader_options=_PATIENT,
        writer_options=_PATIENT,
    ),
}
"""Name of a SQLAlchemy dialect → its way."""

_WRITABLE = "make the file and its directory writable for the user that runs feedservice"
DAMAGED = (
    "restore a backup, or move the file away: posts are read anew, ids come from the ledger, and who subscribed is forgotten"
)
BUSY = "another process is writing: wait for it, or stop it"
_FULL = "free some space; nothing was changed"
HINTS: Mapping[str, str] = {
    "SQLITE_NOTADB": DAMAGED,
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_FULL": _FULL,
    "SQLITE_BUSY": BUSY,
    "SQLITE_READONLY": _WRITABLE,
    "SQLITE_PERM": _WRITABLE,
    "SQLITE_CANTOPEN": _WRITABLE,
    "SQLITE_IOERR": "the disk or the file system reports errors: look at the system's log",
    # PostgreSQL (its manual, appendix A).
    "25006": "the server takes no changes: name the primary, and not a copy of it",
    "42501": "let the user of the database make and change tables in its schema: GRANT USAGE, CREATE ON SCHEMA … TO …",
    "53100": _FULL,
    "53300": "the server has no room for another connection: raise max_connections, or find who holds them",
    "55P03": BUSY,
    "58": "the server reports errors of its disk or file system: look at its log",
    "XX": "the server reports damage: look at its log, and restore a backup; nothing was changed",
}
"""Beginning of SQLite's name for an error, or of PostgreSQL's code → what to do."""


def is_failure(error: sa.exc.DatabaseError) -> bool:
    """Return whether it is the database that failed, and not a statement of ours that is wrong."""
    failed = type(error) in {sa.exc.DatabaseError, sa.exc.OperationalError} or _known(error.orig) is not None
    return failed and getattr(error.orig, "sqlite_errorname", "") != "SQLITE_ERROR"


def hint(error: BaseException | None) -> str:
    """Return what to do about a driver's error."""
    return _known(error) or "see that the database can be reached"


def _known(error: BaseException | None) -> str | None:
    name = str(getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or "")
    return next((advice for known, advice in HINTS.items() if name.startswith(known)), None)
