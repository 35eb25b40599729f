from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds import identity, ledger
from feedservice.feeds.adoption import Source, match
from feedservice.feeds.foreign import OldEntry
from feedservice.feeds.inference import infer
from feedservice.feeds.ledger import Identified, Row
from feedservice.feeds.takeover import Adoption, take_over
from feedservice.model import Post

SITE = "https://new.example"
NOW = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def post(number: int, **changes: object) -> Post:
    values: dict[str, object] = {
        "path": f"{number}.md",
        "digest": str(number),
        "title": f"Post {number}",
        "link": f"{SITE}/{number}/",
        "published": NOW - number * DAY,
        "zone": "UTC",
    }
    return Post(**{**values, **changes})  # type: ignore[arg-type]


def old(number: int, **changes: object) -> OldEntry:
    values: dict[str, object] = {
        "id": f"http://old.example/?p={number}",
        "permalink": False,
        "link": f"http://old.example/{number}/",
        "title": f"Post {number}",
        "published": NOW - number * DAY,
    }
    return OldEntry(**{**values, **changes})  # type: ignore[arg-type]


def identify(posts: Sequence[Post], rows: Sequence[Row] = ()) -> Identified:
    return ledger.identify(posts, rows, scheme="tag", namer=identity.namer("tag", SITE, "UTC"), site_url=SITE, now=NOW)


def adopt(
    posts: Sequence[Post],
    *feeds: tuple[str, Sequence[OldEntry]],
    rows: Sequence[Row] = (),
    replace: bool = False,
    out: Sequence[int] | None = None,
) -> Adoption:
    found = identify(posts, rows)
    sources = [
        Source(name=f"{number}.{name}", format=name, entries=tuple(entries)) for number, (name, entries) in enumerate(feeds)
    ]
    return take_over(
        [match(source, found.named) for source in sources],
        found,
        rows,
        out=[each.id for each in found.named if out is None or each.post.path in {f"{number}.md" for number in out}],
        site_url=SITE,
        zone="UTC",
        now=NOW,
        replace=replace,
    )


def again(posts: Sequence[Post], adoption: Adoption) -> dict[str, identity.Named]:
    return {each.post.path: each for each in identify(posts, adoption.rows).named}


def published(posts: Sequence[Post]) -> tuple[Row, ...]:
    """Return the ledger after the posts were out under ids of our own."""
    found = identify(posts)
    return ledger.merged((), ledger.settle((), found, [each.id for each in found.named], now=NOW - DAY))


def test_an_id_and_its_date_are_taken_over() -> None:
    shown = NOW - 5 * DAY + timedelta(hours=1)
    adopted = adopt([post(5)], ("rss", [old(5, published=shown, updated=shown + DAY)]))
    (taken,) = adopted.taken
    assert (taken.path, taken.id, taken.atom, taken.changed) == ("5.md", "http://old.example/?p=5", "", True)
    assert taken.row == Row(
        id="http://old.example/?p=5",
        path="5.md",
        origin="adopted 0.rss",
        permalink="false",
        first_seen=shown,
        out=shown,
        published=shown,
        updated=shown + DAY,
        title="Post 5",
        link=f"{SITE}/5/",
        date=NOW - 5 * DAY,
    )
    named = again([post(5, link=f"{SITE}/else/", published=NOW - 9 * DAY)], adopted)["5.md"]
    assert (named.id, named.atom_id, named.permalink) == (taken.id, taken.id, False)
    assert (named.post.published, named.post.updated) == (shown, shown + DAY)


@pytest.mark.parametrize("space", ["\n  x\n", " http://old.example/1 ", "a\tb", "日本 語"])
def test_an_id_is_kept_to_the_last_character(space: str) -> None:
    adopted = adopt([post(1)], ("rss", [old(1, id=space)]))
    assert again([post(1)], adopted)["1.md"].id == space


def test_rss_and_atom_keep_an_id_each() -> None:
    adopted = adopt([post(1)], ("atom", [old(1, id="tag:old.example,2025:1", permalink=None)]), ("rss", [old(1)]))
    named = again([post(1)], adopted)["1.md"]
    assert (named.id, named.atom_id) == ("http://old.example/?p=1", "tag:old.example,2025:1")
    assert adopted.conflicts == ()


def test_an_atom_id_alone_is_the_id_of_all_formats() -> None:
    adopted = adopt([post(1)], ("atom", [old(1, id="tag:old.example,2025:1", permalink=None)]))
    named = again([post(1)], adopted)["1.md"]
    assert (named.id, named.atom_id, named.permalink) == ("tag:old.example,2025:1", "tag:old.example,2025:1", None)


def test_an_atom_id_that_is_none_stays_what_it_was() -> None:
    adopted = adopt([post(1)], ("atom", [old(1, id="post-1", permalink=None)]))
    assert again([post(1)], adopted)["1.md"].atom_id == "post-1" == again([post(1)], adopted)["1.md"].id


def test_what_atom_makes_of_an_id_does_not_move_with_the_site() -> None:
    adopted = adopt([post(1)], ("rss", [old(1, id="post-1")]))
    (row,) = adopted.rows
    assert row.atom == f"{SITE}/#post-1"


def test_json_has_the_id_of_rss_and_another_one_is_a_conflict() -> None:
    adopted = adopt([post(1)], ("rss", [old(1)]), ("json", [old(1, id="http://old.example/1/", permalink=None)]))
    assert [(each.id, each.kept, each.source) for each in adopted.conflicts] == [
        ("http://old.example/1/", "http://old.example/?p=1", "1.json")
    ]
    assert [each.id for each in adopted.taken] == ["http://old.example/?p=1"]


def test_of_two_feeds_of_one_format_the_first_counts() -> None:
    adopted = adopt([post(1)], ("rss", [old(1)]), ("rss", [old(1, id="other")]))
    assert [(each.id, each.why) for each in adopted.conflicts] == [("other", "0.rss has another one, and was given first")]
    assert [each.id for each in adopted.taken] == ["http://old.example/?p=1"]


@pytest.mark.parametrize(
    ("entry", "permalink"),
    [
        (old(1, permalink=True), "true"),
        (old(1, permalink=False), "false"),
        (old(1, id="", permalink=None), "true"),
        (old(1, id=" ", permalink=True), "true"),
        (old(1, permalink=None), "false"),
    ],
)
def test_whether_an_id_is_a_link_is_as_readers_know_it(entry: OldEntry, permalink: str) -> None:
    (row,) = adopt([post(1)], ("rss", [entry])).rows
    assert row.permalink == permalink
    assert row.id == (entry.id if entry.id.strip() else "http://old.example/1/")


def test_a_date_that_is_still_to_come_is_not_taken_over() -> None:
    (row,) = adopt([post(1)], ("rss", [old(1, published=NOW + DAY, updated=NOW + DAY)])).rows
    assert (row.published, row.updated, row.out) == (NOW - DAY, None, NOW - DAY)


def test_a_post_without_any_date_but_one_to_come() -> None:
    (row,) = adopt([post(1, published=NOW + DAY)], ("rss", [old(1, published=None)])).rows
    assert (row.published, row.out) == (None, NOW)


def test_an_id_in_front_matter_is_noted_beside_the_one_that_readers_know() -> None:
    (row,) = adopt([post(1, guid="own")], ("rss", [old(1)])).rows
    assert (row.id, row.claim) == ("http://old.example/?p=1", "own")


def test_what_was_published_here_keeps_its_id() -> None:
    rows = published([post(1)])
    adopted = adopt([post(1)], ("rss", [old(1)]), rows=rows)
    assert (adopted.taken, adopted.rows, adopted.changed) == ((), rows, False)
    assert [(each.path, each.kept, each.why) for each in adopted.conflicts] == [
        ("1.md", rows[0].id, "published here since 2025-05-31")
    ]


def test_unless_it_is_to_be_replaced() -> None:
    rows = published([post(1)])
    adopted = adopt([post(1)], ("rss", [old(1)]), rows=rows, replace=True)
    row, left = sorted(adopted.rows, key=lambda row: row.gone is not None)
    assert (row.id, row.gone, row.atom) == ("http://old.example/?p=1", None, rows[0].id)
    assert (left.id, left.gone) == (rows[0].id, NOW)
    named = again([post(1)], adopted)["1.md"]
    # No old Atom feed was given: who reads ours goes on with the id that it has.
    assert (named.id, named.atom_id) == ("http://old.example/?p=1", rows[0].id)


def test_an_atom_feed_that_is_adopted_later() -> None:
    first = adopt([post(1)], ("rss", [old(1)]))
    atom = ("atom", [old(1, id="tag:old.example,2025:1", permalink=None)])
    assert [each.id for each in adopt([post(1)], atom, rows=first.rows).conflicts] == ["tag:old.example,2025:1"]
    second = adopt([post(1)], atom, rows=first.rows, replace=True)
    named = again([post(1)], second)["1.md"]
    assert (named.id, named.atom_id, named.permalink) == ("http://old.example/?p=1", "tag:old.example,2025:1", False)


def test_adopting_again_changes_nothing() -> None:
    feeds = [("rss", [old(1), old(2), old(9, title="gone")]), ("atom", [old(1, id="tag:x,1:1", permalink=None)])]
    first = adopt([post(1), post(2), post(3)], *feeds)  # type: ignore[arg-type]
    assert first.changed
    second = adopt([post(1), post(2), post(3)], *feeds, rows=first.rows)  # type: ignore[arg-type]
    assert not second.changed
    assert second.rows == first.rows
    assert second.conflicts == ()
    assert not any(each.changed for each in second.taken)


def test_an_id_of_another_post_is_not_given_away() -> None:
    rows = [dataclasses.replace(published([post(2)])[0], id="http://old.example/?p=1")]
    adopted = adopt([post(1), post(2)], ("rss", [old(1, link=f"{SITE}/1/")]), rows=rows)
    # The entry is post 2 by its id.
    assert [(each.path, each.changed) for each in adopted.taken] == [("2.md", False)]
    renamed = [dataclasses.replace(rows[0], id="x", atom="http://old.example/?p=1")]
    adopted = adopt([post(1), post(2)], ("rss", [old(1, link=f"{SITE}/1/")]), rows=renamed)
    assert [(each.path, each.why) for each in adopted.conflicts] == [("1.md", "the id is that of 2.md")]


def test_a_row_that_nobody_has_seen_makes_way() -> None:
    found = identify([post(1)])
    rows = ledger.settle((), found, [], now=NOW)
    assert [row.out for row in rows] == [None]
    assert [row.id for row in adopt([post(1)], ("rss", [old(1)]), rows=rows).rows] == ["http://old.example/?p=1"]


def test_old_entries_without_a_post_are_remembered() -> None:
    date = NOW - 7 * DAY + timedelta(minutes=5)
    adopted = adopt([post(1)], ("rss", [old(1), old(7, title="Lost", published=date)]))
    assert [(each.source, each.entry.title) for each in adopted.strangers] == [("0.rss", "Lost")]
    row = next(row for row in adopted.rows if row.gone is not None)
    assert (row.id, row.path, row.withdrawn) == ("http://old.example/?p=7", "http://old.example/7/", NOW)
    # The post turns up, and is known by its title and date.
    assert again([post(1), post(7, title="Lost", published=date)], adopted)["7.md"].id == row.id


def test_a_post_of_a_remembered_entry_turns_up_and_the_feed_is_adopted_again() -> None:
    feed = ("rss", [old(1), old(7)])
    first = adopt([post(1)], feed)
    second = adopt([post(1), post(7, path="seven.md")], feed, rows=first.rows, out=[1])
    assert {row.path: row.id for row in second.rows if row.gone is None} == {
        "1.md": "http://old.example/?p=1",
        "seven.md": "http://old.example/?p=7",
    }
    assert [row for row in second.rows if row.gone is not None] == []


def test_posts_without_an_old_entry_are_named() -> None:
    adopted = adopt([post(1), post(2), post(3)], ("rss", [old(1)]), out=[1, 3])
    assert [each.post.path for each in adopted.unknown] == ["3.md"]


def test_doubts_are_passed_on_and_nothing_is_written_of_them() -> None:
    entry = old(1, link="", published=None)
    adopted = adopt([post(1)], ("rss", [entry]))
    assert [(each.entry, each.doubt.paths if each.doubt else ()) for each in adopted.doubtful] == [(entry, ("1.md",))]
    assert (adopted.rows, adopted.strangers) == ((), ())


LINKED = [old(number, id=f"http://old.example/{number}/", permalink=True) for number in range(1, 5)]


def test_older_posts_are_named_by_the_rule_of_the_others() -> None:
    posts = [post(number) for number in range(8)]
    adopted = adopt(posts, ("rss", LINKED))
    assert adopted.rule is not None
    assert (adopted.rule.scheme, adopted.rule.origin) == ("permalink", "http://old.example")
    assert [(each.path, each.id) for each in adopted.ruled] == [
        (f"{number}.md", f"http://old.example/{number}/") for number in (5, 6, 7)
    ]
    # What is newer than the old feed is named by feeds.ids.
    assert [each.post.path for each in adopted.unknown] == ["0.md"]
    assert again(posts, adopted)["7.md"].id == "http://old.example/7/"


def test_ids_that_follow_no_rule() -> None:
    adopted = adopt([post(number) for number in range(8)], ("rss", [old(number) for number in range(1, 5)]))
    assert (adopted.rule, adopted.ruled) == (None, ())


def test_a_rule_for_each_of_two_formats() -> None:
    atom = [old(n, id=f"tag:old.example,{NOW - n * DAY:%Y-%m-%d}:/{n}/", permalink=None) for n in range(1, 5)]
    adopted = adopt([post(number) for number in range(8)], ("rss", LINKED), ("atom", atom))
    assert [(each.id, each.atom) for each in adopted.ruled][:1] == [
        ("http://old.example/5/", f"tag:old.example,{NOW - 5 * DAY:%Y-%m-%d}:/5/")
    ]


def test_a_rule_does_not_name_what_is_doubtful_or_published_or_not_out() -> None:
    posts = [post(number) for number in range(9)]
    rows = published([posts[8]])
    vague = old(7, id="x", link="", published=None)
    adopted = adopt(posts, ("rss", [*LINKED, vague]), rows=rows, out=[*range(6), 8])
    assert [each.path for each in adopted.ruled] == ["5.md"]


def test_a_category_feed_that_goes_back_further_hides_no_post() -> None:
    # The main feed shows the newest; the other one a single old post.
    posts = [post(number) for number in range(1, 9)]
    far = old(8, id="http://old.example/8/", permalink=True)
    adopted = adopt(posts, ("rss", LINKED), ("rss", [far]))
    assert [each.path for each in adopted.ruled] == ["5.md", "6.md", "7.md"]


@pytest.mark.parametrize(
    ("make", "scheme"),
    [
        (lambda n: f"http://old.example/{n}/", "permalink"),
        (lambda n: f"http://old.example/?p={n + 100}", "wordpress"),
        (lambda n: f"tag:old.example,{NOW - n * DAY:%Y-%m-%d}:/{n}/", "pelican"),
        (lambda n: f"tag:old.example,{NOW - n * DAY:%Y-%m-%d}:{n}", "tag"),
    ],
)
def test_rules_that_are_found(make: object, scheme: str) -> None:
    evidence = [(post(n, legacy_id=str(n + 100)), make(n)) for n in range(5)]  # type: ignore[operator]
    rule = infer(evidence, SITE, "UTC")
    assert rule is not None
    assert rule.scheme == scheme
    assert rule.make(post(9, legacy_id="109")) == make(9)  # type: ignore[operator]


def test_jekyll_ids_of_another_address() -> None:
    evidence = [(post(n, legacy_id=f"{SITE}/2025/{n}"), f"http://old.example/2025/{n}") for n in range(3)]
    rule = infer(evidence, SITE, "UTC")
    assert rule is not None
    assert (rule.scheme, rule.make(post(9, legacy_id=f"{SITE}/2025/9"))) == ("jekyll", "http://old.example/2025/9")


def test_two_ids_are_no_rule() -> None:
    assert infer([(post(n), f"http://old.example/{n}/") for n in range(2)], SITE, "UTC") is None


NUMBERS = st.lists(st.integers(0, 9), max_size=8, unique=True)


@given(NUMBERS, NUMBERS, NUMBERS, st.booleans())
def test_no_id_is_ever_two_posts(posts: list[int], rss: list[int], here: list[int], replace: bool) -> None:
    rows = published([post(number) for number in here])
    feeds = ("rss", [old(number) for number in rss]), ("atom", [old(n, id=f"tag:x,1:{n}", permalink=None) for n in rss])
    adopted = adopt([post(number) for number in posts], *feeds, rows=rows, replace=replace)
    names = [name for row in adopted.rows for name in {row.id, row.atom} if name]
    assert len(set(names)) == len(names)
    places = [row.path for row in adopted.rows if row.gone is None]
    assert len(set(places)) == len(places)
    named = again([post(number) for number in posts], adopted)
    known = {row.path: row for row in rows if row.out is not None}
    for number in set(posts) & set(rss):
        kept = known.get(f"{number}.md") if not replace else None
        assert named[f"{number}.md"].id == (kept.id if kept else f"http://old.example/?p={number}")
