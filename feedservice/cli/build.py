"""``build``, ``check`` and ``render``: one pass, all problems, one feed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from feedservice import dates
from feedservice.cli import INVALID, output, storage
from feedservice.cli.alone import TakenError, only_one
from feedservice.cli.options import as_of_option, config_option, json_option, loaded_of, now_of
from feedservice.config import Loaded
from feedservice.errors import ConfigError
from feedservice.feeds.formats import FORMATS
from feedservice.feeds.selection import Reason
from feedservice.model import Problem, Severity
from feedservice.service import allocator, publish
from feedservice.service.collect import Progress, dialect_of
from feedservice.service.forkserver import ForkServer
from feedservice.service.report import Report
from feedservice.service.workers import prepare

_HELD = {
    Reason.FUTURE: ("scheduled", "scheduled"),
    Reason.HOLD_BACK: ("held back", "held back"),
    Reason.DRAFT: ("draft", "drafts"),
    Reason.EXPIRED: ("expired", "expired"),
    Reason.EXCLUDED: ("excluded", "excluded"),
    Reason.NO_FEED: ("with feed: false", "with feed: false"),
}
"""Why posts are held back → what one of them, and several, are called."""


@click.command()
@config_option
@click.option("--out", type=click.Path(path_type=Path), help="Directory to write to [default: output in the configuration].")
@click.option("--strict", is_flag=True, help="Write nothing when any post or feed has an error.")
@click.option("--allow-empty", "emptied", is_flag=True, help="The content directory is meant to have no posts any more.")
@as_of_option
@json_option
@click.pass_context
def build(
    ctx: click.Context,
    own_config: Path | None,
    out: Path | None,
    strict: bool,
    emptied: bool,
    as_of: str | None,
    as_json: bool,
) -> None:
    """Write the feeds.

    Files whose bytes would be the same are not touched. A post with an error is left out and named; the others are
    published, and the exit code is 1. A feed that the guard holds stays as it was (feedservice release, reject).
    Nobody is told: what is to be announced waits for feedservice run.
    With --as-of nothing is remembered and no feed is held: it shows what will be. Give it a directory of its own with --out.
    Beside a running service, --out makes a preview of which nothing is remembered either.
    """
    loaded = loaded_of(ctx, own_config)
    now = now_of(loaded, as_of)
    allocator.keep()
    target = out or loaded.root / loaded.config.output
    with ForkServer(prepare) as server, _alone(loaded, out, as_of) as remembers, output.progress() as progress:
        if out is None and remembers:
            report, waiting = _remembered(loaded, server, now, strict=strict, emptied=emptied, progress=progress)
        else:
            waiting = None
            # Another directory: nothing that the store should take for what is served. Another time: a question, and no more.
            with storage.recalling(loaded) as recall:
                report = publish.build(
                    loaded,
                    now=now,
                    out=target,
                    strict=strict,
                    progress=progress,
                    server=server,
                    remembers=remembers,
                    recall=recall,
                )
    if as_json:
        click.echo(output.json_text({**report_json(report), "untold": waiting}))
    else:
        output.say(report.problems)
        for line in (*_summary(report, target, loaded, strict=strict), *output.untold(waiting)):
            click.echo(line)
    if report.errors:
        nothing = report.guarded and not any(each.changed for each in report.published)
        ctx.exit(4 if strict or nothing else 1)


@contextlib.contextmanager
def _alone(loaded: Loaded, out: Path | None, as_of: str | None) -> Iterator[bool]:
    """Be the only one who writes what is served and what is remembered; yield whether anything is to be remembered.

    Another time is a question. So is another directory while somebody else builds here. Raises ``RefusedError``.
    """
    if out is None:
        with only_one(loaded):
            yield as_of is None
        return
    with contextlib.ExitStack() as held:
        remembers = as_of is None
        if remembers:
            try:
                held.enter_context(only_one(loaded))
            except TakenError as error:
                click.echo(f"{error}: {out} is a preview, of which nothing is remembered", err=True)
                remembers = False
        yield remembers


def _remembered(
    loaded: Loaded, server: ForkServer, now: datetime, *, strict: bool, emptied: bool, progress: Progress
) -> tuple[Report, int | None]:
    # The database takes a while to import: only who builds pays for it.
    from feedservice.cli.engine import engine_of, untold  # noqa: PLC0415

    with contextlib.closing(engine_of(loaded, server)) as engine:
        report = engine.sweep(engine.build(loaded, now=now, strict=strict, emptied=emptied, progress=progress))
        return report, untold(engine, loaded)


@click.command()
@config_option
@click.option(
    "--format", "style", type=click.Choice(["text", "json", "github"]), default="text", show_default=True, help="How to print."
)
@as_of_option
@json_option
@click.pass_context
def check(ctx: click.Context, own_config: Path | None, style: str, as_of: str | None, as_json: bool) -> None:
    """Show every problem of the configuration, the posts and the feeds; write nothing.

    Exit code 1 when something is an error; warnings alone are fine. --format github prints annotations for a pull request.
    """
    style = "json" if as_json else style
    try:
        loaded = loaded_of(ctx, own_config)
    except ConfigError as error:
        if style == "text":
            raise
        # A program reads it where it reads every other problem.
        _printed(error.problems, style, Path())
        ctx.exit(INVALID)
    with ForkServer(prepare) as server, storage.recalling(loaded) as recall, output.progress() as progress:
        problems = publish.check(loaded, now=now_of(loaded, as_of), progress=progress, server=server, recall=recall)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    _printed(problems, style, loaded.root / loaded.config.content.directory)
    if style == "text":
        warnings = len(problems) - errors
        click.echo(f"{output.counted(errors, 'error')}, {output.counted(warnings, 'warning')}" if problems else "No problems.")
        if loaded.config.content.dialect == "auto" and (dialect := dialect_of(loaded)) != "plain":
            click.echo(f"Posts are read in dialect {dialect}, as the files around them tell (content.dialect: auto).")
    if errors:
        ctx.exit(1)


def _printed(problems: Sequence[Problem], style: str, content: Path) -> None:
    """Print problems; an annotation names a post as the checkout does, where the program was started: not from ``content``."""
    if style == "json":
        click.echo(output.json_text([output.problem_json(problem) for problem in problems]))
        return
    for problem in problems:
        if style == "github":
            place = content / problem.path
            path = os.path.relpath(place) if problem.path and place.is_file() else problem.path
            click.echo(output.github_of(dataclasses.replace(problem, path=path)))
        else:
            click.echo(output.text_of(problem))


@click.command()
@click.argument("feed")
@config_option
@click.option("--format", "name", type=click.Choice(list(FORMATS)), default="atom", show_default=True, help="Which format.")
@as_of_option
@click.pass_context
def render(ctx: click.Context, feed: str, own_config: Path | None, name: str, as_of: str | None) -> None:
    """Print one feed as it would be now. FEED is its key: all, or a category's slug."""
    loaded = loaded_of(ctx, own_config)
    with ForkServer(prepare) as server, storage.recalling(loaded) as recall:
        body, problems = publish.one(loaded, feed, name, now=now_of(loaded, as_of), server=server, recall=recall)
    output.say(problems)
    sys.stdout.buffer.write(body)


def _summary(report: Report, target: Path, loaded: Loaded, *, strict: bool) -> list[str]:
    held = [output.counted(report.held.get(reason, 0), *words) for reason, words in _HELD.items() if report.held.get(reason)]
    parts = [f"{report.refused:,} refused" if report.refused else "", *held]
    lines = [
        f"{output.counted(report.posts, 'post')}: {report.live:,} published" + "".join(f", {part}" for part in parts if part)
    ]
    if strict and report.errors:
        return [*lines, f"Nothing was written: {output.counted(report.errors, 'error')} and --strict."]
    changed = sum(each.changed for each in report.published)
    same = len(report.published) - changed
    told = output.listed(
        [f"{output.counted(changed, 'file')} written" if changed else "nothing written", f"{same:,} unchanged" if same else ""]
    )
    lines.append(f"{output.counted(len(report.feeds), 'feed')} in {target}: {told}")
    if report.withheld:
        lines.append(f"Kept as they were, because the new ones have errors or are held: {', '.join(report.withheld)}")
    if report.due is not None:
        zone = loaded.config.site.timezone
        lines.append(f"Next change by itself: {dates.rfc3339(report.due, zone)} ({zone})")
    lines.append(
        f"Took {sum(report.stages.values()):.2f} s ({', '.join(f'{name} {took:.2f}' for name, took in report.stages.items())})"
    )
    return lines


def report_json(report: Report) -> dict[str, object]:
    """Return a report as JSON values."""
    return {
        "posts": report.posts,
        "published": report.live,
        "refused": report.refused,
        "held": {reason.value: count for reason, count in report.held.items()},
        "next_change": report.due,
        "feeds": [{"key": spec.key, "title": spec.title, "urls": dict(spec.urls)} for spec in report.feeds],
        "files": [
            {
                "path": each.path,
                "feed": each.feed,
                "format": each.format,
                "bytes": each.size,
                "entries": len(each.entries),
                "changed": each.changed,
            }
            for each in report.published
        ],
        "withheld": list(report.withheld),
        "guarded": [{"feed": each.feed, "since": each.since, "reasons": list(each.reasons)} for each in report.guarded],
        "problems": [output.problem_json(problem) for problem in report.problems],
        "seconds": {name: round(took, 3) for name, took in report.stages.items()},
    }
