"""Claims: what is due, found by index, and given to one caller for a while.

A claim is two steps in one transaction: the rows are picked (and on PostgreSQL locked, those that another process is picking
skipped), and then marked with a lease, a higher fence and one attempt more. When that has returned, the attempt is on the disk.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from feedservice.deliveries import Claim, Delivery, Lane, State, Subscription
from feedservice.store import StoreError, outbox_rows, tables
from feedservice.store.rows import Found
from feedservice.store.seal import Seal
from feedservice.store.writes import batches

_DELIVERIES = tables.deliveries
_SUBSCRIPTIONS = tables.subscriptions
_TOPICS = tables.topics

Picked = tuple[int, Found]
"""When it was due, in microseconds, and the row: of ``deliveries``, or of ``SUBSCRIPTION`` with the live version behind it."""
T = TypeVar("T")

_AGAIN = timedelta(hours=1)
"""After which what cannot be read is looked at again: the key may have been put back."""


def claim(
    connection: sa.Connection, seal: Seal, now: datetime, *, lanes: Mapping[Lane, int], lease: float, busy: Collection[str]
) -> Claim:
    """Claim what is due; see ``Outbox.claim``."""
    until = now + timedelta(seconds=lease)
    deliveries: list[Delivery] = []
    subscriptions: list[Subscription] = []
    unread: set[str] = set()
    for lane, most in lanes.items():
        if most <= 0:
            continue
        rows = _deliveries(connection, lane, now, busy, most)
        behind = _of_lane(connection, lane, now, busy, most)
        # Both come in the order in which they are due, which neither may jump.
        chosen = list(heapq.merge(_dated(rows, is_delivery=True), _dated(behind, is_delivery=False), key=lambda each: each[0]))
        chosen = chosen[:most]
        deliveries += _take_deliveries(connection, seal, [row for _, yes, row in chosen if yes], now, until, unread)
        subscriptions += _take_subscriptions(connection, seal, [row for _, yes, row in chosen if not yes], now, until, unread)
    return Claim(until=until, deliveries=tuple(deliveries), subscriptions=tuple(subscriptions), unread=tuple(sorted(unread)))


def _dated(rows: Iterable[Picked], *, is_delivery: bool) -> list[tuple[int, bool, Found]]:
    return [(due, is_delivery, row) for due, row in rows]


def _of_lane(connection: sa.Connection, lane: Lane, now: datetime, busy: Collection[str], most: int) -> Sequence[Picked]:
    match lane:
        case Lane.FIRST:
            return _never_tried(connection, now, busy, most)
        case Lane.RETRY:
            return _failing(connection, now, busy, most)
        case Lane.VERIFICATION:
            return ()


def _free(claimed_until: sa.ColumnElement[Any], now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(claimed_until.is_(None), claimed_until <= now)


def _deliveries(connection: sa.Connection, lane: Lane, now: datetime, busy: Collection[str], most: int) -> Sequence[Picked]:
    column, topic = _DELIVERIES.c, _TOPICS.c
    query = (
        sa.select(_DELIVERIES)
        .outerjoin(_TOPICS, topic.topic == column.topic)
        .where(
            column.state == sa.literal_column(f"'{State.QUEUED.value}'"),
            column.lane == lane.value,
            column.due_at <= now,
            _free(column.claimed_until, now),
            sa.or_(column.topic == "", sa.and_(topic.live >= column.version, sa.not_(topic.retired))),
            column.host.not_in(busy),
        )
        .order_by(column.due_at, column.created_at, column.id)
        .limit(most)
        .with_for_update(of=_DELIVERIES, skip_locked=True)
    )
    return [(outbox_rows.stamp(row.due_at), row) for row in connection.execute(query)]


def behind_topics(connection: sa.Connection) -> Mapping[str, int]:
    """Return the topics, with their live versions, that some subscriptions were never tried with."""
    column, topic = _SUBSCRIPTIONS.c, _TOPICS.c
    some = sa.exists().where(column.topic == topic.topic, column.tried < topic.live)
    query = sa.select(topic.topic, topic.live).where(sa.not_(topic.retired), some)
    return dict(connection.execute(query).all())


def leased(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a lease has not ended, in a form that sends nobody to the index of leases.

    Nearly all leases have not ended. SQLite does not know that, and would walk through all of them there, where the index of
    those that are behind has a few.
    """
    return sa.type_coerce(_SUBSCRIPTIONS.c.lease_end, sa.BigInteger) + 0 > outbox_rows.stamp(now)


def never_tried(topic: str, live: int, now: datetime, busy: Collection[str]) -> sa.ColumnElement[bool]:
    """Return the condition for subscriptions of lane ``first``."""
    column = _SUBSCRIPTIONS.c
    return sa.and_(
        column.topic == topic,
        column.tried < live,
        column.delivered < live,
        leased(now),
        _free(column.claimed_until, now),
        column.host.not_in(busy),
    )


def _never_tried(connection: sa.Connection, now: datetime, busy: Collection[str], most: int) -> Sequence[Picked]:
    column = _SUBSCRIPTIONS.c
    found: list[Sequence[Picked]] = []
    today = outbox_rows.stamp(now)
    for topic, live in behind_topics(connection).items():
        query = sa.select(*outbox_rows.SUBSCRIPTION, sa.literal(live).label("live")).where(never_tried(topic, live, now, busy))
        # The index has them in this order: the millionth is not looked at for the sake of the first.
        query = query.order_by(column.tried, column.due_at).limit(most)
        rows = connection.execute(query.with_for_update(of=_SUBSCRIPTIONS, skip_locked=True)).all()
        found.append([(min(row.due_at, today), row) for row in rows])
    return list(heapq.merge(*found, key=lambda each: each[0]))[:most]


def failing(now: datetime, busy: Collection[str]) -> sa.ColumnElement[bool]:
    """Return the condition for subscriptions of lane ``retry``, joined with their topics."""
    column, topic = _SUBSCRIPTIONS.c, _TOPICS.c
    return sa.and_(
        tables.behind,
        column.tried >= topic.live,
        column.delivered < topic.live,
        leased(now),
        sa.not_(topic.retired),
        column.host.not_in(busy),
    )


def _failing(connection: sa.Connection, now: datetime, busy: Collection[str], most: int) -> Sequence[Picked]:
    column, topic = _SUBSCRIPTIONS.c, _TOPICS.c
    query = (
        sa.select(*outbox_rows.SUBSCRIPTION, topic.live.label("live"))
        .join(_TOPICS, topic.topic == column.topic)
        .where(failing(now, busy), column.due_at <= now, _free(column.claimed_until, now))
        .order_by(column.due_at)
        .limit(most)
        .with_for_update(of=_SUBSCRIPTIONS, skip_locked=True)
    )
    return [(row.due_at, row) for row in connection.execute(query).all()]


def _readable(rows: Sequence[Found], read: Callable[[Found], T], unread: set[str]) -> tuple[list[tuple[Found, T]], list[Found]]:
    """Return the rows with what they say, and those that cannot be read; ``unread`` gets the reasons."""
    good: list[tuple[Found, T]] = []
    bad: list[Found] = []
    for row in rows:
        try:
            good.append((row, read(row)))
        except StoreError as error:
            bad.append(row)
            unread.add(f"{error} ({error.hint})")
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            # Of the row only its kind of damage: what stands in it is nobody's business.
            bad.append(row)
            unread.add(f"what is stored of a delivery or a subscriber is damaged: {type(error).__name__}")
    return good, bad


def _take_deliveries(
    connection: sa.Connection, seal: Seal, rows: Sequence[Found], now: datetime, until: datetime, unread: set[str]
) -> list[Delivery]:
    column = _DELIVERIES.c
    good, bad = _readable(rows, lambda row: outbox_rows.delivery(row, seal), unread)
    for batch in batches(bad):
        held = sa.update(_DELIVERIES).where(column.id.in_([row.id for row in batch]))
        connection.execute(held.values(due_at=now + _AGAIN))
    for taken in batches(good):
        marked = {"fence": column.fence + 1, "attempts": column.attempts + 1, "claimed_until": until, "attempted_at": now}
        connection.execute(sa.update(_DELIVERIES).where(column.id.in_([row.id for row, _ in taken])).values(marked))
    return [dataclasses.replace(each, fence=each.fence + 1, attempts=each.attempts + 1) for _, each in good]


def _take_subscriptions(
    connection: sa.Connection, seal: Seal, rows: Sequence[Found], now: datetime, until: datetime, unread: set[str]
) -> list[Subscription]:
    column = _SUBSCRIPTIONS.c
    good, bad = _readable(rows, lambda row: outbox_rows.subscription(row, seal, (row.live, now)), unread)
    for row in bad:
        # As one that was tried: it is not among the first any more.
        held = sa.update(_SUBSCRIPTIONS).where(column.key == row.key)
        connection.execute(held.values(tried=max(row.tried, row.live), due_at=now + _AGAIN))
    fresh: dict[int, list[bytes]] = {}
    for row, _ in good:
        fresh.setdefault(row.live if row.tried < row.live else 0, []).append(row.key)
    for live, keys in fresh.items():
        for batch in batches(keys):
            marked: dict[str, Any] = {"fence": column.fence + 1, "claimed_until": until, "attempts": column.attempts + 1}
            if live:
                marked |= {"tried": live, "attempts": 1, "due_at": now}
            named = column.key.in_(sa.bindparam("keys", expanding=True))
            connection.execute(sa.update(_SUBSCRIPTIONS).where(named).values(marked), {"keys": batch})
    return [each for _, each in good]


def next_due(connection: sa.Connection, now: datetime, busy: Collection[str]) -> datetime | None:
    """Return when something can be claimed next; see ``Outbox.next_due``."""
    for topic, live in behind_topics(connection).items():
        some = sa.select(sa.literal(1)).where(never_tried(topic, live, now, busy)).limit(1)
        if connection.execute(some).scalar() is not None:
            return now
    dates = [_next_delivery(connection, busy), _next_failing(connection, now, busy)]
    return min((each for each in dates if each is not None), default=None)


def _next_delivery(connection: sa.Connection, busy: Collection[str]) -> datetime | None:
    column, topic = _DELIVERIES.c, _TOPICS.c
    # One that is claimed can be claimed again when the lease has ended.
    date = sa.case((column.claimed_until > column.due_at, column.claimed_until), else_=column.due_at)
    query = (
        sa.select(sa.func.min(date, type_=tables.Instant))
        .select_from(sa.outerjoin(_DELIVERIES, _TOPICS, topic.topic == column.topic))
        .where(
            column.state == sa.literal_column(f"'{State.QUEUED.value}'"),
            sa.or_(column.topic == "", sa.and_(topic.live >= column.version, sa.not_(topic.retired))),
            column.host.not_in(busy),
        )
    )
    return connection.execute(query).scalar()


def _next_failing(connection: sa.Connection, now: datetime, busy: Collection[str]) -> datetime | None:
    column, topic = _SUBSCRIPTIONS.c, _TOPICS.c
    date = sa.case((column.claimed_until > column.due_at, column.claimed_until), else_=column.due_at)
    joined = sa.join(_SUBSCRIPTIONS, _TOPICS, topic.topic == column.topic)
    # A lease that ends first ends it.
    query = sa.select(sa.func.min(date, type_=tables.Instant)).select_from(joined)
    return connection.execute(query.where(failing(now, busy), date < column.lease_end)).scalar()
