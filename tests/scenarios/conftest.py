"""A site that is built again and again, and somebody who reads its feeds all the while."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from feedservice.config import load
from feedservice.service import publish
from feedservice.service.report import Report

START = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)

CONFIG = """\
site:
  title: 紙と活字
  url: https://example.org
  language: ja
  timezone: Asia/Tokyo
feeds:
  pages: false
  compress: []
"""


def article(title: str, date: datetime | str, *, more: str = "", body: str = "") -> str:
    written = date if isinstance(date, str) else date.isoformat(sep=" ")
    text = body or "\n".join(f"{title} の第{number}の文です。" for number in range(8))
    return f"---\ntitle: {title}\ndate: {written}\n{more}---\n{text}\n"


@dataclasses.dataclass
class Reader:
    """Remembers every id it ever saw, as readers do; counts what it shows as new."""

    root: Path
    seen: dict[str, set[str]] = dataclasses.field(default_factory=dict)

    def poll(self, key: str = "all") -> dict[str, list[str]]:
        """Return format → titles of the entries that are new to a subscriber of that feed, oldest last."""
        new: dict[str, list[str]] = {}
        for name in ("atom", "rss", "json"):
            seen = self.seen.setdefault(f"{key}.{name}", set())
            entries = self.entries(key, name)
            new[name] = [title for identity, title in entries if identity not in seen]
            seen.update(identity for identity, _ in entries)
        return new

    def news(self, key: str = "all") -> list[str]:
        """Return the titles that are new, which must be the same in every format."""
        new = self.poll(key)
        assert new["atom"] == new["rss"] == new["json"]
        return new["atom"]

    def entries(self, key: str = "all", name: str = "atom") -> list[tuple[str, str]]:
        body = (self.root / "public" / "feeds" / f"{key}.{name}").read_bytes()
        if name == "json":
            return [(item["id"], item["title"]) for item in json.loads(body)["items"]]
        parsed = feedparser.parse(body)
        assert not parsed.bozo
        return [(entry.id, entry.title) for entry in parsed.entries]

    def titles(self, key: str = "all") -> list[str]:
        return [title for _, title in self.entries(key)]


class Desk:
    """The author's side: files, a configuration, a clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = START
        self.content = root / "content"
        self.content.mkdir()
        self.configure()
        self.reader = Reader(root)

    def configure(self, text: str = CONFIG) -> None:
        (self.root / "config.yaml").write_text(text, encoding="utf-8")

    def write(self, path: str, text: str) -> Path:
        file = self.content / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def archive(self, count: int, *, folder: str = "") -> None:
        """Write posts that are one, two, three … days old."""
        for number in range(1, count + 1):
            self.write(f"{folder}post-{number:04}.md", article(f"記事{number:04}", self.now - timedelta(days=number)))

    def build(self, *, after: timedelta = timedelta(hours=1)) -> Report:
        self.now += after
        loaded = load(self.root / "config.yaml", {})
        return publish.build(loaded, now=self.now, out=self.root / "public")

    def every(self, change: Callable[[str], str]) -> None:
        for file in sorted(self.content.rglob("*.md")):
            file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
