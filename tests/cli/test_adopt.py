from __future__ import annotations

import json
import re
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedservice.cli import group
from feedservice.service import lock

CONFIG = (
    "site: {title: T, url: 'https://new.example', timezone: Asia/Tokyo}\ncontent: {permalink: '/:slug/'}\nfeeds: {window: 50}\n"
)
TEXT = "\n\n".join(f"Sentence {n} of this post is about tea." for n in range(8))


def item(number: int, title: str, link: str = "", date: str = "") -> str:
    dated = f"<pubDate>{date}</pubDate>" if date else ""
    return f'<item><guid isPermaLink="false">old-{number}</guid><title>{title}</title><link>{link}</link>{dated}</item>'


def feed(*items: str) -> str:
    return f'<rss version="2.0"><channel><title>Old</title>{"".join(items)}</channel></rss>'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "content").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    for name, day in (("tea", 1), ("ink", 2), ("soup", 3), ("later", 4)):
        text = f"---\ntitle: {name.capitalize()}\ndate: 2025-02-0{day} 09:30\n---\n{TEXT.replace('tea', name)}\n"
        (tmp_path / "content" / f"{name}.md").write_text(text, encoding="utf-8")
    old = feed(
        item(1, "Tea", "http://old.example/tea.html", "Sat, 01 Feb 2025 09:30:00 +0900"),
        item(2, "Ink, rewritten", "http://www.new.example/ink"),
        item(3, "Soup"),
        item(4, "Gone", "http://old.example/gone"),
    )
    (tmp_path / "old.xml").write_text(old, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments))


REPORT = """\
old.xml (rss): 4 entries
2 matched (1 by the same link, 1 by the same path on another host)
  ink.md: old-2, in Atom https://new.example/#old-2
  tea.md: old-1, in Atom https://new.example/#old-1
1 doubtful (nothing is taken over)
  Soup: old-3: the same title, but the feed gives it no date (soup.md)
      if it is that post, write into it: id: "old-3"
1 old entry without a post (ids are remembered, in case the post comes yet)
  Gone: http://old.example/gone
1 post without an old entry (they keep the ids that they have here)
  later.md (2025-02-04)
"""


def test_the_report(site: Path) -> None:
    result = run("adopt", "old.xml")
    assert result.exit_code == 1
    assert result.output == REPORT + "Nothing was changed. To take over: the same again, with --write\n"
    assert not (site / ".feedservice").exists()


def test_write(site: Path) -> None:
    result = run("adopt", "old.xml", "--write")
    ledger = site / ".feedservice" / "ledger.jsonl"
    assert result.exit_code == 1
    assert result.output == REPORT + f"Written: {ledger}. Keep it; and now: feedservice build\n"
    rows = {row["id"]: row for row in map(json.loads, ledger.read_text(encoding="utf-8").splitlines()[1:])}
    assert sorted(rows) == ["old-1", "old-2", "old-4"]
    assert rows["old-1"]["origin"] == "adopted old.xml"
    assert run("build").exit_code == 0
    rss = (site / "public" / "feeds" / "all.rss").read_text(encoding="utf-8")
    assert '<guid isPermaLink="false">old-1</guid>' in rss
    assert '<guid isPermaLink="false">old-2</guid>' in rss
    assert "<id>https://new.example/#old-1</id>" in (site / "public" / "feeds" / "all.atom").read_text(encoding="utf-8")


def test_a_doubt_is_settled_in_the_post(site: Path) -> None:
    post = site / "content" / "soup.md"
    post.write_text(post.read_text(encoding="utf-8").replace("---\n", '---\nid: "old-3"\n', 1), encoding="utf-8")
    result = run("adopt", "old.xml", "--write")
    assert result.exit_code == 0
    assert "doubtful" not in result.output
    assert "  soup.md: old-3, in Atom https://new.example/#old-3" in result.output


def test_a_former_address_in_the_post_is_its_address(site: Path) -> None:
    post = site / "content" / "later.md"
    post.write_text(post.read_text(encoding="utf-8").replace("---\n", "---\nredirect_from: [/gone/]\n", 1), encoding="utf-8")
    told = json.loads(run("adopt", "old.xml", "--json").stdout)
    assert [(each["path"], each["id"]) for each in told["matched"]][1] == ("later.md", "old-4")


def test_what_was_built_before_needs_replace(site: Path) -> None:
    assert run("build").exit_code == 0
    kept = run("adopt", "old.xml", "--write")
    assert kept.exit_code == 1
    assert "2 ids that are not taken over (with --replace they are)" in kept.output
    assert "tea.md: old-1 (old.xml): published here since" in kept.output
    assert "2 matched" in run("adopt", "old.xml", "--write", "--replace").output
    ledger = (site / ".feedservice" / "ledger.jsonl").read_text(encoding="utf-8")
    assert '"id": "old-1", "path": "tea.md"' in ledger


def test_replaced_ids_are_no_news_to_the_guard_and_stay_in_their_archives(site: Path) -> None:
    (site / "config.yaml").write_text(CONFIG.replace("window: 50", "window: 1, archives: true"), encoding="utf-8")
    assert run("build").exit_code == 0
    before = archived(site)
    assert run("adopt", "old.xml", "--write", "--replace").exit_code == 1
    built = run("build")
    assert built.exit_code == 0, built.output
    after = archived(site)
    assert before.keys() == after.keys()
    assert {"old-1", "old-2"} <= {each for ids in after.values() for each in ids}
    assert [len(ids) for ids in before.values()] == [len(ids) for ids in after.values()]
    assert "nothing written" in run("build").output


def archived(site: Path) -> dict[str, list[str]]:
    files = sorted((site / "public").rglob("*.rss"))
    return {file.name: re.findall(r"<guid[^>]*>([^<]*)<", file.read_text(encoding="utf-8")) for file in files}


def test_json(site: Path) -> None:
    result = run("adopt", "old.xml", "--json")
    told = json.loads(result.stdout)
    assert told["feeds"] == [{"name": "old.xml", "format": "rss", "entries": 4, "shown": 4}]
    assert [(each["path"], each["id"], each["published"]) for each in told["matched"]] == [
        ("ink.md", "old-2", "2025-02-02T00:30:00Z"),
        ("tea.md", "old-1", "2025-02-01T00:30:00Z"),
    ]
    assert [(each["id"], each["posts"]) for each in told["doubtful"]] == [("old-3", ["soup.md"])]
    assert [each["id"] for each in told["entries_without_post"]] == ["old-4"]
    assert [each["path"] for each in told["posts_without_entry"]] == ["later.md"]
    assert (told["changed"], told["written"], told["rule"], told["problems"]) == (True, False, None, [])


def test_a_note_on_a_window_that_is_larger_than_the_old_one(site: Path) -> None:
    (site / "old.xml").write_text(feed(item(1, "Tea", "http://old.example/tea/")), encoding="utf-8")
    result = run("adopt", "old.xml")
    assert result.exit_code == 0
    assert "Note: the old feed shows 1, and feeds.window is 50" in result.output


def test_a_post_that_cannot_be_read_is_said(site: Path) -> None:
    (site / "content" / "bad.md").write_text("---\ntitle: a: b\n---\n", encoding="utf-8")
    result = run("adopt", "old.xml")
    assert result.exit_code == 1
    assert "bad.md:2:" in result.stderr


@pytest.mark.parametrize("place", ["none.xml", "config.yaml", "http://127.0.0.1:1/feed", "http://"])
def test_no_feed_at_all(site: Path, place: str) -> None:
    result = run("adopt", place)
    assert result.exit_code == 4
    assert "no feed could be read" in result.output


def test_an_address_of_the_own_network_is_allowed_first(site: Path) -> None:
    assert "name the network in announce.targets.allow" in run("adopt", "http://127.0.0.1:9/feed.xml").output


def test_one_of_two_feeds_that_cannot_be_read(site: Path) -> None:
    result = run("adopt", "old.xml", "none.xml", "--json")
    assert result.exit_code == 1
    assert [each["rule"] for each in json.loads(result.stdout)["problems"]] == ["adopt.unreachable"]


def test_a_long_list_is_cut_for_people(site: Path) -> None:
    (site / "old.xml").write_text(feed(*(item(n, f"Lost {n}") for n in range(30))), encoding="utf-8")
    assert "… and 10 more; --json has all" in run("adopt", "old.xml").output


def test_while_another_builds(site: Path) -> None:
    held = lock.acquire(site / ".feedservice", now=datetime.now(UTC))
    assert isinstance(held, lock.Lock)
    with held:
        assert run("adopt", "old.xml").exit_code == 1
        assert run("adopt", "old.xml", "--write").exit_code == 4


class _Old(BaseHTTPRequestHandler):
    """A feed of two pages that moved."""

    def do_GET(self) -> None:
        link = '<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="next" href="/feed?page=2"/>'
        tea = item(1, "Tea", "http://old.example/tea/", "Sat, 01 Feb 2025 09:30:00 +0900")
        ink = item(2, "Ink", "http://old.example/ink/", "Sun, 02 Feb 2025 09:30:00 +0900")
        pages = {"/feed": feed(link, tea), "/feed?page=2": feed(ink)}
        self.send_response(200 if self.path in pages else 301)
        self.send_header("Location", "/feed")
        self.end_headers()
        self.wfile.write(pages.get(self.path, "").encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_an_address_with_its_pages(site: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Old) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/rss"
        refused = run("adopt", url)
        allowed = CONFIG + "announce: {targets: {allow: [127.0.0.0/8]}}\n"
        (site / "config.yaml").write_text(allowed, encoding="utf-8")
        told = run("adopt", url, "--write")
        server.shutdown()
        thread.join()
    # Addresses of one's own network are called only when the configuration says so.
    assert (refused.exit_code, "loopback" in refused.output) == (4, True)
    assert told.exit_code == 0, told.output
    assert f"{url} (rss): 2 entries" in told.output
    rows = (site / ".feedservice" / "ledger.jsonl").read_text(encoding="utf-8")
    assert f'"id": "old-2", "path": "ink.md", "origin": "adopted {url}"' in rows
