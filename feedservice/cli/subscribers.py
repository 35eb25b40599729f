"""``subscribers``: who wants to know, how each is signed for, and how they move to another host."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from feedservice import dates
from feedservice.cli import output
from feedservice.cli.options import config_option, json_option
from feedservice.cli.outbox import loaded_of, outbox_of, outcome_text, wake
from feedservice.deliveries import Subscription, SubscriptionKey
from feedservice.errors import RefusedError
from feedservice.push import hub, signing, urls
from feedservice.store.sql import SqlStore


@click.group(invoke_without_command=True)
@config_option
@click.option("--topic", help="Only those of this feed (its URL).")
@click.option("--protocol", type=click.Choice(["websub", "rsscloud"]), help="Only those who subscribed in this way.")
@json_option
@click.pass_context
def subscribers(ctx: click.Context, own_config: Path | None, topic: str | None, protocol: str | None, as_json: bool) -> None:
    """Show who subscribed to the hub.

    \b
    feedservice subscribers                    how many, by feed and host
    feedservice subscribers show CALLBACK      everything about one
    feedservice subscribers sign CALLBACK HOW  sign what it is sent by sha1, sha256, sha384 or sha512
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
@config_option
@json_option
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
    zone = loaded.config.site.timezone
    for each in told:
        for name, value in each.items():
            shown = dates.rfc3339(value, zone) if isinstance(value, datetime) else str(value)
            if value not in {None, ""}:
                click.echo(f"{name + ':':<14} {shown}")
        click.echo()


@subscribers.command("sign")
@click.argument("callback")
@click.argument("method", type=click.Choice(signing.METHODS))
@click.option("--topic", help="Only the subscription to this feed (its URL).")
@config_option
@click.pass_context
def _sign(ctx: click.Context, callback: str, method: str, topic: str | None, own_config: Path | None) -> None:
    """Sign what a callback is sent by another method from now on, renewals included.

    sha1 is for subscribers that know nothing else. Without a secret nothing is signed.
    """
    with outbox_of(loaded_of(ctx, own_config)) as store:
        found = [each for each in store.subscriptions(protocol="websub", topic=topic) if each.key.callback == callback]
        count = store.sign_with([each.key for each in found], method)
    click.echo(f"{output.counted(count, 'subscription')} signed by {method} from now on")
    if method == "sha1" and not callback.lower().startswith("https:"):
        click.echo("That callback has no TLS: sha1 is too weak there (WebSub §8.3)", err=True)
    if any(each.secret is None for each in found):
        click.echo("It gave no secret: nothing that it is sent is signed", err=True)
    if not count:
        ctx.exit(1)


@subscribers.command("drop")
@click.argument("callback")
@click.option("--topic", help="Only the subscription to this feed (its URL).")
@config_option
@click.pass_context
def _drop_subscriber(ctx: click.Context, callback: str, topic: str | None, own_config: Path | None) -> None:
    """End the subscriptions of a callback, and tell it so (WebSub §5.2), that it may look at the feed by itself again."""
    loaded, now = loaded_of(ctx, own_config), datetime.now(UTC)
    with outbox_of(loaded) as store:
        keys = [each.key for each in store.subscriptions(topic=topic) if each.key.callback == callback]
        count = store.end_subscriptions(keys)
        denials = [
            hub.denial(callback, key.topic, "the publisher has ended the subscription", nonce=secrets.token_hex(16), now=now)
            for key in keys
            if key.protocol == hub.PROTOCOL
        ]
        store.enqueue(denials)
    wake(loaded)
    click.echo(f"{output.counted(count, 'subscription')} ended")
    if not count:
        ctx.exit(1)


@subscribers.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
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
@config_option
@click.pass_context
def _import(ctx: click.Context, file: TextIO, old: str | None, new: str | None, own_config: Path | None) -> None:
    """Take over subscriptions that another host has exported.

    They begin with the present version of their feeds. Those that are here already stay as they are, unless the file has a later
    renewal; those whose lease has ended are left out.
    """
    if (old is None) is not (new is None):
        raise click.UsageError("--from and --to belong together")
    loaded = loaded_of(ctx, own_config)
    with outbox_of(loaded) as store:
        versions = store.topic_versions()
        found = list(_read(file, versions, (old or "", new or "")))
        count = store.import_subscriptions(_new(store, found))
    click.echo(f"{output.counted(count, 'subscription')} taken over")
    if count < len(found):
        click.echo(f"{len(found) - count:,} are here already, or have ended")
    strange = sorted({each.key.topic for each in found} - set(versions))
    if strange:
        click.echo(f"No feed of this site: {', '.join(strange[:5])}", err=True)
        ctx.exit(1)


def _new(store: SqlStore, found: Iterable[Subscription]) -> Iterator[Subscription]:
    """Yield what is to be written: what is sent to those that are here already is not forgotten."""
    now = datetime.now(UTC)
    for each in found:
        here = store.subscription(each.key)
        if each.lease_end <= now or (here is not None and here.verified_at >= each.verified_at):
            continue
        if here is None:
            yield each
        else:
            renewed = {name: getattr(each, name) for name in ("secret", "method", "procedure", "verified_at", "lease_end")}
            yield dataclasses.replace(here, **renewed)


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
        "last": None if each.last is None else outcome_text(each.last),
    }
