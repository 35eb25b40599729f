"""Readers that others wrote come back to a real server: they are told 304, and nothing is new."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import feedparser
import pytest
import reader

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``feedservice run`` on the sample site; gives its base URL."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "content", folder / "content")
    shutil.copy(ROOT / "config.yaml", folder)
    command = [sys.executable, "-m", "feedservice", "run", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stderr is not None
        found = None
        for line in process.stderr:
            found = re.search(r"at (http://127\.0\.0\.1:\d+)", line)
            if found:
                break
        assert found, "the server said no address"
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        yield found[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


@pytest.fixture
def watched(server: str) -> Iterator[tuple[str, list[int]]]:
    """A proxy in front of the server that writes down every status; gives its base URL and the list."""
    statuses: list[int] = []

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = urllib.request.Request(server + self.path)
            for name, value in self.headers.items():
                if name.lower() not in {"host", "connection"}:
                    request.add_header(name, value)
            try:
                answer = urllib.request.urlopen(request, timeout=10)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                body = answer.read()
                statuses.append(answer.status)
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in {"connection", "transfer-encoding"}:
                        self.send_header(name, value)
                if answer.status == 304:
                    self.send_header("Content-Length", "0")
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}", statuses
        proxy.shutdown()
        thread.join()


@pytest.mark.judge
@pytest.mark.parametrize("name", ["atom", "rss"])
@pytest.mark.parametrize("validator", ["etag", "modified"])
def test_feedparser(server: str, name: str, validator: str) -> None:
    url = f"{server}/feeds/all.{name}"
    first = feedparser.parse(url)
    assert (first.status, bool(first.bozo)) == (200, False)
    assert len(first.entries) == 8
    second = feedparser.parse(url, **{validator: first[validator]})
    assert second.status == 304
    assert second.entries == []


@pytest.mark.judge
@pytest.mark.parametrize("name", ["atom", "rss"])
def test_newsboat(watched: tuple[str, list[int]], name: str, tmp_path: Path) -> None:
    if shutil.which("newsboat") is None:
        pytest.skip("newsboat is not installed")
    base, statuses = watched
    (tmp_path / "urls").write_text(f"{base}/feeds/all.{name}\n", encoding="utf-8")
    (tmp_path / "config").write_text("max-items 0\n", encoding="utf-8")
    command = ["newsboat", "-u", str(tmp_path / "urls"), "-C", str(tmp_path / "config"), "-c", str(tmp_path / "cache.db"), "-x"]
    environment = {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    counts = []
    # Newsboat 2.21 keeps the validators of an answer only for a feed that it knows already: from its second visit on.
    for _ in range(3):
        subprocess.run([*command, "reload"], check=True, capture_output=True, timeout=60, env=environment)
        database = sqlite3.connect(tmp_path / "cache.db")
        counts.append(database.execute("select count(*), sum(unread) from rss_item").fetchone())
        database.close()
    assert statuses == [200, 200, 304]
    assert counts == [(8, 8)] * 3


@pytest.mark.judge
@pytest.mark.parametrize("name", ["atom", "rss", "json"])
def test_reader(watched: tuple[str, list[int]], name: str, tmp_path: Path) -> None:
    base, statuses = watched
    url = f"{base}/feeds/all.{name}"
    with reader.make_reader(str(tmp_path / "reader.sqlite")) as its:
        its.add_feed(url)
        first = its.update_feed(url)
        assert first is not None
        assert (first.new, first.modified) == (8, 0)
        second = its.update_feed(url)
        assert second is None or (second.new, second.modified) == (0, 0)
        assert len(list(its.get_entries(read=False))) == 8
    assert statuses == [200, 304]


NODE = """\
// What a feed reader in JavaScript does: it keeps the validators of an answer, and sends them with the next question.
const url = process.argv[1]
const first = await fetch(url, { headers: { "Accept-Encoding": "br, gzip" } })
const body = await first.text()
const kept = { "If-None-Match": first.headers.get("etag"), "If-Modified-Since": first.headers.get("last-modified") }
const second = await fetch(url, { headers: { ...kept, "Accept-Encoding": "br, gzip" } })
const ids = [...body.matchAll(/<(?:id|guid)[^>]*>([^<]+)</g)].map((found) => found[1])
console.log(JSON.stringify({ statuses: [first.status, second.status], left: (await second.text()).length, ids: new Set(ids).size }))
"""


@pytest.mark.judge
@pytest.mark.parametrize(("name", "ids"), [("atom", 9), ("rss", 8)])
def test_node(watched: tuple[str, list[int]], name: str, ids: int) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    base, statuses = watched
    command = ["node", "--input-type=module", "--eval", NODE, f"{base}/feeds/all.{name}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    # An Atom feed has an id of its own beside those of its entries.
    assert json.loads(said) == {"statuses": [200, 304], "left": 0, "ids": ids}
    assert statuses == [200, 304]
