"""Authors do what they like to posts; whatever it is, no id changes, nobody comes back as new, and no date leaps."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from feedservice.feeds import identity, ledger
from feedservice.feeds.ledger import Row
from feedservice.model import Post
from feedservice.posts.sketch import sketch

HOUR = timedelta(hours=1)
FOLDERS = ("", "news/", "diary/2025/")


@dataclasses.dataclass
class Written:
    """A post as its author knows it; ``number`` is what the machine knows it by."""

    number: int
    path: str
    title: str
    sentences: list[str]
    published: datetime
    updated: datetime | None = None
    guid: str | None = None
    draft: bool = False
    broken: bool = False


class Authors(RuleBasedStateMachine):
    posts: Bundle[int] = Bundle("posts")

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        self.now = datetime(2025, 1, 1, 9, 0, 1, tzinfo=UTC)
        self.there: dict[int, Written] = {}
        self.deleted: dict[int, Written] = {}
        self.rows: tuple[Row, ...] = ()
        self.ids: dict[int, str] = {}
        self.out: dict[int, datetime] = {}
        """Number → the date that it was first out with."""
        self.updated: dict[int, datetime] = {}
        self.scheme = "tag"
        self.host = "https://example.org"
        self.touched: set[int] = set()

    def free(self, path: str) -> bool:
        return all(each.path != path for each in self.there.values())

    def post(self, number: int) -> Written | None:
        """Return a post that was not touched since the last pass: what a person does to one between two passes is one thing."""
        if number not in self.there or number in self.touched:
            return None
        self.touched.add(number)
        return self.there[number]

    @initialize()
    def begin(self) -> None:
        self.build()

    @rule(target=posts, folder=st.sampled_from(FOLDERS), old=st.integers(0, 400), own_id=st.booleans(), draft=st.booleans())
    def write(self, folder: str, old: int, own_id: bool, draft: bool) -> int:
        number = next(self.numbers)
        self.touched.add(number)
        self.there[number] = Written(
            number=number,
            path=f"{folder}{number}.md",
            title=f"Title {number}",
            sentences=[f"Sentence {each} of post {number} is here." for each in range(6)],
            published=self.now - old * HOUR,
            guid=f"own-{number}" if own_id else None,
            draft=draft,
        )
        return number

    @rule(number=posts, folder=st.sampled_from(FOLDERS), name=st.integers(0, 3))
    def move(self, number: int, folder: str, name: int) -> None:
        path = f"{folder}moved-{name}.md"
        if self.free(path) and (post := self.post(number)):
            post.path = path

    @rule(number=posts, edits=st.integers(1, 3), title=st.booleans())
    def edit_and_move(self, number: int, edits: int, title: bool) -> None:
        path = f"edited-{number}.md"
        if self.free(path) and (post := self.post(number)):
            post.path = path
            for at in range(edits):
                post.sentences[at] = f"Another sentence {self.now.isoformat()} {number} {at}."
            if title:
                post.title = f"Renamed {number} at {self.now.isoformat()}"

    @rule(number=posts)
    def rewrite_in_place(self, number: int) -> None:
        if post := self.post(number):
            post.sentences = [f"Rewritten {at} of {number} at {self.now.isoformat()}." for at in range(6)]

    @rule(number=posts)
    def retitle(self, number: int) -> None:
        if post := self.post(number):
            post.title = f"New title {number} at {self.now.isoformat()}"

    @rule(number=posts, hours=st.integers(-2000, 2000))
    def redate(self, number: int, hours: int) -> None:
        if post := self.post(number):
            post.published = self.now + hours * HOUR

    @rule(number=posts, days=st.integers(0, 50))
    def update(self, number: int, days: int) -> None:
        if post := self.post(number):
            post.updated = self.now - days * 24 * HOUR

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

    @rule(number=posts)
    def break_it(self, number: int) -> None:
        if post := self.post(number):
            post.broken = True

    @rule(number=posts)
    def mend_it(self, number: int) -> None:
        if post := self.post(number):
            post.broken = False

    @rule(number=posts, other=posts)
    def change_places(self, number: int, other: int) -> None:
        both = {number, other}
        if number == other or not both <= self.there.keys() or both & self.touched:
            return
        one, two = self.there[number], self.there[other]
        # A file that says nothing is known by its path alone: what is broken is where it was.
        if not one.broken and not two.broken:
            self.touched |= both
            one.path, two.path = two.path, one.path

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
        self.scheme = scheme

    @precondition(lambda self: not self.touched)
    @rule(host=st.sampled_from(["https://example.org", "http://example.org", "https://other.example"]))
    def change_the_domain(self, host: str) -> None:
        self.host = host

    @rule(hours=st.integers(1, 200))
    def build(self, hours: int = 1) -> None:
        self.now += hours * HOUR
        self.touched.clear()
        before = {row.id for row in self.rows}
        sources = {number: self.source(each) for number, each in self.there.items() if not each.broken}
        broken = [each.path for each in self.there.values() if each.broken]
        namer = identity.SCHEMES[self.scheme]
        found = ledger.identify(
            sources.values(),
            self.rows,
            scheme=self.scheme,
            namer=lambda post: namer(post, self.host, "UTC"),
            site_url=self.host,
            now=self.now,
            broken=broken,
        )
        assert [problem for problem in found.problems if problem.severity == "error"] == []
        by_path = {each.post.path: each for each in found.named}
        shown: set[str] = set()
        for number, post in sources.items():
            named = by_path[post.path]
            known = self.ids.setdefault(number, named.id)
            assert named.id == known, "an id changed"
            assert (named.id in found.arrived) == (known not in before), "somebody came back as new"
            if not self.there[number].draft and named.post.published <= self.now:
                shown.add(named.id)
                first = self.out.setdefault(number, named.post.published)
                assert named.post.published == first, "a published date leapt"
                updated = named.post.updated or first
                assert updated >= self.updated.get(number, updated), "updated went back"
                self.updated[number] = updated
            else:
                assert self.there[number].draft or number not in self.out, "a published post was lost"
        assert len({each.id for each in found.named}) == len(found.named)
        changed = ledger.settle(self.rows, found, shown, now=self.now, broken=broken)
        self.rows = ledger.merged(self.rows, changed)
        again = ledger.identify(
            sources.values(),
            self.rows,
            scheme=self.scheme,
            namer=lambda post: namer(post, self.host, "UTC"),
            site_url=self.host,
            now=self.now,
            broken=broken,
        )
        assert ledger.settle(self.rows, again, shown, now=self.now, broken=broken) == (), "the same pass again changes something"

    def source(self, each: Written) -> Post:
        body = "\n".join(each.sentences)
        return Post(
            path=each.path,
            digest=f"{each.number} {each.title} {body}",
            sketch=sketch(body),
            title=each.title,
            link=f"{self.host}/{each.path.removesuffix('.md')}/",
            guid=each.guid,
            published=each.published,
            zone="UTC",
            updated=each.updated if each.updated is None or each.updated >= each.published else None,
            draft=each.draft,
        )

    @invariant()
    def no_id_is_given_twice(self) -> None:
        assert len(set(self.ids.values())) == len(self.ids)


TestAuthors = Authors.TestCase
