from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from feedservice import __version__
from feedservice.cli import VERBS, group
from feedservice.service import lock

CONFIG = "site: {title: T, url: 'https://example.org', timezone: Asia/Tokyo}\n"
GOOD = "---\ntitle: Good\ndate: 2025-01-05 09:00\ncategory: News\n---\nText.\n"
BAD = "---\ntitle: Foo: bar\ndate: 2025-01-05\n---\nText.\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "good.md").write_text(GOOD, encoding="utf-8")
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments))


def test_every_verb_has_help_worth_reading() -> None:
    for verb in VERBS:
        result = run(verb, "--help")
        assert result.exit_code == 0, verb
        assert len(result.output.splitlines()) > 4, verb
    assert all(verb in run("--help").output for verb in VERBS)


def test_a_verb_that_is_mistyped_has_its_neighbour_named() -> None:
    wrong = run("buld")
    assert (wrong.exit_code, "there is no verb buld: did you mean build or rebuild?" in wrong.stderr) == (2, True)
    unlike = run("qqq")
    assert (unlike.exit_code, unlike.stderr.strip().endswith("there is no verb qqq")) == (2, True)


def test_version() -> None:
    assert __version__ in run("--version").output


def test_build_says_what_it_did(site: Path) -> None:
    result = run("build")
    assert result.exit_code == 0, result.output
    assert "1 post: 1 published" in result.output
    assert "2 feeds" in result.output
    assert "12 files written" in result.output
    assert (site / "public" / "feeds" / "news.atom").exists()
    assert "nothing written, 12 unchanged" in run("build").output


def test_build_with_a_bad_post_writes_the_rest_and_exits_1(site: Path) -> None:
    (site / "content" / "bad.md").write_text(BAD, encoding="utf-8")
    result = run("build")
    assert result.exit_code == 1
    assert "bad.md:2:" in result.stderr
    assert "1 refused" in result.stdout
    assert (site / "public" / "feeds" / "all.rss").exists()


def test_strict_writes_nothing_and_exits_4(site: Path) -> None:
    (site / "content" / "bad.md").write_text(BAD, encoding="utf-8")
    result = run("build", "--strict")
    assert result.exit_code == 4
    assert "Nothing was written" in result.stdout
    assert not (site / "public" / "feeds" / "all.rss").exists()


def test_build_as_json(site: Path) -> None:
    result = run("build", "--json", "--out", "elsewhere")
    report = json.loads(result.stdout)
    assert report["published"] == 1
    assert {feed["key"] for feed in report["feeds"]} == {"all", "news"}
    assert all(file["changed"] for file in report["files"])
    assert (site / "elsewhere" / "feeds.opml").exists()


def test_as_of(site: Path) -> None:
    assert "1 scheduled" in run("build", "--as-of", "2025-01-05 08:59:59").output
    assert "1 published" in run("build", "--as-of", "2025-01-05 09:00").output
    wrong = run("build", "--as-of", "tomorrow")
    assert wrong.exit_code == 2
    assert "tomorrow" in wrong.stderr


def test_another_time_is_a_question_that_leaves_no_trace(site: Path) -> None:
    days = "2125-01-05", "2125-03-01"
    posts = {"later.md": f"date: {days[0]}", "ends.md": f"date: 2025-01-05\nexpires: {days[0]}"}
    for name, dates in posts.items():
        (site / "content" / name).write_text(f"---\ntitle: {name}\n{dates}\n---\ntext\n", encoding="utf-8")
    assert run("build").exit_code == 0

    def state() -> dict[str, bytes]:
        found = (path for path in (site / ".feedservice").rglob("*") if path.is_file())
        return {str(path): path.read_bytes() for path in found if path.name != "lock"}

    before = state()
    # Both changes at once are what the guard would hold for readers; nobody reads these.
    shown = run("build", "--as-of", days[1], "--out", "preview")
    assert shown.exit_code == 0, shown.output
    ids = (site / "preview" / "feeds" / "all.atom").read_text(encoding="utf-8")
    assert "later.md" in ids
    assert "ends.md" not in ids
    assert state() == before
    assert "nothing written" in run("build").stdout


def test_who_remembers_builds_alone_wherever_the_files_go(site: Path) -> None:
    """The ids that a build gives are those of the running service too: beside it, another directory is a preview."""
    held = lock.acquire(site / ".feedservice", now=datetime.now(UTC))
    assert isinstance(held, lock.Lock)
    with held:
        for words in ([], ["--as-of", "2025-06-01"]):
            refused = run("build", *words)
            assert refused.exit_code == 4
            assert "builds here since" in refused.stderr
        preview = run("build", "--out", "elsewhere")
        assert preview.exit_code == 0
        assert "elsewhere is a preview, of which nothing is remembered" in preview.stderr
        assert run("build", "--out", "elsewhere", "--as-of", "2025-06-01").stderr == ""
        assert {path.name for path in (site / ".feedservice").iterdir()} == {"lock"}
    built = run("build", "--out", "elsewhere")
    assert (built.exit_code, built.stderr) == (0, "")
    assert (site / ".feedservice" / "ledger.jsonl").exists()


def test_check_formats(site: Path) -> None:
    assert run("check").output.strip() == "No problems."
    (site / "content" / "bad.md").write_text(BAD, encoding="utf-8")
    text = run("check")
    assert text.exit_code == 1
    assert "bad.md:2:" in text.output
    assert "1 error, 0 warnings" in text.output
    problems = json.loads(run("check", "--format", "json").output)
    assert [(problem["path"], problem["line"], problem["severity"]) for problem in problems] == [("bad.md", 2, "error")]
    annotation = run("check", "--format", "github").output
    assert annotation.startswith("::error file=content/bad.md,line=2,")
    assert "\n" not in annotation.strip()


def test_a_mistake_in_the_configuration_is_printed_as_programs_read_it(site: Path) -> None:
    (site / "config.yaml").write_text("sit: {title: T}\n", encoding="utf-8")
    for style in ("--json", "--format=json"):
        told = run("check", style)
        assert told.exit_code == 3
        assert {problem["rule"] for problem in json.loads(told.stdout)} == {"config.missing", "config.unknown-key"}
    told = run("check", "--format", "github")
    assert told.exit_code == 3
    assert all(line.startswith("::error file=config.yaml,line=1,") for line in told.stdout.splitlines())
    assert run("check").stdout == ""


def test_an_annotation_names_the_file_as_the_checkout_does(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "content" / "bad.md").write_text(BAD, encoding="utf-8")
    monkeypatch.chdir(site.parent)
    told = run("--config", f"{site.name}/config.yaml", "check", "--format", "github").stdout
    assert told.startswith(f"::error file={site.name}/content/bad.md,line=2,")


def test_check_says_which_dialect_it_guessed(site: Path) -> None:
    (site / "hugo.toml").write_text("baseURL = 'https://example.org/'\n", encoding="utf-8")
    told = "Posts are read in dialect hugo, as the files around them tell (content.dialect: auto)."
    assert run("check").output.splitlines() == ["No problems.", told]
    (site / "config.yaml").write_text(f"{CONFIG}content: {{dialect: hugo}}\n", encoding="utf-8")
    assert run("check").output.splitlines() == ["No problems."]


def test_a_folder_that_is_read_as_another_generators_is_not_silently_empty(site: Path) -> None:
    (site / "content" / "_posts").mkdir()
    result = run("build")
    assert result.exit_code == 0
    assert "0 posts" in result.stdout
    assert "no file is a post: in dialect jekyll only those in _posts are, and 1 others end like one" in result.stderr
    assert "set content.dialect: plain, or content.include, if good.md is one" in result.stderr
    (site / "content" / "good.md").rename(site / "content" / "_posts" / "good.md")
    assert "scan.no-posts" not in run("build").output


def test_render_prints_one_feed(site: Path) -> None:
    result = run("render", "news", "--format", "json")
    assert [item["title"] for item in json.loads(result.stdout)["items"]] == ["Good"]
    missing = run("render", "nope")
    assert missing.exit_code == 4
    assert "news" in missing.stderr
    assert not (site / "public").exists()


def test_every_mistake_of_the_configuration_at_once(site: Path) -> None:
    (site / "config.yaml").write_text("site: {titel: T, url: 'ftp://x', timezone: JST}\n", encoding="utf-8")
    result = run("build")
    assert result.exit_code == 3
    assert result.stderr.count("config.yaml:1:") == 4
    assert "title" in result.stderr
    assert "Asia/Tokyo" in result.stderr
    assert "4 mistakes" in result.stderr


def test_missing_configuration_and_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("build").exit_code == 3
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    result = run("build")
    assert result.exit_code == 4
    assert "content" in result.stderr


def test_wrong_usage() -> None:
    assert run("build", "--nope").exit_code == 2
    assert run("publish").exit_code == 2


def test_init_writes_a_configuration_that_works(tmp_path: Path) -> None:
    result = run("init", str(tmp_path / "new"), "--title", "題", "--url", "https://example.net")
    assert result.exit_code == 0, result.output
    shown = run("--config", str(tmp_path / "new" / "config.yaml"), "config", "show")
    assert "title: 題" in shown.output
    assert run("init", str(tmp_path / "new")).exit_code == 4
    assert run("init", str(tmp_path / "new"), "--force").exit_code == 0


def test_init_says_what_is_not_there_yet(tmp_path: Path) -> None:
    def told(*words: str) -> list[str]:
        return [line.strip(" -") for line in run("init", str(tmp_path), "--force", *words).output.splitlines()[:-1]]

    placeholder = "`site.url` is a placeholder: write the address of your site before anybody subscribes"
    assert told() == [placeholder, f"posts go to content/, which is not there yet: mkdir {tmp_path}/content"]
    for name in ("一 つ.md", "two.markdown", "README.md", "picture.png"):
        (tmp_path / name).write_text("Text.\n", encoding="utf-8")
    here = "2 Markdown files lie here: set `content.directory: .`, or move them to content/"
    assert told("--url", "https://example.net") == [here]
    (tmp_path / "content").mkdir()
    assert told("--url", "https://example.net") == []


def test_init_refuses_what_would_not_work(tmp_path: Path) -> None:
    result = run("init", str(tmp_path), "--url", "not a url")
    assert result.exit_code == 3
    assert not (tmp_path / "config.yaml").exists()


def test_init_takes_over_a_generator(tmp_path: Path) -> None:
    jekyll = "title: 旅の記録\nurl: https://example.net\nbaseurl: /blog\ntimezone: Asia/Tokyo\npermalink: pretty\nplugins: [jekyll-feed]\n"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "_config.yml").write_text(jekyll, encoding="utf-8")
    posts = tmp_path / "site" / "_posts"
    posts.mkdir()
    (posts / "2025-01-05-a.md").write_text("---\ntitle: A\ncategories: x\n---\nText", encoding="utf-8")
    result = run("init", str(tmp_path / "feeds"), "--from", str(tmp_path / "site" / "_config.yml"))
    assert result.exit_code == 0, result.output
    built = run("--config", str(tmp_path / "feeds" / "config.yaml"), "build")
    assert built.exit_code == 0, built.output
    feed = (tmp_path / "feeds" / "public" / "blog" / "feed.xml").read_text(encoding="utf-8")
    assert "https://example.net/blog/x/2025/01/05/a/" in feed


def test_config_show_and_schema(site: Path) -> None:
    assert json.loads(run("config", "show", "--json").output)["feeds"]["window"] == 50
    assert json.loads(run("config", "schema").output)["additionalProperties"] is False
    assert site.exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    assert "_FEEDSERVICE_COMPLETE" in run("completion", shell).output


def test_a_pipe_gets_no_progress_bar_and_no_colour(site: Path) -> None:
    (site / "content" / "bad.md").write_text(BAD, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "feedservice", "build"], capture_output=True, check=False, cwd=site, timeout=60
    )
    assert result.returncode == 1
    assert b"\x1b" not in result.stdout + result.stderr


def test_help_is_quick_because_it_imports_no_library_of_the_work() -> None:
    script = "import sys, feedservice.cli as c\ntry: c.group(['--help'], prog_name='feedservice')\nexcept SystemExit: pass\nprint(sorted({'lxml','pydantic','comrak','feedgen','nh3','rich','liquid'} & set(sys.modules)), file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert result.stderr.strip() == "[]"
