"""rssCloud from end to end: a reader asks to be told, shows that it wants to be, and is told when a feed changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xmlrpc.client import dumps, loads

import pytest

from feedservice.deliveries import Subscription, SubscriptionKey
from feedservice.push import rsscloud, xmlrpc
from feedservice.service.subscriber import Hit, Reply, Said, Script, always, ask, post_form
from feedservice.web.hub import CLOUD, RPC

House = Any
Subscriber = Any


def notified(hit: Hit) -> Said:
    """Answer as a reader does: the challenge when asked for it, 200 when told of a change."""
    return Said(status=200, body=(hit.parameter("challenge") or "").encode())


def port(subscriber: Subscriber) -> str:
    return str(urlsplit(subscriber.base).port)


def please_notify(house: House, subscriber: Subscriber, path: str, script: Script = notified, **more: str) -> Reply:
    subscriber.callback(path, script)
    fields = {"notifyProcedure": "", "port": port(subscriber), "path": path, "protocol": "http-post", "url1": house.topic, **more}
    return post_form(house.url.rstrip("/") + CLOUD, list(fields.items()))


def subscription(house: House, callback: str) -> Subscription | None:
    found: Subscription | None = house.store.subscription(
        SubscriptionKey(protocol="rsscloud", topic=house.topic, callback=callback)
    )
    return found


@pytest.fixture
def reader(house: House, subscriber: Subscriber) -> str:
    """Give the name of a host that is not the requester's own address, and has the subscriber on it."""
    house.names["reader.test"] = ["127.0.0.1"]
    return f"http://reader.test:{port(subscriber)}"


def test_who_answers_the_challenge_is_told_of_a_change(house: House, subscriber: Subscriber, reader: str) -> None:
    reply = please_notify(house, subscriber, "/notify", domain="reader.test")
    assert (reply.status, b'<notifyResult success="true"' in reply.body) == (200, True)
    (asked,) = subscriber.wait("/notify", method="GET")
    assert asked.parameter("url") == house.topic
    assert len(asked.parameter("challenge") or "") >= 20
    kept = house.until(lambda: subscription(house, reader + "/notify"))
    assert kept.lease_end - kept.verified_at == timedelta(hours=25)

    house.publish("three")
    (told,) = subscriber.wait("/notify", method="POST")
    assert told.field("content-type") == "application/x-www-form-urlencoded"
    assert parse_qsl(told.body.decode("ascii")) == [("url", house.topic)]
    # What it is told of is there: the ping comes after the document.
    assert b"<id>three</id>" in ask(house.topic).body
    house.until(lambda: subscription(house, reader + "/notify").delivered == house.version)

    house.publish("four")
    assert len(subscriber.wait("/notify", method="POST", count=2)) == 2


@pytest.mark.parametrize(
    "script",
    [always(200), always(200, b"another"), always(404), always(302, Location="/elsewhere"), always(410)],
)
def test_who_does_not_answer_it_is_told_nothing(house: House, subscriber: Subscriber, reader: str, script: Script) -> None:
    assert please_notify(house, subscriber, "/notify", script, domain="reader.test").status == 200
    house.until(lambda: [each for each in house.store.deliveries(kind=rsscloud.VERIFY) if each.state.value == "failed"])
    assert subscription(house, reader + "/notify") is None
    house.subscribed(subscriber, "/other")
    house.publish("three")
    assert subscriber.wait("/other", method="POST")
    assert subscriber.at("/notify", "POST") == []


def test_the_requesters_own_address_is_tried_with_a_ping(house: House, subscriber: Subscriber) -> None:
    please_notify(house, subscriber, "/notify")
    (tried,) = subscriber.wait("/notify")
    assert (tried.method, parse_qsl(tried.body.decode("ascii"))) == ("POST", [("url", house.topic)])
    house.until(lambda: subscription(house, subscriber.base + "/notify"))
    house.publish("three")
    told = subscriber.wait("/notify", count=2)[1]
    assert parse_qsl(told.body.decode("ascii")) == [("url", house.topic)]


def test_it_can_be_asked_for_and_told_by_xml_rpc(house: House, subscriber: Subscriber) -> None:
    subscriber.callback("/RPC2", always(200, xmlrpc.answer(True)))
    arguments = ["river.changed", int(port(subscriber)), "/RPC2", "xml-rpc", [house.topic]]
    body = dumps(tuple(arguments), "rssCloud.pleaseNotify").encode()
    reply = ask(house.url.rstrip("/") + RPC, "POST", body=body, fields={"Content-Type": "text/xml"})
    assert reply.status == 200
    assert b"<boolean>1</boolean>" in reply.body
    house.until(lambda: subscription(house, subscriber.base + "/RPC2"))
    house.publish("three")
    for hit in subscriber.wait("/RPC2", method="POST", count=2):
        assert loads(hit.body) == ((house.topic,), "river.changed")


def test_a_failure_is_made_good_later(house: House, subscriber: Subscriber, reader: str) -> None:
    please_notify(house, subscriber, "/notify", domain="reader.test")
    kept = reader + "/notify"
    house.until(lambda: subscription(house, kept))
    subscriber.scripts["/notify"] = always(500)
    house.publish("three")
    house.until(lambda: subscription(house, kept).last)
    assert subscription(house, kept).delivered == 1
    subscriber.scripts["/notify"] = notified
    house.retry_now()
    house.until(lambda: subscription(house, kept).delivered == house.version)


def test_after_25_hours_nobody_is_told(house: House, subscriber: Subscriber, reader: str) -> None:
    please_notify(house, subscriber, "/notify", domain="reader.test")
    house.until(lambda: subscription(house, reader + "/notify"))
    house.subscribed(subscriber, "/other")
    house.later(25 * 3600 + 60)
    house.publish("three")
    assert subscriber.wait("/other", method="POST")
    house.until(lambda: subscription(house, reader + "/notify") is None)
    assert subscriber.at("/notify", "POST") == []
