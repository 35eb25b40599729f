"""The values of the ``Link`` field, as they are served."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice import config
from feedservice.feeds import archives
from feedservice.feeds.links import former_hubs, history_links, hub_urls, link_values, moved_hub

if TYPE_CHECKING:
    from conftest import Make

BASE = "https://example.org/feeds"
VALUE = re.compile(r'<[!#-;=?-\[\]_a-z~]*>; rel="[a-z-]+"(; type="text/html")?')
"""A URI-Reference in angle brackets and quoted parameters (RFC 8288 §3)."""


def test_a_feed_leads_to_itself_its_hubs_and_its_page(make: Make) -> None:
    head = make.head(hubs=("https://a.example/", "https://b.example/?x=1,2;y"))

    assert link_values(head, "rss") == (
        '<https://example.org/feeds/all.rss>; rel="self"',
        '<https://a.example/>; rel="hub"',
        '<https://b.example/?x=1,2;y>; rel="hub"',
        '<https://example.org/>; rel="alternate"; type="text/html"',
    )


def test_a_feed_with_archives_leads_to_the_newest(make: Make) -> None:
    head = archives.subscription_head(make.head(), archives.Membership(archives=(("1",), ("2",))), base=BASE)

    assert link_values(head, "json")[2:] == ('<https://example.org/feeds/all/archive/2.json>; rel="prev-archive"',)


def test_an_archive_leads_to_its_neighbours_and_its_feed(make: Make) -> None:
    archive = archives.Archive(number=2, entries=(), followed=True)
    head = archives.archive_head(make.head(hubs=("https://a.example/",)), archive, base=BASE)

    assert link_values(head, "json") == (
        '<https://example.org/feeds/all/archive/2.json>; rel="self"',
        '<https://example.org/>; rel="alternate"; type="text/html"',
        '<https://example.org/feeds/all.json>; rel="current"',
        '<https://example.org/feeds/all/archive/1.json>; rel="prev-archive"',
        '<https://example.org/feeds/all/archive/3.json>; rel="next-archive"',
    )


def test_a_feed_without_history_has_no_such_links(make: Make) -> None:
    assert history_links(make.head(), "atom") == ()
    assert history_links(archives.subscription_head(make.head(), archives.Membership(), base=BASE), "atom") == ()


URIS = [
    ("https://example.org/投資/?q=分析", "https://example.org/%E6%8A%95%E8%B3%87/?q=%E5%88%86%E6%9E%90"),
    ("https://例え.jp:8080/", "https://xn--r8jz45g.jp:8080/"),
    ("https://BÜCHER.example/%C3%BC", "https://xn--bcher-kva.example/%C3%BC"),
    (f"https://{'ü' * 64}.example/", f"https://{'%C3%BC' * 64}.example/"),
    ("https://[2001:db8::1]/é", "https://[2001:db8::1]/%C3%A9"),
    ('https://example.org/"><b>\r\nSet-Cookie: a', "https://example.org/%22%3E%3Cb%3E%0D%0ASet-Cookie:%20a"),
    ("https://example.org/\ud800", "https://example.org/"),
]


@pytest.mark.parametrize(("iri", "uri"), URIS)
def test_an_iri_is_written_as_the_uri_it_stands_for(iri: str, uri: str, make: Make) -> None:
    assert link_values(make.head(home_url=iri), "atom")[-1] == f'<{uri}>; rel="alternate"; type="text/html"'


@pytest.mark.parametrize(
    ("websub", "hubs", "moved"),
    [
        ("{}", (), None),
        ("{hub: embedded}", ("https://example.org/hub",), None),
        (
            "{hub: embedded, url: 'https://h.example/', hubs: 'https://b.example/'}",
            ("https://h.example/", "https://b.example/"),
            None,
        ),
        ("{hub: embedded, moved: 'https://é.example/'}", ("https://xn--9ca.example/",), "https://xn--9ca.example/"),
        (
            "{hub: embedded, moved: 'https://b.example/', hubs: 'https://b.example/'}",
            ("https://b.example/",),
            "https://b.example/",
        ),
        ("{moved: 'https://a.example/', hubs: 'https://b.example/'}", ("https://b.example/",), None),
    ],
)
def test_the_hubs_that_feeds_name(websub: str, hubs: tuple[str, ...], moved: str | None) -> None:
    text = f"site: {{title: A, url: 'https://example.org'}}\nannounce: {{websub: {websub}}}"
    made = config.parse(text, name="c", environ={})
    assert (hub_urls(made), moved_hub(made)) == (hubs, moved)


@pytest.mark.parametrize(
    ("link", "former"),
    [
        ("", ()),
        ('<https://example.org/hub>; rel="hub", <https://b.example/>; rel="hub", <https://example.org/a>; rel="self"', ()),
        ('<https://old.example/?a=1,2;3>; rel="hub", <https://xn--9ca.example/>; rel="hub"', ("https://old.example/?a=1,2;3",)),
    ],
)
def test_hubs_that_were_named_and_are_no_more(link: str, former: tuple[str, ...]) -> None:
    text = (
        "site: {title: A, url: 'https://example.org'}\nannounce: {websub: {hubs: ['https://é.example/', 'https://b.example/']}}"
    )
    assert former_hubs(link, config.parse(text, name="c", environ={})) == former


@given(url=st.text(st.characters(exclude_categories=())))
def test_no_url_breaks_out_of_its_value(url: str, make: Make) -> None:
    for value in link_values(make.head(home_url=url, hubs=(f"https://{url}",)), "atom"):
        assert VALUE.fullmatch(value)
