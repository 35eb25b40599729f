from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.config.schema import Config
from feedservice.feeds import assemble
from feedservice.feeds.identity import Named
from feedservice.feeds.specs import plan
from feedservice.model import FeedSpec, Fragment, Post

if TYPE_CHECKING:
    from conftest import Make


def config(site_url: str = "https://example.org", **feeds: object) -> Config:
    return Config.model_validate({"site": {"title": "S", "url": site_url, "timezone": "Asia/Tokyo"}, "feeds": feeds})


def spec(settings: Config, key: str = "all") -> FeedSpec:
    return next(each for each in plan(settings, []).specs if each.key == key)


@pytest.mark.parametrize(
    ("base", "path", "guid"),
    [
        # The two that the Podcasting 2.0 namespace gives as examples.
        ("https://mp3s.nashownotes.com", "/pc20rss.xml", "917393e3-1b1e-5cef-ace4-edaa54e1f810"),
        ("http://podnews.net", "/rss/", "9b024349-ccf0-5f69-a609-6b82873eab3c"),
    ],
)
def test_the_guid_of_a_podcast_is_made_of_its_address(base: str, path: str, guid: str) -> None:
    settings = config(base, all={"podcast": {}, "paths": {"rss": path}})
    found = assemble.podcast(spec(settings), settings)
    assert found is not None
    assert found.guid == guid


def test_a_podcast_that_moves_keeps_the_guid_it_is_told() -> None:
    settings = config("https://new.example", all={"podcast": {"guid": "917393e3-1b1e-5cef-ace4-edaa54e1f810"}})
    found = assemble.podcast(spec(settings), settings)
    assert found is not None
    assert found.guid == "917393e3-1b1e-5cef-ace4-edaa54e1f810"


def test_only_feeds_that_are_told_so_are_podcasts() -> None:
    settings = config(
        categories={"Talks": {"podcast": {"type": "serial"}}, "News": {}},
        define=[{"key": "both", "podcast": {"explicit": True, "owner": {"name": "H", "email": "h@example.org"}}}],
    )
    kinds = {each.key: assemble.podcast(each, settings) for each in plan(settings, []).specs}
    assert {key: found is not None for key, found in kinds.items()} == {"all": False, "talks": True, "news": False, "both": True}
    talks, both = kinds["talks"], kinds["both"]
    assert talks is not None
    assert both is not None
    assert (talks.kind, talks.explicit, talks.owner) == ("serial", False, None)
    assert (both.kind, both.explicit, both.owner and both.owner.email) == ("episodic", True, "h@example.org")


def test_updated_is_the_newest_change_among_the_entries() -> None:
    def named(number: int, updated: datetime | None) -> Named:
        published = datetime(2025, 1, number, tzinfo=UTC)
        post = Post(path="a", digest="", title="t", link="https://e.example/", published=published, zone="UTC", updated=updated)
        return Named(post=post, id=f"id:{number}", atom_id="")

    settings = config()
    entries = [named(3, None), named(1, datetime(2025, 2, 1, tzinfo=UTC))]
    assert assemble.head(spec(settings), entries, settings).updated == datetime(2025, 2, 1, tzinfo=UTC)
    assert assemble.head(spec(settings), entries[:1], settings).updated == datetime(2025, 1, 3, tzinfo=UTC)
    assert assemble.head(spec(settings), [], settings).updated == assemble.EPOCH


def fragments(*sizes: int) -> list[Fragment]:
    return [assemble.fragment(f"id:{number}", b"x" * size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "most", "count"),
    [
        ((1000, 1000, 1000), 10_000, 3),
        ((1000, 1000, 1000), 6_200, 2),
        ((50_000, 10), 10_000, 1),
        ((), 10_000, 0),
    ],
)
def test_the_window_is_shortened_to_the_budget_but_never_to_nothing(sizes: tuple[int, ...], most: int, count: int) -> None:
    assert assemble.fitting({"atom": fragments(*sizes)}, most) == count
    assert assemble.fitting({"atom": fragments(*sizes), "rss": fragments(*[1] * len(sizes))}, most) == count
    assert assemble.fitting({}, most) == 0


@given(
    st.lists(st.sampled_from([b"<a/>", b"<a/>\n", b"<a><a/></a>", b"<b>" + b"y" * 40 + b"</b>", b"<b>" + b"y" * 40 + b"z</b>"]))
)
def test_every_entry_is_found_where_it_stands(make: Make, bodies: list[bytes]) -> None:
    head = make.head()
    parts = [assemble.fragment(f"id:{number}", body) for number, body in enumerate(bodies)]
    document = assemble.document(head, "rss", parts)
    assert [document.body[each.start : each.end] for each in document.entries] == bodies
    assert [(each.id, each.digest) for each in document.entries] == [(part.id, part.digest) for part in parts]
    assert all(before.end <= after.start for before, after in zip(document.entries, document.entries[1:], strict=False))
