"""The tables. ``migrations`` builds them; a test holds the two together.

Instants are integer microseconds since 1970 in UTC. Text that an author has a hand in is ``Exact``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Exact(sa.types.TypeDecorator[str]):
    """Any ``str``, kept as its UTF-8 bytes; lone surrogates are three bytes each.

    No database text type takes every ``str``, and collations differ; bytes are compared alike everywhere, in the order of code
    points. The encoding is one-to-one, so no two paths become one key.
    """

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - alike in every dialect
        """Encode."""
        return None if value is None else value.encode("utf-8", "surrogatepass")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - alike in every dialect
        """Decode."""
        return None if value is None else value.decode("utf-8", "surrogatepass")


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC, to the microsecond."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - alike in every dialect
        """Count microseconds."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - alike in every dialect
        """Make the instant again."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = sa.MetaData()

posts = sa.Table(
    "posts",
    metadata,
    sa.Column("path", Exact, primary_key=True),
    # size, mtime_ns and inode in decimal: an inode may be any 64-bit number, and integers of a database are signed.
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
)

bodies = sa.Table(
    "bodies",
    metadata,
    sa.Column("path", Exact, sa.ForeignKey("posts.path", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", Exact, nullable=False),
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("path", Exact, primary_key=True),
    sa.Column("feed", Exact, nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("last_modified", Instant, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    # JSON: [[id, digest, start, end], …] in the order of the document. Always read and written whole.
    sa.Column("entries", sa.Text, nullable=False),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("path", Exact, primary_key=True),
    sa.Column("etag", sa.Text, primary_key=True),
    sa.Column("last_modified", Instant, nullable=False),
    # JSON: [digest, …], sorted.
    sa.Column("digests", sa.Text, nullable=False),
    sa.Column("replaced_at", Instant, nullable=False, index=True),
)

feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("key", Exact, primary_key=True),
    sa.Column("inputs", sa.Text, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("id", Exact, primary_key=True),
    sa.Column("path", Exact, nullable=False, index=True),
    sa.Column("first_seen", Instant, nullable=False),
    # JSON, as in the ledger's file: who has lost the one copies it from the other.
    sa.Column("line", Exact, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", Instant, nullable=False, index=True),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("feed", Exact, nullable=False),
    sa.Column("entry", Exact, nullable=False, index=True),
    sa.Column("title", Exact, nullable=False),
    sa.Column("note", Exact, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("host", Exact, nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("of", Instant),
    # Of the row that counts the subscribers who confirmed a version; else empty.
    sa.Column("topic", Exact, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("ix_events_topic", "topic", "version"),
)

# The outbox. What a topic, a target or a callback is called is as exact as a path.

topics = sa.Table(
    "topics",
    metadata,
    sa.Column("topic", Exact, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    # 0: never live.
    sa.Column("live", sa.BigInteger, nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False),
)

topic_bodies = sa.Table(
    "topic_bodies",
    metadata,
    sa.Column("topic", Exact, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("feed", Exact, nullable=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("link", Exact, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("entries", sa.Text, nullable=False),
    sa.Column("published_at", Instant, nullable=False),
)

sent = sa.Table(
    "sent",
    metadata,
    sa.Column("topic", Exact, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    # JSON: [digest, …], sorted.
    sa.Column("digests", sa.Text, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("target", Exact, nullable=False),
    sa.Column("host", Exact, nullable=False),
    sa.Column("topic", Exact, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("subject", Exact, nullable=False),
    sa.Column("post", Exact, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    # Sealed, as in ``seal``.
    sa.Column("secret", sa.LargeBinary),
    sa.Column("spacing", sa.Double, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    # JSON of the last outcome.
    sa.Column("last", sa.Text),
    sa.Column("fence", sa.BigInteger, nullable=False),
    # The lease of a claim; null for what is not claimed.
    sa.Column("claimed_until", Instant),
    sa.Column("attempted_at", Instant),
    sa.Index("ix_deliveries_subject", "kind", "target", "subject"),
    sa.Index("ix_deliveries_created_at", "created_at"),
    # How many there are of each: asked every few seconds, of all that are kept for a month.
    sa.Index("ix_deliveries_state", "kind", "state"),
    sa.Index("ix_deliveries_ended_at", "ended_at"),
)
# The migrations give PostgreSQL the same conditions. Said here, they would import its dialects: 40 ms of every start.
sa.Index(
    "ix_deliveries_due",
    deliveries.c.lane,
    deliveries.c.due_at,
    sqlite_where=deliveries.c.state == sa.literal_column("'queued'"),
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    # Hash of protocol, topic and callback: one short column to find a row by.
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("topic", Exact, nullable=False),
    sa.Column("callback", Exact, nullable=False),
    sa.Column("host", Exact, nullable=False, index=True),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("procedure", sa.Text, nullable=False),
    sa.Column("verified_at", Instant, nullable=False),
    sa.Column("lease_end", Instant, nullable=False, index=True),
    sa.Column("delivered", sa.BigInteger, nullable=False),
    sa.Column("delivered_at", Instant),
    sa.Column("tried", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("last", sa.Text),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("claimed_until", Instant),
    # Who is to be given the newest version is found here: those of a topic that were never tried with it.
    sa.Index("ix_subscriptions_tried", "topic", "tried", "due_at"),
    sa.Index("ix_subscriptions_delivered", "topic", "delivered"),
)
# … and here those that were tried and have not got it: being sent, failing, or held back.
behind = subscriptions.c.delivered < subscriptions.c.tried
sa.Index("ix_subscriptions_behind", subscriptions.c.due_at, sqlite_where=behind)

announced = sa.Table(
    "announced",
    metadata,
    sa.Column("id", Exact, primary_key=True),
    # JSON of the facts.
    sa.Column("facts", sa.Text, nullable=False),
)
