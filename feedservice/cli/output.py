"""How results look: for people on a terminal, for programs as JSON, for pull requests as annotations."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from feedservice import dates
from feedservice.model import Problem, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def place(problem: Problem) -> str:
    """Return ``path:line:column`` as far as it is known."""
    return ":".join(str(part) for part in (problem.path, problem.line, problem.column) if part not in {None, ""})


def text_of(problem: Problem) -> str:
    """Return a problem in two lines: where and what, then what to do."""
    where = place(problem)
    severity = click.style(problem.severity.value, fg=_COLOURS[problem.severity], bold=True)
    line = f"{click.style(where, bold=True)}: {severity}: {problem.message} [{problem.rule}]"
    return f"{line}\n    {problem.hint}" if problem.hint else line


def github_of(problem: Problem) -> str:
    """Return a problem as a workflow command that a pull request shows beside the line."""

    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    named = {"file": problem.path, "line": problem.line, "col": problem.column, "title": problem.rule}
    options = ",".join(f"{key}={value(str(item))}" for key, item in named.items() if item not in {None, ""})
    return f"::{problem.severity.value} {options}::{data(' — '.join(filter(None, (problem.message, problem.hint))))}"


def problem_json(problem: Problem) -> dict[str, object]:
    """Return a problem as JSON values."""
    return {key: value for key, value in dataclasses.asdict(problem).items() if value not in {None, ""}}


def problem_of(values: Mapping[str, Any]) -> Problem:
    """Return the problem that ``problem_json`` gave these values for."""
    return Problem(**{**values, "severity": Severity(values["severity"])})


def json_text(value: object) -> str:
    """Return JSON for programs; instants as RFC 3339 in UTC."""

    def other(item: object) -> object:
        if isinstance(item, datetime):
            return dates.rfc3339(item, "UTC")
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return dataclasses.asdict(item)
        if isinstance(item, Mapping):
            return dict(item)
        if isinstance(item, set | frozenset | tuple):
            return list(item)
        raise TypeError(f"no JSON for {type(item).__name__}")

    return json.dumps(value, ensure_ascii=False, indent=2, default=other)


def say(problems: Iterable[Problem]) -> None:
    """Print problems to the error stream."""
    for problem in problems:
        click.echo(text_of(problem), err=True)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 post``, ``2 posts``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def untold(waiting: int | None) -> Iterator[str]:
    """Yield the line that says that who builds announces nothing; none where nobody is ever told of anything (None)."""
    if waiting is not None:
        queued = f", and {counted(waiting, 'delivery waits', 'deliveries wait')} for it" if waiting else ""
        yield f"Nothing was announced: `feedservice run` does that{queued}."


def listed(parts: Sequence[str]) -> str:
    """Return the parts that say something, with commas."""
    return ", ".join(part for part in parts if part)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar on a terminal when work takes a while, and nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    # rich takes a tenth of a second to import: only somebody who looks at a terminal pays for it.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, object] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        yield show
