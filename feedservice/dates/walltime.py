"""Wall time becomes an instant. Gaps and overlaps are decided here and nowhere else.

The rule is that of Python's ``fold=0``, so that every other clock of the program agrees: a wall time that happens twice is
its first occurrence, one that never happens moves forward by the length of the gap.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from feedservice.dates import zones
from feedservice.dates.formats import rfc3339
from feedservice.model import Problem, Severity


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A date as understood."""

    instant: datetime
    """In ``datetime.UTC``, to the second: a fraction is dropped."""
    zone: str
    """What the author meant: a zone name (``Asia/Tokyo``), a fixed offset (``+09:00``) or ``UTC``."""
    has_time: bool
    """False for a bare date."""
    problems: tuple[Problem, ...] = ()
    """Warnings, without path and line."""


def localize(naive: datetime, zone: str) -> Reading:
    """Give the instant at which the clocks of ``zone`` show ``naive``.

    A time that happens twice is read as its first occurrence (warning ``date.ambiguous``); a time that is skipped moves forward
    by the gap, 02:30 → 03:30 (warning ``date.nonexistent``). Both warnings name both readings. ``ValueError`` when the
    datetime is aware or the zone unknown, ``OverflowError`` when the instant lies outside the years 1 to 9999.
    """
    if naive.tzinfo is not None:
        msg = f"a wall time must be naive, got {naive!r}"
        raise ValueError(msg)
    wall = naive.replace(microsecond=0, fold=0)
    name = zones.zone_of(zone).name
    settled = zones.steady(zone, wall.toordinal())
    if settled is not None:
        return Reading(instant=wall.replace(tzinfo=UTC) - settled.delta, zone=name, has_time=True)
    only = zones.only_reading(wall, zone)
    if only is not None:
        return Reading(instant=only, zone=name, has_time=True)
    instants, offsets = zones.readings(wall, zone)
    if instants:
        return Reading(instant=instants[0], zone=name, has_time=True, problems=(_ambiguous(wall, name, instants),))
    early, late = wall.replace(tzinfo=UTC) - offsets[-1], wall.replace(tzinfo=UTC) - offsets[0]
    return Reading(instant=late, zone=name, has_time=True, problems=(_nonexistent(wall, name, late, early),))


def day_start(day: datetime, zone: str) -> Reading:
    """Give the first instant of a day, for a bare date; ``day`` is a naive midnight.

    Where clocks go forward at midnight that is 01:00, where they go back over midnight it is the first 00:00: neither is worth a
    warning. A day that a zone skipped (Pacific/Apia 2011-12-30) is the first instant after it, with a warning. Errors as for
    ``localize``.
    """
    name = zones.zone_of(zone).name
    settled = zones.steady(zone, day.toordinal())
    if settled is not None:
        return Reading(instant=day.replace(tzinfo=UTC) - settled.delta, zone=name, has_time=False)
    only = zones.only_reading(day, zone)
    if only is not None:
        return Reading(instant=only, zone=name, has_time=False)
    instants, offsets = zones.readings(day, zone)
    first = instants[0] if instants else _end_of_gap(day, zone, offsets)
    start = zones.local(first, zone)
    if start.date() == day.date():
        return Reading(instant=first, zone=name, has_time=False)
    skipped = Problem(
        rule="date.nonexistent",
        severity=Severity.WARNING,
        message=f"{day.date()} was skipped in {name}: the clocks went from {_before(first, zone)} to {rfc3339(first, zone)}",
        hint=f"Read as {rfc3339(first, zone)}, the first moment after it. Write a day that the zone had.",
    )
    return Reading(instant=first, zone=name, has_time=False, problems=(skipped,))


def _end_of_gap(wall: datetime, zone: str, offsets: list[timedelta]) -> datetime:
    """Find the transition that skipped a wall time: the first instant whose local time is not before it."""
    low, high = wall.replace(tzinfo=UTC) - offsets[-1], wall.replace(tzinfo=UTC) - offsets[0]
    while low < high:
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if zones.local(middle, zone).replace(tzinfo=None) >= wall:
            high = middle
        else:
            low = middle + timedelta(seconds=1)
    return high


def _before(instant: datetime, zone: str) -> str:
    return rfc3339(instant - timedelta(seconds=1), zone)


def _ambiguous(wall: datetime, zone: str, instants: list[datetime]) -> Problem:
    first, *others = (rfc3339(instant, zone) for instant in instants)
    return Problem(
        rule="date.ambiguous",
        severity=Severity.WARNING,
        message=f"{wall.isoformat(' ')} happened twice in {zone}: {' and '.join([first, *others])}; read as the first",
        hint=f"Write the offset to choose: {' or '.join([first, *others])}.",
    )


def _nonexistent(wall: datetime, zone: str, late: datetime, early: datetime) -> Problem:
    chosen, other = rfc3339(late, zone), rfc3339(early, zone)
    return Problem(
        rule="date.nonexistent",
        severity=Severity.WARNING,
        message=f"{wall.isoformat(' ')} did not happen in {zone}, where clocks went forward: it is {chosen} or {other};"
        " read as the first of these",
        hint=f"Write the one you mean: {chosen} or {other}.",
    )
