"""The store on SQLite: the contract, and what can happen to a file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from feedservice.model import Severity
from feedservice.store import Changes, StoreError
from feedservice.store.sql import open_store
from tests.store.contract import StoreContract
from tests.store.samples import NOW, document, everything, fill, post, posts

NOBODY = 65534


class TestSqlite(StoreContract):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "100% état" / "store.sqlite"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Be a user whom permissions bind, in a directory that this user cannot write to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextlib.closing(open_store(folder / "store.sqlite")) as store:
            fill(store)
        (folder / "store.sqlite").chmod(0o444)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_missing_file_is_created_with_its_directories_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store.sqlite"
    with contextlib.closing(open_store(path)) as store:
        fill(store)
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(("store.sqlite", "store.sqlite-wal", "store.sqlite-shm"), 0o600)


def test_a_closed_store_is_one_file(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        fill(store)
    assert [each.name for each in path.parent.iterdir()] == ["store.sqlite"]


def test_the_writer_waits_for_the_disk_and_readers_cannot_write(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        ask = ("journal_mode", "synchronous", "foreign_keys")
        said = store._writer.run(lambda connection: [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ask])
        assert said == ["wal", 2, 1]
        with store._readers.connect() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("DELETE FROM posts")


@pytest.mark.parametrize(
    "content", [b"not a database\n" * 300, b"SQLite format 3\0" + b"\xff" * 5000, b"x"], ids=["text", "header", "byte"]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        open_store(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.path == str(path)
    assert caught.value.hint.startswith("restore a backup, or move the file away")
    assert path.read_bytes() == content


def test_damage_in_the_middle_is_an_error_and_is_found_by_the_check(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        store.replace_posts(posts(3000, b"x" * 300))
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(b"\xa5" * (path.stat().st_size // 3))
    damaged = path.read_bytes()
    with contextlib.closing(open_store(path)) as store:
        with pytest.raises(StoreError, match="malformed") as caught:
            list(store.posts())
        assert caught.value.hint.startswith("restore a backup")
        problems = store.integrity()
    assert problems
    assert {(each.rule, each.severity, each.path) for each in problems} == {("store.damaged", Severity.ERROR, str(path))}
    assert all(each.message and each.hint for each in problems)
    assert path.read_bytes() == damaged


def test_a_body_without_its_post_is_found_by_the_check(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        fill(store)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("DELETE FROM posts")
        (problem,) = store.integrity()
    assert problem.message == "row 1 of bodies belongs to a row of posts that is not there"


def test_a_full_disk_changes_nothing_and_is_got_over(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        before = fill(store)
        limit = "PRAGMA max_page_count = "
        store._writer.run(lambda connection: connection.exec_driver_sql(f"{limit} 100").close())
        with pytest.raises(StoreError, match="full") as caught:
            store.publish(at=NOW, documents=Changes(changed=[document("x")]), posts=Changes(changed=posts(2000, b"x" * 500)))
        assert "free some space" in caught.value.hint
        assert everything(store) == before
        store._writer.run(lambda connection: connection.exec_driver_sql(f"{limit} 100000").close())
        store.replace_posts(posts(2000, b"x" * 500))
        assert len(list(store.posts())) == 2002


def test_a_lock_that_is_not_given_up_is_an_error(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        before = fill(store)
        store._writer.run(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 1").close())
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked") as caught:
                store.replace_posts([post("new.md")])
            assert "another process is writing" in caught.value.hint
            assert everything(store) == before
        store.replace_posts([post("new.md")])


def test_a_directory_that_cannot_be_written_is_an_error(unprivileged: Path) -> None:
    with pytest.raises(StoreError, match="Permission denied") as caught:
        open_store(unprivileged / "other.sqlite")
    assert "writable" in caught.value.hint
    with pytest.raises(StoreError, match="Permission denied"):
        open_store(unprivileged / "new" / "store.sqlite")


def test_a_file_that_cannot_be_written_is_an_error(unprivileged: Path) -> None:
    with pytest.raises(StoreError, match="readonly") as caught:
        open_store(unprivileged / "store.sqlite")
    assert caught.value.hint == "make the file and its directory writable for the user that runs feedservice"


def test_a_writable_file_in_a_directory_that_is_not_is_an_error(unprivileged: Path) -> None:
    os.seteuid(os.getuid())
    (unprivileged / "store.sqlite").chmod(0o666)
    if os.getuid() == 0:
        os.seteuid(NOBODY)
    with pytest.raises(StoreError) as caught:
        open_store(unprivileged / "store.sqlite")
    assert "make the file and its directory writable" in caught.value.hint


def test_an_open_store_knows_when_it_cannot_be_written_any_more(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        store.writable()
        assert not store.lost()
        away = path.rename(path.with_name("away"))
        assert store.lost()
        with pytest.raises(StoreError, match="was removed or replaced"):
            store.writable()
        # Looking has made no other one.
        assert not path.exists()
        away.rename(path)
        store.writable()
        with contextlib.closing(sqlite3.connect(path)) as other:
            other.execute("VACUUM INTO ?", [str(away)])
        away.replace(path)
        assert store.lost()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a while, and CI is root")
def test_an_open_store_knows_when_it_may_not_be_written_any_more() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextlib.closing(open_store(folder / "store.sqlite")) as store:
            fill(store)
            for file in folder.iterdir():
                file.chmod(0o444)
            folder.chmod(0o555)
            os.seteuid(NOBODY)
            try:
                with pytest.raises(StoreError) as caught:
                    store.writable()
            finally:
                os.seteuid(0)
            assert caught.value.hint == "make the file and its directory writable for the user that runs feedservice"
            store.writable()
        folder.chmod(0o755)


def test_a_place_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        open_store(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"Not a directory|File exists"):
        open_store(tmp_path / "file" / "store.sqlite")


def test_opening_a_store_leaves_the_locks_of_another_one_alone(path: Path) -> None:
    """POSIX: a process that closes any descriptor of a file gives up all the locks it has on that file."""
    with contextlib.closing(open_store(path)) as store, contextlib.closing(open_store(path)) as other:
        fill(store)
        stream = store.posts()
        next(stream)
        open_store(path).close()
        # Leaving WAL needs the database to itself, so it shows whether another process still sees our locks.
        leave = (
            f"import sqlite3; print(sqlite3.connect({str(path)!r}, timeout=0).execute('PRAGMA journal_mode = DELETE').fetchone())"
        )
        done = subprocess.run([sys.executable, "-c", leave], check=False, capture_output=True, text=True)
        assert "locked" in done.stderr
        assert len(list(stream)) == 1
        assert everything(other) == everything(store)


def test_a_wrong_statement_is_a_bug_and_looks_like_one(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        fill(store)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("DROP TABLE ledger")
        with pytest.raises(sa.exc.OperationalError, match="no such table"):
            list(store.ledger())


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        ("import feedservice.store", {"sqlalchemy", "alembic", "sqlite3"}),
        ("import pathlib, feedservice.store.sql as sql; sql.open_store(pathlib.Path({path!r})).close()", {"alembic", "mako"}),
    ],
    ids=["the protocol", "an open store that is up to date"],
)
def test_what_takes_long_to_import_is_imported_late(path: Path, program: str, unwanted: set[str]) -> None:
    open_store(path).close()
    code = f"{program.format(path=str(path))}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert unwanted.isdisjoint(done.stdout.split())
