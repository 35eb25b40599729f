"""The table of requests, asked of nginx with ``deploy/nginx.conf`` in front: what it answers itself is what the program answers.

Validators are nginx's own, and so are the words of refusals. Where it answers otherwise is listed, with what it answers and why.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.judges.test_front_servers import free_port, nginx, running
from tests.web.test_server import CASES, FEED, Filler, Row

pytestmark = pytest.mark.judge

SAME = ("content-type", "content-encoding", "cache-control", "allow", "location", "access-control-allow-origin")
"""Fields that must be the same; of a refusal not its type."""


OTHERWISE: dict[str, int] = {
    # It serves ranges.
    "GET /feeds/all.atom; Range: bytes=0-9": 206,
    # Debian's has no brotli and no zstd, and it does not weigh codings.
    "GET /feeds/all/; Accept-Encoding: br": 200,
    "GET /feeds/all.atom; Accept-Encoding: x-gzip": 200,
    "GET /feeds/all.atom; Accept-Encoding: br": 200,
    "GET /feeds/all.atom; Accept-Encoding: zstd": 200,
    "GET /feeds/all.atom; Accept-Encoding: identity, gzip;q=0.5": 200,
    "GET /feeds/all.atom; Accept-Encoding: *": 200,
    "GET /feeds/all.atom; Accept-Encoding: identity;q=0": 200,
    "GET /feeds/all.atom; Accept-Encoding: *;q=0": 200,
    "GET /feeds/small.atom; Accept-Encoding: gzip, identity;q=0": 200,
    "HEAD /feeds/all.atom; Accept-Encoding: *;q=0": 200,
    # Its validators are of time and size, one of each; and a date is asked for as well as a tag.
    'GET /feeds/all.atom; If-None-Match: "x"; If-None-Match: {all}': 400,
    "GET /feeds/all.atom; If-None-Match: {hash}": 200,
    "GET /feeds/all.atom; If-None-Match: {all-br}; Accept-Encoding: br": 200,
    'GET /feeds/all.atom; If-None-Match: "{hash}--gzip"; Accept-Encoding: gzip': 200,
    'GET /feeds/all.atom; If-None-Match: "{hash};br"; Accept-Encoding: br': 200,
    "GET /feeds/all.atom; If-None-Match: {all}; If-Modified-Since: Sat, 01 Aug 2026 09:59:59 GMT": 200,
    "GET /feeds/all.atom; If-None-Match: {all}; Accept-Encoding: gzip": 200,
    "GET /feeds/all.atom; If-Modified-Since: Sat, 01 Aug 2026 10:00:00 GMT; If-Modified-Since: Sat, 01 Aug 2026 10:00:00 GMT": 400,
    "GET /feeds/all.atom; If-Match: {all}; If-Unmodified-Since: Sat, 01 Aug 2026 09:59:59 GMT": 412,
    # Deltas are the program's.
    'GET /feeds/all.atom; A-IM: feed; If-None-Match: "{old}"': 200,
    'GET /feeds/all.atom; A-IM: feed, gzip; If-None-Match: "{old}"': 200,
    'GET /feeds/all.atom; A-IM: feed;q=0.5; If-None-Match: W/"{old}"': 200,
    'GET /feeds/all.atom; A-IM: feed; If-None-Match: "{old}-gzip"': 200,
    "GET /feeds/all.atom; A-IM: feed; If-Modified-Since: Fri, 31 Jul 2026 10:00:00 GMT": 200,
    'HEAD /feeds/all.atom; A-IM: feed; If-None-Match: "{old}"': 200,
    # Methods, targets and expectations that it knows itself, or not at all.
    "OPTIONS *": 400,
    "TRACE /feeds/all.atom": 405,
    "get /feeds/all.atom": 400,
    "BREW /feeds/all.atom": 400,
    "GET http://elsewhere.example/feeds/all.atom": 200,
    "GET ftp://example.org/feeds/all.atom": 200,
    "GET /feeds/all.atom#x": 200,
    "GET /feeds/all.atom; Expect: something": 200,
    # It puts a path in order before it looks for the file.
    "GET /../config.yaml": 400,
    "GET /feeds/../feeds/all.atom": 200,
    "GET /feeds/./all.atom": 200,
    "GET /%2e%2e/config.yaml": 400,
    "GET /feeds/%2e%2e/%2e%2e/config.yaml": 400,
    "GET /..%2fconfig.yaml": 400,
    "GET /feeds%2Fall.atom": 200,
    "GET //feeds/all.atom": 200,
    "GET /feeds//all.atom": 200,
    # While it serves no other site, every host is its own.
    "GET /feeds/all.atom; Host: elsewhere.example": 200,
    "GET /feeds/all.atom; Host: example.org.elsewhere.example": 200,
    "GET /feeds/all.atom; Host: 10.0.0.1": 200,
    "GET /feeds/all.atom; Host: 169.254.169.254": 200,
    "GET /feeds/all.atom; Host: user@example.org": 200,
    "GET /feeds/all.atom HTTP/1.0; Host: elsewhere.example": 200,
}
"""Row → what nginx answers instead; never a file that is not published."""


def spelled(asked: Row) -> str:
    """Return a row as one reads it."""
    host = "" if asked.host == "127.0.0.1" else f"Host: {asked.host}"
    return "; ".join(filter(None, (asked.line, *asked.fields, host)))


@pytest.fixture(scope="module")
def front(pair: Any, site: Any, kit: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """nginx with a copy of the files that has their dates; gives its port."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    shutil.copytree(site.root, folder / "public")
    for path in (folder / "public").rglob("*"):
        os.utime(path, (kit.modified.timestamp(), kit.modified.timestamp()))
    with running(nginx(folder, folder / "public", port, pair[0].port), port, folder):
        yield port


def ask(port: int, asked: Row, tags: Mapping[str, str], kit: Any) -> Any:
    """Send a row to a port of this machine, with these tags in its fields."""
    text = "\r\n".join(
        [
            asked.line + ("" if " HTTP/" in asked.line else " HTTP/1.1"),
            *([f"Host: {asked.host}"] if asked.host is not None else []),
            *asked.fields,
            "",
            "",
        ]
    )
    for name, tag in tags.items():
        text = text.replace(name, tag)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text.encode("latin-1"))
        return kit.answer(connection, asked.line.partition(" ")[0])


@pytest.fixture(scope="module")
def tags(front: int, kit: Any) -> dict[str, str]:
    """The tags of nginx, which are other than the program's."""

    def tag(*fields: str) -> str:
        asked = Row(line=f"GET {FEED}", fields=fields, status=200, body=None, host="127.0.0.1", expected={})
        return str(ask(front, asked, {}, kit)["etag"])

    return {"{all}": tag(), "{all-gzip}": tag("Accept-Encoding: gzip")}


@pytest.mark.parametrize("asked", [asked for _, _, asked in CASES], ids=[f"{name}-{number}" for name, number, _ in CASES])
def test_row(asked: Row, front: int, tags: dict[str, str], pair: Any, site: Any, kit: Any) -> None:
    own = Filler(site).values
    ours, theirs = ask(pair[0].port, asked, own, kit), ask(front, asked, own | tags, kit)
    known = spelled(asked)
    if known in OTHERWISE:
        assert (theirs.status, kit.secret in theirs.body) == (OTHERWISE[known], False)
        return
    assert theirs.status == ours.status
    refused = ours.status >= 300
    assert refused or theirs.body == ours.body
    for field in SAME[refused:]:
        assert theirs[field] == ours[field], field


def test_what_is_listed_is_asked() -> None:
    assert OTHERWISE.keys() <= {spelled(asked) for _, _, asked in CASES}
    assert len(OTHERWISE) < len(CASES) / 4
