"""The outbox on SQLite: the contract, and how it finds what is due."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from feedservice.store.sql import SqlStore
from tests.store.outbox_contract import ALL, LEASE, NOW, OutboxContract, publish, subscription


class TestOutboxOnSqlite(OutboxContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "store.sqlite"

    def test_the_first_in_line_is_found_without_looking_at_the_others(self, store: SqlStore) -> None:
        """The statements of a claim go by index, which SQLite says before it runs them."""
        said: list[str] = []
        publish(store, 1, 2)
        store.import_subscriptions([subscription()])

        def explain(connection: sa.Connection) -> None:
            def before(_c: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
                if statement.startswith("SELECT"):
                    rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[attr-defined]
                    said.append(json.dumps([row[3] for row in rows]))

            sa.event.listen(connection, "before_cursor_execute", before)

        store._writer.run(explain)
        store.claim(NOW, lanes=ALL, lease=LEASE)
        text = "\n".join(said)
        assert "ix_subscriptions_tried (topic=? AND tried<?)" in text
        assert "ix_subscriptions_behind (due_at<?)" in text
        assert "ix_deliveries_due (lane=? AND due_at<?)" in text
        assert "SCAN subscriptions" not in text
        assert "SCAN deliveries" not in text
        # Nothing of the subscribers is sorted.
        assert not any("subscriptions" in each and "TEMP B-TREE" in each for each in said)
