"""What is remembered between passes and between runs: the nouns of the store, and what it promises.

::

    index      path → fingerprint, context, record      so that a restart with nothing changed reads no post
    bodies     path, key → rendered bytes               so that an entry is rendered once
    documents  output path → what is served             so that "did it change" has an answer, and when
    versions   output path, etag → what was served      so that a reader with an old version gets only what is new
    feeds      key → what its files were made from      so that a feed that nothing happened to costs nothing
    ledger     permanent id → line                      so that an id is given once, even when the ledger's file is lost
    events     what happened to feeds and posts         so that a person who asks is told
    meta       key → text

A path, an id or any other text an author may have a hand in is kept exactly, whatever code points it has (file names that are no
UTF-8 hold lone surrogates), and orders by code point, as ``sorted`` does. The other texts (``context``, keys of bodies,
``etag``, ``url``, ``format``, ``media_type``) are the program's own and legal Unicode without NUL.

This module imports no database. ``feedservice.store.sql`` makes a store; only ``cli`` and ``service.daemon`` import that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from feedservice.deliveries import Announcement
from feedservice.errors import FeedserviceError
from feedservice.model import Document, EntrySpan, Fingerprint, Problem
from feedservice.store.history import Event

Row = TypeVar("Row")
Stream = Generator[Row, None, None]
"""Rows one after the other, of one state of the store. Exhaust or close it: while it is open, the database cannot reuse space."""


class StoreError(FeedserviceError):
    """The store cannot be opened, read or written; ``hint`` says what to do. What was remembered before is unchanged."""

    def __init__(self, message: str, hint: str, *, path: str, damaged: bool = False) -> None:
        """Keep the hint and the place (path of the database file, or URL without password) beside the message.

        ``damaged``: it is no use to try again, the file itself is not what was written.
        """
        self.hint = hint
        self.damaged = damaged
        self.path = path
        super().__init__(message)


def refuse_other_zones(name: str, value: datetime) -> None:
    """Raise ``ValueError`` unless the instant is in ``datetime.UTC``: another is a bug, not input."""
    if value.tzinfo is not UTC:
        raise ValueError(f"{name} must be an aware datetime in datetime.UTC, got {value!r}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PostRow:
    """A post as it was when last read."""

    path: str
    """``Post.path``."""
    fingerprint: Fingerprint
    """Of the file that was read."""
    context: str
    """Opaque: hash of everything beside the file that the record depends on. Another context: the record is of no use."""
    record: bytes
    """Opaque: the parsed post."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BodyRow:
    """A rendered body of a post."""

    path: str
    key: str
    """Opaque: hash of everything that the bytes depend on."""
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A document that is in the output directory: all of ``Document`` but its body, which the file holds."""

    path: str
    """Output path below ``public/``."""
    feed: str
    format: str
    url: str
    media_type: str
    etag: str
    last_modified: datetime
    size: int
    """Of the body, in bytes."""
    entries: tuple[EntrySpan, ...]

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        refuse_other_zones("last_modified", self.last_modified)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PastVersion:
    """A document that was replaced or removed and that readers may still hold."""

    path: str
    etag: str
    last_modified: datetime
    digests: frozenset[str]
    """``EntrySpan.digest`` of every entry it had."""
    replaced_at: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A feed, or what belongs to none, as it was when its files were last made."""

    key: str
    """``FeedSpec.key``; empty for what belongs to no feed."""
    inputs: str
    """Opaque: hash of everything that the files depend on."""
    record: bytes
    """Opaque: what is known of the files."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """The permanent id of a post. A ledger row outlives its post, so that a post that comes back has its old id."""

    id: str
    path: str
    """Where the post was last seen; several posts may have been there one after the other."""
    first_seen: datetime
    line: str
    """All that is remembered of it, as its line in the ledger's file."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        refuse_other_zones("first_seen", self.first_seen)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Generic[Row]):
    """Rows to insert or replace by path (feeds by key, the ledger by id), and paths, keys or ids to forget.

    Of two rows with one path the later counts; a path that is both removed and changed is changed.
    """

    changed: Sequence[Row] = ()
    removed: Collection[str] = ()


def document_row(document: Document) -> DocumentRow:
    """Return what is remembered of a document."""
    return DocumentRow(
        path=document.path,
        feed=document.feed,
        format=document.format,
        url=document.url,
        media_type=document.media_type,
        etag=document.etag,
        last_modified=document.last_modified,
        size=len(document.body),
        entries=document.entries,
    )


class Store(Protocol):
    """What every store promises; ``tests/store/contract.py`` is these sentences as tests.

    **Whole or not at all.** ``publish``, ``replace_posts`` and ``prune`` are one transaction each. When one raises, or the
    process is killed in it, everything is as it was before. When one returns, what it wrote survives the process and a power
    cut. Doing the same again changes nothing.

    **Readers do not wait.** Any thread may call any method. Writes happen one after the other. A read sees the state between two
    writes, never one in the middle, and neither waits for a write nor holds one up. A stream sees one state from its first
    item to its last, even when it is begun in one thread and ended in another.

    **Calls block** for as long as the disk takes: an event loop calls from a thread.

    Every method raises ``StoreError`` when the database fails (disk full, damaged file, locked for too long, lost server).
    Calls after ``close`` are bugs and raise ``RuntimeError``.
    """

    def posts(self) -> Stream[PostRow]:
        """Yield the post index by path, without bodies."""
        ...

    def fingerprints(self) -> Stream[tuple[str, Fingerprint, str]]:
        """Yield path, fingerprint and context of the post index, by path: what tells whether a record has to be read at all."""
        ...

    def bodies(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], bytes]:
        """Return the bodies that are remembered under these (path, key); the others are not in the mapping.

        All of them are held at once: ask for as many as fit into memory.
        """
        ...

    def documents(self) -> Stream[DocumentRow]:
        """Yield the documents by path."""
        ...

    def versions(self) -> Stream[PastVersion]:
        """Yield what was served before, by path, newest first. The current version of a path is never among them."""
        ...

    def feeds(self) -> Stream[FeedRow]:
        """Yield the feeds by key."""
        ...

    def ledger(self) -> Stream[LedgerRow]:
        """Yield the ledger by path, then id."""
        ...

    def meta(self) -> Mapping[str, str]:
        """Return all facts by key."""
        ...

    def events(self, *, feed: str | None = None, entry: str | None = None, since: datetime | None = None) -> Stream[Event]:
        """Yield what happened, newest first; of what happened at one instant, what was told last."""
        ...

    def replace_posts(
        self, changed: Sequence[PostRow] = (), removed: Collection[str] = (), bodies: Sequence[BodyRow] = ()
    ) -> None:
        """Remember posts and bodies, without anything being published: the index may be ahead of the documents.

        A removed post takes its bodies with it. So does a changed one whose ``context`` or ``record`` is another than before; one
        that was only touched keeps them. Bodies of the same call come after that. A body of a post that is not in
        the index raises ``ValueError``.

        Other writes wait meanwhile: give a hundred thousand posts in parts.
        """
        ...

    def publish(
        self,
        *,
        at: datetime,
        posts: Changes[PostRow] = ...,
        bodies: Sequence[BodyRow] = ...,
        documents: Changes[DocumentRow] = ...,
        feeds: Changes[FeedRow] = ...,
        ledger: Changes[LedgerRow] = ...,
        events: Sequence[Event] = ...,
        events_since: datetime | None = ...,
        meta: Mapping[str, str | None] | None = ...,
        announcement: Announcement | None = ...,
    ) -> tuple[DocumentRow, ...]:
        """Remember one pass, and return the changed documents as they are now remembered, each once.

        ``posts`` and ``bodies`` are as in ``replace_posts``. A fact of ``meta`` that is None is forgotten. ``announcement`` is
        written as ``Outbox.announce`` does: no document changes without its being told, and none is told of that did not.
        ``events`` are added to those that are remembered; what happened before ``events_since`` is forgotten.

        ``last_modified`` of a document never goes backwards: when the path had a later one, now or in a past version that is
        still remembered, that later one is kept. So look at what is returned before you serve.

        A document whose etag changes, or that is removed, becomes a past version, replaced ``at`` this instant. A past version
        that is served again is no longer past.
        """
        ...

    def prune(self, before: datetime) -> int:
        """Forget the past versions that were replaced before this instant, and return how many they were."""
        ...

    def renew(self, at: datetime) -> Mapping[str, int]:
        """Forget what is made anew from the content when a row of it cannot be read; return table → how many rows.

        These are all posts, their bodies, and the feeds. A document that cannot be read becomes a past version, replaced ``at``
        this instant, whose date of change is kept and whose entries are not known. Nothing else is touched.
        """
        ...

    def integrity(self) -> tuple[Problem, ...]:
        """Read everything and return what is damaged. This takes time and memory bandwidth, not locks."""
        ...

    def writable(self) -> None:
        """Begin a write and take it back, unless somebody else writes. Raises ``StoreError`` when nothing can be written now."""
        ...

    def lost(self) -> bool:
        """Say whether what is open is not what a new one would open: its file was removed, or another has its name."""
        ...

    def close(self) -> None:
        """Finish the writes that were begun and let go of the database. Closing twice is fine."""
        ...
