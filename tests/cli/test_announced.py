from __future__ import annotations

from datetime import UTC, datetime

import click

from feedservice.cli import announced
from feedservice.cli.announced import Announced
from feedservice.model import Problem, Severity
from feedservice.service.deliver import Figures

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def test_a_key_that_is_missing_is_said_where_people_look() -> None:
    problem = Problem(rule="announce.key", severity=Severity.ERROR, message="the file cannot be read", hint="h", path="in.key")
    said = announced.told(Announced(figures=Figures(), standing=None, refusal="locked", problems=(problem,), now=NOW))
    assert [each["rule"] for each in said["problems"]] == ["announce.key"]
    lines = [click.unstyle(line) for line in announced.lines(said, span=str, when=str)]
    assert lines == ["in.key: the file cannot be read", "the outbox cannot be read: locked"]
