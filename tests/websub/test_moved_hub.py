"""H21: a hub that has moved says so, and forgets nobody whom it has served."""

from __future__ import annotations

import dataclasses
from typing import Any

from feedservice.service.subscriber import echo, post_form

House = Any
Subscriber = Any
NEW = "https://hub.example.org/?site=1"


def moved(house: House) -> None:
    house.registrar.room = dataclasses.replace(house.registrar.room, moved=NEW)


def test_h21_who_wants_to_subscribe_is_sent_to_the_new_hub(house: House, subscriber: Subscriber) -> None:
    moved(house)
    reply = house.ask(subscriber.callback("/a"))
    assert (reply.status, dict(reply.fields)["location"]) == (308, NEW)
    assert dict(reply.fields)["content-type"] == "text/plain; charset=utf-8"
    # Whether there is such a topic, or such a subscription, is not said.
    assert house.ask(subscriber.callback("/a"), topic="https://elsewhere.example/feed").status == 308
    assert list(house.store.deliveries()) == []


def test_h21_a_request_that_no_hub_could_use_is_refused_here(house: House) -> None:
    moved(house)
    assert house.ask("no URL").status == 400
    assert post_form(house.hub, [("hub.mode", "subscribe")]).status == 400
    assert post_form(house.hub, [("hub.mode", "publish"), ("hub.url", house.topic)]).status == 204


def test_h21_who_subscribed_before_is_served_and_may_end_it_here(house: House, subscriber: Subscriber) -> None:
    callback = house.subscribed(subscriber, "/a")
    moved(house)
    assert house.ask(callback).status == 308
    house.publish("three")
    assert subscriber.wait("/a", method="POST")
    assert house.ask(callback, mode="unsubscribe").status == 202
    house.until(lambda: house.subscription(callback) is None)
    assert subscriber.at("/a", "GET")[-1].parameter("hub.mode") == "unsubscribe"


def test_h21_a_client_that_follows_arrives_with_its_request(house: House, subscriber: Subscriber) -> None:
    house.registrar.room = dataclasses.replace(house.registrar.room, moved=subscriber.callback("/new", echo))
    reply = house.ask(subscriber.callback("/a"))
    # 308 keeps method and body (RFC 9110 §15.4.9), which a client does by asking the same of the other address.
    pairs = [("hub.mode", "subscribe"), ("hub.topic", house.topic), ("hub.callback", subscriber.callback("/a"))]
    post_form(dict(reply.fields)["location"], pairs)
    (hit,) = subscriber.wait("/new", method="POST")
    assert b"hub.mode=subscribe" in hit.body
