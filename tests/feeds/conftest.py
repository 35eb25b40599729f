"""Entries, heads and documents to vary: every value is plausible, and any of them can be given by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from feedservice.feeds.formats import FORMATS
from feedservice.model import Category, Document, Entry, FeedHead, FeedKind, FeedSpec, Person, Profile


class Make:
    """Nouns of the model with defaults."""

    def profile(self, **values: Any) -> Profile:
        return Profile(**{"zone": "Asia/Tokyo", "language": "ja", "full": True} | values)

    def entry(self, number: int = 1, **values: Any) -> Entry:
        defaults = {
            "id": f"tag:example.org,2025:/{number}/",
            "id_is_permalink": False,
            "url": f"https://example.org/{number}/",
            "title": f"第{number}回",
            "html": f"<p>本文 <em>{number}</em></p>",
            "summary": f"要約 {number}",
            "published": datetime(2025, 11, 17, 4, 42, number % 60, tzinfo=UTC),
            "updated": datetime(2025, 11, 18, 4, 42, number % 60, tzinfo=UTC),
            "zone": "America/New_York",
            "authors": (Person(name="編集部"),),
            "categories": (Category(term="投資分析", label="投資分析", scheme="https://example.org/category/"),),
            "language": "ja",
        }
        return Entry(**defaults | values)

    def spec(self, **values: Any) -> FeedSpec:
        defaults = {
            "key": "all",
            "kind": FeedKind.ALL,
            "title": "AIコンパス",
            "description": "毎日の話",
            "language": "ja",
            "zone": "Asia/Tokyo",
            "window": 50,
            "full": True,
            "home_url": "https://example.org/",
            "urls": {name: f"https://example.org/feeds/all.{name}" for name in FORMATS},
            "paths": {name: f"feeds/all.{name}" for name in FORMATS},
        }
        return FeedSpec(**defaults | values)

    def head(self, **values: Any) -> FeedHead:
        of_spec = {name: values.pop(name) for name in tuple(values) if name in FeedSpec.__slots__}
        defaults = {
            "spec": self.spec(**of_spec),
            "id": "tag:example.org,2025:/feeds/all",
            "updated": datetime(2025, 11, 19, tzinfo=UTC),
            "authors": (Person(name="編集部"),),
        }
        return FeedHead(**defaults | values)

    def body(
        self, name: str, entries: Sequence[Entry] = (), head: FeedHead | None = None, profile: Profile | None = None
    ) -> bytes:
        written = FORMATS[name]
        used = profile or self.profile()
        return written.document(head or self.head(), [written.entry(entry, used) for entry in entries])

    def document(self, name: str, body: bytes) -> Document:
        return Document(
            feed="all",
            format=name,
            url=f"https://example.org/feeds/all.{name}",
            path=f"feeds/all.{name}",
            media_type=FORMATS[name].media_type,
            body=body,
            etag="0" * 32,
            last_modified=datetime(2025, 11, 19, tzinfo=UTC),
            entries=(),
        )


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()
