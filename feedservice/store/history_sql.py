"""What happened, as rows. Every function that writes runs inside a transaction that its caller has begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from feedservice.deliveries import Advanced, Outcome, Settled, State
from feedservice.store import tables
from feedservice.store.history import Event, What
from feedservice.store.rows import Found, Values
from feedservice.store.writes import batches

_EVENTS = tables.events
_ENDS = {State.DELIVERED: What.ANNOUNCED, State.GONE: What.UNANNOUNCED, State.FAILED: What.UNANNOUNCED}
"""What becomes of a delivery → what is told of it. What was dropped is neither: a newer one took its place."""


def select(feed: str | None, entry: str | None, since: datetime | None) -> sa.Select[*tuple[object, ...]]:
    """Return the question for events, newest first."""
    column = _EVENTS.c
    query = sa.select(*(each for each in column if each.name not in {"number", "topic", "version"}))
    for name, value in ((column.feed, feed), (column.entry, entry)):
        query = query.where(name == value) if value is not None else query
    query = query.where(column.at >= since) if since is not None else query
    return query.order_by(column.at.desc(), column.number.desc())


def event(row: Found) -> Event:
    """Read a row of ``select``."""
    at, what, feed, entry, title, note, kind, host, count, of = row
    return Event(at=at, what=What(what), feed=feed, id=entry, title=title, note=note, kind=kind, host=host, count=count, of=of)


def write(connection: sa.Connection, events: Sequence[Event], keep_since: datetime | None) -> None:
    """Remember what happened, and forget what is older."""
    for batch in batches(events):
        connection.execute(sa.insert(_EVENTS), [_values(each) for each in batch])
    if keep_since is not None:
        connection.execute(sa.delete(_EVENTS).where(_EVENTS.c.at < keep_since))


def tell_ends(connection: sa.Connection, settled: Sequence[Settled]) -> None:
    """Remember what became of the deliveries that tell somebody of something."""
    ended = [each.delivery for each in settled if each.told and each.delivery.state in _ENDS]
    if not ended:
        return
    feeds = _feeds(connection, {each.topic for each in ended if each.topic})
    made = [
        Event(
            at=each.ended_at or each.created_at,
            what=_ENDS[each.state],
            feed=feeds.get(each.topic, ""),
            id=each.post,
            note=_said(each.last),
            kind=each.kind,
            host=each.host,
            of=each.created_at,
        )
        for each in ended
    ]
    write(connection, made, None)


def count_confirmed(connection: sa.Connection, advanced: Sequence[Advanced]) -> None:
    """Count the subscribers that confirmed a version: one row for all of them."""
    confirmed = Counter[tuple[str, str, int]]()
    last: dict[tuple[str, str, int], datetime] = {}
    for each in advanced:
        now = each.subscription
        if each.ended or now.delivered < now.tried or now.delivered_at is None:
            continue
        place = (now.key.protocol, now.key.topic, now.delivered)
        confirmed[place] += 1
        last[place] = max(last.get(place, now.delivered_at), now.delivered_at)
    column = _EVENTS.c
    for (kind, topic, version), count in confirmed.items():
        at = last[kind, topic, version]
        here = sa.and_(column.topic == topic, column.version == version, column.kind == kind)
        later = sa.case((column.at < at, sa.bindparam("its_at", at, type_=tables.Instant)), else_=column.at)
        more = sa.update(_EVENTS).where(here).values(count=column.count + count, at=later)
        if connection.execute(more).rowcount:
            continue
        body = tables.topic_bodies.c
        query = sa.select(body.feed, body.published_at).where(body.topic == topic, body.version == version)
        feed, published = connection.execute(query).one_or_none() or ("", None)
        made = Event(at=at, what=What.ANNOUNCED, feed=feed, kind=kind, count=count, of=published)
        connection.execute(sa.insert(_EVENTS), _values(made) | {"topic": topic, "version": version})


def _values(made: Event) -> Values:
    return {
        "at": made.at,
        "what": made.what.value,
        "feed": made.feed,
        "entry": made.id,
        "title": made.title,
        "note": made.note,
        "kind": made.kind,
        "host": made.host,
        "count": made.count,
        "of": made.of,
        "topic": "",
        "version": 0,
    }


def _said(outcome: Outcome | None) -> str:
    """Return what the target answered, for people."""
    if outcome is None:
        return ""
    text = str(outcome.status) if outcome.status is not None else str(outcome.failure)
    return f"{text}: {outcome.detail}" if outcome.detail else text


def _feeds(connection: sa.Connection, topics: Collection[str]) -> dict[str, str]:
    body = tables.topic_bodies.c
    found: dict[str, str] = {}
    for batch in batches(topics):
        found |= dict(connection.execute(sa.select(body.topic, body.feed).where(body.topic.in_(batch))).all())
    return found
