"""Chapter 5 of WebSub, row by row, between our hub and subscribers on loopback (REC-websub-20260602)."""

from __future__ import annotations

import dataclasses
import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from feedservice.push import signing
from feedservice.service import hubcheck
from feedservice.service.hubcheck import Verdict, links
from feedservice.service.subscriber import Hit, Said, always, ask, echo, post_form

DAY = 86400
House = Any
Subscriber = Any


# The report that anybody can have on any hub ----------------------------------------------------------------------------


def test_no_clause_that_a_subscriber_can_see_fails(house: House, subscriber: Subscriber) -> None:
    at = hubcheck.Hub(hub=house.hub, topic=house.topic, patience=30, quiet=0.5)
    rows = list(hubcheck.check(at, subscriber, publish=lambda: house.publish("new")))
    assert [row for row in rows if row.verdict is not Verdict.HOLDS] == []
    assert len(rows) == 33
    assert len({row.what for row in rows}) == len(rows)


# Discovery (P1–P3) ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_topic_names_its_hub_and_itself_once(house: House, method: str) -> None:
    reply = ask(house.topic, method)
    assert (links(reply.fields, "hub"), links(reply.fields, "self")) == ([house.hub], [house.topic])


# Verification (H12, H13, H16, H22, H24–H26) ---------------------------------------------------------------------------


def test_h24_a_verification_has_every_parameter(house: House, subscriber: Subscriber) -> None:
    house.subscribed(subscriber, "/a?x=%20y&hub.mode=own", lease_seconds=str(5 * DAY))
    (hit,) = subscriber.at("/a", "GET")
    assert hit.raw_query.startswith("x=%20y&hub.mode=own&hub.mode=subscribe&hub.topic=")
    assert (hit.parameter("hub.topic"), hit.parameter("hub.lease_seconds")) == (house.topic, str(5 * DAY))
    assert re.fullmatch(r"[+\-./0-9=A-Z_a-z]{32,}", hit.parameter("hub.challenge") or "")
    assert hit.body == b""


@pytest.mark.parametrize(
    "script",
    [
        always(200),
        always(200, b"wrong"),
        always(404),
        always(410),
        always(302, Location="/b"),
        lambda hit: Said(status=200, body=(hit.parameter("hub.challenge") or "").encode() + b"\n"),
        lambda hit: Said(status=307, body=(hit.parameter("hub.challenge") or "").encode()),
    ],
)
def test_h26_anything_but_an_exact_echo_is_no_subscription(house: House, subscriber: Subscriber, script: Any) -> None:
    callback = subscriber.callback("/a", script)
    assert house.ask(callback).status == 202
    house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.state.value == "failed"])
    assert house.subscription(callback) is None
    assert len(subscriber.at("/a")) == 1
    assert subscriber.at("/b") == []


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_h26_every_2xx_confirms(house: House, subscriber: Subscriber, status: int) -> None:
    def script(hit: Hit) -> Said:
        return Said(status=status, body=(hit.parameter("hub.challenge") or "").encode())

    house.subscribed(subscriber, "/a", script)


def test_h12_a_renewal_that_is_not_confirmed_changes_nothing(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a", secret="old", lease_seconds=str(2 * DAY))
    before = house.subscription(callback)
    subscriber.scripts["/a"] = always(404)
    house.ask(callback, secret="new", lease_seconds=str(9 * DAY))
    house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.state.value == "failed"])
    assert house.subscription(callback) == before


def test_h12_an_unsubscription_that_is_not_confirmed_changes_nothing(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a")
    subscriber.scripts["/a"] = always(404)
    assert house.ask(callback, mode="unsubscribe").status == 202
    house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.state.value == "failed"])
    assert house.subscription(callback) is not None


@pytest.mark.parametrize("secret", ["new", None])
def test_h13_a_renewal_changes_or_drops_the_secret(house: House, subscriber: Subscriber, secret: str | None) -> None:
    callback = house.subscribed(subscriber, "/a", secret="old")
    house.ask(callback, **({"secret": secret} if secret else {}))
    house.until(lambda: house.subscription(callback).secret == (secret.encode() if secret else None))
    house.publish("three")
    (hit,) = subscriber.wait("/a", method="POST")
    signature = hit.field("x-hub-signature")
    assert (signature is None) if secret is None else signing.is_hub_signature(signature or "", b"new", hit.body)


def test_h5_unsubscribing_is_verified_and_ends_deliveries(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a")
    house.ask(callback, mode="unsubscribe")
    house.until(lambda: house.subscription(callback) is None)
    assert subscriber.at("/a", "GET")[-1].parameter("hub.mode") == "unsubscribe"
    other = house.subscribed(subscriber, "/b")
    house.publish("three")
    subscriber.wait("/b", method="POST")
    assert other
    assert subscriber.at("/a", "POST") == []


def test_h23_who_asks_for_no_topic_of_ours_is_denied(house: House, subscriber: Subscriber) -> None:
    callback = subscriber.callback("/a?k=1")
    assert house.ask(callback, topic="https://elsewhere.example/feed").status == 202
    (hit,) = subscriber.wait("/a")
    assert (hit.parameter("hub.mode"), hit.parameter("hub.topic"), hit.parameter("k")) == (
        "denied",
        "https://elsewhere.example/feed",
        "1",
    )
    assert hit.parameter("hub.reason")


def test_h36_every_challenge_is_another(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a")
    for count in range(2, 5):
        house.ask(callback)
        subscriber.wait("/a", count=count)
    challenges = {hit.parameter("hub.challenge") for hit in subscriber.at("/a")}
    assert len(challenges) == 4


def test_a_callback_that_is_down_is_asked_again(house: House, subscriber: Subscriber) -> None:
    answers = iter([Said(status=503), Said(status=500)])
    callback = subscriber.callback("/a", lambda hit: next(answers, None) or echo(hit))
    house.ask(callback)
    for count in (1, 2):
        subscriber.wait("/a", count=count)
        house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.last is not None])
        house.retry_now()
    house.until(lambda: house.subscription(callback))
    assert len(subscriber.at("/a")) == 3


# Leases (H3, H4, H27) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "days"), [(None, 10), ("60", 1), ("86400", 1), ("1209600", 14), ("99999999", 30)])
def test_h27_every_lease_ends(house: House, subscriber: Subscriber, asked: str | None, days: int) -> None:
    callback = house.subscribed(subscriber, "/a", **({"lease_seconds": asked} if asked else {}))
    left = house.subscription(callback).lease_end - datetime.now(UTC)
    assert timedelta(days=days) - timedelta(minutes=5) < left <= timedelta(days=days)


def test_h27_after_its_end_nothing_is_sent(house: House, subscriber: Subscriber) -> None:
    ended = house.subscribed(subscriber, "/ended")
    house.subscribed(subscriber, "/other")
    house.store.import_subscriptions([dataclasses.replace(house.subscription(ended), lease_end=datetime.now(UTC))])
    house.publish("three")
    subscriber.wait("/other", method="POST")
    assert subscriber.at("/ended", "POST") == []
    assert house.store.expire(datetime.now(UTC)) == 1
    assert house.subscription(ended) is None


def test_h4_a_renewal_makes_no_second_subscription(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a")
    house.ask(callback)
    subscriber.wait("/a", count=2)
    house.settled("verify")
    assert len(list(house.store.subscriptions())) == 1


# Distribution (H6, H7, H17, H28–H35) ----------------------------------------------------------------------------------


def test_h6_h28_h29_a_change_is_sent_with_type_and_links(house: House, subscriber: Subscriber) -> None:
    house.subscribed(subscriber, "/a?k=%20v")
    house.publish("three")
    (hit,) = subscriber.wait("/a", method="POST")
    assert hit.raw_query == "k=%20v"
    assert hit.field("content-type") == dict(ask(house.topic).fields)["content-type"] == "application/atom+xml; charset=utf-8"
    assert (links(hit.fields, "hub"), links(hit.fields, "self")) == ([house.hub], [house.topic])
    assert sum(name == "link" for name, _ in hit.fields) == 1
    known = {"host", "content-type", "link", "content-length", "user-agent", "accept-encoding"}
    assert {name for name, _ in hit.fields} <= known


def test_h28_only_entries_that_were_not_sent_are_sent(house: House, subscriber: Subscriber) -> None:
    house.subscribed(subscriber, "/a")
    house.publish("three")
    (first,) = subscriber.wait("/a", method="POST")
    assert first.body == b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>three</id></entry></feed>'
    house.publish("four", "five")
    second = subscriber.wait("/a", method="POST", count=2)[1]
    assert re.findall(rb"<id>(\w+)</id>", second.body) == [b"four", b"five"]


def test_h28_a_removal_is_sent_whole(house: House, subscriber: Subscriber) -> None:
    house.subscribed(subscriber, "/a")
    body = house.publish(whole=["one"])
    (hit,) = subscriber.wait("/a", method="POST")
    assert hit.body == body


@pytest.mark.parametrize(("secret", "signed"), [("s3cr3t", True), (None, False)])
def test_h7_h35_signed_exactly_with_a_secret(house: House, subscriber: Subscriber, secret: str | None, signed: bool) -> None:
    house.subscribed(subscriber, "/a", **({"secret": secret} if secret else {}))
    house.publish("three")
    (hit,) = subscriber.wait("/a", method="POST")
    signature = hit.field("x-hub-signature")
    assert (signature is not None) is signed
    if signature is not None:
        assert signature.startswith("sha256=")
        assert signing.is_hub_signature(signature, b"s3cr3t", hit.body)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 403, 404, 429, 500, 503])
def test_h30_h34_a_failure_ends_nothing_and_is_tried_again(house: House, subscriber: Subscriber, status: int) -> None:
    def script(hit: Hit) -> Said:
        if hit.method == "GET":
            return echo(hit)
        return (
            Said(status=status, fields=(("Location", subscriber.base + "/b"),))
            if len(subscriber.at("/a", "POST")) < 2
            else Said(status=204)
        )

    callback = house.subscribed(subscriber, "/a", script)
    house.publish("three")
    subscriber.wait("/a", method="POST")
    failed = house.until(lambda: house.subscription(callback).last and house.subscription(callback))
    assert failed.delivered == 1
    assert failed.lease_end > datetime.now(UTC)
    house.retry_now()
    subscriber.wait("/a", method="POST", count=2)
    house.until(lambda: house.subscription(callback).delivered == 2)
    assert subscriber.at("/b") == []


def test_h34_a_newer_version_is_tried_at_once_and_brings_what_was_missed(house: House, subscriber: Subscriber) -> None:
    def script(hit: Hit) -> Said:
        if hit.method == "GET":
            return echo(hit)
        return Said(status=500 if len(subscriber.at("/a", "POST")) < 2 else 204)

    callback = house.subscribed(subscriber, "/a", script)
    house.publish("three")
    subscriber.wait("/a", method="POST")
    house.until(lambda: house.subscription(callback).last)
    house.publish("four")
    hits = subscriber.wait("/a", method="POST", count=2)
    assert re.findall(rb"<id>(\w+)</id>", hits[1].body) == [b"four", b"three"]


def test_h31_gone_ends_it(house: House, subscriber: Subscriber) -> None:
    def script(hit: Hit) -> Said:
        return echo(hit) if hit.method == "GET" else Said(status=410)

    callback = house.subscribed(subscriber, "/a", script)
    house.publish("three")
    subscriber.wait("/a", method="POST")
    house.until(lambda: house.subscription(callback) is None)


def test_h32_the_body_of_an_answer_is_nothing_to_us(house: House, subscriber: Subscriber) -> None:
    def script(hit: Hit) -> Said:
        return echo(hit) if hit.method == "GET" else Said(status=200, body=b"410 Gone" * 10_000)

    callback = house.subscribed(subscriber, "/a", script)
    house.publish("three")
    house.until(lambda: house.subscription(callback).delivered == 2)


def test_a_burst_is_one_delivery_of_the_newest_version(house: House, subscriber: Subscriber) -> None:
    gate = threading.Event()

    def script(hit: Hit) -> Said:
        if hit.method == "GET":
            return echo(hit)
        gate.wait(1.5)
        return Said(status=204)

    callback = house.subscribed(subscriber, "/a", script)
    house.publish("three")
    subscriber.wait("/a", method="POST")
    for number in range(10):
        house.publish(f"burst{number}")
    gate.set()
    house.until(lambda: house.subscription(callback).delivered == 12)
    hits = subscriber.at("/a", "POST")
    assert len(hits) <= 3
    received = {entry for hit in hits for entry in re.findall(rb"<id>(\w+)</id>", hit.body)}
    assert received == {b"three", *(f"burst{number}".encode() for number in range(10))}


# Readers as they are --------------------------------------------------------------------------------------------------


def test_freshrss(house: House, subscriber: Subscriber) -> None:
    callback = subscriber.callback("/api/pshb.php?k=abc")
    reply = post_form(
        house.hub, [("hub.verify", "sync"), ("hub.mode", "subscribe"), ("hub.topic", house.topic), ("hub.callback", callback)]
    )
    assert reply.status // 100 == 2
    house.until(lambda: house.subscription(callback))
    # It renews when less than 23 hours are left.
    assert house.subscription(callback).lease_end - datetime.now(UTC) > timedelta(hours=23)


def test_freshrss_takes_no_unsubscription_that_it_did_not_ask_for_and_ends_with_410(house: House, subscriber: Subscriber) -> None:
    """It echoes subscriptions only, answers 422 to what is neither that nor a feed, and 410 when nobody reads the feed any more."""
    read = True

    def script(hit: Hit) -> Said:
        if not read:
            return Said(status=410, body=b"Nobody is subscribed to this feed anymore!")
        if hit.parameter("hub.mode") == "subscribe":
            return echo(hit)
        return Said(status=200, body=b"Done: 1\n") if hit.body else Said(status=422, body=b"Missing XML payload!")

    callback = subscriber.callback("/api/pshb.php?k=0123abc", script)
    pairs = [("hub.verify", "sync"), ("hub.topic", house.topic), ("hub.callback", callback)]
    post_form(house.hub, [*pairs, ("hub.mode", "subscribe")])
    house.until(lambda: house.subscription(callback))
    assert post_form(house.hub, [*pairs, ("hub.mode", "unsubscribe")]).status == 202
    house.until(lambda: [each for each in house.store.deliveries(kind="verify") if each.state.value == "failed"])
    house.publish("three")
    house.until(lambda: house.subscription(callback).delivered == house.version)
    read = False
    house.publish("four")
    house.until(lambda: house.subscription(callback) is None)


def test_newsblur_answers_404_without_its_token(house: House, subscriber: Subscriber) -> None:
    def script(hit: Hit) -> Said:
        return echo(hit) if hit.method == "POST" or hit.parameter("hub.verify_token") == "subscribe7f" else Said(status=404)

    callback = subscriber.callback("/push/7", script)
    post_form(
        house.hub,
        [
            ("hub.callback", callback),
            ("hub.mode", "subscribe"),
            ("hub.topic", house.topic),
            ("hub.verify", "async"),
            ("hub.verify", "sync"),
            ("hub.verify_token", "subscribe7f"),
            ("hub.lease_seconds", "864000"),
        ],
    )
    house.until(lambda: house.subscription(callback))
