"""The verbs of a service in the background, driven as a person does."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedservice.errors import RefusedError
from feedservice.service import control
from tests.daemon.conftest import CONFIG, ROOT, Site, post, wait_for


def feedservice(site: Site, *arguments: str, code: int = 0) -> str:
    """Run a verb and return what it printed, on both streams."""
    command = [sys.executable, "-m", "feedservice", "--config", str(site.config), *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100, env=environ, cwd=site.root)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def background(site: Site) -> Iterator[Site]:
    """A site whose service, should one run in the background at the end, is stopped."""
    yield site
    try:
        pid = site.ask("stop")["pid"]
    except RefusedError:
        return
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text("utf-8"))


def test_start_status_logs_rebuild_restart_stop(background: Site) -> None:
    site = background
    assert "feedservice is not running here" in feedservice(site, "status", code=4)
    started = feedservice(site, "start")
    assert "feedservice runs: process" in started
    assert "serving at http://127.0.0.1:" in started
    # What ends the shell does not end it.
    pid = site.ask("status")["pid"]
    assert os.getsid(pid) == pid
    assert "runs already" in feedservice(site, "start")

    site.write("bad.md", "---\ntitle: Foo: bar\ndate: 2025-01-09\n---\nText.\n")
    site.write("later.md", post("Later", "2099-01-01 09:00"))
    rebuilt = feedservice(site, "rebuild", "--full", code=1)
    assert "3 posts, 1 published, 1 refused" in rebuilt
    screen = feedservice(site, "status", code=1)
    for part in (
        "ready",
        "last pass",
        "2099-01-01T09:00:00+09:00",
        "publishes Later (later.md)",
        "bad.md:2:",
        "all  https://example.org/feeds/all.atom  紙と活字",
    ):
        assert part in screen, screen
    told = json.loads(feedservice(site, "status", "--json", code=1))
    assert told["problems"][0]["rule"] == "yaml.needs-quotes"
    assert told["since"].endswith("Z")

    log = feedservice(site, "logs", "-n", "100")
    assert "Serving" in log
    assert '{"time"' not in log
    assert json.loads(feedservice(site, "logs", "-n", "1", "--json"))["logger"]
    assert (site.state / "feedservice.log").stat().st_mode & 0o777 == 0o600

    assert "runs: process" in feedservice(site, "restart")
    assert "feedservice has stopped" in feedservice(site, "stop")
    assert "feedservice is not running" in feedservice(site, "stop")
    assert not (site.state / "control.sock").exists()


def test_a_start_that_fails_says_why_with_the_log(background: Site) -> None:
    background.config.write_text(CONFIG + "content: {directory: nowhere}\n", "utf-8")
    said = feedservice(background, "start", code=4)
    assert "the service ended with exit code 4" in said
    assert "there is no content directory" in said


def test_rebuild_without_a_service_builds_itself(site: Site) -> None:
    said = feedservice(site, "rebuild")
    assert "1 feed changed: all" in said
    assert (site.root / "public" / "feeds" / "all.atom").exists()
    told = json.loads(feedservice(site, "rebuild", "--json", "--feed", "all"))
    assert told["feeds_changed"] == []
    # All the same everything was built.
    said = feedservice(site, "rebuild", "--feed", "nope", code=1)
    assert "No feed changed" in said
    assert "There is no feed 'nope'; the feeds are: all." in said


def test_rebuild_asks_the_service_and_shows_what_changed(site: Site) -> None:
    site.config.write_text(CONFIG + "schedule: {watch: 'off', rescan: 1h}\n", "utf-8")
    site.start()
    site.write("second.md", post("Second", "2025-01-06"))
    told = json.loads(feedservice(site, "rebuild", "--json"))
    assert told["feeds_changed"] == ["all"]
    assert told["reasons"] == ["rebuild"]
    assert "feeds/all.atom" in {file["path"] for file in told["files"]}
    assert "The service was asked" in feedservice(site, "rebuild", "--no-wait")
    assert site.titles() == ["Second", "First"]


def test_build_does_not_write_beside_a_service(site: Site) -> None:
    site.start()
    said = feedservice(site, "build", code=4)
    assert "builds here since" in said
    assert "`feedservice rebuild` asks a running service to build" in said
    assert "1 feed in" in feedservice(site, "build", "--out", "preview")


def test_the_control_socket_is_its_owners_and_takes_no_nonsense(site: Site) -> None:
    site.start()
    path = site.state / "control.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RefusedError, match="is nothing that can be asked"):
        site.ask("dance")
    with pytest.raises(RefusedError, match="is no object with a text"):
        control.ask(site.state, {"no": 1})
    with pytest.raises(RefusedError, match="too long"):
        site.ask("rebuild", feeds="x" * 70_000)
    assert site.ask("status")["ready"]


def test_next_lists_what_comes_with_local_time_and_utc(site: Site) -> None:
    site.write("a.md", post("Tomorrow", "2099-01-01 09:00", expires="2099-02-01 09:00"))
    site.write("b.md", post("Summer", "2099-07-01 09:00 +02:00"))
    said = feedservice(site, "next")
    assert "2099-01-01T09:00:00+09:00 (Asia/Tokyo; 2099-01-01T00:00:00Z)  in " in said
    assert "publish Tomorrow (a.md): readers see a new entry" in said
    assert "expire Tomorrow (a.md): the entry leaves the feeds" in said
    assert "the clocks change until then" not in said
    site.write("c.md", post("Gap", "2036-03-30 02:30", timezone="Europe/Berlin"))
    site.write("d.md", post("Twice", "2036-01-05 09:00", timezone="Europe/Berlin", expires="2036-10-26 02:30"))
    said = feedservice(site, "next")
    assert "date: 2036-03-30 02:30:00 did not happen in Europe/Berlin" in said
    assert "expires: 2036-10-26 02:30:00 happened twice in Europe/Berlin" in said
    (gap,) = [each for each in json.loads(feedservice(site, "next", "--json")) if each["title"] == "Gap"]
    assert gap["notes"][0].startswith("date: 2036-03-30 02:30:00 did not happen")
    for name in ("c.md", "d.md"):
        (site.content / name).unlink()
    told = json.loads(feedservice(site, "next", "--json", "-n", "2"))
    assert [each["title"] for each in told] == ["Tomorrow", "Tomorrow"]
    assert told[0]["at"] == "2099-01-01T00:00:00Z"
    (site.content / "a.md").unlink()
    (site.content / "b.md").unlink()
    assert "Nothing changes by itself." in feedservice(site, "next")


def test_the_log_is_followed_into_the_next_file(site: Site) -> None:
    log = site.state / "feedservice.log"
    log.parent.mkdir()
    log.write_text("one\ntwo\n", "utf-8")
    command = [sys.executable, "-m", "feedservice", "--config", str(site.config), "logs", "-f", "-n", "1"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ, cwd=site.root) as follower:
        try:
            assert follower.stdout is not None
            assert follower.stdout.readline() == "two\n"
            with log.open("a", encoding="utf-8") as file:
                file.write("thr")
                file.flush()
                file.write("ee\n")
            assert follower.stdout.readline() == "three\n"
            log.rename(log.with_name("feedservice.log.1"))
            log.write_text("four\n", "utf-8")
            assert select.select([follower.stdout], [], [], 60)[0]
            assert follower.stdout.readline() == "four\n"
        finally:
            follower.kill()


def test_with_a_broken_configuration_the_service_is_still_found_and_ended(background: Site) -> None:
    background.config.write_text(CONFIG + "state: memory\n", "utf-8")
    feedservice(background, "start")
    background.config.write_text(CONFIG + "state: memory\nnonsense: 1\n", "utf-8")
    told = feedservice(background, "status", code=1)
    assert "nonsense" in told
    assert "running since" in told
    background.config.write_text(CONFIG.replace("url:", "url: [") + "state: memory\n", "utf-8")
    assert "config.syntax" in feedservice(background, "restart", code=3)
    told = feedservice(background, "status", code=1)
    assert "config.syntax" in told
    assert "running since" in told
    assert "feedservice has stopped" in feedservice(background, "stop")


def test_where_systemd_runs_it_status_says_what_is_wrong_and_restart_is_systemd_s(site: Site) -> None:
    site.environ = {"NOTIFY_SOCKET": str(site.root / "nobody")}
    site.start()
    assert "`systemctl restart feedservice`" in feedservice(site, "restart", code=4)
    assert site.titles() == ["First"]
    site.content.rename(site.root / "away")
    site.logged("there is no content directory")
    said = feedservice(site, "status", code=1)
    assert "there is no content directory" in said
    assert "create it, or set content.directory" in said
    assert "every file is looked at every 60s (there is no such directory)" in said


def test_a_restart_listens_where_the_start_did(background: Site) -> None:
    background.config.write_text(CONFIG.replace("port: 0", "port: 1"), "utf-8")
    assert f"serving at unix:{background.root}/http.sock" in feedservice(background, "start", "--socket", "http.sock")
    assert f"serving at unix:{background.root}/http.sock" in feedservice(background, "restart")
    assert background.ask("status")["listening"] == ["--socket", f"{background.root}/http.sock"]
