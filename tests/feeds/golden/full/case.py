"""Everything at once: languages, several authors, categories and tags, pictures, enclosures, hubs, marks in titles."""

from datetime import UTC, datetime

from feedservice.model import Category, Enclosure, Entry, FeedHead, FeedKind, FeedSpec, Image, Person, Profile

EDITORS = Person(name="編集部", email="editors@example.org", url="https://example.org/about/")
CATEGORY = "https://example.org/category/"
PROFILE = Profile(zone="Asia/Tokyo", language="ja", full=True)
HEAD = FeedHead(
    spec=FeedSpec(
        key="all",
        kind=FeedKind.ALL,
        title="AIコンパス & 友だち",
        description="市場と技術を毎日、a < b まで",
        language="ja",
        image="https://example.org/logo.png",
        zone="Asia/Tokyo",
        window=50,
        full=True,
        home_url="https://example.org/",
        urls={name: f"https://example.org/feeds/all.{name}" for name in ("atom", "rss", "json")},
        paths={},
    ),
    id="tag:example.org,2025-01-01:/feeds/all",
    updated=datetime(2025, 11, 18, 1, 2, 3, tzinfo=UTC),
    authors=(EDITORS,),
    hubs=("https://example.org/hub", "https://hub.example.net/"),
    copyright="© 2025 編集部 & contributors",
    icon="https://example.org/favicon.png",
)
ENTRIES = [
    Entry(
        id="tag:example.org,2025-11-17:/2025/11/17/second/",
        id_is_permalink=False,
        url="https://example.org/2025/11/17/second/?a=1&b=2",
        external_url="https://original.example.net/second",
        title="AT&T: 2 < 3、C++ の「話」",
        html='<p>今日は<strong>「重要」</strong>な話 &amp; <a href="https://example.org/x?a=1&amp;b=2">link</a>。</p>\n'
        "<pre><code>if (a &lt; b) {:ok, x}\n</code></pre>\n",
        summary="今日は「重要」な話。a < b & c > d",
        published=datetime(2025, 11, 17, 4, 42, 9, tzinfo=UTC),
        updated=datetime(2025, 11, 18, 1, 2, 3, tzinfo=UTC),
        zone="America/New_York",
        authors=(EDITORS, Person(name="Ada Example", url="https://ada.example.net/"), Person(name="Bo")),
        categories=(
            Category(term="投資分析", label="投資分析", scheme=CATEGORY),
            Category(term="c++", label="C++", scheme=CATEGORY),
        ),
        tags=(Category(term="r&d", label="R&D"), Category(term="c++", label="C++", scheme="https://example.org/tag/")),
        language="ja",
        image=Image(url="https://example.org/a.png?w=1&h=2", alt='図 "1"'),
        enclosures=(
            Enclosure(url="https://example.org/a.mp3", type="audio/mpeg", length=1234567, duration=3725, title="音声"),
            Enclosure(url="https://example.org/b.mp4", type="video/mp4", length=9, duration=7, title="動画"),
            Enclosure(url="https://example.org/c.pdf", type="application/pdf"),
        ),
    ),
    Entry(
        id="https://example.org/2025/03/09/first/",
        id_is_permalink=True,
        url="https://example.org/2025/03/09/first/",
        title="Plain English",
        html="<p>One <em>paragraph</em>.</p>\n",
        summary="One paragraph.",
        published=datetime(2025, 3, 8, 15, 0, tzinfo=UTC),
        updated=datetime(2025, 3, 8, 15, 0, tzinfo=UTC),
        zone="Asia/Tokyo",
        language="en",
        image=Image(url="https://example.org/plain.jpg"),
    ),
]
