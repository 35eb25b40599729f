"""What was taken away by mistake comes back where it was, also at the end of a feed, and old news does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.scenarios.conftest import CONFIG, Desk, article

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize("way", ["draft", "deleted"])
def test_the_oldest_entry_comes_back(desk: Desk, way: str) -> None:
    desk.archive(5)
    desk.build()
    assert len(desk.reader.news()) == 5
    file = desk.content / "post-0005.md"
    text = file.read_text(encoding="utf-8")
    file.unlink() if way == "deleted" else file.write_text(text.replace("---\n", "---\ndraft: true\n", 1), encoding="utf-8")
    desk.build()
    assert desk.reader.titles()[-1] == "記事0004"
    file.write_text(text, encoding="utf-8")
    for _ in range(2):
        desk.build()
        assert desk.reader.titles()[-1] == "記事0005"
        assert desk.reader.news() == []


def test_an_entry_that_the_window_had_no_room_for_does_not_come_with_one_that_returns(desk: Desk) -> None:
    desk.configure(CONFIG + "  window: 3\n")
    desk.archive(5)
    desk.build()
    assert desk.reader.news() == ["記事0001", "記事0002", "記事0003"]
    texts = {number: (desk.content / f"post-000{number}.md").read_text(encoding="utf-8") for number in (2, 3)}
    for number in texts:
        (desk.content / f"post-000{number}.md").unlink()
    desk.build()
    assert desk.reader.titles() == ["記事0001"]
    desk.write("post-0003.md", texts[3])
    desk.build()
    assert desk.reader.titles() == ["記事0001", "記事0003"]
    desk.write("post-0002.md", texts[2])
    desk.build()
    assert desk.reader.titles() == ["記事0001", "記事0002", "記事0003"]
    assert desk.reader.news() == []


def test_a_post_of_these_days_that_gets_another_category_is_news_there(desk: Desk) -> None:
    """Yesterday's post had the wrong category; in the right one there is only today's."""
    desk.archive(10)
    desk.write("today.md", article("Today", desk.now - 2 * HOUR, more="categories: [tea]\n"))
    desk.write("tea.md", article("Yesterday", desk.now - DAY, more="categories: [tae]\n"))
    desk.write("old.md", article("Long ago", desk.now - 99 * DAY, more="categories: [ink]\n"))
    desk.write("ink.md", article("Ink", desk.now - 98 * DAY, more="categories: [ink]\n"))
    desk.build()
    assert desk.reader.news("tea") == ["Today"]
    desk.reader.news()
    desk.write("tea.md", article("Yesterday", desk.now - DAY - HOUR, more="categories: [tea]\n"))
    desk.build()
    assert desk.reader.news("tea") == ["Yesterday"]
    assert desk.reader.titles("tea") == ["Today", "Yesterday"]
    # One of long ago is none.
    desk.write("old.md", article("Long ago", desk.now - 99 * DAY - 2 * HOUR, more="categories: [ink, tea]\n"))
    report = desk.build()
    assert desk.reader.news("tea") == []
    assert "tea" not in {each.feed for each in report.guarded}
    assert desk.reader.news() == []
