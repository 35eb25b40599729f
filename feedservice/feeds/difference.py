"""(what readers hold, what they would be given) → what they would see.

A reader sees entries by their ids: one it does not know is new, whatever its date. So a difference is told in a reader's terms:
what appears, what is there again under another id, what says that it changed, what is gone, and what only left the window.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from feedservice.feeds.identity import Named


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An entry as readers have it."""

    id: str
    title: str
    url: str
    published: datetime
    updated: datetime
    digest: str = ""
    """``EntrySpan.digest`` in the first format of the feed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A feed as readers have it: what is remembered of the last one that went out."""

    feed: str
    since: datetime
    """When the feed first went out."""
    at: datetime
    """When it last went out otherwise than before."""
    window: int
    """``FeedSpec.window`` of that time."""
    entries: tuple[Shown, ...]
    """In the order of the documents."""
    late: Mapping[str, datetime] = dataclasses.field(default_factory=dict)
    """Id → since when an entry is shown that the window had no room for."""
    withdrawn: Mapping[str, datetime] = dataclasses.field(default_factory=dict)
    """Id → since when an entry that readers had is not out any more."""
    whole: bool = False
    """These were all entries of the feed."""
    said: datetime | None = None
    """When the feed said that it was updated."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a reader of one feed would see."""

    feed: str
    held: int
    """Entries that readers hold now; 0 for a feed that was never out, or was empty."""
    shown: int
    """Entries that they would be given."""
    new: tuple[Shown, ...] = ()
    back: tuple[Shown, ...] = ()
    """Entries that were withdrawn and are there again: readers that kept them know them."""
    renamed: tuple[tuple[Shown, Shown], ...] = ()
    """Entries that are what another one was, under another id: before, after. They are not among ``new`` and ``gone``."""
    updated: tuple[tuple[Shown, Shown], ...] = ()
    """Entries whose ``updated`` is another: before, after."""
    retitled: tuple[tuple[Shown, Shown], ...] = ()
    """Entries that say the same date under another title: before, after."""
    edited: tuple[Shown, ...] = ()
    """Entries whose title and dates are what they were, and whose other bytes are not."""
    gone: tuple[Shown, ...] = ()
    """Entries that are out no more."""
    slid: tuple[Shown, ...] = ()
    """Entries that the window has no room for any more: readers keep them."""
    moved: tuple[Shown, ...] = ()
    """Entries that stand elsewhere among those that stay."""

    @property
    def nothing(self) -> bool:
        """Tell whether a reader sees none of it."""
        seen = (self.new, self.back, self.renamed, self.updated, self.retitled, self.edited, self.gone, self.slid, self.moved)
        return not any(seen)


def shown(named: Named, digest: str = "") -> Shown:
    """Return the entry of a post as readers have it."""
    post = named.post
    return Shown(
        id=named.id,
        title=post.title,
        url=post.canonical or post.link,
        published=post.published,
        updated=post.updated or post.published,
        digest=digest,
    )


def difference(
    feed: str, before: Sequence[Shown], after: Sequence[Shown], members: Collection[str], *, withdrawn: Collection[str] = ()
) -> Difference:
    """Return what a reader of ``before`` sees when it gets ``after``.

    ``members`` are the ids of all entries of the feed, ``withdrawn`` those of entries that it had before ``before``.
    """
    had = {each.id: each for each in before}
    have = {each.id: each for each in after}
    out = members if isinstance(members, frozenset | set) else frozenset(members)
    new = [each for each in after if each.id not in had and each.id not in withdrawn]
    missing = [each for each in before if each.id not in have]
    gone = [each for each in missing if each.id not in out]
    renamed = _renamed(gone, new)
    again = {id_ for pair in renamed for id_ in (pair[0].id, pair[1].id)}
    stayed = [(had[each.id], each) for each in after if each.id in had]
    return Difference(
        feed=feed,
        held=len(before),
        shown=len(after),
        new=tuple(each for each in new if each.id not in again),
        back=tuple(each for each in after if each.id not in had and each.id in withdrawn),
        renamed=tuple(renamed),
        updated=tuple(pair for pair in stayed if pair[0].updated != pair[1].updated),
        retitled=tuple(pair for pair in stayed if pair[0].title != pair[1].title and pair[0].updated == pair[1].updated),
        edited=tuple(pair[1] for pair in stayed if _edited(*pair)),
        gone=tuple(each for each in gone if each.id not in again),
        slid=tuple(each for each in missing if each.id in out),
        moved=_moved(before, [pair[1] for pair in stayed]),
    )


def _edited(before: Shown, after: Shown) -> bool:
    told = (before.title, before.updated) == (after.title, after.updated)
    return told and "" not in {before.digest, after.digest} and before.digest != after.digest


def _renamed(gone: Sequence[Shown], new: Sequence[Shown]) -> list[tuple[Shown, Shown]]:
    """Pair what vanishes with what appears when it is the same to a reader: one address, or one title and one date."""
    waiting = list(gone)
    pairs: list[tuple[Shown, Shown]] = []
    for each in new:
        found = next((one for one in waiting if one.url == each.url), None) or next(
            (one for one in waiting if one.title == each.title and one.published == each.published), None
        )
        if found is not None:
            waiting.remove(found)
            pairs.append((found, each))
    return pairs


def _moved(before: Sequence[Shown], stayed: Sequence[Shown]) -> tuple[Shown, ...]:
    """Return what is not part of the longest run that keeps its order (patience sorting)."""
    place = {each.id: at for at, each in enumerate(before)}
    tops: list[int] = []
    last: list[int] = []
    parent: list[int | None] = []
    for at, each in enumerate(stayed):
        pile = bisect_left(tops, place[each.id])
        parent.append(last[pile - 1] if pile else None)
        if pile == len(tops):
            tops.append(place[each.id])
            last.append(at)
        else:
            tops[pile], last[pile] = place[each.id], at
    kept: set[int] = set()
    step = last[-1] if last else None
    while step is not None:
        kept.add(step)
        step = parent[step]
    return tuple(each for at, each in enumerate(stayed) if at not in kept)
