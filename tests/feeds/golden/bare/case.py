"""Entries that lack what most have: no title, no summary, no body, and characters that XML cannot hold."""

from datetime import UTC, datetime

from feedservice.model import Entry, FeedHead, FeedKind, FeedSpec, Profile

PROFILE = Profile(zone="UTC", language="en", full=True)
HEAD = FeedHead(
    spec=FeedSpec(
        key="all",
        kind=FeedKind.ALL,
        title="Bare\x0b",
        description="",
        language="en",
        zone="UTC",
        window=50,
        full=True,
        home_url="https://example.org/",
        urls={name: f"https://example.org/feeds/all.{name}" for name in ("atom", "rss", "json")},
        paths={},
    ),
    id="tag:example.org,2025-01-01:/feeds/all",
    updated=datetime(2025, 7, 2, tzinfo=UTC),
)
ENTRIES = [
    Entry(
        id=f"tag:example.org,2025:{number}",
        id_is_permalink=False,
        url=f"https://example.org/{number}/",
        title=title,
        html=html,
        summary=summary,
        published=datetime(2025, 7, 1, 12, 30, number, tzinfo=UTC),
        updated=datetime(2025, 7, 1, 12, 30, number, tzinfo=UTC),
        zone="UTC",
        language="en",
    )
    for number, (title, html, summary) in enumerate(
        [
            ("", "<p>Untitled.</p>", "Untitled."),
            ("No summary", '<p><img src="https://example.org/a.png" alt=""></p>', ""),
            ("No body", "", "Only this."),
            ("Nothing else", "", ""),
            (" ", "<p>Blank.</p>", ""),
            ("Bell\x07 and \ud800 surrogate", "<p>Not\ufffe a character, \x00 neither; \\u0007 is text</p>", "Form\x0cfeed"),
        ]
    )
]
