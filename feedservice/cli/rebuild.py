"""``rebuild`` and ``next``: a pass on demand, and what time will bring."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from feedservice import dates
from feedservice.cli import output, storage
from feedservice.cli.alone import only_one
from feedservice.cli.operations import told
from feedservice.config import Loaded, load
from feedservice.errors import RefusedError
from feedservice.feeds.explain import moment
from feedservice.service import control
from feedservice.service.control import NotRunningError
from feedservice.service.forkserver import ForkServer
from feedservice.service.outlook import outlook
from feedservice.service.passes import Outcome, Wanted
from feedservice.service.report import Coming, Happening
from feedservice.service.workers import prepare


@click.command()
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.option("--feed", "feeds", multiple=True, metavar="KEY", help="Show only what concerns this feed; may be given again.")
@click.option("--full", is_flag=True, help="Read and render everything anew.")
@click.option("--allow-empty", "emptied", is_flag=True, help="The content directory is meant to have no posts any more.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait for the pass and show what it did.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def rebuild(
    ctx: click.Context, own_config: Path | None, feeds: tuple[str, ...], full: bool, emptied: bool, wait: bool, as_json: bool
) -> None:
    """Have the feeds built now.

    The running service is asked; without one, this builds by itself. Shows what changed. Exit code 1 when a post or a feed has
    an error, or there is no such feed.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    answer = built(loaded, Wanted(reasons=("rebuild",), full=full, emptied=emptied), feeds, wait=wait)
    if as_json:
        click.echo(output.json_text(answer))
    elif not wait and "asked" in answer:
        click.echo("The service was asked to build.")
    else:
        for line in _lines(answer):
            click.echo(line)
    for key in answer.get("unknown", ()):
        click.echo(f"There is no feed {key!r}; {answer['hint']}.", err=True)
    if answer.get("errors") or answer.get("unknown"):
        ctx.exit(1)


def built(loaded: Loaded, wanted: Wanted, feeds: Sequence[str] = (), *, wait: bool = True) -> dict[str, Any]:
    """Have the running service make a pass, or make it here when none runs, and return what it did (``operations.told``).

    Raises ``RefusedError`` when nothing was done.
    """
    question = {"do": "rebuild", "feeds": feeds, "full": wanted.full, "emptied": wanted.emptied, "wait": wait}
    try:
        answer = control.ask(loaded.root / loaded.config.state, question, timeout=None if wait else 10.0)
    except NotRunningError:
        answer = _alone(loaded, feeds, wanted)
    if "error" in answer:
        raise RefusedError(answer["error"], answer["hint"])
    return answer


def _alone(loaded: Loaded, feeds: Sequence[str], wanted: Wanted) -> dict[str, Any]:
    # The database takes longer to import than a service to answer: only who builds here pays for it.
    from feedservice.cli.engine import engine_of, untold  # noqa: PLC0415

    with ForkServer(prepare) as server, only_one(loaded), output.progress() as progress:
        engine = engine_of(loaded, server)
        began = datetime.now(UTC)
        try:
            report = engine.sweep(engine.build(loaded, now=began, full=wanted.full, emptied=wanted.emptied, progress=progress))
            waiting = untold(engine, loaded)
        finally:
            engine.close()
    took = (datetime.now(UTC) - began).total_seconds()
    return {**told(Outcome(number=1, wanted=wanted, began=began, took=took, report=report), feeds), "untold": waiting}


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    for problem in answer["problems"]:
        where = ":".join(str(problem[part]) for part in ("path", "line", "column") if part in problem)
        yield f"{where}: {problem['severity']}: {problem['message']} [{problem['rule']}]"
    changed = answer["feeds_changed"]
    yield f"{output.counted(len(changed), 'feed')} changed: {', '.join(changed)}" if changed else "No feed changed"
    posts = answer["posts"]
    refused = f", {posts['refused']:,} refused" if posts["refused"] else ""
    yield (
        f"{output.counted(posts['files'], 'post')}, {posts['published']:,} published{refused}; "
        f"{output.counted(answer['files_written'], 'file')} written in {answer['seconds']:.2f} s"
    )
    # A service that was asked tells by itself.
    yield from output.untold(answer.get("untold"))


@click.command("next")
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.option("-n", "--lines", "count", type=click.IntRange(1), default=20, show_default=True, help="How many changes.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def next_(ctx: click.Context, own_config: Path | None, count: int, as_json: bool) -> None:
    """Show what time will bring: which posts appear and which expire, and when.

    Each with the author's local time, UTC, what a reader will see, and how a time was read that there is twice on that day or not
    at all. Nothing is written.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    now = datetime.now(UTC)
    with ForkServer(prepare) as server, storage.recalling(loaded) as recall:
        coming = outlook(loaded, now=now, server=server, recall=recall)
    if as_json:
        click.echo(output.json_text([_json(each, now) for each in coming[:count]]))
        return
    if not coming:
        click.echo("Nothing changes by itself.")
    for each in coming[:count]:
        for line in _told(each, now):
            click.echo(line)
    if len(coming) > count:
        click.echo(f"… and {len(coming) - count:,} more")


_SEEN = {
    Happening.PUBLISH: "readers see a new entry",
    Happening.EXPIRE: "the entry leaves the feeds; readers keep what they have",
}


def _told(each: Coming, now: datetime) -> Iterator[str]:
    local, _, aside = moment(each.instant, each.zone).partition(" ")
    yield f"{click.style(local, bold=True)} {aside}".rstrip() + f"  in {_until(each.instant, now)}"
    yield f"  {each.what.value} {each.title} ({each.path}): {_SEEN[each.what]}"
    for note in _notes(each, now):
        yield f"  {note}"


def _notes(each: Coming, now: datetime) -> Iterator[str]:
    """Yield what the clocks of the author's zone have to do with it."""
    if each.note:
        yield each.note
    change = _clock_change(each, now)
    if change:
        yield change


def _json(each: Coming, now: datetime) -> dict[str, Any]:
    return {
        "what": each.what.value,
        "path": each.path,
        "title": each.title,
        "at": each.instant,
        "local": dates.rfc3339(each.instant, each.zone),
        "zone": each.zone,
        "seen": _SEEN[each.what],
        "notes": list(_notes(each, now)),
    }


def _clock_change(each: Coming, now: datetime) -> str:
    """Say when the clocks of the author's zone change until then: the time of day is kept, the hours until then are not."""
    here, there = (dates.rfc3339(instant, each.zone)[19:] for instant in (now, each.instant))
    if here == there:
        return ""
    return f"the clocks change until then: {here} now, {there} then; the local time counts"


def _until(instant: datetime, now: datetime) -> str:
    left = max(0, int((instant - now).total_seconds()))
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if left >= 2 * size:
            return output.counted(left // size, unit)
    return output.counted(left, "second")
