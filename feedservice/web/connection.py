"""One connection: requests are taken apart by httptools, checked, and handed to the ASGI application.

The parser refuses what two parties could read differently (bare LF, folded lines, white space before a colon, two lengths). What
it lets through and must not be is refused here. After a refusal nothing more is read as a request: the connection is closed
once the client has had time to read why.

A subclass of uvicorn's protocol, of which it takes the request cycle and the flow control; which versions of it fit is pinned in
``pyproject.toml``. ``protocol`` adds the answers that need no application.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from feedservice.web import conditional, desk, wire
from feedservice.web.app import EXTENSION
from feedservice.web.bounds import Bounds, Phase
from feedservice.web.conditional import ALLOW
from feedservice.web.desk import HOOKS, Asked, Desk

_UNKNOWN_METHOD = re.compile(rb"\s*[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40} [!-~]+ HTTP/1\.[01]\r\n")


class Connection(HttpToolsProtocol):
    """A connection whose every request is answered by the application."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
        *,
        at: Desk,
        bounds: Bounds,
    ) -> None:
        """``at`` is the desk that the application asks too."""
        super().__init__(config, server_state, {}, loop)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=False)
        self.requests = 0
        self.mark: tuple[object, ...] = ()
        """What the connection waited for when it was last looked at."""
        self.marked = 0.0
        self._desk = at
        self._bounds = bounds
        self._in_head = self._in_body = False
        self._last = False
        """The request that is being read is the last one."""
        self._over = False
        """Nothing more is read as a request."""
        self._lingering = False
        self._refusal = b""
        """Why the connection ends, to be sent after the answers that are due before."""
        self._running: RequestResponseCycle | None = None
        """What the application is answering; those in ``pipeline`` come after it, ``cycle`` is the newest."""
        self._fresh = False
        """The request that is being read began with the bytes that came last."""
        self._carried = 0
        """At least so many bytes of it have come."""
        self._around = 0
        """No more bytes of it have come than these."""
        self._peer: str | None = None
        self._local: str | None = None

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; refuse the connection when there are too many."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else None
        self._local = _bracketed(self.server[0]) if self.server is not None and self.server[1] is not None else None
        if len(self.connections) > self._bounds.connections and not self._make_room():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", ("retry-after", "10"))
            if len(self.connections) > 2 * self._bounds.connections:
                transport.abort()

    def _make_room(self) -> bool:
        """Close a connection that waits for its next request; or else one that has sent none since it was last looked at."""
        slow = None
        for each in self.connections:
            if isinstance(each, Connection) and not each.transport.is_closing():
                if each.phase is Phase.IDLE:
                    each.transport.close()
                    return True
                slow = each if each.phase in {Phase.FIRST, Phase.HEAD} and each.mark[:1] == (each.phase,) else slow
        if slow is not None:
            slow.transport.close()
        return slow is not None

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        if self._over:
            return
        self._fresh = False
        self._around += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request is answered as if it had asked for nothing, and what follows it is not read.
            self._over = True
            if self._running is None:
                self.transport.close()
        except httptools.HttpParserInvalidMethodError:
            self._malformed(data)
        except httptools.HttpParserError as error:
            self._broken(error)
        if not (self._in_head or self._in_body):
            self._carried = self._around = 0
        elif not self._over:
            # How much of the bytes that a request began in is its own, only the parser knows.
            self._carried = 0 if self._fresh else self._carried + len(data)
            if self._carried > self._bounds.head + (self._longest_body if self._in_body else 0):
                self._too_large()

    def _malformed(self, data: bytes) -> None:
        if self.requests == 0 and _UNKNOWN_METHOD.match(data):
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "", ("allow", ALLOW))
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, "this is no HTTP request")

    def _broken(self, error: httptools.HttpParserError) -> None:
        if isinstance(error, httptools.HttpParserCallbackError) and error.__context__ is not None:
            raise error.__context__
        if not self._last or self._in_head or self._in_body:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        self._over = True

    def _too_large(self) -> None:
        if self._in_body:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the limit is {self._longest_body} bytes")
        elif not self.headers and len(self.url) >= self._bounds.head // 2:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, "")
        else:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the limit is {self._bounds.head} bytes")

    @property
    def _longest_body(self) -> int:
        return self._bounds.hook_body if self.url.startswith(HOOKS) else self._bounds.body

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Finish the answers that are due when the client has closed its side."""
        self._over = True
        if self._in_body:
            self._withdraw(self.cycle)
        newest = self.pipeline[0][0] if self.pipeline else self._running
        if newest is None:
            return None
        if not self._refusal:
            newest.keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._over = True
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    # What the parser tells

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.url = b""
        self.headers = []
        self._in_head = self._fresh = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Answer, or have the application answer."""
        self._in_head = False
        if self._last or self._over:
            self._over = True
            return
        self.requests += 1
        headers = self.headers
        fields = dict(headers)
        if self._around > self._bounds.head and self._is_too_long():
            return
        if self._running is None and len(fields) == len(headers) and self._at_once(fields):
            return
        self._through_the_application(fields)

    def _at_once(self, fields: dict[bytes, bytes]) -> bool:
        """Answer a request whose fields all stand once, without the application; False when that cannot be done."""
        del fields
        return False

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; one that the application does not want any more is dropped."""
        if not self._over and not self.cycle.response_complete:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._last:
            self._over = True
        if self._in_body:
            self._in_body = False
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def _asked(self, method: bytes, *, http10: bool) -> Asked:
        fields, peer, local = self._text_fields(), self._peer, self._local
        return Asked(method=method.decode("ascii"), target=self.url, fields=fields, http10=http10, peer=peer, local=local)

    def _text_fields(self) -> tuple[tuple[str, str], ...]:
        return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers)

    # Through the application

    def _through_the_application(self, fields: dict[bytes, bytes]) -> None:
        version = self.parser.get_http_version()
        wrong = self._unacceptable(version, fields)
        if wrong is not None:
            self._refuse(*wrong)
            return
        announced = b"transfer-encoding" in fields or int(fields.get(b"content-length", b"0")) > 0
        expects = b"expect" in fields
        # A client that waits for permission to send a body may or may not send it after another answer: nobody could tell.
        keep = version == "1.1" and self.parser.should_keep_alive() and not self.parser.should_upgrade()
        keep = keep and not (expects and announced)
        self._last = not keep
        self._in_body = True
        scope = self._scope(version)
        # What the parser finds after the body (trailers) is no field of the request.
        self.headers = []
        self.cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=expects and announced,
            keep_alive=keep,
            on_response=self.on_response_complete,
        )
        if self._running is not None:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        else:
            self._running = self.cycle
            self._start_asgi_task(self.cycle, self.app)

    def _unacceptable(self, version: str, fields: dict[bytes, bytes]) -> tuple[HTTPStatus, str] | None:
        if version not in {"1.0", "1.1"}:
            return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"this is HTTP/{version}"
        codings = [value.strip(b" \t").lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings and version == "1.0":
            return HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding"
        if codings and codings != [b"chunked"]:
            return HTTPStatus.NOT_IMPLEMENTED, "the only transfer coding is chunked"
        if int(fields.get(b"content-length", b"0")) > self._longest_body:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the limit is {self._longest_body} bytes"
        expected = [value.strip(b" \t").lower() for name, value in self.headers if name == b"expect"]
        if any(value != b"100-continue" for value in expected):
            return HTTPStatus.EXPECTATION_FAILED, "the only expectation is 100-continue"
        return None

    def _scope(self, version: str) -> Any:
        raw, _, query = self.url.partition(b"?")
        if not raw.startswith(b"/") and b"://" in raw:
            raw = b"/" + raw.partition(b"://")[2].partition(b"/")[2]
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": self.parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(raw.decode("latin-1")),
            "raw_path": raw,
            "query_string": query,
            "headers": self.headers,
            "state": {},
            "extensions": {EXTENSION: {"target": self.url}},
        }

    def on_response_complete(self) -> None:
        """Begin the next answer that is due, or end what has to end."""
        self.server_state.total_requests += 1
        self._running = None
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._running, app = self.pipeline.pop()
            self._start_asgi_task(self._running, app)
        elif self._refusal:
            self._say_and_close(self._refusal)

    # Ends

    @property
    def phase(self) -> Phase:
        """What the connection waits for."""
        if self._lingering:
            return Phase.LINGER
        if self._in_body:
            return Phase.BODY
        if self._running is not None or self.transport.get_write_buffer_size():
            return Phase.ANSWER
        if self._in_head:
            return Phase.HEAD
        return Phase.IDLE if self.requests else Phase.FIRST

    def look(self, now: float) -> None:
        """End the connection when it has waited too long for one thing; called about once a second with a steady clock."""
        phase = self.phase
        unsent = self.transport.get_write_buffer_size()
        seen = (phase, self.requests, unsent)
        if seen != self.mark:
            self.mark, self.marked = seen, now
            return
        bounds = self._bounds
        patience = {Phase.IDLE: bounds.idle_time, Phase.ANSWER: bounds.idle_time, Phase.LINGER: bounds.linger_time}
        if now - self.marked < patience.get(phase, bounds.request_time):
            return
        if phase in {Phase.HEAD, Phase.BODY}:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to arrive")
        elif phase is not Phase.ANSWER:
            self.transport.close()
        elif unsent:
            self.transport.abort()

    def shutdown(self) -> None:
        """Finish the answer that is due, and no more."""
        if self._running is not None:
            self._last = True
            self.cycle.keep_alive = False
        else:
            self.transport.close()

    def _is_too_long(self) -> bool:
        """Measure a head of which more than the limit was in the air, and refuse it if it is too long itself."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size <= self._bounds.head and len(self.headers) <= self._bounds.lines:
            return False
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the limit is {self._bounds.head} bytes")
        return True

    def _refuse(self, status: HTTPStatus, message: str, *fields: tuple[str, str]) -> None:
        """Say what is wrong with what came, in its turn, and read nothing more as a request."""
        if self._over:
            return
        self._over = True
        answer, text = wire.told(conditional.refusal(status, desk.moment(self._desk.clock()), *fields), message)
        data = wire.whole(answer, text, close=True)
        if self._in_body and not self._withdraw(self.cycle):
            # The answer had begun before the body went wrong: there is nothing left to be said about it.
            self.transport.close()
        elif self._running is not None:
            self._refusal = data
        else:
            self._say_and_close(data)

    def _withdraw(self, cycle: RequestResponseCycle) -> bool:
        """Take back the request whose body went wrong, once; False when its answer has begun."""
        self._in_body = False
        if cycle.response_started:
            return False
        if cycle is not self._running:
            self.pipeline.popleft()
            return True
        cycle.disconnected = True
        cycle.message_event.set()
        self._running = None
        return True

    def _say_and_close(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write(data)
        # Closed while unread bytes wait, the connection would be reset, and the client might never see why.
        self.transport.write_eof()
        self._lingering = True


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
