from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest

from feedservice.config.guard import Guard
from feedservice.feeds.difference import Difference, Shown
from feedservice.feeds.guard import Known, Verdict, judge, problem

NOW = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def shown(number: int, *, age: timedelta = DAY, updated: datetime | None = None) -> Shown:
    date = NOW - age
    return Shown(id=f"tag:{number}", title=f"T{number}", url=f"/{number}/", published=date, updated=updated or date)


def some(count: int, *, age: timedelta = DAY) -> tuple[Shown, ...]:
    return tuple(shown(number, age=age) for number in range(count))


def told(**values: object) -> Difference:
    return dataclasses.replace(Difference(feed="all", held=10, shown=10), **values)  # type: ignore[arg-type]


def rules(
    difference: Difference, *, fresh: Collection[str] = (), doubtful: dict[str, str] | None = None, **limits: object
) -> list[str]:
    verdict = judge(difference, Known(fresh=fresh, doubtful=doubtful or {}), Guard(**limits), NOW)  # type: ignore[arg-type]
    assert verdict.held == bool(verdict.reasons)
    return [reason.rule for reason in verdict.reasons]


PAIRS = tuple((shown(n), shown(100 + n)) for n in range(10))


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (told(), []),
        (told(new=some(5)), []),
        (told(new=some(6)), ["guard.flood"]),
        (told(new=some(1, age=7 * DAY)), []),
        (told(new=some(1, age=7 * DAY + timedelta(seconds=1))), ["guard.old"]),
        (told(renamed=PAIRS[:1]), ["guard.ids"]),
        (told(gone=some(5)), []),
        (told(gone=some(6)), ["guard.gone"]),
        (told(gone=some(2), held=2, shown=1), []),
        (told(gone=some(10), shown=0), ["guard.empty"]),
        # Who takes back one post or two means them, whatever feed has no other.
        (told(gone=some(1), held=1, shown=0), []),
        (told(gone=some(2), held=2, shown=0), []),
        (told(gone=some(3), held=3, shown=0), ["guard.empty"]),
        (told(updated=PAIRS[:5]), []),
        (told(updated=PAIRS[:6]), ["guard.updated"]),
        (told(updated=PAIRS[:10], held=50), []),
        (told(updated=((shown(1), shown(1, updated=NOW + 2 * DAY)),)), ["guard.updated"]),
        (told(moved=some(5)), []),
        (told(moved=some(6)), ["guard.order"]),
        (told(moved=some(2), held=3), []),
        (told(slid=some(10)), []),
        (told(back=some(6, age=99 * DAY)), []),
        (told(new=some(9, age=99 * DAY), gone=some(9)), ["guard.gone", "guard.flood", "guard.old"]),
        # Nobody reads what was never there.
        (told(held=0, new=some(50, age=99 * DAY)), []),
    ],
)
def test_limits(difference: Difference, expected: list[str]) -> None:
    assert rules(difference) == expected
    assert rules(difference, enabled=False) == []


def test_a_post_that_was_never_seen_before_is_late_and_not_old() -> None:
    late = told(new=some(1, age=99 * DAY))
    assert rules(late, fresh=["tag:0"]) == []
    assert rules(late, fresh=["tag:0"], late="hold") == ["guard.old"]
    assert rules(late, fresh=["tag:0"], doubtful={"tag:0": "old.md"}) == ["guard.doubtful"]


def test_a_small_feed_that_would_be_empty_is_held_when_nobody_took_its_posts_back() -> None:
    def reasons(**values: object) -> list[str]:
        known = Known(fresh=(), **values)  # type: ignore[arg-type]
        return [each.rule for each in judge(told(gone=some(2), held=2, shown=0), known, Guard(), NOW).reasons]

    assert reasons() == reasons(together=2) == []
    assert reasons(together=3) == ["guard.empty"]
    assert reasons(elsewhere={"tag:1"}) == ["guard.empty"]


def test_limits_can_be_set() -> None:
    assert rules(told(new=some(6)), new=6) == []
    assert rules(told(new=some(1)), new=0) == ["guard.flood"]
    assert rules(told(new=some(1, age=99 * DAY)), age="100d") == []
    assert rules(told(renamed=PAIRS[:2]), ids=2) == []
    assert rules(told(gone=some(9)), gone=0.9) == []


def verdict(difference: Difference) -> Verdict:
    return judge(difference, Known(fresh=()), Guard(), NOW)


def test_the_operator_is_told_what_readers_would_see() -> None:
    found = problem(verdict(told(new=some(12, age=30 * DAY))), "feeds/all.atom", since=NOW, zone="UTC")
    assert found.rule == "guard.held"
    assert found.message == (
        "the feed 'all' is held since 2025-06-01 00:00 UTC, and the last one stays: "
        "12 entries would be new at once, 5 are allowed: 'T0', 'T1', 'T2' and 9 more; "
        "12 entries older than 7d would be new"
    )
    assert found.hint == "if readers should see this: feedservice release all; if not: feedservice reject all, or mend the posts"


def test_rejecting_is_offered_where_something_new_can_be_left_out() -> None:
    found = problem(verdict(told(gone=some(9))), "feeds/all.atom", since=NOW, zone="Asia/Tokyo")
    assert "is held since 2025-06-01 09:00 Asia/Tokyo, and" in found.message
    assert found.hint == "if readers should see this: feedservice release all; if not: mend the posts"


def test_a_decision_is_about_one_difference() -> None:
    first = verdict(told(new=some(6)))
    assert first.key == verdict(told(new=some(6))).key
    assert first.key != verdict(told(new=some(7))).key
    assert first.key != verdict(told(new=some(6), gone=some(1))).key


def test_it_is_known_which_new_entries_a_feed_is_held_for() -> None:
    def held_for(difference: Difference, doubtful: dict[str, str] | None = None) -> tuple[str, ...]:
        return judge(difference, Known(fresh=(), doubtful=doubtful or {}), Guard(), NOW).about

    fresh, old = shown(1), shown(2, age=99 * DAY)
    assert held_for(told(new=(fresh, old))) == ("tag:2",)
    assert held_for(told(new=(fresh, old)), {"tag:1": "gone.md"}) == ("tag:1", "tag:2")
    assert held_for(told(new=(fresh,), gone=some(6))) == ()
    assert held_for(told(new=some(6))) == tuple(f"tag:{number}" for number in range(6))
    five = some(5)
    verdict = judge(told(new=five), Known(fresh=(), doubtful={each.id: "gone.md" for each in five}), Guard(), NOW)
    assert verdict.about == tuple(each.id for each in five)
    assert [reason.text for reason in verdict.reasons][3:] == ["2 more would be new, and resemble posts that are gone"]


def test_dates_are_told_in_the_zone_of_the_site() -> None:
    late = dataclasses.replace(shown(1), published=datetime(2025, 1, 1, 20, tzinfo=UTC), updated=NOW)
    for zone, day in (("UTC", "2025-01-01"), ("Asia/Tokyo", "2025-01-02")):
        verdict = judge(told(new=(late,)), Known(fresh=(), zone=zone), Guard(), NOW)
        assert verdict.reasons[0].text == f"1 entry older than 7d would be new: 'T1' ({day})"


def test_a_feed_of_one_entry_says_which_it_is() -> None:
    verdict = judge(told(gone=some(1), held=1, shown=0), Known(fresh=(), elsewhere={"tag:0"}), Guard(), NOW)
    assert verdict.reasons[0].text == "its only entry would be gone: 'T0'"
