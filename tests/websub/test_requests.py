"""Chapter 5 of WebSub as the hub is asked, row by row (H1–H22, H25, H33): what it takes, what it refuses, and what it tells nobody."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from feedservice.deliveries import Failure
from feedservice.push import outbox
from feedservice.service.subscriber import Hit, Said, always, ask, echo, post_form

DAY = 86400
FORM = "application/x-www-form-urlencoded"
House = Any
Subscriber = Any


def pairs(house: House, callback: str, mode: str = "subscribe", **more: str) -> list[tuple[str, str]]:
    found = [("hub.mode", mode), ("hub.topic", house.topic), ("hub.callback", callback)]
    return found + [(f"hub.{name}", value) for name, value in more.items()]


def raw(house: House, body: str | bytes, content_type: str = FORM) -> Any:
    data = body.encode() if isinstance(body, str) else body
    return ask(house.hub, "POST", body=data, fields={"Content-Type": content_type} if content_type else {})


def test_h1_mode_topic_and_callback_are_enough(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a")
    kept = house.subscription(callback)
    assert (kept.key.topic, kept.key.callback, kept.secret) == (house.topic, callback, None)


@pytest.mark.parametrize("missing", ["hub.mode", "hub.topic", "hub.callback"])
def test_h1_none_of_the_three_can_be_left_out(house: House, subscriber: Subscriber, missing: str) -> None:
    reply = post_form(house.hub, [pair for pair in pairs(house, subscriber.callback("/a")) if pair[0] != missing])
    assert (reply.status, missing in reply.body.decode()) == (400, True)
    assert list(house.store.deliveries()) == []


def test_h2_a_secret_is_taken_and_used(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a", secret="s3cr3t & söhne")
    assert house.subscription(callback).secret == "s3cr3t & söhne".encode()
    house.publish("three")
    (hit,) = subscriber.wait("/a", method="POST")
    assert hit.field("x-hub-signature")


@pytest.mark.parametrize("days", [1, 5, 30])
def test_h3_the_lease_that_is_asked_for_is_given_and_said(house: House, subscriber: Subscriber, days: int) -> None:
    callback = house.subscribed(subscriber, "/a", lease_seconds=str(days * DAY))
    (hit,) = subscriber.at("/a", "GET")
    kept = house.subscription(callback)
    assert hit.parameter("hub.lease_seconds") == str(days * DAY)
    assert kept.lease_end - kept.verified_at == timedelta(days=days)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        f"{FORM}; charset=iso-8859-1",
        f"{FORM}; charset=utf-16",
        "application/x-www-form-urlencoded-not",
    ],
)
def test_h8_another_type_than_a_form_in_utf_8_is_refused(house: House, subscriber: Subscriber, content_type: str) -> None:
    body = urlencode(pairs(house, subscriber.callback("/a")))
    if content_type == "application/json":
        body = json.dumps(dict(pairs(house, subscriber.callback("/a"))))
    reply = raw(house, body, content_type)
    assert (reply.status, dict(reply.fields)["content-type"]) == (400, "text/plain; charset=utf-8")
    assert list(house.store.deliveries()) == []


@pytest.mark.parametrize("body", [b"hub.mode=%FF", b"\xff\xfe", b"hub.mode=subscribe&hub.topic=\xe9"])
def test_h8_what_is_not_utf_8_is_refused(house: House, body: bytes) -> None:
    assert raw(house, body).status == 400


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=UTF-8", f'{FORM};charset="utf-8"', FORM.upper()])
def test_h8_a_form_in_utf_8_is_taken_however_it_says_so(house: House, subscriber: Subscriber, content_type: str) -> None:
    assert raw(house, urlencode(pairs(house, subscriber.callback("/a"))), content_type).status == 202


@pytest.mark.parametrize(
    ("secret", "status"), [("x" * 199, 202), ("x" * 200, 400), ("鍵" * 66, 202), ("鍵" * 66 + "xx", 400), ("é" * 100, 400)]
)
def test_h9_a_secret_has_less_than_200_bytes(house: House, subscriber: Subscriber, secret: str, status: int) -> None:
    reply = house.ask(subscriber.callback("/a"), secret=secret)
    assert (reply.status, "200 bytes" in reply.body.decode()) == (status, status == 400)


@pytest.mark.parametrize("lease", ["-1", "never", "1.5", "", "9" * 40])
def test_h10_on_unsubscribe_a_lease_is_ignored_whatever_it_says(house: House, subscriber: Subscriber, lease: str) -> None:
    callback = house.subscribed(subscriber, "/a")
    assert house.ask(callback, mode="unsubscribe", lease_seconds=lease).status == 202
    house.until(lambda: house.subscription(callback) is None)
    assert subscriber.at("/a", "GET")[-1].parameter("hub.lease_seconds") is None


def test_h11_parameters_that_nobody_knows_are_ignored(house: House, subscriber: Subscriber) -> None:
    callback = subscriber.callback("/a")
    unknown = [("hub.unknown", "1"), ("hub.unknown", "2"), ("foo", "bar"), ("", "x"), ("hub.MODE", "unsubscribe")]
    assert post_form(house.hub, [*unknown, *pairs(house, callback), *unknown]).status == 202
    house.until(lambda: house.subscription(callback))


@pytest.mark.parametrize("change", ["{}/", "{}?a=1", "{}x", "https://example.org/other"])
def test_h14_what_no_feed_names_as_itself_is_no_topic(house: House, subscriber: Subscriber, change: str) -> None:
    callback = subscriber.callback("/a")
    assert house.ask(callback, topic=change.format(house.topic)).status == 202
    (hit,) = subscriber.wait("/a")
    assert (hit.parameter("hub.mode"), hit.parameter("hub.topic")) == ("denied", change.format(house.topic))
    house.settled("deny")
    assert list(house.store.subscriptions()) == []


def test_h15_percent_encoding_that_is_not_needed_makes_no_other_url(house: House, subscriber: Subscriber) -> None:
    callback = subscriber.callback("/aB~1?q=%2Fx%20y")
    topic = house.topic.replace("all", "%61l%6c")
    encoded = callback.replace("/aB~1", "/%61%42%7E1")
    assert house.ask(encoded, topic=topic).status == 202
    kept = house.until(lambda: house.subscription(callback))
    # What needs it keeps it.
    assert kept.key.callback.endswith("/aB~1?q=%2Fx%20y")
    house.ask(callback)
    subscriber.wait("/aB~1", count=2)
    house.settled("verify")
    assert len(list(house.store.subscriptions())) == 1


@pytest.mark.parametrize("query", ["k=v", "a=%20b&a=2", "hub.mode=own&hub.challenge=mine", "flag", "a=1&", "x=%E6%97%A5"])
def test_h16_h17_the_callbacks_query_is_kept_appended_to_and_delivered_to(
    house: House, subscriber: Subscriber, query: str
) -> None:
    house.subscribed(subscriber, f"/a?{query}")
    (hit,) = subscriber.at("/a", "GET")
    assert hit.raw_query.startswith(f"{query.rstrip('&')}&hub.mode=subscribe&hub.topic={quote(house.topic, safe='')}&")
    house.publish("three")
    (told,) = subscriber.wait("/a", method="POST")
    assert told.raw_query == query
    assert b"hub." not in told.body


def test_h18_h20_the_answer_is_the_same_whatever_comes_of_it(house: House, subscriber: Subscriber) -> None:
    known = house.subscribed(subscriber, "/known")
    replies = [
        house.ask(subscriber.callback("/new")),
        house.ask(known),
        house.ask(known, mode="unsubscribe"),
        house.ask(subscriber.callback("/never"), mode="unsubscribe"),
        house.ask(subscriber.callback("/refuses", always(404))),
        house.ask(subscriber.callback("/other"), topic="https://elsewhere.example/feed"),
        house.ask("http://127.0.0.1:9/nobody-listens"),
        house.ask("http://10.0.0.1/inside"),
        house.ask("http://no-such-name.invalid/"),
    ]
    fields = [{name: value for name, value in each.fields if name != "date"} for each in replies]
    assert [each.status for each in replies] == [202] * len(replies)
    assert all(each == fields[0] for each in fields)
    assert {each.body for each in replies} == {replies[0].body}


@pytest.mark.parametrize(
    "callback",
    ["", "reader.example/a", "ftp://reader.example/a", "http://", "http://u:p@reader.example/", "http://reader.example/#f"],
)
def test_h19_a_refusal_says_why_in_plain_text(house: House, callback: str) -> None:
    reply = house.ask(callback)
    assert (reply.status, dict(reply.fields)["content-type"]) == (400, "text/plain; charset=utf-8")
    assert reply.body.startswith(b"hub.callback ")


def test_h22_nothing_is_sent_to_who_has_not_confirmed(house: House, subscriber: Subscriber) -> None:
    house.ask(subscriber.callback("/mute", always(200)))
    assert subscriber.wait("/mute", method="GET")
    other = house.subscribed(subscriber, "/other")
    house.publish("three")
    house.until(lambda: house.subscription(other).delivered == house.version)
    assert [hit.method for hit in subscriber.at("/mute")] == ["GET"]


def test_h25_every_challenge_is_of_the_alphabet(house: House, subscriber: Subscriber) -> None:
    callbacks = [subscriber.callback(f"/{number}") for number in range(25)]
    for callback in callbacks:
        assert house.ask(callback).status == 202
    house.until(lambda: all(house.subscription(each) for each in callbacks))
    challenges = [hit.parameter("hub.challenge") or "" for hit in subscriber.hits]
    assert all(re.fullmatch(r"[\x2B\x2D-\x39\x3D\x41-\x5A\x5F\x61-\x7A]{32,}", each) for each in challenges)
    assert len(set(challenges)) == len(challenges) == 25


def test_h33_retries_end_by_count_and_time_and_the_next_version_is_tried(house: House, subscriber: Subscriber) -> None:
    def script(hit: Hit) -> Said:
        return echo(hit) if hit.method == "GET" else Said(status=500)

    callback = house.subscribed(subscriber, "/a", script, lease_seconds=str(30 * DAY))
    house.publish("three")
    last = None
    for attempt in range(1, outbox.ATTEMPTS + 1):
        assert len(subscriber.wait("/a", method="POST", count=attempt)) == attempt
        kept = house.until(lambda last=last: (s := house.subscription(callback)).last != last and s)
        last = kept.last
        assert kept.attempts == attempt
        if attempt < outbox.ATTEMPTS:
            house.later(outbox.WAITS[attempt - 1] * 1.01)
    house.until(lambda: house.subscription(callback).due_at == house.subscription(callback).lease_end)
    house.later(5 * DAY)
    other = house.subscribed(subscriber, "/b")
    house.publish("four")
    house.until(lambda: house.subscription(other).delivered == house.version)
    # One attempt more, for the new version; the old one was given up.
    assert len(subscriber.wait("/a", method="POST", count=outbox.ATTEMPTS + 1)) == outbox.ATTEMPTS + 1
    kept = house.until(lambda: (s := house.subscription(callback)).tried == house.version and s)
    assert kept.attempts == 1
    assert kept.last is None or kept.last.failure is not Failure.BREAKER
    assert kept.lease_end > datetime.now(UTC)
