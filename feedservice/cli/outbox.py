"""``deliveries`` and ``subscribers``: the truth about every announcement and everybody who wants them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from feedservice import dates
from feedservice.cli import output
from feedservice.cli.engine import STORE
from feedservice.config import Loaded, load
from feedservice.deliveries import Delivery, Outcome, State, Subscription, SubscriptionKey
from feedservice.errors import RefusedError
from feedservice.push import urls
from feedservice.service import control
from feedservice.service.control import NotRunningError
from feedservice.store.outbox import TopicStanding
from feedservice.store.sql import SqlStore, open_store

_COLOURS = {State.QUEUED: "yellow", State.DELIVERED: "green", State.GONE: "red", State.FAILED: "red", State.DROPPED: "white"}
_config = click.option(
    "--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml]."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def loaded_of(ctx: click.Context, own_config: Path | None) -> Loaded:
    """Load the configuration of a verb or of the group above it."""
    above = ctx.find_root().obj
    kept = ctx.parent.params.get("own_config") if ctx.parent is not None else None
    return load(own_config or kept or above, os.environ)


@contextlib.contextmanager
def outbox_of(loaded: Loaded) -> Iterator[SqlStore]:
    """Open the store of a site. Raises ``RefusedError`` when there is none yet."""
    file = loaded.root / loaded.config.state / STORE
    if not file.is_file():
        raise RefusedError("nothing was announced here yet", "`feedservice run` serves and announces")
    with contextlib.closing(open_store(file)) as store:
        yield store


def wake(loaded: Loaded) -> None:
    """Tell the running service that there is something to send; without one, it will see when it starts."""
    with contextlib.suppress(NotRunningError):
        control.ask(loaded.root / loaded.config.state, {"do": "deliver"})


@click.group(invoke_without_command=True)
@_config
@click.option("--post", help="Only what speaks of this post (its id).")
@click.option("--target", help="Only what goes to this target.")
@click.option("--state", type=click.Choice([each.value for each in State]), help="Only those in this state.")
@click.option("--kind", help="Only of this kind: websub, xmlrpc, microblog, indexnow, webhook, verify, deny, live.")
@click.option("--last", type=click.IntRange(1), default=50, show_default=True, help="How many.")
@_json
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
    feedservice deliveries --state failed      what could not be delivered
    feedservice deliveries show ID             everything about one
    feedservice deliveries retry [ID]...       try now what waits
    feedservice deliveries drop ID...          never mind these
    """  # noqa: D301  -- \b is click's mark for a paragraph that keeps its lines
    if ctx.invoked_subcommand is not None:
        return
    loaded = loaded_of(ctx, own_config)
    with outbox_of(loaded) as store:
        chosen = State(state) if state else None
        with contextlib.closing(store.deliveries(state=chosen, kind=kind, target=target, post=post)) as stream:
            found = [each for each, _ in zip(stream, range(last), strict=False)]
        standings = [store.topic_standing(topic, datetime.now(UTC)) for topic in sorted(store.topic_versions())]
        counts = store.counts()
    topics = [each for each in standings if each is not None]
    if as_json:
        click.echo(output.json_text({"topics": topics, "deliveries": [_told(each) for each in found]}))
        return
    for each in topics if not (post or target or state or kind) else ():
        if each.active:
            click.echo(_standing(each))
    for delivery in found:
        click.echo(_line(delivery, loaded.config.site.timezone))
    if not found:
        click.echo("No delivery is remembered." if not counts else "No delivery is like that.")


@deliveries.command("list", hidden=True)
@click.pass_context
def _list(ctx: click.Context) -> None:
    """Do as ``deliveries`` does."""
    assert ctx.parent is not None
    ctx.parent.invoked_subcommand = None
    ctx.parent.invoke(deliveries, **ctx.parent.params)


@deliveries.command("show")
@click.argument("id_", metavar="ID")
@_config
@_json
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
    for name, value in told.items():
        if value not in {None, ""}:
            click.echo(f"{name + ':':<12} {value if not isinstance(value, dict) else output.json_text(value)}")


@deliveries.command("retry")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_config
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
@_config
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


def _line(delivery: Delivery, zone: str) -> str:
    state = click.style(f"{delivery.state.value:<9}", fg=_COLOURS[delivery.state])
    when = dates.rfc3339(delivery.ended_at or delivery.created_at, zone)
    text = f"{delivery.id}  {state} {when}  {delivery.kind} → {delivery.host}"
    parts = [f"post {delivery.post}" if delivery.post else "", f"attempt {delivery.attempts}" if delivery.attempts > 1 else ""]
    parts += [_outcome(delivery.last)] if delivery.last is not None else []
    if delivery.state is State.QUEUED:
        parts.append(f"next {dates.rfc3339(delivery.due_at, zone)}")
    return f"{text}  {output.listed(parts)}".rstrip()


def _outcome(outcome: Outcome) -> str:
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
        else {"started": last.started, "seconds": round(last.duration, 3), "outcome": _outcome(last)},
    }


# Subscribers


@click.group(invoke_without_command=True)
@_config
@click.option("--topic", help="Only those of this feed (its URL).")
@click.option("--protocol", type=click.Choice(["websub", "rsscloud"]), help="Only those who subscribed in this way.")
@_json
@click.pass_context
def subscribers(ctx: click.Context, own_config: Path | None, topic: str | None, protocol: str | None, as_json: bool) -> None:
    """Show who subscribed to the hub.

    \b
    feedservice subscribers                    how many, by feed and host
    feedservice subscribers show CALLBACK      everything about one
    feedservice subscribers drop CALLBACK      end its subscriptions
    feedservice subscribers export FILE        write all of them, with their secrets, for another host
    feedservice subscribers import FILE        take them over
    """  # noqa: D301  -- \b is click's mark for a paragraph that keeps its lines
    if ctx.invoked_subcommand is not None:
        return
    loaded = loaded_of(ctx, own_config)
    counts: dict[tuple[str, str], int] = {}
    with outbox_of(loaded) as store:
        for each in store.subscriptions(protocol=protocol, topic=topic):
            place = (each.key.topic, each.host)
            counts[place] = counts.get(place, 0) + 1
    if as_json:
        click.echo(output.json_text([{"topic": t, "host": h, "subscribers": n} for (t, h), n in sorted(counts.items())]))
        return
    for feed in sorted({each for each, _ in counts}):
        hosts = {host: number for (each, host), number in counts.items() if each == feed}
        click.echo(click.style(f"{feed}: {output.counted(sum(hosts.values()), 'subscriber')}", bold=True))
        for host, number in sorted(hosts.items(), key=lambda pair: (-pair[1], pair[0])):
            click.echo(f"  {number:>7,}  {host}")
    if not counts:
        click.echo("Nobody has subscribed.")


@subscribers.command("show")
@click.argument("callback")
@_config
@_json
@click.pass_context
def _show_subscriber(ctx: click.Context, callback: str, own_config: Path | None, as_json: bool) -> None:
    """Show the subscriptions of a callback."""
    loaded = loaded_of(ctx, own_config)
    with outbox_of(loaded) as store:
        found = [each for each in store.subscriptions() if each.key.callback == callback]
    if not found:
        raise RefusedError("nobody with this callback has subscribed", "give the whole URL, with its query")
    told = [_subscription(each) for each in found]
    if as_json:
        click.echo(output.json_text(told))
        return
    for each in told:
        for name, value in each.items():
            click.echo(f"{name + ':':<12} {value}")
        click.echo()


@subscribers.command("drop")
@click.argument("callback")
@click.option("--topic", help="Only the subscription to this feed (its URL).")
@_config
@click.pass_context
def _drop_subscriber(ctx: click.Context, callback: str, topic: str | None, own_config: Path | None) -> None:
    """End the subscriptions of a callback."""
    with outbox_of(loaded_of(ctx, own_config)) as store:
        keys = [each.key for each in store.subscriptions(topic=topic) if each.key.callback == callback]
        count = store.end_subscriptions(keys)
    click.echo(f"{output.counted(count, 'subscription')} ended")
    if not count:
        ctx.exit(1)


@subscribers.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@_config
@click.pass_context
def _export(ctx: click.Context, file: Path, own_config: Path | None) -> None:
    """Write all subscriptions, one JSON object in a line, with their secrets: keep the file to yourself."""
    with outbox_of(loaded_of(ctx, own_config)) as store:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise RefusedError(f"{file} cannot be written: {error.strerror}", "choose a file that is not there yet") from error
        with open(descriptor, "w", encoding="utf-8") as lines:  # noqa: PTH123 - a descriptor that nobody else could open
            count = _write(store.subscriptions(), lines)
    click.echo(f"{output.counted(count, 'subscription')} written to {file}")


def _write(found: Iterable[Subscription], lines: TextIO) -> int:
    count = 0
    for count, each in enumerate(found, 1):  # noqa: B007 - the last number is the count
        lines.write(json.dumps({**_subscription(each), "secret": _coded(each.secret)}, default=_rfc3339) + "\n")
    return count


def _coded(secret: bytes | None) -> str | None:
    return None if secret is None else base64.b64encode(secret).decode("ascii")


def _rfc3339(value: object) -> str:
    assert isinstance(value, datetime)
    return dates.rfc3339(value, "UTC")


@subscribers.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--from", "old", metavar="URL", help="Beginning of the topics in the file …")
@click.option("--to", "new", metavar="URL", help="… and what takes its place.")
@_config
@click.pass_context
def _import(ctx: click.Context, file: TextIO, old: str | None, new: str | None, own_config: Path | None) -> None:
    """Take over subscriptions that another host has exported.

    They begin with the present version of their feeds.
    """
    if (old is None) is not (new is None):
        raise click.UsageError("--from and --to belong together")
    loaded = loaded_of(ctx, own_config)
    with outbox_of(loaded) as store:
        versions = store.topic_versions()
        found = list(_read(file, versions, (old or "", new or "")))
        count = store.import_subscriptions(found)
    click.echo(f"{output.counted(count, 'subscription')} taken over")
    strange = sorted({each.key.topic for each in found} - set(versions))
    if strange:
        click.echo(f"No feed of this site: {', '.join(strange[:5])}", err=True)
        ctx.exit(1)


def _read(file: TextIO, versions: Mapping[str, int], moved: tuple[str, str]) -> Iterator[Subscription]:
    for number, line in enumerate(file, 1):
        try:
            said = json.loads(line)
            topic = str(said["topic"])
            topic = moved[1] + topic[len(moved[0]) :] if moved[0] and topic.startswith(moved[0]) else topic
            yield Subscription(
                key=SubscriptionKey(protocol=str(said["protocol"]), topic=topic, callback=str(said["callback"])),
                host=urls.host_of(str(said["callback"])),
                secret=None if said["secret"] is None else base64.b64decode(said["secret"], validate=True),
                method=str(said["method"]),
                procedure=str(said["procedure"]),
                verified_at=datetime.fromisoformat(said["verified"]).astimezone(UTC),
                lease_end=datetime.fromisoformat(said["lease_end"]).astimezone(UTC),
                delivered=versions.get(topic, 0),
                due_at=datetime.now(UTC),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(f"line {number} is no exported subscription: {error}", "nothing was taken over") from error


def _subscription(each: Subscription) -> dict[str, Any]:
    return {
        "protocol": each.key.protocol,
        "topic": each.key.topic,
        "callback": each.key.callback,
        "signed": each.secret is not None,
        "method": each.method,
        "procedure": each.procedure,
        "verified": each.verified_at,
        "lease_end": each.lease_end,
        "delivered": each.delivered,
        "delivered_at": each.delivered_at,
        "attempts": each.attempts,
        "last": None if each.last is None else _outcome(each.last),
    }
