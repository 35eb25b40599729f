"""POST /hub and the ears of rssCloud: what is answered, and what is written down."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlencode
from xmlrpc import client as xmlrpc_client

import pytest

from feedservice.deliveries import Announcement, Delivery, Subscription, SubscriptionKey, TopicVersion
from feedservice.push import hub as machine
from feedservice.push import rsscloud, urls, xmlrpc
from feedservice.push.budgets import Budget
from feedservice.store.outbox import Outbox
from feedservice.store.sql import open_store
from feedservice.web import hub, reception
from feedservice.web.desk import Asked
from feedservice.web.fairness import TrustedProxies, client_address
from feedservice.web.hub import Registrar, Room
from feedservice.web.reception import Post

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
TOPIC = "https://example.org/feeds/all.atom"
CALLBACK = "https://reader.example/push?id=7"
FORM = "application/x-www-form-urlencoded"


def post_of(now: Callable[[], datetime]) -> Post:
    return Post(now=now, client=lambda peer, fields: client_address(peer, fields, TrustedProxies()))


class Ear:
    """The doors over a real store, with a clock of our own."""

    def __init__(self, outbox: Outbox, room: Room) -> None:
        self.outbox = outbox
        self.at = NOW
        self.woken = 0
        self.numbers = itertools.count()
        registrar = Registrar(outbox, room, token=lambda: f"challenge-{next(self.numbers)}", queued=self._queued)
        self.doors = hub.doors(post_of(self.now), registrar, websub=True, cloud=True)

    def _queued(self) -> None:
        self.woken += 1

    def now(self) -> datetime:
        return self.at

    def post(
        self,
        body: bytes | dict[str, str],
        path: str = "/hub",
        kind: str = FORM,
        peer: str = "198.51.100.7",
        method: str = "POST",
        **fields: str,
    ) -> tuple[int, dict[str, str], bytes]:
        sent = body if isinstance(body, bytes) else urlencode(body).encode()
        given = (("host", "example.org"), ("content-type", kind), *fields.items())
        asked = Asked(method=method, target=path.encode(), fields=given, peer=peer)
        answer, text = asyncio.run(self.doors[path.encode()].answer(asked, sent))
        return answer.status, dict(answer.headers), text

    async def asks(self, number: int) -> int:
        """Subscribe from an address of its own."""
        fields = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": f"https://r{number}.example/"}
        peer = f"198.51.100.{number}"
        asked = Asked(method="POST", target=b"/hub", fields=(("host", "h"), ("content-type", FORM)), peer=peer)
        answer, _ = await self.doors[b"/hub"].answer(asked, urlencode(fields).encode())
        return answer.status

    def subscribe(self, **changes: str) -> tuple[int, dict[str, str], bytes]:
        fields = {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": CALLBACK}
        return self.post(fields | {"hub." + name: value for name, value in changes.items()})

    @property
    def rows(self) -> list[Delivery]:
        return sorted(self.outbox.deliveries(), key=lambda each: each.id)

    def publish(self, topic: str = TOPIC, version: int = 1) -> None:
        made = TopicVersion(
            topic=topic,
            version=version,
            feed="all",
            etag="e",
            media_type="application/atom+xml",
            link="l",
            body=b"<feed/>",
            entries=(),
            published_at=NOW,
        )
        self.outbox.announce(Announcement(topics=(made,)))

    def add(self, callback: str = CALLBACK, topic: str = TOPIC, protocol: str = "websub") -> None:
        key = SubscriptionKey(protocol=protocol, topic=topic, callback=callback)
        made = Subscription(
            key=key, host=urls.host_of(callback), verified_at=NOW, lease_end=NOW + timedelta(days=10), delivered=1, due_at=NOW
        )
        self.outbox.import_subscriptions([made])


@pytest.fixture
def room() -> Room:
    return Room(lease=10 * machine.DAY, per_host=3, per_topic=4)


@pytest.fixture
def ear(tmp_path: Path, room: Room) -> Iterator[Ear]:
    store = open_store(tmp_path / "store.sqlite")
    made = Ear(store, room)
    made.publish()
    yield made
    store.close()


def test_a_request_is_kept_before_202(ear: Ear) -> None:
    status, fields, _ = ear.subscribe(secret="s3cr3t", lease_seconds="86400", verify_token="t")
    assert (status, fields["content-type"], fields["cache-control"]) == (202, "text/plain; charset=utf-8", "no-store")
    (row,) = ear.rows
    assert (row.kind, row.target, row.secret, row.attempts) == ("verify", CALLBACK, b"s3cr3t", 0)
    said = json.loads(row.payload)
    assert (said["mode"], said["topic"], said["lease"], said["challenge"], said["version"]) == (
        "subscribe",
        TOPIC,
        86400,
        "challenge-0",
        1,
    )
    assert ear.woken == 1


def test_nothing_is_called_and_nothing_distributed(ear: Ear) -> None:
    ear.subscribe()
    assert [row.kind for row in ear.rows] == ["verify"]
    assert list(ear.outbox.subscriptions()) == []


def test_the_answer_is_the_same_whatever_there_is(ear: Ear) -> None:
    ear.add("https://reader.example/other")
    answers = [
        ear.subscribe(),
        ear.subscribe(callback="https://reader.example/other"),
        ear.subscribe(topic="https://example.org/no-such-topic"),
        ear.subscribe(mode="unsubscribe"),
        ear.subscribe(mode="unsubscribe", topic="https://example.org/no-such-topic"),
        ear.subscribe(mode="unsubscribe", callback="https://reader.example/other"),
    ]
    assert {(status, tuple(sorted(fields.items())), body) for status, fields, body in answers} == {
        (answers[0][0], tuple(sorted(answers[0][1].items())), answers[0][2])
    }


def test_an_unknown_topic_is_denied_at_the_callback(ear: Ear) -> None:
    ear.subscribe(topic="https://example.org/no-such-topic")
    (row,) = ear.rows
    assert row.kind == "deny"
    assert json.loads(row.payload)["reason"] == "this hub has no such topic"


def test_a_topic_that_has_moved_or_ended_is_denied(ear: Ear) -> None:
    ear.outbox.announce(Announcement(retired=(TOPIC,)))
    ear.subscribe()
    assert [row.kind for row in ear.rows] == ["deny"]


@pytest.mark.parametrize("topic", ["https://example.org/feeds/%61ll.atom", "https://example.org/%66eeds/all.atom"])
def test_a_topic_is_the_same_however_it_is_encoded(ear: Ear, topic: str) -> None:
    ear.subscribe(topic=topic)
    assert [row.kind for row in ear.rows] == ["verify"]


@pytest.mark.parametrize("topic", [TOPIC + "/", TOPIC.upper(), "http://example.org/feeds/all.atom", TOPIC + "?x=1"])
def test_another_topic_is_another(ear: Ear, topic: str) -> None:
    ear.subscribe(topic=topic)
    assert [row.kind for row in ear.rows] == ["deny"]


def test_one_verification_is_pending_for_a_topic_and_callback(ear: Ear) -> None:
    for _ in range(5):
        ear.subscribe()
    queued = [row for row in ear.rows if row.state.value == "queued"]
    assert len(queued) == 1
    assert json.loads(queued[0].payload)["challenge"] == "challenge-4"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"hub.mode": "subscribe"}, FORM, b"hub.callback is missing"),
        ({}, FORM, b"hub.mode must be"),
        (b"{}", "application/json", b"the body must be application/x-www-form-urlencoded"),
        (b"hub.mode=%FF", FORM, b"UTF-8"),
        (b"", FORM, b"hub.mode must be"),
    ],
)
def test_errors_are_4xx_with_a_line_of_text(ear: Ear, body: Any, kind: str, words: bytes) -> None:
    status, fields, text = ear.post(body, kind=kind)
    assert (status, fields["content-type"]) == (400, "text/plain; charset=utf-8")
    assert words in text
    assert ear.rows == []


def test_a_body_that_is_too_long_is_not_read(ear: Ear) -> None:
    assert ear.post(b"a=" + b"x" * reception.LONGEST)[0] == 413


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_it_takes_post_only(ear: Ear, method: str) -> None:
    status, fields, _ = ear.post(b"", method=method)
    assert (status, fields["allow"]) == (405, "POST")


def test_a_publisher_is_heard_and_nothing_happens(ear: Ear) -> None:
    status, fields, body = ear.post({"hub.mode": "publish", "hub.url": TOPIC})
    assert (status, body) == (204, b"")
    assert "content-length" not in fields
    assert ear.rows == []


@pytest.mark.parametrize("name", ["hub.url", "hub.topic"])
def test_a_publisher_of_something_else_is_told_so(ear: Ear, name: str) -> None:
    status, _, body = ear.post({"hub.mode": "publish", name: "https://elsewhere.example/feed.xml", "hub.url[]": TOPIC})
    assert (status, body) == (404, b"this hub has no such topic: it serves the feeds of its own site only\n")
    assert ear.post({"hub.mode": "publish"})[0] == 400
    assert ear.rows == []


def test_a_callback_host_has_a_budget(ear: Ear) -> None:
    statuses = [
        ear.post(
            {"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.callback": f"https://victim.example/{number}"},
            peer=f"198.51.100.{number}",
        )[0]
        for number in range(40)
    ]
    assert statuses.count(202) == 30
    status, fields, _ = ear.subscribe(callback="https://victim.example/x")
    assert (status, fields["retry-after"]) == (429, "6")
    assert ear.subscribe()[0] == 202
    ear.at += timedelta(seconds=6)
    assert ear.subscribe(callback="https://victim.example/x")[0] == 202


def test_a_requester_has_a_budget_by_what_it_commands(ear: Ear) -> None:
    statuses = [ear.post(b"", peer=f"2001:db8::{number:x}")[0] for number in range(70)]
    assert statuses.count(429) == 10
    assert ear.post(b"", peer="2001:db8:0:1::1")[0] == 400


def test_who_is_over_the_limit_is_denied_and_who_is_in_may_renew(ear: Ear) -> None:
    for number in range(3):
        ear.add(f"https://reader.example/{number}")
    assert ear.subscribe(callback="https://reader.example/new")[0] == 202
    assert ear.subscribe(callback="https://reader.example/1")[0] == 202
    assert ear.subscribe(callback="https://reader.example/new", mode="unsubscribe")[0] == 202
    found = sorted((row.kind, row.target) for row in ear.rows)
    assert ("deny", "https://reader.example/new") in found
    assert ("verify", "https://reader.example/1") in found


def test_a_topic_has_a_limit(ear: Ear) -> None:
    for number in range(4):
        ear.add(f"https://reader{number}.example/")
    ear.subscribe()
    assert [row.kind for row in ear.rows] == ["deny"]


def test_a_topic_that_is_not_live_yet_can_be_subscribed_to(ear: Ear) -> None:
    made = TopicVersion(
        topic=TOPIC + "2", version=1, feed="x", etag="e", media_type="a/b", link="l", body=b"", entries=(), published_at=NOW
    )
    ear.outbox.announce(Announcement(topics=(made,), live=False))
    ear.subscribe(topic=TOPIC + "2")
    (row,) = ear.rows
    assert (row.kind, json.loads(row.payload)["version"]) == ("verify", 0)


def test_when_nothing_can_be_kept_nothing_is_promised(ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The error that is logged here is no business of the servers that other tests share.
    own = logging.getLogger("feedservice.web.hub")
    monkeypatch.setattr(own, "propagate", False)
    told = QueueHandler(SimpleQueue())
    own.addHandler(told)
    for file in tmp_path.glob("store.sqlite*"):
        file.write_bytes(b"\xff" * file.stat().st_size)
    status, fields, _ = ear.subscribe()
    assert (status, fields["retry-after"], ear.woken) == (503, "30", 0)
    own.removeHandler(told)
    line = told.queue.get_nowait()
    # Why, and what to do, in one line: no statement, and not who asked.
    assert "restore a backup" in line.getMessage()
    assert line.exc_text is None
    assert "reader.example" not in line.getMessage()


def test_no_more_verifications_wait_for_one_host_than_may(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_VERIFYING", 2)
    for number in range(4):
        assert ear.subscribe(callback=f"https://reader.example/{number}")[0] == 202
    assert {row.target for row in ear.rows} == {f"https://reader.example/{number}" for number in range(2)}
    assert ear.subscribe(callback="https://other.example/")[0] == 202
    assert len(ear.rows) == 3
    for number in range(4):
        ear.post({**NOTIFY, "path": f"/{number}"}, path="/rsscloud/pleaseNotify")
    assert len(ear.rows) == 5


def test_those_who_spent_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "_REMEMBERED", 3)
    purse = reception.Purse(Budget(interval=60, burst=1))
    assert [purse.spend(name, NOW) for name in "abc"] == [0, 0, 0]
    assert purse.spend("a", NOW) == 60
    assert [purse.spend(name, NOW) for name in "de"] == [0, 0]
    assert set(purse._whole) == set("cde")
    assert [purse.spend(name, NOW) for name in "ce"] == [60, 60]
    assert purse.spend("a", NOW) == 0


def test_a_store_that_is_locked_holds_up_nobody_but_those_who_want_to_subscribe(ear: Ear, tmp_path: Path) -> None:
    """Threads that every other room uses too must not all wait for it; and there is an end to how many wait."""

    async def main() -> list[int]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = [asyncio.ensure_future(ear.asks(number)) for number in range(hub._WAITING + 5)]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=30)
            assert {each.result() for each in done} == {503}
            async with asyncio.timeout(30):
                assert await asyncio.to_thread(lambda: "a body of a feed") == "a body of a feed"
            other.execute("ROLLBACK")
            return await asyncio.gather(*waiting)

    statuses = asyncio.run(main())
    assert Counter(statuses) == {202: hub._WAITING, 503: 5}
    assert len(ear.rows) == hub._WAITING


def test_a_renewal_heals_a_subscription_whose_secret_cannot_be_read(ear: Ear, room: Room, tmp_path: Path) -> None:
    """The key of the secrets was lost: who renews brings a secret that is sealed with the one that there is now."""
    ear.add()
    (here,) = ear.outbox.subscriptions()
    ear.outbox.import_subscriptions([dataclasses.replace(here, secret=b"old", method="sha512")])
    (tmp_path / "secrets.key").write_text("0" * 64)
    with contextlib.closing(open_store(tmp_path / "store.sqlite")) as other:
        again = Ear(other, room)
        assert again.subscribe(secret="new")[0] == 202
        (row,) = again.rows
        assert (row.secret, json.loads(row.payload)["method"]) == (b"new", "sha512")


# rssCloud -----------------------------------------------------------------------------------------------------------------

NOTIFY = {"notifyProcedure": "", "port": "80", "path": "/up", "protocol": "http-post", "url1": TOPIC}


def test_please_notify(ear: Ear) -> None:
    status, fields, body = ear.post(NOTIFY, path="/rsscloud/pleaseNotify")
    assert (status, fields["content-type"]) == (200, "text/xml; charset=utf-8")
    assert b'<notifyResult success="true"' in body
    (row,) = ear.rows
    assert (row.kind, row.target) == (rsscloud.VERIFY, "http://198.51.100.7:80/up")


def test_please_notify_answers_json_when_asked(ear: Ear) -> None:
    status, fields, body = ear.post({**NOTIFY, "protocol": "soap"}, path="/rsscloud/pleaseNotify", accept="application/json")
    assert (status, fields["content-type"]) == (400, "application/json")
    assert json.loads(body)["success"] is False


def test_please_notify_by_xml_rpc(ear: Ear) -> None:
    call = xmlrpc_client.dumps(
        ("my.update", 80, "/RPC2", "xml-rpc", [TOPIC, "https://example.org/none"]), "rssCloud.pleaseNotify"
    ).encode()
    status, _, body = ear.post(call, path="/RPC2", kind="text/xml")
    assert (status, xmlrpc_client.loads(body)[0]) == (200, (True,))
    (row,) = ear.rows
    assert json.loads(row.payload)["procedure"] == "xml-rpc:my.update"


@pytest.mark.parametrize("method", ["rssCloud.hello", "rssCloud.ping"])
def test_other_calls_of_rsscloud_are_answered(ear: Ear, method: str) -> None:
    _, _, body = ear.post(xmlrpc.call(method, [TOPIC]), path="/RPC2", kind="text/xml")
    assert xmlrpc.read_answer(body).value is True
    assert ear.rows == []


@pytest.mark.parametrize(
    "body", [b"<x/>", b"", xmlrpc.call("system.listMethods", []), xmlrpc.call("rssCloud.pleaseNotify", ["a"])]
)
def test_what_is_no_call_of_ours_is_a_fault(ear: Ear, body: bytes) -> None:
    status, _, answer = ear.post(body, path="/RPC2", kind="text/xml")
    assert status == 200
    assert xmlrpc.read_answer(answer).fault


def test_one_request_cannot_name_more_feeds_than_the_budget_of_the_host(ear: Ear) -> None:
    many = NOTIFY | {f"url{number}": f"https://example.org/{number}" for number in range(2, 40)}
    assert ear.post(many, path="/rsscloud/pleaseNotify")[0] == 400
    assert ear.rows == []


def test_the_key_of_indexnow_hangs_out_as_it_is() -> None:
    notice = reception.Notice(post_of(lambda: NOW), "abcd1234")
    asked = Asked(method="GET", target=b"/abcd1234.txt", fields=())
    answer, body = asyncio.run(notice.answer(asked, b""))
    assert (answer.status, body, dict(answer.headers)["content-type"]) == (200, b"abcd1234", "text/plain; charset=utf-8")
    refused, _ = asyncio.run(notice.answer(Asked(method="POST", target=b"/abcd1234.txt", fields=()), b""))
    assert refused.status == 405
