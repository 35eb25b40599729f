"""The service as a person meets it: files are saved, time passes, things go wrong."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from feedservice.errors import RefusedError
from tests.daemon.conftest import CONFIG, ROOT, Site, descendants, post, state_of, wait_for

T = datetime(2026, 3, 1, 0, 0, tzinfo=UTC)
"""2026-03-01 09:00 in Tokyo."""


# Files


def test_what_is_saved_is_served(site: Site) -> None:
    site.start()
    assert site.titles() == ["First"]
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Second", "First")
    site.write("second.md", post("Changed", "2025-01-06"))
    site.serves("Changed", "First")


def test_a_log_among_the_posts_is_no_news_to_itself(site: Site) -> None:
    site.config.write_text(CONFIG + "content: {directory: .}\n", "utf-8")
    site.start()
    for number in range(2, 5):
        site.write(f"{number}.md", post(f"Post {number}", f"2025-01-0{number + 4}"))
        wait_for(lambda number=number: f"Post {number}" in site.titles())
    # Each line of the log is a change of a file that is no post: about those there is none.
    assert [line["message"] for line in site.passes() if not line["feeds_changed"]] == []


def test_a_post_that_is_renamed_moved_in_moved_out_or_deleted(site: Site, tmp_path: Path) -> None:
    site.start()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.md").write_text(post("A", "2025-01-07"), "utf-8")
    (tmp_path / "elsewhere" / "b.md").write_text(post("B", "2025-01-08"), "utf-8")
    (tmp_path / "elsewhere").rename(site.content / "deep")
    site.serves("B", "A", "First")
    (site.content / "deep" / "b.md").rename(site.content / "deep" / "c.md")
    # Renamed and rewritten at once it would be another post, which the guard would ask about: this pass begins in between.
    site.ask("rebuild", wait=True)
    site.write("deep/c.md", post("C", "2025-01-08"))
    site.serves("C", "A", "First")
    (site.content / "first.md").unlink()
    site.serves("C", "A")
    (site.content / "deep" / "c.md").rename(tmp_path / "c.md")
    site.serves("A")


def test_a_pass_that_could_do_nothing_is_made_again_soon(site: Site) -> None:
    site.config.write_text(CONFIG + "schedule: {rescan: 1h}\n", "utf-8")
    site.start()
    public, away = site.root / "public", site.root / "away"
    public.rename(away)
    public.write_text("no directory", "utf-8")
    site.write("second.md", post("Second", "2025-01-06"))
    wait_for(lambda: "nothing was done" in site.log())
    public.unlink()
    away.rename(public)
    # No file changes, and no rescan is due for an hour.
    site.serves("Second", "First")


def test_editors_that_write_twice_rename_and_leave_things_behind(site: Site) -> None:
    site.start()
    path = site.content / "second.md"
    path.write_bytes(b"")
    (site.content / ".second.md.swp").write_bytes(b"swap")
    (site.content / "4913").write_bytes(b"")
    (site.content / "4913").unlink()
    path.write_text(post("Second", "2025-01-06"), "utf-8")
    site.serves("Second", "First")
    temporary = site.content / "second.md.tmp"
    temporary.write_text(post("Third", "2025-01-06"), "utf-8")
    temporary.replace(path)
    site.serves("Third", "First")
    shutil.copy(path, site.content / "second.md~")
    (site.content / "second.md~").unlink()
    assert site.titles() == ["Third", "First"]
    assert not [line for line in site.lines() if line["level"] == "error"]


def test_a_bad_post_is_named_once_and_its_last_good_neighbours_stay(site: Site) -> None:
    site.start()
    site.write("bad.md", "---\ntitle: Foo: bar\ndate: 2025-01-09\n---\nText.\n")
    assert site.logged(r"^bad\.md:2:\d+: .*\[yaml\.needs-quotes\]$")["level"] == "error"
    assert site.titles() == ["First"]
    site.write("bad.md", post("Good", "2025-01-09"))
    site.serves("Good", "First")
    assert len([line for line in site.lines() if "yaml.needs-quotes" in line["message"]]) == 1


def test_a_checkout_of_3000_files_is_one_pass(site: Site) -> None:
    def git(*arguments: str) -> None:
        quiet = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run([*quiet, *arguments], cwd=site.root, check=True, capture_output=True)

    site.root.joinpath(".gitignore").write_text("/public/\n/.feedservice/\n/log\n/config.yaml\n", "utf-8")
    git("init")
    git("add", ".")
    git("commit", "-m", "one")
    git("checkout", "-b", "many")
    for number in range(3000):
        site.write(f"{number % 30}/{number}.md", post(f"Post {number}", f"20{number % 20:02}-02-{number % 28 + 1:02}"))
    git("add", ".")
    git("commit", "-m", "many")
    git("checkout", "main")
    site.start()
    before = len(site.passes())
    git("checkout", "many")
    wait_for(lambda: (site.ask("status")["posts"] or {})["files"] == 3001)
    site.ask("rebuild", wait=True)
    assert [line["posts"] for line in site.passes()[before:]] == [3001, 3001], site.log()


def test_a_content_directory_that_is_gone_keeps_the_feeds_and_is_heard_again(site: Site) -> None:
    site.start()
    site.content.rename(site.root / "away")
    site.logged("there is no content directory")
    assert site.titles() == ["First"]
    (site.root / "away").rename(site.content)
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Second", "First")
    site.write("third.md", post("Third", "2025-01-07"))
    site.serves("Third", "Second", "First")


def test_without_events_the_look_at_intervals_finds_everything(site: Site) -> None:
    site.config.write_text(CONFIG + "schedule: {watch: 'off', rescan: 1s}\n", "utf-8")
    site.start()
    assert site.ask("status")["watching"] is False
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Second", "First")
    site.config.write_text(CONFIG.replace("紙と活字", "New") + "schedule: {watch: 'off', rescan: 1s}\n", "utf-8")
    wait_for(lambda: json.loads(site.get("/feeds/all.json")[1])["title"] == "New")


def test_a_held_feed_is_served_as_it_was_with_its_aliases_and_pages(site: Site) -> None:
    site.config.write_text(CONFIG + "feeds: {aliases: {/feed.xml: all.atom}}\n", "utf-8")
    site.start()
    before = {path: site.get(path)[1] for path in ("/feeds/all.atom", "/feed.xml", "/feeds/all/")}
    (site.content / "first.md").unlink()
    for number in range(30):
        site.write(f"{number}.md", post(f"Flood {number}", f"2020-01-{number % 28 + 1:02} 0{number // 28}:00"))
    told = site.ask("rebuild", wait=True)
    assert told["held"] == ["all"], told
    assert {path: site.get(path)[1] for path in before} == before
    assert site.ask("status")["held"] == ["all"]
    assert site.stop() == 1
    site.start()
    assert [site.get(path)[1] == before[path] for path in ("/feeds/all.atom", "/feed.xml")] == [True, True]
    done = subprocess.run(
        [sys.executable, "-m", "feedservice", "--config", str(site.config), "release"],
        check=False, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert "all: published" in done.stdout, done.stdout + done.stderr
    wait_for(lambda: len(site.titles()) == 30)


def test_an_emptied_content_directory_needs_consent(site: Site) -> None:
    site.start()
    (site.content / "first.md").unlink()
    site.logged("nothing was done: there is no post in")
    assert site.titles() == ["First"]
    assert site.ask("status")["last_pass"]["refusal"]
    with pytest.raises(RefusedError, match="there is no post in"):
        site.ask("rebuild", wait=True)
    assert site.titles() == ["First"]
    told = site.ask("rebuild", wait=True, emptied=True)
    assert told["posts"]["published"] == 0
    wait_for(lambda: json.loads(site.get("/feeds/all.json")[1])["items"] == [])


# Time


def test_a_scheduled_post_appears_at_its_second_and_not_before(site: Site) -> None:
    site.write("soon.md", post("Soon", "2026-03-01 09:00"))
    site.start(clock=T - timedelta(hours=1))
    assert site.titles() == ["First"]
    due = site.ask("status")["next_change"]
    assert (due["at"], due["title"], due["what"]) == ("2026-03-01T00:00:00Z", "Soon", "publish")
    site.set_clock(T - timedelta(seconds=4))
    site.serves("Soon", "First")
    line = wait_for(lambda: next((line for line in site.passes() if "due" in line["reasons"]), None))
    assert datetime.fromisoformat(line["time"]) >= T
    began = datetime.fromisoformat(site.ask("status")["last_pass"]["at"])
    assert T <= began < T + timedelta(seconds=1)


def test_a_post_expires_at_its_second(site: Site) -> None:
    site.write("short.md", post("Short", "2025-02-01", expires="2026-03-01 09:00"))
    site.start(clock=T - timedelta(hours=1))
    assert site.titles() == ["Short", "First"]
    site.set_clock(T - timedelta(seconds=2))
    site.serves("First")
    wait_for(lambda: any("due" in line["reasons"] for line in site.passes()))


def test_a_machine_that_slept_catches_up_once(site: Site) -> None:
    for hour in (9, 10, 11):
        site.write(f"{hour}.md", post(f"At {hour}", f"2026-03-01 {hour:02}:00"))
    site.start(clock=T - timedelta(hours=1))
    assert site.titles() == ["First"]
    site.set_clock(T + timedelta(hours=1, minutes=30))
    site.serves("At 10", "At 9", "First")
    site.logged("the time moved by")
    assert site.ask("status")["next_change"]["title"] == "At 11"


def test_a_clock_that_goes_back_keeps_the_time_table_alive(site: Site) -> None:
    site.config.write_text(CONFIG + "schedule: {rescan: 1s, watch: 'off'}\n", "utf-8")
    site.start(clock=T)
    site.set_clock(T - timedelta(days=1))
    site.logged("the time moved by -")
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Second", "First")


# Configuration and signals


def test_a_changed_configuration_is_put_in_force_and_a_broken_one_is_not(site: Site) -> None:
    site.start()
    site.config.write_text(CONFIG.replace("紙と活字", "New name"), "utf-8")
    wait_for(lambda: json.loads(site.get("/feeds/all.json")[1])["title"] == "New name")
    site.config.write_text(CONFIG.replace("title: 紙と活字", "titel: Broken"), "utf-8")
    assert "config.yaml:2" in site.logged("config.unknown-key")["message"]
    site.logged("the previous one stays in force")
    status = site.ask("status")
    assert "config.unknown-key" in {problem["rule"] for problem in status["configuration_problems"]}
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Second", "First")
    assert json.loads(site.get("/feeds/all.json")[1])["title"] == "New name"
    # As it was before: there is nothing to put in force, and nothing is wrong any more.
    site.config.write_text(CONFIG.replace("紙と活字", "New name"), "utf-8")
    wait_for(lambda: site.ask("status")["configuration_problems"] == [])
    site.config.write_text(CONFIG, "utf-8")
    wait_for(lambda: json.loads(site.get("/feeds/all.json")[1])["title"] == "紙と活字")
    assert site.ask("status")["configuration_problems"] == []


def test_what_cannot_be_changed_while_it_runs_is_said_and_stays(site: Site) -> None:
    site.start()
    site.config.write_text(CONFIG + "output: elsewhere\nstate: memory\n", "utf-8")
    assert "output, state" in site.logged("in force after `feedservice restart`")["message"]
    assert "FEEDSERVICE_STATE=.feedservice feedservice stop" in site.logged("until then")["message"]
    site.write("second.md", post("Second", "2025-01-06"))
    site.serves("Second", "First")
    # Said once, though the file says it still.
    site.config.write_text(CONFIG.replace("紙と活字", "New") + "output: elsewhere\nstate: memory\n", "utf-8")
    wait_for(lambda: json.loads(site.get("/feeds/all.json")[1])["title"] == "New")
    assert len([line for line in site.lines() if "in force after" in line["message"]]) == 1
    assert not (site.root / "elsewhere").exists()
    assert not (site.root / "memory").exists()
    # What is in the file was read: a look at it finds nothing new.
    configured = len([line for line in site.passes() if "configuration" in line["reasons"]])
    site.config.write_text(site.config.read_text("utf-8") + "# no more than a note\n", "utf-8")
    site.write("third.md", post("Third", "2025-01-07"))
    site.serves("Third", "Second", "First")
    assert len([line for line in site.passes() if "configuration" in line["reasons"]]) == configured


def test_signals_reload_and_build(site: Site) -> None:
    site.config.write_text(CONFIG + "schedule: {rescan: 1h, watch: 'off'}\n", "utf-8")
    site.start()
    site.write("second.md", post("Second", "2025-01-06"))
    site.signal(signal.SIGUSR1)
    site.serves("Second", "First")
    site.config.write_text(CONFIG.replace("紙と活字", "New") + "schedule: {rescan: 1h, watch: 'off'}\n", "utf-8")
    site.signal(signal.SIGHUP)
    wait_for(lambda: json.loads(site.get("/feeds/all.json")[1])["title"] == "New")


# Ends and beginnings


def test_it_stops_when_it_is_told_and_leaves_nothing_open(site: Site) -> None:
    site.start()
    assert site.stop() == 0
    assert not (site.state / "control.sock").exists()
    site.start()
    assert site.titles() == ["First"]


def test_a_stop_during_a_pass_finishes_it(site: Site) -> None:
    for number in range(400):
        site.write(f"{number}.md", post(f"Post {number}", f"20{number % 20:02}-02-{number % 28 + 1:02}"))
    site.start()
    site.ask("rebuild", full=True)
    assert site.stop() == 0
    told = [line for line in site.passes() if "rebuild" in line["reasons"]]
    assert len(told) == 1, site.log()


@pytest.mark.parametrize(("number", "asked"), [(signal.SIGTERM, True), (signal.SIGINT, False)], ids=["asked", "signalled"])
def test_who_does_not_want_to_wait_for_the_pass_says_so_a_second_time(site: Site, number: int, asked: bool) -> None:
    site.start()
    # A pass reads what was decided about feeds; from this file it reads nothing until somebody writes.
    os.mkfifo(site.state / "guard.json")
    site.ask("rebuild", full=True)
    wait_for(lambda: site.ask("status")["building"] == ["rebuild"])
    if asked:
        site.ask("stop")
    else:
        site.signal(number)
    site.logged("^stopping$")
    assert site.process is not None
    assert site.process.poll() is None
    assert site.stop(number) == -number


def test_kill_9_during_a_pass_of_several_processes_leaves_no_port_no_lock_and_nobody_behind(site: Site) -> None:
    for number in range(700):
        site.write(f"{number}.md", post(f"Post {number}", f"20{number % 20:02}-02-{number % 28 + 1:02}", body="語" * 500))
    site.start()
    port = site.url.rpartition(":")[2]
    site.ask("rebuild", full=True)
    assert site.process is not None
    assert addressed(site.process.pid)
    # The one that starts others, and those that it has started.
    children = wait_for(lambda: len(found := descendants(site.process.pid)) > 1 and found)
    assert not [link for child in children for link in addressed(child)]
    site.stop(signal.SIGKILL)
    site.start("--port", port)
    assert len(site.titles()) == 50
    wait_for(lambda: all(state_of(child) == "Z" for child in children))


def addressed(pid: int) -> list[str]:
    """Return the sockets of a process that others can find: a port, a connection, a path. A pair without names is none."""
    held: list[str] = []
    ours: set[str] = set()
    # It may end while it is looked at, and then has none.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        tables = [Path(f"/proc/{pid}/net/{name}").read_text("utf-8").splitlines()[1:] for name in ("tcp", "tcp6", "unix")]
        rows = [[line.split() for line in table] for table in tables]
        ours = {row[9] for row in (*rows[0], *rows[1])} | {row[6] for row in rows[2] if len(row) > 7}
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                held.append(str(each.readlink()))
    return [link for link in held if link.removeprefix("socket:[").removesuffix("]") in ours]


def test_ctrl_c_reaches_the_processes_that_render_too_and_the_pass_is_finished(site: Site) -> None:
    for number in range(700):
        site.write(f"{number}.md", post(f"Post {number}", f"20{number % 20:02}-02-{number % 28 + 1:02}", body="語" * 500))
    site.start()
    site.ask("rebuild", full=True)
    assert site.process is not None
    wait_for(lambda: len(descendants(site.process.pid)) > 1)
    os.killpg(site.process.pid, signal.SIGINT)
    assert site.process.wait(60) == 0
    assert len([line for line in site.passes() if "rebuild" in line["reasons"]]) == 1, site.log()
    assert "Traceback" not in site.log()


def test_two_services_do_not_run_in_one_state_directory(site: Site) -> None:
    site.start()
    other = Site(root=site.root, log_name="other")
    other.start(wait=False)
    assert other.process is not None
    assert other.process.wait(60) == 4
    assert site.process is not None
    assert f"refused: process {site.process.pid} builds here since" in other.log()
    assert site.titles() == ["First"]


def test_a_service_whose_state_directory_is_gone_ends_before_there_are_two(site: Site) -> None:
    site.start()
    first, site.process = site.process, None
    site.state.rename(site.root / "away")
    # The next one begins, and the first one neither writes nor takes its socket away.
    other = Site(root=site.root, log_name="other").start()
    assert first is not None
    assert first.wait(60) == 4
    assert "the state directory, or the lock in it, was removed while the service ran" in site.log()
    assert "Traceback" not in site.log()
    try:
        other.write("second.md", post("Second", "2025-01-06"))
        other.serves("Second", "First")
    finally:
        assert other.stop() == 0
    assert "content" not in {reason for line in site.passes() for reason in line["reasons"]}


def test_after_kill_9_the_next_one_starts(site: Site) -> None:
    site.start()
    assert site.stop(signal.SIGKILL) == -signal.SIGKILL
    site.write("second.md", post("Second", "2025-01-06"))
    site.start()
    assert site.titles() == ["Second", "First"]


def test_a_restart_serves_what_was_published_before_its_first_pass_is_done(site: Site) -> None:
    site.config.write_text(CONFIG + "feeds: {moved: {/old.xml: /feeds/all.atom}}\n", "utf-8")
    site.start()
    tag = {"If-None-Match": _tag(site, "/feeds/all.json")}
    site.stop()
    site.write("second.md", post("Second", "2025-01-06"))
    # A pass reads what was decided about feeds; from this file it reads nothing until somebody writes.
    decisions = site.state / "guard.json"
    os.mkfifo(decisions)
    site.start(wait=False)
    status = wait_for(lambda: _serving(site))
    site.url = status["serving"][0]
    assert "the first pass is not done yet" in status["unready"]
    assert site.titles() == ["First"]
    assert site.get("/feeds/all.json", tag)[0] == 304
    assert site.get("/old.xml")[0] == 200
    assert site.get("/feeds/another.json")[0] == 503
    with decisions.open("w", encoding="utf-8") as file:
        decisions.unlink()
        file.write('{"held": {}, "released": {}, "rejected": {}}')
    site.ready()
    assert site.titles() == ["Second", "First"]
    assert site.get("/feeds/another.json")[0] == 404


def test_a_restart_with_nothing_changed_is_ready_before_its_first_pass(site: Site) -> None:
    site.start()
    site.stop()
    # A pass reads what readers have of every feed; from this file it reads nothing until somebody writes.
    readers_have = site.state / "served" / "0.json"
    os.mkfifo(readers_have)
    site.start(wait=False)
    status = wait_for(lambda: status if (status := _serving(site)) is not None and status["ready"] else None)
    assert status["last_pass"] is None
    assert status["unready"] == []
    site.url = status["serving"][0]
    assert site.titles() == ["First"]
    assert site.get("/feeds/another.json")[0] == 503
    assert site.log().count("Serving") == 2
    site.write("second.md", post("Second", "2025-01-06"))
    with readers_have.open("w", encoding="utf-8"):
        readers_have.unlink()
    site.ready()
    assert site.get("/feeds/another.json")[0] == 404
    wait_for(lambda: site.titles() == ["Second", "First"])
    assert site.log().count("Serving") == 2


def _serving(site: Site) -> dict[str, Any] | None:
    with contextlib.suppress(RefusedError):
        status = site.ask("status")
        return status if status["serving"] else None
    return None


def _tag(site: Site, path: str) -> str:
    with urllib.request.urlopen(site.url + path, timeout=60) as answer:
        return str(answer.headers["ETag"])


@pytest.mark.parametrize(
    ("extra", "arguments", "said"),
    [
        ("state: " + "long/" * 30 + "\n", (), "the path of the control socket is too long"),
        ("state: config.yaml/state\n", (), "config.yaml/state cannot be written: Not a directory"),
        ("", ("--host", "192.0.2.1"), "192.0.2.1:0 is no address of this machine"),
        ("content: {directory: nowhere}\n", (), "there is no content directory"),
    ],
)
def test_what_stands_against_a_start_is_said_plainly(site: Site, extra: str, arguments: tuple[str, ...], said: str) -> None:
    site.config.write_text(CONFIG + extra, "utf-8")
    site.start(*arguments, wait=False)
    assert site.process is not None
    assert site.process.wait(60) == 4
    assert said in site.log()
    assert "Traceback" not in site.log()


def test_a_taken_port_is_said_plainly(site: Site, tmp_path: Path) -> None:
    site.start()
    port = site.url.rpartition(":")[2]
    other = Site(root=tmp_path / "other")
    other.root.mkdir()
    other.config.write_text(CONFIG, "utf-8")
    other.write("a.md", post("A"))
    other.start("--port", port, wait=False)
    assert other.process is not None
    assert other.process.wait(60) == 4
    assert f"another program listens on 127.0.0.1:{port}" in other.log()


def test_a_doubt_stays_until_somebody_decides(site: Site) -> None:
    site.write("b.md", post("B", "2025-01-08"))
    site.start()
    (site.content / "b.md").unlink()
    site.write("c.md", post("C", "2025-01-08"))
    site.logged("the feed 'all' is held")
    site.ask("rebuild", wait=True)
    site.ask("rebuild", wait=True, full=True)
    assert site.titles() == ["B", "First"]
    subprocess.run(
        [sys.executable, "-m", "feedservice", "--config", str(site.config), "release"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    site.serves("C", "First")
