"""What happened to feeds and posts, pass by pass: one line of JSON for each thing, in ``chronicle.jsonl`` of the state directory.

It is for people who ask what their readers saw, and when. Nothing is decided by it: a line that cannot be read is passed over,
and losing the file costs nothing but the answer.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedservice.feeds.difference import Difference, Shown
from feedservice.service import files
from feedservice.service.guarding import Held

FILE = "chronicle.jsonl"
_LARGE = 1_000_000
"""Bytes from which on what is too old is taken out, at most once for as many again."""
_MANY = 200
"""Entries of a feed that are written down one by one; of more, the number."""


class What(enum.StrEnum):
    """What can happen."""

    PUBLISHED = "published"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    RENAMED = "renamed"
    HELD = "held"
    RELEASED = "released"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    at: datetime
    """UTC."""
    what: What
    feed: str
    id: str = ""
    """Of the entry; empty when it is about the feed."""
    title: str = ""
    note: str = ""


def events(at: datetime, differences: Iterable[Difference], held: Iterable[Held], released: Iterable[str]) -> Iterator[Event]:
    """Yield what happened in a pass: ``differences`` of the feeds that went out, ``held`` those held since this pass."""
    for feed in released:
        yield Event(at=at, what=What.RELEASED, feed=feed)
    for told in differences:
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
    for one in held:
        yield Event(at=at, what=What.HELD, feed=one.feed, note="; ".join(one.reasons))


def write(state: Path, found: Iterable[Event], *, keep: timedelta) -> None:
    """Add what happened; forget what is older than ``keep``. Raises ``OSError``."""
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
        newest = max(each.at for each in read(state))
        kept = b"".join(_line(each) for each in read(state) if each.at >= newest - keep)
        files.commit(files.stage(path, kept))


def read(state: Path) -> Iterator[Event]:
    """Yield what happened, oldest first. Raises ``OSError`` when the file cannot be read."""
    try:
        text = (state / FILE).read_bytes().decode("utf-8", "surrogatepass")
    except FileNotFoundError:
        return
    for line in text.split("\n"):
        event = _event(line)
        if event is not None:
            yield event


def _line(event: Event) -> bytes:
    values = {"at": event.at.isoformat(), "what": event.what.value, "feed": event.feed}
    values |= {name: value for name in ("id", "title", "note") if (value := getattr(event, name))}
    return (json.dumps(values, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def _event(line: str) -> Event | None:
    try:
        values: Mapping[str, str] = json.loads(line)
        rest = {name: str(values[name]) for name in ("id", "title", "note") if name in values}
        at = datetime.fromisoformat(values["at"]).astimezone(UTC)
        return Event(at=at, what=What(values["what"]), feed=str(values["feed"]), **rest)
    except (ValueError, KeyError, TypeError):
        # The last line of a process that was killed, or a blank one.
        return None
