"""The store is away for a while, again and again, while deliveries run: nothing is lost, and next to nothing repeated."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from feedservice.service.deliver import LEASE, Deliverer
from feedservice.service.sender import Sender
from feedservice.store.sql import SqlStore, open_store
from tests.service.cluster import PG_CTL, cluster
from tests.service.counted import ASKED, PACE, Clock, Crowd, behind, crowd, tools, way_out
from tests.service.loopback import PATIENCE, until

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""
COUNT = int(ASKED or "200")
SPEED = 4
"""Less than elsewhere: who waits for the store must not find leases ended that were meant to last for minutes."""


@contextlib.asynccontextmanager
async def delivering(store: SqlStore, clock: Clock) -> AsyncIterator[Deliverer]:
    through = way_out(2)
    deliverer = Deliverer(tools(store, Sender(transport=through, now=clock), clock), PACE)
    await deliverer.start()
    try:
        yield deliverer
    finally:
        await deliverer.stop(grace=1)
        await through.aclose()


async def outages(
    store: SqlStore, clock: Clock, callbacks: Crowd, away: Callable[[Deliverer], Awaitable[None]], count: int
) -> int:
    """Let the store be away so often, the first time when the first has arrived, the last when most have.

    Return how many requests were under way when it went.
    """
    flying = 0
    async with delivering(store, clock) as deliverer:
        for number in range(count):
            await until(lambda number=number: callbacks.arrived > number * COUNT * 3 // 4 // count)  # type: ignore[misc]
            flying += deliverer.figures.under_way
            await away(deliverer)
        async with asyncio.timeout(20 * PATIENCE):
            while await asyncio.to_thread(behind, store):
                await asyncio.sleep(0.2)
                if not deliverer.figures.under_way:
                    # A claim that was written when nobody could be told so ends with its lease.
                    clock.ahead += LEASE / 10
                    deliverer.wake()
    return flying


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(record.levelno, record.message) for record in caplog.records if record.name == "feedservice.deliver"]


def warnings(caplog: pytest.LogCaptureFixture) -> int:
    return sum(level == logging.WARNING for level, _ in told(caplog))


@pytest.mark.timeout(600)
def test_another_process_that_writes_for_seconds_delays_and_repeats_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    place = tmp_path / "store.sqlite"

    async def busy(deliverer: Deliverer) -> None:
        command = [sys.executable, "-c", HOLD, str(place)]
        other = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert other.stdout is not None
        assert await other.stdout.readline() == b"held\n"
        # For longer than the loop waits for the lock: until it has said so.
        before = warnings(caplog)
        async with asyncio.timeout(PATIENCE):
            while warnings(caplog) == before:
                deliverer.wake()
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        await other.communicate(b"\n")
        assert other.returncode == 0

    async def main() -> str:
        async with crowd() as callbacks:
            with contextlib.closing(open_store(place)) as store:
                callbacks.fill(store, COUNT)
                store._writer.run(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 700").close())
                await outages(store, Clock(SPEED), callbacks, busy, 2 if ASKED else 1)
            with contextlib.closing(sqlite3.connect(place)) as file:
                assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        # Nobody crashed: whoever did not hang got it exactly once.
        return callbacks.judge(0, COUNT)

    print(f"SQLite busy: {asyncio.run(main())}")  # noqa: T201 - seen with -s
    lines = told(caplog)
    assert any(level == logging.WARNING and "database is locked (another process is writing" in line for level, line in lines)
    assert (logging.INFO, "the outbox is reached again") in lines


@pytest.mark.judge
@pytest.mark.skipif(PG_CTL is None, reason="PostgreSQL is not installed")
@pytest.mark.skipif(importlib.util.find_spec("psycopg") is None, reason="psycopg is not installed")
@pytest.mark.timeout(900)
def test_postgresql_that_is_torn_down_under_load_loses_nothing(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.INFO)
    restarts = 5 if ASKED else 1

    async def main() -> str:
        with cluster() as server:
            async with crowd() as callbacks:
                with contextlib.closing(open_store(server.url, key_file=tmp_path / "key")) as store:
                    callbacks.fill(store, COUNT)

                    async def torn_down(_: Deliverer) -> None:
                        await asyncio.to_thread(server.control, "restart", "--mode=immediate")

                    flying = await outages(store, Clock(SPEED), callbacks, torn_down, restarts)
        return callbacks.judge(restarts, COUNT, flying)

    print(f"PostgreSQL restarted: {asyncio.run(main())}")  # noqa: T201 - seen with -s
    lines = told(caplog)
    warned = [line for level, line in lines if level == logging.WARNING]
    assert all(
        line.startswith("the outbox cannot be reached: ") and "see that the database can be reached" in line for line in warned
    )
    # In one line each, and no more of them than there is to say.
    assert 1 <= len(warned) <= 4 * restarts
    assert all("\n" not in line for line in warned)
    assert lines.count((logging.INFO, "the outbox is reached again")) >= 1
