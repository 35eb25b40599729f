from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedservice import cli
from feedservice.deliveries import Delivery, Lane, Outcome, Settled
from feedservice.feeds import explain as explaining
from feedservice.push import announce, outbox
from feedservice.store.history import Event, What
from feedservice.store.sql import open_store

Run = Callable[..., Result]
DAY = timedelta(days=1)

CONFIG = """\
site: {title: Site, url: https://example.org, timezone: Asia/Tokyo}
content: {exclude: [{robots: noindex}]}
feeds:
  window: 2
  pages: false
  compress: []
  categories: {AI: {aka: [人工知能]}}
  define: [{key: no-ai, exclude: [{category: AI}]}]
"""


def article(title: str, date: str, more: str = "") -> str:
    return f"---\ntitle: {title}\ndate: {date}\n{more}---\nText of {title}.\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    posts = {
        "one.md": article("One", "2025-05-01 09:00", "categories: [人工知能]\n"),
        "two.md": article("Two", "2025-05-02 09:00", "categories: [Tea]\n"),
        "three.md": article("Three", "2025-05-03 09:00", "feed: [all]\n"),
        "draft.md": article("Draft", "2025-05-04 09:00", "draft: true\n"),
        "later.md": article("Later", "2125-05-04 09:00"),
        "over.md": article("Over", "2025-05-04 09:00", "expires: 2025-05-05\n"),
        "hidden.md": article("Hidden", "2025-05-04 09:00", "robots: noindex\n"),
        "none.md": article("None", "2025-05-04 09:00", "feed: false\n"),
        "bad.md": "---\ntitle: a: b\n---\n",
    }
    (tmp_path / "content").mkdir()
    for name, text in posts.items():
        (tmp_path / "content" / name).write_text(text, encoding="utf-8")
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")

    def call(*words: str) -> Result:
        return CliRunner().invoke(cli.group, ["--config", str(tmp_path / "config.yaml"), *words])

    return call


@pytest.mark.parametrize(
    ("post", "sentence"),
    [
        ("draft.md", "It is in no feed: it is a draft"),
        ("later.md", "It is in no feed: its time has not come: 2125-05-04T09:00:00+09:00 (Asia/Tokyo; 2125-05-04T00:00:00Z)"),
        ("over.md", "It is in no feed: it has expired: 2025-05-05T00:00:00+09:00 (Asia/Tokyo; 2025-05-04T15:00:00Z)"),
        ("hidden.md", "It is in no feed: a rule of content.exclude matches it: robots: noindex"),
        ("none.md", "It is in no feed: its front matter says `feed: false`"),
        ("bad.md", "It is in no feed: it cannot be used: bad.md:2:9:"),
        ("one.md", "  not in all: rank 3 of a window of 2"),
        ("one.md", "  in ai: rank 1 of a window of 2"),
        ("one.md", "  not in no-ai: a rule of its exclude matches: category: AI"),
        ("three.md", "  in all: rank 1 of a window of 2"),
        ("three.md", "  not in no-ai: its front matter names other feeds only: all"),
        ("two.md", "  not in 1 feed of other categories, tags, authors and languages"),
        ("https://example.org/2025/05/02/two", "  in tea: rank 1 of a window of 2"),
        ("Two", "  in tea: rank 1 of a window of 2"),
    ],
)
def test_every_reason_has_its_sentence(run: Run, post: str, sentence: str) -> None:
    run("build")
    result = run("explain", post)
    assert result.exit_code == 0
    assert sentence in result.output


def test_what_a_document_has_no_room_for_is_said_to_have_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG.replace("window: 2", "window: 3\n  max_bytes: 5K"), encoding="utf-8")
    long = "Text. " * 300
    for number in range(1, 5):
        (tmp_path / "content" / f"long{number}.md").write_text(article("Long", f"2025-06-0{number} 09:00 +0000") + long, "utf-8")
    built = run("build")
    assert "feeds/all.atom: warning: the window of 3 entries has no room in 5,120 bytes (feeds.max_bytes)" in built.output
    assert "the window of 3 entries has no room" in run("check").output
    told = run("explain", "long3.md").output
    assert (
        "not in all: rank 2 of a window of 3, and older than what the document has room for (feeds.max_bytes): nothing old"
        in told
    )
    assert "  published   2025-06-03T18:00:00+09:00 (Asia/Tokyo; 2025-06-03T09:00:00Z)" in told


def test_a_post_is_found_by_what_people_remember_of_it(run: Run, tmp_path: Path) -> None:
    run("build")
    for text in ("two", "TWO", "w"):
        assert run("explain", text).output.startswith("Two (two.md)\n"), text
    several = run("explain", "e")
    assert (several.exit_code, "'e' is several posts" in several.output) == (4, True)
    assert "give its path below the content directory or the end of it" in run("explain", "nothing").output
    (tmp_path / "content" / "two.md").unlink()
    run("build")
    assert run("explain", "TWO").output.startswith("Two (two.md)\n")


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Asia/Tokyo", "2025-05-01T09:00:00+09:00 (Asia/Tokyo; 2025-05-01T00:00:00Z)"),
        ("+09:00", "2025-05-01T09:00:00+09:00 (2025-05-01T00:00:00Z)"),
        ("UTC", "2025-05-01T00:00:00Z"),
        ("Etc/UTC", "2025-05-01T00:00:00Z"),
    ],
)
def test_a_time_is_said_once(zone: str, told: str) -> None:
    assert explaining.moment(datetime(2025, 5, 1, tzinfo=UTC), zone) == told


def test_the_future_can_be_asked_for(run: Run) -> None:
    run("build")
    assert "  in all: rank 1 of a window of 2" in run("explain", "later.md", "--as-of", "2125-05-04 10:00").output


def test_what_a_wrong_clock_has_published_is_out(run: Run, tmp_path: Path) -> None:
    run("build")
    ledger = tmp_path / ".feedservice" / "ledger.jsonl"
    lines = ledger.read_text("utf-8").splitlines()
    (at,) = [number for number, line in enumerate(lines) if '"later.md"' in line]
    row = json.loads(lines[at])
    lines[at] = json.dumps({**row, "out": "2125-05-05T00:00:00Z", "published": "2125-05-04T00:00:00Z"}, ensure_ascii=False)
    assert "publish Later (later.md)" in run("next").output
    ledger.write_text("\n".join(lines) + "\n", "utf-8")
    served = next(path for path in (tmp_path / ".feedservice" / "served").iterdir() if '"feed": "all"' in path.read_text("utf-8"))
    had = json.loads(served.read_text("utf-8"))
    had["entries"].append([row["id"], "Later", row["link"], "2125-05-04T00:00:00+00:00", "2125-05-04T00:00:00+00:00", ""])
    served.write_text(json.dumps(had) + "\n", "utf-8")
    assert "publish Later" not in run("next").output
    said = run("explain", "later.md").output
    assert "  in all: its time has not come, but the clock was ahead when it was published, and what is out stays" in said
    assert "It is in no feed" not in said
    # Whoever asks about another time is told of that.
    assert "It is in no feed: its time has not come" in run("explain", "later.md", "--as-of", "2025-06-01").output


def test_what_is_remembered_is_told(run: Run, tmp_path: Path) -> None:
    assert "it was never seen" in run("explain", "one.md").output
    run("build")
    told = run("explain", "one.md").output
    assert "tag:example.org,2025-05-01:one (made by the scheme tag when it was first seen)" in told
    assert "out since" in told
    (tmp_path / "content" / "one.md").write_text(article("One", "2025-05-20 09:00", "categories: [人工知能]\n"))
    run("build")
    told = run("explain", "one.md").output
    assert (
        "2025-05-20T09:00:00+09:00 (Asia/Tokyo; 2025-05-20T00:00:00Z); readers keep the date that it was published with" in told
    )
    (tmp_path / "content" / "one.md").unlink()
    run("build")
    assert "there is no such file any more" in run("explain", "tag:example.org,2025-05-01:one").output


def test_what_is_withdrawn_and_stands_in_a_held_feed_is_said_to(run: Run, tmp_path: Path) -> None:
    content = tmp_path / "content"
    for name in ("four", "five"):
        (content / f"{name}.md").write_text(article(name, "2025-04-01 09:00", "categories: [Tea]\n"), encoding="utf-8")
    run("build")
    # Three that vanish at once are nobody's wish.
    for name in ("two", "four", "five"):
        (content / f"{name}.md").unlink()
    run("build")
    said = run("explain", "two.md").output
    assert "It is in no feed: there is no such file any more" in said
    # The feed of its category was out for a moment only: it went with its post.
    assert "  but readers still have it in no-ai, held as it was: feedservice release, or reject" in said
    assert json.loads(run("explain", "two.md", "--json").output)["still_in"] == ["no-ai"]
    run("release")
    assert "still" not in run("explain", "two.md").output


def test_what_was_announced_is_told(run: Run, tmp_path: Path) -> None:
    run("build")
    sent = Delivery(
        id="d1",
        kind="webhook",
        target="https://hooks.example.net/x",
        host="hooks.example.net",
        post="tag:example.org,2025-05-02:two",
        payload=b"{}",
        lane=Lane.FIRST,
        created_at=datetime(2025, 6, 1, tzinfo=UTC),
        due_at=datetime(2025, 6, 1, tzinfo=UTC),
    )
    with contextlib.closing(open_store(tmp_path / ".feedservice" / "store.sqlite")) as store:
        store.enqueue([sent])
    when = "2025-06-01T09:00:00+09:00 (Asia/Tokyo; 2025-06-01T00:00:00Z)"
    assert f"  to be announced to hooks.example.net (webhook), {when}" in run("explain", "two.md").output
    assert "announced" not in run("explain", "one.md").output
    assert json.loads(run("explain", "two.md", "--json").output)["queued"][0]["host"] == "hooks.example.net"
    at = datetime(2025, 6, 1, tzinfo=UTC)
    fine = Outcome(started=at, duration=0.1, status=204)
    with contextlib.closing(open_store(tmp_path / ".feedservice" / "store.sqlite")) as store:
        (claimed,) = store.claim(at, lanes={Lane.FIRST: 9}, lease=60).deliveries
        store.settle([announce.told(Settled(delivery=outbox.confirmed(claimed, fine, at)))])
        # The feed that the post was published in, to a hub and to its subscribers; and later ones, which tell of others.
        told = Event(at=at, what=What.ANNOUNCED, feed="tea", kind="websub", host="hub.example", note="202", of=at)
        again = dataclasses.replace(told, at=at + DAY, of=at + DAY)
        subscribers = dataclasses.replace(told, host="", note="", count=12)
        elsewhere = dataclasses.replace(told, feed="ai")
        published = Event(at=at, what=What.PUBLISHED, feed="tea", id="tag:example.org,2025-05-02:two", title="Two")
        store.publish(at=at, events=[again, published, told, subscribers, elsewhere])
    lines = [line for line in run("explain", "two.md").output.splitlines() if "announced" in line]
    assert sorted(lines) == [
        f"  announced in tea to 12 subscribers (websub), {when}",
        f"  announced in tea to hub.example (websub, 202), {when}",
        f"  announced to hooks.example.net (webhook, 204), {when}",
    ]
    assert {each["host"] for each in json.loads(run("explain", "two.md", "--json").output)["announced"]} == {
        "hooks.example.net",
        "hub.example",
        "",
    }
    shown = [line.partition(" ")[2] for line in run("log", "two.md").output.splitlines()]
    assert sorted(shown) == [
        "+ tea: published Two",
        "@ announced Two to hooks.example.net (webhook, 204)",
        "@ tea: announced to 12 subscribers (websub)",
        "@ tea: announced to hub.example (websub, 202)",
    ]
    assert len(run("log", "tea").output.splitlines()) == 5


def test_a_program_gets_json(run: Run) -> None:
    run("build")
    told = json.loads(run("explain", "two.md", "--json").output)
    assert (told["path"], told["out"], told["ledger"]["origin"]) == ("two.md", True, "tag")
    assert {each["feed"]: each["in"] for each in told["feeds"]} == {"all": True, "ai": False, "tea": True, "no-ai": True}


def test_what_names_no_post_is_refused(run: Run) -> None:
    assert run("explain", "nothing.md").exit_code == 4
