"""The same history under a running service that watches: a reader polls, a subscriber of the hub is told; re-sent 0, missed 0.

``TESTS_COMMITS=300`` has a longer history, ``TESTS_SEED=2`` another one; ``--log-cli-level=info`` shows what happened.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import logging
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import feedparser
import pytest
from click.testing import CliRunner

from feedservice.cli import group
from feedservice.config import load
from feedservice.service.subscriber import Subscriber, post_form
from tests.daemon.conftest import PATIENCE, Site, wait_for
from tests.scenarios.history import BEGINS_WITH, NUMBER, Commit, history, numbers
from tests.scenarios.readers import ReaderLibrary

logger = logging.getLogger(__name__)

LENGTH = int(os.environ.get("TESTS_COMMITS", "26"))
SEED = int(os.environ.get("TESTS_SEED", "1"))
FORMATS = ("atom", "rss")
CONFIG = """\
site: {title: Replay, url: https://example.org}
feeds: {window: 10, pages: false, compress: [], formats: [atom, rss], category_feeds: false}
serve: {port: 0, fairness: "off"}
schedule: {rescan: 3650d}
announce:
  verify: off
  websub: {hub: embedded, canary: false}
  callbacks: {allow: 127.0.0.1}
"""
DAY = timedelta(days=1)
LEASE = 30 * DAY


@dataclasses.dataclass
class Judge:
    """Knows what it has been shown as new, and what of that it had before."""

    seen: set[int] = dataclasses.field(default_factory=set)
    again: list[str] = dataclasses.field(default_factory=list)

    def shown(self, text: str, when: str) -> None:
        found = NUMBER.search(text)
        assert found, when
        number = int(found[1])
        if number in self.seen:
            self.again.append(f"post {number} after {when}")
        self.seen.add(number)


class Polling(Judge):
    """The library `reader`, which polls."""

    def __init__(self, url: str, folder: Path) -> None:
        super().__init__()
        folder.mkdir()
        self.reader = ReaderLibrary(url, folder)

    def poll(self, when: str) -> None:
        for entry in self.reader.unread():
            self.shown(entry.get_content().value, when)


class Told(Judge):
    """A subscriber by WebSub. It looks at the feed once a day, as they do, to renew; and when the hub says that it is over."""

    def __init__(self, site: Site, name: str, callbacks: Subscriber) -> None:
        super().__init__()
        self.site = site
        self.name = name
        self.callbacks = callbacks
        self.secret = os.urandom(16).hex()
        self.ids: set[str] = set()
        self.topic = ""
        self.path = ""
        self.lease_end: datetime | None = None
        self.looked: datetime | None = None
        self.pushed = 0
        self.taken = 0
        self.subscriptions = 0
        self.looks = 0

    def look(self, now: datetime, when: str) -> None:
        """Discover hub and topic (WebSub §4), read the feed, and subscribe where it is."""
        self.take(when)
        self.looked = now
        self.looks += 1
        parsed = feedparser.parse(self.site.get(f"/feeds/all.{self.name}")[1])
        links = {link.rel: link.href for link in parsed.feed.links if link.rel in {"hub", "self"}}
        if self.denied() or links["self"] != self.topic or self.lease_end is None or self.lease_end - now < 2 * DAY:
            self.subscribe(links["hub"], links["self"], now)
            # What was published before the subscription is in the feed.
            parsed = feedparser.parse(self.site.get(f"/feeds/all.{self.name}")[1])
        self.read(parsed, when)

    def denied(self) -> bool:
        """Tell whether the hub has said that there is nothing to come (WebSub §5.2): the topic has moved, and the feed says where."""
        return any(hit.parameter("hub.mode") == "denied" for hit in self.callbacks.at(self.path, "GET"))

    def subscribe(self, hub: str, topic: str, now: datetime) -> None:
        self.subscriptions += 1
        self.topic, self.path, self.taken = topic, f"/{self.name}/{self.subscriptions}", 0
        fields = {"mode": "subscribe", "topic": topic, "callback": self.callbacks.callback(self.path)}
        fields |= {"secret": self.secret, "lease_seconds": str(int(LEASE.total_seconds()))}
        # The hub stands where the site does; here it is reached on loopback.
        reply = post_form(self.site.url + urlsplit(hub).path, [(f"hub.{name}", value) for name, value in fields.items()])
        assert reply.status == 202, reply
        (asked,) = self.callbacks.wait(self.path, method="GET", patience=PATIENCE)
        if self.denied():
            # The feed has moved since it was read.
            return
        assert asked.parameter("hub.mode") == "subscribe"
        self.lease_end = now + timedelta(seconds=int(asked.parameter("hub.lease_seconds") or ""))
        wait_for(self.verified)

    def verified(self) -> bool:
        states = self.site.ask("status")["announcing"]["deliveries"].get("verify", {})
        return bool(states) and states.keys() <= {"delivered", "dropped"}

    def take(self, when: str) -> None:
        """Read what came meanwhile."""
        hits = self.callbacks.at(self.path, "POST")[self.taken :] if self.path else []
        self.taken += len(hits)
        for hit in hits:
            made = hmac.new(self.secret.encode(), hit.body, hashlib.sha256).hexdigest()
            assert hit.field("x-hub-signature") == f"sha256={made}"
            assert f'<{self.topic}>; rel="self"' in (hit.field("link") or "")
            self.pushed += self.read(feedparser.parse(hit.body), when)

    def read(self, parsed: feedparser.FeedParserDict, when: str) -> int:
        """Show what has an id that was never seen, and return how much that is."""
        assert not parsed.bozo
        new = [entry for entry in parsed.entries if entry.id not in self.ids]
        for entry in new:
            self.ids.add(entry.id)
            self.shown(entry.content[0].value, when)
        return len(new)


@dataclasses.dataclass
class Replay:
    """A work tree that a service watches, and those who read what it publishes."""

    site: Site
    callbacks: Subscriber
    clock: datetime
    drafts: int = 0
    configurations: int = 0
    decided: list[str] = dataclasses.field(default_factory=list)
    """What the operator released, and after which commit."""
    readers: list[Polling] = dataclasses.field(default_factory=list)
    subscribers: list[Told] = dataclasses.field(default_factory=list)

    def subscribe(self) -> None:
        for name in FORMATS:
            self.readers.append(Polling(f"{self.site.url}/feeds/all.{name}", self.site.root / f"reader-{name}"))
            self.subscribers.append(Told(self.site, name, self.callbacks))

    def check_out(self, commit: Commit) -> None:
        """Have git change the files, and wait until the service has heard of every change."""
        before = self.site.config.read_bytes() if self.site.config.exists() else b""
        subprocess.run(["git", "checkout", "-q", commit.name], cwd=self.site.root, check=True)
        self.configurations += self.site.config.read_bytes() != before
        # What changes last is told last: who has read this draft has heard of everything before it.
        self.drafts += 1
        self.site.write(f"drafts/{self.drafts}.md", f"---\ntitle: Draft\ndate: {commit.now}\ndraft: true\n---\n{self.drafts}\n")

    def heard(self) -> bool:
        status = self.site.ask("status")
        assert status["last_pass"]["refusal"] is None, status["last_pass"]
        if status["posts"]["held"].get("draft") != self.drafts:
            return False
        return self.site.log().count("the configuration changed") == self.configurations

    def set_clock(self, to: datetime) -> None:
        """Let time pass; the look at everything that this brings is over before anything changes."""
        self.clock = to
        before = self.site.log().count("the time moved by")
        self.site.set_clock(to)
        wait_for(lambda: self.site.log().count("the time moved by") > before)
        wait_for(lambda: self.site.ask("status")["building"] is None)
        self.site.ask("rebuild", wait=True)

    def decide(self, commit: Commit) -> None:
        """Look at what is held as an operator does: again, then at who wrote what, and let it out when it is meant.

        Ten posts in one commit are ten posts. Dates that a script rewrote change what entries say of themselves, and send
        nothing again. Nothing else may be held: an accident that needs a person is one that the service did not get over.
        """
        held = self.site.ask("rebuild", wait=True)["held"]
        if held:
            assert commit.step in {"ten_posts", "mass_dates"}, (commit, self.site.log()[-3000:])
            done = CliRunner().invoke(group, ["--config", str(self.site.config), "release"])
            assert (done.exit_code, done.output) == (0, "all: published\n")
            self.decided.append(commit.step)

    def everybody_has(self, wanted: set[int], commit: Commit) -> bool:
        """Let readers poll and subscribers look at their post; tell whether all have seen what is wanted."""
        for reader in self.readers:
            reader.poll(commit.step)
        for told in self.subscribers:
            told.take(commit.step)
            if told.looked is None or told.denied() or self.clock - told.looked >= DAY:
                told.look(self.clock, commit.step)
        # Who was subscribed to an address that the feed has left is subscribed where it is.
        url = load(self.site.config, {}).config.site.url
        if any(told.topic != f"{url}/feeds/all.{told.name}" for told in self.subscribers):
            return False
        return all(wanted <= judge.seen for judge in (*self.readers, *self.subscribers))


@pytest.fixture
def callbacks() -> Iterator[Subscriber]:
    with Subscriber() as made:
        yield made


@pytest.fixture
def replay(tmp_path: Path, callbacks: Subscriber) -> Iterator[Replay]:
    site = Site(root=tmp_path / "site")
    made = Replay(site=site, callbacks=callbacks, clock=datetime.min)
    yield made
    if site.process is not None:
        site.process.kill()
        site.process.wait(PATIENCE)


@pytest.mark.timeout(120 + 4 * LENGTH)
def test_nothing_is_sent_again_and_nothing_is_missed(tmp_path: Path, replay: Replay) -> None:
    site = replay.site
    commits = history(tmp_path / "work", SEED, LENGTH, CONFIG)
    subprocess.run(["git", "clone", "-q", "-n", str(tmp_path / "work"), str(site.root)], check=True)
    (site.root / ".git" / "info" / "exclude").write_text("/public\n/.feedservice\n/clock\n/log\n/reader-*\n/content/drafts\n")
    replay.check_out(commits[0])
    replay.configurations = 0
    ahead = [commits[min(at + 5, len(commits) - 1)].now for at in range(len(commits))]
    replay.clock = ahead[0]
    site.start(clock=replay.clock)
    replay.subscribe()
    old = set(range(1, BEGINS_WITH + 1))
    for at, commit in enumerate(commits):
        if commit.now > replay.clock:
            # The clock of the service is a little ahead of the authors', so that it need not be set for every commit.
            replay.set_clock(ahead[at])
        if at:
            replay.check_out(commit)
            wait_for(replay.heard)
        if site.ask("status")["held"]:
            replay.decide(commit)
        wanted = numbers(site.root) - old
        try:
            wait_for(lambda commit=commit, wanted=wanted: replay.everybody_has(wanted, commit))
        except AssertionError as error:
            missed = [wanted - judge.seen for judge in (*replay.readers, *replay.subscribers)]
            raise AssertionError(f"missed after {commit}: {missed}\n{site.log()[-3000:]}") from error
    written = set(range(BEGINS_WITH + 1, max(numbers(site.root)) + 1))
    for judge in (*replay.readers, *replay.subscribers):
        assert judge.again == []
        assert written - judge.seen == set()
    # The judges were awake, what they were told came by push, and files were heard of by watching them.
    assert set(replay.decided) == {"ten_posts", "mass_dates"}
    assert all(told.pushed > len(written) / 2 for told in replay.subscribers)
    heard = [line for line in site.passes() if {"content", "configuration"} & set(line["reasons"])]
    assert len(heard) >= len(commits) - 1
    assert site.stop() == 0
    first = replay.subscribers[0]
    logger.info(
        "%d commits, %d posts, %d passes, released %s; %d posts pushed, %d subscriptions",
        len(commits),
        len(written),
        len(site.passes()),
        replay.decided,
        first.pushed,
        first.subscriptions,
    )
