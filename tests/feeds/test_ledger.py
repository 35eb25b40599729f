from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from feedservice.feeds import identity, ledger
from feedservice.feeds.ledger import Identified, Row
from feedservice.model import Post
from feedservice.posts.sketch import sketch

SITE = "https://example.org"
NOW = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)

TEXTS = {
    "tea": "Tea is a plant of the mountains. It wants rain and shade. Leaves are picked by hand. They are dried on mats in spring.",
    "ink": "Ink was made of soot and glue. Printers boiled their own. A good black took days. Nobody wrote the recipe down at all.",
    "bridge": "The bridge was closed in winter. Ice had moved two piers. Engineers walked across at night. It opened again in May.",
}


def post(name: str = "tea", path: str = "", **changes: object) -> Post:
    text = TEXTS[name]
    values: dict[str, object] = {
        "path": path or f"{name}.md",
        "digest": f"{name}-digest",
        "sketch": sketch(text.replace(". ", ".\n")),
        "title": name.capitalize(),
        "link": f"{SITE}/{(path or name + '.md').removesuffix('.md')}/",
        "published": datetime(2025, 5, 1 + list(TEXTS).index(name), 8, 30, 5, tzinfo=UTC),
        "zone": "UTC",
    }
    return Post(**{**values, **changes})  # type: ignore[arg-type]


def identify(
    posts: Sequence[Post], rows: Sequence[Row] = (), *, scheme: str = "tag", now: datetime = NOW, broken: Collection[str] = ()
) -> Identified:
    def namer(each: Post) -> str:
        return identity.SCHEMES[scheme](each, SITE, "UTC")

    return ledger.identify(posts, rows, scheme=scheme, namer=namer, site_url=SITE, now=now, broken=broken)


def after(
    posts: Sequence[Post],
    rows: Sequence[Row] = (),
    *,
    now: datetime = NOW,
    out: Collection[str] | None = None,
    broken: Collection[str] = (),
) -> tuple[Row, ...]:
    found = identify(posts, rows, now=now, broken=broken)
    shown = [each.id for each in found.named] if out is None else out
    return ledger.merged(rows, ledger.settle(rows, found, shown, now=now, broken=broken))


def ids(found: Identified) -> dict[str, str]:
    return {each.post.path: each.id for each in found.named}


TEA = "tag:example.org,2025-05-01:tea"
INK = "tag:example.org,2025-05-02:ink"


def test_a_post_is_named_at_first_sight_and_remembered() -> None:
    found = identify([post()])
    assert ids(found) == {"tea.md": TEA}
    assert found.arrived == {TEA}
    rows = ledger.merged((), ledger.settle((), found, [TEA], now=NOW))
    assert rows == (
        Row(
            id=TEA,
            path="tea.md",
            origin="tag",
            first_seen=NOW,
            out=NOW,
            published=post().published,
            title="Tea",
            link=f"{SITE}/tea/",
            date=post().published,
            sketch=post().sketch,
        ),
    )


def test_a_second_pass_changes_nothing() -> None:
    rows = after([post(), post("ink")])
    found = identify([post(), post("ink")], rows, now=NOW + DAY)
    assert found.arrived == frozenset()
    assert ledger.settle(rows, found, [TEA, INK], now=NOW + DAY) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"path": "drinks/tea.md"},
        {"path": "drinks/2025-05-01-green-tea.md", "link": f"{SITE}/green-tea/", "title": "Green tea"},
        {"link": "https://other.example/tea/"},
        {"title": "All about tea"},
        {"published": datetime(2025, 5, 30, tzinfo=UTC)},
        {"path": "2025-05-30-tea.md", "published": datetime(2025, 5, 30, tzinfo=UTC)},
        {"sketch": sketch("Something else.\nIn another language."), "title": "Other", "link": f"{SITE}/other/"},
        {"path": "thé.md", "sketch": sketch("Le thé aime la pluie.")},
        {"categories": ("Drinks",)},
    ],
)
def test_what_may_happen_to_a_post_keeps_its_id(change: dict[str, object]) -> None:
    rows = after([post(), post("ink")])
    found = identify([post(**change), post("ink")], rows, now=NOW + DAY)  # type: ignore[arg-type]
    assert set(ids(found).values()) == {TEA, INK}
    assert found.arrived == frozenset()


@pytest.mark.parametrize("scheme", ["permalink", "jekyll", "hugo", "pelican", "wordpress"])
def test_another_scheme_names_new_posts_only(scheme: str) -> None:
    rows = after([post()])
    found = identify([post(), post("ink")], rows, scheme=scheme, now=NOW + DAY)
    assert ids(found)["tea.md"] == TEA
    assert ids(found)["ink.md"] == identity.SCHEMES[scheme](post("ink"), SITE, "UTC")


def test_two_posts_that_change_places_keep_their_ids() -> None:
    rows = after([post(), post("ink")])
    found = identify([post(path="ink.md"), post("ink", path="tea.md")], rows, now=NOW + DAY)
    assert ids(found) == {"ink.md": TEA, "tea.md": INK}


def test_a_new_post_in_the_place_of_one_that_moved_is_new() -> None:
    rows = after([post()])
    found = identify([post(path="old/tea.md"), post("ink", path="tea.md", title="Tea")], rows, now=NOW + DAY)
    assert ids(found)["old/tea.md"] == TEA
    assert ids(found)["tea.md"] not in {TEA, ""}


def test_a_post_that_comes_back_has_its_id_and_its_date_again() -> None:
    rows = after([post(), post("ink")])
    rows = after([post("ink")], rows, now=NOW + DAY)
    (gone,) = [row for row in rows if row.id == TEA]
    assert (gone.gone, gone.withdrawn) == (NOW + DAY, NOW + DAY)
    found = identify([post("ink"), post(published=NOW)], rows, now=NOW + 2 * DAY)
    assert ids(found)["tea.md"] == TEA
    assert found.arrived == frozenset()
    (back,) = [each for each in found.named if each.id == TEA]
    assert (back.post.published, back.post.updated) == (post().published, NOW)


def test_another_post_in_the_place_of_one_that_is_gone_gets_an_id_nobody_had() -> None:
    rows = after([post()])
    rows = after([], rows, now=NOW + DAY)
    again = post("ink", path="tea.md", published=post().published + timedelta(hours=1))
    found = identify([again], rows, now=NOW + 2 * DAY)
    assert ids(found) == {"tea.md": TEA + "#2"}
    assert len(found.arrived) == 1


def test_a_rewritten_date_is_a_change_and_no_new_publication() -> None:
    rows = after([post()])
    later = datetime(2025, 5, 20, tzinfo=UTC)
    (named,) = identify([post(published=later)], rows, now=NOW).named
    assert (named.post.published, named.post.updated) == (post().published, later)
    (named,) = identify([post(published=datetime(2025, 1, 1, tzinfo=UTC))], rows, now=NOW).named
    assert (named.post.published, named.post.updated) == (post().published, None)
    (named,) = identify([post(published=NOW + DAY)], rows, now=NOW).named
    assert (named.post.published, named.post.updated) == (post().published, None)


def test_the_date_of_a_post_that_was_never_out_is_free() -> None:
    rows = after([post(published=NOW + DAY)], out=())
    moved = NOW + 3 * DAY
    (named,) = identify([post(published=moved)], rows, now=NOW).named
    assert named.post.published == moved


def test_updated_never_goes_back() -> None:
    changed = datetime(2025, 5, 25, tzinfo=UTC)
    rows = after([post(updated=changed)])
    for updated in (None, datetime(2025, 5, 10, tzinfo=UTC)):
        (named,) = identify([post(updated=updated)], rows, now=NOW).named
        assert named.post.updated == changed


def test_two_posts_that_claim_one_id_are_named_both() -> None:
    found = identify([post(guid="x"), post("ink", guid="x")])
    assert ids(found) == {"tea.md": "x"}
    (problem,) = found.problems
    assert (problem.rule, problem.path) == ("id.duplicate", "ink.md")
    assert "tea.md" in problem.message


def test_who_was_there_first_keeps_a_claimed_id() -> None:
    rows = after([post("ink", guid="x")])
    found = identify([post(guid="x"), post("ink", guid="x")], rows, now=NOW + DAY)
    assert ids(found) == {"ink.md": "x"}
    assert [(problem.rule, problem.path) for problem in found.problems] == [("id.duplicate", "tea.md")]


def test_a_published_post_that_claims_the_id_of_another_is_not_lost() -> None:
    rows = after([post(), post("ink", guid="x")])
    found = identify([post(guid="x"), post("ink", guid="x")], rows, now=NOW + DAY)
    assert ids(found) == {"tea.md": TEA, "ink.md": "x"}
    assert [(problem.rule, problem.path) for problem in found.problems] == [("id.duplicate", "tea.md")]


def test_an_id_that_comes_late_is_noted_and_the_first_stays() -> None:
    rows = after([post()])
    found = identify([post(guid="mine")], rows, now=NOW + DAY)
    assert ids(found) == {"tea.md": TEA}
    assert [problem.rule for problem in found.problems] == ["id.changed"]
    rows = ledger.merged(rows, ledger.settle(rows, found, [TEA], now=NOW + DAY))
    # It is said once, and from then on the post is found by it.
    elsewhere = post("ink", path="far/away.md", guid="mine")
    found = identify([elsewhere], rows, now=NOW + 2 * DAY)
    assert (ids(found), found.problems) == ({"far/away.md": TEA}, ())


def test_an_id_moves_with_the_post_that_carries_it() -> None:
    rows = after([post(guid="x"), post("ink")])
    found = identify([post("bridge", path="new.md", guid="x"), post("ink")], rows, now=NOW + DAY)
    assert ids(found) == {"new.md": "x", "ink.md": INK}


def test_a_copy_is_left_out_and_both_are_named() -> None:
    rows = after([post()])
    found = identify([post(), post(path="copy.md")], rows, now=NOW + DAY)
    assert ids(found) == {"tea.md": TEA}
    (problem,) = found.problems
    assert (problem.rule, problem.path) == ("id.copy", "copy.md")
    assert "tea.md" in problem.message
    # The same text under another date is a post of its own: a weekly thread, for example.
    weekly = post(path="next.md", published=NOW)
    assert len(identify([post(), weekly], rows, now=NOW + DAY).named) == 2


def test_a_copy_that_becomes_a_post_of_its_own_is_published() -> None:
    rows = after([post(), post(path="copy.md")])
    found = identify([post(), post("ink", path="copy.md")], rows, now=NOW + DAY)
    assert len(found.arrived) == 1
    assert found.problems == ()


def test_a_broken_post_keeps_its_row_and_nobody_else_gets_it() -> None:
    rows = after([post()])
    found = identify([post(path="other.md", digest="d")], rows, now=NOW + DAY, broken=["tea.md"])
    assert ids(found) == {"other.md": "tag:example.org,2025-05-01:other"}
    rows = after([], rows, now=NOW + DAY, broken=["tea.md"])
    assert [(row.broken, row.gone, row.withdrawn) for row in rows] == [(NOW + DAY, None, NOW + DAY)]
    rows = after([post()], rows, now=NOW + 2 * DAY)
    assert [(row.id, row.broken) for row in rows] == [(TEA, None)]


def test_what_may_be_a_post_that_left_is_said() -> None:
    rows = after([post()])
    like = post("ink", path="drinks.md", link=post().link)
    found = identify([like], rows, now=NOW + DAY)
    assert [(problem.rule, problem.path) for problem in found.problems] == [("id.doubtful", "drinks.md")]
    assert TEA in found.problems[0].hint


def test_an_edited_sketch_is_known_again_and_another_text_is_not() -> None:
    text = TEXTS["tea"].split(". ")
    edited = sketch("\n".join([*text[:3], "They are steamed first."]))
    rows = after([post()])
    moved = post(path="x.md", sketch=edited, title="X", link=f"{SITE}/x/")
    assert ids(identify([moved], rows, now=NOW + DAY)) == {"x.md": TEA}
    other = post("bridge", path="x.md")
    assert TEA not in ids(identify([other], rows, now=NOW + DAY)).values()


def test_withdrawing_and_returning_is_remembered() -> None:
    rows = after([post()])
    rows = after([post(draft=True)], rows, now=NOW + DAY, out=())
    assert [(row.withdrawn, row.gone) for row in rows] == [(NOW + DAY, None)]
    rows = after([post(draft=True)], rows, now=NOW + 2 * DAY, out=())
    assert rows[0].withdrawn == NOW + DAY
    rows = after([post()], rows, now=NOW + 3 * DAY)
    assert (rows[0].withdrawn, rows[0].out) == (None, NOW)


def test_rows_are_values_in_order() -> None:
    rows = after([post("ink"), post(), post("bridge")])
    assert [row.path for row in rows] == ["bridge.md", "ink.md", "tea.md"]
    assert ledger.merged(rows, ()) == rows
    assert dataclasses.replace(rows[0]) == rows[0]


def test_an_edit_in_place_needs_nobody_else() -> None:
    rows = after([post(), post("ink")])
    (row,) = [row for row in rows if row.id == TEA]
    for change in ({}, {"title": "X"}, {"published": NOW}, {"link": "https://new.example/"}, {"updated": NOW}):
        edited = post(**change)  # type: ignore[arg-type]
        (named,) = [each for each in identify([edited, post("ink")], rows).named if each.id == TEA]
        assert ledger.follow(edited, row, site_url=SITE, now=NOW) == named
    assert ledger.follow(post("bridge", path="tea.md"), row, site_url=SITE, now=NOW) is None
    assert ledger.follow(post(guid="x"), row, site_url=SITE, now=NOW) is None


def test_a_broken_post_whose_last_good_version_stays_is_out() -> None:
    rows = after([post()])
    rows = after([post()], rows, now=NOW + DAY, broken=["tea.md"])
    assert [(row.broken, row.withdrawn) for row in rows] == [(NOW + DAY, None)]
    assert after([post()], rows, now=NOW + 2 * DAY, broken=["tea.md"]) == rows
    rows = after([post()], rows, now=NOW + 2 * DAY)
    assert [(row.broken, row.withdrawn) for row in rows] == [(None, None)]


def test_one_short_sentence_in_common_makes_no_two_posts_one() -> None:
    rows = after([post(sketch=sketch("Photo of the day."))])
    other = post("ink", sketch=sketch("Photo of the day."))
    assert ids(identify([other], rows, now=NOW + DAY)) == {"ink.md": INK}
    moved = post(path="moved.md", sketch=sketch("Photo of the day."))
    assert ids(identify([moved], rows, now=NOW + DAY)) == {"moved.md": TEA}


def test_what_atom_makes_of_an_id_does_not_move_with_the_site() -> None:
    posts = [post(guid="my post 7")]
    rows = after(posts)
    assert rows[0].atom == f"{SITE}/#my%20post%207"
    (named,) = ledger.identify(
        posts, rows, scheme="tag", namer=lambda each: each.link, site_url="https://new.example", now=NOW + DAY
    ).named
    assert (named.id, named.atom_id) == ("my post 7", f"{SITE}/#my%20post%207")


def test_a_row_that_is_adopted_says_how_readers_know_the_id() -> None:
    row = Row(id="x", path="tea.md", origin="adopted f", atom="tag:y,1:1", permalink="true", first_seen=NOW, sketch=post().sketch)
    (named,) = identify([post()], [row]).named
    assert (named.id, named.atom_id, named.permalink) == ("x", "tag:y,1:1", True)


def test_a_post_that_claims_the_id_that_atom_readers_know() -> None:
    row = Row(id="x", path="old.md", origin="adopted f", atom="tag:y,1:1", first_seen=NOW, gone=NOW)
    (named,) = identify([post("ink", guid="tag:y,1:1")], [row]).named
    assert (named.id, named.atom_id) == ("x", "tag:y,1:1")


def test_no_made_id_is_the_atom_id_of_another_post() -> None:
    made = identify([post()]).named[0].id
    row = Row(id="x", path="old.md", origin="adopted f", atom=made, first_seen=NOW, gone=NOW)
    (named,) = identify([post()], [row]).named
    assert named.id == f"{made}#2"
