"""Who is out and in which feeds, kept from pass to pass: a post that changes costs its own places, not everybody's.

The pure rooms decide (``selection``, ``identity``, ``specs``). A roster asks them about all posts once (``fill``) and about those
that changed after that (``update``); where one post can concern the others (a link that two have, a label that is new)
it asks about all again. Whatever way it came about, a roster is the same: a test holds the two ways together.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter, is_not

from feedservice.config.schema import Config
from feedservice.feeds import identity, selection, specs
from feedservice.feeds.identity import Named
from feedservice.feeds.selection import Live, Reason
from feedservice.feeds.specs import Plan
from feedservice.model import Post, Problem
from feedservice.taxonomy import identity as label_identity

MANY = 400
"""Posts that change at once from which on it is quicker to ask about all."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Place = tuple[int, str]
"""What posts are ordered by: newest first, those of one instant by id."""
Label = tuple[str, ...]
"""Kind of label and its identity; of a category also with a language."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What happened to a post by time alone, and is not undone by a clock that goes back."""

    out: datetime | None = None
    """It was out with this date of publication."""
    over: datetime | None = None
    """It expired with this date of expiry."""


NEVER = Settled()


def place(named: Named) -> Place:
    """Return what the post is ordered by."""
    return (-((named.post.published - _EPOCH) // _MICROSECOND), named.id)


class Roster:
    """The posts of a site at one instant. Not safe to use any more when ``fill`` or ``update`` raised."""

    def __init__(self, config: Config, addresses: Mapping[str, str] | None = None, had: Collection[str] = frozenset()) -> None:
        """``config`` is that of all posts ever given; ``addresses`` and ``had`` are as in ``specs.plan``."""
        self.config = config
        self.addresses = addresses or {}
        self.had = had
        self.everyone: dict[str, Named] = {}
        """Path → every post that could be read, left out or not."""
        self.settled: dict[str, Settled] = {}
        """Path → what happened; nothing for posts that were never out."""
        self.out: list[Named] = []
        """The posts that are out, in the order of every feed."""
        self.held: dict[str, Reason] = {}
        self.members: dict[str, list[Named]] = {}
        self.plan = Plan(specs=(), categories={}, tags={}, aliases={}, problems=())
        self.affected: set[str] | None = None
        """Paths of the posts that the last ``update`` asked about; None: all."""
        self.shared: list[Problem] = []
        self._links: dict[str, str] = {}
        self._timed: dict[str, Named] = {}
        """Path → posts that time will change."""
        self._first: dict[Label, Place] | None = None
        """Label → place of the oldest post that has it, once somebody has asked."""
        self._aliases: Mapping[str, str] = {}
        self._newest: datetime | None = None
        """``newest``, while it is known."""

    @property
    def live(self) -> Live:
        """Return the posts that are out, as the pure rooms know them."""
        return Live(posts=tuple(self.out), held=self.held, due=self.due)

    @property
    def due(self) -> datetime | None:
        """Return when time changes something next, UTC."""
        moments = (moment for each in self._timed.values() for moment in self._moments(each))
        return min(moments, default=None)

    @property
    def newest(self) -> datetime | None:
        """Return when a post that is out was last published or updated, UTC; None when none is out."""
        if self._newest is None:
            self._newest = max(map(_changed, self.out), default=None)
        return self._newest

    @property
    def problems(self) -> list[Problem]:
        """Return what is wrong among the posts."""
        return [*self.shared, *self.plan.problems]

    def timed(self) -> Iterator[Named]:
        """Yield the posts that time will change."""
        yield from self._timed.values()

    def fill(self, everyone: Iterable[Named], settled: Mapping[str, Settled], now: datetime) -> None:
        """Ask about all posts."""
        self.everyone = {each.post.path: each for each in everyone}
        self.settled = dict(settled)
        self.affected = None
        self.held, self._timed, self.out, self._newest = {}, {}, [], None
        for each in self.everyone.values():
            self._judge(each, now)
        self.out.sort(key=attrgetter("id"))
        self.out.sort(key=attrgetter("post.published"), reverse=True)
        self._links = {each.post.link: each.post.path for each in self.out}
        self.shared = identity.shared_links(self.out) if len(self._links) != len(self.out) else []
        self._planned()
        self._select()

    def update(self, changed: Mapping[str, Named | None], now: datetime) -> set[str]:
        """Take in posts that are other than before (None: gone) and the time, and return the keys of the feeds that differ.

        A feed differs when its spec, one of its posts or the way that labels are written in its posts does.
        """
        due = {path: each for path, each in self._timed.items() if any(moment <= now for moment in self._moments(each))}
        # The clock was set back: who waits for so long after the first sight does so from now.
        ahead = {path: each for path, each in self._timed.items() if each.appeared is not None and each.appeared > now}
        due |= {path: dataclasses.replace(each, appeared=now) for path, each in ahead.items()}
        affected: dict[str, Named | None] = {**due, **changed}
        self.affected = set(affected)
        if not affected:
            return set()
        if len(affected) > MANY or not self._separable(changed):
            return self._refill({**due, **changed}, now)
        plan, members = self.plan, self.members
        moved = [self._moved(path, each, now) for path, each in affected.items()]
        touched = {key for old, _ in moved if old is not None for key in self._leave(old)}
        for old, new in moved:
            if self._newest is not None and new is not None and _changed(new) >= self._newest:
                self._newest = _changed(new)
            elif old is not None and _changed(old) == self._newest:
                self._newest = None
            if new is not None:
                self.out.insert(bisect_left(self.out, place(new), key=place), new)
        if not self._keeps_plan(moved) or plan.problems or any(each and each.post.feeds for pair in moved for each in pair):
            self._planned()
        if self.plan.specs != plan.specs:
            self._select()
            return self._differing(plan, members) | (touched & self.members.keys())
        touched |= {key for _, new in moved if new is not None for key in self._join(new)}
        return touched if _labels(self.plan) == _labels(plan) else set(self.members)

    def _refill(self, changed: Mapping[str, Named | None], now: datetime) -> set[str]:
        """Take in posts by asking about all; return the feeds that differ."""
        plan, members = self.plan, self.members
        everyone = self.everyone | {path: each for path, each in changed.items() if each is not None}
        for path in [path for path, each in changed.items() if each is None]:
            everyone.pop(path, None)
            self.settled.pop(path, None)
        self.fill(everyone.values(), self.settled, now)
        return self._differing(plan, members)

    def _select(self) -> None:
        found = selection.select(self.out, self.plan.specs, self.config, whole=True)
        self.members = {key: list(members) for key, members in found.items()}

    def _judge(self, named: Named, now: datetime) -> None:
        """Put a post among those that are out (at the end), or those that are held."""
        post = named.post
        reason = self._verdict(named, now)
        if reason is None:
            self.out.append(named)
        else:
            self.held[post.path] = reason
        if reason in {Reason.FUTURE, Reason.HOLD_BACK} or (reason is None and post.expires is not None):
            self._timed[post.path] = named

    def _verdict(self, named: Named, now: datetime) -> Reason | None:
        post = named.post
        known = self.settled.get(post.path, NEVER)
        reason = selection.verdict(post, self.config, now, named.appeared)
        if reason in {Reason.FUTURE, Reason.HOLD_BACK} and (named.known or known.out == post.published):
            reason = None
        if reason is None and known.over is not None and known.over == post.expires:
            return Reason.EXPIRED
        if reason is None and known.out != post.published and post.published <= now:
            self.settled[post.path] = dataclasses.replace(known, out=post.published)
        elif reason is Reason.EXPIRED and known.over != post.expires:
            self.settled[post.path] = dataclasses.replace(known, over=post.expires)
        return reason

    def _moments(self, named: Named) -> Iterator[datetime]:
        post = named.post
        if self.held.get(post.path) is Reason.FUTURE:
            yield post.published
        elif self.held.get(post.path) is Reason.HOLD_BACK and named.appeared is not None:
            yield named.appeared + selection.hold_back(post, self.config)
        elif post.expires is not None:
            yield post.expires

    def _separable(self, changed: Mapping[str, Named | None]) -> bool:
        """Tell whether no post that changes has a link that another has or gets."""
        links = [each.post.link for each in changed.values() if each is not None]
        if self.shared or len(set(links)) != len(links):
            return False
        return all(each is None or self._links.get(each.post.link, each.post.path) == each.post.path for each in changed.values())

    def _moved(self, path: str, named: Named | None, now: datetime) -> tuple[Named | None, Named | None]:
        """Judge a post anew; return it as it was out and as it is to be out. Neither is taken out or put in yet."""
        old = self.everyone.pop(path, None)
        was = old if old is not None and path not in self.held else None
        self.held.pop(path, None)
        self._timed.pop(path, None)
        if was is not None:
            self._links.pop(was.post.link, None)
        if named is None:
            self.settled.pop(path, None)
            return was, None
        self.everyone[path] = named
        self._judge(named, now)
        if path in self.held:
            return was, None
        self._links[named.post.link] = path
        return was, self.out.pop()

    def _leave(self, named: Named) -> set[str]:
        at = bisect_left(self.out, place(named), key=place)
        del self.out[at]
        left: set[str] = set()
        for key in self._feeds(named):
            members = self.members[key]
            del members[bisect_left(members, place(named), key=place)]
            left.add(key)
        return left

    def _join(self, named: Named) -> set[str]:
        keys = self._feeds(named)
        for key in keys:
            members = self.members[key]
            members.insert(bisect_left(members, place(named), key=place), named)
        return keys

    def _feeds(self, named: Named) -> set[str]:
        found = selection.select([named], self.plan.specs, self.config, whole=True)
        return {key for key, members in found.items() if members}

    def _planned(self) -> None:
        self.plan = specs.plan(self.config, self.out, self.addresses, self.had)
        self._aliases = self.plan.aliases
        self._first = None

    def _keeps_plan(self, moved: Sequence[tuple[Named | None, Named | None]]) -> bool:
        """Tell whether every label is still written as the oldest post that has it writes it, and none came or went.

        The posts that are out have moved already.
        """
        others = [(old, new) for old, new in moved if old is None or new is None or _labelling(old) != _labelling(new)]
        if not others:
            return True
        if self._first is None:
            self._first = self._oldest(moved)
        for old, new in others:
            if old is not None and any(self._first.get(label) == place(old) for label in self._labels_of(old.post)):
                return False
            if new is not None:
                where = place(new)
                for label in self._labels_of(new.post):
                    first = self._first.get(label)
                    # Places fall with time: the oldest post has the greatest.
                    if first is None or first < where:
                        return False
        return True

    def _oldest(self, moved: Sequence[tuple[Named | None, Named | None]]) -> dict[Label, Place]:
        """Return label → place of the oldest post that had it before these posts moved."""
        came = {id(new) for _, new in moved if new is not None}
        found: dict[Label, Named] = {}
        for each in self.out:
            if id(each) not in came:
                found.update(dict.fromkeys(self._labels_of(each.post), each))
        first = {label: place(each) for label, each in found.items()}
        for old, _ in moved:
            if old is not None:
                where = place(old)
                for label in self._labels_of(old.post):
                    first[label] = max(where, first.get(label, where))
        return first

    def _labels_of(self, post: Post) -> Iterator[Label]:
        language = selection.language_of(post, self.config)
        yield ("language", language)
        for key in selection.category_keys(post, self._aliases):
            yield ("category", key)
            yield ("category", key, language)
        for tag in post.tags:
            yield ("tag", label_identity(tag))
        for name in selection.author_names(post, self.config):
            yield ("author", label_identity(name))

    def _differing(self, plan: Plan, members: Mapping[str, list[Named]]) -> set[str]:
        """Return the feeds whose spec or posts are other than they were; all of them when labels are written otherwise."""
        if _labels(plan) != _labels(self.plan):
            return set(self.members)
        before = {spec.key: spec for spec in plan.specs}
        return {
            spec.key
            for spec in self.plan.specs
            if before.get(spec.key) != spec or _other(members.get(spec.key, []), self.members[spec.key])
        }


def _changed(named: Named) -> datetime:
    return named.post.updated or named.post.published


def _other(before: list[Named], after: list[Named]) -> bool:
    return len(before) != len(after) or any(map(is_not, before, after))


def _labels(plan: Plan) -> tuple[object, ...]:
    return (plan.categories, plan.tags, plan.aliases)


def _labelling(named: Named) -> tuple[object, ...]:
    post = named.post
    return (place(named), post.categories, post.tags, post.authors, post.language)
