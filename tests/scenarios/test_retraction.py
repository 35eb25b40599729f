"""What is taken back is said to be, moves the date of its feed, and comes back as itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import feedparser
import pytest

from feedservice.feeds import elements
from feedservice.feeds.elements import TOMBSTONES
from tests.scenarios.conftest import CONFIG, Desk, article

DAY = timedelta(days=1)


def stones(desk: Desk, key: str = "all") -> dict[str, datetime]:
    feed = elements.read((desk.root / "public" / "feeds" / f"{key}.atom").read_bytes())
    found = feed.findall(f"{{{TOMBSTONES}}}deleted-entry")
    return {stone.attrib["ref"]: datetime.fromisoformat(stone.attrib["when"]).astimezone(UTC) for stone in found}


def updated(desk: Desk) -> datetime:
    parsed = feedparser.parse((desk.root / "public" / "feeds" / "all.atom").read_bytes())
    return datetime.fromisoformat(parsed.feed.updated).astimezone(UTC)


@pytest.fixture
def blog(desk: Desk) -> Desk:
    desk.archive(10)
    desk.write("gone.md", article("消える記事", desk.now - timedelta(hours=3)))
    desk.build()
    desk.reader.news()
    return desk


WAYS = {
    "deleted": lambda _text: None,
    "draft": lambda text: text.replace("---\n", "---\ndraft: true\n", 1),
    "expired": lambda text: text.replace("---\n", "---\nexpires: 2025-06-01\n", 1),
    "feed: false": lambda text: text.replace("---\n", "---\nfeed: false\n", 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_said_the_date_moves_and_it_comes_back_as_itself(blog: Desk, way: str) -> None:
    file = blog.content / "gone.md"
    text = file.read_text(encoding="utf-8")
    identity = next(name for name, title in blog.reader.entries() if title == "消える記事")
    before = updated(blog)
    changed = WAYS[way](text)
    file.unlink() if changed is None else file.write_text(changed, encoding="utf-8")
    assert [problem for problem in blog.build().problems if problem.severity == "error"] == []
    when = blog.now
    assert stones(blog) == {identity: when}
    assert updated(blog) >= max(before, when)
    assert "消える記事" not in blog.reader.titles()
    # Nothing more happens, and it goes on being said, as of then.
    blog.build()
    blog.write("new.md", article("新しい", blog.now))
    blog.build(after=DAY)
    assert stones(blog) == {identity: when}
    assert blog.reader.news() == ["新しい"]
    file.write_text(text, encoding="utf-8")
    blog.build()
    assert stones(blog) == {}
    assert blog.reader.news() == []
    assert "消える記事" in blog.reader.titles()


def test_it_is_said_for_thirty_days(blog: Desk) -> None:
    (blog.content / "gone.md").unlink()
    blog.build()
    blog.write("new.md", article("新しい", blog.now + 31 * DAY))
    blog.build(after=32 * DAY)
    assert stones(blog) == {}


def test_an_entry_that_left_the_window_was_not_taken_back(desk: Desk) -> None:
    desk.configure(CONFIG + "  window: 3\n")
    desk.archive(5)
    desk.build()
    desk.write("new.md", article("新しい", desk.now))
    desk.build()
    assert stones(desk) == {}


def test_an_entry_that_got_another_category_was_not_taken_back(desk: Desk) -> None:
    for number in range(1, 5):
        desk.write(f"{number}.md", article(f"記事{number}", desk.now - number * DAY, more="categories: [茶]\n"))
    desk.build()
    desk.write("1.md", article("記事1", desk.now - DAY - timedelta(hours=1), more="categories: [墨]\n"))
    desk.build()
    assert "記事1" not in desk.reader.titles("茶")
    assert stones(desk, "茶") == {}


def test_rss_has_a_notice_on_request(blog: Desk) -> None:
    blog.configure(CONFIG + "  notices: true\n")
    blog.build()
    (blog.content / "gone.md").unlink()
    blog.build()
    items = feedparser.parse((blog.root / "public" / "feeds" / "all.rss").read_bytes()).entries
    assert items[0].title == "【取り下げ】消える記事"
    # Under the id that readers know: it is no new entry.
    assert set(blog.reader.poll()["rss"]) == set()
