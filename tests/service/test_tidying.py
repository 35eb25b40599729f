"""What is forgotten and when, by clocks that are right and by others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice.deliveries import State
from feedservice.service.tidying import Tidier
from feedservice.store.sql import SqlStore, open_store
from tests.service.test_deliver import ping, subscriber
from tests.store.outbox_contract import ALL, later

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
YEARS = 9 * 366 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with contextlib.closing(open_store(tmp_path / "store.sqlite")) as made:
        made.import_subscriptions([subscriber("https://reader.example/", NOW, lease_end=NOW + DAY)])
        made.enqueue([ping("https://ended.example/", NOW)])
        made.drop([each.id for each in made.deliveries()], NOW)
        yield made


def looked(store: SqlStore, *times: tuple[timedelta, timedelta]) -> list[int]:
    """Look after a store at instants that are given by the time of day and by the machine's clock; count what is left each time."""
    tidier = Tidier(store, lambda: 10 * 86400.0, lease=300)

    async def main() -> list[int]:
        left = []
        for of_day, of_machine in times:
            await tidier.look(NOW + of_day, of_machine.total_seconds())
            left.append(store.count_subscriptions() + len(list(store.deliveries())))
        return left

    return asyncio.run(main())


def test_what_has_ended_is_forgotten_in_its_time(store: SqlStore) -> None:
    days = [(number * HOUR, number * HOUR) for number in (0, 1, 23, 24, 25, 239, 240, 241)]
    assert looked(store, *days) == [2, 2, 2, 1, 1, 1, 1, 0]


def test_nothing_is_forgotten_before_the_clock_has_gone_right_for_an_hour(
    store: SqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    # Booted years ahead; corrected; and set ahead once more, by hand.
    minutes = timedelta(minutes=1)
    times = [(YEARS, 0 * minutes), (YEARS + 30 * minutes, 30 * minutes), (31 * minutes, 31 * minutes), (2 * HOUR, 2 * HOUR)]
    times += [(YEARS + 3 * HOUR, 3 * HOUR), (YEARS + 3.5 * HOUR, 3.5 * HOUR), (4 * HOUR, 4 * HOUR)]
    assert looked(store, *times) == [2] * 7
    assert [each.getMessage() for each in caplog.records if "clock was set" in each.getMessage()] == [
        "the clock was set by -79056 hours: nothing is forgotten for an hour",
        "the clock was set by 79056 hours: nothing is forgotten for an hour",
        "the clock was set by -79056 hours: nothing is forgotten for an hour",
    ]


def test_a_clock_that_stays_where_it_was_set_is_believed_after_an_hour(store: SqlStore) -> None:
    times = [(timedelta(), timedelta()), (YEARS, HOUR), (YEARS + HOUR / 2, 1.5 * HOUR), (YEARS + HOUR, 2 * HOUR)]
    assert looked(store, *times) == [2, 2, 2, 0]


def test_a_laptop_that_slept_is_no_clock_that_was_set(store: SqlStore) -> None:
    # While it sleeps its own clock stands still.
    assert looked(store, (timedelta(), timedelta()), (20 * HOUR, HOUR), (26 * HOUR, 2 * HOUR)) == [2, 2, 1]


def test_what_was_put_off_for_years_is_tried_when_the_clock_is_right_again(store: SqlStore) -> None:
    store.enqueue([ping("https://target.example/", NOW, "new")])
    (claimed,) = store.claim(NOW, lanes=ALL, lease=300).deliveries
    store.settle([later(claimed, (YEARS + HOUR).total_seconds())])
    looked(store, (YEARS, timedelta()), (HOUR, HOUR))
    (waiting,) = store.deliveries(state=State.QUEUED)
    assert waiting.due_at == NOW + HOUR


def test_what_was_put_off_before_the_start_is_tried_at_once(store: SqlStore) -> None:
    store.enqueue([ping("https://target.example/", NOW, "new", due_at=NOW + YEARS)])
    looked(store, (timedelta(), timedelta()))
    (waiting,) = store.deliveries(state=State.QUEUED)
    assert waiting.due_at == NOW
