"""A process that delivers until it is killed by itself, at the instant that it was told: ``killed.py STORE STAGE NTH``."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from feedservice.deliveries import Outcome, Request
from feedservice.service.deliver import LEASE, Deliverer
from feedservice.service.sender import Sender
from feedservice.store.sql import SqlStore, open_store
from tests.service.counted import PACE, Clock, tools, way_out

STAGES = (
    "before claim",
    "in claim",
    "after claim",
    "before send",
    "while sending",
    "after send",
    "before settle",
    "in settle",
    "after settle",
)


class Fuse:
    """Kills the process the nth time that a stage is reached."""

    def __init__(self, stage: str, nth: int) -> None:
        self.stage, self.left = stage, nth

    def reached(self, stage: str) -> None:
        if stage == self.stage:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Fused:
    """An outbox with a fuse in it; everything else is the store's."""

    def __init__(self, store: SqlStore, fuse: Fuse) -> None:
        self._store, self._fuse = store, fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def claim(self, *given: Any, **named: Any) -> Any:
        self._fuse.reached("before claim")
        found = self._store.claim(*given, **named)
        if found.subscriptions:
            self._fuse.reached("after claim")
        return found

    def settle(self, *given: Any, **named: Any) -> Any:
        self._fuse.reached("before settle")
        found = self._store.settle(*given, **named)
        self._fuse.reached("after settle")
        return found


def fuse_statements(store: SqlStore, fuse: Fuse) -> None:
    """Reach a stage in the middle of a transaction: when its statement is done and its commit is not."""

    def after(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE subscriptions"):
            fuse.reached("in claim" if "claimed_until=NULL" not in statement else "in settle")

    store._writer.run(lambda connection: sa.event.listen(connection, "after_cursor_execute", after))


async def main(place: Path, stage: str, nth: int, ahead: float) -> None:
    fuse, store = Fuse(stage, nth), open_store(place)
    fuse_statements(store, fuse)

    clock = Clock(ahead=ahead)
    sender = Sender(transport=way_out(2), now=clock)

    async def send(request: Request) -> Outcome:
        fuse.reached("before send")
        sending = asyncio.ensure_future(sender.send(request))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        fuse.reached("while sending")
        outcome = await sending
        fuse.reached("after send")
        return outcome

    outbox: Any = Fused(store, fuse)
    deliverer = Deliverer(dataclasses.replace(tools(outbox, sender, clock), send=send), PACE)
    await deliverer.start()
    # The parent ends it when everything has arrived; when nobody does, the test has failed.
    for _ in range(3000):
        await asyncio.sleep(0.2)
        deliverer.wake()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), LEASE * float(sys.argv[4])))
