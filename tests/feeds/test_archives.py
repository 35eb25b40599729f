"""Archives: what a reader can reach, what never changes, how much one post changes, and where the documents are."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds import archives, lint, readback
from feedservice.feeds.archives import Archive, Membership
from feedservice.feeds.formats import FORMATS
from feedservice.model import Entry, FeedHead, History, Problem

if TYPE_CHECKING:
    from conftest import Make

BASE = "https://example.org/feeds"
EMPTY = Membership()


def ids(*numbers: int) -> tuple[str, ...]:
    return tuple(map(str, numbers))


def grown(posts: int, window: int, size: int) -> Membership:
    """Return the membership of a feed that got its posts one by one, each newer than the ones before."""
    membership = EMPTY
    for count in range(1, posts + 1):
        live = ids(*range(1, count + 1))
        membership = archives.extend(membership, live, live[-window:], size=size)
    return membership


# Sealing ------------------------------------------------------------------------------------------------------------


def test_what_is_shown_needs_no_archive() -> None:
    assert archives.extend(EMPTY, ids(1, 2, 3), ids(1, 2, 3), size=3) is EMPTY


def test_the_first_two_archives_begin_together() -> None:
    assert archives.extend(EMPTY, ids(1, 2, 3, 4, 5), ids(2, 3, 4, 5), size=4).archives == (("1", "2"), ("3", "4"))


def test_the_posts_of_a_site_that_moves_in_are_divided_by_date() -> None:
    live = ids(*range(1, 11))

    assert archives.extend(EMPTY, live, live[-3:], size=3).archives == (ids(1, 2, 3), ids(4, 5, 6), ids(7, 8, 9))


def test_the_next_archive_is_sealed_before_a_post_finds_no_room() -> None:
    before = archives.extend(EMPTY, ids(*range(1, 11)), ids(8, 9, 10), size=3)
    almost = archives.extend(before, ids(*range(1, 12)), ids(9, 10, 11), size=3)
    full = archives.extend(almost, ids(*range(1, 13)), ids(10, 11, 12), size=3)
    after = archives.extend(full, ids(*range(1, 14)), ids(11, 12, 13), size=3)

    assert almost is before
    assert full.archives == (*before.archives, ids(10, 11, 12))
    assert after is full


def test_a_post_that_many_came_with_seals_as_it_is_pushed_out() -> None:
    before = archives.extend(EMPTY, ids(*range(1, 11)), ids(8, 9, 10), size=3)
    after = archives.extend(before, ids(*range(1, 15)), ids(12, 13, 14), size=3)

    assert after.archives == (*before.archives, ids(10, 11, 12))


def test_a_late_arrival_is_sealed_with_what_waits() -> None:
    before = archives.extend(EMPTY, ids(*range(1, 11)), ids(8, 9, 10), size=3)
    late = ("1990", *ids(*range(1, 12)))

    assert archives.extend(before, late, ids(9, 10, 11), size=3).archives == (*before.archives, ("1990", "10", "11"))


def test_an_entry_that_returns_returns_to_its_archive() -> None:
    membership = grown(12, 3, 3)
    without, restored = ids(*range(2, 13)), ids(*range(1, 13))

    assert archives.extend(membership, without, without[-3:], size=3) is membership
    assert archives.archives(membership, without, without[-3:])[0].entries == ()
    assert archives.extend(membership, restored, restored[-3:], size=3) is membership
    assert archives.archives(membership, restored, restored[-3:])[0].entries == ("1",)


def test_a_larger_window_unseals_nothing(make: Make) -> None:
    membership, live = grown(12, 3, 3), ids(*range(1, 13))

    assert archives.extend(membership, live, live, size=12) is membership
    assert archives.subscription_head(make.head(), membership, base=BASE).history == History(
        prev_archive={name: f"{BASE}/all/archive/{len(membership.archives)}.{name}" for name in FORMATS}
    )


@pytest.mark.parametrize("size", [1, 0, -3])
def test_an_archive_of_one_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"at least 2 entries, not {size}"):
        archives.extend(EMPTY, ids(1, 2), (), size=size)


# Any history --------------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from(["new", "new", "new", "late", "take back", "put back"]), st.integers(0, 10**6)), max_size=40
)
WINDOWS = st.integers(1, 6)
SIZES = st.integers(2, 8)


class Feed:
    """A feed to which things happen: entries are numbers with a date, of which some are out."""

    def __init__(self, window: int, size: int) -> None:
        self.window, self.size = window, size
        self.dates: dict[str, int] = {}
        self.out: set[str] = set()
        self.membership = EMPTY

    def happen(self, what: str, number: int) -> None:
        taken = sorted(self.dates.keys() - self.out)
        if what in {"new", "late"}:
            name = str(len(self.dates))
            newest = max(self.dates.values(), default=0)
            self.dates[name] = newest + 1 if what == "new" else number % (newest + 1)
            self.out.add(name)
        elif what == "take back" and self.out:
            self.out.remove(sorted(self.out)[number % len(self.out)])
        elif what == "put back" and taken:
            self.out.add(taken[number % len(taken)])
        self.membership = archives.extend(self.membership, self.live, self.shown, size=self.size)

    @property
    def live(self) -> tuple[str, ...]:
        return tuple(sorted(self.out, key=lambda name: (self.dates[name], name)))

    @property
    def shown(self) -> tuple[str, ...]:
        return self.live[-self.window :]

    @property
    def written(self) -> dict[int, Archive]:
        return {one.number: one for one in archives.archives(self.membership, self.live, self.shown)}


def reached(feed: Feed, head: FeedHead, name: str) -> list[str]:
    """Follow the links of the documents as a reader does; return the ids in archives, in the order found."""
    documents = {}
    for one in feed.written.values():
        document = archives.archive_head(head, one, base=BASE)
        assert document.history is not None
        documents[document.spec.urls[name]] = (document.history.prev_archive.get(name), one.entries)
    newest = archives.linked(feed.membership, feed.live, feed.shown)
    subscription = archives.subscription_head(head, feed.membership, base=BASE, newest=newest).history
    assert subscription is not None
    found: list[str] = []
    at = subscription.prev_archive.get(name)
    visited: set[str] = set()
    while at is not None:
        assert at not in visited
        visited.add(at)
        at, entries = documents[at]
        found += entries
    # What is sealed ahead is not led to, and everything in it is shown.
    ahead = [feed.written[number] for number in range(newest + 1, len(documents) + 1)]
    assert len(visited) == newest
    assert all(set(one.entries) <= set(feed.shown) for one in ahead)
    assert subscription.complete is (not documents)
    return found


@given(steps=STEPS, window=WINDOWS, size=SIZES)
def test_the_chain_reaches_every_entry_and_no_other(steps: list[tuple[str, int]], window: int, size: int, make: Make) -> None:
    feed, head = Feed(window, size), make.head()
    for what, number in steps:
        feed.happen(what, number)
        for name in FORMATS:
            found = reached(feed, head, name)
            assert len(set(found)) == len(found)
            assert {*found, *feed.shown} == feed.out


@given(steps=STEPS, window=WINDOWS, size=SIZES)
def test_a_sealed_archive_keeps_its_members_for_ever(steps: list[tuple[str, int]], window: int, size: int) -> None:
    feed = Feed(window, size)
    for what, number in steps:
        before = feed.membership.archives
        feed.happen(what, number)
        after = feed.membership.archives

        assert after[: len(before)] == before
        # A late arrival is sealed, and what the next post pushes out.
        assert len(after) - len(before) <= (1 if before and what != "late" else 2)
        assert all(1 <= len(members) <= size for members in after)


@given(live=st.sets(st.integers(1, 60)), window=st.integers(0, 20), size=SIZES, share=st.randoms(use_true_random=False))
def test_whatever_is_shown_the_rest_is_sealed(live: set[int], window: int, size: int, share: Any) -> None:
    """A subscription document cut short by its budget shows any part of the feed; many entries may come in one pass."""
    membership = EMPTY
    everything = sorted(live)
    for count in (len(everything) // 3, len(everything)):
        entries = ids(*everything[:count])
        shown = share.sample(entries, min(window, count))
        before = membership
        membership = archives.extend(membership, entries, shown, size=size)
        sealed = [one for archive in archives.archives(membership, entries, shown) for one in archive.entries]

        assert membership.archives[: len(before.archives)] == before.archives
        assert {*sealed, *shown} == {*entries}
        assert len(sealed) == len({*sealed})
        assert archives.extend(membership, entries, shown, size=size) is membership


@given(steps=STEPS, window=WINDOWS, size=SIZES)
def test_what_is_taken_back_or_put_back_changes_its_own_archive_only(
    steps: list[tuple[str, int]], window: int, size: int
) -> None:
    feed = Feed(window, size)
    for what, number in steps:
        before, sealed = feed.written, feed.membership
        feed.happen(what, number)
        if what in {"take back", "put back"} and feed.membership == sealed:
            assert sum(before[one].entries != feed.written[one].entries for one in before) <= 1
            # Beside it, the link to the newest archive may come or go.
            assert set(changed(before, feed.written)) - {len(before) - 1} <= {
                one for one in before if before[one].entries != feed.written[one].entries
            }


@pytest.mark.parametrize(("window", "size"), [(1, 2), (2, 2), (3, 2), (5, 5), (5, 3), (3, 8), (10, 10)])
def test_a_post_changes_one_archive_at_most(window: int, size: int) -> None:
    feed = Feed(window, size)
    for _ in range(6 * window + 3 * size):
        before = feed.written
        feed.happen("new", 0)
        # The first two begin together.
        assert len(changed(before, feed.written)) <= (1 if before else 2)
    assert len(feed.written) > 4
    assert all(one.followed for one in feed.written.values() if one.number < len(feed.written) - 1)


def changed(before: dict[int, Archive], after: dict[int, Archive]) -> list[int]:
    return [number for number, one in after.items() if before.get(number) != one]


def test_every_archive_but_the_newest_is_followed() -> None:
    membership, live = grown(14, 3, 3), ids(*range(1, 15))

    assert [one.followed for one in archives.archives(membership, live, live[-3:])] == [True, True, True, True, False]


def test_an_archive_is_followed_when_the_feed_leads_to_the_next_one_and_not_before(make: Make) -> None:
    followed, leads = {}, {}
    for posts in (8, 9, 10, 11, 12):
        live, membership = ids(*range(1, posts + 1)), grown(posts, 3, 3)
        followed[posts] = [one.followed for one in archives.archives(membership, live, live[-3:])]
        newest = archives.linked(membership, live, live[-3:])
        history = archives.subscription_head(make.head(), membership, base=BASE, newest=newest).history
        assert history is not None
        leads[posts] = history.prev_archive["atom"].removeprefix(f"{BASE}/all/archive/")

    assert followed == {
        8: [True, True, False],
        # The fourth is there, and needed by nobody.
        9: [True, True, False, False],
        10: [True, True, True, False],
        11: [True, True, True, False],
        12: [True, True, True, False, False],
    }
    assert leads == {8: "3.atom", 9: "3.atom", 10: "4.atom", 11: "4.atom", 12: "4.atom"}


def test_entries_stand_newest_first_by_the_dates_they_have_now() -> None:
    membership = Membership(archives=(ids(1, 2, 3),))

    assert archives.archives(membership, ids(3, 1, 2, 4), ids(4))[0].entries == ids(2, 1, 3)


# Documents ----------------------------------------------------------------------------------------------------------


def written(make: Make, name: str, head: FeedHead, entries: Sequence[Entry] = ()) -> bytes:
    return make.body(name, entries, head)


@pytest.fixture(scope="session")
def middle(make: Make) -> FeedHead:
    head = make.head(hubs=("https://hub.example/",), aliases={"feed.xml": "atom"})
    return archives.archive_head(head, Archive(number=2, entries=("1",), followed=True), base=BASE)


def test_an_archive_has_the_identity_of_its_feed_and_its_own_address(make: Make, middle: FeedHead) -> None:
    feed = make.head()

    assert (middle.id, middle.spec.key, middle.spec.title) == (feed.id, feed.spec.key, feed.spec.title)
    assert middle.spec.urls == {name: f"https://example.org/feeds/all/archive/2.{name}" for name in FORMATS}
    assert middle.spec.paths == {name: f"feeds/all/archive/2.{name}" for name in FORMATS}
    assert (middle.hubs, middle.spec.aliases) == ((), {})


@pytest.mark.parametrize("name", ["atom", "rss"])
def test_a_reader_finds_the_links(name: str, make: Make, middle: FeedHead) -> None:
    read = feedparser.parse(written(make, name, middle, [make.entry()]))
    links = {link.rel: (link.href, link.type) for link in read.feed.links}
    media_type = f"application/{name}+xml"

    assert not read.bozo
    assert links == {
        "self": (f"https://example.org/feeds/all/archive/2.{name}", media_type),
        "current": (f"https://example.org/feeds/all.{name}", media_type),
        "prev-archive": (f"https://example.org/feeds/all/archive/1.{name}", media_type),
        "next-archive": (f"https://example.org/feeds/all/archive/3.{name}", media_type),
        "alternate": ("https://example.org/", "text/html"),
    }
    assert "fh_archive" in read.feed
    assert "fh_complete" not in read.feed


@pytest.mark.parametrize("name", ["atom", "rss"])
def test_the_ends_of_the_chain_have_one_neighbour(name: str, make: Make) -> None:
    first, last = (
        readback.read(name, written(make, name, archives.archive_head(make.head(), one, base=BASE))).history
        for one in (Archive(number=1, entries=(), followed=True), Archive(number=9, entries=(), followed=False))
    )

    assert [relation for relation, _ in first] == ["current", "next-archive"]
    assert [relation for relation, _ in last] == ["current", "prev-archive"]


def test_json_leads_to_older_documents_until_the_first(make: Make) -> None:
    head, membership = make.head(), Membership(archives=(ids(1), ids(2), ids(3)))
    heads = [archives.subscription_head(head, membership, base=BASE)]
    heads += [archives.archive_head(head, one, base=BASE) for one in reversed(archives.archives(membership, (), ()))]
    read = [json.loads(written(make, "json", each)) for each in heads]

    assert [each["feed_url"] for each in read] == [
        "https://example.org/feeds/all.json",
        *(f"https://example.org/feeds/all/archive/{number}.json" for number in (3, 2, 1)),
    ]
    assert [each.get("next_url") for each in read] == [*(each["feed_url"] for each in read[1:]), None]


@pytest.mark.parametrize("name", ["atom", "rss"])
def test_a_complete_feed_says_so_and_links_to_nothing(name: str, make: Make) -> None:
    found = readback.read(name, written(make, name, archives.subscription_head(make.head(), EMPTY, base=BASE)))

    assert (found.complete, found.archive, found.history) == (True, False, [])


def test_a_complete_document_cannot_lead_to_others() -> None:
    with pytest.raises(ValueError, match="no archives"):
        History(complete=True, prev_archive={"atom": "https://example.org/1"})


@pytest.mark.parametrize("name", FORMATS)
def test_a_head_without_history_has_not_a_byte_of_it(name: str, make: Make) -> None:
    body = written(make, name, make.head(), [make.entry()])

    assert b"history" not in body
    assert b"archive" not in body
    assert b"stylesheet" not in body


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("podcast", [False, True])
def test_a_document_with_history_has_no_problem(name: str, podcast: bool, make: Make, middle: FeedHead) -> None:
    profile = make.profile(podcast=podcast)
    for head in (
        middle,
        archives.subscription_head(make.head(), EMPTY, base=BASE),
        archives.subscription_head(make.head(), Membership(archives=(ids(1),)), base=BASE),
    ):
        body = make.body(name, [make.entry()], dataclasses.replace(head, stylesheet="https://example.org/feed.css"), profile)
        document = dataclasses.replace(make.document(name, body), url=head.spec.urls[name], path=head.spec.paths[name])
        assert lint.check(document) == ()


@pytest.mark.parametrize("name", ["atom", "rss"])
def test_the_style_sheet_stands_in_front_of_the_root(name: str, make: Make) -> None:
    head = make.head(stylesheet='https://example.org/a.css?b=1&c="2"')
    lines = written(make, name, head).decode().splitlines()

    assert lines[0] == "<?xml version='1.0' encoding='UTF-8'?>"
    assert lines[1] == '<?xml-stylesheet type="text/css" href="https://example.org/a.css?b=1&amp;c=&quot;2&quot;"?>'
    assert lines[2].startswith("<feed " if name == "atom" else "<rss ")


def test_the_style_sheet_cannot_end_its_instruction(make: Make) -> None:
    body = written(make, "atom", make.head(stylesheet="https://example.org/?>\x00<feed/>"))

    assert b'href="https://example.org/?&gt;&lt;feed/&gt;"?>\n<feed ' in body
    assert lint.check(make.document("atom", body)) == ()


def test_json_has_no_style_sheet(make: Make) -> None:
    assert written(make, "json", make.head(stylesheet="https://example.org/a.css")) == written(make, "json", make.head())


def test_an_entry_has_the_same_bytes_in_the_feed_and_in_its_archive(make: Make, middle: FeedHead) -> None:
    for name, one in FORMATS.items():
        fragment = one.entry(make.entry(), make.profile())
        assert fragment in written(make, name, middle, [make.entry()])
        assert fragment in written(make, name, make.head(), [make.entry()])


def test_the_same_history_has_the_same_bytes(make: Make) -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    entries = {
        str(number): make.entry(number, published=start, updated=start + timedelta(days=number)) for number in range(1, 10)
    }
    live = tuple(entries)
    membership = archives.extend(EMPTY, live, live[-3:], size=3)

    def documents(remembered: Membership) -> list[bytes]:
        return [
            written(
                make,
                name,
                archives.archive_head(make.head(updated=entries[one.entries[0]].updated), one, base=BASE),
                [entries[identity] for identity in one.entries],
            )
            for one in archives.archives(remembered, live, frozenset(live[-3:]))
            for name in FORMATS
        ]

    stored = archives.load(json.loads(json.dumps(archives.dump(membership))), "all")
    assert isinstance(stored, Membership)
    assert documents(stored) == documents(membership)


# Places -------------------------------------------------------------------------------------------------------------

PLACES = [
    ("all", "atom", BASE, "https://example.org/feeds/all/archive/1.atom", "feeds/all/archive/1.atom"),
    ("all", "json", "https://example.org", "https://example.org/all/archive/1.json", "all/archive/1.json"),
    ("all", "rss", "https://example.org:8080/a/b/", "https://example.org:8080/a/b/all/archive/1.rss", "a/b/all/archive/1.rss"),
    ("tags/c", "rss", BASE, "https://example.org/feeds/tags/c/archive/1.rss", "feeds/tags/c/archive/1.rss"),
    ("投資", "atom", BASE, "https://example.org/feeds/%E6%8A%95%E8%B3%87/archive/1.atom", "feeds/投資/archive/1.atom"),
    ("a b", "atom", BASE, "https://example.org/feeds/a%20b/archive/1.atom", "feeds/a b/archive/1.atom"),
]


@pytest.mark.parametrize(("key", "name", "base", "url", "path"), PLACES)
def test_an_archive_is_below_its_feeds_key(key: str, name: str, base: str, url: str, path: str, make: Make) -> None:
    spec = make.spec(key=key, paths={name: "feed.xml"}, urls={name: "https://example.org/feed.xml"})

    assert archives.place(spec, name, 1, base=base) == archives.Place(url, path)


def test_feeds_with_paths_of_all_kinds_have_room_for_archives(make: Make) -> None:
    specs = [
        make.spec(),
        make.spec(key="ai", paths={"atom": "feed/ai.xml", "rss": "feeds/ai/index.xml"}, aliases={"ai.xml": "atom"}),
        make.spec(key="tags/archive", paths={"atom": "feeds/tags/archive.atom"}),
        make.spec(key="ai/ja", paths={"atom": "feeds/ai/ja.atom"}),
    ]

    assert archives.blocked(specs, base=BASE) == {}


BLOCKERS = [
    ({"atom": "feeds/all/archive/1.atom"}, "feeds/all/archive/1.atom"),
    ({"atom": "feeds/ALL/archive/12.rss"}, "feeds/all/archive/12.rss"),
    ({"atom": "feeds/all/archive"}, "feeds/all/archive"),
    ({"atom": "feeds/all"}, "feeds/all"),
    ({"atom": "feeds"}, "feeds"),
]


@pytest.mark.parametrize(("paths", "place"), BLOCKERS)
@pytest.mark.parametrize("alias", [False, True])
def test_a_document_where_archives_would_be_is_named(paths: dict[str, str], place: str, alias: bool, make: Make) -> None:
    where: dict[str, Any] = {"paths": {}, "aliases": dict.fromkeys(paths.values(), "atom")} if alias else {"paths": paths}
    problems = archives.blocked([make.spec(), make.spec(key="other", **where)], base=BASE)

    assert problems["all"].path == place
    assert (problems["all"].rule, "'other'" in problems["all"].message) == ("feed.archive-taken", True)


def test_keys_that_differ_in_case_only_share_a_place(make: Make) -> None:
    specs = [make.spec(key="AI", paths={"atom": "a.xml"}), make.spec(key="ai", paths={"atom": "b.xml"})]
    problems = archives.blocked(specs, base=BASE)

    assert problems.keys() == {"ai"}
    assert "is of 'AI'" in problems["ai"].message


# What is remembered -------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.text(min_size=1), min_size=1), max_size=5))
def test_what_was_dumped_is_loaded(lists: list[list[str]]) -> None:
    repeated = [identity for members in lists for identity in members]
    stored = archives.load(lists, "all")

    assert isinstance(stored, Problem) is (len(set(repeated)) < len(repeated))
    if isinstance(stored, Membership):
        assert archives.dump(stored) == json.loads(json.dumps(lists))


DAMAGE = [
    (None, "it is no list of archives"),
    ({"1": ["a"]}, "it is no list of archives"),
    ("abc", "it is no list of archives"),
    (["abc"], "archive 1 is no list of ids"),
    ([["a"], []], "archive 2 is no list of ids"),
    ([["a"], [1]], "archive 2 has 1 instead of an id"),
    ([["a", ""]], "archive 1 has '' instead of an id"),
    ([["a"], ["b", "a"]], "'a' is in archive 2 and in archive 1"),
    ([["a", "a"]], "'a' is in archive 1 and in archive 1"),
]


@pytest.mark.parametrize(("stored", "fault"), DAMAGE)
def test_damage_is_a_problem(stored: object, fault: str) -> None:
    problem = archives.load(stored, "ai")

    assert isinstance(problem, Problem)
    assert problem.rule == "history.damaged"
    assert problem.message == f"what is remembered of the archives of 'ai' is damaged: {fault}"
