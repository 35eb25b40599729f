from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.feeds import assemble, formats
from feedservice.feeds.selection import Reason
from feedservice.model import Entry, Profile, Severity
from feedservice.service import files, publish, workers
from feedservice.service.report import Report
from tests.service.conftest import CONFIG, MakeSite

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def post(title: str, date: str, more: str = "", body: str = "本文です。") -> str:
    return f"---\ntitle: {title}\ndate: {date}\n{more}---\n{body}\n"


POSTS = {
    "a.md": post("一", "2025-05-01 09:00", "categories: [投資分析]\n"),
    "b.md": post("二", "2025-05-02 09:00", "categories: [投資分析, C#]\n"),
    "c.md": post("三", "2025-05-03 09:00"),
    "future.md": post("未来", "2025-07-01 09:00"),
    "draft.md": post("下書き", "2025-05-01", "draft: true\n"),
    "expired.md": post("終了", "2025-05-01", "expires: 2025-05-20\n"),
}


def build(loaded: Loaded, now: datetime = NOW, **options: bool) -> Report:
    return publish.build(loaded, now=now, out=loaded.root / "public", **options)


def tree(root: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_folder_of_posts_becomes_feeds(make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    report = build(loaded)
    assert report.problems == ()
    assert (report.posts, report.live, report.refused) == (6, 3, 0)
    assert {reason: count for reason, count in report.held.items() if count} == {
        Reason.FUTURE: 1,
        Reason.DRAFT: 1,
        Reason.EXPIRED: 1,
    }
    assert report.due == datetime(2025, 7, 1, 0, 0, tzinfo=UTC)
    names = {f"feeds/{key}.{name}" for key in ("all", "投資分析", "csharp") for name in ("atom", "rss", "json")}
    pages = {f"feeds/{key}/index.html" for key in ("all", "投資分析", "csharp")} | {"feeds/index.html", "feeds/links.html"}
    found = set(tree(loaded.root / "public"))
    assert {path for path in found if not path.endswith((".gz", ".br", ".zst"))} == names | pages | {
        "feeds.opml",
        "feeds/feed.css",
    }
    assert {f"{path}{suffix}" for path in names for suffix in (".gz", ".br", ".zst")} <= found
    parsed = feedparser.parse((loaded.root / "public" / "feeds" / "all.atom").read_bytes())
    assert not parsed.bozo
    assert [entry.title for entry in parsed.entries] == ["三", "二", "一"]
    assert parsed.feed.updated == "2025-05-03T09:00:00+09:00"


def test_a_second_build_touches_nothing(make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    build(loaded)
    before = {path: path.stat().st_mtime_ns for path in (loaded.root / "public").rglob("*")}
    report = build(loaded, NOW + timedelta(hours=1))
    assert not any(written.changed for written in report.published)
    assert {path: path.stat().st_mtime_ns for path in (loaded.root / "public").rglob("*")} == before


def test_one_new_post_changes_only_the_feeds_it_is_in(make_site: MakeSite) -> None:
    build(make_site(POSTS))
    report = build(make_site({"d.md": post("四", "2025-05-04 09:00", "categories: [C#]\n")}))
    assert {written.feed for written in report.published if written.changed and written.feed} == {"all", "csharp"}


def test_a_bad_post_is_named_and_hurts_nobody_else(make_site: MakeSite) -> None:
    broken = {"bad.md": "---\ntitle: Foo: bar\ndate: 2025-05-01\n---\nx", "worse.md": "---\ntitle: never closed\n"}
    loaded = make_site({**POSTS, **broken})
    report = build(loaded)
    assert {problem.path for problem in report.problems if problem.severity is Severity.ERROR} == {"bad.md", "worse.md"}
    assert report.refused == 2
    assert report.live == 3
    assert (loaded.root / "public" / "feeds" / "all.atom").exists()


def test_strict_writes_nothing(make_site: MakeSite) -> None:
    loaded = make_site({**POSTS, "bad.md": "---\ntitle: Foo: bar\n---\nx"})
    report = build(loaded, strict=True)
    assert report.errors == 1
    assert report.published == ()
    assert not (loaded.root / "public").exists()


def test_a_scheduled_post_appears_at_its_instant(make_site: MakeSite) -> None:
    loaded = make_site({"a.md": post("朝", "2025-06-02 09:00")})
    instant = datetime(2025, 6, 2, 0, 0, tzinfo=UTC)
    assert build(loaded, instant - timedelta(seconds=1)).live == 0
    assert build(loaded, instant).live == 1


def test_a_configured_category_without_posts_has_a_valid_empty_feed(make_site: MakeSite) -> None:
    loaded = make_site({"a.md": POSTS["c.md"]}, "feeds:\n  categories:\n    研究論文: {slug: research}\n")
    assert build(loaded).problems == ()
    parsed = feedparser.parse((loaded.root / "public" / "feeds" / "research.rss").read_bytes())
    assert not parsed.bozo
    assert parsed.entries == []
    assert parsed.feed.title == "研究論文 – 紙と活字"


def test_the_window_is_shortened_to_the_budget_and_no_entry_is(make_site: MakeSite) -> None:
    posts = {f"{n}.md": post(f"t{n}", f"2025-05-0{n} 09:00", body="あ" * 3000) for n in range(1, 6)}
    loaded = make_site(posts, "feeds: {max_bytes: 30K}\n")
    build(loaded)
    items = json.loads((loaded.root / "public" / "feeds" / "all.json").read_text())["items"]
    assert [item["title"] for item in items] == ["t5", "t4"]
    assert all("あ" * 3000 in item["content_html"] for item in items)


def test_aliases_hold_the_same_bytes(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, "feeds:\n  aliases: {/feed.xml: all.atom, '/feed/{key}.xml': category.rss}\n")
    build(loaded)
    found = tree(loaded.root / "public")
    assert found["feed.xml"] == found["feeds/all.atom"]
    assert found["feed/csharp.xml"] == found["feeds/csharp.rss"]


def test_every_format_says_the_same(make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    build(loaded)
    public = loaded.root / "public" / "feeds"
    atom, rss = (feedparser.parse((public / f"all.{name}").read_bytes()) for name in ("atom", "rss"))
    items = json.loads((public / "all.json").read_text())["items"]
    assert [entry.id for entry in atom.entries] == [entry.id for entry in rss.entries] == [item["id"] for item in items]
    assert [entry.published_parsed for entry in atom.entries] == [entry.published_parsed for entry in rss.entries]
    assert [entry.content[0].value for entry in atom.entries] == [entry.content[0].value for entry in rss.entries]
    assert [entry.content[0].value for entry in atom.entries] == [item["content_html"].strip() for item in items]


def test_bytes_do_not_depend_on_clock_zone_locale_hash_seed_or_number_of_processes(make_site: MakeSite, tmp_path: Path) -> None:
    posts = {
        f"p{n}.md": post(f"題{n}", f"2025-05-{n % 28 + 1:02} 09:00", f"categories: [K{n % 3}]\ntags: [a, b, c{n}]\n")
        for n in range(60)
    }
    loaded = make_site(posts)
    script = (
        "import sys, pathlib, datetime;"
        "from feedservice.config import load; from feedservice.service import publish, workers;"
        "workers.WORTH_IT = int(sys.argv[3]); workers.BATCH = int(sys.argv[4]);"
        "publish.build(load(pathlib.Path(sys.argv[1]), {}), now=datetime.datetime.fromisoformat(sys.argv[5]), out=pathlib.Path(sys.argv[2]))"
    )
    runs = [
        ({"TZ": "UTC", "PYTHONHASHSEED": "1", "LC_ALL": "C"}, "100000", "200", "2025-06-01T00:00:00+00:00"),
        ({"TZ": "America/St_Johns", "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8"}, "1", "8", "2025-06-09T01:02:03+00:00"),
    ]
    found = []
    for number, (environment, worth, batch, now) in enumerate(runs):
        out = tmp_path / f"out{number}"
        arguments = [str(loaded.path), str(out), worth, batch, now]
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, env={**os.environ, **environment}, timeout=60)
        found.append(tree(out))
    assert found[0]
    assert found[0] == found[1]


def test_nothing_is_renamed_when_something_cannot_be_written(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site(POSTS)
    build(loaded)
    before = tree(loaded.root / "public")
    make_site({"z.md": post("新", "2025-05-09 09:00", "categories: [投資分析]\n")})
    real, staged = files.stage, []

    def full(target: Path, body: bytes) -> files.Staged:
        if len(staged) >= 3:
            raise OSError(28, "No space left on device", str(target))
        staged.append(real(target, body))
        return staged[-1]

    monkeypatch.setattr(files, "stage", full)
    with pytest.raises(RefusedError, match="No space left"):
        build(loaded)
    assert tree(loaded.root / "public") == before


def test_a_document_that_does_not_read_back_is_never_put_live(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site(POSTS)
    build(loaded)
    before = tree(loaded.root / "public")
    make_site({"z.md": post("新", "2025-05-09 09:00")})
    broken = {**formats.FORMATS}
    broken["rss"] = dataclasses.replace(broken["rss"], document=lambda _head, _entries: b"<rss><channel>" + b"".join(_entries))
    monkeypatch.setattr(formats, "FORMATS", broken)
    monkeypatch.setattr(assemble, "FORMATS", broken)
    report = build(loaded)
    assert "feeds/all.rss" in report.withheld
    after = tree(loaded.root / "public")
    assert after["feeds/all.rss"] == before["feeds/all.rss"]
    assert after["feeds/all.atom"] != before["feeds/all.atom"]
    assert report.errors


def test_a_post_that_changes_between_reading_and_rendering_starts_the_pass_anew(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = make_site(POSTS)
    real, changes = workers.render_batch, []

    def meddling(batch: workers.ToRender) -> list[workers.Rendered]:
        if not changes:
            changes.append(1)
            (loaded.root / "content" / "a.md").write_text(post("新しい一", "2025-05-01 09:00"), encoding="utf-8")
        return real(batch)

    monkeypatch.setattr(workers, "render_batch", meddling)
    assert build(loaded).live == 3
    assert "新しい一" in (loaded.root / "public" / "feeds" / "all.json").read_text()


def test_posts_that_never_hold_still_are_refused(make_site: MakeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = make_site(POSTS)
    changed = workers.Rendered(path="a.md", changed=True, fragments={}, problems=())
    monkeypatch.setattr(workers, "render_batch", lambda batch: [changed for _ in batch.orders])
    with pytest.raises(RefusedError, match="kept changing"):
        build(loaded)
    assert not (loaded.root / "public").exists()


def test_no_content_directory_is_said(make_site: MakeSite) -> None:
    loaded = make_site({}, "content: {directory: nowhere}\n")
    with pytest.raises(RefusedError, match="nowhere"):
        build(loaded)


def test_first_sight_is_remembered(make_site: MakeSite) -> None:
    extra = "content: {missing_dates: first-seen}\n"
    loaded = make_site({"a.md": "# 題\n\n本文"}, extra)
    build(loaded)
    first = tree(loaded.root / "public")
    build(loaded, NOW + timedelta(days=3))
    assert tree(loaded.root / "public") == first
    stored = loaded.root / ".feedservice" / "first-seen.json"
    assert json.loads(stored.read_text()) == {"a.md": "2025-06-01T00:00:00Z"}
    stored.write_text("{broken")
    with pytest.raises(RefusedError, match="damaged"):
        build(loaded)


def test_check_sees_posts_that_no_feed_shows(make_site: MakeSite) -> None:
    posts = {f"{n}.md": post(f"t{n}", f"2025-05-0{n} 09:00") for n in range(1, 4)}
    posts["0.md"] = post("old", "2020-01-01", body="bad \x0b character")
    loaded = make_site(posts, "feeds: {window: 2}\n")
    assert [problem.rule for problem in publish.check(loaded, now=NOW)] == ["text.characters"]
    assert build(loaded).problems == ()


def test_one_feed(make_site: MakeSite) -> None:
    loaded = make_site(POSTS)
    body, problems = publish.one(loaded, "csharp", "json", now=NOW)
    assert [item["title"] for item in json.loads(body)["items"]] == ["二"]
    assert problems == ()
    with pytest.raises(RefusedError) as refused:
        publish.one(loaded, "nope", "atom", now=NOW)
    assert "投資分析" in refused.value.hint


def test_links_between_jekyll_posts(make_site: MakeSite) -> None:
    posts = {
        "_posts/2025-05-01-one.md": "---\ntitle: 1\n---\nSee [two]({% post_url 2025-05-02-two %}).",
        "_posts/2025-05-02-two.md": "---\ntitle: 2\n---\nText.",
    }
    loaded = make_site(posts, "content: {dialect: jekyll}\n", CONFIG)
    assert build(loaded).problems == ()
    assert "https://example.org/2025/05/02/two/" in (loaded.root / "public" / "feeds" / "all.json").read_text()


def test_one_entry_that_would_break_a_feed_is_left_out_of_it_and_named(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = make_site(POSTS)
    atom = formats.FORMATS["atom"]
    real = workers.render_all

    def spoiled(entry: Entry, profile: Profile, names: Sequence[str]) -> dict[str, bytes]:
        made = real(entry, profile, names)
        return {**made, "atom": made["atom"].replace(b"<updated>", b"<updated>x")} if entry.title == "二" else made

    monkeypatch.setattr(workers, "render_all", spoiled)
    report = build(loaded)
    assert atom is formats.FORMATS["atom"]
    # The feed that has nothing else is not emptied: its last good document stays.
    assert {problem.path for problem in report.problems if problem.severity is Severity.ERROR} == {"b.md", "feeds/csharp.atom"}
    assert report.withheld == ("feeds/csharp.atom",)
    parsed = feedparser.parse((loaded.root / "public" / "feeds" / "all.atom").read_bytes())
    assert [entry.title for entry in parsed.entries] == ["三", "一"]


def test_a_retired_category_says_so_in_json_and_stays_where_it_is(make_site: MakeSite) -> None:
    loaded = make_site(POSTS, "feeds:\n  categories:\n    C#: {retired: true}\n")
    report = build(loaded)
    public = loaded.root / "public" / "feeds"
    assert json.loads((public / "csharp.json").read_text())["expired"] is True
    assert "expired" not in json.loads((public / "all.json").read_text())
    for name in ("atom", "rss"):
        read = feedparser.parse((public / f"csharp.{name}").read_bytes())
        assert {entry.title for entry in read.entries} == {"二", "「C# – 紙と活字」は終了しました"}
        assert not read.bozo
    assert "終了" in (public / "csharp" / "index.html").read_text()
    assert b"\xe7\xb5\x82\xe4\xba\x86" not in (public / "all.atom").read_bytes()
    assert [problem for problem in report.problems if problem.path.startswith("feeds/")] == []
