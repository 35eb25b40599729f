"""A post is saved, and those who want to know are told: the running service, a subscriber and a webhook on loopback."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from feedservice.cli import group
from feedservice.push import signing
from feedservice.service.subscriber import Said, Subscriber, always, post_form
from tests.daemon.conftest import CONFIG, PATIENCE, Site, post, wait_for

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
  websub: {{hub: embedded, canary: false}}
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


def test_what_is_saved_is_told(site: Site, subscriber: Subscriber) -> None:
    configure(site, subscriber.callback("/hook", always(204)))
    site.start()
    assert subscribe(site, subscriber.callback("/a?k=1"), secret="s3cr3t") == 202
    assert subscriber.wait("/a", method="GET", patience=PATIENCE)
    assert b'rel="hub"' in site.get("/feeds/all.atom")[1]
    assert b"<cloud " in site.get("/feeds/all.rss")[1]

    site.write("second.md", post("Second", NOW))
    (told,) = subscriber.wait("/a", method="POST", patience=PATIENCE)
    assert re.findall(rb'<title type="text">(First|Second)</title>', told.body) == [b"Second"]
    assert signing.is_hub_signature(told.field("x-hub-signature") or "", b"s3cr3t", told.body)
    assert told.field("link") == f'<https://example.org/hub>; rel="hub", <{TOPIC}>; rel="self"'
    (hook,) = subscriber.wait("/hook", patience=PATIENCE)
    assert (json.loads(hook.body)["type"], json.loads(hook.body)["data"]["title"]) == ("post.published", "Second")
    # Nothing in the front matter: the summary is the one that readers of the feed see.
    assert json.loads(hook.body)["data"]["summary"] == "Text."
    # The first pass was the baseline: nobody was told of the first post.
    assert b"First" not in hook.body

    site.write("second.md", post("Second, better", NOW))
    edited = subscriber.wait("/hook", count=2, patience=PATIENCE)[1]
    assert json.loads(edited.body)["type"] == "post.updated"
    (site.content / "second.md").unlink()
    removed = subscriber.wait("/hook", count=3, patience=PATIENCE)[2]
    assert json.loads(removed.body)["type"] == "post.removed"
    assert site.stop() == 0


def test_a_store_that_is_lost_takes_no_announcement_with_it(site: Site, subscriber: Subscriber) -> None:
    configure(site, subscriber.callback("/hook", always(204)))
    site.start()
    for file in site.state.glob("store.sqlite*"):
        file.unlink()
    site.write("second.md", post("Second", NOW))
    # What is out when the store is made anew is known to everybody; from then on it is as before.
    assert site.logged(r"\[store\.missing\]$")["level"] == "error"
    site.serves("Second", "First")
    site.write("third.md", post("Third", NOW))
    told = subscriber.wait("/hook", patience=PATIENCE)
    assert [json.loads(each.body)["data"]["title"] for each in told] == ["Third"]
    assert subscribe(site, subscriber.callback("/a")) == 202
    assert subscriber.wait("/a", method="GET", patience=PATIENCE)
    assert "Traceback" not in site.log()
    assert site.stop() == 0


def test_the_operator_sees_how_it_goes_and_no_callback(site: Site, subscriber: Subscriber) -> None:
    configure(site, subscriber.callback("/hook-of-secret-path", always(503)))
    token = site.root / "token"
    token.write_text("0123456789abcdef" * 2, "ascii")
    token.chmod(0o600)
    site.config.write_text(site.config.read_text("utf-8").replace("port: 0", "port: 0, admin_token_file: token"), "utf-8")
    site.start()
    assert subscribe(site, subscriber.callback("/push-of-secret-path?k=1"), secret="s3cr3t") == 202
    assert subscriber.wait("/push-of-secret-path", method="GET", patience=PATIENCE)
    site.write("second.md", post("Second", NOW))
    host = subscriber.base.removeprefix("http://")
    told = wait_for(lambda: next((t for t in [site.ask("status")["announcing"]] if t["retrying_hosts"] == [host]), None))
    assert (told["deliveries"]["webhook"], told["deliveries"]["verify"]) == ({"queued": 1}, {"delivered": 1})
    assert (told["subscriptions"], told["retrying"], told["refusal"]) == (1, 1, None)
    assert told["oldest"] < told["next_due"]
    assert told["attempts"]["confirmed"] >= 1 <= told["attempts"]["failed"]

    status, body = site.get("/-/metrics", {"Authorization": f"Bearer {token.read_text('ascii')}"})
    read = {sample.name: sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples}
    counts = {
        (sample.labels["kind"], sample.labels["state"]): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name == "feedservice_deliveries"
    }
    assert status == 200
    assert counts == {("webhook", "queued"): 1, ("verify", "delivered"): 1}
    assert [read[f"feedservice_{name}"].value for name in ("subscriptions", "retrying_hosts", "outbox_readable")] == [1, 1, 1]
    assert read["feedservice_next_attempt_timestamp_seconds"].value > read["feedservice_oldest_delivery_timestamp_seconds"].value

    shown = CliRunner().invoke(group, ["--config", str(site.config), "status"])
    assert "1 subscription, 1 queued, 1 delivered" in shown.output
    assert f"retrying {host}: `feedservice deliveries` says why" in shown.output
    about = CliRunner().invoke(group, ["--config", str(site.config), "deliveries", "--post", "second.md"])
    sentence, row = about.output.splitlines()
    assert re.fullmatch(rf"Second: 1 of 1 subscriber confirmed in \d\.\d s, webhook {host} retrying \(503\)", sentence), sentence
    assert f"webhook → {host}" in row
    for said in (json.dumps(site.ask("status")), body.decode(), shown.output):
        assert "secret-path" not in said
        assert "s3cr3t" not in said


def test_what_was_not_told_before_the_end_is_told_after_the_next_start(site: Site, subscriber: Subscriber) -> None:
    answers = iter([Said(status=503)])
    configure(site, subscriber.callback("/hook", lambda _: next(answers, None) or Said(status=204)))
    site.start()
    site.write("second.md", post("Second", NOW))
    first = subscriber.wait("/hook", patience=PATIENCE)[0]
    site.stop()
    site.start()
    assert site.ask("deliver") == {"asked": True}
    second = subscriber.wait("/hook", count=2, patience=PATIENCE)[1]
    assert (first.field("webhook-id"), first.body) == (second.field("webhook-id"), second.body)
    assert len(subscriber.at("/hook")) == 2


def test_a_subscription_outlives_the_service(site: Site, subscriber: Subscriber) -> None:
    configure(site)
    site.start()
    subscribe(site, subscriber.callback("/a"))
    subscriber.wait("/a", method="GET", patience=PATIENCE)
    wait_for(lambda: site.ask("deliver"))
    site.stop()
    site.write("second.md", post("Second", NOW))
    site.start()
    assert subscriber.wait("/a", method="POST", patience=PATIENCE)


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


def test_a_reader_of_rsscloud_is_told(site: Site, subscriber: Subscriber) -> None:
    configure(site)
    text = site.config.read_text("utf-8").replace("callbacks: {allow: 127.0.0.1}", "callbacks: {allow: [127.0.0.1, '::1']}")
    site.config.write_text(text, "utf-8")
    site.start()
    feed = "https://example.org/feeds/all.rss"
    subscriber.callback("/notify", lambda hit: Said(status=200, body=(hit.parameter("challenge") or "").encode()))
    port = subscriber.base.rpartition(":")[2]
    pairs = [("notifyProcedure", ""), ("port", port), ("path", "/notify"), ("protocol", "http-post")]
    reply = post_form(site.url + "/rsscloud/pleaseNotify", [*pairs, ("domain", "localhost"), ("url1", feed)])
    assert (reply.status, b'success="true"' in reply.body) == (200, True)
    (asked,) = subscriber.wait("/notify", method="GET", patience=PATIENCE)
    assert (asked.parameter("url"), bool(asked.parameter("challenge"))) == (feed, True)
    wait_for(lambda: site.ask("status")["announcing"]["subscriptions"] == 1)
    site.write("second.md", post("Second", NOW))
    (told,) = subscriber.wait("/notify", method="POST", patience=PATIENCE)
    assert told.body == urlencode({"url": feed}).encode()


def test_nobody_is_told_before_the_public_url_gives_the_new_version(site: Site, subscriber: Subscriber) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configure(site, subscriber.callback("/hook", always(204)))
    text = (
        site.config.read_text("utf-8")
        .replace("https://example.org", f"http://127.0.0.1:{port}")
        .replace("port: 0", f"port: {port}")
    )
    site.config.write_text(text.replace("  verify: off\n", ""), "utf-8")
    site.start()
    topic = f"http://127.0.0.1:{port}/feeds/all.atom"
    pairs = [("hub.mode", "subscribe"), ("hub.topic", topic), ("hub.callback", subscriber.callback("/a"))]
    assert post_form(site.url + "/hub", pairs).status == 202
    assert subscriber.wait("/a", method="GET", patience=PATIENCE)
    site.write("second.md", post("Second", NOW))
    assert subscriber.wait("/hook", patience=PATIENCE)
    assert subscriber.wait("/a", method="POST", patience=PATIENCE)
    assert site.titles() == ["Second", "First"]


@pytest.mark.parametrize("harm", ["all of it", "the posts"])
def test_a_store_that_was_put_aside_is_announced_from_all_the_same(site: Site, subscriber: Subscriber, harm: str) -> None:
    """The store that the pass begins anew is the one that subscriptions are kept in from then on, and deliveries made from."""
    configure(site, subscriber.callback("/hook", always(204)))
    site.start()
    site.stop()
    file = site.state / "store.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as store:
        (page,) = store.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'posts'").fetchone()
        (size,) = store.execute("PRAGMA page_size").fetchone()
    data = bytearray(file.read_bytes())
    # With the one the store cannot even be opened; with the other that is seen when it was open for a while.
    begin, end = {"all of it": (0, len(data)), "the posts": ((page - 1) * size, page * size)}[harm]
    data[begin:end] = b"\xff" * (end - begin)
    file.write_bytes(bytes(data))
    site.start()
    assert list(site.state.glob("store.sqlite.damaged*"))
    assert subscribe(site, subscriber.callback("/a"), secret="s3cr3t") == 202
    assert subscriber.wait("/a", method="GET", patience=PATIENCE)
    site.write("second.md", post("Second", NOW))
    assert subscriber.wait("/a", method="POST", patience=PATIENCE)
    assert subscriber.wait("/hook", patience=PATIENCE)
    assert site.stop() == 0
