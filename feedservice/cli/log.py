"""``log``: what happened to feeds and posts."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import click

from feedservice.cli import happened, output
from feedservice.cli.options import config_option, json_option, loaded_of, now_of
from feedservice.feeds.ledger import Row
from feedservice.store.history import Event


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
    """Show what happened to feeds and posts: published, changed, withdrawn, announced, held, released, rejected.

    FEED is the key of a feed, POST its path or the end of it, its id, its link, its slug, or a part of its title. Of a post also
    who was told of the feeds that it was published in.
    """
    loaded = loaded_of(ctx, own_config)
    after = now_of(loaded, since, option="--since") if since is not None else None
    with happened.ledger_of(loaded) as ledger:
        ledger.refresh(())
        rows = ledger.rows
    with happened.events(loaded, since=after) as stream:
        if names:
            every = list(stream)
            # A word that is the key of a feed means the feed, whatever titles have it.
            posts = [name for name in names if name not in {each.feed for each in every}]
            ids = {row.id for row in rows.values() if any(_means(name, row) for name in posts)}
            ids |= {each.id for each in every if each.id and _named(each, posts, rows)}
            also = {told for entry in ids for told in happened.announcements(every, entry)}
            chosen = [each for each in every if each.feed in names or each.id in ids or each in also][:count]
        else:
            chosen = list(itertools.islice(stream, count))
    chosen.reverse()
    if as_json:
        click.echo(output.json_text([dataclasses.asdict(each) for each in chosen]))
        return
    for each in chosen:
        title = rows[each.id].title if each.id in rows else ""
        click.echo(happened.line(each, loaded.config.site.timezone, title))
    if not chosen:
        click.echo("Nothing happened that is remembered.")


def _means(name: str, row: Row) -> bool:
    """Tell whether a text may name a post: its path or the end of that, its id, its link or the slug in it."""
    slug = unquote(row.link.rstrip("/").rpartition("/")[2])
    ends = row.path.endswith(f"/{name}") or name.endswith(f"/{row.path}")
    return ends or name in {row.path, row.id, row.link, row.link.rstrip("/"), slug}


def _named(event: Event, names: Sequence[str], rows: Mapping[str, Row]) -> bool:
    titles = (event.title, rows[event.id].title if event.id in rows else "")
    return any(name == event.id or any(name.casefold() in title.casefold() for title in titles if title) for name in names)
