"""Summaries only, with dates in each author's zone."""

from datetime import UTC, datetime

from feedservice.model import Entry, FeedHead, FeedKind, FeedSpec, Person, Profile

PROFILE = Profile(zone="author", language="en", full=False)
HEAD = FeedHead(
    spec=FeedSpec(
        key="all",
        kind=FeedKind.ALL,
        title="Summaries",
        description="The first sentences.",
        language="en",
        zone="author",
        window=50,
        full=False,
        home_url="https://example.org/",
        urls={name: f"https://example.org/feeds/all.{name}" for name in ("atom", "rss", "json")},
        paths={},
    ),
    id="tag:example.org,2025-01-01:/feeds/all",
    updated=datetime(2025, 7, 2, tzinfo=UTC),
    authors=(Person(name="Ada"),),
)
ENTRIES = [
    Entry(
        id=f"tag:example.org,2025:{zone}",
        id_is_permalink=False,
        url=f"https://example.org/{number}/",
        title=f"From {zone}",
        html="<p>Not shown.</p>",
        summary="Shown: 1 < 2 & 3.",
        published=datetime(2025, 7, 1, 12, 30, number, tzinfo=UTC),
        updated=datetime(2025, 7, 1, 12, 30, number, tzinfo=UTC),
        zone=zone,
        language="en",
    )
    for number, zone in enumerate(["Asia/Kolkata", "America/St_Johns", "+09:00", "UTC"])
]
