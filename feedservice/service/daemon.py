"""When things happen: what changes, what is due, what is asked for, and what comes again and again; each makes a pass.

::

    watch ── Changes ─┐
    timetable ────────┼─ Wanted ─→ passes ─→ Report ─→ shown (web) ─→ the next due instant
    signals, control ─┘                        └─→ one line in the log

The daemon knows no web and no database: the command line gives it what builds, what shows, what else runs beside it
(``Service``), and what is done now and then (``Errand``).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from feedservice.config import Loaded
from feedservice.config.sections import delay, seconds
from feedservice.errors import ConfigError, FeedserviceError, RefusedError
from feedservice.model import Problem
from feedservice.service import fixed, story
from feedservice.service.collect import content_directory
from feedservice.service.notify import Manager
from feedservice.service.passes import Outcome, Passes, Wanted
from feedservice.service.report import Report
from feedservice.service.settling import Patience
from feedservice.service.timetable import Timetable
from feedservice.service.watch import Area, Changes, Watcher, git_at_work

_SECOND = 1.0
_AGAIN = 2.0
"""Seconds until a pass that could do nothing is made again; each time so many times longer, until a rescan is due anyway."""
_LATE = 5.0
"""Seconds after its time from which something that is due counts as late."""
_REMOVED = ("the state directory, or the lock in it, was removed while the service ran", "start it again; nothing is lost")

logger = logging.getLogger("feedservice")


class Service(Protocol):
    """What runs as long as the daemon does: the server, the control socket, the delivery of announcements."""

    async def start(self) -> None:
        """Begin. Raises ``RefusedError`` when that cannot be: then the daemon ends."""
        ...

    async def stop(self) -> None:
        """Finish what was begun, and end."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Something that is done now and then, in a thread."""

    name: str
    every: float
    """Seconds."""
    first: float
    """Seconds until the first time: a service that is started anew every night does it too."""
    do: Callable[[], Iterable[Problem]]
    """Returns what it found to be wrong. Raises ``FeedserviceError`` when it could not be done."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the command line brings together for the daemon."""

    load: Callable[[], Loaded]
    """Reads the configuration anew. Raises ``ConfigError``."""
    make: Callable[[Loaded, Wanted, datetime], Report]
    """Makes a pass and shows what it published; called in a thread. Raises ``FeedserviceError``."""
    look: Callable[[Loaded], bool] = lambda _: False
    """Looks at what there is before the first pass, while the system is asked for events, and tells whether it is as an earlier
    process left it; called in a thread."""
    changed: Callable[[Loaded], None]
    """Takes in a configuration that was read anew and may be the same; called in the event loop, before the next pass."""
    alone: Callable[[], bool] = lambda: True
    """Says whether nobody else can build here: whoever removes the lock lets another one begin."""
    errands: Sequence[Errand] = ()
    alive: Manager


class Daemon:
    """The service. Made and run in one event loop."""

    def __init__(self, loaded: Loaded, work: Work, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """``clock`` returns aware instants in UTC."""
        self.loaded = loaded
        """The configuration that is in force."""
        self.clock = clock
        self.began = clock()
        self.ready = False
        self.last: Outcome | None = None
        """The last pass, good or bad."""
        self.report: Report | None = None
        """Of the last pass that could do its work."""
        self.refused: tuple[Problem, ...] = ()
        """What is wrong with the configuration that lies in the file, while an older one is in force."""
        self.failures = 0
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Stage → seconds that all passes spent in it; ``""`` is whole passes."""
        self.timetable = Timetable()
        self.passes = Passes(self._make, clock=clock, done=self._done)
        self.changes = Changes(_patience(loaded), busy=git_at_work(content_directory(loaded)))
        self.watcher: Watcher | None = None
        self.services: list[Service] = []
        """Further long-running tasks: started in order before the first pass, stopped in reverse order after the last."""
        self.managed = work.alive.listens
        """A service manager has started this process."""
        self._work = work
        self._read = loaded
        """The configuration as it was last read, with what only a restart will put in force."""
        self._errands: set[asyncio.Future[list[Problem]]] = set()
        self._told = ""
        self._in_vain = 0
        """Passes since the last one that could do its work."""
        self._beaten = time.monotonic()

    async def run(self, stopping: asyncio.Event) -> None:
        """Do the work until ``stopping`` is set. Raises ``RefusedError`` when it cannot be begun."""
        tasks: list[asyncio.Task[None]] = []
        async with contextlib.AsyncExitStack() as started:
            started.callback(self.passes.close)
            started.push_async_callback(self._errands_done)
            started.push_async_callback(_ended, tasks)
            for service in self.services:
                await service.start()
                started.push_async_callback(service.stop)
            self.timetable.start()
            started.callback(self.timetable.stop)
            tasks += [asyncio.ensure_future(self.passes.run()), asyncio.ensure_future(self._second_hand())]
            await self._begin()
            tasks.append(asyncio.ensure_future(self._read_changes()))
            started.push_async_callback(self._deaf)
            await self._until(stopping)
            self._work.alive.stopping()
            logger.info("stopping")
            self.ready = False
            if not self._work.alone():
                raise RefusedError(*_REMOVED)

    async def _until(self, stopping: asyncio.Event) -> None:
        # With the lock gone there is an end, before there are two services.
        while not stopping.is_set() and self._work.alone():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _SECOND)

    async def _errands_done(self) -> None:
        """Wait for what goes on in threads: they cannot be ended, and what they use is closed after this."""
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def _begin(self) -> None:
        """Listen before the first pass: what changes during it is noticed.

        When everything is as it was left, the service is ready before the pass, which has nothing to publish.
        """
        _, rests = await asyncio.gather(self._watch(), asyncio.to_thread(self._work.look, self.loaded))
        if rests:
            self.ready = True
            self._work.alive.ready("everything is as it was left")
        first = await self.passes.ask(Wanted(reasons=("start",)))
        if first.report is None:
            await self._deaf()
            raise RefusedError(first.refusal, first.hint)
        self._keep_time()
        self.ready = True
        self._work.alive.ready(story.status(first.report))

    # What is asked for

    def ask(self, wanted: Wanted) -> asyncio.Future[Outcome]:
        """Have a pass made that begins from now on."""
        return self.passes.ask(wanted)

    async def reload(self) -> tuple[Problem, ...]:
        """Read the configuration anew and put it in force, and make a pass; return what stands against it.

        With a mistake in it, the previous one stays in force.
        """
        self._work.alive.reloading()
        try:
            loaded = await asyncio.to_thread(self._work.load)
        except ConfigError as error:
            self.refused = error.problems
            _log(error.problems)
            logger.warning("the configuration has mistakes: the previous one stays in force")
            self._say_ready()
            return error.problems
        self.refused = ()
        before, self.loaded = self.loaded, fixed.kept(loaded, self.loaded)
        read, self._read = self._read, loaded
        waiting = fixed.changed(self.loaded, loaded)
        if waiting and waiting != fixed.changed(self.loaded, read):
            logger.warning("%s: in force after `feedservice restart`", ", ".join(waiting))
            if "state" in waiting:
                # Who wants it to stop looks there.
                logger.warning("until then `FEEDSERVICE_STATE=%s feedservice stop` finds it", self.loaded.config.state)
        self._work.changed(self.loaded)
        if before.config != self.loaded.config:
            logger.info("the configuration changed")
            self.changes.patience = _patience(self.loaded)
            self._keep_time()
            await self._watch()
        await self.passes.ask(Wanted(reasons=("configuration",)))
        self._say_ready()
        return ()

    def _say_ready(self) -> None:
        if self.report is not None:
            self._work.alive.ready(story.status(self.report))

    # Passes

    def _make(self, wanted: Wanted, now: datetime) -> Report:
        if not self._work.alone():
            raise RefusedError(*_REMOVED)
        return self._work.make(self.loaded, wanted, now)

    def _done(self, outcome: Outcome) -> None:
        before, self.last = self.report, outcome
        self.seconds[""] += outcome.took
        if outcome.report is None:
            self.failures += 1
            # The same reason every minute would bury everything else.
            if outcome.refusal != self._told:
                logger.error(
                    "nothing was done: %s%s",
                    outcome.refusal,
                    f" ({outcome.hint})" if outcome.hint else "",
                    extra=story.of(outcome),
                )
            self._told = outcome.refusal
            self._in_vain += 1
            wait = min(_AGAIN**self._in_vain, seconds(self.loaded.config.schedule.rescan))
            self.timetable.at("again", self.clock() + timedelta(seconds=wait), self._again)
            return
        self._told = ""
        self._in_vain = 0
        self.timetable.at("again", None, self._again)
        for stage, took in outcome.report.stages.items():
            self.seconds[stage] += took
        self.report = outcome.report
        for problem in story.new(before, outcome.report):
            logger.log(story.level(problem), "%s", story.line(problem), extra=story.fields_of(problem))
        logger.log(
            logging.INFO if story.tells(outcome, before) else logging.DEBUG, "%s", story.told(outcome), extra=story.of(outcome)
        )
        self.timetable.at("due", outcome.report.due, self._due)
        if self.ready:
            self._work.alive.tell(STATUS=story.status(outcome.report))

    # Time

    def _keep_time(self) -> None:
        self.timetable.every("rescan", seconds(self.loaded.config.schedule.rescan), self._rescan)
        for errand in self._work.errands:
            if self.timetable.when(errand.name) is None:
                self.timetable.every(errand.name, errand.every, functools.partial(self._run, errand), first=errand.first)

    async def _due(self) -> None:
        await self.passes.ask(Wanted(reasons=("due",), paths=frozenset()))

    async def _again(self) -> None:
        if self.watcher is not None:
            # The directory that was missing may be there again.
            await asyncio.to_thread(self.watcher.look)
        await self.passes.ask(Wanted(reasons=("again",)))

    async def _rescan(self) -> None:
        if self.watcher is not None:
            await asyncio.to_thread(self.watcher.look)
        if await asyncio.to_thread(self._config_differs):
            await self.reload()
            return
        await self.passes.ask(Wanted(reasons=("rescan",)))

    async def _second_hand(self) -> None:
        """Once a second: notice that the time was set, and say that we live."""
        watchdog = self._work.alive.watchdog
        while True:
            self._beaten = time.monotonic()
            moved = self.timetable.look()
            if moved:
                logger.warning("the time moved by %+.1f s: it was set, or the machine slept", moved)
                self.passes.ask(Wanted(reasons=("time",)))
            if watchdog is not None:
                self._work.alive.alive()
            await asyncio.sleep(_SECOND if watchdog is None else min(_SECOND, watchdog / 3))

    async def _run(self, errand: Errand) -> None:
        work = asyncio.ensure_future(asyncio.to_thread(lambda: list(errand.do())))
        self._errands.add(work)
        work.add_done_callback(self._errands.discard)
        try:
            _log(await work)
        except FeedserviceError as error:
            logger.error("%s: %s", errand.name, error)  # noqa: TRY400  -- an expected failure; there is nothing in a traceback

    def late(self) -> str | None:
        """Return what is not on time; None when everything is."""
        if time.monotonic() - self._beaten > _LATE:
            return "the service does not keep its second"
        due = self.timetable.when("due")
        if due is not None and self.passes.idle and (self.clock() - due).total_seconds() > _LATE:
            return f"a change was due at {due:%Y-%m-%dT%H:%M:%SZ}"
        return None

    # Changes of files

    async def _watch(self) -> None:
        """Listen to the area that the configuration names."""
        area = _area(self.loaded)
        wanted = self.loaded.config.schedule.watch != "off"
        if self.watcher is not None and self.watcher.area == area and wanted:
            return
        await self._deaf()
        if not wanted:
            logger.info("schedule.watch is off: %s is looked through every %s", area.content, self.loaded.config.schedule.rescan)
            return
        loop = asyncio.get_running_loop()

        def hear(paths: Iterable[str], quiet: float) -> None:
            loop.call_soon_threadsafe(self.changes.hear, paths, quiet)

        self.watcher = Watcher(area, hear)
        await asyncio.to_thread(self.watcher.start)

    async def _deaf(self) -> None:
        if self.watcher is not None:
            await asyncio.to_thread(self.watcher.stop)
            self.watcher = None

    async def _read_changes(self) -> None:
        async for paths in self.changes.settled():
            watcher: Watcher | None = self.watcher
            if watcher is not None and await asyncio.to_thread(watcher.look):
                # Between the old directory and the new one anything may have happened.
                self.passes.ask(Wanted(reasons=("content",)))
                continue
            ours = {str(self.loaded.path), str(self.loaded.path.resolve())}
            ours_changed = not ours.isdisjoint(paths)
            if ours_changed and await asyncio.to_thread(self._config_differs):
                await self.reload()
            content = paths - ours
            if content:
                self.passes.ask(Wanted(reasons=("content",), paths=_below(content_directory(self.loaded), content)))

    def _config_differs(self) -> bool:
        try:
            # One that is whole again is news, though it be the one in force.
            return self._work.load().config != self._read.config or bool(self.refused)
        except ConfigError as error:
            # One that is told already is no news.
            return error.problems != self.refused


def _below(folder: Path, paths: Iterable[str]) -> frozenset[str] | None:
    """Return paths as they are on disk, from a directory on; None when they are not below it, or cannot be told exactly."""
    found: set[str] = set()
    for each in paths:
        path = Path(each)
        # A name that is no UTF-8 was told with other characters in it.
        if path == folder or not path.is_relative_to(folder) or "\ufffd" in each:
            return None
        found.add(path.relative_to(folder).as_posix())
    return frozenset(found)


def _area(loaded: Loaded) -> Area:
    root, config = loaded.root, loaded.config
    outside = ((root / config.output).resolve(), (root / config.state).resolve())
    return Area(content=content_directory(loaded), config=loaded.path, outside=outside)


def _patience(loaded: Loaded) -> Patience:
    return Patience(hold=delay(loaded.config.schedule.settle))


def _log(problems: Iterable[Problem]) -> None:
    for problem in problems:
        logger.log(story.level(problem), "%s", story.line(problem), extra=story.fields_of(problem))


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
