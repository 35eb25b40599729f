"""``adopt``: take over the ids and dates of the feeds that people subscribe to already."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from feedservice.cli import output, storage
from feedservice.cli.alone import only_one
from feedservice.config import Loaded, load
from feedservice.deliveries import Trust
from feedservice.errors import RefusedError
from feedservice.feeds import foreign
from feedservice.feeds.foreign import OldEntry
from feedservice.feeds.takeover import Adoption, Conflict, Stranger, Taken
from feedservice.push.addresses import networks
from feedservice.service import adopting
from feedservice.service.adopting import Adopted, Gathered
from feedservice.service.fetch import fetch
from feedservice.service.forkserver import ForkServer
from feedservice.service.resolve import SystemResolver
from feedservice.service.transport import Limits, Transport
from feedservice.service.workers import prepare

_LISTED = 20
"""Lines of a kind that people are shown; programs get all."""
_LIMITS = Limits(connect=10.0, total=120.0, answer=foreign.MAX_BYTES + 64 * 1024)


@click.command()
@click.argument("places", metavar="URL|FILE...", nargs=-1, required=True)
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.option("--write", is_flag=True, help="Take over: write the ledger.")
@click.option("--replace", is_flag=True, help="Also where a post was published here already, under another id.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def adopt(
    ctx: click.Context, places: tuple[str, ...], own_config: Path | None, write: bool, replace: bool, as_json: bool
) -> None:
    """Take over ids and dates from the feeds that people subscribe to.

    Shows which post each old entry is, and what is doubtful; nothing changes without --write. Give every feed of the old
    site that people read, the most important one first. Exit code 1 when something is doubtful or could not be read.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    gathered = asyncio.run(_gathered(places, loaded))
    if not gathered.sources:
        output.say(gathered.problems)
        raise RefusedError("no feed could be read", "nothing was done")
    with ForkServer(prepare) as server, only_one(loaded) if write else contextlib.nullcontext():
        with storage.recalling(loaded) as recall, output.progress() as progress:
            adopted = adopting.adopt(
                loaded,
                gathered.sources,
                now=datetime.now(UTC),
                replace=replace,
                progress=progress,
                server=server,
                recall=recall,
            )
        written = adopting.keep(loaded, adopted.adoption) if write and adopted.adoption.changed else None
    if as_json:
        click.echo(output.json_text(_json(gathered, adopted, written=write)))
    else:
        output.say([*gathered.problems, *adopted.problems])
        for line in _lines(gathered, adopted, loaded, written=written, write=write):
            click.echo(line)
    if gathered.problems or adopted.problems or adopted.adoption.doubtful or adopted.adoption.conflicts:
        ctx.exit(1)


async def _gathered(places: Sequence[str], loaded: Loaded) -> Gathered:
    allowed = {Trust.OPERATOR: networks(loaded.config.announce.targets.allow)}
    resolver = SystemResolver(threads=4)
    transport = Transport(allowed=allowed, resolve=resolver, limits=_LIMITS)
    try:
        return await adopting.gather(places, lambda url: fetch(url, transport))
    finally:
        await transport.aclose()
        resolver.close()


def _lines(gathered: Gathered, adopted: Adopted, loaded: Loaded, *, written: Path | None, write: bool) -> Iterator[str]:
    found = adopted.adoption
    for source in gathered.sources:
        yield f"{source.name} ({source.format}): {output.counted(len(source.entries), 'entry', 'entries')}"
    by = ", ".join(f"{count:,} by {by}" for by, count in Counter(each.by for each in found.taken).most_common())
    yield _heading(f"{len(found.taken):,} matched", by)
    yield from _some([_taken(each) for each in found.taken if each.changed])
    if found.rule is not None and found.ruled:
        rule = f"{found.rule.scheme}, {found.rule.origin}"
        yield _heading(f"{output.counted(len(found.ruled), 'older post')} named by the rule of the other ids", rule)
        yield from _some([_taken(each) for each in found.ruled if each.changed])
    yield from _questions(found)
    window = max(source.shown for source in gathered.sources)
    if loaded.config.feeds.window > window and adopted.posts > window:
        yield (
            f"Note: the old feed shows {window}, and feeds.window is {loaded.config.feeds.window}: who subscribed lately has "
            f"never seen what is older. Set feeds.window to {window} to show them nothing twice."
        )
    if written is not None:
        yield f"Written: {written}. Keep it; and now: feedservice build"
    elif not found.changed:
        yield "Nothing to take over" + (": the ledger says all this already." if found.taken else ".")
    elif not write:
        yield "Nothing was changed. To take over: the same again, with --write"


def _questions(found: Adoption) -> Iterator[str]:
    if found.doubtful:
        yield _heading(f"{len(found.doubtful):,} doubtful", "nothing is taken over")
        yield from _some([line for each in found.doubtful for line in _doubt(each)])
    if found.conflicts:
        counted = output.counted(len(found.conflicts), "id that is not taken over", "ids that are not taken over")
        yield _heading(counted, "with --replace they are" if any(each.replaceable for each in found.conflicts) else "")
        yield from _some([_conflict(each) for each in found.conflicts])
    if found.strangers:
        counted = output.counted(len(found.strangers), "old entry without a post", "old entries without a post")
        yield _heading(counted, "ids are remembered, in case the post comes yet")
        yield from _some([_entry(each.entry) for each in found.strangers])
    if found.unknown:
        yield _heading(
            f"{output.counted(len(found.unknown), 'post')} without an old entry", "they keep the ids that they have here"
        )
        yield from _some([f"{each.post.path} ({each.post.published:%Y-%m-%d})" for each in found.unknown])


def _heading(text: str, more: str = "") -> str:
    return click.style(text, bold=True) + (f" ({more})" if more else "")


def _some(lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:_LISTED]:
        yield f"  {line}"
    if len(lines) > _LISTED:
        yield f"  … and {len(lines) - _LISTED:,} more; --json has all"


def _taken(each: Taken) -> str:
    shown = each.id if each.id == " ".join(each.id.split()) else output.json_text(each.id)
    return f"{each.path}: {shown}" + (f", in Atom {each.atom}" if each.atom else "")


def _entry(entry: OldEntry) -> str:
    title = " ".join(entry.title.split()) or "without a title"
    return f"{title}: {entry.link or entry.known_by or 'without id and link'}"


def _doubt(stranger: Stranger) -> Iterator[str]:
    doubt = stranger.doubt
    assert doubt is not None
    yield f"{_entry(stranger.entry)}: {doubt.why}" + (f" ({', '.join(doubt.paths)})" if doubt.paths else "")
    if doubt.paths:
        yield f"    if it is {'one of these' if len(doubt.paths) > 1 else 'that post'}, write into it: id: {_yaml(stranger)}"


def _yaml(stranger: Stranger) -> str:
    return output.json_text(stranger.entry.known_by)


def _conflict(each: Conflict) -> str:
    return f"{each.path}: {each.id} ({each.source}): {each.why}; stays {each.kept}"


def _json(gathered: Gathered, adopted: Adopted, *, written: bool) -> dict[str, object]:
    found: Adoption = adopted.adoption

    def taken(each: Taken) -> dict[str, object]:
        row = each.row
        return {
            "path": each.path,
            "title": each.title,
            "id": each.id,
            "atom": each.atom or None,
            "by": each.by,
            "source": each.source or None,
            "published": row.published,
            "updated": row.updated,
            "changed": each.changed,
        }

    def entry(each: Stranger) -> dict[str, object]:
        old = each.entry
        return {"source": each.source, "id": old.known_by, "link": old.link, "title": old.title, "published": old.published}

    return {
        "feeds": [
            {"name": source.name, "format": source.format, "entries": len(source.entries), "shown": source.shown}
            for source in gathered.sources
        ],
        "matched": [taken(each) for each in found.taken],
        "ruled": [taken(each) for each in found.ruled],
        "rule": {"scheme": found.rule.scheme, "origin": found.rule.origin} if found.rule is not None else None,
        "doubtful": [
            {**entry(each), "why": each.doubt.why, "posts": each.doubt.paths} for each in found.doubtful if each.doubt is not None
        ],
        "conflicts": list(found.conflicts),
        "entries_without_post": [entry(each) for each in found.strangers],
        "posts_without_entry": [
            {"path": each.post.path, "title": each.post.title, "published": each.post.published} for each in found.unknown
        ],
        "changed": found.changed,
        "written": written and found.changed,
        "problems": [output.problem_json(problem) for problem in (*gathered.problems, *adopted.problems)],
    }
