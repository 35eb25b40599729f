"""URL → bytes of an old feed, over the guarded transport."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

import httpx

from feedservice import __version__
from feedservice.deliveries import Trust
from feedservice.feeds.foreign import MAX_BYTES
from feedservice.service.exchange import Answer
from feedservice.service.transport import AddressRefusedError, Transport

REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_OK = 200
_GZIP = 31
"""Of ``zlib``: a gzip member with the largest window."""
_HEADERS = [
    ("User-Agent", f"feedservice/{__version__}"),
    ("Accept", "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.8"),
    ("Accept-Encoding", "identity"),
]


class FetchError(Exception):
    """There is no document; the message says why."""


class ForbiddenError(FetchError):
    """It is at an address that may not be called."""


Fetch = Callable[[str], Awaitable[tuple[str, bytes]]]
"""``fetch(url)`` → the address it was found at in the end, and its bytes. Raises ``FetchError``."""


async def fetch(url: str, transport: Transport) -> tuple[str, bytes]:
    """Get a document that the operator named; each address that it moved to is judged like the first. See ``Fetch``."""
    for _ in range(REDIRECTS + 1):
        answer = await _get(url, transport)
        fields = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
        if answer.status in _MOVED and b"location" in fields:
            try:
                url = urljoin(url, fields[b"location"])
            except ValueError as error:
                raise FetchError(f"it moved to what is no address, {fields[b'location']!r}") from error
            continue
        if answer.status != _OK:
            raise FetchError(f"the server answers {answer.status}")
        if answer.lack:
            raise FetchError(answer.lack)
        return url, _decoded(answer.body, fields.get(b"content-encoding", "identity").strip().lower())
    raise FetchError(f"it moved more than {REDIRECTS} times")


async def _get(url: str, transport: Transport) -> Answer:
    try:
        request = httpx.Request("GET", url, headers=_HEADERS, extensions={"trust": Trust.OPERATOR})
        response = await transport.handle_async_request(request)
    except AddressRefusedError as error:
        raise ForbiddenError(str(error)) from error
    except (httpx.InvalidURL, httpx.TransportError) as error:
        raise FetchError(str(error) or type(error).__name__) from error
    answer: Answer = response.extensions["answer"]
    return answer


def _decoded(body: bytes, coding: str) -> bytes:
    if coding in {"identity", ""}:
        return body
    if coding not in {"gzip", "x-gzip"}:
        raise FetchError(f"the server sends {coding}, which it was not asked for")
    inflate = zlib.decompressobj(_GZIP)
    try:
        data = inflate.decompress(body, MAX_BYTES)
    except zlib.error as error:
        raise FetchError(f"it is no gzip: {error}") from error
    if inflate.unconsumed_tail:
        raise FetchError(f"it has more than {MAX_BYTES // 1024 // 1024} MB")
    if not inflate.eof:
        raise FetchError("it is no gzip, or not whole")
    return data
