"""The identity ledger as a file that people can read, commit and merge: one post per line, as JSON, by path.

A line that is added by one branch and a line that is added by another are both kept (``merge=union``); what a merge leaves
behind, conflict marks, repeated and contradicting lines, is put in order here and said.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedservice import dates
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
_NEEDED = ("id", "path", "origin", "first_seen")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a ledger file holds."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def place(loaded: Loaded) -> Path:
    """Return where the ledger of a site is."""
    config = loaded.config
    return loaded.root / (config.feeds.ledger or f"{config.state}/ledger.jsonl")


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
    return Read(rows=rows, problems=tuple(problems))


def text_of(rows: Iterable[Row]) -> str:
    """Return the text of a ledger file."""
    return "\n".join([HEADER, *(_line(row) for row in ledger.ordered(rows)), ""])


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file, durably, unless it says the same. Raises ``OSError``."""
    body = text_of(rows).encode("utf-8", "surrogatepass")
    if not files.same(path, body):
        files.commit(files.stage(path, body))
        files.settle({path.parent})


def _line(row: Row) -> str:
    values: dict[str, str] = {}
    for name in _FIELDS:
        value = getattr(row, name)
        if value not in {None, ""}:
            values[name] = _instant(value) if isinstance(value, datetime) else value
    return json.dumps(values, ensure_ascii=False)


def _instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z") if value.microsecond else dates.rfc3339(value, "UTC")


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
    """Return what two lines of one id say together. Where it is now is what the one says that was not left."""
    first, second = (other, one) if one.gone is not None and other.gone is None else (one, other)
    out = [each for each in (one, other) if each.out is not None]
    early = min(out, key=lambda each: each.out or each.first_seen, default=first)
    updated = [each.updated for each in (one, other) if each.updated is not None]
    return dataclasses.replace(
        first,
        claim=first.claim or second.claim,
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
