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
        publish(store, 1, 2)
        store.import_subscriptions([subscription()])
        said: list[str] = []
        store._writer.run(lambda connection: listen(connection, said))
        store.claim(NOW, lanes=ALL, lease=LEASE)
        text = "\n".join(said)
        assert "ix_subscriptions_tried (topic=? AND tried<?)" in text
        assert "ix_subscriptions_behind (due_at<?)" in text
        assert "ix_deliveries_due (lane=? AND due_at<?)" in text
        assert "SCAN subscriptions" not in text
        assert "SCAN deliveries" not in text
        # Nothing of the subscribers is sorted.
        assert not any("subscriptions" in each and "TEMP B-TREE" in each for each in said)

    def test_what_is_due_next_and_how_it_stands_is_found_among_those_that_wait(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription()])
        store.claim(NOW, lanes=ALL, lease=LEASE)
        said: list[str] = []
        listen(store._readers, said)
        assert store.next_due(NOW) is not None
        assert "subscriptions USING INDEX ix_subscriptions_behind" in said[-1]
        assert "deliveries USING INDEX ix_deliveries_due" in said[-2]
        assert not [each for each in said if "lease_end" in each]
        said.clear()
        store.outbox_standing(NOW)
        hosts, counts, active, oldest = said[:4]
        assert "SCAN subscriptions USING INDEX ix_subscriptions_behind" in hosts
        assert "SCAN deliveries USING INDEX ix_deliveries_due" in hosts
        # These look at all there are, but at nothing of them but the index.
        assert counts == '["SCAN deliveries USING COVERING INDEX ix_deliveries_state"]'
        assert active == '["SEARCH subscriptions USING COVERING INDEX ix_subscriptions_lease_end (lease_end>?)"]'
        assert oldest == '["SEARCH deliveries USING INDEX ix_deliveries_due"]'


def listen(on: sa.Connection | sa.Engine, said: list[str]) -> None:
    """Add to ``said`` the plan of each question that is asked, as SQLite says it before it runs it."""

    def before(_c: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("SELECT"):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[attr-defined]
            said.append(json.dumps([row[3] for row in rows]))

    sa.event.listen(on, "before_cursor_execute", before)
