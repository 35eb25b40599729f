from __future__ import annotations

from typing import Any

from feedservice.config.schema import Config
from feedservice.feeds import lifecycle, specs


def config(**feeds: Any) -> Config:
    return Config.model_validate({"site": {"title": "T", "url": "https://example.org"}, "feeds": feeds})


def moved(**feeds: Any) -> dict[str, str]:
    made = config(**feeds)
    return lifecycle.moved(made, specs.plan(made, []).specs)


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
