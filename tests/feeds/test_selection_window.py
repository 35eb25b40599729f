"""Which of its entries a feed shows: the newest, what came late, and no old news."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from feedservice.feeds import difference, selection
from feedservice.feeds.difference import Served
from feedservice.feeds.identity import Named
from feedservice.model import Post

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)

STAY = timedelta(days=7)


def named(number: int) -> Named:
    """A post that is so many days old."""
    each = Post(
        path=f"{number}.md",
        digest="",
        title=str(number),
        link=f"https://example.org/{number}/",
        published=NOW - timedelta(days=number),
        zone="UTC",
    )
    return Named(post=each, id=str(number), atom_id=str(number))


def served(*numbers: int, size: int = 3, at: datetime = NOW, late: dict[str, datetime] | None = None) -> Served:
    entries = tuple(difference.shown(named(number)) for number in numbers)
    return Served(feed="all", since=at, at=at, window=size, entries=entries, late=late or {})


def shows(
    members: Sequence[int], before: Served | None, *, new: Sequence[int] = (), now: datetime = NOW, size: int = 3
) -> list[str]:
    made = selection.window(
        [named(number) for number in members],
        size,
        before,
        {str(number) for number in new},
        now=now,
        stay=STAY,
    )
    return [each.id for each in made.entries]


def test_a_window_has_the_newest() -> None:
    assert shows([1, 2, 3, 4, 5], None) == ["1", "2", "3"]
    assert shows([0, 1, 2, 3, 4, 5], served(1, 2, 3), new=[0]) == ["0", "1", "2"]


def test_a_post_that_comes_late_is_shown_where_its_date_puts_it() -> None:
    assert shows([1, 2, 3, 4, 5], served(1, 2, 3), new=[5]) == ["1", "2", "3", "5"]
    # What comes with so many others that there is no room for it is not lost either.
    assert shows([0, 1, 2, 3, 4, 5, 6], served(5, 6, 7), new=[0, 1, 2, 3, 4]) == ["0", "1", "2", "3", "4"]
    # As many again as there is room for, and no more.
    assert shows(range(20), served(20, 21, 22), new=range(20)) == ["0", "1", "2", "3", "4", "5"]


def test_a_late_post_stays_for_a_while() -> None:
    before = served(1, 2, 3, 5, late={"5": NOW})
    assert shows([1, 2, 3, 4, 5], before, now=NOW + STAY - timedelta(seconds=1)) == ["1", "2", "3", "5"]
    assert shows([1, 2, 3, 4, 5], before, now=NOW + STAY) == ["1", "2", "3"]
    # Newer ones do not push it out.
    assert shows([0, 1, 2, 3, 4, 5], before, new=[0]) == ["0", "1", "2", "5"]


def test_nothing_old_comes_back_in_place_of_what_is_withdrawn() -> None:
    assert shows([1, 3, 4, 5], served(1, 2, 3)) == ["1", "3"]
    assert shows([0, 1, 3, 4, 5], served(1, 3), new=[0]) == ["0", "1", "3"]
    # The operator wants a larger window: then it is filled, and the guard looks at it.
    assert shows([1, 2, 3, 4, 5], served(1, 2, 3), size=5) == ["1", "2", "3", "4", "5"]
    # A post between those that readers have is new to the feed, not to the window.
    assert shows([1, 2, 3, 4], served(1, 3, 4)) == ["1", "2", "3"]


def test_what_stands_before_something_that_readers_have_pushes_it_out_and_takes_its_place() -> None:
    """And not its room only: nobody would have either."""
    assert shows([1, 2, 3, 4], served(1, 2, 4)) == ["1", "2", "3"]
    assert shows([1, 2, 3, 4, 5, 6], served(1, 4, 5)) == ["1", "2", "3"]
    # What comes late lets nothing old in before it, then and later.
    assert shows([1, 2, 5], served(1), new=[5]) == ["1", "5"]
    made = selection.window([named(number) for number in (1, 2, 5)], 3, served(1), {"5"}, now=NOW, stay=STAY)
    assert made.late == {"5": NOW}
    assert shows([1, 2, 5], served(1, 5, late={"5": NOW}), now=NOW + 9 * STAY) == ["1", "5"]
    assert shows([1, 3, 4, 5], served(1, 2, 3, 5, late={"5": NOW})) == ["1", "3", "5"]


def test_what_readers_had_comes_back_to_its_place_at_the_end() -> None:
    assert shows([1, 2, 3], dataclasses.replace(served(1, 2), withdrawn={"3": NOW})) == ["1", "2", "3"]
    assert shows([1, 2, 3, 4], dataclasses.replace(served(1), withdrawn={"3": NOW}), size=4) == ["1", "2", "3", "4"]
    assert shows([1, 2, 3, 4], dataclasses.replace(served(1, size=4), withdrawn={"3": NOW}), size=4) == ["1", "3"]


def test_a_feed_that_showed_everything_shows_what_came_to_it_lately() -> None:
    assert shows([1, 2, 3], served(1, 2)) == ["1", "2"]
    assert shows([1, 2, 3], dataclasses.replace(served(1, 2), whole=True)) == ["1", "2", "3"]
    # What is older than that is old news wherever it comes.
    assert shows([1, 2, 9], dataclasses.replace(served(1, 2), whole=True)) == ["1", "2"]


def test_a_feed_that_was_empty_is_filled() -> None:
    assert shows([1, 2, 3, 4], served()) == ["1", "2", "3"]
