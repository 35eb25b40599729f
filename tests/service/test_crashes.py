"""A pass is stopped after every step that can be seen from outside, and what is left is looked at and completed."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.model import Severity
from feedservice.service import chronicle, files, ledgerfile
from feedservice.service.engine import Engine
from feedservice.store import Store
from feedservice.store.history import What
from feedservice.store.sql import open_store
from tests.service.conftest import MakeSite
from tests.service.test_publish import POSTS, post, tree

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EXTRA = "feeds: {window: 2, archives: true, compress: [gzip]}\nguard: {enabled: false}\n"
STORE = "store.sqlite"


def opener(state: Path) -> Store:
    return open_store(state / STORE)


def engine_of(loaded: Loaded) -> Engine:
    return Engine(loaded.root / loaded.config.state, opener, out=loaded.root / loaded.config.output)


def one_pass(loaded: Loaded, now: datetime) -> None:
    with contextlib.closing(engine_of(loaded)) as engine:
        engine.build(loaded, now=now)


class Fuse:
    """Ends the process at the n-th step."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stopped(*given: Any, **named: Any) -> Any:
            made = call(*given, **named)
            self.burn()
            return made

        return stopped

    def burn(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def stopped_after(steps: int, loaded: Loaded, now: datetime) -> bool:
    """Make a pass in a process that is killed after so many writes, fsyncs, renames and commits; tell whether it was."""
    child = os.fork()
    if child == 0:
        try:
            fuse = Fuse(steps)
            for module, name in ((files, "stage"), (files, "commit"), (files, "settle"), (os, "fsync")):
                setattr(module, name, fuse.after(getattr(module, name)))

            def watched(state: Path) -> Store:
                store = opener(state)
                fuse.burn()
                store.publish = fuse.after(store.publish)  # type: ignore[method-assign]
                return store

            engine = Engine(loaded.root / loaded.config.state, watched, out=loaded.root / loaded.config.output)
            engine.build(loaded, now=now)
            engine.close()
        except BaseException:  # noqa: BLE001 - a child of a test must not go on as the test
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, -signal.SIGKILL}
    return os.WIFSIGNALED(status)


def agree(loaded: Loaded) -> None:
    """Check that every document of the store is the file that is there, and that both ledgers are one."""
    with contextlib.closing(opener(loaded.root / loaded.config.state)) as store:
        rows, kept = list(store.documents()), ledgerfile.unstored(store.ledger())
    assert rows
    assert set(kept) == set(ledgerfile.recall(ledgerfile.place(loaded)).rows)
    for row in rows:
        body = (loaded.root / "public" / row.path).read_bytes()
        assert (hashlib.blake2b(body, digest_size=16).hexdigest(), len(body)) == (row.etag, row.size)
        for span in row.entries:
            assert hashlib.blake2b(body[span.start : span.end], digest_size=8).hexdigest() == span.digest


def test_a_pass_can_be_stopped_anywhere(make_site: MakeSite) -> None:
    """Old or new, never half, missing or older; the next pass completes it, and gives ids and archives no second time."""
    extra = EXTRA.replace("window: 2", "window: 2, formats: [atom], category_feeds: false, pages: false")
    loaded = make_site(POSTS, extra)
    one_pass(loaded, NOW)
    steps = 0
    shown: list[str] = []
    while True:
        steps += 1
        before = {path: body for path, body in tree(loaded.root / "public").items() if not path.endswith(".gz")}
        name = f"new{steps}.md"
        make_site(
            {name: post(f"新{steps}", f"2025-05-1{steps % 10} 0{steps % 7}:{steps % 60:02}", "categories: [投資分析]\n")}, EXTRA
        )
        now = LATER + timedelta(minutes=steps)
        stopped = stopped_after(steps, loaded, now)
        left = {path: body for path, body in tree(loaded.root / "public").items() if not path.endswith((".gz", "-new"))}
        assert left.keys() >= before.keys()
        assert not any(feedparser.parse(body).bozo for path, body in left.items() if path.endswith(".atom"))
        one_pass(loaded, now + timedelta(seconds=1))
        agree(loaded)
        after = tree(loaded.root / "public")
        assert not [path for path in after if path.endswith("-new")]
        # What was seen half-way is what the whole pass gives: nobody reads a third version.
        for path, body in left.items():
            assert body in {before.get(path), after[path]}
        if f">新{steps}<".encode() in after["feeds/all.atom"]:
            shown.append(f"新{steps}")
        if not stopped:
            break
    assert steps > 15
    # What readers saw is said once, whenever the pass was stopped.
    with contextlib.closing(opener(loaded.root / loaded.config.state)) as store:
        said = [event.title for event in store.events(feed="all") if event.what is What.PUBLISHED and event.title]
    assert sorted(said) == sorted(shown)
    assert len(shown) > 15
    assert chronicle.read(loaded.root / loaded.config.state) == chronicle.Notes()
    with contextlib.closing(engine_of(loaded)) as engine:
        report = engine.build(loaded, now=LATER + timedelta(days=1))
        assert (report.read, report.changed) == (0, ())


def test_a_store_that_cannot_be_written_is_made_good_by_the_next_pass(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = make_site(POSTS, EXTRA)
    one_pass(loaded, NOW)
    make_site({"d.md": post("四", "2025-05-04 09:00")}, EXTRA)
    with contextlib.closing(engine_of(loaded)) as engine:

        def full(**_given: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(engine.store, "publish", full)
        with pytest.raises(OSError, match="No space"):
            engine.build(loaded, now=LATER)
        monkeypatch.undo()
        report = engine.build(loaded, now=LATER)
        assert {each.feed for each in report.changed} == {"all"}
        agree(loaded)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_directory_that_cannot_be_written_changes_nothing(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, EXTRA)
    one_pass(loaded, NOW)
    before = tree(loaded.root / "public")
    make_site({"d.md": post("四", "2025-05-04 09:00")}, EXTRA)
    folder = loaded.root / "public" / "feeds"
    folder.chmod(0o500)
    try:
        with pytest.raises(RefusedError, match="cannot write"):
            one_pass(loaded, LATER)
    finally:
        folder.chmod(0o700)
    assert tree(loaded.root / "public") == before
    one_pass(loaded, LATER)
    agree(loaded)


def test_a_full_disk_changes_nothing(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site(POSTS, EXTRA)
    with contextlib.closing(engine_of(loaded)) as engine:
        engine.build(loaded, now=NOW)
        before = tree(loaded.root / "public")
        make_site({"d.md": post("四", "2025-05-04 09:00")}, EXTRA)
        real = files.stage

        def full(target: Path, body: bytes, *, durable: bool = True) -> files.Staged:
            if target.name == "all.json":
                raise OSError(28, "No space left on device", str(target))
            return real(target, body, durable=durable)

        monkeypatch.setattr(files, "stage", full)
        with pytest.raises(RefusedError, match="No space left"):
            engine.build(loaded, now=LATER)
        assert tree(loaded.root / "public") == before
        monkeypatch.undo()
        engine.build(loaded, now=LATER)
        agree(loaded)


@pytest.mark.parametrize("harm", ["nonsense", "missing", "pages"])
def test_a_damaged_store_is_put_aside_and_made_anew_from_what_is_there(make_site: MakeSite, harm: str) -> None:
    loaded = make_site(POSTS, EXTRA)
    one_pass(loaded, NOW)
    # When something was taken back, no date of a post says when the feed changed.
    next(loaded.root.glob("content/*.md")).unlink()
    one_pass(loaded, NOW + timedelta(minutes=1))
    before = dict(tree(loaded.root / "public"))
    file = loaded.root / loaded.config.state / STORE
    if harm == "missing":
        file.unlink()
    elif harm == "nonsense":
        file.write_bytes(b"no database at all " * 1000)
    else:
        data = file.read_bytes()
        file.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with contextlib.closing(engine_of(loaded)) as engine:
        report = engine.build(loaded, now=LATER)
    said = {problem.rule for problem in report.problems if problem.rule.startswith("store.")}
    assert said == {"store.missing" if harm == "missing" else "store.rebuilt"}
    assert report.read == len(POSTS) - 1
    assert tree(loaded.root / "public") == before
    agree(loaded)
    assert bool(list(file.parent.glob(f"{STORE}.damaged*"))) == (harm != "missing")
    assert dataclasses.asdict(report)["withheld"] == ()
    with contextlib.closing(engine_of(loaded)) as engine:
        assert not [each for each in engine.build(loaded, now=LATER).problems if each.rule.startswith("store.")]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE posts SET record = x'00'",
        "UPDATE posts SET fingerprint = 'none'",
        "UPDATE feeds SET record = '{' WHERE key = CAST('all' AS BLOB)",
        "UPDATE documents SET entries = '[[' WHERE path = CAST('feeds/all.atom' AS BLOB)",
    ],
)
def test_a_row_that_cannot_be_read_costs_what_is_made_anew_and_nothing_else(make_site: MakeSite, harm: str) -> None:
    loaded = make_site(POSTS, EXTRA)
    one_pass(loaded, NOW)
    before = dict(tree(loaded.root / "public"))
    file = loaded.root / loaded.config.state / STORE
    kept = ("ledger", "events", "topics", "subscriptions", "deliveries")

    def held() -> list[list[object]]:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            dates = connection.execute("SELECT path, last_modified FROM documents ORDER BY path").fetchall()
            return [dates, *(connection.execute(f"SELECT * FROM {table}").fetchall() for table in kept)]

    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(
            "INSERT INTO subscriptions VALUES"
            " (x'01', 'websub', x'01', x'01', x'01', NULL, 'sha256', '', 1, 1, 1, 1, 1, 0, 1, NULL, 1, NULL)"
        )
    there = held()
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        assert connection.execute(harm).rowcount >= 1
    with contextlib.closing(engine_of(loaded)) as engine:
        report = engine.build(loaded, now=LATER)
        (said,) = [problem for problem in report.problems if problem.rule == "store.renewed"]
        assert said.severity is Severity.ERROR
        assert "subscribers, deliveries and history are kept" in said.hint
        # It is said once.
        assert engine.build(loaded, now=LATER).problems == tuple(each for each in report.problems if each is not said)
    assert report.read == len(POSTS)
    # Nothing is news: the readers have all of it. A document of which nothing is known is a first version, which nobody is told of.
    assert [each.before for each in report.changed] == [None] * ("documents" in harm)
    assert tree(loaded.root / "public") == before
    assert held() == there


@pytest.mark.parametrize("harm", ["removed", "replaced"])
def test_a_store_that_goes_while_it_is_open_is_not_written_any_more(make_site: MakeSite, harm: str) -> None:
    loaded = make_site(POSTS, EXTRA)
    file = loaded.root / loaded.config.state / STORE
    with contextlib.closing(engine_of(loaded)) as engine:
        engine.build(loaded, now=NOW)
        first = engine.store
        if harm == "replaced":
            # A backup, put back without asking.
            with contextlib.closing(sqlite3.connect(file)) as connection:
                connection.execute("VACUUM INTO ?", [str(file.with_name("backup"))])
            file.with_name("backup").replace(file)
        else:
            file.unlink()
        for beside in ("-wal", "-shm"):
            file.with_name(STORE + beside).unlink()
        make_site({"d.md": post("四", "2025-05-04 09:00")}, EXTRA)
        report = engine.build(loaded, now=LATER)
        said = {problem.rule for problem in report.problems if problem.rule.startswith("store.")}
        assert said == ({"store.missing"} if harm == "removed" else set())
        assert report.read == (len(POSTS) + 1 if harm == "removed" else 1)
        with pytest.raises(RuntimeError, match="is closed"):
            first.meta()
    agree(loaded)
    assert not list(file.parent.glob(f"{STORE}.damaged*"))
