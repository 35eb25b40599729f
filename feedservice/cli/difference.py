"""``diff``: what subscribers would see if the feeds went out now."""

from __future__ import annotations

from pathlib import Path

import click

from feedservice.cli import output, storage
from feedservice.cli.options import as_of_option, config_option, json_option, loaded_of, now_of
from feedservice.errors import RefusedError
from feedservice.feeds import telling
from feedservice.feeds.guard import Verdict
from feedservice.service import preview
from feedservice.service.forkserver import ForkServer
from feedservice.service.workers import prepare


@click.command()
@click.argument("feeds", metavar="[FEED]...", nargs=-1)
@config_option
@click.option("--html", "as_html", is_flag=True, help="Print HTML: for a page, or a comment of a pull request.")
@click.option("--title", default="What subscribers would see", show_default=True, help="Heading of the HTML.")
@as_of_option
@json_option
@click.pass_context
def diff(
    ctx: click.Context,
    feeds: tuple[str, ...],
    own_config: Path | None,
    as_html: bool,
    title: str,
    as_of: str | None,
    as_json: bool,
) -> None:
    """Show what subscribers would see if the feeds were published now. FEED: only these.

    Compared is with what was published last. Nothing is written. Exit code 1 when a feed would be held.
    """
    loaded = loaded_of(ctx, own_config)
    now = now_of(loaded, as_of)
    with ForkServer(prepare) as server, storage.recalling(loaded) as recall, output.progress() as progress:
        verdicts, _ = preview.differences(loaded, now=now, progress=progress, server=server, recall=recall)
    known = {each.difference.feed for each in verdicts}
    unknown = [feed for feed in feeds if feed not in known]
    if unknown:
        raise RefusedError(f"there is no feed {unknown[0]!r}", f"the feeds are: {', '.join(sorted(known)[:20])}")
    zone = loaded.config.site.timezone
    chosen = [each for each in verdicts if not feeds or each.difference.feed in feeds]
    if as_json:
        click.echo(output.json_text([_json(each) for each in chosen if not each.difference.nothing]))
    elif as_html:
        click.echo(telling.page(chosen, title, zone), nl=False)
    else:
        changed = [each for each in chosen if not each.difference.nothing]
        for each in changed:
            for line in telling.lines(each, zone):
                click.echo(line)
        if not changed:
            click.echo("Subscribers would see nothing new.")
    if any(each.held for each in chosen):
        ctx.exit(1)


def _json(verdict: Verdict) -> dict[str, object]:
    difference = verdict.difference
    kinds = {
        word: [{"id": each.id, "title": each.title, "url": each.url, "published": each.published} for each in entries]
        for _, word, entries in telling.told(difference)
    }
    reasons = [{"rule": reason.rule, "text": reason.text} for reason in verdict.reasons]
    return {"feed": difference.feed, "held": verdict.held, "reasons": reasons, "entries": difference.shown, **kinds}
