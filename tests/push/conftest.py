"""Changes, news and a configuration to vary."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from feedservice import config
from feedservice.config.schema import Config
from feedservice.deliveries import Change, EntryFacts, Failure, News, Notice, Outcome
from feedservice.push import announce
from feedservice.push.kinds import Before, Occasion, Place

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


class Make:
    """Nouns of announcing with defaults."""

    now = NOW

    def config(self, announce: str = "", site: str = "") -> Config:
        text = f"site:\n  title: AIコンパス\n  url: https://example.org\n{site}announce:\n  verify: off\n{announce}"
        return config.parse(text, name="c", environ={})

    def facts(self, number: int = 1, **values: Any) -> EntryFacts:
        defaults = {
            "id": f"tag:example.org,2026:/{number}/",
            "digest": f"d{number}",
            "url": f"https://example.org/{number}/",
            "title": f"第{number}回 <&>",
            "summary": f"要約 {number}",
            "published": NOW,
            "updated": NOW,
            "categories": ("投資分析",),
        }
        return EntryFacts(**defaults | values)

    def change(self, name: str = "atom", **values: Any) -> Change:
        defaults = {
            "feed": "all",
            "format": name,
            "topic": f"https://example.org/feeds/all.{name}",
            "home_url": "https://example.org/",
            "title": "AIコンパス",
            "version": 2,
            "at": NOW,
            "first": False,
            "new": (self.facts().id,),
        }
        return Change(**defaults | values)

    def occasion(
        self,
        settings: str = "",
        *,
        changes: tuple[Change, ...] | None = None,
        standings: dict[Place, Before] | None = None,
        now: datetime = NOW,
        notices: tuple[Notice, ...] = (),
        **news: Any,
    ) -> Occasion:
        told = tuple(self.change(name) for name in ("atom", "rss", "json")) if changes is None else changes
        said = News(**{"at": now, "published": (self.facts(),)} | news)
        return announce.occasion(told, said, self.config(settings), now=now, standings=standings, notices=notices)

    def outcome(self, status: int | None = 200, answer: bytes = b"", failure: Failure | None = None) -> Outcome:
        return Outcome(started=NOW, duration=0.1, status=status, answer=answer, failure=failure)


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def settings() -> Callable[[str], str]:
    return lambda text: "".join(f"  {line}\n" for line in text.splitlines())
