"""Each defect of feedgen 1.0.0 that would reach a reader, by the number of the list it was found in; none does."""

from __future__ import annotations

import importlib.metadata
import locale
import re
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from feedservice.feeds import lint, opml, syndication
from feedservice.feeds.formats import FORMATS, render_all
from feedservice.model import Category, Enclosure, Episode, Image, Person, Podcast

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Make

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
MEDIA = "{http://search.yahoo.com/mrss/}"
PODCAST = Podcast(guid="917393e3-1b1e-5cef-ace4-edaa54e1f810", categories=("News",))


@pytest.fixture(scope="session")
def atom(make: Make) -> Callable[..., Any]:
    return lambda *arguments: etree.fromstring(make.body("atom", *arguments))


@pytest.fixture(scope="session")
def channel(make: Make) -> Callable[..., Any]:
    return lambda *arguments: etree.fromstring(make.body("rss", *arguments))[0]


def called(function: Callable[[], object]) -> set[str]:
    """Return the names of every Python and C function that runs during a call."""
    names: set[str] = set()

    def trace(frame: Any, event: str, argument: Any) -> None:
        names.add(argument.__name__ if event.startswith("c_") else frame.f_code.co_name)

    sys.setprofile(trace)
    try:
        function()
    finally:
        sys.setprofile(None)
    return names


def test_01_entries_stand_in_the_order_given(atom: Any, channel: Any, make: Make) -> None:
    entries = [make.entry(3), make.entry(1), make.entry(2)]

    assert atom(entries).xpath("//a:entry/a:id/text()", namespaces={"a": ATOM[1:-1]}) == [entry.id for entry in entries]
    assert channel(entries).xpath("item/guid/text()") == [entry.id for entry in entries]


def test_02_no_time_but_the_given_ones(make: Make) -> None:
    instants = {
        "published": datetime(2025, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        "updated": datetime(2025, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
    }
    head = make.head(updated=datetime(2025, 3, 4, 5, 6, 7, 890, tzinfo=UTC))
    body = make.body("atom", [make.entry(**instants)], head)

    assert re.findall(rb"\d{4}-\d\d-\d\dT[^<]*", body) == [
        b"2025-03-04T14:06:07+09:00",
        b"2025-02-03T13:05:06+09:00",
        b"2025-01-02T12:04:05+09:00",
    ]
    assert re.findall(rb"<(?:pubDate|lastBuildDate)>[^<]*", make.body("rss", [make.entry(**instants)], head)) == [
        b"<lastBuildDate>Tue, 04 Mar 2025 14:06:07 +0900",
        b"<pubDate>Thu, 02 Jan 2025 12:04:05 +0900",
    ]


def test_03_the_channels_link_is_the_page(channel: Any, make: Make) -> None:
    assert channel([], make.head(hubs=("https://hub.example/",))).findtext("link") == "https://example.org/"


def test_04_rss_has_self_and_every_hub(channel: Any, make: Make) -> None:
    links = channel([], make.head(hubs=("https://a.example/", "https://b.example/"))).findall(f"{ATOM}link")

    assert [(link.get("rel"), link.get("href")) for link in links] == [
        ("self", "https://example.org/feeds/all.rss"),
        ("hub", "https://a.example/"),
        ("hub", "https://b.example/"),
    ]


def test_05_and_06_content_is_html_and_escaped(atom: Any, make: Make) -> None:
    html = "<p>a &lt; b ]]> &amp; c</p>"
    content = atom([make.entry(html=html)]).find(f"{ATOM}entry/{ATOM}content")

    assert (content.get("type"), content.text, len(content)) == ("html", html, 0)
    assert b"CDATA" not in make.body("rss", [make.entry(html=html)])


def test_07_a_page_elsewhere_is_a_relation_that_feedgen_knows(atom: Any, make: Make) -> None:
    links = atom([make.entry(external_url="https://elsewhere.example/")]).findall(f"{ATOM}entry/{ATOM}link")

    assert [dict(link.attrib) for link in links] == [
        {"href": "https://example.org/1/", "rel": "alternate", "type": "text/html"},
        {"href": "https://elsewhere.example/", "rel": "related"},
    ]


def test_08_authors_without_an_address_reach_rss(channel: Any, atom: Any, make: Make) -> None:
    people = (Person(name="編集部"), Person(name="Ada", email="ada@example.org"))
    item = channel([make.entry(authors=people)]).find("item")

    assert [creator.text for creator in item.findall(f"{DC}creator")] == ["編集部", "Ada"]
    assert item.find("author") is None
    assert channel([], make.head(authors=people)).findtext("managingEditor") == "ada@example.org (Ada)"
    assert channel([], make.head(authors=people[:1])).findtext(f"{DC}creator") == "編集部"


def test_08_an_atom_feed_always_has_an_author(atom: Any, make: Make) -> None:
    for authors in ((), (Person(name=" "),)):
        assert atom([make.entry(authors=())], make.head(authors=authors)).findtext(f"{ATOM}author/{ATOM}name") == "AIコンパス"


def test_09_the_first_enclosure_is_the_one_of_rss(atom: Any, channel: Any, make: Make) -> None:
    first = Enclosure(url="https://example.org/1.mp3", type="audio/mpeg")
    second = Enclosure(url="https://example.org/2.mp4", type="", length=12, duration=3, title="動画")
    entry = make.entry(enclosures=(first, second))
    item = channel([entry]).find("item")

    assert [dict(one.attrib) for one in item.findall("enclosure")] == [{"url": first.url, "length": "0", "type": "audio/mpeg"}]
    media = item.find(f"{MEDIA}content")
    assert dict(media.attrib) == {"url": second.url, "type": "application/octet-stream", "fileSize": "12", "duration": "3"}
    assert media.findtext(f"{MEDIA}title") == "動画"
    assert [dict(link.attrib) for link in atom([entry]).findall(f"{ATOM}entry/{ATOM}link[@rel='enclosure']")] == [
        {"href": first.url, "rel": "enclosure", "type": "audio/mpeg"},
        {"href": second.url, "rel": "enclosure", "type": "application/octet-stream", "title": "動画", "length": "12"},
    ]


def test_10_summary_and_content_do_not_take_each_others_place(atom: Any, channel: Any, make: Make) -> None:
    entry = make.entry(summary="a < b", html="<p>text</p>")
    found = atom([entry]).find(f"{ATOM}entry")
    item = channel([entry]).find("item")

    assert (found.findtext(f"{ATOM}summary"), found.findtext(f"{ATOM}content")) == ("a < b", "<p>text</p>")
    assert (item.findtext("description"), item.findtext(f"{CONTENT}encoded")) == ("a &lt; b", "<p>text</p>")
    tags = [child.tag for child in item]
    assert tags.index("description") < tags.index(f"{CONTENT}encoded")


def test_10_a_summary_feed_has_no_content(atom: Any, channel: Any, make: Make) -> None:
    profile = make.profile(full=False)

    assert atom([make.entry()], None, profile).find(f"{ATOM}entry/{ATOM}content") is None
    assert channel([make.entry()], None, profile).find(f"item/{CONTENT}encoded") is None
    assert channel([make.entry()], None, profile).findtext("item/description") == "要約 1"


def test_11_what_differs_says_its_language_and_text_says_its_type(atom: Any, channel: Any, make: Make) -> None:
    feed = atom([make.entry(language="en"), make.entry(2)])
    lang = "{http://www.w3.org/XML/1998/namespace}lang"

    assert [feed.get(lang)] + [entry.get(lang) for entry in feed.findall(f"{ATOM}entry")] == ["ja", "en", None]
    assert [title.get("type") for title in feed.iter(f"{ATOM}title", f"{ATOM}subtitle", f"{ATOM}summary")] == ["text"] * 6
    assert [item.findtext(f"{DC}language") for item in channel([make.entry(language="en"), make.entry(2)]).iter("item")] == [
        "en",
        None,
    ]


def test_12_numbers_are_written(channel: Any, make: Make) -> None:
    episode = Episode(duration=3725, season=1, number=2)
    entry = make.entry(
        title="2025", enclosures=(Enclosure(url="https://example.org/1.mp3", type="audio/mpeg", length=99),), episode=episode
    )
    item = channel([entry], make.head(podcast=PODCAST), make.profile(podcast=True)).find("item")

    assert item.find("enclosure").get("length") == "99"
    assert [item.findtext(f"{ITUNES}{name}") for name in ("duration", "season", "episode")] == ["3725", "1", "2"]


@pytest.mark.parametrize("name", FORMATS)
def test_13_a_blank_text_refuses_no_feed(name: str, make: Make) -> None:
    head = make.head(title=" ", description="")
    body = make.body(name, [make.entry(title=" ", summary="", html="")], head)

    assert [problem.message for problem in lint.check(make.document(name, body))] == []


def test_14_rights_are_in_both(atom: Any, channel: Any, make: Make) -> None:
    head = make.head(copyright="© 2025 編集部")

    assert atom([], head).findtext(f"{ATOM}rights") == "© 2025 編集部"
    assert channel([], head).findtext("copyright") == "© 2025 編集部"


def test_15_no_text_input_and_no_syndication_module(make: Make) -> None:
    body = make.body("rss", [make.entry()])

    assert b"textInput" not in body
    assert b"purl.org/rss/1.0/modules/syndication" not in body


def test_16_podcast_values_feedgen_refuses_or_loses(channel: Any, make: Make) -> None:
    show = Podcast(guid="g", categories=('The "Quoted" > It\'s', "News"), explicit=True)
    found = channel([], make.head(image="https://example.org/cover.webp?v=2", podcast=show))

    assert found.findtext(f"{ITUNES}explicit") == "true"
    assert found.find(f"{ITUNES}image").get("href") == "https://example.org/cover.webp?v=2"
    top = found.find(f"{ITUNES}category")
    assert (top.get("text"), top[0].get("text")) == ('The "Quoted"', "It's")


def test_17_one_picture_is_no_group(channel: Any, make: Make) -> None:
    item = channel([make.entry(image=Image(url="https://example.org/a.png", alt="図"))]).find("item")

    assert item.find(f"{MEDIA}group") is None
    picture = item.find(f"{MEDIA}content")
    assert (dict(picture.attrib), picture.findtext(f"{MEDIA}description")) == (
        {"url": "https://example.org/a.png", "medium": "image"},
        "図",
    )
    assert item.find(f"{MEDIA}thumbnail").get("url") == "https://example.org/a.png"


def test_18_namespaces_are_those_of_the_kind_of_feed(atom: Any, channel: Any, make: Make) -> None:
    plain = {"atom", "content", "dc", "media"}

    assert set(channel().getparent().nsmap) == set(channel([make.entry()]).getparent().nsmap) == plain
    assert set(channel([], make.head(podcast=PODCAST)).getparent().nsmap) == plain | {"itunes", "podcast"}
    assert set(atom([], make.head(podcast=PODCAST)).nsmap) == {None, "media"}


def test_18_a_fragment_declares_nothing_itself(make: Make) -> None:
    entry = make.entry(image=Image(url="https://example.org/a.png"), episode=Episode(number=1, season=1))
    for name in ("atom", "rss"):
        assert b"xmlns" not in FORMATS[name].entry(entry, make.profile(podcast=True))


def test_19_the_locale_is_left_alone(make: Make) -> None:
    for name in FORMATS:
        assert called(lambda name=name: make.body(name, [make.entry()])).isdisjoint({"setlocale", "strftime", "formatRFC2822"})


def test_19_threads_may_render_at_once(make: Make) -> None:
    before = locale.setlocale(locale.LC_ALL)
    expected = make.body("rss", [make.entry()])
    bodies: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: bodies.extend(make.body("rss", [make.entry()]) for _ in range(50))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(bodies), set(bodies)) == (200, {expected})
    assert locale.setlocale(locale.LC_ALL) == before


def test_20_years_have_four_digits(make: Make) -> None:
    long_ago = datetime(812, 6, 1, tzinfo=UTC)
    entry = make.entry(published=long_ago, updated=long_ago)

    assert b"<pubDate>Fri, 01 Jun 0812" in make.body("rss", [entry], None, make.profile(zone="UTC"))
    assert b"<published>0812-06-01T00:00:00Z" in make.body("atom", [entry], None, make.profile(zone="UTC"))


def test_21_what_feedgen_accepts_without_a_word_is_found(make: Make) -> None:
    entries = [
        make.entry(1, url="/1/"),
        make.entry(2, url="https://example.org/a b"),
        make.entry(2, updated=datetime(2026, 1, 1, tzinfo=UTC)),
        make.entry(4, url="https://example.org/投資"),
    ]
    atom = {problem.rule for problem in lint.check(make.document("atom", make.body("atom", entries)))}
    rss = {problem.rule for problem in lint.check(make.document("rss", make.body("rss", entries)))}

    assert atom == {"feed.url", "feed.duplicate-id", "feed.newer-entry"}
    assert rss == {"feed.url", "feed.duplicate-id", "feed.non-ascii-url"}


def test_22_nothing_is_kept_from_one_feed_to_the_next(make: Make) -> None:
    entry = make.entry(episode=Episode(number=1), categories=(Category(term="a", label=""),))
    before = FORMATS["rss"].entry(entry, make.profile())
    podcast = FORMATS["rss"].entry(entry, make.profile(podcast=True))

    assert FORMATS["rss"].entry(entry, make.profile()) == before != podcast


def test_23_json_feed_and_opml_exist(make: Make) -> None:
    assert make.body("json").startswith(b'{\n"version":"https://jsonfeed.org/version/1.1"')
    assert b"<outline" in opml.render("Feeds", [make.spec()], owner=None, modified=None)


@pytest.mark.parametrize("name", FORMATS)
def test_24_an_entry_is_written_once_for_all_its_feeds(name: str, make: Make) -> None:
    fragment = render_all(make.entry(), make.profile(), tuple(FORMATS))[name]
    for head in (make.head(), make.head(key="other", title="Other")):
        assert fragment in FORMATS[name].document(head, [fragment])


def test_25_the_corrections_are_for_this_release() -> None:
    assert importlib.metadata.version("feedgen") == "1.0.0"


def test_26_links_of_entries_keep_their_attributes(atom: Any, make: Make) -> None:
    lost = FeedEntry()
    lost.id("tag:example.org,2025:1")
    lost.title("Title")
    lost.link(href="https://example.org/1.mp3", rel="enclosure", type="audio/mpeg", length="1")
    lost.content("text")
    assert dict(lost.atom_entry().find("link").attrib) == {"href": "https://example.org/1.mp3"}

    entry = make.entry(enclosures=(Enclosure(url="https://example.org/1.mp3", type="audio/mpeg", length=1),))
    assert dict(atom([entry]).find(f"{ATOM}entry/{ATOM}link[@rel='enclosure']").attrib) == {
        "href": "https://example.org/1.mp3",
        "rel": "enclosure",
        "type": "audio/mpeg",
        "length": "1",
    }


def plain_feedgen(make: Make) -> FeedGenerator:
    """Build the feed of ``make`` as feedgen's own documentation would."""
    tokyo = datetime.fromisoformat("2025-11-17T13:42:01+09:00").tzinfo
    entry, head = make.entry(), make.head()
    feed = FeedGenerator()
    feed.load_extension("dc", atom=False)
    feed.id(head.id)
    feed.title(head.spec.title)
    feed.description(head.spec.description)
    feed.language("ja")
    feed.author({"name": "編集部"})
    feed.dc.dc_creator("編集部")
    feed.generator("feedservice")
    feed.updated(head.updated.astimezone(tokyo))
    item = feed.add_entry(order="append")
    item.id(entry.id)
    item.title(entry.title)
    item.link(href=entry.url)
    item.author({"name": "編集部"})
    item.dc.dc_creator("編集部")
    item.summary(entry.summary, type="text")
    item.content(entry.html, type="html")
    item.category(term="投資分析", label="投資分析", scheme="https://example.org/category/")
    item.published(entry.published.astimezone(tokyo))
    item.updated(entry.updated.astimezone(tokyo))
    return feed


def canonical(body: bytes) -> str:
    root = etree.fromstring(body, etree.XMLParser(remove_blank_text=True))
    for title in root.iter(f"{ATOM}title", f"{ATOM}subtitle"):
        title.attrib.pop("type", None)
    for link in root.iterfind(f"{ATOM}entry/{ATOM}link"):
        link.attrib.pop("type", None)
        link.attrib.pop("rel", None)
    return etree.tostring(root, method="c14n", exclusive=True).decode()


def test_a_simple_feed_is_what_plain_feedgen_writes_but_for_the_corrections(make: Make) -> None:
    feed = plain_feedgen(make)
    feed.link(href="https://example.org/feeds/all.atom", rel="self", type="application/atom+xml")
    feed.link(href="https://example.org/", rel="alternate", type="text/html")
    assert canonical(make.body("atom", [make.entry()])) == canonical(feed.atom_str())

    feed.link(href="https://example.org/feeds/all.rss", rel="self", type="application/rss+xml", replace=True)
    feed.link(href="https://example.org/", rel="alternate", type="text/html")
    # The corrected feed writes its date after feedgen's elements, and dc:creator after the date.
    assert canonical(make.body("rss", [make.entry()])) == canonical(feed.rss_str())


def test_feedgen_builds_the_elements(make: Make) -> None:
    assert issubclass(syndication.CorrectedEntry, FeedEntry)
    assert issubclass(syndication.CorrectedFeed, FeedGenerator)
    assert {"rss_entry", "atom_entry", "_create_rss"} <= called(lambda: [make.body(name, [make.entry()]) for name in FORMATS])


def test_an_instant_is_written_with_the_offset_of_its_zone(make: Make) -> None:
    instant = datetime(2025, 7, 1, 12, 30, tzinfo=UTC)
    entry = make.entry(published=instant, updated=instant + timedelta(days=184), zone="America/New_York")
    body = make.body(
        "atom", [entry], make.head(updated=instant + timedelta(days=200), zone="author"), make.profile(zone="author")
    )

    assert b"<published>2025-07-01T08:30:00-04:00" in body
    assert b"<updated>2026-01-01T07:30:00-05:00" in body
    assert b"<updated>2026-01-17T12:30:00Z" in body
