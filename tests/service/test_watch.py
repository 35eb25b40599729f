from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from feedservice.service.settling import Patience
from feedservice.service.watch import Area, Changes, Watcher, git_at_work, silent, stamps
from tests.daemon.conftest import wait_for


class Heard:
    """What a watcher told, by the names of the files."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.paths: set[str] = set()

    def __call__(self, paths: Iterable[str], quiet: float) -> None:
        assert quiet > 0
        with self.lock:
            self.paths.update(paths)

    def has(self, path: Path) -> None:
        wait_for(lambda: str(path) in self.paths)


@pytest.fixture
def area(tmp_path: Path) -> Area:
    root = tmp_path.resolve()
    (root / "content").mkdir()
    (root / "config.yaml").write_text("a", "utf-8")
    return Area(content=root / "content", config=root / "config.yaml", outside=(root / "content" / "public",))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def watcher(area: Area, heard: Heard) -> Iterator[Watcher]:
    made = Watcher(area, heard)
    made.start()
    yield made
    made.stop()


def test_changes_are_heard_deep_down_and_what_is_no_content_is_not(watcher: Watcher, area: Area, heard: Heard) -> None:
    assert watcher.silence is None
    deep = area.content / "a" / "b"
    deep.mkdir(parents=True)
    for leaving in (".a.md.swp", "a.md~", "4913", "#a.md#", "a.tmp"):
        (area.content / leaving).write_text("x", "utf-8")
    (area.content / "public").mkdir()
    (area.content / "public" / "feed.md").write_text("x", "utf-8")
    (area.content.parent / "notes.md").write_text("x", "utf-8")
    (area.content / "post.md").write_text("x", "utf-8")
    heard.has(area.content / "post.md")
    wait_for(lambda: any("a" in Path(path).name for path in heard.paths))
    (deep / "post.md").write_text("x", "utf-8")
    heard.has(deep / "post.md")
    names = {Path(path).name for path in heard.paths}
    assert names <= {"post.md", "a", "b", "content"}


def test_the_configuration_is_heard_also_when_it_is_replaced(watcher: Watcher, area: Area, heard: Heard) -> None:
    other = area.config.with_name("config.yaml.new")
    other.write_text("b", "utf-8")
    other.replace(area.config)
    heard.has(area.config)


def test_a_configuration_that_is_a_link_is_heard_where_it_lies(area: Area, heard: Heard) -> None:
    lies = area.config.parent / "elsewhere" / "site.yaml"
    lies.parent.mkdir()
    area.config.rename(lies)
    area.config.symlink_to(lies)
    watcher = Watcher(area, heard)
    watcher.start()
    try:
        lies.write_text("b", "utf-8")
        heard.has(lies)
    finally:
        watcher.stop()


def test_where_no_events_come_none_are_waited_for_but_those_of_the_configuration(area: Area, heard: Heard) -> None:
    watcher = Watcher(area, heard, silent=lambda folder: f"{folder} is a nfs4 file system")
    watcher.start()
    try:
        assert watcher.silence == f"{area.content} is a nfs4 file system"
        (area.content / "post.md").write_text("x", "utf-8")
        area.config.write_text("b", "utf-8")
        heard.has(area.config)
        assert heard.paths == {str(area.config)}
        assert watcher.look() is False
    finally:
        watcher.stop()


def test_a_directory_that_was_made_again_is_listened_to_again(watcher: Watcher, area: Area, heard: Heard) -> None:
    assert watcher.look() is False
    area.content.rmdir()
    assert watcher.look() is True
    assert watcher.silence == "there is no such directory"
    assert watcher.look() is False
    area.content.mkdir()
    heard.has(area.content)
    assert watcher.look() is True
    assert watcher.silence is None
    (area.content / "post.md").write_text("x", "utf-8")
    heard.has(area.content / "post.md")


def test_a_watcher_that_is_stopped_says_nothing_more(area: Area, heard: Heard) -> None:
    watcher = Watcher(area, heard)
    watcher.start()
    watcher.stop()
    before = threading.active_count()
    (area.content / "post.md").write_text("x", "utf-8")
    assert threading.active_count() == before
    assert heard.paths == set()


def test_this_file_system_tells_of_changes(tmp_path: Path) -> None:
    assert silent(tmp_path) is None


def test_what_changes_together_settles_together(tmp_path: Path) -> None:
    async def main() -> list[frozenset[str]]:
        busy = [True]
        changes = Changes(Patience(hold=0.05), busy=lambda: busy[0])
        found: list[frozenset[str]] = []

        async def take() -> None:
            found.extend([await anext(changes.settled())])

        task = asyncio.ensure_future(take())
        a, b, gone = tmp_path / "a", tmp_path / "b", tmp_path / "gone"
        for path in (a, b):
            path.write_text("x", "utf-8")
            changes.hear([str(path)])
            await asyncio.sleep(0)
        changes.hear([str(gone)])
        await asyncio.sleep(0.2)
        assert found == []
        busy[0] = False
        while not found:  # noqa: ASYNC110  -- what is waited for has no event
            await asyncio.sleep(0.01)
        task.cancel()
        return found

    assert asyncio.run(main()) == [frozenset(str(tmp_path / name) for name in ("a", "b", "gone"))]


def test_stamps_tell_one_file_from_another(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("x", "utf-8")
    stat = file.stat()
    assert stamps([str(file), str(tmp_path / "b")]) == {
        str(file): (1, stat.st_mtime_ns, stat.st_ino),
        str(tmp_path / "b"): None,
    }
    other = tmp_path / "c"
    other.write_text("x", "utf-8")
    os.utime(other, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    before = stamps([str(file)])
    other.replace(file)
    assert stamps([str(file)]) != before


def test_git_is_at_work_while_it_holds_its_lock(tmp_path: Path) -> None:
    (tmp_path / "content" / "deep").mkdir(parents=True)
    assert not git_at_work(tmp_path / "content")()
    (tmp_path / ".git").mkdir()
    at_work = git_at_work(tmp_path / "content" / "deep")
    assert not at_work()
    (tmp_path / ".git" / "index.lock").touch()
    assert at_work()
