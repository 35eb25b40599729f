from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds.difference import Shown, difference

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def shown(number: int, **changes: object) -> Shown:
    date = NOW - timedelta(days=number)
    values: dict[str, object] = {
        "id": f"tag:{number}",
        "title": f"T{number}",
        "url": f"https://example.org/{number}/",
        "published": date,
        "updated": date,
    }
    return Shown(**{**values, **changes})  # type: ignore[arg-type]


def window(*numbers: int) -> list[Shown]:
    return [shown(number) for number in numbers]


def ids(*numbers: int) -> set[str]:
    return {f"tag:{number}" for number in numbers}


def test_the_same_feed_shows_nothing() -> None:
    told = difference("all", window(1, 2, 3), window(1, 2, 3), ids(1, 2, 3))
    assert told.nothing
    assert (told.held, told.shown) == (3, 3)


def test_what_is_new_and_what_only_left_the_window() -> None:
    told = difference("all", window(1, 2, 3), window(0, 1, 2), ids(0, 1, 2, 3))
    assert (told.new, told.slid, told.gone, told.moved) == ((shown(0),), (shown(3),), (), ())


def test_what_is_gone_and_what_comes_back() -> None:
    told = difference("all", window(1, 2, 3), window(1, 3), ids(1, 3))
    assert (told.gone, told.new) == ((shown(2),), ())
    told = difference("all", window(1, 3), window(1, 2, 3), ids(1, 2, 3), withdrawn=ids(2))
    assert (told.back, told.new) == ((shown(2),), ())


def test_one_entry_under_two_ids_is_renamed() -> None:
    moved = shown(2, id="other")
    told = difference("all", window(1, 2), [shown(1), moved], {"tag:1", "other"})
    assert (told.renamed, told.new, told.gone) == (((shown(2), moved),), (), ())
    elsewhere = shown(2, id="other", url="https://new.example/2/")
    assert difference("all", window(1, 2), [shown(1), elsewhere], {"tag:1", "other"}).renamed == ((shown(2), elsewhere),)
    another = shown(2, id="other", url="https://new.example/2/", title="X")
    assert difference("all", window(1, 2), [shown(1), another], {"tag:1", "other"}).renamed == ()


def test_what_says_that_it_changed() -> None:
    later, titled = shown(1, updated=NOW), shown(2, title="X")
    told = difference("all", window(1, 2), [later, titled], ids(1, 2))
    assert (told.updated, told.retitled) == (((shown(1), later),), ((shown(2), titled),))


def test_what_stands_elsewhere() -> None:
    told = difference("all", window(1, 2, 3, 4), window(4, 1, 2, 3), ids(1, 2, 3, 4))
    assert told.moved == (shown(4),)
    told = difference("all", window(1, 2, 3, 4), window(4, 3, 2, 1), ids(1, 2, 3, 4))
    assert len(told.moved) == 3


@given(st.permutations(range(8)), st.permutations(range(8)), st.integers(0, 8), st.integers(0, 8))
def test_every_entry_is_told_of_once(first: list[int], second: list[int], one: int, other: int) -> None:
    before, after = window(*first[:one]), window(*second[:other])
    told = difference("all", before, after, ids(*second))
    had, have = ({each.id for each in entries} for entries in (before, after))
    assert {each.id for each in told.new} == have - had
    assert {each.id for each in (*told.gone, *told.slid)} == had - have
    stayed = [each for each in after if each.id in had]
    kept = [each for each in stayed if each not in told.moved]
    places = [before.index(each) for each in kept]
    assert places == sorted(places)
