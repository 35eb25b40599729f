"""What a service that starts again may say before its first pass: a wrong yes would be believed."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feedservice.config import Loaded
from feedservice.service import guarding, keys
from feedservice.service.engine import Engine
from feedservice.service.guarding import Decisions, Held
from feedservice.service.memory import DECISIONS
from feedservice.store import Store
from feedservice.store.sql import open_store
from tests.service.conftest import MakeSite
from tests.service.test_publish import post

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DUE = "2025-06-01 12:00"
"""In Tokyo: three hours after ``NOW``."""
POSTS = {
    "a.md": post("A", "2025-05-01", "categories: [AI]\n"),
    "b.md": post("B", "2025-05-02"),
    "later.md": post("Later", DUE),
    "news/c.md": post("C", "2025-05-03", "image: c.png\n"),
    "news/c.png": "a picture",
}


def opener(state: Path) -> Store:
    return open_store(state / "store.sqlite")


@contextlib.contextmanager
def begun(loaded: Loaded) -> Iterator[Engine]:
    """An engine of a process that has just begun, and has looked at what was published."""
    with contextlib.closing(Engine(loaded.root / ".feedservice", opener, out=loaded.root / "public")) as engine:
        engine.standing()
        yield engine


@pytest.fixture
def site(make_site: MakeSite) -> Loaded:
    """A site after its first pass."""
    loaded = make_site(POSTS)
    with begun(loaded) as engine:
        assert not engine.rests(loaded, NOW)
        engine.build(loaded, now=NOW)
    return loaded


def rests(loaded: Loaded, now: datetime = NOW + HOUR) -> bool:
    with begun(loaded) as engine:
        return engine.rests(loaded, now)


def test_a_site_rests_when_nothing_happened(site: Loaded) -> None:
    assert rests(site, NOW)
    assert rests(site, NOW + HOUR)
    with begun(site) as engine:
        assert engine.rests(site, NOW + HOUR)
        report = engine.build(site, now=NOW + HOUR)
        assert not report.read
        assert not report.changed


def edit(site: Loaded) -> None:
    (site.root / "content/a.md").write_text(post("A", "2025-05-01", body="Other words."))


def swap_in_place(site: Loaded) -> None:
    """The same size and time, and another file."""
    file = site.root / "content/a.md"
    stat = file.stat()
    other = file.with_name("other")
    other.write_bytes(file.read_bytes().replace(b"A", b"Z"))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.rename(file)


def touch(site: Loaded) -> None:
    os.utime(site.root / "content/a.md", ns=(1, 1))


def add(site: Loaded) -> None:
    (site.root / "content/new.md").write_text(post("New", "2025-05-04"))


def remove(site: Loaded) -> None:
    (site.root / "content/a.md").unlink()


def rename(site: Loaded) -> None:
    (site.root / "content/a.md").rename(site.root / "content/renamed.md")


def empty(site: Loaded) -> None:
    shutil.rmtree(site.root / "content")
    (site.root / "content").mkdir()


def lose(site: Loaded) -> None:
    shutil.rmtree(site.root / "content")


def enlarge_media(site: Loaded) -> None:
    (site.root / "content/news/c.png").write_text("a larger picture")


def add_media(site: Loaded) -> None:
    (site.root / "content/news/d.png").write_text("another")


def write_over_a_feed(site: Loaded) -> None:
    (site.root / "public/feeds/all.atom").write_text("<feed/>")


def touch_a_feed(site: Loaded) -> None:
    os.utime(site.root / "public/feeds/all.atom", ns=(1, 1))


def remove_a_coded_form(site: Loaded) -> None:
    next((site.root / "public/feeds").glob("*.gz")).unlink()


def remove_a_page(site: Loaded) -> None:
    next((site.root / "public").rglob("index.html")).unlink()


def lose_the_store(site: Loaded) -> None:
    for file in (site.root / ".feedservice").glob("store.sqlite*"):
        file.unlink()


def damage_the_store(site: Loaded) -> None:
    (site.root / ".feedservice/store.sqlite").write_bytes(b"no database " * 1000)


def write_in_the_ledger(site: Loaded) -> None:
    with next(site.root.rglob("ledger.jsonl")).open("a", encoding="utf-8") as file:
        file.write("\n")


def lose_the_ledger(site: Loaded) -> None:
    next(site.root.rglob("ledger.jsonl")).unlink()


def reject(site: Loaded) -> None:
    guarding.decide(site.root / ".feedservice", Decisions(rejected={"all": frozenset({"x"})}))


def damage_what_was_decided(site: Loaded) -> None:
    (site.root / ".feedservice/guard.json").write_text("{")


HAPPENED: list[Callable[[Loaded], None]] = [
    edit,
    swap_in_place,
    touch,
    add,
    remove,
    rename,
    empty,
    lose,
    enlarge_media,
    add_media,
    write_over_a_feed,
    touch_a_feed,
    remove_a_coded_form,
    remove_a_page,
    lose_the_store,
    damage_the_store,
    write_in_the_ledger,
    lose_the_ledger,
    reject,
    damage_what_was_decided,
]


@pytest.mark.parametrize("happened", HAPPENED, ids=lambda each: each.__name__)
def test_it_does_not_rest_when_anything_happened(site: Loaded, happened: Callable[[Loaded], None]) -> None:
    assert rests(site)
    happened(site)
    assert not rests(site)


def test_it_does_not_rest_before_the_last_pass_nor_when_time_changes_something(site: Loaded) -> None:
    assert not rests(site, NOW - timedelta(seconds=1))
    assert rests(site, NOW + 3 * HOUR - timedelta(seconds=1))
    assert not rests(site, NOW + 3 * HOUR)
    with begun(site) as engine:
        assert engine.build(site, now=NOW + 3 * HOUR).changed
    # Nothing comes by itself any more.
    assert rests(site, NOW + 1000 * HOUR)


def test_it_does_not_rest_under_another_configuration(site: Loaded, make_site: MakeSite) -> None:
    assert not rests(make_site({}, "feeds: {window: 2}\n"))
    assert not rests(make_site({}, "content: {grace: 1h}\n"))
    assert rests(make_site({}))


def test_it_does_not_rest_while_a_feed_is_held(site: Loaded) -> None:
    """Who asks which feeds are held is answered by a pass, and there was none yet."""
    held = Decisions(held={"all": Held(feed="all", since=NOW, key="k", reasons=("r",))})
    guarding.decide(site.root / ".feedservice", held)
    with begun(site) as engine:
        engine.store.publish(at=NOW, meta={DECISIONS: keys.decisions(held)})
    assert not rests(site)


def test_a_site_in_another_unicode_form_rests_too(make_site: MakeSite) -> None:
    """A name may be spelled as an older system of Apple's does: the post has its composed form."""
    loaded = make_site({"cafe\u0301.md": post("Café", "2025-05-01")})
    with begun(loaded) as engine:
        engine.build(loaded, now=NOW)
    assert rests(loaded)


def test_a_post_that_cannot_be_used_is_no_reason_not_to_rest(make_site: MakeSite) -> None:
    loaded = make_site({**POSTS, "bad.md": "---\ndate: yesterday\n---\n"})
    with begun(loaded) as engine:
        assert engine.build(loaded, now=NOW).errors
    assert rests(loaded)


def test_media_that_came_and_went_are_the_media_of_before(site: Loaded) -> None:
    """Also when the passes in between were told what to look at."""
    picture = site.root / "content/news/d.png"
    with begun(site) as engine:
        engine.build(site, now=NOW)
        picture.write_text("another")
        engine.build(site, now=NOW, paths=["news/d.png"])
    assert rests(site)
    picture.unlink()
    assert not rests(site)
    with begun(site) as engine:
        engine.build(site, now=NOW)
        (site.root / "content/news/c.png").write_text("larger and larger")
        engine.build(site, now=NOW, paths=["news/c.png"])
        engine.build(site, now=NOW, paths=["news/d.png"])
    assert rests(site)
