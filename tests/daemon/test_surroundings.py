"""What a service meets: a service manager that listens, a system that has no more watches to give."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.conftest import LAUNCH, ROOT, Site, post, wait_for


def test_a_service_manager_is_told_of_everything(site: Site) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = str(site.root / "notify")
        manager.bind(address)
        manager.settimeout(60)
        site.environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"}

        def told(what: str) -> dict[str, str]:
            while True:
                fields = dict(line.split("=", 1) for line in manager.recv(1000).decode().splitlines())
                if what in fields:
                    return fields

        site.start(wait=False)
        assert told("READY")["STATUS"].startswith("1 post in 1 feed")
        told("WATCHDOG")
        site.signal(signal.SIGHUP)
        assert int(told("RELOADING")["MONOTONIC_USEC"]) > 0
        told("READY")
        site.write("later.md", post("Later", "2099-01-01 09:00"))
        while "2099-01-01 00:00:00 UTC" not in told("STATUS")["STATUS"]:
            pass
        for number in range(30):
            site.write(f"{number}.md", post(f"Flood {number}", f"2020-01-{number % 28 + 1:02} 0{number // 28}:00"))
        site.logged("the feed 'all' is held")
        assert site.process is not None
        site.process.terminate()
        told("STOPPING")
        # A held feed is no failure: systemd would start again what was stopped.
        assert site.process.wait(60) == 0


def _limited(limit: int) -> list[str]:
    """Return a command line that runs another in a user namespace of its own, with so many watches."""
    inside = f'echo {limit} > /proc/sys/user/max_inotify_watches && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "sh", "-c", inside, "sh"]


def _can_limit() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*_limited(1), "true"], check=False, capture_output=True, timeout=60).returncode == 0


@pytest.mark.judge
def test_where_the_system_has_no_watches_left_the_look_at_intervals_remains(site: Site) -> None:
    if not _can_limit():
        pytest.skip("this system does not let a user namespace limit its watches")
    with site.config.open("a", encoding="utf-8") as file:
        file.write("schedule: {rescan: 1s}\n")
    for number in range(20):
        site.write(f"{number}/post.md", post(f"Post {number}", "2024-01-01"))
    command = [*_limited(5), sys.executable, str(LAUNCH), "-", "--config", str(site.config), "run"]
    with (site.root / "log").open("ab") as log:
        site.process = subprocess.Popen(
            command, cwd=site.root, stderr=log, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        )
    site.ready()
    assert site.logged("no events from .*/content: the system refuses")["level"] == "warning"
    assert "watch limit" in site.ask("status")["not_watching"]
    site.write("second.md", post("Second", "2025-01-06"))
    wait_for(lambda: site.titles()[:2] == ["Second", "First"])
    assert len([each for each in site.lines() if "/content: the system refuses" in each["message"]]) == 1


def test_before_the_first_pass_readers_are_told_to_come_again(site: Site, tmp_path: Path) -> None:
    for number in range(400):
        site.write(f"{number}.md", post(f"Post {number}", "2024-01-01", body="語" * 3000))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site.start("--port", str(port), wait=False)
    site.url = f"http://127.0.0.1:{port}"
    seen: set[int] = set()

    def published() -> bool:
        try:
            seen.add(site.get("/feeds/all.atom")[0])
        except OSError:
            return False
        return 200 in seen

    wait_for(published)
    # Never 404: a reader would take it for an answer.
    assert seen <= {200, 503}
