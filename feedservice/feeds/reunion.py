"""One ledger of several that know of each other's posts: the lines of two branches, the file and the store.

Nothing that any of them knows is lost, and no id becomes another: the ledger that comes of it has every id, the first sight
of each counts, and of two ids for one path readers keep the one that was out first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterable, Mapping
from datetime import datetime

from feedservice.feeds import resemblance
from feedservice.feeds.ledger import Row, ordered
from feedservice.model import Post


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reunion:
    """A ledger that was made of several."""

    rows: tuple[Row, ...]
    """In the order of the ledger."""
    missed: tuple[Row, ...] = ()
    """Those of the store that the file had not."""
    conflicts: tuple[str, ...] = ()
    """What they contradict each other in, and what counts now."""


def joined(rows: Iterable[Row]) -> Reunion:
    """Return one row per id and one post per path, of the lines of a file: of two lines the later says where the post is."""
    by_id: dict[str, Row] = {}
    for row in rows:
        before = by_id.get(row.id)
        by_id[row.id] = row if before is None else dataclasses.replace(_since(row, before), claim=row.claim or before.claim)
    conflicts = _placed(by_id)
    return Reunion(rows=ordered(by_id.values()), conflicts=tuple(conflicts))


def reconciled(
    file: Iterable[Row], store: Iterable[Row], there: Container[str], posts: Mapping[str, Post] | None = None
) -> Reunion:
    """Return what the file and the store know together.

    ``there`` are the paths of the posts that are there, ``posts`` those that can be read, by path.

    What the file lacks it has lost: it was deleted, or is an older one. What the store lacks was written by another process, or
    by one that was killed before its transaction. Where both tell of a post, the one counts whose post is where it says, and says
    what it says, then the one that something happened to later, then the file: people correct it.
    """
    ours, theirs = {row.id: row for row in file}, {row.id: row for row in store}
    by_id = dict(ours)
    conflicts: list[str] = []
    for row in theirs.values():
        own = ours.get(row.id)
        if own is None:
            by_id[row.id] = row
        elif own != row:
            if own.atom and row.atom and own.atom != row.atom:
                conflicts.append(f"Atom readers know {row.id} as {own.atom} by the file and as {row.atom} by the store")
            by_id[row.id] = _of_both(own, row, there, posts or {})
    conflicts += _placed(by_id)
    missed = tuple(row for row in theirs.values() if row.id not in ours)
    return Reunion(rows=ordered(by_id.values()), missed=missed, conflicts=tuple(conflicts))


def _of_both(file: Row, store: Row, there: Container[str], posts: Mapping[str, Post]) -> Row:
    stays, other = (store, file) if _rather(store, file, there, posts) else (file, store)
    found = _since(stays, other)
    if found.gone is not None:
        return found
    # Who is told of a post by an id that it had once asks for the old one: what one of the two has, both have.
    return dataclasses.replace(
        found, claim=found.claim or other.claim, atom=found.atom or other.atom, permalink=found.permalink or other.permalink
    )


def _rather(store: Row, file: Row, there: Container[str], posts: Mapping[str, Post]) -> bool:
    """Tell whether the store says where a post is, and what became of it."""
    if store.gone is None and file.gone is None:
        for here, elsewhere in ((store.path in there, file.path in there), (_is(store, posts), _is(file, posts))):
            if here is not elsewhere:
                return here
        if (
            store.sketch != file.sketch
            and store.path not in posts
            and any(post.sketch == store.sketch for post in posts.values())
        ):
            # It moved since, and has the text that the store knows: that of the file is an older one.
            return True
    return _latest(store) > _latest(file)


def _is(row: Row, posts: Mapping[str, Post]) -> bool:
    """Tell whether the post at the path of a row has the text that it tells of: posts may have changed places since."""
    post = posts.get(row.path)
    return post is not None and resemblance.same_text(post, row)


def _latest(row: Row) -> datetime:
    """Return when something last happened to a post, by the clock of the passes."""
    return max(each for each in (row.first_seen, row.out, row.withdrawn, row.gone, row.broken) if each is not None)


def _since(row: Row, other: Row) -> Row:
    """Return a row with the first dates of both, and the last change that readers saw."""
    out = [each for each in (row, other) if each.out is not None]
    early = min(out, key=lambda each: each.out or each.first_seen, default=row)
    updated = [each.updated for each in (row, other) if each.updated is not None]
    return dataclasses.replace(
        row,
        first_seen=min(row.first_seen, other.first_seen),
        out=early.out,
        published=early.published,
        updated=max(updated, default=None),
    )


def _placed(by_id: dict[str, Row]) -> list[str]:
    """Leave one post at each path, the one that was out first; return what is to be said."""
    there = [row.path for row in by_id.values() if row.gone is None]
    if len(set(there)) == len(there):
        return []
    places: dict[str, Row] = {}
    conflicts: list[str] = []
    for row in sorted(by_id.values(), key=lambda each: (each.out is None, each.out or each.first_seen, each.id)):
        if row.gone is not None:
            continue
        first = places.setdefault(row.path, row)
        if first is not row:
            conflicts.append(f"{row.path} has two ids, {first.id} and {row.id}; readers keep the first")
            by_id[row.id] = dataclasses.replace(row, gone=row.first_seen, withdrawn=row.out and row.first_seen)
    return conflicts
