"""What can be asked for after a pass: an immutable table from URL path to resource.

A new ``Library`` is made after every pass and put in the place of the old one by a single assignment. It holds no bodies:
these are on disk, and ``bodies`` reads and checks them. Paths are decoded and in NFC, as ``target.resolve`` gives them; they are
looked up here and never joined to a directory.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from feedservice.model import Document, Published
from feedservice.taxonomy import encode_path
from feedservice.web import bodies, versions
from feedservice.web.bodies import Key, Stored
from feedservice.web.conditional import Resource
from feedservice.web.delta import Version
from feedservice.web.negotiation import IDENTITY, Variant, entity_tag
from feedservice.web.terms import Terms, on_the_wire
from feedservice.web.versions import Memory

SUFFIXES: Mapping[str, str] = {"gzip": ".gz", "br": ".br", "zstd": ".zst"}
"""Content coding → ending of the file that lies beside the document."""
COUNTED = frozenset({"atom", "rss", "json"})
"""Formats that readers subscribe to."""

_PAGE = "/index.html"
_INDEXES = (_PAGE, "/index.xml", "/index.json")
_URI = "!#$%&'()*+,/:;=?@[]~"
"""What a URI has beside letters, digits and ``-._~`` (RFC 3986 §2.2); ``%`` too: what was encoded stays so."""
_XML = frozenset({"atom", "rss"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One URL's resource and where its bodies are."""

    published: Published
    resource: Resource
    """Its ``document`` has no body: ``with_body`` makes one that deltas can be cut from."""
    stored: Mapping[str, Stored]
    """Coding → file."""
    versions: Mapping[str, Version]
    """Older versions that readers may still hold, by hash."""

    def key(self, coding: str) -> Key:
        """Name a body among all bodies."""
        return (self.published.etag, coding)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What was asked for has another URL now."""

    url: str
    """Absolute, or an absolute path, percent-encoded."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What was asked for will not come back."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Everything that is published, by URL path."""

    resources: Mapping[str, Held]
    moved: Mapping[str, str]
    """Old path → new URL."""
    gone: frozenset[str]
    ready: bool = True
    """False before the first pass: what is not found then may well be published."""

    def find(self, path: str) -> Held | Elsewhere | Gone | None:
        """Return what a decoded path in NFC is for; None when it was never ours.

        A directory that was asked for without its slash is somewhere else: with it.
        """
        held = self.resources.get(path)
        if held is not None:
            return held
        if path in self.moved:
            return Elsewhere(url=self.moved[path])
        if path in self.gone:
            return Gone()
        return Elsewhere(url=encode_path(path + "/")) if path + "/" in self.resources else None


EMPTY = Library(resources={}, moved={}, gone=frozenset())
NOT_YET = Library(resources={}, moved={}, gone=frozenset(), ready=False)
"""What is there before the first pass when nothing was published before."""


def make(
    published: Iterable[Published],
    *,
    root: Path,
    terms: Terms,
    due: datetime | None = None,
    memory: Memory | None = None,
    moved: Mapping[str, str] | None = None,
    gone: Collection[str] = (),
    before: Library | None = None,
) -> Library:
    """Make the table of a pass.

    ``root``: the output directory. ``due``: when the next scheduled post changes the feeds. ``memory``: older versions, for
    deltas. ``moved``: old path → new path or URL, answered 301. ``gone``: paths answered 410. These are as people type them,
    percent-encoded or not. Asks the file system for the size and time of every coded file. ``before``: the table of the last pass
    over the same directory; what is as it was is taken from there.
    """
    resources: dict[str, Held] = {}
    known = before.resources if before is not None else {}
    for each in published:
        own = normal(f"/{each.path}")
        older = versions.older(memory or {}, each.path)
        held = known.get(own)
        if held is None or not _is_still(held, each, terms=terms, due=due, older=older):
            held = _held(each, root=root, terms=terms, due=due, older=older)
        for path in _paths(own):
            # A directory's page goes before its feed, whichever is published first.
            if path not in resources or own.endswith(_PAGE) or path == own:
                resources[path] = held
    if "/" not in resources and terms.index in resources:
        resources["/"] = resources[terms.index]
    return Library(
        resources=resources,
        moved={_typed(path): _location(url) for path, url in (moved or {}).items()},
        gone=frozenset(map(_typed, gone)),
    )


def normal(path: str) -> str:
    """Bring a path to the form that paths are looked up in."""
    return unicodedata.normalize("NFC", path)


def _typed(path: str) -> str:
    return normal("/" + unquote(path).lstrip("/"))


def _location(typed: str) -> str:
    """Return what Location says: ASCII without controls, whatever was typed."""
    parts = urlsplit(typed)
    if not parts.netloc:
        return quote("/" + typed.lstrip("/"), safe=_URI)
    try:
        host = on_the_wire(parts.netloc)
    except UnicodeError:
        host = parts.netloc
    return quote(parts._replace(netloc=host).geturl(), safe=_URI)


def _paths(own: str) -> Iterator[str]:
    yield own
    for index in _INDEXES:
        if own.endswith(index):
            yield own.removesuffix(index) + "/"


def _is_still(held: Held, each: Published, *, terms: Terms, due: datetime | None, older: Mapping[str, Version]) -> bool:
    """Say whether a resource of the last pass is the one that would be made now. The same hash is of the same bytes."""
    was, resource = held.published, held.resource
    same_file = (was.path, was.etag, was.codings) == (each.path, each.etag, each.codings)
    same_fields = (was.last_modified, was.links, was.media_type) == (each.last_modified, each.links, each.media_type)
    same_terms = (resource.poll_interval, resource.browser_type) == (terms.poll_interval, _browser_type(each, terms))
    return (
        not each.changed and same_file and same_fields and same_terms and resource.next_change == due and held.versions == older
    )


def _browser_type(each: Published, terms: Terms) -> str | None:
    return terms.browser_type if each.format in _XML else None


def _held(each: Published, *, root: Path, terms: Terms, due: datetime | None, older: Mapping[str, Version]) -> Held:
    lengths = {IDENTITY: each.size, **{coding: size for coding, size in each.codings.items() if coding in SUFFIXES}}
    return Held(
        published=each,
        resource=Resource(
            media_type=each.media_type,
            last_modified=each.last_modified,
            variants={
                coding: Variant(coding=coding, etag=entity_tag(each.etag, coding), length=length)
                for coding, length in lengths.items()
            },
            poll_interval=terms.poll_interval,
            next_change=due,
            immutable=each.immutable,
            links=each.links,
            browser_type=_browser_type(each, terms),
            document=_document(each, b"") if each.entries and not each.immutable else None,
        ),
        stored={coding: _stored(each, coding, size, root) for coding, size in lengths.items()},
        versions=older,
    )


def _stored(each: Published, coding: str, size: int, root: Path) -> Stored:
    if coding == IDENTITY:
        return Stored(path=root / each.path, size=size, digest=each.etag)
    path = root / (each.path + SUFFIXES[coding])
    return Stored(path=path, size=size, fingerprint=bodies.fingerprint(path))


def with_body(held: Held, body: bytes) -> Resource:
    """Return the resource with a document that deltas can be cut from; ``body`` are its uncoded bytes."""
    return dataclasses.replace(held.resource, document=_document(held.published, body))


def _document(each: Published, body: bytes) -> Document:
    return Document(
        feed=each.feed,
        format=each.format,
        url="",
        path=each.path,
        media_type=each.media_type,
        body=body,
        etag=each.etag,
        last_modified=each.last_modified,
        entries=each.entries,
    )
