"""The GitHub Action, as far as it is ours: what it runs, run here on a repository with a pull request in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CONFIG = "site: {title: S, url: https://example.org}\nfeeds: {pages: false, compress: []}\n"


def article(title: str, day: int) -> str:
    return f"---\ntitle: {title}\ndate: 2025-05-{day:02} 09:00\n---\nText of {title}.\n"


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root / "repository"
        self.temp = root / "temp"
        self.temp.mkdir()
        (self.root / "content").mkdir(parents=True)
        self.git("init")
        (self.root / "config.yaml").write_text(CONFIG)
        for day in range(1, 9):
            self.write(f"{day}.md", article(f"T{day}", day))
        self.base = self.commit()

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        return subprocess.run(["git", *who, *words], cwd=self.root, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, text: str) -> None:
        (self.root / "content" / name).write_text(text)

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def compare(self) -> tuple[str, str]:
        """Return the comment, and the outputs of the step."""
        outputs = self.temp / "outputs"
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CONFIG": "config.yaml",
            "BASE": self.base,
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(outputs),
        }
        script = ROOT / "deploy" / "pull-request.sh"
        done = subprocess.run([script], cwd=self.root, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return (self.temp / "subscribers.html").read_text(), outputs.read_text()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_a_pull_request_is_told_what_subscribers_would_see(repository: Repository) -> None:
    repository.git("mv", "content/3.md", "content/renamed.md")
    repository.write("new.md", article("New", 20))
    repository.commit()
    comment, outputs = repository.compare()
    assert "<b>all</b>: 1 new, 1 edited, without a new date</summary>" in comment
    assert ">New</a> (2025-05-20)" in comment
    assert outputs == "held=false\n"
    assert repository.git("status", "--porcelain") == ""
    assert [path.name for path in repository.temp.iterdir() if path.is_dir()] == []


def test_a_pull_request_that_would_be_held_says_so(repository: Repository) -> None:
    for day in range(10, 18):
        repository.write(f"{day}.md", article(f"T{day}", day))
    repository.commit()
    comment, outputs = repository.compare()
    assert "<strong>1 feed would be held.</strong>" in comment
    assert outputs == "held=true\n"


def test_a_committed_ledger_is_what_the_base_knows(repository: Repository) -> None:
    (repository.root / "config.yaml").write_text(CONFIG.replace("feeds: {", "feeds: {ledger: ids.jsonl, "))
    row = '{"id": "old", "path": "1.md", "origin": "tag", "first_seen": "2025-01-01T00:00:00Z", "title": "T1", "sketch": ""}'
    (repository.root / "ids.jsonl").write_text(row + "\n")
    repository.base = repository.commit()
    (repository.root / "config.yaml").write_text(CONFIG.replace("feeds: {", "feeds: {ledger: ids.jsonl, ids: permalink, "))
    repository.commit()
    comment, _ = repository.compare()
    assert "Subscribers would see nothing new." in comment
    assert repository.git("status", "--porcelain") == ""


def test_the_action_runs_what_is_there() -> None:
    action: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    steps = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    assert any("deploy/pull-request.sh" in step for step in steps)
    assert any("check --format github" in step for step in steps)
    assert os.access(ROOT / "deploy" / "pull-request.sh", os.X_OK)
