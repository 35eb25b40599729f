"""The last good version of a post stands in for one that cannot be used now.

Editors save in two steps, merges leave marks, disks fill up: a post that was out and is broken all at once is more often an
accident than a decision. So its last good version stays for a while (``content.grace``), and then it is withdrawn; either is
said in every pass. A post that was never out has nothing to stay.

The sources of the entries that feeds show are kept in ``good/`` of the state directory: a post is read from there as from its own
file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from feedservice.feeds.ledger import Row
from feedservice.model import Post, Problem, Severity
from feedservice.posts import parse as posts_parse
from feedservice.posts.parse import Parsed
from feedservice.service import files
from feedservice.service.scan import Found

_FOLDER = "good"


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
    grace: timedelta,
    now: datetime,
) -> dict[str, StandIn]:
    """Return path → what stands in for it, for the files among ``parsed`` that are suspicious and not so for too long.

    ``places`` are the live rows of the ledger by path; ``read`` reads a copy, and returns None when it is no post. The problems
    of a stand-in are those of the file itself, and that the last good version stays, or does no more.
    """
    found: dict[str, StandIn] = {}
    for each in parsed:
        row = places.get(each.path)
        if row is None or not suspicious(each, row):
            continue
        until = (row.broken or now) + grace
        place = _place(state, each.path)
        copy = dataclasses.replace(files_of[each.path], root=str(place.parent), name=place.name)
        good = read(copy) if now < until and place.exists() else None
        problems = (*each.problems, *([] if each.post is None else [_emptied(each.path)]))
        if good is None and each.post is not None:
            # There is nothing else, or the author has meant it for so long: a post may be a title and a link.
            continue
        if good is None or good.post is None:
            problem = _withdrawn(each.path, until, now)
            found[each.path] = StandIn(parsed=dataclasses.replace(each, problems=(*problems, problem)), found=files_of[each.path])
            continue
        kept = dataclasses.replace(good, problems=(*problems, _kept(each.path, until)))
        found[each.path] = StandIn(parsed=kept, found=copy, until=until)
    return found


def keep(
    state: Path,
    posts: Iterable[Post],
    files_of: Mapping[str, Found],
    broken: Collection[str],
    *,
    kept: dict[str, str],
    tidy: bool,
) -> None:
    """Keep the sources of these posts; with ``tidy`` no others but the broken ones. Raises ``OSError``.

    ``kept`` is path → digest of what is known to be kept, and is brought up to date. A source that changed since it was read
    is left as it was kept: the next pass reads it anyhow. A copy that a power cut takes is made again: it is not made durable.
    A copy has the time of its file: one of the same size and time is not read again by the next process.
    """
    wanted: set[str] = {_place(state, path).name for path in broken} if tidy else set()
    for post in posts:
        place = _place(state, post.path)
        if tidy:
            wanted.add(place.name)
        if post.path in broken or kept.get(post.path) == post.digest or _copied(post, files_of[post.path], place):
            kept[post.path] = post.digest
    folder = state / _FOLDER
    for place in list(folder.iterdir()) if tidy and folder.is_dir() else ():
        if place.name not in wanted:
            place.unlink(missing_ok=True)
    if tidy:
        for path in [path for path in kept if _place(state, path).name not in wanted]:
            del kept[path]


def _place(state: Path, path: str) -> Path:
    return state / _FOLDER / hashlib.blake2b(path.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _copied(post: Post, found: Found, place: Path) -> bool:
    """Tell whether the source of a post is kept, and see to it; not when the file is no longer what was read."""
    size, time = found.fingerprint.size, found.fingerprint.mtime_ns
    with contextlib.suppress(FileNotFoundError):
        there = place.stat()
        if (there.st_size, there.st_mtime_ns) == (size, time):
            return True
    try:
        data = Path(found.file).read_bytes()
    except FileNotFoundError:
        return False
    if posts_parse.digest(data) != post.digest:
        return False
    if not files.same(place, data):
        files.commit(files.stage(place, data, durable=False))
    os.utime(place, ns=(time, time))
    return True


def places(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the rows of posts that are there, by path."""
    return {row.path: row for row in rows if row.gone is None}


def _emptied(path: str) -> Problem:
    message = "the post had a text, and has none now"
    return Problem(rule="post.emptied", severity=Severity.ERROR, message=message, hint="write it again, or delete it", path=path)


def _kept(path: str, until: datetime) -> Problem:
    message = f"the last good version stays in the feeds until {until:%Y-%m-%d %H:%M} UTC"
    return Problem(
        rule="post.kept", severity=Severity.WARNING, message=message, hint="mend the file, or delete it to withdraw", path=path
    )


def _withdrawn(path: str, until: datetime, now: datetime) -> Problem:
    since = f"since {until:%Y-%m-%d %H:%M} UTC" if until <= now else "at once, because no good version of it is kept"
    message = f"the post cannot be used and is withdrawn {since}"
    return Problem(rule="post.withdrawn", severity=Severity.ERROR, message=message, hint="mend the file", path=path)
