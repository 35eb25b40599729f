from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.config.schema import Config
from feedservice.model import Enclosure, Episode, Image, Person, Post, Severity, Source, Transcript
from feedservice.posts.parse import Context, Parsed, parse


def context(dialect: str = "plain", files: dict[str, int] | None = None, **content: object) -> Context:
    values = {
        "site": {"title": "S", "url": "https://example.org", "timezone": "Asia/Tokyo", "language": "ja"},
        "content": content,
    }
    config = Config.model_validate(values)
    return Context(
        site=config.site, content=config.content, dialect=dialect, files=files or {}, zones={"newyork": "America/New_York"}
    )


def read(text: str, path: str = "a.md", where: Context | None = None) -> Parsed:
    return parse(Source(path=path, data=text.encode()), where or context())


def post(front: str, path: str = "a.md", where: Context | None = None, body: str = "Body.\n") -> Post:
    """Parse a post that must be accepted; a date is added when the test does not care."""
    dated = front if front.startswith("date:") or "/2" in path else f"date: 2025-01-05\n{front}"
    parsed = read(f"---\n{dated}\n---\n{body}", path, where)
    assert parsed.post is not None, parsed.problems
    return parsed.post


def rules(parsed: Parsed) -> list[str]:
    return [problem.rule for problem in parsed.problems]


def test_the_seed_of_a_japanese_news_site() -> None:
    front = """layout: post
title: "日本政府のAI支援、その真意は？"
date: 2025-11-17 04:42:09 +0000
categories: ["投資分析"]
tags: ["AI", "投資"]
author: "編集部"
excerpt: "詳細に分析します。"
reading_time: 8"""
    found = post(front, "_posts/2025-11-17-ai-startup-support.md", context("jekyll"))
    assert found.title == "日本政府のAI支援、その真意は？"
    assert found.published == datetime(2025, 11, 17, 4, 42, 9, tzinfo=UTC)
    assert found.link == "https://example.org/2025/11/17/ai-startup-support/"
    assert found.legacy_id == "https://example.org/2025/11/17/ai-startup-support"
    assert (found.categories, found.tags) == (("投資分析",), ("AI", "投資"))
    assert found.authors == (Person(name="編集部"),)
    assert found.summary == "詳細に分析します。"


def test_date_tokens_are_in_the_zone_of_the_site() -> None:
    found = post("date: 2025-08-29 17:25:00 +0000", "_posts/2025-08-29-x.md", context("jekyll"))
    assert found.link == "https://example.org/2025/08/30/x/"


@pytest.mark.parametrize("key", ["date", "publishDate", "publish_date", "published", "pubDate", "pubdate"])
def test_keys_of_the_date(key: str) -> None:
    parsed = read(f"---\n{key}: 2025-01-05 12:00\n---\nx")
    assert parsed.post is not None
    assert parsed.post.published == datetime(2025, 1, 5, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("key", ["updated", "last_modified_at", "lastmod", "last_modified", "modified"])
def test_keys_of_the_update(key: str) -> None:
    assert post(f"{key}: 2025-02-01T00:00:00Z").updated == datetime(2025, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("key", ["expires", "expiryDate", "unpublishdate", "unpublishDate"])
def test_keys_of_the_expiry(key: str) -> None:
    assert post(f"{key}: 2026-02-01T00:00:00Z").expires == datetime(2026, 2, 1, tzinfo=UTC)


def test_an_update_before_publication_is_no_update() -> None:
    assert post("updated: 2024-01-01").updated is None


def test_hugo_publishes_at_its_publish_date_and_shows_the_date() -> None:
    found = post(
        "date: 2025-01-05T00:00:00Z\npublishDate: 2025-03-01T00:00:00Z",
        "posts/x.md",
        context("hugo", permalink="/:year/:month/:slug/"),
    )
    assert found.published == datetime(2025, 3, 1, tzinfo=UTC)
    assert found.link == "https://example.org/2025/01/x/"


@pytest.mark.parametrize(
    ("front", "draft"),
    [
        ("draft: true", True),
        ("draft: yes", True),
        ("draft: false", False),
        ("published: false", True),
        ("published: true", False),
        ("status: draft", True),
        ("status: Hidden", True),
        ("status: published", False),
        ("", False),
    ],
)
def test_drafts(front: str, draft: bool) -> None:
    assert post(front).draft is draft


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# From the *heading*\n\nText", "From the heading"),
        ("```sh\n# a comment\n```\n\n## Real\n", "Real"),
        ("No heading at all", "My Own Name"),
        ("####### seven\n", "My Own Name"),
    ],
)
def test_title_without_front_matter(text: str, title: str) -> None:
    parsed = read(text, "2025-01-05-my-own-name.md")
    assert parsed.post is not None
    assert parsed.post.title == title
    assert parsed.post.published == datetime(2025, 1, 4, 15, 0, tzinfo=UTC)


def test_titles_stay_what_was_typed() -> None:
    assert post("title: 3.10").title == "3.10"
    assert post("title: NO").title == "NO"
    assert post("title: 2025-01-05").title == "2025-01-05"
    assert post("title: 'C++ & <b>bold</b> &amp; `x`'").title == "C++ & bold & x"


@pytest.mark.parametrize(
    ("dialect", "front", "expected"),
    [
        ("plain", "categories: [A, B]", ("A", "B")),
        ("plain", "categories: A, B", ("A", "B")),
        ("plain", "category: Tips, Tricks", ("Tips, Tricks",)),
        ("plain", "category: One\ncategories: [Two, one]", ("One", "Two")),
        ("jekyll", "categories: foo bar", ("foo", "bar")),
        ("jekyll", "category: foo bar", ("foo bar",)),
        ("hugo", "categories: [A B]", ("A B",)),
        ("pelican", "category: A, B", ("A, B",)),
        ("plain", "categories: [NO, 2024, 3.10]", ("NO", "2024", "3.10")),
        ("plain", "categories: []", ()),
        ("plain", "category:", ()),
        ("plain", "categories: [AI, ai, ＡＩ]", ("AI",)),
    ],
)
def test_categories(dialect: str, front: str, expected: tuple[str, ...]) -> None:
    assert post(front, where=context(dialect)).categories == expected


def test_directories_above_posts_are_categories_in_jekyll() -> None:
    assert post("category: X", "en/news/_posts/2025-01-01-a.md", context("jekyll")).categories == ("en", "news", "X")
    assert post("category: X", "en/news/_posts/2025-01-01-a.md", context("jekyll", category_directories=False)).categories == (
        "X",
    )


def test_tags_of_zola_and_jekyll() -> None:
    parsed = read('+++\ntitle = "x"\ndate = 2025-01-05\n[taxonomies]\ntags = ["a", "b c"]\n+++\nx', where=context("zola"))
    assert parsed.post is not None
    assert parsed.post.tags == ("a", "b c")
    assert post("tags: a b", where=context("jekyll")).tags == ("a", "b")


def test_params_of_hugo_are_keys_of_the_post() -> None:
    found = post("title: T\nparams: {author: 花子, cover: {image: a.png, alt: A}, title: not this}", where=context("hugo"))
    assert (found.title, [person.name for person in found.authors]) == ("T", ["花子"])
    assert found.image is not None
    assert (found.image.url.endswith("/a.png"), found.image.alt) == (True, "A")


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("author: 花子", (Person(name="花子"),)),
        ("author: Bob <bob@example.org>", (Person(name="Bob", email="bob@example.org"),)),
        ("authors: [A, B]", (Person(name="A"), Person(name="B"))),
        ("author: {name: C, email: c@e.org, url: https://c.org}", (Person(name="C", email="c@e.org", url="https://c.org"),)),
        ("author: {name: C, url: /about/}", (Person(name="C", url="https://example.org/about/"),)),
        ("author: {name: C, url: 0}", (Person(name="C"),)),
        ("author: {name: C, url: about}", (Person(name="C"),)),
        ("author: {name: C, url: 'javascript:alert(1)//x'}", (Person(name="C"),)),
        ("author: {name: C, email: nobody}", (Person(name="C"),)),
        ("author: Doe, John", (Person(name="Doe, John"),)),
    ],
)
def test_authors(front: str, expected: tuple[Person, ...]) -> None:
    assert post(front).authors == expected


@pytest.mark.parametrize("given", ["url: about", "url: 0", "email: nobody", "email: a@b@c"])
def test_an_address_of_an_author_that_is_none_is_reported(given: str) -> None:
    found = read(f"---\ntitle: T\ndate: 2025-01-01\nauthor: {{name: C, {given}}}\n---\nText.\n")
    assert rules(found) == ["value.unreadable"]


def test_author_without_name_is_reported() -> None:
    parsed = read("---\ndate: 2025-01-05\nauthor: {email: x@y.z}\n---\nx")
    assert rules(parsed) == ["author.unreadable"]
    assert parsed.problems[0].line == 3


@pytest.mark.parametrize(
    ("front", "url", "alt"),
    [
        ("image: /a.png", "https://example.org/a.png", ""),
        ("image: pic.png", "https://example.org/2025/01/05/a/pic.png", ""),
        ("cover: {src: https://cdn.example/x y.png, alt: 絵}", "https://cdn.example/x%20y.png", "絵"),
        ("thumbnail: [one.png, two.png]", "https://example.org/2025/01/05/a/one.png", ""),
    ],
)
def test_images(front: str, url: str, alt: str) -> None:
    assert post(front).image == Image(url=url, alt=alt)


def test_enclosures_are_measured() -> None:
    where = context(files={"media/a.mp3": 1234, "trip/b.ogg": 99})
    local = post("enclosure: /media/a.mp3", where=where)
    assert local.enclosures == (Enclosure(url="https://example.org/media/a.mp3", type="audio/mpeg", length=1234),)
    bundle = post("audio: b.ogg\nduration: 1:02:03", "trip/index.md", where)
    assert bundle.enclosures == (
        Enclosure(url="https://example.org/2025/01/05/trip/b.ogg", type="audio/ogg", length=99, duration=3723),
    )


def test_enclosure_with_everything() -> None:
    front = "enclosure: {url: https://cdn.example/a.mp3, length: 5_000, type: audio/mpeg, title: T}\nseason: 2\nepisode: 7\nexplicit: no\ntranscript: /t.vtt\nchapters: /c.json\nepisodeType: bonus"
    found = post(front)
    assert found.enclosures == (Enclosure(url="https://cdn.example/a.mp3", type="audio/mpeg", length=5000, title="T"),)
    assert found.episode == Episode(
        season=2,
        number=7,
        kind="bonus",
        explicit=False,
        transcripts=(Transcript(url="https://example.org/t.vtt", type="text/vtt"),),
        chapters="https://example.org/c.json",
    )


def test_enclosure_without_length_is_a_warning() -> None:
    parsed = read("---\ndate: 2025-01-05\nenclosure: https://cdn.example/a.mp3\n---\nx")
    assert parsed.post is not None
    assert rules(parsed) == ["enclosure.length"]
    assert parsed.problems[0].severity is Severity.WARNING


def test_own_names_of_keys() -> None:
    keys = {
        "podcast_file": "enclosure.url",
        "podcast_bytes": "enclosure.length",
        "podcast_duration": "duration",
        "episode_guid": "guid",
    }
    front = "podcast_file: https://cdn.example/a.mp3\npodcast_bytes: 77\npodcast_duration: '00:01:05'\nepisode_guid: abc"
    found = post(front, where=context(keys=keys))
    assert found.enclosures == (Enclosure(url="https://cdn.example/a.mp3", type="audio/mpeg", length=77, duration=65),)
    assert found.guid == "abc"


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("feed: false", ()),
        ("feed: true", None),
        ("feed: [a, b]", ("a", "b")),
        ("feed: a", ("a",)),
        ("feed: {excerpt_only: true}", None),
        ("", None),
    ],
)
def test_feed_key(front: str, expected: tuple[str, ...] | None) -> None:
    assert post(front).feeds == expected


@pytest.mark.parametrize(
    ("front", "expected"), [("lang: ja_JP", "ja-JP"), ("language: en", "en"), ("locale: pt-BR", "pt-BR"), ("", None)]
)
def test_language(front: str, expected: str | None) -> None:
    assert post(front).language == expected


@pytest.mark.parametrize(
    ("front", "dialect", "link"),
    [
        ("permalink: /own/place/", "plain", "https://example.org/own/place/"),
        ("url: /日本/", "hugo", "https://example.org/%E6%97%A5%E6%9C%AC/"),
        ("permalink: /:year/:slug/", "jekyll", "https://example.org/2025/a/"),
        ("path: 2026/04/16/Rust-1.95.0", "zola", "https://example.org/2026/04/16/Rust-1.95.0/"),
        ("slug: Own", "plain", "https://example.org/2025/01/05/Own/"),
        ("permalink: false", "eleventy", "https://example.org/2025/01/05/a/"),
    ],
)
def test_links(front: str, dialect: str, link: str) -> None:
    assert post(front, where=context(dialect)).link == link


def test_canonical() -> None:
    assert post("canonical_url: https://other.example/x").canonical == "https://other.example/x"
    assert post("canonical_url: /original/").canonical == "https://example.org/original/"
    parsed = read("---\ndate: 2025-01-05\ncanonical_url: 'javascript:alert(1)'\n---\nx")
    assert rules(parsed) == ["link.unreadable"]


@pytest.mark.parametrize(
    ("front", "instant", "zone"),
    [
        ("date: 2025-07-01 12:00\ntimezone: America/New_York", datetime(2025, 7, 1, 16, 0, tzinfo=UTC), "America/New_York"),
        ("date: 2025-07-01 12:00\ncategory: NewYork", datetime(2025, 7, 1, 16, 0, tzinfo=UTC), "America/New_York"),
        ("date: 2025-07-01 12:00", datetime(2025, 7, 1, 3, 0, tzinfo=UTC), "Asia/Tokyo"),
        ("date: 2025-07-01 12:00 -03:00", datetime(2025, 7, 1, 15, 0, tzinfo=UTC), "-03:00"),
    ],
)
def test_zones(front: str, instant: datetime, zone: str) -> None:
    found = post(front)
    assert (found.published, found.zone) == (instant, zone)


def test_unknown_zone_refuses_with_a_suggestion() -> None:
    parsed = read("---\ndate: 2025-07-01 12:00\ntimezone: JST\n---\nx")
    assert parsed.post is None
    assert rules(parsed) == ["zone.unknown"]
    assert "Asia/Tokyo" in parsed.problems[0].hint
    assert parsed.problems[0].line == 3


def test_every_mistake_of_a_post_is_reported_at_once() -> None:
    parsed = read("---\ntitle: [a, b]\ndate: 2025-02-30\nexpires: soon\ntimezone: Nowhere/City\n---\nx")
    assert parsed.post is None
    assert set(rules(parsed)) >= {"zone.unknown", "title.unreadable", "date.unreadable"}
    assert {problem.line for problem in parsed.problems} == {2, 3, 4, 5}
    assert all(problem.path == "a.md" for problem in parsed.problems)


def test_no_date_is_refused_with_a_hint_and_mtime_is_never_asked() -> None:
    parsed = read("---\ntitle: x\n---\nbody")
    assert parsed.post is None
    assert rules(parsed) == ["date.missing"]
    assert "date:" in parsed.problems[0].hint


def test_first_sight_as_a_date_when_asked() -> None:
    seen = datetime(2025, 3, 1, 1, 2, 3, tzinfo=UTC)
    where = dataclasses.replace(context(missing_dates="first-seen"), first_seen={"a.md": seen})
    parsed = read("---\ntitle: x\n---\nbody", where=where)
    assert parsed.undated
    assert parsed.post is not None
    assert parsed.post.published == seen


@pytest.mark.parametrize(("data", "rule"), [(b"", "post.empty"), (b" \n\t\n", "post.empty"), (b"x" * 2000, "post.too-large")])
def test_files_that_are_no_posts(data: bytes, rule: str) -> None:
    parsed = parse(Source(path="2025-01-01-a.md", data=data), context(max_post_bytes=1000))
    assert parsed.post is None
    assert rules(parsed) == [rule]


def test_defaults_by_path() -> None:
    defaults = [{"path": "", "values": {"author": "All"}}, {"path": "en", "values": {"author": "English", "lang": "en"}}]
    where = context(defaults=defaults)
    assert post("title: x", where=where).authors == (Person(name="All"),)
    assert post("title: x", "en/a.md", where).authors == (Person(name="English"),)
    assert post("author: Me", "en/a.md", where).authors == (Person(name="Me"),)
    assert post("title: x", "en/a.md", where).language == "en"


def test_only_what_rules_ask_for_is_kept() -> None:
    where = dataclasses.replace(context(), kept=frozenset({"robots"}))
    assert post("robots: noindex\nlayout: post", where=where).metadata == {"robots": "noindex"}


def test_characters_that_xml_cannot_hold_are_left_out_and_reported() -> None:
    parsed = read('---\ndate: 2025-01-05\ntitle: "a\\x0bb"\n---\nx')
    assert parsed.post is not None
    assert parsed.post.title == "ab"
    assert rules(parsed) == ["frontmatter.illegal-escape"]


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_parser(data: bytes) -> None:
    parsed = parse(Source(path="2025-01-01-a.md", data=data), context("jekyll"))
    assert parsed.post is not None or any(problem.severity is Severity.ERROR for problem in parsed.problems)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "title",
                "date",
                "categories",
                "author",
                "image",
                "enclosure",
                "feed",
                "lang",
                "slug",
                "permalink",
                "timezone",
                "expires",
                "canonical_url",
                "duration",
                "transcript",
                "id",
            ]
        ),
        st.text()
        | st.integers()
        | st.booleans()
        | st.none()
        | st.lists(st.text(), max_size=3)
        | st.dictionaries(st.sampled_from(["url", "name", "src"]), st.text(), max_size=2),
    )
)
def test_no_front_matter_crashes_the_parser(values: dict[str, object]) -> None:
    parsed = parse(Source(path="2025-01-01-a.md", data=(json.dumps(values) + "\n\nbody").encode("utf-8", "replace")), context())
    assert parsed.post is not None or any(problem.severity is Severity.ERROR for problem in parsed.problems)


@pytest.mark.parametrize(
    ("typed", "summary"),
    [
        ("'**Bold** and *em* and `code`'", "Bold and em and code"),
        ("'A <b>move</b> &amp; more'", "A move & more"),
        ("'a < b, Vec<T>, __init__, 5 * 3'", "a < b, Vec<T>, __init__, 5 * 3"),
        ("|\n  two\n  lines", "two lines"),
        ("false", None),
    ],
)
def test_a_summary_is_plain_text_as_a_title_is(typed: str, summary: str | None) -> None:
    assert post(f"title: T\nexcerpt: {typed}").summary == summary


@pytest.mark.parametrize(
    ("dialect", "path", "front", "link", "language"),
    [
        ("zola", "blog/my-post.fr.md", "", "/fr/blog/my-post/", "fr"),
        ("zola", "blog/trip/index.fr.md", "", "/fr/blog/trip/", "fr"),
        ("zola", "blog/2025-01-04-x.fr.md", "", "/fr/blog/x/", "fr"),
        ("zola", "blog/x.ja.md", "", "/blog/x/", "ja"),
        ("zola", "blog/x.md", "", "/blog/x/", None),
        ("zola", "blog/x.de.md", "", "/blog/x-de/", None),
        ("zola", "blog/x.fr.md", "path: own", "/own/", "fr"),
        ("zola", "blog/x.fr.md", "lang: en", "/fr/blog/x/", "en"),
        ("hugo", "posts/x.pt-BR.md", "", "/pt-br/posts/x/", "pt-BR"),
        ("hugo", "posts/x.fr.md", "url: /own/", "/own/", "fr"),
        ("hugo", "posts/x.fr.md", "url: own/X", "/fr/own/X/", "fr"),
        ("hugo", "posts/x.md", "url: own/x", "/own/x/", None),
        ("plain", "blog/x.fr.md", "", "/fr/blog/x/", "fr"),
    ],
)
def test_the_name_of_a_file_may_end_in_a_language(dialect: str, path: str, front: str, link: str, language: str | None) -> None:
    where = context(dialect, permalink="/:sections/:slugorfilename/", languages=["fr", "ja", "pt-BR"])
    found = post(f"date: 2025-01-05\ntitle: T\n{front}", path, where)
    assert (found.link, found.language) == (f"https://example.org{link}", language)


def test_a_title_from_the_name_has_no_language_in_it() -> None:
    assert post("date: 2025-01-05", "x-y.fr.md", context(languages=["fr"])).title == "X Y"
