"""What a store does wrong for a moment, or what stands in it and cannot be read, holds up nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from feedservice.cli.present import present
from feedservice.deliveries import Announcement, State, Subscription
from feedservice.service.deliver import LEASE, MARGIN
from feedservice.store import StoreError
from feedservice.store.sql import SqlStore, open_store
from tests.service.loopback import Visit, always, serving, until
from tests.service.test_deliver import FINE, Stand, paths, ping, run, running, stand, subscriber
from tests.store.outbox_contract import TOPIC, version


@dataclasses.dataclass(slots=True)
class Fickle:
    """A store whose calls fail as a test says, and do not reach it then."""

    store: SqlStore
    fails: Callable[[str, tuple[Any, ...]], Exception | None]
    calls: Counter[str] = dataclasses.field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls[name] += 1
            error = self.fails(name, arguments)
            if error is not None:
                raise error
            return getattr(self.store, name)(*arguments, **named)

        return call


def away() -> StoreError:
    return StoreError("nobody is there", "wait", path="somewhere")


@pytest.mark.parametrize("lost", ["topic", "sent", "next_due"])
def test_what_was_claimed_is_sent_at_once_when_the_store_fails_after_the_claim(tmp_path: Path, lost: str) -> None:
    """And not when the lease has ended, five minutes later."""

    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, 2)
            at.subscribe(server.url, 20)
            at.store.enqueue([ping(f"{server.url}hub", at.clock())])
            fickle = Fickle(at.store, lambda name, _: away() if name == lost and fickle.calls[name] == 1 else None)
            async with running(at.deliverer(outbox=fickle)) as deliverer:
                await until(lambda: not at.behind() and not list(at.store.deliveries(state=State.QUEUED)))
                assert fickle.calls[lost] >= 1
                assert deliverer.figures.confirmed == 21
            assert set(paths(server).values()) == {1}

    run(main)


def test_a_bug_in_a_claim_is_said_and_ends_no_loop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, 2)
            at.subscribe(server.url, 5)
            bug = TypeError("no such thing")
            fickle = Fickle(at.store, lambda name, _: bug if name == "claim" and fickle.calls[name] <= 2 else None)
            async with running(at.deliverer(outbox=fickle)):
                await until(lambda: not at.behind())

    run(main)
    # Once, however often it happens.
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == ["the outbox could not be used"]


def test_one_result_that_cannot_be_written_takes_no_other_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, 2)
            made = at.subscribe(server.url, 10)
            poison = made[3].key

            def fails(name: str, arguments: tuple[Any, ...]) -> Exception | None:
                here = name == "settle" and any(each.subscription.key == poison for each in arguments[1])
                return ValueError("such a value cannot be written") if here else None

            async with running(at.deliverer(outbox=Fickle(at.store, fails))):
                await until(lambda: [each.key for each in at.behind()] == [poison])

    run(main)
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert said[0] == "what came of deliveries could not be written together"
    assert said[1].startswith("what came of one delivery could not be written: ValueError")


def damage(folder: Path, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(folder / "store.sqlite", isolation_level=None, timeout=30)) as file:
        file.execute(statement, values)


def test_a_lost_key_keeps_those_waiting_who_have_a_secret_and_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, 2)
            at.subscribe(server.url, 5)
            open_ones = at.subscribe(f"{server.url}open", 5, secret=None)
            damage(tmp_path, "UPDATE subscriptions SET secret = zeroblob(40) WHERE secret IS NOT NULL")

            def got(each: Subscription) -> bool:
                now = at.store.subscription(each.key)
                return now is not None and now.delivered == 2

            fickle = Fickle(at.store, lambda _name, _arguments: None)
            async with running(at.deliverer(outbox=fickle)) as deliverer:
                await until(lambda: all(map(got, open_ones)))
                for _ in range(3):
                    at.clock.ahead += timedelta(hours=1, seconds=1)
                    before = fickle.calls["claim"]
                    for more in (0, 1):
                        deliverer.wake()
                        await until(lambda most=before + more: fickle.calls["claim"] > most)  # type: ignore[misc]
                assert deliverer.figures.given_back == 0

    run(main)
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    # Not at every look, which there is one of each hour.
    assert len(said) == 1
    assert "cannot be opened with the key in" in said[0]
    assert "restore the key file" in said[0]


def test_a_topic_whose_body_cannot_be_read_holds_up_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other = TOPIC + "2"

    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(1, 2)
            for number in (1, 2):
                at.store.announce(Announcement(topics=(version(number, topic=other),)))
            at.subscribe(server.url, 3)
            made = subscriber(f"{server.url}other", at.clock())
            key = dataclasses.replace(made.key, topic=other)
            at.store.import_subscriptions([dataclasses.replace(made, key=key)])
            damage(tmp_path, "UPDATE topic_bodies SET entries = '[[' WHERE topic = ?", TOPIC.encode())
            async with running(at.deliverer()):
                await until(lambda: [each.delivered for each in at.store.subscriptions(topic=other)] == [2])
                # Those that must wait are due again, in a minute, and are not held until a lease ends.
                await until(lambda: all(each.attempts == 0 for each in at.store.subscriptions(topic=TOPIC)))
                due = {each.due_at for each in at.store.subscriptions(topic=TOPIC)}
                assert min(due) > at.clock() + timedelta(seconds=30)

    run(main)
    said = {each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR}
    assert said == {f"what is stored of {TOPIC} cannot be read: nobody is sent it"}


def test_what_is_given_back_at_the_end_is_there_at_the_beginning(tmp_path: Path) -> None:
    """A store that is away when the loop stops, and comes back a moment later, has everything."""

    async def main(at: Stand) -> None:
        async with serving(always(FINE)) as server:
            at.publish(1, 2)
            at.subscribe(server.url, 30)
            fickle = Fickle(at.store, lambda name, _: away() if name == "settle" and fickle.calls[name] <= 3 else None)
            deliverer = at.deliverer(outbox=fickle)
            await deliverer.start()
            await until(lambda: bool(server.requests))
            await deliverer.stop()
            assert deliverer.figures.under_way == deliverer.figures.waiting == 0
            assert fickle.calls["settle"] > 3
            async with running(at.deliverer()):
                await until(lambda: not at.behind())
            assert set(paths(server).values()) == {1}

    async def around() -> None:
        async with stand(tmp_path) as at:
            await main(at)

    run(around)


def test_a_store_that_was_begun_anew_is_not_sent_the_bodies_of_the_one_before(tmp_path: Path) -> None:
    """Its versions begin at 1: sent as the fiftieth, the second would be the last that anybody gets for a long time."""
    stores: list[SqlStore] = []

    async def main() -> None:
        async with stand(tmp_path) as at, serving(always(FINE)) as server:
            at.publish(*range(1, 51), body=b"<feed>old</feed>")
            at.subscribe(f"{server.url}old", delivered=49)
            with contextlib.closing(open_store(tmp_path / "another.sqlite")) as anew:
                stores.append(at.store)
                async with running(at.deliverer(outbox=present(lambda: stores[-1]))) as deliverer:
                    await until(lambda: not at.behind())
                    stores.append(anew)
                    at.store.close()
                    at.store = anew
                    at.publish(1, 2, body=b"<feed>new</feed>")
                    at.subscribe(f"{server.url}new", delivered=1)
                    deliverer.wake()
                    await until(lambda: [each.delivered for each in anew.subscriptions()] == [2])
                    assert server.requests[-1][1] == b"<feed>new</feed>"

    run(main)


def test_what_waited_until_its_lease_is_nearly_over_is_not_sent_under_it(tmp_path: Path) -> None:
    """Whoever claims it next could be sending it already when the answer comes."""
    release = asyncio.Event()

    async def callback(visit: Visit) -> None:
        while True:
            await visit.request()
            await release.wait()
            await visit.send(FINE)

    async def main() -> None:
        async with stand(tmp_path) as at, serving(callback) as server:
            at.publish(1, 2)
            at.subscribe(server.url, 2)
            async with running(at.deliverer()) as deliverer:
                # One host: the second waits for the first.
                await until(lambda: bool(server.requests) and deliverer.figures.waiting == 1)
                at.clock.ahead += timedelta(seconds=LEASE - MARGIN + 1)
                release.set()
                await until(lambda: not at.behind())
                assert deliverer.figures.given_back == 1
                assert deliverer.figures.ignored == 0
            assert set(paths(server).values()) == {1}

    run(main)
