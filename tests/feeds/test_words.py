from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from string import Formatter

import pytest

from feedservice.feeds import words
from feedservice.model import FeedKind


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_every_text_with_the_same_places() -> None:
    for field in dataclasses.fields(words.Words):
        ours, theirs = getattr(words.JAPANESE, field.name), getattr(words.ENGLISH, field.name)
        if isinstance(ours, str):
            assert ours.strip()
            assert theirs.strip()
            assert fields(ours) == fields(theirs), field.name
    for language in (words.JAPANESE, words.ENGLISH):
        assert set(language.kinds) == set(FeedKind)
        assert len(set(language.months)) == 12


@pytest.mark.parametrize(
    ("tag", "chosen", "autonym"),
    [
        ("ja", "ja", "日本語"),
        ("ja-Hira-JP", "ja", "日本語"),
        ("JA_jp", "ja", "日本語"),
        ("jam", "en", "jam"),
        ("zh-TW", "en", "中文"),
        ("", "en", ""),
    ],
)
def test_words_are_chosen_by_the_primary_subtag(tag: str, chosen: str, autonym: str) -> None:
    assert words.chosen(tag).language == chosen
    assert words.autonym(tag) == autonym


def test_counts_and_dates_in_both_languages() -> None:
    assert [words.count(words.ENGLISH, number) for number in (0, 1, 2)] == ["0 posts", "1 post", "2 posts"]
    assert [words.count(words.JAPANESE, number) for number in (0, 1, 2)] == ["0件", "1件", "2件"]
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert words.date_time(words.ENGLISH, moment) == "2 January 2026, 03:04"
    assert words.date_time(words.JAPANESE, moment) == "2026年1月2日 03:04"
