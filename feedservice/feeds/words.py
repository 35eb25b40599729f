"""The words of the HTML pages, in Japanese and English.

A language is one `Words` value, so that a text that one of them lacks is a type error and never a gap on a page.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from feedservice.model import FeedKind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Every text of the pages in one language; ``{…}`` are the places that `str.format` fills."""

    language: str
    """Primary subtag (BCP 47) of the language the words are in."""
    skip: str
    index: str
    """Name of the page of all feeds."""
    index_title: str
    """``{site}``."""
    index_explained: str
    formats_explained: str
    contents: str
    opml: str
    latest: str
    addresses: str
    copy: str
    copied: str
    copy_by_hand: str
    see_preview: str
    no_entries: str
    no_feeds: str
    preview: str
    preview_title: str
    """``{feed}`` and ``{site}``."""
    preview_explained: str
    preview_part: str
    """``{shown}`` and ``{total}``."""
    whole_entry: str
    by: str
    categories: str
    attachments: str
    updated: str
    language_of_feed: str
    other_feeds: str
    this_site: str
    this_is_a_feed: str
    """What a feed that is opened in a browser says of itself."""
    readable: str
    """What its preview is called there."""
    zone: str
    """``{zone}``."""
    generator: str
    """``{generator}``."""
    withdrawn: str
    """Title of a notice in a feed: ``{title}``."""
    withdrawn_explained: str
    ended: str
    """Of a feed: in a word."""
    ended_title: str
    """Title of the last entry of a feed that has ended: ``{feed}``."""
    ended_explained: str
    one: str
    """Count of one post."""
    many: str
    """``{count}``."""
    date: str
    """``{day}``, ``{month}`` and ``{year}``."""
    date_time: str
    """``{date}`` and ``{time}``."""
    months: tuple[str, ...]
    """January first."""
    kinds: Mapping[FeedKind, str]


JAPANESE = Words(
    language="ja",
    skip="本文へ移動",
    this_is_a_feed="これはフィードです。このページのアドレスをコピーし、購読リーダーに登録してください。",
    readable="読みやすいプレビュー",
    index="フィード一覧",
    index_title="フィード一覧 – {site}",
    index_explained="フィードは、新しい記事をリーダーに自動で届けるしくみです。"
    "読みたいフィードのアドレスをコピーして、お使いのリーダーに登録してください。会員登録もメールアドレスも要りません。",
    formats_explained="形式が違っても、届く記事は同じです。迷ったら一番上のアドレスをどうぞ。",
    contents="目次",
    opml="すべてのフィードをまとめて登録（OPML）",
    latest="最近の記事",
    addresses="購読用アドレス",
    copy="コピー",
    copied="コピーしました",
    copy_by_hand="選択しました。手動でコピーしてください",
    see_preview="プレビューを見る",
    no_entries="まだ記事がありません。",
    no_feeds="まだフィードがありません。",
    preview="プレビュー",
    preview_title="{feed}（プレビュー） – {site}",
    preview_explained="このフィードの記事は、リーダーに次のように届きます。購読するには、アドレスをコピーしてリーダーに登録してください。",
    preview_part="全{total}件のうち、新しい{shown}件を表示しています。",
    whole_entry="届く本文",
    by="著者",
    categories="分類",
    attachments="添付ファイル",
    updated="最終更新",
    language_of_feed="言語",
    other_feeds="ほかのフィード",
    this_site="このサイト",
    zone="日時は {zone} の時刻です。",
    generator="{generator} で配信しています。",
    withdrawn="【取り下げ】{title}",
    withdrawn_explained="この記事は取り下げられました。",
    ended="終了",
    ended_title="「{feed}」は終了しました",
    ended_explained="このフィードに新しい記事が届くことはありません。購読を解除してかまいません。",
    one="1件",
    many="{count}件",
    date="{year}年{month}月{day}日",
    date_time="{date} {time}",
    months=("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"),
    kinds=MappingProxyType(
        {
            FeedKind.ALL: "すべての記事",
            FeedKind.CATEGORY: "カテゴリー",
            FeedKind.TAG: "タグ",
            FeedKind.AUTHOR: "著者",
            FeedKind.LANGUAGE: "言語",
            FeedKind.CATEGORY_LANGUAGE: "カテゴリーと言語",
            FeedKind.QUERY: "選集",
        }
    ),
)

ENGLISH = Words(
    language="en",
    this_is_a_feed="This is a feed. To subscribe, copy the address of this page into a feed reader.",
    readable="Preview for people",
    skip="Skip to content",
    index="Feeds",
    index_title="Feeds – {site}",
    index_explained="A feed brings new posts to a reader app by itself. "
    "Copy the address of a feed you like and add it to your reader. No account and no e-mail address is needed.",
    formats_explained="Every format carries the same posts. When in doubt, take the first address.",
    contents="On this page",
    opml="Subscribe to all feeds at once (OPML)",
    latest="Latest posts",
    addresses="Addresses to subscribe to",
    copy="Copy",
    copied="Copied",
    copy_by_hand="Selected: please copy by hand",
    see_preview="See the preview",
    no_entries="No posts yet.",
    no_feeds="No feeds yet.",
    preview="Preview",
    preview_title="{feed} (preview) – {site}",
    preview_explained="The posts of this feed arrive in a reader as shown here. "
    "To subscribe, copy an address and add it to your reader.",
    preview_part="Showing the newest {shown} of {total} posts.",
    whole_entry="Text as delivered",
    by="By",
    categories="Filed under",
    attachments="Attached files",
    updated="Updated",
    language_of_feed="Language",
    other_feeds="Other feeds",
    this_site="This site",
    zone="Times are in {zone}.",
    generator="Published with {generator}.",
    withdrawn="Withdrawn: {title}",
    withdrawn_explained="This entry has been withdrawn.",
    ended="Ended",
    ended_title="{feed} has ended",
    ended_explained="No new posts will come in this feed: you may unsubscribe.",
    one="1 post",
    many="{count} posts",
    date="{day} {month} {year}",
    date_time="{date}, {time}",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    kinds=MappingProxyType(
        {
            FeedKind.ALL: "All posts",
            FeedKind.CATEGORY: "Category",
            FeedKind.TAG: "Tag",
            FeedKind.AUTHOR: "Author",
            FeedKind.LANGUAGE: "Language",
            FeedKind.CATEGORY_LANGUAGE: "Category and language",
            FeedKind.QUERY: "Selection",
        }
    ),
)

AUTONYMS: Mapping[str, str] = MappingProxyType(
    {
        "ar": "العربية",
        "de": "Deutsch",
        "en": "English",
        "es": "Español",
        "fr": "Français",
        "id": "Bahasa Indonesia",
        "it": "Italiano",
        "ja": "日本語",
        "ko": "한국어",
        "nl": "Nederlands",
        "pl": "Polski",
        "pt": "Português",
        "ru": "Русский",
        "th": "ไทย",
        "tr": "Türkçe",
        "uk": "Українська",
        "vi": "Tiếng Việt",
        "zh": "中文",
    }
)
"""Primary subtag → what the language calls itself."""


def primary(tag: str) -> str:
    """Return the primary subtag of a language tag, in lower case (RFC 5646 §2.2.1): ``ja`` for ``ja-JP``."""
    return tag.replace("_", "-").split("-", 1)[0].lower()


def chosen(tag: str) -> Words:
    """Choose the words for a site in the language ``tag`` (BCP 47): Japanese for Japanese, English for every other."""
    return JAPANESE if primary(tag) == JAPANESE.language else ENGLISH


def autonym(tag: str) -> str:
    """Return what the language of ``tag`` calls itself; the tag where that is not known."""
    return AUTONYMS.get(primary(tag), tag)


def count(words: Words, posts: int) -> str:
    """Write a number of posts in words."""
    return words.one if posts == 1 else words.many.format(count=posts)


def date(words: Words, moment: datetime) -> str:
    """Write the day of a local ``moment``: ``2025年11月17日``, ``17 November 2025``."""
    return words.date.format(year=moment.year, month=words.months[moment.month - 1], day=moment.day)


def date_time(words: Words, moment: datetime) -> str:
    """Write day and minute of a local ``moment``: ``2025年11月17日 13:42``, ``17 November 2025, 13:42``."""
    return words.date_time.format(date=date(words, moment), time=f"{moment.hour:02}:{moment.minute:02}")
