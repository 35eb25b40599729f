"""What is remembered, for verbs that only look: what happened, in the store and in notes it does not have yet; the ledger."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime

from feedservice import dates
from feedservice.cli import output, storage
from feedservice.config import Loaded
from feedservice.service import chronicle, ledgerfile
from feedservice.service.ledgers import Ledger
from feedservice.service.memory import LEDGER
from feedservice.store.history import Event, What


@contextlib.contextmanager
def ledger_of(loaded: Loaded) -> Iterator[Ledger]:
    """Open the ledger as a pass would find it: in its file, and where that is lost or an older one, in the store.

    Raises ``StoreError``.
    """
    place = ledgerfile.place(loaded)
    if not storage.exists(loaded):
        yield Ledger(place)
        return
    with contextlib.closing(storage.opened(loaded)) as store:
        yield Ledger(place, agreed=store.meta().get(LEDGER), stored=store.ledger)


_SIGNS = {
    What.PUBLISHED: "+",
    What.RETURNED: "+",
    What.CHANGED: "~",
    What.RENAMED: "!",
    What.WITHDRAWN: "-",
    What.HELD: "!",
    What.RELEASED: ">",
    What.REJECTED: "x",
    What.ANNOUNCED: "@",
    What.UNANNOUNCED: "?",
}
_TOLD = frozenset({What.ANNOUNCED, What.UNANNOUNCED})


@contextlib.contextmanager
def events(loaded: Loaded, *, since: datetime | None = None) -> Iterator[Iterator[Event]]:
    """Open what happened, newest first. Raises ``StoreError``."""
    state = loaded.root / loaded.config.state
    noted = sorted(chronicle.read(state).events, key=lambda each: each.at, reverse=True)
    notes = (each for each in noted if since is None or each.at >= since)
    if not storage.exists(loaded):
        yield notes
        return
    with contextlib.closing(storage.opened(loaded)) as store, contextlib.closing(store.events(since=since)) as kept:
        yield heapq.merge(notes, kept, key=lambda each: each.at, reverse=True)


def announcements(found: Iterable[Event], entry: str) -> list[Event]:
    """Return who was told of an entry, oldest first; ``found`` is everything that happened, in any order.

    Hubs, their subscribers and ping services are told of feeds: of an entry by the first announcement of a feed since it was
    published there.
    """
    every = sorted(found, key=lambda each: each.at)
    told = [each for each in every if each.what in _TOLD and each.id == entry]
    since = {each.feed: each.at for each in reversed(every) if each.what is What.PUBLISHED and each.id == entry}
    first: dict[tuple[str, str, str], datetime] = {}
    of_feeds = [each for each in every if each.what in _TOLD and not each.id and each.feed in since and each.of is not None]
    for each in of_feeds:
        if each.of is not None and each.of >= since[each.feed]:
            place = (each.feed, each.kind, each.host)
            first[place] = min(first.get(place, each.of), each.of)
    told += [each for each in of_feeds if first.get((each.feed, each.kind, each.host)) == each.of]
    return sorted(told, key=lambda each: each.at)


def line(event: Event, zone: str, title: str = "") -> str:
    """Return an event in one line; ``title`` is that of the entry, where the event has none."""
    when = dates.rfc3339(event.at.replace(microsecond=0), zone)
    where = f"{event.feed}: " if event.feed else ""
    return f"{when} {_SIGNS[event.what]} {where}{event.what} {_said(event, event.title or title)}".rstrip()


def told_to(event: Event) -> str:
    """Return who was told, and what came of it: ``hub.example (websub, 204)``."""
    if event.count:
        return f"{output.counted(event.count, 'subscriber')} ({event.kind})"
    return f"{event.host} ({output.listed([event.kind, event.note] if event.note else [event.kind])})"


def _said(event: Event, title: str) -> str:
    if event.what in _TOLD:
        return f"{title} to {told_to(event)}" if title else f"to {told_to(event)}"
    aside = event.note and (title or event.what is What.RELEASED)
    return " ".join(part for part in (title, f"({event.note})" if aside else event.note) if part)
