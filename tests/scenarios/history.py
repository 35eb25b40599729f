"""A git history of our own making, with every accident in it that happens to a site that is kept in git."""

from __future__ import annotations

import dataclasses
import random
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
BEGINS_WITH = 25
NUMBER = re.compile(r"Post number (\d+) begins here")
SCHEMES = ("tag", "permalink", "jekyll")
HOSTS = ("http://a.example", "https://a.example", "https://b.example", "https://c.example")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit of the history."""

    name: str
    step: str
    """What its author did."""
    now: datetime
    """When."""


@dataclasses.dataclass
class Author:
    """Writes posts into a working tree, and has every accident there is."""

    tree: Path
    chance: random.Random
    now: datetime
    count: int = 0
    commits: int = 0
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
        """Merge a branch on which somebody wrote months ago."""
        self.git("checkout", "-q", "-b", "late", f"HEAD~{min(3, self.commits - 1)}")
        self.write(age=timedelta(days=self.chance.randrange(10, 300)), folder="late")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "late")
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--no-ff", "-m", "late_merge", "late")
        self.git("branch", "-q", "-d", "late")
        self.commits += 1

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
        number = self.one()
        new = self.paths[number].with_name(f"both-{self.chance.randrange(10**6)}.md")
        self.paths[number] = self.paths[number].rename(new)
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
        one, two = self.chance.sample(sorted(self.paths), 2)
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
            path = self.tree / "content" / f"back-{number}-{self.chance.randrange(10**6)}.md"
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
                self.git("checkout", "-q", "HEAD~1", "--", str(path.relative_to(self.tree)))
                assert NUMBER.search(path.read_text()), number
        for copied in self.tree.rglob("a-copy.md"):
            copied.unlink()

    def domain(self) -> None:
        """Move to another host, or to https."""
        config = self.tree / "config.yaml"
        text = config.read_text()
        host = self.chance.choice([each for each in HOSTS if f"url: {each}}}" not in text])
        config.write_text(re.sub(r"(title: Replay, url:) \S+\}", rf"\1 {host}}}", text))

    def scheme(self) -> None:
        """Make the ids of posts to come by another rule."""
        config = self.tree / "config.yaml"
        text = config.read_text()
        scheme = self.chance.choice([each for each in SCHEMES if f", ids: {each}," not in text])
        config.write_text(re.sub(r"window: 10, (ids: \w+, )?", f"window: 10, ids: {scheme}, ", text))

    def commit(self, words: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", words)
        self.commits += 1

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main", "-c", "gc.auto=0"]
        who += ["-c", "merge.directoryRenames=false"]
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
MENDED = ("half_saved", "copy")
"""Accidents that somebody puts right in the next commit."""


def history(tree: Path, seed: int, length: int, config: str) -> list[Commit]:
    """Make a repository and return its commits: each accident once at least, then whatever comes."""
    author = Author(tree=tree, chance=random.Random(seed), now=START)
    (tree / "content").mkdir(parents=True)
    (tree / "config.yaml").write_text(config)
    author.git("init")
    for _ in range(BEGINS_WITH):
        author.write(age=timedelta(days=author.chance.randrange(1, 200)))
    every = [*ORDINARY, *ACCIDENTS, *MENDED]
    author.chance.shuffle(every)
    # What is deleted can come back.
    every.insert(every.index("bring_back"), "delete")
    steps = ["begin", *(step for each in every for step in ([each, "mend"] if each in MENDED else [each]))]
    while len(steps) < length:
        steps.append(author.chance.choice(ORDINARY if author.chance.random() < 0.6 else ACCIDENTS))
        if author.chance.random() < 0.1:
            steps += [author.chance.choice(MENDED), "mend"]
    times: list[datetime] = []
    for step in steps:
        author.now += timedelta(hours=author.chance.randrange(1, 20))
        if step != "begin":
            getattr(author, step)()
        if step != "late_merge":
            author.commit(step)
        times.append(author.now)
    made = [line.split() for line in author.git("log", "--first-parent", "--reverse", "--format=%H %s").splitlines()]
    assert [step for _, step in made] == steps
    # A commit may change nothing: there was nothing that could come back.
    trees = author.git("log", "--first-parent", "--reverse", "--format=%T").splitlines()
    commits = [Commit(name=name, step=step, now=now) for (name, step), now in zip(made, times, strict=True)]
    return [each for each, tree_name, before in zip(commits, trees, ["", *trees], strict=False) if tree_name != before]


def numbers(tree: Path) -> set[int]:
    """Return the numbers of the posts in a work tree."""
    return {int(found[1]) for path in (tree / "content").rglob("*.md") if (found := NUMBER.search(path.read_text()))}
