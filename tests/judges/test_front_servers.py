"""nginx and Caddy with the files of ``deploy/``: what they serve from disk is what the program serves, and the rest is passed on."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
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
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.judge

ROOT = Path(__file__).parents[2]
SECRET = "not for anybody"
CONFIG = """\
site: {title: 組版室, url: 'https://example.org', language: ja, timezone: Asia/Tokyo}
feeds:
  archives: true
  window: 2
  moved: {/old.atom: /feeds/all.atom}
  gone: [/dead.atom]
"""
SAME = ("content-type", "cache-control", "x-content-type-options", "access-control-allow-origin")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def text(self) -> bytes:
        """The body without its coding."""
        return gzip.decompress(self.body) if self.fields.get("content-encoding") == "gzip" else self.body


def ask(port: int, line: str, *fields: str) -> Got:
    """Send a request whose target is not touched on its way: ``ask(port, "GET /x", "Accept: y")``."""
    method, _, target = line.partition(" ")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.putrequest(method, target.encode("latin-1").decode("latin-1"), skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", "example.org")
        for field in fields:
            name, _, value = field.partition(": ")
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        found: dict[str, str] = {}
        for name, value in answer.getheaders():
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
        return Got(status=answer.status, fields=found, body=answer.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: Sequence[object], port: int, folder: Path) -> Iterator[None]:
    """Run a server until the context ends."""
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    log = folder / "front.log"
    with (
        log.open("w") as written,
        subprocess.Popen([*map(str, command)], stdout=written, stderr=written, env=environment) as process,
    ):
        try:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), timeout=5).close()
                    break
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "content").mkdir()
    for number in range(1, 7):
        head = f"---\ntitle: 記事 {number}\ndate: 2025-11-0{number} 09:00\ncategories: [活版]\n---\n"
        (folder / "content" / f"{number}.md").write_text(head + "活字を拾う。" * 200, encoding="utf-8")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "secret.txt").write_text(SECRET, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def program(site: Path) -> Iterator[int]:
    """``feedservice run``; gives its port."""
    command = [sys.executable, "-m", "feedservice", "run", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=site, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        found = None
        for line in process.stderr:
            found = re.search(r"at http://127\.0\.0\.1:(\d+)", line)
            if found:
                break
        assert found, "the server said no address"
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        (site / "public" / "feeds" / ".all.atom.staged").write_text(SECRET, encoding="utf-8")
        yield int(found[1])
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def nginx(folder: Path, public: Path, port: int, upstream: int) -> list[object]:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    shipped = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        ("    listen 80;\n    listen [::]:80;\n", f"    listen 127.0.0.1:{port};\n"),
        ("/srv/feedservice/public", str(public)),
        ("server 127.0.0.1:8080;", f"server 127.0.0.1:{upstream};"),
    ):
        assert shipped.count(old) == 1, old
        shipped = shipped.replace(old, new)
    (folder / "site.conf").write_text(shipped, encoding="utf-8")
    places = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{ }}\n"
        f"http {{\n  access_log off;\n{places}  include {folder}/site.conf;\n}}\n",
        encoding="utf-8",
    )
    command = ["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    tested = subprocess.run([*map(str, command), "-t"], check=False, capture_output=True, text=True, timeout=60)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr
    return command


def caddy(folder: Path, public: Path, port: int, upstream: int) -> list[object]:
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not installed")
    shipped = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
    assert shipped.count("example.org {") == shipped.count("/srv/feedservice/public") == 1
    shipped = shipped.replace("example.org {", f"http://:{port} {{\n\tbind 127.0.0.1").replace(
        "/srv/feedservice/public", str(public)
    )
    assert "127.0.0.1:8080" in shipped
    shipped = "{\n\tadmin off\n}\n" + shipped.replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
    (folder / "Caddyfile").write_text(shipped, encoding="utf-8")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]


SERVERS = {"nginx": nginx, "caddy": caddy}


@pytest.fixture(scope="module", params=list(SERVERS))
def front(request: pytest.FixtureRequest, site: Path, program: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server in front of the program; gives its port."""
    folder, port = tmp_path_factory.mktemp("front"), free_port()
    with running(SERVERS[request.param](folder, site / "public", port, program), port, folder):
        yield port


FILES = (
    "/feeds/all.atom",
    "/feeds/all.rss",
    "/feeds/all.json",
    "/feeds/%E6%B4%BB%E7%89%88.atom",
    "/feeds/all/archive/1.atom",
    "/feeds/all/archive/1.json",
    "/feeds/all/archive/2.rss",
    "/feeds/",
    "/feeds/index.html",
    "/feeds/all/",
    "/feeds/%E6%B4%BB%E7%89%88/",
    "/feeds/links.html",
    "/feeds/feed.css",
    "/feeds.opml",
    "/feeds/all.atom?x=1",
)


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("fields", [(), ("Accept-Encoding: gzip",), ("Accept-Encoding: deflate",), ("Sec-Fetch-Dest: document",)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_the_same(program: int, front: int, path: str, fields: tuple[str, ...], method: str) -> None:
    ours, theirs = (ask(port, f"{method} {path}", *fields) for port in (program, front))
    assert (ours.status, theirs.status) == (200, 200)
    assert {name: theirs.fields.get(name) for name in SAME} == {name: ours.fields.get(name) for name in SAME}
    assert theirs.fields.get("content-encoding") == ours.fields.get("content-encoding")
    # Caddy sends coded files in chunks.
    assert theirs.fields.get("content-length", ours.fields["content-length"]) == ours.fields["content-length"]
    assert theirs.text == ours.text if method == "GET" else theirs.body == b""
    if path.partition("?")[0].endswith((".atom", ".rss")):
        assert "Sec-Fetch-Dest" in theirs.fields["vary"]
    if fields == ("Accept-Encoding: gzip",):
        assert "Accept-Encoding" in theirs.fields["vary"]


@pytest.mark.parametrize("path", FILES)
def test_its_own_validators_are_answered_304(front: int, path: str) -> None:
    for fields in ((), ("Accept-Encoding: gzip",)):
        first = ask(front, f"GET {path}", *fields)
        for validator in (f"If-None-Match: {first.fields['etag']}", f"If-Modified-Since: {first.fields['last-modified']}"):
            again = ask(front, f"GET {path}", *fields, validator)
            assert (again.status, again.body) == (304, b"")
        assert ask(front, f"GET {path}", *fields, 'If-None-Match: "another"').status == 200
    assert ask(front, f"GET {path}", "Accept-Encoding: gzip").fields["etag"] != ask(front, f"GET {path}").fields["etag"]


PASSED_ON: dict[str, tuple[int, dict[str, str]]] = {
    "GET /-/health": (200, {"content-type": "application/json"}),
    "HEAD /-/health": (200, {}),
    "GET /old.atom": (301, {"location": "/feeds/all.atom"}),
    "GET /dead.atom": (410, {}),
    "GET /never.atom": (404, {}),
    "GET /never/": (404, {}),
    "OPTIONS /feeds/all.atom": (204, {"allow": "GET, HEAD, OPTIONS", "access-control-allow-origin": "*"}),
    "POST /feeds/all.atom": (405, {"allow": "GET, HEAD, OPTIONS"}),
    "DELETE /feeds/all.atom": (405, {"allow": "GET, HEAD, OPTIONS"}),
    "OPTIONS /feeds/all.json": (204, {"allow": "GET, HEAD, OPTIONS"}),
    "PUT /feeds/": (405, {"allow": "GET, HEAD, OPTIONS"}),
    "GET /": (200, {"content-type": "text/html; charset=utf-8"}),
}


@pytest.mark.parametrize("line", PASSED_ON)
def test_what_is_no_file_is_the_program_s(program: int, front: int, line: str) -> None:
    status, fields = PASSED_ON[line]
    ours, theirs = ask(program, line), ask(front, line)
    assert (ours.status, theirs.status) == (status, status)
    for name, value in fields.items():
        assert (ours.fields[name], theirs.fields[name]) == (value, value)
    assert theirs.fields.get("cache-control") == ours.fields.get("cache-control")
    assert theirs.fields.get("access-control-allow-origin") == ours.fields.get("access-control-allow-origin")


@pytest.mark.parametrize("path", ["/hub", "/rsscloud/pleaseNotify", "/RPC2", "/-/hooks/push", "/-/canary/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_hub_and_hooks_reach_the_program(program: int, front: int, path: str, method: str) -> None:
    ours, theirs = (ask(port, f"{method} {path}", "Content-Length: 0") for port in (program, front))
    assert (theirs.status, theirs.body) == (ours.status, ours.body)


@pytest.mark.parametrize("path", ["/-/status", "/-/metrics", "/-/rebuild"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_operations_do_not(front: int, path: str, method: str) -> None:
    assert ask(front, f"{method} {path}", "Content-Length: 0").status == 404


@pytest.mark.parametrize("path", ["/feeds", "/feeds/all"])
def test_a_directory_has_a_slash(program: int, front: int, path: str) -> None:
    for port in (program, front):
        got = ask(port, f"GET {path}")
        assert got.status in {301, 308}
        assert got.fields["location"] == path + "/"


OUTSIDE = (
    "/../secret.txt",
    "/feeds/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/feeds/%2e%2e/%2e%2e/secret.txt",
    "/feeds/..%5c..%5csecret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/secret.txt",
    "/config.yaml",
    "/feeds/.all.atom.staged",
    "/feeds/%2eall.atom.staged",
    "/.feedservice/ids.json",
    "/feeds/all.atom.gz",
    "/feeds/all.atom.br",
    "/feeds/all.atom.zst",
    "/feeds/all.atom%00",
    "/feeds/all/archive/",
    "//example.com/",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_else_is_served(program: int, front: int, path: str) -> None:
    for port in (program, front):
        got = ask(port, f"GET {path}")
        assert got.status in {400, 404}
        assert SECRET.encode() not in got.body


@pytest.mark.parametrize("name", list(SERVERS))
def test_without_the_program_the_files_are_served_all_the_same(name: str, site: Path, program: int, tmp_path: Path) -> None:
    del program
    port = free_port()
    with running(SERVERS[name](tmp_path, site / "public", port, free_port()), port, tmp_path):
        assert ask(port, "GET /feeds/all.atom").status == 200
        assert ask(port, "GET /feeds/all/").status == 200
        assert ask(port, "GET /never.atom").status == 404
