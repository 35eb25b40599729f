"""The site as a pass would find it now, without a pass: for those who ask what would happen, and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from datetime import datetime
from urllib.parse import unquote

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.feeds.difference import Served
from feedservice.feeds.guard import Verdict
from feedservice.feeds.ledger import Row
from feedservice.model import Problem
from feedservice.service import guarding, render
from feedservice.service.collect import Ask, Collected, Progress, collect
from feedservice.service.forkserver import ForkServer
from feedservice.service.gate import judge
from feedservice.service.guarding import Decisions
from feedservice.service.publish import Recall, every_feed, exported, ordered, processes, silent
from feedservice.service.workers import Workers

_TRIES = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What there is, and what is remembered."""

    collected: Collected
    rows: Mapping[str, Row]
    """The ledger, by id."""
    served: Mapping[str, Served]
    decisions: Decisions
    problems: tuple[Problem, ...]


def look(
    loaded: Loaded,
    *,
    now: datetime,
    progress: Progress = silent,
    server: ForkServer | None = None,
    recall: Recall = exported,
) -> Sight:
    """Return the site as it would be published at ``now``; nothing is rendered or written. Raises ``RefusedError``."""
    with Workers(processes(loaded), server) as pool:
        return _look(loaded, now, pool, progress, recall)


def differences(
    loaded: Loaded,
    *,
    now: datetime,
    progress: Progress = silent,
    server: ForkServer | None = None,
    recall: Recall = exported,
) -> tuple[tuple[Verdict, ...], tuple[Problem, ...]]:
    """Return what readers of each feed would see if it went out at ``now``, and every problem on the way; nothing is written.

    Raises ``RefusedError``.
    """
    with Workers(processes(loaded), server) as pool:
        for _ in range(_TRIES):
            try:
                sight = _look(loaded, now, pool, progress, recall)
                collected, problems, found = sight.collected, list(sight.problems), list[Verdict]()
                formats, settings = list(loaded.config.feeds.formats), render.Settings(now=now)
                for made, _ready in render.make(collected, every_feed(collected), formats, pool, progress, settings):
                    problems += made.problems
                    found.append(judge(made, collected, sight.served.get(made.spec.key), now))
                return tuple(found), ordered(problems)
            except render.ChangedError:
                continue
    raise RefusedError("posts kept changing while they were read", "wait until the program that writes them is done")


def find(sight: Sight, wanted: str) -> Collection[str]:
    """Return the paths of the posts that a text may name: a path or its end, an id, a link, a slug, a title or a part of it.

    Posts that are there go before those that are gone.
    """
    named = sight.collected.named
    paths = {*sight.collected.files, *(row.path for row in sight.rows.values())}
    if wanted in paths:
        return [wanted]
    by_id = {each.id: each.post.path for each in named} | {
        row.id: row.path for row in sight.rows.values() if row.gone is not None
    }
    if wanted in by_id:
        return [by_id[wanted]]
    links = [each.post.path for each in named if wanted.rstrip("/") in {each.post.link.rstrip("/"), each.post.canonical}]
    ends = sorted(path for path in paths if path.endswith(f"/{wanted}") or wanted.endswith(f"/{path}"))
    slugs = sorted(each.post.path for each in named if unquote(each.post.link.rstrip("/").rpartition("/")[2]) == wanted)
    return links or ends or slugs or _titled(sight, wanted)


def _titled(sight: Sight, wanted: str) -> list[str]:
    """Return the paths of the posts with a title, else of those whose titles have it as a part; case does not matter to that."""
    here = {each.post.path: each.post.title for each in sight.collected.named}
    gone = {row.path: row.title for row in sight.rows.values() if row.gone is not None and row.path not in here}
    part = wanted.casefold().strip()
    for titles in (here, gone):
        same = sorted(path for path, title in titles.items() if title == wanted)
        if found := same or sorted(path for path, title in titles.items() if part and part in title.casefold()):
            return found
    return []


def _look(loaded: Loaded, now: datetime, pool: Workers, progress: Progress, recall: Recall) -> Sight:
    decisions = guarding.decisions(loaded.root / loaded.config.state)
    memory = recall(loaded)
    collected = collect(loaded, Ask(now=now, emptied=True), pool=pool, memory=memory, progress=progress, decisions=decisions)
    known = memory.names.ledger
    problems = (*loaded.problems, *known.problems, *collected.problems)
    return Sight(collected=collected, rows=known.rows, served=memory.served, decisions=decisions, problems=problems)
