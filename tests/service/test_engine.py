from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest
import pytz

from feedservice.config import Loaded, load
from feedservice.dates import zones
from feedservice.errors import RefusedError
from feedservice.feeds import assemble
from feedservice.feeds.selection import Reason
from feedservice.model import Document, FeedHead, Fragment
from feedservice.service import publish, roster, workers
from feedservice.service.engine import Engine
from feedservice.service.report import Happening, Report
from feedservice.store import Store
from feedservice.store.sql import open_store
from tests.service.conftest import MakeSite
from tests.service.test_publish import POSTS, post, tree

NOW = datetime(2025, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def opener(state: Path) -> Store:
    return open_store(state / "store.db")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with contextlib.closing(Engine(tmp_path / ".feedservice", opener, out=tmp_path / "public")) as engine:
        yield engine


def again(engine: Engine) -> Engine:
    """Stop and start."""
    engine.close()
    return Engine(engine.state, opener, out=engine.out)


def whole(loaded: Loaded, root: Path, now: datetime = NOW) -> Mapping[str, bytes]:
    """Build into an empty directory, with nothing remembered."""
    root.mkdir()
    (root / "content").symlink_to(loaded.root / "content")
    (root / "config.yaml").write_text(loaded.path.read_text())
    publish.build(load(root / "config.yaml", {}), now=now, out=root / "public")
    return tree(root / "public")


def written(report: Report) -> set[str]:
    return {each.path for each in report.published if each.changed}


def parsed(engine: Engine, path: str = "feeds/all.atom") -> feedparser.FeedParserDict:
    return feedparser.parse((engine.out / path).read_bytes())


def titles(engine: Engine, path: str = "feeds/all.atom") -> list[str]:
    return [entry.title for entry in parsed(engine, path).entries]


def test_an_engine_writes_what_a_pass_without_memory_writes(engine: Engine, make_site: MakeSite, tmp_path: Path) -> None:
    loaded = make_site(POSTS, "feeds: {aliases: {/feed.xml: all.atom}}\n")
    report = engine.build(loaded, now=NOW)
    assert tree(engine.out) == whole(loaded, tmp_path / "other")
    assert (report.read, report.rendered) == (6, 3)
    assert {(each.path, each.before) for each in report.changed} == {
        (f"feeds/{key}.{name}", None) for key in ("all", "投資分析", "csharp") for name in ("atom", "rss", "json")
    }


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("paths", [None, ()])
def test_nothing_changed_reads_renders_and_writes_nothing(
    engine: Engine, make_site: MakeSite, restart: bool, paths: tuple[str, ...] | None
) -> None:
    loaded = make_site(POSTS)
    first = engine.build(loaded, now=NOW)
    before = {path: path.stat().st_mtime_ns for path in engine.out.rglob("*")}
    if restart:
        engine = again(engine)
    report = engine.build(loaded, now=NOW + HOUR, paths=paths)
    assert (report.read, report.rendered, report.changed, written(report)) == (0, 0, (), set())
    assert {path: path.stat().st_mtime_ns for path in engine.out.rglob("*")} == before
    strip = [(each.path, each.etag, each.last_modified, each.codings, each.entries, each.links) for each in report.published]
    assert strip == [
        (each.path, each.etag, each.last_modified, each.codings, each.entries, each.links) for each in first.published
    ]
    assert (report.posts, report.live, report.held, report.due, report.feeds) == (
        first.posts,
        first.live,
        first.held,
        first.due,
        first.feeds,
    )
    engine.close()


@pytest.mark.parametrize("restart", [False, True])
def test_an_edit_costs_its_own_post_and_its_own_feeds(engine: Engine, make_site: MakeSite, tmp_path: Path, restart: bool) -> None:
    engine.build(make_site(POSTS), now=NOW)
    if restart:
        engine = again(engine)
    loaded = make_site({"b.md": post("二", "2025-05-02 09:00", "categories: [投資分析, C#]\n", body="別の本文")})
    report = engine.build(loaded, now=NOW + HOUR, paths=["b.md"])
    assert (report.read, report.rendered) == (1, 1)
    assert {each.feed for each in report.changed} == {"all", "投資分析", "csharp"}
    assert all(each.before and each.after and each.before != each.after for each in report.changed)
    assert tree(engine.out) == whole(loaded, tmp_path / "other")
    loaded = make_site({"c.md": post("三", "2025-05-03 09:00", body="これも")})
    report = engine.build(loaded, now=NOW + HOUR, paths=["c.md"])
    assert {each.feed for each in report.changed} == {"all"}
    assert tree(engine.out) == whole(loaded, tmp_path / "another")
    engine.close()


def test_a_file_that_was_only_touched_is_read_and_nothing_else(engine: Engine, make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    engine.build(loaded, now=NOW)
    make_site({"b.md": POSTS["b.md"]})
    report = engine.build(loaded, now=NOW)
    assert (report.read, report.rendered, report.changed) == (1, 0, ())
    assert again(engine).build(loaded, now=NOW).read == 0


LABELS = ["AI", "ai", "C#", "投資分析", "開発"]


def test_any_sequence_of_changes_gives_what_a_pass_without_memory_gives(
    engine: Engine, make_site: MakeSite, tmp_path: Path
) -> None:
    """Everything that can happen to posts, in a random order that is always the same."""
    chance = random.Random(7)
    extra = "feeds: {window: 3, tags: true, authors: true, languages: true, compress: []}\ncontent: {exclude: [{robots: noindex}]}\nguard: {enabled: false}\n"
    names = [f"{folder}{n}.md" for folder in ("", "x/") for n in range(4)]
    loaded = make_site({"fixed.md": post("fixed", "2025-01-01")}, extra)
    engine.build(loaded, now=NOW)

    def text() -> str:
        some = chance.sample(LABELS, chance.randrange(3))
        more = f"categories: {json.dumps(some)}\ntags: {json.dumps(chance.sample(LABELS, chance.randrange(2)))}\n"
        more += chance.choice(["", "", "draft: true\n", "robots: noindex\n", "feed: ai\n", "author: 花子\n", "lang: en\n"])
        more += chance.choice(["", "", "expires: 2025-06-01 20:00\n", "id: one\n", "permalink: /same/\n"])
        date = f"2025-0{chance.choice([1, 5, 6])}-0{chance.randrange(1, 4)} 0{chance.randrange(10)}:00"
        return post(f"t{chance.randrange(9)}", date, more, body=f"{chance.randrange(99)}")

    now = NOW
    for step in range(60):
        now += HOUR / 2
        touched = chance.sample(names, chance.choice([1, 1, 1, 3]))
        for name in touched:
            file = tmp_path / "content" / name
            if chance.random() < 0.3:
                file.unlink(missing_ok=True)
            else:
                make_site({name: text()}, extra)
        rests = False
        if step % 13 == 12:
            engine = again(engine)
            engine.standing()
            rests = engine.rests(loaded, now)
        # Without memory, but with what the state directory says of ids and of what readers have.
        other = tmp_path / f"whole{step}"
        shutil.copytree(engine.state, other / ".feedservice", ignore=shutil.ignore_patterns("store.db*"))
        (other / "content").symlink_to(tmp_path / "content")
        (other / "config.yaml").write_text((tmp_path / "config.yaml").read_text())
        out = other / "public"
        reference = publish.build(load(other / "config.yaml", {}), now=now, out=out)
        report = engine.build(loaded, now=now, paths=touched if step % 3 else None)
        assert not rests or not (report.read or report.changed or written(report))
        # Who does not know what was published does not know what is not any more.
        assert [each for each in report.problems if each.rule != "feed.dropped"] == list(reference.problems)
        assert (report.live, report.refused, report.held, report.due) == (
            reference.live,
            reference.refused,
            reference.held,
            reference.due,
        )
        assert report.feeds == reference.feeds
        for spec in report.feeds:
            assert titles(engine, spec.paths["atom"]) == titles_in(out / spec.paths["atom"])
            ours = json.loads((engine.out / spec.paths["json"]).read_text())
            assert ours == json.loads((out / spec.paths["json"]).read_text())
    engine.close()


def titles_in(path: Path) -> list[str]:
    return [entry.title for entry in feedparser.parse(path.read_bytes()).entries]


def test_many_changes_at_once_give_the_same(
    engine: Engine, make_site: MakeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "MANY", 2)
    engine.build(make_site(POSTS), now=NOW)
    new = {f"{n}.md": post(f"n{n}", f"2025-05-1{n} 09:00", f"categories: [K{n % 2}]\n") for n in range(5)}
    loaded = make_site(new)
    report = engine.build(loaded, now=NOW, paths=new.keys())
    assert report.read == 5
    assert {each.feed for each in report.changed} == {"all", "k0", "k1"}
    assert tree(engine.out) == whole(loaded, tmp_path / "other")


def test_a_scheduled_post_appears_by_time_alone_and_says_so_before(engine: Engine, make_site: MakeSite) -> None:
    loaded = make_site(POSTS | {"short.md": post("短", "2025-05-04", "expires: 2025-06-10 00:00\n")})
    report = engine.build(loaded, now=NOW)
    assert [(each.path, each.what, each.instant, each.title, each.zone) for each in report.coming] == [
        ("short.md", Happening.EXPIRE, datetime(2025, 6, 9, 15, tzinfo=UTC), "短", "Asia/Tokyo"),
        ("future.md", Happening.PUBLISH, datetime(2025, 7, 1, tzinfo=UTC), "未来", "Asia/Tokyo"),
    ]
    assert report.due == report.coming[0].instant
    report = engine.build(loaded, now=datetime(2025, 7, 1, tzinfo=UTC), paths=())
    assert (report.read, report.rendered) == (0, 1)
    assert titles(engine) == ["未来", "三", "二", "一"]
    assert report.held[Reason.EXPIRED] == 2
    assert report.coming == ()


def test_a_new_database_of_zones_moves_what_is_to_come(
    engine: Engine, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post of next year is a local time in a zone: when that zone is changed by law, it is another instant."""
    loaded = make_site({"now.md": post("now", "2025-01-01 09:00"), "later.md": post("later", "2026-07-01 09:00")})
    assert engine.build(loaded, now=NOW).due == datetime(2026, 7, 1, tzinfo=UTC)
    engine.close()
    real = pytz.timezone
    # Nine hours of Tokyo, and ten by a law that this test has made.
    monkeypatch.setattr(pytz, "timezone", lambda name: real("Australia/Brisbane" if name == "Asia/Tokyo" else name))
    monkeypatch.setattr(pytz, "OLSON_VERSION", "2099z")
    known = [each for each in vars(zones).values() if hasattr(each, "cache_clear")]
    assert known
    try:
        for each in known:
            each.cache_clear()
        report = engine.build(loaded, now=NOW)
    finally:
        monkeypatch.undo()
        for each in known:
            each.cache_clear()
    assert report.read == 2
    assert report.due == datetime(2026, 6, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_that_goes_back_takes_nothing_back(engine: Engine, make_site: MakeSite, restart: bool) -> None:
    loaded = make_site(POSTS)
    later = datetime(2025, 7, 2, tzinfo=UTC)
    engine.build(loaded, now=later)
    before = tree(engine.out)
    for now in (NOW, datetime(1970, 1, 1, tzinfo=UTC), later):
        if restart:
            engine = again(engine)
        report = engine.build(loaded, now=now)
        assert (report.changed, report.live, tree(engine.out)) == ((), 4, before)
    # It is the author who may hold a post back again.
    report = engine.build(make_site({"future.md": post("未来", "2025-07-01 09:00", "draft: true\n")}), now=later)
    assert titles(engine) == ["三", "二", "一"]
    engine.close()


def test_a_feed_moves_on_when_an_entry_is_taken_back_and_never_goes_back(engine: Engine, make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    first = engine.build(loaded, now=NOW)
    (loaded.root / "content" / "c.md").unlink()
    later = NOW + HOUR
    report = engine.build(loaded, now=later + timedelta(microseconds=5))
    assert titles(engine) == ["二", "一"]
    assert parsed(engine).feed.updated == "2025-06-01T10:00:00+09:00"
    modified = {each.path: each.last_modified for each in report.published}
    assert modified["feeds/all.atom"] == later
    # A new post that is older than that does not bring it back, after a restart neither.
    engine = again(engine)
    make_site({"c.md": POSTS["c.md"]})
    report = engine.build(loaded, now=later + HOUR)
    assert titles(engine) == ["三", "二", "一"]
    assert parsed(engine).feed.updated == "2025-06-01T10:00:00+09:00"
    after = {each.path: each.last_modified for each in report.published}
    assert after["feeds/all.atom"] == later + HOUR
    assert all(each.last_modified <= after[each.path] for each in first.published)
    engine.close()


def test_bytes_that_change_are_modified_though_the_feed_says_no_other_time(engine: Engine, make_site: MakeSite) -> None:
    engine.build(make_site(POSTS), now=NOW)
    report = engine.build(
        make_site({"a.md": post("一", "2025-05-01 09:00", "categories: [投資分析]\n", body="直した")}), now=NOW + HOUR
    )
    modified = {each.path: each.last_modified for each in report.published}
    assert parsed(engine).feed.updated == "2025-05-03T09:00:00+09:00"
    assert modified["feeds/all.atom"] == NOW + HOUR
    assert modified["feeds/csharp.atom"] < NOW


@pytest.mark.parametrize("restart", [False, True])
def test_an_emptied_content_directory_empties_nothing_without_consent(engine: Engine, make_site: MakeSite, restart: bool) -> None:
    loaded = make_site(POSTS)
    engine.build(loaded, now=NOW)
    before = tree(engine.out)
    for name in POSTS:
        (loaded.root / "content" / name).unlink()
    if restart:
        engine = again(engine)
    for _ in range(2):
        with pytest.raises(RefusedError, match="no post"):
            engine.build(loaded, now=NOW)
        assert tree(engine.out) == before
    engine.build(loaded, now=NOW, emptied=True)
    assert titles(engine) == []
    # What is empty with consent may stay so without saying it again.
    assert engine.build(loaded, now=NOW).posts == 0
    engine.close()


def test_a_lost_content_directory_changes_nothing(engine: Engine, make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    engine.build(loaded, now=NOW)
    before = tree(engine.out)
    (loaded.root / "content").rename(loaded.root / "away")
    with pytest.raises(RefusedError, match="no content directory"):
        engine.build(loaded, now=NOW)
    (loaded.root / "away").rename(loaded.root / "content")
    assert engine.build(loaded, now=NOW).changed == ()
    assert tree(engine.out) == before


def edit_config(make_site: MakeSite, extra: str) -> Loaded:
    return make_site({}, extra)


@pytest.mark.parametrize(
    "extra",
    ["feeds: {window: 2}\n", "feeds: {content: summary}\n", "feeds: {pages: false}\n", "content: {permalink: '/:title/'}\n"],
)
def test_another_configuration_is_in_force_at_once(engine: Engine, make_site: MakeSite, tmp_path: Path, extra: str) -> None:
    engine.build(make_site(POSTS), now=NOW)
    loaded = edit_config(make_site, extra)
    engine.build(loaded, now=NOW)
    other = whole(loaded, tmp_path / "other")
    assert {path: body for path, body in tree(engine.out).items() if path in other} == other


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"<feed/>")])
@pytest.mark.parametrize("name", ["all.atom", "all.atom.gz", "all/index.html", "csharp.json"])
def test_what_others_did_to_the_files_is_put_right(
    engine: Engine, make_site: MakeSite, harm: Callable[[Path], object], name: str
) -> None:
    loaded = make_site(POSTS, "feeds: {compress: [gzip]}\n")
    engine.build(loaded, now=NOW)
    before = tree(engine.out)
    harm(engine.out / "feeds" / name)
    report = engine.build(loaded, now=NOW)
    assert report.changed == ()
    assert tree(engine.out) == before


def test_a_full_pass_reads_and_renders_everything_and_writes_nothing(engine: Engine, make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    engine.build(loaded, now=NOW)
    report = engine.build(loaded, now=NOW, full=True)
    assert (report.read, report.rendered, report.changed, written(report)) == (6, 3, (), set())


def test_texts_of_pages_come_from_the_store(engine: Engine, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site(POSTS)
    engine.build(loaded, now=NOW)
    make_site({"d.md": post("四", "2025-05-04 09:00")})
    rendered: list[str] = []
    real = workers.render_batch

    def watched(batch: workers.ToRender) -> list[workers.Rendered]:
        rendered.extend(order.post.path for order in batch.orders)
        return real(batch)

    monkeypatch.setattr(workers, "render_batch", watched)
    engine.build(loaded, now=NOW)
    assert rendered == ["d.md"]
    page = (engine.out / "feeds" / "all" / "index.html").read_text()
    assert page.count("本文です。") >= 4


@pytest.mark.parametrize("restart", [False, True])
def test_a_feed_with_a_window_too_large_for_its_budget_is_made_when_it_changes(
    engine: Engine, make_site: MakeSite, monkeypatch: pytest.MonkeyPatch, restart: bool
) -> None:
    extra = "feeds: {max_bytes: 30K}\n"
    posts = {f"{n}.md": post(f"t{n}", f"2025-05-0{n} 09:00", f"categories: [c{n % 2}]\n", body="あ" * 3000) for n in range(1, 9)}
    made: list[str] = []
    real = assemble.document

    def watched(head: FeedHead, name: str, fragments: Sequence[Fragment]) -> Document:
        made.append(f"{head.spec.key}.{name}")
        return real(head, name, fragments)

    report = engine.build(make_site(posts, extra), now=NOW)
    assert titles(engine) == ["t8", "t7"]
    warned = [problem for problem in report.problems if problem.rule == "feed.shortened"]
    assert [problem.path for problem in warned] == ["feeds/all.atom", "feeds/c0.atom", "feeds/c1.atom"]
    if restart:
        engine = again(engine)
    monkeypatch.setattr(assemble, "document", watched)
    loaded = make_site({"9.md": post("t9", "2025-05-09 09:00", "categories: [c1]\n", body="あ" * 3000)}, extra)
    report = engine.build(loaded, now=NOW)
    assert sorted(made) == [f"{key}.{name}" for key in ("all", "c1") for name in ("atom", "json", "rss")]
    # It is the same warning, and so it is not told again.
    assert [problem for problem in report.problems if problem.rule == "feed.shortened"] == warned
    assert (titles(engine), titles(engine, "feeds/c0.atom")) == (["t9", "t8"], ["t8", "t6"])
    made.clear()
    engine.build(make_site({}, extra), now=NOW)
    assert made == []
    engine.close()


def test_a_post_that_links_to_another_follows_it(engine: Engine, make_site: MakeSite) -> None:
    extra = "content: {dialect: jekyll}\n"
    posts = {
        "_posts/2025-05-01-one.md": "---\ntitle: 1\n---\nSee [two]({% post_url 2025-05-02-two %}).",
        "_posts/2025-05-02-two.md": "---\ntitle: 2\n---\nText.",
    }
    engine.build(make_site(posts, extra), now=NOW)
    loaded = make_site({"_posts/2025-05-02-two.md": "---\ntitle: 2\npermalink: /elsewhere/\n---\nText."}, extra)
    report = engine.build(loaded, now=NOW, paths=["_posts/2025-05-02-two.md"])
    assert (report.read, report.rendered) == (1, 2)
    assert '"https://example.org/elsewhere/\\"' in (engine.out / "feeds" / "all.json").read_text()


def test_a_post_follows_the_files_that_it_asked_for(engine: Engine, make_site: MakeSite) -> None:
    episode = post("回", "2025-05-04 09:00", "audio: /a.mp3\n")
    loaded = make_site({"ep.md": episode, "a.mp3": "123", "c.md": POSTS["c.md"]})
    engine.build(loaded, now=NOW)
    assert b'length="3"' in (engine.out / "feeds" / "all.rss").read_bytes()
    make_site({"a.mp3": "123456"})
    report = engine.build(loaded, now=NOW, paths=["a.mp3"])
    assert report.read == 1
    assert b'length="6"' in (engine.out / "feeds" / "all.rss").read_bytes()


def test_what_stands_before_the_first_pass_is_what_the_last_one_left(engine: Engine, make_site: MakeSite) -> None:
    loaded = make_site(POSTS, "feeds: {aliases: {/feed.xml: all.atom}}\n")
    assert engine.standing() == ()
    report = engine.build(loaded, now=NOW)
    engine = again(engine)
    with contextlib.closing(engine):
        left = {each.path: dataclasses.replace(each, changed=False) for each in report.published}
        assert {each.path: each for each in engine.standing()} == left

        # Restored from a backup: the same bytes with another time. Coded forms may be of anything.
        os.utime(engine.out / "feeds/all.atom", ns=(1, 1))
        assert left["feeds/all.atom"].codings
        found = {each.path: each for each in engine.standing()}
        assert found == {**left, "feeds/all.atom": dataclasses.replace(left["feeds/all.atom"], codings={})}

        # Written by somebody else, and gone.
        (engine.out / "feeds/all.atom").write_bytes(b"x" * left["feeds/all.atom"].size)
        (engine.out / "feeds/all.json").unlink()
        assert {each.path for each in engine.standing()} == left.keys() - {"feeds/all.atom", "feeds/all.json"}
        engine.build(loaded, now=NOW)
        assert {each.path for each in engine.standing()} == left.keys()


def test_nothing_stands_when_the_store_is_damaged(engine: Engine, make_site: MakeSite) -> None:
    engine.build(make_site(POSTS), now=NOW)
    engine.close()
    (engine.state / "store.db").write_bytes(b"no database " * 1000)
    assert engine.standing() == ()


def test_what_lists_the_feeds_is_made_anew_when_what_it_lists_is_another(engine: Engine, make_site: MakeSite) -> None:
    engine.build(make_site(POSTS), now=NOW)

    def lists(body: str, title: str, date: str = "2025-05-02 09:00") -> set[str]:
        loaded = make_site({"b.md": post(title, date, "categories: [投資分析, C#]\n", body=body)})
        found = written(engine.build(loaded, now=NOW + HOUR, paths=["b.md"]))
        assert "feeds/all.atom" in found
        return {path for path in found if path.count("/") < 2 and path.endswith((".opml", ".css", ".html"))}

    assert lists("別の本文", "二") == set()
    assert lists("別の本文", "題") == {"feeds/index.html"}
    loaded = make_site({"d.md": post("四", "2025-05-09 09:00")})
    found = written(engine.build(loaded, now=NOW + HOUR, paths=["d.md"]))
    assert {"feeds.opml", "feeds/index.html"} <= found
    assert found.isdisjoint({"feeds/feed.css", "feeds/links.html"})
