"""What is refused, why, and what to write instead."""

from __future__ import annotations

import calendar
import functools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from feedservice.dates import zones
from feedservice.dates.formats import MONTHS
from feedservice.dates.suggestions import suggest_zones
from feedservice.model import Problem, Severity

_EXAMPLE = "2025-11-17 13:42:09 +0900"
_LONGEST = 60

_DAY_FIRST = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})\b.*", re.DOTALL)
_SHORT_YEAR = re.compile(r"([0-9]{1,3})([-/])([0-9]{1,2})\2([0-9]{1,2})\b.*", re.DOTALL)
_LONG_YEAR = re.compile(r"[+-]?[0-9]{5,}-[0-9]{1,2}-[0-9]{1,2}(?![0-9]).*", re.DOTALL)
_TWELVE_HOURS = re.compile(r".*(?:\b[ap]\.?m\b|午前|午後).*", re.IGNORECASE | re.DOTALL)
_ERA = re.compile(r".*(?:令和|平成|昭和).*", re.DOTALL)
_MAIL_WITHOUT_ZONE = re.compile(
    r"(?:[a-z]{3},\s*)?[0-9]{1,2}\s+[a-z]{3}\s+[0-9]{4}\s+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?", re.IGNORECASE
)
_MONTH_NAME = re.compile(rf".*\b(?:{'|'.join(MONTHS)})[a-z]*\b.*", re.IGNORECASE | re.DOTALL)
_PART_OF_DATE = re.compile(r"[0-9]{4}(?:[-/]?[0-9]{1,2})?")
_RUN_TOGETHER = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})?")
_WEEK_OR_ORDINAL = re.compile(r"[0-9]{4}-?(?:W[0-9]{2}(?:-?[0-9])?|[0-9]{3})", re.IGNORECASE)
_HOUR_ALONE = re.compile(r"([0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?:[Tt]|[ \t]+)([0-9]{1,2})[Zz]?")
_DATE_AND_ZONE = re.compile(r"([0-9]{4}-[0-9]{1,2}-[0-9]{1,2})[ \t]*(?![Tt][0-9])[+A-Za-z].*", re.DOTALL)

_FROM_UTC = re.compile(r"(?:UTC|GMT)([+-][0-9:]+)", re.IGNORECASE)


class Stated(NamedTuple):
    """The zone that a text states: ``delta`` is its distance from UTC, or None when that depends on the date."""

    zone: str
    delta: timedelta | None


class Unusable(NamedTuple):
    """A stated zone that cannot be used: the rule it breaks, why, and what to write."""

    rule: str
    why: str
    hint: str


@functools.lru_cache(maxsize=1024)
def stated(tail: str) -> Stated | Unusable:
    """Understand what stands after a time: an offset, ``Z``, ``UTC``, ``GMT``, or a zone name such as ``Asia/Tokyo``.

    Abbreviations are refused even where pytz has a zone of that name: ``CET`` in July contradicts itself by an hour.
    """
    if tail.upper() in {"Z", "UTC", "GMT"}:
        return Stated("UTC", timedelta())
    if tail[0] in "+-":
        delta = zones.fixed_offset(tail)
        if delta is None or not zones.within_reach(delta):
            return Unusable("date.offset", f"there is no offset {tail}", "Offsets reach from -14:00 to +14:00, such as +09:00.")
        return Stated(zones.fixed_name(delta), delta)
    return _named(tail)


def _named(tail: str) -> Stated | Unusable:
    if tail.lower() in {"am", "pm"}:
        return Unusable("date.unreadable", "hours count from 0 to 23", f"Write the hour without {tail}: 15:30.")
    if _FROM_UTC.fullmatch(tail):
        near = suggest_zones(tail)
        example = near[0] if near else "+09:00"
        return Unusable("date.zone", f"{tail} is read both ways, east and west", f"Write the offset alone: {example}.")
    name = zones.canonical_zone(tail)
    if name is not None and ("/" in name or not name.isupper() or name == "UTC"):
        return Stated(name, None)
    why = f"{tail} may mean several zones" if name else f"there is no zone {tail}"
    near = suggest_zones(tail) or ("a zone such as Asia/Tokyo",)
    return Unusable("date.zone", why, f"Write {_either(near)}, or the offset, such as +09:00.")


def unusable(text: str, reason: Unusable) -> Problem:
    """Refuse a date for the zone that it states."""
    return _error(reason.rule, f"{shown(text)}: {reason.why}", reason.hint)


def out_of_range(text: str) -> Problem:
    """Refuse a date that, in UTC, lies outside the calendar."""
    return _error("date.out-of-range", f"{shown(text)} lies outside the years 0001 to 9999", "Write a date within them.")


def impossible(text: str, year: int, month: int, day: int) -> Problem:
    """Refuse a day or a time that no calendar has."""
    if year == 0:
        return out_of_range(text)
    if not 1 <= month <= len(MONTHS):
        return _error("date.impossible", f"{shown(text)}: there is no month {month}", "Write year, month, day: 2025-11-17.")
    last = calendar.monthrange(year, month)[1]
    if not 1 <= day <= last:
        why = f"{year:04d}-{month:02d} has {last} days, there is no {day}"
        return _error("date.impossible", f"{shown(text)}: {why}", f"The last day is {year:04d}-{month:02d}-{last}.")
    return _error("date.impossible", f"{shown(text)}: there is no such time of day", "Times run from 00:00:00 to 23:59:59.")


def unreadable(text: str) -> Problem:
    """Refuse a form that is not accepted, with the nearest one that is."""
    if not text:
        return _error("date.unreadable", "the date is empty", f"Write {_EXAMPLE}, or 2025-11-17.")
    if _LONG_YEAR.fullmatch(text):
        return out_of_range(text)
    for form, hint in _HINTS:
        if match := form.fullmatch(text):
            return _error("date.unreadable", f"cannot read the date {shown(text)}", hint(match))
    return _error("date.unreadable", f"cannot read the date {shown(text)}", f"Write {_EXAMPLE}, or 2025-11-17.")


def shown(text: str) -> str:
    """Quote what was read, on one line and not too long of it."""
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _error(rule: str, message: str, hint: str) -> Problem:
    return Problem(rule=rule, severity=Severity.ERROR, message=message, hint=hint)


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names)


def _year_first(match: re.Match[str]) -> str:
    one, two, year = int(match[1]), int(match[2]), match[3]
    meant = dict.fromkeys((month, day) for month, day in ((two, one), (one, two)) if 1 <= month <= len(MONTHS))
    return f"Write the year first: {_either(tuple(f'{year}-{month:02d}-{day:02d}' for month, day in meant)) or '2025-11-17'}."


def _four_digits(match: re.Match[str]) -> str:
    return f"Write the year with four digits: {int(match[1]):04d}-{int(match[3]):02d}-{int(match[4]):02d}, or 2025-11-17."


def _apart(match: re.Match[str]) -> str:
    year, month, day, hour, minute, second = match.groups(default="00")
    return f"Write {year}-{month}-{day} {hour}:{minute}:{second}."


_HINTS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_DAY_FIRST, _year_first),
    (_SHORT_YEAR, _four_digits),
    (_TWELVE_HOURS, lambda _: "Write hours from 0 to 23, such as 2025-11-17 15:30."),
    (_ERA, lambda _: "Write the year of the common era: 2025-11-17 or 2025年11月17日."),
    (_MAIL_WITHOUT_ZONE, lambda _: "Write the offset after the time: Mon, 17 Nov 2025 13:42:09 +0900."),
    (_MONTH_NAME, lambda _: f"Write the month as a number: 2025-11-17 or {_EXAMPLE}."),
    (_WEEK_OR_ORDINAL, lambda _: "Write year, month and day: 2025-11-17."),
    (_PART_OF_DATE, lambda _: "Write the whole date: 2025-11-17."),
    (_RUN_TOGETHER, _apart),
    (_HOUR_ALONE, lambda match: f"Write the minutes too: {match[1]} {int(match[2]):02d}:00."),
    (
        _DATE_AND_ZONE,
        lambda match: f"A zone needs a time: {match[1]} 00:00 +09:00. Without a time, set timezone beside the date.",
    ),
)
"""Form → what to write; the first that matches."""
