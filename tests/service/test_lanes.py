"""Lines, places and what may be claimed; the loop around them is tested in ``test_deliver``."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from feedservice.deliveries import Failure, Lane, Outcome
from feedservice.push.hosts import Rules
from feedservice.service.lanes import Lanes, Pace

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOBODY = Outcome(started=NOW, duration=0.1, failure=Failure.RESOLVE)
FINE = Outcome(started=NOW, duration=0.1, status=204)
PACE = Pace(
    places={Lane.VERIFICATION: 10, Lane.FIRST: 200, Lane.RETRY: 20},
    backlog={Lane.VERIFICATION: 50, Lane.FIRST: 2000, Lane.RETRY: 500},
    rules=Rules(rate=1000, burst=1000),
)


def test_after_a_rest_no_more_is_claimed_than_can_be_sent_and_then_as_much_as_there_is_room_for() -> None:
    lanes: Lanes[int] = Lanes(PACE)
    assert lanes.room() == {Lane.VERIFICATION: 50, Lane.FIRST: 200, Lane.RETRY: 100}
    for number in range(200):
        assert lanes.add(Lane.FIRST, f"{number}.example:443", number)
    assert lanes.room() == {Lane.VERIFICATION: 50, Lane.FIRST: 1800, Lane.RETRY: 500}
    steps = list(lanes.steps(NOW, 0.0))
    assert [step.send for step in steps] == list(range(200))
    numbers = [lanes.begun(step.lane, 0.0) for step in steps]
    # Nothing waits, but what is under way shows that there is work.
    assert lanes.room() == {Lane.VERIFICATION: 50, Lane.FIRST: 2000, Lane.RETRY: 500}
    for step, number in zip(steps, numbers, strict=True):
        lanes.done(step.lane, step.host, number, FINE, NOW)
    assert lanes.room()[Lane.FIRST] == 200


def test_nothing_is_claimed_before_half_of_the_backlog_is_gone() -> None:
    lanes: Lanes[int] = Lanes(PACE)
    for number in range(1001):
        lanes.add(Lane.FIRST, f"{number}.example:443", number)
    assert Lane.FIRST not in lanes.room()
    next(lanes.steps(NOW, 0.0))
    assert lanes.room()[Lane.FIRST] == 1000


def test_hosts_that_are_down_for_good_are_forgotten_when_there_are_too_many() -> None:
    """Whoever subscribes names a host, and there is no end of names that lead nowhere."""
    lanes: Lanes[int] = Lanes(dataclasses.replace(PACE, remembered=50))
    kept = "kept.example:443"
    now = NOW

    def attempt(host: str, outcome: Outcome) -> None:
        assert lanes.add(Lane.FIRST, host, 0)
        (step,) = (each for each in lanes.steps(now, 0.0) if each.send is not None)
        lanes.done(step.lane, step.host, lanes.begun(step.lane, 0.0), outcome, now)

    for _ in range(PACE.rules.troubles):
        attempt(kept, NOBODY)
    assert lanes.busy(now) == {kept}
    # Nor is it closed for years because the clock was set back.
    assert lanes.busy(now - timedelta(days=3000)) == frozenset()
    for number in range(500):
        attempt(f"{number}.example:443", NOBODY)
    assert len(lanes._hosts) == 50
    # One that must not be asked yet stays known to be so, however many come after it.
    assert lanes.busy(now) == {kept}
    now += timedelta(seconds=PACE.rules.pause)
    for number in range(100):
        attempt(f"{number}.example:443", FINE)
    assert len(lanes._hosts) == 50
    assert kept not in lanes._hosts


def test_a_host_that_is_being_asked_is_not_forgotten() -> None:
    lanes: Lanes[int] = Lanes(dataclasses.replace(PACE, remembered=5))
    for number in range(20):
        assert lanes.add(Lane.FIRST, f"{number}.example:443", number)
    steps = list(lanes.steps(NOW, 0.0))
    numbers = [lanes.begun(step.lane, 0.0) for step in steps]
    for step, number in zip(steps, numbers, strict=True):
        lanes.done(step.lane, step.host, number, FINE, NOW)
    assert len(lanes._hosts) == 5


def test_nothing_more_is_claimed_of_a_host_whose_line_is_half_full() -> None:
    lanes: Lanes[int] = Lanes(PACE)
    for number in range(24):
        assert lanes.add(Lane.FIRST, "long.example:443", number)
    assert lanes.busy(NOW) == frozenset()
    assert lanes.add(Lane.FIRST, "long.example:443", 24)
    assert lanes.busy(NOW) == {"long.example:443"}
    # As long as it may be; lines of other lanes are other lines.
    assert [lanes.add(Lane.FIRST, "long.example:443", number) for number in range(25, 51)] == [True] * 25 + [False]
    assert lanes.add(Lane.RETRY, "long.example:443", 0)
