from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds.adoption import Matched, Source, address, heading, lines, match, place
from feedservice.feeds.foreign import OldEntry
from feedservice.feeds.identity import Named
from feedservice.model import Post
from feedservice.posts.sketch import sketch

NOON = datetime(2025, 3, 4, 12, 34, 56, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW = "https://new.example"

TEXT = "".join(f"<p>Sentence number {n} is about tea.</p>" for n in range(10))
OTHER = "".join(f"<p>Sentence number {n} is about ink.</p>" for n in range(10))


def named(path: str = "a.md", *, text: str = "", **changes: object) -> Named:
    values: dict[str, object] = {
        "path": path,
        "digest": path,
        "title": path,
        "link": f"{NEW}/{path.removesuffix('.md')}/",
        "published": NOON,
        "zone": "UTC",
        "sketch": sketch(lines(text)),
    }
    post = Post(**{**values, **changes})  # type: ignore[arg-type]
    return Named(post=post, id=f"tag:{path}", atom_id=f"tag:{path}")


def old(id_: str = "old", *, text: str = "", **changes: object) -> OldEntry:
    return OldEntry(**{"id": id_, "sketch": sketch(lines(text)), **changes})  # type: ignore[arg-type]


def matched(entries: Sequence[OldEntry], posts: Sequence[Named]) -> Matched:
    return match(Source(name="feed.xml", format="rss", entries=tuple(entries)), posts)


def pairs(found: Matched) -> dict[str, tuple[str, str]]:
    return {pair.entry.known_by: (pair.named.post.path, pair.by) for pair in found.pairs}


ONE_PLACE = [
    "https://old.example/a/b/",
    "http://old.example/a/b/",
    "https://www.old.example/a/b/",
    "https://OLD.example/a/b",
    "https://old.example:443/a/b/index.html",
    "https://old.example/a/b.html",
    "https://old.example/a/b/#more",
    "https://old.example/a/b/?utm_source=rss&utm_medium=feed",
    " https://old.example/a/%62/ ",
]


@pytest.mark.parametrize("link", ONE_PLACE)
def test_links_that_are_one(link: str) -> None:
    assert address(link) == "old.example/a/b"
    assert place(link) == "/a/b"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://old.example/あ/", "https://old.example/%e3%81%82"),
        ("https://例え.example/", "http://xn--r8jz45g.example"),
        ("https://old.example/e\u0301", "https://old.example/\u00e9"),
        ("https://old.example/?b=1&a=2", "https://old.example/?a=2&b=1"),
    ],
)
def test_spellings_of_one_link(one: str, other: str) -> None:
    assert address(one) == address(other) != ""


@pytest.mark.parametrize(
    "link", ["", "tag:old.example,2025:1", "urn:uuid:x", "mailto:a@b.example", "http://[", "https://", "/a/b"]
)
def test_what_is_no_link(link: str) -> None:
    assert address(link) == place(link) == ""


def test_links_that_are_two() -> None:
    links = ["/a", "/b", "/A", "/a/b", "/?p=1", "/?p=2", "/"]
    assert len({address(NEW + link) for link in links}) == len(links)
    assert place(NEW) == place(NEW + "/") == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It’s “here” – now…", 'It\'s "here" -- now...'),
        ("A &amp; B", "A & B"),
        ("<em>Tea</em> time", "Tea  time"),
        ("ＡＩ の 話", "AIの話"),
        ("&lt;b&gt;Bold&lt;/b&gt;", "bold"),
    ],
)
def test_titles_that_are_one(one: str, other: str) -> None:
    assert heading(one) == heading(other)


def test_titles_without_a_letter() -> None:
    assert heading("???") != heading("!!!") != ""


@pytest.mark.parametrize(
    ("entry", "changes", "by"),
    [
        (old("own"), {"guid": "own", "link": f"{NEW}/x"}, "the same id"),
        (old("tag:a.md"), {}, "the same id"),
        (old(link="http://www.new.example/a"), {}, "the same link"),
        (old("https://new.example/a/index.html", permalink=True), {}, "the same link"),
        (old(link="https://else.example/x"), {"canonical": "https://else.example/x/"}, "the same link"),
        (old(link="http://old.example/a/"), {}, "the same path on another host"),
        (old(link="http://old.example/?p=12"), {"guid": "https://new.example/?p=12"}, "the same path on another host"),
        (old(link="http://old.example/was/"), {"metadata": {"aliases": ["x", "/was"]}}, "the same path on another host"),
        (old(link="http://www.new.example/was.html"), {"metadata": {"redirectfrom": "/was/"}}, "the same link"),
        (old(link="https://new.example/a/was/"), {"metadata": {"alias": ["http://[", None, "", "was"]}}, "the same link"),
        (old(title="Tea & Ink", published=NOON), {"title": "Tea &amp; ink"}, "the same title and date"),
        (old(title="Tea", published=NOON - 9 * HOUR), {"title": "Tea"}, "the same title on the same day"),
        (old(text=TEXT), {"sketch": sketch(lines(TEXT))}, "the same text"),
        (old(text=TEXT.replace("4", "four"), title="Tea"), {"sketch": sketch(lines(TEXT)), "title": "Tea"}, "the same text"),
    ],
)
def test_what_an_entry_is_known_by(entry: OldEntry, changes: dict[str, object], by: str) -> None:
    post = named(**changes)  # type: ignore[arg-type]
    posts = [named("other.md", title="Another", published=NOON - 99 * HOUR), post]
    found = matched([old("stranger", title="Nobody", link="https://old.example/gone/"), entry], posts)
    assert pairs(found) == {entry.known_by: ("a.md", by)}
    assert [each.id for each in found.left] == ["stranger"]
    assert found.doubts == ()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (old(title="Tea"), "the same title, but the feed gives it no date"),
        (old(title="Tea", published=NOON - 999 * HOUR), "the same title, but its date is 2025-01-21"),
        (old(text=TEXT.replace("number", "", 4), published=NOON), None),
    ],
)
def test_what_is_not_enough(entry: OldEntry, why: str | None) -> None:
    found = matched([entry], [named(title="Tea")])
    assert found.pairs == ()
    assert [(each.paths, each.why) for each in found.doubts] == ([(("a.md",), why)] if why else [])


def test_two_posts_that_are_as_likely() -> None:
    posts = [named("a.md", title="Weekly"), named("b.md", title="Weekly")]
    found = matched([old(title="Weekly", published=NOON)], posts)
    assert found.pairs == ()
    assert [(each.paths, each.why) for each in found.doubts] == [(("a.md", "b.md"), "2 posts have the same title and date")]


def test_two_posts_of_one_link_are_told_apart_by_title() -> None:
    posts = [named("a.md", title="Tea", link=f"{NEW}/x/"), named("b.md", title="Ink", link=f"{NEW}/x/")]
    found = matched([old("1", title="Ink", link=f"{NEW}/x/"), old("2", title="Tea", link=f"{NEW}/x")], posts)
    assert pairs(found) == {"1": ("b.md", "the same link"), "2": ("a.md", "the same link")}


def test_two_entries_that_want_one_post() -> None:
    found = matched([old("1", link=f"{NEW}/a/"), old("2", link=f"{NEW}/a")], [named()])
    assert found.pairs == ()
    assert [(each.entry.id, each.paths) for each in found.doubts] == [("1", ("a.md",)), ("2", ("a.md",))]


def test_of_two_entries_the_better_one_has_the_post() -> None:
    found = matched([old("1", link=f"{NEW}/a/"), old("2", link=f"{NEW}/a", title="Tea")], [named(title="Tea")])
    assert pairs(found) == {"2": ("a.md", "the same link")}
    assert [(each.entry.id, each.why) for each in found.doubts] == [("1", "the same link as another entry of the feed, '2'")]


def test_one_id_twice() -> None:
    found = matched([old("1", link=f"{NEW}/a/"), old("1", link=f"{NEW}/b/")], [named("a.md"), named("b.md")])
    assert pairs(found) == {"1": ("a.md", "the same link")}
    assert [each.why for each in found.doubts] == [
        "the feed has the id '1' twice; the first, https://new.example/a/, is taken for its owner"
    ]


def test_an_entry_by_which_nobody_knows_anything() -> None:
    nothing = OldEntry(id="", title="Tea")
    found = matched([nothing], [named(title="Tea")])
    assert (found.pairs, found.left) == ((), (nothing,))


def test_a_series_of_one_title() -> None:
    dates = [NOON + timedelta(days=7 * week) for week in range(5)]
    posts = [named(f"{number}.md", title="Links", published=date) for number, date in enumerate(dates)]
    entries = [old(str(number), title="Links", published=date + HOUR) for number, date in enumerate(dates)]
    assert pairs(matched(entries, posts)) == {
        str(number): (f"{number}.md", "the same title on the same day") for number in range(5)
    }


NUMBERS = st.integers(0, 4)
ENTRIES = st.builds(
    lambda number, link, title, hours, text: old(
        str(number), link=f"{NEW}/{link}", title=f"T{title}", published=NOON + hours * HOUR, text=TEXT if text else OTHER
    ),
    NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.booleans(),
)  # fmt: skip
POSTS = st.lists(
    st.builds(
        lambda number, link, title, hours, text: named(
            f"{number}.md", link=f"{NEW}/{link}", title=f"T{title}", published=NOON + hours * HOUR, text=TEXT if text else OTHER
        ),
        st.integers(0, 9), NUMBERS, NUMBERS, NUMBERS, st.booleans(),
    ),
    max_size=6,
    unique_by=lambda each: each.post.path,
)  # fmt: skip


@given(st.lists(ENTRIES, max_size=6), POSTS)
def test_everything_is_accounted_for_once(entries: list[OldEntry], posts: list[Named]) -> None:
    found = matched(entries, posts)
    paired = [pair.named.post.path for pair in found.pairs]
    assert len(set(paired)) == len(paired)
    known = [pair.entry.known_by for pair in found.pairs]
    unsure = [each.entry.known_by for each in found.doubts if each.paths]
    left = [each.known_by for each in found.left]
    assert sorted([*known, *unsure, *left]) == sorted({each.known_by for each in entries})


@given(st.lists(ENTRIES, max_size=6, unique_by=lambda each: each.id), POSTS, st.randoms(use_true_random=False))
def test_the_order_of_the_posts_does_not_matter(entries: list[OldEntry], posts: list[Named], random: object) -> None:
    again = list(posts)
    random.shuffle(again)  # type: ignore[attr-defined]
    assert pairs(matched(entries, posts)) == pairs(matched(entries, again))


@given(POSTS)
def test_our_own_feed_is_known_again(posts: list[Named]) -> None:
    entries = [OldEntry(id=each.id, link=each.post.link, title=each.post.title, published=each.post.published) for each in posts]
    assert {known: path for known, (path, _) in pairs(matched(entries, posts)).items()} == {
        each.id: each.post.path for each in posts
    }


def test_values_are_kept() -> None:
    entry = old(link=f"{NEW}/a/", published=NOON, updated=NOON + HOUR)
    (pair,) = matched([entry], [named()]).pairs
    assert dataclasses.asdict(pair.entry) == dataclasses.asdict(entry)
