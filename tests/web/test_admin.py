"""Who may use the operations: the token, once; or a Unix socket that nobody passes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from feedservice.web.admin import Admin, Keys
from feedservice.web.desk import Asked
from feedservice.web.metrics import Metric

TOKEN = b"0123456789abcdef"


class Idle:
    """A service to which nothing happens."""

    async def status(self) -> Mapping[str, Any]:
        return {"fine": True}

    async def unready(self) -> Sequence[str]:
        return ()

    def held(self) -> Sequence[str]:
        return ()

    async def figures(self) -> Sequence[Metric]:
        return ()

    async def reload(self) -> Mapping[str, Any]:
        return {"problems": []}

    async def rebuild(self, *, feeds: Sequence[str], full: bool, reason: str) -> Mapping[str, Any]:
        return {"feeds": list(feeds), "full": full, "reason": reason}

    async def pushed(self) -> Mapping[str, Any]:
        return {}


def status(*fields: tuple[str, str], token: bytes | None = TOKEN, unix: bool = False) -> int:
    admin = Admin(Idle(), Keys(token=token), unix=unix, name=lambda: "job")
    asked = Asked(method="GET", target=b"/-/status", fields=fields)
    return asyncio.run(admin.answer(asked, b""))[0].status


GOOD = ("authorization", f"Bearer {TOKEN.decode()}")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((GOOD,), 200),
        ((("authorization", f"bearer  {TOKEN.decode()} "),), 200),
        ((), 401),
        ((("authorization", TOKEN.decode()),), 401),
        ((("authorization", f"Basic {TOKEN.decode()}"),), 401),
        ((("authorization", f"Bearer {TOKEN.decode()}x"),), 401),
        ((("authorization", "Bearer "),), 401),
        ((("authorization", "Bearer 読"),), 401),
        # A proxy and this server might each believe another one.
        ((GOOD, GOOD), 401),
        ((GOOD, ("authorization", "Bearer x")), 401),
    ],
)
def test_the_token_stands_once_and_whole(fields: tuple[tuple[str, str], ...], expected: int) -> None:
    assert status(*fields) == expected
    # A socket is no reason to go without a token where there is one.
    assert status(*fields, unix=True) == expected


@pytest.mark.parametrize(
    "passed_on", ["x-forwarded-for", "forwarded", "via", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]
)
def test_without_a_token_operations_are_for_who_comes_straight_to_the_socket(passed_on: str) -> None:
    assert status(token=None) == 403
    assert status(token=None, unix=True) == 200
    assert status((passed_on, "x"), token=None, unix=True) == 403
    assert status(GOOD, token=None) == 403
