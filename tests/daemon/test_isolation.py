"""Posts on which a parser hangs or crashes cost nobody anything but their own place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.conftest import CONFIG, ROOT, Site, descendants, post, state_of, wait_for

TREACHEROUS = Path(__file__).with_name("treacherous.py")
FAULTS = [
    ("HANG", "post.render-time"),
    ("CRASH", "post.render-crash"),
    ("PANIC", "post.render-crash"),
    ("DIE-READ", "post.render-crash"),
]


@pytest.fixture
def site(site: Site) -> Site:
    """A site whose Markdown parser has faults."""
    site.launcher = TREACHEROUS
    site.config.write_text(CONFIG + "content: {max_render_time: 2s}\n", "utf-8")
    return site


def build(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(TREACHEROUS), "-", "--config", str(site.config), *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=site.root, capture_output=True, text=True, env=environ, timeout=100, check=False)


def built(site: Site) -> list[str]:
    return [item["title"] for item in json.loads((site.root / "public/feeds/all.json").read_text("utf-8"))["items"]]


@pytest.mark.parametrize(("text", "rule"), FAULTS)
def test_a_service_names_the_post_publishes_the_others_and_goes_on(site: Site, text: str, rule: str) -> None:
    site.start()
    site.write("bad.md", post("Bad", "2025-01-09", body=text))
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Second", "First")
    told = site.logged(rf"^bad\.md: .*\[{rule}\]$")
    assert told["level"] == "error"
    site.write("third.md", post("Third", "2025-01-07"))
    site.serves("Third", "Second", "First")
    site.write("bad.md", post("Good", "2025-01-09"))
    site.serves("Good", "Third", "Second", "First")
    assert len([line for line in site.lines() if rule in line["message"]]) == 1
    assert site.stop() == 0


def test_the_last_good_version_stays_and_a_restart_does_not_try_again(site: Site) -> None:
    site.start()
    site.write("first.md", post("First", body="HANG"))
    site.logged(r"^first\.md: .*\[post\.render-time\]$")
    site.logged(r"^first\.md: .*\[post\.kept\]$")
    assert site.titles() == ["First"]
    assert "HANG" not in site.get("/feeds/all.json")[1].decode()
    site.stop()
    (site.root / "hanging").unlink()
    site.start()
    assert site.titles() == ["First"]
    assert not (site.root / "hanging").exists()
    assert [each["rule"] for each in site.ask("status")["problems"]] == ["post.render-time", "post.kept"]


def test_among_many_posts_in_several_processes_only_the_bad_ones_are_missing(site: Site) -> None:
    for number in range(700):
        text = {3: "CRASH", 4: "HANG", 300: "PANIC", 5: "DIE-READ", 6: "DIE-READ"}.get(number, "Text.")
        date = f"2024-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}"
        # All that are rendered, and are in one batch or another.
        site.write(f"{number:03}.md", post(f"Post {number}", date, body=text))
    site.config.write_text(site.config.read_text("utf-8") + "feeds: {window: 700}\n", "utf-8")
    done = build(site, "build")
    assert done.returncode == 1, done.stderr
    titles = set(built(site))
    assert {f"Post {number}" for number in range(700)} - titles == {f"Post {number}" for number in (3, 4, 5, 6, 300)}
    named = {line.split(":")[0]: line.rsplit("[", 1)[1] for line in done.stderr.splitlines() if "render-" in line}
    crash = "post.render-crash]"
    assert named == {"003.md": crash, "004.md": "post.render-time]", "005.md": crash, "006.md": crash, "300.md": crash}


@pytest.mark.parametrize("verb", [("check",), ("render", "all"), ("build", "--out", "other"), ("diff",)])
def test_every_verb_that_reads_posts_gets_over_it(site: Site, verb: tuple[str, ...]) -> None:
    assert build(site, "build").returncode == 0
    site.write("crash.md", post("Bad", "2025-01-09", body="CRASH"))
    site.write("die.md", post("Bad", "2025-01-09", body="DIE-READ"))
    done = build(site, *verb)
    assert done.returncode in {0, 1}, done.stderr
    if verb[0] in {"check", "build"}:
        said = done.stdout + done.stderr
        assert said.count("[post.render-crash]") == 2
        assert "crash.md" in said
        assert "die.md" in said


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are looked up in /proc")
def test_whoever_is_left_alone_ends(site: Site) -> None:
    site.config.write_text(CONFIG + "content: {max_render_time: 1h}\n", "utf-8")
    site.start()
    site.write("bad.md", post("Bad", "2025-01-09", body="HANG"))
    wait_for((site.root / "hanging").exists)
    assert site.process is not None
    others = descendants(site.process.pid)
    assert len(others) >= 2
    site.stop(signal.SIGKILL)
    wait_for(lambda: all(state_of(pid) == "Z" for pid in others))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("which", ["server", "worker"])
def test_a_process_that_somebody_kills_is_replaced_and_no_post_is_blamed(site: Site, which: str) -> None:
    site.start()
    assert site.process is not None
    server, worker = descendants(site.process.pid)
    os.kill(server if which == "server" else worker, signal.SIGKILL)
    wait_for(lambda: state_of(server if which == "server" else worker) == "Z")
    for number in range(3):
        site.write("second.md", post(f"Second {number}", "2025-01-06"))
        site.serves(f"Second {number}", "First")
    # A crash takes the worker that there was: another one has to be started.
    site.write("bad.md", post("Bad", "2025-01-09", body="CRASH"))
    site.logged(r"^bad\.md: .*\[post\.render-crash\]$")
    site.serves("Second 2", "First")
    assert len([line for line in site.lines() if line["level"] == "error"]) == 1
    assert site.stop() == 0
