"""One pass: what is in the content directory becomes what is in ``public/``.

::

    collect → what can have changed → render → assemble → lint → stage ─┬─ all staged → rename → sync → remember
                                                                        └─ refused    → the last good file stays

Nothing is renamed before everything is staged, so a pass that fails half-way changes nothing, and a crash between two renames
leaves whole files that the next pass completes. What is remembered is one transaction, after the files: a pass that was stopped
between the two is made again, finds its files as they have to be, and remembers them.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedservice import dates
from feedservice.config import Loaded
from feedservice.config.sections import seconds
from feedservice.errors import RefusedError
from feedservice.feeds import archives, lifecycle
from feedservice.feeds.archives import Membership
from feedservice.feeds.difference import Served
from feedservice.feeds.ledger import Row
from feedservice.feeds.selection import Reason
from feedservice.feeds.specs import feeds_base
from feedservice.model import Problem, Severity
from feedservice.service import (
    addresses,
    files,
    guarding,
    history,
    keys,
    leaving,
    ledgerfile,
    quarantine,
    remember,
    render,
    workers,
)
from feedservice.service import collect as collecting
from feedservice.service.collect import Ask, Collected, Progress, collect, content_directory
from feedservice.service.forkserver import ForkServer
from feedservice.service.gate import Gate
from feedservice.service.ledgers import Ledger
from feedservice.service.making import Making
from feedservice.service.memory import Memory
from feedservice.service.naming import Names
from feedservice.service.output import Output
from feedservice.service.remember import Announce
from feedservice.service.report import Report, coming
from feedservice.service.workers import Workers
from feedservice.store import Store

_TRIES = 3
FIRST_SEEN = "first-seen.json"
"""File of the state directory: when posts without a date were first seen."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""


def exported(loaded: Loaded, fact: str | None = None, served: Mapping[str, Served] | None = None) -> Memory:
    """Return what the files of the state directory remember, readable without a store.

    ``fact`` is what a store knows of archives, ``served`` what was read of that already. What is wrong with the files are
    ``scan_problems``. Raises ``RefusedError`` when it cannot be made good.
    """
    config, state = loaded.config, loaded.root / loaded.config.state
    names = Names(Ledger(ledgerfile.place(loaded)))
    had = dict(served) if served is not None else guarding.served(state)
    memory = Memory(names=names, served=had, addresses=addresses.recall(state))
    if config.content.missing_dates == "first-seen":
        memory.first_seen = _recall(state / FIRST_SEEN)
    if config.feeds.archives:
        memory.histories, problems = history.recall(state, fact)
        memory.scan_problems = tuple(problems)
        memory.inputs = history.recall_inputs(state)
    return memory


Recall = Callable[[Loaded], Memory]
"""Returns what is remembered, as ``exported`` does; each time another object."""


def build(
    loaded: Loaded,
    *,
    now: datetime,
    out: Path,
    strict: bool = False,
    progress: Progress = silent,
    server: ForkServer | None = None,
    remembers: bool = True,
    recall: Recall = exported,
) -> Report:
    """Make one pass that remembers nothing but what it has to, and return what it did: for an output directory of its own.

    With ``strict`` nothing is written when anything is an error; with a ``server`` posts are read and rendered in its processes.
    Without ``remembers`` it is a question, as of another time: the state directory stays as it is, and no feed is held.
    Raises ``RefusedError`` when nothing could be done: no content directory, an output directory that cannot be written, posts
    that never hold still.
    """
    work = Pass(loaded=loaded, ask=Ask(now=now), out=out, strict=strict, progress=progress, remembers=remembers)
    with Workers(processes(loaded), server) as pool:
        for _ in range(_TRIES):
            try:
                return work.make(recall(loaded), pool, None)
            except render.ChangedError:
                continue
    raise unsteady()


def unsteady() -> RefusedError:
    """Return why a pass was not made after several tries."""
    return RefusedError("posts kept changing while they were read", "wait until the program that writes them is done")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A pass that is to be made."""

    loaded: Loaded
    ask: Ask
    out: Path
    strict: bool = False
    progress: Progress = silent
    announce: Announce | None = None
    remembers: bool = True
    """What it publishes is what readers have from now on; else the state directory stays as it is."""

    def make(self, memory: Memory, pool: Workers, store: Store | None) -> Report:
        """Make it; ``memory`` is brought up to date, and is of no use any more when this raises.

        Raises ``RefusedError``, ``StoreError``, ``render.ChangedError`` and ``render.DamagedError``.
        """
        clock = _Stages()
        loaded, ask, config = self.loaded, self.ask, self.loaded.config
        state = loaded.root / config.state
        first_seen = dict(memory.first_seen)
        decisions = guarding.decisions(state)
        collected = collect(loaded, ask, pool=pool, memory=memory, progress=self.progress, decisions=decisions)
        clock.mark("read")
        served = self._served(memory, collected)
        gate = Gate(state, now=ask.now, served=served, decisions=decisions, emptied=ask.emptied)
        settings = keys.settings(config, collecting.context_hash(collected.context))
        histories, problems = self._histories(collected, memory)
        problems += [*loaded.problems, *memory.names.ledger.problems, *collected.problems]
        former = lifecycle.former(config, collected.plan, memory.addresses, memory.histories)
        problems += leaving.dropped(memory.documents, collected.plan, former)
        before = {each.path: each for shelved in memory.shelf.values() for each in shelved.published}
        stats = {path: stat for shelved in memory.shelf.values() for path, stat in shelved.stats.items()}
        with Output(self.out, config.feeds.compress, before=before, stats=stats, now=ask.now) as output:
            making = Making(
                collected=collected,
                memory=memory,
                output=output,
                pool=pool,
                store=store,
                settings=settings,
                ask=ask,
                histories=histories,
                gate=gate,
            )
            try:
                making.make(self.progress)
                problems += making.problems
                clock.mark("render")
                refused = self.strict and any(problem.severity is Severity.ERROR for problem in problems)
                if refused:
                    output.discard()
                elif self.remembers:
                    if first_seen != memory.first_seen:
                        files.commit(files.stage(state / FIRST_SEEN, _remember(memory.first_seen)))
                    if histories is not None:
                        history.remember_members(state, memory.histories)
                    memory.addresses = addresses.given(collected.plan, memory.addresses)
                    addresses.remember(state, memory.addresses)
                    # Before anybody can read an entry, its id is remembered: a crash in between gives no second one.
                    memory.names.write(self._settled(collected, memory, gate))
                    output.commit()
                    if histories is not None and store is None:
                        history.remember_inputs(state, memory.inputs)
                    self._keep_sources(collected, memory, making, state)
                    memory.served, decided = gate.remember(self._kept, collected.plan)
                    memory.decisions = keys.decisions(decided)
                else:
                    output.commit()
            except OSError as error:
                raise self._refused(error, state) from error
        clock.mark("write")
        remembering = remember.Remembering(store=store, state=state, keep=self._kept, announce=self.announce)
        changed = () if refused else making.remember(remembering)
        clock.mark("remember")
        roster = collected.roster
        return Report(
            posts=len(collected.files),
            live=len(roster.out),
            refused=len(collected.files) - len(roster.everyone),
            held=_counted(roster.held.values()),
            feeds=collected.plan.specs,
            former=former,
            published=() if refused else making.published,
            withheld=making.withheld,
            problems=ordered(problems),
            due=collected.due,
            stages=clock.seconds,
            read=collected.read,
            rendered=making.rendered,
            changed=changed,
            coming=coming(roster.timed(), roster.held),
            guarded=tuple(gate.held.values()),
        )

    def _served(self, memory: Memory, collected: Collected) -> dict[str, Served]:
        """Return what readers have of the feeds; the store says it of those of which the state directory does not (any more).

        That is written down before anything else is: when this pass takes the last post of a feed and is cut off, neither the
        content nor the store tells the next one that there was such a feed. Raises ``RefusedError``.
        """
        state = self.loaded.root / self.loaded.config.state
        for spec in collected.plan.specs:
            made = memory.shelf.get(spec.key)
            if made is not None and made.ids and memory.at is not None and spec.key not in memory.served:
                members = [each.id for each in collected.members(spec.key)]
                found = guarding.again(spec, made.ids, collected.identified.rows, memory.at, members)
                memory.served[spec.key] = found
                if self.remembers:
                    try:
                        guarding.remember(state, found)
                    except OSError as error:
                        raise self._refused(error, state) from error
        # What nobody subscribes to surprises nobody.
        return memory.served if self.remembers else {}

    def _refused(self, error: OSError, state: Path) -> RefusedError:
        message = f"cannot write {error.filename or f'{self.out} or {state}'}: {error.strerror}"
        return RefusedError(message, "check permissions and free space; nothing was changed")

    @property
    def _kept(self) -> timedelta:
        """Return how long it is remembered what happened."""
        return timedelta(seconds=seconds(self.loaded.config.guard.history))

    def _keep_sources(self, collected: Collected, memory: Memory, making: Making, state: Path) -> None:
        """Keep the sources of what feeds show: of all of them when every file was looked at, else of what was made."""
        tidy = self.ask.paths is None and bool(making.made)
        specs = [spec for spec in collected.plan.specs if tidy or spec.key in making.made]
        shown = {each.post.path: memory.post(each.post.path) for spec in specs for each in collected.window(spec)}
        posts = (post for post in shown.values() if post is not None)
        kept, left = memory.kept, memory.left
        memory.left = quarantine.keep(state, posts, collected.files, collected.broken, kept=kept, left=left, tidy=tidy)

    def _settled(self, collected: Collected, memory: Memory, gate: Gate) -> list[Row]:
        return memory.names.settled(
            collected.step,
            collected.roster,
            memory.posts(),
            gone=collected.gone,
            broken=collected.broken,
            held=gate.held_back(),
            served=gate.served,
            now=self.ask.now,
        )

    def _histories(self, collected: Collected, memory: Memory) -> tuple[dict[str, Membership] | None, list[Problem]]:
        """Return the archives of the feeds that keep some, by key; None when the site keeps none."""
        config = self.loaded.config
        if not config.feeds.archives:
            return None, []
        taken = archives.blocked(collected.plan.specs, base=feeds_base(config))
        wanted = [spec.key for spec in collected.plan.specs if spec.key not in taken]
        return {key: memory.histories.get(key, Membership()) for key in wanted}, list(taken.values())


def _counted(held: Iterable[Reason]) -> dict[Reason, int]:
    counts = dict.fromkeys(Reason, 0)
    for reason in held:
        counts[reason] += 1
    return counts


def check(
    loaded: Loaded,
    *,
    now: datetime,
    progress: Progress = silent,
    server: ForkServer | None = None,
    recall: Recall = exported,
) -> tuple[Problem, ...]:
    """Return every problem of the configuration, of every post, and of every feed as it would be now; nothing is written."""
    with Workers(processes(loaded), server) as pool:
        for _ in range(_TRIES):
            try:
                collected = collect(loaded, Ask(now=now, emptied=True), pool=pool, memory=recall(loaded), progress=progress)
                problems = [*loaded.problems, *collected.problems]
                wanted = every_feed(collected)
                formats, settings = list(loaded.config.feeds.formats), render.Settings(now=now)
                for made, _ready in render.make(collected, wanted, formats, pool, progress, settings):
                    problems += made.problems
                shown = {each.post.path for feed in wanted for each in feed.window}
                rest = [each.post.path for each in collected.named if each.post.path not in shown]
                problems += render.every_problem(collected, rest, pool, progress)
                return ordered(problems)
            except render.ChangedError:
                continue
    raise unsteady()


def one(
    loaded: Loaded, key: str, name: str, *, now: datetime, server: ForkServer | None = None, recall: Recall = exported
) -> tuple[bytes, tuple[Problem, ...]]:
    """Return one feed in one format as it would be now. Raises ``RefusedError`` when there is no such feed."""
    with Workers(1, server) as pool:
        for _ in range(_TRIES):
            try:
                return _one(loaded, key, name, now, pool, recall)
            except render.ChangedError:
                continue
    raise unsteady()


def _one(loaded: Loaded, key: str, name: str, now: datetime, pool: Workers, recall: Recall) -> tuple[bytes, tuple[Problem, ...]]:
    collected = collect(loaded, Ask(now=now, emptied=True), pool=pool, memory=recall(loaded), progress=silent)
    feed = next((each for each in every_feed(collected) if key in {each.spec.key, *each.spec.paths.values()}), None)
    if feed is None:
        known = ", ".join(spec.key for spec in collected.plan.specs[:20])
        raise RefusedError(f"there is no feed {key!r}", f"the feeds are: {known}")
    spec = feed.spec
    if name not in spec.urls:
        spec = dataclasses.replace(
            spec, urls={**spec.urls, name: next(iter(spec.urls.values()))}, paths={**spec.paths, name: name}
        )
    feed = dataclasses.replace(feed, spec=spec)
    made, _ready = next(render.make(collected, [feed], [name], pool, silent, render.Settings(now=now)))
    return made.documents[0].body, ordered(made.problems)


def every_feed(collected: Collected) -> list[render.Wanted]:
    """Return every feed, to be made with nothing used again."""
    return [render.Wanted(spec=spec, window=collected.window(spec)) for spec in collected.plan.specs]


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems without repeats, by path and line; errors of a line first."""
    key = {
        problem: (problem.path, problem.line or 0, problem.column or 0, problem.severity, problem.rule) for problem in problems
    }
    return tuple(sorted(key, key=key.__getitem__))


def processes(loaded: Loaded) -> int:
    """Return how many processes to use, from a cheap look at how much there is."""
    folder = content_directory(loaded)
    seen = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        seen += path.suffix in {".md", ".markdown", ".html"}
        if seen >= workers.WORTH_IT:
            break
    return workers.count_for(seen)


def _recall(path: Path) -> dict[str, datetime]:
    """Return when posts without a date were first seen; a file that is damaged is said so, not forgotten."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): datetime.fromisoformat(text).astimezone(UTC) for name, text in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as error:
        raise RefusedError(
            f"{path} is damaged: {error}", "restore it from a backup, or delete it to date those posts anew"
        ) from error


def _remember(first_seen: Mapping[str, datetime]) -> bytes:
    lines = {path: dates.rfc3339(instant, "UTC") for path, instant in sorted(first_seen.items())}
    return (json.dumps(lines, ensure_ascii=False, indent=1) + "\n").encode()


class _Stages:
    """Seconds per stage, for the report."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
