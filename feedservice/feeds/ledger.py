"""The identity ledger: an id is given once, at first sight, and kept through everything that happens to a post.

::

    posts, rows ─identify→ posts with ids, problems ─selection→ what is out ─settle→ rows as they are to be remembered

A post seen again is known, in this order, by the id that its author gives it, by its path, and by what it is: link, title,
date and the sketch of its body. So a rename, a new slug, title, category or date, another scheme of ids and another domain
change no id. A row outlives its post: who comes back has the old id, and an id is never given to somebody else.

Dates are remembered too. An entry keeps the date that it was first out with: one that was rewritten would bring old posts
back into windows they had left long ago. A later date is a change (``updated``), and ``updated`` never goes back.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from feedservice.feeds import resemblance
from feedservice.feeds.identity import Named, iri
from feedservice.model import Post, Problem, Severity

Namer = Callable[[Post], str]
"""A post without an id of its own → the id that the configured scheme makes for it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is remembered of one post."""

    id: str
    path: str
    """Where it was last seen."""
    origin: str
    """Where the id came from: ``author``, a scheme of ``feeds.ids``, or ``adopted`` and the address it was adopted from."""
    atom: str = ""
    """The id that Atom readers know it by, where that is another."""
    permalink: str = ""
    """``true`` or ``false``: the ``isPermaLink`` that RSS readers know the id with; empty where that makes no difference."""
    claim: str | None = None
    """The id that the author's text gives it now, when readers know it by another."""
    first_seen: datetime
    out: datetime | None = None
    """When it was first in the feeds; later than all that were before it. None: it never was, and nobody knows it."""
    published: datetime | None = None
    """The date that it was first out with."""
    updated: datetime | None = None
    """The latest ``updated`` that it was out with, when that is not the date of publication."""
    withdrawn: datetime | None = None
    """Since when it is no longer out."""
    gone: datetime | None = None
    """Since when there is no file of it."""
    broken: datetime | None = None
    """Since when its file cannot be used."""
    title: str = ""
    link: str = ""
    date: datetime | None = None
    """The date that its author gives it now."""
    sketch: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The posts of a pass with their ids."""

    named: tuple[Named, ...]
    """In the order in which the posts came; their dates are those that readers know."""
    rows: Mapping[str, Row]
    """Id → row of every named post, as it was before this pass; a new post has a new one."""
    dates: Mapping[str, datetime]
    """Id → the date that its author gives it."""
    arrived: frozenset[str]
    """Ids of the posts that were never seen before."""
    doubtful: Mapping[str, str]
    """Id of a new post → path of a post that is gone and that it resembles, not enough to be sure."""
    problems: tuple[Problem, ...]


def identify(
    posts: Iterable[Post],
    rows: Iterable[Row],
    *,
    scheme: str,
    namer: Namer,
    site_url: str,
    now: datetime,
    broken: Collection[str] = (),
    standing: Collection[str] = (),
) -> Identified:
    """Give every post its id.

    ``posts`` are all that could be read, ``broken`` the paths of files that are there and could not: their rows are theirs. Those
    at the paths that are ``standing`` are last good versions. A post is left out when it claims an id that is another post's, or
    is a copy of another; the problem names both.
    """
    work = _Matching(list(posts), rows, frozenset(broken), now)
    work.by_exchange(work.broken.union(standing))
    work.by_claim()
    work.by_path()
    work.by_resemblance()
    work.first_sights(scheme, namer, site_url)
    beginning = not work.rows
    named = tuple(
        _named(post, work.assigned[post.path], site_url, now, beginning=beginning)
        for post in work.posts
        if post.path in work.assigned
    )
    return Identified(
        named=named,
        rows={row.id: row for row in work.assigned.values()},
        dates={work.assigned[post.path].id: post.published for post in work.posts if post.path in work.assigned},
        arrived=frozenset(work.arrived),
        doubtful={work.assigned[path].id: row.path for path, row in work.doubtful.items() if path in work.assigned},
        problems=tuple(work.problems),
    )


def follow(post: Post, row: Row, *, site_url: str, now: datetime) -> Named | None:
    """Return a post that changed where it is, with the id of the row of its path.

    None: it may concern others, and ``identify`` has to be asked about all. What this returns is what ``identify`` would.
    """
    if row.gone is not None or post.guid not in {None, row.id, row.claim} or not resemblance.same_text(post, row):
        return None
    return _named(post, row, site_url, now)


def settle(
    rows: Iterable[Row],
    identified: Identified,
    out: Collection[str],
    *,
    now: datetime,
    at: datetime | None = None,
    broken: Collection[str] = (),
    held: Collection[str] = (),
) -> tuple[Row, ...]:
    """Return the rows that a pass changes or adds; ``at`` is what ``Row.out`` says of those that come out, if not ``now``.

    ``out`` are the ids of the posts that are in the feeds now, ``broken`` the paths of files that cannot be used (the last good
    version of such a post may be among the others), ``held`` the ids of those whose feeds stayed as they were: what readers know
    of them is what they knew before.
    """
    unusable = frozenset(broken)
    changed: list[Row] = []
    for each in identified.named:
        before = identified.rows[each.id]
        standing = each.post.path in unusable
        after = seen(before, each, identified.dates[each.id], out=each.id in out, now=now, at=at, broken=standing)
        if each.id in held and (before.out, before.updated) != (after.out, after.updated):
            after = dataclasses.replace(
                after, out=before.out, published=before.published, updated=before.updated, withdrawn=before.withdrawn
            )
        if after is not before or each.id in identified.arrived:
            changed.append(after)
    for row in rows:
        if row.id not in identified.rows:
            after = _unseen(row, now=now, broken=row.path in unusable and row.gone is None)
            if after is not row:
                changed.append(after)
    return tuple(changed)


def merged(rows: Iterable[Row], changed: Iterable[Row]) -> tuple[Row, ...]:
    """Return the ledger with what a pass changed, in order."""
    return ordered(({row.id: row for row in rows} | {row.id: row for row in changed}).values())


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return rows in the order of the ledger: by path, then id."""
    return tuple(sorted(rows, key=lambda row: (row.path, row.id)))


def seen(
    row: Row, named: Named, date: datetime, *, out: bool, now: datetime, at: datetime | None = None, broken: bool = False
) -> Row:
    """Return the row of a post that is there; ``date`` is what its author gives it. The same object when nothing changed."""
    post = named.post
    ever = row.out or (at or now if out else None)
    first = row.first_seen if ever else min(row.first_seen, now)
    claim = post.guid if post.guid != row.id else None
    withdrawn = None if out or ever is None else row.withdrawn or now
    updated = post.updated if out else row.updated
    known = (row.path, row.claim, row.out, row.updated, row.withdrawn, row.title, row.link, row.date, row.sketch)
    here = (post.path, claim, ever, updated, withdrawn, post.title, post.link, date, post.sketch)
    if here == known and row.gone is None and (row.broken is not None) == broken and row.first_seen == first:
        return row
    return dataclasses.replace(
        row,
        path=post.path,
        claim=claim,
        first_seen=first,
        out=ever,
        published=(row.published or post.published) if ever else None,
        updated=updated,
        withdrawn=withdrawn,
        gone=None,
        broken=(row.broken or now) if broken else None,
        title=post.title,
        link=post.link,
        date=date,
        sketch=post.sketch,
    )


def _unseen(row: Row, *, now: datetime, broken: bool) -> Row:
    if broken:
        withdrawn = None if row.out is None else row.withdrawn or now
        known = row.broken is not None and row.withdrawn == withdrawn
        return row if known else dataclasses.replace(row, broken=row.broken or now, withdrawn=withdrawn)
    if row.gone is not None and row.broken is None and (row.withdrawn is not None or row.out is None):
        return row
    withdrawn = None if row.out is None else row.withdrawn or now
    return dataclasses.replace(row, gone=row.gone or now, broken=None, withdrawn=withdrawn)


def _named(post: Post, row: Row, site_url: str, now: datetime, *, beginning: bool = False) -> Named:
    """Return a post with its id, and with the dates that readers know."""
    if row.published is not None and (row.published != post.published or row.updated != post.updated):
        # A date that was moved on is a change; one that lies ahead is none yet.
        moved = post.published if row.published < post.published <= now else None
        changes = [each for each in (post.updated, moved, row.updated) if each is not None and each >= row.published]
        post = dataclasses.replace(post, published=row.published, updated=max(changes, default=None))
    permalink = row.permalink == "true" if row.permalink else None
    # A clock that was ahead then says nothing of how long it is ago.
    appeared = min(row.first_seen, now) if row.out is None and not beginning else None
    atom, known = row.atom or iri(row.id, site_url), row.out is not None
    return Named(post=post, id=row.id, atom_id=atom, appeared=appeared, known=known, permalink=permalink)


class _Matching:
    """One matching of posts with rows, step by step; ``assigned`` grows."""

    def __init__(self, posts: list[Post], rows: Iterable[Row], broken: frozenset[str], now: datetime) -> None:
        self.posts = posts
        self.places = {post.path: post for post in posts}
        self.rows = {row.id: row for row in rows}
        self.atoms = frozenset(row.atom for row in self.rows.values() if row.atom)
        self.broken = broken
        self.now = now
        self.assigned: dict[str, Row] = {}
        """Path of a post → its row."""
        self.taken: dict[str, str] = {}
        """Id → path of the post that has it."""
        self.refused: set[str] = set()
        self.warned: set[str] = set()
        """Paths of posts whose claim is a problem that is noted already."""
        self.weak: dict[str, Row] = {}
        """Path → row of the same path, where it is not sure that it is the same post."""
        self.arrived: list[str] = []
        self.doubtful: dict[str, Row] = {}
        """Path → row that it may be."""
        self.problems: list[Problem] = []

    def take(self, post: Post, row: Row) -> None:
        self.assigned[post.path] = row
        self.taken[row.id] = post.path

    def free(self, post: Post) -> bool:
        return post.path not in self.assigned and post.path not in self.refused

    def by_exchange(self, unusable: Collection[str]) -> None:
        """Match posts that changed places with a file that is no post now: what stands in there is the post itself, elsewhere."""
        for each in resemblance.exchanged(self.posts, self.rows.values(), unusable):
            if each.post.guid in {None, each.row.id, each.row.claim} and self.free(each.post) and each.row.id not in self.taken:
                self.take(each.post, each.row)
                self.refused.add(each.row.path)

    def by_claim(self) -> None:
        """Match posts that say who they are."""
        claims: dict[str, list[Post]] = defaultdict(list)
        for post in self.posts:
            if post.guid is not None and self.free(post):
                claims[post.guid].append(post)
        if not claims:
            return
        known = {also: row for row in self.rows.values() for also in (row.claim, row.atom) if also} | self.rows
        for claim, posts in claims.items():
            row = known.get(claim)
            where = row.path if row is not None else None
            # Of several the one that was there before is who it says; among new ones, the one published first.
            first, *others = sorted(posts, key=lambda post: (post.path != where, post.published, post.path))
            if row is not None and row.id not in self.taken and not self._elsewhere(row, first):
                self.take(first, row)
            elif row is not None:
                self._refuse_claim(first, claim, row.path)
            for post in others:
                self._refuse_claim(post, claim, first.path)

    def _elsewhere(self, row: Row, post: Post) -> bool:
        """Tell whether the row's own post is still there: broken, or without the id that ``post`` claims."""
        if row.path == post.path or row.gone is not None:
            return False
        if row.path in self.broken:
            return True
        own = self.places.get(row.path)
        return own is not None and own.guid is None and resemblance.same_text(own, row)

    def _refuse_claim(self, post: Post, claim: str, owner: str) -> None:
        known = any(row.gone is None and row.id != claim and resemblance.same_text(post, row) for row in self._at(post.path))
        if known:
            self.warned.add(post.path)
        else:
            self.refused.add(post.path)
        message = f"the id {claim!r} belongs to {owner} already; this post {'keeps its own' if known else 'is left out'}"
        hint = "give one of the two posts another id: readers would take them for one"
        self.problems.append(Problem(rule="id.duplicate", severity=Severity.ERROR, message=message, hint=hint, path=post.path))

    def _at(self, path: str) -> list[Row]:
        return [row for row in self.rows.values() if row.path == path]

    def by_path(self) -> None:
        """Match posts that are where they were, and are still about the same."""
        places: dict[str, Row] = {}
        for row in self.rows.values():
            before = places.get(row.path)
            if row.gone is None and row.id not in self.taken and (before is None or row.first_seen < before.first_seen):
                places[row.path] = row
        for post in self.posts:
            known = places.get(post.path)
            if known is None or not self.free(post):
                continue
            if resemblance.same_text(post, known):
                self.take(post, known)
                self._note_claim(post, known)
            elif post.guid is None:
                self.weak[post.path] = known

    def _note_claim(self, post: Post, row: Row) -> None:
        if post.guid is not None and post.guid not in {row.id, row.claim} and post.path not in self.warned:
            message = f"the post has been published as {row.id!r}; the id {post.guid!r} is noted, and readers keep the first"
            hint = "take the new id out again, or leave it: the post is found by it too"
            self.problems.append(
                Problem(rule="id.changed", severity=Severity.WARNING, message=message, hint=hint, path=post.path)
            )

    def by_resemblance(self) -> None:
        """Match posts that moved: what is not placed yet, with the rows whose posts are not where they were."""
        waiting = {post.path: post for post in self.posts if self.free(post)}
        missing = [
            row
            for row in self.rows.values()
            if row.id not in self.taken and (row.gone is not None or row.path not in self.broken)
        ]
        if not waiting or not missing:
            return
        likely = resemblance.pairs(list(waiting.values()), missing)
        for likeness in likely:
            post, row = likeness.post, likeness.row
            if likeness.same and self.free(post) and row.id not in self.taken:
                self.take(post, row)
                self._note_claim(post, row)
        for path, row in self.weak.items():
            if path not in self.assigned and row.id not in self.taken:
                # Nobody else is this post: it was written anew where it is.
                self.take(waiting[path], row)
        for likeness in likely:
            post, row = likeness.post, likeness.row
            if post.guid is None and row.out is not None and self.free(post) and row.id not in self.taken:
                self.doubtful.setdefault(post.path, row)
        for path, row in self.doubtful.items():
            message = f"the post resembles {row.path}, which is not there any more; it is taken for a new one"
            hint = f"if they are one, write `id: {row.id}` into it"
            self.problems.append(Problem(rule="id.doubtful", severity=Severity.WARNING, message=message, hint=hint, path=path))

    def first_sights(self, scheme: str, namer: Namer, site_url: str) -> None:
        """Give ids to posts that nobody knows, unless they are copies."""
        new = sorted((post for post in self.posts if self.free(post)), key=lambda post: (post.published, post.path))
        if not new:
            return
        texts = {(post.digest, post.published): post.path for post in self.posts if post.path in self.assigned and post.digest}
        for post in new:
            original = texts.setdefault((post.digest, post.published), post.path)
            if original != post.path:
                message = f"the post is a copy of {original}, to the last byte; it is left out"
                hint = "delete one of them, or write another post into this one"
                self.problems.append(Problem(rule="id.copy", severity=Severity.ERROR, message=message, hint=hint, path=post.path))
                continue
            made = post.guid if post.guid is not None else self._unused(namer(post))
            origin = "author" if post.guid is not None else scheme
            # What Atom makes of an id that is no IRI begins with the address of the site, and must not move with it.
            atom = iri(made, site_url)
            row = Row(id=made, path=post.path, origin=origin, atom=atom if atom != made else "", first_seen=self.now)
            self.take(post, row)
            self.arrived.append(made)

    def _unused(self, made: str) -> str:
        """Return an id that nobody ever had: the path and day of a post that was, or was moved, can come again."""
        mark = "-" if "#" in made else "#"
        number, free = 1, made
        while free in self.taken or free in self.rows or free in self.atoms:
            number += 1
            free = f"{made}{mark}{number}"
        return free
