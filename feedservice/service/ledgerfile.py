"""The identity ledger as a file that people can read, commit and merge: one post per line, as JSON, by path.

A line that is added by one branch and a line that is added by another are both kept (``merge=union``); what a merge leaves
behind, conflict marks, repeated and contradicting lines, is put in order here and said.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.feeds import ledger, reunion
from feedservice.feeds.ledger import Row
from feedservice.model import Post, Problem, Severity
from feedservice.service import files
from feedservice.store import LedgerRow

HEADER = "# feedservice: the permanent id of every post. Keep this file: whoever loses it sends old posts again."
_MARKS = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")
_FIELDS = dict.fromkeys(field.name for field in dataclasses.fields(Row))
"""In the order in which a line has them."""
_INSTANTS = frozenset({"first_seen", "out", "published", "updated", "withdrawn", "gone", "broken", "date"})
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_TOGETHER = 1_000
"""Lines that are read or written at a time: what they are read as takes ten times their room."""
_NEEDED = ("id", "path", "origin", "first_seen")
NO_POSTS: Mapping[str, Post] = MappingProxyType({})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a ledger file holds."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    loose: bool = False
    """Some lines are there twice, or the last is not at its end: the file wants to be written anew."""


def place(loaded: Loaded) -> Path:
    """Return where the ledger of a site is."""
    config = loaded.config
    return loaded.root / (config.feeds.ledger or f"{config.state}/ledger.jsonl")


def recall(path: Path) -> Read:
    """Return what the file holds, nothing when there is none yet. Raises ``RefusedError`` when a line is damaged."""
    data = bytes_of(path)
    return Read(rows=(), problems=()) if data is None else read(data, path)


def bytes_of(path: Path) -> bytes | None:
    """Return the bytes of the file, None when there is none. Raises ``RefusedError`` when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, 0, str(error)) from error


def read(data: bytes, path: Path, posts: Mapping[str, Post] = NO_POSTS) -> Read:
    """Return what the bytes of a ledger file say. Raises ``RefusedError`` when a line is damaged.

    What a row has in common with the one of ``posts`` (by path) that it is about is one object: a site has a hundred thousand.
    """
    every = enumerate(data.split(b"\n"), 1)
    lines = [(number, line) for number, line in every if line.strip() and not line.startswith(b"#")]
    torn = bool(lines) and not data.endswith(b"\n") and not _whole(lines[-1][1])
    if torn:
        # A process was ended while it wrote this line, and nobody has seen the id: feeds are written after the ledger.
        lines.pop()
    said = [(number, line) for number, line in lines if not line.startswith(_MARKS)]
    found = rows_of(said, path, posts)
    made = reunion.joined(found)
    problems = [_problem(path, message) for message in made.conflicts]
    if len(said) != len(lines):
        problems.append(_problem(path, "the file has the marks of a merge that was not finished; both sides are kept"))
    # What is written at its end would be written into its last line.
    open_end = bool(data) and not data.endswith(b"\n")
    return Read(rows=made.rows, problems=tuple(problems), loose=open_end or len(made.rows) != len(found))


def parse(text: str, path: Path) -> Read:
    """Return what the text of a ledger file says. Raises ``RefusedError`` when a line is damaged."""
    return read(text.encode("utf-8", "surrogatepass"), path)


def _whole(line: bytes) -> bool:
    try:
        return isinstance(_values(line), dict) or line.startswith(_MARKS)
    except ValueError:
        return line.startswith(_MARKS)


def _values(line: bytes) -> object:
    return json.loads(line.decode("utf-8", "surrogatepass"))


def rows_of(lines: Sequence[tuple[int, bytes]], path: Path, posts: Mapping[str, Post] = NO_POSTS) -> list[Row]:
    """Return what lines say; each comes with its number. Raises ``RefusedError`` when one is damaged."""
    read_one = _Reader(posts)
    found: list[Row] = []
    for start in range(0, len(lines), _TOGETHER):
        some = lines[start : start + _TOGETHER]
        try:
            # At once: a service starts with this, and one line after the other takes three times as long.
            values = _values(b"[" + b",".join([line for _, line in some]) + b"]")
            if isinstance(values, list) and len(values) == len(some):
                found += [read_one(each) for each in values]
                continue
        except (ValueError, _StrangeError):
            # Which line it is, is found below.
            pass
        for number, line in some:
            try:
                found.append(read_one(_values(line)))
            except (ValueError, _StrangeError) as error:
                raise _damaged(path, number, str(error)) from error
    return found


def text_of(rows: Iterable[Row]) -> str:
    """Return the text of a ledger file."""
    return "".join(_pieces(rows))


def parts_of(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield the bytes of a ledger file, some at a time: all of a large one are as much memory as its rows."""
    for piece in _pieces(rows):
        yield piece.encode("utf-8", "surrogatepass")


def _pieces(rows: Iterable[Row]) -> Iterator[str]:
    yield f"{HEADER}\n"
    ordered = ledger.ordered(rows)
    for start in range(0, len(ordered), _TOGETHER):
        yield "".join(f"{line_of(row)}\n" for row in ordered[start : start + _TOGETHER])


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace the file, durably, unless it says the same. Raises ``OSError``."""
    replace(path, parts_of(rows))


def replace(path: Path, parts: Iterable[bytes]) -> None:
    """Replace the bytes of the file, durably, unless they are the same. Raises ``OSError``."""
    staged = files.stage_parts(path, parts)
    if files.alike(staged):
        files.discard(staged)
        return
    files.commit(staged)
    files.settle({path.parent})


def stored(row: Row) -> LedgerRow:
    """Return a row as the store has it."""
    return LedgerRow(id=row.id, path=row.path, first_seen=row.first_seen, line=line_of(row))


def unstored(rows: Iterable[LedgerRow]) -> list[Row]:
    """Return rows of the store. Raises ``RefusedError`` when one is damaged."""
    lines = enumerate((row.line.encode("utf-8", "surrogatepass") for row in rows), 1)
    return rows_of(list(lines), Path("ledger of the store"))


def line_of(row: Row) -> str:
    """Return the line of a row."""
    values: dict[str, str] = {}
    for name in _FIELDS:
        value = getattr(row, name)
        if value:
            values[name] = value if isinstance(value, str) else value.isoformat().replace("+00:00", "Z")
    return _ENCODER.encode(values)


class _StrangeError(Exception):
    """A line is JSON, and no line of a ledger."""


class _Reader:
    """Reads lines; an instant that many have in common is made once."""

    def __init__(self, posts: Mapping[str, Post]) -> None:
        """Begin with none. ``posts`` as in ``read``."""
        self._instants: dict[str, datetime] = {}
        self._posts = posts

    def __call__(self, values: object) -> Row:
        """Return the row of a line. Raises ``_StrangeError`` and ``ValueError``."""
        if not isinstance(values, dict):
            raise _StrangeError("it is no JSON object")
        instants = self._instants
        known: dict[str, Any] = {}
        for name, value in values.items():
            if type(value) is not str:
                raise _StrangeError(f"{name} is no text")
            if name in _INSTANTS:
                instant = instants.get(value)
                if instant is None:
                    instant = instants[value] = datetime.fromisoformat(value).astimezone(UTC)
                known[name] = instant
            elif name in _FIELDS:
                known[name] = value
        for name in _NEEDED:
            if not known.get(name):
                raise _StrangeError(f"it has no {name}")
        post = self._posts.get(known["path"])
        if post is not None:
            _share(known, post)
        return Row(**known)


def _share(known: dict[str, Any], post: Post) -> None:
    """Let what a row has in common with a post be one object."""
    for name, value in (
        ("path", post.path),
        ("title", post.title),
        ("link", post.link),
        ("sketch", post.sketch),
        ("date", post.published),
        ("published", post.published),
    ):
        if known.get(name) == value:
            known[name] = value


def _problem(path: Path, message: str) -> Problem:
    hint = "nothing is lost; look at the file and commit it as it is written now"
    return Problem(rule="ledger.merged", severity=Severity.WARNING, message=message, hint=hint, path=path.name)


def _damaged(path: Path, number: int, reason: str) -> RefusedError:
    where = f"{path}:{number}" if number else str(path)
    hint = "restore it from a backup or from version control; without it, readers would be sent old posts again"
    return RefusedError(f"{where}: the ledger is damaged: {reason}", hint)
