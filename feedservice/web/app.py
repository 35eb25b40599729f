"""The ASGI application: every request that needs more than prepared bytes.

It reads bodies that are not in memory, cuts deltas, and waits for the next library when a file was replaced a moment ago.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from feedservice.web import bodies
from feedservice.web.bodies import Key, Outcome
from feedservice.web.desk import Asked, Decision, Desk, unavailable
from feedservice.web.library import Held, Library
from feedservice.web.negotiation import IDENTITY

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

EXTENSION = "feedservice"
"""Key of ``scope["extensions"]`` under which ``protocol`` leaves the request target as it was sent."""

_PATIENCE = 5.0
_STEP = 0.02
_MOST_COMPLAINTS = 1000

logger = logging.getLogger(__name__)


class App:
    """Serves what a desk decides."""

    def __init__(self, at: Desk, *, patience: float = _PATIENCE) -> None:
        """``patience``: how long to wait for the next library when a file is not the published one, in seconds."""
        self._desk = at
        self._patience = patience
        self._lost: set[Key] = set()
        """Bodies that were not there and did not come: nobody waits for them a second time, and the log names each once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its body is read only where somebody wants it."""
        asked = asked_of(scope)
        door = self._desk.door(asked.target)
        if door is None:
            decision, body = await self.answer(asked)
            answer = decision.answer
        else:
            sent = await _body(receive)
            if sent is None:
                return
            answer, body = await door.answer(asked, sent)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else body})

    async def answer(self, asked: Asked) -> tuple[Decision, bytes]:
        """Decide, find the bytes, and note the answer: (decision, body)."""
        at = self._desk
        library = at.library
        found = await self._from(library, asked)
        if found is None and await self._replaced(library, asked):
            found = await self._from(at.library, asked)
        now = at.now()
        decision, body = found if found is not None else (unavailable(now), b"")
        fair = at.judged(decision, asked, now)
        at.noted(fair, asked, now)
        return (fair, body) if fair is decision and decision.answer.coding is not None else (fair, fair.text)

    async def _from(self, library: Library, asked: Asked) -> tuple[Decision, bytes] | None:
        """Answer from one library; None when the bytes are not there."""
        now = self._desk.now()
        decision = self._desk.decide(library, asked, now)
        held = decision.held
        if held is None:
            return decision, decision.text
        if decision.delta:
            whole = await self._body(held, IDENTITY)
            decision = decision if whole is None else self._desk.cut(decision, asked, whole, now)
        coding = decision.answer.coding
        if coding is None:
            return decision, decision.text
        body = await self._body(held, coding)
        if body is not None:
            return decision, body
        if coding == IDENTITY:
            return None
        # A coded file was lost: the same bytes without the coding will do.
        plainly = tuple((name, value) for name, value in asked.fields if name != "accept-encoding")
        found = await self._from(library, dataclasses.replace(asked, fields=plainly))
        if found is not None:
            self._complain(held, coding)
        return found

    async def _body(self, held: Held, coding: str) -> bytes | None:
        kept = self._desk.bodies
        key = held.key(coding)
        body = kept.get(key)
        if body is not None:
            return body
        stored = held.stored[coding]
        read = bodies.read(stored, wait=False)
        if read is Outcome.BLOCKS:
            read = await asyncio.to_thread(bodies.read, stored, wait=True)
        if isinstance(read, Outcome):
            return None
        kept.put(key, read)
        self._lost.discard(key)
        return read

    async def _replaced(self, library: Library, asked: Asked) -> bool:
        """Wait for another library: files are replaced a moment before it is known."""
        at = self._desk
        held = at.decide(library, asked, at.now()).held
        waited = 0.0
        while at.library is library and waited < self._patience and held is not None and held.key(IDENTITY) not in self._lost:
            await asyncio.sleep(_STEP)
            waited += _STEP
        if at.library is library and held is not None:
            self._complain(held, IDENTITY)
        return at.library is not library

    def _complain(self, held: Held, coding: str) -> None:
        key = held.key(coding)
        if key in self._lost:
            return
        if len(self._lost) >= _MOST_COMPLAINTS:
            self._lost.clear()
        self._lost.add(key)
        logger.warning("%s is not the file that was published; the next build repairs it", held.stored[coding].path)


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request, whose size the connection bounds; None when the client went away before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def asked_of(scope: Scope) -> Asked:
    """Read a request from its ASGI scope; the target is best taken from the extension, as it was sent."""
    extension = (scope.get("extensions") or {}).get(EXTENSION)
    query = scope["query_string"]
    sent = extension["target"] if extension else scope["raw_path"] + (b"?" + query if query else b"")
    peer, local = scope.get("client"), scope.get("server")
    return Asked(
        method=scope["method"],
        target=sent,
        fields=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
        http10=scope["http_version"] == "1.0",
        peer=peer[0] if peer else None,
        local=local[0] if local and local[1] is not None else None,
    )
