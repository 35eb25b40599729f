"""Who reads, as far as a User-Agent tells: the program, and for how many people it polls.

All of it is what clients claim: good for a report (``tally``), never for a decision.
"""

from __future__ import annotations

import dataclasses
import enum
import re

NAME_LENGTH = 40
"""Longest name of a reader, in characters."""

_STATED = re.compile(
    r"(?<![0-9.,])([0-9]{1,3}(?:,[0-9]{3}){1,2}|[0-9]{1,8})\s+(?:subscriber|reader|user|follower)s?\b", re.IGNORECASE
)
_STATED_AFTER = re.compile(r"\b(?:subscribers|readers|users)[:=]\s*([0-9]{1,8})(?![0-9])", re.IGNORECASE)
_FEED_ID = re.compile(r"\bfeed[-_]?id[:=]\s*([0-9A-Za-z_-]{1,64})", re.IGNORECASE)
_COMPATIBLE = re.compile(r"compatible;\s*([^;/()+]{2,40})")
_PRODUCT = re.compile(r"[^/;()\[\]<>+]+")
_BOT = re.compile(r"bot\b|crawl|spider|slurp|preview|monitor|uptime|scrap", re.IGNORECASE)
_ENGINE = re.compile(r"^Mozilla/.*(?:Gecko/|AppleWebKit/|Trident/|Presto/)")
_UNKNOWN = "(none)"


class Kind(enum.StrEnum):
    """What sort of program it is."""

    AGGREGATOR = "aggregator"
    """Polls for many people: a service, or a server that somebody runs."""
    CLIENT = "client"
    """Polls for the person who runs it."""
    BOT = "bot"
    """Reads for no subscriber: search, previews, archives."""
    BROWSER = "browser"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What a User-Agent tells."""

    name: str
    """Printable, at most 40 characters."""
    kind: Kind
    subscribers: int | None = None
    """How many people it says it polls for."""
    feed_id: str | None = None
    """Its own name for the feed."""


_A, _C, _B = Kind.AGGREGATOR, Kind.CLIENT, Kind.BOT
_KNOWN: tuple[tuple[str, str, Kind], ...] = (
    ("feedly", "Feedly", _A),
    ("inoreader", "Inoreader", _A),
    ("newsblur", "NewsBlur", _A),
    ("theoldreader", "The Old Reader", _A),
    ("feedbin", "Feedbin", _A),
    ("bazqux", "BazQux", _A),
    ("g2reader", "G2Reader", _A),
    ("blogtrottr", "Blogtrottr", _A),
    ("feedfetcher-google", "Google Feedfetcher", _A),
    ("feedhq", "FeedHQ", _A),
    ("feedspot", "Feedspot", _A),
    ("feedwrangler", "Feed Wrangler", _A),
    ("feed wrangler", "Feed Wrangler", _A),
    ("feedpress", "FeedPress", _A),
    ("feedburner", "FeedBurner", _A),
    ("superfeedr", "Superfeedr", _A),
    ("netvibes", "Netvibes", _A),
    ("bloglovin", "Bloglovin", _A),
    ("livedoor", "livedoor Reader", _A),
    ("readwise", "Readwise", _A),
    ("kill-the-newsletter", "Kill the Newsletter", _A),
    ("granary", "granary", _A),
    ("micro.blog", "Micro.blog", _A),
    ("mailchimp", "Mailchimp", _A),
    ("ifttt", "IFTTT", _A),
    ("zapier", "Zapier", _A),
    ("planet/", "Planet", _A),
    ("tiny tiny rss", "Tiny Tiny RSS", _A),
    ("miniflux", "Miniflux", _A),
    ("freshrss", "FreshRSS", _A),
    ("commafeed", "CommaFeed", _A),
    ("selfoss", "selfoss", _A),
    ("nextcloud-news", "Nextcloud News", _A),
    ("nextcloud news", "Nextcloud News", _A),
    ("stringer", "Stringer", _A),
    ("rss-bridge", "RSS-Bridge", _A),
    ("overcast", "Overcast", _A),
    ("pocketcasts", "Pocket Casts", _A),
    ("pocket casts", "Pocket Casts", _A),
    ("castbox", "Castbox", _A),
    ("spotify", "Spotify", _A),
    ("podcastindex", "Podcast Index", _A),
    ("podcast index", "Podcast Index", _A),
    ("itms", "Apple Podcasts", _A),
    ("amazon music podcast", "Amazon Music", _A),
    ("player fm", "Player FM", _A),
    ("antennapod", "AntennaPod", _C),
    ("podcastaddict", "Podcast Addict", _C),
    ("podcast addict", "Podcast Addict", _C),
    ("castro", "Castro", _C),
    ("gpodder", "gPodder", _C),
    ("podcasts/", "Apple Podcasts", _C),
    ("applecoremedia", "Apple Podcasts", _C),
    ("netnewswire", "NetNewsWire", _C),
    ("reeder", "Reeder", _C),
    ("newsboat", "Newsboat", _C),
    ("newsbeuter", "Newsbeuter", _C),
    ("newsflash", "NewsFlash", _C),
    ("liferea", "Liferea", _C),
    ("akregator", "Akregator", _C),
    ("rss guard", "RSS Guard", _C),
    ("rssguard", "RSS Guard", _C),
    ("quiterss", "QuiteRSS", _C),
    ("rssowl", "RSSOwl", _C),
    ("fluent reader", "Fluent Reader", _C),
    ("vienna", "Vienna", _C),
    ("readkit", "ReadKit", _C),
    ("unread rss", "Unread", _C),
    ("fiery feeds", "Fiery Feeds", _C),
    ("feeder.co", "Feeder", _A),
    ("spacecowboys", "Feeder for Android", _C),
    ("feedme", "FeedMe", _C),
    ("thunderbird", "Thunderbird", _C),
    ("elfeed", "Elfeed", _C),
    ("rss2email", "rss2email", _C),
    ("sfeed", "sfeed", _C),
    ("feedparser", "feedparser", _C),
    ("simplepie", "SimplePie", _C),
    ("magpierss", "MagpieRSS", _C),
    ("rome client", "ROME", _C),
    ("wordpress", "WordPress", _C),
    ("curl/", "curl", _C),
    ("wget/", "Wget", _C),
    ("python-requests", "python-requests", _C),
    ("python-httpx", "httpx", _C),
    ("python-urllib", "urllib", _C),
    ("aiohttp", "aiohttp", _C),
    ("go-http-client", "Go", _C),
    ("okhttp", "OkHttp", _C),
    ("node-fetch", "node-fetch", _C),
    ("axios/", "axios", _C),
    ("rss-parser", "rss-parser", _C),
    ("slackbot", "Slack", _A),
    ("googlebot", "Googlebot", _B),
    ("bingbot", "Bingbot", _B),
    ("applebot", "Applebot", _B),
    ("yandex", "Yandex", _B),
    ("baiduspider", "Baidu", _B),
    ("duckduckbot", "DuckDuckBot", _B),
    ("facebookexternalhit", "Facebook", _B),
    ("twitterbot", "Twitter", _B),
    ("discordbot", "Discord", _B),
    ("mastodon", "Mastodon", _B),
    ("telegrambot", "Telegram", _B),
    ("ahrefs", "Ahrefs", _B),
    ("semrush", "Semrush", _B),
    ("gptbot", "GPTBot", _B),
    ("w3c_validator", "W3C validator", _B),
    ("feedvalidator", "Feed validator", _B),
    ("ia_archiver", "Internet Archive", _B),
    ("archive.org_bot", "Internet Archive", _B),
)
"""(what the User-Agent contains in lower case, name, kind); the first match counts."""


def identify(user_agent: str) -> Reader:
    """Read a User-Agent; any text is allowed."""
    text = user_agent[:1000]
    lowered = text.lower()
    subscribers = _subscribers(text)
    feed_id = _FEED_ID.search(text)
    name, kind = next(((name, kind) for needle, name, kind in _KNOWN if needle in lowered), ("", Kind.UNKNOWN))
    if not name:
        name, kind = _guess(text, stated=subscribers is not None)
    return Reader(name=name, kind=kind, subscribers=subscribers, feed_id=feed_id[1] if feed_id is not None else None)


def _subscribers(text: str) -> int | None:
    match = _STATED.search(text) or _STATED_AFTER.search(text)
    return int(match[1].replace(",", "")) if match is not None else None


def _guess(text: str, *, stated: bool) -> tuple[str, Kind]:
    """Name a program that is not in the table by what it calls itself."""
    compatible = _COMPATIBLE.search(text)
    engine = compatible is None or compatible[1].startswith("MSIE")
    if engine and _ENGINE.match(text) and not stated and not _BOT.search(text):
        return "browser", Kind.BROWSER
    named = compatible[1] if compatible is not None else (_PRODUCT.match(text.strip()) or [""])[0]
    name = "".join(character for character in named if character.isprintable()).strip()[:NAME_LENGTH] or _UNKNOWN
    if stated:
        return name, Kind.AGGREGATOR
    return name, Kind.BOT if _BOT.search(text) else Kind.UNKNOWN
