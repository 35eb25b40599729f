"""Every rule of the lint with a document that breaks it, and that a good document breaks none."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from feedservice.feeds import lint
from feedservice.feeds.formats import FORMATS
from feedservice.model import Enclosure, Image, Problem, Severity

if TYPE_CHECKING:
    from conftest import Make

COMPLETE = b'<fh:complete xmlns:fh="http://purl.org/syndication/history/1.0"/>'
AUTHOR = re.compile(rb"\s*<author>.*?</author>", re.DOTALL)


def check(make: Make, name: str, body: bytes) -> list[tuple[str, str]]:
    return [(problem.rule, str(problem.severity)) for problem in lint.check(make.document(name, body))]


def good(make: Make, name: str) -> bytes:
    entry = make.entry(
        image=Image(url="https://example.org/a.png"),
        enclosures=(Enclosure(url="https://example.org/a.mp3", type="audio/mpeg", length=9),),
        external_url="https://elsewhere.example/",
    )
    return make.body(
        name, [entry, make.entry(2)], make.head(image="https://example.org/logo.png", icon="https://example.org/i.png")
    )


def changed(make: Make, name: str, old: bytes, new: bytes, *, count: int = 1) -> bytes:
    body = good(make, name)
    assert old in body
    return body.replace(old, new, count)


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_document_has_no_problem(name: str, make: Make) -> None:
    assert check(make, name, good(make, name)) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_feed_without_entries_has_no_problem(name: str, make: Make) -> None:
    assert check(make, name, make.body(name)) == []


ERRORS = [
    ("feed.malformed", "atom", b"</feed>", b""),
    ("feed.malformed", "atom", b"<feed ", b"<!DOCTYPE x><feeds "),
    ("feed.malformed", "rss", b"</channel>", b""),
    ("feed.malformed", "json", b'"items":[', b'"entries":['),
    ("feed.malformed", "json", b"}\n]", b"},\n]"),
    ("feed.malformed", "json", "第".encode(), b"\xff"),
    ("feed.required", "atom", b"<id>tag:example.org,2025:/feeds/all</id>", b""),
    ("feed.required", "atom", b"<id>tag:example.org,2025:/1/</id>", b""),
    ("feed.required", "atom", b"<id>tag:example.org,2025:/1/</id>", b"<id> </id>"),
    ("feed.required", "atom", b"<updated>2025-11-18T13:42:01+09:00</updated>", b""),
    ("feed.required", "atom", '<title type="text">第1回</title>'.encode(), b"<title/><title/>"),
    ("feed.required", "rss", "<description>毎日の話</description>".encode(), b""),
    ("feed.required", "rss", b"<link>https://example.org/</link>", b""),
    ("feed.required", "rss", b'<guid isPermaLink="false">tag:example.org,2025:/1/</guid>', b""),
    ("feed.required", "json", b'"content_html":', b'"_content":'),
    ("feed.required", "json", b'"id":"tag:example.org,2025:/1/"', b'"id":1'),
    ("feed.required", "json", b'"version":', b'"_version":'),
    ("feed.empty-title", "atom", "AIコンパス</title>".encode(), b" </title>"),
    ("feed.empty-title", "rss", "<title>AIコンパス</title>".encode(), b"<title/>"),
    ("feed.empty-title", "json", '"title":"AIコンパス"'.encode(), b'"title":""'),
    ("feed.url", "atom", b'href="https://example.org/1/"', b'href="/1/"'),
    ("feed.url", "atom", b'href="https://example.org/1/"', b'href=""'),
    ("feed.url", "atom", b'href="https://example.org/1/"', b'href="https:///1/"'),
    ("feed.url", "atom", b'scheme="https://example.org/category/"', b'scheme="category"'),
    ("feed.url", "atom", b"<icon>https://example.org/i.png", b"<icon>i.png"),
    ("feed.url", "rss", b"<link>https://example.org/1/</link>", b"<link>https://example.org/a b</link>"),
    ("feed.url", "rss", b"<link>https://example.org/1/</link>", b"<link>https://example.org/100%</link>"),
    ("feed.url", "rss", b'<media:thumbnail url="https://', b'<media:thumbnail url="//'),
    ("feed.url", "json", b'"image":"https://example.org/a.png"', b'"image":"a.png"'),
    ("feed.url", "json", b'"url":"https://example.org/a.mp3"', b'"url":"https://example.org/a\\\\b.mp3"'),
    ("feed.date", "atom", b"<published>2025-11-17T13:42:01+09:00", b"<published>2025-11-17 13:42:01+09:00"),
    ("feed.date", "atom", b"<published>2025-11-17T13:42:01+09:00", b"<published>2025-11-31T13:42:01+09:00"),
    ("feed.date", "rss", b"<pubDate>Mon, 17 Nov", b"<pubDate>Tue, 17 Nov"),
    ("feed.date", "rss", b"<pubDate>Mon, 17 Nov", "<pubDate>月, 17 11月".encode()),
    ("feed.date", "rss", b"<pubDate>Mon, 17 Nov", b"<pubDate>Mon, 31 Nov"),
    ("feed.date", "json", b'"date_published":"2025-11-17T', b'"date_published":"2025-11-17t'),
    ("feed.newer-entry", "atom", b"<updated>2025-11-18T13:42:01+09:00", b"<updated>2025-11-19T09:00:01+09:00"),
    ("feed.newer-entry", "rss", b"Mon, 17 Nov 2025 13:42:01 +0900", b"Wed, 19 Nov 2025 00:00:00 -0100"),
    ("feed.self-link", "atom", b'rel="self"', b'rel="about"'),
    ("feed.self-link", "rss", b'rel="self"', b'rel="about"'),
    ("feed.self-link", "json", b'"feed_url":', b'"_feed_url":'),
    ("feed.alternate", "atom", b'rel="related"', b'rel="alternate" type="text/html"'),
    ("feed.enclosure", "rss", b'length="9"', b'length="None"'),
    ("feed.enclosure", "rss", b'length="9"', b""),
    ("feed.enclosure", "rss", b'type="audio/mpeg"', b'type="audio"'),
    ("feed.enclosure", "rss", b"<enclosure ", b'<enclosure url="https://example.org/" length="1" type="a/b"/><enclosure '),
    ("feed.enclosure", "atom", b'length="9"', b'length="None"'),
    ("feed.enclosure", "json", b'"mime_type":"audio/mpeg"', b'"mime_type":null'),
    ("feed.enclosure", "json", b'"size_in_bytes":9', b'"size_in_bytes":9.5'),
    ("feed.history", "atom", b"<generator>", COMPLETE + b'<link rel="prev-archive" href="https://example.org/1.atom"/><generator>'),
    ("feed.history", "rss", b"<generator>", COMPLETE + b'<atom:link rel="next-archive" href="https://example.org/1.rss"/><generator>'),
    ("feed.history", "atom", b"<generator>", COMPLETE.replace(b"complete", b"archive") + b"<generator>"),
    ("feed.history", "rss", b"<generator>", COMPLETE.replace(b"complete", b"archive") + b"<generator>"),
    ("feed.history", "atom", b"<generator>", b'<link rel="prev-archive" href="https://example.org/1.atom"/>' * 2 + b"<generator>"),
    ("feed.history", "rss", b"<generator>", b'<atom:link rel="prev-archive" href="https://example.org/feeds/all.rss"/><generator>'),
    ("feed.history", "json", b'"items":', b'"next_url":"https://example.org/feeds/all.json","items":'),
    ("feed.url", "json", b'"items":', b'"next_url":"/feeds/2.json","items":'),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "name", "old", "new"), ERRORS)
def test_an_error_is_found(rule: str, name: str, old: bytes, new: bytes, make: Make) -> None:
    assert (rule, "error") in check(make, name, changed(make, name, old, new))


def test_every_error_in_the_table_above_is_the_only_one(make: Make) -> None:
    for rule, name, old, new in ERRORS:
        assert {found for found, _ in check(make, name, changed(make, name, old, new))} == {rule}, (name, old, new)


WARNINGS = [
    ("feed.guid-not-url", "rss", b'isPermaLink="false">tag:', b'isPermaLink="true">'),
    ("feed.self-differs", "atom", b'all.atom" rel="self"', b'other.atom" rel="self"'),
    ("feed.id-not-uri", "atom", b"<id>tag:example.org,2025:/1/</id>", b"<id>7</id>"),
    ("feed.same-updated", "atom", b"<updated>2025-11-18T13:42:02", b"<updated>2025-11-18T13:42:01"),
    ("feed.non-ascii-url", "rss", b"<link>https://example.org/1/", "<link>https://example.org/投資/".encode()),
    ("feed.title-html", "rss", "<title>第1回".encode(), b"<title>A &lt;b&gt;bold&lt;/b&gt; title"),
    ("feed.title-html", "rss", "<title>第1回".encode(), b"<title>Q&amp;amp;A"),
    ("feed.enclosure-length", "rss", b'length="9"', b'length="0"'),
    ("feed.enclosure-scheme", "rss", b'enclosure url="https:', b'enclosure url="ftp:'),
]


@pytest.mark.parametrize(("rule", "name", "old", "new"), WARNINGS)
def test_a_warning_is_given_and_nothing_else(rule: str, name: str, old: bytes, new: bytes, make: Make) -> None:
    assert check(make, name, changed(make, name, old, new)) == [(rule, "warning")]


def test_every_rule_is_documented_and_tested() -> None:
    documented = set(re.findall(r"^(feed\.[\w-]+)", str(lint.__doc__), re.MULTILINE))
    tested = {rule for rule, *_ in (*ERRORS, *WARNINGS)} | {
        "feed.duplicate-id",
        "feed.too-large",
        "feed.podcast",
        "feed.enclosure-twice",
    }

    assert documented == tested


@pytest.mark.parametrize("name", FORMATS)
def test_equal_ids_are_an_error_of_each_entry(name: str, make: Make) -> None:
    assert (
        check(make, name, make.body(name, [make.entry(1), make.entry(2, id=make.entry(1).id)]))
        == [("feed.duplicate-id", "error")] * 2
    )


def test_two_entries_with_one_media_file_are_a_warning_once(make: Make) -> None:
    files = (Enclosure(url="https://example.org/1.mp3", type="audio/mpeg", length=9),)
    entries = [make.entry(number, enclosures=files) for number in (1, 2, 3)]
    assert check(make, "rss", make.body("rss", entries)) == [("feed.enclosure-twice", "warning")]
    assert "feed.enclosure-twice" not in dict(check(make, "atom", make.body("atom", entries)))


def test_a_large_document_is_a_warning(make: Make) -> None:
    entry = make.entry(html="<p>" + "x" * lint.MAX_BYTES + "</p>")

    assert check(make, "atom", make.body("atom", [entry])) == [("feed.too-large", "warning")]


def test_atom_needs_an_author_at_the_feed_or_at_each_entry(make: Make) -> None:
    body = good(make, "atom")

    assert check(make, "atom", AUTHOR.sub(b"", body, count=1)) == []
    assert check(make, "atom", AUTHOR.sub(b"", body)) == [("feed.required", "error")]


def test_atom_needs_content_or_a_page(make: Make) -> None:
    body = make.body("atom", [make.entry(html="")]).replace(
        b'rel="alternate" type="text/html"/>\n    <summary', b'rel="related"/><summary'
    )

    assert check(make, "atom", body) == [("feed.required", "error")]


def test_a_problem_says_where_and_what(make: Make) -> None:
    body = make.body("rss", [make.entry(1), make.entry(2, url="/2/")])
    (problem,) = lint.check(make.document("rss", body))
    line = 1 + body[: body.index(b"<item>", body.index(b"<item>") + 1)].count(b"\n")

    assert problem == Problem(
        rule="feed.url",
        severity=Severity.ERROR,
        message="entry 2 (tag:example.org,2025:/2/): link is not absolute: '/2/'",
        hint="write it as https://host/path",
        path="feeds/all.rss",
        line=line,
    )


def test_a_document_that_is_not_well_formed_is_placed(make: Make) -> None:
    (xml,) = lint.check(make.document("atom", b"<feed>\n<a></b></feed>"))
    (text,) = lint.check(make.document("json", b'{\n"items": [}'))

    assert (xml.rule, xml.line, text.rule, text.line, text.column) == ("feed.malformed", 2, "feed.malformed", 2, 11)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b'{"items":{}}', b"<rss/>", b"\x00", b"<feed xmlns='http://www.w3.org/2005/Atom'/>"]
)
@pytest.mark.parametrize("name", FORMATS)
def test_no_bytes_go_live_unseen(name: str, body: bytes, make: Make) -> None:
    assert "error" in {severity for _, severity in check(make, name, body)}


@pytest.mark.parametrize("value", ["1", '"x"', "[]", "{}", "null", "[1]", '["x"]', "[{}]"])
@pytest.mark.parametrize("key", ["id", "title", "url", "date_published", "authors", "attachments"])
def test_json_of_any_shape_is_read(key: str, value: str, make: Make) -> None:
    feed = json.loads(good(make, "json"))
    feed["items"][0][key] = json.loads(value)
    feed[key] = json.loads(value)

    assert isinstance(check(make, "json", json.dumps(feed).encode()), list)


def test_neither_entities_nor_the_network_are_used(make: Make, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("https://leaked.example/")
    bomb = f'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY file SYSTEM "{secret.as_uri()}">]>'
    body = (
        good(make, "rss")
        .replace(b"<rss", bomb.encode() + b"<rss", 1)
        .replace(b"<link>https://example.org/1/</link>", b"<link>&file;</link>")
    )

    messages = [problem.message for problem in lint.check(make.document("rss", body))]
    assert messages == ["entry 1 (tag:example.org,2025:/1/): link is blank: ''"]


def test_the_extremes_of_the_calendar_are_compared(make: Make) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    entries = [make.entry(1, published=first, updated=first), make.entry(2, published=last, updated=last)]
    for name in FORMATS:
        assert check(make, name, make.body(name, entries, make.head(updated=last))) == []
