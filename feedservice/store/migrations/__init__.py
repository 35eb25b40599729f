"""The schema, step by step. Each step is a module of ``versions``; a database is brought up to date when it is opened.

To change the schema: change ``tables``, add a step and its revision here. A step that has been released is never edited, and
there is no way back but a backup.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every revision, oldest first."""
FOREIGN = ""
"""Stands for the revision of a database that has tables, but no revision of ours."""
_VERSION_TABLE = "alembic_version"


def upgrade(connection: sa.Connection, revision: str) -> None:
    """Bring the database up to a revision, in the transaction that the connection is in.

    The table of revisions is what alembic keeps; an empty database is at none.
    """
    # Both take long to import, and a database is upgraded once, not at every start.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    # A percent sign in a path would be an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    command.upgrade(config, revision)


def current(connection: sa.Connection) -> str | None:
    """Return the revision of a database: None for an empty one, ``FOREIGN`` for one whose tables are not of this program."""
    names = sa.inspect(connection).get_table_names()
    if _VERSION_TABLE not in names:
        return FOREIGN if names else None
    column = sa.column("version_num", sa.String)
    return connection.execute(sa.select(column).select_from(sa.table(_VERSION_TABLE, column))).scalar() or FOREIGN
