"""The nouns of the outbox as rows of ``tables``, and back. Secrets are sealed on the way in and opened on the way out."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from feedservice.deliveries import (
    Delivery,
    EntryFacts,
    Failure,
    Lane,
    Outcome,
    State,
    Subscription,
    SubscriptionKey,
    TopicVersion,
)
from feedservice.model import EntrySpan
from feedservice.store import tables
from feedservice.store.rows import Found, Values
from feedservice.store.seal import Seal

_GZIP = b"\x1f\x8b"
"""How a gzip form begins (RFC 1952 §2.3.1), and no feed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_DECODER = json.JSONDecoder()


def _dumped(value: object) -> str:
    # ASCII: an id may hold what no database text holds.
    return _ENCODER.encode(value)


def stamp(instant: datetime) -> int:
    """Return an instant as a column has it."""
    return (instant - _EPOCH) // _MICROSECOND


def _instant(stamp: int) -> datetime:
    return _EPOCH + timedelta(0, 0, stamp)


def _text(data: bytes) -> str:
    """Read what ``tables.Exact`` has written."""
    return data.decode("utf-8", "surrogatepass")


def digest(key: SubscriptionKey) -> bytes:
    """Return the primary key of a subscription."""
    text = f"{key.protocol}\0{key.topic}\0{key.callback}"
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def outcome_text(outcome: Outcome | None) -> str | None:
    """Return an outcome as a column has it."""
    if outcome is None:
        return None
    answer = base64.b64encode(outcome.answer).decode() if outcome.answer else ""
    failure = outcome.failure.value if outcome.failure is not None else None
    parts = [stamp(outcome.started), outcome.duration, outcome.status, failure, outcome.detail, outcome.retry_after, answer]
    return _dumped(parts)


def outcome(text: str | None) -> Outcome | None:
    """Read an outcome."""
    if text is None:
        return None
    started, duration, status, failure, detail, retry_after, answer = _DECODER.raw_decode(text)[0]
    return Outcome(
        started=_instant(started),
        duration=duration,
        status=status,
        failure=Failure(failure) if failure is not None else None,
        detail=detail,
        retry_after=retry_after,
        answer=base64.b64decode(answer) if answer else b"",
    )


def body_values(version: TopicVersion) -> Values:
    """Return the row of ``tables.topic_bodies``."""
    spans = [(span.id, span.digest, span.start, span.end) for span in version.entries]
    return {
        "topic": version.topic,
        "version": version.version,
        "feed": version.feed,
        "etag": version.etag,
        "media_type": version.media_type,
        "link": version.link,
        "body": _packed(version),
        "entries": _dumped(spans),
        "published_at": version.published_at,
    }


def topic_version(row: Found) -> TopicVersion:
    """Read a row of ``tables.topic_bodies``."""
    values = dict(row._mapping)  # noqa: SLF001 - documented, in spite of its name
    spans = json.loads(values.pop("entries"))
    entries = tuple(EntrySpan(id=name, digest=digest, start=start, end=end) for name, digest, start, end in spans)
    return TopicVersion(**{**values, "body": _unpacked(values["body"])}, entries=entries)


def _unpacked(body: bytes) -> bytes:
    """Return a body as it was stored. Raises ``ValueError`` when it is damaged."""
    try:
        return gzip.decompress(body) if body.startswith(_GZIP) else body
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"a body that is stored cannot be unpacked: {error}") from error


def _packed(version: TopicVersion) -> bytes:
    """Return what is stored of a body: its gzip form where there is one, else the body itself, which is no gzip then."""
    return version.packed or (gzip.compress(version.body, mtime=0) if version.body.startswith(_GZIP) else version.body)


def sent_values(version: TopicVersion) -> Values:
    """Return the row of ``tables.sent``."""
    digests = sorted({span.digest for span in version.entries})
    return {"topic": version.topic, "version": version.version, "digests": _dumped(digests)}


def delivery_values(delivery: Delivery, seal: Seal) -> Values:
    """Return the row of ``tables.deliveries``, unclaimed."""
    last = delivery.last
    return {
        "id": delivery.id,
        "kind": delivery.kind,
        "target": delivery.target,
        "host": delivery.host,
        "topic": delivery.topic,
        "version": delivery.version,
        "subject": delivery.subject,
        "post": delivery.post,
        "payload": delivery.payload,
        "secret": seal.close(delivery.secret, delivery.id.encode()),
        "spacing": delivery.spacing,
        "state": delivery.state.value,
        "lane": delivery.lane.value,
        "attempts": delivery.attempts,
        "created_at": delivery.created_at,
        "due_at": delivery.due_at,
        "ended_at": delivery.ended_at,
        "last": outcome_text(last),
        "fence": delivery.fence,
        "claimed_until": None,
        "attempted_at": last.started if last is not None else None,
    }


def delivery(row: Found, seal: Seal) -> Delivery:
    """Read a row of ``tables.deliveries``."""
    values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001 - as above
    del values["claimed_until"], values["attempted_at"]
    return Delivery(
        **values
        | {
            "secret": seal.open(values["secret"], values["id"].encode()),
            "state": State(values["state"]),
            "lane": Lane(values["lane"]),
            "last": outcome(values["last"]),
        }
    )


def subscription_values(subscription: Subscription, seal: Seal) -> Values:
    """Return the row of ``tables.subscriptions``, unclaimed."""
    key = digest(subscription.key)
    return {
        "key": key,
        "protocol": subscription.key.protocol,
        "topic": subscription.key.topic,
        "callback": subscription.key.callback,
        "host": subscription.host,
        "secret": seal.close(subscription.secret, key),
        "method": subscription.method,
        "procedure": subscription.procedure,
        "verified_at": subscription.verified_at,
        "lease_end": subscription.lease_end,
        "delivered": subscription.delivered,
        "delivered_at": subscription.delivered_at,
        "tried": max(subscription.tried, subscription.delivered),
        "attempts": subscription.attempts,
        "due_at": subscription.due_at,
        "last": outcome_text(subscription.last),
        "fence": subscription.fence,
        "claimed_until": None,
    }


SUBSCRIPTION: Sequence[sa.ColumnElement[Any]] = tuple(
    sa.type_coerce(column, sa.types.NULLTYPE).label(column.name) for column in tables.subscriptions.c
)
"""What ``subscription`` reads: all columns of ``tables.subscriptions``, as the driver has them.

There may be a million rows in one fan-out, and the types of a table are one call of a function for each value.
"""


def subscription(row: Found, seal: Seal, claim: tuple[int, datetime] | None = None) -> Subscription:
    """Read a row of ``SUBSCRIPTION``; with ``claim``, a live version and now, as it is after it was claimed with that."""
    key, protocol, topic, callback, host, secret, method, procedure, verified_at, lease_end, delivered, delivered_at = row[:12]
    tried, attempts, due_at, last, fence = row[12:17]
    due = _instant(due_at)
    if claim is not None:
        live, now = claim
        tried, attempts, due = (live, 1, now) if tried < live else (tried, attempts + 1, due)
        fence += 1
    return Subscription(
        key=SubscriptionKey(protocol=protocol, topic=_text(topic), callback=_text(callback)),
        host=_text(host),
        secret=seal.open(secret, key),
        method=method,
        procedure=procedure,
        verified_at=_instant(verified_at),
        lease_end=_instant(lease_end),
        delivered=delivered,
        delivered_at=_instant(delivered_at) if delivered_at is not None else None,
        tried=tried,
        attempts=attempts,
        due_at=due,
        last=outcome(last),
        fence=fence,
    )


def facts_values(facts: EntryFacts) -> Values:
    """Return the row of ``tables.announced``."""
    values = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)}
    values |= {"published": stamp(facts.published), "updated": stamp(facts.updated)}
    return {"id": facts.id, "facts": _dumped(values)}


def facts(row: Found) -> EntryFacts:
    """Read a row of ``tables.announced``."""
    values = json.loads(row.facts)
    values |= {"published": _instant(values["published"]), "updated": _instant(values["updated"])}
    return EntryFacts(**values | {"categories": tuple(values["categories"])})
