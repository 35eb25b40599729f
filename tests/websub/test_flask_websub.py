"""Flask-WebSub, which somebody else wrote, with our hub: as a subscriber, and as a publisher of something else."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from feedservice.service.subscriber import post_form

websub = pytest.importorskip("flask_websub.subscriber", reason="Flask-WebSub is not installed")

from tests.websub.flask_apps import Publisher, Reader  # noqa: E402 - needs what was looked for above

pytestmark = [
    pytest.mark.judge,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_it_discovers_subscribes_gets_what_is_new_and_unsubscribes(house: Any, tmp_path: Path) -> None:
    with Reader(tmp_path) as reader:
        with reader.app.app_context():
            found = websub.discover(house.topic)
            assert found == {"hub_url": house.hub, "topic_url": house.topic}
            callback = reader.subscriber.subscribe(**found)
        (ours,) = house.until(lambda: list(house.store.subscriptions()))
        house.publish("three")
        house.until(lambda: reader.got)
        assert reader.got == [b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>three</id></entry></feed>']
        house.until(lambda: house.subscription(ours.key.callback).delivered == 2)

        # It gives a secret to hubs with TLS only, so both sides are given one here; a body with another signature is not taken.
        with reader.app.app_context():
            theirs = reader.subscriber.storage.pop(callback)
            reader.subscriber.storage[callback] = {**theirs, "secret": "s3cr3t"}
        house.store.import_subscriptions([dataclasses.replace(house.subscription(ours.key.callback), secret=b"s3cr3t")])
        house.publish("four")
        house.until(lambda: len(reader.got) == 2)

        with reader.app.app_context():
            reader.subscriber.storage.pop(callback)
            reader.subscriber.storage[callback] = {**theirs, "secret": None}
            reader.subscriber.unsubscribe(callback)
        house.until(lambda: not list(house.store.subscriptions()))
        assert reader.modes == ["subscribe", "unsubscribe"]


def test_a_publisher_of_something_else_is_refused_and_its_subscriber_learns_why(house: Any, tmp_path: Path) -> None:
    with Publisher(house.hub) as publisher, Reader(tmp_path) as reader:
        reply = post_form(house.hub, [("hub.mode", "publish"), ("hub.url", publisher.topic)])
        assert (reply.status, reply.body) == (404, b"this hub has no such topic: it serves the feeds of its own site only\n")
        callback = reader.subscribe(publisher.topic)
        house.until(lambda: reader.errors)
        assert reader.errors == ["this hub has no such topic"]
        assert reader.got == []
        # It has forgotten what it asked for.
        with reader.app.app_context(), pytest.raises(KeyError):
            reader.subscriber.storage[callback]
    assert list(house.store.subscriptions()) == []
