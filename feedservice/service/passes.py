"""Passes one after the other: requests that come during one are joined into the next.

::

    ask ─→ Wanted ─joined→ Wanted ─ one thread ─→ Outcome ─→ everybody who asked before it began

Who asks gets what a pass did that began after the question: what was saved before it is in it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from feedservice.errors import FeedserviceError
from feedservice.service.report import Report

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a pass is asked to do, and why."""

    reasons: tuple[str, ...]
    """In the order of asking, without repeats."""
    paths: frozenset[str] | None = None
    """All that can have changed, relative to the content directory, as on disk; None: look at every file."""
    full: bool = False
    """Read and render everything anew."""
    emptied: bool = False
    """The content directory may have lost all its posts."""

    def joined(self, other: Wanted) -> Wanted:
        """Return what does as much as both."""
        return Wanted(
            reasons=tuple(dict.fromkeys((*self.reasons, *other.reasons))),
            paths=None if self.paths is None or other.paths is None else self.paths | other.paths,
            full=self.full or other.full,
            emptied=self.emptied or other.emptied,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one pass."""

    number: int
    """From 1."""
    wanted: Wanted
    began: datetime
    """UTC."""
    took: float
    """Seconds."""
    report: Report | None
    """None when nothing could be done."""
    refusal: str = ""
    hint: str = ""

    @property
    def failed(self) -> bool:
        """Say whether nothing was done."""
        return self.report is None


Make = Callable[[Wanted, datetime], Report]
"""Makes a pass as of an instant. Raises ``FeedserviceError`` when nothing could be done."""


class Passes:
    """Makes passes in a thread of its own, never two at a time. Belongs to one event loop."""

    def __init__(self, make: Make, *, clock: Callable[[], datetime], done: Callable[[Outcome], None]) -> None:
        """``done`` is called in the event loop after every pass, before those who asked hear of it."""
        self._make = make
        self._clock = clock
        self._done = done
        self._next: Wanted | None = None
        self._waiting: list[asyncio.Future[Outcome]] = []
        self._something = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pass")
        self.running: Wanted | None = None
        self.since: float | None = None
        """When the pass that runs began, by ``time.monotonic``."""
        self.count = 0

    def ask(self, wanted: Wanted) -> asyncio.Future[Outcome]:
        """Have a pass made; the result is that of one that begins from now on."""
        self._next = wanted if self._next is None else self._next.joined(wanted)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._something.set()
        return future

    @property
    def idle(self) -> bool:
        """Say whether no pass runs and none is asked for."""
        return self._next is None and self.running is None

    async def run(self) -> None:
        """Make the passes that are asked for, until this is cancelled; the one that runs then is finished first."""
        while True:
            await self._something.wait()
            self._something.clear()
            if self._next is None:
                continue
            wanted, self._next = self._next, None
            waiting, self._waiting = self._waiting, []
            self.running = wanted
            pass_ = asyncio.ensure_future(self._one(wanted))
            try:
                await asyncio.shield(pass_)
            except asyncio.CancelledError:
                self._told(waiting, await pass_)
                raise
            self._told(waiting, pass_.result())

    def close(self, waiting: Sequence[asyncio.Future[Outcome]] = ()) -> None:
        """Let go of the thread; whoever still waits is told that nothing will come."""
        for future in (*waiting, *self._waiting):
            future.cancel()
        self._thread.shutdown(wait=True)

    def _told(self, waiting: Sequence[asyncio.Future[Outcome]], outcome: Outcome) -> None:
        self.running = None
        self.since = None
        self._done(outcome)
        for future in waiting:
            if not future.done():
                future.set_result(outcome)

    async def _one(self, wanted: Wanted) -> Outcome:
        self.count += 1
        number, began = self.count, self._clock()
        self.since = start = time.monotonic()
        report, refusal, hint = None, "", ""
        try:
            report = await asyncio.get_running_loop().run_in_executor(self._thread, self._make, wanted, began)
        except FeedserviceError as error:
            refusal, hint = str(error), str(getattr(error, "hint", ""))
        except Exception as error:
            # A bug ends the pass it is in and not the service: what was published stays, and the log has it all.
            logger.exception("pass %d ended in an error of the program", number)
            refusal, hint = f"{type(error).__name__}: {error}", "this is a bug of feedservice; the log has more"
        took = time.monotonic() - start
        return Outcome(number=number, wanted=wanted, began=began, took=took, report=report, refusal=refusal, hint=hint)
