"""Authors do what they like, pass after pass; those who poll, and those who walk the archives, lose nothing and get nothing twice.

The machine knows who is out by what authors did, and asks the documents. ``TESTS_AUTHORS=500`` has more examples, and
``--hypothesis-profile=search`` many others.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, precondition, rule
from lxml import etree

from feedservice.config import Loaded, load
from feedservice.service import guarding
from feedservice.service.engine import Engine
from feedservice.service.report import Report
from feedservice.store import Store
from feedservice.store.sql import open_store

HOUR = timedelta(hours=1)
GRACE = timedelta(hours=24)
FOLDERS = ("", "news/", "diary/2025/")
SHELVES = ("tea", "ink")
ATOM = "{http://www.w3.org/2005/Atom}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
EXAMPLES = int(os.environ.get("TESTS_AUTHORS", "0")) or (12 if settings.default.derandomize else settings.default.max_examples)
CONFIG = """\
site: {{title: Authors, url: {host}}}
content: {{permalink: "/:title/", dialect: plain}}
feeds:
  window: {window}
  ids: {scheme}
  formats: [atom, json]
  url: https://feeds.example/feeds
  archives: true
  pages: false
  compress: []
"""


@dataclasses.dataclass
class Written:
    """A post as its author knows it."""

    number: int
    path: str
    title: str
    sentences: list[str]
    published: datetime
    shelf: str
    updated: datetime | None = None
    expires: datetime | None = None
    guid: str | None = None
    draft: bool = False
    broken: str | None = None
    """What stands in its file in place of it."""

    @property
    def name(self) -> str:
        return Path(self.path).stem

    @property
    def text(self) -> str:
        if self.broken is not None:
            return self.broken
        lines = [f"title: {self.title}", f"date: {self.published:%Y-%m-%d %H:%M:%S}", f"categories: [{self.shelf}]"]
        lines += [f"updated: {self.updated:%Y-%m-%d %H:%M:%S}"] if self.updated is not None else []
        lines += [f"expires: {self.expires:%Y-%m-%d %H:%M:%S}"] if self.expires is not None else []
        lines += [f"id: {self.guid}"] if self.guid is not None else []
        lines += ["draft: true"] if self.draft else []
        return "---\n" + "\n".join(lines) + "\n---\n" + "\n".join(self.sentences) + "\n"


@dataclasses.dataclass(frozen=True)
class Entry:
    id: str
    name: str
    """The last part of its link: the name of the file."""
    published: datetime
    updated: datetime


@dataclasses.dataclass(frozen=True)
class Paper:
    """One document as readers have it."""

    updated: datetime
    entries: tuple[Entry, ...]
    archive: bool
    before: str | None
    """File of the archive before it."""


@dataclasses.dataclass
class Feed:
    """What a reader of one feed has seen, and what the machine knows of it."""

    seen: dict[str, int] = dataclasses.field(default_factory=dict)
    """Id → number of the post."""
    updated: datetime | None = None
    sealed: dict[int, str] = dataclasses.field(default_factory=dict)
    """Number → the archive that it is in."""


def opener(state: Path) -> Store:
    return open_store(state / "store.sqlite")


class Authors(RuleBasedStateMachine):
    posts: Bundle[int] = Bundle("posts")

    def __init__(self) -> None:
        super().__init__()
        shared = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(dir=shared if os.access(shared, os.W_OK) else None))
        (self.root / "content").mkdir()
        self.numbers = itertools.count(1)
        self.now = datetime(2025, 1, 1, 9, 0, 1, tzinfo=UTC)
        self.there: dict[int, Written] = {}
        self.deleted: dict[int, Written] = {}
        self.touched: set[int] = set()
        self.on_disk: dict[str, str] = {}
        self.scheme, self.host, self.window = "tag", "https://example.org", 3
        self.loaded: Loaded | None = None
        self.whole = True
        self.ids: dict[int, str] = {}
        self.plain: dict[int, str] = {}
        """Number → id, as Atom has it, and as JSON Feed has it."""
        self.dates: dict[str, tuple[datetime, datetime]] = {}
        """Id → the date that it came with, and the latest change."""
        self.out: set[int] = set()
        """Numbers of the posts that were ever out."""
        self.live: set[int] = set()
        """Numbers of the posts that were out after the last pass."""
        self.since: dict[int, datetime] = {}
        """Number → when its file was found broken."""
        self.ends: dict[int, datetime | None] = {}
        """Number → when the last good version expires."""
        self.feeds: dict[str, Feed] = {}
        self.engine = self.opened()

    def opened(self) -> Engine:
        return Engine(self.root / ".feedservice", opener, out=self.root / "public")

    def teardown(self) -> None:
        self.engine.close()
        shutil.rmtree(self.root)

    # What authors do

    def free(self, path: str) -> bool:
        return all(each.path != path and each.name != Path(path).stem for each in self.there.values())

    def post(self, number: int) -> Written | None:
        """Return a post that was not touched since the last pass: what a person does to one between two passes is one thing."""
        if number not in self.there or number in self.touched:
            return None
        self.touched.add(number)
        return self.there[number]

    def sound(self, number: int) -> Written | None:
        """Return the same of a post that is not broken: a file that says nothing is known by its path alone."""
        return self.post(number) if number in self.there and self.there[number].broken is None else None

    @initialize(window=st.integers(2, 5))
    def begin(self, window: int) -> None:
        self.window = window
        for number in range(self.window + 2):
            self.write("", 24 * number, own_id=False, draft=False, shelf=SHELVES[number % 2])
        self.build(1, whole=True)

    @rule(
        target=posts,
        folder=st.sampled_from(FOLDERS),
        old=st.integers(-30, 400),
        own_id=st.booleans(),
        draft=st.booleans(),
        shelf=st.sampled_from(SHELVES),
    )
    def write(self, folder: str, old: int, own_id: bool, draft: bool, shelf: str) -> int:
        number = next(self.numbers)
        self.touched.add(number)
        self.there[number] = Written(
            number=number,
            path=f"{folder}post-{number}.md",
            title=f"Title {number}",
            sentences=[f"Sentence {each} of post {number} is here." for each in range(6)],
            published=self.now - old * HOUR,
            shelf=shelf,
            guid=f"own-{number}" if own_id else None,
            draft=draft,
        )
        return number

    @rule(number=posts, folder=st.sampled_from(FOLDERS), name=st.integers(0, 3))
    def move(self, number: int, folder: str, name: int) -> None:
        path = f"{folder}moved-{name}.md"
        if self.free(path) and (post := self.sound(number)):
            post.path = path

    @rule(number=posts, edits=st.integers(1, 3), title=st.booleans())
    def edit_and_move(self, number: int, edits: int, title: bool) -> None:
        path = f"edited-{number}.md"
        if self.free(path) and (post := self.sound(number)):
            post.path = path
            for at in range(edits):
                post.sentences[at] = f"Another sentence {self.now.isoformat()} {number} {at}."
            if title:
                post.title = f"Renamed {number} at {self.now:%Y%m%d%H}"

    @rule(number=posts)
    def rewrite_in_place(self, number: int) -> None:
        if post := self.post(number):
            post.sentences = [f"Rewritten {at} of {number} at {self.now.isoformat()}." for at in range(6)]

    @rule(number=posts)
    def retitle(self, number: int) -> None:
        if post := self.post(number):
            post.title = f"New title {number} at {self.now:%Y%m%d%H}"

    @rule(number=posts, shelf=st.sampled_from(SHELVES))
    def reshelve(self, number: int, shelf: str) -> None:
        if post := self.sound(number):
            post.shelf = shelf

    @rule(number=posts, hours=st.integers(-2000, 2000))
    def redate(self, number: int, hours: int) -> None:
        if post := self.post(number):
            post.published = self.now + hours * HOUR

    @rule(number=posts, days=st.integers(0, 50))
    def update(self, number: int, days: int) -> None:
        if post := self.post(number):
            post.updated = self.now - days * 24 * HOUR

    @rule(number=posts, hours=st.integers(-10, 100) | st.none())
    def expire(self, number: int, hours: int | None) -> None:
        if post := self.post(number):
            post.expires = None if hours is None else self.now + hours * HOUR

    @rule(number=posts)
    def give_an_id(self, number: int) -> None:
        if (post := self.post(number)) and post.guid is None:
            post.guid = f"late-{number}"

    @rule(number=posts)
    def take_the_id_out(self, number: int) -> None:
        if post := self.post(number):
            post.guid = None

    @rule(number=posts, draft=st.booleans())
    def publish_or_withdraw(self, number: int, draft: bool) -> None:
        if post := self.post(number):
            post.draft = draft

    @rule(number=posts, what=st.sampled_from(["", "---\ntitle: half", "---\ntitle: a: b\n---\nText.\n"]))
    def break_it(self, number: int, what: str) -> None:
        if post := self.post(number):
            post.broken = what

    @rule(number=posts)
    def mend_it(self, number: int) -> None:
        if post := self.post(number):
            post.broken = None

    @rule(number=posts, other=posts)
    def change_places(self, number: int, other: int) -> None:
        both = {number, other}
        if len(both) == 2 and both <= self.there.keys() and not both & self.touched:
            one, two = self.there[number], self.there[other]
            if one.broken is None and two.broken is None:
                one.path, two.path = two.path, one.path
                self.touched |= both

    @rule(number=posts)
    def delete(self, number: int) -> None:
        if self.post(number):
            self.deleted[number] = self.there.pop(number)

    @rule(number=posts, name=st.integers(0, 3))
    def restore(self, number: int, name: int) -> None:
        if number in self.deleted and number not in self.touched:
            path = self.deleted[number].path
            path = path if self.free(path) else f"restored-{number}-{name}.md"
            if self.free(path):
                self.touched.add(number)
                self.there[number] = self.deleted.pop(number)
                self.there[number].path = path

    @rule(number=consumes(posts))
    def forget(self, number: int) -> None:
        """Let an old post be, so that new ones are picked too."""

    @rule(scheme=st.sampled_from(["tag", "permalink", "jekyll", "pelican"]))
    def change_the_scheme(self, scheme: str) -> None:
        self.scheme, self.loaded = scheme, None

    @precondition(lambda self: not self.touched)
    @rule(host=st.sampled_from(["https://example.org", "http://example.org", "https://other.example"]))
    def change_the_domain(self, host: str) -> None:
        self.host, self.loaded = host, None

    @rule()
    def restart(self) -> None:
        self.engine.close()
        self.engine = self.opened()
        self.whole = True

    # Passes

    @rule(hours=st.integers(1, 30))
    def hear_of_it(self, hours: int) -> None:
        self.build(hours, whole=False)

    @rule(hours=st.integers(1, 30))
    def look_through_everything(self, hours: int) -> None:
        self.build(hours, whole=True)

    @rule(hours=st.integers(1, 200), whole=st.booleans())
    def build(self, hours: int, whole: bool) -> None:
        self.now += hours * HOUR
        self.touched.clear()
        changed = self.saved()
        report = self.made(None if whole or self.whole else changed)
        for _ in range(5):
            if not report.guarded:
                break
            # The operator knows what authors did, and lets it out.
            decisions = guarding.decisions(self.root / ".feedservice")
            released = {each.feed: each.key for each in decisions.held.values()}
            guarding.decide(self.root / ".feedservice", dataclasses.replace(decisions, released=released))
            self.now += timedelta(seconds=1)
            report = self.made(None)
        assert report.guarded == (), [each.reasons for each in report.guarded]
        self.whole = False
        expected = self.expected()
        self.judged("all", expected)
        for shelf in SHELVES:
            self.judged(shelf, {number for number in expected if self.shown_on(number) == shelf})
        self.live = expected

    def saved(self) -> set[str]:
        """Write what is other than on disk, and return the paths."""
        wanted = {each.path: each.text for each in self.there.values()}
        other = {path for path in wanted.keys() | self.on_disk.keys() if wanted.get(path) != self.on_disk.get(path)}
        for path in sorted(other):
            file = self.root / "content" / path
            if path in wanted:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(wanted[path], encoding="utf-8")
            else:
                file.unlink()
        self.on_disk = wanted
        return other

    def made(self, paths: set[str] | None) -> Report:
        if self.loaded is None:
            text = CONFIG.format(host=self.host, scheme=self.scheme, window=self.window)
            (self.root / "config.yaml").write_text(text, encoding="utf-8")
            self.loaded = load(self.root / "config.yaml", {})
            paths = None
        return self.engine.build(self.loaded, now=self.now, paths=paths, emptied=not self.there)

    def expected(self) -> set[int]:
        """Return the numbers of the posts that are out now."""
        found: set[int] = set()
        for number, each in self.there.items():
            if each.broken is None:
                self.since.pop(number, None)
                self.ends[number] = each.expires
                due = number in self.out or each.published <= self.now
                if due and not each.draft and not self.over(number):
                    found.add(number)
            else:
                since = self.since.setdefault(number, self.now)
                if number in self.live and self.now < since + GRACE and not self.over(number):
                    found.add(number)
        for number in self.since.keys() - self.there.keys():
            del self.since[number]
        self.out |= found
        return found

    def over(self, number: int) -> bool:
        ends = self.ends.get(number)
        return ends is not None and ends <= self.now

    def shown_on(self, number: int) -> str:
        return self.there[number].shelf

    # What readers see

    def judged(self, key: str, expected: set[int]) -> None:
        feed = self.feeds.setdefault(key, Feed())
        file = self.root / "public" / "feeds" / f"{key}.atom"
        if not file.exists():
            assert not expected, f"{key} is not there"
            return
        paper = read(file)
        by_name = {each.name: number for number, each in self.there.items()}
        assert feed.updated is None or paper.updated >= feed.updated, "the feed's updated went back"
        feed.updated = paper.updated
        shown = {by_name.get(each.name) for each in paper.entries}
        assert None not in shown, (
            f"{key} shows {[each.name for each in paper.entries if each.name not in by_name]}, which is gone"
        )
        assert shown <= expected, f"{key} shows what is not out: {shown - expected}"
        for entry in paper.entries:
            self.known(feed, entry, by_name[entry.name])
            assert entry.updated <= paper.updated
        dates = [each.published for each in paper.entries]
        assert dates == sorted(dates, reverse=True)
        items = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))["items"]
        assert [last_part(item["url"]) for item in items] == [each.name for each in paper.entries]
        for item in items:
            number = by_name[last_part(item["url"])]
            assert self.plain.setdefault(number, item["id"]) == item["id"], "an id of JSON Feed changed"
        # Everything that is out is in the document, or in one before it.
        found, place, names = set(shown), paper.before, []
        while place is not None:
            names.append(place)
            older = read(self.root / "public" / place)
            assert older.archive
            for entry in older.entries:
                assert entry.name in by_name, f"{place} has {entry.name}, which is gone"
                number = by_name[entry.name]
                self.known(feed, entry, number)
                assert number in expected, f"{place} has {number}, which is not out"
                assert feed.sealed.setdefault(number, place) == place, f"{number} changed its archive"
                found.add(number)
            place = older.before
            assert len(names) < 1000
        assert found == expected, f"{key} lost {expected - found}"
        # Who only polls has seen it too, unless more came at once than a document has room for.
        if key == "all" and len(paper.entries) < 2 * self.window:
            fresh = expected - self.live
            assert fresh <= set(feed.seen.values()), f"a poller missed {fresh - set(feed.seen.values())}"

    def known(self, feed: Feed, entry: Entry, number: int) -> None:
        assert self.ids.setdefault(number, entry.id) == entry.id, "an id changed"
        before = feed.seen.setdefault(entry.id, number)
        assert before == number, f"{entry.id} was {before} and is {number}"
        published, updated = self.dates.get(entry.id, (entry.published, entry.updated))
        assert entry.published == published, "a date of publication changed"
        assert entry.updated >= updated, "updated went back"
        self.dates[entry.id] = published, entry.updated


def read(file: Path) -> Paper:
    root = etree.parse(file).getroot()

    def instant(element: etree._Element, name: str) -> datetime:
        return datetime.fromisoformat(element.findtext(ATOM + name) or "").astimezone(UTC)

    links = {each.get("rel"): each.get("href") for each in root.iterfind(f"{ATOM}link")}
    before = links.get("prev-archive")
    entries = tuple(
        Entry(
            id=each.findtext(f"{ATOM}id") or "",
            name=last_part(each.find(f"{ATOM}link").get("href")),
            published=instant(each, "published"),
            updated=instant(each, "updated"),
        )
        for each in root.iterfind(f"{ATOM}entry")
    )
    return Paper(
        updated=instant(root, "updated"),
        entries=entries,
        archive=root.find(f"{HISTORY}archive") is not None,
        before=urlsplit(before).path.lstrip("/") if before else None,
    )


def last_part(url: str) -> str:
    return urlsplit(url).path.strip("/")


TestAuthors = pytest.mark.timeout(120 + 2 * EXAMPLES)(Authors.TestCase)
TestAuthors.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, suppress_health_check=list(HealthCheck))
