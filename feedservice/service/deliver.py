"""The delivery loop: claim what is due, send it, settle what came of it.

::

          ┌──────────── wake: something was queued, or is due ────────────┐
          ▼                                                               │
    settle what ended ─→ claim as much as there is room for ─→ lanes ─→ send … Outcome ─→ ended
     (one transaction)        (one transaction)

The store is written in batches as large as what has come together in the meantime, while requests go on being sent. An attempt is
on the disk before its request is made, so a crash repeats a message at most once and loses none. Nothing that another host does,
and nothing that the store does for a while, ends the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from feedservice.deliveries import Claim, Delivery, Failure, Lane, Outcome, Request, TopicVersion
from feedservice.push import announce, hub
from feedservice.push.kinds import Terms
from feedservice.service.bodies import Bodies
from feedservice.service.lanes import Lanes, Pace, Step
from feedservice.service.results import Item, Results, lane_of
from feedservice.service.tidying import Tidier
from feedservice.store import StoreError
from feedservice.store.outbox import Outbox

LEASE = 300.0
"""Seconds of a claim: more than a full line takes to be sent."""
MARGIN = 30.0
"""Seconds before the end of its lease from which on an item is not sent any more: longer than a request may take."""
LONGEST = 10.0
"""Seconds after which the store is asked even when nothing was heard: another process may have queued something."""
_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds to wait after the store has failed once, twice …"""
_ABSENT = 60.0
"""Seconds for which a subscription is given back whose topic has nothing to send."""
_DAY = 86400.0

logger = logging.getLogger("feedservice.deliver")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the loop has done since it was started, and what it is doing."""

    confirmed: int = 0
    failed: int = 0
    """Attempts that were not confirmed."""
    given_back: int = 0
    ignored: int = 0
    """Settlements with an old fence: the lease had ended meanwhile."""
    under_way: int = 0
    waiting: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the loop acts with, chosen by who wires it."""

    outbox: Outbox
    send: Callable[[Request], Awaitable[Outcome]]
    terms: Callable[[], Terms]
    """Read anew for every attempt: keys may change. ``now`` of it is that of the loop."""
    now: Callable[[], datetime]
    jitter: Callable[[], float]
    """A random number from -1 to 1."""
    keep: Callable[[], float] = lambda: 30 * _DAY
    """Seconds for which ended deliveries are remembered (``announce.keep``); asked each time."""


class Deliverer:
    """Sends what is due for as long as it runs."""

    def __init__(self, tools: Tools, pace: Pace | None = None) -> None:
        """Nothing is done before ``start``."""
        self._tools = tools
        self._bodies = Bodies(tools.outbox)
        self._tidier = Tidier(tools.outbox, tools.keep, lease=LEASE)
        self._lanes: Lanes[Item] = Lanes(pace or Pace())
        self._results = Results()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._stopping = False
        self._hungry = True
        """Something may be due that was not claimed yet."""
        self._due: datetime | None = None
        self._crowded: asyncio.TimerHandle | None = None
        self._pumping = False
        """What can be sent is going to be, in the next turn of the loop."""
        self._failures = 0
        """Of the store, in a row."""
        self._told = ""
        """What was said of the last of them."""
        self._unread: dict[str, datetime] = {}
        """Why items were passed over → when that was said."""
        self._counted: dict[str, int] = {}
        """Of ``Figures``, by name."""

    async def start(self) -> None:
        """Begin to claim and send."""
        self._loop = asyncio.get_running_loop()
        self._running = self._loop.create_task(self._run(), name="deliver")

    def wake(self) -> None:
        """Say that something was queued. May be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    async def stop(self, grace: float = 5.0) -> None:
        """Claim nothing more, give back what was not sent, and wait for what was, ``grace`` seconds long.

        What is not answered by then counts as an attempt that failed.
        """
        self._stopping = True
        for item in self._lanes.drain():
            self._give_back(item, 0)
        self._woken.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._woken.set()
        if self._running is not None:
            await self._running

    @property
    def figures(self) -> Figures:
        """What was done, and what is being done."""
        waiting = sum(self._lanes.backlog.values())
        return Figures(**self._counted, under_way=self._lanes.under_way, waiting=waiting)

    # The store's side

    async def _run(self) -> None:
        while not (self._stopping and not self._tasks and not self._results):
            self._woken.clear()
            try:
                await self._settle()
                await self._claim()
            except Exception as error:  # a bug in one statement must not end what tells everybody of everything
                if self._stopping and self._failures >= len(_PAUSES):
                    # The leases end by themselves.
                    logger.error("deliveries could not be settled before the end: %s", _said(error))  # noqa: TRY400
                    return
                if str(error) != self._told:
                    # The same reason every five seconds would bury everything else.
                    self._told = str(error)
                    if isinstance(error, StoreError):
                        logger.warning("the outbox cannot be reached: %s", _said(error))
                    else:
                        logger.exception("the outbox could not be used")
                await asyncio.sleep(_PAUSES[min(self._failures, len(_PAUSES) - 1)])
                self._failures += 1
                continue
            if self._failures:
                self._failures, self._told = 0, ""
                logger.info("the outbox is reached again")
            await self._sleep()

    async def _settle(self) -> None:
        taken = self._results.take()
        if not taken:
            return
        try:
            ignored = await self._written(taken)
        except StoreError:
            self._results.put_back(taken)
            raise
        except Exception:  # as above
            logger.exception("what came of deliveries could not be written together")
            ignored = await self._one_by_one(taken)
        if ignored:
            self._count("ignored", ignored)
        self._note_due(taken)

    async def _written(self, taken: Results) -> int:
        return await asyncio.to_thread(self._tools.outbox.settle, taken.deliveries, taken.subscriptions)

    async def _one_by_one(self, taken: Results) -> int:
        """Write all but what makes an error of the program: that is claimed again when its lease has ended."""
        ignored, waiting = 0, taken.one_by_one()
        while waiting:
            each = waiting.pop()
            try:
                ignored += await self._written(each)
            except StoreError:
                for other in (each, *waiting):
                    self._results.put_back(other)
                raise
            except Exception as error:  # noqa: BLE001 - said in full before
                ignored += 1
                logger.error("what came of one delivery could not be written: %r", error)  # noqa: TRY400 - as above
        return ignored

    def _note_due(self, written: Results) -> None:
        if any(each.follow or each.live or each.verified for each in written.deliveries):
            self._hungry = True
        soonest = written.soonest()
        if soonest is not None and (self._due is None or soonest < self._due):
            self._due = soonest

    async def _claim(self) -> None:
        now = self._tools.now()
        await self._tidier.look(now, asyncio.get_running_loop().time())
        if self._stopping or not (self._hungry or (self._due is not None and self._due <= now)):
            return
        room = self._lanes.room()
        if not room:
            return
        busy = self._lanes.busy(now)
        self._hungry, self._due = False, None
        try:
            await self._claimed(now, room, busy)
        except Exception:
            self._hungry = True
            raise

    async def _claimed(self, now: datetime, room: Mapping[Lane, int], busy: frozenset[str]) -> None:
        claim = await asyncio.to_thread(self._tools.outbox.claim, now, lanes=room, lease=LEASE, busy=busy)
        self._tell_unread(claim, now)
        try:
            bodies = await asyncio.to_thread(self._bodies.of, claim.subscriptions)
        except Exception:
            # Nobody waits until the lease has ended because something could not be looked up.
            self._line_up(claim, None)
            raise
        self._line_up(claim, bodies)
        # All that was asked for has come: there may be more. What a lane without room, or a busy host, has is asked for later.
        counts = dict.fromkeys(Lane, 0)
        for delivery in claim.deliveries:
            counts[delivery.lane] += 1
        for subscription in claim.subscriptions:
            counts[lane_of(subscription)] += 1
        if any(counts[lane] >= most for lane, most in room.items()) or len(room) < len(Lane) or busy:
            self._hungry = True
        else:
            self._due = await asyncio.to_thread(self._tools.outbox.next_due, now)

    def _tell_unread(self, claim: Claim, now: datetime) -> None:
        for why in claim.unread:
            if why not in self._unread or now - self._unread[why] >= timedelta(seconds=_DAY):
                self._unread[why] = now
                logger.error("some deliveries are passed over: %s", why)

    async def _sleep(self) -> None:
        if self._results or self._woken.is_set() or (self._stopping and not self._tasks):
            return
        wait = LONGEST
        # Who stops, or has no room, claims nothing, whatever is due: it waits for what is under way.
        if not self._stopping and self._lanes.room():
            if self._due is not None:
                wait = min(wait, (self._due - self._tools.now()).total_seconds())
            if self._hungry:
                # Lines that get shorter say so; breakers that close do not.
                wait = min(wait, 1.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(wait, 0.001)):
                await self._woken.wait()
        if not self._woken.is_set():
            self._hungry = True

    def _wake(self) -> None:
        self._hungry = True
        self._woken.set()

    # The network's side

    def _line_up(self, claim: Claim, bodies: Mapping[tuple[str, int], TopicVersion] | None) -> None:
        """Put what was claimed into lines; ``bodies`` is None when they could not be looked up."""
        over: dict[str, int] = {}
        for delivery in claim.deliveries:
            self._add(delivery.lane, delivery.host, Item(delivery, claim.until), over)
        for each in claim.subscriptions:
            version = bodies.get((each.key.topic, each.delivered)) if bodies is not None else None
            item = Item(each, claim.until, version)
            if version is None:
                self._give_back(item, _ABSENT if bodies is not None else 0)
            else:
                self._add(lane_of(each), each.host, item, over)
        self._pump()

    def _add(self, lane: Lane, host: str, item: Item, over: dict[str, int]) -> None:
        if self._stopping or not self._lanes.add(lane, host, item):
            # As many as fit into a line wait there; the others come back at the pace at which their host takes them.
            over[host] = over.get(host, 0) + 1
            self._give_back(item, over[host] / self._lanes.pace.rules.rate)

    def _pump(self) -> None:
        loop, now = asyncio.get_running_loop(), self._tools.now()
        for step in self._lanes.steps(now, loop.time()):
            if step.send is not None:
                self._begin(step, step.send, loop)
            elif step.again is not None:
                loop.call_later(step.again, self._again, step.lane, step.host)
            for item in step.back:
                self._hold_back(item, step.seconds)
        crowded = self._lanes.crowded(loop.time())
        if crowded is not None and self._crowded is None:
            self._crowded = loop.call_later(max(crowded, 0.001), self._less_crowded)
        if self._lanes.room():
            self._woken.set()

    def _again(self, lane: Lane, host: str) -> None:
        self._lanes.wake(lane, host)
        self._pump_if_running()

    def _less_crowded(self) -> None:
        self._crowded = None
        self._pump_if_running()

    def _pump_if_running(self) -> None:
        self._pumping = False
        if not self._stopping:
            self._pump()

    def _begin(self, step: Step[Item], item: Item, loop: asyncio.AbstractEventLoop) -> None:
        number = self._lanes.begun(step.lane, loop.time())
        task = loop.create_task(self._attempt(item, step.lane, step.host, number))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, item: Item, lane: Lane, host: str, number: int) -> None:
        outcome: Outcome | None = None
        now = self._tools.now()
        try:
            if (item.until - now).total_seconds() <= MARGIN:
                self._give_back(item, 0)
                return
            try:
                outcome = await self._tools.send(self._request(item, now))
            except asyncio.CancelledError:
                outcome = Outcome(started=now, duration=0, failure=Failure.TIMEOUT, detail="the service was stopped")
                raise
            except Exception as error:  # a bug in one kind must not hold up the others, nor be tried without end
                logger.exception("a delivery could not be made")
                outcome = Outcome(started=now, duration=0, failure=Failure.PROTOCOL, detail=f"internal error: {error!r:.200}")
        finally:
            if outcome is not None:
                self._ended(item, outcome)
            self._lanes.done(lane, host, number, outcome, self._tools.now())
            self._woken.set()
            if not self._pumping:
                # Once for all that have ended in this turn of the loop.
                self._pumping = True
                asyncio.get_running_loop().call_soon(self._pump_if_running)

    def _request(self, item: Item, now: datetime) -> Request:
        if isinstance(item.what, Delivery):
            return announce.request(item.what, dataclasses.replace(self._tools.terms(), now=now))
        assert item.version is not None
        return hub.distribution(item.what, item.version, None)

    def _ended(self, item: Item, outcome: Outcome) -> None:
        self._count("confirmed" if outcome.confirmed else "failed")
        self._results.ended(item, outcome, jitter=self._tools.jitter(), now=self._tools.now())

    def _give_back(self, item: Item, seconds: float) -> None:
        self._count("given_back")
        self._results.given_back(item, seconds, self._tools.now())
        self._woken.set()

    def _hold_back(self, item: Item, seconds: float) -> None:
        self._count("given_back")
        self._results.held_back(item, seconds, self._tools.now())
        self._woken.set()

    def _count(self, what: str, number: int = 1) -> None:
        self._counted[what] = self._counted.get(what, 0) + number


def _said(error: Exception) -> str:
    return f"{error} ({error.hint})" if isinstance(error, StoreError) else repr(error)
