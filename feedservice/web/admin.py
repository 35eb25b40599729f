"""Operations over HTTP, below ``/-/``.

=====================  ================================================================
GET ``/-/health``      the process lives (answered by the desk, to everybody)
GET ``/-/ready``       200 when it does its work on time, else 503 with the reasons; the feeds that the guard holds
GET ``/-/status``      everything that ``feedservice status`` shows
GET ``/-/metrics``     for Prometheus
POST ``/-/rebuild``    202 and the address of a job; with ``?wait=1`` what the pass did
POST ``/-/reload``     reads the configuration anew; 422 with its mistakes
GET ``/-/jobs/<id>``   what became of a job
POST ``/-/hooks/push`` the push hook of a Git host, proved by its own secret
=====================  ================================================================

All but health and the hook need the token (RFC 6750 §2.1). Where no token is set they are offered to those only who come straight
to a Unix socket: who may enter its directory is decided by the system, but what a proxy passes on comes from anywhere.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs

from feedservice import dates
from feedservice.dates import http_date
from feedservice.web import hooks, metrics, wire
from feedservice.web.conditional import Answer, refusal
from feedservice.web.desk import Asked
from feedservice.web.hooks import Verdict
from feedservice.web.metrics import Metric
from feedservice.web.pollers import FORWARDING

OPERATIONS = b"/-/"
"""Beginning of the paths."""

_PASSED_ON = frozenset({*FORWARDING, b"via", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"})
"""Fields that tell of a proxy."""
_KEPT = 100
"""Jobs that can be asked about."""


class Operator(Protocol):
    """The running service."""

    async def status(self) -> Mapping[str, Any]:
        """Return its state as JSON values."""
        ...

    async def unready(self) -> Sequence[str]:
        """Return why it is not ready."""
        ...

    def held(self) -> Sequence[str]:
        """Return the keys of the feeds that the guard holds."""
        ...

    async def figures(self) -> Sequence[Metric]:
        """Return its numbers."""
        ...

    async def reload(self) -> Mapping[str, Any]:
        """Read the configuration anew; ``problems`` are its mistakes."""
        ...

    async def rebuild(self, *, feeds: Sequence[str], full: bool, reason: str) -> Mapping[str, Any]:
        """Make a pass that begins from now on, and return what it did; ``error`` when nothing was done."""
        ...

    async def pushed(self) -> Mapping[str, Any]:
        """Do what a push asks for: fetch it if that is wanted, and make a pass."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Secrets; None where there is none."""

    token: bytes | None = None
    hook: bytes | None = None


class Admin:
    """A ``Door`` of the desk. Belongs to one event loop."""

    def __init__(self, operator: Operator, keys: Keys, *, unix: bool, name: Callable[[], str]) -> None:
        """``unix``: the server listens on a Unix socket. ``name`` makes the names of jobs."""
        self.keys = keys
        self._operator = operator
        self._unix = unix
        self._name = name
        self._jobs: dict[str, asyncio.Task[Mapping[str, Any]]] = {}

    async def answer(self, asked: Asked, body: bytes) -> tuple[Answer, bytes]:
        """Answer one request."""
        path, _, query = asked.target.decode("latin-1").partition("?")
        if path == "/-/hooks/push":
            return self._hook(asked, body)
        refused = self._unauthorised(asked)
        if refused is not None:
            return refused
        got = {"/-/ready": self._ready, "/-/status": self._status, "/-/metrics": self._metrics}
        if path in got:
            return await got[path]() if asked.method in {"GET", "HEAD"} else _not_allowed("GET, HEAD")
        if path.startswith("/-/jobs/"):
            return self._job(path.removeprefix("/-/jobs/")) if asked.method in {"GET", "HEAD"} else _not_allowed("GET, HEAD")
        posted: dict[str, Callable[[dict[str, list[str]]], Awaitable[tuple[Answer, bytes]]]]
        posted = {"/-/rebuild": self._rebuild, "/-/reload": self._reload}
        if path in posted:
            return await posted[path](parse_qs(query)) if asked.method == "POST" else _not_allowed("POST")
        return _refused(HTTPStatus.NOT_FOUND, "there is no such operation")

    async def close(self) -> None:
        """Let go of the jobs that are not done."""
        for task in self._jobs.values():
            task.cancel()
        await asyncio.gather(*self._jobs.values(), return_exceptions=True)

    def _unauthorised(self, asked: Asked) -> tuple[Answer, bytes] | None:
        token = self.keys.token
        if token is None:
            if self._unix and not any(asked.has(name.decode()) for name in _PASSED_ON):
                return None
            return _refused(HTTPStatus.FORBIDDEN, "operations need a token: set serve.admin_token_file")
        given = [value for name, value in asked.fields if name == "authorization"]
        scheme, _, credentials = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() == "bearer" and hooks.same(credentials.strip().encode("latin-1", "replace"), token):
            return None
        return _refused(HTTPStatus.UNAUTHORIZED, "this needs the token", ("www-authenticate", 'Bearer realm="feedservice"'))

    async def _ready(self) -> tuple[Answer, bytes]:
        reasons = list(await self._operator.unready())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        # A held feed is served as it was: it takes no traffic away, and is said.
        return _json(status, {"ready": not reasons, "reasons": reasons, "held": list(self._operator.held())})

    async def _status(self) -> tuple[Answer, bytes]:
        return _json(HTTPStatus.OK, await self._operator.status())

    async def _metrics(self) -> tuple[Answer, bytes]:
        return _sent(HTTPStatus.OK, metrics.MEDIA_TYPE, metrics.render(await self._operator.figures()))

    async def _reload(self, _: Mapping[str, list[str]]) -> tuple[Answer, bytes]:
        told = await self._operator.reload()
        return _json(HTTPStatus.UNPROCESSABLE_ENTITY if told["problems"] else HTTPStatus.OK, told)

    async def _rebuild(self, query: Mapping[str, list[str]]) -> tuple[Answer, bytes]:
        feeds, full = query.get("feed", []), query.get("full", ["0"])[0] not in {"0", "false"}
        name = self._begin(self._operator.rebuild(feeds=feeds, full=full, reason="http"))
        if query.get("wait", ["0"])[0] in {"0", "false"}:
            return _accepted(name)
        # Who stops waiting does not stop the pass.
        return _done(await asyncio.shield(self._jobs[name]))

    def _hook(self, asked: Asked, body: bytes) -> tuple[Answer, bytes]:
        secret = self.keys.hook
        if secret is None:
            return _refused(HTTPStatus.NOT_FOUND, "there is no hook: set hooks.secret_file")
        if asked.method != "POST":
            return _not_allowed("POST")
        verdict = hooks.judge(asked.fields, body, secret)
        if verdict is Verdict.UNSIGNED:
            return _refused(HTTPStatus.UNAUTHORIZED, "no signature and no token: set the secret at the Git host")
        if verdict is Verdict.WRONG:
            return _refused(HTTPStatus.FORBIDDEN, "the signature or token is made with another secret")
        if verdict is Verdict.OTHER:
            return _json(HTTPStatus.OK, {"ignored": "this is no push"})
        return _accepted(self._begin(self._operator.pushed()))

    def _begin(self, work: Awaitable[Mapping[str, Any]]) -> str:
        name = self._name()
        self._jobs[name] = asyncio.ensure_future(_told(work))
        while len(self._jobs) > _KEPT and next(iter(self._jobs.values())).done():
            del self._jobs[next(iter(self._jobs))]
        return name

    def _job(self, name: str) -> tuple[Answer, bytes]:
        task = self._jobs.get(name)
        if task is None:
            return _refused(HTTPStatus.NOT_FOUND, "there is no such job any more")
        return _done(task.result()) if task.done() else _json(HTTPStatus.ACCEPTED, {"job": name, "done": False})


async def _told(work: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        return await work
    except asyncio.CancelledError:
        return {"error": "the service stopped before it was done", "hint": ""}


def _accepted(name: str) -> tuple[Answer, bytes]:
    place = f"/-/jobs/{name}"
    return _json(HTTPStatus.ACCEPTED, {"job": name, "done": False, "url": place}, ("location", place))


def _done(told: Mapping[str, Any]) -> tuple[Answer, bytes]:
    return _json(HTTPStatus.CONFLICT if "error" in told else HTTPStatus.OK, {"done": True, **told})


def _json(status: HTTPStatus, value: Mapping[str, Any], *fields: tuple[str, str]) -> tuple[Answer, bytes]:
    body = json.dumps(value, ensure_ascii=False, default=_text).encode() + b"\n"
    return _sent(status, "application/json", body, *fields)


def _text(value: object) -> str:
    return dates.rfc3339(value, "UTC") if isinstance(value, datetime) else str(value)


def _sent(status: HTTPStatus, media_type: str, body: bytes, *fields: tuple[str, str]) -> tuple[Answer, bytes]:
    headers = (
        ("date", http_date(_now())),
        ("content-type", media_type),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *fields,
    )
    return Answer(status=status.value, headers=headers), body


def _refused(status: HTTPStatus, message: str, *fields: tuple[str, str]) -> tuple[Answer, bytes]:
    return wire.told(refusal(status, _now(), ("cache-control", "no-store"), *fields), message)


def _not_allowed(methods: str) -> tuple[Answer, bytes]:
    return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "", ("allow", methods))


def _now() -> datetime:
    return datetime.now(UTC)
