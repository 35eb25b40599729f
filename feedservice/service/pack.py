"""Many small texts in one file: the sources of all that feeds show, of which one in a thousand is ever asked for.

A file for each of them would cost a build more than reading and rendering the post. A record is a line of JSON and the bytes that
it announces; the last record of a name counts, and one without a digest takes the name away. The file only grows, until
``shrink`` writes it anew. A power cut or a full disk may tear the last record: what is not whole is no record, and the next one
takes its place. Who reads bytes back is given those that were written, or none.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from feedservice.posts.parse import digest
from feedservice.service import files

_LONGEST = 1 << 16
"""Bytes of a line that announces a record."""
_TOGETHER = 1 << 20
"""Bytes that are written at a time."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where the bytes of a name stand."""

    digest: str
    """As ``posts.parse.digest`` has it."""
    start: int
    size: int


def records(place: Path) -> dict[str, Record]:
    """Return name → record; no file is an empty one."""
    try:
        with place.open("rb") as file:
            return _records(file)[0]
    except FileNotFoundError:
        return {}


def read(place: Path, name: str) -> bytes | None:
    """Return the bytes of a name; None when there are none, or other than were written."""
    record = records(place).get(name)
    if record is None:
        return None
    with place.open("rb") as file:
        file.seek(record.start)
        data = file.read(record.size)
    return data if digest(data) == record.digest else None


Mark = tuple[int, int]
"""Inode and size of a file that ends with a whole record."""


def add(place: Path, items: Iterable[tuple[str, bytes]], gone: Collection[str] = (), *, left: Mark | None = None) -> Mark:
    """Write records of names and their bytes, and take other names away; one process at a time does. Raises ``OSError``.

    Returns how the file is left. Who says so next time (``left``) has it written on from there, as long as nobody else has
    written: one record costs what it is, not what there are.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place) as file:
        if left != _mark(file):
            # What a crash left half written is no record, and must not stand before one.
            file.truncate(_records(file)[1])
        file.seek(0, os.SEEK_END)
        waiting: list[bytes] = []
        size = 0
        for name, data in items:
            waiting += (_announced(name, data), data, b"\n")
            size += len(data)
            if size > _TOGETHER:
                file.write(b"".join(waiting))
                waiting, size = [], 0
        waiting += (_line({"name": name}) for name in gone)
        file.write(b"".join(waiting))
        file.flush()
        return _mark(file)


def shrink(place: Path, names: Collection[str]) -> None:
    """Write the file anew with the records of these names only. Raises ``OSError``."""
    with _locked(place) as file:
        staged = files.stage(place, b"", durable=False)
        with staged.temporary.open("wb") as new:
            for name, record in _records(file)[0].items():
                if name in names:
                    file.seek(record.start)
                    new.writelines((_announced(name, data := file.read(record.size)), data, b"\n"))
        files.commit(staged)


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[BinaryIO]:
    """Open the file for reading and writing, for this process alone."""
    while True:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "r+b") as file:  # noqa: PTH123  -- a descriptor has no path
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Who waited may have opened what is no longer the file of this name.
            if _is_there(place, descriptor):
                yield file
                return


def _is_there(place: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(place.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _mark(file: BinaryIO) -> Mark:
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size


def _records(file: BinaryIO) -> tuple[dict[str, Record], int]:
    """Return the records that are whole, and where the last of them ends."""
    size = os.fstat(file.fileno()).st_size
    found: dict[str, Record] = {}
    end = 0
    while (record := _next(file, end, size)) is not None:
        name, each = record
        if each.digest:
            found[name] = each
            end = each.start + each.size + 1
        else:
            found.pop(name, None)
            end = each.start
    return found, end


def _next(file: BinaryIO, at: int, size: int) -> tuple[str, Record] | None:
    file.seek(at)
    line = file.readline(_LONGEST)
    try:
        said = json.loads(line)
        record = Record(digest=str(said.get("digest", "")), start=at + len(line), size=int(said.get("size", 0)))
        name = str(said["name"])
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    whole = line.endswith(b"\n") and record.size >= 0 and record.start + record.size + bool(record.digest) <= size
    return (name, record) if whole else None


def _announced(name: str, data: bytes) -> bytes:
    return _line({"name": name, "digest": digest(data), "size": len(data)})


def _line(said: dict[str, object]) -> bytes:
    # Names of files may have bytes that are no text: JSON's escapes hold them.
    return json.dumps(said).encode() + b"\n"
