"""What an outbox promises, as tests that any outbox can be put through: a subclass of ``OutboxContract`` says where it is."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import os
import stat
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from feedservice.deliveries import (
    Advanced,
    Announcement,
    Delivery,
    EntryFacts,
    Failure,
    Lane,
    Outcome,
    Settled,
    State,
    Subscription,
    SubscriptionKey,
    TopicVersion,
)
from feedservice.model import EntrySpan
from feedservice.store import Changes, StoreError, migrations
from feedservice.store.history import Event, What
from feedservice.store.sql import SqlStore, open_store
from tests.store.contract import connected
from tests.store.samples import NOW, Place, document

TOPIC = "https://example.org/feeds/all.atom"
SECOND = timedelta(seconds=1)
ALL = dict.fromkeys(Lane, 1000)
LEASE = 60.0
AFTER = NOW + timedelta(seconds=61)
FINE = Outcome(started=NOW, duration=0.25, status=204)
BAD = Outcome(started=NOW, duration=0.5, failure=Failure.TIMEOUT, detail="遅い\ud83d", retry_after=3.5, answer=b"\x00\xff")


def version(
    number: int, *, topic: str = TOPIC, body: bytes = b"<feed/>", digests: tuple[str, ...] = ("d1", "d2")
) -> TopicVersion:
    spans = tuple(EntrySpan(id=f"id {each}", digest=each, start=9 * n, end=9 * n + 8) for n, each in enumerate(digests))
    return TopicVersion(
        topic=topic,
        version=number,
        feed="all",
        etag=f"e{number}",
        media_type="application/atom+xml",
        link=f'<https://example.org/hub>; rel="hub", <{topic}>; rel="self"',
        body=body,
        entries=spans,
        published_at=NOW,
    )


def delivery(name: str = "msg_1", **changes: object) -> Delivery:
    made = Delivery(
        id=name,
        kind="webhook",
        target="https://hook.example/",
        host="hook.example:443",
        payload=b"payload",
        secret=b"secret",
        lane=Lane.FIRST,
        created_at=NOW,
        due_at=NOW,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def subscription(number: int = 1, *, topic: str = TOPIC, **changes: object) -> Subscription:
    made = Subscription(
        key=SubscriptionKey(protocol="websub", topic=topic, callback=f"https://reader.example/{number:05}?a=b&c=%2F"),
        host="reader.example:443",
        secret=b"\x00secret" + bytes([number % 256]),
        verified_at=NOW,
        lease_end=NOW + timedelta(days=10),
        delivered=1,
        tried=1,
        due_at=NOW,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def facts(name: str, **changes: object) -> EntryFacts:
    made = EntryFacts(id=name, digest="d", url="https://example.org/a", title="題 & title", published=NOW, updated=NOW)
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def ended(given: Delivery, state: State = State.DELIVERED, outcome: Outcome = FINE) -> Settled:
    return Settled(delivery=dataclasses.replace(given, state=state, last=outcome, ended_at=NOW, payload=b"", secret=None))


def later(given: Delivery, seconds: float) -> Settled:
    due_at = NOW + timedelta(seconds=seconds)
    return Settled(delivery=dataclasses.replace(given, lane=Lane.RETRY, last=BAD, due_at=due_at))


def got(given: Subscription, number: int) -> Advanced:
    return Advanced(
        subscription=dataclasses.replace(given, delivered=number, delivered_at=NOW, attempts=0, due_at=NOW, last=FINE)
    )


def missed(given: Subscription, seconds: float) -> Advanced:
    return Advanced(subscription=dataclasses.replace(given, due_at=NOW + timedelta(seconds=seconds), last=BAD))


def publish(store: SqlStore, *numbers: int, live: bool = True, topic: str = TOPIC) -> None:
    for number in numbers:
        store.announce(Announcement(topics=(version(number, topic=topic),), live=live))


def queued(store: SqlStore) -> list[str]:
    return sorted(each.id for each in store.deliveries(state=State.QUEUED))


class OutboxContract:
    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        return tmp_path / "secrets.key"

    @pytest.fixture
    def store(self, place: Place, keys: Path) -> Iterator[SqlStore]:
        with contextlib.closing(open_store(place, key_file=keys)) as store:
            yield store

    # What is remembered of it.

    def test_the_end_of_a_message_is_an_event(self, store: SqlStore) -> None:
        publish(store, 1)
        made = [
            delivery("msg_1", topic=TOPIC, version=1, post="tag:a"),
            delivery("msg_2", host="other.example:443"),
            delivery("msg_3"),
            delivery("msg_4"),
        ]
        store.enqueue(made)
        told, refused, silent, waits = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
        store.settle([
            dataclasses.replace(ended(told), told=True),
            dataclasses.replace(ended(refused, State.FAILED, BAD), told=True),
            ended(silent),
            dataclasses.replace(later(waits, 30), told=True),
        ])  # fmt: skip
        first = Event(
            at=NOW, what=What.ANNOUNCED, feed="all", id="tag:a", note="204", kind="webhook", host="hook.example:443", of=NOW
        )
        other = dataclasses.replace(
            first, what=What.UNANNOUNCED, feed="", id="", note="timeout: 遅い\ud83d", host="other.example:443"
        )
        assert sorted(store.events(), key=lambda each: each.host) == [first, other]
        # Who settles with an old fence tells nothing.
        store.settle(
            [dataclasses.replace(ended(waits), told=True, delivery=dataclasses.replace(waits, fence=0, state=State.FAILED))]
        )
        assert len(list(store.events())) == 2

    def test_confirmations_of_a_version_are_one_event(self, store: SqlStore) -> None:
        publish(store, 1)
        store.import_subscriptions([subscription(number, delivered=0, tried=0) for number in range(3)])
        first, second, third = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        store.settle(subscriptions=[got(first, 1), missed(second, 30)])
        (event,) = store.events()
        assert event == Event(at=NOW, what=What.ANNOUNCED, feed="all", kind="websub", count=1, of=NOW)
        after = dataclasses.replace(got(third, 1).subscription, delivered_at=AFTER)
        stale = dataclasses.replace(got(first, 1).subscription, fence=0)
        assert store.settle(subscriptions=[Advanced(subscription=after), Advanced(subscription=stale)]) == 1
        assert list(store.events()) == [dataclasses.replace(event, at=AFTER, count=2)]
        publish(store, 2)
        again = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        # Who has the version before and misses this one has not confirmed that one once more.
        store.settle(subscriptions=[got(again[0], 2), missed(again[1], 30)])
        assert [each.count for each in store.events()] == [2, 1]

    def test_what_is_settled_twice_is_an_event_once(self, store: SqlStore) -> None:
        """Who does not hear that it was written (the server went in the middle of it) writes it again."""
        publish(store, 1)
        store.enqueue([delivery("msg_1"), delivery("msg_2", subject="a")])
        store.import_subscriptions([subscription(number, delivered=0, tried=0) for number in range(3)])
        claim = store.claim(NOW, lanes=ALL, lease=LEASE)
        told, waits = claim.deliveries
        messages = [dataclasses.replace(ended(told), told=True), later(waits, 30)]
        readers = [got(claim.subscriptions[0], 1), missed(claim.subscriptions[1], 30), got(claim.subscriptions[2], 1)]
        assert store.settle(messages, readers) == 0
        before = (list(store.events()), list(store.deliveries()), list(store.subscriptions()))
        assert sorted(each.count for each in before[0]) == [0, 2]
        assert store.settle(messages, readers) == 5
        assert (list(store.events()), list(store.deliveries()), list(store.subscriptions())) == before

    # What is announced.

    def test_a_new_outbox_is_empty(self, store: SqlStore) -> None:
        assert store.topic_versions() == {}
        assert store.topic(TOPIC) is None
        assert store.sent(TOPIC, 1) is None
        assert store.announced() == {}
        assert list(store.deliveries()) == []
        assert list(store.subscriptions()) == []
        assert store.next_due(NOW) is None
        assert store.topic_standing(TOPIC, NOW) is None
        assert store.counts() == {}
        claim = store.claim(NOW, lanes=ALL, lease=LEASE)
        assert (claim.until, claim.deliveries, claim.subscriptions) == (NOW + timedelta(seconds=LEASE), (), ())

    def test_what_is_read_is_what_was_written(self, store: SqlStore) -> None:
        full = delivery(
            target="名前\ud83d",
            topic=TOPIC,
            version=3,
            subject="s",
            post="\udcffid",
            spacing=300.5,
            lane=Lane.RETRY,
            attempts=2,
            due_at=NOW + SECOND,
            last=BAD,
        )
        subscribed = subscription(delivered_at=NOW, method="sha512", procedure="xml-rpc:ping", attempts=3, last=BAD, tried=2)
        announced = facts("tag:\ud83d", categories=("投資", "b"), summary="s", announce=False)
        store.announce(Announcement(topics=(version(1, body=b"\x00\xff"),), deliveries=(full,), remembered=(announced,)))
        store.import_subscriptions([subscribed])
        assert store.delivery(full.id) == full
        assert list(store.deliveries()) == [full]
        assert list(store.subscriptions()) == [subscribed]
        assert store.subscription(subscribed.key) == subscribed
        assert store.subscription(dataclasses.replace(subscribed.key, callback="https://nobody.example/")) is None
        assert store.announced() == {announced.id: announced}
        assert store.topic(TOPIC) == version(1, body=b"\x00\xff")
        assert store.sent(TOPIC, 1) == {"d1", "d2"}

    def test_a_body_is_kept_in_gzip_where_it_comes_so_and_is_always_what_it_was(self, store: SqlStore, place: Place) -> None:
        body = b"<feed>" + b"x" * 100_000 + b"</feed>"
        packed = dataclasses.replace(version(1, body=body), packed=gzip.compress(body))
        alike = version(2, body=gzip.compress(b"no feed, but so it begins"))
        size = sa.text("SELECT length(body) FROM topic_bodies")
        store.announce(Announcement(topics=(packed,)))
        with connected(place) as connection:
            assert connection.execute(size).scalar_one() == len(packed.packed)
        assert store.topic(TOPIC) == version(1, body=body)
        store.announce(Announcement(topics=(alike,)))
        assert store.topic(TOPIC) == alike
        with connected(place) as connection:
            connection.execute(sa.text("UPDATE topic_bodies SET body = :body"), {"body": gzip.compress(body)[:50]})
        with pytest.raises(ValueError, match="cannot be unpacked"):
            store.topic(TOPIC)

    def test_an_announcement_is_in_the_transaction_of_the_documents(self, store: SqlStore) -> None:
        announcement = Announcement(topics=(version(1),), deliveries=(delivery(),), remembered=(facts("a"),))
        store.publish(at=NOW, documents=Changes(changed=[document()]), announcement=announcement)
        assert [each.etag for each in store.documents()] == ["e1"]
        assert queued(store) == ["msg_1"]
        refused = dataclasses.replace(announcement, deliveries=(delivery("msg_2"),))
        with pytest.raises(ValueError, match=r"version 1 of .* is not higher than 1"):
            store.publish(at=NOW, documents=Changes(changed=[document(etag="e2")]), announcement=refused)
        assert [each.etag for each in store.documents()] == ["e1"]
        assert queued(store) == ["msg_1"]

    def test_facts_are_replaced_and_forgotten(self, store: SqlStore) -> None:
        store.announce(Announcement(remembered=(facts("a"), facts("b"))))
        store.announce(Announcement(remembered=(facts("a", title="new"),), forgotten=("b", "c")))
        assert store.announced() == {"a": facts("a", title="new")}
        assert store.announced(["a", "b"]) == {"a": facts("a", title="new")}
        assert store.announced([]) == {}

    def test_the_live_version_is_shown_until_a_newer_one_is_seen(self, store: SqlStore) -> None:
        publish(store, 1)
        publish(store, 2, 3, live=False)
        assert store.topic_versions() == {TOPIC: 3}
        assert store.topic(TOPIC) == version(1)
        store.enqueue([delivery(kind="live")])
        for seen, shown in ((2, 2), (1, 2), (9, 2), (3, 3)):
            (held,) = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
            store.settle([dataclasses.replace(later(held, 0), live=(TOPIC, seen))])
            found = store.topic(TOPIC)
            assert found is not None
            assert found.version == shown
        assert store.sent(TOPIC, 1) == store.sent(TOPIC, 3) == {"d1", "d2"}

    def test_a_topic_that_was_never_live_has_no_version_to_show(self, store: SqlStore) -> None:
        publish(store, 1, live=False)
        store.import_subscriptions([subscription(delivered=0, tried=0)])
        assert store.topic(TOPIC) is None
        assert store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions == ()
        assert store.next_due(NOW) is None

    def test_versions_that_are_never_live_take_no_room_for_ever(self, store: SqlStore, place: Place) -> None:
        """A site whose public URL shows nothing new (a dead server in front, a wrong name) is published all the same."""
        publish(store, 1)
        publish(store, *range(2, 40), live=False)
        store.import_subscriptions([subscription(1, delivered=3, tried=3)])
        store.forget_ended(NOW)
        with connected(place) as connection:
            bodies = connection.execute(sa.text("SELECT version FROM topic_bodies ORDER BY version")).scalars().all()
            digests = connection.execute(sa.text("SELECT version FROM sent ORDER BY version")).scalars().all()
        # What is live, and the newest, one of which may be seen at any time.
        assert bodies == [1, *range(32, 40)]
        assert digests == [1, 3, *range(32, 40)]
        # One that was looked for all the time and is forgotten does not become live, which would leave nothing to be sent.
        (looks,) = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries or [None]
        assert looks is None
        store.enqueue([delivery("msg_1"), delivery("msg_2")])
        one, two = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
        store.settle([dataclasses.replace(ended(one), live=(TOPIC, 31))])
        shown = store.topic(TOPIC)
        assert shown is not None
        assert shown.version == 1
        store.settle([dataclasses.replace(ended(two), live=(TOPIC, 32))])
        shown = store.topic(TOPIC)
        assert shown is not None
        assert shown.version == 32

    def test_a_retired_topic_keeps_its_number_and_its_subscribers_and_is_sent_to_nobody(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription()])
        store.announce(Announcement(retired=(TOPIC,)))
        assert store.topic_versions() == {TOPIC: 2}
        assert store.topic(TOPIC) is None
        assert store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions == ()
        assert store.next_due(NOW) is None
        publish(store, 3)
        assert [each.tried for each in store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions] == [3]

    def test_what_can_never_be_due_is_dropped_and_says_why(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        publish(store, 3, live=False)
        publish(store, 1, topic="https://example.org/ended")
        then = NOW + timedelta(days=3)
        store.enqueue(
            [
                delivery("free"),
                delivery("live", topic=TOPIC, version=2),
                delivery("waits", topic=TOPIC, version=3),
                delivery("waited", topic=TOPIC, version=3, created_at=NOW - SECOND),
                delivery("unknown", topic="https://example.org/never", version=1),
                delivery("retired", topic="https://example.org/ended", version=1),
                delivery("held", topic="https://example.org/ended", version=1, target="sent", due_at=NOW - SECOND),
            ]
        )
        (held,) = store.claim(NOW, lanes={Lane.FIRST: 1}, lease=4 * 86400.0).deliveries
        store.announce(Announcement(retired=("https://example.org/ended",)))
        assert store.withdraw(then, NOW) == 3
        assert queued(store) == ["free", "held", "live", "waits"]
        for name, why in (
            ("unknown", "the feed is published no more"),
            ("retired", "the feed is published no more"),
            ("waited", "the new version was never seen at its public URL"),
        ):
            found = store.delivery(name)
            assert found is not None
            assert found.last == Outcome(started=then, duration=0, failure=Failure.WITHDRAWN, detail=why)
            assert (found.state, found.ended_at, found.payload, found.secret) == (State.DROPPED, then, b"", None)
        # What is being sent is left to its sender; once it is given back, it is dropped as well.
        assert held.id == "held"
        assert store.settle([later(held, 0)]) == 0
        assert (store.withdraw(then, NOW), store.withdraw(then, NOW)) == (1, 0)

    def test_a_newer_delivery_drops_an_older_one_to_the_same_target_and_subject(self, store: SqlStore) -> None:
        store.enqueue([delivery("a", subject="s"), delivery("b", subject="s", target="other"), delivery("c"), delivery("d")])
        store.enqueue([delivery("e", subject="s", created_at=NOW + SECOND)])
        assert queued(store) == ["b", "c", "d", "e"]
        dropped = store.delivery("a")
        assert dropped == delivery(
            "a", subject="s", state=State.DROPPED, ended_at=NOW + SECOND, payload=b"", secret=None, fence=1
        )

    def test_of_two_in_one_call_the_later_counts(self, store: SqlStore) -> None:
        store.enqueue([delivery("a", subject="s"), delivery("b", subject="s")])
        assert queued(store) == ["b"]
        assert store.counts() == {("webhook", State.QUEUED): 1, ("webhook", State.DROPPED): 1}

    def test_one_that_is_being_sent_is_not_dropped_until_its_lease_has_ended(self, store: SqlStore) -> None:
        store.enqueue([delivery("a", subject="s")])
        (held,) = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
        store.enqueue([delivery("b", subject="s")])
        assert queued(store) == ["a", "b"]
        store.enqueue([delivery("c", subject="s", created_at=AFTER)])
        assert queued(store) == ["c"]
        assert store.settle([ended(held)]) == 1

    def test_the_same_delivery_is_added_once(self, store: SqlStore) -> None:
        store.enqueue([delivery("a", subject="s")])
        store.enqueue([delivery("b", subject="s")])
        store.enqueue([delivery("a", subject="s"), delivery("b", subject="s")])
        assert queued(store) == ["b"]

    def test_how_a_target_stands(self, store: SqlStore) -> None:
        here = ("webhook", "https://hook.example/", "s")
        assert store.standings([here]) == {}
        store.enqueue([delivery("a", subject="s")])
        assert store.standings([here, ("x", "y", "z")])[here].waiting == delivery("a", subject="s")
        assert store.standings([here])[here].attempted_at is None
        (held,) = store.claim(NOW + SECOND, lanes=ALL, lease=LEASE).deliveries
        standing = store.standings([here])[here]
        assert (standing.waiting, standing.attempted_at) == (None, NOW + SECOND)
        store.settle([ended(held)])
        standing = store.standings([here])[here]
        assert (standing.waiting, standing.attempted_at) == (None, NOW)

    # Claims.

    def test_a_claim_counts_the_attempt_before_it_returns(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.enqueue([delivery()])
        store.import_subscriptions([subscription()])
        claim = store.claim(NOW, lanes=ALL, lease=LEASE)
        assert claim.until == NOW + timedelta(seconds=LEASE)
        assert claim.deliveries == (delivery(attempts=1, fence=1),)
        assert claim.subscriptions == (subscription(attempts=1, fence=1, tried=2),)
        assert tuple(store.deliveries()) == claim.deliveries
        assert tuple(store.subscriptions()) == claim.subscriptions

    def test_what_is_claimed_is_given_to_nobody_else_before_the_lease_ends(
        self, store: SqlStore, place: Place, keys: Path
    ) -> None:
        publish(store, 1, 2)
        store.enqueue([delivery()])
        store.import_subscriptions([subscription()])
        store.claim(NOW, lanes=ALL, lease=LEASE)
        with contextlib.closing(open_store(place, key_file=keys)) as other:
            for each in (store, other):
                claim = each.claim(NOW + timedelta(seconds=59), lanes=ALL, lease=LEASE)
                assert (claim.deliveries, claim.subscriptions) == ((), ())
            assert other.next_due(NOW) == NOW + timedelta(seconds=LEASE)
            claim = other.claim(AFTER, lanes=ALL, lease=LEASE)
        assert [(each.fence, each.attempts) for each in claim.deliveries] == [(2, 2)]
        assert [(each.fence, each.attempts) for each in claim.subscriptions] == [(2, 2)]

    def test_an_older_fence_writes_nothing(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        publish(store, 3, live=False)
        store.enqueue([delivery()])
        store.import_subscriptions([subscription(1), subscription(2)])
        old = store.claim(NOW, lanes=ALL, lease=LEASE)
        new = store.claim(AFTER, lanes=ALL, lease=LEASE)
        settled = dataclasses.replace(
            ended(old.deliveries[0]),
            verified=subscription(3),
            ended=subscription(2).key,
            live=(TOPIC, 3),
            follow=(delivery("msg_2"),),
        )
        gone = Advanced(subscription=old.subscriptions[1], ended=True)
        assert store.settle([settled], [got(old.subscriptions[0], 2), gone]) == 3
        assert tuple(store.deliveries()) == new.deliveries
        assert tuple(store.subscriptions()) == new.subscriptions
        assert store.settle([settled], []) == 1
        assert store.topic(TOPIC) == version(2)

    def test_a_settled_delivery_is_let_go(self, store: SqlStore) -> None:
        store.enqueue([delivery("a"), delivery("b"), delivery("c")])
        a, b, c = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
        back = dataclasses.replace(c, attempts=0)
        assert store.settle([ended(a), later(b, 30), Settled(delivery=back)]) == 0
        assert store.delivery("a") == ended(a).delivery
        assert store.delivery("b") == later(b, 30).delivery
        assert store.delivery("c") == back
        assert [each.id for each in store.claim(NOW, lanes=ALL, lease=LEASE).deliveries] == ["c"]
        assert store.next_due(NOW) == NOW + timedelta(seconds=30)
        assert [each.id for each in store.claim(NOW + timedelta(seconds=30), lanes=ALL, lease=LEASE).deliveries] == ["b"]

    def test_lanes_have_each_their_share_and_the_oldest_come_first(self, store: SqlStore) -> None:
        store.enqueue(
            [delivery(f"{lane.value}{number}", lane=lane, due_at=NOW - number * SECOND) for lane in Lane for number in range(5)]
        )
        claim = store.claim(NOW, lanes={Lane.FIRST: 2, Lane.RETRY: 1, Lane.VERIFICATION: 0}, lease=LEASE)
        assert [each.id for each in claim.deliveries] == ["first4", "first3", "retry4"]
        assert store.claim(NOW, lanes={}, lease=LEASE).deliveries == ()

    def test_nothing_of_a_busy_host_is_claimed(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.enqueue([delivery("a"), delivery("b", host="other.example:443")])
        store.import_subscriptions([subscription(1), subscription(2, host="other.example:443")])
        busy = {"hook.example:443", "reader.example:443"}
        claim = store.claim(NOW, lanes=ALL, lease=LEASE, busy=busy)
        assert [each.id for each in claim.deliveries] == ["b"]
        assert [each.host for each in claim.subscriptions] == ["other.example:443"]
        assert store.next_due(NOW, busy) == NOW + timedelta(seconds=LEASE)
        assert store.next_due(NOW) == NOW

    def test_a_delivery_waits_for_its_topic(self, store: SqlStore) -> None:
        publish(store, 1)
        publish(store, 2, live=False)
        store.enqueue(
            [delivery("a", topic=TOPIC, version=2), delivery("b", topic=TOPIC, version=1), delivery("c", topic="unknown")]
        )
        store.enqueue([delivery("d", kind="live", lane=Lane.VERIFICATION)])
        claim = store.claim(NOW, lanes=ALL, lease=LEASE)
        assert sorted(each.id for each in claim.deliveries) == ["b", "d"]
        look = next(each for each in claim.deliveries if each.id == "d")
        store.settle([dataclasses.replace(ended(look), live=(TOPIC, 2))])
        assert store.next_due(NOW) == NOW
        assert [each.id for each in store.claim(NOW, lanes=ALL, lease=LEASE).deliveries] == ["a"]

    def test_ten_thousand_are_claimed_and_settled_in_batches_each_once(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions(subscription(number) for number in range(5000))
        store.enqueue([delivery(f"{number:05}") for number in range(5000)])
        seen: list[object] = []
        while store.next_due(NOW) == NOW:
            claim = store.claim(NOW, lanes=ALL, lease=LEASE)
            assert len(claim.deliveries) + len(claim.subscriptions) == 1000
            seen += [each.id for each in claim.deliveries]
            seen += [each.key for each in claim.subscriptions]
            assert store.settle(list(map(ended, claim.deliveries)), [got(each, 2) for each in claim.subscriptions]) == 0
        assert len(seen) == len(set(seen)) == 10_000
        assert store.counts() == {("webhook", State.DELIVERED): 5000}

    def test_callers_at_the_same_time_never_claim_the_same(self, store: SqlStore, place: Place, keys: Path) -> None:
        publish(store, 1, 2)
        store.import_subscriptions(subscription(number) for number in range(300))
        store.enqueue([delivery(f"{number:05}") for number in range(300)])

        def everything(each: SqlStore) -> list[object]:
            found: list[object] = []
            while True:
                claim = each.claim(NOW, lanes={Lane.FIRST: 20}, lease=LEASE)
                if not claim.deliveries and not claim.subscriptions:
                    return found
                found += [one.id for one in claim.deliveries]
                found += [one.key for one in claim.subscriptions]

        with contextlib.closing(open_store(place, key_file=keys)) as other, ThreadPoolExecutor(2) as threads:
            both = [one for found in threads.map(everything, [store, other]) for one in found]
        assert len(both) == len(set(both)) == 600

    # Fan-out.

    def test_a_new_version_makes_every_subscriber_due_at_once(self, store: SqlStore) -> None:
        publish(store, 1)
        store.import_subscriptions([subscription(1), subscription(2, due_at=NOW + timedelta(days=9))])
        assert store.next_due(NOW) is None
        publish(store, 2)
        assert store.next_due(NOW) == NOW
        first, second = store.claim(NOW, lanes={Lane.FIRST: 9}, lease=LEASE).subscriptions
        store.settle(subscriptions=[got(first, 2), missed(second, 30)])
        assert store.next_due(NOW) == NOW + timedelta(seconds=30)
        assert store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions == ()
        # Of a newer version one that has failed is due at once as well, and its count begins anew.
        publish(store, 3)
        claim = store.claim(NOW, lanes={Lane.FIRST: 9}, lease=LEASE)
        assert sorted((each.tried, each.attempts, each.delivered) for each in claim.subscriptions) == [(3, 1, 1), (3, 1, 2)]

    def test_one_that_failed_is_tried_again_in_the_lane_for_that(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription()])
        (held,) = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        store.settle(subscriptions=[missed(held, 30)])
        then = NOW + timedelta(seconds=30)
        assert store.claim(then, lanes={Lane.FIRST: 9}, lease=LEASE).subscriptions == ()
        (held,) = store.claim(then, lanes={Lane.RETRY: 9}, lease=LEASE).subscriptions
        assert (held.attempts, held.tried, held.last) == (2, 2, BAD)

    def test_the_version_that_was_sent_counts_and_not_the_one_that_was_claimed(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription()])
        (held,) = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        publish(store, 3)
        store.settle(subscriptions=[got(held, 3)])
        assert store.next_due(NOW) is None
        publish(store, 4)
        (held,) = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        publish(store, 5)
        # What came in between is not lost: the cursor says what was sent, not when.
        store.settle(subscriptions=[got(held, 4)])
        assert [each.tried for each in store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions] == [5]

    def test_a_subscription_is_sent_nothing_after_its_lease(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription(lease_end=NOW + SECOND), subscription(2)])
        claim = store.claim(NOW + SECOND, lanes=ALL, lease=LEASE)
        assert [each.key for each in claim.subscriptions] == [subscription(2).key]
        assert store.expire(NOW + SECOND) == 1
        assert store.count_subscriptions() == 1

    def test_a_retry_after_the_lease_is_never_due(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription(lease_end=NOW + timedelta(seconds=30))])
        (held,) = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        store.settle(subscriptions=[missed(held, 30)])
        assert store.next_due(NOW) is None

    def test_how_a_subscription_is_signed_for_can_be_changed_and_nothing_else_is(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription(1), subscription(2)])
        held, _ = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        assert store.sign_with([subscription(1).key, subscription(3).key], "sha512") == 1
        before, after = (
            next(each for each in found if each.key == subscription(1).key) for found in ([held], store.subscriptions())
        )
        assert after == dataclasses.replace(before, method="sha512")
        assert store.settle(subscriptions=[got(held, 2)]) == 0

    def test_one_that_is_gone_is_dropped(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        store.import_subscriptions([subscription()])
        (held,) = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions
        assert store.settle(subscriptions=[Advanced(subscription=held, ended=True)]) == 0
        assert list(store.subscriptions()) == []

    # Verification.

    def settle_one(self, store: SqlStore, **changes: object) -> None:
        store.enqueue([delivery(f"msg_{store.counts()!r:.200}".encode().hex(), kind="verify", lane=Lane.VERIFICATION)])
        held = store.claim(NOW, lanes={Lane.VERIFICATION: 1}, lease=LEASE).deliveries[0]
        assert store.settle([dataclasses.replace(ended(held), **changes)]) == 0  # type: ignore[arg-type]

    def test_a_verified_subscription_is_there_and_a_renewal_keeps_its_cursor(self, store: SqlStore) -> None:
        self.settle_one(store, verified=subscription(delivered=5, tried=0))
        assert list(store.subscriptions()) == [subscription(delivered=5, tried=5)]
        until = NOW + timedelta(days=20)
        self.settle_one(store, verified=subscription(delivered=9, secret=None, method="sha1", lease_end=until, verified_at=until))
        (found,) = store.subscriptions()
        assert found == subscription(delivered=5, tried=5, secret=None, method="sha1", lease_end=until, verified_at=until)

    def test_unsubscribing_ends_one_subscription(self, store: SqlStore) -> None:
        store.import_subscriptions([subscription(1), subscription(2)])
        self.settle_one(store, ended=subscription(1).key)
        assert list(store.subscriptions()) == [subscription(2)]

    def test_what_follows_is_queued(self, store: SqlStore) -> None:
        self.settle_one(store, follow=(delivery("next"),))
        assert queued(store) == ["next"]

    def test_pending_verifications_are_counted_by_host(self, store: SqlStore) -> None:
        store.enqueue([delivery("a", lane=Lane.VERIFICATION), delivery("b"), delivery("c", lane=Lane.VERIFICATION, host="other")])
        assert store.count_verifying("hook.example:443") == 1

    # Subscriptions.

    def test_subscriptions_come_by_key_and_are_counted(self, store: SqlStore) -> None:
        other = subscription(1, topic="https://example.org/other")
        cloud = subscription(3, host="cloud.example:80")
        cloud = dataclasses.replace(cloud, key=dataclasses.replace(cloud.key, protocol="rsscloud"))
        assert store.import_subscriptions([subscription(2), other, subscription(1), cloud]) == 4
        assert list(store.subscriptions()) == [cloud, subscription(1), subscription(2), other]
        assert list(store.subscriptions(protocol="websub", topic=TOPIC)) == [subscription(1), subscription(2)]
        counts = [
            store.count_subscriptions(host=host, topic=topic) for host in (None, "cloud.example:80") for topic in (None, TOPIC)
        ]
        assert counts == [4, 3, 1, 1]
        assert store.end_subscriptions([subscription(1).key, subscription(9).key]) == 1
        assert store.count_subscriptions() == 3

    def test_an_import_replaces_whole(self, store: SqlStore) -> None:
        store.import_subscriptions([subscription()])
        store.import_subscriptions([subscription(delivered=7, tried=8, attempts=2, secret=None)])
        assert list(store.subscriptions()) == [subscription(delivered=7, tried=8, attempts=2, secret=None)]

    # What the operator sees and does.

    def test_deliveries_are_found_newest_first(self, store: SqlStore) -> None:
        store.enqueue(
            [
                delivery("a", post="p"),
                delivery("b", created_at=NOW + SECOND, target="t"),
                delivery("c", created_at=NOW - SECOND, kind="websub"),
            ]
        )
        assert [each.id for each in store.deliveries()] == ["b", "a", "c"]
        assert [each.id for each in store.deliveries(post="p")] == ["a"]
        assert [each.id for each in store.deliveries(target="t", state=State.QUEUED)] == ["b"]
        assert [each.id for each in store.deliveries(kind="websub")] == ["c"]
        assert store.delivery("z") is None

    def test_retry_and_drop_are_for_what_is_queued(self, store: SqlStore) -> None:
        store.enqueue([delivery("a"), delivery("b"), delivery("c", due_at=NOW + timedelta(days=1), attempts=7)])
        a, b = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
        store.settle([ended(a)])
        assert store.retry(["a", "b", "c", "z"], NOW) == 1
        retried = store.delivery("c")
        assert retried is not None
        assert (retried.due_at, retried.attempts) == (NOW, 0)
        assert store.drop(["a", "b", "c", "z"], NOW) == 2
        dropped = store.delivery("b")
        assert dropped is not None
        assert (dropped.state, dropped.payload, dropped.secret, dropped.ended_at) == (State.DROPPED, b"", None, NOW)
        assert store.settle([later(b, 0)]) == 1
        assert queued(store) == []

    def test_how_far_a_version_has_come(self, store: SqlStore) -> None:
        publish(store, 1, 2)
        publish(store, 3, live=False)
        store.import_subscriptions([subscription(number, host=f"h{number}") for number in range(4)])
        store.import_subscriptions([subscription(9, lease_end=NOW)])
        held = store.claim(NOW, lanes={Lane.FIRST: 3}, lease=LEASE).subscriptions
        store.settle(subscriptions=[got(held[0], 2), missed(held[1], 30)])
        standing = store.topic_standing(TOPIC, NOW)
        assert standing is not None
        assert (standing.version, standing.live, standing.active, standing.confirmed) == (3, 2, 4, 1)
        assert standing.confirmed_at == standing.published_at == NOW
        assert standing.retrying == (held[1].host,)

    # Housekeeping.

    def test_how_the_outbox_stands(self, store: SqlStore) -> None:
        empty = store.outbox_standing(NOW)
        assert (empty.counts, empty.subscriptions, empty.retrying, empty.oldest, empty.next_due) == ({}, 0, 0, None, None)
        store.announce(Announcement(topics=(version(1),)))
        ended = subscription(2, host="ended.example:443", lease_end=NOW - SECOND)
        store.import_subscriptions([subscription(1), ended])
        fresh = delivery("msg_2", host="fresh.example:443", created_at=NOW - 9 * SECOND, due_at=NOW + 9 * SECOND)
        store.enqueue([delivery("msg_1"), fresh])
        claimed = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries[0]
        # What is under way for the first time has not failed.
        assert store.outbox_standing(NOW).retrying == 0
        store.settle([Settled(delivery=dataclasses.replace(claimed, due_at=NOW + 5 * SECOND, last=BAD))])
        found = store.outbox_standing(NOW)
        assert found.counts == {("webhook", State.QUEUED): 2}
        assert (found.subscriptions, found.retrying, found.retrying_hosts) == (1, 1, ("hook.example:443",))
        assert (found.oldest, found.next_due) == (NOW - 9 * SECOND, NOW + 5 * SECOND)
        store.announce(Announcement(topics=(version(2),)))
        behind = store.claim(NOW, lanes=ALL, lease=LEASE).subscriptions[0]
        store.settle(subscriptions=[Advanced(subscription=dataclasses.replace(behind, due_at=NOW + SECOND, last=BAD))])
        found = store.outbox_standing(NOW)
        assert (found.retrying, found.retrying_hosts) == (2, ("hook.example:443", "reader.example:443"))
        assert found.next_due == NOW + SECOND

    def test_ended_deliveries_are_kept_for_a_while(self, store: SqlStore) -> None:
        store.enqueue([delivery("a"), delivery("b")])
        store.drop(["a"], NOW)
        assert store.forget_ended(NOW) == 0
        assert store.forget_ended(NOW + SECOND) == 1
        assert [each.id for each in store.deliveries()] == ["b"]

    def test_digests_are_kept_while_somebody_stands_there(self, store: SqlStore) -> None:
        publish(store, 1, 2, 3, 4)
        publish(store, 5, live=False)
        store.import_subscriptions([subscription(1, delivered=2, tried=2)])
        store.forget_ended(NOW)
        assert [number for number in range(1, 6) if store.sent(TOPIC, number) is not None] == [2, 4, 5]

    # Clocks that were wrong.

    def test_what_a_clock_that_was_ahead_has_put_off_comes_back(self, store: SqlStore) -> None:
        wrong = NOW + 9 * 366 * 86400 * SECOND
        publish(store, 1, 2)
        store.enqueue([delivery("failed"), delivery("held", host="b:1"), delivery("waits", due_at=NOW + 86400 * SECOND)])
        store.import_subscriptions([subscription(1, delivered=1, tried=1, lease_end=wrong + 9 * 86400 * SECOND)])
        one, two = store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
        store.settle([later(one, (wrong - NOW).total_seconds()), later(two, 0)])
        # The clock is right again while one of these is being sent, and the process that was to send the other was killed.
        lent = store.claim(wrong, lanes=ALL, lease=LEASE, busy=["hook.example:443"])
        assert (len(lent.deliveries), len(lent.subscriptions)) == (1, 1)
        assert not store.claim(NOW, lanes=ALL, lease=LEASE).deliveries
        assert store.hasten(NOW, longest=2 * 86400, lease=LEASE) == 3
        assert store.hasten(NOW, longest=2 * 86400, lease=LEASE) == 0
        again = store.claim(NOW, lanes=ALL, lease=LEASE)
        assert ([each.id for each in again.deliveries], again.subscriptions) == (["failed"], ())
        # Whoever is there still says what came of it; what nobody says anything of is free after a lease.
        assert store.settle([ended(lent.deliveries[0])]) == 0
        assert [each.key for each in store.claim(AFTER, lanes=ALL, lease=LEASE).subscriptions] == [subscription(1).key]
        assert [each.due_at for each in store.deliveries() if each.id == "waits"] == [NOW + 86400 * SECOND]

    # Rows that cannot be read.

    @pytest.mark.parametrize("lost", ["the key", "a secret", "an outcome"])
    def test_what_cannot_be_read_keeps_nothing_else_from_being_claimed(
        self, store: SqlStore, place: Place, keys: Path, lost: str
    ) -> None:
        publish(store, 1, 2)
        store.enqueue([delivery("msg_1"), delivery("msg_2", secret=None, host="other.example:443")])
        store.import_subscriptions([subscription(1, delivered=1, tried=1), subscription(2, delivered=1, tried=1, secret=None)])
        text = {"the key": "secret = secret", "a secret": "secret = :x", "an outcome": "last = '[7'"}[lost]
        with connected(place) as connection:
            for table in ("deliveries", "subscriptions"):
                statement = sa.text(f"UPDATE {table} SET {text} WHERE secret IS NOT NULL")
                connection.execute(statement, {"x": b"\x01" * 40} if ":x" in text else {})
        if lost == "the key":
            keys.write_text("0" * 64)
        with contextlib.closing(open_store(place, key_file=keys)) as other:
            claim = other.claim(NOW, lanes=ALL, lease=LEASE)
            assert [each.id for each in claim.deliveries] == ["msg_2"]
            assert [each.key.callback for each in claim.subscriptions] == [subscription(2).key.callback]
            assert claim.unread
            assert all("secret\x02" not in each and "payload" not in each for each in claim.unread)
            # They are not looked at again at once, and not for ever.
            assert not other.claim(NOW + SECOND, lanes=ALL, lease=LEASE).unread
            assert other.claim(NOW + 3600 * SECOND, lanes=ALL, lease=LEASE).unread == claim.unread
        with connected(place) as connection:
            states = connection.execute(sa.text("SELECT id, state, attempts FROM deliveries ORDER BY id")).all()
        assert states == [("msg_1", "queued", 0), ("msg_2", "queued", 2)]

    # Secrets.

    def test_an_error_of_the_database_shows_nothing_of_what_was_written(self, store: SqlStore, place: Place) -> None:
        with connected(place) as connection:
            connection.execute(sa.text("ALTER TABLE deliveries RENAME TO elsewhere"))
        with pytest.raises(sa.exc.DatabaseError) as caught:
            store.enqueue([delivery(target=f"https://hook.example/{'own' * 3}")])
        said = "".join(traceback.format_exception(caught.value))
        assert "ownownown" not in said
        assert "[SQL:" in said

    def test_no_secret_is_in_the_database_as_it_is(self, store: SqlStore, place: Place) -> None:
        store.enqueue([delivery()])
        store.import_subscriptions([subscription()])
        with connected(place) as connection:
            for table in ("deliveries", "subscriptions"):
                for row in connection.execute(sa.text(f"SELECT secret FROM {table}")):
                    assert b"secret" not in bytes(row[0])

    def test_the_key_is_for_its_owner_only_and_is_needed(self, store: SqlStore, place: Place, keys: Path) -> None:
        store.import_subscriptions([subscription(1, secret=None)])
        assert not keys.exists()
        store.import_subscriptions([subscription(2)])
        assert keys.stat().st_mode & 0o777 == 0o600
        good = keys.read_bytes()
        for text, message in ((None, "missing"), ("0" * 64, "cannot be opened"), ("short", "no key file")):
            keys.unlink()
            if text is not None:
                keys.write_text(text)
            with contextlib.closing(open_store(place, key_file=keys)) as other:
                with pytest.raises(StoreError, match=message) as caught:
                    list(other.subscriptions())
                assert caught.value.hint
                assert "secret\x02" not in str(caught.value)
            keys.write_bytes(good)
        assert len(list(store.subscriptions())) == 2

    def test_the_key_survives_a_power_cut_as_the_secrets_do(
        self, store: SqlStore, keys: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its bytes, and its name in the directory: a database that outlives it is one of lost secrets."""
        synced: list[tuple[bool, bool]] = []
        real = os.fsync

        def fsync(descriptor: int) -> None:
            synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), keys.exists()))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        store.enqueue([delivery()])
        # The file before it has its name, and the directory after.
        assert synced == [(False, False), (True, True)]

    def test_a_secret_belongs_to_its_row(self, store: SqlStore, place: Place) -> None:
        store.import_subscriptions([subscription(1), subscription(2)])
        with connected(place) as connection:
            one, two = connection.execute(sa.text("SELECT secret FROM subscriptions ORDER BY callback")).scalars()
            # Nor can what says how it is sealed be another.
            for old, new in ((one, b"\x02" + bytes(one)[1:]), (two, one)):
                connection.execute(
                    sa.text("UPDATE subscriptions SET secret = :new WHERE secret = :old"), {"old": old, "new": new}
                )
        for number in (1, 2):
            with pytest.raises(StoreError, match="cannot be opened"):
                store.subscription(subscription(number).key)

    # Older stores.

    def test_a_store_without_an_outbox_gets_one_and_keeps_what_it_has(self, place: Place, keys: Path) -> None:
        with connected(place) as connection:
            migrations.upgrade(connection, "0002")
            row = {"path": "古い.md".encode(), "id": b"tag:a", "first_seen": 1}
            connection.execute(sa.text("INSERT INTO ledger VALUES (:path, :id, :first_seen)"), row)
        with contextlib.closing(open_store(place, key_file=keys)) as store:
            assert [each.path for each in store.ledger()] == ["古い.md"]
            publish(store, 1)
            assert store.topic_versions() == {TOPIC: 1}
