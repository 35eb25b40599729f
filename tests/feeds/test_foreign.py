from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds.foreign import MAX_BYTES, OldEntry, OldFeed, read
from feedservice.model import Problem

NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)


def feed(text: str, url: str = "https://old.example/feed") -> OldFeed:
    found = read(text.encode(), url=url)
    assert isinstance(found, OldFeed), found
    return found


def rss(item: str, head: str = "") -> OldEntry:
    (entry,) = feed(
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' xmlns:atom="http://www.w3.org/2005/Atom"><channel>{head}<item>{item}</item></channel></rss>'
    ).entries
    return entry


def atom(entry: str, head: str = "", **attributes: str) -> OldEntry:
    more = "".join(f' {name.replace("_", ":")}="{value}"' for name, value in attributes.items())
    (found,) = feed(f'<feed xmlns="http://www.w3.org/2005/Atom"{more}>{head}<entry>{entry}</entry></feed>').entries
    return found


def test_rss_2() -> None:
    found = feed(
        """<?xml version="1.0"?>
        <rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:atom="http://www.w3.org/2005/Atom">
        <channel><title>Tea</title><link>https://old.example/</link>
        <atom:link rel="self" href="https://old.example/feed"/>
        <atom:link rel="next" href="?paged=2"/><atom:link rel="prev-archive" href="/feed/1"/>
        <item><title>Green &amp; black</title><link>https://old.example/green/</link><guid isPermaLink="false">https://old.example/?p=1</guid>
        <pubDate>Tue, 04 Mar 2025 13:00:00 +0100</pubDate><description>short</description>
        <content:encoded><![CDATA[<p>long</p>]]></content:encoded></item>
        </channel></rss>"""
    )
    assert (found.format, found.title) == ("rss", "Tea")
    assert found.more == ("https://old.example/feed/1", "https://old.example/feed?paged=2")
    assert found.entries == (
        OldEntry(
            id="https://old.example/?p=1",
            permalink=False,
            link="https://old.example/green/",
            title="Green & black",
            published=NOON,
            html="<p>long</p>",
        ),
    )


@pytest.mark.parametrize(
    ("typed", "id_", "permalink"),
    [
        ("<guid>https://old.example/a</guid>", "https://old.example/a", True),
        ('<guid isPermaLink="true">x</guid>', "x", True),
        ('<guid isPermaLink="false">x</guid>', "x", False),
        ('<guid isPermaLink=" False ">x</guid>', "x", False),
        ("<guid>\n  https://old.example/a\n</guid>", "\n  https://old.example/a\n", True),
        ("<guid><![CDATA[a&b]]></guid>", "a&b", True),
        ("<guid>a<!-- b -->c</guid>", "ac", True),
        ("", "", None),
    ],
)
def test_a_guid_is_what_stands_there(typed: str, id_: str, permalink: bool | None) -> None:
    entry = rss(typed + "<link>https://old.example/a</link>")
    assert (entry.id, entry.permalink) == (id_, permalink)


@pytest.mark.parametrize(
    ("item", "link", "known"),
    [
        ("<guid>https://old.example/a</guid>", "https://old.example/a", "https://old.example/a"),
        ('<guid isPermaLink="false">x</guid>', "", "x"),
        ("<link>\n https://old.example/a \n</link>", "https://old.example/a", "https://old.example/a"),
        ("<guid> </guid><link>/a</link>", "https://old.example/a", "https://old.example/a"),
        ('<atom:link href="https://old.example/b"/>', "https://old.example/b", "https://old.example/b"),
        ("<link>http://[x</link>", "", ""),
        ("<title>nothing</title>", "", ""),
    ],
)
def test_the_link_of_an_item_and_what_it_is_known_by(item: str, link: str, known: str) -> None:
    entry = rss(item)
    assert (entry.link, entry.known_by) == (link, known)


@pytest.mark.parametrize(
    ("element", "date"),
    [
        ("<pubDate>Tue, 4 Mar 2025 12:00:00 GMT</pubDate>", NOON),
        ("<pubDate>Tue, 4 Mar 2025 07:00 EST</pubDate>", NOON),
        ("<dc:date>2025-03-04T12:00:00Z</dc:date>", NOON),
        ("<pubDate>yesterday</pubDate>", None),
        ("<pubDate>yesterday</pubDate><dc:date>2025-03-04T12:00Z</dc:date>", NOON),
        ("<pubDate/>", None),
    ],
)
def test_dates_of_items(element: str, date: datetime | None) -> None:
    assert rss(element + "<guid>x</guid>").published == date


def test_rss_1() -> None:
    found = feed(
        """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
        xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://old.example/"><title>Old</title></channel>
        <item rdf:about="https://old.example/1"><title>One</title><link>https://old.example/1?x</link>
        <dc:date>2025-03-04T12:00:00+00:00</dc:date></item></rdf:RDF>"""
    )
    (entry,) = found.entries
    assert (found.title, entry.id, entry.link) == ("Old", "https://old.example/1", "https://old.example/1?x")
    assert (entry.title, entry.published, entry.permalink) == ("One", NOON, None)


@pytest.mark.parametrize("version", ["0.91", "0.92"])
def test_rss_0(version: str) -> None:
    found = feed(
        f"""<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN"
        "http://my.netscape.com/publish/formats/rss-0.91.dtd">
        <rss version="{version}"><channel><title>T</title><item><title>One</title><link>https://old.example/1</link></item>
        </channel></rss>"""
    )
    assert found.entries == (OldEntry(id="", link="https://old.example/1", title="One"),)


def test_atom_1() -> None:
    entry = atom(
        '<id>tag:old.example,2025:1</id><title type="html">A &amp;amp; B</title><link rel="edit" href="/edit"/><link href="1/"/>'
        "<published>2025-03-04T12:00:00.250Z</published><updated>2025-03-05T12:00:00Z</updated>"
        '<summary>short</summary><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>a</p><p>b &amp; c</p></div></content>',
        head='<id>x</id><link rel="next" href="two"/>',
        xml_base="https://old.example/blog/",
    )
    assert (entry.id, entry.title, entry.link) == ("tag:old.example,2025:1", "A &amp; B", "https://old.example/blog/1/")
    assert (entry.published, entry.updated) == (NOON, datetime(2025, 3, 5, 12, 0, tzinfo=UTC))
    assert "<p>a</p><p>b &amp; c</p>" in entry.html
    assert entry.permalink is None


def test_pages_of_atom_feeds() -> None:
    text = '<feed xmlns="http://www.w3.org/2005/Atom"><link rel="next" href="two"/><link rel="previous" href="no"/></feed>'
    assert feed(text).more == ("https://old.example/two",)


def test_atom_0_3() -> None:
    (entry,) = feed(
        '<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><id>x:1</id><title>One</title>'
        '<link rel="alternate" href="https://old.example/1"/><issued>2025-03-04T12:00:00Z</issued>'
        "<modified>2025-03-04T12:00:00Z</modified></entry></feed>"
    ).entries
    assert entry == OldEntry(id="x:1", title="One", link="https://old.example/1", published=NOON, updated=NOON)


def test_json_feed() -> None:
    values = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "J",
        "next_url": "?page=2",
        "items": [
            {"id": "a b", "url": "/a", "title": "A", "content_text": "t", "date_published": "2025-03-04T12:00:00Z"},
            {"id": 7, "summary": "s", "date_modified": "2025-03-04T21:00:00+09:00"},
            {"id": True, "title": 5, "url": None},
            "no item",
        ],
    }
    found = feed(json.dumps(values))
    assert found.more == ("https://old.example/feed?page=2",)
    assert found.entries == (
        OldEntry(id="a b", link="https://old.example/a", title="A", html="t", published=NOON),
        OldEntry(id="7", html="s", updated=NOON),
        OldEntry(id=""),
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither XML nor JSON"),
        (b"<svg/>", "root element is svg"),
        (b"<html><body/></html>", "it is a page, and names no feed"),
        (b"<rss><channel></rss>", "neither XML nor JSON"),
        (b"{}", "no object with a list of items"),
        (b"{", "it is no JSON"),
        (b'{"items":' + b"[" * 100_000, "it is no JSON"),
        (b'{"items": ' + b"9" * 5000 + b"}", "it is no JSON"),
        (b"\xff\xfe\x00", "neither"),
        (b" " * (MAX_BYTES + 1), "more than 64 MB"),
    ],
)
def test_what_is_no_feed(data: bytes, why: str) -> None:
    found = read(data, url="old.xml")
    assert isinstance(found, Problem)
    assert (found.rule, found.path) == ("adopt.unreadable", "old.xml")
    assert why in found.message


PAGE = """<!DOCTYPE html>
<html lang=en><head><meta charset=utf-8><title>Home</title>
<link rel=stylesheet href=style.css>
<link rel="alternate" type="application/rss+xml" title="a > b" href="/feed?a=1&amp;b=2">
<LINK REL='alternate' TYPE='application/atom+xml' HREF=atom.xml>
<link rel="alternate" hreflang="ja" href="/ja/"><body><p>unclosed"""


def test_a_page_says_where_its_feeds_are() -> None:
    found = read(PAGE.replace("a > b", "all").encode(), url="https://old.example/blog/")
    assert isinstance(found, Problem)
    assert found.hint == "its feeds are https://old.example/feed?a=1&b=2, https://old.example/blog/atom.xml"


def test_an_export_of_wordpress_is_a_feed_with_everything() -> None:
    found = feed(
        """<?xml version="1.0" encoding="UTF-8" ?>
        <!-- generator="WordPress/6.6" created="2025-03-04 12:00" -->
        <rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" xmlns:wp="http://wordpress.org/export/1.2/"
        xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
        <channel><title>Tea</title><link>https://old.example</link><wp:wxr_version>1.2</wp:wxr_version>
        <item><title><![CDATA[Green]]></title><link>https://old.example/2025/03/green/</link>
        <pubDate>Tue, 04 Mar 2025 12:00:00 +0000</pubDate><dc:creator><![CDATA[h]]></dc:creator>
        <guid isPermaLink="false">https://old.example/?p=12</guid><description></description>
        <content:encoded><![CDATA[<!-- wp:paragraph --><p>Text</p>]]></content:encoded>
        <excerpt:encoded><![CDATA[]]></excerpt:encoded><wp:post_id>12</wp:post_id><wp:status>publish</wp:status></item>
        <item><title>Draft</title><link>https://old.example/?p=13</link><pubDate>Mon, 30 Nov -0001 00:00:00 +0000</pubDate>
        <guid isPermaLink="false">https://old.example/?p=13</guid><wp:status>draft</wp:status></item></channel></rss>"""
    )
    assert [(entry.id, entry.published) for entry in found.entries] == [
        ("https://old.example/?p=12", NOON),
        ("https://old.example/?p=13", None),
    ]


def bomb(levels: int) -> bytes:
    declared = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(levels))
    return (
        f'<!DOCTYPE rss [{declared}<!ENTITY file SYSTEM "file:///etc/passwd">]><rss><channel><item>'
        f"<guid>a&e{levels - 1};b&file;</guid></item></channel></rss>"
    ).encode()


def test_entities_are_not_expanded_and_nothing_is_fetched() -> None:
    found = read(bomb(3))
    assert isinstance(found, OldFeed)
    assert found.entries[0].id == "ab"
    assert isinstance(read(bomb(20)), Problem)


def test_white_space_before_the_declaration() -> None:
    assert feed('\n\n <?xml version="1.0"?><rss><channel><title> T </title></channel></rss>').title == "T"


@given(st.binary(max_size=300))
def test_garbage(data: bytes) -> None:
    assert isinstance(read(data), OldFeed | Problem)


PIECES = st.sampled_from([
    "<item>", "</item>", "<guid>", '<guid isPermaLink="false">', "</guid>", "<link>", "</link>", "<title>", "</title>", "<pubDate>",
    "</pubDate>", "Tue, 4 Mar 2025 12:00:00 GMT", "http://[", "&amp;", "<![CDATA[x]]>", "https://e.example/é?a=b#c", " ", "<!-- c -->",
])  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join))
def test_something_like_rss(text: str) -> None:
    assert isinstance(read(f"<rss><channel>{text}</channel></rss>".encode(), url="https://e.example/"), OldFeed | Problem)


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "url", "title", "x"]), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from(["items", "title", "next_url", "feed_url"]), VALUES), st.lists(VALUES, max_size=3))
def test_any_json(values: dict[str, object], items: list[object]) -> None:
    assert isinstance(read(json.dumps(values).encode()), OldFeed | Problem)
    assert isinstance(read(json.dumps({**values, "items": items}).encode()), OldFeed)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=40))
def test_an_id_comes_back_to_the_last_character(identity: str) -> None:
    escaped = identity.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if "￾" in identity or "￿" in identity:
        return
    assert rss(f"<guid>{escaped}</guid>").id == identity
    (entry,) = feed(json.dumps({"items": [{"id": identity}]})).entries
    assert entry.id == identity
