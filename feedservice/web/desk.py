"""Where requests are answered: a decision from the table of what is published, the bytes for it, and a note for the counts.

::

    Asked ─target.resolve→ path ─library.find→ Held ─conditional.answer→ Decision ─pollers.judge→ ─bodies→ bytes

Everything up to the bytes is synchronous and looks at no file. Both ways to the wire use it: the ASGI application (``app``) and
the prepared answers of ``protocol``, so that they cannot differ.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Protocol

from feedservice.dates import http_date
from feedservice.web import conditional, delta, target, wire
from feedservice.web.bodies import Bodies
from feedservice.web.conditional import ALLOW, Answer
from feedservice.web.counting import Counts, Subject
from feedservice.web.fairness import Request, client_address
from feedservice.web.fields import Fields
from feedservice.web.library import COUNTED, Elsewhere, Gone, Held, Library, with_body
from feedservice.web.pollers import FORWARDING, Pollers
from feedservice.web.target import Refusal
from feedservice.web.terms import Terms

HEALTH = b"/-/health"
HOOKS = b"/-/hooks/"
"""Beginning of the paths that Git hosts tell of pushes."""

_ALIVE = b'{"status": "ok"}\n'
_PAGE = (
    # frame-ancestors means nothing in the page's own <meta>.
    ("content-security-policy", "frame-ancestors 'none'"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request."""

    method: str
    target: bytes
    """As it stood in the request line."""
    fields: tuple[tuple[str, str], ...]
    """Names in lower case."""
    http10: bool = False
    peer: str | None = None
    """Address of the other end; None on a Unix socket."""
    local: str | None = None
    """Address of this end, as a Host would name it."""

    def has(self, name: str) -> bool:
        """Say whether there is a field of this name, in lower case."""
        return any(field == name for field, _ in self.fields)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to send."""

    answer: Answer
    held: Held | None = None
    text: bytes = b""
    """The body when the answer names no prepared one."""
    delta: bool = False
    """A delta may be what the client wants: ``Desk.cut`` decides, once the body is there."""
    until: int = 0
    """Second since the epoch up to which the same request gets the same answer but for Date; in the past: only this once."""


class Door(Protocol):
    """Whoever answers what is no published document: operations, a hub."""

    async def answer(self, asked: Asked, body: bytes) -> tuple[Answer, bytes]:
        """Return the answer and its body."""
        ...


Memo = dict[tuple[object, ...], object]


class Desk:
    """Answers requests. ``publish`` puts a new library in place; that may be done from any thread, everything else by one."""

    def __init__(
        self,
        library: Library,
        terms: Terms,
        *,
        bodies: Bodies,
        pollers: Pollers,
        counts: Counts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock`` gives seconds since the epoch."""
        self.terms = terms
        self.bodies = bodies
        self.pollers = pollers
        self.counts = counts
        self.clock = clock
        self.doors: Mapping[bytes, Door] = {}
        """Path, or beginning of paths when it ends in a slash, → who answers there; the longest one counts."""
        self.current: tuple[Library, Memo] = (library, {})
        """The library, and what ``protocol`` has prepared from it."""
        self._dated: tuple[int, bytes] = (0, b"")

    @property
    def library(self) -> Library:
        """What is published now."""
        return self.current[0]

    def publish(self, library: Library) -> None:
        """Answer from another library from now on."""
        self.current = (library, {})

    def door(self, asked: bytes) -> Door | None:
        """Return who answers a request target that is no document's; None for documents and for health."""
        path = asked.partition(b"?")[0]
        if not self.doors or path == HEALTH:
            return None
        found = [place for place in self.doors if path == place or (place[-1:] == b"/" and path.startswith(place))]
        return self.doors[max(found, key=len)] if found else None

    def now(self) -> datetime:
        """Return the second that answers are made in: all of one second are the same."""
        return moment(int(self.clock()))

    def date(self, second: int) -> bytes:
        """Return the value of Date, made once a second."""
        if self._dated[0] != second:
            self._dated = (second, http_date(moment(second)).encode("ascii"))
        return self._dated[1]

    def decide(self, library: Library, asked: Asked, now: datetime) -> Decision:
        """Decide about a request; ``now`` is in UTC."""
        if asked.target.partition(b"?")[0] == HEALTH:
            return _health(asked, now)
        hosts = [value for name, value in asked.fields if name == "host"]
        found = target.resolve(asked.method, asked.target, hosts, own=self.terms.hosts, host_required=not asked.http10)
        by_address = False
        if isinstance(found, Refusal) and found.status == HTTPStatus.MISDIRECTED_REQUEST and asked.local is not None:
            # Whoever names the very address that the connection came to means this server.
            found = target.resolve(asked.method, asked.target, hosts, own=(asked.local,), host_required=not asked.http10)
            by_address = True
        if isinstance(found, Refusal):
            return _refused(found.status, found.message, now)
        if found.path == "*":
            return Decision(answer=Answer(status=HTTPStatus.NO_CONTENT.value, headers=(*_dated(now), ("allow", ALLOW))))
        held = library.find(found.path)
        if not isinstance(held, Held):
            known = library.ready or held is not None
            return self._not_here(held, now) if known else unavailable(now, "the first pass is not done yet")
        decision = _of_resource(held, asked, now)
        return dataclasses.replace(decision, until=0) if by_address else decision

    def _not_here(self, found: Elsewhere | Gone | None, now: datetime) -> Decision:
        freshness = ("cache-control", f"public, max-age={self.terms.poll_interval}")
        if isinstance(found, Elsewhere):
            return _refused(HTTPStatus.MOVED_PERMANENTLY, found.url, now, ("location", found.url), freshness)
        if isinstance(found, Gone):
            return _refused(HTTPStatus.GONE, "this feed has ended and will not come back", now, freshness)
        return _refused(HTTPStatus.NOT_FOUND, "nothing is published here", now)

    def cut(self, decision: Decision, asked: Asked, body: bytes, now: datetime) -> Decision:
        """Decide again with the uncoded body at hand: a delta, or what was decided before."""
        held = decision.held
        if held is None:
            return decision
        resource = with_body(held, body)
        answer = conditional.answer(asked.method, asked.fields, resource, versions=held.versions, now=now)
        if answer.status != HTTPStatus.IM_USED:
            return decision
        text = delta.body(resource.document, answer.delta) if answer.delta is not None and resource.document is not None else b""
        return Decision(answer=answer, held=held, text=text)

    def client(self, peer: str | None, fields: Fields) -> str:
        """Tell the address of the client who asks."""
        return client_address(peer, fields, self.terms.proxies)

    def judged(self, decision: Decision, asked: Asked, now: datetime) -> Decision:
        """Let a poller that comes too often come later instead."""
        held = decision.held
        if held is None or held.published.format not in COUNTED or not self.pollers.concerns(asked.peer):
            return decision
        if self.pollers.mode == "auto" and any(asked.has(name.decode()) for name in FORWARDING):
            return decision
        client = self.client(asked.peer, asked.fields)
        wait = self.wait(client, held, decision.answer.status, with_body=asked.method == "GET", now=now)
        if wait is None:
            return decision
        answer, text = wire.told(conditional.too_many(wait, now), f"come back in {wait} seconds, and send If-None-Match")
        return Decision(answer=answer, held=held, text=text)

    def wait(self, client: str, held: Held, status: int, *, with_body: bool, now: datetime) -> int | None:
        """Say for how many seconds a client must wait for this answer; None when it may have it now."""
        request = Request(status=status, with_body=with_body, version=held.published.etag)
        return self.pollers.judge(client, held.published.path, request, now).retry_after

    def noted(self, decision: Decision, asked: Asked, now: datetime) -> None:
        """Take down an answer for the counts."""
        subject = subject_of(decision, asked)
        if subject is not None:
            agent = next((value for name, value in asked.fields if name == "user-agent"), "")
            self.counts.note(
                subject, agent.encode("latin-1", "replace"), self.client(asked.peer, asked.fields), int(now.timestamp())
            )


def subject_of(decision: Decision, asked: Asked) -> Subject | None:
    """Return what is counted of an answer; None when it is no feed's, or when nobody reads it: who asks HEAD takes no entries."""
    held = decision.held
    if held is None or held.published.format not in COUNTED or asked.method != "GET":
        return None
    coding = decision.answer.coding
    sent = held.resource.variants[coding].length if coding is not None else len(decision.text)
    return Subject(
        feed=held.published.feed,
        format=held.published.format,
        conditional=asked.has("if-none-match") or asked.has("if-modified-since"),
        status=decision.answer.status,
        sent=sent,
        full=held.published.size,
    )


def _of_resource(held: Held, asked: Asked, now: datetime) -> Decision:
    resource = held.resource
    answer = conditional.answer(asked.method, asked.fields, resource, versions={}, now=now)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        answer, text = wire.told(answer, "")
        return Decision(answer=answer, held=held, text=text)
    if answer.status == HTTPStatus.OK and resource.media_type.startswith("text/html"):
        answer = dataclasses.replace(answer, headers=(*answer.headers, *_PAGE))
    wants_delta = bool(held.versions) and answer.status == HTTPStatus.OK and asked.has("a-im")
    return Decision(answer=answer, held=held, delta=wants_delta, until=_until(held, asked, now))


def _until(held: Held, asked: Asked, now: datetime) -> int:
    """Return the second up to which nothing in the answer but Date depends on the time."""
    resource = held.resource
    this_second = int(now.timestamp()) + 1
    if resource.last_modified > now or (asked.has("if-modified-since") and not asked.has("if-none-match")):
        return this_second
    if resource.next_change is None or resource.immutable:
        return this_second + 3600
    steady = resource.next_change - timedelta(seconds=resource.poll_interval)
    return max(this_second, min(int(steady.timestamp()), this_second + 3600))


def _dated(now: datetime) -> tuple[tuple[str, str], ...]:
    return (("date", http_date(now)),)


def _refused(status: int, message: str, now: datetime, *fields: tuple[str, str]) -> Decision:
    answer, text = wire.told(conditional.refusal(status, now, *fields), message)
    return Decision(answer=answer, text=text)


def unavailable(now: datetime, reason: str = "the file is being replaced") -> Decision:
    """503: what is published could not be read, and the next pass will repair it."""
    return _refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        reason,
        now,
        ("retry-after", "30"),
        ("cache-control", "no-store"),
    )


def _health(asked: Asked, now: datetime) -> Decision:
    if asked.method not in {"GET", "HEAD"}:
        return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "", now, ("allow", "GET, HEAD"))
    fields = (
        *_dated(now),
        ("content-type", "application/json"),
        ("content-length", str(len(_ALIVE))),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    )
    return Decision(answer=Answer(status=HTTPStatus.OK.value, headers=fields), text=_ALIVE)


def moment(seconds: float) -> datetime:
    """Return an instant of the clock in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
