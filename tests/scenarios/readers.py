"""Reader programs as judges: each has one subscription and a store of its own, and says what it shows as new."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, Protocol

import feedparser
import pytest


class Subscriber(Protocol):
    """A reader program with one subscription."""

    def poll(self) -> int:
        """Poll once, and return how many entries are unread; they are read then."""
        ...


class Feedparser:
    """Remembers ids."""

    def __init__(self, url: str, _folder: Path) -> None:
        self.url = url
        self.seen: set[str] = set()

    def poll(self) -> int:
        return len(self.news())

    def news(self) -> list[str]:
        """Return the titles of the entries that are new."""
        parsed = feedparser.parse(self.url)
        # A redirect that it followed is told too; a file has no status.
        assert parsed.get("status", 200) in {200, 301}
        assert not parsed.bozo
        # As readers do that are made with it.
        found = {entry.get("id") or entry.link: entry.title for entry in parsed.entries}
        new = [title for name, title in found.items() if name not in self.seen]
        self.seen |= found.keys()
        return new


class Newsboat:
    def __init__(self, url: str, folder: Path) -> None:
        if shutil.which("newsboat") is None:
            pytest.skip("newsboat is not installed")
        self.folder = folder
        (folder / "urls").write_text(f"{url}\n", encoding="utf-8")
        (folder / "config").write_text("max-items 0\n", encoding="utf-8")

    def poll(self) -> int:
        return len(self.news())

    def news(self) -> list[str]:
        """Return the titles of the entries that are new."""
        where = self.folder
        command = ["newsboat", "-u", str(where / "urls"), "-C", str(where / "config"), "-c", str(where / "cache.db")]
        environment = {"HOME": str(where), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        subprocess.run([*command, "-x", "reload"], check=True, capture_output=True, timeout=60, env=environment)
        database = sqlite3.connect(where / "cache.db")
        with database:
            unread = database.execute("select title from rss_item where unread = 1").fetchall()
            database.execute("update rss_item set unread = 0")
        database.close()
        return [title for (title,) in unread]


class ReaderLibrary:
    """The library `reader`, with its own database."""

    def __init__(self, url: str, folder: Path) -> None:
        reader = pytest.importorskip("reader", reason="the library reader is not installed")
        self.reader: Any = reader.make_reader(str(folder / "reader.sqlite"), feed_root="")
        self.reader.add_feed(url)

    def poll(self) -> int:
        return len(self.unread())

    def news(self) -> list[str]:
        """Return the titles of the entries that are new."""
        return [entry.title for entry in self.unread()]

    def unread(self) -> list[Any]:
        """Poll once, and return the entries that are unread; they are read then."""
        # Now, and not when an hour is over.
        self.reader.update_feeds(scheduled=False)
        (feed,) = self.reader.get_feeds()
        assert feed.last_exception is None, feed.last_exception
        unread = list(self.reader.get_entries(read=False))
        for entry in unread:
            self.reader.mark_entry_as_read(entry)
        return unread
