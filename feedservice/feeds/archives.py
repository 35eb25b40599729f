"""The history of a feed: which entries stand in which archive document (RFC 5005 §4), and where those documents are.

A subscription document has the newest entries. What it has no room for stands in archives, numbered from 1, the oldest::

    subscription ─prev-archive→ 3 ─prev-archive→ 2 ─prev-archive→ 1        JSON: next_url all the way
                                    1 ─next-archive→ 2 ─next-archive→ 3    each archive ─current→ subscription

- While the subscription document has every entry it says so (``fh:complete``), and there are no archives. Once there
  are, the feed is never called complete again: who has read an archive would not hear of what is taken out of it.
- An archive is sealed before it is written. RFC 5005 §4 calls it an error to link to one that still grows: a reader that has
  been there does not come back (§4.2). What is in no archive yet is therefore always in the subscription document, and
  entries are sealed before that has no room for one of them any more: the oldest ones, at most ``size`` at a time.
- An archive that nobody needs yet, because the subscription document still shows all its entries, is there and not linked to. It
  joins the chain, and gets its ``next-archive`` from the one before it, by the post that pushes out its first entry.
- A sealed archive has the same members for ever. An entry that is taken back keeps its place and is not rendered; one that
  returns, returns there. One that arrives late, with a date older than all that is shown, is sealed at once with
  whatever is waiting.
- A new post changes the subscription document and one archive at most: the one it seals, or the one before the archive that joins
  the chain by it. There are two exceptions. The first two archives begin together, because the first would have neither
  neighbour, and validators ask for one; and a late arrival is sealed and linked to at once. An edited or removed entry
  changes the archive that it is in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from feedservice.feeds.formats import FORMATS
from feedservice.model import FeedHead, FeedSpec, History, Problem, Severity
from feedservice.taxonomy import encode_path

_SMALLEST = 2
"""``size`` of archives that are not all written twice by the post that seals the next one."""
_TOGETHER = 2
"""Archives that begin together: the first one is never without a neighbour."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What must be remembered of a feed's history."""

    archives: tuple[tuple[str, ...], ...] = ()
    """Ids of the entries of each archive, oldest first; archive ``n`` is ``archives[n - 1]``. An id is in one archive at most."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """One archive document as it is to be written now."""

    number: int
    """From 1, the oldest."""
    entries: tuple[str, ...]
    """Ids of its entries that are out, newest first; none is left when all were taken back."""
    followed: bool
    """Whether it links to the archive after it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where one document is."""

    url: str
    """Absolute, percent-encoded."""
    path: str
    """Below the output directory, unencoded."""


def extend(membership: Membership, live: Iterable[str], shown: Collection[str], *, size: int) -> Membership:
    """Seal archives until each entry is shown or in one, and so is the one that the next post pushes out.

    ``live`` are the distinct ids of all entries of the feed, oldest first; ``shown`` those that its subscription document has
    room for. ``size`` is the most that an archive holds, at least 2; sensibly the number that is shown. The result is the
    same membership when there is nothing to seal.
    """
    if size < _SMALLEST:
        raise ValueError(f"an archive holds at least {_SMALLEST} entries, not {size}")
    archived = frozenset(chain.from_iterable(membership.archives))
    visible, everyone = frozenset(shown), list(live)
    waiting = [identity for identity in everyone if identity not in archived]
    hidden = max((at for at, identity in enumerate(waiting) if identity not in visible), default=-1)
    sealed = [tuple(waiting[start : start + size]) for start in range(0, hidden + 1, size)]
    if not membership.archives and len(sealed) == 1 and len(sealed[0]) > 1:
        half = len(sealed[0]) // 2
        sealed = [sealed[0][:half], sealed[0][half:]]
    if len(membership.archives) + len(sealed) >= _TOGETHER:
        sealed += _ahead(waiting[sum(map(len, sealed)) :], everyone, visible, size)
    return Membership(archives=(*membership.archives, *sealed)) if sealed else membership


def _ahead(waiting: Sequence[str], live: Sequence[str], visible: Collection[str], size: int) -> list[tuple[str, ...]]:
    """Return the archive that the next post needs, none when it needs none: with it, that post has one thing less to write."""
    oldest = next((identity for identity in live if identity in visible), None)
    enough = len(waiting) >= max(_SMALLEST, min(size, len(visible)))
    return [tuple(waiting[:size])] if enough and waiting[0] == oldest else []


def archives(membership: Membership, live: Iterable[str], shown: Collection[str]) -> tuple[Archive, ...]:
    """Return the archive documents of a feed, oldest first; ``live`` and ``shown`` as for ``extend``."""
    place = {identity: at for at, identity in enumerate(live)}
    chained, visible = linked(membership, place, shown), frozenset(shown)
    if len(visible) < _SMALLEST and chained == len(membership.archives) > _TOGETHER:
        # A document of one entry has nothing to seal ahead: there the link comes with the next post.
        chained -= sum(identity not in visible for identity in membership.archives[-1]) < _SMALLEST
    return tuple(
        Archive(
            number=number,
            entries=tuple(sorted((one for one in members if one in place), key=place.__getitem__, reverse=True)),
            followed=number < chained,
        )
        for number, members in enumerate(membership.archives, 1)
    )


def linked(membership: Membership, live: Iterable[str], shown: Collection[str]) -> int:
    """Return how many archives are in the chain: all of them, or all but the newest; ``live`` and ``shown`` as for ``extend``."""
    count, visible = len(membership.archives), frozenset(shown)
    if count <= _TOGETHER:
        return count
    newest = frozenset(membership.archives[-1]).intersection(live)
    return count - 1 if newest and newest <= visible else count


def subscription_head(head: FeedHead, membership: Membership, *, base: str, newest: int | None = None) -> FeedHead:
    """Return the head of a subscription document with its history.

    ``base`` is that of ``place``, ``newest`` what ``linked`` says; None: all archives are in the chain.
    """
    newest = len(membership.archives) if newest is None else newest
    history = History(prev_archive=_urls(head.spec, newest, base)) if newest else History(complete=True)
    return dataclasses.replace(head, history=history)


def archive_head(head: FeedHead, archive: Archive, *, base: str) -> FeedHead:
    """Return the head of an archive document.

    ``head`` is that of the feed (its id, authors …) with ``updated`` for the entries of this archive; ``base`` is that of
    ``place``. The result has the archive's own addresses, no aliases, and no hubs: an archive is nothing to subscribe to.
    """
    spec, number = head.spec, archive.number
    places = {name: place(spec, name, number, base=base) for name in spec.urls}
    own = dataclasses.replace(
        spec,
        urls={name: each.url for name, each in places.items()},
        paths={name: each.path for name, each in places.items()},
        aliases={},
    )
    history = History(
        current=spec.urls,
        prev_archive=_urls(spec, number - 1, base) if number > 1 else {},
        next_archive=_urls(spec, number + 1, base) if archive.followed else {},
    )
    return dataclasses.replace(head, spec=own, hubs=(), cloud=None, history=history)


def _urls(spec: FeedSpec, number: int, base: str) -> dict[str, str]:
    return {name: place(spec, name, number, base=base).url for name in spec.urls}


def place(spec: FeedSpec, name: str, number: int, *, base: str) -> Place:
    """Return where archive ``number`` of a feed is in the format ``name``: ``<base>/<key>/archive/<number>.<extension>``.

    ``base`` is the public base of the feeds (``specs.feeds_base``). The path is made from the feed's key, not from its own
    paths: these can be anything, and change with the configuration.
    """
    parts = urlsplit(base)
    path = f"{_folder(spec, base)}/{number}.{FORMATS[name].extension}"
    return Place(f"{parts.scheme}://{parts.netloc}{encode_path('/' + path)}", path)


def _folder(spec: FeedSpec, base: str) -> str:
    return "/".join(part for part in (urlsplit(base).path.strip("/"), spec.key, "archive") if part)


def blocked(specs: Iterable[FeedSpec], *, base: str) -> dict[str, Problem]:
    """Return feed key → problem for each feed whose archives have no place: somebody's documents are, or could be, there.

    Only paths of the configuration's own making do that, such as ``ai/archive/{key}.{format}``, or a document without an
    extension where a directory has to be.
    """
    specs = tuple(specs)
    # Compared without case: some file systems do not tell AI from ai.
    owners = {path.casefold(): spec.key for spec in specs for path in (*spec.paths.values(), *spec.aliases)}
    inside = {str(PurePosixPath(path).parent): path for path in owners}
    folders: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    for spec in specs:
        folder = _folder(spec, base).casefold()
        first = folders.setdefault(folder, spec.key)
        above = (folder, *map(str, PurePosixPath(folder).parents))
        path = next((one for one in above if one in owners), inside.get(folder))
        if path is None and first == spec.key:
            continue
        other = first if path is None else owners[path]
        where = folder if path is None else path
        problems[spec.key] = Problem(
            rule="feed.archive-taken",
            severity=Severity.ERROR,
            message=f"the archives of {spec.key!r} belong into {folder}/, and {where} is of {other!r}; the feed has no archives",
            hint="give one of them another key or path (feeds.paths)",
            path=where,
        )
    return problems


def dump(membership: Membership) -> list[list[str]]:
    """Return a membership as JSON can hold it: the ids of each archive."""
    return [list(members) for members in membership.archives]


def load(stored: object, feed: str) -> Membership | Problem:
    """Return what ``dump`` returned, or a problem when that is damaged; ``feed`` is the key of the feed."""
    lists = stored if isinstance(stored, list) else None
    fault = "it is no list of archives" if lists is None else _fault(lists)
    if lists is None or fault:
        return Problem(
            rule="history.damaged",
            severity=Severity.ERROR,
            message=f"what is remembered of the archives of {feed!r} is damaged: {fault}",
            hint="restore it from a backup; divided anew, archives would differ from those that readers and caches have",
        )
    return Membership(archives=tuple(tuple(members) for members in lists))


def _fault(lists: list[object]) -> str:
    seen: dict[str, int] = {}
    for number, members in enumerate(lists, 1):
        if not isinstance(members, list) or not members:
            return f"archive {number} is no list of ids"
        for identity in members:
            if not isinstance(identity, str) or not identity:
                return f"archive {number} has {identity!r} instead of an id"
            if identity in seen:
                return f"{identity!r} is in archive {number} and in archive {seen[identity]}"
            seen[identity] = number
    return ""
