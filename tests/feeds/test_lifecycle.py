from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from feedservice.config.schema import Config
from feedservice.feeds import lifecycle, specs
from feedservice.feeds.archives import Membership
from feedservice.feeds.lifecycle import Former


def config(**feeds: Any) -> Config:
    return Config.model_validate({"site": {"title": "T", "url": "https://example.org"}, "feeds": feeds})


def former(addresses: dict[str, str] | None = None, **feeds: Any) -> Former:
    made = config(**feeds)
    return lifecycle.former(made, specs.plan(made, [], addresses), addresses)


def moved(**feeds: Any) -> Mapping[str, str]:
    return former(**feeds).moved


def test_a_renamed_category_leads_to_its_new_name_in_every_format() -> None:
    assert moved(categories={"AI": {"aka": ["人工知能"]}}) == {
        "feeds/人工知能.atom": "https://example.org/feeds/ai.atom",
        "feeds/人工知能.rss": "https://example.org/feeds/ai.rss",
        "feeds/人工知能.json": "https://example.org/feeds/ai.json",
        "feeds/人工知能/": "https://example.org/feeds/ai/",
    }


def test_addresses_of_the_site_s_own_pattern_lead_there_too() -> None:
    found = moved(
        formats=["rss"],
        paths={"category": "/feed/{key}.xml", "all": "/feed.xml"},
        categories={"AI": {"slug": "machines", "aka": ["ML"]}},
    )
    assert found["feed/ml.xml"] == "https://example.org/feed/machines.xml"


def test_a_spelling_with_the_same_address_leads_nowhere() -> None:
    assert moved(categories={"AI": {"aka": ["A I", "a-i", "Ai!"]}}).keys().isdisjoint({"feeds/ai.atom", "feeds/ai/"})


def test_an_address_that_another_feed_has_stays_that_feed_s() -> None:
    found = moved(categories={"AI": {"aka": ["Robots"]}, "Machines": {"slug": "robots"}})
    assert not [path for path in found if path.startswith("feeds/robots")]


def test_what_is_written_goes_before_what_follows() -> None:
    found = moved(moved={"feeds/ml.atom": "https://elsewhere.example/"}, categories={"AI": {"aka": ["ML"]}})
    assert found["feeds/ml.atom"] == "https://elsewhere.example/"
    assert found["feeds/ml.rss"] == "https://example.org/feeds/ai.rss"


def test_a_category_without_a_feed_leads_nowhere() -> None:
    assert moved(categories={"AI": {"aka": ["ML"], "feed": False}}) == {}


def test_a_category_that_has_another_slug_now_leads_there() -> None:
    found = former({"ai": "AI", "ai/en": "AI (en)"}, categories={"AI": {"slug": "machines"}}).moved
    assert found["feeds/ai.rss"] == "https://example.org/feeds/machines.rss"
    assert found["feeds/ai/"] == "https://example.org/feeds/machines/"
    # There is no feed in English to lead to.
    assert not [path for path in found if "ai/en" in path]


def test_a_feed_that_was_asked_for_by_its_directory_is_found_there_too() -> None:
    found = moved(paths={"category": {"rss": "/{slug}/feed/"}}, categories={"AI": {"aka": ["ML"]}})
    assert found["ml/feed/"] == found["ml/feed/index.xml"] == "https://example.org/ai/feed/"


def test_archives_of_a_renamed_category_lead_to_its_feed() -> None:
    made = config(categories={"AI": {"aka": ["ML"]}})
    kept = {"ml": Membership(archives=(("a",), ("b",)))}
    found = lifecycle.former(made, specs.plan(made, []), {}, kept).moved
    assert found["feeds/ml/archive/2.json"] == "https://example.org/feeds/ai.json"
    assert "feeds/ml/archive/3.json" not in found


def test_what_has_ended_has_ended_with_its_page_and_aliases() -> None:
    ended = [f"feeds/ai.{name}" for name in ("atom", "rss", "json")]
    made = config(categories={"AI": {"aliases": {"/ai.xml": "atom"}}}, gone=ended)
    assert [spec.key for spec in specs.plan(made, []).specs] == ["all"]
    assert lifecycle.former(made, specs.plan(made, [])).gone == {*ended, "ai.xml", "feeds/ai/"}


def test_a_feed_that_is_only_partly_gone_is_still_a_feed() -> None:
    made = config(categories={"AI": {}}, gone=["feeds/ai.rss"])
    assert [spec.key for spec in specs.plan(made, []).specs] == ["all", "ai"]
    assert lifecycle.former(made, specs.plan(made, [])).gone == {"feeds/ai.rss"}
