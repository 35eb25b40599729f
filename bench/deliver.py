"""Signed deliveries a second, with the store on disk, beside aiohttp that posts the same bytes and remembers nothing.

    python bench/deliver.py [--subscriptions 10000] [--hosts 200] [--runs 3]
    python bench/deliver.py --simulate 1000000

The sender runs on one core, what it sends to on another. The simulation answers in memory: it shows what a fan-out costs in time
and memory when the network costs nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import uvloop

from feedservice.deliveries import (
    Announcement,
    Outcome,
    Request,
    Subscription,
    SubscriptionKey,
    TopicVersion,
    Trust,
)
from feedservice.model import EntrySpan
from feedservice.push import hub
from feedservice.push.addresses import networks
from feedservice.push.hosts import Rules
from feedservice.push.kinds import Terms
from feedservice.service.deliver import Deliverer, Tools
from feedservice.service.lanes import Pace
from feedservice.service.resolve import SystemResolver
from feedservice.service.sender import Sender
from feedservice.service.transport import Transport
from feedservice.store.sql import SqlStore, open_store

TOPIC = "https://example.org/feeds/all.atom"
DELTA = 3000
KEPT = b"HTTP/1.1 204 No Content\r\n\r\n"
CLOSED = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
# Politeness is not what is measured.
PACE = Pace(rules=Rules(rate=1e6, burst=1e6))


Times = tuple[float, float]
"""Seconds of the clock, and seconds that this process had a processor: the second is the same on a busy machine."""


class Watch:
    """Takes the time."""

    def __init__(self) -> None:
        """Begin."""
        self._began = time.perf_counter(), time.process_time()

    def stop(self) -> Times:
        """Return the time since the beginning."""
        return time.perf_counter() - self._began[0], time.process_time() - self._began[1]


def rates(count: int, times: Times) -> str:
    """Return what was done in a second, and in a second of a processor."""
    return f"{count / times[0]:7,.0f}/s ({count / times[1]:7,.0f} in a second of its core)"


class Sink(asyncio.Protocol):
    """Reads requests by their length and says 204."""

    def __init__(self, answer: bytes) -> None:
        """``answer`` to every request."""
        self._answer = answer
        self._data = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # Those of uvloop are no asyncio.Transport, and do what one does.
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answer each request that has come whole."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._data[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            del self._data[: end + 4 + length]
            self._transport.write(self._answer)
            if self._answer is CLOSED:
                self._transport.close()


def sink(pipe: Connection, answer: bytes, core: int) -> None:
    """Run the other side, on every address of loopback."""
    _pin(core)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        kind = CLOSED if answer == CLOSED else answer
        server = await loop.create_server(lambda: Sink(kind), "0.0.0.0", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        await loop.run_in_executor(None, pipe.recv)

    uvloop.run(main())


def _pin(core: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


@asynccontextmanager
async def sinking(answer: bytes) -> AsyncIterator[int]:
    """Run a sink in a process of its own; yield its port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=sink, args=(theirs, answer, 1))
    process.start()
    try:
        yield await asyncio.to_thread(ours.recv)
    finally:
        ours.send(None)
        process.join()


def version(number: int) -> TopicVersion:
    """Return a feed of fifty entries of 3 KB, the first of them new."""
    spans, body = [], bytearray(b"<feed>")
    for each in range(number + 50, number, -1):
        start = len(body)
        body += f"<entry>{each}".encode().ljust(DELTA - 40, b"x") + b"</entry>"
        spans.append(EntrySpan(id=str(each), digest=f"{each:016x}", start=start, end=len(body)))
    body += b"</feed>"
    return TopicVersion(
        topic=TOPIC,
        version=number,
        feed="all",
        etag=str(number),
        media_type="application/atom+xml",
        link=f'<https://example.org/hub>; rel="hub", <{TOPIC}>; rel="self"',
        body=bytes(body),
        entries=tuple(spans),
        published_at=datetime.now(UTC),
    )


def subscriptions(count: int, hosts: int, port: int) -> Iterator[Subscription]:
    """Yield subscribers on so many addresses of loopback."""
    now = datetime.now(UTC)
    for number in range(count):
        place = number % hosts
        host = f"127.{1 + place // 40_000}.{place // 200 % 200}.{1 + place % 200}:{port}"
        yield Subscription(
            key=SubscriptionKey(protocol="websub", topic=TOPIC, callback=f"http://{host}/callback/{number}"),
            host=host,
            secret=b"a secret of 32 bytes, more or less",
            verified_at=now,
            lease_end=now + timedelta(days=10),
            delivered=1,
            due_at=now,
        )


def _now() -> datetime:
    return datetime.now(UTC)


async def deliver(store: SqlStore, send: object, count: int) -> Times:
    """Publish a version and return how long it takes until all have confirmed it."""
    newest = store.topic_versions()[TOPIC]
    tools = Tools(
        outbox=store,
        send=send,  # type: ignore[arg-type]
        terms=lambda: Terms(now=_now()),
        now=_now,
        jitter=lambda: random.uniform(-1, 1),
    )
    deliverer = Deliverer(tools, PACE)
    await deliverer.start()
    began = Watch()
    store.announce(Announcement(topics=(version(newest + 1),)))
    deliverer.wake()
    while deliverer.figures.confirmed < count:
        await asyncio.sleep(0.005)
        if deliverer.figures.failed:
            last = next(each.last for each in store.subscriptions() if each.last is not None and not each.last.confirmed)
            raise RuntimeError(f"deliveries fail: {deliverer.figures}, {last}")
    await deliverer.stop()
    taken = began.stop()
    standing = store.topic_standing(TOPIC, _now())
    assert standing is not None
    assert (standing.confirmed, standing.live) == (count, newest + 1)
    return taken


async def measure(count: int, hosts: int, runs: int, answer: bytes, folder: Path) -> None:
    """Compare this program with aiohttp."""
    name = "kept alive" if answer is KEPT else "a new connection each"
    async with sinking(answer) as port:
        store = open_store(folder / f"{port}.sqlite")
        store.announce(Announcement(topics=(version(1),)))
        everybody = list(subscriptions(count, hosts, port))
        store.import_subscriptions(everybody)
        resolver = SystemResolver()
        transport = Transport(allowed={Trust.CALLBACK: networks(["127.0.0.0/8"])}, resolve=resolver)
        sender = Sender(transport=transport, now=_now)
        for _ in range(runs):
            taken = await deliver(store, sender.send, count)
            other = await with_aiohttp(everybody)
            print(f"{name}, {hosts} hosts:  {rates(count, taken)}   aiohttp {rates(count, other)}", flush=True)
        await transport.aclose()
        resolver.close()
        store.close()


async def with_aiohttp(everybody: list[Subscription]) -> Times:
    """Post the same bytes, signed, two hundred at a time; return how long it takes."""
    delta = hub.abridged(version(2), frozenset(span.digest for span in version(1).entries))
    left = iter(everybody)
    began = Watch()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            for each in left:
                request = hub.distribution(each, delta, None)
                async with session.post(request.url, data=request.body, headers=dict(request.headers)) as answer:
                    assert answer.status == 204

        await asyncio.gather(*(work() for _ in range(200)))
    return began.stop()


async def simulate(count: int, folder: Path) -> None:
    """Load, fan out and finish with a network that costs nothing."""
    store = open_store(folder / "simulation.sqlite")
    store.announce(Announcement(topics=(version(1),)))
    began = time.perf_counter()
    store.import_subscriptions(subscriptions(count, min(count, 200_000), 80))
    print(f"{count:,} subscriptions loaded in {time.perf_counter() - began:.1f} s", flush=True)

    async def send(request: Request) -> Outcome:
        await asyncio.sleep(0)
        return Outcome(started=_now(), duration=0.0, status=204 if request.body else 500)

    taken = await deliver(store, send, count)
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"fan-out finished in {taken[0]:.1f} s: {rates(count, taken)}; peak memory {peak:.0f} MB")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--simulate", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the store lies: on a disk")
    given = parser.parse_args()
    _pin(0)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        if given.simulate:
            uvloop.run(simulate(given.simulate, Path(name)))
            return
        uvloop.run(measure(given.subscriptions, given.hosts, given.runs, KEPT, Path(name)))
        uvloop.run(measure(given.subscriptions, given.hosts, given.runs, CLOSED, Path(name)))


if __name__ == "__main__":
    main()
