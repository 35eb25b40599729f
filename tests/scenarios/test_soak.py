"""Years of bad luck in a few seconds, watched by somebody who only knows ids.

Authors do what they like, clocks leap, passes are killed between two writes, pieces of the state directory are lost or put back as
they were. The subscriber polls after every pass. What is checked knows nothing of how the program works: a post is known by the
name of its author, which stands in its entry and has no part in knowing it again. ``TESTS_SOAK=500`` has more lives.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
import random
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from feedservice.config import Loaded, load
from feedservice.service import guarding
from feedservice.service.engine import Engine
from tests.service.test_crashes import engine_of, stopped_after

LIVES = int(os.environ.get("TESTS_SOAK", "0")) or 2
FIRST = int(os.environ.get("TESTS_SOAK_FIRST", "1"))
STEPS = 40
HOUR = timedelta(hours=1)
WINDOW = 5
SHELVES = ("tea", "ink")
ATOM = "{http://www.w3.org/2005/Atom}"
CONFIG = """\
site: {title: Soak, url: https://example.org}
content: {permalink: "/:title/", dialect: plain}
feeds: {window: 5, formats: [atom], pages: false, compress: [], url: https://example.org/feeds}
guard: {enabled: GUARD}
"""
HARM = ("", "---\ntitle: half", "---\ntitle: a: b\n---\nText.\n", "<<<<<<< ours\n---\ntitle: x\n=======\n>>>>>>> theirs\n")
LEDGERS = ("ledger.jsonl", "store.sqlite")
PIECES = (*LEDGERS, "served", "good")


@dataclasses.dataclass
class Written:
    """A post as its author knows it."""

    number: int
    path: str
    title: str
    sentences: list[str]
    published: datetime
    shelf: str
    draft: bool = False
    harm: str | None = None

    @property
    def text(self) -> str:
        if self.harm is not None:
            return self.harm
        lines = [f"title: {self.title}", f"date: {self.published:%Y-%m-%d %H:%M:%S}", f"categories: [{self.shelf}]"]
        lines += [f"author: n{self.number}", *(["draft: true"] if self.draft else [])]
        return "---\n" + "\n".join(lines) + "\n---\n" + "\n".join(self.sentences) + "\n"


@dataclasses.dataclass(frozen=True)
class Entry:
    id: str
    number: int
    published: str
    updated: str


@dataclasses.dataclass
class Subscriber:
    """What somebody has seen of one feed."""

    seen: dict[str, Entry] = dataclasses.field(default_factory=dict)
    shown: tuple[Entry, ...] = ()

    def poll(self, file: Path) -> list[Entry]:
        """Return what is new."""
        if not file.exists():
            self.shown = ()
            return []
        root = etree.parse(file).getroot()
        self.shown = tuple(
            Entry(
                id=each.findtext(f"{ATOM}id") or "",
                number=int((each.findtext(f"{ATOM}author/{ATOM}name") or "n0")[1:]),
                published=each.findtext(f"{ATOM}published") or "",
                updated=each.findtext(f"{ATOM}updated") or "",
            )
            for each in root.iterfind(f"{ATOM}entry")
        )
        assert len({each.id for each in self.shown}) == len(self.shown), "an id stands twice"
        new = [each for each in self.shown if each.id not in self.seen]
        for each in self.shown:
            before = self.seen.setdefault(each.id, each)
            assert before.number == each.number, f"{each.id} was {before.number} and is {each.number}"
            assert before.published == each.published, f"{each.id} was published {before.published}, and now {each.published}"
            assert before.updated <= each.updated, f"{each.id} was updated {before.updated}, and now {each.updated}"
            self.seen[each.id] = each
        return new


class Life:
    """One site, its author, its machine and its readers."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.dice = random.Random(seed)
        self.now = datetime(2025, 1, 1, 9, 0, 1, tzinfo=UTC)
        self.skew = timedelta(0)
        self.skewed = 0
        self.count = 0
        self.there: dict[int, Written] = {}
        self.deleted: dict[int, Written] = {}
        self.latest: dict[int, Written] = {}
        """Number → the post as a pass last saw it."""
        self.touched: set[int] = set()
        self.on_disk: dict[str, str] = {}
        self.spelled: dict[str, str] = {}
        """Path → name on disk, where it is spelled otherwise."""
        self.out: set[int] = set()
        """Numbers of the posts that were ever out."""
        self.live: set[int] = set()
        """Of those that had to be out after the last pass."""
        self.ids: dict[int, str] = {}
        self.readers = {key: Subscriber() for key in ("all", *SHELVES)}
        self.branches: list[dict[int, Written]] = []
        self.backups: list[Path] = []
        self.forgetful = False
        """What readers have is not known to the program any more: it may show them more than before."""
        self.ledger_lost = False
        """One of the two places of the ids is not what it was: the other is let be until a pass has made both good."""
        self.story: list[str] = []
        (root / "content").mkdir()
        # In every other life an operator is asked, and lets everything out.
        (root / "config.yaml").write_text(CONFIG.replace("GUARD", "true" if seed % 2 else "false"), encoding="utf-8")
        self.loaded: Loaded = load(root / "config.yaml", {})
        self.engine: Engine | None = None
        self.whole = True

    # What can happen between two passes

    def some(self, *, sound: bool = True) -> Written | None:
        """Return a post that nothing happened to since the last pass."""
        found = [each for number, each in sorted(self.there.items()) if number not in self.touched]
        found = [each for each in found if each.harm is None] if sound else found
        if not found:
            return None
        chosen = self.dice.choice(found)
        self.touched.add(chosen.number)
        return chosen

    def free(self, path: str) -> bool:
        stem = Path(path).stem
        return all(Path(each.path).stem != stem for each in self.there.values()) and path not in self.on_disk

    def new_path(self) -> str:
        names = [f"{folder}{name}.md" for folder in ("", "a/", "b/") for name in ("uno", "due", "tré", "quattro", "café", "sei")]
        names = [each for each in names if self.free(each)]
        return self.dice.choice(names) if names else f"further-{self.count}-{len(self.story)}.md"

    def write(self) -> None:
        self.count += 1
        number, dice = self.count, self.dice
        old = dice.choice([0, 0, 0, 1, 2, 3, -30, 400 if dice.random() < 0.3 else 0])
        self.there[number] = Written(
            number=number,
            path=self.new_path() if dice.random() < 0.4 else f"post-{number}.md",
            title=f"Title {number}",
            sentences=[f"Sentence {each} of post {number} is here." for each in range(8)],
            published=self.now - old * HOUR - timedelta(seconds=number),
            shelf=dice.choice(SHELVES),
            draft=dice.random() < 0.15,
        )
        self.touched.add(number)

    def write_like_another(self) -> None:
        """Begin with a copy of a post, at a place where one was."""
        if (post := self.some()) is not None:
            self.write()
            made = self.there[self.count]
            made.sentences[:3] = post.sentences[:3]
            made.draft = False

    def move(self) -> None:
        if (post := self.some()) is not None:
            post.path = self.new_path()

    def edit(self) -> None:
        if (post := self.some(sound=False)) is not None:
            for at in self.dice.sample(range(8), 2):
                post.sentences[at] = f"Another sentence {len(self.story)} of {post.number}, {at}."

    def rewrite(self) -> None:
        if (post := self.some()) is not None:
            post.sentences = [f"Rewritten {len(self.story)} {at} of {post.number}." for at in range(8)]

    def retitle(self) -> None:
        if (post := self.some()) is not None:
            post.title = f"Title {post.number} of {len(self.story)}"

    def reshelve(self) -> None:
        if (post := self.some()) is not None:
            post.shelf = self.dice.choice(SHELVES)

    def redate(self) -> None:
        if (post := self.some()) is not None:
            post.published = self.now + self.dice.randint(-300, 50) * HOUR + timedelta(seconds=post.number)

    def withdraw(self) -> None:
        if (post := self.some()) is not None:
            post.draft = not post.draft

    def harm(self) -> None:
        if (post := self.some()) is not None:
            post.harm = self.dice.choice(HARM)

    def mend(self) -> None:
        found = [each for each in self.there.values() if each.harm is not None and each.number not in self.touched]
        if found:
            post = self.dice.choice(found)
            post.harm = None
            self.touched.add(post.number)

    def swap(self) -> None:
        one, other = self.some(), self.some(sound=False)
        if one is not None and other is not None:
            one.path, other.path = other.path, one.path

    def rotate(self) -> None:
        three = [each for each in (self.some(), self.some(), self.some()) if each is not None]
        paths = [each.path for each in three]
        for each, path in zip(three, paths[1:] + paths[:1], strict=True):
            each.path = path

    def delete(self) -> None:
        if len(self.there) > 3 and (post := self.some(sound=False)) is not None:
            self.deleted[post.number] = self.there.pop(post.number)

    def restore(self) -> None:
        found = [each for number, each in sorted(self.deleted.items()) if number not in self.touched and each.harm is None]
        if found:
            post = self.deleted.pop(self.dice.choice(found).number)
            post.path = post.path if self.free(post.path) else self.new_path()
            self.there[post.number] = post
            self.touched.add(post.number)

    def switch(self) -> None:
        """Check out what was committed some passes ago; a later one may bring back what is there now."""
        self.branches.append(copy.deepcopy(self.there))
        wanted = copy.deepcopy(self.dice.choice(self.branches))
        alike = all(
            len(set(each.sentences) & set(self.latest[number].sentences)) >= 6 and each.harm is None
            for number, each in wanted.items()
            if number in self.latest
        )
        if self.touched or not alike or not wanted:
            return
        self.touched |= wanted.keys() | self.there.keys()
        self.deleted |= {number: each for number, each in self.there.items() if number not in wanted}
        for number in wanted:
            self.deleted.pop(number, None)
        self.there = wanted

    def touch(self) -> None:
        for file in (self.root / "content").rglob("*.md"):
            os.utime(file)
        self.whole = True

    def spell(self) -> None:
        """Have names of files with accents in the other Unicode form, as some systems do to them."""
        for path, name in list(self.spelled.items()):
            other = unicodedata.normalize("NFD" if name == path else "NFC", name)
            if other != name:
                (self.root / "content" / name).rename(self.root / "content" / other)
                self.spelled[path] = other
                self.whole = True

    def leap(self) -> None:
        """Have the clock be wrong for some passes."""
        self.skew = self.dice.choice([-1, -9, -400, -24 * 365 * 55, 9]) * HOUR
        self.skewed = self.dice.randint(1, 3)

    def restart(self) -> None:
        if self.engine is not None:
            self.engine.close()
        self.engine, self.whole = None, True

    def back_up(self) -> None:
        self.restart()
        state = self.root / ".feedservice"
        if state.exists():
            place = self.root / f"backup-{len(self.story)}"
            shutil.copytree(state, place)
            self.backups.append(place)

    def put_back(self) -> None:
        """Have one piece of the state directory be an older one, or lost."""
        self.restart()
        piece = self.dice.choice(PIECES)
        if piece in LEDGERS and self.ledger_lost:
            return
        self.ledger_lost |= piece in LEDGERS
        backup = self.dice.choice(self.backups) if self.backups and self.dice.random() < 0.7 else None
        for file in (self.root / ".feedservice").glob(f"{piece}*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        for file in backup.glob(f"{piece}*") if backup is not None else ():
            target = self.root / ".feedservice" / file.name
            shutil.copytree(file, target) if file.is_dir() else shutil.copy2(file, target)
        self.story.append(f"  {piece} {'as of ' + backup.name if backup is not None else 'lost'}")
        self.forgetful |= piece == "served"

    # Passes

    def step(self) -> None:
        self.now += self.dice.randint(1, 10) * HOUR
        acts = [self.write, self.write, self.write_like_another, self.move, self.edit, self.rewrite, self.retitle]
        acts += [self.reshelve, self.redate, self.withdraw, self.harm, self.mend, self.mend, self.swap, self.rotate, self.delete]
        acts += [self.restore, self.restore, self.switch, self.touch, self.spell, self.leap, self.restart]
        acts += [self.back_up, self.put_back]
        for act in self.dice.choices(acts, k=self.dice.randint(0, 3)):
            self.story.append(act.__name__)
            act()
        if self.skewed == 0:
            self.skew = timedelta(0)
        self.skewed = max(0, self.skewed - 1)
        changed = self.save()
        now = self.now + self.skew
        self.story.append(f"-- pass at {now:%Y-%m-%d %H:%M}: {', '.join(sorted(changed))}")
        expected, sure = self.expected(now)
        if self.dice.random() < 0.15:
            self.restart()
            steps = self.dice.randint(1, 30)
            stopped = stopped_after(steps, self.loaded, now)
            self.story.append(f"  {'killed' if stopped else 'not killed'} after {steps} steps")
            self.polled(expected)
            self.now += timedelta(seconds=self.dice.randint(1, 100))
            now = self.now + self.skew
            expected, sure = self.expected(now)
        if self.engine is None:
            self.engine = engine_of(self.loaded)
        paths = None if self.whole or self.dice.random() < 0.4 else changed
        report = self.engine.build(self.loaded, now=now, paths=paths, emptied=not self.there)
        for _ in range(5):
            if not report.guarded:
                break
            self.story.append(f"  released: {', '.join(each.feed for each in report.guarded)}")
            state = self.root / ".feedservice"
            decided = guarding.decisions(state)
            released = {each.feed: each.key for each in decided.held.values()}
            guarding.decide(state, dataclasses.replace(decided, released=released))
            self.now += timedelta(seconds=1)
            now = self.now + self.skew
            expected, sure = self.expected(now)
            report = self.engine.build(self.loaded, now=now)
        assert not report.guarded
        before = {key: {each.number for each in reader.shown} for key, reader in self.readers.items()}
        self.polled(expected)
        self.judged(expected, sure, before)
        self.whole = self.forgetful = self.ledger_lost = False
        self.out |= expected
        self.live = sure
        self.latest |= copy.deepcopy({number: each for number, each in self.there.items() if each.harm is None})
        self.touched.clear()

    def save(self) -> set[str]:
        wanted = {each.path: each.text for each in self.there.values()}
        other = {path for path in wanted.keys() | self.on_disk.keys() if wanted.get(path) != self.on_disk.get(path)}
        told: set[str] = set()
        for path in sorted(other):
            name = self.spelled.setdefault(path, path)
            told.add(name)
            file = self.root / "content" / name
            if path in wanted:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(wanted[path], encoding="utf-8")
            else:
                file.unlink()
                del self.spelled[path]
        self.on_disk = wanted
        return told

    def expected(self, now: datetime) -> tuple[set[int], set[int]]:
        """Return the numbers of the posts that may be out at an instant, and of those that have to be."""
        sound = {number for number, each in self.there.items() if each.harm is None and not each.draft}
        sure = {number for number in sound if self.there[number].published <= now or number in self.out}
        return sure | {number for number, each in self.there.items() if each.harm is not None and number in self.out}, sure

    # What the subscriber sees

    def polled(self, expected: set[int]) -> None:
        for key, reader in self.readers.items():
            for each in reader.poll(self.root / "public" / "feeds" / f"{key}.atom"):
                assert self.ids.setdefault(each.number, each.id) == each.id, (
                    f"{each.number} was {self.ids[each.number]}, and is {each.id}"
                )
                assert each.number in expected, f"{key} has {each.number}, which is not out"
                if key == "all" and not self.forgetful:
                    # One that was away for a while can come back to somebody who subscribed later.
                    assert each.number not in self.live, f"{each.number} is old, and comes as new"

    def judged(self, expected: set[int], sure: set[int], before: dict[str, set[int]]) -> None:
        for key, reader in self.readers.items():
            shown = {each.number for each in reader.shown}
            mine = sure if key == "all" else {number for number in sure if self.there[number].shelf == key}
            assert shown <= expected, f"{key} has {shown - expected}, which are not out"
            seen = {each.number for each in reader.seen.values()}
            new = mine - self.out
            if len(new) <= WINDOW and len(shown) < 2 * WINDOW:
                assert new <= seen, f"{key} never showed {new - seen}"
            dates = {each.number: each.published for each in reader.seen.values()}
            newest = sorted((dates[number] for number in (mine | shown) & dates.keys()), reverse=True)[:WINDOW]
            missing = {number for number in (before[key] & mine) - shown if dates[number] > newest[-1]}
            assert not missing, f"{key} lost {missing}"


@contextlib.contextmanager
def a_life(seed: int) -> Iterator[Life]:
    shared = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(dir=shared if os.access(shared, os.W_OK) else None))
    life = Life(root, seed)
    try:
        yield life
    finally:
        life.restart()
        shutil.rmtree(root)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(FIRST, FIRST + LIVES))
def test_whatever_happens_nothing_is_lost_and_nobody_is_spammed(seed: int) -> None:
    with a_life(seed) as life:
        for _ in range(7):
            life.write()
        for _ in range(STEPS):
            try:
                life.step()
            except BaseException as error:
                error.add_note("\n".join(life.story[-40:]))
                raise
