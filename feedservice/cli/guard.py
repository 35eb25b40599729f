"""``release`` and ``reject``: what becomes of feeds that the guard holds."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import click

from feedservice.cli import output
from feedservice.cli.rebuild import built
from feedservice.config import Loaded, load
from feedservice.errors import RefusedError
from feedservice.service import guarding
from feedservice.service.guarding import Decisions
from feedservice.service.passes import Wanted


@click.command()
@click.argument("feeds", metavar="[FEED]...", nargs=-1)
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.pass_context
def release(ctx: click.Context, feeds: tuple[str, ...], own_config: Path | None) -> None:
    """Let feeds go out that are held, as they are now. Without FEED: all of them.

    What is released is exactly what was shown when the feed was held: when the posts changed since, and readers would see
    something else, it is looked at again. For a feed that is not held, what was rejected for it is forgotten.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    state = loaded.root / loaded.config.state
    known = guarding.decisions(state)
    chosen = _chosen(feeds, known, also=known.rejected)
    rejected = {feed: ids for feed, ids in known.rejected.items() if feed not in feeds or feed in known.held}
    keys = {feed: known.held[feed].key for feed in chosen if feed in known.held}
    guarding.decide(state, dataclasses.replace(known, released={**known.released, **keys}, rejected=rejected))
    _pass(ctx, loaded, chosen)


@click.command()
@click.argument("feeds", metavar="[FEED]...", nargs=-1)
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.pass_context
def reject(ctx: click.Context, feeds: tuple[str, ...], own_config: Path | None) -> None:
    """Leave the new entries out for good that feeds are held for. Without FEED: of all of them.

    The rest of a feed goes out then, and with it whatever else is new. Entries that would vanish, change their id or their
    order cannot be left out: such a feed stays held until the posts are mended.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    state = loaded.root / loaded.config.state
    known = guarding.decisions(state)
    chosen = _chosen(feeds, known)
    out = {feed: len(known.held[feed].new) for feed in chosen}
    rejected = {feed: known.rejected.get(feed, frozenset()) | set(known.held[feed].new) for feed in chosen}
    guarding.decide(state, dataclasses.replace(known, rejected={**known.rejected, **rejected}))
    _pass(ctx, loaded, chosen, out)


def _chosen(feeds: Collection[str], known: Decisions, also: Collection[str] = ()) -> list[str]:
    unknown = [feed for feed in feeds if feed not in known.held and feed not in also]
    if unknown:
        held = ", ".join(sorted(known.held)) or "none is held"
        raise RefusedError(f"the feed {unknown[0]!r} is not held", f"held feeds: {held}")
    if not feeds and not known.held:
        raise RefusedError("no feed is held", "there is nothing to decide")
    return sorted(feeds or known.held)


def _pass(ctx: click.Context, loaded: Loaded, chosen: Collection[str], out: Mapping[str, int] | None = None) -> None:
    """Make a pass, and tell what became of the feeds; ``out`` is how many entries of each are left out from now on."""
    made = built(loaded, Wanted(reasons=("guard",)))
    output.say(output.problem_of(problem) for problem in made["problems"] if problem["rule"] == "guard.held")
    still = set(made["held"])
    for feed in chosen:
        left = None if out is None else output.counted(out[feed], "new entry", "new entries")
        if feed not in still:
            click.echo(f"{feed}: published" + (f" without {left}" if left else ""))
        else:
            nothing = out is not None and not out[feed]
            click.echo(
                f"{feed}: still held" + (": nothing in it is new that could be left out; mend the posts" if nothing else "")
            )
    if still.intersection(chosen):
        ctx.exit(4)
