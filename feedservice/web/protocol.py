"""The fast path: answers that were prepared once are written as bytes, without the application.

::

    request ─┬─ nothing unusual, answer prepared, body in memory ─→ bytes, written at once
             └─ everything else ─────────────────────────────────→ the application (``connection``)

What is prepared is a decision of the very ``Desk.decide`` that the application asks, kept under all that the decision depends on
(target, method and the fields below) until the time would change it; only Date is put in anew. So the two paths cannot differ
in what they say. Prepared answers belong to one library and go with it.
"""

from __future__ import annotations

import asyncio
import dataclasses

from uvicorn.config import Config
from uvicorn.server import ServerState

from feedservice.web import desk, wire
from feedservice.web.bodies import Key
from feedservice.web.bounds import Bounds
from feedservice.web.connection import Connection
from feedservice.web.counting import Subject
from feedservice.web.desk import Asked, Decision, Desk
from feedservice.web.library import COUNTED
from feedservice.web.pollers import FORWARDING

_KEPT = 2000
"""Prepared answers of one library; when there are more, all are made anew."""
_LONGEST_KEY = 1000
"""Longest request, as far as it matters, that an answer is prepared for, in bytes."""
_UNUSUAL = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"if-match", b"if-unmodified-since"})
_LAST = b"connection: close\r\n\r\n"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """An answer as bytes, but for Date and the body."""

    before: bytes
    """Up to the value of Date."""
    after: bytes
    """From the end of that value, without the empty line."""
    decision: Decision
    delta: bool
    """``Decision.delta``."""
    until: int
    """``Decision.until``."""
    body: bytes
    key: Key | None
    """Of the body in ``Bodies``; None when ``body`` is all."""
    subject: Subject | None


class FastConnection(Connection):
    """A connection that answers feeds at once and hands everything else to the application."""

    def __init__(
        self, config: Config, server_state: ServerState, loop: asyncio.AbstractEventLoop, *, at: Desk, bounds: Bounds
    ) -> None:
        """As ``Connection``."""
        super().__init__(config, server_state, loop, at=at, bounds=bounds)
        self._client = ""
        self._is_judged = self._speaks_for_others = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and find out once what holds for every request."""
        super().connection_made(transport)
        at = self._desk
        self._client = at.client(self._peer, ())
        self._is_judged = at.pollers.concerns(self._peer)
        self._speaks_for_others = bool(at.terms.proxies.networks) or at.terms.proxies.unix

    def _at_once(self, fields: dict[bytes, bytes]) -> bool:
        if self.flow.write_paused or not _UNUSUAL.isdisjoint(fields):
            return False
        if self._desk.doors and self._desk.door(self.url) is not None:
            return False
        parser, at, get = self.parser, self._desk, fields.get
        keep = parser.should_keep_alive()
        http10 = False
        if not keep or b"connection" in fields:
            # Only then may it be anything else than HTTP/1.1, which keeps a connection unless told otherwise.
            version = parser.get_http_version()
            if version not in {"1.1", "1.0"}:
                return False
            http10 = version == "1.0"
            keep = keep and not http10
        method = parser.get_method()
        key = (
            self.url,
            method,
            get(b"host"),
            get(b"accept-encoding"),
            get(b"if-none-match"),
            get(b"if-modified-since"),
            get(b"sec-fetch-dest"),
            get(b"a-im"),
            http10,
        )
        second = int(at.clock())
        prepared = at.current[1].get(key)
        if not isinstance(prepared, Prepared) or prepared.until <= second:
            prepared = self._made(key, self._asked(method, http10=http10), second)
        body = prepared.body if prepared.key is None else at.bodies.get(prepared.key)
        if body is None or prepared.delta or (self._is_judged and not self._may_have(prepared, fields, second)):
            return False
        head = prepared.before + at.date(second) + prepared.after + (b"\r\n" if keep else _LAST)
        if body and method != b"HEAD":
            self.transport.writelines((head, body))
        else:
            self.transport.write(head)
        if not keep:
            self._last = self._over = True
            self.transport.close()
        if prepared.subject is not None:
            client = at.client(self._peer, self._text_fields()) if self._speaks_for_others else self._client
            at.counts.note(prepared.subject, get(b"user-agent", b""), client, second)
        return True

    def _made(self, key: tuple[object, ...], asked: Asked, second: int) -> Prepared:
        """Prepare an answer, and keep it if it will do for the next second too."""
        library, memo = self._desk.current
        prepared = _prepared(self._desk.decide(library, asked, desk.moment(second)), asked)
        if prepared.until > second and sum(len(part) for part in key if isinstance(part, bytes)) <= _LONGEST_KEY:
            if len(memo) >= _KEPT:
                memo.clear()
            memo[key] = prepared
        return prepared

    def _may_have(self, prepared: Prepared, fields: dict[bytes, bytes], second: int) -> bool:
        """Judge a poller; one that must wait is judged again, and told, by the application."""
        at, held = self._desk, prepared.decision.held
        if held is None or held.published.format not in COUNTED:
            return True
        if at.pollers.mode == "auto" and not FORWARDING.isdisjoint(fields):
            return True
        client = at.client(self._peer, self._text_fields()) if self._speaks_for_others else self._client
        with_body = self.parser.get_method() == b"GET"
        return at.wait(client, held, prepared.decision.answer.status, with_body=with_body, now=desk.moment(second)) is None


def _prepared(decision: Decision, asked: Asked) -> Prepared:
    answer, held = decision.answer, decision.held
    assert answer.headers[0][0] == "date", answer
    return Prepared(
        before=wire.first_line(answer.status) + b"date: ",
        after=b"\r\n" + wire.lines(answer.headers[1:]),
        decision=decision,
        delta=decision.delta,
        until=decision.until,
        body=decision.text,
        key=held.key(answer.coding) if held is not None and answer.coding is not None else None,
        subject=desk.subject_of(decision, asked),
    )
