"""The files of a feed as they were last made: what they are, what of their entries can be used again, and whether they are there.

An entry's bytes are kept nowhere but in the documents that show it: a span of one, whose digest is known, is the entry rendered
with the key that stands beside it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import is_
from pathlib import Path
from typing import Any

from feedservice.model import Fragment, Problem, Published
from feedservice.service import records
from feedservice.service.compress import SUFFIXES
from feedservice.store import DocumentRow, FeedRow, Store

SHAPE = "1"
"""Beginning of ``FeedRow.inputs``: changes when what a record holds does."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """The files of one feed, or (key ``""``) those of none."""

    key: str
    inputs: str
    """Hash of everything that the files depend on."""
    updated: datetime
    """What the documents say they were updated."""
    ids: tuple[str, ...] = ()
    """Ids of the entries of every document, in order."""
    keys: tuple[str, ...] = ()
    """For each of these, the hash of everything that its bytes depend on."""
    noted: Mapping[str, tuple[Problem, ...]] = dataclasses.field(default_factory=dict)
    """Path of a post → what rendering it found."""
    problems: tuple[Problem, ...] = ()
    """What making the files found."""
    linked: Mapping[str, tuple[tuple[str, str | None], ...]] = dataclasses.field(default_factory=dict)
    """Path of a post → the posts that it links to by their files, as it names them, and their URLs."""
    withheld: tuple[str, ...] = ()
    """Paths of documents that were not written because they had errors."""
    held: bool = False
    """The guard holds the feed: the files are those of before, and so is everything said of them here but ``problems``."""
    published: tuple[Published, ...] = ()
    """With ``changed`` false."""
    stats: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Output path → what ``stat`` said of the file and its coded forms."""

    def all_problems(self) -> Iterator[Problem]:
        """Yield what there is to say of the feed."""
        yield from self.problems
        for found in self.noted.values():
            yield from found


def stat_of(root: Path, published: Published) -> str:
    """Return what tells a file and its coded forms from others; empty when one of them is not there."""
    target = os.path.join(root, published.path)  # noqa: PTH118 - a thousand times in each look at all files
    said: list[str] = []
    for suffix in ("", *(SUFFIXES[coding] for coding in published.codings)):
        try:
            stat = os.lstat(target + suffix)
        except OSError:
            return ""
        said.append(f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ino}")
    return ",".join(said)


def untouched(root: Path, shelved: Shelved) -> bool:
    """Return whether all files are there and nobody else wrote them."""
    return all(shelved.stats.get(each.path) == stat_of(root, each) != "" for each in shelved.published)


class Spans:
    """The entries of a feed's documents, to be used again."""

    def __init__(self, root: Path, shelved: Shelved) -> None:
        """Read nothing yet."""
        self._root = root
        self._places = {(name, key): at for at, (name, key) in enumerate(zip(shelved.ids, shelved.keys, strict=True))}
        # A document that was withheld is an older one: its entries are others. When the feed is held, all are of one time.
        older = () if shelved.held else shelved.withheld
        ours = (each for each in shelved.published if each.entries and each.path not in older)
        self._documents = {each.format: each for each in ours}
        self._stats = shelved.stats
        self._bodies: dict[str, bytes] = {}
        self._written: set[str] = set()
        """Formats whose file is, by all that the system says of it, the one that was written."""

    def has(self, name: str, key: str, formats: Sequence[str]) -> bool:
        """Return whether an entry is there in every format."""
        return (name, key) in self._places and all(form in self._documents for form in formats)

    def fragment(self, name: str, key: str, form: str) -> Fragment | None:
        """Return an entry's bytes, or None when the file is not what it was."""
        document, at = self._documents[form], self._places[name, key]
        if form not in self._bodies:
            try:
                self._bodies[form] = (self._root / document.path).read_bytes()
            except OSError:
                return None
            if self._stats.get(document.path) == stat_of(self._root, document) != "":
                self._written.add(form)
        span = document.entries[at]
        body = self._bodies[form][span.start : span.end]
        if form not in self._written and hashlib.blake2b(body, digest_size=8).hexdigest() != span.digest:
            return None
        return Fragment(id=name, digest=span.digest, body=body)


def feed_row(shelved: Shelved) -> FeedRow:
    """Return what the store remembers; the spans of entries are in the rows of documents."""
    record = {
        "updated": shelved.updated.isoformat(),
        "ids": shelved.ids,
        "keys": shelved.keys,
        "noted": {path: list(map(records.problem_out, found)) for path, found in shelved.noted.items()},
        "linked": shelved.linked,
        "problems": list(map(records.problem_out, shelved.problems)),
        "withheld": shelved.withheld,
        "held": shelved.held,
        "published": [_published_out(each, shelved.stats.get(each.path, "")) for each in shelved.published],
    }
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return FeedRow(key=shelved.key, inputs=f"{SHAPE}-{shelved.inputs}", record=body)


def shelved(row: FeedRow, documents: Mapping[tuple[str, str], DocumentRow]) -> Shelved | None:
    """Return what is remembered; ``documents`` are those of the store by feed and format.

    None when another version of this program wrote it. Raises ``ValueError`` when it is damaged.
    """
    shape, _, inputs = row.inputs.partition("-")
    if shape != SHAPE:
        return None
    try:
        record = json.loads(row.record.decode("utf-8", "surrogatepass"))
        files = [_published_in(each, row.key, documents) for each in record["published"]]
        return Shelved(
            key=row.key,
            inputs=inputs,
            updated=_instant(record["updated"]),
            ids=tuple(record["ids"]),
            keys=tuple(record["keys"]),
            noted={path: tuple(map(records.problem_in, found)) for path, found in record["noted"].items()},
            linked={path: tuple((name, url) for name, url in found) for path, found in record["linked"].items()},
            problems=tuple(map(records.problem_in, record["problems"])),
            withheld=tuple(record["withheld"]),
            held=bool(record["held"]),
            published=tuple(published for published, _ in files),
            stats={published.path: stat for published, stat in files},
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"what is remembered of the feed {row.key!r} is damaged: {error}") from error


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The files of all feeds, as a store has them."""

    documents: Mapping[str, DocumentRow]
    """By path."""
    feeds: Mapping[str, Shelved]
    """Key of a feed → its files; ``""`` → those of no feed."""


def recall(store: Store) -> Shelf:
    """Return what a store has. Raises ``StoreError``, and ``ValueError`` for rows that are damaged."""
    documents = {row.path: row for row in store.documents()}
    by_feed = {(row.feed, row.format): row for row in documents.values()}
    feeds = {row.key: made for row in store.feeds() if (made := shelved(row, by_feed)) is not None}
    return Shelf(documents=documents, feeds=feeds)


def standing(shelf: Shelf, root: Path) -> Iterator[Published]:
    """Yield the files of the last pass that are still what it left, without looking at a post.

    A file whose times are others, as after a restore, is known by its bytes; its coded forms are not, and are left out. One whose
    bytes are others is left out, for the next pass to mend.
    """
    for made in shelf.feeds.values():
        for each in made.published:
            if made.stats.get(each.path) == stat_of(root, each) != "":
                yield each
            elif _has_bytes(root / each.path, each):
                yield dataclasses.replace(each, codings={})


def is_all(shelf: Shelf, found: Sequence[Published]) -> bool:
    """Tell whether these, of ``standing``, are all files of the last pass, and as it left them."""
    left = [each for made in shelf.feeds.values() for each in made.published]
    return len(left) == len(found) and all(map(is_, left, found))


def _has_bytes(file: Path, each: Published) -> bool:
    try:
        return file.stat().st_size == each.size and hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest() == each.etag
    except OSError:
        return False


def _published_out(each: Published, stat: str) -> list[object]:
    return [
        each.path,
        each.format,
        each.media_type,
        each.size,
        each.etag,
        each.last_modified.isoformat(),
        each.codings,
        each.links,
        each.immutable,
        bool(each.entries),
        stat,
    ]


def _published_in(stored: list[Any], key: str, documents: Mapping[tuple[str, str], DocumentRow]) -> tuple[Published, str]:
    path, form, media_type, size, etag, last_modified, codings, links, immutable, of_document, stat = stored
    # An alias has the bytes of a document of its feed, and so its entries.
    document = documents.get((key, form)) if of_document else None
    entries = document.entries if document is not None and document.etag == etag else ()
    published = Published(
        path=path,
        feed=key,
        format=form,
        media_type=media_type,
        size=size,
        etag=etag,
        last_modified=_instant(last_modified),
        codings=codings,
        entries=entries,
        links=tuple(links),
        immutable=immutable,
        changed=False,
    )
    return published, stat


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
