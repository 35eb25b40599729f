"""A feed that the guard holds: everybody who asks the running service hears of it, and the operator is told without asking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
from click.testing import CliRunner, Result
from prometheus_client.parser import text_string_to_metric_families

from feedservice.cli import group
from feedservice.service.subscriber import Subscriber, always, post_form
from tests.daemon.conftest import CONFIG, PATIENCE, Site, post, wait_for
from tests.service.mailbox import mailbox

TOKEN = "0123456789abcdef0123456789abcdef"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber() as made:
        yield made


def configure(site: Site, *hooks: str) -> None:
    (site.root / "token").write_text(TOKEN, "ascii")
    (site.root / "token").chmod(0o600)
    served = CONFIG.replace("{port: 0}", "{port: 0, admin_token_file: token}")
    webhooks = "".join(f"\n  - {hook}" for hook in hooks)
    announce = f"announce:\n  verify: off\n  targets: {{allow: 127.0.0.1}}\n  webhooks:{webhooks}\n"
    site.config.write_text(served + announce, "utf-8")


def run(site: Site, *words: str) -> Result:
    return CliRunner().invoke(group, ["--config", str(site.config), *words])


def held(site: Site) -> tuple[int, list[str], float, int]:
    """Return what readiness, its list, the metrics and the exit code of ``status`` say."""
    key = {"Authorization": f"Bearer {TOKEN}"}
    code, body = site.get("/-/ready", key)
    metrics = site.get("/-/metrics", key)[1].decode()
    number = {one.name: one.value for each in text_string_to_metric_families(metrics) for one in each.samples}
    return code, json.loads(body)["held"], number["feedservice_feeds_held"], run(site, "status").exit_code


def test_a_held_feed_is_seen_by_everybody_who_looks_and_told_to_who_wants_to_know(site: Site, subscriber: Subscriber) -> None:
    events = "events: [feed.held, feed.released]"
    configure(
        site,
        f"{{url: '{subscriber.callback('/hook', always(204))}', {events}}}",
        f"{{url: '{subscriber.callback('/chat', always(200))}', format: slack, {events}}}",
        f"{{url: '{subscriber.callback('/other', always(204))}', {events}, feeds: [tea]}}",
    )
    # All at once: a service that listens may look when half of them are there.
    site.config.write_text(site.config.read_text("utf-8") + "schedule: {watch: 'off', rescan: 1h}\n", "utf-8")
    site.start()
    assert held(site) == (200, [], 0, 0)
    for number in range(7):
        site.write(f"{number}.md", post(f"Flood {number}", str(TODAY)))
    assert site.ask("rebuild", wait=True)["held"] == ["all"]
    (told,) = subscriber.wait("/hook", patience=PATIENCE)
    message = json.loads(told.body)
    assert message["type"] == "feed.held"
    data = message["data"]
    assert (data["feed"], data["url"]) == ("all", "https://example.org/feeds/all.atom")
    assert data["reasons"].startswith("7 entries would be new at once, 5 are allowed: 'Flood 0', 'Flood 1', 'Flood 2' and 4 more")
    assert data["hint"] == "feedservice release all, or feedservice reject all"
    (chat,) = subscriber.wait("/chat", patience=PATIENCE)
    assert json.loads(chat.body)["text"].startswith("The feed 'all' is held: 7 entries would be new at once")
    assert held(site) == (200, ["all"], 1, 1)
    assert site.titles() == ["First"]
    # It is told once, however often it is looked at.
    assert site.ask("rebuild", wait=True, full=True)["held"] == ["all"]
    assert site.stop() == 1
    assert "held at the end: all" in site.log()

    site.start()
    assert held(site) == (200, ["all"], 1, 1)
    assert "all: published" in run(site, "release", "all").output
    message = json.loads(subscriber.wait("/hook", count=2, patience=PATIENCE)[1].body)
    assert (message["type"], message["data"]["feed"], message["data"]["hint"]) == ("feed.released", "all", "")
    assert held(site) == (200, [], 0, 0)
    log = wait_for(lambda: _log_with_both(site))
    assert [line.partition(" ")[2].partition(" would")[0] for line in log[1:3]] == ["! all: held 7 entries", "> all: released"]
    assert site.stop() == 0
    assert subscriber.at("/other") == []


def _log_with_both(site: Site) -> list[str] | None:
    """Return the history once it has what became of both messages to both targets."""
    lines = run(site, "log").output.splitlines()
    told = [line for line in lines if " @ announced to 127.0.0.1:" in line]
    rest = [line for line in lines if line not in told and "+ all: published Flood" not in line]
    return rest if len(told) == 4 else None


def test_what_is_taken_back_is_told_however_it_was(site: Site, subscriber: Subscriber) -> None:
    now = datetime(2031, 3, 1, 3, tzinfo=UTC)
    configure(site, f"{{url: '{subscriber.callback('/hook', always(204))}', events: [post.published, post.removed]}}")
    site.start(clock=now)
    posts = {
        "Deleted": post("Deleted", "2031-03-01 10:00"),
        "Drafted": post("Drafted", "2031-03-01 11:00"),
        "Expired": post("Expired", "2031-03-01 11:30", expires="2031-03-01 13:00"),
    }
    known: dict[str, str] = {}
    for number, (title, text) in enumerate(posts.items(), 1):
        site.write(f"{title}.md", text)
        told = json.loads(subscriber.wait("/hook", count=number, patience=PATIENCE)[-1].body)
        assert (told["type"], told["data"]["title"]) == ("post.published", title)
        known[title] = told["data"]["id"]
    for number, title in enumerate(posts, 4):
        if title == "Deleted":
            (site.content / "Deleted.md").unlink()
        elif title == "Drafted":
            site.write("Drafted.md", post("Drafted", "2031-03-01 11:00", draft="true"))
        else:
            # 13:00 in Tokyo.
            site.set_clock(now + timedelta(hours=1, seconds=1))
        removed = json.loads(subscriber.wait("/hook", count=number, patience=PATIENCE)[-1].body)
        assert (removed["type"], removed["data"]["title"], removed["data"]["id"]) == ("post.removed", title, known[title])
        said = f'<at:deleted-entry ref="{known[title]}"'.encode()
        wait_for(lambda said=said: said in site.get("/feeds/all.atom")[1])
    site.serves("First")
    assert site.stop() == 0


def test_subscribers_are_sent_what_is_taken_back(site: Site, subscriber: Subscriber) -> None:
    site.config.write_text(
        CONFIG + "announce:\n  verify: off\n  websub: {hub: embedded, canary: false}\n  callbacks: {allow: 127.0.0.1}\n", "utf-8"
    )
    site.start()
    wish = {"hub.mode": "subscribe", "hub.topic": "https://example.org/feeds/all.atom", "hub.callback": subscriber.callback("/a")}
    assert post_form(site.url + "/hub", list(wish.items())).status == 202
    assert subscriber.wait("/a", method="GET", patience=PATIENCE)
    site.write("second.md", post("Second", str(TODAY)))
    (told,) = subscriber.wait("/a", method="POST", patience=PATIENCE)
    (entry,) = (each.id for each in feedparser.parse(told.body).entries)
    (site.content / "second.md").unlink()
    taken_back = subscriber.wait("/a", method="POST", count=2, patience=PATIENCE)[1]
    assert f'<at:deleted-entry ref="{entry}"' in taken_back.body.decode()
    log = wait_for(
        lambda: [line for line in run(site, "log", "second.md").output.splitlines() if "1 subscriber (websub)" in line]
    )
    assert len(log) == 1
    assert site.stop() == 0


def test_the_operator_gets_a_mail(site: Site) -> None:
    with mailbox() as box:
        configure(site)
        text = site.config.read_text("utf-8").replace("webhooks:", f"email: {{server: '{box.url}', to: ops@example.org}}")
        site.config.write_text(text + "schedule: {watch: 'off', rescan: 1h}\n", "utf-8")
        site.start()
        for number in range(7):
            site.write(f"{number}.md", post(f"Flood {number}", str(TODAY)))
        site.ask("rebuild", wait=True)
        (message,) = wait_for(lambda: box.messages)
        assert message["Subject"] == "紙と活字: the feed all is held"
        assert box.receivers == [["ops@example.org"]]
        assert "  - 7 entries would be new at once, 5 are allowed: 'Flood 0'" in message.get_content()
        assert "feedservice reject all" in message.get_content()
        assert "all: published" in run(site, "release", "all").output
        assert wait_for(lambda: box.messages[1:])[0]["Subject"] == "紙と活字: the feed all is held no more"
        told = wait_for(lambda: [line for line in run(site, "log").output.splitlines() if "(email, 250)" in line])
        assert f" @ announced to 127.0.0.1:{box.port} (email, 250)" in told[0]
        result = run(site, "targets", "test")
        assert f"reached  e-mail      {box.url}" in result.output
        assert result.exit_code == 0
        assert site.stop() == 0
