"""Documents, their past versions, and the ledger of ids."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "documents",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("feed", sa.LargeBinary, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("last_modified", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("etag", sa.Text, primary_key=True),
        sa.Column("last_modified", sa.BigInteger, nullable=False),
        sa.Column("digests", sa.Text, nullable=False),
        sa.Column("replaced_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_versions_replaced_at", "versions", ["replaced_at"])
    op.create_table(
        "ledger",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("id", sa.LargeBinary, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_ledger_id", "ledger", ["id"])
