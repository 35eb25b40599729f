"""What becomes of the files of feeds that are renamed, ended, emptied or not wanted any longer."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from feedservice.config import Loaded, load
from feedservice.service import guarding
from feedservice.service.engine import Engine
from feedservice.service.report import Report
from feedservice.store import Store
from feedservice.store.sql import open_store
from tests.service.conftest import CONFIG, MakeSite
from tests.service.test_publish import post

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LONG = "本文です。" * 100
POSTS = {
    "a.md": post("一", "2025-05-01 09:00", "categories: [機械学習]\ntags: [珍しい]\nauthor: 花子\n", body=LONG),
    "b.md": post("二", "2025-05-02 09:00", "categories: [活版]\n", body=LONG),
    "c.md": post("三", "2025-05-03 09:00", "categories: [活版]\n", body=LONG),
}
RENAMED = "feeds:\n  categories:\n    AI: {aka: [機械学習]}\n"
CODED = ("", ".gz", ".br", ".zst")


def opener(state: Path) -> Store:
    return open_store(state / "store.db")


@dataclasses.dataclass
class Desk:
    """A site, its engine, and the time."""

    make_site: MakeSite
    engine: Engine
    root: Path
    now: datetime = NOW
    extra: str = ""

    def build(self, *, sweep: bool = True) -> Report:
        self.now += timedelta(hours=1)
        (self.root / "config.yaml").write_text(CONFIG + self.extra, encoding="utf-8")
        report = self.engine.build(self.loaded, now=self.now)
        return self.engine.sweep(report) if sweep else report

    @property
    def loaded(self) -> Loaded:
        return load(self.root / "config.yaml", {})

    def restart(self) -> None:
        self.close()
        self.engine = Engine(self.engine.state, opener, out=self.engine.out)

    def close(self) -> None:
        self.engine.close()

    def there(self, key: str) -> set[str]:
        """Return the files of the output directory in which the key is."""
        found = (path.relative_to(self.engine.out) for path in self.engine.out.rglob("*") if path.is_file())
        return {str(path) for path in found if key in str(path)}

    def release(self, key: str) -> None:
        decided = guarding.decisions(self.engine.state)
        released = {**decided.released, key: decided.held[key].key}
        guarding.decide(self.engine.state, dataclasses.replace(decided, released=released))


@pytest.fixture
def desk(make_site: MakeSite, tmp_path: Path) -> Iterator[Desk]:
    make_site(POSTS)
    desk = Desk(make_site, Engine(tmp_path / ".feedservice", opener, out=tmp_path / "public"), tmp_path)
    with contextlib.closing(desk):
        yield desk


def rules(report: Report) -> list[str]:
    return [problem.rule for problem in report.problems]


def forms(key: str) -> set[str]:
    """Return the files of a feed and of its page."""
    names = [f"feeds/{key}.{name}" for name in ("atom", "rss", "json")] + [f"feeds/{key}/index.html"]
    return {name + coded for name in names for coded in CODED}


def test_the_files_of_a_renamed_category_are_removed_when_its_readers_are_sent_on(desk: Desk) -> None:
    desk.extra = 'feeds:\n  aliases: {"/old/{key}.xml": category.atom}\n'
    desk.build()
    assert desk.there("機械学習") == forms("機械学習") | {f"old/機械学習.xml{coded}" for coded in CODED}
    desk.extra += RENAMED.removeprefix("feeds:\n")
    report = desk.build(sweep=False)
    # Until those who serve know, everything is there.
    assert forms("機械学習") < desk.there("機械学習")
    assert report.former.moved["feeds/機械学習.atom"] == "https://example.org/feeds/ai.atom"
    assert report.former.moved["old/機械学習.xml"] == "https://example.org/feeds/ai.atom"
    assert desk.engine.sweep(report) == report
    assert desk.there("機械学習") == set()
    assert not (desk.engine.out / "feeds" / "機械学習").exists()
    assert forms("ai") <= desk.there("ai")
    assert rules(report) == []


def test_a_crash_before_they_are_removed_costs_nothing(desk: Desk) -> None:
    desk.build()
    desk.extra = RENAMED
    desk.build(sweep=False)
    desk.restart()
    assert desk.there("機械学習") == forms("機械学習")
    desk.build()
    assert desk.there("機械学習") == set()
    desk.build()
    desk.restart()
    assert desk.build().changed == ()


def test_what_somebody_else_wrote_there_stays(desk: Desk) -> None:
    desk.build()
    mine = desk.engine.out / "feeds" / "機械学習.atom"
    mine.write_bytes(b"mine")
    beside = desk.engine.out / "feeds" / "機械学習" / "notes.txt"
    beside.write_bytes(b"mine too")
    desk.extra = RENAMED
    desk.build()
    assert mine.read_bytes() == b"mine"
    assert beside.read_bytes() == b"mine too"
    assert not (desk.engine.out / "feeds" / "機械学習.rss").exists()


def test_a_path_that_is_another_feed_s_now_stays(desk: Desk) -> None:
    desk.build()
    desk.extra = RENAMED + "  aliases: {/feeds/機械学習.atom: ai.atom}\n"
    report = desk.build()
    file = desk.engine.out / "feeds" / "機械学習.atom"
    assert file.read_bytes() == (desk.engine.out / "feeds" / "ai.atom").read_bytes()
    assert "feeds/機械学習.atom" not in report.former.moved


def test_what_cannot_be_removed_is_said_and_tried_again(desk: Desk) -> None:
    desk.build()
    desk.extra = RENAMED
    report = desk.build(sweep=False)
    obstacle = desk.engine.out / "feeds" / "機械学習.atom.gz"
    obstacle.unlink()
    obstacle.mkdir()
    assert rules(desk.engine.sweep(report)) == ["output.left"]
    obstacle.rmdir()
    desk.build()
    assert desk.there("機械学習") == set()


def test_a_feed_that_ended_is_gone_with_all_that_belonged_to_it(desk: Desk) -> None:
    desk.build()
    desk.extra = "feeds:\n  gone: [/feeds/活版.atom, /feeds/%E6%B4%BB%E7%89%88.rss, feeds/活版.json]\n"
    report = desk.build()
    assert desk.there("活版") == set()
    assert {"feeds/活版.atom", "feeds/活版/"} < {*report.former.gone, "feeds/活版.atom"}
    assert [spec.key for spec in report.feeds] == ["all", "機械学習"]
    assert rules(report) == []
    # Its posts are still out.
    assert report.live == 3
    desk.extra = ""
    desk.build()
    assert desk.there("活版") == forms("活版")


def test_a_feed_whose_addresses_all_moved_is_no_feed_any_more(desk: Desk) -> None:
    desk.build()
    desk.extra = "feeds:\n  moved:\n" + "".join(
        f"    /feeds/活版.{name}: https://print.example/{name}\n" for name in ("atom", "rss", "json")
    )
    report = desk.build()
    assert desk.there("活版") == set()
    assert report.former.moved["/feeds/活版.rss"] == "https://print.example/rss"


def test_a_category_with_another_slug_leads_there_with_its_archives(desk: Desk) -> None:
    desk.extra = "feeds: {window: 1, archives: true}\n"
    desk.make_site({f"{n}.md": post(f"記事{n}", f"2025-04-0{n} 09:00", "categories: [活版]\n", body=LONG) for n in range(1, 4)})
    desk.build()
    assert {"feeds/活版/archive/1.atom", "feeds/活版/archive/2.atom"} <= desk.there("活版")
    desk.extra = "feeds:\n  window: 1\n  archives: true\n  categories: {活版: {slug: print}}\n"
    report = desk.build()
    assert desk.there("活版") == set()
    moved = report.former.moved
    assert moved["feeds/活版.atom"] == moved["feeds/活版/archive/1.atom"] == "https://example.org/feeds/print.atom"
    assert moved["feeds/活版/"] == "https://example.org/feeds/print/"


def test_a_document_that_nobody_speaks_for_is_removed_and_named(desk: Desk) -> None:
    desk.build()
    desk.extra = "feeds: {formats: [atom, json]}\n"
    report = desk.build()
    assert rules(report) == ["feed.dropped"]
    assert "feeds/all.rss, feeds/機械学習.rss, feeds/活版.rss" in report.problems[0].message
    assert desk.there(".rss") == set()
    assert rules(desk.build()) == []


LAST = "feeds: {tags: true, authors: true, languages: true, category_languages: true}\n"


@pytest.mark.parametrize("restart", [False, True])
def test_a_feed_whose_last_post_gets_other_labels_does_not_vanish(desk: Desk, restart: bool) -> None:
    desk.extra = LAST
    desk.build()
    keys = ["機械学習", "機械学習/ja", "tags/珍しい", "authors/花子"]
    before = {path: (desk.engine.out / path).read_bytes() for key in keys for path in forms(key)}
    desk.make_site({"a.md": post("一", "2025-05-01 09:00", "categories: [学習]\n", body=LONG)})
    for _ in range(2):
        if restart:
            desk.restart()
        report = desk.build()
        assert rules(report) == ["guard.held"] * len(keys)
        assert all("under `aka` of that" in problem.hint for problem in report.problems)
        assert {path: (desk.engine.out / path).read_bytes() for path in before} == before
    served = {each.path for each in report.published}
    assert {f"feeds/{key}.atom" for key in keys} <= served
    # Whoever wants it empty says so, and subscribers meet no error.
    for key in keys:
        desk.release(key)
    report = desk.build()
    assert rules(report) == []
    for key in keys:
        made = feedparser.parse((desk.engine.out / f"feeds/{key}.atom").read_bytes())
        assert (made.bozo, made.entries) == (False, [])
    titles = {spec.key: spec.title for spec in desk.build().feeds}
    assert titles["機械学習"] == "機械学習 – 紙と活字"
    # A post that comes back is in it again.
    desk.make_site({"a.md": POSTS["a.md"]})
    desk.build()
    assert len(feedparser.parse((desk.engine.out / "feeds/機械学習.atom").read_bytes()).entries) == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_feed_whose_last_post_is_deleted_is_empty_and_does_not_vanish(desk: Desk, restart: bool) -> None:
    desk.extra = LAST
    desk.build()
    (desk.root / "content" / "a.md").unlink()
    for _ in range(2):
        if restart:
            desk.restart()
        assert rules(desk.build()) == []
        for key in ("機械学習", "機械学習/ja", "tags/珍しい", "authors/花子"):
            made = feedparser.parse((desk.engine.out / f"feeds/{key}.atom").read_bytes())
            assert (made.bozo, made.entries) == (False, [])
    desk.make_site({"a.md": POSTS["a.md"]})
    desk.build()
    assert len(feedparser.parse((desk.engine.out / "feeds/機械学習.atom").read_bytes()).entries) == 1


@pytest.mark.parametrize("restart", [False, True])
def test_a_label_that_is_corrected_at_once_was_a_slip_of_the_pen(desk: Desk, restart: bool) -> None:
    desk.build()
    desk.make_site({"d.md": post("四", "2025-05-04 09:00", "categories: [活版ん]\n")})
    desk.build()
    assert desk.there("活版ん")
    desk.make_site({"d.md": post("四", "2025-05-04 09:00", "categories: [活版]\n")})
    desk.now -= timedelta(minutes=50)
    if restart:
        desk.restart()
    assert rules(desk.build()) == ["feed.dropped"]
    assert desk.there("活版ん") == set()
    for _ in range(2):
        desk.restart()
        assert rules(desk.build()) == []
        assert desk.there("活版ん") == set()


def test_a_renamed_category_is_no_feed_of_its_own_though_its_last_post_is_gone(desk: Desk) -> None:
    desk.build()
    desk.make_site({"a.md": post("一", "2025-05-01 09:00", "categories: [活版]\n", body=LONG)})
    assert rules(desk.build()) == ["guard.held"]
    assert guarding.decisions(desk.engine.state).held
    desk.extra = "feeds:\n  categories:\n    活版: {aka: [機械学習]}\n"
    report = desk.build()
    assert rules(report) == []
    assert not guarding.decisions(desk.engine.state).held
    assert desk.there("機械学習") == set()
    assert report.former.moved["feeds/機械学習.atom"] == "https://example.org/feeds/%E6%B4%BB%E7%89%88.atom"


def test_a_feed_whose_last_post_expires_is_empty_without_a_question(desk: Desk) -> None:
    desk.make_site({"a.md": post("一", "2025-05-01 09:00", "categories: [機械学習]\nexpires: 2025-06-01 12:00\n")})
    desk.build()
    assert len(feedparser.parse((desk.engine.out / "feeds/機械学習.atom").read_bytes()).entries) == 1
    desk.now += timedelta(days=1)
    assert rules(desk.build()) == []
    assert feedparser.parse((desk.engine.out / "feeds/機械学習.atom").read_bytes()).entries == []


def test_a_category_that_never_had_a_post_goes_with_its_setting(desk: Desk) -> None:
    desk.extra = "feeds:\n  categories: {予定: {}}\n"
    desk.build()
    assert desk.there("予定")
    desk.extra = ""
    assert rules(desk.build()) == ["feed.dropped"]
    assert desk.there("予定") == set()


def test_feeds_that_are_not_wanted_are_not_kept_for_what_they_had(desk: Desk) -> None:
    desk.extra = LAST
    desk.build()
    desk.extra = "feeds: {category_feeds: false}\n"
    assert [spec.key for spec in desk.build().feeds] == ["all"]
    desk.extra = "feeds:\n  categories: {活版: {feed: false}}\n"
    (desk.root / "content" / "b.md").unlink()
    (desk.root / "content" / "c.md").unlink()
    desk.build()
    assert desk.there("活版") == set()


def test_names_are_kept_from_one_pass_to_the_next(desk: Desk) -> None:
    """Not only from one process to the next."""
    desk.extra = "guard: {enabled: false}\n"
    desk.make_site({"d.md": post("四", "2025-05-04 09:00", "categories: [Q A]\n")})
    desk.build()
    desk.make_site({"e.md": post("五", "2025-05-05 09:00", "categories: [Q-A]\n")})
    (desk.root / "content" / "d.md").unlink()
    report = desk.build()
    assert {spec.term: spec.key for spec in report.feeds}["q a"] == "q-a"
    assert {spec.term: spec.key for spec in report.feeds}["q-a"] != "q-a"
