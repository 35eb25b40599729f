"""A real service under test: a process of its own, real files, real HTTP, and a clock that can be set."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from feedservice.errors import RefusedError
from feedservice.service import control

ROOT = Path(__file__).parents[2]
LAUNCH = Path(__file__).with_name("launch.py")
PATIENCE = 60.0
"""Seconds for what takes a fraction of one, on a machine that has other things to do."""

CONFIG = """\
site:
  title: 紙と活字
  url: https://example.org
  timezone: Asia/Tokyo
serve: {port: 0}
"""


def post(title: str, date: str = "2025-01-05 09:00", body: str = "Text.", **more: str) -> str:
    """Return the text of a post."""
    lines = "".join(f"{key}: {value}\n" for key, value in more.items())
    return f"---\ntitle: {title}\ndate: {date}\n{lines}---\n{body}\n"


def wait_for(what: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Return the first true value of a function; fails when there is none for a long time."""
    end = time.monotonic() + patience
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true"
        time.sleep(0.02)


@dataclasses.dataclass
class Site:
    """A folder with a configuration and posts, and the service that publishes it."""

    root: Path
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    log_name: str = "log"
    environ: Mapping[str, str] = dataclasses.field(default_factory=dict)
    launcher: Path = LAUNCH
    inside: tuple[str, ...] = ()
    """Begins the command line: a program that becomes the one that follows."""

    # Files

    @property
    def content(self) -> Path:
        return self.root / "content"

    @property
    def state(self) -> Path:
        return self.root / ".feedservice"

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    def write(self, name: str, text: str) -> Path:
        path = self.content / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    # The process

    def start(self, *arguments: str, clock: datetime | None = None, wait: bool = True) -> Site:
        """Start the service; ``clock`` is what time it believes it is. ``wait`` until it is ready."""
        clock_file = self.root / "clock"
        if clock is not None:
            clock_file.write_text(str(clock.timestamp() - time.time()), encoding="ascii")
        command = [
            *self.inside,
            sys.executable,
            str(self.launcher),
            str(clock_file) if clock is not None else "-",
            "--config",
            str(self.config),
            "run",
        ]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **self.environ}
        with (self.root / self.log_name).open("ab") as log:
            # The process outlives this function: ``stop`` ends it.
            self.process = subprocess.Popen(
                [*command, *arguments], cwd=self.root, stdout=log, stderr=log, env=environ, start_new_session=True
            )
        if wait:
            self.ready()
        return self

    def ready(self) -> dict[str, Any]:
        status: dict[str, Any] = wait_for(self._ready)
        self.url = status["serving"][0] if status["serving"] else ""
        return status

    def _ready(self) -> dict[str, Any] | None:
        assert self.process is not None
        assert self.process.poll() is None, f"the service ended with {self.process.returncode}:\n{self.log()}"
        with contextlib.suppress(RefusedError):
            status = self.ask("status")
            # It may be ready before the first pass: what is asked for here is what that has found.
            return status if status["ready"] and status["last_pass"] else None
        return None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return how the process ended."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.process = None
        return code

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def set_clock(self, to: datetime) -> None:
        """Move the clock of the running service."""
        (self.root / "clock").write_text(str(to.timestamp() - time.time()), encoding="ascii")
        self.signal(signal.SIGUSR2)

    # Questions

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        return control.ask(self.state, {"do": do, **more}, timeout=PATIENCE)

    def get(self, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> tuple[int, bytes]:
        """Return status and body."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}), **more)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def titles(self, feed: str = "all") -> list[str]:
        """Return the titles in a feed as it is served, newest first."""
        status, body = self.get(f"/feeds/{feed}.json")
        return [item["title"] for item in json.loads(body)["items"]] if status == 200 else []

    def serves(self, *titles: str, feed: str = "all") -> None:
        """Wait until a feed has exactly these posts."""
        try:
            wait_for(lambda: self.titles(feed) == list(titles))
        except AssertionError:
            raise AssertionError(f"{self.titles(feed)} are served, not {list(titles)}:\n{self.log()}") from None

    def log(self) -> str:
        return (self.root / self.log_name).read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def logged(self, pattern: str) -> dict[str, Any]:
        """Wait for a line of the log whose message has a pattern."""
        try:
            found: dict[str, Any] = wait_for(
                lambda: next((line for line in self.lines() if re.search(pattern, line["message"])), None)
            )
        except AssertionError:
            raise AssertionError(f"{pattern} is not in the log:\n{self.log()}") from None
        return found

    def passes(self) -> list[dict[str, Any]]:
        """Return the log lines of passes that did something."""
        return [line for line in self.lines() if "pass" in line and "stages" in line]


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and what those have."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, task.joinpath("children").read_text("ascii").split()):
                found += [child, *descendants(child)]
    return found


def state_of(pid: int) -> str:
    """Return the state of a process, ``Z`` when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with one post; what was started is stopped."""
    made = Site(root=tmp_path)
    made.config.write_text(CONFIG, encoding="utf-8")
    made.write("first.md", post("First"))
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait(PATIENCE)
