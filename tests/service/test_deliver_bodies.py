"""What subscribers are sent is kept up to a number of bytes, whole and cut."""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime
from pathlib import Path

from feedservice.deliveries import Announcement, Subscription
from feedservice.service.bodies import Bodies
from feedservice.store.sql import SqlStore, open_store
from tests.service.test_deliver import subscriber
from tests.store.outbox_contract import TOPIC, subscription, version

BODY = b"<feed>" + b"x" * 1000 + b"</feed>"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def publish(store: SqlStore, topic: str, number: int) -> None:
    # Each version has the entry of the one before, and one of its own at the beginning.
    digests = (f"d{number}", f"d{number - 1}")
    store.announce(Announcement(topics=(version(number, topic=topic, body=BODY, digests=digests),)))


def at(topic: str, delivered: int, tried: int) -> Subscription:
    return subscription(topic=topic, delivered=delivered, tried=tried)


def held(bodies: Bodies) -> int:
    """Count the bytes that are kept: a cut version that is the whole one takes no room of its own."""
    whole = {id(each) for each in bodies._whole.values()}
    cut = sum(len(each.body) for each in bodies._cut.values() if id(each) not in whole)
    return cut + sum(len(each.body) for each in bodies._whole.values())


def test_what_is_kept_is_bounded_and_never_another_version(tmp_path: Path) -> None:
    chance = random.Random(7)
    topics = [f"{TOPIC}?{number}" for number in range(12)]
    newest = dict.fromkeys(topics, 0)
    with contextlib.closing(open_store(tmp_path / "store.sqlite")) as store:
        bodies = Bodies(store, most=8 * len(BODY))
        for _ in range(150):
            topic = chance.choice(topics)
            newest[topic] += 1
            publish(store, topic, newest[topic])
            wanted = [at(each, chance.randrange(newest[each]), newest[each]) for each in chance.sample(topics, 4) if newest[each]]
            found = bodies.of(wanted)
            for each in wanted:
                got = found[each.key.topic, each.delivered]
                assert got.version == newest[each.key.topic]
                # Who has the one before is sent the new entry alone.
                assert (len(got.body) < len(BODY)) == (each.delivered == got.version - 1 and each.delivered > 0)
            assert bodies._size == held(bodies) <= 8 * len(BODY)


def test_one_body_that_is_larger_than_what_is_kept_is_sent_all_the_same(tmp_path: Path) -> None:
    with contextlib.closing(open_store(tmp_path / "store.sqlite")) as store:
        for number in (1, 2):
            publish(store, TOPIC, number)
        bodies = Bodies(store, most=10)
        for _ in range(2):
            assert bodies.of([subscriber("https://r.example/", NOW, tried=2, delivered=0)])[TOPIC, 0].body == BODY
        assert bodies._size == held(bodies)
