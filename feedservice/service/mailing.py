"""A message by SMTP (RFC 5321): the way out for e-mail, guarded as the transport for HTTP is.

::

    URL ─resolve→ answers ─addresses.callable_addresses→ the address connected to ─ TLS ─ AUTH ─ MAIL, RCPT, DATA ─→ Outcome

Passwords are sent over TLS only. The library blocks: each message is sent in a thread, whose socket is shut when its time is
over.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import functools
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from feedservice.deliveries import Failure, Outcome, Request, Trust
from feedservice.push import addresses, mail
from feedservice.push.addresses import Destination, Network, Refused
from feedservice.service.resolve import Resolve

_LONG = 400
"""Characters of a reply that are kept."""
_CONNECT = 5.0
"""Seconds for the name, and for each address of it."""
_TRIES = 4
"""Addresses of one name that are tried."""
_PORTS = frozenset({25, *mail.PORTS.values()})

Read = tuple[int | None, Failure | None, str]
"""Status, failure, detail of an ``Outcome``."""


def tls_context() -> ssl.SSLContext:
    """Return the context for a connection: TLS 1.2 or newer, the system's authorities."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """Sends messages and says how it went; nothing that the other side does raises."""

    allowed: Mapping[Trust, Collection[Network]]
    resolve: Resolve
    now: Callable[[], datetime]
    public: bool = True
    """Whether public addresses may be called at all (``announce.environment``)."""
    tls: Callable[[], ssl.SSLContext] = tls_context
    total: float = 30.0
    """Seconds for one message."""

    async def send(self, request: Request) -> Outcome:
        """Make one attempt: a message, or with ``mail.PROBE`` all that comes before one."""
        started, clock = self.now(), time.perf_counter()
        try:
            status, failure, detail = await self._attempt(request)
        except (OSError, smtplib.SMTPException) as error:
            status, failure, detail = _read(error)
        took = time.perf_counter() - clock
        return Outcome(started=started, duration=took, status=status, failure=failure, detail=detail[:_LONG])

    async def _attempt(self, request: Request) -> Read:
        parts = urlsplit(request.url)
        host, port = parts.hostname or "", parts.port or mail.PORTS.get(parts.scheme, 0)
        to = Destination(secure=parts.scheme == "smtps", host=host, port=port, literal=addresses.canonical(host))
        try:
            async with asyncio.timeout(_CONNECT):
                answers = [host] if to.literal is not None else await self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            return None, Failure.RESOLVE, f"the name has no address ({getattr(error, 'strerror', None) or error})"
        allowed = self.allowed.get(request.trust, ())
        chosen = addresses.callable_addresses(to, answers, allowed, public=self.public, ports=_PORTS)
        if isinstance(chosen, Refused):
            return None, Failure.ADDRESS, chosen.why
        lines: list[socket.socket] = []
        talk = functools.partial(self._talk, request, to, [str(each) for each in chosen[:_TRIES]], lines)
        work = asyncio.get_running_loop().run_in_executor(None, talk)
        try:
            async with asyncio.timeout(self.total):
                code, text = await asyncio.shield(work)
        except (TimeoutError, asyncio.CancelledError) as error:
            if work.done():
                # The conversation itself ended like that.
                raise
            for line in lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            work.add_done_callback(_forgotten)
            if isinstance(error, asyncio.CancelledError):
                raise
            return None, Failure.TIMEOUT, f"the message was not taken within {self.total:g} s"
        return code, None, text

    def _talk(self, request: Request, to: Destination, places: list[str], lines: list[socket.socket]) -> tuple[int, str]:
        """Send the message, blocking; ``lines`` gets the socket."""
        line = _connected(places, to.port)
        lines.append(line)
        line.settimeout(self.total)
        context = self.tls()
        if to.secure:
            line = context.wrap_socket(line, server_hostname=to.host)
            lines.append(line)
        with _Client(line, to.host, to.port, self.total) as client:
            client.ehlo_or_helo_if_needed()
            if not to.secure and client.has_extn("starttls"):
                client.starttls(context=context)
                client.ehlo()
            self._sign_in(client, request)
            if request.method == mail.PROBE:
                return client.noop()[0], ""
            sender = next(value for name, value in request.headers if name == "From")
            receivers = [value for name, value in request.headers if name == "To"]
            refused = client.sendmail(sender, receivers, request.body)
            # Whoever was refused beside others that were not is named: the message is not sent again to those that have it.
            return 250, "; ".join(f"{name}: {code} {_words(reply)}" for name, (code, reply) in refused.items())

    def _sign_in(self, client: smtplib.SMTP, request: Request) -> None:
        given = next((value for name, value in request.headers if name == "Authorization"), None)
        if given is None:
            return
        if not isinstance(client.sock, ssl.SSLSocket):
            raise smtplib.SMTPNotSupportedError("the server offers no TLS, and a password is sent over TLS only")
        user, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        client.login(user, password)


class _Client(smtplib.SMTP):
    """A client on a connection that was made to an address that was judged."""

    def __init__(self, line: socket.socket, host: str, port: int, timeout: float) -> None:
        """Say who we are by the address of our end: a name would have to be looked up (RFC 5321 §4.1.3)."""
        self._line = line
        own = line.getsockname()[0]
        name = f"[IPv6:{own}]" if ":" in own else f"[{own}]"
        super().__init__(host, port, local_hostname=name, timeout=timeout)

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return self._line


def _connected(places: Sequence[str], port: int) -> socket.socket:
    """Connect to the first address that can be. Raises ``OSError`` of the last."""
    *others, last = places
    for place in others:
        with contextlib.suppress(OSError):
            return socket.create_connection((place, port), timeout=_CONNECT)
    return socket.create_connection((last, port), timeout=_CONNECT)


def _read(error: OSError | smtplib.SMTPException) -> Read:
    """Return what an exception of a conversation means; those of the library are all of ``OSError``."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        return code, None, _words(reply)
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        return error.smtp_code, None, _words(error.smtp_error)
    if isinstance(error, smtplib.SMTPException):
        return None, Failure.PROTOCOL, str(error)
    if isinstance(error, ssl.SSLError):
        return None, Failure.TLS, str(error)
    if isinstance(error, TimeoutError):
        return None, Failure.TIMEOUT, "the server is silent"
    return None, Failure.CONNECT, error.strerror or str(error)


def _forgotten(work: asyncio.Future[tuple[int, str]]) -> None:
    """Take what a conversation came to that nobody waits for any more."""
    if not work.cancelled():
        work.exception()


def _words(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
