"""Readers of a running service: what they are sent, and what is said of them afterwards."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import feedparser

from tests.daemon.conftest import ROOT, Site, post, wait_for

LONG = "活字を拾う。" * 400


def ask(site: Site, path: str, *, method: str = "GET", **fields: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=30)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in fields.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def told(site: Site, *options: str) -> str:
    command = [sys.executable, "-m", "feedservice", "--config", str(site.config), "readers", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, cwd=ROOT).stdout


def test_a_reader_that_sends_its_tag_gets_only_what_is_new(site: Site) -> None:
    for number in range(1, 6):
        site.write(f"{number}.md", post(f"記事{number}", f"2025-01-0{number} 09:00", LONG))
    site.start()
    status, first, whole = ask(site, "/feeds/all.atom")
    assert status == 200
    site.write("new.md", post("新しい", "2025-01-06 09:00", LONG))
    wait_for(lambda: "新しい" in site.titles("all"))
    status, fields, delta = ask(site, "/feeds/all.atom", A_IM="feed", If_None_Match=first["etag"])
    assert (status, fields["im"], fields["delta-base"]) == (226, "feed", first["etag"])
    assert [entry.title for entry in feedparser.parse(delta).entries] == ["新しい"]
    assert len(delta) < len(whole) / 3
    # The next visit is a 304, after a restart too; a version from before it leads to a delta still.
    assert ask(site, "/feeds/all.atom", A_IM="feed", If_None_Match=fields["etag"])[0] == 304
    assert site.stop() == 0
    site.start()
    assert ask(site, "/feeds/all.atom", A_IM="feed", If_None_Match=fields["etag"])[0] == 304
    assert ask(site, "/feeds/all.atom", A_IM="feed", If_None_Match=first["etag"])[0] == 226


def test_who_reads_is_told_without_anybody_s_address(site: Site) -> None:
    site.write("a.md", post("A", body=LONG))
    site.start()
    feedly = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers; )"
    etag = ask(site, "/feeds/all.atom", User_Agent=feedly)[1]["etag"]
    assert ask(site, "/feeds/all.atom", User_Agent=feedly, If_None_Match=etag)[0] == 304
    for _ in range(2):
        assert ask(site, "/feeds/all.rss", User_Agent="newsboat/2.21", Accept_Encoding="gzip")[0] == 200
        assert ask(site, "/feeds/all.rss", User_Agent="monitor/1", method="HEAD")[0] == 200
    assert site.stop() == 0
    report: dict[str, Any] = json.loads(told(site, "--json"))["report"]
    (feed,) = report["feeds"]
    assert (feed["feed"], feed["subscribers"], feed["requests"]) == ("all", 17, 4)
    assert [(line["reader"], line["subscribers"]) for line in feed["readers"]] == [("Feedly", 16), ("Newsboat", 1)]
    assert (feed["conditional_share"], feed["not_modified_share"]) == (0.25, 0.25)
    assert feed["saved"] > len(LONG)
    assert [(poller["reader"], poller["unconditional"]) for poller in report["worst"]] == [("Newsboat", 2)]
    assert "all: 17 subscribers" in told(site)
    assert b"127.0.0.1" not in (site.state / "readers.json").read_bytes()
