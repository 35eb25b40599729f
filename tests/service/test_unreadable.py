"""Files and directories that cannot be read for a while: what was published stays, and only they are named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedservice.service.engine import Engine
from tests.service.conftest import MakeSite
from tests.service.test_engine import again, engine, titles
from tests.service.test_publish import post

__all__ = ["engine"]

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
EXTRA = "feeds: {category_feeds: false, pages: false, formats: [atom]}\n"
POSTS = {
    f"{folder}/{folder}{at}.md": post(f"{folder} {at}", f"2025-05-0{at} 09:0{len(folder)}")
    for folder in ("ink", "cups")
    for at in (1, 2, 3)
}
ALL = ["cups 3", "ink 3", "cups 2", "ink 2", "cups 1", "ink 1"]


@contextmanager
def unreadable(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the system refuse to read a file or a directory, as a disk does that fails; the superuser meets no other refusal."""

    def refuses(call: Any) -> Any:
        def asked(path: Any, *given: Any, **named: Any) -> Any:
            if not isinstance(path, int) and os.fspath(path) == str(place):
                raise OSError(5, "Input/output error", str(path))
            return call(path, *given, **named)

        return asked

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuses(os.open))
        patched.setattr(os, "scandir", refuses(os.scandir))
        yield


@pytest.mark.parametrize("restart", [False, True])
def test_a_file_that_cannot_be_read_any_more_stands_in_for_itself(
    engine: Engine, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    """Its times say that it is what it was, and everything has to be rendered again."""
    loaded = make_site(POSTS, EXTRA)
    engine.build(loaded, now=NOW)
    assert titles(engine) == ALL
    make_site({"new.md": post("New", "2025-05-31 09:00")}, EXTRA)
    loaded = make_site({}, EXTRA.replace("{", "{content: summary, "))
    if restart:
        engine = again(engine)
    with unreadable(loaded.root / "content" / "ink" / "ink2.md", monkeypatch):
        for hours in (1, 2):
            report = engine.build(loaded, now=NOW + hours * HOUR)
            assert {each.rule for each in report.problems if each.path == "ink/ink2.md"} == {"post.unreadable", "post.kept"}
            assert titles(engine) == ["New", *ALL]
    report = engine.build(loaded, now=NOW + 3 * HOUR)
    assert report.problems == ()
    assert titles(engine) == ["New", *ALL]
    engine.close()


@pytest.mark.parametrize("restart", [False, True])
def test_a_directory_that_cannot_be_read_takes_no_post_away(
    engine: Engine, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    loaded = make_site(POSTS, EXTRA)
    engine.build(loaded, now=NOW)
    make_site({"new.md": post("New", "2025-05-31 09:00")}, EXTRA)
    if restart:
        engine = again(engine)
    with unreadable(loaded.root / "content" / "ink", monkeypatch):
        for hours in (1, 2):
            report = engine.build(loaded, now=NOW + hours * HOUR)
            assert "scan.unreadable" in {each.rule for each in report.problems}
            assert titles(engine) == ["New", *ALL]
    report = engine.build(loaded, now=NOW + 3 * HOUR)
    assert report.problems == ()
    assert titles(engine) == ["New", *ALL]
    engine.close()


@pytest.mark.parametrize("restart", [False, True])
def test_a_file_that_can_be_read_now_is_read(
    engine: Engine, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    """`chmod` leaves the time of a file as it is."""
    loaded = make_site(POSTS, EXTRA)
    engine.build(loaded, now=NOW)
    make_site({"new.md": post("New", "2025-05-31 09:00")}, EXTRA)
    with unreadable(loaded.root / "content" / "new.md", monkeypatch):
        for hours in (1, 2):
            report = engine.build(loaded, now=NOW + hours * HOUR)
            assert [each.rule for each in report.problems] == ["post.unreadable"]
            assert titles(engine) == ALL
    if restart:
        engine = again(engine)
    report = engine.build(loaded, now=NOW + 3 * HOUR)
    assert report.problems == ()
    assert titles(engine) == ["New", *ALL]
    assert engine.build(loaded, now=NOW + 4 * HOUR).read == 0
    engine.close()
