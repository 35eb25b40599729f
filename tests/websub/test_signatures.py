"""H35, H37: every method of the Recommendation, chosen for the hub and for single subscribers."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from typing import Any

import pytest

House = Any
Subscriber = Any
SECRET = "s3cr3t"


def signed(house: House, subscriber: Subscriber, entry: str, count: int = 1) -> tuple[str, bytes]:
    """Publish an entry, and return how the delivery is signed, and its body."""
    house.publish(entry)
    hit = subscriber.wait("/a", method="POST", count=count)[-1]
    house.until(lambda: house.subscription(subscriber.base + "/a").delivered == house.version)
    return hit.field("x-hub-signature") or "", hit.body


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_h35_a_subscription_is_signed_for_by_its_own_method(house: House, subscriber: Subscriber, method: str) -> None:
    callback = house.subscribed(subscriber, "/a", secret=SECRET)
    assert house.store.sign_with([house.key(callback)], method) == 1
    found, body = signed(house, subscriber, "three")
    assert found == f"{method}={hmac.new(SECRET.encode(), body, getattr(hashlib, method)).hexdigest()}"


def test_h37_nothing_less_than_sha256_is_what_a_hub_takes_by_itself(house: House, subscriber: Subscriber) -> None:
    house.subscribed(subscriber, "/a", secret=SECRET)
    assert signed(house, subscriber, "three")[0].startswith("sha256=")


def test_h35_the_hubs_method_is_that_of_new_subscriptions_and_a_renewal_keeps_its_own(
    house: House, subscriber: Subscriber
) -> None:
    callback = house.subscribed(subscriber, "/a", secret=SECRET)
    house.store.sign_with([house.key(callback)], "sha1")
    house.registrar.room = dataclasses.replace(house.registrar.room, method="sha512")
    other = house.subscribed(subscriber, "/b", secret=SECRET)
    house.ask(callback, secret="another")
    house.until(lambda: house.subscription(callback).secret == b"another")
    assert (house.subscription(callback).method, house.subscription(other).method) == ("sha1", "sha512")


@pytest.mark.parametrize("method", ["sha1", "sha512"])
def test_h7_a_method_alone_signs_nothing(house: House, subscriber: Subscriber, method: str) -> None:
    callback = house.subscribed(subscriber, "/a")
    house.store.sign_with([house.key(callback)], method)
    assert signed(house, subscriber, "three")[0] == ""
