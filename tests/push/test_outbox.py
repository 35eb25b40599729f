"""The delivery machine, move by move, the illegal ones included."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.deliveries import Delivery, Failure, Lane, Outcome, State
from feedservice.push import announce, outbox, rsscloud
from feedservice.push.outbox import ATTEMPTS, Reading, Verdict

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
QUEUED = Delivery(
    id="d1",
    kind="websub",
    target="https://hub.example/",
    host="hub.example:443",
    payload=b"p",
    secret=b"s",
    lane=Lane.FIRST,
    attempts=1,
    created_at=NOW,
    due_at=NOW,
)
ENDS = [State.DELIVERED, State.GONE, State.FAILED, State.DROPPED]


def outcome(status: int | None = None, failure: Failure | None = None, retry_after: float | None = None) -> Outcome:
    return Outcome(started=NOW, duration=0.2, status=status, failure=failure, retry_after=retry_after)


OK, DOWN = outcome(204), outcome(failure=Failure.CONNECT)


def test_the_waits_are_those_that_are_documented_and_add_up_to_about_two_days() -> None:
    waits = [outbox.wait(n, jitter=0) for n in range(1, ATTEMPTS + 1)]
    assert waits == [10, 60, 300, 1800, 7200, 21600, 43200, 86400, None]
    assert 44 <= sum(w for w in waits if w) / 3600 <= 46


@given(st.integers(1, ATTEMPTS - 1), st.floats(-1, 1))
def test_jitter_stays_within_a_fifth(attempts: int, jitter: float) -> None:
    base = outbox.WAITS[attempts - 1]
    found = outbox.wait(attempts, jitter=jitter)
    assert found is not None
    assert base * 0.8 <= found <= base * 1.2


@given(st.integers(1, ATTEMPTS - 1), st.floats(0, 1e7), st.floats(-1, 1))
def test_retry_after_counts_between_one_and_four_times_the_wait(attempts: int, asked: float, jitter: float) -> None:
    base = outbox.WAITS[attempts - 1]
    found = outbox.wait(attempts, jitter=jitter, retry_after=asked)
    assert found is not None
    assert base <= found <= base * 4 * 1.2
    if base <= asked <= 4 * base:
        assert found >= asked


@given(st.integers(1, ATTEMPTS - 1), st.floats(0, 1e6), st.floats(-1, 1))
def test_a_least_wait_is_never_undercut(attempts: int, least: float, jitter: float) -> None:
    found = outbox.wait(attempts, jitter=jitter, at_least=least)
    assert found is not None
    assert found >= min(least, found * 2)
    if least > outbox.WAITS[attempts - 1]:
        assert found >= least


@pytest.mark.parametrize(("attempts", "jitter"), [(0, 0), (-1, 0), (1, 1.1), (1, -2)])
def test_a_wait_for_nothing_is_a_bug(attempts: int, jitter: float) -> None:
    with pytest.raises(ValueError, match="attempts are counted from 1"):
        outbox.wait(attempts, jitter=jitter)


@pytest.mark.parametrize(
    ("reading", "state"),
    [(Verdict.CONFIRMED, State.DELIVERED), (Verdict.GONE, State.GONE), (Verdict.REFUSED, State.FAILED)],
)
def test_an_end_keeps_no_payload_and_no_secret(reading: Verdict, state: State) -> None:
    found = outbox.settled(QUEUED, OK, Reading(verdict=reading), jitter=0, now=NOW).delivery
    assert (found.state, found.ended_at, found.payload, found.secret, found.last) == (state, NOW, b"", None, OK)


def test_a_failed_attempt_waits_in_the_lane_of_retries() -> None:
    found = outbox.settled(QUEUED, DOWN, Reading(verdict=Verdict.LATER), jitter=0, now=NOW).delivery
    assert (found.state, found.lane, found.due_at) == (State.QUEUED, Lane.RETRY, NOW + timedelta(seconds=10))
    assert (found.payload, found.secret) == (b"p", b"s")


def test_a_verification_stays_in_its_lane() -> None:
    verifying = dataclasses.replace(QUEUED, lane=Lane.VERIFICATION)
    assert outbox.settled(verifying, DOWN, Reading(verdict=Verdict.LATER), jitter=0, now=NOW).delivery.lane is Lane.VERIFICATION


def test_the_last_attempt_that_fails_is_the_end() -> None:
    last = dataclasses.replace(QUEUED, attempts=ATTEMPTS)
    assert outbox.settled(last, DOWN, Reading(verdict=Verdict.LATER), jitter=0, now=NOW).delivery.state is State.FAILED
    third = dataclasses.replace(QUEUED, attempts=3)
    assert (
        outbox.settled(third, DOWN, Reading(verdict=Verdict.LATER, attempts=3), jitter=0, now=NOW).delivery.state is State.FAILED
    )


def test_the_spacing_of_a_target_is_kept_between_attempts() -> None:
    spaced = dataclasses.replace(QUEUED, spacing=300)
    found = outbox.settled(spaced, DOWN, Reading(verdict=Verdict.LATER), jitter=-1, now=NOW).delivery
    assert found.due_at >= NOW + timedelta(seconds=300)


def test_what_the_answer_said_is_kept() -> None:
    found = outbox.settled(QUEUED, OK, Reading(verdict=Verdict.REFUSED, detail="flerror: no"), jitter=0, now=NOW).delivery
    assert found.last is not None
    assert found.last.detail == "flerror: no"


def test_one_given_back_unsent_has_not_been_tried() -> None:
    found = outbox.given_back(QUEUED, 5, NOW)
    assert (found.attempts, found.lane, found.due_at) == (0, Lane.FIRST, NOW + timedelta(seconds=5))


def test_one_whose_host_is_down_waits_no_longer_than_the_table_is_long() -> None:
    edge = NOW + timedelta(seconds=outbox.SPAN)
    early = outbox.held_back(QUEUED, 900, edge - timedelta(seconds=1))
    assert early == outbox.given_back(QUEUED, 900, edge - timedelta(seconds=1))
    late = outbox.held_back(QUEUED, 900, edge)
    assert (late.state, late.ended_at, late.attempts, late.payload, late.secret) == (State.FAILED, edge, 0, b"", None)
    assert late.last is not None
    assert (late.last.failure, late.last.detail) == (Failure.BREAKER, "given up unsent: the host is down")
    assert 44 <= outbox.SPAN / 3600 <= 46


@pytest.mark.parametrize(
    ("kind", "hours"), [("verify", 1), ("deny", 1), ("verify-cloud", 1), ("webhook", 45), ("websub", 45), ("no more", 45)]
)
def test_a_subscriber_that_is_down_is_asked_for_an_hour(kind: str, hours: int) -> None:
    kind = rsscloud.VERIFY if kind == "verify-cloud" else kind
    made = dataclasses.replace(QUEUED, kind=kind)
    early, late = (announce.held_back(made, 9, NOW + timedelta(hours=hours, minutes=each)) for each in (-30, 1))
    assert (early.state, late.state) == (State.QUEUED, State.FAILED)


@pytest.mark.parametrize("state", ENDS)
def test_nothing_follows_on_an_end(state: State) -> None:
    ended = dataclasses.replace(QUEUED, state=state)
    moves = [
        lambda: outbox.confirmed(ended, OK, NOW),
        lambda: outbox.gone(ended, OK, NOW),
        lambda: outbox.refused(ended, OK, NOW),
        lambda: outbox.exhausted(ended, OK, NOW),
        lambda: outbox.dropped(ended, NOW),
        lambda: outbox.later(ended, OK, 1, NOW),
        lambda: outbox.given_back(ended, 1, NOW),
        lambda: outbox.held_back(ended, 1, NOW),
    ]
    for move in moves:
        with pytest.raises(ValueError, match=f"delivery d1 is {state}"):
            move()


def test_a_dropped_one_keeps_its_last_outcome() -> None:
    tried = dataclasses.replace(QUEUED, last=DOWN)
    assert outbox.dropped(tried, NOW).last is DOWN
    assert outbox.dropped(tried, NOW).state is State.DROPPED


@pytest.mark.parametrize("status", range(100, 600))
def test_a_status_alone_decides(status: int) -> None:
    found, persistent = outbox.by_status(outcome(status)), outbox.by_status(outcome(status), persistent=True)
    if 200 <= status < 300:
        expected = Verdict.CONFIRMED
    elif status == 410:
        expected = Verdict.GONE
    elif 400 <= status < 500 and status not in {408, 425, 429}:
        expected = Verdict.REFUSED
    else:
        expected = Verdict.LATER
    assert found.verdict is expected
    assert persistent.verdict is (Verdict.LATER if expected is Verdict.REFUSED else expected)


@pytest.mark.parametrize("failure", Failure)
def test_no_answer_means_later_unless_the_address_is_forbidden(failure: Failure) -> None:
    final = failure is Failure.ADDRESS
    assert outbox.by_status(outcome(failure=failure)).verdict is (Verdict.REFUSED if final else Verdict.LATER)
    assert outbox.by_status(outcome(failure=failure), persistent=True).verdict is Verdict.LATER


def test_a_kind_may_say_itself_when_to_try_again() -> None:
    tried = dataclasses.replace(QUEUED, attempts=100)
    found = outbox.settled(tried, DOWN, Reading(verdict=Verdict.LATER, after=0.25), jitter=1, now=NOW).delivery
    assert (found.state, found.due_at) == (State.QUEUED, NOW + timedelta(seconds=0.25))
