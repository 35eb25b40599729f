"""nginx with ``deploy/nginx.conf`` serves ``public/`` as the program does: asked the same, both answer alike."""

from __future__ import annotations

import dataclasses
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.judge

ROOT = Path(__file__).parents[2]
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
HOST = "example.org"

AROUND = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/feedservice.conf;
}}
"""

ALIKE = (
    "content-type",
    "content-encoding",
    "content-length",
    "cache-control",
    "x-content-type-options",
    "access-control-allow-origin",
)
"""Fields that must be the same. Validators are nginx's own, dates and the order of fields too."""

DOCUMENTS = [
    f"/feeds/{name}"
    for name in (
        "all.atom",
        "all.rss",
        "all.json",
        "letterpress.atom",
        "syndication.rss",
        "time.json",
        "notices.atom",
        "english.rss",
    )
]
OTHERS = ["/feeds.opml", "/feeds/", "/feeds/all/", "/feeds/index.html", "/feeds/letterpress/"]
HIDDEN = [
    "/config.yaml",
    "/../config.yaml",
    "/feeds/../../config.yaml",
    "/%2e%2e/config.yaml",
    "/feeds/%2e%2e/%2e%2e/config.yaml",
    "/..%2fconfig.yaml",
    "/feeds/all.atom%00",
    "/feeds/.all.atom.feedservice-new",
    "/.feedservice/store.sqlite",
    "/feeds/all.atom.gz",
    "/feeds/all.atom.br",
    "/feeds/all.atom.zst",
    "/feeds/all.atom/",
    "/feeds/never.atom",
    "/feeds/ALL.atom",
    "/feeds/all.atom.html",
]
REFUSED = [(method, path) for method in ("POST", "PUT", "DELETE", "PATCH") for path in ("/feeds/all.atom", "/feeds/")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    status: int
    fields: dict[str, str]
    body: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    port: int

    def ask(self, method: str, path: str, **fields: str) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": HOST, **{name.replace("_", "-"): value for name, value in fields.items()}}.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            return Got(status=answer.status, fields={name.lower(): value for name, value in answer.getheaders()}, body=body)
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """``feedservice run`` on the sample site; gives the server and the site's folder."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "content", folder / "content")
    shutil.copy(ROOT / "config.yaml", folder)
    command = [sys.executable, "-m", "feedservice", "run", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        found = next((found for line in process.stderr if (found := re.search(r"at http://127\.0\.0\.1:(\d+)", line))), None)
        assert found, "the server said no address"
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield Server(port=int(found[1])), folder
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
def theirs(ours: tuple[Server, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """nginx with the configuration that is shipped, the three things changed that its head says."""
    if NGINX is None:
        pytest.skip("nginx is not installed")
    program, site = ours
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    changes = {
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{program.port};",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "    listen [::]:80;\n": "",
        "root /srv/feedservice/public;": f"root {site}/public;",
    }
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} is not in the configuration once"
        text = text.replace(old, new)
    (folder / "feedservice.conf").write_text(text, encoding="utf-8")
    (folder / "nginx.conf").write_text(
        ("user root;\n" if os.geteuid() == 0 else "") + AROUND.format(folder=folder), encoding="utf-8"
    )
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=30)
    assert tested.returncode == 0, tested.stderr
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        server = Server(port=port)
        until = time.monotonic() + 20
        while True:
            try:
                server.ask("HEAD", "/feeds/all.atom")
                break
            except OSError:
                assert process.poll() is None, "nginx ended"
                assert time.monotonic() < until, "nginx does not answer"
                time.sleep(0.05)
        yield server
        process.send_signal(signal.SIGQUIT)
        assert process.wait(timeout=20) == 0


def alike(one: Got, other: Got) -> None:
    assert one.status == other.status
    assert one.body == other.body
    assert {name: one.fields.get(name) for name in ALIKE} == {name: other.fields.get(name) for name in ALIKE}


@pytest.mark.parametrize("path", [*DOCUMENTS, *OTHERS])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_what_is_published(path: str, method: str, coding: str, ours: tuple[Server, Path], theirs: Server) -> None:
    mine, its = (server.ask(method, path, Accept_Encoding=coding) for server in (ours[0], theirs))
    assert mine.status == 200
    alike(mine, its)
    assert "accept-encoding" in its.fields.get("vary", "").lower()


@pytest.mark.parametrize("path", [*DOCUMENTS, *OTHERS])
def test_a_second_poll(path: str, ours: tuple[Server, Path], theirs: Server) -> None:
    for server in (ours[0], theirs):
        first = server.ask("GET", path)
        tagged = server.ask("GET", path, If_None_Match=first.fields["etag"])
        assert (tagged.status, tagged.body) == (304, b"")
        dated = server.ask("GET", path, If_Modified_Since=first.fields["last-modified"])
        assert (dated.status, dated.body) == (304, b"")
        assert server.ask("GET", path, If_None_Match='"another"').body == first.body
        winner = server.ask("GET", path, If_None_Match='"another"', If_Modified_Since=first.fields["last-modified"])
        assert (winner.status, winner.body) == (200, first.body)


@pytest.mark.parametrize("path", HIDDEN)
def test_what_is_not_published(path: str, ours: tuple[Server, Path], theirs: Server) -> None:
    mine, its = (server.ask("GET", path) for server in (ours[0], theirs))
    # What no path can mean is 400 for one of them and 404 for the other; neither gives a file.
    assert mine.status in {400, 404}
    assert its.status in {400, 404}
    assert b"title: " not in mine.body + its.body


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_what_may_not_be_done(method: str, path: str, ours: tuple[Server, Path], theirs: Server) -> None:
    assert [server.ask(method, path, Content_Length="0").status for server in (ours[0], theirs)] == [405, 405]


def test_the_program_behind_it_is_reached(ours: tuple[Server, Path], theirs: Server) -> None:
    mine, its = (server.ask("GET", "/-/health") for server in (ours[0], theirs))
    assert (its.status, its.body) == (mine.status, mine.body) == (200, mine.body)


def test_operations_are_not_passed_on(theirs: Server) -> None:
    assert theirs.ask("GET", "/-/status").status == 404
    assert theirs.ask("GET", "/-/metrics").status == 404
