"""Ids from pass to pass: what only the posts that changed are asked is what all of them would say."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice.config import Loaded
from feedservice.service import ledgerfile
from feedservice.service.engine import Engine
from tests.service.conftest import MakeSite
from tests.service.test_engine import again, engine, parsed
from tests.service.test_publish import post

__all__ = ["engine"]

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXTRA = "feeds: {category_feeds: false, pages: false, formats: [atom]}\nguard: {enabled: false}\n"


def text(about: str, *, other: int = 0) -> str:
    """A body of ten sentences, so many of which are others."""
    return "\n".join(f"Sentence {at} says {'something else' if at < other else 'this'} of {about}." for at in range(10))


def shown(engine: Engine) -> dict[str, str]:
    """Return title → id, of the entries of the feed."""
    return {entry.title: entry.id for entry in parsed(engine).entries}


def moved(engine: Engine, make_site: MakeSite) -> tuple[Loaded, Path, str]:
    """Build a site with a post that was moved from a.md to b.md; return the site, its content and the id."""
    loaded = make_site(
        {"a.md": post("Moved", "2025-05-01 09:00", body=text("x")), "c.md": post("Other", "2025-05-02 09:00")}, EXTRA
    )
    content = loaded.root / "content"
    engine.build(loaded, now=NOW)
    name = shown(engine)["Moved"]
    (content / "a.md").rename(content / "b.md")
    engine.build(loaded, now=NOW + HOUR, paths=("a.md", "b.md"))
    assert shown(engine)["Moved"] == name
    return loaded, content, name


def test_a_post_that_is_written_where_another_was_has_an_id_of_its_own(engine: Engine, make_site: MakeSite) -> None:
    loaded, content, name = moved(engine, make_site)
    # Made from the other: half of what it says is the same.
    (content / "a.md").write_text(post("Made from it", "2025-05-03 09:00", body=text("x", other=5)), encoding="utf-8")
    engine.build(loaded, now=NOW + 2 * HOUR, paths=("a.md",))
    found = shown(engine)
    assert found["Moved"] == name
    assert len({*found.values()}) == len(found) == 3


def test_a_copy_at_the_old_place_is_left_out(engine: Engine, make_site: MakeSite) -> None:
    loaded, content, name = moved(engine, make_site)
    (content / "a.md").write_bytes((content / "b.md").read_bytes())
    report = engine.build(loaded, now=NOW + 2 * HOUR, paths=("a.md",))
    assert [(each.rule, each.path) for each in report.problems] == [("id.copy", "a.md")]
    assert [entry.id for entry in parsed(engine).entries].count(name) == 1


@pytest.mark.parametrize("harm", ["---\ntitle: a: b\n---\n", ""])
def test_what_is_broken_at_the_old_place_does_not_touch_the_post(engine: Engine, make_site: MakeSite, harm: str) -> None:
    loaded, content, name = moved(engine, make_site)
    (content / "a.md").write_text(harm, encoding="utf-8")
    engine.build(loaded, now=NOW + 2 * HOUR, paths=("a.md",))
    assert shown(engine)["Moved"] == name
    (row,) = [each for each in ledgerfile.recall(ledgerfile.place(loaded)).rows if each.id == name]
    assert (row.path, row.broken, row.withdrawn) == ("b.md", None, None)
    restarted = again(engine)
    restarted.build(loaded, now=NOW + 3 * HOUR)
    assert shown(restarted)["Moved"] == name
    restarted.close()


@pytest.mark.parametrize(
    ("hold_back", "restart", "was"),
    [("0s", False, "draft: true\n"), ("10m", True, "draft: true\n"), ("0s", True, "expires: 2020-01-01\n")],
)
def test_a_clock_that_was_ahead_when_a_post_was_first_seen_does_not_hold_it_back(
    engine: Engine, make_site: MakeSite, hold_back: str, restart: bool, was: str
) -> None:
    """The clock is set right after a draft was saved: nobody waits for the time that it said."""
    extra = EXTRA.replace("feeds: {", f"feeds: {{hold_back: {hold_back}, ")
    loaded = make_site({"c.md": post("Other", "2025-05-02 09:00")}, extra)
    engine.build(loaded, now=NOW)
    make_site({"a.md": post("Draft", "2025-05-30 09:00", was)}, extra)
    engine.build(loaded, now=NOW + 5000 * HOUR)
    if restart:
        engine = again(engine)
        engine.build(loaded, now=NOW + HOUR)
    make_site({"a.md": post("Draft", "2025-05-30 09:00")}, extra)
    report = engine.build(loaded, now=NOW + 2 * HOUR)
    if hold_back != "0s":
        assert report.due == NOW + 2 * HOUR + HOUR / 6 or "Draft" in shown(engine)
        report = engine.build(loaded, now=NOW + 2 * HOUR + HOUR / 6)
    assert "Draft" in shown(engine)
    engine.close()


def test_a_post_that_waits_does_so_no_longer_when_the_clock_is_set_back(engine: Engine, make_site: MakeSite) -> None:
    extra = EXTRA.replace("feeds: {", "feeds: {hold_back: 10m, ")
    loaded = make_site({"c.md": post("Other", "2025-05-02 09:00")}, extra)
    engine.build(loaded, now=NOW)
    make_site({"a.md": post("Waits", "2025-05-30 09:00"), "f.md": post("Later", "2025-06-02 09:00")}, extra)
    assert engine.build(loaded, now=NOW + 9 * HOUR, paths=("a.md", "f.md")).due == NOW + 9 * HOUR + HOUR / 6
    assert engine.build(loaded, now=NOW + HOUR, paths=()).due == NOW + HOUR + HOUR / 6
    engine.build(loaded, now=NOW + HOUR + HOUR / 6, paths=())
    assert shown(engine).keys() == {"Other", "Waits"}


HARM = ("---\ntitle: a: b\n---\n", "", "<<<<<<< ours\n---\ntitle: x\n=======\n>>>>>>> theirs\n")


@pytest.mark.parametrize(
    ("harm", "guid", "when"),
    [
        (HARM[0], "", "before"),
        (HARM[1], "", "at once"),
        (HARM[2], "", "long before"),
        (HARM[0], "id: mine\n", "before"),
        (HARM[1], "id: mine\n", "long before"),
        (HARM[2], "id: mine\n", "at once"),
    ],
)
def test_a_post_that_changes_places_with_a_broken_one_takes_its_id_along(
    engine: Engine, make_site: MakeSite, harm: str, guid: str, when: str
) -> None:
    """Nobody can tell whose the broken file is: it waits, and the other post does not become it."""
    sound = post("Sound", "2025-05-01 09:00", guid, body=text("x"))
    other = post("Other", "2025-05-02 09:00", body=text("y"))
    loaded = make_site({"a.md": sound, "b.md": other, "c.md": post("Third", "2025-05-03 09:00")}, EXTRA)
    engine.build(loaded, now=NOW)
    ids = shown(engine)
    if when != "at once":
        make_site({"b.md": harm}, EXTRA)
        engine.build(loaded, now=NOW + HOUR)
        assert shown(engine) == ids
    now = NOW + (50 if when == "long before" else 2) * HOUR
    make_site({"a.md": harm, "b.md": sound}, EXTRA)
    for paths in (("a.md", "b.md"), None):
        engine.build(loaded, now=now, paths=paths)
        found = shown(engine)
        assert found["Sound"] == ids["Sound"]
        assert [entry.title for entry in parsed(engine).entries].count("Sound") == 1
        assert found.items() <= ids.items()
    make_site({"a.md": other}, EXTRA)
    engine.build(loaded, now=now + HOUR, paths=("a.md",))
    assert shown(engine) == ids
    restarted = again(engine)
    restarted.build(loaded, now=now + 2 * HOUR)
    assert shown(restarted) == ids
    restarted.close()


def test_a_copy_of_a_broken_post_is_another_one(engine: Engine, make_site: MakeSite) -> None:
    """Somebody begins with a copy of what is being written just now: the id is not the copy's."""
    sound = post("Sound", "2025-05-01 09:00", body=text("x"))
    loaded = make_site({"a.md": sound, "c.md": post("Third", "2025-05-03 09:00")}, EXTRA)
    engine.build(loaded, now=NOW)
    ids = shown(engine)
    make_site({"a.md": HARM[0], "copy.md": sound}, EXTRA)
    engine.build(loaded, now=NOW + HOUR)
    make_site({"a.md": sound, "copy.md": post("New", "2025-05-31 09:00", body=text("x", other=6))}, EXTRA)
    engine.build(loaded, now=NOW + 2 * HOUR)
    found = shown(engine)
    assert found.keys() == {"Sound", "Third", "New"}
    assert found["Sound"] == ids["Sound"]


def test_what_is_kept_of_another_post_does_not_stand_in(engine: Engine, make_site: MakeSite, tmp_path: Path) -> None:
    """The directory of kept sources was put back from a backup, from before two posts changed places."""
    one, two = (post(title, f"2025-05-0{at} 09:00", body=text(title)) for at, title in enumerate(("One", "Two"), 1))
    loaded = make_site({"a.md": one, "b.md": two}, EXTRA)
    engine.build(loaded, now=NOW)
    ids, good = shown(engine), tmp_path / ".feedservice" / "good"
    shutil.copytree(good, tmp_path / "backup")
    make_site({"a.md": two, "b.md": one}, EXTRA)
    engine.build(loaded, now=NOW + HOUR)
    engine = again(engine)
    shutil.rmtree(good)
    (tmp_path / "backup").rename(good)
    make_site({"a.md": HARM[0]}, EXTRA)
    engine.build(loaded, now=NOW + 2 * HOUR)
    assert [(entry.title, entry.id) for entry in parsed(engine).entries] == [("One", ids["One"])]
    make_site({"a.md": two}, EXTRA)
    engine.build(loaded, now=NOW + 3 * HOUR)
    assert shown(engine) == ids
    engine.close()
