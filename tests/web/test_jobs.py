"""Jobs of the operations over HTTP: what becomes of them, and for how long that is known."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from feedservice.web.admin import Admin, Keys
from feedservice.web.desk import Asked
from feedservice.web.metrics import Metric, gauge

TOKEN = b"0123456789abcdef"
BEARER = ("authorization", f"Bearer {TOKEN.decode()}")


class Operator:
    """Makes passes that end when they may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.made = 0

    async def status(self) -> Mapping[str, Any]:
        return {"ready": True}

    async def unready(self) -> Sequence[str]:
        return ()

    def held(self) -> Sequence[str]:
        return ()

    async def figures(self) -> Sequence[Metric]:
        return [gauge("up", "It is.", 1)]

    async def reload(self) -> Mapping[str, Any]:
        return {"problems": []}

    async def rebuild(self, *, feeds: Sequence[str], full: bool, reason: str) -> Mapping[str, Any]:
        await self.may.wait()
        self.made += 1
        return {"feeds": list(feeds), "full": full, "reason": reason}

    async def pushed(self) -> Mapping[str, Any]:
        return {}


async def ask(admin: Admin, method: str, target: str, *fields: tuple[str, str]) -> tuple[int, Any]:
    asked = Asked(method=method, target=target.encode(), fields=fields)
    answer, body = await admin.answer(asked, b"")
    return answer.status, json.loads(body) if ("content-type", "application/json") in answer.headers else body


def with_admin(work: Callable[[Admin, Operator], Awaitable[None]]) -> None:
    async def main() -> None:
        operator, numbers = Operator(), itertools.count(1)
        admin = Admin(operator, Keys(token=TOKEN), unix=False, name=lambda: str(next(numbers)))
        try:
            await asyncio.wait_for(work(admin, operator), 60)
        finally:
            await admin.close()

    asyncio.run(main())


def test_who_stops_waiting_does_not_stop_the_pass() -> None:
    async def work(admin: Admin, operator: Operator) -> None:
        waiting = asyncio.ensure_future(ask(admin, "POST", "/-/rebuild?wait=1&feed=a&feed=b&full=1", BEARER))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert await ask(admin, "GET", "/-/jobs/1", BEARER) == (202, {"job": "1", "done": False})
        operator.may.set()
        while (await ask(admin, "GET", "/-/jobs/1", BEARER))[0] == 202:  # noqa: ASYNC110  -- as a client does
            await asyncio.sleep(0)
        status, told = await ask(admin, "GET", "/-/jobs/1", BEARER)
        assert (status, told) == (200, {"done": True, "feeds": ["a", "b"], "full": True, "reason": "http"})
        assert operator.made == 1

    with_admin(work)


def test_only_so_many_jobs_are_remembered_and_none_that_is_not_done_is_forgotten() -> None:
    async def work(admin: Admin, operator: Operator) -> None:
        for _ in range(150):
            assert (await ask(admin, "POST", "/-/rebuild", BEARER))[0] == 202
        assert (await ask(admin, "GET", "/-/jobs/1", BEARER))[0] == 202
        operator.may.set()
        while operator.made < 150:  # noqa: ASYNC110  -- what is waited for has no event
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await ask(admin, "POST", "/-/rebuild", BEARER)
        assert [(await ask(admin, "GET", f"/-/jobs/{name}", BEARER))[0] for name in (1, 51, 52, 150)] == [404, 404, 200, 200]

    with_admin(work)


def test_jobs_that_are_not_done_at_the_end_say_so() -> None:
    async def work(admin: Admin, _: Operator) -> None:
        await ask(admin, "POST", "/-/rebuild", BEARER)
        await asyncio.sleep(0)
        await admin.close()
        status, told = await ask(admin, "GET", "/-/jobs/1", BEARER)
        assert (status, told["error"]) == (409, "the service stopped before it was done")

    with_admin(work)
