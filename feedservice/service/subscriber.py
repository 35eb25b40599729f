"""A subscriber of WebSub for checks: a callback that listens and answers as it is told, and keeps what it got.

Every path below the callback is a subscription of its own, with a script of its own. Not for the internet at large: it answers
whoever calls, and keeps what it is sent until it ends.
"""

from __future__ import annotations

import dataclasses
import http.client
import http.server
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

_LONGEST = 32 * 1024**2
_PATIENCE = 30.0
_STEP = 0.02


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A request that came to the callback."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    raw_query: str
    fields: tuple[tuple[str, str], ...]
    """Header fields, names in lower case."""
    body: bytes
    at: float
    """Of a steady clock, in seconds."""

    def field(self, name: str) -> str | None:
        """Return the value of a header field, in lower case; None when it is not there."""
        return next((value for field, value in self.fields if field == name), None)

    def parameter(self, name: str) -> str | None:
        """Return the last value of a query parameter; None when it is not there."""
        return next((value for key, value in reversed(self.query) if key == name), None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer."""

    status: int
    body: bytes = b""
    fields: tuple[tuple[str, str], ...] = ()


Script = Callable[[Hit], Said]
ECHO_FIELDS = (("Content-Type", "application/octet-stream"), ("X-Content-Type-Options", "nosniff"))
"""What an echo must be sent with, so that no browser takes it for a page (WebSub §5.3.1)."""


def echo(hit: Hit) -> Said:
    """Answer as a subscriber does who wants what it asked for: the challenge on verification, 204 on delivery."""
    if hit.method == "POST":
        return Said(status=204)
    challenge = hit.parameter("hub.challenge")
    return Said(status=200, body=(challenge or "").encode("latin-1", "replace"), fields=ECHO_FIELDS)


def always(status: int, body: bytes = b"", **fields: str) -> Script:
    """Return a script that says the same to everybody; ``_`` in the name of a field is a hyphen."""
    named = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return lambda _: Said(status=status, body=body, fields=named)


class Subscriber:
    """Listens for as long as it is entered."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, base: str | None = None) -> None:
        """Take ``base`` for the public URL of what listens at host and port, when it is another."""
        self.hits: list[Hit] = []
        self.scripts: dict[str, Script] = {}
        """Path → what is answered there; 404 elsewhere."""
        self._arrived = threading.Condition()
        self._server = http.server.ThreadingHTTPServer((host, port), _handler(self), bind_and_activate=False)
        self._server.daemon_threads = True
        self._base = base

    def __enter__(self) -> Self:
        """Begin to listen. Raises ``OSError`` when that cannot be."""
        self._server.server_bind()
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": _STEP}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def base(self) -> str:
        """Return the URL of the callback, without a slash at its end."""
        host, port = self._server.server_address[:2]
        return (self._base or f"http://{host!s}:{port}").rstrip("/")

    def callback(self, path: str, script: Script = echo) -> str:
        """Return the URL of a callback, which answers by a script from now on; ``path`` may have a query."""
        self.scripts[path.partition("?")[0]] = script
        return self.base + path

    def take(self, hit: Hit) -> Said:
        """Keep a request, and answer it."""
        with self._arrived:
            self.hits.append(hit)
            self._arrived.notify_all()
        return self.scripts.get(hit.path, always(404))(hit)

    def at(self, path: str, method: str | None = None) -> list[Hit]:
        """Return what came to a path so far."""
        return [hit for hit in list(self.hits) if hit.path == path and method in {None, hit.method}]

    def wait(self, path: str, *, method: str | None = None, count: int = 1, patience: float = _PATIENCE) -> list[Hit]:
        """Wait until so many requests came to a path; return those that came, which may be fewer."""
        deadline = time.monotonic() + patience
        with self._arrived:
            while len(self.at(path, method)) < count and (left := deadline - time.monotonic()) > 0:
                self._arrived.wait(left)
        return self.at(path, method)


def _handler(owner: Subscriber) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _PATIENCE

        def _answer(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _LONGEST)
            parts = urlsplit(self.path)
            hit = Hit(
                method=self.command,
                path=parts.path,
                query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
                raw_query=parts.query,
                fields=tuple((name.lower(), value) for name, value in self.headers.items()),
                body=self.rfile.read(length),
                at=time.monotonic(),
            )
            said = owner.take(hit)
            self.send_response(said.status)
            for name, value in said.fields:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.body)))
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_HEAD = do_POST = _answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing: a check has a report of its own."""

    return Handler


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer to a request of ours; ``status`` is 0 when there was none, and ``body`` says why."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    """Names in lower case."""
    body: bytes = b""


def ask(
    url: str,
    method: str = "GET",
    *,
    body: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    patience: float = _PATIENCE,
) -> Reply:
    """Send one request to a URL that the operator names; redirects are not followed."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=patience)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=body, headers=dict(fields or {}))
            response = connection.getresponse()
            names = tuple((name.lower(), value) for name, value in response.getheaders())
            return Reply(status=response.status, fields=names, body=response.read(_LONGEST))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Reply(status=0, body=str(error).encode())


def post_form(url: str, pairs: Sequence[tuple[str, str]], *, content_type: str = "application/x-www-form-urlencoded") -> Reply:
    """Send a form."""
    return ask(url, "POST", body=urlencode(pairs).encode("ascii"), fields={"Content-Type": content_type})
