"""Where bodies are taken in: what answers a POST, and what bounds it.

A reception sees a request whole, with its body read up to a limit, and gives an answer whole.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from feedservice.dates import http_date
from feedservice.push import budgets
from feedservice.push.budgets import Budget
from feedservice.web.conditional import Answer
from feedservice.web.desk import Asked
from feedservice.web.fairness import poller_network
from feedservice.web.fields import Fields

TEXT = "text/plain; charset=utf-8"
LONGEST = 16 * 1024
"""Bytes of a body that is read."""
_REMEMBERED = 20_000
"""Spenders whose budgets are remembered; the one that spent longest ago is forgotten first."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer."""

    status: int
    body: bytes = b""
    media_type: str = TEXT
    fields: tuple[tuple[str, str], ...] = ()
    """Further header fields, names in lower case."""

    def headers(self, now: datetime) -> tuple[tuple[str, str], ...]:
        """Return the header fields; 204 has no body and says nothing of one."""
        about_body = (
            ()
            if self.status == HTTPStatus.NO_CONTENT
            else (
                ("content-length", str(len(self.body))),
                ("content-type", self.media_type),
                ("x-content-type-options", "nosniff"),
            )
        )
        return (("date", http_date(now)), *about_body, ("cache-control", "no-store"), *self.fields)


def told(status: int, text: str, *fields: tuple[str, str]) -> Reply:
    """Return an answer that is a line of text."""
    return Reply(status=int(status), body=f"{text}\n".encode(), fields=fields)


def later(seconds: int) -> Reply:
    """Return 429 (RFC 6585 §4)."""
    return told(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", ("retry-after", str(seconds)))


class Reception(Protocol):
    """Takes in what is posted to one path."""

    async def receive(self, asked: Asked, body: bytes, client: str, now: datetime) -> Reply:
        """Answer a POST; ``client`` is the address that it came from, behind proxies too."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What every door knows: the time, and who asks."""

    now: Callable[[], datetime]
    client: Callable[[str | None, Fields], str]
    """(peer, header fields) → address of the client, behind proxies too."""


class Counter:
    """The door that a reception stands behind: POST only, bodies up to a limit, requesters within their budget."""

    def __init__(self, at: Post, reception: Reception, requesters: Purse) -> None:
        """Take ``requesters`` for what each client may spend."""
        self._at = at
        self._reception = reception
        self._requesters = requesters

    async def answer(self, asked: Asked, body: bytes) -> tuple[Answer, bytes]:
        """Answer a request: (answer, body)."""
        now = self._at.now()
        client = self._at.client(asked.peer, asked.fields)
        if asked.method != "POST":
            reply = told(HTTPStatus.METHOD_NOT_ALLOWED, "this takes POST", ("allow", "POST"))
        elif len(body) > LONGEST:
            reply = told(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the limit is {LONGEST} bytes")
        elif wait := self._requesters.spend(poller_network(client), now):
            reply = later(wait)
        else:
            reply = await self._reception.receive(asked, body, client, now)
        return Answer(status=reply.status, headers=reply.headers(now)), reply.body


class Notice:
    """The door behind which a fixed text hangs out, such as the key of IndexNow: without a line's end, never redirected."""

    def __init__(self, at: Post, text: str) -> None:
        """``text`` is ASCII."""
        self._at = at
        self._reply = Reply(status=HTTPStatus.OK.value, body=text.encode("ascii"))

    async def answer(self, asked: Asked, body: bytes) -> tuple[Answer, bytes]:
        """Answer a request: (answer, body)."""
        del body
        reply = self._reply
        if asked.method not in {"GET", "HEAD"}:
            reply = told(HTTPStatus.METHOD_NOT_ALLOWED, "this takes GET", ("allow", "GET, HEAD"))
        return Answer(status=reply.status, headers=reply.headers(self._at.now())), reply.body


class Purse:
    """Budgets by spender; bounded, so that many spenders cannot fill the memory."""

    def __init__(self, budget: Budget) -> None:
        """Everybody has the same budget."""
        self._budget = budget
        self._whole: OrderedDict[str, datetime] = OrderedDict()

    def spend(self, spender: str, now: datetime) -> int:
        """Take one unit; return 0, or the seconds to wait when there is none."""
        whole, wait = budgets.spend(self._whole.get(spender), now, self._budget)
        if not wait:
            self._whole[spender] = whole
            self._whole.move_to_end(spender)
            if len(self._whole) > _REMEMBERED:
                self._whole.popitem(last=False)
        return wait
