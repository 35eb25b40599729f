"""A git history with every accident in it, checked out commit by commit while somebody polls: re-sent 0, missed 0."""

from __future__ import annotations

import dataclasses
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from feedservice.config import load
from feedservice.service import guarding, publish
from feedservice.service.report import Report
from tests.scenarios.history import BEGINS_WITH, NUMBER, history, numbers

CONFIG = """\
site: {title: Replay, url: https://example.org}
feeds: {window: 10, pages: false, compress: [], formats: [atom], category_feeds: false}
"""


@dataclasses.dataclass
class Poller:
    """Remembers ids, and what was sent under each."""

    root: Path
    seen: set[str] = dataclasses.field(default_factory=set)
    sent: dict[int, str] = dataclasses.field(default_factory=dict)
    """Number of a post → the id that it came with first."""

    def poll(self, when: str) -> list[str]:
        """Return what came again under another id."""
        again: list[str] = []
        for entry in feedparser.parse((self.root / "public" / "feeds" / "all.atom").read_bytes()).entries:
            if entry.id in self.seen:
                continue
            self.seen.add(entry.id)
            found = NUMBER.search(entry.content[0].value)
            assert found, when
            number = int(found[1])
            if number in self.sent:
                again.append(f"{when}: post {number} as {entry.id}, before as {self.sent[number]}")
            self.sent.setdefault(number, entry.id)
        return again


def build(root: Path, now: datetime) -> Report:
    return publish.build(load(root / "site" / "config.yaml", {}), now=now, out=root / "public")


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_sent_again_and_nothing_is_missed(tmp_path: Path, seed: int) -> None:
    commits = history(tmp_path / "work", seed, 70, CONFIG)
    site = tmp_path / "site"
    subprocess.run(["git", "clone", "-q", str(tmp_path / "work"), str(site)], check=True)
    poller, again, meant = Poller(tmp_path), [], 0
    first = set(range(1, BEGINS_WITH + 1))
    for each in commits:
        subprocess.run(["git", "checkout", "-q", each.name], cwd=site, check=True)
        report = build(tmp_path, each.now)
        if report.guarded:
            # The operator looks: ten posts at once are meant, and dates that were rewritten send nothing again.
            assert each.step in {"ten_posts", "mass_dates"}, (each.step, report.guarded)
            meant += 1
            state = site / ".feedservice"
            known = guarding.decisions(state)
            released = {one.feed: one.key for one in known.held.values()}
            guarding.decide(state, dataclasses.replace(known, released=released))
            assert build(tmp_path, each.now + timedelta(seconds=1)).guarded == ()
        again += poller.poll(each.step)
        assert numbers(site) - first - poller.sent.keys() == set(), f"missed after {each.step}"
    assert again == []
    assert meant > 0
    assert len(poller.sent) > BEGINS_WITH
