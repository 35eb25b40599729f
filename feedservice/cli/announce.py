"""``announce``, ``targets`` and ``websub-check``: telling anew, trying the ways out, looking at a hub as a subscriber does."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from feedservice.cli import announced, output
from feedservice.cli.outbox import outbox_of, wake
from feedservice.cli.standing import span
from feedservice.config import Loaded, load
from feedservice.deliveries import Announcement, Failure, Outcome, Request, Trust
from feedservice.errors import RefusedError
from feedservice.feeds.links import hub_url, hub_urls
from feedservice.push import announce as kinds
from feedservice.push import mail
from feedservice.push.addresses import networks
from feedservice.push.hubs import MICROBLOG_PING
from feedservice.service import announcing, canary, credentials, hubcheck
from feedservice.service.announcing import Announcer
from feedservice.service.canary import perches
from feedservice.service.hubcheck import Hub, Row, Verdict
from feedservice.service.mailing import Mailer
from feedservice.service.resolve import SystemResolver
from feedservice.service.sender import Sender
from feedservice.service.subscriber import Subscriber
from feedservice.service.transport import Transport
from feedservice.store import DocumentRow
from feedservice.store.sql import SqlStore

_COLOURS = {Verdict.HOLDS: "green", Verdict.FAILS: "red", Verdict.UNSEEN: "yellow"}
_HIDDEN = frozenset({"authorization"})
_SHOWN = 2000
"""Characters of a body that are shown."""
_config = click.option(
    "--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml]."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


@click.command()
@click.argument("feed")
@click.option("--dry-run", is_flag=True, help="Send nothing; show every request that would be sent.")
@_config
@click.pass_context
def announce(ctx: click.Context, feed: str, dry_run: bool, own_config: Path | None) -> None:
    """Announce a feed anew, as if its newest entry were new.

    Hubs, weblog services, micro.blog and search engines are told, and every subscriber is sent the whole feed. Webhooks are
    not called again.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    now = datetime.now(UTC)
    if not announcing.is_on(loaded.config):
        raise RefusedError("nobody is told of anything here", "turn something on in the section `announce` of config.yaml")
    with outbox_of(loaded) as store:
        rows = _rows(store, feed)
        try:
            made = Announcer(store, loaded.root / loaded.config.output).again(rows, loaded.config, now)
        except OSError as error:
            raise RefusedError(f"{error.filename} cannot be read: {error.strerror}", "`feedservice build` writes it") from error
        if dry_run:
            for line in _requests(made, store, loaded, now):
                click.echo(line)
            return
        store.announce(made)
    wake(loaded)
    told = output.counted(len(made.deliveries), "delivery", "deliveries")
    click.echo(f"{output.counted(len(made.topics), 'document')} and {told} queued")


def _rows(store: SqlStore, feed: str) -> list[DocumentRow]:
    with contextlib.closing(store.documents()) as stream:
        rows = list(stream)
    found = [row for row in rows if row.feed == feed]
    if not found:
        keys = ", ".join(sorted({row.feed for row in rows})[:20]) or "none was built yet"
        raise RefusedError(f"there is no feed {feed!r}", f"the feeds are: {keys}")
    return found


def _requests(made: Announcement, store: SqlStore, loaded: Loaded, now: datetime) -> Iterator[str]:
    terms = credentials.read(loaded).terms(now)
    for delivery in made.deliveries:
        yield f"# {delivery.kind}" + (f", not before {delivery.due_at:%H:%M:%S} UTC" if delivery.due_at > now else "")
        yield from _shown(kinds.request(delivery, terms))
        yield ""
    for each in made.topics:
        count = store.count_subscriptions(topic=each.topic)
        if count:
            yield f"# {each.topic}: POST {output.counted(len(each.body), 'byte')} to {output.counted(count, 'subscriber')}"


def _shown(request: Request) -> Iterator[str]:
    yield f"{request.method} {request.url}"
    for name, value in request.headers:
        yield f"{name}: {'(not shown)' if name.lower() in _HIDDEN else value}"
    if request.body:
        yield ""
        yield request.body[:_SHOWN].decode("utf-8", "replace")


@click.group()
def targets() -> None:
    """Try the ways out."""


@targets.command("test")
@_config
@_json
@click.pass_context
def _test(ctx: click.Context, own_config: Path | None, as_json: bool) -> None:
    """Reach every hub, service and webhook of the configuration, and tell nobody anything; say what the canary saw of each hub.

    A HEAD request shows that the name resolves, that the address may be called, and that TLS and HTTP work; which status comes
    back does not matter. Exit code 1 when one cannot be reached, or a key is missing.
    """
    loaded = load(own_config or _root(ctx), os.environ)
    read = credentials.read(loaded)
    output.say(read.problems)
    found = asyncio.run(_reached(loaded))
    now = datetime.now(UTC)
    hubs = _watched(loaded, now)
    if as_json:
        told = [
            {"kind": kind, "target": target, "reached": each.status is not None, "outcome": _said(each)}
            for (kind, target), each in found
        ]
        click.echo(output.json_text([*told, *({"kind": "hub", "target": hub, "canary": seen} for hub, seen in hubs.items())]))
    else:
        for (kind, target), each in found:
            mark = click.style("reached", fg="green") if each.status is not None else click.style("failed ", fg="red")
            click.echo(f"{mark}  {kind:<10}  {target}  {_said(each)}")
        for seen in hubs.values():
            told_of = json.loads(output.json_text(seen))
            click.echo(f"canary   {'':<10}  {announced.hub_line(told_of, span=lambda since: span(since, now))}")
        if not found:
            click.echo("The configuration names no target.")
    if read.problems or any(each.status is None for _, each in found):
        ctx.exit(1)


def _watched(loaded: Loaded, now: datetime) -> dict[str, dict[str, Any]]:
    """Return hub → what the canary of the running service has seen of it."""
    wanted = perches(loaded.config, ()).hubs
    seen = canary.read(loaded.root / loaded.config.state / canary.NAME)
    return {hub: announced.hub_told(seen[hub], now) for hub in wanted if hub in seen}


def _root(ctx: click.Context) -> Path:
    path: Path = ctx.find_root().obj
    return path


def _place(url: str) -> str:
    """Return where a URL leads, whose path may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _said(outcome: Outcome) -> str:
    if outcome.status is not None:
        return f"answers {outcome.status} after {outcome.duration:.2f} s"
    return f"{outcome.failure}: {outcome.detail}"


Target = tuple[str, str]
"""Kind, and the URL as it is shown."""


def _targets(loaded: Loaded) -> dict[str, Target]:
    """Return URL → target, for everybody whom the configuration names."""
    settings = loaded.config.announce
    others = [hub for hub in hub_urls(loaded.config) if hub != hub_url(loaded.config)]
    found = {url: ("hub", url) for url in others}
    found |= {each.url: ("weblogs", each.url) for each in settings.xmlrpc}
    if settings.microblog == "on":
        found[MICROBLOG_PING] = ("micro.blog", MICROBLOG_PING)
    if settings.indexnow.key_file is not None:
        found[settings.indexnow.endpoint] = ("IndexNow", settings.indexnow.endpoint)
    return found | {each.url: ("webhook", _place(each.url)) for each in settings.webhooks}


async def _reached(loaded: Loaded) -> list[tuple[Target, Outcome]]:
    settings, found = loaded.config.announce, _targets(loaded)
    resolver = SystemResolver(8)
    allowed = {Trust.OPERATOR: networks(settings.targets.allow), Trust.CALLBACK: ()}
    transport = Transport(allowed=allowed, resolve=resolver, public=settings.environment == "production")
    sender = Sender(transport=transport, now=lambda: datetime.now(UTC))
    try:
        asked = [sender.send(Request(method="HEAD", url=url, trust=Trust.OPERATOR)) for url in found]
        reached = list(zip(found.values(), await asyncio.gather(*asked), strict=True))
        server = mail.server(settings.email)
        if server:
            mailer = Mailer(allowed=allowed, resolve=resolver, public=settings.environment == "production", now=sender.now)
            reached.append((("e-mail", server), await _knocked(mailer, loaded, server)))
        return reached
    finally:
        await transport.aclose()
        resolver.close()


async def _knocked(mailer: Mailer, loaded: Loaded, server: str) -> Outcome:
    """Sign in at a mail server and send nothing: one that does not know us is as good as none."""
    fields = mail.credentials(loaded.config.announce.email.user or "", credentials.read(loaded).tokens.get(server))
    outcome = await mailer.send(Request(method=mail.PROBE, url=server, headers=tuple(fields), trust=Trust.OPERATOR))
    if outcome.status is None or outcome.confirmed:
        return outcome
    return dataclasses.replace(outcome, status=None, failure=Failure.PROTOCOL, detail=f"{outcome.status} {outcome.detail}")


@click.command("websub-check")
@click.argument("hub_url")
@click.argument("topic_url")
@click.option("--listen", default="127.0.0.1:0", show_default=True, metavar="HOST:PORT", help="Where the callback listens.")
@click.option("--callback-url", help="Public URL of that place, when the hub is on another machine.")
@click.option(
    "--patience", type=click.FloatRange(min=1), default=15.0, show_default=True, help="Seconds to wait for what must come."
)
@click.option("--publish", is_flag=True, help="Ask to change the topic, and look at what is delivered.")
@_json
@click.pass_context
def websub_check(
    ctx: click.Context,
    hub_url: str,
    topic_url: str,
    listen: str,
    callback_url: str | None,
    patience: float,
    publish: bool,
    as_json: bool,
) -> None:
    """Look at a hub as a subscriber does: a report by the clauses of the WebSub Recommendation of 2 June 2026.

    A dozen subscriptions are asked for, which end with their leases. The hub must be able to call the callback. Exit code 1
    when a clause does not hold.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise click.UsageError("--listen takes HOST:PORT")
    at = Hub(hub=hub_url, topic=topic_url, patience=patience)
    changed = _change if publish else None
    rows: list[Row] = []
    try:
        with Subscriber(host=host.strip("[]"), port=int(port), base=callback_url) as subscriber:
            for row in hubcheck.check(at, subscriber, publish=changed):
                rows.append(row)
                if not as_json:
                    click.echo(_checked(row))
    except OSError as error:
        raise RefusedError(f"{listen} cannot be listened on: {error.strerror}", "choose another with --listen") from error
    if as_json:
        click.echo(output.json_text(rows))
    if any(row.verdict is Verdict.FAILS for row in rows):
        ctx.exit(1)


def _change() -> None:
    click.prompt("Change the topic now, then press Enter", default="", show_default=False, err=True)


def _checked(row: Row) -> str:
    verdict = click.style(f"{row.verdict.value:<6}", fg=_COLOURS[row.verdict])
    return f"{verdict}  {row.clause:<6} {row.level:<6} {row.what}" + (f"  ({row.detail})" if row.detail else "")
