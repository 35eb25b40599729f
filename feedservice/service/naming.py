"""The ledger in a pass: a post that changed where it is has its id at once; whatever may concern others is asked of all posts.

What the ledger knows stays in memory from pass to pass; its file is read again when somebody else wrote it.
"""

from __future__ import annotations

import dataclasses
from collections import ChainMap
from collections.abc import Collection, Container, Mapping
from datetime import datetime, timedelta

from feedservice.config.schema import Config
from feedservice.feeds import identity, ledger
from feedservice.feeds.difference import Served
from feedservice.feeds.identity import Named
from feedservice.feeds.ledger import Identified, Row
from feedservice.model import Post, Problem
from feedservice.service.ledgers import Ledger
from feedservice.service.roster import Roster

_TICK = timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The ids of a pass."""

    named: Mapping[str, Named | None]
    """Path → post with its id, of those that are other than before; None: it is not there, or left out."""
    identified: Identified
    """As the guard asks for it; ``named`` and ``dates`` are of the posts in ``named`` only."""
    whole: bool
    """All posts were asked about: those that are not in ``named`` are not there."""
    ledger: Ledger

    def out_since(self, instant: datetime) -> Collection[str]:
        """Return the ids that were not out at an instant, before this pass."""
        return {*self.ledger.out_since(instant), *self.identified.arrived}

    def at(self, now: datetime, served: Mapping[str, Served]) -> datetime:
        """Return ``now``, or an instant later than all before it when the clock was set back.

        What feeds showed and what came out is compared by these instants.
        """
        before = [self.ledger.newest(), *(each.at for each in served.values())]
        newest = max(filter(None, before), default=now)
        return now if newest <= now else newest + _TICK


class Names:
    """The ids of a site's posts."""

    def __init__(self, known: Ledger) -> None:
        """``known`` is the ledger, read or not."""
        self.ledger = known
        self.problems: tuple[Problem, ...] = ()
        """What is wrong with the ids of posts, as of the last pass."""
        self._places: dict[str, Row] = {}
        self._doubtful: Mapping[str, str] = {}
        self._ahead: dict[str, datetime] = {}
        """Path → a date that its author moved it to and that is yet to come."""
        self._told = False
        self._held = False

    def recall(self, posts: Mapping[str, Post], config: Config, now: datetime) -> list[Named] | None:
        """Return the posts as the ledger has them; None when it cannot be told without asking about all."""
        self.ledger.refresh(posts, posts)
        self._index()
        named: list[Named] = []
        for path, post in posts.items():
            row = self._places.get(path)
            each = ledger.follow(post, row, site_url=config.site.url, now=now) if row is not None else None
            if each is None:
                return None
            self._look_ahead(path, post, now)
            named.append(each)
        self._told = True
        return named

    def step(
        self,
        posts: Mapping[str, Post],
        changed: Mapping[str, Post | None],
        *,
        gone: Collection[str],
        broken: Collection[str],
        standing: Collection[str] = (),
        config: Config,
        now: datetime,
        whole: bool,
    ) -> Step:
        """Give posts their ids; with ``whole`` all posts are asked about.

        ``posts`` are all that can be read, ``changed`` those that are other than before (None: it is gone, or cannot be read),
        ``gone`` paths without a file, ``broken`` paths of files that are no post now, and ``standing`` of those for which the
        last good version is among the posts.
        """
        other = self.ledger.refresh(posts, posts)
        wanted = dict(changed) | {path: posts[path] for path, at in self._ahead.items() if at <= now and path in posts}
        step = None
        if self._told and not other and not whole and not self.problems:
            step = self._some(posts, wanted, gone=gone, config=config, now=now)
        if step is None:
            step = self._all(posts, broken, config, now, standing)
        for path in wanted if not step.whole else posts:
            post = posts.get(path)
            if post is None:
                self._ahead.pop(path, None)
            else:
                self._look_ahead(path, post, now)
        self.problems = step.identified.problems
        self._doubtful = step.identified.doubtful
        self._told = True
        return step

    def settled(
        self,
        step: Step,
        roster: Roster,
        posts: Mapping[str, Post],
        *,
        gone: Collection[str],
        broken: Collection[str],
        held: Collection[str],
        served: Mapping[str, Served],
        now: datetime,
    ) -> list[Row]:
        """Return the rows that a pass changes or adds; ``held`` are ids that no feed shows though they are out."""
        # Which posts are held back differs without a post that does.
        every = step.whole or roster.affected is None or bool(held) or self._held
        self._held = bool(held)
        affected = (roster.affected or set()) | set(broken)
        paths = roster.everyone.keys() if every else {path for path in affected if path in roster.everyone}
        named = tuple(roster.everyone[path] for path in paths)
        rows = step.identified.rows
        mine = {each.id: rows[each.id] for each in named}
        identified = dataclasses.replace(
            step.identified,
            named=named,
            rows=mine,
            dates={each.id: posts[each.post.path].published for each in named},
        )
        out = {each.id for each in named if each.post.path not in roster.held}
        others = (set(gone) | set(broken)).difference(paths)
        known = self.ledger.rows.values() if every else [self._places[path] for path in others if path in self._places]
        at = step.at(now, served) if any(mine[name].out is None for name in out) else now
        return list(ledger.settle([*known, *mine.values()], identified, out, now=now, at=at, broken=broken, held=held))

    def places(self, there: Container[str], posts: Mapping[str, Post]) -> Mapping[str, Row]:
        """Return path → row of the posts that are there; ``there`` are the paths of all files, ``posts`` what can be read."""
        if self.ledger.refresh(there, posts) or not self._places:
            self._index()
            self._told = False
        return self._places

    def write(self, changed: Collection[Row]) -> None:
        """Remember rows. Raises ``OSError``."""
        left = [(before.path, row.id) for row in changed if (before := self.ledger.rows.get(row.id)) and before.path != row.path]
        self.ledger.write(changed)
        # Where a post was moved from, there is none of its name any more: what comes there next is another.
        for path, name in left:
            if path in self._places and self._places[path].id == name:
                del self._places[path]
        for row in changed:
            if row.gone is None:
                self._places[row.path] = row
            elif row.path in self._places and self._places[row.path].id == row.id:
                del self._places[row.path]

    def _some(
        self,
        posts: Mapping[str, Post],
        changed: Mapping[str, Post | None],
        *,
        gone: Collection[str],
        config: Config,
        now: datetime,
    ) -> Step | None:
        """Name the posts that changed without asking about the others; None when that will not do."""
        named: dict[str, Named | None] = {}
        new: list[Post] = []
        for path, post in changed.items():
            row = self._places.get(path)
            if post is None:
                named[path] = None
            elif row is None:
                new.append(post)
            else:
                each = ledger.follow(post, row, site_url=config.site.url, now=now)
                if each is None:
                    return None
                named[path] = each
        if not new:
            identified = Identified(
                named=(), rows=self.ledger.rows, dates={}, arrived=frozenset(), doubtful=self._doubtful, problems=()
            )
            return Step(named=named, identified=identified, whole=False, ledger=self.ledger)
        fresh = {post.path for post in new}
        texts = {post.digest for post in new}
        # A post may have moved here, or be a copy.
        if gone or len(texts) != len(new) or any(post.digest in texts and path not in fresh for path, post in posts.items()):
            return None
        others = [path for path in self._places if path not in fresh]
        found = _identify(new, self.ledger.rows.values(), others, config, now)
        if found.problems or len(found.named) != len(new):
            return None
        named |= {each.post.path: each for each in found.named}
        return Step(named=named, identified=self._seen(found), whole=False, ledger=self.ledger)

    def _all(
        self, posts: Mapping[str, Post], broken: Collection[str], config: Config, now: datetime, standing: Collection[str]
    ) -> Step:
        found = _identify(posts.values(), self.ledger.rows.values(), broken, config, now, standing)
        self._index()
        self._ahead = {}
        return Step(
            named={each.post.path: each for each in found.named}, identified=self._seen(found), whole=True, ledger=self.ledger
        )

    def _seen(self, found: Identified) -> Identified:
        """Return what was found with the rows of all posts, not only of those that were asked about."""
        return dataclasses.replace(found, rows=ChainMap(dict(found.rows), self.ledger.rows))

    def _index(self) -> None:
        self._places = {row.path: row for row in self.ledger.rows.values() if row.gone is None}

    def _look_ahead(self, path: str, post: Post, now: datetime) -> None:
        row = self._places.get(path)
        if row is not None and row.published is not None and now < post.published != row.published:
            self._ahead[path] = post.published
        else:
            self._ahead.pop(path, None)


def _identify(
    posts: Collection[Post],
    rows: Collection[Row],
    broken: Collection[str],
    config: Config,
    now: datetime,
    standing: Collection[str] = (),
) -> Identified:
    return ledger.identify(
        posts,
        rows,
        scheme=config.feeds.ids,
        namer=identity.namer(config.feeds.ids, config.site.url, config.site.timezone),
        site_url=config.site.url,
        now=now,
        broken=frozenset(broken),
        standing=standing,
    )
