from __future__ import annotations

import dataclasses
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.errors import RefusedError
from feedservice.feeds.ledger import Row
from feedservice.service import ledgerfile

NOW = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PLACE = Path("ledger.jsonl")


def row(name: str = "a", **changes: object) -> Row:
    values: dict[str, object] = {
        "id": f"tag:example.org,2025:{name}",
        "path": f"{name}.md",
        "origin": "tag",
        "first_seen": NOW,
        "out": NOW,
        "published": NOW - DAY,
        "title": f"記事 {name}",
    }
    return Row(**{**values, **changes})  # type: ignore[arg-type]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = (row(), row("b", withdrawn=NOW, gone=NOW, updated=NOW, claim="x"), row("c", out=None, published=None))
    file = tmp_path / "state" / "ledger.jsonl"
    assert ledgerfile.recall(file).rows == ()
    ledgerfile.write(file, reversed(rows))
    assert ledgerfile.recall(file) == ledgerfile.Read(rows=rows, problems=())
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert "記事 a" in lines[1]
    before = file.stat().st_mtime_ns
    ledgerfile.write(file, rows)
    assert file.stat().st_mtime_ns == before


instants = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
texts = st.text(min_size=1)
maybe = st.none() | instants
rows = st.builds(
    Row,
    id=texts,
    path=texts,
    origin=texts,
    claim=st.none() | texts,
    first_seen=instants,
    out=maybe,
    published=maybe,
    updated=maybe,
    withdrawn=maybe,
    gone=instants,
    broken=maybe,
    title=st.text(),
    link=st.text(),
    date=maybe,
    sketch=st.text(),
)


@given(st.lists(rows, unique_by=lambda each: each.id))
def test_any_ledger_is_read_as_it_was_written(found: list[Row]) -> None:
    text = ledgerfile.text_of(found)
    read = ledgerfile.parse(text, PLACE)
    assert set(read.rows) == set(found)
    assert ledgerfile.text_of(read.rows) == text


def test_a_damaged_line_is_named_and_nothing_is_guessed() -> None:
    good = ledgerfile.text_of([row()])
    for bad in ("{", "[]", '{"id": "x"}', '{"id": "x", "path": "y", "origin": "tag", "first_seen": "soon"}'):
        with pytest.raises(RefusedError, match=r"ledger\.jsonl:3: the ledger is damaged"):
            ledgerfile.parse(good + bad + "\n", PLACE)


def test_the_lines_of_two_branches_are_joined_by_git(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    file = tmp_path / "ledger.jsonl"
    (tmp_path / ".gitattributes").write_text("ledger.jsonl merge=union\n")
    ledgerfile.write(file, [row()])
    git("init")
    git("add", "-A")
    git("commit", "-m", "one")
    git("checkout", "-b", "other")
    ledgerfile.write(file, [row(), row("b", first_seen=NOW + DAY)])
    git("commit", "-am", "b")
    git("checkout", "main")
    ledgerfile.write(file, [row(), row("c", first_seen=NOW + DAY)])
    git("commit", "-am", "c")
    git("merge", "other")
    read = ledgerfile.recall(file)
    assert [each.path for each in read.rows] == ["a.md", "b.md", "c.md"]
    assert read.problems == ()


def test_marks_of_an_unfinished_merge_are_said_and_both_sides_kept() -> None:
    one, other = (ledgerfile.text_of([each]).splitlines()[1] for each in (row("b"), row("c")))
    read = ledgerfile.parse(f"<<<<<<< HEAD\n{one}\n=======\n{other}\n>>>>>>> other\n", PLACE)
    assert [each.path for each in read.rows] == ["b.md", "c.md"]
    assert [problem.rule for problem in read.problems] == ["ledger.merged"]


def test_one_post_that_two_branches_saw_keeps_the_earliest_dates() -> None:
    early, late = row(), row(first_seen=NOW + DAY, out=NOW + DAY, published=NOW, updated=NOW + DAY)
    for pair in ([early, late], [late, early]):
        text = "\n".join(ledgerfile.text_of([each]) for each in pair)
        (both,) = ledgerfile.parse(text, PLACE).rows
        assert both == dataclasses.replace(early, updated=NOW + DAY)


def test_of_two_lines_the_later_says_where_a_post_is() -> None:
    left, moved = row(gone=NOW, withdrawn=NOW), row(path="new.md")
    (both,) = ledgerfile.parse(ledgerfile.text_of([left]) + ledgerfile.text_of([moved]), PLACE).rows
    assert (both.path, both.gone) == ("new.md", None)
    (both,) = ledgerfile.parse(ledgerfile.text_of([moved]) + ledgerfile.text_of([left]), PLACE).rows
    assert (both.path, both.gone) == ("a.md", NOW)


def test_a_line_that_was_not_written_to_its_end_is_none() -> None:
    whole = ledgerfile.text_of([row(), row("b")])
    for cut in (5, 40, len(ledgerfile.line_of(row("b")))):
        read = ledgerfile.parse(whole[:-cut], PLACE)
        assert ([each.path for each in read.rows], read.loose, read.problems) == (["a.md"], True, ())
    read = ledgerfile.parse(whole.removesuffix("\n"), PLACE)
    # All of it is there but its end: what is added would stand in the same line.
    assert ([each.path for each in read.rows], read.loose) == (["a.md", "b.md"], True)


def test_a_line_that_is_broken_in_two_is_damaged() -> None:
    line = ledgerfile.line_of(row())
    for text in (line.replace('", "path"', '",\n"path"'), f"{line[:9]}\n{line[9:]}\n{line}"):
        with pytest.raises(RefusedError, match=r"ledger\.jsonl:1: the ledger is damaged"):
            ledgerfile.parse(f"{text}\n{line}\n", PLACE)


def test_a_row_of_the_store_has_the_line_of_the_file() -> None:
    found = [row(), row("b", gone=NOW, sketch="x")]
    assert ledgerfile.unstored(map(ledgerfile.stored, found)) == found
    with pytest.raises(RefusedError, match="ledger of the store:2: the ledger is damaged"):
        ledgerfile.unstored([ledgerfile.stored(row()), dataclasses.replace(ledgerfile.stored(row("b")), line="{}")])


def test_two_ids_of_one_path_are_said_and_the_one_that_readers_know_stays() -> None:
    known, other = row(), row(id="tag:other", out=NOW + DAY, first_seen=NOW - DAY)
    read = ledgerfile.parse(ledgerfile.text_of([other, known]), PLACE)
    assert [(each.id, each.gone is None) for each in read.rows] == [("tag:example.org,2025:a", True), ("tag:other", False)]
    (problem,) = read.problems
    assert problem.rule == "ledger.merged"
    assert "tag:other" in problem.message
