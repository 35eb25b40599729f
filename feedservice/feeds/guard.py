"""The blast guard: whether a feed may go out as it is, or a person should look at it first.

What has been sent to readers cannot be called back. A feed that would show them something that hardly anybody means to show (the
archive again, entries that are only renamed, half of the window gone) is held: the last good one stays, nobody is told, and the
operator reads what readers would have seen.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from feedservice import dates
from feedservice.config.guard import Guard
from feedservice.config.sections import seconds
from feedservice.feeds.difference import Difference, Shown
from feedservice.model import Problem, Severity

_NAMED = 3
"""Titles that a sentence lists."""
_FEW = 3
"""Of so few entries, no share says anything."""
_AHEAD = timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a feed is held."""

    rule: str
    """``guard.…``, as in ``docs/problems.md``."""
    text: str
    """What readers would see, in words."""
    about: tuple[str, ...] = ()
    """Ids of the entries that would be new and that it is about."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the guard says of one feed."""

    difference: Difference
    reasons: tuple[Reason, ...]
    """None: the feed goes out."""

    @property
    def held(self) -> bool:
        """Tell whether the feed stays as it is."""
        return bool(self.reasons)

    @property
    def about(self) -> tuple[str, ...]:
        """Return the ids of the entries that would be new and that it is held for: others that are new are as they should be."""
        meant = {name for reason in self.reasons for name in reason.about}
        return tuple(each.id for each in self.difference.new if each.id in meant)

    @property
    def key(self) -> str:
        """Return what a decision is about: another difference has another key."""
        told = self.difference
        parts = (
            [each.id for each in told.new],
            [(one.id, other.id) for one, other in told.renamed],
            [(each.id, each.updated) for _, each in told.updated],
            [each.id for each in told.gone],
            [each.id for each in told.moved],
        )
        return hashlib.blake2b(repr((told.feed, parts)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger knows of the entries that would be new."""

    fresh: Collection[str]
    """Ids of the posts that were first seen since the feed last went out: late, perhaps, and not old."""
    doubtful: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Id → path of a post that is gone and that it resembles."""
    elsewhere: Collection[str] = ()
    """Ids of the entries that an emptied feed would lose, and whose posts are out all the same."""
    together: int = 0
    """Posts whose files vanished at once, one of these entries' among them."""
    zone: str = "UTC"
    """In which dates are told."""


def judge(difference: Difference, known: Known, settings: Guard, now: datetime) -> Verdict:
    """Return whether a feed may go out. One that has no readers yet, because it was never out or was empty, always may."""
    if not settings.enabled or not difference.held:
        return Verdict(difference=difference, reasons=())
    found = [
        *_emptied(difference, known, settings),
        *_flood(difference, settings),
        *_old(difference, known, settings, now),
        *_renamed(difference, settings),
        *_leap(difference, known, settings, now),
        *_flip(difference, settings),
    ]
    return Verdict(difference=difference, reasons=tuple(found))


def problem(verdict: Verdict, path: str, *, since: datetime, zone: str) -> Problem:
    """Return the problem of a feed that is held; ``path`` is that of its first document, ``since`` is told in ``zone``."""
    feed = verdict.difference.feed
    told = "; ".join(_told(verdict.reasons))
    # Only what is new can be left out: what vanishes, changes or moves is mended where it is.
    leave = f"feedservice reject {feed}, or " if verdict.about else ""
    hint = f"if readers should see this: feedservice release {feed}; if not: {leave}mend the posts"
    if any(reason.rule == "guard.empty" for reason in verdict.reasons):
        hint += "; when its posts have another category now, list this one under `aka` of that"
    return Problem(
        rule="guard.held",
        severity=Severity.ERROR,
        message=f"the feed {feed!r} is held since {dates.typed(since, zone)}, and the last one stays: {told}",
        hint=hint,
        path=path,
    )


def _told(reasons: Sequence[Reason]) -> Iterator[str]:
    """Yield reasons in words; one that is about the same entries as one before it does not list them again."""
    seen: set[tuple[str, ...]] = set()
    for reason in reasons:
        yield reason.text.partition(": ")[0] if reason.about and reason.about in seen else reason.text
        seen.add(reason.about)


def _emptied(told: Difference, known: Known, settings: Guard) -> list[Reason]:
    # Whoever takes back the only post of a category means that post. One that is out all the same has left the category, which
    # has another name, perhaps: its readers would wait for ever. And of many that vanish at once nobody meant each.
    meant = max(len(told.gone), known.together) < _FEW and not known.elsewhere
    if not told.shown and not meant:
        text = f"all {told.held} entries would be gone" if told.held > 1 else f"its only entry would be gone: {titles(told.gone)}"
        return [Reason(rule="guard.empty", text=text)]
    if told.shown and len(told.gone) >= _FEW and len(told.gone) > settings.gone * told.held:
        text = f"{len(told.gone)} of {told.held} entries would be gone: {titles(told.gone)}"
        return [Reason(rule="guard.gone", text=text)]
    return []


def _flood(told: Difference, settings: Guard) -> list[Reason]:
    if len(told.new) <= settings.new:
        return []
    text = f"{len(told.new)} entries would be new at once, {settings.new} are allowed: {titles(told.new)}"
    return [Reason(rule="guard.flood", text=text, about=_ids(told.new))]


def _old(told: Difference, known: Known, settings: Guard, now: datetime) -> list[Reason]:
    oldest = now - timedelta(seconds=seconds(settings.age))
    doubtful = [each for each in told.new if each.id in known.doubtful]
    found = [
        Reason(
            rule="guard.doubtful",
            text=f"{each.title!r} would be new, and resembles {known.doubtful[each.id]}, which is gone",
            about=(each.id,),
        )
        for each in doubtful[:_NAMED]
    ]
    if more := doubtful[_NAMED:]:
        text = f"{len(more)} more would be new, and resemble posts that are gone"
        found.append(Reason(rule="guard.doubtful", text=text, about=_ids(more)))
    late = settings.late == "allow"
    old = [each for each in told.new if each.published < oldest and not (late and each.id in known.fresh)]
    if old:
        text = f"{_counted(old, 'entry', 'entries')} older than {settings.age} would be new: {titles(old, zone=known.zone)}"
        found.append(Reason(rule="guard.old", text=text, about=_ids(old)))
    return found


def _renamed(told: Difference, settings: Guard) -> list[Reason]:
    if len(told.renamed) <= settings.ids:
        return []
    after = [pair[1] for pair in told.renamed]
    text = f"{_counted(after, 'entry', 'entries')} would be unread again under another id: {titles(after)}"
    return [Reason(rule="guard.ids", text=text)]


def _leap(told: Difference, known: Known, settings: Guard, now: datetime) -> list[Reason]:
    after = [pair[1] for pair in told.updated]
    ahead = [each for each in after if each.updated > now + _AHEAD]
    if ahead:
        when = day(ahead[0].updated, known.zone)
        return [Reason(rule="guard.updated", text=f"{titles(ahead)} would be said to have changed in the future ({when})")]
    if len(after) > max(settings.new, settings.updated * told.held):
        text = f"{len(after)} of {told.held} entries would be said to have changed: {titles(after)}"
        return [Reason(rule="guard.updated", text=text)]
    return []


def _flip(told: Difference, settings: Guard) -> list[Reason]:
    if len(told.moved) < _FEW or len(told.moved) <= settings.moved * told.held:
        return []
    return [Reason(rule="guard.order", text=f"{len(told.moved)} of {told.held} entries would stand in another order")]


def day(instant: datetime, zone: str) -> str:
    """Return the day of an instant, as people in a zone write it."""
    return f"{dates.local(instant, zone):%Y-%m-%d}"


def titles(entries: Sequence[Shown], *, zone: str = "") -> str:
    """Return the titles of some entries, the first ones and how many more there are; with a ``zone`` their dates too."""
    shown = [f"{each.title!r} ({day(each.published, zone)})" if zone else repr(each.title) for each in entries[:_NAMED]]
    more = len(entries) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _ids(entries: Sequence[Shown]) -> tuple[str, ...]:
    return tuple(each.id for each in entries)


def _counted(entries: Sequence[Shown], one: str, many: str) -> str:
    return f"{len(entries)} {one if len(entries) == 1 else many}"
