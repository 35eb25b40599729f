"""Request → Outcome: one attempt, whatever becomes of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from feedservice import __version__
from feedservice.deliveries import Failure, Outcome, Request
from feedservice.service.exchange import Answer
from feedservice.service.transport import AddressRefusedError, ResolveError, TLSError, Transport

USER_AGENT = f"feedservice/{__version__}"
KEPT = 4096
"""Bytes of an answer that an outcome keeps."""
LONGEST = 30 * 86400.0
"""Seconds beyond which ``Retry-After`` says nothing more."""

_FAILURES: Mapping[type[httpx.TransportError], Failure] = {
    AddressRefusedError: Failure.ADDRESS,
    ResolveError: Failure.RESOLVE,
    TLSError: Failure.TLS,
    httpx.TimeoutException: Failure.TIMEOUT,
    httpx.ConnectError: Failure.CONNECT,
    httpx.TransportError: Failure.PROTOCOL,
}
"""Read in this order."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends requests and says how it went; nothing that the other side does raises."""

    transport: Transport
    now: Callable[[], datetime]

    async def send(self, request: Request) -> Outcome:
        """Make one attempt."""
        started, clock = self.now(), time.perf_counter()
        try:
            answer = await self.transport.send(request, ("User-Agent", USER_AGENT))
        except httpx.InvalidURL as error:
            failure, detail = Failure.ADDRESS, f"the URL cannot be understood ({error})"
        except httpx.TransportError as error:
            failure = next(failure for kind, failure in _FAILURES.items() if isinstance(error, kind))
            detail = str(error)
        else:
            return Outcome(
                started=started,
                duration=time.perf_counter() - clock,
                status=answer.status,
                detail=answer.lack,
                retry_after=retry_after(answer, started),
                answer=answer.body[:KEPT],
            )
        return Outcome(started=started, duration=time.perf_counter() - clock, failure=failure, detail=detail)


def retry_after(answer: Answer, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110 §10.2.3); None without one, or with one that says nothing."""
    for name, value in answer.headers:
        if len(name) == len(b"retry-after") and name.lower() == b"retry-after":
            text = value.decode("latin-1").strip()
            if text.isascii() and text.isdigit():
                return min(float(text), LONGEST)
            try:
                until = parsedate_to_datetime(text)
            except (ValueError, OverflowError):
                return None
            return min(max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()), LONGEST)
    return None
