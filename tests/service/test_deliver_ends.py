"""What can never arrive ends, with a reason, and what else goes to the same place lives on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from feedservice.deliveries import Announcement, Failure, Outcome, State
from feedservice.push import outbox
from tests.service.loopback import PATIENCE, Visit, serving, until
from tests.service.test_deliver import FAST, FINE, Stand, an_hour_later, paths, ping, run, running, stand
from tests.store.outbox_contract import TOPIC


def waiting(at: Stand) -> list[object]:
    """Return what will be tried again."""
    return [*at.store.deliveries(state=State.QUEUED), *(each for each in at.behind() if each.due_at < each.lease_end)]


def test_behind_a_host_that_stays_down_messages_fail_and_subscriptions_wait_for_the_next_version(tmp_path: Path) -> None:
    well = False

    async def callback(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(FINE if well else b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    async def main() -> None:
        nonlocal well
        async with stand(tmp_path) as at, serving(callback) as server:
            at.publish(1, 2)
            at.store.enqueue([ping(f"{server.url}hub", at.clock(), str(number)) for number in range(30)])
            at.subscribe(f"{server.url}cb", 30, lease_end=at.clock() + timedelta(days=300))
            async with running(at.deliverer()) as deliverer:
                await until(lambda: deliverer.figures.failed >= FAST.troubles)
                at.clock.ahead += timedelta(seconds=outbox.SPAN)
                async with asyncio.timeout(PATIENCE):
                    while waiting(at):
                        at.clock.ahead += timedelta(hours=1)
                        deliverer.wake()
                        await asyncio.sleep(0.05)
                ended = list(at.store.deliveries())
                assert [each.state for each in ended] == [State.FAILED] * 30
                given_up = [each for each in ended if each.last is not None and each.last.failure is Failure.BREAKER]
                assert given_up
                assert all(each.attempts < outbox.ATTEMPTS and not each.payload for each in given_up)
                kept = list(at.store.subscriptions())
                assert (len(kept), {each.delivered for each in kept}) == (30, {1})

                # The host is well again: what is new gets there.
                well = True
                at.clock.ahead += timedelta(hours=1)
                at.publish(3)
                at.store.enqueue([ping(f"{server.url}hub", at.clock(), "new")])
                deliverer.wake()
                await until(lambda: all(each.delivered == 3 for each in at.store.subscriptions()))
                await until(lambda: len(list(at.store.deliveries(state=State.DELIVERED))) == 1)
            assert len([path for path in paths(server) if path.startswith(b"/cb")]) == 30

    run(main)


def test_messages_about_a_feed_that_is_no_more_are_dropped(tmp_path: Path) -> None:
    async def main() -> None:
        async def callback(visit: Visit) -> None:
            await visit.request()
            await visit.send(FINE)

        async with stand(tmp_path) as at, serving(callback) as server:
            at.publish(1)
            at.store.enqueue(
                [
                    ping(f"{server.url}a", at.clock(), topic=TOPIC, version=2),
                    ping(f"{server.url}b", at.clock(), topic="https://example.org/feeds/never.atom", version=1),
                    ping(f"{server.url}c", at.clock()),
                ]
            )
            at.store.announce(Announcement(retired=(TOPIC,)))
            async with running(at.deliverer()) as deliverer:
                await an_hour_later(at, deliverer)
                await until(lambda: not list(at.store.deliveries(state=State.QUEUED)))
            dropped = list(at.store.deliveries(state=State.DROPPED))
            assert sorted(each.target[-1] for each in dropped) == ["a", "b"]
            reasons: set[object] = set()
            for each in dropped:
                assert isinstance(each.last, Outcome)
                reasons.add((each.last.failure, each.last.detail))
            assert reasons == {(Failure.WITHDRAWN, "the feed is published no more")}
            assert set(paths(server)) == {b"/c"}

    run(main)
