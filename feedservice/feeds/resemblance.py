"""How alike a post and what is remembered of one are, when nothing says that they are the same.

Evidence is added up: the share of sentences that both have, the same title, the same date, the same link, the same path. One
piece alone is never enough, except the text.
"""

from __future__ import annotations

import dataclasses
from base64 import b64decode
from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from feedservice.model import Post

SAME = 0.75
"""Evidence from which two are the same."""
DOUBTFUL = 0.5
"""Evidence from which a person should look."""
_CONTENT = 0.3
"""Of it, how much must come from text, title or date: a place can be given to another post."""

_LINK = 0.5
_PATH = 0.35
_TITLE = 0.3
_INSTANT = 0.45
"""The same date, with a time of day."""
_DAY = 0.3
"""The same date at a full hour, as bare dates have it: other posts have that too."""
_ALIKE = 0.3
"""Share of sentences from which two texts may be one."""
_FULL = 15
"""Hashes of a sketch that may have left sentences out (two of 16 can be equal)."""
_TELLING = 3
"""Sentences from which on a text speaks for itself."""
_HASH = 3
"""Bytes of one hash of a sketch."""
_CROWD = 50
"""Rows with one clue in common that are looked at: what more have says nothing."""


class Remembered(Protocol):
    """What is asked of a row of the ledger."""

    @property
    def path(self) -> str:
        """Return where it was."""
        ...

    @property
    def title(self) -> str:
        """Return its title."""
        ...

    @property
    def link(self) -> str:
        """Return its address."""
        ...

    @property
    def sketch(self) -> str:
        """Return the sketch of its body."""
        ...

    @property
    def date(self) -> datetime | None:
        """Return the date that its author gave it."""
        ...

    @property
    def gone(self) -> datetime | None:
        """Return since when there is nothing at its path."""
        ...


Kind = TypeVar("Kind", bound=Remembered)


@dataclasses.dataclass(frozen=True, slots=True)
class Likeness(Generic[Kind]):
    """A post and a row that may be one."""

    post: Post
    row: Kind
    evidence: float
    same: bool
    """There is enough of it."""


def pairs(posts: Sequence[Post], rows: Sequence[Kind]) -> list[Likeness[Kind]]:
    """Return what may be one, the surest first; what has nothing in common is not compared."""
    clues: dict[tuple[str, Hashable], list[Kind]] = defaultdict(list)
    for row in rows:
        for clue in _clues(row.link, row.title, row.path, row.date, row.sketch):
            clues[clue].append(row)
    found: list[Likeness[Kind]] = []
    for post in posts:
        near = {
            each.path + "\0" + each.title + "\0" + each.link: each
            for clue in _clues(post.link, post.title, post.path, post.published, post.sketch)
            for each in clues.get(clue, ())[:_CROWD]
        }
        found += [likeness for row in near.values() if (likeness := _compare(post, row)).evidence >= DOUBTFUL]
    found.sort(key=lambda each: (-each.evidence, each.row.path, each.post.path))
    return found


def exchanged(posts: Sequence[Post], rows: Collection[Kind], unusable: Collection[str]) -> list[Likeness[Kind]]:
    """Return the posts that changed places with a file that is unusable: what was where that is, and is where another post was.

    ``unusable`` are paths of files that are no posts now, whether or not something stands in for them.
    """
    lost = [row for row in rows if row.gone is None and row.path in unusable]
    if not lost:
        return []
    places = {row.path: row for row in rows if row.gone is None}
    others = [
        post for post in posts if post.path in places and post.path not in unusable and not same_text(post, places[post.path])
    ]
    return [each for each in pairs(others, lost) if each.same] if others else []


def same_text(post: Post, row: Remembered) -> bool:
    """Tell whether a post at its old path still has the text it had; one without a text, the title."""
    if post.sketch and row.sketch:
        return post.sketch == row.sketch or similarity(post.sketch, row.sketch) >= _ALIKE
    return post.title == row.title


def similarity(one: str, other: str) -> float:
    """Return the share of sentences that two bodies have in common, estimated from their sketches; 0 when one is empty."""
    if not one or not other:
        return 0.0
    if one == other:
        return 1.0
    first, second = _hashes(one), _hashes(other)
    # A sketch that is not full has every sentence.
    smallest = sorted(first | second)[: min((len(each) for each in (first, second) if len(each) >= _FULL), default=None)]
    return len(first & second & frozenset(smallest)) / len(smallest)


@lru_cache(maxsize=4096)
def _hashes(sketch: str) -> frozenset[bytes]:
    data = b64decode(sketch)
    return frozenset(data[at : at + _HASH] for at in range(0, len(data), _HASH))


def _clues(link: str, title: str, path: str, published: datetime | None, sketch: str) -> list[tuple[str, Hashable]]:
    clues: list[tuple[str, Hashable]] = [("link", link), ("title", title), ("path", path)]
    if published is not None:
        clues.append(("date", published))
    if sketch:
        clues += [("sentence", each) for each in _hashes(sketch)]
    return clues


def _compare(post: Post, row: Kind) -> Likeness[Kind]:
    # That two posts say "Photo of the day." and nothing else is no sign that they are one.
    weight = min(1.0, max(len(post.sketch), len(row.sketch)) / (_TELLING * 4))
    content = weight * similarity(post.sketch, row.sketch)
    if post.title == row.title:
        content += _TITLE
    if post.published == row.date:
        content += _DAY if post.published.minute == post.published.second == 0 else _INSTANT
    place = (_LINK if post.link == row.link else 0.0) + (_PATH if post.path == row.path else 0.0)
    evidence = content + place
    return Likeness(post, row, evidence, evidence >= SAME and content >= _CONTENT)
