"""nginx and Caddy with the files of ``deploy/``: what they serve from disk is what the program serves, and the rest is passed on."""

from __future__ import annotations

import contextlib
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
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.judge

ROOT = Path(__file__).parents[2]
SECRET = "not for anybody"
MORE = """\
feeds:
  archives: true
  moved: {/old.atom: /feeds/all.atom}
  gone: [/dead.atom]
  aliases:
    /feed.xml: all.atom
    /rss.xml: all.rss
    /index.php: all.rss
    /subscribe/feed.json: all.json
    "/category/{slug}/feed/": category.rss
    "/category/{slug}/": category.atom
"""
SAME = ("content-type", "content-encoding", "cache-control", "x-content-type-options", "access-control-allow-origin")
"""Fields that must be the same. Validators are the server's own, dates and the order of fields too."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    status: int
    fields: dict[str, str]
    body: bytes


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
    """The sample site, with archives and old addresses, and one category more."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "content", folder / "content")
    for number in range(1, 7):
        (folder / "content" / f"{number}.md").write_text(post(number, "組版"), encoding="utf-8")
    config = (ROOT / "config.yaml").read_text(encoding="utf-8")
    for old, new in (("feeds:\n", MORE), ("  window: 50 ", "  window: 2 ")):
        assert config.count(f"\n{old}") == 1, old
        config = config.replace(f"\n{old}", f"\n{new}")
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "secret.txt").write_text(SECRET, encoding="utf-8")
    return folder


def post(number: int, category: str) -> str:
    head = f"---\ntitle: 記事 {number}\ndate: 2025-11-0{number} 09:00\ncategories: [{category}]\n---\n"
    return head + "活字を拾う。" * 200


@contextlib.contextmanager
def served(site: Path) -> Iterator[int]:
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
        try:
            yield int(found[1])
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
        assert code == 0


@pytest.fixture(scope="module")
def program(site: Path) -> Iterator[int]:
    """The program on the site; gives its port."""
    with served(site) as port:
        (site / "public" / "feeds" / ".all.atom.staged").write_text(SECRET, encoding="utf-8")
        yield port


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


@contextlib.contextmanager
def fronted(name: str, site: Path, program: int, folder: Path) -> Iterator[int]:
    """A server in front of the program; gives its port."""
    port = free_port()
    with running(SERVERS[name](folder, site / "public", port, program), port, folder):
        yield port


@pytest.fixture(scope="module", params=list(SERVERS))
def front(request: pytest.FixtureRequest, site: Path, program: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with fronted(request.param, site, program, tmp_path_factory.mktemp("front")) as port:
        yield port


ALIASES = (
    "/feed.xml",
    "/rss.xml",
    "/index.php",
    "/subscribe/feed.json",
    "/category/letterpress/feed/",
    "/category/%E7%B5%84%E7%89%88/",
)
FILES = (
    "/feeds/all.atom",
    "/feeds/all.rss",
    "/feeds/all.json",
    "/feeds/letterpress.atom",
    "/feeds/syndication.rss",
    "/feeds/time.json",
    "/feeds/notices.atom",
    "/feeds/english.rss",
    "/feeds/%E7%B5%84%E7%89%88.atom",
    "/feeds/all/archive/1.atom",
    "/feeds/all/archive/1.json",
    "/feeds/all/archive/2.rss",
    "/feeds/",
    "/feeds/index.html",
    "/feeds/all/",
    "/feeds/letterpress/",
    "/feeds/%E7%B5%84%E7%89%88/",
    "/feeds/links.html",
    "/feeds/feed.css",
    "/feeds.opml",
    "/feeds/all.atom?x=1",
    *ALIASES,
)
CODINGS = ("Accept-Encoding: gzip", "Accept-Encoding: deflate", "Accept-Encoding: identity")


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("fields", [(), *((coding,) for coding in CODINGS), ("Sec-Fetch-Dest: document",)])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_the_same(program: int, front: int, path: str, fields: tuple[str, ...], method: str) -> None:
    ours, theirs = (ask(port, f"{method} {path}", *fields) for port in (program, front))
    assert (ours.status, theirs.status) == (200, 200)
    assert {name: theirs.fields.get(name) for name in SAME} == {name: ours.fields.get(name) for name in SAME}
    # Caddy sends coded files in chunks.
    assert theirs.fields.get("content-length", ours.fields["content-length"]) == ours.fields["content-length"]
    assert theirs.body == ours.body
    assert (method == "HEAD") == (theirs.body == b"")
    assert "accept-encoding" in theirs.fields.get("vary", "").lower()
    if path.partition("?")[0].endswith((".atom", ".rss")):
        assert "Sec-Fetch-Dest" in theirs.fields["vary"]


@pytest.mark.parametrize("path", FILES)
def test_a_second_poll_is_answered_304(program: int, front: int, path: str) -> None:
    for port in (program, front):
        for fields in ((), ("Accept-Encoding: gzip",)):
            first = ask(port, f"GET {path}", *fields)
            tag, date = first.fields["etag"], first.fields["last-modified"]
            for validator in (f"If-None-Match: {tag}", f"If-Modified-Since: {date}"):
                again = ask(port, f"GET {path}", *fields, validator)
                assert (again.status, again.body) == (304, b"")
            other = ask(port, f"GET {path}", *fields, 'If-None-Match: "another"')
            assert (other.status, other.body) == (200, first.body)
            # The tag goes first.
            both = ask(port, f"GET {path}", *fields, 'If-None-Match: "another"', f"If-Modified-Since: {date}")
            assert (both.status, both.body) == (200, first.body)
        assert ask(port, f"GET {path}", "Accept-Encoding: gzip").fields["etag"] != ask(port, f"GET {path}").fields["etag"]


PASSED_ON: dict[str, tuple[int, dict[str, str]]] = {
    "GET /-/health": (200, {"content-type": "application/json"}),
    "HEAD /-/health": (200, {}),
    "GET /old.atom": (301, {"location": "/feeds/all.atom"}),
    "GET /dead.atom": (410, {}),
    "GET /never.atom": (404, {}),
    "GET /never/": (404, {}),
    "OPTIONS /feeds/all.atom": (204, {"allow": "GET, HEAD, OPTIONS", "access-control-allow-origin": "*"}),
    "OPTIONS /feeds/all.json": (204, {"allow": "GET, HEAD, OPTIONS"}),
    **{
        f"{method} {path}": (405, {"allow": "GET, HEAD, OPTIONS"})
        for method in ("POST", "PUT", "DELETE", "PATCH")
        for path in ("/feeds/all.atom", "/feeds/all.json", "/feeds/", "/feed.xml")
    },
    "GET /": (200, {"content-type": "text/html; charset=utf-8"}),
}


@pytest.mark.parametrize("line", PASSED_ON)
def test_what_is_no_file_is_the_program_s(program: int, front: int, line: str) -> None:
    status, fields = PASSED_ON[line]
    ours, theirs = (ask(port, line, *(["Content-Length: 0"] if line[0] in "PD" else [])) for port in (program, front))
    assert (ours.status, theirs.status) == (status, status)
    assert theirs.body == ours.body
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
    "/../config.yaml",
    "/feeds/../../config.yaml",
    "/%2e%2e/config.yaml",
    "/feeds/%2e%2e/%2e%2e/config.yaml",
    "/..%2fconfig.yaml",
    "/feeds/.all.atom.staged",
    "/feeds/.all.atom.feedservice-new",
    "/feeds/%2eall.atom.staged",
    "/.feedservice/ids.json",
    "/.feedservice/store.sqlite",
    "/feeds/all.atom.gz",
    "/feeds/all.atom.br",
    "/feeds/all.atom.zst",
    "/feeds/all.atom%00",
    "/feeds/all/archive/",
    "/feeds/all.atom/",
    "/feeds/never.atom",
    "/feeds/ALL.atom",
    "/feeds/all.atom.html",
    "/feed.xml.gz",
    "/feed.xml/",
    "/category/letterpress/feed/index.xml.br",
    "//example.com/",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_else_is_served(program: int, front: int, path: str) -> None:
    for port in (program, front):
        got = ask(port, f"GET {path}")
        # What no path can mean is 400 for one of them and 404 for the other; neither gives a file.
        assert got.status in {400, 404}
        assert SECRET.encode() not in got.body
        assert b"title: " not in got.body


@pytest.mark.parametrize("name", list(SERVERS))
def test_without_the_program_the_files_are_served_all_the_same(name: str, site: Path, program: int, tmp_path: Path) -> None:
    with fronted(name, site, free_port(), tmp_path) as port:
        for path in FILES:
            got = ask(port, f"GET {path}")
            assert (got.status, got.body) == (200, ask(program, f"GET {path}").body)
            again = ask(port, f"GET {path}", f"If-None-Match: {got.fields['etag']}")
            assert again.status == 304 or path in ALIASES
        assert ask(port, "GET /feed.xml").fields["content-type"] == "application/xml; charset=utf-8"
        assert ask(port, "HEAD /category/letterpress/feed/").fields["content-type"] == "application/xml; charset=utf-8"
        assert ask(port, "GET /feed.xml", "Sec-Fetch-Dest: document").body == ask(port, "GET /feed.xml").body
        for path in ("/never.atom", "/never.xml", "/never/", "/feed.xml.gz", "/feeds/.all.atom.staged"):
            assert ask(port, f"GET {path}").status == 404
        # Whoever calls the hub may come again.
        assert ask(port, "POST /hub", "Content-Length: 0").status == 502
        assert ask(port, "POST /feed.xml", "Content-Length: 0").status in {404, 502}


CONFIG = """\
site: {title: 組版室, url: 'https://example.org', language: ja, timezone: Asia/Tokyo}
feeds:
  aliases: {'/{slug}.xml': category.rss}
"""
FORMER = """\
  gone: [/feeds/gone.atom, /feeds/gone.rss, /feeds/gone.json]
  categories:
    New: {aka: [Old]}
"""


def test_what_moved_or_ended_is_answered_by_no_file(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "content").mkdir(parents=True)
    for number, category in enumerate(("Old", "Gone"), 1):
        (site / "content" / f"{number}.md").write_text(post(number, category), encoding="utf-8")
    (site / "config.yaml").write_text(CONFIG, encoding="utf-8")
    former = {
        "/feeds/old.atom": (301, "https://example.org/feeds/new.atom"),
        "/feeds/old.json": (301, "https://example.org/feeds/new.json"),
        "/feeds/old/": (301, "https://example.org/feeds/new/"),
        "/old.xml": (301, "https://example.org/feeds/new.rss"),
        "/feeds/gone.rss": (410, None),
        "/feeds/gone/": (410, None),
        "/gone.xml": (410, None),
    }
    with served(site) as program, contextlib.ExitStack() as stack:
        names = [name for name in SERVERS if shutil.which(name) is not None]
        assert names or pytest.skip("neither nginx nor caddy is installed")
        ports = [program]
        for name in names:
            folder = tmp_path / name
            folder.mkdir()
            ports.append(stack.enter_context(fronted(name, site, program, folder)))
        for port in ports:
            assert [ask(port, f"GET {path}", "Accept-Encoding: gzip").status for path in former] == [200] * len(former)
        (site / "config.yaml").write_text(CONFIG + FORMER, encoding="utf-8")
        until = time.monotonic() + 60
        while (site / "public" / "feeds" / "old.atom").exists():
            assert time.monotonic() < until, "the file stays"
            time.sleep(0.05)
        for port in ports:
            for path, (status, location) in former.items():
                for fields in ((), ("Accept-Encoding: gzip, br, zstd",), ("Sec-Fetch-Dest: document",)):
                    got = ask(port, f"GET {path}", *fields)
                    assert (path, got.status, got.fields.get("location")) == (path, status, location)
            assert ask(port, "GET /feeds/new.atom").status == 200
