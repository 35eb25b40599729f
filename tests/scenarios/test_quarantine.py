"""A post that was good and is broken stays for a while as it was, and then it goes; both are said."""

from __future__ import annotations

import contextlib
import hashlib
import os
from datetime import timedelta

import feedparser
import pytest

from feedservice.config import load
from feedservice.model import Severity
from feedservice.service import pack
from feedservice.service.engine import Engine
from feedservice.service.report import Report
from feedservice.store.sql import open_store
from tests.scenarios.conftest import CONFIG, Desk, article

HOUR = timedelta(hours=1)

GOOD = article("良い記事", "2025-05-31 12:00")


def rules(report: Report) -> list[str]:
    return [problem.rule for problem in report.problems]


@pytest.fixture
def blog(desk: Desk) -> Desk:
    desk.archive(6)
    desk.write("good.md", GOOD)
    assert desk.build().problems == ()
    assert len(desk.reader.news()) == 7
    return desk


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("", "post.empty"),
        (GOOD[:20], "frontmatter.unterminated"),
        (GOOD.replace("title: 良い記事", "title: a: b"), "yaml.needs-quotes"),
        (GOOD.replace("date: 2025-05-31 12:00", "date: soon"), "date.unreadable"),
        (GOOD[: GOOD.rindex("---") + 4], "post.emptied"),
        ("<<<<<<< HEAD\n" + GOOD, "date.missing"),
    ],
)
def test_the_last_good_version_stays_for_a_while_and_is_said_to(blog: Desk, broken: str, rule: str) -> None:
    file = blog.write("good.md", broken)
    before = blog.reader.titles()
    report = blog.build()
    assert rule in rules(report)
    assert "post.kept" in rules(report)
    assert report.errors
    assert blog.reader.news() == []
    assert blog.reader.titles() == before
    assert report.due == blog.now + timedelta(days=1)
    # A change of the whole configuration has it rendered again, from the good version.
    blog.configure(CONFIG.replace("紙と活字", "別の題"))
    assert "post.kept" in rules(blog.build(after=22 * HOUR))
    entries = feedparser.parse((blog.root / "public/feeds/all.atom").read_bytes()).entries
    assert "第3の文" in next(entry for entry in entries if entry.title == "良い記事").content[0].value
    # Mended, it is what it was.
    file.write_text(GOOD.replace("第3の文", "三番目の文"), encoding="utf-8")
    assert blog.build().problems == ()
    assert blog.reader.news() == []


def test_after_the_time_of_grace_it_is_withdrawn_and_comes_back_as_itself(blog: Desk) -> None:
    blog.write("good.md", GOOD[:20])
    blog.build()
    for _ in range(2):
        report = blog.build(after=24 * HOUR)
        assert "post.withdrawn" in rules(report)
        assert "良い記事" not in blog.reader.titles()
    blog.write("good.md", GOOD)
    assert blog.build().problems == ()
    assert "良い記事" in blog.reader.titles()
    assert blog.reader.news() == []


def test_a_text_that_is_taken_out_on_purpose_is_published_after_the_time_of_grace(blog: Desk) -> None:
    blog.write("good.md", GOOD[: GOOD.rindex("---") + 4])
    assert "post.kept" in rules(blog.build())
    assert blog.build(after=25 * HOUR).problems == ()
    assert "良い記事" in blog.reader.titles()


def test_without_a_time_of_grace_it_is_withdrawn_at_once(blog: Desk) -> None:
    blog.configure(CONFIG + "content: {grace: 0s}\n")
    blog.build()
    blog.write("good.md", "")
    assert "post.withdrawn" in rules(blog.build())
    assert "良い記事" not in blog.reader.titles()


def test_a_post_that_was_never_out_has_nothing_that_stays(blog: Desk) -> None:
    blog.write("bad.md", GOOD[:20])
    report = blog.build()
    assert [problem.rule for problem in report.problems if problem.severity is Severity.ERROR] == ["frontmatter.unterminated"]


def test_a_post_that_is_deleted_is_gone_at_once(blog: Desk) -> None:
    (blog.content / "good.md").unlink()
    assert blog.build().problems == ()
    assert "良い記事" not in blog.reader.titles()


def kept(desk: Desk) -> dict[str, bytes | None]:
    place = desk.root / ".feedservice" / "good" / "sources"
    return {name: pack.read(place, name) for name in pack.records(place)}


def test_only_sources_of_shown_entries_are_kept(desk: Desk) -> None:
    desk.configure(CONFIG + "  window: 3\n")
    desk.archive(8)
    desk.build()
    before = kept(desk)
    assert len(before) == 3
    desk.write("new.md", article("新しい", desk.now))
    desk.build()
    assert len(kept(desk)) == 3
    assert kept(desk)["new.md"] == (desk.content / "new.md").read_bytes()
    assert len(before.keys() - kept(desk).keys()) == 1


def test_a_copy_that_a_power_cut_took_is_made_again(desk: Desk) -> None:
    desk.archive(2)
    desk.build()
    before = kept(desk)
    assert before == {path.relative_to(desk.content).as_posix(): path.read_bytes() for path in desk.content.rglob("*.md")}
    place = desk.root / ".feedservice" / "good" / "sources"
    place.write_bytes(place.read_bytes()[:-20])
    assert len(kept(desk)) == 1
    os.utime(next(desk.content.rglob("*.md")), ns=(10**18, 10**18))
    desk.write("new.md", article("新しい", desk.now))
    desk.build()
    assert kept(desk) == before | {"new.md": (desk.content / "new.md").read_bytes()}


def test_what_was_kept_one_file_each_still_stands_in(blog: Desk) -> None:
    blog.build()
    folder = blog.root / ".feedservice" / "good"
    source = (blog.content / "good.md").read_bytes()
    (folder / "sources").unlink()
    (folder / hashlib.blake2b(b"good.md", digest_size=16).hexdigest()).write_bytes(source)
    blog.write("good.md", GOOD[:20])
    assert "post.kept" in rules(blog.build())
    assert "良い記事" in blog.reader.titles()


def test_what_many_edits_leave_behind_is_cleared_away(desk: Desk) -> None:
    desk.archive(2)
    desk.build()
    place = desk.root / ".feedservice" / "good" / "sources"
    for number in range(6):
        desk.write("new.md", article("新しい", desk.now) + f"{number} 語 " * 60_000)
        desk.build()
    assert place.stat().st_size < 4 * (desk.content / "new.md").stat().st_size + (1 << 20)
    assert kept(desk)["new.md"] == (desk.content / "new.md").read_bytes()
    assert len(kept(desk)) == 3


def test_what_stands_in_does_so_after_a_restart(blog: Desk) -> None:
    def passed() -> Report:
        blog.now += HOUR
        state, out = blog.root / ".feedservice", blog.root / "public"
        engine = Engine(state, lambda folder: open_store(folder / "store.sqlite"), out=out)
        with contextlib.closing(engine):
            return engine.build(load(blog.root / "config.yaml", {}), now=blog.now)

    passed()
    for broken in (GOOD[: GOOD.rindex("---") + 4], GOOD[:20]):
        blog.write("good.md", broken)
        assert ["post.kept" in rules(passed()) for _ in range(3)] == [True] * 3
        entries = feedparser.parse((blog.root / "public/feeds/all.atom").read_bytes()).entries
        assert "第3の文" in next(entry for entry in entries if entry.title == "良い記事").content[0].value
    blog.write("good.md", GOOD)
    assert passed().problems == ()


@pytest.mark.parametrize("broken", [GOOD[:20], GOOD[: GOOD.rindex("---") + 4]])
def test_what_stood_in_when_a_service_stopped_is_in_no_feed_when_its_time_is_over(blog: Desk, broken: str) -> None:
    def passed(after: timedelta) -> None:
        blog.now += after
        state, out = blog.root / ".feedservice", blog.root / "public"
        engine = Engine(state, lambda folder: open_store(folder / "store.sqlite"), out=out)
        with contextlib.closing(engine):
            engine.build(load(blog.root / "config.yaml", {}), now=blog.now)

    def good(feed: str) -> list[str]:
        entries = feedparser.parse((blog.root / f"public/feeds/{feed}.atom").read_bytes()).entries
        return [entry.content[0].value for entry in entries if entry.title == "良い記事" and entry.get("content")]

    shelved = "title: 良い記事\ncategories: [茶]"
    blog.write("good.md", GOOD.replace("title: 良い記事", shelved))
    blog.write("other.md", article("別の記事", "2025-05-30 12:00", more="categories: [茶]\n"))
    passed(HOUR)
    blog.write("good.md", broken.replace("title: 良い記事", shelved))
    passed(HOUR)
    assert all("第3の文" in text for feed in ("all", "茶") for text in good(feed) or [""])
    passed(25 * HOUR)
    assert not any("第3の文" in text for feed in ("all", "茶") for text in good(feed))
