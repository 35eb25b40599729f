"""The outbox: topics and their versions, deliveries, subscriptions, and what was announced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    _topics()
    _deliveries()
    _subscriptions()
    op.create_table(
        "announced",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("facts", sa.Text, nullable=False),
    )


def _topics() -> None:
    op.create_table(
        "topics",
        sa.Column("topic", sa.LargeBinary, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("live", sa.BigInteger, nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
    )
    op.create_table(
        "topic_bodies",
        sa.Column("topic", sa.LargeBinary, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("feed", sa.LargeBinary, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("link", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.Column("published_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "sent",
        sa.Column("topic", sa.LargeBinary, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True),
        sa.Column("digests", sa.Text, nullable=False),
    )


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.LargeBinary, nullable=False),
        sa.Column("host", sa.LargeBinary, nullable=False),
        sa.Column("topic", sa.LargeBinary, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.LargeBinary, nullable=False),
        sa.Column("post", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("spacing", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("last", sa.Text),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("claimed_until", sa.BigInteger),
        sa.Column("attempted_at", sa.BigInteger),
    )
    op.create_index("ix_deliveries_subject", "deliveries", ["kind", "target", "subject"])
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])
    op.create_index("ix_deliveries_ended_at", "deliveries", ["ended_at"])
    queued = sa.text("state = 'queued'")
    op.create_index("ix_deliveries_due", "deliveries", ["lane", "due_at"], sqlite_where=queued, postgresql_where=queued)


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("protocol", sa.Text, nullable=False),
        sa.Column("topic", sa.LargeBinary, nullable=False),
        sa.Column("callback", sa.LargeBinary, nullable=False),
        sa.Column("host", sa.LargeBinary, nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("procedure", sa.Text, nullable=False),
        sa.Column("verified_at", sa.BigInteger, nullable=False),
        sa.Column("lease_end", sa.BigInteger, nullable=False),
        sa.Column("delivered", sa.BigInteger, nullable=False),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("tried", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("last", sa.Text),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("claimed_until", sa.BigInteger),
    )
    op.create_index("ix_subscriptions_host", "subscriptions", ["host"])
    op.create_index("ix_subscriptions_lease_end", "subscriptions", ["lease_end"])
    op.create_index("ix_subscriptions_tried", "subscriptions", ["topic", "tried", "due_at"])
    op.create_index("ix_subscriptions_delivered", "subscriptions", ["topic", "delivered"])
    behind = sa.text("delivered < tried")
    op.create_index("ix_subscriptions_behind", "subscriptions", ["due_at"], sqlite_where=behind, postgresql_where=behind)
