"""One connection as a client: a request goes out whole, an answer comes back, with an end to its bytes and its time.

What an announcement needs of an answer is its status. So an answer whose head has come counts, even when its body is too long,
too slow or cut off: the other side has the message, and sending it again would only repeat it. ``Answer.lack`` says what is
missing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from typing import cast

import httptools

_CHUNK = 65536
"""Bytes written at once: a peer that reads nothing has us hold no more than two of these."""
_PUNCTUAL = 0.02
"""Seconds by which a timer may be late without anything having held up the loop."""
_LEAST_GRACE, _MOST_GRACE = 0.5, 5.0
"""Seconds that an answer is waited for once more when the loop was held up."""
_FINAL = 200
"""From this status on an answer is the last one to its request (RFC 9110 §15.2)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A final answer; ``body`` is as it came, without content coding undone."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    lack: str = ""
    """Why the body is not whole; empty when it is."""


class BrokenError(Exception):
    """No answer came: the connection ended before its head did, or what came is no HTTP. ``begun``: some bytes had come."""

    def __init__(self, message: str, *, begun: bool) -> None:
        """Keep whether the other side had begun to answer."""
        self.begun = begun
        super().__init__(message)


class Connection(asyncio.Protocol):
    """A connection that carries one exchange at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        """``most``: bytes of an answer, head and body together."""
        self._loop = loop
        self._most = most
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        """Instant of the loop's clock at which the time of the exchange is over."""
        self._room: asyncio.Future[None] | None = None
        """Pending while what was written has not gone out."""
        self._parser: httptools.HttpResponseParser
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._status = 0
        """Of the final answer; 0 before its head is complete."""
        self._received = 0
        self._bodiless = False
        self._closed = False
        self._unfit = False
        """Something was said or left unsaid that makes another exchange unsafe."""

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow."""
        return not (self._closed or self._unfit)

    def close(self) -> None:
        """End the connection; what is under way fails."""
        self._unfit = True
        if self._transport is not None:
            # Not `close`, which would wait until a peer that reads nothing has read everything.
            self._transport.abort()

    async def exchange(self, head: bytes, body: bytes, *, until: float, bodiless: bool = False) -> Answer:
        """Send a request and return the answer.

        ``until`` is an instant of the loop's clock. ``bodiless``: the answer has no body whatever its head says (HEAD). Raises
        ``BrokenError``, and ``TimeoutError`` when no head has come until then. Time in which the loop itself stood still does not
        count against the other side, up to some seconds.
        """
        if self._closed or self._transport is None:
            raise BrokenError("the connection was closed", begun=False)
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._bodiless, self._received, self._status = bodiless, 0, 0
        self._headers, self._parts = [], []
        self._until = until
        self._timer = self._loop.call_at(until, self._expire)
        try:
            self._transport.write(head + body if len(body) <= _CHUNK else head)
            if len(body) > _CHUNK:
                await self._write_parts(memoryview(body), answer)
            return await answer
        finally:
            self._timer.cancel()
            if self._answer is answer and not answer.done():
                # Cancelled: an answer may still come, and would be taken for that of the next request.
                self.close()
            self._answer = None

    async def _write_parts(self, body: memoryview, answer: asyncio.Future[Answer]) -> None:
        for start in range(0, len(body), _CHUNK):
            while self._room is not None and not answer.done():
                await asyncio.wait((self._room, answer), return_when=asyncio.FIRST_COMPLETED)
            if answer.done() or self._transport is None:
                self._unfit = True
                return
            self._transport.write(body[start : start + _CHUNK])

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports have the methods of ``asyncio.Transport``, and are none.
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        """Wait with what is not written yet."""
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on writing."""
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def data_received(self, data: bytes) -> None:
        """Read a part of the answer."""
        if self._answer is None or self._answer.done():
            # Nobody has asked. Whatever it is, it must not be taken for the answer to what is asked next.
            self.close()
            return
        left = self._most - self._received
        self._received += len(data)
        try:
            self._parser.feed_data(data[:left])
        except httptools.HttpParserUpgrade:
            self._end("the answer changes the protocol")
        except httptools.HttpParserError as error:
            self._end(f"the answer is no HTTP ({error})" if not self._answer.done() else "")
        if self._received > self._most:
            self._end(f"the answer is longer than {self._most} bytes")

    def eof_received(self) -> None:
        """Take the end of the stream for the end of a body that says no other (RFC 9112 §6.3)."""
        delimited = any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self._headers)
        self._end("the connection was closed in the middle of the answer" if delimited or not self._status else "", final=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what is under way."""
        self._closed = True
        self._transport = None
        self.resume_writing()
        self._end(f"the connection was lost ({exc})" if exc is not None else "the connection was closed before the answer ended")

    # What the parser tells

    def on_message_begin(self) -> None:
        """See to it that a second final answer is not taken for that of the next request."""
        if self._status:
            self._unfit = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of the head, or of a trailer, which nobody reads."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Note that the head has come; one before the final one is forgotten."""
        status = self._parser.get_status_code()
        if status < _FINAL:
            self._headers.clear()
            return
        self._status = status
        if self._bodiless:
            # The parser would wait for the body that the head speaks of.
            self._complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body; a body where there is none begins the next answer, whatever it says."""
        if self._bodiless:
            self._unfit = True
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """Note that an answer has come whole."""
        if self._status:
            self._complete()

    def _complete(self) -> None:
        if not self._parser.should_keep_alive():
            self._unfit = True
        self._finish("")

    # How an exchange ends

    def _expire(self) -> None:
        if self._answer is not None and not self._answer.done():
            late = self._loop.time() - self._until
            if late > _PUNCTUAL:
                # The program was held up, or the machine: the answer may have come long ago, and not have been read. Taken for
                # none, it would have the message sent again, as all would have been that were under way then.
                self._until = math.inf
                self._timer = self._loop.call_later(min(max(late, _LEAST_GRACE), _MOST_GRACE), self._expire)
                return
            if not self._status:
                self._answer.set_exception(TimeoutError("no answer in time"))
            self._end("the answer did not end in time")

    def _end(self, lack: str, *, final: bool = False) -> None:
        """End the exchange with what has come, and the connection with it."""
        if self._answer is not None and not self._answer.done():
            if self._status and (lack or final):
                self._finish(lack)
            elif lack:
                self._answer.set_exception(BrokenError(lack, begun=self._received > 0))
        self.close()

    def _finish(self, lack: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(
                Answer(status=self._status, headers=tuple(self._headers), body=b"".join(self._parts), lack=lack)
            )
