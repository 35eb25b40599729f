from __future__ import annotations

from datetime import UTC, datetime, timedelta

from feedservice.feeds import freshness

NOW = datetime(2025, 6, 1, 9, 0, 30, 700_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WHOLE = NOW.replace(microsecond=0)


def test_bytes_are_dated_when_they_became_what_they_are() -> None:
    # A post dated this morning that is saved at noon: who was here at eleven and goes by dates has to get it.
    assert freshness.last_modified(NOW - timedelta(hours=3), before=NOW - timedelta(days=1), now=NOW) == WHOLE


def test_no_two_versions_have_one_second() -> None:
    first = freshness.last_modified(WHOLE, before=WHOLE - SECOND, now=NOW)
    second = freshness.last_modified(WHOLE, before=first, now=NOW)
    third = freshness.last_modified(WHOLE, before=second, now=NOW)
    assert [first, second, third] == [WHOLE, WHOLE + SECOND, WHOLE + 2 * SECOND]


def test_a_clock_that_goes_back_takes_no_date_back() -> None:
    before = WHOLE + timedelta(days=1)
    assert freshness.last_modified(WHOLE, before=before, now=NOW) == before + SECOND


def test_it_is_never_older_than_what_the_feed_says() -> None:
    ahead = WHOLE + timedelta(days=7)
    assert freshness.last_modified(ahead, before=WHOLE, now=NOW) == ahead


def test_a_feed_says_that_it_changed_when_something_was_taken_back() -> None:
    assert freshness.updated(WHOLE - SECOND, before=WHOLE, taken_back=False, now=NOW) == WHOLE
    assert freshness.updated(WHOLE - SECOND, before=WHOLE, taken_back=True, now=NOW) == WHOLE + SECOND
    assert freshness.updated(WHOLE + SECOND, before=WHOLE, taken_back=True, now=NOW) == WHOLE + SECOND
    assert freshness.updated(WHOLE, before=None, taken_back=True, now=NOW) == WHOLE
