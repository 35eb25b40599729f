"""What a pass did, in one line: for the log, and for the service manager. Values in, words out."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from feedservice.model import Problem, Severity
from feedservice.service.journal import fields
from feedservice.service.passes import Outcome
from feedservice.service.report import Report

_NAMED = 5
"""Feeds that a line names; more are counted."""


def place(problem: Problem) -> str:
    """Return ``path:line:column`` as far as it is known."""
    return ":".join(str(part) for part in (problem.path, problem.line, problem.column) if part not in {None, ""})


def line(problem: Problem) -> str:
    """Return a problem in one line."""
    return f"{place(problem)}: {problem.message} [{problem.rule}]"


def level(problem: Problem) -> int:
    """Return the level that a problem is logged at."""
    return logging.ERROR if problem.severity is Severity.ERROR else logging.WARNING


def fields_of(problem: Problem) -> dict[str, Mapping[str, object]]:
    """Return a problem as values of a log line."""
    return fields(path=problem.path, line=problem.line, rule=problem.rule, hint=problem.hint)


def new(before: Report | None, after: Report) -> tuple[Problem, ...]:
    """Return the problems that were not there at the last pass: each is told once."""
    known = frozenset(before.problems) if before is not None else frozenset()
    return tuple(problem for problem in after.problems if problem not in known)


def tells(outcome: Outcome, before: Report | None) -> bool:
    """Say whether a pass is worth a line: something changed, or somebody asked for it."""
    report = outcome.report
    if report is None or before is None or any(each.changed for each in report.published):
        return True
    asked = set(outcome.wanted.reasons) - {"rescan", "time"}
    # A file that is no post of ours may be the log itself: a line about it would be the next change of it.
    if asked and (asked != {"content"} or report.read):
        return True
    return (report.posts, report.live, report.refused) != (before.posts, before.live, before.refused)


def told(outcome: Outcome) -> str:
    """Return what a pass did and how long each stage took."""
    report = outcome.report
    assert report is not None
    feeds = feeds_changed(report)
    written = sum(each.changed for each in report.published)
    if feeds:
        names = ", ".join(feeds[:_NAMED]) + (f" and {len(feeds) - _NAMED} more" if len(feeds) > _NAMED else "")
        what = f"{_counted(len(feeds), 'feed')} changed ({names})"
    else:
        what = "no feed changed"
    stages = ", ".join(f"{name} {took:.3f}" for name, took in report.stages.items())
    return (
        f"pass {outcome.number} ({', '.join(outcome.wanted.reasons)}): {what}, {_counted(written, 'file')} written; "
        f"{_counted(report.posts, 'post')}, {report.live} published"
        + (f", {report.refused} refused" if report.refused else "")
        + f"; {outcome.took:.3f} s ({stages})"
    )


def of(outcome: Outcome) -> dict[str, Mapping[str, object]]:
    """Return the same as values of a log line."""
    report = outcome.report
    about = {"pass": outcome.number, "reasons": outcome.wanted.reasons, "seconds": round(outcome.took, 4)}
    if report is None:
        return fields(**about, refusal=outcome.refusal)
    return fields(
        **about,
        stages={name: round(took, 4) for name, took in report.stages.items()},
        feeds_changed=feeds_changed(report),
        files_written=sum(each.changed for each in report.published),
        posts=report.posts,
        published=report.live,
        refused=report.refused,
        read=report.read,
        rendered=report.rendered,
        errors=report.errors,
        due=report.due,
    )


def feeds_changed(report: Report) -> list[str]:
    """Return the keys of the feeds that have other bytes than before."""
    formats = {"atom", "rss", "json"}
    return list(dict.fromkeys(each.feed for each in report.published if each.changed and each.format in formats))


def status(report: Report) -> str:
    """Return the state of the service in a few words."""
    due = f"; next change {report.due:%Y-%m-%d %H:%M:%S} UTC" if report.due is not None else ""
    wrong = f"; {_counted(report.errors, 'error')}" if report.errors else ""
    return f"{_counted(report.live, 'post')} in {_counted(len(report.feeds), 'feed')}{wrong}{due}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"
