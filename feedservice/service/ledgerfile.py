"""The identity ledger as a file that people can read, commit and merge: one post per line, as JSON, by path.

A line that is added by one branch and a line that is added by another are both kept (``merge=union``); what a merge leaves
behind, conflict marks, repeated and contradicting lines, is put in order here and said.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.feeds import ledger
from feedservice.feeds.ledger import Row
from feedservice.model import Problem, Severity
from feedservice.service import files

HEADER = "# feedservice: the permanent id of every post. Keep this file: whoever loses it sends old posts again."
_MARKS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
_FIELDS = tuple(field.name for field in dataclasses.fields(Row))
_INSTANTS = frozenset({"first_seen", "out", "published", "updated", "withdrawn", "gone", "broken", "date"})
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_SMALL = 2_000
"""Rows that are written anew in no time."""
_NEEDED = ("id", "path", "origin", "first_seen")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a ledger file holds."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    loose: bool = False
    """Some lines are there twice: the file wants to be written anew."""


class Ledger:
    """The ledger of a site in memory, as its file has it."""

    def __init__(self, path: Path) -> None:
        """``path`` is that of the file; ``refresh`` reads it."""
        self.path = path
        self.rows: dict[str, Row] = {}
        """Id → row."""
        self.problems: tuple[Problem, ...] = ()
        self._loose = True
        self._stamp: tuple[int, int, int] | None = None

    def refresh(self) -> bool:
        """Read the file when it is not what was last read or written, and tell whether it was.

        Raises ``RefusedError`` when a line is damaged.
        """
        stamp = _stamp(self.path)
        if stamp is not None and stamp == self._stamp:
            return False
        read = recall(self.path)
        self.rows = {row.id: row for row in read.rows}
        self.problems, self._loose, self._stamp = read.problems, read.loose or bool(read.problems), stamp
        return True

    def write(self, changed: Iterable[Row]) -> None:
        """Remember rows, durably. Raises ``OSError``.

        A large ledger gets lines at its end, of which the later counts: writing a hundred thousand for one takes too long. The
        next process puts them in order.
        """
        found = list(changed)
        if not found and not self.problems:
            return
        self.rows |= {row.id: row for row in found}
        if self._loose or self._stamp is None or len(self.rows) <= _SMALL or len(found) > len(self.rows) // 4:
            write(self.path, self.rows.values())
            self._loose = False
        else:
            _append(self.path, found)
        self.problems = ()
        self._stamp = _stamp(self.path)


def place(loaded: Loaded) -> Path:
    """Return where the ledger of a site is."""
    config = loaded.config
    return loaded.root / (config.feeds.ledger or f"{config.state}/ledger.jsonl")


def opened(loaded: Loaded) -> Ledger:
    """Return the ledger of a site, read. Raises ``RefusedError`` when a line is damaged."""
    made = Ledger(place(loaded))
    made.refresh()
    return made


def recall(path: Path) -> Read:
    """Return what the file holds, nothing when there is none yet. Raises ``RefusedError`` when a line is damaged."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogatepass")
    except FileNotFoundError:
        return Read(rows=(), problems=())
    except (OSError, ValueError) as error:
        raise _damaged(path, 0, str(error)) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Read:
    """Return what the text of a ledger file says."""
    found: list[Row] = []
    merged = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(_MARKS):
            merged = True
        elif line.strip() and not line.startswith("#"):
            found.append(_row(line, number, path))
    rows, contradictions = _joined(found)
    problems = [_problem(path, message) for message in contradictions]
    if merged:
        problems.append(_problem(path, "the file has the marks of a merge that was not finished; both sides are kept"))
    return Read(rows=rows, problems=tuple(problems), loose=len(rows) != len(found))


def text_of(rows: Iterable[Row]) -> str:
    """Return the text of a ledger file."""
    return "\n".join([HEADER, *(_line(row) for row in ledger.ordered(rows)), ""])


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file, durably, unless it says the same. Raises ``OSError``."""
    body = text_of(rows).encode("utf-8", "surrogatepass")
    if not files.same(path, body):
        files.commit(files.stage(path, body))
        files.settle({path.parent})


def _append(path: Path, rows: Iterable[Row]) -> None:
    with path.open("ab") as file:
        file.write("".join(f"{_line(row)}\n" for row in rows).encode("utf-8", "surrogatepass"))
        file.flush()
        os.fsync(file.fileno())


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _line(row: Row) -> str:
    values: dict[str, str] = {}
    for name in _FIELDS:
        value = getattr(row, name)
        if value:
            values[name] = value if isinstance(value, str) else value.isoformat().replace("+00:00", "Z")
    return _ENCODER.encode(values)


def _row(line: str, number: int, path: Path) -> Row:
    try:
        values = json.loads(line)
        if not isinstance(values, dict) or not all(isinstance(each, str) for each in values.values()):
            raise _damaged(path, number, "it is no JSON object of texts")
        missing = [name for name in _NEEDED if not values.get(name)]
        if missing:
            raise _damaged(path, number, f"it has no {missing[0]}")
        known: dict[str, Any] = {
            name: datetime.fromisoformat(value).astimezone(UTC) if name in _INSTANTS else value
            for name, value in values.items()
            if name in _FIELDS
        }
    except ValueError as error:
        raise _damaged(path, number, str(error)) from error
    return Row(**known)


def _joined(rows: Iterable[Row]) -> tuple[tuple[Row, ...], list[str]]:
    """Return one row per id and one post per path; what is said of a post twice is true of both sides, first dates first."""
    by_id: dict[str, Row] = {}
    for row in rows:
        before = by_id.get(row.id)
        by_id[row.id] = row if before is None else _both(before, row)
    places: dict[str, Row] = {}
    contradictions: list[str] = []
    for row in sorted(by_id.values(), key=lambda each: (each.out is None, each.out or each.first_seen, each.id)):
        if row.gone is not None:
            continue
        first = places.setdefault(row.path, row)
        if first is not row:
            contradictions.append(f"{row.path} has two ids, {first.id} and {row.id}; readers keep the first")
            by_id[row.id] = dataclasses.replace(row, gone=row.first_seen, withdrawn=row.out and row.first_seen)
    return ledger.ordered(by_id.values()), contradictions


def _both(one: Row, other: Row) -> Row:
    """Return what two lines of one id say together: the later says where it is, both say since when."""
    out = [each for each in (one, other) if each.out is not None]
    early = min(out, key=lambda each: each.out or each.first_seen, default=other)
    updated = [each.updated for each in (one, other) if each.updated is not None]
    return dataclasses.replace(
        other,
        claim=other.claim or one.claim,
        first_seen=min(one.first_seen, other.first_seen),
        out=early.out,
        published=early.published,
        updated=max(updated, default=None),
    )


def _problem(path: Path, message: str) -> Problem:
    hint = "nothing is lost; look at the file and commit it as it is written now"
    return Problem(rule="ledger.merged", severity=Severity.WARNING, message=message, hint=hint, path=path.name)


def _damaged(path: Path, number: int, reason: str) -> RefusedError:
    where = f"{path}:{number}" if number else str(path)
    hint = "restore it from a backup or from version control; without it, readers would be sent old posts again"
    return RefusedError(f"{where}: the ledger is damaged: {reason}", hint)
