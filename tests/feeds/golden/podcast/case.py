"""A podcast: iTunes and Podcasting 2.0 elements of the show and of an episode; nested categories; no owner twice."""

from datetime import UTC, datetime

from feedservice.model import (
    Enclosure,
    Entry,
    Episode,
    FeedHead,
    FeedKind,
    FeedSpec,
    Image,
    Person,
    Podcast,
    Profile,
    Transcript,
)

PROFILE = Profile(zone="Asia/Tokyo", language="ja", full=True, podcast=True)
HEAD = FeedHead(
    spec=FeedSpec(
        key="radio",
        kind=FeedKind.CATEGORY,
        term="radio",
        title="ラジオ",
        description="毎週の放送",
        language="ja",
        image="https://example.org/cover.jpg?v=2",
        zone="Asia/Tokyo",
        window=50,
        full=True,
        home_url="https://example.org/radio/",
        urls={name: f"https://example.org/feeds/radio.{name}" for name in ("atom", "rss", "json")},
        paths={},
    ),
    id="tag:example.org,2025-01-01:/feeds/radio",
    updated=datetime(2025, 11, 18, tzinfo=UTC),
    authors=(Person(name="編集部", email="editors@example.org"), Person(name="Ada")),
    podcast=Podcast(
        guid="917393e3-1b1e-5cef-ace4-edaa54e1f810",
        categories=("Society & Culture > Documentary", "Arts > Books", "Arts > Food", "News"),
        owner=Person(name="Ada Example", email="ada@example.org"),
        kind="serial",
        locked=True,
    ),
)
ENTRIES = [
    Entry(
        id="tag:example.org,2025-11-17:/radio/2/",
        id_is_permalink=False,
        url="https://example.org/radio/2/",
        title="第2回",
        html="<p>今回の話</p>",
        summary="今回の話",
        published=datetime(2025, 11, 17, 15, 30, tzinfo=UTC),
        updated=datetime(2025, 11, 17, 15, 30, tzinfo=UTC),
        zone="Asia/Tokyo",
        language="ja",
        image=Image(url="https://example.org/2.webp"),
        enclosures=(Enclosure(url="https://example.org/2.mp3", type="audio/mpeg", length=1234567, duration=1),),
        episode=Episode(
            duration=3725,
            season=1,
            number=2,
            kind="full",
            explicit=True,
            transcripts=(
                Transcript(url="https://example.org/2.vtt", type="text/vtt", language="ja"),
                Transcript(url="https://example.org/2.txt", type="text/plain"),
            ),
            chapters="https://example.org/2.json",
        ),
    ),
    Entry(
        id="tag:example.org,2025-11-10:/radio/1/",
        id_is_permalink=False,
        url="https://example.org/radio/1/",
        title="第1回",
        html="<p>最初の話</p>",
        summary="最初の話",
        published=datetime(2025, 11, 10, 15, 30, tzinfo=UTC),
        updated=datetime(2025, 11, 10, 15, 30, tzinfo=UTC),
        zone="Asia/Tokyo",
        language="ja",
        enclosures=(Enclosure(url="https://example.org/1.mp3", type="audio/mpeg", length=9, duration=61),),
    ),
]
