"""From the saved post to the new bytes over HTTP: how long it takes, and what the waiting costs.

    python bench/latency.py 10000 --saves 200
    python bench/latency.py 10000 --saves 50 --subscribers 1000
    python bench/latency.py 2500 --shape news --saves 50

A site of so many posts (those of `make_corpus.py`, or with ``--shape news`` of `news.py`) is served by `feedservice run`. The
newest post is written again and again, as an editor does, and the feed of the site is asked for until its tag is another; in
a site of news, new posts are written too. Then it is asked steadily, with and without posts being saved, for what a pass
costs those who read, and last the service is left alone, for its idle cost. With ``--subscribers``, so many have subscribed
to the feed of the site by WebSub, and it is measured when the first and the last of them have the saved post. Everything runs
on one machine, and what asks takes its share of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import make_corpus
import news

from feedservice.deliveries import Subscription, SubscriptionKey
from feedservice.store.sql import open_store

TOLD = """
announce:
  environment: test
  verify: off   # https://example.org is not this machine
  websub: {hub: embedded}
  callbacks: {allow: [127.0.0.0/8]}
"""

FEEDS = {"blog": "/feeds/all.atom", "news": "/feed.xml"}
"""Shape of a site → the feed that is asked for."""
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 600.0


class Service:
    """A running service, and one connection to it."""

    def __init__(self, root: Path, feed: str) -> None:
        """Start it, and wait until it serves; ``feed`` is the path of the feed that is asked for."""
        self.root = root
        self.feed = feed
        self.log = root.with_name("log")
        program = Path(sys.executable).with_name("feedservice")
        self.began = time.perf_counter()
        with self.log.open("wb") as log:
            command = [program, "--config", root / "config.yaml", "run", "--port", "0"]
            self.process = subprocess.Popen(command, stderr=log)
        self.url = ""
        while not self.url:
            if self.process.poll() is not None or time.perf_counter() - self.began > PATIENCE:
                sys.exit(self.log.read_text("utf-8"))
            serving = [line for line in self.lines() if line["message"].startswith("Serving")]
            self.url = serving[0]["message"].rpartition(" at ")[2] if serving else ""
            time.sleep(0.002)
        self.ready = time.perf_counter() - self.began
        self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc)

    def lines(self) -> list[dict[str, Any]]:
        """Return its log."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines() if line.startswith("{")]

    def tag(self) -> str | None:
        """Return the tag of the feed as it is served now."""
        self.connection.request("HEAD", self.feed)
        answer = self.connection.getresponse()
        answer.read()
        return answer.getheader("etag")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)

    def processor(self) -> float:
        """Return the seconds of processor time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Return the resident memory in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024


@contextlib.contextmanager
def running(root: Path, feed: str) -> Iterator[Service]:
    """Run a service for as long as the context lasts."""
    service = Service(root, feed)
    try:
        yield service
    finally:
        service.stop()


def save(path: Path, number: int) -> float:
    """Write a post as an editor does, and return when it was closed."""
    head, _, body = path.read_text("utf-8").partition("\n\n")
    text = f"{head}\n\nSaved {number} {time.time_ns()}\n\n{body.partition(chr(10) * 2)[2]}"
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
    return time.perf_counter()


def latencies(service: Service, write: Callable[[int], float], count: int) -> list[float]:
    """Write a post again and again; return the seconds from each close, which ``write`` returns, to the other tag."""
    found = []
    for number in range(count):
        before = service.tag()
        closed = write(number)
        while service.tag() == before:
            if time.perf_counter() - closed > 60:
                sys.exit("the saved post was not published")
            time.sleep(0.004)
        found.append(time.perf_counter() - closed)
        time.sleep(0.1 + 0.037 * (number % 7))
    return found


class Callbacks(threading.Thread):
    """The subscribers: a server that says 204 and notes when it was asked."""

    def __init__(self) -> None:
        """Begin to listen."""
        super().__init__(daemon=True)
        self.arrived: list[float] = []
        self.port = 0
        self._listening = threading.Event()
        self.start()
        self._listening.wait()

    def run(self) -> None:
        """Answer until the program ends."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "0.0.0.0", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.arrived.append(time.perf_counter())
                await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    def subscribe(self, root: Path, feed: str, count: int) -> None:
        """Subscribe so many, on 200 hosts, to the feed of the site; no service is running."""
        now = datetime.now(UTC)
        hosts = [f"127.0.1.{1 + number % 200}:{self.port}" for number in range(count)]
        store = open_store(root / ".feedservice" / "store.sqlite")
        topic = next(each for each in store.topic_versions() if each.endswith(feed))
        version = store.topic_versions()[topic]
        store.import_subscriptions(
            Subscription(
                key=SubscriptionKey(protocol="websub", topic=topic, callback=f"http://{host}/{number}"),
                host=host,
                secret=b"a secret of 32 bytes, more or less",
                verified_at=now,
                lease_end=now + timedelta(days=10),
                delivered=version,
                due_at=now,
            )
            for number, host in enumerate(hosts)
        )
        store.close()


def notified(callbacks: Callbacks, post: Path, saves: int, count: int) -> tuple[list[float], list[float]]:
    """Save a post again and again; return the seconds until the first and until the last subscriber was notified."""
    first, last = [], []
    for number in range(saves):
        callbacks.arrived.clear()
        closed = save(post, number)
        while len(callbacks.arrived) < count:
            if time.perf_counter() - closed > 60:
                sys.exit(f"{len(callbacks.arrived)} of {count} subscribers were notified")
            time.sleep(0.002)
        first.append(callbacks.arrived[0] - closed)
        last.append(callbacks.arrived[count - 1] - closed)
        time.sleep(0.5 + 0.037 * (number % 7))
    return first, last


def measure_notified(root: Path, post: Path, options: argparse.Namespace) -> None:
    """Print when subscribers are notified of a saved post."""
    with (root / "config.yaml").open("a", encoding="utf-8") as file:
        file.write(TOLD)
    feed = FEEDS[options.shape]
    with running(root, feed):
        pass
    callbacks = Callbacks()
    callbacks.subscribe(root, feed, options.subscribers)
    print(f"{options.posts:,} posts, {options.subscribers:,} subscribers of the site's feed")
    print()
    print("| milliseconds                       |      p50 |      p99 |    worst |  times |")
    print("| ---------------------------------- | -------- | -------- | -------- | ------ |")
    with running(root, feed) as service:
        first, last = notified(callbacks, post, options.saves, options.subscribers)
        passes = made(service)
        took = [float(line["seconds"]) for line in passes]
        told("close() to the first notified", first)
        told("of it: the pass", took)
        rest = [found - seconds for found, seconds in zip(first, took, strict=False)]
        told("of it: noticing, claiming, sending", rest)
        told("close() to the last notified", last)
        tell_stages(passes)


def steady(service: Service, seconds: float) -> list[float]:
    """Ask for the feed 200 times a second; return how long each answer took."""
    found = []
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        service.tag()
        found.append(time.perf_counter() - begun)
        time.sleep(0.005)
    return found


def while_saving(post: Path, work: Callable[[], list[float]]) -> list[float]:
    """Do something while a post is saved three times a second."""
    done = threading.Event()

    def again() -> None:
        number = 0
        while not done.wait(0.3):
            save(post, number := number + 1)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        return work()
    finally:
        done.set()
        thread.join()


def told(name: str, values: Sequence[float]) -> None:
    """Print a row of the table."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    middle, worst = statistics.median(values), ordered[-1]
    print(f"| {name:<34} | {middle * 1000:>8.1f} | {p99 * 1000:>8.1f} | {worst * 1000:>8.1f} | {len(values):>6,} |")


def tell_stages(passes: Sequence[dict[str, Any]]) -> None:
    """Print what passes spent their time on."""
    stages = [line["stages"] for line in passes]
    means = {name: statistics.mean(stage[name] for stage in stages) * 1000 for name in stages[0]}
    print()
    print("Stages of such a pass, mean ms: " + ", ".join(f"{name} {mean:.1f}" for name, mean in means.items()))


def newest(root: Path) -> Path:
    """Return the post with the latest date: it is in the window of the feed of everything."""
    dated = {path: text for path in root.rglob("*.md") if (text := date_of(path))}
    return max(dated, key=lambda path: dated[path])


def date_of(path: Path) -> str:
    """Return the line with the date of a post."""
    with path.open(encoding="utf-8") as file:
        return next((line for line in file if line.startswith("date:")), "")


def measure_saved(root: Path, post: Path, options: argparse.Namespace) -> None:
    """Print how long saved posts take, and what the waiting costs."""
    feed, number = FEEDS[options.shape], options.posts

    def edited(number: int) -> float:
        return save(post, number)

    def added(number: int) -> float:
        news.add(root, options.posts + number, options.posts)
        return time.perf_counter()

    with running(root, feed) as service:
        print(f"{number:,} posts. First start: ready in {service.ready:.2f} s; {service.memory():.0f} MB resident")
    with running(root, feed) as service:
        print(f"Restart with nothing changed: ready in {service.ready:.2f} s; {service.memory():.0f} MB resident")
        # It may be ready before its first pass, which has the posts in memory at its end: what is saved now waits for that.
        (at_once,) = latencies(service, edited, 1)
        print(f"A post that is saved at that moment: new bytes over HTTP after {at_once:.2f} s")
        earlier = len(made(service))
        print()
        print("| milliseconds                       |      p50 |      p99 |    worst |  times |")
        print("| ---------------------------------- | -------- | -------- | -------- | ------ |")
        found = latencies(service, edited, options.saves)
        passes = made(service)[earlier:]
        told("close() to new bytes over HTTP", found)
        took = [float(line["seconds"]) for line in passes]
        told("of it: the pass", took)
        told("of it: noticing, holding, asking", [found[number] - took[number] for number in range(min(len(found), len(took)))])
        if options.shape == "news":
            told("the same with a new post", latencies(service, added, options.saves))
            told("of it: the pass", [float(line["seconds"]) for line in made(service)[earlier + len(passes) :]])
        told("an answer, nothing else going on", steady(service, 10))
        told("an answer, a post saved 3 × a second", while_saving(post, lambda: steady(service, 10)))
        tell_stages(passes)
        time.sleep(2)
        before = service.processor()
        time.sleep(options.idle)
        used = (service.processor() - before) / options.idle
        print(f"Idle: {used:.2%} of a core over {options.idle:g} s; {service.memory():.0f} MB resident")


def made(service: Service) -> list[dict[str, Any]]:
    """Return what the log says of passes after something was saved."""
    return [line for line in service.lines() if "stages" in line and "content" in line["reasons"]]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Measure from a saved post to the new bytes over HTTP.")
    parser.add_argument("posts", type=int, nargs="?", default=10_000)
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--shape", choices=tuple(FEEDS), default="blog")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds; a minute has one look at every file")
    parser.add_argument("--subscribers", type=int, default=0, help="measure when so many are notified, and nothing else")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "site"
        (news if options.shape == "news" else make_corpus).make(root, options.posts)
        shutil.rmtree(root / "layouts", ignore_errors=True)
        measure = measure_notified if options.subscribers else measure_saved
        measure(root, newest(root), options)


if __name__ == "__main__":
    main()
