"""A small published site, and servers that serve it from a thread: one with prepared answers, one without."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest
import uvloop

from feedservice.model import EntrySpan, Published
from feedservice.service.compress import SUFFIXES, compress
from feedservice.web import counting, library, versions
from feedservice.web.app import App
from feedservice.web.bodies import Bodies
from feedservice.web.bounds import Bounds
from feedservice.web.delta import Version
from feedservice.web.desk import Desk
from feedservice.web.fairness import TrustedProxies
from feedservice.web.library import Library
from feedservice.web.pollers import Pollers
from feedservice.web.server import Server
from feedservice.web.terms import LOOPBACK, Terms
from feedservice.web.versions import Memory, Past, Remembered

MODIFIED = datetime(2026, 8, 1, 10, 0, tzinfo=UTC)
SECRET = b"not for anybody"
TERMS = Terms(
    hosts=LOOPBACK | {"example.org", "xn--r8jz45g.example"},
    poll_interval=1800,
    browser_type="application/xml; charset=utf-8",
    index="/feeds/",
    proxies=TrustedProxies(),
    fairness="off",
)
LINKS = ('<https://example.org/feeds/all.atom>; rel="self"', '<https://hub.example/>; rel="hub"')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is published, and where it lies."""

    root: Path
    published: tuple[Published, ...]
    memory: Memory

    def of(self, path: str) -> Published:
        return next(each for each in self.published if each.path == path)

    def body(self, path: str, coding: str = "identity") -> bytes:
        return (self.root / (path + SUFFIXES.get(coding, ""))).read_bytes()

    def tag(self, path: str, coding: str = "identity") -> str:
        return f'"{self.of(path).etag}"' if coding == "identity" else f'"{self.of(path).etag}-{coding}"'

    def library(self, terms: Terms = TERMS, **more: Any) -> Library:
        return library.make(self.published, root=self.root, terms=terms, memory=self.memory, **more)


def document(entries: Sequence[str], *, size: int = 400) -> tuple[bytes, tuple[EntrySpan, ...]]:
    """Return a body with these entries, and where they stand in it."""
    body, spans = b"<feed>", []
    for entry in entries:
        text = f"<entry>{entry} {hashlib.sha256(entry.encode()).hexdigest() * (size // 64)}</entry>".encode()
        digest = hashlib.blake2b(text, digest_size=8).hexdigest()
        spans.append(EntrySpan(id=entry, digest=digest, start=len(body), end=len(body) + len(text)))
        body += text
    return body + b"</feed>", tuple(spans)


def put(
    root: Path,
    path: str,
    body: bytes,
    media_type: str,
    *,
    feed: str = "all",
    name: str = "atom",
    entries: tuple[EntrySpan, ...] = (),
    codings: Sequence[str] = ("gzip", "br", "zstd"),
    **more: Any,
) -> Published:
    """Write a file and its coded forms, as a pass does."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)
    sizes: dict[str, int] = {}
    for coding in codings:
        coded = compress(coding, body)
        target.with_name(target.name + SUFFIXES[coding]).write_bytes(coded)
        sizes[coding] = len(coded)
    return Published(
        path=path,
        feed=feed,
        format=name,
        media_type=media_type,
        size=len(body),
        etag=hashlib.blake2b(body, digest_size=16).hexdigest(),
        last_modified=more.pop("last_modified", MODIFIED),
        codings=sizes,
        entries=entries,
        changed=True,
        **more,
    )


ATOM = "application/atom+xml; charset=utf-8"
RSS = "application/rss+xml; charset=utf-8"
JSON = "application/feed+json; charset=utf-8"
HTML = "text/html; charset=utf-8"


def make_site(folder: Path) -> Site:
    """Publish a site into ``folder/public``, with things around it that are nobody's business."""
    root = folder / "public"
    old, old_spans = document(["two", "three", "four"])
    body, spans = document(["one", "two", "three", "four"])
    japanese, japanese_spans = document(["日本語の記事"])
    published = (
        put(root, "feeds/all.atom", body, ATOM, entries=spans, links=LINKS),
        put(root, "feeds/all.rss", body, RSS, name="rss", entries=spans),
        put(root, "feeds/all.json", body, JSON, name="json", entries=spans),
        put(root, "feed.xml", body, ATOM, entries=spans, links=LINKS),
        put(root, "feeds/small.atom", b"<feed></feed>", ATOM, feed="small", codings=()),
        put(root, "feeds/ガジェット.atom", japanese, ATOM, feed="ガジェット", entries=japanese_spans),
        put(root, "feeds/all/archive/1.atom", b"<feed>old</feed>" * 50, ATOM, immutable=True, entries=spans),
        put(root, "blog/index.xml", b"<rss/>" * 100, RSS, feed="blog", name="rss"),
        put(root, "feeds/all/index.html", b"<!doctype html><title>All</title>" * 30, HTML, name="html"),
        put(root, "feeds/index.html", b"<!doctype html><title>Feeds</title>" * 30, HTML, feed="", name="html"),
        put(root, "feeds/feed.css", b"entry { display: block }" * 30, "text/css; charset=utf-8", feed="", name="css"),
        put(root, "feeds.opml", b"<opml/>" * 100, "text/x-opml; charset=utf-8", feed="", name="opml"),
        put(root, "feeds/empty.txt", b"", "text/plain; charset=utf-8", feed="", name="text", codings=()),
    )
    (root / "secret.txt").write_bytes(SECRET)
    (root / "feeds" / ".all.atom.feedservice-new").write_bytes(SECRET)
    (folder / "config.yaml").write_bytes(SECRET)
    digest = hashlib.blake2b(old, digest_size=16).hexdigest()
    known = Version(etag=digest, last_modified=MODIFIED - timedelta(days=1), digests=frozenset(span.digest for span in old_spans))
    memory = {"feeds/all.atom": Remembered(current=None, past=(Past(version=known, replaced=MODIFIED),))}
    return Site(root=root, published=published, memory=versions.advance(memory, published, now=MODIFIED, keep=timedelta(days=7)))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """An answer."""

    status: int
    fields: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        values = [value for field, value in self.fields if field == name]
        assert len(values) < 2, f"{name} stands {len(values)} times"
        return values[0] if values else None


class Live:
    """A server in a thread."""

    def __init__(self, desk: Desk, **more: Any) -> None:
        self.desk = desk
        self.records: list[logging.LogRecord] = []
        self.urls: tuple[str, ...] = ()
        self._more = more
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failed: BaseException | None = None

    def start(self, **place: Any) -> Live:
        self._place = place
        self._thread.start()
        assert self._started.wait(20)
        if self._failed is not None:
            raise self._failed
        return self

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._unhandled)
        self._stop = asyncio.Event()
        self.server = Server(self.desk, **self._more)
        try:
            self.urls = await self.server.start(**self._place)
        except OSError as error:
            self._failed = error
            return
        finally:
            self._started.set()
        await self._stop.wait()
        self.whole = await self.server.stop(20)

    def _unhandled(self, _: object, context: dict[str, Any]) -> None:
        self.records.append(logging.makeLogRecord({"msg": str(context), "levelno": logging.ERROR}))

    def call(self, what: Callable[[], None]) -> None:
        """Run something in the server's thread, and wait for it."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (what(), done.set()))
        assert done.wait(20)

    def begin_to_stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)

    def stop(self) -> bool:
        """Stop, and say whether every answer was finished."""
        self.begin_to_stop()
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.whole

    @property
    def port(self) -> int:
        return int(self.urls[0].rpartition(":")[2])

    def connect(self) -> socket.socket:
        if self.urls[0].startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(20)
            connection.connect(self.urls[0].removeprefix("unix:"))
            return connection
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, data: bytes, *, half_close: bool = True) -> bytes:
        """Send bytes, and read until the server closes."""
        with self.connect() as connection:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            return everything(connection)

    def ask(self, line: str, *fields: str, host: str | None = "127.0.0.1") -> Got:
        """Send one request and read its answer: ``ask("GET /x", "Accept: y")``."""
        version = "" if " HTTP/" in line else " HTTP/1.1"
        lines = [line + version, *([f"Host: {host}"] if host is not None else []), *fields, "", ""]
        with self.connect() as connection:
            connection.sendall("\r\n".join(lines).encode("latin-1"))
            return answer(connection, line.partition(" ")[0])


def everything(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def answer(connection: socket.socket, method: str = "GET") -> Got:
    """Read one answer; what comes after it is lost."""
    response = HTTPResponse(connection, method=method)
    with response:
        response.begin()
        body = response.read()
        return Got(
            status=response.status, fields=tuple((name.lower(), value) for name, value in response.getheaders()), body=body
        )


def make_desk(made: Library, terms: Terms = TERMS, **more: Any) -> Desk:
    given = {
        "bodies": Bodies(1 << 20),
        "pollers": Pollers(terms.fairness),
        "counts": counting.beginning(lambda size: b"k" * size, datetime.now(UTC)),
        **more,
    }
    return Desk(made, terms, **given)


class Kit:
    """What tests of the server build with."""

    Live = Live
    Site = Site
    site = staticmethod(make_site)
    desk = staticmethod(make_desk)
    put = staticmethod(put)
    document = staticmethod(document)
    answer = staticmethod(answer)
    everything = staticmethod(everything)
    terms = TERMS
    modified = MODIFIED
    secret = SECRET
    App = App
    Bounds = Bounds


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("site"))


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(self.format(record))


@pytest.fixture(scope="session")
def pair(site: Site) -> Iterator[tuple[Live, Live]]:
    """Give two servers of one site: with prepared answers, and without. Neither may log an error."""
    errors = _Errors()
    # Tests of other rooms, in the same process, have their own reasons to log errors; the hub has a room of its own.
    errors.addFilter(lambda record: not record.name.startswith("feedservice.web.hub"))
    for name in ("uvicorn.error", "asyncio", "feedservice.web"):
        logging.getLogger(name).addHandler(errors)
    made = site.library(moved={"/old.atom": "https://example.org/feeds/all.atom"}, gone=["/dead.atom"])
    both = Live(make_desk(made)).start(), Live(make_desk(made), prepare=False).start()
    yield both
    for each in both:
        assert each.stop()
        assert each.records == []
    assert errors.seen == []


@pytest.fixture(scope="session", params=["prepared", "plain"])
def live(request: pytest.FixtureRequest, pair: tuple[Live, Live]) -> Live:
    return pair[request.param == "plain"]
