from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.config.schema import Config
from feedservice.feeds import specs
from feedservice.feeds.identity import Named
from feedservice.feeds.selection import Reason, live, matches, select
from feedservice.model import Person, Post

NOW = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)


def config(**feeds: object) -> Config:
    content = feeds.pop("content", {})
    values = {"site": {"title": "Site", "url": "https://example.org", "language": "ja"}, "feeds": feeds, "content": content}
    return Config.model_validate(values)


def named(path: str, **changes: object) -> Named:
    values: dict[str, object] = {
        "path": path,
        "digest": "0" * 32,
        "title": path,
        "link": f"https://example.org/{path}",
        "published": NOW - timedelta(days=1),
        "zone": "UTC",
    }
    return Named(post=Post(**{**values, **changes}), id=f"id:{path}", atom_id=f"id:{path}")  # type: ignore[arg-type]


def windows(posts: list[Named], settings: Config) -> dict[str, list[str]]:
    out = live(posts, settings, NOW)
    plan = specs.plan(settings, out.posts)
    return {key: [each.post.path for each in window] for key, window in select(out.posts, plan.specs, settings).items()}


def test_what_is_held_and_why_and_what_comes_next() -> None:
    posts = [
        named("out"),
        named("draft", draft=True),
        named("future", published=NOW + timedelta(hours=2)),
        named("now", published=NOW),
        named("expired", expires=NOW),
        named("expires", expires=NOW + timedelta(hours=1)),
        named("none", feeds=()),
        named("excluded", metadata={"robots": "noindex"}),
    ]
    found = live(posts, config(content={"exclude": [{"robots": "noindex"}]}), NOW)
    assert {each.post.path for each in found.posts} == {"out", "now", "expires"}
    assert found.held == {
        "draft": Reason.DRAFT,
        "future": Reason.FUTURE,
        "expired": Reason.EXPIRED,
        "none": Reason.NO_FEED,
        "excluded": Reason.EXCLUDED,
    }
    assert found.due == NOW + timedelta(hours=1)


def test_future_and_drafts_when_asked() -> None:
    posts = [named("future", published=NOW + timedelta(days=1)), named("draft", draft=True)]
    found = live(posts, config(content={"future": True, "drafts": True}), NOW)
    assert {each.post.path for each in found.posts} == {"future", "draft"}


@given(st.permutations(["a", "b", "c", "d"]))
def test_order_is_newest_first_then_by_id_whatever_the_order_of_files(order: list[str]) -> None:
    ages = {"a": 3, "b": 1, "c": 1, "d": 2}
    posts = [named(path, published=NOW - timedelta(days=ages[path])) for path in order]
    assert [each.post.path for each in live(posts, config(), NOW).posts] == ["b", "c", "d", "a"]


def test_windows_by_category_with_other_spellings() -> None:
    posts = [
        named("a", categories=("AI",)),
        named("b", categories=("ＡＩ", "C#")),
        named("c", categories=("機械学習",)),
        named("d"),
    ]
    found = windows(posts, config(categories={"AI": {"aka": ["機械学習"]}, "空": None}))
    assert found == {"all": ["a", "b", "c", "d"], "ai": ["a", "b", "c"], "空": [], "csharp": ["b"]}


def test_window_and_posts_that_choose_their_feeds() -> None:
    posts = [
        named(f"{n}", published=NOW - timedelta(hours=n), categories=("x",), feeds=("x",) if n == 1 else None) for n in range(5)
    ]
    found = windows(posts, config(window=2, categories={"x": {"window": 3}}))
    assert found == {"all": ["0", "2"], "x": ["0", "1", "2"]}


def test_tag_author_language_and_crossed_feeds() -> None:
    posts = [
        named("a", tags=("T", "t"), authors=(Person(name="花"),), language="ja", categories=("x",)),
        named("b", tags=("u",), authors=(Person(name="Bob"),), language="en", categories=("x",)),
    ]
    found = windows(posts, config(tags=True, authors=["花"], languages=True, category_languages=True))
    assert found["tags/t"] == ["a"]
    assert found["tags/u"] == ["b"]
    assert found["authors/花"] == ["a"]
    assert "authors/bob" not in found
    assert found["languages/en"] == ["b"]
    assert found["x/ja"] == ["a"]
    assert found["x/en"] == ["b"]


def test_declared_feeds() -> None:
    posts = [named("a", categories=("PR",)), named("b", categories=("News",)), named("c", tags=("deep",))]
    define = [
        {"key": "no-ads", "exclude": {"category": "pr"}},
        {"key": "some", "include": [{"category": "News"}, {"tag": "DEEP"}]},
    ]
    found = windows(posts, config(define=define))
    assert found["no-ads"] == ["b", "c"]
    assert found["some"] == ["b", "c"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"category": "ai"}, True),
        ({"category": ["x", "AI"]}, True),
        ({"category": "x"}, False),
        ({"tag": "ＴＡＧ"}, True),
        ({"author": "bob"}, True),
        ({"language": "pt"}, True),
        ({"language": "p"}, False),
        ({"path": "news/**"}, True),
        ({"path": "other/*"}, False),
        ({"robots": "noindex"}, True),
        ({"Robots": "NoIndex"}, True),
        ({"rating": 5}, True),
        ({"sitemap": False}, True),
        ({"list": "two"}, True),
        ({"missing": None}, True),
        ({"robots": None}, False),
        ({"category": "ai", "tag": "other"}, False),
        ({}, True),
    ],
)
def test_rules(rule: dict[str, object], expected: bool) -> None:
    metadata = {"robots": "noindex", "rating": "5", "sitemap": False, "list": ["one", "two"]}
    each = named(
        "news/a.md", categories=("AI",), tags=("tag",), authors=(Person(name="Bob"),), language="pt-BR", metadata=metadata
    )
    assert matches(rule, each.post, config()) is expected  # type: ignore[arg-type]
