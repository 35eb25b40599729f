"""A git history with every accident in it, checked out commit by commit while somebody polls: re-sent 0, missed 0."""

from __future__ import annotations

import dataclasses
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from feedservice.config import load
from feedservice.service import guarding, publish
from feedservice.service.report import Report

START = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
CONFIG = """\
site: {title: Replay, url: https://example.org}
feeds: {window: 10, pages: false, compress: [], formats: [atom], category_feeds: false}
"""
NUMBER = re.compile(r"Post number (\d+) begins here")


@dataclasses.dataclass
class Author:
    """Writes posts into a working tree, and has every accident there is."""

    tree: Path
    chance: random.Random
    now: datetime
    count: int = 0
    paths: dict[int, Path] = dataclasses.field(default_factory=dict)
    away: dict[int, str] = dataclasses.field(default_factory=dict)

    def write(self, *, age: timedelta = timedelta(0), folder: str = "") -> None:
        self.count += 1
        number = self.count
        body = "\n".join(f"Sentence {at} of {number} is about {self.chance.randrange(10**9)}." for at in range(6))
        date = f"{self.now - age - timedelta(minutes=5):%Y-%m-%d %H:%M:%S}"
        text = f"---\ntitle: Title {number}\ndate: {date}\ncategories: [tea]\n---\nPost number {number} begins here.\n{body}\n"
        path = self.tree / "content" / folder / f"post-{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.paths[number] = path

    def one(self) -> int:
        return self.chance.choice(sorted(self.paths))

    def edit(self, number: int, pattern: str, new: str) -> None:
        path = self.paths[number]
        path.write_text(re.sub(pattern, new, path.read_text(), count=1, flags=re.MULTILINE))

    # Everything below is one commit.

    def new_post(self) -> None:
        self.write()

    def late_merge(self) -> None:
        self.write(age=timedelta(days=self.chance.randrange(10, 300)), folder="late")

    def ten_posts(self) -> None:
        for _ in range(10):
            self.write(age=timedelta(minutes=self.chance.randrange(600)))

    def retitle(self) -> None:
        self.edit(self.one(), r"^title: .*$", f"title: Renamed {self.chance.randrange(10**6)}")

    def reslug(self) -> None:
        self.edit(self.one(), r"^title:", f"slug: s-{self.chance.randrange(10**6)}\ntitle:")

    def redate(self) -> None:
        date = self.now - timedelta(days=self.chance.randrange(-5, 200))
        self.edit(self.one(), r"^date: .*$", f"date: {date:%Y-%m-%d %H:%M:%S}")

    def rename(self) -> None:
        number = self.one()
        new = self.paths[number].with_name(f"renamed-{self.chance.randrange(10**6)}.md")
        self.paths[number] = self.paths[number].rename(new)

    def rename_and_edit(self) -> None:
        self.rename()
        number = self.one()
        self.edit(number, r"^Sentence 2 .*$", f"A new sentence {self.chance.randrange(10**9)}.")
        self.edit(number, r"^title: .*$", f"title: Another title {self.chance.randrange(10**6)}")

    def rename_all(self) -> None:
        for number, path in sorted(self.paths.items()):
            self.paths[number] = path.rename(path.with_name(f"all-{number}-{self.chance.randrange(1000)}.md"))

    def mass_front_matter(self) -> None:
        for number in self.paths:
            self.edit(number, r"^categories: .*$", f"categories: [c{self.chance.randrange(10**6)}]")

    def mass_dates(self) -> None:
        for number in self.paths:
            self.edit(number, r"^date: .*$", f"date: {self.now - timedelta(hours=1):%Y-%m-%d %H:%M:%S}")

    def change_places(self) -> None:
        one, two = self.one(), self.one()
        first, second = self.paths[one].read_text(), self.paths[two].read_text()
        self.paths[one].write_text(second)
        self.paths[two].write_text(first)
        self.paths[one], self.paths[two] = self.paths[two], self.paths[one]

    def delete(self) -> None:
        number = self.one()
        path = self.paths.pop(number)
        self.away[number] = path.read_text()
        path.unlink()

    def bring_back(self) -> None:
        if self.away:
            number = self.chance.choice(sorted(self.away))
            path = self.tree / "content" / f"back-{number}.md"
            path.write_text(self.away.pop(number))
            self.paths[number] = path

    def copy(self) -> None:
        path = self.paths[self.one()]
        shutil.copy(path, path.with_name("a-copy.md"))

    def half_saved(self) -> None:
        path = self.paths[self.one()]
        path.write_text(path.read_text()[:15])

    def mend(self) -> None:
        for number, path in self.paths.items():
            if "begins here" not in path.read_text():
                self.git("checkout", "HEAD~1", "--", str(path.relative_to(self.tree)))
                assert NUMBER.search(path.read_text()), number
        (self.tree / "content" / "a-copy.md").unlink(missing_ok=True)

    def domain(self) -> None:
        host = f"https://{self.chance.choice(['a', 'b', 'c'])}.example"
        config = self.tree / "config.yaml"
        config.write_text(re.sub(r"url: \S+\}", f"url: {host}}}", config.read_text()))

    def scheme(self) -> None:
        config = self.tree / "config.yaml"
        text = re.sub(r", ids: \w+", "", config.read_text())
        config.write_text(text.replace("{window: 10", f"{{window: 10, ids: {self.chance.choice(['tag', 'permalink', 'jekyll'])}"))

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"]
        done = subprocess.run(["git", *who, *words], cwd=self.tree, check=True, capture_output=True, text=True)
        return done.stdout.strip()


ORDINARY = ("new_post", "new_post", "new_post", "late_merge", "retitle", "reslug", "redate", "rename", "rename_and_edit")
ACCIDENTS = (
    "ten_posts",
    "rename_all",
    "mass_front_matter",
    "mass_dates",
    "change_places",
    "delete",
    "bring_back",
    "domain",
    "scheme",
)


def history(tree: Path, seed: int, length: int) -> Iterator[tuple[datetime, str, str]]:
    """Make a repository; yield (time, what happened, commit) of each of its commits."""
    author = Author(tree=tree, chance=random.Random(seed), now=START)
    (tree / "content").mkdir(parents=True)
    (tree / "config.yaml").write_text(CONFIG)
    author.git("init")
    for _ in range(25):
        author.write(age=timedelta(days=author.chance.randrange(1, 200)))
    steps = ["begin"]
    while len(steps) < length:
        steps.append(author.chance.choice(ORDINARY if author.chance.random() < 0.6 else ACCIDENTS))
        if author.chance.random() < 0.1:
            steps += [author.chance.choice(["half_saved", "copy"]), "mend"]
    for step in steps:
        author.now += timedelta(hours=author.chance.randrange(1, 20))
        if step != "begin":
            getattr(author, step)()
        author.git("add", "-A")
        author.git("commit", "--allow-empty", "-m", step)
        yield author.now, step, author.git("rev-parse", "HEAD")


@dataclasses.dataclass
class Poller:
    """Remembers ids, and what was sent under each."""

    root: Path
    seen: set[str] = dataclasses.field(default_factory=set)
    sent: dict[str, str] = dataclasses.field(default_factory=dict)
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
            if found[1] in self.sent:
                again.append(f"{when}: post {found[1]} as {entry.id}, before as {self.sent[found[1]]}")
            self.sent.setdefault(found[1], entry.id)
        return again


def build(root: Path, now: datetime) -> Report:
    return publish.build(load(root / "site" / "config.yaml", {}), now=now, out=root / "public")


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_sent_again_and_nothing_is_missed(tmp_path: Path, seed: int) -> None:
    commits = list(history(tmp_path / "work", seed, 70))
    site = tmp_path / "site"
    subprocess.run(["git", "clone", "-q", str(tmp_path / "work"), str(site)], check=True)
    poller, again, meant = Poller(tmp_path), [], 0
    for now, step, commit in commits:
        subprocess.run(["git", "checkout", "-q", commit], cwd=site, check=True)
        report = build(tmp_path, now)
        if report.guarded:
            # The operator looks: ten posts at once are meant, and dates that were rewritten send nothing again.
            assert step in {"ten_posts", "mass_dates"}, (step, report.guarded)
            meant += 1
            state = site / ".feedservice"
            known = guarding.decisions(state)
            released = {each.feed: each.key for each in known.held.values()}
            guarding.decide(state, dataclasses.replace(known, released=released))
            assert build(tmp_path, now + timedelta(seconds=1)).guarded == ()
        again += poller.poll(step)
    assert again == []
    assert meant > 0
    published = {found[1] for path in (site / "content").rglob("*.md") if (found := NUMBER.search(path.read_text()))}
    first = {str(number) for number in range(1, 26)}
    assert sorted(published - first - poller.sent.keys()) == [], "missed"
    assert len(poller.sent) > 25
