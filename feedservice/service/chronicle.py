"""What happened in a pass, as events of the store.

::

    Difference, Held, released … ─events→ Event ─write→ chronicle.jsonl ─read→ the transaction of the pass ─→ clear

The documents have their names before the transaction begins. So what happened is noted in a file of the state directory first,
and a pass that is killed in between is told of by the next. A pass without a store leaves its notes there: ``log`` reads both.
Nothing is decided by them: a line that cannot be read is passed over.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedservice.feeds.difference import Difference, Shown
from feedservice.service import files
from feedservice.service.guarding import Held
from feedservice.store.history import Event, What

FILE = "chronicle.jsonl"
_LARGE = 1_000_000
"""Bytes from which on what is too old is taken out, at most once for as many again."""
_MANY = 200
"""Entries of a feed that are written down one by one; of more, the number."""

_ANY = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the instant where it makes no difference."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What is in the file."""

    events: tuple[Event, ...] = ()
    """Oldest first."""
    mark: str = ""
    """What tells these notes from others; empty for none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What a pass knows of what happened."""

    differences: Sequence[Difference] = ()
    """Of the feeds that went out."""
    held: Sequence[Held] = ()
    """Those that are held since this pass."""
    released: Sequence[tuple[str, str]] = ()
    """(feed, how) of those that were held and went out."""
    rejected: Sequence[tuple[str, str, str]] = ()
    """(feed, id, title) of the entries that the operator took out."""


def events(at: datetime, happened: Happened) -> Iterator[Event]:
    """Yield what happened in a pass."""
    for feed, entry, title in happened.rejected:
        yield Event(at=at, what=What.REJECTED, feed=feed, id=entry, title=title)
    for feed, how in happened.released:
        yield Event(at=at, what=What.RELEASED, feed=feed, note=how)
    for told in happened.differences:
        kinds: Sequence[tuple[What, Sequence[Shown], str]] = (
            (What.PUBLISHED, told.new, ""),
            (What.RETURNED, told.back, ""),
            (What.RENAMED, [pair[1] for pair in told.renamed], "under another id"),
            (What.CHANGED, [pair[1] for pair in told.updated], ""),
            (What.CHANGED, [pair[1] for pair in told.retitled], "another title"),
            (What.CHANGED, told.edited, "edited"),
            (What.WITHDRAWN, told.gone, ""),
        )
        for what, entries, note in kinds:
            if len(entries) > _MANY or (entries and not told.held):
                yield Event(
                    at=at, what=what, feed=told.feed, note=f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
                )
                continue
            for each in entries:
                yield Event(at=at, what=what, feed=told.feed, id=each.id, title=each.title, note=note)
    for one in happened.held:
        yield Event(at=at, what=What.HELD, feed=one.feed, note="; ".join(one.reasons))


def unsaid(found: Iterable[Event], noted: Iterable[Event], out: Mapping[str, datetime]) -> Iterator[Event]:
    """Yield what is not noted yet by a pass that was killed before it had written down what readers have.

    ``out`` is feed → when that was last written. Such a pass is made again, and finds the same difference.
    """
    cut_off = {dataclasses.replace(each, at=_ANY) for each in noted if each.feed not in out or out[each.feed] < each.at}
    return (each for each in found if dataclasses.replace(each, at=_ANY) not in cut_off)


def write(state: Path, found: Iterable[Event], *, keep: timedelta) -> None:
    """Note what happened; forget what is older than ``keep``. Raises ``OSError``."""
    lines = [_line(each) for each in found]
    if not lines:
        return
    path = state / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size if path.exists() else 0
    added = sum(map(len, lines))
    with path.open("ab") as file:
        file.writelines(lines)
    if size // _LARGE != (size + added) // _LARGE:
        noted = read(state).events
        newest = max(each.at for each in noted)
        kept = b"".join(_line(each) for each in noted if each.at >= newest - keep)
        files.commit(files.stage(path, kept))


def read(state: Path) -> Notes:
    """Return what is noted. Raises ``OSError`` when the file cannot be read."""
    try:
        data = (state / FILE).read_bytes()
    except FileNotFoundError:
        return Notes()
    found = [event for line in data.decode("utf-8", "surrogatepass").split("\n") if (event := _event(line)) is not None]
    return Notes(events=tuple(found), mark=hashlib.blake2b(data, digest_size=16).hexdigest())


def clear(state: Path) -> None:
    """Forget the notes: the store has them. Raises ``OSError``."""
    (state / FILE).unlink(missing_ok=True)


def _line(event: Event) -> bytes:
    values = {"at": event.at.isoformat(), "what": event.what.value, "feed": event.feed}
    values |= {name: value for name in ("id", "title", "note") if (value := getattr(event, name))}
    return (json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _event(line: str) -> Event | None:
    try:
        values: Mapping[str, str] = json.loads(line)
        entry, title, note = (str(values.get(name, "")) for name in ("id", "title", "note"))
        at = datetime.fromisoformat(values["at"]).astimezone(UTC)
        return Event(at=at, what=What(values["what"]), feed=str(values["feed"]), id=entry, title=title, note=note)
    except (ValueError, KeyError, TypeError, AttributeError):
        # The last line of a process that was killed, or a blank one.
        return None
