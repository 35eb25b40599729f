"""The daemon by itself: passes, errands and what is late, with functions in place of a site."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from feedservice.config import Loaded
from feedservice.errors import ConfigError, FeedserviceError, RefusedError
from feedservice.model import Problem, Severity
from feedservice.service.daemon import Daemon, Errand, Work
from feedservice.service.notify import Manager
from feedservice.service.passes import Wanted
from feedservice.service.report import Report
from tests.service.conftest import MakeSite
from tests.service.test_passes import report

EXTRA = "schedule: {watch: 'off', rescan: 1h}\n"
WRONG = Problem(rule="store.damaged", severity=Severity.ERROR, message="row 7 is missing", path="store.sqlite")


@dataclasses.dataclass
class Stand:
    """A daemon, and what it is to meet."""

    daemon: Daemon
    refusal: str = ""
    due: datetime | None = None
    mistakes: tuple[Problem, ...] = ()
    """Of the configuration as it is in the file."""
    passes: list[Wanted] = dataclasses.field(default_factory=list)


def with_daemon(
    make_site: MakeSite, work: Callable[[Stand], Awaitable[object]], *, alone: Callable[[], bool] = lambda: True, **more: Any
) -> None:
    loaded = make_site({"a.md": ""}, EXTRA)

    def make(_loaded: object, wanted: Wanted, _now: datetime) -> Report:
        at.passes.append(wanted)
        if at.refusal:
            raise RefusedError(at.refusal)
        return report(due=at.due)

    def load() -> Loaded:
        if at.mistakes:
            raise ConfigError(at.mistakes)
        return loaded

    wiring = Work(load=load, make=make, changed=lambda _: None, alive=Manager({}), alone=alone, **more)
    at = Stand(daemon=Daemon(loaded, wiring))

    async def main() -> None:
        stopping = asyncio.Event()
        running = asyncio.ensure_future(at.daemon.run(stopping))
        try:
            await until(lambda: at.daemon.ready or running.done())
            await asyncio.wait_for(work(at), 60)
        finally:
            stopping.set()
            await running

    asyncio.run(main())


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110  -- what is waited for has no event
            await asyncio.sleep(0.01)


def said(caplog: pytest.LogCaptureFixture, level: int = logging.ERROR) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_a_refusal_is_told_once_until_it_is_another(make_site: MakeSite, caplog: pytest.LogCaptureFixture) -> None:
    async def work(at: Stand) -> None:
        for each in ("the disk is full", "the disk is full", "the disk is gone", "", "the disk is full"):
            at.refusal = each
            await at.daemon.ask(Wanted(reasons=("test",)))

    with_daemon(make_site, work)
    full, gone = "nothing was done: the disk is full", "nothing was done: the disk is gone"
    assert said(caplog) == [full, gone, full]


def test_what_is_late_is_said(make_site: MakeSite) -> None:
    async def work(at: Stand) -> None:
        daemon = at.daemon
        assert daemon.late() is None
        at.due = datetime.now(UTC) + timedelta(minutes=1)
        await daemon.ask(Wanted(reasons=("test",)))
        assert daemon.late() is None
        daemon.clock = lambda: datetime.now(UTC) + timedelta(minutes=10)
        assert daemon.late() == f"a change was due at {at.due:%Y-%m-%dT%H:%M:%SZ}"
        # While a pass is made it is not late: the pass sees to it.
        asked = daemon.ask(Wanted(reasons=("test",)))
        assert daemon.late() is None
        await asked
        daemon._beaten -= 10
        assert daemon.late() == "the service does not keep its second"

    with_daemon(make_site, work)


def test_an_errand_says_what_it_finds_and_a_failed_one_ends_nothing(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    def check() -> Iterable[Problem]:
        done.append("check")
        yield WRONG

    def prune() -> Iterable[Problem]:
        done.append("prune")
        raise FeedserviceError("the store is away")

    errands = [
        Errand(name="self-check", every=86_400.0, first=0.1, do=check),
        Errand(name="prune", every=0.1, first=0.1, do=prune),
    ]

    async def work(_: Stand) -> None:
        await until(lambda: done.count("prune") > 1 and "check" in done)

    with_daemon(make_site, work, errands=errands)
    assert done.count("check") == 1
    assert {"store.sqlite: row 7 is missing [store.damaged]", "prune: the store is away"} <= set(said(caplog))


def test_an_errand_that_was_begun_is_finished_before_the_end(make_site: MakeSite) -> None:
    begun, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def slow() -> Iterable[Problem]:
        begun.set()
        assert go_on.wait(60)
        done.append("slow")
        return ()

    async def work(_: Stand) -> None:
        await until(begun.is_set)
        asyncio.get_running_loop().call_later(0.2, go_on.set)

    with_daemon(make_site, work, errands=[Errand(name="slow", every=86_400.0, first=0.0, do=slow)])
    assert done == ["slow"]


def test_with_its_lock_gone_it_makes_no_pass_and_ends(make_site: MakeSite) -> None:
    held = [True]

    async def work(at: Stand) -> None:
        assert [each.reasons for each in at.passes] == [("start",)]
        held[0] = False
        outcome = await at.daemon.ask(Wanted(reasons=("test",)))
        assert outcome.refusal == "the state directory, or the lock in it, was removed while the service ran"
        assert [each.reasons for each in at.passes] == [("start",)]
        await until(lambda: not at.daemon.ready)

    with pytest.raises(RefusedError, match="was removed while the service ran"):
        with_daemon(make_site, work, alone=lambda: held[0])


def test_a_broken_configuration_is_told_once_until_it_is_another(make_site: MakeSite, caplog: pytest.LogCaptureFixture) -> None:
    one, other = (dataclasses.replace(WRONG, message=message) for message in ("a mistake", "another"))

    async def work(at: Stand) -> None:
        for mistakes in ((one,), (one,), (other,), ()):
            at.mistakes = mistakes
            # As every rescan does, with nobody telling of a change.
            await at.daemon._rescan()
            assert at.daemon.refused == mistakes
        assert [each.reasons for each in at.passes] == [("start",), ("rescan",), ("configuration",)]

    with_daemon(make_site, work)
    assert said(caplog) == ["store.sqlite: a mistake [store.damaged]", "store.sqlite: another [store.damaged]"]


def test_after_the_time_was_set_everything_is_looked_at(make_site: MakeSite, caplog: pytest.LogCaptureFixture) -> None:
    async def work(at: Stand) -> None:
        at.daemon.timetable._offset -= 7200
        await until(lambda: at.passes[-1] == Wanted(reasons=("time",)))

    with_daemon(make_site, work)
    assert [line for line in said(caplog, logging.WARNING) if line.startswith("the time moved by +7200")]


def test_a_pass_is_told_which_files_changed_as_far_as_that_is_sure(make_site: MakeSite) -> None:
    async def work(at: Stand) -> None:
        folder = at.daemon.loaded.root / "content"
        for heard, paths in (
            ([folder / "a.md", folder / "deep" / "b.md"], frozenset({"a.md", "deep/b.md"})),
            # A name that is no UTF-8 was told with other characters in it.
            ([folder / "a.md", folder / "b\ufffd.md"], None),
            ([folder], None),
        ):
            before = len(at.passes)
            at.daemon.changes.hear(map(str, heard))
            await until(lambda before=before: len(at.passes) > before)  # type: ignore[misc]
            assert at.passes[-1] == Wanted(reasons=("content",), paths=paths)
        # The configuration is as it was: no pass for its sake.
        at.daemon.changes.hear([str(at.daemon.loaded.path)])
        await asyncio.sleep(0.2)
        assert at.passes[-1].reasons == ("content",)

    with_daemon(make_site, work)
