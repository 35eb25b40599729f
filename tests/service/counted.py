"""Subscribers that count what they get, one in five of which hangs at first, and a store that is full of them."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from feedservice.deliveries import Announcement, Trust
from feedservice.push.hosts import Rules
from feedservice.push.kinds import Terms
from feedservice.service.deliver import Tools
from feedservice.service.lanes import Pace
from feedservice.service.sender import Sender
from feedservice.service.transport import Limits, Transport
from feedservice.store.outbox import Outbox
from feedservice.store.sql import SqlStore
from tests.service.loopback import LOOPBACK, Server, Visit, nobody, serving
from tests.service.test_deliver import FINE, subscriber
from tests.store.outbox_contract import TOPIC, version

ASKED = os.environ.get("TESTS_DELIVERIES")
"""How many deliveries, such as 10000; which takes some minutes."""
COUNT = int(ASKED or "60")
HANGING = 5
"""One callback of so many never answers the first time."""
PACE = Pace(rules=Rules(rate=100_000, burst=100_000, troubles=1_000_000))


@dataclasses.dataclass(slots=True)
class Clock:
    """Time that passes quickly, so that waits between attempts are short."""

    speed: float = 20
    began: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))
    ahead: float = 0
    """Seconds."""

    def __call__(self) -> datetime:
        return self.began + timedelta(seconds=self.ahead) + self.speed * (datetime.now(UTC) - self.began)


@dataclasses.dataclass(slots=True)
class Crowd:
    """What the callbacks got."""

    server: Server
    seen: Counter[bytes] = dataclasses.field(default_factory=Counter)
    """Path → requests."""

    @property
    def arrived(self) -> int:
        return len(self.seen)

    def fill(self, store: SqlStore, count: int = COUNT) -> None:
        """Publish a second version, and subscribe so many to the first; each on a host of its own."""
        now = datetime.now(UTC)
        for number in (1, 2):
            # Published in the future: nothing is given up for its age.
            made = dataclasses.replace(version(number), published_at=now + timedelta(days=9))
            store.announce(Announcement(topics=(made,)))
        urls = (
            f"http://127.{number // 60_000}.{number // 250 % 240}.{number % 250 + 1}:{self.server.port}"
            f"/{number}{'hang' if number % HANGING == 0 else ''}"
            for number in range(count)
        )
        store.import_subscriptions(subscriber(url, now, lease_end=now + timedelta(days=300)) for url in urls)

    def judge(self, crashes: int, count: int = COUNT, flying: int | None = None) -> str:
        """See that nothing was lost, and nothing repeated more than once for each crash; return the numbers.

        ``flying``: how many requests were under way when the crashes came, if that is known; no more can be repeated.
        """
        assert len(self.seen) == count
        # One that hung is asked once more than the others.
        often = {path: number for path, number in self.seen.items() if number > 1 + crashes + path.endswith(b"hang")}
        assert not often, f"{len(often)} were asked more often than they may be, such as {sorted(often.items())[:5]}"
        once = sum(number == 1 for path, number in self.seen.items() if not path.endswith(b"hang"))
        hanging = sum(path.endswith(b"hang") for path in self.seen)
        more = sum(number - 1 - path.endswith(b"hang") for path, number in self.seen.items())
        assert flying is None or more <= flying, f"{more} repeated, of {flying} that were under way"
        return f"{count} deliveries, {hanging} hung at first, {crashes} crashes: 0 lost, {more} repeated, {once} at once and once"


@asynccontextmanager
async def crowd() -> AsyncIterator[Crowd]:
    """Run the server that all callbacks lead to."""
    made: list[Crowd] = []

    async def callback(visit: Visit) -> None:
        while True:
            head, _ = await visit.request()
            path = head.split(b" ")[1]
            seen = made[0].seen
            seen[path] += 1
            if path.endswith(b"hang") and seen[path] == 1:
                await asyncio.Event().wait()
            await visit.send(FINE)

    async with serving(callback, "0.0.0.0") as server:
        made.append(Crowd(server))
        yield made[0]


def behind(store: SqlStore) -> int:
    """Return how many have not got the second version."""
    standing = store.topic_standing(TOPIC, datetime.now(UTC))
    assert standing is not None
    return standing.active - standing.confirmed


def way_out(total: float) -> Transport:
    """Return a way to callbacks on loopback; ``total`` seconds are what one may take."""
    return Transport(allowed={Trust.CALLBACK: LOOPBACK}, resolve=nobody, limits=Limits(total=total))


def tools(outbox: Outbox, sender: Sender, clock: Clock) -> Tools:
    """Return what a loop acts with, as it would be with a random number generator that is the same in every run."""
    jitter = random.Random(1)
    return Tools(
        outbox=outbox, send=sender.send, terms=lambda: Terms(now=clock()), now=clock, jitter=lambda: jitter.uniform(-1, 1)
    )
