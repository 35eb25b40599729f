"""The ledger of a site: in memory, in its file, and in the store.

::

    file ─┬ says what the store says of it ─→ rows                       the store's are not even read
    store ┴ says something else ─reunion.reconciled→ rows ─→ both are brought up to date by the pass

The file is written before the feeds are, the store with everything else that a pass remembers: one of the two can be ahead, an
older one can be put back, either can be lost.
"""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from pathlib import Path

from feedservice.feeds import reunion
from feedservice.feeds.ledger import Row
from feedservice.feeds.reunion import Reunion
from feedservice.model import Post, Problem, Severity
from feedservice.service import ledgerfile
from feedservice.service.ledgerfile import NO_POSTS
from feedservice.store import LedgerRow

_SMALL = 2_000
"""Rows that are written anew in no time."""
_NAMED = 3
"""Posts that a sentence lists."""


def nothing() -> Iterable[LedgerRow]:
    """Return the rows of no store."""
    return ()


class Ledger:
    """What is known of the ids of a site."""

    def __init__(self, path: Path, *, agreed: str | None = None, stored: Callable[[], Iterable[LedgerRow]] = nothing) -> None:
        """``path`` is that of the file, ``stored`` reads the rows of the store. ``refresh`` reads what has to be read.

        ``agreed`` is ``digest`` as the store remembers it.
        """
        self.path = path
        self.rows: dict[str, Row] = {}
        """Id → row."""
        self.owed: dict[str, Row] = {}
        """Id → row, of those that the store does not have like this."""
        self.problems: tuple[Problem, ...] = ()
        self._agreed = agreed
        self._stored = stored
        self._known = False
        """``rows`` are what file and store say."""
        self._due = True
        """The file has to be written anew."""
        self._added = 0
        """Lines at its end since it was."""
        self._news = False
        """What somebody else wrote during the last pass is in ``rows``, and no pass has asked about it yet."""
        self._stamp: tuple[int, int, int] | None = None
        self._hash = hashlib.blake2b(digest_size=16)
        self._came: list[tuple[datetime, str]] | None = None
        """When which id was first out, in order, once somebody has asked."""
        self._never: set[str] = set()
        """Ids that were never out, as of the same time."""
        self._data: bytes | None = None
        """The bytes of the file, until they are read."""

    @property
    def digest(self) -> str:
        """Return what tells the file, as it was last read or written, from any other; empty when there was none."""
        return "" if self._stamp is None else self._hash.hexdigest()

    def agrees(self) -> bool:
        """Look at the file, and tell whether it is the one that the store remembers."""
        self._look()
        return bool(self.digest) and self.digest == self._agreed

    def refresh(self, there: Container[str], posts: Mapping[str, Post] = NO_POSTS) -> bool:
        """Bring ``rows`` up to date, and tell whether anything can be other than before.

        ``there`` are the paths of the posts that are there; what ``posts`` say too is not held twice. Raises ``RefusedError``
        when a line is damaged.
        """
        before = self.digest
        news, self._news = self._news, False
        if not self._look() and self._known:
            return news
        if self._known and self.digest == before:
            # Somebody touched it.
            self._data = None
            return news
        if self._data is None:
            found = ledgerfile.Read(rows=(), problems=())
        else:
            found = ledgerfile.read(self._data, self.path, posts)
            self._data = None
        if not self._known and self.digest and self.digest == self._agreed:
            self._take(found, Reunion(rows=found.rows), found.rows)
        else:
            store = tuple(self.rows.values()) if self._known else tuple(ledgerfile.unstored(self._stored()))
            self._take(found, reunion.reconciled(found.rows, store, there, posts), store)
        return True

    def write(self, changed: Iterable[Row]) -> None:
        """Remember rows in the file, durably; they are ``owed`` to the store. Raises ``OSError``.

        A large ledger gets lines at its end, of which the later counts: writing a hundred thousand for one takes too long. They
        are put in order when there are many, and by the next process. What somebody else wrote into the file since it was looked
        at stays; ``RefusedError`` when a line of that is damaged.
        """
        found = {row.id: row for row in changed}
        if not found and not self._due:
            return
        self.problems = ()
        if _stamp(self.path) != self._stamp:
            self._catch_up()
        self.owed |= found
        self._note_out(found.values())
        self.rows |= found
        self._added += len(found)
        if self._due or self._stamp is None or len(self.rows) <= _SMALL or self._added > len(self.rows) // 4:
            said = _hash(b"")
            ledgerfile.replace(self.path, _hashed(ledgerfile.parts_of(self.rows.values()), said))
            self._hash = said
            self._due, self._added = False, 0
        else:
            lines = "".join(f"{ledgerfile.line_of(row)}\n" for row in found.values()).encode("utf-8", "surrogatepass")
            _append(self.path, lines)
            self._hash.update(lines)
        self._stamp = _stamp(self.path)

    def out_since(self, instant: datetime) -> Collection[str]:
        """Return the ids that were not out at an instant: those that came out after it, and those that never were."""
        came = self._in_order()
        return self._never.union(name for _, name in came[bisect_right(came, instant, key=itemgetter(0)) :])

    def newest(self) -> datetime | None:
        """Return when the last one came out; None when none ever was."""
        came = self._in_order()
        return came[-1][0] if came else None

    def _in_order(self) -> list[tuple[datetime, str]]:
        if self._came is None:
            self._never = {row.id for row in self.rows.values() if row.out is None}
            self._came = sorted((row.out, row.id) for row in self.rows.values() if row.out is not None)
        return self._came

    def saved(self) -> None:
        """Take in that the store has what it was owed."""
        self.owed = {}
        self._agreed = self.digest

    def _catch_up(self) -> None:
        """Take in what somebody else wrote since the file was last looked at, such as `git pull` in the middle of a pass."""
        before = self.digest
        self._look()
        data, self._data = self._data, None
        if data is not None and self.digest != before:
            found = ledgerfile.read(data, self.path)
            there = {row.path for row in self.rows.values() if row.gone is None}
            store = tuple(self.rows.values())
            self._take(found, reunion.reconciled(found.rows, store, there), store)
            self._news = True
        self._due = self._due or self._stamp is None or self._news

    def _note_out(self, changed: Iterable[Row]) -> None:
        """Bring what ``out_since`` knows up to date, before the rows are."""
        came = self._came
        for row in changed if came is not None else ():
            before = self.rows.get(row.id)
            was = before.out if before is not None else None
            if was == row.out:
                if before is None:
                    self._never.add(row.id)
            elif came is not None and was is None and row.out is not None:
                self._never.discard(row.id)
                insort(came, (row.out, row.id))
            else:
                # Who was out stays so, whatever comes: this is another date, by hand, and all is asked anew.
                self._came = None
                return

    def _look(self) -> bool:
        """Read the bytes of the file when it is not what was last read or written; tell whether it was."""
        stamp = _stamp(self.path)
        if stamp is not None and stamp == self._stamp:
            return self._data is not None
        self._data = ledgerfile.bytes_of(self.path)
        self._stamp = None if self._data is None else stamp
        self._hash = _hash(self._data or b"")
        return True

    def _take(self, found: ledgerfile.Read, made: Reunion, store: Iterable[Row]) -> None:
        before = {row.id: row for row in store}
        self.owed |= {row.id: row for row in made.rows if (known := before.get(row.id)) is not row and known != row}
        self.rows = {row.id: row for row in made.rows}
        self._came = None
        self._due = found.loose or made.rows != found.rows
        self.problems = (*found.problems, *_problems(self.path, made, lost=self._stamp is None))
        self._known = True


def _problems(path: Path, made: Reunion, *, lost: bool) -> Iterable[Problem]:
    if made.missed:
        some = ", ".join(row.path for row in made.missed[:_NAMED])
        some += f" and {len(made.missed) - _NAMED} more" if len(made.missed) > _NAMED else ""
        if lost:
            message = "the ledger was not there any more, and is written anew from the store"
        else:
            message = f"the store knows posts that the ledger does not list, and they are put back: {some}"
        hint = "nothing is lost; commit the file as it is written now, if it is under version control"
        yield Problem(rule="ledger.restored", severity=Severity.WARNING, message=message, hint=hint, path=path.name)
    for conflict in made.conflicts:
        hint = "nothing that readers know has changed; look at the two lines, and at which of them is right"
        yield Problem(rule="ledger.conflict", severity=Severity.WARNING, message=conflict, hint=hint, path=path.name)


def _append(path: Path, lines: bytes) -> None:
    with path.open("ab") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def _hash(data: bytes) -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=16)


def _hashed(parts: Iterable[bytes], said: hashlib.blake2b) -> Iterator[bytes]:
    for part in parts:
        said.update(part)
        yield part


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino
