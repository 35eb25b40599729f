"""A configured category before its first post: a valid feed without entries."""

from datetime import UTC, datetime

from feedservice.model import FeedHead, FeedKind, FeedSpec, Profile

PROFILE = Profile(zone="UTC", language="en", full=True)
HEAD = FeedHead(
    spec=FeedSpec(
        key="news",
        kind=FeedKind.CATEGORY,
        term="news",
        title="News – Example",
        description="",
        language="en",
        zone="UTC",
        window=20,
        full=True,
        home_url="https://example.org/category/news/",
        urls={name: f"https://example.org/feeds/news.{name}" for name in ("atom", "rss", "json")},
        paths={},
    ),
    id="tag:example.org,2025-01-01:/feeds/news",
    updated=datetime(2025, 1, 1, tzinfo=UTC),
)
ENTRIES = []
