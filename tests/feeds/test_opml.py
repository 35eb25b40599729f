from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxml import etree

from feedservice.feeds import opml
from feedservice.model import Person

if TYPE_CHECKING:
    from conftest import Make


def test_every_feed_is_one_outline_in_the_format_readers_know_best(make: Make) -> None:
    base = "https://example.org/"
    specs = [
        make.spec(title="A & B"),
        make.spec(key="b", urls={"json": f"{base}b.json", "rss": f"{base}b.rss"}, description=""),
        make.spec(key="c", title="", urls={"json": f"{base}c.json"}),
        make.spec(key="d", urls={}),
    ]
    root = etree.fromstring(opml.render("Feeds", specs, owner=None, modified=None))

    assert (root.tag, root.get("version"), root.findtext("head/title")) == ("opml", "2.0", "Feeds")
    assert [dict(outline.attrib) for outline in root.findall("body/outline")] == [
        {
            "text": "A & B",
            "title": "A & B",
            "type": "rss",
            "xmlUrl": f"{base}feeds/all.atom",
            "htmlUrl": base,
            "description": "毎日の話",
            "language": "ja",
        },
        {
            "text": "AIコンパス",
            "title": "AIコンパス",
            "type": "rss",
            "xmlUrl": f"{base}b.rss",
            "htmlUrl": base,
            "language": "ja",
            "version": "RSS2",
        },
        {
            "text": "c",
            "title": "c",
            "type": "rss",
            "xmlUrl": f"{base}c.json",
            "htmlUrl": base,
            "description": "毎日の話",
            "language": "ja",
        },
    ]


def test_the_head_names_owner_and_date(make: Make) -> None:
    owner = Person(name="編集部", email="a@example.org", url="https://example.org/")
    root = etree.fromstring(
        opml.render("一覧\x0c", [make.spec()], owner=owner, modified=datetime(2025, 11, 17, 4, 42, 9, tzinfo=UTC))
    )

    assert [(child.tag, child.text) for child in root.find("head")] == [
        ("title", "一覧"),
        ("dateModified", "Mon, 17 Nov 2025 04:42:09 +0000"),
        ("ownerName", "編集部"),
        ("ownerEmail", "a@example.org"),
        ("ownerId", "https://example.org/"),
    ]


def test_an_owner_may_have_a_name_only(make: Make) -> None:
    root = etree.fromstring(opml.render("Feeds", [make.spec()], owner=Person(name="Ada"), modified=None))

    assert [child.tag for child in root.find("head")] == ["title", "ownerName"]
