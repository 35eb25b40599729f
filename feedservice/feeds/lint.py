"""Document → problems: the document is read back, and nothing goes live with an error.

Errors are what a specification forbids or a reader loses posts over; warnings are for people, and each is given for one
format only, so that a feed in three formats says it once. ``Problem.path`` is ``Document.path``; the rules are:

====================== ======== ==================================================================================
rule                   severity clause
====================== ======== ==================================================================================
feed.malformed         error    XML 1.0; RFC 8259; or the root is not that of the format
feed.required          error    RFC 4287 §4.1.1 and §4.1.2; RSS 2.0, required channel elements; JSON Feed, items
feed.empty-title       error    readers list a feed by its title
feed.duplicate-id      error    RFC 4287 §4.1.1; JSON Feed ``id``: one of the two is lost
feed.url               error    relative, blank, or with characters that no URI has (RFC 3986 §2)
feed.date              error    RFC 4287 §3.3; RFC 5322 §3.3; no such day, or the wrong weekday
feed.newer-entry       error    an entry that changed after its feed: readers that look at the feed's date miss it
feed.self-link         error    WebSub §4: there is exactly one
feed.alternate         error    RFC 4287 §4.1.1 and §4.1.2: at most one of a type and language
feed.enclosure         error    RSS 2.0 ``enclosure``: one, with URL, type and a whole number of bytes
feed.history           error    RFC 5005; JSON Feed ``next_url``: a reader would go in circles, or not know where it is
feed.self-differs      warning  the self link is not the URL of the document
feed.id-not-uri        warning  (Atom) RFC 4287 §4.2.6 wants an IRI; readers take any text
feed.same-updated      warning  (Atom) entries that changed in the same second have no order
feed.guid-not-url      warning  (RSS) a permalink guid is no URL: how readers know an adopted id
feed.non-ascii-url     warning  (RSS) RFC 3986: readers of RSS do not know IRIs
feed.title-html        warning  (RSS) mark-up in a title is shown by one reader and dropped by the next
feed.enclosure-length  warning  (RSS) the length is unknown
feed.enclosure-scheme  warning  (RSS) RSS 2.0 wants an HTTP URL
feed.enclosure-twice   warning  (RSS) two entries with one media file: directories of podcasts leave the second one out
feed.podcast           warning  (RSS) directories refuse a show without it
feed.too-large         warning  readers refuse documents above 1 to 3 MB
====================== ======== ==================================================================================
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from feedservice.cutting import slices
from feedservice.feeds.readback import Part, Readback, UnreadableError, instant, read
from feedservice.model import Document, Problem, Severity

MAX_BYTES = 2 * 1024**2
"""Size of a document above which more and more readers refuse it; the budget unless another one is configured."""

_HEAD_REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"atom": ("id", "title", "updated"), "rss": ("title", "link", "description"), "json": ("version", "title")}
)
_ENTRY_REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "atom": ("id", "title", "updated"),
        "rss": ("title", "link", "guid", "pubDate"),
        "json": ("id", "content_html or content_text"),
    }
)
_SHOW_REQUIRED = ("itunes:image", "itunes:category", "itunes:explicit", "itunes:owner")

_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?:[!#$&'()*+,\-./:;=?@\[\]_~A-Za-z0-9]|%[0-9A-Fa-f]{2})+")
_HTTP = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(?:\s*;.*)?")
_MARK_UP = re.compile(r"</?[A-Za-z][^<>]*>|<!--|&(?:#\d+|#[xX][0-9A-Fa-f]+|[A-Za-z][A-Za-z0-9]*);")
_DECLARED = re.compile(rb"""\bxmlns(?::[\w.-]+)?=(?:"[^"]*"|'[^']*')""")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """What the rest of a document has to know of an entry that has no problem of its own."""

    ids: tuple[str, ...]
    dates: tuple[tuple[str, str], ...]
    """As in ``Part``."""
    changed: datetime | None
    """The first of these dates."""
    author: bool
    """It has one."""
    file: str = ""
    """URL of its first enclosure."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found in a document."""

    problems: tuple[Problem, ...]
    clean: Mapping[str, Clean]
    """Name of an entry's bytes → what is known of it, of those in the document that have no problem of their own."""


def check(document: Document, *, budget: int = MAX_BYTES) -> tuple[Problem, ...]:
    """Return the problems of a document, in document order: those of the feed, then those of each entry.

    The body is the only thing read; nothing is fetched. ``budget`` is the size in bytes above which a document is too large.
    """
    return look(document, {}, budget=budget).problems


def look(document: Document, known: Mapping[str, Clean], *, budget: int = MAX_BYTES) -> Looked:
    """Do as ``check``; of entries that are ``clean`` in an earlier document, whose bytes are the same, nothing is read again.

    They were read between the same declarations of namespaces: with others they are other entries.
    """
    scope = _scope(document)
    names = [scope + span.digest for span in document.entries]
    there = {name: known[name] for name in names if name in known}
    if there:
        found = _in_part(document, names, there, budget)
        if found is not None:
            return found
    try:
        readback = read(document.format, document.body)
    except UnreadableError as error:
        malformed = Problem(
            rule="feed.malformed",
            severity=Severity.ERROR,
            message=f"the {document.format} document cannot be read back: {error}",
            hint="this is a defect of feedservice; please report it with the post that was published last",
            path=document.path,
            line=error.line,
            column=error.column,
        )
        return Looked(problems=(malformed,), clean={})
    work = _Check(document, readback, budget, readback.entries)
    problems = tuple(work.problems())
    ours = len(readback.entries) == len(names)
    return Looked(problems=problems, clean={names[at]: each for at, each in work.clean.items()} if ours else {})


def _scope(document: Document) -> str:
    """Return what tells the declarations that the entries of a document stand between from others."""
    start = document.entries[0].start if document.entries else 0
    declared = sorted(set(_DECLARED.findall(document.body, 0, start))) if document.format != "json" else []
    return f"{document.format} {hashlib.blake2b(b' '.join(declared), digest_size=8).hexdigest()} "


def _in_part(document: Document, names: Sequence[str], known: Mapping[str, Clean], budget: int) -> Looked | None:
    """Look at the document without the entries that are known; None when that does not say all there is to say of the whole."""
    body, spans = document.body, document.entries
    cut = slices(spans, len(body), {span.digest for span, name in zip(spans, names, strict=True) if name in known})
    if cut is None:
        return None
    try:
        readback = read(document.format, b"".join(body[start:end] for start, end in cut[0]))
    except UnreadableError:
        return None
    fresh = [span for span, name in zip(spans, names, strict=True) if name not in known]
    if len(fresh) != len(readback.entries):
        # An item that is no entry of the feed: which is which, the whole tells.
        return None
    for part, span in zip(readback.entries, fresh, strict=True):
        part.line = body.count(b"\n", 0, span.start) + 1 if part.line is not None else None
    parts = iter(readback.entries)
    entries = [known[name] if name in known else next(parts) for name in names]
    work = _Check(document, readback, budget, entries)
    if work.crosses():
        return None
    problems = tuple(work.problems())
    return Looked(problems=problems, clean={**known, **{names[at]: each for at, each in work.clean.items()}})


class _Check:
    """The rules over one document; each yields its problems."""

    def __init__(self, document: Document, readback: Readback, budget: int, entries: Sequence[Part | Clean]) -> None:
        self._document = document
        self._budget = budget
        self._format = document.format
        self._readback = readback
        self._entries = entries
        self.clean: dict[int, Clean] = {}
        """Place of an entry → what is known of it, of those that have no problem of their own."""

    def crosses(self) -> bool:
        """Tell whether an entry that is clean by itself stands against another, or against its feed."""
        times = Counter(identity for entry in self._entries for identity in entry.ids)
        newest = self._date(self._readback.head.dates)
        clean = [entry for entry in self._entries if isinstance(entry, Clean)]
        twice = any(times[identity] > 1 for entry in clean for identity in entry.ids)
        return twice or any(newest and entry.changed and entry.changed > newest for entry in clean)

    def problems(self) -> Iterator[Problem]:
        yield from self._size()
        yield from self._head()
        yield from self._history()
        yield from self._tombstones()
        yield from self._podcast()
        repeated = Counter(identity for entry in self._entries for identity in entry.ids)
        newest = self._date(self._readback.head.dates)
        for number, entry in enumerate(self._entries, 1):
            if not isinstance(entry, Clean):
                name = f"entry {number} ({entry.ids[0] if entry.ids else 'without id'})"
                yield from self._entry(number - 1, entry, name, repeated, newest)
        yield from self._same_updated()
        yield from self._same_enclosure()

    def _entry(self, at: int, entry: Part, name: str, repeated: Mapping[str, int], newest: datetime | None) -> Iterator[Problem]:
        alone = True
        for problem in (
            *self._required(entry, name, _ENTRY_REQUIRED[self._format]),
            *self._common(entry, name),
            *self._identity(entry, name, repeated),
            *self._enclosures(entry, name),
            *self._order(entry, name, newest),
            *self._mark_up(entry, name),
        ):
            # A shared id hides what else there is to say of it.
            alone = False
            yield problem
        if alone:
            author = bool(entry.counts.get("author"))
            changed = self._date(entry.dates)
            self.clean[at] = Clean(
                ids=tuple(entry.ids), dates=tuple(entry.dates), changed=changed, author=author, file=_file(entry)
            )

    def _problem(self, rule: str, message: str, hint: str = "", *, part: Part | None = None, warn: bool = False) -> Problem:
        return Problem(
            rule=rule,
            severity=Severity.WARNING if warn else Severity.ERROR,
            message=message,
            hint=hint,
            path=self._document.path,
            line=part.line if part else None,
        )

    def _size(self) -> Iterator[Problem]:
        size = len(self._document.body)
        if size > self._budget:
            message = f"the document has {size:,} bytes, its budget is {self._budget:,}; readers refuse what is too large"
            yield self._problem("feed.too-large", message, "set a smaller window or max_bytes for this feed", warn=True)

    def _head(self) -> Iterator[Problem]:
        head, selfs = self._readback.head, self._readback.selfs
        yield from self._required(head, "the feed", _HEAD_REQUIRED[self._format])
        if head.titles and not head.titles[0].strip():
            yield self._problem("feed.empty-title", "the feed's title is blank", "set a title for this feed", part=head)
        if len(selfs) != 1:
            yield self._problem("feed.self-link", f"the feed has {len(selfs)} links to itself instead of one", part=head)
        elif selfs[0] != self._document.url:
            message = f"the feed says that its URL is {selfs[0]}, and is published as {self._document.url}"
            yield self._problem("feed.self-differs", message, part=head, warn=True)
        yield from self._common(head, "the feed")

    def _history(self) -> Iterator[Problem]:
        found, head = self._readback, self._readback.head
        relations = Counter(relation for relation, _ in found.history)
        if found.complete and relations:
            message = f"the feed says that it is complete, and has a link {next(iter(relations))}"
            yield self._problem("feed.history", message, part=head)
        if found.archive and not relations["current"]:
            yield self._problem("feed.history", "the archive does not say which feed it belongs to", part=head)
        for relation, count in relations.items():
            if count > 1:
                yield self._problem("feed.history", f"the feed has {count} links {relation}", part=head)
        for relation, url in found.history:
            if url in found.selfs:
                yield self._problem("feed.history", f"the feed's link {relation} leads to itself: {url}", part=head)

    def _tombstones(self) -> Iterator[Problem]:
        """RFC 6721 §3: both attributes are there, and no entry is withdrawn and present at once."""
        present = {identity for entry in self._entries for identity in entry.ids}
        newest = self._date(self._readback.head.dates)
        for stone in self._readback.deleted:
            name = f"the entry that is taken back ({stone.ref})"
            when = instant("atom", stone.when or "")
            if not stone.ref or when is None:
                yield self._problem("feed.tombstone", f"{name}: ref or when is missing or wrong ({stone.when!r})")
            elif stone.ref in present:
                yield self._problem("feed.tombstone", f"{name} is in the feed")
            elif newest is not None and when > newest:
                yield self._problem("feed.tombstone", f"{name}: it was so at {stone.when}, after its feed was updated")

    def _podcast(self) -> Iterator[Problem]:
        if self._readback.podcast:
            for name in _SHOW_REQUIRED:
                if not self._readback.head.counts.get(name):
                    message = f"the podcast has no {name}; directories refuse a show without it"
                    yield self._problem("feed.podcast", message, "set it in the feed's podcast section", warn=True)

    def _required(self, part: Part, name: str, required: tuple[str, ...]) -> Iterator[Problem]:
        for element in required:
            count = part.counts.get(element, 0)
            if count != 1:
                yield self._problem("feed.required", f"{name} has {count} of {element} instead of one", part=part)
        if self._format != "atom":
            return
        if part is self._readback.head:
            if not part.counts["author"] and not all(map(_has_author, self._entries)):
                message = "neither the feed nor each of its entries has an author"
                yield self._problem("feed.required", message, "set site.author", part=part)
        elif not part.counts["content"] and not part.alternates:
            yield self._problem("feed.required", f"{name} has neither content nor a link to its page", part=part)

    def _common(self, part: Part, name: str) -> Iterator[Problem]:
        for element, text in part.dates:
            if instant(self._format, text) is None:
                yield self._problem("feed.date", f"{name}: {element} is {text!r}, which is no date of this format", part=part)
        for element, url in part.urls:
            found = self._url(part, f"{name}: {element}", url)
            yield from found if element != "guid" else map(self._guid, found)
        if len(set(part.alternates)) != len(part.alternates):
            yield self._problem("feed.alternate", f"{name} has several alternate links of one type and language", part=part)

    def _url(self, part: Part, what: str, url: str) -> Iterator[Problem]:
        # What is not ASCII may stand for its percent-encoded form (RFC 3987 §3.1); everything else must be a URI as it is.
        ascii_only = url.isascii()
        match = _URI.fullmatch(url if ascii_only else "".join(one if one.isascii() else "_" for one in url))
        if match is None or (match["scheme"].lower() in {"http", "https"} and not _HTTP.match(url)):
            relative = ":" not in url.partition("/")[0]
            reason = "is blank" if not url else "is not absolute" if relative else "has characters that no URL may have"
            yield self._problem("feed.url", f"{what} {reason}: {url!r}", "write it as https://host/path", part=part)
        elif not ascii_only and self._format == "rss":
            message = f"{what} is not in ASCII: {url}"
            yield self._problem("feed.non-ascii-url", message, "percent-encode it", part=part, warn=True)

    def _guid(self, found: Problem) -> Problem:
        """Return what is said of a guid that calls itself a link and is none, as an adopted one may: readers know it so."""
        if found.rule != "feed.url":
            return found
        hint = "nothing, when it was taken over from an old feed: without isPermaLink it would be another id to some readers"
        return dataclasses.replace(found, rule="feed.guid-not-url", severity=Severity.WARNING, hint=hint)

    def _identity(self, entry: Part, name: str, repeated: Mapping[str, int]) -> Iterator[Problem]:
        for identity in entry.ids:
            if not identity.strip():
                yield self._problem("feed.required", f"{name} has a blank id", part=entry)
            elif repeated[identity] > 1:
                message = f"{name} shares its id with {repeated[identity] - 1} more"
                yield self._problem("feed.duplicate-id", message, "give each post an id of its own", part=entry)
            elif self._format == "atom" and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S", identity):
                message = f"the id of {name} is no URI, as Atom wants it"
                yield self._problem("feed.id-not-uri", message, "write it as a tag: or urn: URI", part=entry, warn=True)

    def _enclosures(self, entry: Part, name: str) -> Iterator[Problem]:
        rss = self._format == "rss"
        if rss and len(entry.enclosures) > 1:
            yield self._problem("feed.enclosure", f"{name} has {len(entry.enclosures)} enclosures; RSS has one", part=entry)
        for enclosure in entry.enclosures:
            if not enclosure.url or not _MEDIA_TYPE.fullmatch(enclosure.type or ""):
                message = (
                    f"{name}: the enclosure {enclosure.url!r} of type {enclosure.type!r} needs both, the type as type/subtype"
                )
                yield self._problem("feed.enclosure", message, part=entry)
                continue
            length = enclosure.length if enclosure.length is not None or rss else "1"
            if not (length or "").isdecimal():
                message = f"{name}: the enclosure's length is {length!r} instead of a number of bytes"
                yield self._problem("feed.enclosure", message, part=entry)
            elif self._format != "atom":  # Atom's enclosures are links, and read as such
                yield from self._url(entry, f"{name}: enclosure", enclosure.url)
            if rss and length == "0":
                message = f"{name}: the length of {enclosure.url} is not known"
                yield self._problem("feed.enclosure-length", message, "write its size in bytes as length", part=entry, warn=True)
            if rss and not _HTTP.match(enclosure.url):
                message = f"{name}: {enclosure.url} is no HTTP URL"
                yield self._problem("feed.enclosure-scheme", message, "most readers load nothing else", part=entry, warn=True)

    def _order(self, entry: Part, name: str, newest: datetime | None) -> Iterator[Problem]:
        changed = self._date(entry.dates)
        if newest and changed and changed > newest:
            message = f"{name} is of {changed.isoformat()}, after its feed ({newest.isoformat()})"
            yield self._problem("feed.newer-entry", message, part=entry)

    def _mark_up(self, entry: Part, name: str) -> Iterator[Problem]:
        if self._format == "rss" and entry.titles and _MARK_UP.search(entry.titles[0]):
            message = f"the title of {name} has mark-up: {entry.titles[0]!r}"
            yield self._problem("feed.title-html", message, "readers show or drop it; use plain text", part=entry, warn=True)

    def _same_updated(self) -> Iterator[Problem]:
        if self._format != "atom":
            return
        times = Counter(text for entry in self._entries for element, text in entry.dates if element == "updated")
        several = [(text, count) for text, count in times.items() if count > 1]
        if several:
            text, count = several[0]
            more = f", and {len(several) - 1} more such times" if len(several) > 1 else ""
            message = f"{count} entries changed at {text}{more}: readers sort them by chance"
            yield self._problem("feed.same-updated", message, "give each post a time of day", warn=True)

    def _same_enclosure(self) -> Iterator[Problem]:
        times = Counter(map(_file, self._entries)) if self._format == "rss" else {}
        for url in (url for url, count in times.items() if url and count > 1):
            message = f"entries have the media file {url} in common: podcast directories list one of them"
            yield self._problem("feed.enclosure-twice", message, "give each a file of its own", warn=True)

    def _date(self, dates: Sequence[tuple[str, str]]) -> datetime | None:
        """Return the instant of the first date: RSS has one, and ``updated`` comes first in Atom."""
        return instant(self._format, dates[0][1]) if dates and self._format != "json" else None


def _file(entry: Part | Clean) -> str:
    return entry.file if isinstance(entry, Clean) else next((each.url or "" for each in entry.enclosures), "")


def _has_author(entry: Part | Clean) -> bool:
    return entry.author if isinstance(entry, Clean) else bool(entry.counts["author"])
