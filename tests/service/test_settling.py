from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.service.settling import Held, Patience, Settled, Stamp, looked, noticed

PATIENCE = Patience(hold=0.03, limit=10.0, many=20, burst=10.0)
EMPTY: Stamp = (0, 1, 7)
WRITTEN: Stamp = (400, 2, 7)


def test_a_saved_file_waits_for_one_hold() -> None:
    held = noticed(None, {"a.md": WRITTEN}, 100.0, PATIENCE)
    assert held == Held(since=100.0, due=100.03, stamps={"a.md": WRITTEN})
    assert looked(held, {"a.md": WRITTEN}, 100.03, PATIENCE) == Settled(paths=frozenset({"a.md"}))


def test_a_file_that_is_still_written_waits_longer() -> None:
    held = noticed(None, {"a.md": EMPTY}, 0.0, PATIENCE)
    again = looked(held, {"a.md": WRITTEN}, 0.03, PATIENCE)
    assert again == Held(since=0.0, due=0.06, stamps={"a.md": WRITTEN})
    assert looked(again, {"a.md": WRITTEN}, 0.06, PATIENCE) == Settled(paths=frozenset({"a.md"}))


def test_another_event_begins_the_hold_anew_and_keeps_what_changed_before() -> None:
    held = noticed(noticed(None, {"a.md": WRITTEN}, 0.0, PATIENCE), {"b.md": None}, 0.02, PATIENCE)
    assert held == Held(since=0.0, due=0.05, stamps={"a.md": WRITTEN, "b.md": None})


def test_many_files_are_given_longer() -> None:
    few, many = ({f"{number}.md": WRITTEN for number in range(count)} for count in (20, 21))
    assert noticed(None, few, 0.0, PATIENCE).due == 0.03
    assert noticed(None, many, 0.0, PATIENCE).due == pytest.approx(0.3)


def test_a_program_at_work_is_waited_for() -> None:
    held = noticed(None, {"a.md": WRITTEN}, 0.0, PATIENCE)
    assert isinstance(looked(held, {"a.md": WRITTEN}, 0.03, PATIENCE, busy=True), Held)


def test_nothing_is_waited_for_for_ever() -> None:
    held = Held(since=0.0, due=10.0, stamps={"a.md": EMPTY})
    assert looked(held, {"a.md": WRITTEN}, 10.0, PATIENCE, busy=True) == Settled(paths=frozenset({"a.md"}))


def test_looking_too_early_is_a_bug() -> None:
    held = noticed(None, {"a.md": WRITTEN}, 0.0, PATIENCE)
    with pytest.raises(ValueError, match="due at"):
        looked(held, {"a.md": WRITTEN}, 0.01, PATIENCE)


def test_looking_at_something_else_is_a_bug() -> None:
    held = noticed(None, {"a.md": WRITTEN}, 0.0, PATIENCE)
    with pytest.raises(ValueError, match="other paths"):
        looked(held, {}, 0.03, PATIENCE)


moves = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from(["a.md", "b.md", "c.md"]), st.floats(0, 1)),
        st.tuples(st.just("look"), st.booleans(), st.booleans()),
    ),
    max_size=60,
)


@given(moves=moves)
def test_whatever_happens_every_path_settles_within_the_limit_and_a_hold(moves: list[tuple[str, object, object]]) -> None:
    now, size = 0.0, 0
    held: Held | None = None
    for kind, first, second in moves:
        if kind == "event":
            now += float(second) * 0.05  # type: ignore[arg-type]
            if held is not None and now >= held.due:
                now = held.due
            held = noticed(held, {str(first): (size, 0, 0)}, now, PATIENCE)
        elif held is not None:
            now = held.due
            size += bool(first)
            stamps = {path: (size, 0, 0) if first else stamp for path, stamp in held.stamps.items()}
            outcome = looked(held, stamps, now, PATIENCE, busy=bool(second))
            if isinstance(outcome, Settled):
                assert outcome.paths == held.stamps.keys()
                assert (not first and not second) or now - held.since >= PATIENCE.limit
                held = None
            else:
                assert outcome.since == held.since
                assert now - held.since < PATIENCE.limit
                held = outcome
