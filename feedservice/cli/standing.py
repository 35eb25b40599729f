"""The one screen of ``status``: values as the service gives them, lines for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from feedservice import dates
from feedservice.cli import announced, output

_FEEDS = 12
_PROBLEMS = 10


def screen(status: Mapping[str, Any], *, zone: str, now: datetime | None = None) -> Iterator[str]:
    """Yield the lines; ``zone`` is the site's."""
    at = now or datetime.now(UTC)

    def when(text: str | None) -> str:
        return "never" if text is None else dates.rfc3339(datetime.fromisoformat(text).astimezone(UTC), zone)

    ready = click.style("ready", fg="green") if status["ready"] else click.style("not ready", fg="red", bold=True)
    yield f"{click.style('feedservice', bold=True)} {status['version']}  {ready}  process {status['pid']}"
    for reason in status["unready"]:
        yield f"  {click.style(reason, fg='red')}"
    yield _row("running since", f"{when(status['since'])} ({span(status['since'], at)})")
    yield _row("configuration", status["config"])
    yield _row("serving", ", ".join(status["serving"]) or "nothing")
    if status["watching"]:
        yield _row("watching", f"changes are read at once, and every file looked at every {status['rescan']}")
    else:
        yield _row("watching", f"every file is looked at every {status['rescan']} ({status['not_watching']})")
    yield from _last(status, at)
    coming = status["next_change"]
    if coming is None:
        yield _row("next change", "none by itself")
    else:
        what = f"  {_WHAT.get(coming.get('what', ''), '')} {coming['title']} ({coming['path']})" if "title" in coming else ""
        yield _row("next change", f"{when(coming['at'])}{what}")
    said = status["announcing"]
    if said is not None:
        for number, line in enumerate(announced.lines(said, span=lambda since: span(since, at), when=when)):
            yield _row("" if number else "announcing", line)
    yield from _contents(status)


_WHAT = {"publish": "publishes", "expire": "takes away"}


def _last(status: Mapping[str, Any], at: datetime) -> Iterator[str]:
    last = status["last_pass"]
    if last is None:
        yield _row("last pass", "none yet: everything is as it was left" if status["ready"] else "none yet")
        return
    head = f"number {last['number']} ({', '.join(last['reasons'])}), {span(last['at'], at)} ago, took {last['seconds']:.3f} s"
    if last["refusal"]:
        yield _row("last pass", click.style(f"{head}: {last['refusal']}", fg="red"))
        if last["hint"]:
            yield _row("", last["hint"])
    else:
        feeds = last["feeds_changed"]
        yield _row("last pass", f"{head}: {output.counted(len(feeds), 'feed') if feeds else 'no feed'} changed")
    if status["failures"]:
        yield _row("", f"{status['failures']:,} of {output.counted(status['passes'], 'pass', 'passes')} could do nothing")


def _contents(status: Mapping[str, Any]) -> Iterator[str]:
    posts = status["posts"]
    if posts is not None:
        held = [f"{count:,} {reason.replace('_', ' ')}" for reason, count in posts["held"].items()]
        refused = [click.style(f"{posts['refused']:,} refused", fg="red")] if posts["refused"] else []
        yield _row("posts", ", ".join([f"{posts['files']:,}", f"{posts['published']:,} published", *refused, *held]))
    if status["held"]:
        what = f"{', '.join(status['held'])}: `feedservice diff` shows why, `release` or `reject` decides"
        yield _row("held", click.style(what, fg="yellow"))
    served = status["served"]
    if served.get("requests"):
        share = f", {served['not_modified_share']:.0%} not modified" if served["not_modified_share"] is not None else ""
        yield _row("served", f"{output.counted(served['requests'], 'request')}{share}")
    problems = [*status["configuration_problems"], *status["problems"]]
    count = len(status["configuration_problems"]) + status["problem_count"]
    if problems:
        yield ""
        yield click.style(output.counted(count, "problem"), bold=True)
        for each in problems[:_PROBLEMS]:
            yield "  " + output.text_of(output.problem_of(each)).splitlines()[0]
        if count > _PROBLEMS:
            yield f"  … and {count - _PROBLEMS:,} more: `feedservice check` shows all"
    feeds = status["feeds"]
    if feeds:
        yield ""
        yield click.style(output.counted(len(feeds), "feed"), bold=True)
        width = max(_wide(feed["key"]) for feed in feeds[:_FEEDS])
        for feed in feeds[:_FEEDS]:
            yield f"  {feed['key']}{' ' * (width - _wide(feed['key']))}  {next(iter(feed['urls'].values()), '')}  {feed['title']}"
        if len(feeds) > _FEEDS:
            yield f"  … and {len(feeds) - _FEEDS:,} more: `feedservice status --json` has all"


def _wide(text: str) -> int:
    """Return the columns that a terminal needs for a text."""
    return sum(0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def _row(name: str, value: str) -> str:
    return f"  {name:<14} {value}"


def span(since: str, at: datetime) -> str:
    """Return how long ago an instant was, in the unit that fits."""
    passed = max(0, int((at - datetime.fromisoformat(since)).total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if passed >= 2 * size:
            return output.counted(passed // size, unit)
    return output.counted(passed, "second")
