"""The nouns of feedservice, each named for the hop it makes.

Everything here is a frozen, slotted, keyword-only dataclass without behaviour beyond checking itself. Instants are aware
datetimes in UTC; a zone travels beside them as a name (``Asia/Tokyo``) or a fixed offset (``+09:00``).

    Source ─posts.parse→ Post ─feeds.selection→ Entry ─feeds.render→ Fragment ─feeds.assemble→ Document
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from datetime import UTC, datetime

Value = str | bool | None | list["Value"] | dict[str, "Value"]
"""A front-matter value: what the author typed. Numbers and timestamps stay text (``3.10`` is ``"3.10"``)."""


def _aware_utc(name: str, value: datetime | None) -> None:
    if value is not None and value.tzinfo is not UTC:
        raise ValueError(f"{name} must be an aware datetime in datetime.UTC, got {value!r}")


class Severity(enum.StrEnum):
    """How bad a problem is: an error refuses the thing it names, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something a person should know: ``path:line:column: message`` and a hint that says what to do."""

    rule: str
    """Stable dotted name, such as ``date.ambiguous``; documented in ``docs/problems.md``."""
    severity: Severity
    message: str
    """What is wrong and what was read."""
    hint: str = ""
    path: str = ""
    """Of the file, relative to the content directory (or the config file's own path, or a feed's output path)."""
    line: int | None = None
    """1-based, as the column is, in the file as the author sees it."""
    column: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What ``stat`` says of a file: enough to know that it need not be read again, never a date."""

    size: int
    mtime_ns: int
    inode: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of the content directory."""

    path: str
    """Relative to the content directory, with ``/``, in NFC; the same on every machine."""
    data: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An author (RFC 4287 §3.2)."""

    name: str
    email: str | None = None
    url: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that stands for a post or a feed; ``url`` is absolute."""

    url: str
    alt: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A media file of an entry (RSS 2.0 ``enclosure``); ``url`` is absolute, ``length`` in bytes, ``duration`` in seconds."""

    url: str
    type: str
    length: int | None = None
    duration: int | None = None
    title: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A ``podcast:transcript``: ``url`` absolute."""

    url: str
    type: str
    language: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What makes a post a podcast episode; ``duration`` in seconds."""

    duration: int | None = None
    season: int | None = None
    number: int | None = None
    kind: str | None = None
    """``full``, ``trailer`` or ``bonus``."""
    explicit: bool | None = None
    transcripts: tuple[Transcript, ...] = ()
    chapters: str | None = None
    """Absolute URL of a ``application/json+chapters`` document."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What the author wrote, without its body: bodies are read again when an entry is rendered, and never all held."""

    path: str
    """Key of the post: ``Source.path``."""
    digest: str
    """Hex BLAKE2b-128 of the file's bytes."""
    sketch: str = ""
    """Of the body, to know it again when it is edited and moved; empty when the body is."""
    title: str
    link: str
    """Absolute, percent-encoded URL of the post on its site."""
    canonical: str | None = None
    """Absolute URL of the original when the author says it is elsewhere."""
    guid: str | None = None
    """The author's own permanent id."""
    legacy_id: str | None = None
    """What the generator of the dialect would have used as id material (Jekyll ``post.id``, WordPress post number)."""
    published: datetime
    zone: str
    updated: datetime | None = None
    expires: datetime | None = None
    draft: bool = False
    categories: tuple[str, ...] = ()
    """Labels as typed, in order, without repeats of one identity."""
    tags: tuple[str, ...] = ()
    authors: tuple[Person, ...] = ()
    language: str | None = None
    summary: str | None = None
    """Plain text from the front matter; when None the summary is taken from the body."""
    image: Image | None = None
    enclosures: tuple[Enclosure, ...] = ()
    episode: Episode | None = None
    feeds: tuple[str, ...] | None = None
    """None: every feed that selects it. Empty: none. Else only the feeds with these keys."""
    metadata: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    """The front matter's scalar and list values as typed, for rules (``exclude: [{robots: noindex}]``)."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _aware_utc("published", self.published)
        _aware_utc("updated", self.updated)
        _aware_utc("expires", self.expires)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category or tag as feeds write it (RFC 4287 §4.2.2)."""

    term: str
    label: str
    scheme: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the reader sees. Every URL is absolute, every string is legal XML 1.0."""

    id: str
    id_is_permalink: bool
    atom_id: str = ""
    """The id as an IRI (RFC 4287 §4.2.6), when the author's own id is none; empty when ``id`` will do."""
    url: str
    external_url: str | None = None
    """JSON Feed 1.1 ``external_url``."""
    title: str
    """Plain text."""
    html: str
    """Safe HTML."""
    summary: str
    """Plain text; may be empty."""
    published: datetime
    updated: datetime
    zone: str
    """The author's zone, for ``feeds.dates: author``."""
    authors: tuple[Person, ...] = ()
    categories: tuple[Category, ...] = ()
    tags: tuple[Category, ...] = ()
    language: str
    image: Image | None = None
    enclosures: tuple[Enclosure, ...] = ()
    episode: Episode | None = None

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _aware_utc("published", self.published)
        _aware_utc("updated", self.updated)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All that a feed decides about the bytes of an entry: two feeds with one profile share the fragment."""

    zone: str
    """Zone dates are written in; ``author`` means each entry's own."""
    language: str
    """Language of the feed: an entry that differs says so itself."""
    full: bool
    podcast: bool = False
    """The feed is a podcast: RSS entries carry iTunes and Podcasting 2.0 elements."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One entry in one format: the bytes between a feed's head and its end."""

    id: str
    digest: str
    """Hex BLAKE2b-64 of the bytes."""
    body: bytes


class FeedKind(enum.StrEnum):
    """What a feed is made from."""

    ALL = "all"
    CATEGORY = "category"
    TAG = "tag"
    AUTHOR = "author"
    LANGUAGE = "language"
    CATEGORY_LANGUAGE = "category-language"
    QUERY = "query"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """One feed as configured or found: its key, its rule and how it presents itself."""

    key: str
    """Names the feed everywhere: in paths and on the command line."""
    kind: FeedKind
    term: str = ""
    """Identity of the category, tag, author or language it is made from; empty for ``all`` and queries."""
    language_term: str = ""
    """Second term of a category × language feed."""
    title: str
    description: str
    language: str
    image: str | None = None
    zone: str
    """Zone for dates: a zone name, or ``author``."""
    window: int
    full: bool
    home_url: str
    """What ``rel=alternate`` points to: the page that this feed is the feed of."""
    urls: Mapping[str, str]
    """Format → absolute URL of that document (its ``rel=self``)."""
    paths: Mapping[str, str]
    """Format → output path below ``public/``, unencoded."""
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Further output paths → format: the same bytes under an old name."""
    retired: bool = False
    """The feed has ended (JSON Feed 1.1 ``expired``)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedHead:
    """A feed without its entries: all that stands before the first and after the last one."""

    spec: FeedSpec
    id: str
    """Atom ``id`` of the feed (RFC 4287 §4.2.6); permanent."""
    updated: datetime
    """Newest change among the entries; the site's epoch for an empty feed."""
    authors: tuple[Person, ...] = ()
    hubs: tuple[str, ...] = ()
    cloud: str | None = None
    """URL at which rssCloud subscriptions are taken."""
    copyright: str | None = None
    icon: str | None = None
    podcast: Podcast | None = None
    withdrawn: tuple[Entry, ...] = ()
    """Entries that were taken back, without their texts, ``updated`` when: Atom says so (RFC 6721)."""
    notices: bool = False
    """RSS has an item for each of them."""
    history: History | None = None
    """Where the document stands in the history of its feed; None: it says nothing of one."""
    stylesheet: str | None = None
    """URL of the CSS that a browser shows the XML formats with."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _aware_utc("updated", self.updated)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Where a document stands in the history of its feed (RFC 5005). The links are format → absolute URL; empty for none.

    One that has ``current`` is an archive document, any other a subscription document.
    """

    complete: bool = False
    """The document has every entry of its feed (RFC 5005 §2)."""
    current: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of an archive document: the subscription document that it belongs to."""
    prev_archive: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The archive document before this one; of a subscription document, the newest."""
    next_archive: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of an archive document: the one after it."""

    def __post_init__(self) -> None:
        """Refuse a complete document that leads to others: that is a bug, not input."""
        if self.complete and (self.current or self.prev_archive or self.next_archive):
            raise ValueError("a complete feed has no archives")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Podcast:
    """What makes a feed a podcast: channel-level iTunes and Podcasting 2.0 elements, all from configuration."""

    guid: str
    """``podcast:guid``: UUIDv5 of the feed's URL without scheme and trailing slash, or the configured one."""
    categories: tuple[str, ...] = ()
    explicit: bool = False
    owner: Person | None = None
    kind: str = "episodic"
    locked: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EntrySpan:
    """Where one entry stands in a document's body: ``body[start:end]`` are its bytes, without separators."""

    id: str
    digest: str
    """Hex BLAKE2b-64 of those bytes."""
    start: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One feed in one format, ready to be stored, served and announced."""

    feed: str
    """Key of the feed."""
    format: str
    """``atom``, ``rss`` or ``json``."""
    url: str
    path: str
    media_type: str
    body: bytes
    etag: str
    """Hex BLAKE2b-128 of the body, without quotes."""
    last_modified: datetime
    entries: tuple[EntrySpan, ...]
    """In order: "what is new" is a pure difference of (id, digest), and a delta is a head, some spans and an end."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _aware_utc("last_modified", self.last_modified)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One file of the output directory after a pass, whatever HTTP can ask for: all about it but its bytes."""

    path: str
    """Below the output directory, unencoded, with ``/``. One that ends in ``/index.html`` or ``/index.xml`` is a directory's."""
    feed: str
    """Key of the feed; empty for what belongs to none."""
    format: str
    """``atom``, ``rss``, ``json``, ``opml``, ``html``, ``css`` …"""
    media_type: str
    """As ``Content-Type`` carries it."""
    size: int
    etag: str
    """Hex BLAKE2b-128 of the bytes."""
    last_modified: datetime
    codings: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Content coding (``gzip``, ``br``, ``zstd``) → bytes of the file that lies beside this one (``.gz``, ``.br``, ``.zst``)."""
    entries: tuple[EntrySpan, ...] = ()
    """Of a document: where its entries stand, for deltas."""
    links: tuple[str, ...] = ()
    """Values of the ``Link`` field (RFC 8288): self, hub, alternate and, for history, archives."""
    immutable: bool = False
    """An archive document: its membership never changes."""
    changed: bool
    """Whether this pass wrote it."""
