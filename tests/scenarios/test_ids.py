"""What authors, editors and scripts do to a site: what a reader shows as new is exactly what is new."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.scenarios.conftest import CONFIG, Desk, article

DAY = timedelta(days=1)


@pytest.fixture
def blog(desk: Desk) -> Desk:
    desk.archive(30)
    desk.build()
    assert len(desk.reader.news()) == 30
    return desk


def test_dates_that_a_script_rewrote(blog: Desk) -> None:
    before = blog.reader.titles()
    blog.every(lambda text: re.sub(r"^date: .*$", "date: 2025-06-01 12:00", text, flags=re.MULTILINE))
    blog.build(after=DAY)
    assert blog.reader.news() == []
    assert blog.reader.titles() == before


def test_categories_that_were_renamed(blog: Desk) -> None:
    blog.every(lambda text: text.replace("---\n", "---\ncategories: [印刷]\n", 1))
    blog.build()
    blog.every(lambda text: text.replace("印刷", "活版印刷"))
    blog.build()
    assert blog.reader.news() == []


def test_every_file_gets_another_name(blog: Desk) -> None:
    for file in sorted(blog.content.iterdir()):
        file.rename(file.with_name(f"2025-{file.name.removeprefix('post-')}"))
    blog.build()
    assert blog.reader.news() == []


def test_every_file_moves_and_is_edited(blog: Desk) -> None:
    blog.every(lambda text: text.replace("第3の文", "三番目の文").replace("title: 記事", "title: 題名"))
    (blog.content / "archive").mkdir()
    for file in sorted(blog.content.glob("*.md")):
        file.rename(file.parent / "archive" / file.name)
    blog.build()
    assert blog.reader.news() == []


@pytest.mark.parametrize("scheme", ["permalink", "jekyll", "hugo", "pelican"])
def test_a_site_moves_to_https_and_another_domain(desk: Desk, scheme: str) -> None:
    config = CONFIG.replace("https://example.org", "http://old.example") + f"  ids: {scheme}\n"
    desk.configure(config)
    desk.archive(10)
    desk.build()
    before = desk.reader.entries()
    desk.reader.news()
    for url, slugs in (("https://old.example", "pretty"), ("https://new.example/blog", "/:title/")):
        desk.configure(config.replace("http://old.example", url) + f"content: {{permalink: {slugs}}}\n")
        desk.build()
        assert desk.reader.news() == []
    assert desk.reader.entries() == before


def test_a_post_is_deleted_and_put_back(blog: Desk) -> None:
    file = blog.content / "post-0007.md"
    text = file.read_text(encoding="utf-8")
    file.unlink()
    blog.build()
    assert "記事0007" not in blog.reader.titles()
    blog.write("back.md", text)
    blog.build()
    assert blog.reader.news() == []
    assert "記事0007" in blog.reader.titles()


def test_what_is_new_is_new(blog: Desk) -> None:
    (blog.content / "post-0003.md").rename(blog.content / "moved.md")
    blog.write("post-0003.md", article("まったく別の記事", blog.now))
    blog.write("another.md", article("もう一つ", blog.now - timedelta(minutes=1)))
    blog.build()
    assert blog.reader.news() == ["まったく別の記事", "もう一つ"]


def test_a_lost_state_directory_is_no_disaster_when_the_ledger_is_kept_with_the_posts(desk: Desk) -> None:
    desk.configure(CONFIG + "  ledger: ledger.jsonl\n")
    desk.archive(10)
    desk.build()
    desk.reader.news()
    desk.configure(CONFIG + "  ledger: ledger.jsonl\n  ids: permalink\n")
    assert not (desk.root / ".feedservice" / "ledger.jsonl").exists()
    desk.build()
    assert desk.reader.news() == []


def test_a_copy_is_no_second_entry(blog: Desk) -> None:
    text = (blog.content / "post-0001.md").read_text(encoding="utf-8")
    blog.write("copy.md", text)
    report = blog.build()
    assert [(problem.rule, problem.path) for problem in report.problems] == [("id.copy", "copy.md")]
    assert blog.reader.news() == []
