"""A site that remembers in PostgreSQL: every verb finds the database that ``store`` names, and no file is made."""

from __future__ import annotations

import importlib.util
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from feedservice.cli import group
from feedservice.config import ConfigError, parse

URL = os.environ.get("TESTS_POSTGRESQL", "")
"""``postgresql+psycopg://user@host/database``; the user may create schemas there."""
CONFIG = "site: {title: A, url: https://example.org}\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments))


@pytest.fixture
def url() -> Iterator[str]:
    """A schema of its own."""
    if not URL or importlib.util.find_spec("psycopg") is None:
        pytest.skip("TESTS_POSTGRESQL names no database, or psycopg is not installed")
    name = f"feedservice_{uuid.uuid4().hex}"
    engine = sa.create_engine(URL, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    yield sa.make_url(URL).update_query_dict({"options": f"-csearch_path={name}"}).render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sa.schema.DropSchema(name, cascade=True))


@pytest.mark.judge
def test_every_verb_finds_the_database(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG + f"store: {url}\n", encoding="utf-8")
    (tmp_path / "content").mkdir()
    post = tmp_path / "content" / "first.md"
    post.write_text("---\ntitle: First\ndate: 2025-11-17\n---\ntext\n", encoding="utf-8")
    assert run("build").exit_code == 0
    again = run("build")
    assert again.exit_code == 0, again.output
    assert "nothing written" in again.stdout
    assert not list((tmp_path / ".feedservice").glob("store.sqlite*"))
    # The first build is where a site begins, and no news; this is.
    post.write_text(post.read_text(encoding="utf-8").replace("text", "another text"), encoding="utf-8")
    assert run("build").exit_code == 0
    assert "First" in run("log").stdout
    assert "first.md" in run("explain", "first.md").stdout
    assert run("deliveries").exit_code == 0
    assert run("subscribers").exit_code == 0
    (tmp_path / ".feedservice" / "ledger.jsonl").unlink()
    assert "in all: rank 1" in run("explain", "first.md").stdout


@pytest.mark.judge
def test_a_row_of_the_database_that_cannot_be_read_costs_no_subscriber(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is put aside and begun anew when it is damaged; a database is nobody's to put aside, nor is a file beside it."""
    monkeypatch.chdir(tmp_path)
    announce = "announce: {environment: test, websub: {hub: embedded}, verify: 'off'}\n"
    (tmp_path / "config.yaml").write_text(CONFIG + f"store: {url}\n{announce}", encoding="utf-8")
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "first.md").write_text("---\ntitle: First\ndate: 2025-11-17\n---\ntext\n", encoding="utf-8")
    assert run("build").exit_code == 0
    # Of another site, or from before the database was named: not this store's.
    beside = tmp_path / ".feedservice" / "store.sqlite"
    beside.write_bytes(b"")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    kept = ("subscriptions", "topics", "topic_bodies", "ledger", "events", "documents")

    def held() -> list[object]:
        with engine.connect() as connection:
            return [connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1").all() for table in kept]

    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO subscriptions VALUES ('\\x01', 'websub', '\\x01', '\\x01', '\\x01', NULL, 'sha256', '', 1, 9, 1, 1, 1, 0, 1,"
            " NULL, 1, NULL)"
        )
        connection.exec_driver_sql("UPDATE posts SET record = '\\x00'")
    before = held()
    again = run("build")
    assert (again.exit_code, "store.renewed" in again.output) == (1, True), again.output
    assert held() == before
    assert run("build").exit_code == 0
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE meta SET value = 'never' WHERE key = 'pass.at'")
    # What is not made anew is nobody's to forget.
    refused = run("build")
    assert (refused.exit_code, "restore a backup of the database" in refused.output) == (4, True), refused.output
    assert held() == before
    assert beside.is_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql://me@host/feeds", "names no PostgreSQL database"),
        ("postgresql+psycopg://me@host/", "names no PostgreSQL database"),
        ("state.sqlite", "names no PostgreSQL database"),
        ("postgresql+psycopg://me@[host/feeds", "is no URL"),
        ("postgresql+psycopg://me:hush@host/feeds", "has a password in it"),
    ],
)
def test_what_is_no_database_is_said_without_its_password(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as failure:
        parse(CONFIG + f"store: {text}\n", name="config.yaml", environ={})
    (problem,) = failure.value.problems
    assert (problem.rule, problem.line) == ("config.database", 2)
    assert said in problem.message
    assert "hush" not in problem.message + problem.hint


def test_a_database_that_nobody_answers_for_is_an_error_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG + f"store: postgresql+psycopg://me@/feeds?host={tmp_path}\n", encoding="utf-8")
    (tmp_path / "content").mkdir()
    result = run("build")
    assert result.exit_code != 0
    assert not isinstance(result.exception, sa.exc.SQLAlchemyError)
    assert "Traceback" not in result.output


@pytest.mark.parametrize("state", ["damaged", "unreachable"])
@pytest.mark.parametrize("question", ["check", "next", "render all", "diff"])
def test_a_store_that_cannot_be_read_is_no_hindrance_to_a_question(tmp_path: Path, question: str, state: str) -> None:
    content = tmp_path / "content"
    content.mkdir()
    (content / "a.md").write_text("---\ntitle: A\ndate: 2025-05-01 09:00\n---\nText.\n", encoding="utf-8")
    file = tmp_path / "config.yaml"
    file.write_text("site: {title: S, url: https://example.org, timezone: UTC}\nfeeds: {pages: false, compress: []}\n", "utf-8")
    config = ["--config", str(file)]
    assert run(*config, "build").exit_code == 0
    before = run(*config, *question.split())
    assert not before.stderr
    if state == "damaged":
        (tmp_path / ".feedservice" / "store.sqlite").write_bytes(b"no database " * 1000)
    else:
        # As where a change is checked before it is merged: the database of the site is elsewhere.
        with file.open("a", encoding="utf-8") as more:
            more.write(f"store: postgresql+psycopg://me@/feeds?host={tmp_path}\n")
    after = run(*config, *question.split())
    assert (after.exit_code, after.stdout) == (before.exit_code, before.stdout) == (0, before.stdout)
    assert after.stderr.startswith("warning: ")
    assert "ids are those of the ledger's file" in after.stderr
