"""Counts of who reads, kept without addresses, and the report made of them.

Aggregators poll once for many people and say for how many; any other reader that comes back counts as one person.
The shell collects ``Observation`` values, adds them in batches, and rotates the key of ``client_token``.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol, TypeVar

from feedservice.web.readers import Kind, Reader

CAPACITY = 2000
"""Clients, and audiences, remembered of one feed; those not seen for longest are forgotten first."""
WINDOW = timedelta(days=7)
"""How long a statement of subscribers, or a client, counts after it was last seen."""
WORST = 10
"""How many pollers a report names."""

_RETURNS = 2
_NO_PERSON = frozenset({Kind.BOT, Kind.BROWSER})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One answered request, without the client's address."""

    feed: str
    """Key of the feed."""
    format: str
    """``atom``, ``rss`` or ``json``."""
    reader: Reader
    client: str
    """From ``client_token``."""
    conditional: bool
    """It sent If-None-Match or If-Modified-Since."""
    status: int
    sent: int
    """Bytes of the body sent."""
    full: int
    """Bytes that the plainest answer would have had: of the whole uncoded document."""
    at: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """For how many people one aggregator says it polls one document: its largest figure within ``WINDOW``."""

    reader: str
    kind: Kind
    subscribers: int
    stated: datetime
    """When it last stated that figure."""
    seen: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What one client did."""

    reader: str
    kind: Kind
    requests: int
    unconditional: int
    sent: int
    """Bytes."""
    seen: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedTally:
    """Counts of one feed, all its formats together."""

    requests: int = 0
    conditional: int = 0
    not_modified: int = 0
    deltas: int = 0
    refused: int = 0
    """Answered 429."""
    sent: int = 0
    """Bytes of bodies."""
    saved: int = 0
    """Bytes that 304, 226 and compression saved against whole uncoded documents."""
    audiences: Mapping[tuple[str, str, str], Audience] = dataclasses.field(default_factory=dict)
    """(reader, its feed id or empty, format) → audience."""
    clients: Mapping[str, Client] = dataclasses.field(default_factory=dict)
    """Token → client."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of all feeds since an instant."""

    since: datetime
    feeds: Mapping[str, FeedTally] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Readership:
    """One line of a report: a program and how many people read with it."""

    reader: str
    kind: Kind
    subscribers: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """A client that asks without validators; ``client`` is its token."""

    client: str
    reader: str
    feed: str
    requests: int
    unconditional: int
    sent: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeedReport:
    """What is known of one feed's readers."""

    feed: str
    subscribers: int
    """Sum over ``readers``."""
    readers: tuple[Readership, ...]
    """Most subscribers first."""
    requests: int
    conditional_share: float
    """Of all requests, 0 to 1."""
    not_modified_share: float
    deltas: int
    refused: int
    sent: int
    saved: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReaderReport:
    """Everything ``feedservice readers`` shows."""

    since: datetime
    until: datetime
    feeds: tuple[FeedReport, ...]
    """By key."""
    worst: tuple[Poller, ...]
    """Most unconditional requests first."""


class _Seen(Protocol):
    @property
    def seen(self) -> datetime: ...


_K = TypeVar("_K")
_S = TypeVar("_S", bound=_Seen)


def client_token(key: bytes, address: str, user_agent: str) -> str:
    """Make the opaque name of a client: 16 hexadecimal digits that say nothing without ``key`` (at most 64 bytes).

    Once the key has been thrown away, old tokens cannot be linked to addresses or to new tokens.
    """
    material = f"{address}\0{user_agent}".encode("utf-8", "backslashreplace")
    return hashlib.blake2b(material, digest_size=8, key=key).hexdigest()


def add(tally: Tally, observations: Iterable[Observation]) -> Tally:
    """Count a batch; the feeds without an observation are shared with the old tally."""
    batches: dict[str, list[Observation]] = {}
    for observation in observations:
        batches.setdefault(observation.feed, []).append(observation)
    counted = {feed: _add_to_feed(tally.feeds.get(feed, FeedTally()), batch) for feed, batch in batches.items()}
    return dataclasses.replace(tally, feeds={**tally.feeds, **counted})


def _add_to_feed(tally: FeedTally, batch: list[Observation]) -> FeedTally:
    audiences = dict(tally.audiences)
    clients = dict(tally.clients)
    for seen in batch:
        if seen.reader.subscribers is not None:
            key = (seen.reader.name, seen.reader.feed_id or "", seen.format)
            audiences[key] = _audience(audiences.get(key), seen, seen.reader.subscribers)
        clients[seen.client] = _client(clients.get(seen.client), seen)
    statuses = [seen.status for seen in batch]
    return FeedTally(
        requests=tally.requests + len(batch),
        conditional=tally.conditional + sum(seen.conditional for seen in batch),
        not_modified=tally.not_modified + statuses.count(HTTPStatus.NOT_MODIFIED),
        deltas=tally.deltas + statuses.count(HTTPStatus.IM_USED),
        refused=tally.refused + statuses.count(HTTPStatus.TOO_MANY_REQUESTS),
        sent=tally.sent + sum(seen.sent for seen in batch),
        saved=tally.saved + sum(_saved(seen) for seen in batch),
        audiences=_latest(audiences),
        clients=_latest(clients),
    )


def _audience(known: Audience | None, seen: Observation, subscribers: int) -> Audience:
    """Take a new figure unless a larger one was stated lately: the machines of one service do not always agree."""
    if known is not None and known.subscribers > subscribers and seen.at - known.stated <= WINDOW:
        return dataclasses.replace(known, seen=seen.at)
    return Audience(reader=seen.reader.name, kind=seen.reader.kind, subscribers=subscribers, stated=seen.at, seen=seen.at)


def _client(known: Client | None, seen: Observation) -> Client:
    return Client(
        reader=seen.reader.name,
        kind=seen.reader.kind,
        requests=(known.requests if known is not None else 0) + 1,
        unconditional=(known.unconditional if known is not None else 0) + (not seen.conditional),
        sent=(known.sent if known is not None else 0) + seen.sent,
        seen=seen.at,
    )


def _saved(seen: Observation) -> int:
    answered = seen.status in {HTTPStatus.OK, HTTPStatus.IM_USED, HTTPStatus.NOT_MODIFIED}
    return max(0, seen.full - seen.sent) if answered else 0


def _latest(remembered: dict[_K, _S]) -> dict[_K, _S]:
    """Forget those not seen for longest when there are more than ``CAPACITY``."""
    if len(remembered) <= CAPACITY:
        return remembered
    return dict(sorted(remembered.items(), key=lambda item: item[1].seen)[-CAPACITY:])


def report(tally: Tally, now: datetime) -> ReaderReport:
    """Sum up; clients and statements that were not seen within ``WINDOW`` before ``now`` do not count as readers."""
    pollers = [
        Poller(
            client=token,
            reader=client.reader,
            feed=feed,
            requests=client.requests,
            unconditional=client.unconditional,
            sent=client.sent,
        )
        for feed, counts in tally.feeds.items()
        for token, client in counts.clients.items()
        if client.unconditional >= _RETURNS
    ]
    pollers.sort(key=lambda poller: (-poller.unconditional, -poller.sent, poller.feed, poller.client))
    return ReaderReport(
        since=tally.since,
        until=now,
        feeds=tuple(_feed_report(feed, tally.feeds[feed], now) for feed in sorted(tally.feeds)),
        worst=tuple(pollers[:WORST]),
    )


def _feed_report(feed: str, counts: FeedTally, now: datetime) -> FeedReport:
    readers = _readership(counts, now)
    return FeedReport(
        feed=feed,
        subscribers=sum(line.subscribers for line in readers),
        readers=readers,
        requests=counts.requests,
        conditional_share=_share(counts.conditional, counts.requests),
        not_modified_share=_share(counts.not_modified, counts.requests),
        deltas=counts.deltas,
        refused=counts.refused,
        sent=counts.sent,
        saved=counts.saved,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _readership(counts: FeedTally, now: datetime) -> tuple[Readership, ...]:
    """Add up people by program: stated figures, or one for each client that came back."""
    people: dict[tuple[str, Kind], int] = {}
    stating = {audience.reader for audience in counts.audiences.values()}
    for audience in counts.audiences.values():
        if now - audience.seen <= WINDOW:
            key = (audience.reader, audience.kind)
            people[key] = people.get(key, 0) + audience.subscribers
    for client in counts.clients.values():
        person = client.kind not in _NO_PERSON and client.reader not in stating
        if person and client.requests >= _RETURNS and now - client.seen <= WINDOW:
            key = (client.reader, client.kind)
            people[key] = people.get(key, 0) + 1
    lines = [Readership(reader=name, kind=kind, subscribers=number) for (name, kind), number in people.items()]
    return tuple(sorted(lines, key=lambda line: (-line.subscribers, line.reader, line.kind)))
