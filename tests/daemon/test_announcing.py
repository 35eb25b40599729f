"""A post is saved, and those who want to know are told: the running service, a subscriber and a webhook on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from feedservice.service.subscriber import Subscriber, post_form
from tests.daemon.conftest import CONFIG, PATIENCE, Site, wait_for

TOPIC = "https://example.org/feeds/all.atom"
NOW = datetime.now(UTC).strftime("%Y-%m-%d")


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber() as made:
        yield made


def configure(site: Site, *hooks: str) -> None:
    webhooks = "".join(f"\n  - {{url: '{hook}', events: [post.published, post.updated, post.removed]}}" for hook in hooks)
    site.config.write_text(
        CONFIG
        + f"""\
announce:
  verify: off
  websub: {{hub: embedded}}
  rsscloud: on
  callbacks: {{allow: 127.0.0.1}}
  targets: {{allow: 127.0.0.1}}
  webhooks:{webhooks or " []"}
""",
        encoding="utf-8",
    )


def subscribe(site: Site, callback: str, **more: str) -> int:
    fields = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": callback, **{f"hub.{k}": v for k, v in more.items()}}
    return post_form(site.url + "/hub", list(fields.items())).status


def test_strangers_learn_nothing_and_private_addresses_are_not_called(site: Site, subscriber: Subscriber) -> None:
    configure(site)
    site.config.write_text(site.config.read_text("utf-8").replace("callbacks: {allow: 127.0.0.1}", "callbacks: {}"), "utf-8")
    site.start()
    assert subscribe(site, subscriber.callback("/a")) == 202
    body = urlencode({"hub.mode": "list"}).encode()
    assert site.get("/hub", {"Content-Type": "application/x-www-form-urlencoded"}, data=body)[0] == 400
    assert site.get("/hub")[0] == 405
    site.stop()
    assert subscriber.hits == []


def test_what_is_turned_on_later_is_on(site: Site, subscriber: Subscriber) -> None:
    site.start()
    assert subscribe(site, subscriber.callback("/a")) != 202
    configure(site)
    site.ask("reload")
    wait_for(lambda: subscribe(site, subscriber.callback("/a")) == 202)
    assert subscriber.wait("/a", method="GET", patience=PATIENCE)
