"""What there is to tell of between two states of a site."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice import config
from feedservice.config.schema import Config
from feedservice.deliveries import EntryFacts
from feedservice.feeds import assemble, changes, links, syndication
from feedservice.feeds.identity import Named
from feedservice.model import EntrySpan, Post

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
AGE = timedelta(days=7)


def spans(*pairs: str) -> tuple[EntrySpan, ...]:
    return tuple(EntrySpan(id=pair[0], digest=pair, start=at, end=at + 1) for at, pair in enumerate(pairs))


def settings(text: str = "") -> Config:
    return config.parse(f"site: {{title: A, url: 'https://example.org'}}\n{text}", name="c", environ={})


def facts(name: str, digest: str = "1", **values: Any) -> EntryFacts:
    defaults = {
        "id": name,
        "digest": digest,
        "url": f"https://example.org/{name}",
        "title": name,
        "published": NOW,
        "updated": NOW,
    }
    return EntryFacts(**defaults | values)


@pytest.mark.parametrize(
    ("before", "after", "new", "changed", "removed"),
    [
        (None, ("a1", "b1"), "ab", "", ""),
        ((), ("a1",), "a", "", ""),
        (("a1", "b1"), ("c1", "a1"), "c", "", "b"),
        (("a1", "b1"), ("a2", "b1"), "", "a", ""),
        (("a1", "b1"), ("b1", "a1"), "", "", ""),
        (("a1",), (), "", "", "a"),
    ],
)
def test_a_change_says_what_is_new_changed_and_removed(
    make: Any, before: tuple[str, ...] | None, after: tuple[str, ...], new: str, changed: str, removed: str
) -> None:
    old = None if before is None else spans(*before)
    found = changes.change(make.spec(), "atom", old, spans(*after), settings(), version=3, at=NOW)
    assert (found.new, found.changed, found.removed) == (tuple(new), tuple(changed), tuple(removed))
    assert (found.first, found.version, found.topic, found.feed) == (
        before is None,
        3,
        "https://example.org/feeds/all.atom",
        "all",
    )


@pytest.mark.parametrize(("text", "announced"), [("", True), ("feeds: {all: {announce: false}}", False)])
def test_a_feed_may_be_told_to_nobody(make: Any, text: str, announced: bool) -> None:
    assert changes.change(make.spec(), "atom", (), (), settings(text), version=1, at=NOW).announce is announced


def test_a_topic_is_sent_with_its_hubs_and_itself_in_one_field() -> None:
    found = links.subscription_link("https://example.org/feeds/あ.rss", ("https://example.org/hub", "https://hub.example/"))
    assert found == (
        '<https://example.org/hub>; rel="hub", <https://hub.example/>; rel="hub", <https://example.org/feeds/%E3%81%82.rss>; rel="self"'
    )


def test_the_baseline_is_remembered_without_a_word() -> None:
    found = changes.news(None, [facts("a"), facts("b")], max_age=AGE, at=NOW)
    assert (found.published, found.quiet) == ((), (facts("a"), facts("b")))


def test_a_new_post_is_news_once() -> None:
    found = changes.news({}, [facts("a")], max_age=AGE, at=NOW)
    assert found.published == (facts("a"),)
    assert changes.news({"a": facts("a")}, [facts("a")], max_age=AGE, at=NOW).published == ()


def test_an_import_of_old_posts_is_no_news() -> None:
    old = [facts(str(number), published=NOW - timedelta(days=7 + number)) for number in range(1000)]
    found = changes.news({}, old, max_age=AGE, at=NOW)
    assert (found.published, len(found.quiet)) == ((), 1000)


def test_edits_and_removals_are_news() -> None:
    before = {"a": facts("a"), "b": facts("b")}
    found = changes.news(before, [facts("a", "2")], max_age=AGE, at=NOW)
    assert (found.updated, found.removed, found.published) == ((facts("a", "2"),), (facts("b"),), ())


def test_an_old_post_that_is_edited_is_an_edit() -> None:
    old = facts("a", published=NOW - timedelta(days=900))
    assert changes.news({"a": old}, [dataclasses.replace(old, digest="2")], max_age=AGE, at=NOW).updated


def test_a_post_that_nobody_is_to_be_told_of_is_remembered() -> None:
    silent = facts("a", announce=False)
    assert changes.news({}, [silent], max_age=AGE, at=NOW).quiet == (silent,)
    edited = dataclasses.replace(silent, digest="2")
    assert changes.news({"a": silent}, [edited], max_age=AGE, at=NOW).quiet == (edited,)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12")),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12")),
)
def test_remembering_what_was_told_makes_it_no_news(old: dict[str, str], new: dict[str, str]) -> None:
    before = {name: facts(name, digest) for name, digest in old.items()}
    after = [facts(name, digest) for name, digest in new.items()]
    found = changes.news(before, after, max_age=AGE, at=NOW)
    remembered = {**before, **{each.id: each for each in (*found.published, *found.updated, *found.quiet)}}
    for gone in found.removed:
        del remembered[gone.id]
    again = changes.news(remembered, after, max_age=AGE, at=NOW)
    assert (again.published, again.updated, again.removed, again.quiet) == ((), (), (), ())


def post(**values: Any) -> Named:
    defaults = {
        "path": "a.md",
        "digest": "d",
        "title": "T",
        "link": "https://example.org/a/",
        "published": NOW,
        "zone": "UTC",
        "categories": ("X",),
    }
    return Named(post=Post(**defaults | values), id="tag:a", atom_id="tag:a")


def test_the_facts_of_a_post() -> None:
    found = changes.facts(post(), summary="s")
    assert (found.id, found.url, found.title, found.summary, found.categories) == (
        "tag:a",
        "https://example.org/a/",
        "T",
        "s",
        ("X",),
    )
    assert (found.published, found.updated, found.announce) == (NOW, NOW, True)


@pytest.mark.parametrize(
    "change", [{"digest": "e"}, {"title": "U"}, {"link": "https://example.org/b/"}, {"updated": NOW + timedelta(days=1)}]
)
def test_what_a_reader_sees_makes_the_digest(change: dict[str, Any]) -> None:
    assert changes.facts(post(**change), summary="").digest != changes.facts(post(), summary="").digest


@pytest.mark.parametrize(
    ("typed", "announced"),
    [(False, False), ("false", False), ("No", False), (True, True), ("true", True), (None, True), ("maybe", True)],
)
def test_announce_false_in_the_front_matter(typed: object, announced: bool) -> None:
    assert changes.facts(post(metadata={"announce": typed}), summary="").announce is announced


EMBEDDED = "announce: {rsscloud: on, websub: {hub: embedded, hubs: ['https://hub.example/']}}\n"


def test_the_embedded_hub_comes_first() -> None:
    assert links.hub_urls(settings(EMBEDDED)) == ("https://example.org/hub", "https://hub.example/")
    assert (
        links.hub_urls(settings("feeds: {url: 'https://feeds.example.org/x'}\n" + EMBEDDED))[0] == "https://feeds.example.org/hub"
    )
    assert links.hub_urls(settings("announce: {websub: {hub: embedded, url: 'https://h.example/w'}}")) == ("https://h.example/w",)
    assert links.hub_urls(settings()) == ()


def test_a_cloud_is_named_in_rss_only(make: Any) -> None:
    head = assemble.head(make.spec(), [], settings(EMBEDDED))
    rss = syndication.rss_document(head, [])
    assert (
        b'<cloud domain="example.org" port="443" path="/rsscloud/pleaseNotify" registerProcedure="" protocol="https-post"/>'
        in rss
    )
    assert b"cloud" not in syndication.atom_document(head, [])
    plain = dataclasses.replace(head, cloud="http://localhost:8080/rsscloud/pleaseNotify")
    assert (
        b'<cloud domain="localhost" port="8080" path="/rsscloud/pleaseNotify" registerProcedure="" protocol="http-post"/>'
        in syndication.rss_document(plain, [])
    )
