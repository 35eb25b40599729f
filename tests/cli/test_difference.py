from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedservice import cli

Run = Callable[..., Result]


def article(title: str, day: int, body: str = "Text.") -> str:
    return f"---\ntitle: {title}\ndate: 2025-05-{day:02} 09:00\n---\n{body}\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = "site: {title: S, url: https://example.org}\nfeeds: {pages: false, compress: []}\n"
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / "content").mkdir()
    for day in range(1, 9):
        (tmp_path / "content" / f"{day}.md").write_text(article(f"T{day}", day))

    def call(*words: str) -> Result:
        return CliRunner().invoke(cli.group, ["--config", str(tmp_path / "config.yaml"), *words])

    return call


def test_before_the_first_build_nobody_reads_anything(run: Run) -> None:
    result = run("diff")
    assert (result.exit_code, result.output) == (0, "all: a feed of 8 entries that nobody reads yet\n")


def test_nothing_new_is_said(run: Run) -> None:
    run("build")
    assert run("diff").output == "Subscribers would see nothing new.\n"


def test_what_subscribers_would_see(run: Run, tmp_path: Path) -> None:
    run("build")
    content = tmp_path / "content"
    (content / "9.md").write_text(article("<b>New</b> & fresh", 9))
    (content / "2.md").unlink()
    (content / "3.md").write_text(article("T3", 3, "Another text."))
    (content / "4.md").write_text(article("Another title", 4))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = run("diff")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "all: 1 new, 1 with another title, 1 edited, without a new date, 1 withdrawn",
        "  + New & fresh (2025-05-09)  new",
        "  ~ Another title (2025-05-04)  with another title",
        "  ~ T3 (2025-05-03)  edited, without a new date",
        "  - T2 (2025-05-02)  withdrawn",
    ]
    page = run("diff", "--html", "--title", "A & B").output
    assert "<h3>A &amp; B</h3>" in page
    assert "New &amp; fresh</a> (2025-05-09)" in page
    told = json.loads(run("diff", "all", "--json").output)
    assert [(each["feed"], each["held"], len(each["new"])) for each in told] == [("all", False, 1)]
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_feed_that_would_be_held_is_said_and_fails(run: Run, tmp_path: Path) -> None:
    run("build")
    for day in range(10, 17):
        (tmp_path / "content" / f"{day}.md").write_text(article(f"T{day}", day))
    result = run("diff")
    assert result.exit_code == 1
    assert "  held: 7 entries would be new at once, 5 are allowed: 'T16', 'T15', 'T14' and 4 more" in result.output
    page = run("diff", "--html").output
    assert "<strong>1 feed would be held.</strong>" in page
    assert json.loads(run("diff", "--json").output)[0]["reasons"][0]["rule"] == "guard.flood"


@pytest.mark.parametrize("how", ["lost", "older"])
def test_ids_come_from_the_store_when_the_file_has_them_no_more(run: Run, tmp_path: Path, how: str) -> None:
    content, ledger = tmp_path / "content", tmp_path / ".feedservice" / "ledger.jsonl"
    run("build")
    older = ledger.read_bytes()
    (content / "3.md").rename(content / "three.md")
    (content / "9.md").write_text(article("T9", 9))
    run("build")
    known = ledger.read_bytes()
    ledger.unlink()
    if how == "older":
        ledger.write_bytes(older)
    assert run("diff").output == "Subscribers would see nothing new.\n"
    assert "  id          tag:example.org,2025-05-03:3 (made" in run("explain", "three.md").output
    assert "+ all: published T9" in run("log", "9.md").output
    assert ledger.exists() == (how == "older")
    run("build")
    assert ledger.read_bytes() == known


@pytest.mark.parametrize("how", ["lost", "older"])
def test_whoever_looks_or_builds_elsewhere_gives_no_second_id(run: Run, tmp_path: Path, how: str) -> None:
    content, ledger = tmp_path / "content", tmp_path / ".feedservice" / "ledger.jsonl"
    run("build")
    older = ledger.read_bytes()
    (content / "3.md").rename(content / "three.md")
    (content / "9.md").write_text(article("T9", 9))
    run("build")
    known = ledger.read_bytes()
    ledger.unlink()
    if how == "older":
        ledger.write_bytes(older)
    name = "tag:example.org,2025-05-03:3"
    assert f"<id>{name}</id>" in run("render", "all").output
    assert run("check").exit_code == 0
    assert run("next").exit_code == 0
    old = tmp_path / "old.xml"
    old.write_bytes((tmp_path / "public" / "feeds" / "all.atom").read_bytes())
    assert "Nothing to take over: the ledger says all this already." in run("adopt", str(old)).output
    assert ledger.exists() == (how == "older")
    run("build", "--out", str(tmp_path / "elsewhere"))
    assert f"<id>{name}</id>" in (tmp_path / "elsewhere" / "feeds" / "all.atom").read_text()
    assert ledger.read_bytes() == known


def test_a_database_that_cannot_be_reached_is_no_traceback(run: Run, tmp_path: Path) -> None:
    run("build")
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + f"\nstore: postgresql+psycopg://nobody@/none?host={tmp_path}\n")
    for words in (["build"], ["log"]):
        result = run(*words)
        assert (result.exit_code, result.output.startswith("refused: ")) == (4, True)


def test_dates_are_those_of_the_site(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("https://example.org}", "https://example.org, timezone: Asia/Tokyo}"))
    run("build")
    # Half past eight in the morning of the ninth: the eighth in Greenwich.
    (tmp_path / "content" / "9.md").write_text(article("Early", 9).replace("09:00", "08:30"))
    assert "  + Early (2025-05-09)  new" in run("diff").output
    assert "Early</a> (2025-05-09)" in run("diff", "--html").output


def test_what_the_window_of_a_flood_has_no_room_for_is_rejected_with_it(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("feeds: {", "feeds: {window: 3, "))
    run("build")
    for day in range(10, 19):
        (tmp_path / "content" / f"{day}.md").write_text(article(f"T{day}", day))
    result = run("build")
    assert "6 entries would be new at once" in result.output + result.stderr
    assert run("reject").output == "all: published without 9 new entries\n"
    titles = [item["title"] for item in json.loads((tmp_path / "public" / "feeds" / "all.json").read_text())["items"]]
    assert titles == ["T8", "T7", "T6"]
    log = [line.partition(" ")[2] for line in run("log").output.splitlines()]
    assert {f"x all: rejected T{day}" for day in range(10, 19)} < set(log)
    assert log[-1] == "> all: released (what was rejected is left out)"


def test_rejecting_what_has_nothing_new_says_what_to_do(run: Run, tmp_path: Path) -> None:
    run("build")
    for day in range(1, 7):
        (tmp_path / "content" / f"{day}.md").unlink()
    assert "if not: mend the posts" in run("build").stderr
    result = run("reject")
    assert result.exit_code == 4
    assert result.stdout == "all: still held: nothing in it is new that could be left out; mend the posts\n"


def test_a_feed_that_there_is_none_of_is_refused(run: Run) -> None:
    assert run("diff", "nothing").exit_code == 4
