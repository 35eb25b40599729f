"""Feeds that people subscribe to already → the ledger.

::

    URL or file ─gather→ Source (its archives with it) ─match→ Matched ─take_over→ Adoption ─keep→ ledger file
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.feeds import adoption, foreign
from feedservice.feeds.adoption import Source
from feedservice.feeds.archives import Membership
from feedservice.feeds.foreign import OldEntry, OldFeed
from feedservice.feeds.takeover import Adoption, take_over
from feedservice.model import Problem, Severity
from feedservice.posts.sketch import sketch
from feedservice.service import guarding, history, ledgerfile, workers
from feedservice.service.collect import Ask, Progress, collect, content_directory
from feedservice.service.fetch import Fetch, FetchError, ForbiddenError
from feedservice.service.forkserver import ForkServer
from feedservice.service.publish import Recall, exported
from feedservice.service.workers import Workers

PAGES = 2000
"""Documents of one feed that are followed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What was read of the old feeds."""

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What taking over would change, and the problems of the posts that matter to it."""

    adoption: Adoption
    problems: tuple[Problem, ...]
    """Posts that could not be read: no old entry can be one of them."""
    posts: int


async def gather(places: Sequence[str], fetch: Fetch) -> Gathered:
    """Read feeds from addresses and files. Of an address, the archives and pages that it leads to as well."""
    sources: list[Source] = []
    problems: list[Problem] = []
    for place in places:
        if place.startswith(("http://", "https://")):
            found, bad = await _follow(place, fetch)
        else:
            found, bad = _file(place)
        sources += [found] if found is not None else []
        problems += bad
    return Gathered(sources=tuple(sources), problems=tuple(problems))


async def _follow(start: str, fetch: Fetch) -> tuple[Source | None, list[Problem]]:
    """Read a feed and what it leads to, each document once. What cannot be got is a problem, and the rest counts."""
    waiting, seen = [start], {start}
    documents: list[OldFeed] = []
    problems: list[Problem] = []
    known: set[str] = set()
    while waiting:
        if len(documents) == PAGES:
            problems.append(_problem("adopt.too-long", f"more than {PAGES} documents belong to it; the rest is not read", start))
            break
        asked = waiting.pop(0)
        try:
            url, data = await fetch(asked)
        except FetchError as error:
            # Another address is one that the first led to.
            message = str(error) if asked == start else f"{asked}: {error}"
            hint = _ALLOW if isinstance(error, ForbiddenError) else _GIVE
            problems.append(_problem("adopt.unreachable", message, start, hint))
            continue
        document = foreign.read(data, url=url)
        if isinstance(document, Problem):
            problems.append(document)
            continue
        new = {entry.known_by for entry in document.entries} - known
        known |= new
        documents.append(document)
        seen.add(url)
        # A page that says nothing new is the end, however many more it names: some servers give the last page for ever.
        following = [each for each in document.more if each not in seen] if new else []
        seen.update(following)
        waiting += following
    return (_source(start, documents) if documents else None), problems


def _file(place: str) -> tuple[Source | None, list[Problem]]:
    path = Path(place)
    try:
        with path.open("rb") as file:
            data = file.read(foreign.MAX_BYTES + 1)
    except OSError as error:
        return None, [_problem("adopt.unreachable", f"the file cannot be read: {error.strerror}", place)]
    document = foreign.read(data)
    if isinstance(document, Problem):
        return None, [dataclasses.replace(document, path=place)]
    return _source(place, [document]), []


_GIVE = "give the address of the feed itself, or save it and give the file"
_ALLOW = "name the network in announce.targets.allow, or save the feed and give the file"


def _problem(rule: str, message: str, place: str, hint: str = _GIVE) -> Problem:
    return Problem(rule=rule, severity=Severity.ERROR, message=message, hint=hint, path=place)


def _source(name: str, documents: Sequence[OldFeed]) -> Source:
    entries = tuple(_sketched(entry) for document in documents for entry in document.entries)
    # The file's own name is enough: the ledger is committed, and other machines have other folders.
    shown = name if name.startswith(("http://", "https://")) else Path(name).name
    return Source(name=shown, format=documents[0].format, entries=_once(entries), shown=len(documents[0].entries))


def _once(entries: Sequence[OldEntry]) -> tuple[OldEntry, ...]:
    """Return entries without those that an earlier document has said in the same words."""
    return tuple(dict.fromkeys(entries))


def _sketched(entry: OldEntry) -> OldEntry:
    return dataclasses.replace(entry, sketch=sketch(adoption.lines(entry.html)), html="")


def adopt(
    loaded: Loaded,
    sources: Sequence[Source],
    *,
    now: datetime,
    replace: bool,
    progress: Progress,
    server: ForkServer | None = None,
    recall: Recall = exported,
) -> Adopted:
    """Decide what is taken over; nothing is written. Raises ``RefusedError`` when the posts or the ledger cannot be read."""
    config = loaded.config
    memory = recall(loaded)
    folder = content_directory(loaded)
    count = sum(1 for path in folder.rglob("*") if path.suffix in {".md", ".markdown", ".html"}) if folder.is_dir() else 0
    with Workers(workers.count_for(count), server) as pool:
        collected = collect(loaded, Ask(now=now, emptied=True), pool=pool, memory=memory, progress=progress)
    known = memory.names.ledger
    matches = [adoption.match(source, tuple(collected.named)) for source in sources]
    found = take_over(
        matches,
        collected.identified,
        tuple(known.rows.values()),
        out={each.id for each in collected.live.posts},
        site_url=config.site.url,
        zone=config.site.timezone,
        now=now,
        replace=replace,
    )
    unreadable = [each for each in collected.problems if each.severity is Severity.ERROR]
    return Adopted(adoption=found, problems=(*known.problems, *unreadable), posts=len(collected.named))


def keep(loaded: Loaded, found: Adoption) -> Path:
    """Write the ledger; whoever calls holds the lock of the state directory. Raises ``RefusedError``.

    Where ids were replaced, what is remembered of the feeds that went out is put right too: nobody is said to have the old ones.
    """
    path = ledgerfile.place(loaded)
    state = loaded.root / loaded.config.state
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # First: a crash after it has the guard look at the feeds, and costs nothing else.
        ledgerfile.write(path, found.rows)
        if found.replaced:
            _replace(state, found.replaced)
    except OSError as error:
        raise RefusedError(f"{path} cannot be written: {error.strerror}", "check permissions and free space") from error
    return path


def _replace(state: Path, replaced: Mapping[str, str]) -> None:
    def now(entry_id: str) -> str:
        return replaced.get(entry_id, entry_id)

    for each in guarding.served(state).values():
        entries = tuple(dataclasses.replace(entry, id=now(entry.id)) for entry in each.entries)
        late, withdrawn = ({now(one): since for one, since in ids.items()} for ids in (each.late, each.withdrawn))
        guarding.remember(state, dataclasses.replace(each, entries=entries, late=late, withdrawn=withdrawn))
    histories, _ = history.recall(state)
    if histories:
        named = {
            key: Membership(archives=tuple(tuple(map(now, archive)) for archive in each.archives))
            for key, each in histories.items()
        }
        history.remember_members(state, named)
