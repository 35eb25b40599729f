"""Concurrency, breaker and rate of one host."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.deliveries import Failure, Outcome
from feedservice.push import hosts
from feedservice.push.hosts import Host, Rules, Turn

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
RULES = Rules()
FINE = Outcome(started=NOW, duration=0.1, status=204)
DEAD = Outcome(started=NOW, duration=15, failure=Failure.TIMEOUT)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def sent(host: Host, outcome: Outcome, now: datetime = NOW, rules: Rules = RULES) -> Host:
    host, admission = hosts.admit(host, now, rules)
    assert admission.turn is Turn.GO
    return hosts.done(host, outcome, now, rules)


def opened() -> Host:
    host = hosts.new(NOW, RULES)
    for _ in range(RULES.troubles):
        host = sent(host, DEAD)
    return host


def test_a_new_host_gets_one_request_at_a_time() -> None:
    host, first = hosts.admit(hosts.new(NOW, RULES), NOW, RULES)
    assert first.turn is Turn.GO
    assert hosts.admit(host, NOW, RULES)[1].turn is Turn.FULL


def test_success_widens_the_window_to_eight_and_no_further() -> None:
    host, widths = hosts.new(NOW, RULES), []
    for second in range(100):
        host = sent(host, FINE, after(second))
        widths.append(int(host.window))
    assert widths == sorted(widths)
    assert widths[-1] == 8
    for _ in range(8):
        host, admission = hosts.admit(host, after(200), RULES)
        assert admission.turn is Turn.GO
    assert hosts.admit(host, after(200), RULES)[1].turn is Turn.FULL


def test_trouble_halves_the_window() -> None:
    host = dataclasses.replace(hosts.new(NOW, RULES), window=8.0)
    assert sent(host, DEAD).window == 4.0
    assert sent(dataclasses.replace(host, window=1.5), DEAD).window == 1.0


def test_troubles_in_a_row_open_the_breaker_and_nothing_is_sent_until_the_pause_is_over() -> None:
    host = opened()
    assert hosts.admit(host, NOW, RULES)[1] == hosts.Admission(turn=Turn.WAIT, seconds=30)
    assert hosts.admit(host, after(29), RULES)[1].turn is Turn.WAIT


def test_then_one_probe_alone() -> None:
    host, probe = hosts.admit(opened(), after(30), RULES)
    assert probe.turn is Turn.GO
    assert hosts.admit(host, after(31), RULES)[1].turn is Turn.FULL


def test_a_clock_that_was_set_back_closes_no_host_for_years() -> None:
    host, before = opened(), after(-9 * 366 * 86400)
    assert (host.closed(after(0)), host.closed(after(29)), host.closed(after(30))) == (30, 1, 0)
    assert host.closed(before) == 0
    # One probe, as after the pause; one that fails closes it by the clock that there is now.
    asked, admission = hosts.admit(host, before, RULES)
    assert admission.turn is Turn.GO
    assert hosts.admit(asked, before, RULES)[1].turn is Turn.FULL
    failed = hosts.done(asked, DEAD, before, RULES)
    assert (failed.closed(before), failed.rests(before)) == (60, False)


def test_a_host_rests_when_nothing_is_under_way_and_nothing_forbids_to_ask_it() -> None:
    assert opened().rests(after(29)) is False
    assert opened().rests(after(30)) is True
    asked, admission = hosts.admit(opened(), after(30), RULES)
    assert (admission.turn, asked.rests(after(30))) == (Turn.GO, False)


def test_a_probe_that_succeeds_closes_the_breaker() -> None:
    host = sent(opened(), FINE, after(30))
    assert (host.closed_until, host.troubles, host.rests(after(30))) == (None, 0, True)


def test_a_probe_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    host, now, pauses = opened(), NOW, []
    for _ in range(8):
        assert host.closed_until is not None
        now = host.closed_until
        host = sent(host, DEAD, now)
        pauses.append(host.pause)
    assert pauses == [60, 120, 240, 480, 900, 900, 900, 900]


def test_a_probe_that_is_not_sent_leaves_the_breaker_as_it_is() -> None:
    host, _ = hosts.admit(opened(), after(30), RULES)
    assert hosts.admit(hosts.abandoned(host), after(30), RULES)[1].turn is Turn.GO


def test_one_that_was_under_way_when_the_breaker_opened_does_not_lengthen_the_pause() -> None:
    host = dataclasses.replace(hosts.new(NOW, RULES), window=8.0)
    for _ in range(6):
        host, _ = hosts.admit(host, NOW, RULES)
    for _ in range(6):
        host = hosts.done(host, DEAD, NOW, RULES)
    assert (host.pause, host.closed_until) == (30, after(30))


def test_a_success_in_between_starts_the_count_anew() -> None:
    host = hosts.new(NOW, RULES)
    for outcome in [DEAD] * 4 + [FINE] + [DEAD] * 4:
        host = sent(host, outcome)
    assert host.closed_until is None


def test_the_rate_is_kept_after_the_burst() -> None:
    rules = Rules(rate=10, burst=3)
    host = hosts.new(NOW, rules)
    for _ in range(3):
        host = sent(host, FINE, NOW, rules)
    assert hosts.admit(host, NOW, rules)[1] == hosts.Admission(turn=Turn.WAIT, seconds=0.1)
    assert hosts.admit(host, after(0.1), rules)[1].turn is Turn.GO


def test_a_clock_set_back_gives_nothing_away() -> None:
    rules = Rules(rate=10, burst=1)
    host = sent(hosts.new(NOW, rules), FINE, NOW, rules)
    assert hosts.admit(host, after(-3600), rules)[1].turn is Turn.WAIT


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_speaks_of_the_host_is_trouble(status: int) -> None:
    assert hosts.is_trouble(dataclasses.replace(FINE, status=status))


@pytest.mark.parametrize("status", [200, 301, 400, 404, 410, 500])
def test_what_speaks_of_one_callback_is_none(status: int) -> None:
    assert not hosts.is_trouble(dataclasses.replace(FINE, status=status))


@pytest.mark.parametrize("failure", Failure)
def test_no_answer_is_trouble_unless_nothing_was_asked(failure: Failure) -> None:
    assert hosts.is_trouble(dataclasses.replace(DEAD, failure=failure)) is (failure not in {Failure.ADDRESS, Failure.BREAKER})


def test_an_outcome_without_a_request_is_a_bug() -> None:
    host = hosts.new(NOW, RULES)
    with pytest.raises(ValueError, match="under way"):
        hosts.done(host, FINE, NOW, RULES)
    with pytest.raises(ValueError, match="under way"):
        hosts.abandoned(host)


@pytest.mark.parametrize(
    "rules", [{"most": 0}, {"rate": 0.0}, {"burst": 0.5}, {"troubles": 0}, {"pause": 1000.0}, {"pause": 0.0}]
)
def test_rules_that_let_nothing_through_are_a_bug(rules: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="let something through"):
        Rules(**rules)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.sampled_from(["ask", "fine", "dead", "abandon"]), st.floats(0, 60)), max_size=200))
def test_whatever_happens_the_limits_hold_and_the_host_can_come_back(moves: list[tuple[str, float]]) -> None:
    host, now = hosts.new(NOW, RULES), NOW
    for move, seconds in moves:
        now += timedelta(seconds=seconds)
        if move == "ask":
            host, _ = hosts.admit(host, now, RULES)
        elif host.active:
            host = hosts.abandoned(host) if move == "abandon" else hosts.done(host, FINE if move == "fine" else DEAD, now, RULES)
        assert 0 <= host.active <= 8
        assert 1 <= host.window <= 8
        assert host.pause <= RULES.longest
    while host.active:
        host = hosts.abandoned(host)
    assert hosts.admit(host, now + timedelta(seconds=RULES.longest), RULES)[1].turn is Turn.GO
