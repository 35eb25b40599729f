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


def refused(place: str, *statements: str, user: str | None = None) -> StoreError:
    """Say something to the server first, then open the store as a user; return what the store says of it."""
    with contextlib.closing(sa.create_engine(place, poolclass=sa.NullPool).connect()) as connection, connection.begin():
        for statement in statements:
            connection.exec_driver_sql(statement)
    url = sa.make_url(place).set(username=user) if user is not None else sa.make_url(place)
    with pytest.raises(StoreError) as caught, contextlib.closing(open_store(url.render_as_string(hide_password=False))) as store:
        store.replace_posts([post("a.md")])
    return caught.value


def test_a_user_that_may_make_no_tables_is_told_so(place: str) -> None:
    """As every user but the owner, in the schema that a new database of PostgreSQL 15 has."""
    user = f"plain_{uuid.uuid4().hex}"
    schema = place.rpartition("%3D")[2]
    try:
        error = refused(place, f"CREATE ROLE {user} LOGIN", f"GRANT USAGE ON SCHEMA {schema} TO {user}", user=user)
    finally:
        with contextlib.closing(sa.create_engine(URL, poolclass=sa.NullPool).connect()) as connection, connection.begin():
            connection.exec_driver_sql(f"DROP OWNED BY {user}")
            connection.exec_driver_sql(f"DROP ROLE {user}")
    assert "permission denied for schema" in str(error)
    assert "GRANT" in error.hint


def test_a_server_that_takes_no_changes_is_told_from_a_bug(place: str) -> None:
    with contextlib.closing(open_store(place)):
        pass
    read_only = sa.make_url(place)
    options = f"{read_only.query['options']} -cdefault_transaction_read_only=on"
    error = refused(read_only.update_query_dict({"options": options}).render_as_string(hide_password=False))
    assert "read-only transaction" in str(error)
    assert "primary" in error.hint


def test_a_lock_is_waited_for_as_long_as_with_a_file_and_no_longer(place: str) -> None:
    with contextlib.closing(open_store(place)) as store:
        waits = store._writer.run(lambda connection: connection.exec_driver_sql("SHOW lock_timeout").scalar())
        with store._reading() as connection:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == waits == "10s"
        store._writer.run(lambda connection: connection.exec_driver_sql("SET lock_timeout = 50").close())
        with contextlib.closing(sa.create_engine(place, poolclass=sa.NullPool).connect()) as other:
            other.exec_driver_sql("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StoreError, match="lock timeout") as caught:
                store.replace_posts([post("a.md")])
            assert caught.value.hint == "another process is writing: wait for it, or stop it"
            other.rollback()
        store.replace_posts([post("a.md")])


def test_damage_that_the_server_reports_is_no_bug_of_ours(place: str) -> None:
    with contextlib.closing(open_store(place)) as store:

        def harm(connection: sa.Connection) -> None:
            connection.exec_driver_sql("DO $$ BEGIN RAISE 'invalid page in block 0 of relation' USING ERRCODE = 'XX001'; END $$")

        with pytest.raises(StoreError, match="invalid page in block 0") as caught:
            store._write(harm)
        assert "restore a backup" in caught.value.hint
        assert not caught.value.damaged
