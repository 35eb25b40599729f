from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.errors import RefusedError
from feedservice.service.passes import Outcome, Passes, Wanted
from feedservice.service.report import Report

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def report(**more: object) -> Report:
    nothing: dict[str, object] = {
        "posts": 0,
        "live": 0,
        "refused": 0,
        "held": {},
        "feeds": (),
        "published": (),
        "withheld": (),
        "problems": (),
        "due": None,
        "stages": {},
    }
    return Report(**{**nothing, **more})  # type: ignore[arg-type]


def wanted(*reasons: str, **more: object) -> Wanted:
    return Wanted(reasons=reasons, **more)  # type: ignore[arg-type]


async def with_passes(make: Callable[[Wanted, datetime], Report], work: Callable[[Passes], object]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    passes = Passes(make, clock=lambda: NOW, done=outcomes.append)
    running = asyncio.ensure_future(passes.run())
    try:
        await asyncio.wait_for(work(passes), 60)  # type: ignore[arg-type]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        passes.close()
    return outcomes


def test_what_is_asked_for_during_a_pass_is_one_pass_after_it() -> None:
    begun, go_on = threading.Event(), threading.Event()
    made: list[Wanted] = []

    def make(each: Wanted, now: datetime) -> Report:
        made.append(each)
        begun.set()
        assert go_on.wait(60)
        return report(posts=len(made))

    async def work(passes: Passes) -> None:
        first = passes.ask(wanted("a"))
        await asyncio.to_thread(begun.wait, 60)
        assert passes.running == wanted("a")
        assert not passes.idle
        later = [passes.ask(wanted("b")), passes.ask(wanted("c", full=True)), passes.ask(wanted("b"))]
        assert not first.done()
        go_on.set()
        assert (await first).number == 1
        outcomes = await asyncio.gather(*later)
        assert [outcome.number for outcome in outcomes] == [2, 2, 2]
        assert outcomes[0].report is not None
        assert outcomes[0].report.posts == 2
        assert passes.idle

    asyncio.run(with_passes(make, work))
    assert made == [wanted("a"), wanted("b", "c", full=True)]


def test_a_pass_that_is_refused_or_fails_ends_nothing() -> None:
    def make(each: Wanted, now: datetime) -> Report:
        if each.reasons == ("refused",):
            raise RefusedError("no content", "mount it")
        if each.reasons == ("bug",):
            raise ZeroDivisionError("of course")
        return report()

    async def work(passes: Passes) -> None:
        refused = await passes.ask(wanted("refused"))
        assert (refused.failed, refused.refusal, refused.hint) == (True, "no content", "mount it")
        bug = await passes.ask(wanted("bug"))
        assert bug.refusal == "ZeroDivisionError: of course"
        assert not (await passes.ask(wanted("fine"))).failed

    assert len(asyncio.run(with_passes(make, work))) == 3


def test_the_pass_that_runs_is_finished_when_the_service_ends() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def make(each: Wanted, now: datetime) -> Report:
        begun.set()
        assert go_on.wait(60)
        return report()

    async def main() -> None:
        outcomes: list[Outcome] = []
        passes = Passes(make, clock=lambda: NOW, done=outcomes.append)
        running = asyncio.ensure_future(passes.run())
        first = passes.ask(wanted("a"))
        await asyncio.to_thread(begun.wait, 60)
        second = passes.ask(wanted("b"))
        running.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        passes.close()
        assert (await first).number == 1
        assert second.cancelled()
        assert len(outcomes) == 1

    asyncio.run(main())


paths = st.none() | st.frozensets(st.sampled_from(["a.md", "b.md", "c.md"]))
wants = st.builds(
    Wanted,
    reasons=st.tuples(st.sampled_from(["content", "due", "rebuild"])),
    paths=paths,
    full=st.booleans(),
    emptied=st.booleans(),
)


@given(one=wants, two=wants, three=wants)
def test_what_is_joined_does_as_much_as_each(one: Wanted, two: Wanted, three: Wanted) -> None:
    both = one.joined(two)
    for each in (one, two):
        assert set(each.reasons) <= set(both.reasons)
        assert both.full >= each.full
        assert both.emptied >= each.emptied
        assert both.paths is None or (each.paths is not None and each.paths <= both.paths)
    assert one.joined(two).joined(three) == one.joined(two.joined(three))
    assert one.joined(one) == one
