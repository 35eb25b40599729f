"""``deliveries``, ``subscribers``, ``announce``, ``targets`` and ``websub-check``, as they are typed."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedservice.cli import group
from feedservice.deliveries import Announcement, Delivery, EntryFacts, Lane, Subscription, SubscriptionKey, TopicVersion
from feedservice.model import EntrySpan
from feedservice.service.subscriber import Subscriber, always
from feedservice.store import Changes, DocumentRow
from feedservice.store.sql import SqlStore, open_store

NOW = datetime.now(UTC).replace(microsecond=0)
TOPIC = "https://example.org/feeds/all.atom"
CALLBACK = "https://reader.example/push?k=secret"
BODY = b"<feed/>"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(
        """\
site: {title: A, url: 'https://example.org'}
announce:
  websub: {hub: embedded, hubs: ['https://hub.example/']}
  webhooks: [{url: 'https://hook.example/path-is-secret'}]
""",
        encoding="utf-8",
    )
    (tmp_path / "public" / "feeds").mkdir(parents=True)
    (tmp_path / "public" / "feeds" / "all.atom").write_bytes(BODY)
    (tmp_path / ".feedservice").mkdir()
    return tmp_path


@contextlib.contextmanager
def store_of(site: Path) -> Iterator[SqlStore]:
    with contextlib.closing(open_store(site / ".feedservice" / "store.sqlite")) as store:
        yield store


@pytest.fixture
def told(site: Path) -> Path:
    """Give a site whose feed was announced, with two deliveries and a subscriber."""
    etag = hashlib.blake2b(BODY, digest_size=16).hexdigest()
    spans = (EntrySpan(id="one", digest="d", start=0, end=1),)
    row = DocumentRow(
        path="feeds/all.atom",
        feed="all",
        format="atom",
        url=TOPIC,
        media_type="application/atom+xml",
        etag=etag,
        last_modified=NOW,
        size=7,
        entries=spans,
    )
    version = TopicVersion(
        topic=TOPIC,
        version=3,
        feed="all",
        etag=etag,
        media_type="application/atom+xml",
        link="l",
        body=BODY,
        entries=spans,
        published_at=NOW,
    )
    facts = EntryFacts(id="one", digest="d", url="https://example.org/one/", title="One", published=NOW, updated=NOW)

    def delivery(name: str, kind: str, target: str, post: str) -> Delivery:
        return Delivery(
            id=name,
            kind=kind,
            target=target,
            host="hook.example:443",
            post=post,
            payload=b'{"a": 1}',
            secret=b"s3cr3t",
            lane=Lane.FIRST,
            created_at=NOW,
            due_at=NOW + timedelta(hours=1),
        )

    with store_of(site) as store:
        announcement = Announcement(
            topics=(version,),
            deliveries=(
                delivery("msg_1", "websub", "https://hub.example/", ""),
                delivery("msg_2", "webhook", "https://hook.example/path-is-secret", "one"),
            ),
            remembered=(facts,),
        )
        store.publish(at=NOW, documents=Changes(changed=[row]), announcement=announcement)
        key = SubscriptionKey(protocol="websub", topic=TOPIC, callback=CALLBACK)
        subscription = Subscription(
            key=key,
            host="reader.example:443",
            secret=b"s3cr3t",
            verified_at=NOW,
            lease_end=NOW + timedelta(days=9),
            delivered=3,
            delivered_at=NOW + timedelta(seconds=2),
            due_at=NOW,
        )
        store.import_subscriptions([subscription])
    return site


def run(site: Path, *words: str, **more: str) -> Result:
    return CliRunner().invoke(group, ["--config", str(site / "config.yaml"), *words], **more)  # type: ignore[arg-type]


def test_nothing_was_announced_yet(site: Path) -> None:
    for words in (["deliveries"], ["subscribers"], ["announce", "all"]):
        found = run(site, *words)
        assert found.exit_code == 4
        assert "nothing was announced here yet" in found.output


def write(site: Path, name: str, date: str) -> None:
    (site / "content").mkdir(exist_ok=True)
    (site / "content" / f"{name}.md").write_text(f"---\ntitle: {name}\ndate: {date}\n---\nText.\n", "utf-8")


def test_building_says_that_it_announces_nothing_and_what_waits(site: Path) -> None:
    write(site, "first", "2025-01-05")
    assert "Nothing was announced: `feedservice run` does that.\n" in run(site, "build").output
    write(site, "second", f"{NOW:%Y-%m-%d %H:%M:%S}+00:00")
    # One webhook, and the hub of others for each of three formats.
    said = "Nothing was announced: `feedservice run` does that, and 4 deliveries wait for it."
    assert said in run(site, "rebuild").output
    assert said in run(site, "build").output
    assert json.loads(run(site, "build", "--json").output)["untold"] == 4


def test_who_announces_nothing_is_not_told_so(site: Path) -> None:
    write(site, "first", "2025-01-05")
    (site / "config.yaml").write_text("site: {title: A, url: 'https://example.org'}\n", "utf-8")
    assert "announced" not in run(site, "build").output + run(site, "rebuild").output
    assert json.loads(run(site, "build", "--json").output)["untold"] is None


def test_deliveries_say_how_far_each_feed_has_come(told: Path) -> None:
    found = run(told, "deliveries")
    assert found.exit_code == 0, found.output
    assert f"{TOPIC}, version 3: 1 of 1 subscriber confirmed in 2.0 s" in found.output
    assert "msg_2" in found.output
    assert "webhook → hook.example:443  post one" in found.output
    assert "path-is-secret" not in found.output
    assert run(told, "deliveries", "list").output == found.output


def test_a_post_is_named_in_every_way(told: Path) -> None:
    for name in ("one", "https://example.org/one/", "One"):
        found = run(told, "deliveries", "--post", name)
        assert found.exit_code == 0, found.output
        assert found.output.startswith("One: nobody was told\nmsg_2")
    assert run(told, "deliveries", "--post", "two").exit_code == 4


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], {"msg_1", "msg_2"}),
        (["--post", "one"], {"msg_2"}),
        (["--kind", "websub"], {"msg_1"}),
        (["--state", "failed"], set()),
        (["--target", "https://hub.example/"], {"msg_1"}),
        (["--last", "1"], 1),
    ],
)
def test_deliveries_can_be_chosen(told: Path, words: list[str], ids: set[str] | int) -> None:
    found = json.loads(run(told, "deliveries", *words, "--json").output)["deliveries"]
    assert len(found) == ids if isinstance(ids, int) else {each["id"] for each in found} == ids


def test_how_a_subscriber_is_signed_for(told: Path) -> None:
    found = run(told, "subscribers", "sign", CALLBACK, "sha512")
    assert (found.exit_code, found.output) == (0, "1 subscription signed by sha512 from now on\n")
    assert "method:        sha512" in run(told, "subscribers", "show", CALLBACK).output
    assert run(told, "subscribers", "sign", CALLBACK, "md5").exit_code == 2
    assert run(told, "subscribers", "sign", CALLBACK, "sha1", "--topic", "https://example.org/other").exit_code == 1
    assert run(told, "subscribers", "sign", "https://reader.example/nobody", "sha1").exit_code == 1


def test_no_secret_is_ever_shown(told: Path) -> None:
    for words in (
        ["deliveries", "--json"],
        ["deliveries", "show", "msg_2"],
        ["deliveries", "show", "msg_2", "--json"],
        ["subscribers", "show", CALLBACK],
    ):
        found = run(told, *words)
        assert found.exit_code == 0, found.output
        assert "s3cr3t" not in found.output


def test_one_delivery(told: Path) -> None:
    found = json.loads(run(told, "deliveries", "show", "msg_2", "--json").output)
    assert (found["target"], found["payload"], found["post"]) == ("https://hook.example/path-is-secret", '{"a": 1}', "one")
    assert run(told, "deliveries", "show", "msg_9").exit_code == 4


def test_retry_and_drop(told: Path) -> None:
    assert run(told, "deliveries", "retry", "msg_1").output == "1 delivery will be tried now\n"
    with store_of(told) as store:
        due = store.delivery("msg_1")
        assert due is not None
        assert due.due_at <= datetime.now(UTC)
    line = next(line for line in run(told, "deliveries").output.splitlines() if line.startswith("msg_1 "))
    assert line.endswith("websub → hook.example:443  waits for its host")
    assert run(told, "deliveries", "drop", "msg_1").output == "1 delivery dropped\n"
    why = "a newer one took its place, or it was given up by hand"
    assert run(told, "deliveries", "--state", "dropped").output.endswith(f"websub → hook.example:443  {why}\n")
    shown = run(told, "deliveries", "show", "msg_1").output.splitlines()
    assert f"why:         {why}" in shown
    assert f"created:     {NOW:%Y-%m-%dT%H:%M:%SZ}" in shown
    assert run(told, "deliveries", "drop", "msg_1").exit_code == 1
    assert run(told, "deliveries", "retry").output == "1 delivery will be tried now\n"


def test_subscribers_by_feed_and_host(told: Path) -> None:
    found = run(told, "subscribers")
    assert found.output == f"{TOPIC}: 1 subscriber\n        1  reader.example:443\n"
    assert json.loads(run(told, "subscribers", "--json").output) == [
        {"topic": TOPIC, "host": "reader.example:443", "subscribers": 1}
    ]
    assert run(told, "subscribers", "--protocol", "rsscloud").output == "Nobody has subscribed.\n"


def test_one_subscriber(told: Path) -> None:
    (found,) = json.loads(run(told, "subscribers", "show", CALLBACK, "--json").output)
    assert (found["topic"], found["signed"], found["delivered"]) == (TOPIC, True, 3)
    assert run(told, "subscribers", "show", "https://nobody.example/").exit_code == 4


def test_one_subscriber_for_people(told: Path) -> None:
    lines = run(told, "subscribers", "show", CALLBACK).output.splitlines()
    assert f"verified:      {NOW:%Y-%m-%dT%H:%M:%S}Z" in lines
    # What is not known is not said.
    assert not [line for line in lines if line.startswith(("procedure:", "last:")) or line.endswith(" None")]


def test_a_subscriber_can_be_dropped_and_is_told(told: Path) -> None:
    assert run(told, "subscribers", "drop", CALLBACK).output == "1 subscription ended\n"
    (denial,) = json.loads(run(told, "deliveries", "--kind", "deny", "--json").output)["deliveries"]
    assert (denial["host"], denial["state"]) == ("reader.example:443", "queued")
    assert json.loads(run(told, "deliveries", "show", denial["id"]).output.partition("payload:")[2].strip()) == {
        "topic": TOPIC,
        "reason": "the publisher has ended the subscription",
    }
    assert run(told, "subscribers", "drop", CALLBACK).exit_code == 1


def test_subscribers_move_with_their_secrets(told: Path) -> None:
    file = told / "subscribers.jsonl"
    assert run(told, "subscribers", "export", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(told, "subscribers", "export", str(file)).exit_code == 4
    with store_of(told) as store:
        before = list(store.subscriptions())
        store.end_subscriptions([each.key for each in before])
    assert run(told, "subscribers", "import", str(file)).output == "1 subscription taken over\n"
    with store_of(told) as store:
        (after,) = store.subscriptions()
    assert (after.key, after.secret, after.lease_end, after.delivered) == (before[0].key, b"s3cr3t", before[0].lease_end, 3)


def test_who_is_here_already_keeps_what_was_not_sent_yet(told: Path) -> None:
    file = told / "subscribers.jsonl"
    run(told, "subscribers", "export", str(file))
    with store_of(told) as store:
        (here,) = store.subscriptions()
        store.import_subscriptions([dataclasses.replace(here, delivered=1)])
    found = run(told, "subscribers", "import", str(file)).output
    assert found == "0 subscriptions taken over\n1 are here already, or have ended\n"

    later = (NOW + timedelta(days=1)).isoformat()
    line = {**json.loads(file.read_text("utf-8")), "verified": later, "secret": None}
    ended = {**line, "callback": CALLBACK + "2", "lease_end": (NOW - timedelta(days=1)).isoformat()}
    file.write_text(json.dumps(line) + "\n" + json.dumps(ended) + "\n", "utf-8")
    found = run(told, "subscribers", "import", str(file)).output
    assert found == "1 subscription taken over\n1 are here already, or have ended\n"
    with store_of(told) as store:
        (after,) = store.subscriptions()
    assert (after.secret, after.delivered, after.verified_at.isoformat()) == (None, 1, later)


def test_subscribers_of_another_host_are_subscribers_of_this_one(told: Path) -> None:
    file = told / "subscribers.jsonl"
    run(told, "subscribers", "export", str(file))
    found = run(told, "subscribers", "import", str(file), "--from", "https://example.org/", "--to", "https://new.example/")
    assert found.exit_code == 1
    assert "No feed of this site: https://new.example/feeds/all.atom" in found.output
    assert run(told, "subscribers", "import", str(file), "--from", "https://example.org/").exit_code == 2


def test_a_file_that_is_no_export(told: Path) -> None:
    (told / "x").write_text('{"topic": 1}\n')
    found = run(told, "subscribers", "import", str(told / "x"))
    assert found.exit_code == 4
    assert "line 1 is no exported subscription" in found.output


def test_a_dry_run_shows_every_request_and_sends_none(told: Path) -> None:
    found = run(told, "announce", "all", "--dry-run")
    assert found.exit_code == 0, found.output
    assert (
        "POST https://hub.example/\nContent-Type: application/x-www-form-urlencoded\n\nhub.mode=publish&hub.url=" in found.output
    )
    assert f"# {TOPIC}: POST 7 bytes to 1 subscriber" in found.output
    with store_of(told) as store:
        assert store.topic_versions() == {TOPIC: 3}
        assert len(list(store.deliveries())) == 2


def test_announce_queues_what_the_dry_run_showed(told: Path) -> None:
    found = run(told, "announce", "all")
    assert found.exit_code == 0, found.output
    assert found.output == "1 document and 2 deliveries queued\n"
    with store_of(told) as store:
        assert store.topic_versions() == {TOPIC: 4}
        assert sorted(each.kind for each in store.deliveries()) == ["live", "webhook", "websub", "websub"]


def test_announce_says_that_nobody_is_told(told: Path) -> None:
    (told / "config.yaml").write_text("site: {title: A, url: 'https://example.org'}\n", encoding="utf-8")
    found = run(told, "announce", "all")
    assert (found.exit_code, "nobody is told of anything here" in found.output) == (4, True)


def test_announce_names_the_feeds_there_are(told: Path) -> None:
    found = run(told, "announce", "nothing")
    assert found.exit_code == 4
    assert "the feeds are: all" in found.output


def test_targets_are_reached_without_being_told_anything(site: Path) -> None:
    with Subscriber() as target:
        url = target.callback("/hook", always(405))
        (site / "config.yaml").write_text(
            f"site: {{title: A, url: 'https://example.org'}}\nannounce: {{targets: {{allow: 127.0.0.1}}, webhooks: [{{url: '{url}'}}]}}\n"
        )
        found = run(site, "targets", "test")
        assert found.exit_code == 0, found.output
        assert f"reached  webhook     {target.base}  answers 405" in found.output
        assert "/hook" not in found.output
        assert [hit.method for hit in target.hits] == ["HEAD"]


def test_targets_that_may_not_be_called_are_named(site: Path) -> None:
    (site / "config.yaml").write_text(
        "site: {title: A, url: 'https://example.org'}\nannounce: {webhooks: [{url: 'http://127.0.0.1:9/x', secret_file: no.key}]}\n"
    )
    found = run(site, "targets", "test", "--json")
    assert found.exit_code == 1
    assert "announce.key" in found.output
    assert '"reached": false' in found.output


def test_websub_check_of_a_hub_that_is_none(tmp_path: Path) -> None:
    with Subscriber() as other:
        hub = other.callback("/hub", always(404))
        topic = other.callback("/feed", always(200))
        found = run(tmp_path, "websub-check", hub, topic, "--patience", "1", "--json")
    assert found.exit_code == 1, found.output
    rows = json.loads(found.output)
    assert {row["verdict"] for row in rows} == {"holds", "fails", "unseen"}
    assert next(row for row in rows if row["what"] == "a good request is answered 202")["verdict"] == "fails"


def test_websub_check_reads_like_a_report(tmp_path: Path) -> None:
    with Subscriber() as other:
        found = run(
            tmp_path, "websub-check", other.callback("/hub", always(404)), other.callback("/feed", always(200)), "--patience", "1"
        )
    assert "holds   4      MUST   the topic can be fetched  (200)" in found.output
    assert run(tmp_path, "websub-check", "a", "b", "--listen", "nonsense").exit_code == 2
