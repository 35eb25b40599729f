"""Readers that others wrote find the same ids, titles, instants and content in each format of a feed.

feedparser and fastfeedparser are Python; newsboat is C++.
"""

from __future__ import annotations

import calendar
import json
import shutil
import sqlite3
import subprocess
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import fastfeedparser
import feedparser
import pytest

from feedservice import config
from feedservice.service import publish

Seen = list[tuple[str, str, int, str]]
"""(id, title, seconds since the epoch, content), newest first."""

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feeds of the sample site of this repository."""
    out = tmp_path_factory.mktemp("public")
    publish.build(config.load(ROOT / "config.yaml", {}), now=NOW, out=out)
    return out / "feeds"


def by_json(path: Path, _tmp: Path) -> Seen:
    items = json.loads(path.read_bytes())["items"]
    return [
        (item["id"], item["title"], int(datetime.fromisoformat(item["date_published"]).timestamp()), item["content_html"])
        for item in items
    ]


def by_feedparser(path: Path, _tmp: Path) -> Seen:
    # Its own cleaning would change the content that is to be compared.
    parsed = feedparser.parse(path.read_bytes(), sanitize_html=False, resolve_relative_uris=False)
    assert not parsed.bozo
    return [(entry.id, entry.title, calendar.timegm(entry.published_parsed), entry.content[0].value) for entry in parsed.entries]


def by_fastfeedparser(path: Path, _tmp: Path) -> Seen:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = fastfeedparser.parse(path.read_text(encoding="utf-8"))
    return [
        (entry["id"], entry["title"], int(datetime.fromisoformat(entry["published"]).timestamp()), entry["content"][0]["value"])
        for entry in parsed.entries
    ]


def by_newsboat(path: Path, tmp: Path) -> Seen:
    if shutil.which("newsboat") is None:
        pytest.skip("newsboat is not installed")
    (tmp / "urls").write_text(f"file://{path}\n", encoding="utf-8")
    (tmp / "config").write_text("max-items 0\n", encoding="utf-8")
    command = ["newsboat", "-u", str(tmp / "urls"), "-C", str(tmp / "config"), "-c", str(tmp / "cache.db"), "-x", "reload"]
    subprocess.run(
        command, check=True, capture_output=True, timeout=60, env={"HOME": str(tmp), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    )
    database = sqlite3.connect(tmp / "cache.db")
    rows = database.execute("select guid, title, pubDate, content from rss_item order by pubDate desc, guid").fetchall()
    database.close()
    return [(str(guid), str(title), int(seconds), str(content)) for guid, title, seconds, content in rows]


@pytest.mark.judge
@pytest.mark.parametrize("key", ["all", "letterpress", "syndication", "english"])
@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("atom", by_feedparser),
        ("rss", by_feedparser),
        ("atom", by_fastfeedparser),
        ("rss", by_fastfeedparser),
        ("json", by_fastfeedparser),
        ("atom", by_newsboat),
        ("rss", by_newsboat),
    ],
)
def test_every_reader_sees_the_same(
    key: str, name: str, reader: Callable[[Path, Path], Seen], public: Path, tmp_path: Path
) -> None:
    expected = by_json(public / f"{key}.json", tmp_path)
    assert expected
    found = reader(public / f"{key}.{name}", tmp_path)
    assert [(entry_id, title, seconds) for entry_id, title, seconds, _ in found] == [row[:3] for row in expected]
    assert [content.strip() for *_, content in found] == [row[3].strip() for row in expected]
