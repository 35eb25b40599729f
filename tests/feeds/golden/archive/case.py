"""The archive in the middle of three, with a style sheet: its own addresses, both neighbours, no hub."""

from datetime import UTC, datetime

from feedservice.feeds import archives
from feedservice.model import Entry, FeedHead, FeedKind, FeedSpec, Person, Profile

PROFILE = Profile(zone="Asia/Tokyo", language="ja", full=True)
FEED = FeedHead(
    spec=FeedSpec(
        key="投資分析",
        kind=FeedKind.CATEGORY,
        term="投資分析",
        title="投資分析",
        description="市場を毎日",
        language="ja",
        zone="Asia/Tokyo",
        window=2,
        full=True,
        home_url="https://example.org/category/%E6%8A%95%E8%B3%87%E5%88%86%E6%9E%90/",
        urls={name: f"https://example.org/feeds/%E6%8A%95%E8%B3%87%E5%88%86%E6%9E%90.{name}" for name in ("atom", "rss", "json")},
        paths={},
    ),
    id="tag:example.org,2025-01-01:/feeds/investment",
    updated=datetime(2025, 11, 4, 3, tzinfo=UTC),
    authors=(Person(name="編集部"),),
    hubs=("https://example.org/hub",),
    stylesheet="https://example.org/feeds/feed.css?a=1&b=2",
)
HEAD = archives.archive_head(
    FEED, archives.Archive(number=2, entries=("3", "4"), followed=True), base="https://example.org/feeds"
)
ENTRIES = [
    Entry(
        id=f"tag:example.org,2025:{number}",
        id_is_permalink=False,
        url=f"https://example.org/{number}/",
        title=f"第{number}回",
        html=f"<p>本文 {number}</p>",
        summary=f"本文 {number}",
        published=datetime(2025, 11, number, 3, tzinfo=UTC),
        updated=datetime(2025, 11, number, 3, tzinfo=UTC),
        zone="Asia/Tokyo",
        language="ja",
    )
    for number in (4, 3)
]
