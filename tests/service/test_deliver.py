"""The delivery loop with a store on disk and servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedservice.deliveries import Announcement, Delivery, Failure, Lane, State, Subscription, SubscriptionKey
from feedservice.push import hub, hubs, kinds, signing, urls
from feedservice.push.hosts import Rules
from feedservice.push.kinds import Terms
from feedservice.service.deliver import LEASE, Deliverer, Tools
from feedservice.service.lanes import Pace
from feedservice.service.sender import Sender
from feedservice.service.transport import Limits, Transport
from feedservice.store.sql import SqlStore, open_store
from tests.service.loopback import Script, Server, Visit, always, hang, once, serving, transport, until
from tests.store.outbox_contract import TOPIC, version

FINE = b"HTTP/1.1 204 No Content\r\n\r\n"
FAST = Rules(rate=100_000, burst=100_000)


@dataclasses.dataclass(slots=True)
class Clock:
    """The time of day, moved by a test."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclasses.dataclass(slots=True)
class Stand:
    """A store and a loop that can be started."""

    store: SqlStore
    clock: Clock
    through: Transport

    def deliverer(self, pace: Pace | None = None, **changes: Any) -> Deliverer:
        tools = Tools(
            outbox=self.store,
            send=Sender(transport=self.through, now=self.clock).send,
            terms=lambda: Terms(now=self.clock()),
            now=self.clock,
            jitter=lambda: 0.0,
        )
        return Deliverer(dataclasses.replace(tools, **changes), pace or Pace(rules=FAST))

    def subscribe(self, url: str, count: int = 1, **changes: Any) -> list[Subscription]:
        made = [subscriber(f"{url}{number}", self.clock(), **changes) for number in range(count)]
        self.store.import_subscriptions(made)
        return made

    def publish(self, *numbers: int, digests: Sequence[str] = ("d1",), body: bytes = b"<feed/>") -> None:
        for number in numbers:
            made = dataclasses.replace(version(number, body=body, digests=tuple(digests)), published_at=self.clock())
            self.store.announce(Announcement(topics=(made,)))

    def behind(self) -> list[Subscription]:
        newest = self.store.topic_versions()[TOPIC]
        return [each for each in self.store.subscriptions() if each.delivered < newest]


def subscriber(callback: str, now: datetime, **changes: Any) -> Subscription:
    made = Subscription(
        key=SubscriptionKey(protocol="websub", topic=TOPIC, callback=callback),
        host=urls.host_of(callback),
        secret=b"key",
        verified_at=now,
        lease_end=now + timedelta(days=10),
        delivered=1,
        due_at=now,
    )
    return dataclasses.replace(made, **changes)


def ping(url: str, now: datetime, name: str = "", **changes: Any) -> Delivery:
    made = Delivery(
        id=kinds.delivery_id("websub", url, name),
        kind=hubs.WEBSUB,
        target=url,
        host=urls.host_of(url),
        payload=TOPIC.encode(),
        lane=Lane.FIRST,
        created_at=now,
        due_at=now,
    )
    return dataclasses.replace(made, **changes)


@contextlib.asynccontextmanager
async def stand(folder: Path, *, limits: Limits | None = None, **options: Any) -> AsyncIterator[Stand]:
    async with transport(limits=limits, **options) as through:
        with contextlib.closing(open_store(folder / "store.sqlite")) as store:
            yield Stand(store, Clock(), through)


@contextlib.asynccontextmanager
async def running(deliverer: Deliverer) -> AsyncIterator[Deliverer]:
    await deliverer.start()
    try:
        yield deliverer
    finally:
        await deliverer.stop(grace=0.1)


async def an_hour_later(at: Stand, deliverer: Deliverer) -> None:
    """Let the loop look after its store once more: what has ended is forgotten an hour after it began, not at once."""
    before = deliverer._tidier._last
    if before is None:
        await until(lambda: deliverer._tidier._last is not None)
        before = deliverer._tidier._last
    at.clock.ahead += timedelta(hours=1)
    deliverer.wake()
    await until(lambda: deliverer._tidier._last != before)


def run(main: Callable[[], Any]) -> Any:
    return asyncio.run(main())


def paths(server: Server) -> Counter[bytes]:
    return Counter(head.split(b" ")[1] for head, _ in server.requests)


def test_every_subscriber_gets_a_new_version_once_and_signed(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, 2, body=b"<feed>2</feed>")
            at.subscribe(f"{server.url}cb?n=", 300)
            async with running(at.deliverer()) as deliverer:
                await until(lambda: not at.behind())
                assert deliverer.figures.confirmed == 300
            assert set(paths(server).values()) == {1}
            assert len(paths(server)) == 300
            head, body = server.requests[0]
            signature = signing.hub_signature("sha256", b"key", body)
            assert body == b"<feed>2</feed>"
            assert f"X-Hub-Signature: {signature}".encode() in head.split(b"\r\n")
            assert head.count(b"\r\nLink: ") == 1
            assert all(
                each.attempts == 0 and each.last is not None and each.last.status == 204 for each in at.store.subscriptions()
            )

    run(main)


def test_a_version_that_appears_while_it_runs_is_sent_when_it_is_woken_from_another_thread(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1)
            at.subscribe(server.url)
            async with running(at.deliverer()) as deliverer:
                for number in (2, 3):
                    await asyncio.to_thread(at.publish, number)
                    await asyncio.to_thread(deliverer.wake)
                    await until(lambda: not at.behind())
            assert len(server.requests) == 2

    run(main)


def test_only_what_is_new_to_a_subscriber_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, digests=["d1"])
            at.publish(2, digests=["d2", "d1"], body=b"<e2 /> <e1 /> </feed>")
            at.subscribe(f"{server.url}a")
            at.subscribe(f"{server.url}b", delivered=0)
            async with running(at.deliverer()):
                await until(lambda: not at.behind())
            bodies = {head.split(b" ")[1]: body for head, body in server.requests}
            assert bodies == {b"/a0": b"<e2 />  </feed>", b"/b0": b"<e2 /> <e1 /> </feed>"} or (
                b"e1" not in bodies[b"/a0"] and b"e2" in bodies[b"/a0"] and bodies[b"/b0"] == b"<e2 /> <e1 /> </feed>"
            )

    run(main)


def test_a_subscription_is_verified_and_then_served(tmp_path: Path) -> None:
    async def echo(visit: Visit) -> None:
        while True:
            head, _ = await visit.request()
            query = head.split(b" ")[1].partition(b"?")[2].decode()
            challenge = dict(part.split("=", 1) for part in query.split("&")).get("hub.challenge", "")
            await visit.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(challenge)}\r\n\r\n{challenge}".encode())

    async def main() -> None:
        async with stand(tmp_path) as at, serving(echo) as server:
            at.publish(1)
            asked = hub.Asked(
                mode="subscribe", callback=f"{server.url}cb?id=7", topic=TOPIC, secret=b"s", lease=None, verify_token=None
            )
            async with running(at.deliverer()) as deliverer:
                at.store.enqueue([hub.verification(asked, version=1, challenge="abc", default_lease=864000, now=at.clock())])
                deliverer.wake()
                await until(lambda: at.store.count_subscriptions() == 1)
                at.publish(2)
                deliverer.wake()
                await until(lambda: not at.behind())
            methods = [head.split(b" ")[0] for head, _ in server.requests]
            assert methods == [b"GET", b"POST"]

    run(main)


@pytest.mark.parametrize(
    ("answer", "gone"), [(b"410 Gone", True), (b"404 Not Found", False), (b"500 No", False), (b"301 Moved", False)]
)
def test_gone_ends_a_subscription_and_nothing_else_does(tmp_path: Path, answer: bytes, gone: bool) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % answer)) as server:
            at.publish(1, 2)
            at.subscribe(server.url)
            async with running(at.deliverer()) as deliverer:
                await until(lambda: deliverer.figures.failed == 1)
            found = list(at.store.subscriptions())
            assert bool(found) is not gone
            assert [(each.delivered, each.attempts) for each in found] == ([] if gone else [(1, 1)])

    run(main)


def test_what_failed_is_tried_again_when_its_time_has_come(tmp_path: Path) -> None:
    async def second(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(FINE if len(visit.server.requests) > 2 else b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    async def main() -> None:
        async with stand(tmp_path) as at, serving(second) as server:
            at.publish(1, 2)
            at.subscribe(server.url)
            at.store.enqueue([ping(f"{server.url}hub", at.clock())])
            async with running(at.deliverer()) as deliverer:
                await until(lambda: deliverer.figures.failed == 2)
                at.clock.ahead += timedelta(seconds=11)
                deliverer.wake()
                await until(lambda: deliverer.figures.confirmed == 2)
                await until(lambda: not at.behind())
            assert at.store.counts() == {("websub", State.DELIVERED): 1}
            assert set(paths(server).values()) == {2}

    run(main)


def test_ten_hosts_that_hang_cost_nobody_else_anything(tmp_path: Path) -> None:
    """There are fewer places than hosts that hang: they give them up after a moment."""

    async def main() -> None:
        async with stand(tmp_path) as at, contextlib.AsyncExitStack() as stack:
            at.publish(1, 2)
            for _ in range(10):
                at.subscribe((await stack.enter_async_context(serving(hang))).url, 3, due_at=at.clock() - timedelta(days=1))
            fine = await stack.enter_async_context(serving(always(FINE)))
            at.subscribe(fine.url, 100)
            pace = Pace(places={Lane.VERIFICATION: 1, Lane.FIRST: 4, Lane.RETRY: 1}, patience=0.05, rules=FAST)
            async with running(at.deliverer(pace)) as deliverer:
                await until(lambda: len(at.behind()) == 30)
                assert deliverer.figures.under_way == 10
                assert deliverer.figures.failed == 0
                assert len(fine.requests) == 100

    run(main)


def test_a_host_that_is_down_is_left_in_peace_and_nothing_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at:
            async with serving(once(FINE)) as server:
                down = server.url
            at.publish(1, 2)
            at.subscribe(down, 60)
            async with running(at.deliverer()) as deliverer:
                await until(
                    lambda: sum(each.attempts for each in at.store.subscriptions()) == 5 and not deliverer.figures.waiting
                )
                assert deliverer.figures.failed == 5
            assert Counter(each.attempts for each in at.store.subscriptions()) == {1: 5, 0: 55}

    run(main)


def test_stopping_gives_back_what_was_not_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(hang) as server:
            at.publish(1, 2)
            at.subscribe(server.url, 20)
            at.store.enqueue([ping(f"{server.url}hub", at.clock())])
            async with running(at.deliverer()) as deliverer:
                await until(lambda: len(server.requests) == 1)
            assert deliverer.figures.waiting == deliverer.figures.under_way == 0
            attempts = [each.attempts for each in at.store.subscriptions()] + [each.attempts for each in at.store.deliveries()]
            assert Counter(attempts) == {1: 1, 0: 20}
            # Free at once, without waiting for the lease.
            claim = at.store.claim(at.clock() + timedelta(seconds=1), lanes=dict.fromkeys(Lane, 100), lease=LEASE)
            assert len(claim.subscriptions) + len(claim.deliveries) == 20

    run(main)


def test_a_store_that_is_busy_for_a_while_delays_and_loses_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, 2)
            at.subscribe(server.url, 20)
            at.store._writer.run(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 1").close())
            with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                async with running(at.deliverer()) as deliverer:
                    await until(lambda: deliverer._failures >= 2)
                    assert server.requests == []
                    other.execute("ROLLBACK")
                    await until(lambda: not at.behind())
            assert set(paths(server).values()) == {1}

    run(main)


def test_a_settlement_that_fails_is_made_again_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at:
            with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:

                async def script(visit: Visit) -> None:
                    while True:
                        await visit.request()
                        if not other.in_transaction and len(visit.server.requests) == 1:
                            other.execute("BEGIN IMMEDIATE")
                        await visit.send(FINE)

                async with serving(script) as server:
                    at.publish(1, 2)
                    at.subscribe(server.url, 10)
                    at.store._writer.run(lambda connection: connection.exec_driver_sql("PRAGMA busy_timeout = 1").close())
                    async with running(at.deliverer()) as deliverer:
                        await until(lambda: deliverer._failures >= 2)
                        other.execute("ROLLBACK")
                        await until(lambda: not at.behind())
                    assert set(paths(server).values()) == {1}

    run(main)


@pytest.mark.parametrize("broken", [{"kind": "from a newer version"}, {"payload": b"\xff no UTF-8"}])
def test_a_delivery_that_cannot_be_made_holds_up_nobody_and_ends(tmp_path: Path, broken: dict[str, Any]) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.store.enqueue([ping(f"{server.url}a", at.clock(), **broken), ping(f"{server.url}b", at.clock())])
            async with running(at.deliverer()) as deliverer:
                await until(lambda: deliverer.figures.confirmed == 1 and deliverer.figures.failed == 1)
                await until(lambda: at.store.counts().get(("websub", State.DELIVERED), 0) == 1)
            bad = at.store.delivery(ping(f"{server.url}a", at.clock()).id)
            assert bad is not None
            assert bad.last is not None
            assert (bad.attempts, bad.last.failure, bad.state) == (1, Failure.PROTOCOL, State.QUEUED)
            assert "internal error" in bad.last.detail

    run(main)


def test_an_address_inside_is_never_called_for_a_subscriber(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path, allowed=()) as at, serving(always(FINE)) as server:
            at.publish(1, 2)
            at.subscribe(server.url)
            async with running(at.deliverer()) as deliverer:
                await until(lambda: deliverer.figures.failed == 1)
            (found,) = at.store.subscriptions()
            assert found.last is not None
            assert found.last.failure is Failure.ADDRESS
            assert server.visits == 0

    run(main)


def test_what_ended_long_ago_is_forgotten_and_so_are_leases(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at:
            at.store.enqueue([ping("http://127.0.0.1/", at.clock())])
            at.store.drop([each.id for each in at.store.deliveries()], at.clock())
            at.subscribe("http://127.0.0.1/", lease_end=at.clock())
            at.publish(1)
            keep = [3 * 3600.0]
            async with running(at.deliverer(keep=lambda: keep[0])) as deliverer:
                await an_hour_later(at, deliverer)
                await until(lambda: not at.store.count_subscriptions())
                await an_hour_later(at, deliverer)
                assert at.store.counts()
                # Another configuration.
                keep[0] = 3600.0
                await an_hour_later(at, deliverer)
                await until(lambda: not at.store.counts())

    run(main)


def test_one_host_with_many_subscribers_does_not_fill_the_backlog(tmp_path: Path) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(hang) as slow, serving(always(FINE), "127.0.0.2") as fine:
            at.publish(1, 2)
            at.subscribe(slow.url, 300, due_at=at.clock() - timedelta(days=1))
            at.subscribe(f"http://127.0.0.2:{fine.port}/", 20)
            pace = Pace(backlog=dict.fromkeys(Lane, 100), line=10)
            async with running(at.deliverer(pace)):
                await until(lambda: len(at.behind()) == 300)
            assert len(fine.requests) == 20
            assert {each.delivered for each in at.store.subscriptions() if each.host.startswith("127.0.0.1")} == {1}

    run(main)


def test_many_kinds_of_trouble_at_once_lose_nothing(tmp_path: Path) -> None:
    """A fifth of the callbacks misbehaves, each in its way; in the end all have the newest version, and the good ones had it once."""

    def failing_once(how: Script) -> Script:
        async def script(visit: Visit) -> None:
            if visit.number == 1:
                await how(visit)
            else:
                await always(FINE)(visit)

        return script

    async def cut(visit: Visit) -> None:
        await visit.request()
        await visit.send(b"HTTP/1.1 2")

    async def reset(visit: Visit) -> None:
        await visit.request()
        visit.reset()

    async def main() -> None:
        limits = Limits(connect=5, total=1.0)
        bad = [hang, cut, reset, once(b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"), once(b"220 SMTP\r\n")]
        async with stand(tmp_path, limits=limits) as at, contextlib.AsyncExitStack() as stack:
            at.publish(1, 2)
            fine = await stack.enter_async_context(serving(always(FINE)))
            at.subscribe(fine.url, 40)
            for how in bad:
                at.subscribe((await stack.enter_async_context(serving(failing_once(how)))).url, 2)
            async with running(at.deliverer()) as deliverer:
                while at.behind():
                    at.clock.ahead += timedelta(seconds=5)
                    deliverer.wake()
                    await asyncio.sleep(0.05)
                    assert at.clock.ahead < timedelta(days=5)
            assert set(paths(fine).values()) == {1}

    run(main)
