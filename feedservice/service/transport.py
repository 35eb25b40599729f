"""The guarded transport: the one way out of this program.

::

    URL ─addresses.located→ Destination ─resolve→ answers ─addresses.callable_addresses→ the address connected to

A name is looked up once for a connection, every answer is judged, and the connection is made to an address that was judged, with
SNI, certificate check and ``Host`` from the URL. There is nothing in between that could look the name up again. Redirects are not
followed and proxies not asked, whatever the environment says.

It is its own pool too: an idle stack for each origin and each trust. httpx's pool looks at every connection for every request and
comes to some hundreds of requests a second with two hundred connections; this one comes to ten thousand.

There are two doors. ``handle_async_request`` is httpx's, for whoever has a request of httpx. ``send`` takes one of the outbox as
it is: a callback is called once for each version, so an ``httpx.URL`` and an ``httpx.Request`` would be made for it and thrown
away, which costs more than everything else that is done here. Behind the doors there is one way.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

import httpx

from feedservice.deliveries import Request, Trust
from feedservice.push import addresses
from feedservice.push.addresses import Address, Destination, Network, Refused
from feedservice.service.exchange import Answer, BrokenError, Connection
from feedservice.service.resolve import Resolve

_TRIES = 4
"""Addresses of one name that are tried."""
_PLACES = 10_000
"""Authorities of URLs that are known to lead somewhere."""
_OF_URLS = r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=-]*"
_PLAIN = re.compile(rf"{_OF_URLS}(?:%[0-9A-Fa-f]{{2}}{_OF_URLS})*")
"""A URL of the characters of RFC 3986, without a fragment; httpx encodes the others."""
_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose empty body has a length too (RFC 9110 §8.6)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much: seconds and bytes."""

    connect: float = 5.0
    """For the name, the connection and TLS together."""
    total: float = 15.0
    """From the request to the end of the answer."""
    answer: int = 64 * 1024
    """Of an answer, head and body together."""
    idle: float = 20.0
    """For which a connection is kept without use."""
    idle_each: int = 8
    """Idle connections to one origin."""
    idle_most: int = 512
    """Idle connections altogether; the one idle longest goes first."""


class AddressRefusedError(httpx.ConnectError):
    """The form, port or address of the URL may not be called. Not one byte was sent."""


class ResolveError(httpx.ConnectError):
    """The name has no address, or its name server is silent."""


class TLSError(httpx.ConnectError):
    """The other side cannot be trusted, or speaks no TLS that is good enough."""


def tls_context() -> ssl.SSLContext:
    """Return the context for all connections: TLS 1.2 or newer, the system's authorities. Takes 20 ms: once for a process."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


Origin = tuple[Trust, bool, str, int]
"""Trust, TLS, host, port. A connection that the operator's list let through is none that a subscriber may use."""


class Transport(httpx.AsyncBaseTransport):
    """Sends requests to addresses that may be called.

    ``request.extensions["trust"]`` is a ``Trust`` and chooses the allow-list; without it the URL counts as a stranger's. The
    answer is in ``response.extensions["answer"]`` as well, where a body that is not whole raises nothing.

    Raises ``AddressRefusedError``, ``ResolveError``, ``TLSError`` and httpx's own: ``ConnectError``, ``ConnectTimeout``,
    ``ReadTimeout``, ``RemoteProtocolError``, and ``LocalProtocolError`` for a request that cannot be written.
    """

    def __init__(
        self,
        *,
        allowed: Mapping[Trust, Collection[Network]],
        resolve: Resolve,
        tls: Callable[[], ssl.SSLContext] = tls_context,
        public: bool = True,
        limits: Limits | None = None,
    ) -> None:
        """``public``: whether public addresses may be called at all (``announce.environment``)."""
        self._allowed = allowed
        self._resolve = resolve
        self._make_tls = tls
        self._tls: ssl.SSLContext | None = None
        self._public = public
        self._limits = limits or Limits()
        self._stacks: dict[Origin, list[Connection]] = {}
        self._idle: OrderedDict[Connection, tuple[Origin, float]] = OrderedDict()
        """The same connections, the one idle longest first, and since when."""
        self._places: dict[tuple[str, str], Destination] = {}
        """Scheme and authority of a URL → where they lead. What a name resolves to is asked for every connection."""
        self._sweeping: asyncio.TimerHandle | None = None

    async def send(self, request: Request, *fields: tuple[str, str]) -> Answer:
        """Send a request of the outbox, ``fields`` before its own. Raises what the class says, and ``httpx.InvalidURL``."""
        url = request.url if _PLAIN.fullmatch(request.url) else str(httpx.URL(request.url))
        parts = addresses.divided(url)
        if isinstance(parts, Refused):
            raise AddressRefusedError(parts.why)
        scheme, authority, target = parts
        to = self._place(scheme, authority)
        lines = [f"{request.method} {target} HTTP/1.1", f"Host: {to.authority}"]
        lines += [f"{name}: {value}" for name, value in (*fields, *request.headers)]
        if request.body or request.method in _WITH_LENGTH:
            lines.append(f"Content-Length: {len(request.body)}")
        try:
            head = "\r\n".join([*lines, "", ""]).encode("ascii")
        except UnicodeEncodeError as error:
            raise httpx.LocalProtocolError("a field of the request has characters outside of ASCII") from error
        _refuse_more(head, len(lines))
        return await self._exchange(to, request.trust, head, request.body, bodiless=request.method == "HEAD")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx. See the class."""
        try:
            url = request.url
            if url.fragment or url.userinfo:
                raise AddressRefusedError("the URL has a fragment or a user name")
            to = self._place(url.scheme, url.netloc.decode("ascii"))
            head, body = _head(request), await request.aread()
            trust = Trust(request.extensions.get("trust", Trust.CALLBACK))
            answer = await self._exchange(to, trust, head, body, bodiless=request.method == "HEAD")
        except httpx.RequestError as error:
            error.request = request
            raise
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), request=request, extensions={"answer": answer}
        )

    async def aclose(self) -> None:
        """Close the idle connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        while self._idle:
            self._close_oldest()

    @property
    def idle(self) -> int:
        """Connections that wait for another request."""
        return len(self._idle)

    def _place(self, scheme: str, authority: str) -> Destination:
        """Return where a URL leads before names are resolved: the same for every callback of a host."""
        known = self._places.get((scheme, authority))
        if known is not None:
            return known
        to = addresses.located(scheme, authority)
        if isinstance(to, Refused):
            raise AddressRefusedError(to.why)
        if len(self._places) >= _PLACES:
            self._places.clear()
        self._places[scheme, authority] = to
        return to

    async def _exchange(self, to: Destination, trust: Trust, head: bytes, body: bytes, *, bodiless: bool) -> Answer:
        now = asyncio.get_running_loop().time()
        until = now + self._limits.total
        origin = (trust, to.secure, to.host, to.port)
        connection = self._take(origin, now)
        try:
            if connection is not None:
                try:
                    return await self._use(connection, origin, head, body, until=until, bodiless=bodiless)
                except BrokenError as error:
                    # Closed while it was idle, and the news crossed the request. Once answered in part, it was not that.
                    if error.begun:
                        raise
            connection = await self._connect(to, trust)
            return await self._use(connection, origin, head, body, until=until, bodiless=bodiless)
        except BrokenError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error)) from error

    async def _use(
        self, connection: Connection, origin: Origin, head: bytes, body: bytes, *, until: float, bodiless: bool
    ) -> Answer:
        try:
            answer = await connection.exchange(head, body, until=until, bodiless=bodiless)
        except BaseException:
            connection.close()
            raise
        self._give(connection, origin)
        return answer

    # Connecting

    async def _connect(self, to: Destination, trust: Trust) -> Connection:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._limits.connect
        answers = [str(to.literal)] if to.literal is not None else await self._answers(to, until)
        chosen = addresses.callable_addresses(to, answers, self._allowed.get(trust, ()), public=self._public)
        if isinstance(chosen, Refused):
            raise AddressRefusedError(chosen.why)
        tried = chosen[:_TRIES]
        for number, address in enumerate(tried, 1):
            # Each address has its share of the time that is left, so that one that swallows packets does not hide the next.
            share = (until - loop.time()) / (len(tried) - number + 1)
            try:
                async with asyncio.timeout(max(share, 0)):
                    return await self._open(to, address)
            except TimeoutError as error:
                failed: Exception = httpx.ConnectTimeout(f"no connection within {self._limits.connect:g} s")
                failed.__cause__ = error
            except ssl.SSLError as error:
                failed = TLSError(str(error))
                failed.__cause__ = error
            except OSError as error:
                failed = httpx.ConnectError(error.strerror or str(error) or type(error).__name__)
                failed.__cause__ = error
        raise failed

    async def _answers(self, to: Destination, until: float) -> Sequence[str]:
        try:
            async with asyncio.timeout_at(until):
                return await self._resolve(to.host, to.port)
        except TimeoutError as error:
            raise ResolveError("the name server does not answer") from error
        except (OSError, UnicodeError) as error:
            raise ResolveError(f"the name has no address ({getattr(error, 'strerror', None) or error})") from error

    async def _open(self, to: Destination, address: Address) -> Connection:
        loop = asyncio.get_running_loop()
        if to.secure and self._tls is None:
            self._tls = self._make_tls()
        _, connection = await loop.create_connection(
            lambda: Connection(loop, self._limits.answer),
            str(address),
            to.port,
            ssl=self._tls if to.secure else None,
            server_hostname=to.host.removesuffix(".") if to.secure else None,
        )
        return connection

    # Keeping

    def _take(self, origin: Origin, now: float) -> Connection | None:
        stack = self._stacks.get(origin)
        while stack:
            connection = stack.pop()
            if not stack:
                del self._stacks[origin]
            _, since = self._idle.pop(connection)
            if connection.reusable and now - since < self._limits.idle:
                return connection
            connection.close()
        return None

    def _give(self, connection: Connection, origin: Origin) -> None:
        stack = self._stacks.setdefault(origin, [])
        if not connection.reusable or len(stack) >= self._limits.idle_each:
            if not stack:
                del self._stacks[origin]
            connection.close()
            return
        loop = asyncio.get_running_loop()
        stack.append(connection)
        self._idle[connection] = (origin, loop.time())
        if len(self._idle) > self._limits.idle_most:
            self._close_oldest()
        if self._sweeping is None:
            self._sweeping = loop.call_later(self._limits.idle, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what was idle for too long, or was closed by the other side; come back when the next is due."""
        self._sweeping = None
        for connection in [each for each in self._idle if not each.reusable]:
            self._forget(connection)
        while self._idle:
            since = next(iter(self._idle.values()))[1]
            left = since + self._limits.idle - loop.time()
            if left > 0:
                self._sweeping = loop.call_later(left, self._sweep, loop)
                return
            self._close_oldest()

    def _close_oldest(self) -> None:
        self._forget(next(iter(self._idle)))

    def _forget(self, connection: Connection) -> None:
        origin, _ = self._idle.pop(connection)
        stack = self._stacks[origin]
        stack.remove(connection)
        if not stack:
            del self._stacks[origin]
        connection.close()


class _Body(httpx.AsyncByteStream):
    """The body of an answer. Raises at its end when it is not whole."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._answer.body
        if self._answer.lack:
            raise httpx.RemoteProtocolError(self._answer.lack)


def _head(request: httpx.Request) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s" % (name, value) for name, value in request.headers.raw]
    head = b"\r\n".join([*lines, b"", b""])
    _refuse_more(head, len(lines))
    if "transfer-encoding" in request.headers:
        raise httpx.LocalProtocolError("a request is sent whole, with its length")
    return head


def _refuse_more(head: bytes, lines: int) -> None:
    """See to it that there is one line for each that was meant: what a subscriber chose must not become a line of its own."""
    if head.count(b"\n") != lines + 1 or head.count(b"\r") != lines + 1 or b"\0" in head:
        raise httpx.LocalProtocolError("a field of the request has a line break")
