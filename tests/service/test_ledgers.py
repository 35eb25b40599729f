"""The ledger's file and the store, of which either can be lost, older, or ahead."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from feedservice import cli
from feedservice.config import Loaded
from feedservice.feeds.ledger import Row
from feedservice.service import ledgerfile
from feedservice.service.engine import Engine
from feedservice.service.ledgers import Ledger
from feedservice.service.report import Report
from feedservice.store import Changes, LedgerRow
from feedservice.store.sql import open_store
from tests.service.conftest import MakeSite
from tests.service.test_crashes import STORE, engine_of, opener
from tests.service.test_ledgerfile import row
from tests.service.test_publish import post

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POSTS = {f"{name}.md": post(f"About {name}", f"2025-05-0{at} 09:00") for at, name in enumerate("abc", 1)}
EXTRA = "feeds: {category_feeds: false, pages: false, formats: [atom]}\nguard: {enabled: false}\n"
EVERYWHERE = frozenset(POSTS)


def test_a_large_ledger_grows_at_its_end_and_is_put_in_order_by_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    many = [row(f"{number:05}") for number in range(5_001)]
    book = Ledger(file)
    assert book.refresh(())
    book.write(many)
    ordered = file.read_text()
    assert not book.refresh(())
    book.write([row("00000", title="X"), row("a")])
    assert file.read_text().startswith(ordered)
    assert not book.refresh(())
    other = Ledger(file)
    other.refresh(())
    assert (other.rows, other.digest) == (book.rows, book.digest)
    assert other.rows["tag:example.org,2025:00000"].title == "X"
    other.write([row("b")])
    assert file.read_text() == ledgerfile.text_of(other.rows.values())
    # What somebody else wrote is read.
    assert book.refresh(())
    assert book.rows == other.rows
    assert book.digest == other.digest


@pytest.mark.parametrize("rows", [3, 2_500])
def test_a_file_without_its_last_line_break_is_written_on(tmp_path: Path, rows: int) -> None:
    """Editors take it away, and a process that is killed does not get to it."""
    file = tmp_path / "ledger.jsonl"
    ledgerfile.write(file, [row(f"{number:05}") for number in range(rows)])
    file.write_bytes(file.read_bytes().removesuffix(b"\n"))
    book = Ledger(file)
    book.refresh(())
    book.write([row("a")])
    assert ledgerfile.recall(file).rows == tuple(sorted(book.rows.values(), key=lambda each: each.path))
    assert len(book.rows) == rows + 1
    # Somebody does so while the process goes on.
    file.write_bytes(file.read_bytes().removesuffix(b"\n"))
    book.refresh(())
    book.write([row("b")])
    assert len(ledgerfile.recall(file).rows) == rows + 2


def test_a_process_that_lives_long_puts_its_lines_in_order_by_and_by(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    book = Ledger(file)
    book.refresh(())
    book.write([row(f"{number:05}") for number in range(2_500)])
    once = file.stat().st_size
    for number in range(40):
        book.write([row(f"{each:05}", title=f"{number:05}") for each in range(100)])
    assert file.stat().st_size < 1.6 * once
    assert Ledger(file).refresh(())
    assert ledgerfile.recall(file).rows == tuple(sorted(book.rows.values(), key=lambda each: each.path))
    assert not book.refresh(())


def test_what_is_merged_into_the_file_during_a_pass_is_not_written_over(tmp_path: Path) -> None:
    """A pass asks for ids, makes feeds and writes the ledger: a second in which `git pull` can bring lines."""
    for rows in (3, 2_500):
        file = tmp_path / f"{rows}.jsonl"
        book = Ledger(file)
        book.refresh(())
        book.write([row(f"{number:05}") for number in range(rows)])
        assert not book.refresh(())
        other = Ledger(file)
        other.refresh(())
        other.write([row("theirs"), row("00000", title="Theirs")])
        book.write([row("ours")])
        found = {each.path: each for each in ledgerfile.recall(file).rows}
        assert {"theirs.md", "ours.md"} <= found.keys()
        assert len(found) == rows + 2
        # It is news to the pass that comes next.
        assert book.refresh(())
        assert set(book.rows.values()) == set(found.values())


def test_a_file_that_was_only_touched_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    book = Ledger(file)
    book.refresh(())
    book.write([row()])
    file.write_bytes(file.read_bytes())
    assert not book.refresh(())
    assert not book.refresh(())


def test_the_store_is_read_only_when_the_file_is_not_the_one_it_knows(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    ledgerfile.write(file, [row()])
    first = Ledger(file)
    first.refresh(())
    asked: list[str] = []

    def stored() -> Iterable[LedgerRow]:
        asked.append("stored")
        return [ledgerfile.stored(row()), ledgerfile.stored(row("b"))]

    same = Ledger(file, agreed=first.digest, stored=stored)
    assert same.agrees()
    assert same.refresh(())
    assert (list(same.rows.values()), same.owed, asked) == ([row()], {}, [])
    other = Ledger(file, agreed="another", stored=stored)
    assert not other.agrees()
    other.refresh(())
    assert (list(other.rows.values()), other.owed, asked) == ([row(), row("b")], {}, ["stored"])
    other.write([])
    assert ledgerfile.recall(file).rows == (row(), row("b"))


@pytest.mark.parametrize("away", ["removed", "emptied", "older"])
def test_a_file_that_is_lost_while_the_service_runs_is_written_again(tmp_path: Path, away: str) -> None:
    file = tmp_path / "ledger.jsonl"
    book = Ledger(file)
    book.refresh(())
    book.write([row()])
    older = file.read_bytes()
    book.write([row("b")])
    if away == "removed":
        file.unlink()
    else:
        file.write_bytes(older if away == "older" else b"")
    assert book.refresh(())
    assert set(book.rows.values()) == {row(), row("b")}
    assert [problem.rule for problem in book.problems] == ["ledger.restored"]
    assert ("was not there" in book.problems[0].message) == (away == "removed")
    book.write([])
    assert ledgerfile.recall(file).rows == (row(), row("b"))
    assert book.problems == ()


# The same, with passes.


def passed(loaded: Loaded, now: datetime) -> Report:
    with contextlib.closing(engine_of(loaded)) as engine:
        return engine.build(loaded, now=now)


def in_file(loaded: Loaded) -> dict[str, Row]:
    return {each.id: each for each in ledgerfile.recall(ledgerfile.place(loaded)).rows}


def in_store(loaded: Loaded) -> dict[str, Row]:
    with contextlib.closing(opener(loaded.root / loaded.config.state)) as store:
        return {each.id: each for each in ledgerfile.unstored(store.ledger())}


def ids(loaded: Loaded) -> dict[str, str]:
    return {each.path: each.id for each in in_file(loaded).values() if each.gone is None}


def said(report: Report) -> list[str]:
    return [problem.rule for problem in report.problems if problem.rule.startswith("ledger.")]


def test_a_pass_remembers_ids_in_both(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, EXTRA)
    passed(loaded, NOW)
    assert in_store(loaded) == in_file(loaded)
    assert len(in_file(loaded)) == 3
    make_site({"d.md": post("About d", "2025-05-09 09:00")}, EXTRA)
    with contextlib.closing(engine_of(loaded)) as engine:
        engine.build(loaded, now=NOW + HOUR)
        (loaded.root / "content" / "a.md").unlink()
        engine.build(loaded, now=NOW + 2 * HOUR)
        written: list[object] = []
        real = engine.store.publish
        engine.store.publish = lambda **given: written.append(given["ledger"].changed) or real(**given)  # type: ignore[method-assign]
        make_site({"e.md": post("About e", "2025-05-10 09:00")}, EXTRA)
        engine.build(loaded, now=NOW + 3 * HOUR)
    # Only what changed.
    (changed,) = written
    assert [each.path for each in changed] == ["e.md"]  # type: ignore[attr-defined]
    assert in_store(loaded) == in_file(loaded)
    assert [each.path for each in in_store(loaded).values() if each.gone is not None] == ["a.md"]


def test_a_lost_store_and_a_lost_file_cost_no_id(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, EXTRA)
    passed(loaded, NOW)
    # Under its path alone the post would get another id: it was renamed since.
    (loaded.root / "content" / "a.md").rename(loaded.root / "content" / "z.md")
    passed(loaded, NOW + HOUR)
    known = ids(loaded)
    state = loaded.root / loaded.config.state
    for file in state.glob(f"{STORE}*"):
        file.unlink()
    assert said(passed(loaded, NOW + 2 * HOUR)) == []
    assert (ids(loaded), in_store(loaded)) == (known, in_file(loaded))
    ledgerfile.place(loaded).unlink()
    assert said(passed(loaded, NOW + 3 * HOUR)) == ["ledger.restored"]
    assert (ids(loaded), in_store(loaded)) == (known, in_file(loaded))
    assert said(passed(loaded, NOW + 4 * HOUR)) == []


def test_an_older_file_takes_nothing_back(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, EXTRA)
    passed(loaded, NOW)
    older = ledgerfile.place(loaded).read_bytes()
    (loaded.root / "content" / "a.md").rename(loaded.root / "content" / "z.md")
    make_site({"d.md": post("About d", "2025-05-09 09:00")}, EXTRA)
    passed(loaded, NOW + HOUR)
    make_site({"z.md": post("All other", "2025-05-01 09:00", body="Nothing of what it was.")}, EXTRA)
    passed(loaded, NOW + 2 * HOUR)
    known, rows = ids(loaded), in_file(loaded)
    ledgerfile.place(loaded).write_bytes(older)
    report = passed(loaded, NOW + 3 * HOUR)
    assert (ids(loaded), in_file(loaded), in_store(loaded)) == (known, rows, rows)
    assert said(report) == ["ledger.restored"]
    (problem,) = [each for each in report.problems if each.rule == "ledger.restored"]
    assert "d.md" in problem.message


def test_an_older_file_does_not_have_posts_back_where_others_are_now(make_site: MakeSite) -> None:
    """They changed places, and one was written anew after that: nothing that the file says of them is there any more."""
    bodies = {name: "\n".join(f"Sentence {at} of {name} is here." for at in range(5)) for name in "abc"}
    texts = {f"{name}.md": post(name, f"2025-05-0{at} 09:00", body=bodies[name]) for at, name in enumerate("abc", 1)}
    loaded = make_site(texts, EXTRA)
    passed(loaded, NOW)
    known, older = ids(loaded), ledgerfile.place(loaded).read_bytes()
    make_site({"a.md": texts["b.md"], "b.md": texts["c.md"], "c.md": texts["a.md"]}, EXTRA)
    passed(loaded, NOW + HOUR)
    make_site({"c.md": post("All other", "2025-05-01 09:00", body="Nothing of what it was.")}, EXTRA)
    passed(loaded, NOW + 2 * HOUR)
    moved = {"a.md": known["b.md"], "b.md": known["c.md"], "c.md": known["a.md"]}
    assert ids(loaded) == moved
    ledgerfile.place(loaded).write_bytes(older)
    for hours in (3, 4):
        report = passed(loaded, NOW + hours * HOUR)
        assert (ids(loaded), in_store(loaded)) == (moved, in_file(loaded))
    assert said(report) == []


def test_a_post_that_moves_is_known_by_its_last_text_though_the_file_is_older(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, EXTRA)
    passed(loaded, NOW)
    known, older = ids(loaded), ledgerfile.place(loaded).read_bytes()
    anew = post("Other", "2025-05-11 09:00", body="It says.\nAll else.\nNow.\nAnd then.")
    make_site({"a.md": anew}, EXTRA)
    passed(loaded, NOW + HOUR)
    ledgerfile.place(loaded).write_bytes(older)
    (loaded.root / "content" / "a.md").unlink()
    make_site({"z.md": anew}, EXTRA)
    passed(loaded, NOW + 2 * HOUR)
    assert ids(loaded)["z.md"] == known["a.md"]


def test_two_branches_and_the_store_are_one_ledger(make_site: MakeSite) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *who, *words], cwd=loaded.root, check=True, capture_output=True)

    extra = EXTRA.replace("feeds: {", "feeds: {ledger: ledger.jsonl, ")
    loaded = make_site(POSTS, extra)
    (loaded.root / ".gitattributes").write_text("ledger.jsonl merge=union\n")
    (loaded.root / ".gitignore").write_text(f"{loaded.config.state}\npublic\n")
    passed(loaded, NOW)
    git("init")
    git("add", "-A")
    git("commit", "-m", "one")
    git("checkout", "-b", "other")
    make_site({"d.md": post("About d", "2025-05-09 09:00")}, extra)
    # Another machine, with a store of its own.
    passed(dataclasses.replace(loaded, config=loaded.config.model_copy(update={"state": "elsewhere"})), NOW + HOUR)
    git("add", "-A", "content", "ledger.jsonl")
    git("commit", "-m", "d")
    git("checkout", "main")
    make_site({"e.md": post("About e", "2025-05-10 09:00")}, extra)
    passed(loaded, NOW + 2 * HOUR)
    git("add", "-A", "content", "ledger.jsonl")
    git("commit", "-m", "e")
    git("merge", "other")
    assert said(passed(loaded, NOW + 3 * HOUR)) == []
    assert set(ids(loaded)) == {*POSTS, "d.md", "e.md"}
    assert in_store(loaded) == in_file(loaded)
    assert next(each for each in in_file(loaded).values() if each.path == "d.md").first_seen == NOW + HOUR


def test_a_contradiction_is_named_and_readers_keep_what_they_know(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, EXTRA)
    passed(loaded, NOW)
    known, file = ids(loaded), ledgerfile.place(loaded)
    other = [
        dataclasses.replace(each, id="tag:b", out=NOW + HOUR) if each.path == "b.md" else each
        for each in in_file(loaded).values()
    ]
    ledgerfile.write(file, other)
    report = passed(loaded, NOW + HOUR)
    assert said(report) == ["ledger.conflict", "ledger.restored"]
    (problem,) = [each for each in report.problems if each.rule == "ledger.conflict"]
    assert problem.message == f"b.md has two ids, {known['b.md']} and tag:b; readers keep the first"
    assert ids(loaded) == known
    assert said(passed(loaded, NOW + 2 * HOUR)) == []


def test_a_row_of_an_older_store_has_a_line(tmp_path: Path) -> None:
    """What the upgrade of the schema made of it (``tests/store``) can be read."""
    with contextlib.closing(open_store(tmp_path / STORE)) as store:
        assert list(store.ledger()) == []
    line = '{"id": "tag:a", "path": "a.md", "origin": "tag", "first_seen": "2025-06-01T00:00:00Z"}'
    (found,) = ledgerfile.unstored([LedgerRow(id="tag:a", path="a.md", first_seen=NOW, line=line)])
    assert (found.id, found.path, found.first_seen) == ("tag:a", "a.md", NOW)


def test_an_engine_reads_the_store_of_another_version_only_for_what_it_lost(make_site: MakeSite) -> None:
    """A store from before ids were kept in it: the file has them, and the first pass writes them."""
    loaded = make_site(POSTS, EXTRA)
    passed(loaded, NOW)
    rows = in_file(loaded)
    with contextlib.closing(opener(loaded.root / loaded.config.state)) as store:
        store.publish(at=NOW, ledger=Changes(removed=rows), meta={"pass.ledger": "1234 5678 9"})
    with contextlib.closing(Engine(loaded.root / loaded.config.state, opener, out=loaded.root / "public")) as engine:
        report = engine.build(loaded, now=NOW + HOUR)
    assert (said(report), in_file(loaded), in_store(loaded)) == ([], rows, rows)


def test_who_was_not_out_at_an_instant_is_known_from_write_to_write(tmp_path: Path) -> None:
    """However the rows came about, the answer is that of looking at every one."""
    known = Ledger(tmp_path / "ledger.jsonl")
    known.refresh({})
    moments = [NOW + timedelta(hours=number) for number in range(6)]

    def naive(instant: datetime) -> set[str]:
        return {each.id for each in known.rows.values() if each.out is None or each.out > instant}

    def told() -> None:
        for instant in (NOW - timedelta(days=1), *moments):
            assert known.out_since(instant) == naive(instant)

    told()
    known.write([row(f"never{number}", out=None) for number in range(3)])
    known.write([row(f"out{number}", out=moments[number % 4]) for number in range(8)])
    told()
    known.write([row("never1", out=moments[2]), row("later", out=moments[5]), row("out3", out=moments[3], title="other")])
    told()
    known.write([row("out4", out=None), row("out5", out=moments[0])])
    told()


def test_ids_that_were_adopted_after_a_pass_are_what_the_next_one_knows(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, EXTRA)
    passed(loaded, NOW)
    old = "".join(
        f"<item><title>About {name}</title><link>https://example.org/2025/05/0{at}/{name}/</link><guid>old-{name}</guid></item>"
        for at, name in enumerate("abc", 1)
    )
    file = loaded.root / "old.xml"
    file.write_text(f'<rss version="2.0"><channel><title>Old</title><link>https://example.org/</link>{old}</channel></rss>')
    run = CliRunner().invoke(cli.group, ["--config", str(loaded.path), "adopt", str(file), "--replace", "--write"])
    assert "3 matched" in run.output, run.output
    adopted = ids(loaded)
    assert adopted == {f"{name}.md": f"old-{name}" for name in "abc"}
    assert in_store(loaded) != in_file(loaded)
    assert said(passed(loaded, NOW + HOUR)) == []
    assert (ids(loaded), in_store(loaded)) == (adopted, in_file(loaded))
