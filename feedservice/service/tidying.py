"""Housekeeping of the outbox, once an hour: what has ended is forgotten, and what a wrong clock has put off comes back.

A machine without a battery boots years ago or years ahead, and is corrected some minutes later. By a clock that is ahead every
lease has ended and everything is old. So nothing is forgotten by a clock that has not gone for an hour as the machine's own has.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from feedservice.push import outbox
from feedservice.store.outbox import Outbox

EVERY = timedelta(hours=1)
_DRIFT = 4 * 86400.0
"""Seconds by which the time of day may go otherwise than the machine's own clock: less is a laptop that slept over a weekend."""

logger = logging.getLogger("feedservice.deliver")


class Tidier:
    """Looks after one outbox. Used in one task."""

    def __init__(self, store: Outbox, keep: Callable[[], float], *, lease: float) -> None:
        """``keep``: seconds for which ended deliveries are remembered. ``lease``: seconds of a claim."""
        self._store = store
        self._lease = lease
        self._keep = keep
        self._last: tuple[datetime, float] | None = None
        """When it was looked after: the time of day, and the machine's clock."""

    async def look(self, now: datetime, clock: float) -> None:
        """Do what is to be done now; ``clock`` is an instant of a steady clock. Raises ``StoreError``."""
        if self._last is None:
            self._last = (now, clock)
            await self._hasten(now)
            return
        passed, really = (now - self._last[0]).total_seconds(), clock - self._last[1]
        if abs(passed - really) > _DRIFT:
            self._last = (now, clock)
            logger.warning("the clock was set by %.0f hours: nothing is forgotten for an hour", (passed - really) / 3600)
            await self._hasten(now)
        elif passed >= EVERY.total_seconds():
            self._last = (now, clock)
            await self._hasten(now)
            await self._forget(now)

    async def _hasten(self, now: datetime) -> None:
        hastened = await asyncio.to_thread(self._store.hasten, now, longest=outbox.LONGEST, lease=self._lease)
        if hastened:
            logger.warning("%d deliveries were put off by a clock that was wrong, and are tried now", hastened)

    async def _forget(self, now: datetime) -> None:
        store = self._store
        await asyncio.to_thread(store.expire, now)
        dropped = await asyncio.to_thread(store.withdraw, now, now - timedelta(seconds=outbox.SPAN))
        if dropped:
            logger.warning("%d deliveries were dropped: what they are about is not public", dropped)
        await asyncio.to_thread(store.forget_ended, now - timedelta(seconds=self._keep()))
