from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

from feedservice.config.schema import Config
from feedservice.feeds.identity import Named
from feedservice.feeds.specs import plan
from feedservice.model import FeedKind, FeedSpec, Post


def config(site: dict[str, object] | None = None, **feeds: object) -> Config:
    base = {
        "title": "紙と活字",
        "url": "https://example.org/blog",
        "description": "d",
        "language": "ja",
        "timezone": "Asia/Tokyo",
    }
    return Config.model_validate({"site": {**base, **(site or {})}, "feeds": feeds})


def posts(*categories: str) -> list[Named]:
    """Newest first, as ``Live.posts`` are: the last label is the one seen first."""
    return [
        Named(
            post=Post(
                path=f"{n}.md",
                digest="0" * 32,
                title="t",
                link=f"https://example.org/{n}",
                published=datetime(2025, 1, 28 - n, tzinfo=UTC),
                zone="UTC",
                categories=(label,),
            ),
            id=f"id:{n}",
            atom_id=f"id:{n}",
        )
        for n, label in enumerate(categories)
    ]


def specs(settings: Config, *categories: str) -> dict[str, FeedSpec]:
    return {spec.key: spec for spec in plan(settings, posts(*categories)).specs}


def test_default_places() -> None:
    found = specs(config(), "投資分析")
    assert found["all"].urls == {name: f"https://example.org/blog/feeds/all.{name}" for name in ("atom", "rss", "json")}
    assert found["all"].paths == {name: f"blog/feeds/all.{name}" for name in ("atom", "rss", "json")}
    assert found["投資分析"].urls["rss"] == "https://example.org/blog/feeds/%E6%8A%95%E8%B3%87%E5%88%86%E6%9E%90.rss"
    assert found["投資分析"].paths["rss"] == "blog/feeds/投資分析.rss"


def test_titles_are_unique_and_the_label_is_the_first_seen() -> None:
    found = specs(config(title_pattern="{label} | {site}"), "ai", "AI")
    assert [spec.title for spec in found.values()] == ["紙と活字", "AI | 紙と活字"]
    same = specs(config(title_pattern="{site}"), "x", "y")
    assert sorted(spec.title for spec in same.values()) == ["紙と活字", "紙と活字 (x)", "紙と活字 (y)"]


def test_c_and_its_relatives_get_three_feeds() -> None:
    assert set(specs(config(), "C", "C++", "C#")) == {"all", "c", "cplusplus", "csharp"}


def test_reserved_names_get_a_mark() -> None:
    keys = set(specs(config(), "All", "index", "tags")) - {"all"}
    assert len(keys) == 3
    assert not keys & {"index", "tags"}


def test_addresses_of_a_site_that_moves_in() -> None:
    paths = {"all": {"atom": "/feed.xml"}, "category": {"atom": "/feed/{key}.xml", "rss": "/category/{slug}/feed/"}}
    found = specs(config(paths=paths), "News")
    assert found["all"].urls["atom"] == "https://example.org/feed.xml"
    assert found["all"].paths["rss"] == "blog/feeds/all.rss"
    assert found["news"].paths == {"atom": "feed/news.xml", "rss": "category/news/feed/index.xml", "json": "blog/feeds/news.json"}
    assert found["news"].urls["rss"] == "https://example.org/category/news/feed/"


def test_aliases() -> None:
    found = specs(
        config(aliases={"/index.xml": "all.rss", "/feed/{key}.xml": "category.atom"}, all={"aliases": {"/old.json": "json"}}),
        "News",
    )
    assert found["all"].aliases == {"index.xml": "rss", "old.json": "json"}
    assert found["news"].aliases == {"feed/news.xml": "atom"}


def test_raw_names_cannot_leave_their_place() -> None:
    found = specs(config(paths="/c/{name}.{format}"), "../../etc/passwd")
    hostile = next(spec for key, spec in found.items() if key != "all")
    assert all(".." not in path.split("/") for path in hostile.paths.values())
    assert all(path.startswith("c/") and path.count("/") == 1 for path in hostile.paths.values())


def test_two_feeds_never_share_a_path() -> None:
    found = plan(config(paths="/feed.{format}"), posts("x"))
    assert [spec.key for spec in found.specs] == ["all"]
    assert [problem.rule for problem in found.problems] == ["feed.path-taken"]
    assert "'x'" in found.problems[0].message


def test_two_formats_never_share_a_path() -> None:
    found = plan(config(paths="/{key}.xml"), posts())
    assert found.specs == ()
    assert [problem.rule for problem in found.problems] == ["feed.path-taken"]


def test_paths_that_differ_in_case_alone_are_one() -> None:
    declared = [{"key": "x", "paths": {"atom": "/AI.xml"}}, {"key": "y", "paths": {"atom": "/ai.xml"}}]
    found = plan(config(formats=["atom"], define=declared), posts())
    assert [spec.key for spec in found.specs] == ["all", "x"]
    assert [problem.rule for problem in found.problems] == ["feed.path-taken"]


def test_settings_of_a_category() -> None:
    settings = {
        "title": "投資",
        "description": "株",
        "language": "en",
        "window": 5,
        "timezone": "UTC",
        "slug": "investment",
        "home": "/c/",
        "content": "summary",
        "image": "/i.png",
    }
    spec = specs(config(categories={"投資分析": settings}))["investment"]
    assert (spec.title, spec.description, spec.language, spec.window, spec.zone, spec.full) == (
        "投資",
        "株",
        "en",
        5,
        "UTC",
        False,
    )
    assert spec.home_url == "https://example.org/blog/c/"
    assert spec.image == "https://example.org/blog/i.png"


def test_category_pages_and_categories_without_a_feed() -> None:
    found = specs(config(category_home="/category/{slug}/", categories={"y": {"feed": False}}), "x", "y")
    assert found["x"].home_url == "https://example.org/blog/category/x/"
    assert "y" not in found
    assert set(specs(config(category_feeds=False, categories={"x": None}), "x", "z")) == {"all", "x"}


def test_a_feed_of_a_language_says_it_as_its_entries_do() -> None:
    english = [dataclasses.replace(each, post=dataclasses.replace(each.post, language="en-US")) for each in posts("News")]
    found = {spec.key: spec for spec in plan(config(languages=True, category_languages=True), english).specs}
    assert {key: spec.language for key, spec in found.items()} == {
        "all": "ja",
        "news": "ja",
        "news/en-us": "en-US",
        "languages/en-us": "en-US",
    }


def test_feeds_on_a_host_of_their_own() -> None:
    spec = specs(config(url="https://feeds.example.net"))["all"]
    assert spec.urls["atom"] == "https://feeds.example.net/all.atom"
    assert spec.paths["atom"] == "all.atom"


def names(addresses: dict[str, str], *categories: str, **feeds: object) -> dict[str, str]:
    """Return identity → slug of the category feeds."""
    found = plan(config(**feeds), posts(*categories), addresses).specs
    return {spec.term: spec.key for spec in found if spec.kind is FeedKind.CATEGORY}


def test_a_name_is_not_given_to_another_category_when_its_own_is_gone() -> None:
    assert names({}, "Q A") == {"q a": "q-a"}
    later = names({"q-a": "q a"}, "Q-A")
    assert later["q-a"] != "q-a"
    assert later["q-a"].startswith("q-a-")


def test_a_category_that_comes_back_has_its_name_again() -> None:
    assert names({"q-a": "q a"}, "Q-A", "Q A")["q a"] == "q-a"
    assert names({"q-a": "q a"}, "Q A") == {"q a": "q-a"}


def test_the_one_that_was_first_keeps_its_name_beside_one_that_spells_it_better() -> None:
    assert names({"q-a": "q a"}, "Q A", "Q-A")["q a"] == "q-a"


def test_a_name_that_was_had_beside_another_stays_when_the_other_is_gone() -> None:
    both = names({}, "Q A", "Q-A")
    assert names({slug: key for key, slug in both.items()}, "Q A") == {"q a": both["q a"]}


def test_a_renamed_category_may_have_the_name_of_its_former_self() -> None:
    assert names({"ml": "ml"}, "AI", categories={"AI": {"slug": "ml", "aka": ["ML"]}}) == {"ai": "ml"}


def test_a_slug_given_by_hand_that_was_another_s_is_refused() -> None:
    settings = config(categories={"AI": {"slug": "ml"}})
    found = plan(settings, posts("AI", "Print"), {"ml": "ml"})
    assert [problem.rule for problem in found.problems] == ["feed.name-used"]
    assert [spec.key for spec in found.specs] == ["all", "print"]


def test_a_new_slug_by_hand_leaves_the_old_name_taken() -> None:
    assert names({"ai": "ai"}, "AI", categories={"AI": {"slug": "machines"}}) == {"ai": "machines"}
