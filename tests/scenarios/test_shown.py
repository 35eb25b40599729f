"""What happens to a site on a bad day, judged by the stores of real readers: what they show as new is exactly what is new."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from feedservice import cli
from feedservice.errors import RefusedError
from tests.daemon.conftest import CONFIG as SERVED
from tests.daemon.conftest import Site, post, wait_for
from tests.daemon.conftest import site as site  # noqa: PLC0414 - a fixture
from tests.scenarios.conftest import Desk, article
from tests.scenarios.readers import Feedparser, Newsboat, ReaderLibrary

DAY = timedelta(days=1)
Program = type[Feedparser] | type[Newsboat] | type[ReaderLibrary]
FORMATS: dict[Program, tuple[str, ...]] = {
    Feedparser: ("atom", "rss"),
    ReaderLibrary: ("atom", "rss", "json"),
    Newsboat: ("atom", "rss"),
}
Audience = Callable[..., list[str]]


PROGRAMS: tuple[Program, ...] = (Feedparser, ReaderLibrary, *((Newsboat,) if shutil.which("newsboat") is not None else ()))


@pytest.fixture
def shows(desk: Desk) -> Audience:
    """Return who says what is new in a feed: every program, in every format alike. Who is asked for the first time subscribes."""
    root = desk.root
    subscribed: dict[tuple[str, str, Program], Feedparser | Newsboat | ReaderLibrary] = {}

    def shows(feed: str = "all") -> list[str]:
        told: list[list[str]] = []
        for program in PROGRAMS:
            for name in FORMATS[program]:
                reader = subscribed.get((feed, name, program))
                if reader is None:
                    folder = root / "readers" / program.__name__ / feed / name
                    folder.mkdir(parents=True)
                    file = root / "public" / "feeds" / f"{feed}.{name}"
                    url = f"file://{file}" if program is Newsboat else str(file)
                    reader = subscribed[feed, name, program] = program(url, folder)
                told.append(sorted(reader.news()))
        assert all(each == told[0] for each in told), told
        return told[0]

    return shows


def released(desk: Desk) -> None:
    done = CliRunner().invoke(cli.group, ["--config", str(desk.root / "config.yaml"), "release"])
    assert done.exit_code == 0, done.output


def test_three_thousand_files_are_touched(desk: Desk, shows: Audience) -> None:
    desk.archive(3000)
    desk.build()
    assert len(shows()) == 50
    for file in desk.content.iterdir():
        os.utime(file, (1_750_000_000, 1_750_000_000))
    desk.write("new.md", article("新しい記事", desk.now))
    assert [each.changed for each in desk.build().published].count(True) == 4, "three documents and the list of feeds"
    assert shows() == ["新しい記事"]
    for file in desk.content.iterdir():
        # Copied anew, as by a deployment: another inode, and the time of the copy.
        file.write_bytes(file.read_bytes())
    assert not any(each.changed for each in desk.build().published)
    assert shows() == []


def test_a_script_rewrites_all_dates(desk: Desk, shows: Audience) -> None:
    desk.archive(30)
    desk.build()
    assert len(shows()) == 30
    desk.every(lambda text: re.sub(r"^date: .*$", "date: 2025-06-01 12:00", text, flags=re.MULTILINE))
    desk.write("new.md", article("新しい記事", desk.now))
    # That all of them have changed today is held; whoever lets it out sends one post.
    (held,) = desk.build(after=DAY).guarded
    assert "would be said to have changed" in held.reasons[0]
    assert shows() == []
    released(desk)
    assert shows() == ["新しい記事"]
    desk.every(lambda text: re.sub(r"^date: .*$", "date: 1999-12-31 12:00", text, flags=re.MULTILINE))
    desk.write("newer.md", article("もっと新しい記事", desk.now))
    desk.build()
    assert shows() == ["もっと新しい記事"]


def test_the_content_directory_is_not_mounted(desk: Desk, shows: Audience) -> None:
    desk.archive(30)
    desk.build()
    assert len(shows()) == 30
    away = desk.root / "away"
    desk.content.rename(away)
    with pytest.raises(RefusedError, match="there is no content directory"):
        desk.build()
    assert shows() == []
    # The point where it was mounted is there, and empty; then it has the first few files of what comes back.
    desk.content.mkdir()
    assert len(desk.build().guarded) == 1
    for file in sorted(away.iterdir())[20:]:
        shutil.copy2(file, desk.content)
    desk.build()
    assert shows() == []
    shutil.rmtree(desk.content)
    away.rename(desk.content)
    desk.write("new.md", article("新しい記事", desk.now))
    assert desk.build().guarded == ()
    assert shows() == ["新しい記事"]


def test_files_are_read_half_saved(desk: Desk, shows: Audience) -> None:
    desk.archive(10)
    desk.build()
    assert len(shows()) == 10
    good = (desk.content / "post-0002.md").read_text(encoding="utf-8")
    new = article("新しい記事", desk.now)
    for part in (0, 10, 30, 60, len(new) - 5):
        desk.write("new.md", new[:part])
        desk.write("post-0002.md", good[:part])
        desk.build()
    desk.write("new.md", new)
    desk.write("post-0002.md", good)
    assert desk.build().problems == ()
    # Whenever it was first whole enough to be a post: once.
    assert shows() == ["新しい記事"]
    assert shows() == []


def test_every_save_of_a_half_saved_file_is_polled(desk: Desk, shows: Audience) -> None:
    desk.archive(10)
    desk.build()
    shows()
    new = article("新しい記事", desk.now)
    seen: list[str] = []
    for part in (0, 10, 30, 60, len(new) - 5, len(new)):
        desk.write("new.md", new[:part])
        desk.build()
        seen += shows()
    assert seen == ["新しい記事"]


def test_a_post_moves_between_categories(desk: Desk, shows: Audience) -> None:
    for number in range(1, 11):
        more = f"categories: [{'茶' if number % 2 else '墨'}]\n"
        desk.write(f"{number}.md", article(f"記事{number:02}", desk.now - 2 * number * DAY, more=more))
    desk.build()
    assert [len(shows(key)) for key in ("all", "茶", "墨")] == [10, 5, 5]
    # One of this week: those who read the other category have not seen it.
    desk.write("1.md", article("記事01", desk.now - 2 * DAY, more="categories: [墨]\n"))
    assert desk.build().guarded == ()
    assert [shows(key) for key in ("all", "茶", "墨")] == [[], [], ["記事01"]]
    # One of three weeks ago is old news: a person decides, and the others read on.
    desk.write("9.md", article("記事09", desk.now - 18 * DAY, more="categories: [墨]\n"))
    desk.write("new.md", article("新しい記事", desk.now, more="categories: [茶, 墨]\n"))
    assert [each.feed for each in desk.build().guarded] == ["墨"]
    assert [shows(key) for key in ("all", "茶", "墨")] == [["新しい記事"], ["新しい記事"], []]
    done = CliRunner().invoke(cli.group, ["--config", str(desk.root / "config.yaml"), "reject", "墨"])
    assert done.exit_code == 0, done.output
    assert [shows(key) for key in ("all", "茶", "墨")] == [[], [], ["新しい記事"]]
    # Back again: nobody has it anew.
    desk.write("1.md", article("記事01", desk.now - 2 * DAY, more="categories: [茶]\n"))
    desk.build()
    assert [shows(key) for key in ("all", "茶", "墨")] == [[], [], []]


def test_categories_are_renamed(site: Site) -> None:
    """A running service, because readers of the old feed are sent to the new one."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(1, 9):
        site.write(f"{number}.md", post(f"Post {number}", str(day - number * DAY), categories="[press]"))
    # They follow it to the public address, which has to be one that answers.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = SERVED.replace("https://example.org", f"http://127.0.0.1:{port}").replace("port: 0", f"port: {port}")
    site.config.write_text(config, "utf-8")
    site.start()
    readers = []
    programs = [(program, name) for program in PROGRAMS for name in FORMATS[program]]
    for feed, (program, name) in itertools.product(("all", "press"), programs):
        folder = site.root / "readers" / program.__name__ / feed / name
        folder.mkdir(parents=True)
        readers.append(program(f"{site.url}/feeds/{feed}.{name}", folder))
    half = len(readers) // 2
    assert [reader.poll() for reader in readers] == [9] * half + [8] * half
    site.config.write_text(config + "feeds:\n  categories:\n    letterpress: {aka: [press]}\n", "utf-8")
    wait_for(lambda: "the configuration changed" in site.log())
    for file in sorted(site.content.glob("?.md")):
        file.write_text(file.read_text("utf-8").replace("[press]", "[letterpress]"), "utf-8")
    wait_for(lambda: len(site.titles("letterpress")) == 8)
    site.ask("rebuild", wait=True)
    assert [reader.poll() for reader in readers] == [0] * len(readers)
    site.write("new.md", post("New", str(day), categories="[letterpress]"))
    wait_for(lambda: "New" in site.titles("letterpress"))
    assert [reader.news() for reader in readers] == [["New"]] * len(readers)


@pytest.mark.judge
def test_two_changes_in_one_second_are_two(site: Site) -> None:
    """Newsboat throws an answer away that has the date of the one before: libcurl does, whatever the status and the tag say."""
    if shutil.which("newsboat") is None:
        pytest.skip("newsboat is not installed")
    site.start()
    folder = site.root / "newsboat"
    folder.mkdir()
    reader = Newsboat(f"{site.url}/feeds/all.atom", folder)
    assert reader.news() == ["First"]
    for number in range(4):
        site.write(f"{number}.md", post(f"Post {number}", "2025-03-01"))
        wait_for(lambda number=number: f"Post {number}" in site.titles())
        assert reader.news() == [f"Post {number}"]
