from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import feedparser
import pytest

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.service import publish
from feedservice.service.engine import Engine
from feedservice.service.report import Report
from feedservice.store.sql import open_store
from tests.service.conftest import MakeSite

NOW = datetime(2025, 12, 1, tzinfo=UTC)
EXTRA = "feeds: {window: 2, archives: true, category_feeds: false, pages: false, compress: []}\n"


def posts(first: int, last: int) -> dict[str, str]:
    return {f"p{n:02}.md": f"---\ntitle: t{n}\ndate: 2025-01-{n:02} 09:00\n---\nText {n}.\n" for n in range(first, last + 1)}


def build(loaded: Loaded) -> Report:
    return publish.build(loaded, now=NOW, out=loaded.root / "public")


def titles(path: Path) -> list[str]:
    return [entry.title for entry in feedparser.parse(path.read_bytes()).entries]


def chain(root: Path, start: str = "/feeds/all.atom") -> Iterator[list[str]]:
    """Follow ``prev-archive`` from the subscription document to the oldest archive."""
    path: str | None = start
    while path is not None:
        parsed = feedparser.parse((root / path.lstrip("/")).read_bytes())
        yield [entry.title for entry in parsed.entries]
        path = next((urlsplit(link.href).path for link in parsed.feed.links if link.rel == "prev-archive"), None)


def json_chain(root: Path) -> Iterator[list[str]]:
    path: str | None = "/feeds/all.json"
    while path is not None:
        document = json.loads((root / path.lstrip("/")).read_text())
        yield [item["title"] for item in document["items"]]
        path = urlsplit(document["next_url"]).path if "next_url" in document else None


def test_every_entry_can_be_reached(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 9), EXTRA)
    report = build(loaded)
    assert [problem for problem in report.problems if problem.severity == "error"] == []
    for documents in (list(chain(loaded.root / "public")), list(json_chain(loaded.root / "public"))):
        assert documents[0] == ["t9", "t8"]
        assert sorted({title for document in documents for title in document}) == sorted(f"t{n}" for n in range(1, 10))


def test_an_archive_keeps_its_members_and_a_new_post_touches_one_archive_at_most(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 9), EXTRA)
    build(loaded)
    folder = loaded.root / "public" / "feeds" / "all" / "archive"
    before = {path.name: titles(path) for path in folder.glob("*.atom")}
    for n in range(10, 16):
        report = build(make_site(posts(n, n), EXTRA))
        touched = {published.path for published in report.published if published.changed and published.path.endswith(".atom")}
        assert "feeds/all.atom" in touched
        assert len(touched) <= 2
    after = {path.name: titles(path) for path in folder.glob("*.atom")}
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before)


def links(path: Path) -> dict[str, str]:
    return {link.rel: urlsplit(link.href).path for link in feedparser.parse(path.read_bytes()).feed.links}


def test_the_chain_is_the_same_in_both_directions_after_every_post(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 8), EXTRA)
    build(loaded)
    root, lengths = loaded.root / "public", set()
    for n in range(9, 16):
        build(make_site(posts(n, n), EXTRA))
        forth, path = ["/feeds/all/archive/1.atom"], "/feeds/all/archive/1.atom"
        while (path := links(root / path.lstrip("/")).get("next-archive", "")) != "":
            forth.append(path)
        back, path = list[str](), "/feeds/all.atom"
        while (path := links(root / path.lstrip("/")).get("prev-archive", "")) != "":
            back.append(path)
        assert forth == back[::-1]
        lengths.add(len(back))
    assert len(lengths) > 2


def test_a_late_arrival_is_in_an_archive_of_its_own_and_moves_nothing(make_site: MakeSite) -> None:
    loaded = make_site(posts(2, 9), EXTRA)
    build(loaded)
    before = {path: path.read_bytes() for path in (loaded.root / "public" / "feeds" / "all" / "archive").glob("*.json")}
    build(make_site(posts(1, 1), EXTRA))
    reached = [title for document in chain(loaded.root / "public") for title in document]
    assert "t1" in reached
    kept = {path: [item["title"] for item in json.loads(body)["items"]] for path, body in before.items()}
    assert {path: [item["title"] for item in json.loads(path.read_text())["items"]] for path in before} == kept


def test_an_edit_rewrites_the_archive_it_is_in(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 9), EXTRA)
    build(loaded)
    edited = {"p03.md": "---\ntitle: t3\ndate: 2025-01-03 09:00\n---\nNew text.\n"}
    report = build(make_site(edited, EXTRA))
    changed = [published.path for published in report.published if published.changed and published.path.endswith(".json")]
    assert len(changed) == 1
    assert "New text" in (loaded.root / "public" / changed[0]).read_text()


def test_a_file_that_only_gets_another_name_has_another_link_in_its_archive(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 9), EXTRA)
    build(loaded)
    (loaded.root / "content" / "p01.md").rename(loaded.root / "content" / "first.md")
    build(loaded)
    body = (loaded.root / "public" / "feeds" / "all" / "archive" / "1.atom").read_text()
    assert "/first/" in body
    assert 'href="https://example.org/2025/01/01/p01/"' not in body


def test_an_archived_post_links_to_where_the_other_post_is_now(make_site: MakeSite) -> None:
    extra = EXTRA + "content: {dialect: zola, permalink: '/:title/'}\n"
    first = "---\ntitle: t1\ndate: 2025-01-01 09:00\n---\nSee [the ninth](@/p09.md).\n"
    loaded = make_site(posts(2, 9) | {"p01.md": first}, extra)
    root = loaded.root
    engine = Engine(root / ".feedservice", lambda folder: open_store(folder / "store.sqlite"), out=root / "public")

    def archived() -> str:
        return (root / "public" / "feeds" / "all" / "archive" / "1.atom").read_text()

    with contextlib.closing(engine):
        engine.build(loaded, now=NOW)
        assert "https://example.org/p09/" in archived()
        text = (root / "content" / "p09.md").read_text()
        (root / "content" / "p09.md").write_text(text.replace("title:", "slug: ninth\ntitle:"))
        engine.build(loaded, now=NOW, paths=["p09.md"])
        assert "https://example.org/ninth/" in archived()
        assert "https://example.org/p09/" not in archived()
    # What was not made anew is known to lead somewhere all the same.
    engine = Engine(root / ".feedservice", lambda folder: open_store(folder / "store.sqlite"), out=root / "public")
    with contextlib.closing(engine):
        (root / "content" / "p09.md").write_text(text)
        engine.build(loaded, now=NOW)
        assert "https://example.org/p09/" in archived()


def test_nothing_changed_renders_no_archive(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site(posts(1, 9), EXTRA)
    build(loaded)

    def refuse(*_arguments: object) -> None:
        raise AssertionError("an archive was rendered")

    monkeypatch.setattr("feedservice.service.history._render", refuse)
    report = build(loaded)
    assert not any(published.changed for published in report.published)
    assert sum(published.immutable for published in report.published) > 0


def test_a_feed_that_shows_everything_says_so(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 2), EXTRA)
    build(loaded)
    assert b"complete" in (loaded.root / "public" / "feeds" / "all.atom").read_bytes()
    assert not (loaded.root / "public" / "feeds" / "all").exists()
    build(make_site(posts(3, 3), EXTRA))
    assert b"complete" not in (loaded.root / "public" / "feeds" / "all.atom").read_bytes()


def test_damaged_memory_stops_the_pass_and_changes_nothing(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 9), EXTRA)
    build(loaded)
    memory = loaded.root / ".feedservice" / "archives.json"
    memory.write_text('{"all": [["x"], ["x"]]}')
    with pytest.raises(RefusedError, match="damaged"):
        build(make_site(posts(10, 10), EXTRA))
    memory.write_text("{")
    with pytest.raises(RefusedError, match="damaged"):
        build(loaded)


def test_lost_inputs_cost_only_the_rendering(make_site: MakeSite) -> None:
    loaded = make_site(posts(1, 9), EXTRA)
    build(loaded)
    (loaded.root / ".feedservice" / "archive-inputs.json").unlink()
    assert not any(published.changed for published in build(loaded).published)
