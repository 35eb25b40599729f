"""What happens at an instant, and what happens again and again. The door of APScheduler.

Instants are given in UTC: what a local time means is decided once, by ``dates``, and the library would read some of them
otherwise. Waiting is done by a clock that stands still while the machine sleeps, and that does not know when the time is set: so
``look``, called once a second, compares the two. Nothing happens before its time, and what was missed happens once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

Do = Callable[[], Awaitable[None]]

_SET = 1.0
"""Seconds by which the time must have moved by itself to count as set, or as slept through."""

logger = logging.getLogger(__name__)


class Timetable:
    """Jobs by name, in the event loop that starts it."""

    def __init__(self) -> None:
        """Nothing runs before ``start``."""
        self._scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._periods: dict[str, timedelta] = {}
        self._offset = 0.0

    def start(self) -> None:
        """Begin."""
        self._offset = time.time() - time.monotonic()
        self._scheduler.start()

    def stop(self) -> None:
        """End; what runs now is left to finish."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def every(self, name: str, seconds: float, do: Do, *, first: float | None = None) -> None:
        """Do something again and again, first when that time, or ``first`` seconds, have passed; replaces what had the name."""
        self._periods[name] = timedelta(seconds=seconds)
        begin = datetime.now(UTC) + timedelta(seconds=seconds if first is None else first)
        trigger = IntervalTrigger(seconds=seconds, timezone=UTC)
        self._scheduler.add_job(do, trigger, id=name, replace_existing=True, next_run_time=begin)

    def at(self, name: str, instant: datetime | None, do: Do) -> None:
        """Do something once, at an instant or at once if that is over; None: not at all. Replaces what had the name."""
        if instant is None:
            if self._scheduler.get_job(name) is not None:
                self._scheduler.remove_job(name)
            return
        self._scheduler.add_job(do, DateTrigger(instant.astimezone(UTC)), id=name, replace_existing=True)

    def when(self, name: str) -> datetime | None:
        """Return when a job is next due, in UTC; None when it is not."""
        job = self._scheduler.get_job(name)
        return None if job is None or job.next_run_time is None else job.next_run_time.astimezone(UTC)

    def look(self) -> float:
        """Notice that the time was set or slept through, and see to what is due now; return by how many seconds it moved."""
        offset = time.time() - time.monotonic()
        moved = offset - self._offset
        if abs(moved) < _SET:
            return 0.0
        self._offset = offset
        if moved < 0:
            # The next turns were fixed by the old time; without this they would wait until it comes again.
            now = datetime.now(UTC)
            for name, period in self._periods.items():
                self._scheduler.modify_job(name, next_run_time=now + period)
        self._scheduler.wakeup()
        return moved
