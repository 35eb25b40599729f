"""A new post waits for a while before anybody gets it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feedservice.feeds.selection import Reason
from tests.scenarios.conftest import CONFIG, Desk, article

MINUTE = timedelta(minutes=1)


@pytest.fixture
def blog(desk: Desk) -> Desk:
    desk.configure(CONFIG + "  hold_back: 30m\n  categories: {速報: {hold_back: 1m}, 評論: {hold_back: 2h}}\n")
    desk.archive(5)
    desk.build()
    assert len(desk.reader.news()) == 5, "what a site begins with does not wait"
    return desk


def test_a_new_post_waits(blog: Desk) -> None:
    blog.write("new.md", article("新しい", blog.now))
    report = blog.build(after=MINUTE)
    seen = blog.now
    assert (report.held[Reason.HOLD_BACK], report.due) == (1, seen + 30 * MINUTE)
    assert blog.reader.news() == []
    blog.build(after=29 * MINUTE)
    assert blog.reader.news() == []
    blog.build(after=MINUTE)
    assert blog.reader.news() == ["新しい"]
    # Once out it is out, whatever becomes of it.
    blog.write("new.md", article("新しい", blog.now, more="categories: [評論]\n"))
    blog.build(after=MINUTE)
    assert "新しい" in blog.reader.titles()


def test_what_is_deleted_meanwhile_nobody_saw(blog: Desk) -> None:
    file = blog.write("new.md", article("間違い", blog.now))
    blog.build(after=MINUTE)
    file.unlink()
    blog.build(after=60 * MINUTE)
    assert blog.reader.news() == []


def test_a_category_has_its_own_time_and_the_longest_counts(blog: Desk) -> None:
    blog.write("a.md", article("速報", blog.now, more="categories: [速報]\n"))
    blog.write("b.md", article("評論", blog.now, more="categories: [速報, 評論]\n"))
    blog.build(after=MINUTE)
    assert blog.reader.news() == []
    blog.build(after=MINUTE)
    assert blog.reader.news() == ["速報"]
    blog.build(after=119 * MINUTE)
    assert blog.reader.news() == ["評論"]


def test_a_draft_has_waited_already(blog: Desk) -> None:
    blog.write("a.md", article("下書き", blog.now, more="draft: true\n"))
    blog.build(after=MINUTE)
    blog.write("a.md", article("下書き", blog.now))
    blog.build(after=60 * MINUTE)
    assert blog.reader.news() == ["下書き"]
