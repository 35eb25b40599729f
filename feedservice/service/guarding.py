"""What readers have of every feed, and what the operator decided about feeds that are held.

One small file per feed in ``served/`` of the state directory, written after the documents got their names; decisions in
``guard.json``. Losing them costs one look of the guard: the next pass takes every feed for a new one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedservice.errors import RefusedError
from feedservice.feeds.difference import Served, Shown
from feedservice.feeds.ledger import Row
from feedservice.model import FeedSpec
from feedservice.service import files

_FILE = "guard.json"
_FOLDER = "served"
_SLIP = timedelta(minutes=15)
"""How long a feed has to be out until it is not given up without a question: less than readers wait between two visits."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A feed that is held."""

    feed: str
    since: datetime
    key: str
    """``Verdict.key`` of what would have gone out."""
    reasons: tuple[str, ...]
    new: tuple[str, ...] = ()
    """Ids of the entries that would be new, and that it is held for; of a flood also those that the window has no room for."""
    doubtful: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Of these, id → path of the post that is gone and that it resembles: doubts are had once, and decided by a person."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What is held, and what was decided."""

    held: Mapping[str, Held] = dataclasses.field(default_factory=dict)
    """Feed → what is held now."""
    released: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Feed → ``Verdict.key`` that may go out."""
    rejected: Mapping[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    """Feed → ids of entries that it does not show."""


def served(state: Path) -> dict[str, Served]:
    """Return feed → what readers have of it. Raises ``RefusedError`` when a file is damaged."""
    folder = state / _FOLDER
    found: dict[str, Served] = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        each = _served(path)
        if each is not None:
            found[each.feed] = each
    return found


def had(served: Mapping[str, Served], now: datetime) -> frozenset[str]:
    """Return the keys of the feeds that readers have, or had, entries of; not those that have just begun.

    A label that is corrected at once was a slip of the pen: nobody is asked about the feed that it made.
    """
    return frozenset(key for key, each in served.items() if (each.entries or each.withdrawn) and not _just_begun(each, now))


def forget(state: Path, served: Mapping[str, Served], there: Collection[str], now: datetime) -> dict[str, Served]:
    """Forget the feeds that have just begun and are no feeds any more (``there``), and return the others. Raises ``OSError``."""
    slips = [key for key, each in served.items() if key not in there and _just_begun(each, now)]
    for key in slips:
        _place(state, key).unlink(missing_ok=True)
    return {key: each for key, each in served.items() if key not in slips}


def again(spec: FeedSpec, ids: Sequence[str], rows: Mapping[str, Row], at: datetime, members: Iterable[str] = ()) -> Served:
    """Return what readers have of a feed, when that was lost: the store knows what its documents show, and as of when.

    ``members`` are the ids of all entries of the feed, newest first.
    """
    known = [row for name in ids if (row := rows.get(name)) is not None]
    entries = tuple(
        Shown(
            id=row.id,
            title=row.title,
            url=row.link,
            published=row.published or row.first_seen,
            updated=row.updated or row.published or row.first_seen,
        )
        for row in known
    )
    out = [row.out for row in known if row.out is not None]
    # By a clock that was set back the last pass was before posts that it showed.
    last = max([at, *out])
    late: dict[str, datetime] = {}
    passed_over = False
    for name in members:
        row = rows.get(name)
        if name not in ids:
            passed_over |= row is not None and row.out is not None and row.out <= last
        elif passed_over:
            # What stands behind something that is not shown came late.
            late[name] = at
    return Served(feed=spec.key, since=min(out, default=at), at=last, window=spec.window, entries=entries, late=late)


def _just_begun(each: Served, now: datetime) -> bool:
    """Tell whether a feed is a slip of the pen as yet; one that is from the future is an old one, and the clock is wrong."""
    return each.since <= now < each.since + _SLIP


def remember(state: Path, each: Served) -> None:
    """Write what readers have of a feed now. Raises ``OSError``."""
    values = {
        "feed": each.feed,
        "since": each.since.isoformat(),
        "at": each.at.isoformat(),
        "window": each.window,
        "entries": [
            [one.id, one.title, one.url, one.published.isoformat(), one.updated.isoformat(), one.digest] for one in each.entries
        ],
        "late": {name: instant.isoformat() for name, instant in sorted(each.late.items())},
        "withdrawn": {name: instant.isoformat() for name, instant in sorted(each.withdrawn.items())},
        "whole": each.whole,
        "said": each.said.isoformat() if each.said is not None else None,
    }
    # One of these for every feed that is made: a pass does not wait for the disk until each is safe. See ``_served``.
    _write(_place(state, each.feed), values, durable=False)


def _place(state: Path, key: str) -> Path:
    name = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return (state / _FOLDER / name).with_suffix(".json")


def decisions(state: Path) -> Decisions:
    """Return what is held and what was decided. Raises ``RefusedError`` when the file is damaged."""
    path = state / _FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        held = {
            feed: Held(
                feed=feed,
                since=_instant(one["since"]),
                key=one["key"],
                reasons=tuple(one["reasons"]),
                new=tuple(one["new"]),
                doubtful=dict(one.get("doubtful", {})),
            )
            for feed, one in stored["held"].items()
        }
        rejected = {feed: frozenset(ids) for feed, ids in stored["rejected"].items()}
        return Decisions(held=held, released=dict(stored["released"]), rejected=rejected)
    except FileNotFoundError:
        return Decisions()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error


def decide(state: Path, made: Decisions) -> None:
    """Write what is held and what was decided. Raises ``OSError``."""
    values = {
        "held": {
            feed: {
                "since": one.since.isoformat(),
                "key": one.key,
                "reasons": list(one.reasons),
                "new": list(one.new),
                "doubtful": dict(one.doubtful),
            }
            for feed, one in sorted(made.held.items())
        },
        "released": dict(sorted(made.released.items())),
        "rejected": {feed: sorted(ids) for feed, ids in sorted(made.rejected.items()) if ids},
    }
    if any(values.values()) or (state / _FILE).exists():
        _write(state / _FILE, values)


def _served(path: Path) -> Served | None:
    """Return what a file says; None for one that a power cut took the bytes of, or the last of them."""
    try:
        data = path.read_bytes().rstrip(b"\0")
        stored = None if _is_torn(data) else json.loads(data.decode("utf-8"))
        if stored is None:
            return None
        return Served(
            feed=stored["feed"],
            since=_instant(stored["since"]),
            at=_instant(stored["at"]),
            window=int(stored["window"]),
            entries=tuple(
                Shown(
                    id=name, title=title, url=url, published=_instant(published), updated=_instant(updated), digest="".join(rest)
                )
                for name, title, url, published, updated, *rest in stored["entries"]
            ),
            late={name: _instant(text) for name, text in stored["late"].items()},
            withdrawn={name: _instant(text) for name, text in stored["withdrawn"].items()},
            whole=stored.get("whole", False) is True,
            said=_instant(stored["said"]) if stored.get("said") else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error


def _is_torn(data: bytes) -> bool:
    """Tell whether these are the first bytes of a file only: the last it says is the end of an object."""
    return not data.endswith(b"}\n") and data[:1] in {b"", b"{"}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _damaged(path: Path, error: Exception) -> RefusedError:
    return RefusedError(
        f"{path} is damaged: {error}", "restore it from a backup, or delete it: the next pass is not guarded then"
    )


def _write(path: Path, values: object, *, durable: bool = True) -> None:
    body = (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    if not files.same(path, body):
        files.commit(files.stage(path, body, durable=durable))
