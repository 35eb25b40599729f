"""Compare `feedservice run` with nginx serving the same files, and print a table.

    python bench/serve.py --rounds 5 --seconds 5

Two questions are asked with wrk: a poll that is answered 304, and a feed of about 50 KB as it is when it is compressed. The
servers have core 0 to themselves, one process each, and wrk has core 1. They are asked in turn, so that whatever else the machine
does falls on both, and the median of the rounds is shown. nginx has one worker, `gzip_static`, no access log and `sendfile`.
Needs wrk, nginx and taskset (Debian: `apt-get install wrk nginx-light util-linux`).
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import http.client
import os
import random
import re
import shutil
import socket
import statistics
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

FEED = "/feeds/all.atom"
CONNECTIONS = 64
SERVER_CORE, CLIENT_CORE = "0", "1"
POSTS = 50
TARGETS = {"304": 0.6, "200, 50 KB": 0.85}
NEEDED = ("wrk", "nginx", "taskset")
HEADINGS = ("question", "server", "requests/s", "× nginx", "p99 (ms)", "memory (MB)", "target")
WIDTHS = (12, 30, 11, 8, 9, 12, 7)

NGINX = """\
daemon off;
master_process on;
worker_processes 1;
user root;
pid {root}/nginx.pid;
error_log {root}/nginx.err;
events {{ worker_connections 2048; }}
http {{
  types {{ application/atom+xml atom; }}
  charset utf-8;
  charset_types application/atom+xml;
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  open_file_cache max=1000 inactive=60s;
  gzip_static on;
  server {{
    listen 127.0.0.1:{port};
    root {public};
    add_header Cache-Control "public, max-age=1800";
    add_header Vary "Accept-Encoding, Sec-Fetch-Dest, A-IM";
    add_header Access-Control-Allow-Origin "*";
    add_header X-Content-Type-Options nosniff;
  }}
}}
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of wrk: answers per second, 99th percentile of the time to an answer in milliseconds."""

    rate: float
    p99: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]


def write_site(root: Path) -> None:
    """Write posts that make a feed of about 50 KB when it is compressed; the same bytes every time."""
    source = random.Random(3)
    alphabet = string.ascii_letters + string.digits + "+/"
    (root / "content").mkdir()
    for number in range(POSTS):
        words = " ".join("".join(source.choices(alphabet, k=9)) for _ in range(115))
        head = f"---\ntitle: Post {number}\ndate: 2025-01-{number % 28 + 1:02d} {number % 24:02d}:00\n---\n"
        (root / "content" / f"{number:02d}.md").write_text(f"{head}`{words}`\n", encoding="utf-8")
    (root / "config.yaml").write_text("site: {title: Measured, url: 'https://example.org'}\n", encoding="utf-8")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(name: str, command: Sequence[object], port: int, environ: Mapping[str, str] | None = None) -> Iterator[Contender]:
    """Run a server on its core for as long as the context lasts; ``environ`` is added to the environment."""
    pinned = ["taskset", "-c", SERVER_CORE, *map(str, command)]
    with subprocess.Popen(pinned, stdout=subprocess.DEVNULL, env={**os.environ, **(environ or {})}) as process:
        try:
            await_answer(port, process)
            yield Contender(name=name, port=port, process=process)
        finally:
            process.terminate()


def await_answer(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server has the feed; stop everything when it ends instead."""
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{FEED}", timeout=1):
            return
        time.sleep(0.05)
    sys.exit(f"{process.args!r} has no feed at port {port}")


def fields_of(port: int, **sent: str) -> tuple[int, dict[str, str], int]:
    """Ask once: (status, header fields, bytes of the body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", FEED, headers={name.replace("_", "-"): value for name, value in sent.items()})
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, len(body)


def ask(contender: Contender, fields: Sequence[str], seconds: int) -> Measured:
    """Run wrk on the other core."""
    given = [part for field in fields for part in ("-H", field)]
    url = f"http://127.0.0.1:{contender.port}{FEED}"
    command = ["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *given, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"{contender.name}: {text}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", text)
    p99 = re.search(r"99%\s+([0-9.]+)(us|ms|s)", text)
    if rate is None or p99 is None:
        sys.exit(f"wrk says something new: {text}")
    return Measured(rate=float(rate[1]), p99=float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]])


def memory(contender: Contender) -> float:
    """Return the resident memory of a server and its children in megabytes."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            parent = int(re.search(r"^PPid:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
            if contender.process.pid in {parent, int(status.parent.name)}:
                found = re.search(r"^VmRSS:\s+(\d+)", text, re.MULTILINE)
                total += int(found[1]) if found else 0
    return total / 1000


def questions(contender: Contender) -> dict[str, list[str]]:
    """Return name → header fields of each question, after looking that it is answered as meant."""
    status, fields, size = fields_of(contender.port, accept_encoding="gzip")
    coding = fields.get("content-encoding")
    if (status, coding) != (200, "gzip") or not 45_000 < size < 55_000:
        sys.exit(f"{contender.name} answers {status}, {coding}, {size} bytes")
    again, _, _ = fields_of(contender.port, accept_encoding="gzip", if_none_match=fields["etag"])
    if again != 304:
        sys.exit(f"{contender.name} answers its own tag with {again}")
    return {
        "304": ["Accept-Encoding: gzip", f"If-None-Match: {fields['etag']}"],
        "200, 50 KB": ["Accept-Encoding: gzip"],
    }


def measure(contenders: Sequence[Contender], *, rounds: int, seconds: int) -> None:
    """Ask everybody everything in turn, and print the table."""
    results: dict[tuple[str, str], list[Measured]] = {}
    asked = {contender.name: questions(contender) for contender in contenders}
    for _ in range(rounds):
        for question in TARGETS:
            for contender in contenders:
                measured = ask(contender, asked[contender.name][question], seconds)
                results.setdefault((question, contender.name), []).append(measured)
    row(HEADINGS)
    row(["-" * width for width in WIDTHS])
    reference = contenders[-1].name
    for (question, name), runs in results.items():
        pairs = zip(runs, results[question, reference], strict=True)
        ratio = statistics.median(own.rate / other.rate for own, other in pairs)
        contender = next(each for each in contenders if each.name == name)
        row(
            (
                question,
                name,
                f"{statistics.median(run.rate for run in runs):,.0f}",
                f"{ratio:.2f}",
                f"{statistics.median(run.p99 for run in runs):.2f}",
                f"{memory(contender):.0f}",
                f"{TARGETS[question]:.2f}" if name == contenders[0].name else "",
            )
        )


def row(cells: Sequence[str]) -> None:
    """Print one line of the table."""
    shown = [
        cell.ljust(width) if at < 2 else cell.rjust(width) for at, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    ]
    print("| " + " | ".join(shown) + " |", flush=True)


def main() -> None:
    """Build a site, start the servers, measure."""
    parser = argparse.ArgumentParser(description="Compare `feedservice run` with nginx serving the same files.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each run of wrk")
    options = parser.parse_args()
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        sys.exit(f"install {', '.join(missing)} first")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # nginx's worker may run as another user.
        root.chmod(0o755)
        write_site(root)
        own = [Path(sys.executable).with_name("feedservice"), "--config", root / "config.yaml", "run", "--port"]
        fast, slow, other = free_port(), free_port(), free_port()
        (root / "nginx.conf").write_text(NGINX.format(root=root, port=other, public=root / "public"), encoding="utf-8")
        with (
            serving("feedservice", [*own, fast], fast) as first,
            serving("feedservice, application only", [*own, slow, "--plain"], slow, {"FEEDSERVICE_STATE": ".other"}) as second,
            serving("nginx", ["nginx", "-c", root / "nginx.conf", "-p", root], other) as last,
        ):
            measure([first, second, last], rounds=options.rounds, seconds=options.seconds)


if __name__ == "__main__":
    main()
