"""The nouns of announcing: what changed, who is told, and how it went.

::

    (old rows, new rows) ─feeds.changes→ Change, News ─push.announce→ Delivery ─→ Request … Outcome ─push.outbox→ Settled
    POST /hub ─push.hub→ Delivery that verifies … Subscription ─push.hub→ Request … Outcome ─push.hub→ Advanced

Two things fall due, and both are claimed, sent and settled in the same way. A ``Delivery`` is a row of the outbox: one message to
one target. A ``Subscription`` has no row for each message: it is due when the version it was sent last is older than the live
version of its topic. So a million subscribers cost no write when a post appears, and the newest version always wins.

A request to subscribe that is not verified yet is a ``Delivery`` too (kind ``verify``), with the secret and the lease it asks
for. A verification that fails therefore cannot have touched the subscription (WebSub §5.1).

Frozen, slotted, keyword-only dataclasses like those of ``model``; instants are aware datetimes in UTC, durations are seconds.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, datetime

from feedservice.model import EntrySpan

_SUCCESS = 2


def _instants(**instants: datetime | None) -> None:
    for name, found in instants.items():
        if found is not None and found.tzinfo is not UTC:
            msg = f"{name} must be an aware datetime in datetime.UTC, got {found!r}"
            raise ValueError(msg)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """What an announcement says about an entry, and what is remembered of it when it has been announced."""

    id: str
    """Permanent id (``Entry.id``)."""
    digest: str
    """Opaque: another digest, another entry for the reader."""
    url: str
    title: str
    """Plain text."""
    summary: str = ""
    """Plain text."""
    published: datetime
    updated: datetime
    categories: tuple[str, ...] = ()
    """Labels."""
    announce: bool = True
    """False: the author wants nobody told (``announce: false``). Feeds and their topics change all the same."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _instants(published=self.published, updated=self.updated)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One document that differs from the one before it."""

    feed: str
    """Key of the feed."""
    format: str
    topic: str
    """URL of the document (its ``rel=self``)."""
    home_url: str
    """Page that the feed is the feed of; weblog pings name it."""
    title: str
    """Of the feed."""
    version: int
    """Of the topic, from 1; every change has a higher one."""
    at: datetime
    first: bool
    """There was no document before: a baseline, which nobody is told of."""
    new: tuple[str, ...] = ()
    """Entry ids that were not in it."""
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Entry ids that are in it no more, those that newer ones pushed out of the window included."""
    announce: bool = True
    """False: the feed's settings say that nobody is told."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _instants(at=self.at)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What changed on the site in one pass, each entry once, whatever number of feeds show it."""

    at: datetime
    published: tuple[EntryFacts, ...] = ()
    updated: tuple[EntryFacts, ...] = ()
    removed: tuple[EntryFacts, ...] = ()
    """As they were when last announced."""
    quiet: tuple[EntryFacts, ...] = ()
    """To be remembered without a word: the baseline, old imports, entries with ``announce: false``."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _instants(at=self.at)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the operator should know about a feed: that the guard holds it, or does so no more."""

    held: bool
    feed: str
    """Key of the feed."""
    url: str
    """Of its first document."""
    at: datetime
    reasons: str = ""
    """What readers would see, in words; or how it came free."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _instants(at=self.at)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TopicVersion:
    """A document as subscribers are sent it; the body is stored once, however many there are."""

    topic: str
    version: int
    feed: str
    etag: str
    media_type: str
    link: str
    """Value of the one ``Link`` field: hubs and self (WebSub §7)."""
    body: bytes
    entries: tuple[EntrySpan, ...]
    """Where the entries stand in ``body``."""
    published_at: datetime
    packed: bytes = dataclasses.field(default=b"", compare=False, repr=False)
    """The body in gzip, where it is at hand: what is stored then."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _instants(published_at=self.published_at)


class State(enum.StrEnum):
    """Where a delivery stands; all but the first are ends."""

    QUEUED = "queued"
    DELIVERED = "delivered"
    GONE = "gone"
    """The target says that it exists no more (410)."""
    FAILED = "failed"
    """Refused for good, or tried for the last time."""
    DROPPED = "dropped"
    """Superseded by a newer one, or dropped by the operator."""


class Lane(enum.StrEnum):
    """Claims are made lane by lane, so that no kind of work waits for another."""

    VERIFICATION = "verification"
    FIRST = "first"
    RETRY = "retry"


class Trust(enum.StrEnum):
    """Who named a URL; decides which allow-list of addresses counts."""

    OPERATOR = "operator"
    CALLBACK = "callback"


class Failure(enum.StrEnum):
    """Why there was no answer."""

    ADDRESS = "address"
    """The address, port or form of the URL may not be called. Not one byte was sent."""
    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    """What came is no HTTP, or ended too early."""
    BREAKER = "breaker"
    """The host is known to be down; nothing was sent."""
    WITHDRAWN = "withdrawn"
    """What it is about is not public, and will not be; nothing was sent."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, ready to be sent. ``Host`` and ``Content-Length`` are the transport's."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    trust: Trust


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one attempt came to: either ``status`` or ``failure`` is given."""

    started: datetime
    duration: float
    """Seconds."""
    status: int | None = None
    failure: Failure | None = None
    detail: str = ""
    """For people: the error's text. Holds no secret."""
    retry_after: float | None = None
    """Seconds that the answer asks for (RFC 9110 §10.2.3)."""
    answer: bytes = b""
    """First bytes of the answer, at most 4,096."""

    def __post_init__(self) -> None:
        """Refuse naive instants and outcomes that are both or neither: they are bugs, not input."""
        _instants(started=self.started)
        if (self.status is None) is (self.failure is None):
            msg = f"an outcome has a status or a failure, got {self.status!r} and {self.failure!r}"
            raise ValueError(msg)

    @property
    def confirmed(self) -> bool:
        """Whether the answer is 2xx; everything else, redirects included, is a failure (WebSub §7)."""
        return self.status is not None and self.status // 100 == _SUCCESS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one target: a row of the outbox."""

    id: str
    """Stable over attempts; the ``webhook-id`` of Standard Webhooks. Letters, digits and ``_`` only."""
    kind: str
    """Key of ``push.announce.KINDS``: what makes the request and reads the answer."""
    target: str
    """Where it goes: the URL, or the name of the operator's target. A callback is a secret of its subscriber."""
    host: str
    """Of the URL, lower case, with the port: budgets, breakers and lanes go by it."""
    topic: str = ""
    """Held back until this topic's live version is at least ``version``; empty: waits for nothing."""
    version: int = 0
    subject: str = ""
    """A newer delivery with the same (kind, target, subject) drops an older one that is not being sent. Empty: never."""
    post: str = ""
    """Id of the entry that it speaks of, when it is one."""
    payload: bytes
    """What the kind needs to make the request; opaque to the store, and erased when the delivery ends."""
    secret: bytes | None = None
    """Sealed by the store, erased when the delivery ends, shown nowhere."""
    spacing: float = 0
    """Least seconds between two attempts."""
    state: State = State.QUEUED
    lane: Lane
    attempts: int = 0
    """Claims, the present one included: an attempt is counted before the call."""
    created_at: datetime
    due_at: datetime
    ended_at: datetime | None = None
    last: Outcome | None = None
    fence: int = 0
    """Number of the claim that holds it. Who settles with an older one is ignored."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _instants(created_at=self.created_at, due_at=self.due_at, ended_at=self.ended_at)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionKey:
    """What identifies a subscription (WebSub §5.1)."""

    protocol: str
    """``websub``, or ``rsscloud``."""
    topic: str
    callback: str
    """Exactly as given, with its query."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Somebody who asked to be told and showed the intent to be; what was not verified is no subscription yet."""

    key: SubscriptionKey
    host: str
    """Of the callback, lower case, with the port."""
    secret: bytes | None = None
    """Sealed by the store, shown nowhere."""
    method: str = "sha256"
    """Of the signature: ``sha1``, ``sha256``, ``sha384`` or ``sha512``. Unused without a secret."""
    procedure: str = ""
    """rssCloud: ``http-post``, or ``xml-rpc:`` and the procedure to call."""
    verified_at: datetime
    lease_end: datetime
    delivered: int
    """Version of the topic that it has been sent: entries that are new since then are what it gets."""
    delivered_at: datetime | None = None
    tried: int = 0
    """Version that was claimed for it last, successfully or not."""
    attempts: int = 0
    """Claims for that version, the present one included."""
    due_at: datetime
    """When it is behind, that version is tried again at this instant. A version that it was not tried with is due at once."""
    last: Outcome | None = None
    fence: int = 0
    """Number of the claim that holds it."""

    def __post_init__(self) -> None:
        """Refuse naive instants: they are bugs, not input."""
        _instants(verified_at=self.verified_at, lease_end=self.lease_end, delivered_at=self.delivered_at, due_at=self.due_at)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one caller alone may send until the lease ends; each item carries its fence and counts this attempt."""

    until: datetime
    deliveries: tuple[Delivery, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    unread: tuple[str, ...] = ()
    """Why some were passed over that are due: what is stored of them cannot be read. Each reason once."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A delivery after an attempt, and what comes of it. All of it is written, or, with an old fence, nothing."""

    delivery: Delivery
    """As it is now: ended, or queued for another attempt. One given back unsent has the count it had before the claim."""
    verified: Subscription | None = None
    """New or renewed."""
    ended: SubscriptionKey | None = None
    """Unsubscribed."""
    live: tuple[str, int] | None = None
    """(topic, version) that the public was seen to get."""
    follow: tuple[Delivery, ...] = ()
    """Further deliveries, to be queued."""
    told: bool = False
    """Its end is worth a line in the history: somebody was told of a feed or a post, or could not be."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """A subscription after an attempt. With an old fence, nothing of it is written."""

    subscription: Subscription
    """Of it only ``delivered``, ``delivered_at``, ``attempts``, ``last`` and, while it is behind, ``due_at`` are written."""
    ended: bool = False
    """The subscriber is gone (410)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """What one pass adds to the outbox, in the transaction that remembers its documents."""

    topics: tuple[TopicVersion, ...] = ()
    retired: tuple[str, ...] = ()
    """Topics whose document is no more."""
    live: bool = True
    """The new versions count as live at once; False: a delivery of kind ``live`` looks first."""
    deliveries: tuple[Delivery, ...] = ()
    remembered: tuple[EntryFacts, ...] = ()
    forgotten: tuple[str, ...] = ()
    """Entry ids."""
