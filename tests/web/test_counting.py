"""Counting off the hot path: what waits, how much of it, and under which names it is kept."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from feedservice.web import counting
from feedservice.web.counting import PERIOD, Counts, Subject

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
FULL = Subject(feed="all", format="atom", conditional=False, status=200, sent=1000, full=4000)
SAME = Subject(feed="all", format="atom", conditional=True, status=304, sent=0, full=4000)
AGENT = b"Newsboat/2.36"


def counts() -> Counts:
    keys = itertools.count(1)
    return counting.beginning(lambda size: bytes([next(keys)]) * size, NOW)


def settle(made: Counts, now: datetime = NOW) -> None:
    while made.settle(3, now):
        pass


def test_one_that_asks_often_within_a_second_is_counted_as_often() -> None:
    made = counts()
    for _ in range(5):
        made.note(FULL, AGENT, "192.0.2.1", int(NOW.timestamp()))
    for number in range(4):
        made.note(SAME, AGENT, f"192.0.2.{number}", int(NOW.timestamp()))
    assert len(made.waiting) == 5
    settle(made)
    feed = made.tally.feeds["all"]
    assert (feed.requests, feed.conditional, feed.not_modified) == (9, 4, 4)
    assert (feed.sent, feed.saved) == (5 * 1000, 5 * 3000 + 4 * 4000)
    assert sorted(each.requests for each in feed.clients.values()) == [1, 1, 1, 6]
    assert max(each.unconditional for each in feed.clients.values()) == 5
    assert not made.waiting


def test_what_waits_is_bounded_and_the_rest_is_said_to_be_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_WAITING", 2)
    made = counts()
    for number in range(5):
        made.note(FULL, AGENT, f"192.0.2.{number}", 1)
    # Those that wait already go on being counted.
    made.note(FULL, AGENT, "192.0.2.0", 1)
    assert (len(made.waiting), made.uncounted) == (2, 3)
    settle(made)
    assert made.tally.feeds["all"].requests == 3


def test_a_client_that_comes_back_in_another_week_is_not_counted_twice_and_one_that_does_not_cannot_be_tied_to_anything() -> None:
    made = counts()
    for client in ("192.0.2.1", "192.0.2.2"):
        made.note(FULL, AGENT, client, int(NOW.timestamp()))
    settle(made)
    first, names = made.keys, set(made.tally.feeds["all"].clients)
    later = NOW + PERIOD
    made.note(SAME, AGENT, "192.0.2.1", int(later.timestamp()))
    settle(made, later)
    assert (made.keys.previous, made.keys.current == first.current) == (first.current, False)
    clients = made.tally.feeds["all"].clients
    assert sorted(each.requests for each in clients.values()) == [1, 2]
    (back,) = set(clients) - names
    assert clients[back].requests == 2
    settle(made, later + PERIOD - timedelta(seconds=1))
    assert made.keys.previous == first.current
    settle(made, later + PERIOD)
    assert first.current not in {made.keys.previous, made.keys.current}


def test_counts_are_read_as_they_were_written() -> None:
    made = counts()
    made.note(FULL, b"Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers)", "192.0.2.1", int(NOW.timestamp()))
    made.note(SAME, "読者\udcff".encode("utf-8", "surrogatepass"), "192.0.2.2", int(NOW.timestamp()))
    settle(made)
    settle(made, NOW + PERIOD)
    assert counting.from_json(counting.to_json(made.tally, made.keys, NOW)) == (made.tally, made.keys, NOW)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"keys": 5}', b"\xff", b'{"keys": {"previous": null, "current": "!"}}']
)
def test_what_was_not_written_here_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        counting.from_json(data)
