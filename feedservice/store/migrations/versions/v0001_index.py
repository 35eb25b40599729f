"""The index of posts, their bodies, and facts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "posts",
        sa.Column("path", sa.LargeBinary, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("context", sa.Text, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "bodies",
        sa.Column("path", sa.LargeBinary, sa.ForeignKey("posts.path", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
