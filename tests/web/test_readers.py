from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.web.readers import NAME_LENGTH, Kind, identify

A, C, B, W, U = Kind.AGGREGATOR, Kind.CLIENT, Kind.BOT, Kind.BROWSER, Kind.UNKNOWN
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "name", "kind", "subscribers", "feed_id"),
    [
        ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers; like FeedFetcher-Google)", "Feedly", A, 16, None),
        ("Inoreader/1.0 (+http://www.inoreader.com/feed-fetcher; 12 subscribers; )", "Inoreader", A, 12, None),
        ("NewsBlur Feed Fetcher - 7 subscribers - https://www.newsblur.com/site/123/x (" + CHROME + ")", "NewsBlur", A, 7, None),
        ("NewsBlur Feed Fetcher - 1 subscriber - https://www.newsblur.com/site/123/x", "NewsBlur", A, 1, None),
        ("Mozilla/5.0 (compatible; theoldreader.com; 3 subscribers; feed-id=abc123)", "The Old Reader", A, 3, "abc123"),
        ("Feedbin feed-id:1373711 - 142 subscribers", "Feedbin", A, 142, "1373711"),
        ("Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 1 subscribers)", "BazQux", A, 1, None),
        ("Mozilla/5.0 (compatible; G2Reader-Bot/1.0; +http://www.g2reader.com/; 2 subscribers)", "G2Reader", A, 2, None),
        (
            "FeedFetcher-Google; (+http://www.google.com/feedfetcher.html; 9 subscribers; feed-id=42)",
            "Google Feedfetcher",
            A,
            9,
            "42",
        ),
        ("Blogtrottr/2.0", "Blogtrottr", A, None, None),
        ("Superfeedr bot/2.0 http://superfeedr.com - Please read FAQs.; feed-id:12345", "Superfeedr", A, None, "12345"),
        ("Overcast/1.0 Podcast Sync (4 subscribers; feed-id=4711; +http://overcast.fm/)", "Overcast", A, 4, "4711"),
        ("PocketCasts/1.0 (Pocket Casts Feed Parser; +http://pocketcasts.com/)", "Pocket Casts", A, None, None),
        ("iTMS", "Apple Podcasts", A, None, None),
        ("Podcasts/1650.20 CFNetwork/1399 Darwin/22.1.0", "Apple Podcasts", C, None, None),
        ("AntennaPod/3.4.0", "AntennaPod", C, None, None),
        ("Mozilla/5.0 (compatible; Miniflux/2.2.1; +https://miniflux.app)", "Miniflux", A, None, None),
        ("FreshRSS/1.24.0 (Linux; https://freshrss.org)", "FreshRSS", A, None, None),
        ("FreshRSS/1.24.0 (Linux; https://freshrss.org; 5 users)", "FreshRSS", A, 5, None),
        ("Tiny Tiny RSS/22.12-abc (https://tt-rss.org/)", "Tiny Tiny RSS", A, None, None),
        ("CommaFeed/4.0 (https://github.com/Athou/commafeed)", "CommaFeed", A, None, None),
        ("NetNewsWire (RSS Reader; https://netnewswire.com/)", "NetNewsWire", C, None, None),
        ("Reeder/5050001 CFNetwork/1568.200.51 Darwin/24.1.0", "Reeder", C, None, None),
        ("newsboat/2.21.0 (Linux x86_64)", "Newsboat", C, None, None),
        ("Liferea/1.15.4 (Linux; https://lzone.de/liferea/) AppleWebKit (KHTML, like Gecko)", "Liferea", C, None, None),
        ("feedparser/6.0.14 +https://github.com/kurtmckee/feedparser/", "feedparser", C, None, None),
        ("UniversalFeedParser/5.2.1 +https://code.google.com/p/feedparser/", "feedparser", C, None, None),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0", "Thunderbird", C, None, None),
        ("curl/8.5.0", "curl", C, None, None),
        ("Wget/1.21", "Wget", C, None, None),
        ("python-requests/2.32", "python-requests", C, None, None),
        ("Slackbot 1.0 (+https://api.slack.com/robots)", "Slack", A, None, None),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Googlebot",
            B,
            None,
            None,
        ),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "Bingbot", B, None, None),
        ("Mozilla/5.0 (compatible; SomethingBot/1.0; +https://bot.example)", "SomethingBot", B, None, None),
        ("LinkCrawler 2", "LinkCrawler 2", B, None, None),
        (CHROME, "browser", W, None, None),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "browser", W, None, None),
        ("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0) AppleWebKit/1", "browser", W, None, None),
        ("MyReader/0.1 (+https://my.example)", "MyReader", U, None, None),
        ("MyService/0.1 (31 subscribers)", "MyService", A, 31, None),
        ("MyService/0.1 (1,234 subscribers)", "MyService", A, 1234, None),
        ("MyService/0.1 (1,234,567 Readers)", "MyService", A, 1234567, None),
        ("MyService/0.1 (8 readers)", "MyService", A, 8, None),
        ("MyService/0.1 (subscribers: 8)", "MyService", A, 8, None),
        ("MyService/0.1 (users=8; feed_id=x-1)", "MyService", A, 8, "x-1"),
        ("MyService/0.1 (0 subscribers)", "MyService", A, 0, None),
        ("MyService/1.0 users of the world", "MyService", U, None, None),
        ("MyService/0.1 (123456789 subscribers)", "MyService", U, None, None),
        ("MyService/0.1 (-5 subscribers)", "MyService", A, 5, None),
        ("MyService/0.1 (5 userspace)", "MyService", U, None, None),
        ("", "(none)", U, None, None),
        ("   ", "(none)", U, None, None),
        ("/", "(none)", U, None, None),
        ("\x1b[31mred/1", "(none)", U, None, None),
        ("re\x1bd/1", "red", U, None, None),
    ],
)
def test_identify(user_agent: str, name: str, kind: Kind, subscribers: int | None, feed_id: str | None) -> None:
    reader = identify(user_agent)
    assert (reader.name, reader.kind, reader.subscribers, reader.feed_id) == (name, kind, subscribers, feed_id)


@given(st.text(max_size=300) | st.text(st.sampled_from("0123456789, subcribersfeed-id=;()/"), max_size=120))
def test_any_text_names_a_reader_that_can_be_printed(user_agent: str) -> None:
    reader = identify(user_agent)
    assert 0 < len(reader.name) <= NAME_LENGTH
    assert reader.name.isprintable()
    assert reader.subscribers is None or 0 <= reader.subscribers < 1_000_000_000
    assert reader.feed_id is None or 0 < len(reader.feed_id) <= 64


@given(st.integers(min_value=0, max_value=99_999_999), st.sampled_from(["subscribers", "readers", "users"]))
def test_a_plain_statement_is_read_as_it_stands(number: int, noun: str) -> None:
    assert identify(f"X/1.0 (+https://x.example; {number} {noun})").subscribers == number
