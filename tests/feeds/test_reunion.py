from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from feedservice.feeds import reunion
from feedservice.feeds.ledger import Row

NOW = datetime(2025, 6, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def row(name: str = "a", **changes: object) -> Row:
    values: dict[str, object] = {
        "id": f"tag:{name}",
        "path": f"{name}.md",
        "origin": "tag",
        "first_seen": NOW,
        "out": NOW,
        "published": NOW - DAY,
    }
    return Row(**{**values, **changes})  # type: ignore[arg-type]


def test_what_one_of_the_two_has_lost_comes_from_the_other() -> None:
    both, file, store = row("a"), row("b"), row("c")
    made = reunion.reconciled([both, file], [both, store], {"a.md", "b.md", "c.md"})
    assert (made.rows, made.missed, made.conflicts) == ((both, file, store), (store,), ())
    assert reunion.reconciled([], [both], ()).missed == (both,)
    assert reunion.reconciled([both], [], ()) == reunion.Reunion(rows=(both,))


def test_the_first_sight_counts_whoever_saw_it() -> None:
    early = row(first_seen=NOW - DAY, out=NOW - DAY, published=NOW - 9 * DAY)
    late = row(first_seen=NOW, out=NOW, published=NOW, updated=NOW)
    for file, store in ((early, late), (late, early)):
        (found,) = reunion.reconciled([file], [store], {"a.md"}).rows
        assert found == dataclasses.replace(early, updated=NOW)


def test_a_post_that_readers_have_is_out_whoever_knows_it() -> None:
    unknown, known = row(out=None, published=None), row()
    for file, store in ((unknown, known), (known, unknown)):
        assert reunion.reconciled([file], [store], ()).rows == (known,)


def test_the_one_counts_whose_post_is_where_it_says() -> None:
    # The file is an older one, or the post was moved by another machine that wrote the file: what is there tells which.
    old, moved = row(), row(path="new.md", title="New")
    for file, store in ((old, moved), (moved, old)):
        assert reunion.reconciled([file], [store], {"new.md"}).rows == (moved,)
        assert reunion.reconciled([file], [store], {"a.md"}).rows == (old,)


def test_then_the_one_that_something_happened_to_later() -> None:
    here, gone = row(), row(gone=NOW + DAY, withdrawn=NOW + DAY)
    for file, store in ((here, gone), (gone, here)):
        assert reunion.reconciled([file], [store], {"a.md"}).rows == (gone,)


def test_and_then_the_file_because_people_correct_it() -> None:
    wrong, corrected = row(), row(published=NOW - 2 * DAY)
    assert reunion.reconciled([corrected], [wrong], {"a.md"}).rows == (corrected,)


def test_an_older_file_does_not_take_away_the_id_that_atom_readers_know() -> None:
    old, adopted = row(), row(atom="urn:uuid:1", permalink="false", claim="x")
    for file, store in ((old, adopted), (adopted, old)):
        made = reunion.reconciled([file], [store], {"a.md"})
        assert (made.rows, made.conflicts) == ((adopted,), ())
    made = reunion.reconciled([row(atom="urn:uuid:2")], [adopted], {"a.md"})
    assert made.rows[0].atom == "urn:uuid:2"
    assert made.conflicts == ("Atom readers know tag:a as urn:uuid:2 by the file and as urn:uuid:1 by the store",)


def test_an_adoption_outlives_the_store_that_has_not_heard_of_it() -> None:
    ours = row(atom="urn:uuid:1")
    left = dataclasses.replace(ours, atom="", gone=NOW + DAY, withdrawn=NOW + DAY)
    theirs = row("b", path="a.md", atom="urn:uuid:1")
    made = reunion.reconciled([left, theirs], [ours], {"a.md"})
    assert (set(made.rows), made.conflicts) == ({left, theirs}, ())


def test_of_two_ids_for_one_path_the_one_that_was_out_first_stays() -> None:
    first, second = row("x", path="a.md"), row("y", path="a.md", first_seen=NOW - DAY, out=NOW + DAY)
    for file, store in ((first, second), (second, first)):
        made = reunion.reconciled([file], [store], {"a.md"})
        assert [(each.id, each.gone is None) for each in made.rows] == [("tag:x", True), ("tag:y", False)]
        assert made.conflicts == ("a.md has two ids, tag:x and tag:y; readers keep the first",)


instants = st.integers(0, 9).map(lambda days: NOW + days * DAY)
maybe = st.none() | instants


@st.composite
def ledgers(draw: st.DrawFn) -> list[Row]:
    """Some posts at few paths, as any pass may have left them."""
    found: list[Row] = []
    live: set[str] = set()
    for name in draw(st.sets(st.sampled_from("abcde"))):
        path, out = draw(st.sampled_from("pqr")), draw(maybe)
        gone = draw(maybe) if path not in live else draw(instants)
        if gone is None:
            live.add(path)
        withdrawn = draw(maybe) if out is not None else None
        updated = draw(maybe) if out is not None else None
        found.append(
            row(
                name,
                path=path,
                first_seen=draw(instants),
                out=out,
                published=out,
                updated=updated,
                withdrawn=withdrawn,
                gone=gone,
                atom=draw(st.sampled_from(["", "u", "v"])),
            )
        )
    return found


@given(ledgers(), ledgers(), st.frozensets(st.sampled_from("pqr")))
def test_nothing_is_lost_no_id_is_new_and_both_agree_afterwards(file: list[Row], store: list[Row], there: frozenset[str]) -> None:
    made = reunion.reconciled(file, store, there)
    known = {each.id: [one for one in (*file, *store) if one.id == each.id] for each in (*file, *store)}
    assert {each.id for each in made.rows} == known.keys()
    live = [each.path for each in made.rows if each.gone is None]
    assert len(live) == len(set(live))
    for each in made.rows:
        of = known[each.id]
        assert each.first_seen == min(one.first_seen for one in of)
        assert each.out == min((one.out for one in of if one.out is not None), default=None)
        assert each.updated == max((one.updated for one in of if one.updated is not None), default=None)
        assert each.path in {one.path for one in of}
    assert reunion.reconciled(made.rows, made.rows, there) == reunion.Reunion(rows=made.rows)
    # A pass that is stopped between the file and the store is made again, and changes nothing.
    again = reunion.reconciled(made.rows, store, there)
    assert {each.id for each in again.rows} == known.keys()
    assert not again.missed
