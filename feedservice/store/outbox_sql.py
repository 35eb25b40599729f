"""The outbox on a relational database: the same statements for SQLite and PostgreSQL."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from feedservice.deliveries import (
    Advanced,
    Announcement,
    Claim,
    Delivery,
    EntryFacts,
    Lane,
    Settled,
    State,
    Subscription,
    SubscriptionKey,
    TopicVersion,
)
from feedservice.store import Stream, claims, outbox_rows, outbox_writes, refuse_other_zones, tables, writes
from feedservice.store.database import Database
from feedservice.store.outbox import OutboxStanding, Standing, TopicStanding

_DELIVERIES = tables.deliveries
_SUBSCRIPTIONS = tables.subscriptions
_TOPICS = tables.topics
_RETRYING = 20


class SqlOutbox(Database):
    """``feedservice.store.outbox.Outbox`` on a database."""

    def announce(self, announcement: Announcement) -> None:
        """See ``Outbox.announce``."""
        self._write(lambda connection: outbox_writes.write_announcement(connection, self._ways.insert, self._seal, announcement))

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """See ``Outbox.enqueue``."""
        self._write(lambda connection: outbox_writes.write_deliveries(connection, self._ways.insert, self._seal, deliveries))

    def standings(self, wanted: Collection[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Standing]:
        """See ``Outbox.standings``."""
        column = _DELIVERIES.c
        found: dict[tuple[str, str, str], Standing] = {}
        with self._reading() as connection:
            for place in set(wanted):
                here = sa.and_(column.kind == place[0], column.target == place[1], column.subject == place[2])
                some = sa.select(sa.func.count(), sa.func.max(column.attempted_at, type_=tables.Instant)).where(here)
                count, attempted_at = connection.execute(some).one()
                free = sa.and_(column.state == State.QUEUED.value, column.claimed_until.is_(None))
                query = sa.select(_DELIVERIES).where(here, free).order_by(column.created_at.desc(), column.id).limit(1)
                row = connection.execute(query).first()
                if count:
                    waiting = outbox_rows.delivery(row, self._seal) if row is not None else None
                    found[place] = Standing(waiting=waiting, attempted_at=attempted_at)
        return found

    def announced(self, ids: Collection[str] | None = None) -> Mapping[str, EntryFacts]:
        """See ``Outbox.announced``."""
        query = sa.select(tables.announced)
        found: list[EntryFacts] = []
        with self._reading() as connection:
            if ids is None:
                found += map(outbox_rows.facts, connection.execute(query))
            else:
                for batch in writes.batches(ids):
                    found += map(outbox_rows.facts, connection.execute(query.where(tables.announced.c.id.in_(batch))))
        return {each.id: each for each in found}

    def topic_versions(self) -> Mapping[str, int]:
        """See ``Outbox.topic_versions``."""
        with self._reading() as connection:
            return dict(connection.execute(sa.select(_TOPICS.c.topic, _TOPICS.c.version)).all())

    def topic(self, topic: str) -> TopicVersion | None:
        """See ``Outbox.topic``."""
        body = tables.topic_bodies
        its = sa.and_(body.c.topic == _TOPICS.c.topic, body.c.version == _TOPICS.c.live)
        query = sa.select(body).join(_TOPICS, its).where(_TOPICS.c.topic == topic, sa.not_(_TOPICS.c.retired))
        with self._reading() as connection:
            row = connection.execute(query).first()
            return outbox_rows.topic_version(row) if row is not None else None

    def sent(self, topic: str, version: int) -> frozenset[str] | None:
        """See ``Outbox.sent``."""
        column = tables.sent.c
        with self._reading() as connection:
            query = sa.select(column.digests).where(column.topic == topic, column.version == version)
            text = connection.execute(query).scalar()
            return frozenset(json.loads(text)) if text is not None else None

    def claim(self, now: datetime, *, lanes: Mapping[Lane, int], lease: float, busy: Collection[str] = ()) -> Claim:
        """See ``Outbox.claim``."""
        refuse_other_zones("now", now)
        return self._write(
            lambda connection: claims.claim(connection, self._seal, now, lanes=lanes, lease=lease, busy=sorted(busy))
        )

    def settle(self, deliveries: Sequence[Settled] = (), subscriptions: Sequence[Advanced] = ()) -> int:
        """See ``Outbox.settle``."""

        def work(connection: sa.Connection, *, careful: bool) -> int:
            ignored = outbox_writes.settle_deliveries(connection, self._ways.insert, self._seal, deliveries)
            return ignored + outbox_writes.settle_subscriptions(connection, self._ways.value, subscriptions, careful=careful)

        try:
            return self._write(functools.partial(work, careful=False))
        except outbox_writes.StaleError:
            return self._write(functools.partial(work, careful=True))

    def next_due(self, now: datetime, busy: Collection[str] = ()) -> datetime | None:
        """See ``Outbox.next_due``."""
        with self._reading() as connection:
            return claims.next_due(connection, now, sorted(busy))

    def subscriptions(self, *, protocol: str | None = None, topic: str | None = None) -> Stream[Subscription]:
        """See ``Outbox.subscriptions``."""
        column = _SUBSCRIPTIONS.c
        query = sa.select(*outbox_rows.SUBSCRIPTION).order_by(column.protocol, column.topic, column.callback)
        if protocol is not None:
            query = query.where(column.protocol == protocol)
        if topic is not None:
            query = query.where(column.topic == topic)
        return self._stream(query, lambda row: outbox_rows.subscription(row, self._seal))

    def subscription(self, key: SubscriptionKey) -> Subscription | None:
        """See ``Outbox.subscription``."""
        its = _SUBSCRIPTIONS.c.key == outbox_rows.digest(key)
        with self._reading() as connection:
            row = connection.execute(sa.select(*outbox_rows.SUBSCRIPTION).where(its)).one_or_none()
        return None if row is None else outbox_rows.subscription(row, self._seal)

    def signed_by(self, key: SubscriptionKey) -> str | None:
        """See ``Outbox.signed_by``."""
        column = _SUBSCRIPTIONS.c
        with self._reading() as connection:
            return connection.execute(sa.select(column.method).where(column.key == outbox_rows.digest(key))).scalar()

    def count_subscriptions(self, *, host: str | None = None, topic: str | None = None) -> int:
        """See ``Outbox.count_subscriptions``."""
        column = _SUBSCRIPTIONS.c
        query = sa.select(sa.func.count()).select_from(_SUBSCRIPTIONS)
        if host is not None:
            query = query.where(column.host == host)
        if topic is not None:
            query = query.where(column.topic == topic)
        return self._number(query)

    def count_verifying(self, host: str) -> int:
        """See ``Outbox.count_verifying``."""
        column = _DELIVERIES.c
        queued = column.state == sa.literal_column(f"'{State.QUEUED.value}'")
        query = sa.select(sa.func.count()).where(queued, column.lane == Lane.VERIFICATION.value, column.host == host)
        return self._number(query)

    def end_subscriptions(self, keys: Iterable[SubscriptionKey]) -> int:
        """See ``Outbox.end_subscriptions``."""
        return self._write(lambda connection: outbox_writes.end_subscriptions(connection, keys))

    def sign_with(self, keys: Iterable[SubscriptionKey], method: str) -> int:
        """See ``Outbox.sign_with``."""
        return self._write(lambda connection: outbox_writes.sign_with(connection, keys, method))

    def import_subscriptions(self, subscriptions: Iterable[Subscription]) -> int:
        """See ``Outbox.import_subscriptions``."""
        insert = self._ways.insert
        return self._write(lambda connection: outbox_writes.import_subscriptions(connection, insert, self._seal, subscriptions))

    def deliveries(
        self, *, state: State | None = None, kind: str | None = None, target: str | None = None, post: str | None = None
    ) -> Stream[Delivery]:
        """See ``Outbox.deliveries``."""
        column = _DELIVERIES.c
        wanted = {"state": state.value if state is not None else None, "kind": kind, "target": target, "post": post}
        query = sa.select(_DELIVERIES).order_by(column.created_at.desc(), column.id)
        for name, value in wanted.items():
            if value is not None:
                query = query.where(column[name] == value)
        return self._stream(query, lambda row: outbox_rows.delivery(row, self._seal))

    def delivery(self, id: str) -> Delivery | None:  # noqa: A002 - the noun's own word
        """See ``Outbox.delivery``."""
        with self._reading() as connection:
            row = connection.execute(sa.select(_DELIVERIES).where(_DELIVERIES.c.id == id)).first()
            return outbox_rows.delivery(row, self._seal) if row is not None else None

    def retry(self, ids: Collection[str], now: datetime) -> int:
        """See ``Outbox.retry``."""
        refuse_other_zones("now", now)
        return self._write(lambda connection: outbox_writes.retry(connection, ids, now))

    def drop(self, ids: Collection[str], now: datetime) -> int:
        """See ``Outbox.drop``."""
        refuse_other_zones("now", now)
        return self._write(lambda connection: outbox_writes.drop(connection, ids, now))

    def topic_standing(self, topic: str, now: datetime) -> TopicStanding | None:
        """See ``Outbox.topic_standing``."""
        refuse_other_zones("now", now)
        column, body = _SUBSCRIPTIONS.c, tables.topic_bodies.c
        with self._reading() as connection:
            published = sa.select(body.published_at).where(body.topic == _TOPICS.c.topic, body.version == _TOPICS.c.version)
            known = connection.execute(
                sa.select(_TOPICS.c.version, _TOPICS.c.live, published.scalar_subquery()).where(_TOPICS.c.topic == topic)
            ).first()
            if known is None:
                return None
            version, live, published_at = known
            active = sa.and_(column.topic == topic, column.lease_end > now)
            has = sa.and_(active, column.delivered >= live)
            newest = sa.func.max(column.delivered_at, type_=tables.Instant)
            confirmed, confirmed_at = connection.execute(sa.select(sa.func.count(), newest).where(has)).one()
            again = sa.and_(active, tables.behind, column.delivered < live, _failed(column), column.due_at < column.lease_end)
            hosts = connection.execute(
                sa.select(column.host).where(again).distinct().order_by(column.host).limit(_RETRYING)
            ).scalars()
            count = connection.execute(sa.select(sa.func.count()).where(active)).scalar() or 0
            return TopicStanding(
                topic=topic,
                version=version,
                live=live,
                published_at=published_at,
                active=count,
                confirmed=confirmed,
                confirmed_at=confirmed_at,
                retrying=tuple(hosts),
            )

    def counts(self) -> Mapping[tuple[str, State], int]:
        """See ``Outbox.counts``."""
        with self._reading() as connection:
            return _counts(connection)

    def outbox_standing(self, now: datetime) -> OutboxStanding:
        """See ``Outbox.outbox_standing``."""
        refuse_other_zones("now", now)
        message, column = _DELIVERIES.c, _SUBSCRIPTIONS.c
        queued = message.state == sa.literal_column(f"'{State.QUEUED.value}'")
        failing = sa.select(message.host).where(queued, _failed(message))
        behind = sa.select(column.host).where(
            tables.behind, claims.leased(now), _failed(column), column.due_at < column.lease_end
        )
        hosts = sa.union(failing, behind).subquery()
        # The number of all of them beside each, so that they are looked for once.
        named = sa.select(hosts.c.host, sa.func.count().over()).order_by(hosts.c.host).limit(_RETRYING)
        # Not of the column itself: that would be looked for from the oldest delivery on, through all that have ended.
        created = sa.type_coerce(sa.func.min(sa.type_coerce(message.created_at, sa.BigInteger) + 0), tables.Instant)
        with self._reading() as connection:
            retrying = connection.execute(named).all()
            active = sa.select(sa.func.count()).select_from(_SUBSCRIPTIONS).where(column.lease_end > now)
            return OutboxStanding(
                counts=_counts(connection),
                subscriptions=connection.execute(active).scalar() or 0,
                retrying=retrying[0][1] if retrying else 0,
                retrying_hosts=tuple(host for host, _ in retrying),
                oldest=connection.execute(sa.select(created).where(queued)).scalar(),
                next_due=claims.next_due(connection, now, ()),
            )

    def hasten(self, now: datetime, *, longest: float, lease: float) -> int:
        """See ``Outbox.hasten``."""
        refuse_other_zones("now", now)
        return self._write(lambda connection: outbox_writes.hasten(connection, now, longest=longest, lease=lease))

    def expire(self, now: datetime) -> int:
        """See ``Outbox.expire``."""
        refuse_other_zones("now", now)
        ended = sa.delete(_SUBSCRIPTIONS).where(_SUBSCRIPTIONS.c.lease_end <= now)
        return self._write(lambda connection: connection.execute(ended).rowcount)

    def withdraw(self, now: datetime, before: datetime) -> int:
        """See ``Outbox.withdraw``."""
        refuse_other_zones("before", before)
        return self._write(lambda connection: outbox_writes.withdraw(connection, now, before))

    def forget_ended(self, before: datetime) -> int:
        """See ``Outbox.forget_ended``."""
        refuse_other_zones("before", before)
        return self._write(lambda connection: outbox_writes.forget_ended(connection, before))

    def _number(self, query: sa.Select[Any]) -> int:
        with self._reading() as connection:
            return int(connection.execute(query).scalar() or 0)


def _counts(connection: sa.Connection) -> Mapping[tuple[str, State], int]:
    column = _DELIVERIES.c
    query = sa.select(column.kind, column.state, sa.func.count()).group_by(column.kind, column.state)
    return {(kind, State(state)): count for kind, state, count in connection.execute(query)}


def _failed(column: Any) -> sa.ColumnElement[bool]:
    """At least one attempt is over; the one of a claim is still under way."""
    return sa.or_(column.attempts > 1, sa.and_(column.attempts == 1, column.claimed_until.is_(None)))
