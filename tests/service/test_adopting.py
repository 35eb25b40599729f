"""Old feeds are got from servers and files: pages and archives once each, loops ended, hostile answers said."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from feedservice.feeds import foreign
from feedservice.service import adopting
from feedservice.service.adopting import Gathered
from feedservice.service.fetch import REDIRECTS, FetchError, fetch
from feedservice.service.transport import Limits
from tests.service.loopback import PATIENCE, Visit, serving, transport


def rss(*ids: str, following: str = "") -> bytes:
    link = f'<atom:link rel="next" href="{following}"/>' if following else ""
    items = "".join(f'<item><guid isPermaLink="false">{each}</guid></item>' for each in ids)
    return f'<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel>{link}{items}</channel></rss>'.encode()


def site(documents: Mapping[str, bytes]) -> tuple[list[str], adopting.Fetch]:
    """Return what is asked for, and what answers."""
    asked: list[str] = []

    async def get(url: str) -> tuple[str, bytes]:
        asked.append(url)
        if url not in documents:
            raise FetchError("the server answers 404")
        return url, documents[url]

    return asked, get


def gathered(places: Sequence[str], documents: Mapping[str, bytes] | None = None) -> tuple[Gathered, list[str]]:
    asked, get = site({} if documents is None else documents)
    return asyncio.run(adopting.gather(places, get)), asked


def known(found: Gathered) -> list[list[str]]:
    return [[entry.known_by for entry in source.entries] for source in found.sources]


FEED = "https://old.example/feed"


def test_pages_are_followed_once_each() -> None:
    documents = {
        FEED: rss("5", "4", following="?page=2"),
        f"{FEED}?page=2": rss("3", "2", following="?page=3"),
        f"{FEED}?page=3": rss("1", following="?page=1"),
        f"{FEED}?page=1": rss("5", "4", following="?page=2"),
    }
    found, asked = gathered([FEED], documents)
    assert known(found) == [["5", "4", "3", "2", "1"]]
    assert asked == [FEED, f"{FEED}?page=2", f"{FEED}?page=3", f"{FEED}?page=1"]
    assert [(source.name, source.format, source.shown) for source in found.sources] == [(FEED, "rss", 2)]
    assert found.problems == ()


def test_a_last_page_that_names_more_for_ever_is_the_end() -> None:
    class Endless(dict[str, bytes]):
        def __missing__(self, url: str) -> bytes:
            return rss("1", following=f"{url}x")

        def __contains__(self, url: object) -> bool:
            return True

    _, asked = gathered([FEED], Endless())
    assert len(asked) == 2


def test_a_feed_without_end_is_cut_and_said_so() -> None:
    documents = {FEED: rss("0", following="?1")}
    documents |= {f"{FEED}?{n}": rss(str(n), following=f"?{n + 1}") for n in range(1, adopting.PAGES + 10)}
    found, asked = gathered([FEED], documents)
    assert len(asked) == len(found.sources[0].entries) == adopting.PAGES
    assert [problem.rule for problem in found.problems] == ["adopt.too-long"]


def test_a_page_that_is_missing_does_not_cost_the_others() -> None:
    found, _ = gathered([FEED, f"{FEED}/none"], {FEED: rss("1", following="?2")})
    assert known(found) == [["1"]]
    assert [(problem.rule, problem.path) for problem in found.problems] == [
        ("adopt.unreachable", FEED),
        ("adopt.unreachable", f"{FEED}/none"),
    ]
    # The place is said once, and the address that it led to.
    assert [FEED in problem.message for problem in found.problems] == [True, False]


def test_files(tmp_path: Path) -> None:
    (tmp_path / "old.xml").write_bytes(rss("1", following="https://old.example/?2"))
    (tmp_path / "page.html").write_bytes(b"<html/>")
    places = [str(tmp_path / name) for name in ("old.xml", "page.html", "none.xml")]
    found, asked = gathered(places)
    assert known(found) == [["1"]]
    assert found.sources[0].name == "old.xml"
    assert [(problem.rule, problem.path) for problem in found.problems] == [
        ("adopt.unreadable", places[1]),
        ("adopt.unreachable", places[2]),
    ]
    assert asked == []


def test_texts_are_sketched_and_let_go() -> None:
    text = json.dumps({"items": [{"id": "1", "content_html": "<p>A sentence of tea.</p>" * 3}, {"id": "2"}]}).encode()
    found, _ = gathered([FEED], {FEED: text})
    one, other = found.sources[0].entries
    assert (one.html, one.sketch != "", other.sketch) == ("", True, "")


@dataclasses.dataclass
class Answers:
    """A server with one answer for each path."""

    pages: dict[str, tuple[str, bytes]]

    async def __call__(self, visit: Visit) -> None:
        while True:
            try:
                head, _ = await visit.request()
            except asyncio.IncompleteReadError:
                return
            status, body = self.pages.get(head.split()[1].decode(), ("404 Not Found", b""))
            await visit.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


async def got(pages: dict[str, tuple[str, bytes]], path: str = "/feed", **limits: int) -> tuple[str, bytes]:
    async with (
        serving(Answers(pages)) as server,
        transport(limits=Limits(connect=PATIENCE, total=PATIENCE, **limits)) as through,
    ):
        base = f"http://127.0.0.1:{server.port}"
        url, body = await fetch(base + path, through)
        assert all(b"accept-encoding: identity" in head.lower() for head, _ in server.requests)
        return url.removeprefix(base), body


def failure(pages: dict[str, tuple[str, bytes]], **limits: int) -> str:
    with pytest.raises(FetchError) as caught:
        asyncio.run(got(pages, **limits))
    return str(caught.value)


def test_a_document_is_got() -> None:
    assert asyncio.run(got({"/feed": ("200 OK", b"x")})) == ("/feed", b"x")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 T", "308 P"])
def test_it_may_have_moved(status: str) -> None:
    pages = {"/feed": (f"{status}\r\nLocation: /new", b""), "/new": ("200 OK", b"y")}
    assert asyncio.run(got(pages)) == ("/new", b"y")


def test_gzip_that_was_not_asked_for() -> None:
    packed = ("200 OK\r\nContent-Encoding: gzip", gzip.compress(b"z" * 1000))
    assert asyncio.run(got({"/feed": packed})) == ("/feed", b"z" * 1000)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (("404 Not Found", b""), "the server answers 404"),
        (("200 OK\r\nContent-Encoding: br", b"x"), "sends br"),
        (("200 OK\r\nContent-Encoding: gzip", b"x"), "no gzip"),
        (("301 Moved\r\nLocation: /feed", b""), f"more than {REDIRECTS} times"),
        (("301 Moved\r\nLocation: http://[x/", b""), "no address"),
        (("301 Moved\r\nLocation: file:///etc/passwd", b""), ""),
        (("301 Moved\r\nLocation: http://10.0.0.1/", b""), "private"),
        (("301 Moved", b""), "the server answers 301"),
    ],
)
def test_answers_that_are_no_document(answer: tuple[str, bytes], why: str) -> None:
    assert why in failure({"/feed": answer})


def test_a_document_that_is_too_long() -> None:
    assert "longer than 1000 bytes" in failure({"/feed": ("200 OK", b"x" * 2000)}, answer=1000)


def test_a_bomb() -> None:
    pack = zlib.compressobj(9, wbits=31)
    bomb = pack.compress(b"\0" * (foreign.MAX_BYTES + 1)) + pack.flush()
    assert "more than 64 MB" in failure({"/feed": ("200 OK\r\nContent-Encoding: gzip", bomb)}, answer=2**20)


def test_a_name_that_is_none() -> None:
    async def ask() -> None:
        async with transport() as through:
            await fetch("http://old.example/feed", through)

    with pytest.raises(FetchError):
        asyncio.run(ask())
