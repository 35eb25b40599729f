"""What the files of a feed were made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "feeds",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("record", sa.LargeBinary, nullable=False),
    )
