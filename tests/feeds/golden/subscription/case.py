"""The subscription document over two archives: it leads to the newest of them."""

from datetime import UTC, datetime

from feedservice.feeds import archives
from feedservice.model import Entry, FeedHead, FeedKind, FeedSpec, Person, Profile

PROFILE = Profile(zone="UTC", language="en", full=True)
HEAD = archives.subscription_head(
    FeedHead(
        spec=FeedSpec(
            key="all",
            kind=FeedKind.ALL,
            title="Notes",
            description="Notes of every day",
            language="en",
            zone="UTC",
            window=1,
            full=True,
            home_url="https://example.org/",
            urls={
                "atom": "https://example.org/feed.xml",
                "rss": "https://example.org/rss.xml",
                "json": "https://example.org/feed.json",
            },
            paths={},
        ),
        id="tag:example.org,2025-01-01:/feeds/all",
        updated=datetime(2025, 11, 5, tzinfo=UTC),
        authors=(Person(name="Ada"),),
        hubs=("https://example.org/hub",),
        icon="https://example.org/favicon.png",
    ),
    archives.Membership(archives=(("1", "2"), ("3", "4"))),
    base="https://example.org/feeds",
)
ENTRIES = [
    Entry(
        id="tag:example.org,2025:5",
        id_is_permalink=False,
        url="https://example.org/5/",
        title="Five",
        html="<p>Five</p>",
        summary="Five",
        published=datetime(2025, 11, 5, tzinfo=UTC),
        updated=datetime(2025, 11, 5, tzinfo=UTC),
        zone="UTC",
        language="en",
    )
]
