"""Requests → answers over a socket: every row is asked of both ways to the wire, which must give the same answer."""

from __future__ import annotations

import dataclasses
import gzip
import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from logging.handlers import QueueHandler
from queue import SimpleQueue
from typing import Any

import pytest

from feedservice.web.server import Chore

ATOM = "application/atom+xml; charset=utf-8"
XML = "application/xml; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
FEED = "/feeds/all.atom"
ALLOW = "GET, HEAD, OPTIONS"
MODIFIED = "Sat, 01 Aug 2026 10:00:00 GMT"
BEFORE = "Sat, 01 Aug 2026 09:59:59 GMT"
DAY_BEFORE = "Fri, 31 Jul 2026 10:00:00 GMT"
FUTURE = "Sat, 01 Aug 2099 10:00:00 GMT"
GADGETS = "/feeds/%E3%82%AC%E3%82%B8%E3%82%A7%E3%83%83%E3%83%88.atom"
DECOMPOSED = "/feeds/%E3%82%AB%E3%82%99%E3%82%B7%E3%82%99%E3%82%A7%E3%83%83%E3%83%88.atom"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    line: str
    fields: tuple[str, ...]
    status: int
    body: str | None
    host: str | None
    expected: dict[str, Any]


def row(line: str, *fields: str, status: int, body: str | None = None, host: str | None = "127.0.0.1", **expected: Any) -> Row:
    """``body``: ``path`` or ``path:coding`` of what is sent, or ``""``; keywords are fields, None for absent.

    In fields, ``{all}`` is the tag of the feed, ``{all-gzip}`` of its gzip form, ``{hash}`` its hash, ``{old}`` that of an older version.
    """
    return Row(line=line, fields=fields, status=status, body=body, host=host, expected=expected)


def get(*fields: str, **more: Any) -> Row:
    return row(f"GET {FEED}", *fields, **more)


def whole(*fields: str, coding: str = "identity", **more: Any) -> Row:
    return get(
        *fields,
        status=200,
        body=f"feeds/all.atom:{coding}",
        etag="{all}" if coding == "identity" else f"{{all-{coding}}}",
        content_encoding=None if coding == "identity" else coding,
        **more,
    )


def same(*fields: str, etag: str = "{all}", **more: Any) -> Row:
    return get(*fields, status=304, body="", etag=etag, content_type=None, content_length=None, **more)


ROWS: dict[str, list[Row]] = {
    "a feed": [
        whole(
            content_type=ATOM,
            last_modified=MODIFIED,
            cache_control="public, max-age=1800",
            vary="Accept-Encoding, Sec-Fetch-Dest, A-IM",
            link='<https://example.org/feeds/all.atom>; rel="self", <https://hub.example/>; rel="hub"',
            accept_ranges="none",
            x_content_type_options="nosniff",
            access_control_allow_origin="*",
            server=None,
            connection=None,
            transfer_encoding=None,
        ),
        row("HEAD /feeds/all.atom", status=200, body="", content_type=ATOM, etag="{all}", content_length="{size}"),
        row("HEAD /feeds/all.atom", "Accept-Encoding: gzip", status=200, body="", etag="{all-gzip}", content_encoding="gzip"),
        row("GET /feeds/all.rss", status=200, body="feeds/all.rss", content_type="application/rss+xml; charset=utf-8"),
        row("GET /feeds/all.json", status=200, body="feeds/all.json", content_type="application/feed+json; charset=utf-8"),
        row("GET /feed.xml", status=200, body="feeds/all.atom", etag="{all}"),
        row("GET /feeds/small.atom", status=200, body="feeds/small.atom", vary="Accept-Encoding, Sec-Fetch-Dest"),
        row("GET /feeds/small.atom", "Accept-Encoding: gzip", status=200, body="feeds/small.atom", content_encoding=None),
        row("GET /blog/", status=200, body="blog/index.xml", content_type="application/rss+xml; charset=utf-8"),
        row("GET /blog/index.xml", status=200, body="blog/index.xml"),
        row("GET /feeds.opml", status=200, body="feeds.opml", content_type="text/x-opml; charset=utf-8"),
        row(
            "GET /feeds/feed.css",
            status=200,
            body="feeds/feed.css",
            content_type="text/css; charset=utf-8",
            vary="Accept-Encoding",
        ),
        row("GET /feeds/empty.txt", status=200, body="", content_length="0"),
        row("HEAD /feeds/empty.txt", status=200, body="", content_length="0"),
        row(
            "GET /feeds/all/archive/1.atom",
            status=200,
            body="feeds/all/archive/1.atom",
            cache_control="public, max-age=31536000, immutable",
        ),
        get("Range: bytes=0-9", status=200, body="feeds/all.atom"),
        get("Accept: text/html", status=200, body="feeds/all.atom", content_type=ATOM),
        get("Accept-Language: ja", "Cookie: a=b", status=200, body="feeds/all.atom"),
        get("Origin: https://reader.example", status=200, access_control_allow_origin="*"),
        get("User-Agent: \xff\xfe", status=200, body="feeds/all.atom"),
    ],
    "pages": [
        row("GET /", status=200, body="feeds/index.html", content_type=HTML, referrer_policy="strict-origin-when-cross-origin"),
        row("GET /feeds/", status=200, body="feeds/index.html", content_security_policy="frame-ancestors 'none'"),
        row("GET /feeds/index.html", status=200, body="feeds/index.html", x_content_type_options="nosniff"),
        row("GET /feeds/all/", status=200, body="feeds/all/index.html", vary="Accept-Encoding"),
        row("GET /feeds/all/", "Accept-Encoding: br", status=200, body="feeds/all/index.html:br", content_encoding="br"),
        row("GET /feeds/", "Sec-Fetch-Dest: document", status=200, content_type=HTML),
        row("HEAD /", status=200, body="", content_type=HTML),
        row("GET /feeds", status=301, location="/feeds/", cache_control="public, max-age=1800"),
        row("GET /feeds/all", status=301, location="/feeds/all/"),
        row("HEAD /feeds/all", status=301, location="/feeds/all/", body=""),
        row("GET /blog", status=301, location="/blog/"),
    ],
    "moved and gone": [
        row("GET /old.atom", status=301, location="https://example.org/feeds/all.atom"),
        row("HEAD /old.atom", status=301, location="https://example.org/feeds/all.atom", body=""),
        row("GET /old.atom?x=1", status=301),
        row("GET /dead.atom", status=410, content_type=TEXT),
        row("HEAD /dead.atom", status=410, body=""),
        row("GET /feeds/never.atom", status=404, content_type=TEXT, x_content_type_options="nosniff"),
        row("HEAD /feeds/never.atom", status=404, body=""),
        row("GET /feeds/all.atom/", status=404),
        row("GET /feeds/ALL.atom", status=404),
        row("GET /hub", status=404),
    ],
    "conditional": [
        same("If-None-Match: {all}", cache_control="public, max-age=1800", vary="Accept-Encoding, Sec-Fetch-Dest, A-IM"),
        same("If-None-Match: W/{all}"),
        same("If-None-Match: *"),
        same('If-None-Match: "x", {all}'),
        same('If-None-Match: "x"', "If-None-Match: {all}"),
        same("If-None-Match: {hash}"),
        same("if-none-match:{all}"),
        same("If-None-Match: {all-gzip}", "Accept-Encoding: gzip", etag="{all-gzip}"),
        same("If-None-Match: {all-gzip}", "Accept-Encoding: br, gzip", etag="{all-gzip}"),
        same("If-None-Match: {all-br}", "Accept-Encoding: br", etag="{all-br}"),
        same('If-None-Match: "{hash}--gzip"', "Accept-Encoding: gzip", etag="{all-gzip}"),
        same('If-None-Match: "{hash};br"', "Accept-Encoding: br", etag="{all-br}"),
        same("If-None-Match: {all}", f"If-Modified-Since: {BEFORE}"),
        same("If-None-Match: {all}", "Accept-Encoding: gzip", etag="{all}"),
        same(f"If-Modified-Since: {MODIFIED}"),
        same("If-Modified-Since: Saturday, 01-Aug-26 10:00:00 GMT"),
        same("If-Modified-Since: Sat Aug  1 10:00:00 2026"),
        whole('If-None-Match: "x"'),
        whole('If-None-Match: ""'),
        whole("If-None-Match:"),
        whole('If-None-Match: "x"', f"If-Modified-Since: {MODIFIED}"),
        whole(f"If-Modified-Since: {BEFORE}"),
        whole(f"If-Modified-Since: {FUTURE}"),
        whole("If-Modified-Since: yesterday"),
        whole("If-Modified-Since: 1785578400"),
        whole(f"If-Modified-Since: {MODIFIED}", f"If-Modified-Since: {MODIFIED}"),
        whole("If-None-Match: {all-gzip}", "Accept-Encoding: identity"),
        row("HEAD /feeds/all.atom", "If-None-Match: {all}", status=304, etag="{all}"),
        row("HEAD /feeds/all.atom", f"If-Modified-Since: {MODIFIED}", status=304),
        get("If-Match: {all}", status=200),
        get("If-Match: *", status=200),
        get('If-Match: "x"', status=412),
        get("If-Match: W/{all}", status=412),
        get(f"If-Unmodified-Since: {BEFORE}", status=412),
        get(f"If-Unmodified-Since: {MODIFIED}", status=200),
        get("If-Match: {all}", f"If-Unmodified-Since: {BEFORE}", status=200),
        get('If-Match: "x"', "If-None-Match: {all}", status=412),
        row("GET /feeds/", "If-None-Match: *", status=304),
        row("GET /feeds/never.atom", "If-None-Match: *", status=404),
    ],
    "codings": [
        whole("Accept-Encoding: gzip", coding="gzip"),
        whole("Accept-Encoding: GZIP", coding="gzip"),
        whole("Accept-Encoding: x-gzip", coding="gzip"),
        whole("Accept-Encoding: br", coding="br"),
        whole("Accept-Encoding: zstd", coding="zstd"),
        whole("Accept-Encoding: gzip;q=1, br;q=0.5", coding="gzip"),
        whole("Accept-Encoding: gzip", "Accept-Encoding: br;q=0.5", coding="gzip"),
        whole("Accept-Encoding: gzip;q=0.1", coding="gzip"),
        whole("Accept-Encoding: gzip;q=0"),
        whole("Accept-Encoding: deflate"),
        whole("Accept-Encoding: compress, deflate"),
        whole("Accept-Encoding:"),
        whole("Accept-Encoding: identity"),
        whole("Accept-Encoding: identity, gzip;q=0.5"),
        whole("Accept-Encoding: gzip;q=oops"),
        whole("Accept-Encoding: *", coding="gzip"),
        whole("Accept-Encoding: *;q=0.1, identity;q=0.5"),
        whole("Accept-Encoding: identity;q=0, gzip", coding="gzip"),
        get("Accept-Encoding: identity;q=0", status=406, vary="Accept-Encoding, Sec-Fetch-Dest, A-IM"),
        get("Accept-Encoding: *;q=0", status=406),
        row("GET /feeds/small.atom", "Accept-Encoding: gzip, identity;q=0", status=406),
        row("HEAD /feeds/all.atom", "Accept-Encoding: *;q=0", status=406, body=""),
    ],
    "deltas": [
        get(
            "A-IM: feed",
            'If-None-Match: "{old}"',
            status=226,
            body="delta",
            im="feed",
            etag="{all}",
            delta_base='"{old}"',
            cache_control="no-store, im, max-age=1800",
            vary="Accept-Encoding, Sec-Fetch-Dest, A-IM, If-None-Match, If-Modified-Since",
            content_encoding=None,
            content_type=ATOM,
        ),
        get("A-IM: feed, gzip", 'If-None-Match: "{old}"', status=226, body="delta"),
        get("A-IM: feed;q=0.5", 'If-None-Match: W/"{old}"', status=226, body="delta"),
        get("A-IM: feed", 'If-None-Match: "{old}-gzip"', status=226, body="delta"),
        get("A-IM: feed", f"If-Modified-Since: {DAY_BEFORE}", status=226, body="delta"),
        row("HEAD /feeds/all.atom", "A-IM: feed", 'If-None-Match: "{old}"', status=226, body="", im="feed"),
        same("A-IM: feed", "If-None-Match: {all}", im=None),
        whole("A-IM: feed", im=None),
        whole("A-IM: feed", 'If-None-Match: "unknown"'),
        whole("A-IM: vcdiff", 'If-None-Match: "{old}"'),
        whole("A-IM: feed;q=0", 'If-None-Match: "{old}"'),
        whole('If-None-Match: "{old}"'),
        row("GET /feed.xml", "A-IM: feed", 'If-None-Match: "{old}"', status=200),
        row(
            "GET /feeds/all/archive/1.atom",
            "A-IM: feed",
            'If-None-Match: "x"',
            status=200,
            vary="Accept-Encoding, Sec-Fetch-Dest",
        ),
    ],
    "browsers": [
        whole("Sec-Fetch-Dest: document", content_type=XML),
        whole("Sec-Fetch-Dest: Document", content_type=XML),
        whole("Sec-Fetch-Dest: empty", content_type=ATOM),
        whole("Sec-Fetch-Dest: document", "Accept-Encoding: gzip", coding="gzip", content_type=XML),
        same("Sec-Fetch-Dest: document", "If-None-Match: {all}"),
        row("GET /feeds/all.json", "Sec-Fetch-Dest: document", status=200, content_type="application/feed+json; charset=utf-8"),
    ],
    "methods": [
        row("OPTIONS /feeds/all.atom", status=204, allow=ALLOW, body="", content_length=None, access_control_allow_origin="*"),
        row("OPTIONS *", status=204, allow=ALLOW, body="", content_length=None),
        row("OPTIONS /feeds/never.atom", status=404),
        row("POST /feeds/all.atom", "Content-Length: 0", status=405, allow=ALLOW),
        row("POST /feeds/all.atom", status=405, allow=ALLOW),
        row("PUT /feeds/all.atom", "Content-Length: 0", status=405, allow=ALLOW),
        row("DELETE /feeds/all.atom", status=405, allow=ALLOW),
        row("PATCH /feeds/all.atom", status=405, allow=ALLOW),
        row("TRACE /feeds/all.atom", status=405, allow=ALLOW),
        row("PROPFIND /feeds/all.atom", status=405, allow=ALLOW),
        row("POST /feeds/never.atom", "Content-Length: 0", status=404),
        row("get /feeds/all.atom", status=405, allow=ALLOW, connection="close"),
        row("BREW /feeds/all.atom", status=405, allow=ALLOW, connection="close"),
        row("GET *", status=400),
    ],
    "targets": [
        row(f"GET {GADGETS}", status=200, body="feeds/ガジェット.atom"),
        row(f"GET {GADGETS.lower()}", status=200, body="feeds/ガジェット.atom"),
        row(f"GET {DECOMPOSED}", status=200, body="feeds/ガジェット.atom"),
        row(f"GET {GADGETS.replace('.', '%2E')}", status=200, body="feeds/ガジェット.atom"),
        row("GET /%66eeds/all.atom", status=200, body="feeds/all.atom"),
        row("GET /feeds/all.atom?", status=200, body="feeds/all.atom"),
        row("GET /feeds/all.atom?utm_source=x&y=%00", status=200, body="feeds/all.atom"),
        row("GET /feeds/all.atom?/../../config.yaml", status=200, body="feeds/all.atom"),
        row("GET http://127.0.0.1/feeds/all.atom", status=200, body="feeds/all.atom"),
        row("GET http://example.org/feeds/all.atom", status=200, body="feeds/all.atom"),
        row("GET HTTP://EXAMPLE.ORG/feeds/all.atom", status=200, body="feeds/all.atom"),
        row("GET https://example.org/feeds/all.atom", status=200, body="feeds/all.atom"),
        row("GET http://example.org:8080/feeds/all.atom", status=200, body="feeds/all.atom"),
        row("GET http://example.org", status=200, body="feeds/index.html"),
        row("GET http://elsewhere.example/feeds/all.atom", status=421),
        row("GET http://user@example.org/feeds/all.atom", status=400),
        row("GET ftp://example.org/feeds/all.atom", status=400),
        row("GET /../config.yaml", status=404),
        row("GET /feeds/../feeds/all.atom", status=404),
        row("GET /feeds/./all.atom", status=404),
        row("GET /%2e%2e/config.yaml", status=404),
        row("GET /feeds/%2e%2e/%2e%2e/config.yaml", status=404),
        row("GET /..%2fconfig.yaml", status=404),
        row("GET /feeds%2Fall.atom", status=404),
        row("GET /%252e%252e/config.yaml", status=404),
        row("GET //feeds/all.atom", status=404),
        row("GET /feeds//all.atom", status=404),
        row("GET /feeds/all.atom%00", status=400),
        row("GET /feeds/all.atom%00.html", status=400),
        row("GET /feeds/%0d%0aX:%20y", status=400),
        row("GET /feeds\\all.atom", status=400),
        row("GET /feeds/%5c..%5cconfig.yaml", status=400),
        row("GET /%c0%ae%c0%ae/config.yaml", status=400),
        row("GET /%c0%afconfig.yaml", status=400),
        row("GET /%e0%80%af", status=400),
        row("GET /%ed%a0%80", status=400),
        row("GET /%ff", status=400),
        row("GET /%", status=400),
        row("GET /%4", status=400),
        row("GET /%zz", status=400),
        row("GET /\xff", status=400, connection="close"),
        row("GET /feeds/all.atom#x", status=400),
        row("GET feeds/all.atom", status=400),
        row("GET /secret.txt", status=404),
        row("GET /feeds/.all.atom.feedservice-new", status=404),
        row("GET /feeds/all.atom.gz", status=404),
        row("GET /" + "a" * 4095, status=404),
        row("GET /" + "a" * 4096, status=414),
    ],
    "hosts": [
        get(status=200, host="localhost"),
        get(status=200, host="LOCALHOST:1"),
        get(status=200, host="example.org"),
        get(status=200, host="Example.Org."),
        get(status=200, host="example.org:443"),
        get(status=200, host="xn--r8jz45g.example"),
        get(status=200, host="[::1]:8080"),
        get(status=200, host="127.0.0.1:80"),
        get(status=421, host="elsewhere.example"),
        get(status=421, host="example.org.elsewhere.example"),
        get(status=421, host="10.0.0.1"),
        get(status=421, host="169.254.169.254"),
        get(status=400, host=None),
        get(status=400, host=""),
        get(status=400, host="a b"),
        get(status=400, host="example.org/x"),
        get(status=400, host="user@example.org"),
        get("Host: example.org", status=400, host="example.org"),
        get("Host: elsewhere.example", status=400, host="example.org"),
        row("GET http://example.org/feeds/all.atom", status=200, host="elsewhere.example"),
        row("GET /feeds/all.atom HTTP/1.0", status=200, host=None, connection="close"),
        row("GET /feeds/all.atom HTTP/1.0", status=421, host="elsewhere.example"),
        row("GET /feeds/all.atom HTTP/1.0", "Connection: keep-alive", status=200, connection="close"),
    ],
    "connections": [
        get("Connection: close", status=200, body="feeds/all.atom", connection="close"),
        get("Connection: Close", status=200, connection="close"),
        get("Connection: keep-alive", status=200, connection=None),
        get("Connection: keep-alive, close", status=200, connection="close"),
        same("Connection: close", "If-None-Match: {all}", connection="close"),
        row("HEAD /feeds/all.atom", "Connection: close", status=200, body="", connection="close"),
        row("GET /feeds/never.atom", "Connection: close", status=404, connection="close"),
        get("Connection: Upgrade", "Upgrade: h2c", status=200, body="feeds/all.atom", connection="close"),
        get("Connection: Upgrade", "Upgrade: websocket", status=200, body="feeds/all.atom", connection="close"),
        get("Expect: 100-continue", status=200, body="feeds/all.atom"),
        get("Expect: something", status=417, connection="close"),
        get("TE: trailers", status=200),
        get("Transfer-Encoding: gzip, chunked", status=501, connection="close"),
        row("GET /feeds/all.atom HTTP/2.0", status=505, connection="close"),
        get(*[f"X-{number}: y" for number in range(98)], status=200),
    ],
    "health": [
        row("GET /-/health", status=200, content_type="application/json", cache_control="no-store"),
        row("GET /-/health?x=1", status=200),
        row("GET /-/health", status=200, host="elsewhere.example"),
        row("GET /-/health HTTP/1.0", status=200, host=None),
        row("HEAD /-/health", status=200, body=""),
        row("POST /-/health", "Content-Length: 0", status=405, allow="GET, HEAD"),
        row("GET /-/", status=404),
        row("GET /-/readers", status=404),
    ],
}
CASES = [(name, number, each) for name, rows in ROWS.items() for number, each in enumerate(rows)]


def test_there_are_enough_rows() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize(("name", "number", "asked"), CASES, ids=[f"{name}-{number}" for name, number, _ in CASES])
def test_row(name: str, number: int, asked: Row, pair: Any, site: Any) -> None:
    fill = Filler(site)
    fields = [fill(field) for field in asked.fields]
    prepared, plain = (each.ask(asked.line, *fields, host=asked.host) for each in pair)
    assert prepared.status == asked.status
    for field, value in asked.expected.items():
        assert prepared[field.replace("_", "-")] == (None if value is None else fill(value)), field
    if asked.body is not None:
        assert prepared.body == fill.body(asked.body)
    assert parsedate_to_datetime(prepared["date"])
    # Both ways say the same, field by field and in the same order; only the second may have turned between them.
    assert [line for line in prepared.fields if line[0] != "date"] == [line for line in plain.fields if line[0] != "date"]
    assert (prepared.status, prepared.body) == (plain.status, plain.body)


class Filler:
    def __init__(self, site: Any) -> None:
        self._site = site
        self.values = {
            "{all}": site.tag("feeds/all.atom"),
            "{all-gzip}": site.tag("feeds/all.atom", "gzip"),
            "{all-br}": site.tag("feeds/all.atom", "br"),
            "{all-zstd}": site.tag("feeds/all.atom", "zstd"),
            "{hash}": site.of("feeds/all.atom").etag,
            "{size}": str(site.of("feeds/all.atom").size),
            "{old}": site.memory["feeds/all.atom"].past[0].version.etag,
        }

    def __call__(self, text: str) -> str:
        for name, value in self.values.items():
            text = text.replace(name, value)
        return text

    def body(self, named: str) -> bytes:
        if named == "delta":
            whole = self._site.body("feeds/all.atom")
            spans = self._site.of("feeds/all.atom").entries
            return whole[: spans[0].end] + whole[spans[-1].end :]
        path, _, coding = named.partition(":")
        return self._site.body(path, coding or "identity") if path else b""


def test_a_second_answer_is_the_same_as_the_first(live: Any) -> None:
    first, second = (live.ask(f"GET {FEED}", "Accept-Encoding: gzip") for _ in range(2))
    assert first.body == second.body
    assert gzip.decompress(first.body).startswith(b"<feed>")


def test_head_says_what_get_says(live: Any) -> None:
    for accepted in ("identity", "gzip", "br", "zstd"):
        got = live.ask(f"GET {FEED}", f"Accept-Encoding: {accepted}")
        head = live.ask(f"HEAD {FEED}", f"Accept-Encoding: {accepted}")
        assert [line for line in head.fields if line[0] != "date"] == [line for line in got.fields if line[0] != "date"]
        assert (head.body, str(len(got.body))) == (b"", got["content-length"])


def _tags(live: Any) -> Iterator[str]:
    for accepted in ("identity", "gzip", "br", "zstd"):
        yield live.ask(f"GET {FEED}", f"Accept-Encoding: {accepted}")["etag"]


def test_each_coding_has_a_tag_of_its_own(live: Any) -> None:
    tags = list(_tags(live))
    assert len(set(tags)) == 4
    assert len({tag[1:33] for tag in tags}) == 1


def test_a_new_library_is_answered_from_at_once(kit: Any, tmp_path: Any) -> None:
    site = kit.site(tmp_path)
    for prepare in (True, False):
        desk = kit.desk(site.library())
        live = kit.Live(desk, prepare=prepare).start()
        before = live.ask(f"GET {FEED}")
        body, spans = kit.document(["new"])
        changed = kit.put(site.root, "feeds/all.atom", body, ATOM, entries=spans)
        newer = dataclasses.replace(site, published=(changed,))
        live.call(lambda desk=desk, newer=newer: desk.publish(newer.library()))
        after = live.ask(f"GET {FEED}", f"If-None-Match: {before['etag']}")
        assert (after.status, after.body) == (200, body)
        assert live.ask("GET /feeds/all.rss").status == 404
        assert live.stop()
        kit.put(site.root, "feeds/all.atom", before.body, ATOM)


@pytest.mark.parametrize("prepare", [True, False])
@pytest.mark.parametrize("place", ["IPv6", "a Unix socket"])
def test_other_places_to_listen(kit: Any, site: Any, tmp_path: Any, place: str, prepare: bool) -> None:
    live = kit.Live(kit.desk(site.library()), prepare=prepare)
    if place == "IPv6":
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError:
                pytest.skip("this machine has no IPv6")
        live.start(host="::1", port=0)
        assert live.urls[0].startswith("http://[::1]:")
        connection = socket.create_connection(("::1", live.port), timeout=20)
        host = f"[::1]:{live.port}"
    else:
        live.start(path=tmp_path / "http.sock")
        connection = live.connect()
        host = "example.org"
    with connection:
        connection.sendall(f"GET {FEED} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        first = kit.answer(connection)
        assert (first.status, first.body) == (200, site.body("feeds/all.atom"))
        connection.sendall(f"GET {FEED} HTTP/1.1\r\nHost: {host}\r\nIf-None-Match: {first['etag']}\r\n\r\n".encode())
        assert kit.answer(connection).status == 304
        connection.sendall(f"GET {FEED} HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n".encode())
        assert kit.answer(connection).status == 421
    assert live.stop()


@pytest.mark.parametrize("prepare", [True, False])
def test_who_asks_only_for_the_head_is_no_reader(kit: Any, site: Any, prepare: bool) -> None:
    desk = kit.desk(site.library())
    live = kit.Live(desk, prepare=prepare).start()
    for line in (f"HEAD {FEED}", f"HEAD {FEED}", f"GET {FEED}", f"OPTIONS {FEED}", "GET /feeds/"):
        assert live.ask(line, "User-Agent: monitor/1").status in {200, 204}
    live.call(lambda: desk.counts.settle(100, datetime.now(UTC)))
    counted = desk.counts.tally.feeds["all"]
    assert (counted.requests, [each.requests for each in counted.clients.values()]) == (1, [1])
    assert live.stop()


def test_a_bug_in_counting_leaves_no_connection_open_for_ever(kit: Any, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second hand ends what waits too long, and counts beside that; chores come again whatever they raise."""
    # What is logged here is no business of the servers that other tests share.
    own = logging.getLogger("feedservice.web.server")
    monkeypatch.setattr(own, "propagate", False)
    told = QueueHandler(SimpleQueue())
    own.addHandler(told)
    desk = kit.desk(site.library())
    done: list[int] = []

    def stumble(*_: object) -> bool:
        raise ValueError("no such number")

    def chore() -> None:
        done.append(len(done))
        raise KeyError(done[-1])

    desk.counts.settle = stumble
    live = kit.Live(desk, bounds=kit.Bounds(request_time=1), chores=[Chore(every=0.1, do=chore)]).start()
    with live.connect() as connection:
        # Closed by the server, though nothing was ever said.
        assert connection.recv(1) == b""
    del desk.counts.settle
    assert live.stop()
    assert len(done) > 2
    own.removeHandler(told)
    said = {told.queue.get_nowait().getMessage() for _ in range(told.queue.qsize())}
    said = {line.partition("\n")[0] for line in said}
    assert said == {"requests could not be counted", "what is done now and then could not be done"}


@pytest.mark.parametrize("prepare", [True, False])
def test_who_names_the_address_that_was_called_means_this_server_and_nobody_else_does(kit: Any, site: Any, prepare: bool) -> None:
    live = kit.Live(kit.desk(site.library()), prepare=prepare).start(host="0.0.0.0")

    def asked(called: str, named: str) -> int:
        with socket.create_connection((called, live.port), timeout=20) as connection:
            connection.sendall(f"GET {FEED} HTTP/1.1\r\nHost: {named}:{live.port}\r\n\r\n".encode())
            return int(kit.answer(connection, "GET").status)

    # An answer to the one must not be kept for the other.
    assert [asked("127.0.0.2", "127.0.0.2") for _ in range(2)] == [200, 200]
    assert asked("127.0.0.3", "127.0.0.2") == 421
    assert live.stop()


@pytest.mark.parametrize("prepare", [True, False])
def test_freshness_ends_with_the_next_change_however_long_the_answer_was_prepared_before(
    kit: Any, site: Any, prepare: bool
) -> None:
    """``max-age`` is what readers wait: an answer prepared when nothing was near must not promise half an hour later on."""
    now = [kit.modified.timestamp() + 1000.0]
    due = datetime.fromtimestamp(now[0] + 1800 + 100, UTC)
    desk = kit.desk(site.library(due=due), clock=lambda: now[0])
    live = kit.Live(desk, prepare=prepare).start()

    def promised(after: int) -> str:
        now[0] = kit.modified.timestamp() + 1000.0 + after
        return str(live.ask(f"GET {FEED}")["cache-control"])

    seconds = {0: 1800, 100: 1800, 101: 1799, 700: 1200, 1890: 10, 1896: 5, 4000: 5}
    assert {after: promised(after) for after in seconds} == {
        after: f"public, max-age={fresh}" for after, fresh in seconds.items()
    }
    assert live.stop()
