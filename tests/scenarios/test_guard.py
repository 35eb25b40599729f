"""What nobody means to send stays here until somebody has looked."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedservice import cli
from tests.scenarios.conftest import CONFIG, Desk, article

DAY = timedelta(days=1)


def feedservice(desk: Desk, *words: str) -> Result:
    return CliRunner().invoke(cli.group, ["--config", str(desk.root / "config.yaml"), *words])


def tree(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def blog(desk: Desk) -> Desk:
    desk.archive(30)
    desk.build()
    assert len(desk.reader.news()) == 30
    return desk


def test_an_old_archive_that_is_imported_is_held_and_released(blog: Desk) -> None:
    before = tree(blog.root / "public" / "feeds")
    for number in range(12):
        blog.write(f"old/{number}.md", article(f"昔{number:02}", blog.now - (400 + number) * DAY))
    report = blog.build()
    assert [(each.feed, each.since) for each in report.guarded] == [("all", blog.now)]
    (problem,) = [problem for problem in report.problems if problem.rule == "guard.held"]
    assert "12 entries would be new at once" in problem.message
    assert tree(blog.root / "public" / "feeds") == before
    assert blog.reader.news() == []
    since = blog.now
    assert [each.since for each in blog.build().guarded] == [since]
    result = feedservice(blog, "release")
    assert (result.exit_code, result.output) == (0, "all: published\n")
    assert len(blog.reader.news()) == 12
    assert blog.build().guarded == ()


def test_what_is_rejected_stays_out_and_the_rest_goes_on(blog: Desk) -> None:
    for number in range(12):
        blog.write(f"old/{number}.md", article(f"昔{number:02}", blog.now - (5 + number / 100) * DAY))
    assert len(blog.build().guarded) == 1
    assert feedservice(blog, "reject", "all").exit_code == 0
    blog.write("new.md", article("新しい記事", blog.now))
    assert blog.build().guarded == ()
    assert blog.reader.news() == ["新しい記事"]
    # A change of mind: they are looked at again.
    assert feedservice(blog, "release", "all").exit_code == 4
    assert feedservice(blog, "release", "all").exit_code == 0
    assert len(blog.reader.news()) == 12


def test_a_release_is_for_what_was_shown(blog: Desk) -> None:
    for number in range(6):
        blog.write(f"old/{number}.md", article(f"昔{number:02}", blog.now - (5 + number / 100) * DAY))
    blog.build()
    blog.write("old/7.md", article("昔07", blog.now - 5 * DAY))
    result = feedservice(blog, "release")
    assert (result.exit_code, result.stdout) == (4, "all: still held\n")
    assert blog.reader.news() == []


def test_there_is_nothing_to_release(blog: Desk) -> None:
    assert feedservice(blog, "release").exit_code == 4
    assert "is not held" in feedservice(blog, "reject", "all").output


def test_a_lost_ledger_does_not_send_everything_again(desk: Desk) -> None:
    desk.archive(10)
    desk.configure(CONFIG + "  ids: permalink\n")
    desk.build()
    desk.reader.news()
    (desk.root / ".feedservice" / "ledger.jsonl").unlink()
    desk.configure(CONFIG)
    report = desk.build()
    (problem,) = [problem for problem in report.problems if problem.rule == "guard.held"]
    assert "10 entries would be unread again under another id" in problem.message
    assert desk.reader.news() == []


def test_content_that_is_not_mounted_empties_no_feed(blog: Desk) -> None:
    before = tree(blog.root / "public" / "feeds")
    away = blog.root / "away"
    shutil.copytree(blog.content, away)
    for file in blog.content.iterdir():
        file.unlink()
    report = blog.build()
    assert len(report.guarded) == 1
    assert tree(blog.root / "public" / "feeds") == before
    blog.content.rmdir()
    away.rename(blog.content)
    assert blog.build().guarded == ()
    assert blog.reader.news() == []
    assert tree(blog.root / "public" / "feeds") == before


def test_a_mass_edit_of_lastmod_is_held(blog: Desk) -> None:
    blog.every(lambda text: text.replace("title:", "lastmod: 2025-06-01 17:00\ntitle:"))
    assert ["would be said to have changed" in reason for each in blog.build().guarded for reason in each.reasons] == [True]
    blog.every(lambda text: re.sub(r"^lastmod: .*\n", "", text, flags=re.MULTILINE))
    assert blog.build().guarded == ()


def test_half_of_the_posts_deleted(blog: Desk) -> None:
    for file in sorted(blog.content.iterdir())[:16]:
        file.unlink()
    assert "16 of 30 entries would be gone" in blog.build().guarded[0].reasons[0]


def test_only_the_feeds_concerned_are_held(desk: Desk) -> None:
    for number in range(1, 11):
        more = f"categories: [{'茶' if number % 2 else '墨'}]\n"
        desk.write(f"{number}.md", article(f"記事{number}", desk.now - number * DAY, more=more))
    desk.build()
    desk.reader.news("茶")
    desk.reader.news("墨")
    for number in range(1, 11, 2):
        (desk.content / f"{number}.md").unlink()
    desk.write("new.md", article("新しい", desk.now, more="categories: [墨]\n"))
    report = desk.build()
    assert [each.feed for each in report.guarded] == ["茶"] or "all" not in [each.feed for each in report.guarded]
    assert desk.reader.news("墨") == ["新しい"]


def test_a_small_step_is_no_blast(blog: Desk) -> None:
    for number in range(5):
        blog.write(f"new-{number}.md", article(f"新{number}", blog.now - timedelta(hours=number)))
    (blog.content / "post-0002.md").unlink()
    late = blog.write("late.md", article("遅れて来た記事", blog.now - 300 * DAY))
    report = blog.build()
    assert len(report.guarded) == 1, "six at once"
    late.unlink()
    assert blog.build().guarded == ()
    assert blog.reader.news() == [f"新{number}" for number in range(5)]


def test_a_late_post_is_seen_although_the_window_has_no_room_for_it(desk: Desk) -> None:
    desk.configure(CONFIG + "  window: 5\n")
    desk.archive(20)
    desk.build()
    assert len(desk.reader.news()) == 5
    desk.write("late.md", article("遅れて来た記事", desk.now - 300 * DAY))
    desk.build()
    assert desk.reader.news() == ["遅れて来た記事"]
    desk.write("new.md", article("新しい", desk.now))
    desk.build(after=6 * DAY)
    assert desk.reader.titles()[0] == "新しい"
    assert desk.reader.titles()[-1] == "遅れて来た記事"
    desk.build(after=2 * DAY)
    assert "遅れて来た記事" not in desk.reader.titles()
    assert desk.reader.news() == ["新しい"]


def test_a_withdrawn_post_brings_no_old_one_back(desk: Desk) -> None:
    desk.configure(CONFIG + "  window: 5\n")
    desk.archive(20)
    desk.build()
    desk.reader.news()
    (desk.content / "post-0002.md").unlink()
    desk.build()
    assert desk.reader.news() == []
    assert len(desk.reader.titles()) == 4


@pytest.fixture
def shelves(blog: Desk) -> Desk:
    """A blog with a category of one post and two of two."""
    for number, label in enumerate(("tea", "ink", "ink", "cup", "cup")):
        blog.write(f"shelf/{number}.md", article(f"棚{number}", blog.now - (2 + number) * DAY, more=f"categories: [{label}]\n"))
    blog.build()
    assert blog.reader.news("tea") == ["棚0"]
    return blog


@pytest.mark.parametrize("way", ["deleted", "draft", "broken"])
def test_the_only_post_of_a_category_can_be_taken_back(shelves: Desk, way: str) -> None:
    file = shelves.content / "shelf" / "0.md"
    text = file.read_text(encoding="utf-8")
    if way == "deleted":
        file.unlink()
    else:
        file.write_text(text.replace("---\n", "---\ndraft: true\n" if way == "draft" else "---\n: x: y\n", 1), encoding="utf-8")
    reports = [shelves.build(), shelves.build(after=2 * DAY)]
    assert [report.guarded for report in reports] == [(), ()]
    assert shelves.reader.entries("tea") == []
    assert "deleted-entry" in (shelves.root / "public" / "feeds" / "tea.atom").read_text(encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    assert shelves.build().guarded == ()
    # It is back, and nobody takes it for another.
    assert shelves.reader.titles("tea") == ["棚0"]
    assert shelves.reader.news("tea") == []


def test_a_category_whose_only_post_gets_another_one_is_asked_about(shelves: Desk) -> None:
    shelves.write("moved.md", (shelves.content / "shelf" / "0.md").read_text(encoding="utf-8").replace("[tea]", "[Tea and cake]"))
    (shelves.content / "shelf" / "0.md").unlink()
    for _ in range(2):
        report = shelves.build()
        assert [each.feed for each in report.guarded] == ["tea"]
        assert "aka" in next(each.hint for each in report.problems if each.rule == "guard.held")
    assert shelves.reader.titles("tea") == ["棚0"]


def test_of_many_that_vanish_at_once_nobody_meant_each(shelves: Desk) -> None:
    """A folder that is not mounted: most of the blog is there, and three small feeds would be empty."""
    (shelves.content / "shelf").rename(shelves.root / "shelf")
    for _ in range(3):
        assert [each.feed for each in shelves.build().guarded] == ["cup", "ink", "tea"]
    assert shelves.reader.titles("ink") == ["棚1", "棚2"]
    (shelves.root / "shelf").rename(shelves.content / "shelf")
    assert shelves.build().guarded == ()
    assert [shelves.reader.news(key) for key in ("all", "tea")] == [["棚0", "棚1", "棚2", "棚3", "棚4"], []]
