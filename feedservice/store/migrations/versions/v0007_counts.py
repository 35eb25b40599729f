"""Deliveries are counted by an index of what they are counted by."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create the index."""
    op.create_index("ix_deliveries_state", "deliveries", ["kind", "state"])
