"""``explain``: why a post is in a feed, or is not."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import click

from feedservice.cli import happened, output, storage
from feedservice.cli.options import as_of_option, config_option, json_option, loaded_of, now_of
from feedservice.cli.outbox import outbox_of
from feedservice.config import Loaded
from feedservice.deliveries import Delivery, State
from feedservice.errors import RefusedError
from feedservice.feeds import explain as explaining
from feedservice.feeds.explain import Known, Place
from feedservice.feeds.identity import Named
from feedservice.feeds.ledger import Row
from feedservice.model import Problem
from feedservice.service import preview
from feedservice.service.forkserver import ForkServer
from feedservice.service.preview import Sight
from feedservice.service.workers import prepare
from feedservice.store.history import Event


@click.command()
@click.argument("post")
@config_option
@click.option("--all", "everything", is_flag=True, help="Name also the feeds of other categories, tags and authors.")
@as_of_option
@json_option
@click.pass_context
def explain(ctx: click.Context, post: str, own_config: Path | None, everything: bool, as_of: str | None, as_json: bool) -> None:
    """Say why POST is in each feed, or is not, and what is remembered of it.

    POST is its path, the end of it, its id, its link, its slug, its title or a part of that. With --as-of: as it will be then.
    """
    loaded = loaded_of(ctx, own_config)
    now = now_of(loaded, as_of)
    with ForkServer(prepare) as server, storage.recalling(loaded) as recall, output.progress() as progress:
        sight = preview.look(loaded, now=now, progress=progress, server=server, recall=recall)
    found = list(preview.find(sight, post))
    if not found:
        raise RefusedError(
            f"there is no post {post!r}",
            "give its path below the content directory or the end of it, its id, its link, its slug, or a part of its title",
        )
    if len(found) > 1:
        raise RefusedError(f"{post!r} is several posts", f"give the path of one: {', '.join(found[:10])}")
    path = found[0]
    named = next((each for each in sight.collected.named if each.post.path == path), None)
    row = _row(sight, path, named)
    problems = [problem for problem in sight.problems if problem.path == path]
    config = sight.collected.config
    early = named is not None and as_of is None and explaining.early(named, row, now)
    absent = _absence(sight, path, named, problems, None if early else now)
    known = Known(
        config=config,
        now=now,
        members={spec.key: tuple(sight.collected.members(spec.key)) for spec in sight.collected.plan.specs},
        windows={spec.key: tuple(sight.collected.window(spec)) for spec in sight.collected.plan.specs},
        late=sight.collected.late,
        served=sight.served,
        held={key: each.reasons for key, each in sight.decisions.held.items()},
        rejected=sight.decisions.rejected,
    )
    entry_id = named.id if named is not None else row.id if row is not None else ""
    still = [
        key for key, each in sorted(sight.served.items()) if key in known.held and any(one.id == entry_id for one in each.entries)
    ]
    places = [] if absent or named is None else _places(named, sight, known, early=early)
    zone = config.site.timezone
    told, waiting = _announced(loaded, entry_id), _waiting(loaded, entry_id)
    if as_json:
        queued = [{"kind": each.kind, "host": each.host, "attempts": each.attempts, "due": each.due_at} for each in waiting]
        announced = {"announced": [dataclasses.asdict(each) for each in told], "queued": queued, "still_in": still}
        click.echo(output.json_text(_json(path, named, row, absent, places, problems) | announced))
        return
    for line in _lines(_heading(path, named, row), named, explaining.memory(row, zone), absent, places, everything=everything):
        click.echo(line)
    if absent is not None and still:
        click.echo(f"  but readers still have it in {output.listed(still)}, held as it was: feedservice release, or reject")
    for each in told:
        where = f" in {each.feed}" if each.feed and not each.id else ""
        click.echo(f"  {each.what}{where} to {happened.told_to(each)}, {explaining.moment(each.at, zone)}")
    for delivery in waiting:
        tried = f" after {output.counted(delivery.attempts, 'attempt')}" if delivery.attempts else ""
        click.echo(f"  to be announced to {delivery.host} ({delivery.kind}){tried}, {explaining.moment(delivery.due_at, zone)}")
    for problem in problems:
        click.echo(output.text_of(problem))


_EARLY = "its time has not come, but the clock was ahead when it was published, and what is out stays"


def _announced(loaded: Loaded, entry_id: str) -> list[Event]:
    """Return who was told about a post, or of a feed that it was published in."""
    if not entry_id:
        return []
    with happened.events(loaded) as found:
        return happened.announcements(found, entry_id)


def _waiting(loaded: Loaded, entry_id: str) -> list[Delivery]:
    """Return the messages about a post that are not delivered yet."""
    if not entry_id or not storage.exists(loaded):
        return []
    with outbox_of(loaded) as store, contextlib.closing(store.deliveries(state=State.QUEUED, post=entry_id)) as stream:
        return list(stream)


def _row(sight: Sight, path: str, named: Named | None) -> Row | None:
    if named is not None:
        return sight.rows.get(named.id)
    here = [row for row in sight.rows.values() if row.path == path]
    return min(here, key=lambda row: (row.gone is not None, row.first_seen), default=None)


def _places(named: Named, sight: Sight, known: Known, *, early: bool) -> list[Place]:
    """Return how a post that is out stands with each feed."""
    if early:
        had = [key for key, each in sorted(sight.served.items()) if any(one.id == named.id for one in each.entries)]
        return [Place(feed=key, shown=True, near=True, why=_EARLY) for key in had]
    return [explaining.place(named, spec, known) for spec in sight.collected.plan.specs]


def _absence(sight: Sight, path: str, named: Named | None, problems: Sequence[Problem], now: datetime | None) -> str | None:
    """Return why a file is no post, or a post is in no feed at ``now``; None does not ask about the latter."""
    if named is not None:
        return explaining.absence(named, sight.collected.config, now) if now is not None else None
    if path not in sight.collected.files:
        return "there is no such file any more"
    errors = [problem for problem in problems if problem.severity == "error"]
    return f"it cannot be used: {output.place(errors[0])}: {errors[0].message}" if errors else "it is no post"


def _heading(path: str, named: Named | None, row: Row | None) -> str:
    title = named.post.title if named is not None else row.title if row is not None else ""
    return f"{title} ({path})" if title else path


def _lines(
    heading: str,
    named: Named | None,
    memory: dict[str, str],
    absent: str | None,
    places: Sequence[Place],
    *,
    everything: bool,
) -> Iterator[str]:
    yield click.style(heading, bold=True)
    width = max(map(len, (*memory, "link")))
    for what, sentence in memory.items():
        yield f"  {what:<{width}}  {sentence}"
    if named is not None:
        yield f"  {'link':<{width}}  {named.post.link}"
    if absent is not None:
        yield f"It is in no feed: {absent}"
        return
    shown = [each for each in places if each.shown or each.near or everything]
    for each in sorted(shown, key=lambda each: not each.shown):
        yield f"  {'in ' if each.shown else 'not in '}{each.feed}: {each.why}"
    rest = len(places) - len(shown)
    if rest:
        yield f"  not in {output.counted(rest, 'feed')} of other categories, tags, authors and languages"


def _json(
    path: str, named: Named | None, row: Row | None, absent: str | None, places: Sequence[Place], problems: Sequence[Problem]
) -> dict[str, object]:
    return {
        "path": path,
        "title": named.post.title if named is not None else None,
        "id": named.id if named is not None else row.id if row is not None else None,
        "link": named.post.link if named is not None else None,
        "out": absent is None,
        "why_not": absent,
        "ledger": row,
        "feeds": [{"feed": each.feed, "in": each.shown, "why": each.why} for each in places],
        "problems": [output.problem_json(problem) for problem in problems],
    }
