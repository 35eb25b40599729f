"""``readers``: who reads the feeds, from what the server has counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from feedservice import dates
from feedservice.cli import output
from feedservice.cli.front import READERS
from feedservice.config import load
from feedservice.errors import RefusedError
from feedservice.web import counting, tally
from feedservice.web.tally import FeedReport, Poller, ReaderReport

_UNITS = ("bytes", "KB", "MB", "GB", "TB")
_STEP = 1000


@click.command()
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def readers(ctx: click.Context, own_config: Path | None, as_json: bool) -> None:
    """Show who reads the feeds.

    Services that poll for many people say for how many; every other reader that came back within a week counts as
    one. A running server writes its counts down once a minute. No address is kept.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    file = loaded.root / loaded.config.state / READERS
    try:
        counted, _, at = counting.from_json(file.read_bytes())
    except FileNotFoundError:
        raise RefusedError("nobody has been counted yet", "`feedservice run` counts, and writes it down once a minute") from None
    except (ValueError, OSError) as error:
        raise RefusedError(f"{file} cannot be read: {error}", "delete it to count anew") from error
    report = tally.report(counted, datetime.now(UTC))
    if as_json:
        click.echo(output.json_text({"counted_until": at, "report": report}))
        return
    zone = loaded.config.site.timezone
    for line in _lines(report, dates.rfc3339(report.since, zone), dates.rfc3339(at, zone)):
        click.echo(line)


def _lines(report: ReaderReport, since: str, until: str) -> Iterator[str]:
    yield f"From {since} to {until}"
    for feed in report.feeds:
        yield ""
        yield from _feed(feed)
    if report.worst:
        yield ""
        yield "Pollers that send no validators, by requests"
        yield from map(_poller, report.worst)


def _feed(feed: FeedReport) -> Iterator[str]:
    yield click.style(f"{feed.feed}: {output.counted(feed.subscribers, 'subscriber')}", bold=True)
    yield (
        f"  {output.counted(feed.requests, 'request')}, {feed.conditional_share:.0%} conditional, "
        f"{feed.not_modified_share:.0%} not modified, {output.counted(feed.deltas, 'delta')}"
        + (f", {feed.refused:,} told to come later" if feed.refused else "")
    )
    yield f"  {_size(feed.sent)} sent, {_size(feed.saved)} saved"
    for line in feed.readers:
        yield f"  {line.subscribers:>7,}  {line.reader} ({line.kind})"


def _poller(poller: Poller) -> str:
    return (
        f"  {poller.unconditional:>7,} of {poller.requests:,}  {poller.reader}, client {poller.client}, "
        f"feed {poller.feed}, {_size(poller.sent)}"
    )


def _size(number: float) -> str:
    for unit in _UNITS:
        if number < _STEP or unit == _UNITS[-1]:
            break
        number /= _STEP
    return f"{number:,.0f} {unit}" if unit == _UNITS[0] else f"{number:,.1f} {unit}"
