"""The store on PostgreSQL: the contract, in a schema of its own for each test."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from feedservice.store import Store, StoreError
from feedservice.store.sql import open_store
from tests.store.contract import StoreContract
from tests.store.outbox_contract import OutboxContract
from tests.store.samples import everything, fill, post

URL = os.environ.get("TESTS_POSTGRESQL", "")
"""``postgresql+psycopg://user@host/database``; the user may create schemas there."""

if importlib.util.find_spec("psycopg") is None:
    pytest.skip("psycopg is not installed", allow_module_level=True)
if not URL:
    pytest.skip("TESTS_POSTGRESQL names no database", allow_module_level=True)

pytestmark = pytest.mark.judge


@pytest.fixture
def place() -> Iterator[str]:
    """A schema of its own."""
    name = f"feedservice_{uuid.uuid4().hex}"
    engine = sa.create_engine(URL, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    yield sa.make_url(URL).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(name, cascade=True))


class TestOutboxOnPostgresql(OutboxContract):
    @pytest.fixture
    def place(self, place: str) -> str:
        return place


class TestPostgresql(StoreContract):
    @pytest.fixture
    def place(self, place: str) -> str:
        return place

    def test_a_lost_connection_is_an_error_and_the_next_write_makes_a_new_one(self, store: Store) -> None:
        before = fill(store)
        backend = store._writer.run(lambda connection: connection.execute(sa.func.pg_backend_pid().select()).scalar())
        with contextlib.closing(sa.create_engine(URL, poolclass=sa.NullPool).connect()) as connection:
            connection.execute(sa.func.pg_terminate_backend(backend, 60_000).select())
        with pytest.raises(StoreError, match="terminat"):
            store.replace_posts([post("c.md")])
        assert everything(store) == before
        store.replace_posts([post("c.md")])
        assert post("c.md") in list(store.posts())


def test_a_server_that_cannot_be_reached_is_an_error_that_hides_the_password() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("postgresql+psycopg://user:secret@127.0.0.1:1/none")
    assert "secret" not in f"{caught.value} {caught.value.path}"
    assert caught.value.hint == "see that the database can be reached"
