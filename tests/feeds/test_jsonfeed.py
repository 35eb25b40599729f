from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from feedservice.feeds import jsonfeed
from feedservice.model import Category, Enclosure, Image, Person

if TYPE_CHECKING:
    from conftest import Make


def items(make: Make, *entries: Any, **profile: Any) -> Any:
    return json.loads(make.body("json", entries, None, make.profile(**profile)))["items"]


def test_a_head_has_everything_version_1_1_knows(make: Make) -> None:
    head = make.head(
        image="https://example.org/logo.png",
        icon="https://example.org/favicon.ico",
        authors=(Person(name="編集部", email="a@example.org", url="https://example.org/about/"), Person(name="Ada")),
        hubs=("https://hub.example/",),
    )
    feed = json.loads(make.body("json", [], head))

    assert list(feed.items()) == [
        ("version", "https://jsonfeed.org/version/1.1"),
        ("title", "AIコンパス"),
        ("home_page_url", "https://example.org/"),
        ("feed_url", "https://example.org/feeds/all.json"),
        ("description", "毎日の話"),
        ("icon", "https://example.org/logo.png"),
        ("favicon", "https://example.org/favicon.ico"),
        ("authors", [{"name": "編集部", "url": "https://example.org/about/"}, {"name": "Ada"}]),
        ("language", "ja"),
        ("hubs", [{"type": "WebSub", "url": "https://hub.example/"}]),
        ("items", []),
    ]


def test_an_item_has_everything_version_1_1_knows(make: Make) -> None:
    entry = make.entry(
        external_url="https://elsewhere.example/",
        image=Image(url="https://example.org/a.png"),
        tags=(Category(term="ai", label="AI"), Category(term="投資分析", label="投資分析", scheme="https://example.org/tag/")),
        language="en",
        enclosures=(
            Enclosure(url="https://example.org/a.mp3", type="audio/mpeg", length=12, duration=34, title="音声"),
            Enclosure(url="https://example.org/b", type=""),
        ),
    )

    assert list(items(make, entry)[0].items()) == [
        ("id", "tag:example.org,2025:/1/"),
        ("url", "https://example.org/1/"),
        ("external_url", "https://elsewhere.example/"),
        ("title", "第1回"),
        ("content_html", "<p>本文 <em>1</em></p>"),
        ("summary", "要約 1"),
        ("image", "https://example.org/a.png"),
        ("date_published", "2025-11-17T13:42:01+09:00"),
        ("date_modified", "2025-11-18T13:42:01+09:00"),
        ("authors", [{"name": "編集部"}]),
        ("tags", ["投資分析", "AI"]),
        ("language", "en"),
        (
            "attachments",
            [
                {
                    "url": "https://example.org/a.mp3",
                    "mime_type": "audio/mpeg",
                    "title": "音声",
                    "size_in_bytes": 12,
                    "duration_in_seconds": 34,
                },
                {"url": "https://example.org/b", "mime_type": "application/octet-stream"},
            ],
        ),
    ]


def test_a_summary_feed_gives_the_summary_as_text(make: Make) -> None:
    with_summary, without = items(make, make.entry(1), make.entry(2, summary=""), full=False)

    assert (with_summary["content_text"], without["content_text"]) == ("要約 1", "第2回")
    assert {"content_html", "summary"}.isdisjoint(with_summary)


def test_the_id_is_the_authors_own_even_when_atom_needs_another(make: Make) -> None:
    assert items(make, make.entry(id="post 7", atom_id="tag:example.org,2025:post-7"))[0]["id"] == "post 7"


def test_one_line_per_item_in_utf_8(make: Make) -> None:
    lines = make.body("json", [make.entry(1), make.entry(2)]).decode().splitlines()

    assert [line[:5] for line in lines[-5:]] == ['"item', '{"id"', '{"id"', "]", "}"]
    assert "本文" in lines[-4]


@pytest.mark.parametrize("text", ["a\x07b", "a\ud800b", "a\ufffeb", "a\uffffb", "a\x00b"])
def test_what_xml_cannot_hold_is_left_out_here_too(text: str, make: Make) -> None:
    assert items(make, make.entry(title=text))[0]["title"] == "ab"


def test_text_that_looks_like_an_escape_stays(make: Make) -> None:
    assert items(make, make.entry(html=r"<code>\u0007</code>"))[0]["content_html"] == r"<code>\u0007</code>"


def test_no_item_is_no_line(make: Make) -> None:
    assert jsonfeed.document(make.head(), []).endswith(b'"items":[]\n}\n')
