"""How far a post has come: one sentence of everybody who was to be told of it, and what came of that."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from feedservice.cli import happened, output
from feedservice.config import Loaded
from feedservice.deliveries import Delivery, EntryFacts, State
from feedservice.push import hub, live, rsscloud
from feedservice.store.history import Event, What
from feedservice.store.outbox import TopicStanding
from feedservice.store.sql import SqlStore

_NAMES = {"websub": "hub {}", "indexnow": "IndexNow", "microblog": "micro.blog", "xmlrpc": "{}", "webhook": "webhook {}"}
"""Kind of a delivery → whom it goes to, with the host in it."""
_SILENT = frozenset({hub.VERIFY, hub.DENY, rsscloud.VERIFY, live.LIVE})
"""Kinds that tell nobody of a post."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Who was told of a post, and who is not yet."""

    id: str
    title: str
    told: tuple[Event, ...] = ()
    """Announcements that came to an end, one way or the other."""
    queued: tuple[Delivery, ...] = ()
    missing: int | None = None
    """Subscribers that have not confirmed; None when a newer version has gone out since, so that it cannot be told."""
    retrying: tuple[str, ...] = ()
    """Hosts of these that failed and will be tried again; at most 20 for each feed, by name."""

    @property
    def confirmed(self) -> int:
        """Subscribers that confirmed, those of several formats counted in each."""
        return sum(each.count for each in self.told)

    @property
    def seconds(self) -> float | None:
        """From publication to the last subscriber's confirmation; None when there is none."""
        ends = [(each.at - each.of).total_seconds() for each in self.told if each.count and each.of is not None]
        return max(0.0, *ends) if ends else None


def named(store: SqlStore, text: str) -> EntryFacts | None:
    """Return the announced post that is meant by an id, a link, a title, or the end of a path; None when that is no one's."""
    facts = store.announced()
    with contextlib.closing(store.ledger()) as rows:
        paths = {row.id for row in rows if row.path == text or row.path.endswith(f"/{text}")}
    found = [each for each in facts.values() if text in {each.id, each.url, each.title} or each.id in paths]
    return found[0] if len(found) == 1 else facts.get(text)


def reach(store: SqlStore, loaded: Loaded, entry: EntryFacts, now: datetime) -> Reach:
    """Return how far a post has come."""
    with happened.events(loaded) as stream:
        events = list(stream)
    told = happened.announcements(events, entry.id)
    published = {each.feed: each.at for each in reversed(events) if each.what is What.PUBLISHED and each.id == entry.id}
    passes = {*published.values(), *(each.of for each in told)}
    with contextlib.closing(store.deliveries(state=State.QUEUED)) as queue:
        queued = [each for each in queue if each.created_at in passes and _tells(each, entry.id)]
    standings = list(_standings(store, published, now))
    exact = standings and all(each.version == each.live and each.published_at in passes for each in standings)
    return Reach(
        id=entry.id,
        title=entry.title,
        told=tuple(told),
        queued=tuple(queued),
        missing=sum(each.active - each.confirmed for each in standings) if exact else None,
        retrying=tuple(sorted({host for each in standings for host in each.retrying})) if exact else (),
    )


def _tells(delivery: Delivery, entry: str) -> bool:
    return delivery.kind not in _SILENT and delivery.post in {"", entry}


def _standings(store: SqlStore, feeds: Iterable[str], now: datetime) -> Iterator[TopicStanding]:
    wanted = set(feeds)
    with contextlib.closing(store.documents()) as rows:
        topics = [row.url for row in rows if row.feed in wanted]
    for topic in topics:
        standing = store.topic_standing(topic, now)
        if standing is not None:
            yield standing


def sentence(it: Reach) -> str:
    """Say it."""
    parts = [*_subscribers(it), *_others(it.told), *_waiting(it.queued)]
    return f"{it.title or it.id}: {', '.join(parts) or 'nobody was told'}"


def _subscribers(it: Reach) -> Iterator[str]:
    took = f" in {it.seconds:.1f} s" if it.seconds is not None else ""
    if it.missing is None:
        if it.confirmed:
            yield f"{output.counted(it.confirmed, 'subscriber')} confirmed{took}"
        return
    every = it.confirmed + it.missing
    if every:
        yield f"{it.confirmed:,} of {output.counted(every, 'subscriber')} confirmed{took}"
    if it.missing:
        hosts = f" ({', '.join(map(bare, it.retrying))})" if it.retrying else ""
        yield f"{it.missing:,} {'retrying' if it.retrying else 'to come'}{hosts}"


def _others(told: Sequence[Event]) -> Iterator[str]:
    notes: dict[str, list[str]] = {}
    for each in told:
        if not each.count:
            note = each.note or each.what.value
            notes.setdefault(_name(each.kind, each.host), []).append(note)
    for name, said in notes.items():
        yield f"{name} {'/'.join(dict.fromkeys(said))}"


def _waiting(queued: Sequence[Delivery]) -> Iterator[str]:
    found: dict[str, str] = {}
    for each in queued:
        last = each.last
        why = "" if last is None else f" ({last.status if last.status is not None else last.failure})"
        found[_name(each.kind, each.host)] = f"retrying{why}" if last is not None else "to come"
    for name, how in found.items():
        yield f"{name} {how}"


def _name(kind: str, host: str) -> str:
    return _NAMES.get(kind, f"{kind} {{}}").format(bare(host))


def bare(host: str) -> str:
    """Return a host without the port that goes without saying."""
    return host.removesuffix(":443").removesuffix(":80")
