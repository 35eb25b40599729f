"""A feed that has room for all its entries, with a style sheet: it says so, and leads nowhere else."""

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
            window=50,
            full=True,
            home_url="https://example.org/",
            urls={name: f"https://example.org/feeds/all.{name}" for name in ("atom", "rss", "json")},
            paths={},
        ),
        id="tag:example.org,2025-01-01:/feeds/all",
        updated=datetime(2025, 11, 5, tzinfo=UTC),
        authors=(Person(name="Ada"),),
        hubs=("https://example.org/hub",),
        stylesheet="https://example.org/feeds/feed.css",
    ),
    archives.Membership(),
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
