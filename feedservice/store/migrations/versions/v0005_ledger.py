"""The ledger by id, with all that its file has: one path may have had several posts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def upgrade() -> None:
    """Make the table anew, with what was in the old one: of two paths with one id the first one seen."""
    old = sa.table("ledger", sa.column("path", sa.LargeBinary), sa.column("id", sa.LargeBinary), sa.column("first_seen"))
    query = sa.select(old.c.path, old.c.id, old.c.first_seen).order_by(old.c.first_seen.desc(), old.c.path.desc())
    known = {bytes(name): (bytes(path), seen) for path, name, seen in op.get_bind().execute(query)}
    op.drop_index("ix_ledger_id", "ledger")
    op.drop_table("ledger")
    made = op.create_table(
        "ledger",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("first_seen", sa.BigInteger, nullable=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_ledger_path", "ledger", ["path"])
    op.bulk_insert(
        made,
        [{"id": name, "path": path, "first_seen": seen, "line": _line(name, path, seen)} for name, (path, seen) in known.items()],
    )


def _line(name: bytes, path: bytes, seen: int) -> bytes:
    instant = (_EPOCH + timedelta(microseconds=seen)).isoformat().replace("+00:00", "Z")
    said = [each.decode("utf-8", "surrogatepass") for each in (name, path)]
    values = {"id": said[0], "path": said[1], "origin": "tag", "first_seen": instant}
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass")
