"""Run by alembic for each upgrade: use the connection, and the transaction, of the one who asked."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
