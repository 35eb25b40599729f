"""``log``: what happened to feeds and posts."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

import click

from feedservice import dates
from feedservice.cli import output
from feedservice.cli.options import config_option, json_option, loaded_of, now_of
from feedservice.service import chronicle
from feedservice.service.chronicle import Event

_SIGNS = {"published": "+", "returned": "+", "changed": "~", "renamed": "!", "withdrawn": "-", "held": "!", "released": ">"}


@click.command()
@click.argument("names", metavar="[FEED|POST]...", nargs=-1)
@config_option
@click.option("--since", metavar="TIME", help="Only what happened since then, such as 2026-01-01.")
@click.option("-n", "--count", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many, the newest.")
@json_option
@click.pass_context
def log(
    ctx: click.Context, names: tuple[str, ...], own_config: Path | None, since: str | None, count: int, as_json: bool
) -> None:
    """Show what happened to feeds and posts: published, changed, withdrawn, held, released.

    FEED is the key of a feed, POST an id, or a part of a title.
    """
    loaded = loaded_of(ctx, own_config)
    after = now_of(loaded, since) if since is not None else None
    found = [each for each in chronicle.read(loaded.root / loaded.config.state) if _wanted(each, names, after)][-count:]
    if as_json:
        click.echo(output.json_text([dataclasses.asdict(each) for each in found]))
        return
    zone = loaded.config.site.timezone
    for each in found:
        told = " ".join(part for part in (each.title, f"({each.note})" if each.title and each.note else each.note) if part)
        when = dates.rfc3339(each.at.replace(microsecond=0), zone)
        click.echo(f"{when} {_SIGNS[each.what]} {each.feed}: {each.what}{' ' if told else ''}{told}")
    if not found:
        click.echo("Nothing happened that is remembered.")


def _wanted(event: Event, names: tuple[str, ...], after: datetime | None) -> bool:
    if after is not None and event.at < after:
        return False
    return not names or any(name in {event.feed, event.id} or (event.title and name in event.title) for name in names)
