from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone

import time_machine

from feedservice.service.timetable import Timetable


async def with_timetable(work: Callable[[Timetable, Callable[[], Awaitable[None]], list[datetime]], Awaitable[None]]) -> None:
    table = Timetable()
    done: list[datetime] = []

    async def do() -> None:
        done.append(datetime.now(UTC))

    table.start()
    try:
        await asyncio.wait_for(work(table, do, done), 60)
    finally:
        table.stop()


async def until(what: Callable[[], object]) -> None:
    while not what():  # noqa: ASYNC110  -- what is waited for has no event
        await asyncio.sleep(0.01)


def test_an_instant_in_another_zone_is_met_and_not_before() -> None:
    async def work(table: Timetable, do: Callable[[], Awaitable[None]], done: list[datetime]) -> None:
        instant = datetime.now(UTC) + timedelta(seconds=0.3)
        table.at("due", instant.astimezone(timezone(timedelta(hours=9))), do)
        assert table.when("due") == instant
        await until(lambda: done)
        assert done[0] >= instant
        await until(lambda: table.when("due") is None)

    asyncio.run(with_timetable(work))


def test_an_instant_that_is_over_is_met_at_once_and_once() -> None:
    async def work(table: Timetable, do: Callable[[], Awaitable[None]], done: list[datetime]) -> None:
        table.at("due", datetime.now(UTC) - timedelta(days=3), do)
        await until(lambda: done)
        await asyncio.sleep(0.05)
        assert len(done) == 1

    asyncio.run(with_timetable(work))


def test_another_instant_takes_the_place_of_the_first_and_none_takes_it_away() -> None:
    async def work(table: Timetable, do: Callable[[], Awaitable[None]], done: list[datetime]) -> None:
        far = datetime.now(UTC) + timedelta(days=1)
        table.at("due", far, do)
        table.at("due", far + timedelta(days=1), do)
        assert table.when("due") == far + timedelta(days=1)
        table.at("due", None, do)
        assert table.when("due") is None
        table.at("due", None, do)
        await asyncio.sleep(0)
        assert done == []

    asyncio.run(with_timetable(work))


def test_periods_go_on() -> None:
    async def work(table: Timetable, do: Callable[[], Awaitable[None]], done: list[datetime]) -> None:
        table.every("look", 0.05, do)
        await until(lambda: len(done) >= 3)

    asyncio.run(with_timetable(work))


def test_a_period_may_begin_earlier_than_it_is_long() -> None:
    async def work(table: Timetable, do: Callable[[], Awaitable[None]], done: list[datetime]) -> None:
        table.every("daily", 86_400, do, first=0.1)
        await until(lambda: done)
        following = table.when("daily")
        assert following is not None
        assert timedelta(hours=23) < following - done[0] < timedelta(hours=24)

    asyncio.run(with_timetable(work))


def test_a_machine_that_slept_does_what_was_due_once() -> None:
    async def work(table: Timetable, do: Callable[[], Awaitable[None]], done: list[datetime]) -> None:
        table.at("due", datetime.now(UTC) + timedelta(hours=1), do)
        table.every("look", 600, do)
        assert table.look() == 0
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=8), tick=True):
            assert round(table.look()) == 8 * 3600
            # Of the 48 turns of the period one is made up for.
            await until(lambda: len(done) == 2)
            assert table.look() == 0
            await asyncio.sleep(0.05)
            assert len(done) == 2

    asyncio.run(with_timetable(work))


def test_after_the_time_was_set_back_periods_do_not_wait_until_it_comes_again() -> None:
    async def work(table: Timetable, do: Callable[[], Awaitable[None]], done: list[datetime]) -> None:
        table.every("look", 600, do)
        due = datetime.now(UTC) + timedelta(hours=1)
        table.at("due", due, do)
        with time_machine.travel(datetime.now(UTC) - timedelta(days=2), tick=True):
            assert table.look() < 0
            turn = table.when("look")
            assert turn is not None
            assert timedelta(seconds=590) < turn - datetime.now(UTC) < timedelta(seconds=610)
            # What is due is due at its instant, however long that is now.
            assert table.when("due") == due
        await asyncio.sleep(0)
        assert done == []

    asyncio.run(with_timetable(work))
