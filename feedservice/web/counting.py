"""Counting readers off the hot path: answered requests wait in a table and are added to the tally in batches.

Addresses stay in that table for about a second. What is kept is a keyed hash of address and User-Agent; the key is replaced every
week. A client that comes back under the old key is moved to its new name, so that nobody is counted twice, and one that
does not come back for a week can no longer be tied to anything.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from feedservice.web import tally
from feedservice.web.readers import Kind, Reader, identify
from feedservice.web.tally import Audience, Client, FeedTally, Observation, Tally

PERIOD = timedelta(days=7)
"""How long a key is used; not shorter than ``tally.WINDOW``."""
MOST_WAITING = 200_000
"""Different requests that wait to be counted; more of them are served and not counted."""

_AGENTS = 5000
_NUMBERS = ("requests", "conditional", "not_modified", "deltas", "refused", "sent", "saved")
"""Fields of ``FeedTally`` that are plain sums."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """What is counted of an answer, whoever asked."""

    feed: str
    format: str
    conditional: bool
    status: int
    sent: int
    full: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What tokens are made with."""

    current: bytes
    since: datetime
    previous: bytes | None = None

    def turned(self, fresh: bytes, now: datetime) -> Keys:
        """Replace the key; the one before the current one is thrown away."""
        return Keys(current=fresh, since=now, previous=self.current)


Waiting = tuple[Subject, bytes, str, int]
"""Subject, User-Agent, address of the client, second of the answer since the epoch."""


class Counts:
    """The tally and what waits to be added to it. One thread writes; any thread may read ``tally`` and ``keys``."""

    def __init__(self, counted: Tally, keys: Keys, random: Callable[[int], bytes]) -> None:
        """``random`` makes keys: ``secrets.token_bytes``."""
        self.tally = counted
        self.keys = keys
        self.waiting: dict[Waiting, int] = {}
        """Each with how many times it happened: in a flood there is little to take down."""
        self.uncounted = 0
        """Requests that came when too many were waiting."""
        self._random = random
        self._agents: dict[bytes, Reader] = {}

    def note(self, subject: Subject, agent: bytes, client: str, second: int) -> None:
        """Take down an answered request."""
        waiting = self.waiting
        key = (subject, agent, client, second)
        if key in waiting:
            waiting[key] += 1
        elif len(waiting) < MOST_WAITING:
            waiting[key] = 1
        else:
            self.uncounted += 1

    def settle(self, most: int, now: datetime) -> bool:
        """Add up to ``most`` of the different requests that wait; returns whether some are left."""
        if now - self.keys.since >= PERIOD:
            self.keys = self.keys.turned(self._random(32), now)
        batch = [self.waiting.popitem() for _ in range(min(most, len(self.waiting)))]
        if batch:
            if self.keys.previous is not None:
                self.tally = _renamed(self.tally, self._new_names(batch, self.keys.previous))
            distinct = [(self._observation(*waiting), times) for waiting, times in batch]
            counted = tally.add(self.tally, [observation for observation, _ in distinct])
            for observation, times in distinct:
                if times > 1:
                    counted = _again(counted, observation, times - 1)
            self.tally = counted
        return bool(self.waiting)

    def _new_names(self, batch: list[tuple[Waiting, int]], previous: bytes) -> dict[str, dict[str, str]]:
        """Return feed → token under the previous key → token under the current one."""
        names: dict[str, dict[str, str]] = {}
        for feed, agent, client in {(subject.feed, agent, client) for (subject, agent, client, _), _ in batch}:
            user_agent = agent.decode("latin-1")
            old = tally.client_token(previous, client, user_agent)
            names.setdefault(feed, {})[old] = tally.client_token(self.keys.current, client, user_agent)
        return names

    def _observation(self, subject: Subject, agent: bytes, client: str, second: int) -> Observation:
        user_agent = agent.decode("latin-1")
        return Observation(
            feed=subject.feed,
            format=subject.format,
            reader=self._reader(agent, user_agent),
            client=tally.client_token(self.keys.current, client, user_agent),
            conditional=subject.conditional,
            status=subject.status,
            sent=subject.sent,
            full=subject.full,
            at=datetime.fromtimestamp(second, UTC),
        )

    def _reader(self, agent: bytes, user_agent: str) -> Reader:
        known = self._agents.get(agent)
        if known is None:
            known = identify(user_agent)
            if len(self._agents) >= _AGENTS:
                self._agents.clear()
            self._agents[agent] = known
        return known


def _again(counted: Tally, seen: Observation, times: int) -> Tally:
    """Count an observation that was just added so many times more: a client in a loop costs no more than one that is not."""
    counts = counted.feeds[seen.feed]
    once = tally.add(Tally(since=counted.since), [seen]).feeds[seen.feed]
    grown = {name: getattr(counts, name) + times * getattr(once, name) for name in _NUMBERS}
    clients = dict(counts.clients)
    client, one = clients.get(seen.client), once.clients[seen.client]
    if client is not None:
        clients[seen.client] = dataclasses.replace(
            client,
            requests=client.requests + times,
            unconditional=client.unconditional + times * one.unconditional,
            sent=client.sent + times * one.sent,
        )
    feed = dataclasses.replace(counts, **grown, clients=clients)
    return dataclasses.replace(counted, feeds={**counted.feeds, seen.feed: feed})


def _renamed(counted: Tally, names: Mapping[str, Mapping[str, str]]) -> Tally:
    """Give clients that came back their new tokens."""
    feeds = dict(counted.feeds)
    for feed, new in names.items():
        counts = feeds.get(feed)
        if counts is not None and not new.keys().isdisjoint(counts.clients):
            clients = {new.get(token, token): client for token, client in counts.clients.items()}
            feeds[feed] = dataclasses.replace(counts, clients=clients)
    return dataclasses.replace(counted, feeds=feeds)


def beginning(random: Callable[[int], bytes], now: datetime) -> Counts:
    """Return counts of nothing yet."""
    return Counts(Tally(since=now), Keys(current=random(32), since=now), random)


def to_json(counted: Tally, keys: Keys, at: datetime) -> bytes:
    """Write the counts down, and the keys with them: whoever may read this may tie tokens to addresses for a week or two."""
    value = {
        "at": at.isoformat(),
        "keys": {
            "current": _text(keys.current),
            "since": keys.since.isoformat(),
            "previous": None if keys.previous is None else _text(keys.previous),
        },
        "since": counted.since.isoformat(),
        "feeds": {feed: _feed_row(counts) for feed, counts in counted.feeds.items()},
    }
    return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode("ascii")


def _feed_row(counts: FeedTally) -> dict[str, object]:
    return {
        **{name: getattr(counts, name) for name in _NUMBERS},
        "audiences": [
            [*key, each.reader, each.kind, each.subscribers, each.stated.isoformat(), each.seen.isoformat()]
            for key, each in counts.audiences.items()
        ],
        "clients": [
            [token, each.reader, each.kind, each.requests, each.unconditional, each.sent, each.seen.isoformat()]
            for token, each in counts.clients.items()
        ],
    }


def from_json(data: bytes) -> tuple[Tally, Keys, datetime]:
    """Read what ``to_json`` wrote: (counts, keys, when it was written); raises ``ValueError`` for anything else."""
    try:
        value = json.loads(data.decode("utf-8", "surrogatepass"))
        keys = value["keys"]
        previous = keys["previous"]
        return (
            Tally(since=_instant(value["since"]), feeds={feed: _read_feed(row) for feed, row in value["feeds"].items()}),
            Keys(
                current=base64.b64decode(keys["current"], validate=True),
                since=_instant(keys["since"]),
                previous=None if previous is None else base64.b64decode(previous, validate=True),
            ),
            _instant(value["at"]),
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"these are no counts: {error!r}") from error


def _read_feed(row: Mapping[str, list[list[str]]]) -> FeedTally:
    numbers = {name: int(row[name]) for name in _NUMBERS}  # type: ignore[call-overload]
    return FeedTally(
        **numbers,
        audiences={
            (each[0], each[1], each[2]): Audience(
                reader=each[3],
                kind=Kind(each[4]),
                subscribers=int(each[5]),
                stated=_instant(each[6]),
                seen=_instant(each[7]),
            )
            for each in row["audiences"]
        },
        clients={
            each[0]: Client(
                reader=each[1],
                kind=Kind(each[2]),
                requests=int(each[3]),
                unconditional=int(each[4]),
                sent=int(each[5]),
                seen=_instant(each[6]),
            )
            for each in row["clients"]
        },
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
