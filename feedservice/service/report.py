"""What a pass did: for the terminal, the log, the metrics, and for those who serve and announce what was published."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from datetime import datetime

from feedservice.feeds.identity import Named
from feedservice.feeds.lifecycle import NOTHING, Former
from feedservice.feeds.selection import Reason
from feedservice.model import FeedSpec, Problem, Published, Severity
from feedservice.service.guarding import Held


class Happening(enum.StrEnum):
    """What time alone does to a post."""

    PUBLISH = "publish"
    EXPIRE = "expire"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A post that appears or disappears by itself."""

    path: str
    title: str
    instant: datetime
    """UTC."""
    what: Happening
    zone: str
    """What the author meant: a zone name or a fixed offset."""
    note: str = ""
    """How a local time was read that there is twice on that day, or not at all."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A document that is not what it was."""

    path: str
    """Below the output directory."""
    feed: str
    format: str
    before: str | None
    """``etag`` of what was there; None when there was nothing, or nothing that is remembered."""
    after: str | None
    """``etag`` of what is there now; None when it was removed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a pass did."""

    posts: int
    """Files that are posts, good or bad."""
    live: int
    refused: int
    held: Mapping[Reason, int]
    feeds: tuple[FeedSpec, ...]
    published: tuple[Published, ...]
    """Every file of the output directory that is ours; empty when nothing was written (strict)."""
    withheld: tuple[str, ...]
    """Paths of documents that did not read back cleanly: the last good ones stay."""
    problems: tuple[Problem, ...]
    due: datetime | None
    """When the next post appears or expires by itself, UTC."""
    stages: Mapping[str, float]
    """Stage → seconds."""
    former: Former = NOTHING
    """What was published once, and where it is now."""
    read: int = 0
    """Posts that were read again."""
    rendered: int = 0
    """Entries that were rendered again."""
    changed: tuple[Changed, ...] = ()
    """Documents that subscribers read and that are other than before; no pages, aliases or archives."""
    coming: tuple[Coming, ...] = ()
    """What time will change, the next first."""
    guarded: tuple[Held, ...] = ()
    """Feeds that the guard holds: what was there before stays."""

    @property
    def errors(self) -> int:
        """Return how many problems are errors."""
        return sum(problem.severity is Severity.ERROR for problem in self.problems)


def coming(named: Iterable[Named], held: Mapping[str, Reason]) -> tuple[Coming, ...]:
    """Return what time will change of these posts, the next first; ``held`` are those that are not out and why."""
    found: list[Coming] = []
    for each in named:
        post, reason = each.post, held.get(each.post.path)
        if reason is Reason.FUTURE:
            found.append(_coming(each, post.published, Happening.PUBLISH))
        if post.expires is not None and (reason is None or (reason is Reason.FUTURE and post.expires > post.published)):
            found.append(_coming(each, post.expires, Happening.EXPIRE))
    return tuple(sorted(found, key=lambda each: (each.instant, each.path, each.what)))


def _coming(named: Named, instant: datetime, what: Happening) -> Coming:
    post = named.post
    return Coming(path=post.path, title=post.title, instant=instant, what=what, zone=post.zone)
