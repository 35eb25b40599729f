"""The tables of docs/dates.md are true."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from feedservice.dates import Reading, file_name_date, read, rfc3339
from feedservice.model import Problem

PAGE = (Path(__file__).parents[2] / "docs" / "dates.md").read_text(encoding="utf-8")


def table(head: str) -> list[list[str]]:
    """Rows of the table with this head, without the backquotes of a cell that is all code."""
    lines = PAGE.partition(f"{head}\n")[2].splitlines()[1:]
    rows = lines[: next(index for index, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize(("typed", "instant", "zone"), table("| you write | it is | zone |"))
def test_what_is_read(typed: str, instant: str, zone: str) -> None:
    reading = read(typed.strip("`"), zone="Asia/Tokyo", naive="site")
    assert isinstance(reading, Reading)
    assert (rfc3339(reading.instant, "UTC"), reading.zone, reading.problems) == (instant, zone, ())


@pytest.mark.parametrize(("typed", "rule", "instead"), table("| you write | problem | write instead |"))
def test_what_is_refused(typed: str, rule: str, instead: str) -> None:
    problem = read(typed.strip("`"), zone="Asia/Tokyo", naive="site")
    assert isinstance(problem, Problem)
    assert f"`{problem.rule}`" == rule
    for correct in instead.split("`")[1::2]:
        assert isinstance(read(correct, zone="Asia/Tokyo", naive="site"), Reading)


@pytest.mark.parametrize(("zone", "typed", "written"), table("| zone | you write | it is |"))
def test_clock_changes(zone: str, typed: str, written: str) -> None:
    reading = read(typed.strip("`"), zone=zone, naive="site")
    assert isinstance(reading, Reading)
    assert rfc3339(reading.instant, zone) == written
    assert datetime.fromisoformat(written) == reading.instant


@pytest.mark.parametrize(("stem", "date", "slug"), table("| file name | date | slug |"))
def test_file_names(stem: str, date: str, slug: str) -> None:
    assert file_name_date(stem.strip("`")) == (date, slug)
