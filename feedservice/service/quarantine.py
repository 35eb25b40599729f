"""The last good version of a post stands in for one that cannot be used now.

Editors save in two steps, merges leave marks, disks fill up: a post that was out and is broken all at once is more often an
accident than a decision. So its last good version stays for a while (``content.grace``), and then it is withdrawn; either is
said in every pass. A post that was never out has nothing to stay.

The sources of the entries that feeds show are kept in ``good/`` of the state directory, all in one file. One that stands in is
taken out of it, and is read as the post's own file would be.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from feedservice import dates
from feedservice.feeds import resemblance
from feedservice.feeds.ledger import Row
from feedservice.model import Post, Problem, Severity
from feedservice.posts import parse as posts_parse
from feedservice.posts.parse import Parsed
from feedservice.service import files, pack
from feedservice.service.scan import Found

_FOLDER = "good"
_PACK = "sources"
_SLACK = 1 << 20
"""Bytes of what is no longer kept that are never worth writing the rest anew."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """What is read in place of a file."""

    parsed: Parsed
    found: Found
    """The copy, under the path of the post."""
    until: datetime | None = None
    """When it does so no more; None: it is withdrawn already."""


def suspicious(parsed: Parsed, row: Row | None) -> bool:
    """Tell whether a file that was a post that is out cannot be the post that its author wants out."""
    if row is None or row.out is None:
        return False
    if row.withdrawn is not None and (row.broken is None or row.withdrawn < row.broken):
        return False
    return parsed.post is None or (not parsed.post.sketch and bool(row.sketch))


def stand_ins(
    state: Path,
    parsed: Iterable[Parsed],
    places: Mapping[str, Row],
    files_of: Mapping[str, Found],
    read: Callable[[Found], Parsed | None],
    *,
    kept: dict[str, str],
    grace: timedelta,
    now: datetime,
    zone: str,
) -> dict[str, StandIn]:
    """Return path → what stands in for it, for the files among ``parsed`` that are suspicious and not so for too long.

    ``places`` are the live rows of the ledger by path; ``read`` reads a copy, and returns None when it is no post; ``kept`` is
    as in ``keep``; times are told in ``zone``. The problems of a stand-in are those of the file itself, and that the last good
    version stays, or does no more.
    """
    found: dict[str, StandIn] = {}
    for each in parsed:
        row = places.get(each.path)
        if row is None or not suspicious(each, row):
            continue
        until = (row.broken or now) + grace
        place = _place(state, each.path)
        copy = dataclasses.replace(files_of[each.path], root=str(place.parent), name=place.name)
        good = read(copy) if now < until and _taken_out(state, each.path, kept) else None
        if good is not None and good.post is not None and not resemblance.same_text(good.post, row):
            # Another post was there when it was kept: what is kept is not durable, and can be put back from a backup.
            good = None
        problems = (*each.problems, *([] if each.post is None else [_emptied(each.path)]))
        if good is None and each.post is not None:
            # There is nothing else, or the author has meant it for so long: a post may be a title and a link.
            continue
        if good is None or good.post is None:
            problem = _withdrawn(each.path, until, now, zone)
            found[each.path] = StandIn(parsed=dataclasses.replace(each, problems=(*problems, problem)), found=files_of[each.path])
            continue
        standing = dataclasses.replace(good, problems=(*problems, _kept(each.path, until, zone)))
        found[each.path] = StandIn(parsed=standing, found=copy, until=until)
    return found


def keep(
    state: Path,
    posts: Iterable[Post],
    files_of: Mapping[str, Found],
    broken: Collection[str],
    *,
    kept: dict[str, str],
    left: pack.Mark | None = None,
    tidy: bool,
) -> pack.Mark | None:
    """Keep the sources of these posts; with ``tidy`` no others but the broken ones. Raises ``OSError``.

    ``kept`` is path → digest of what is known to be kept, and is brought up to date. A source that changed since it was read
    is left as it was kept: the next pass reads it anyhow. What a power cut takes is kept again: it is not made durable.
    ``left`` is what this returned last.
    """
    wanted = {post.path: post for post in posts}
    if not wanted and not tidy:
        return left
    _remind(state, kept)
    new = [post for path, post in wanted.items() if path not in broken and kept.get(path) != post.digest]
    gone = [path for path in kept if path not in wanted and path not in broken] if tidy else []
    if new or gone:
        left = pack.add(_pack(state), _sources(new, files_of, kept), gone, left=left)
    for path in gone:
        del kept[path]
    if tidy:
        _tidy(state, broken)
    # A service that is told of every change looks through everything and finds nothing new: it would never be time.
    if tidy or (left is not None and left[1] > _SLACK):
        _shrink(state, kept, sum(files_of[path].fingerprint.size for path in kept if path in files_of))
    return left


def _sources(posts: Iterable[Post], files_of: Mapping[str, Found], kept: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the sources that are still what was read."""
    for post in posts:
        try:
            data = Path(files_of[post.path].file).read_bytes()
        except OSError:
            # It is gone, or cannot be read (any more): the pass that has to read it says so.
            continue
        if posts_parse.digest(data) == post.digest:
            kept[post.path] = post.digest
            yield post.path, data


def _tidy(state: Path, broken: Collection[str]) -> None:
    """Remove what was taken out and stands in no more."""
    standing = {_place(state, path).name for path in broken} | {_PACK}
    folder = state / _FOLDER
    for place in list(folder.iterdir()) if folder.is_dir() else ():
        if place.name not in standing:
            place.unlink(missing_ok=True)


def _shrink(state: Path, kept: Collection[str], size: int) -> None:
    """Write the file anew when most of it is not kept; ``size`` is that of what is, in bytes."""
    place = _pack(state)
    if place.exists() and place.stat().st_size > 3 * size + _SLACK:
        pack.shrink(place, kept)


def _taken_out(state: Path, path: str, kept: dict[str, str]) -> bool:
    """Tell whether the source of a post is kept, and see to it that it lies in its place."""
    _remind(state, kept)
    place = _place(state, path)
    there = posts_parse.digest(place.read_bytes()) if place.exists() else None
    if path in kept and there != kept[path]:
        data = pack.read(_pack(state), path)
        if data is not None:
            files.commit(files.stage(place, data, durable=False))
            return True
    return there is not None


def _remind(state: Path, kept: dict[str, str]) -> None:
    """Ask the file what is kept, when nobody has asked it yet."""
    if not kept:
        kept |= {path: record.digest for path, record in pack.records(_pack(state)).items()}


def _pack(state: Path) -> Path:
    return state / _FOLDER / _PACK


def _place(state: Path, path: str) -> Path:
    return state / _FOLDER / hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def places(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the rows of posts that are there, by path."""
    return {row.path: row for row in rows if row.gone is None}


def _emptied(path: str) -> Problem:
    message = "the post had a text, and has none now"
    return Problem(rule="post.emptied", severity=Severity.ERROR, message=message, hint="write it again, or delete it", path=path)


def _kept(path: str, until: datetime, zone: str) -> Problem:
    message = f"the last good version stays in the feeds until {dates.typed(until, zone)}"
    return Problem(
        rule="post.kept", severity=Severity.WARNING, message=message, hint="mend the file, or delete it to withdraw", path=path
    )


def _withdrawn(path: str, until: datetime, now: datetime, zone: str) -> Problem:
    since = f"since {dates.typed(until, zone)}" if until <= now else "at once, because no good version of it is kept"
    message = f"the post cannot be used and is withdrawn {since}"
    return Problem(rule="post.withdrawn", severity=Severity.ERROR, message=message, hint="mend the file", path=path)
