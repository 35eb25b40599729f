"""``deliveries``: the truth about every announcement."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from feedservice import dates
from feedservice.cli import output, reach, storage
from feedservice.cli.options import config_option, json_option
from feedservice.config import Loaded, load
from feedservice.deliveries import Delivery, EntryFacts, Failure, Outcome, State
from feedservice.errors import RefusedError
from feedservice.service import control
from feedservice.service.control import NotRunningError
from feedservice.store.outbox import TopicStanding
from feedservice.store.sql import SqlStore

_DROPPED = "a newer one took its place, or it was given up by hand"
_COLOURS = {State.QUEUED: "yellow", State.DELIVERED: "green", State.GONE: "red", State.FAILED: "red", State.DROPPED: "white"}


def loaded_of(ctx: click.Context, own_config: Path | None) -> Loaded:
    """Load the configuration of a verb or of the group above it."""
    above = ctx.find_root().obj
    kept = ctx.parent.params.get("own_config") if ctx.parent is not None else None
    return load(own_config or kept or above, os.environ)


@contextlib.contextmanager
def outbox_of(loaded: Loaded) -> Iterator[SqlStore]:
    """Open the store of a site. Raises ``RefusedError`` when there is none yet."""
    if not storage.exists(loaded):
        raise RefusedError("nothing was announced here yet", "`feedservice run` serves and announces")
    with contextlib.closing(storage.opened(loaded)) as store:
        yield store


def wake(loaded: Loaded) -> None:
    """Tell the running service that there is something to send; without one, it will see when it starts."""
    with contextlib.suppress(NotRunningError):
        control.ask(loaded.root / loaded.config.state, {"do": "deliver"})


@click.group(invoke_without_command=True)
@config_option
@click.option(
    "--post", help="How far this post has come (its path, the end of it, its id, link or title), and what speaks of it."
)
@click.option("--target", help="Only what goes to this target.")
@click.option("--state", type=click.Choice([each.value for each in State]), help="Only those in this state.")
@click.option("--kind", help="Only of this kind: websub, xmlrpc, microblog, indexnow, webhook, email, verify, deny, live.")
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@json_option
@click.pass_context
def deliveries(
    ctx: click.Context,
    own_config: Path | None,
    post: str | None,
    target: str | None,
    state: str | None,
    kind: str | None,
    last: int,
    as_json: bool,
) -> None:
    """Show what was announced, to whom, and how it went.

    \b
    feedservice deliveries                     the newest
    feedservice deliveries --post tea.md       how far a post has come
    feedservice deliveries --state failed      what could not be delivered
    feedservice deliveries show ID             everything about one
    feedservice deliveries retry [ID]...       try now what waits
    feedservice deliveries drop ID...          never mind these
    """  # noqa: D301  -- \b is click's mark for a paragraph that keeps its lines
    if ctx.invoked_subcommand is not None:
        return
    loaded = loaded_of(ctx, own_config)
    now = datetime.now(UTC)
    with outbox_of(loaded) as store:
        chosen = State(state) if state else None
        about = _about(store, post) if post is not None else None
        how_far = reach.reach(store, loaded, about, now) if about is not None else None
        entry = about.id if about is not None else None
        with contextlib.closing(store.deliveries(state=chosen, kind=kind, target=target, post=entry)) as stream:
            found = [each for each, _ in zip(stream, range(last), strict=False)]
        standings = [store.topic_standing(topic, now) for topic in sorted(store.topic_versions())]
        counts = store.counts()
    topics = [each for each in standings if each is not None]
    if as_json:
        listed = {"topics": topics, "deliveries": [_told(each) for each in found]}
        click.echo(output.json_text(listed if how_far is None else {**listed, "post": _post(how_far)}))
        return
    if how_far is not None:
        click.echo(reach.sentence(how_far))
    for each in topics if not (post or target or state or kind) else ():
        if each.active:
            click.echo(_standing(each))
    for delivery in found:
        click.echo(_line(delivery, loaded.config.site.timezone, now))
    if not found and how_far is None:
        click.echo("No delivery is remembered." if not counts else "No delivery is like that.")


def _about(store: SqlStore, text: str) -> EntryFacts:
    found = reach.named(store, text)
    if found is None:
        raise RefusedError(
            f"no post that was announced is {text!r}", "give its path below the content directory, its id, its link or its title"
        )
    return found


def _post(how_far: reach.Reach) -> dict[str, Any]:
    return {
        "id": how_far.id,
        "title": how_far.title,
        "sentence": reach.sentence(how_far),
        "subscribers_confirmed": how_far.confirmed,
        "subscribers_missing": how_far.missing,
        "seconds": how_far.seconds,
        "retrying_hosts": list(how_far.retrying),
        "told": [
            {"kind": each.kind, "host": each.host, "outcome": each.note, "at": each.at} for each in how_far.told if each.host
        ],
        "queued": [each.id for each in how_far.queued],
    }


@deliveries.command("list", hidden=True)
@click.pass_context
def _list(ctx: click.Context) -> None:
    """Do as ``deliveries`` does."""
    assert ctx.parent is not None
    ctx.parent.invoked_subcommand = None
    ctx.parent.invoke(deliveries, **ctx.parent.params)


@deliveries.command("show")
@click.argument("id_", metavar="ID")
@config_option
@json_option
@click.pass_context
def _show(ctx: click.Context, id_: str, own_config: Path | None, as_json: bool) -> None:
    """Show everything about one delivery but its secret."""
    loaded = loaded_of(ctx, own_config)
    with outbox_of(loaded) as store:
        found = store.delivery(id_)
    if found is None:
        raise RefusedError(f"there is no delivery {id_!r}", "`feedservice deliveries` lists them with their ids")
    told = {**_told(found), "target": found.target, "payload": found.payload.decode("utf-8", "replace")}
    if as_json:
        click.echo(output.json_text(told))
        return
    zone = loaded.config.site.timezone
    if _replaced(found):
        told["why"] = _DROPPED
    for name, value in told.items():
        if value not in {None, ""}:
            click.echo(f"{name + ':':<12} {_shown(value, zone)}")


@deliveries.command("retry")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@config_option
@click.pass_context
def _retry(ctx: click.Context, ids: tuple[str, ...], own_config: Path | None) -> None:
    """Try now what waits. Without ID: all of it."""
    loaded = loaded_of(ctx, own_config)
    with outbox_of(loaded) as store:
        chosen = ids or tuple(each.id for each in store.deliveries(state=State.QUEUED))
        count = store.retry(chosen, datetime.now(UTC))
    wake(loaded)
    click.echo(f"{output.counted(count, 'delivery', 'deliveries')} will be tried now")
    if count < len(ids):
        ctx.exit(1)


@deliveries.command("drop")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@config_option
@click.pass_context
def _drop(ctx: click.Context, ids: tuple[str, ...], own_config: Path | None) -> None:
    """End deliveries that wait."""
    with outbox_of(loaded_of(ctx, own_config)) as store:
        count = store.drop(ids, datetime.now(UTC))
    click.echo(f"{output.counted(count, 'delivery', 'deliveries')} dropped")
    if count < len(ids):
        ctx.exit(1)


def _standing(each: TopicStanding) -> str:
    parts = [f"{each.confirmed:,} of {output.counted(each.active, 'subscriber')} confirmed"]
    if each.confirmed_at is not None and each.confirmed:
        parts.append(f"in {max(0.0, (each.confirmed_at - each.published_at).total_seconds()):.1f} s")
    text = f"{each.topic}, version {each.live}: {' '.join(parts)}"
    if each.retrying:
        text += f", retrying: {', '.join(each.retrying)}"
    return text if each.live == each.version else f"{text}; version {each.version} is not live yet"


def _line(delivery: Delivery, zone: str, now: datetime) -> str:
    state = click.style(f"{delivery.state.value:<9}", fg=_COLOURS[delivery.state])
    when = dates.rfc3339(delivery.ended_at or delivery.created_at, zone)
    text = f"{delivery.id}  {state} {when}  {delivery.kind} → {delivery.host}"
    parts = [f"post {delivery.post}" if delivery.post else "", f"attempt {delivery.attempts}" if delivery.attempts > 1 else ""]
    parts += [outcome_text(delivery.last)] if delivery.last is not None else []
    if delivery.state is State.QUEUED:
        # Its time has come, and others to that host go first, or the host is given a rest.
        parts.append(f"next {dates.rfc3339(delivery.due_at, zone)}" if delivery.due_at > now else "waits for its host")
    elif _replaced(delivery):
        parts.append(_DROPPED)
    return f"{text}  {output.listed(parts)}".rstrip()


def _replaced(delivery: Delivery) -> bool:
    """Tell whether a delivery was dropped without an outcome that says why: what was withdrawn has one."""
    withdrawn = delivery.last is not None and delivery.last.failure is Failure.WITHDRAWN
    return delivery.state is State.DROPPED and not withdrawn


def _shown(value: object, zone: str) -> object:
    """Return a value for people: instants in a zone."""
    if isinstance(value, datetime):
        return dates.rfc3339(value, zone)
    return output.json_text(value) if isinstance(value, dict) else value


def outcome_text(outcome: Outcome) -> str:
    """Return an outcome in one line, for people."""
    text = str(outcome.status) if outcome.status is not None else str(outcome.failure)
    return f"{text} ({outcome.detail})" if outcome.detail else text


def _told(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery for programs: without payload, secret, and the path of a target, which may be a secret of its own."""
    last = delivery.last
    return {
        "id": delivery.id,
        "kind": delivery.kind,
        "host": delivery.host,
        "state": delivery.state.value,
        "topic": delivery.topic,
        "version": delivery.version,
        "post": delivery.post,
        "attempts": delivery.attempts,
        "created": delivery.created_at,
        "due": delivery.due_at if delivery.state is State.QUEUED else None,
        "ended": delivery.ended_at,
        "last": None
        if last is None
        else {"started": last.started, "seconds": round(last.duration, 3), "outcome": outcome_text(last)},
    }
