"""What is written to the outbox, statement by statement.

Every function here runs inside a transaction that its caller has begun.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from feedservice.deliveries import (
    Advanced,
    Announcement,
    Delivery,
    EntryFacts,
    Failure,
    Outcome,
    Settled,
    State,
    Subscription,
    SubscriptionKey,
    TopicVersion,
)
from feedservice.store import history_sql, outbox_rows, tables
from feedservice.store.dialects import Insert
from feedservice.store.rows import Values
from feedservice.store.seal import Seal
from feedservice.store.writes import batches, upsert

_DELIVERIES = tables.deliveries
_SUBSCRIPTIONS = tables.subscriptions
_RENEWED = ("host", "secret", "method", "procedure", "verified_at", "lease_end")
"""Columns that a renewal replaces."""
KEPT = 8
"""Newest versions of a topic that are kept while none of them is live: any of them may be seen at its public URL yet."""


def _dropped(now: object) -> dict[str, object]:
    """Return the columns of a delivery that is dropped; who holds it finds an older fence."""
    fence = _DELIVERIES.c.fence + 1
    ended: dict[str, object] = {"state": State.DROPPED.value, "ended_at": now, "payload": b"", "secret": None}
    return ended | {"claimed_until": None, "fence": fence}


def write_announcement(connection: sa.Connection, insert: Insert, seal: Seal, announcement: Announcement) -> None:
    """Write an announcement; see ``Outbox.announce``."""
    write_topics(connection, insert, announcement.topics, live=announcement.live)
    for batch in batches(announcement.retired):
        connection.execute(sa.update(tables.topics).where(tables.topics.c.topic.in_(batch)).values(retired=True))
    write_deliveries(connection, insert, seal, announcement.deliveries)
    write_facts(connection, insert, announcement.remembered, announcement.forgotten)


def write_topics(connection: sa.Connection, insert: Insert, versions: Sequence[TopicVersion], *, live: bool) -> None:
    """Remember new versions. Raises ``ValueError`` when one is not higher than the one before."""
    for batch in batches(versions):
        query = sa.select(tables.topics).where(tables.topics.c.topic.in_({each.topic for each in batch})).with_for_update()
        known = {row.topic: (row.version, row.live) for row in connection.execute(query)}
        for each in batch:
            before, shown = known.get(each.topic, (0, 0))
            if each.version <= before:
                raise ValueError(f"version {each.version} of {each.topic} is not higher than {before}")
            known[each.topic] = (each.version, each.version if live else shown)
        values: list[Values] = [
            {"topic": topic, "version": known[topic][0], "live": known[topic][1], "retired": False}
            for topic in {each.topic for each in batch}
        ]
        upsert(connection, insert, tables.topics, values)
        upsert(connection, insert, tables.topic_bodies, map(outbox_rows.body_values, batch))
        upsert(connection, insert, tables.sent, map(outbox_rows.sent_values, batch))
        _forget_bodies(connection, {each.topic for each in batch})


def _forget_bodies(connection: sa.Connection, topics: Collection[str]) -> None:
    """Forget bodies that are older than the live one of their topic, and of those that are not live the oldest."""
    body = tables.topic_bodies.c
    connection.execute(sa.delete(tables.topic_bodies).where(body.topic.in_(topics), _past(tables.topic_bodies)))


def _past(table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition for versions that nobody will be sent any more: older than the live one, or than too many others."""
    its, topic = table.c, tables.topics.c
    live = sa.select(topic.live).where(topic.topic == its.topic).scalar_subquery()
    newest = sa.select(topic.version).where(topic.topic == its.topic).scalar_subquery()
    return sa.or_(its.version < live, sa.and_(its.version != live, its.version <= newest - KEPT))


def write_facts(connection: sa.Connection, insert: Insert, remembered: Iterable[EntryFacts], forgotten: Iterable[str]) -> None:
    """Remember what was announced."""
    for gone in batches(forgotten):
        connection.execute(sa.delete(tables.announced).where(tables.announced.c.id.in_(gone)))
    for batch in batches(remembered):
        upsert(connection, insert, tables.announced, map(outbox_rows.facts_values, batch))


def write_deliveries(connection: sa.Connection, insert: Insert, seal: Seal, deliveries: Sequence[Delivery]) -> None:
    """Add deliveries that are not known yet; a newer one with the same subject drops one that is not being sent."""
    column = _DELIVERIES.c
    free = sa.or_(column.claimed_until.is_(None), column.claimed_until <= sa.bindparam("its_now"))
    same = sa.and_(
        column.kind == sa.bindparam("its_kind"),
        column.target == sa.bindparam("its_target"),
        column.subject == sa.bindparam("its_subject"),
    )
    # The columns are set to values of the same statement, which an executemany takes for each row.
    superseded = sa.update(_DELIVERIES).where(same, free, column.state == State.QUEUED.value)
    superseded = superseded.values(_dropped(sa.bindparam("its_now")))
    for batch in batches(deliveries):
        known = set(connection.execute(sa.select(column.id).where(column.id.in_({each.id for each in batch}))).scalars())
        new = {each.id: each for each in batch if each.id not in known}
        last = {(each.kind, each.target, each.subject): each.id for each in new.values() if each.subject}
        if last:
            connection.execute(
                superseded,
                [
                    {"its_kind": kind, "its_target": target, "its_subject": subject, "its_now": new[name].created_at}
                    for (kind, target, subject), name in last.items()
                ],
            )
        rows = [
            each
            if not each.subject or last[each.kind, each.target, each.subject] == each.id
            else dataclasses.replace(each, state=State.DROPPED, ended_at=each.created_at, payload=b"", secret=None)
            for each in new.values()
        ]
        if rows:
            values = [outbox_rows.delivery_values(each, seal) for each in rows]
            connection.execute(insert(_DELIVERIES).on_conflict_do_nothing(), values)


def settle_deliveries(connection: sa.Connection, insert: Insert, seal: Seal, settled: Sequence[Settled]) -> int:
    """Write what came of deliveries; return how many had an old fence."""
    ignored = 0
    for batch in batches(settled):
        column = _DELIVERIES.c
        query = sa.select(column.id, column.fence).where(column.id.in_([each.delivery.id for each in batch]))
        # Whoever has settled has let go: what is settled again, because nobody heard that it was, is an old fence as well.
        query = query.where(column.claimed_until.is_not(None))
        fences = {name: fence for name, fence in connection.execute(query.with_for_update())}  # noqa: C416 - of rows
        good = [each for each in batch if fences.get(each.delivery.id) == each.delivery.fence]
        ignored += len(batch) - len(good)
        if good:
            _write_settled(connection, insert, seal, good)
            history_sql.tell_ends(connection, good)
    return ignored


def _write_settled(connection: sa.Connection, insert: Insert, seal: Seal, settled: Sequence[Settled]) -> None:
    names = ("state", "lane", "attempts", "due_at", "ended_at", "last", "attempted_at")
    changed: Values = {name: sa.bindparam(f"its_{name}") for name in names} | {"claimed_until": sa.null()}
    own = _DELIVERIES.c.id == sa.bindparam("its_id")
    again = sa.update(_DELIVERIES).where(own).values(changed)
    over = sa.update(_DELIVERIES).where(own).values(changed | {"payload": sa.literal(b""), "secret": sa.null()})
    for statement, ended in ((again, False), (over, True)):
        rows = [
            {
                "its_id": delivery.id,
                "its_state": delivery.state.value,
                "its_lane": delivery.lane.value,
                "its_attempts": delivery.attempts,
                "its_due_at": delivery.due_at,
                "its_ended_at": delivery.ended_at,
                "its_last": outbox_rows.outcome_text(delivery.last),
                "its_attempted_at": delivery.last.started if delivery.last is not None else None,
            }
            for delivery in (each.delivery for each in settled)
            if (delivery.state is not State.QUEUED) is ended
        ]
        if rows:
            connection.execute(statement, rows)
    write_verified(connection, insert, seal, [each.verified for each in settled if each.verified is not None])
    end_subscriptions(connection, [each.ended for each in settled if each.ended is not None])
    lives = dict(each.live for each in settled if each.live is not None)
    for topic, version in lives.items():
        column, body = tables.topics.c, tables.topic_bodies.c
        # A version that was forgotten meanwhile would leave nothing to be sent.
        there = sa.exists().where(body.topic == topic, body.version == version)
        newer = sa.and_(column.topic == topic, column.live < version, column.version >= version, there)
        connection.execute(sa.update(tables.topics).where(newer).values(live=version))
    if lives:
        _forget_bodies(connection, lives.keys())
    write_deliveries(connection, insert, seal, [follow for each in settled for follow in each.follow])


def write_verified(connection: sa.Connection, insert: Insert, seal: Seal, subscriptions: Sequence[Subscription]) -> None:
    """Insert subscriptions, or renew those that are there: their cursors are kept."""
    if subscriptions:
        statement = insert(_SUBSCRIPTIONS)
        renewed = {name: statement.excluded[name] for name in _RENEWED}
        rows = [outbox_rows.subscription_values(each, seal) for each in subscriptions]
        connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=renewed), rows)


def import_subscriptions(connection: sa.Connection, insert: Insert, seal: Seal, subscriptions: Iterable[Subscription]) -> int:
    """Insert or replace subscriptions whole; return how many."""
    count = 0
    for batch in batches(subscriptions):
        upsert(connection, insert, _SUBSCRIPTIONS, [outbox_rows.subscription_values(each, seal) for each in batch])
        count += len(batch)
    return count


_CURSOR = ("delivered", "delivered_at", "attempts", "last")
_BEHIND = (*_CURSOR, "due_at")
_AHEAD = (*_CURSOR, "tried")


class StaleError(Exception):
    """Among what is to be settled together is something that is held no more."""


def settle_subscriptions(connection: sa.Connection, value: str, advanced: Sequence[Advanced], *, careful: bool) -> int:
    """Write what came of subscriptions; return how many had an old fence.

    The statements are given to the driver as they are: SQLAlchemy would make a dictionary of every row and call a function for
    every value. ``value`` stands for one (``Differences.value``). Who has got what was claimed for it is due with the next
    version whatever ``due_at`` says: a column that is not written is one that no index is changed for.

    Who is held is asked first only when ``careful``, which costs as much again and is needed once in a thousand times: else
    ``StaleError`` is raised when it was, and the transaction is to be made anew.
    """
    written = 0
    for batch in batches(advanced):
        held = _still_held(connection, batch) if careful else batch
        count = _write_advanced(connection, value, held)
        if count < len(held) and not careful:
            raise StaleError
        history_sql.count_confirmed(connection, held)
        written += count
    return len(advanced) - written


def _write_advanced(connection: sa.Connection, value: str, advanced: Sequence[Advanced]) -> int:
    """Write those whose fence is the present one; return how many they were."""
    ended: list[tuple[object, ...]] = []
    moved: dict[tuple[str, ...], list[tuple[object, ...]]] = {_CURSOR: [], _BEHIND: [], _AHEAD: []}
    for each in advanced:
        now = each.subscription
        held = (outbox_rows.digest(now.key), now.fence)
        cursor = (now.delivered, _stamp(now.delivered_at), now.attempts, outbox_rows.outcome_text(now.last))
        if each.ended:
            ended.append(held)
        elif now.delivered < now.tried:
            moved[_BEHIND].append((*cursor, outbox_rows.stamp(now.due_at), *held))
        elif now.delivered == now.tried:
            moved[_CURSOR].append((*cursor, *held))
        else:
            # What was sent is newer than what was claimed.
            moved[_AHEAD].append((*cursor, now.delivered, *held))
    count = 0
    own = f"WHERE key = {value} AND fence = {value} AND claimed_until IS NOT NULL"
    if ended:
        count += connection.exec_driver_sql(f"DELETE FROM subscriptions {own}", ended).rowcount  # noqa: S608 - of names of ours
    for names, rows in moved.items():
        if rows:
            columns = ", ".join(f"{name} = {value}" for name in names)
            statement = f"UPDATE subscriptions SET {columns}, claimed_until = NULL {own}"  # noqa: S608 - as above
            count += connection.exec_driver_sql(statement, rows).rowcount
    return count


def _still_held(connection: sa.Connection, advanced: Sequence[Advanced]) -> list[Advanced]:
    """Return those whose fence is the present one, and that are not settled yet."""
    column = _SUBSCRIPTIONS.c
    keys = [outbox_rows.digest(each.subscription.key) for each in advanced]
    query = sa.select(column.key, column.fence).where(column.key.in_(keys), column.claimed_until.is_not(None))
    fences = dict(connection.execute(query.with_for_update()).all())
    return [each for key, each in zip(keys, advanced, strict=True) if fences.get(key) == each.subscription.fence]


def _stamp(instant: datetime | None) -> int | None:
    return None if instant is None else outbox_rows.stamp(instant)


def end_subscriptions(connection: sa.Connection, keys: Iterable[SubscriptionKey]) -> int:
    """Drop subscriptions; return how many there were."""
    column = _SUBSCRIPTIONS.c.key
    return sum(
        connection.execute(sa.delete(_SUBSCRIPTIONS).where(column.in_(batch))).rowcount
        for batch in batches(map(outbox_rows.digest, keys))
    )


def sign_with(connection: sa.Connection, keys: Iterable[SubscriptionKey], method: str) -> int:
    """Change how subscriptions are signed for; return how many there are."""
    changed = sa.update(_SUBSCRIPTIONS).values(method=method)
    return sum(
        connection.execute(changed.where(_SUBSCRIPTIONS.c.key.in_(batch))).rowcount
        for batch in batches(map(outbox_rows.digest, keys))
    )


def drop(connection: sa.Connection, ids: Collection[str], now: datetime) -> int:
    """End queued deliveries; return how many."""
    column = _DELIVERIES.c
    statement = sa.update(_DELIVERIES).values(_dropped(now))
    queued = column.state == State.QUEUED.value
    return sum(connection.execute(statement.where(column.id.in_(batch), queued)).rowcount for batch in batches(ids))


def withdraw(connection: sa.Connection, now: datetime, before: datetime) -> int:
    """End deliveries about what is not public, and will not be; return how many."""
    column, topic = _DELIVERIES.c, tables.topics.c
    free = sa.or_(column.claimed_until.is_(None), column.claimed_until <= now)
    waiting = sa.and_(column.state == sa.literal_column(f"'{State.QUEUED.value}'"), free, column.topic != "")
    there = sa.exists().where(topic.topic == column.topic, sa.not_(topic.retired))
    live = sa.exists().where(topic.topic == column.topic, topic.live >= column.version)
    count = 0
    for why, where in (
        ("the feed is published no more", sa.not_(there)),
        ("the new version was never seen at its public URL", sa.and_(sa.not_(live), column.created_at < before)),
    ):
        outcome = Outcome(started=now, duration=0, failure=Failure.WITHDRAWN, detail=why)
        values = _dropped(now) | {"last": outbox_rows.outcome_text(outcome)}
        count += connection.execute(sa.update(_DELIVERIES).where(waiting, where).values(values)).rowcount
    return count


def retry(connection: sa.Connection, ids: Collection[str], now: datetime) -> int:
    """Make queued deliveries due; return how many. One that is being sent is left to its sender."""
    column = _DELIVERIES.c
    free = sa.or_(column.claimed_until.is_(None), column.claimed_until <= now)
    statement = sa.update(_DELIVERIES).where(column.state == State.QUEUED.value, free).values(due_at=now, attempts=0)
    return sum(connection.execute(statement.where(column.id.in_(batch))).rowcount for batch in batches(ids))


def hasten(connection: sa.Connection, now: datetime, *, longest: float, lease: float) -> int:
    """Bring back what a wrong clock has put off; return how many."""
    count, latest = 0, now + timedelta(seconds=longest)
    for table in (_DELIVERIES, _SUBSCRIPTIONS):
        held = sa.update(table).where(table.c.claimed_until > latest)
        count += connection.execute(held.values(claimed_until=now + timedelta(seconds=lease))).rowcount
    queued = _DELIVERIES.c.state == sa.literal_column(f"'{State.QUEUED.value}'")
    put_off = sa.update(_DELIVERIES).where(queued, _DELIVERIES.c.due_at > latest)
    return count + connection.execute(put_off.values(due_at=now)).rowcount


def forget_ended(connection: sa.Connection, before: datetime) -> int:
    """Forget deliveries that ended before, and digests of versions that nobody stands at; return how many deliveries."""
    ended = _DELIVERIES.c.ended_at < before
    count = connection.execute(sa.delete(_DELIVERIES).where(ended)).rowcount
    sent, cursor = tables.sent.c, _SUBSCRIPTIONS.c
    needed = sa.exists().where(cursor.topic == sent.topic, cursor.delivered == sent.version)
    connection.execute(sa.delete(tables.sent).where(_past(tables.sent), sa.not_(needed)))
    return count
