"""What becomes of the addresses of feeds: renamed, ended, gone for good."""

from __future__ import annotations

import http.client
import json
from urllib.parse import quote, urlsplit

from tests.daemon.conftest import CONFIG, Site, post, wait_for

FEEDS = """\
feeds:
  categories:
    AI: {aka: [機械学習]}
    Print: {retired: true}
  moved: {/index.xml: https://example.org/feeds/all.rss}
  gone: [/dead.atom, /feeds/film.atom, /feeds/film.rss, /feeds/film.json]
"""


def asked(site: Site, path: str) -> tuple[int, str | None]:
    """Ask without following: (status, Location)."""
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=30)
    try:
        connection.request("GET", quote(path))
        answer = connection.getresponse()
        return answer.status, answer.getheader("location")
    finally:
        connection.close()


def test_a_renamed_category_a_retired_feed_and_one_that_is_gone(site: Site) -> None:
    site.write("machine.md", post("Machine", category="機械学習"))
    site.write("press.md", post("Press", category="Print"))
    site.write("film.md", post("Film", category="Film"))
    site.start()
    assert asked(site, "/feeds/機械学習.atom") == asked(site, "/feeds/film.atom") == (200, None)
    site.config.write_text(CONFIG + FEEDS, encoding="utf-8")
    wait_for(lambda: asked(site, "/feeds/機械学習.atom") == (301, "https://example.org/feeds/ai.atom"))
    assert site.titles("ai") == ["Machine"]
    assert asked(site, "/feeds/機械学習/") == (301, "https://example.org/feeds/ai/")
    assert asked(site, "/index.xml") == (301, "https://example.org/feeds/all.rss")
    assert asked(site, "/dead.atom") == (410, None)
    # Its post is still out.
    assert "Film" in site.titles("all")
    assert asked(site, "/feeds/film.atom") == asked(site, "/feeds/film/") == (410, None)
    public = site.root / "public" / "feeds"
    wait_for(lambda: not (public / "機械学習.atom.gz").exists() and not (public / "機械学習.atom").exists())
    wait_for(lambda: not (public / "film.json").exists())
    status, body = site.get("/feeds/print.json")
    assert (status, json.loads(body)["expired"]) == (200, True)
