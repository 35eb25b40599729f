"""The forms a date may be typed in: a strict table. What is not in it is refused with a hint, and nothing is guessed.

| form | examples |
|---|---|
| ISO 8601, RFC 3339, YAML | ``2025-11-17``, ``2025-11-17T04:42:09,5Z``, ``2025-1-7 4:05 Asia/Tokyo`` |
| with slashes | ``2025/11/17``, ``2025/11/17 13:42`` |
| ISO 8601 basic | ``20251117``, ``20251117T044209Z`` |
| RFC 5322 | ``Mon, 17 Nov 2025 13:42:09 +0900`` |
| Japanese | ``2025年11月17日``, ``2025年11月17日（月） 13時42分09秒``, full-width digits and signs |
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from feedservice.dates import refusals, zones
from feedservice.dates.formats import DAYS, MONTHS
from feedservice.dates.refusals import Unusable
from feedservice.dates.walltime import Reading, day_start, localize
from feedservice.model import Problem, Severity

_TAIL = r"([+-][0-9]{1,2}(?::?[0-9]{2})?|[A-Za-z][A-Za-z0-9_+:/-]*)"
_ISO = re.compile(
    r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})"
    rf"(?:(?:[Tt]|[ \t]+)([0-9]{{1,2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:[.,][0-9]+)?)?(?:[ \t]*{_TAIL})?)?"
)
_BASIC = re.compile(
    rf"([0-9]{{4}})([0-9]{{2}})([0-9]{{2}})(?:[Tt]([0-9]{{2}})([0-9]{{2}})(?:([0-9]{{2}})(?:[.,][0-9]+)?)?(?:[ \t]*{_TAIL})?)?"
)
_MAIL = re.compile(
    rf"(?:({'|'.join(DAYS)}),\s*)?([0-9]{{1,2}})\s+({'|'.join(MONTHS)})\s+([0-9]{{4}})"
    rf"\s+([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}}))?\s+{_TAIL}(?:\s*\([^()]*\))?",
    re.IGNORECASE | re.ASCII,
)
_MAIL_ZONES = MappingProxyType(
    {"UT": "+00"}
    | {
        f"{letter}{kind}T": f"-{hours + (kind == 'S'):02d}"
        for letter, hours in zip("ECMP", range(4, 8), strict=True)
        for kind in "SD"
    }
)
"""RFC 5322 §4.3, ``obs-zone``: the United States' abbreviations have these offsets and no other."""
_JAPANESE = re.compile(
    r"([0-9]{4})\s*年\s*([0-9]{1,2})\s*月\s*([0-9]{1,2})\s*日(?:\s*\(([月火水木金土日])(?:曜日?)?\))?"
    rf"(?:\s*(?:([0-9]{{1,2}})\s*時(?:\s*([0-9]{{1,2}})\s*分(?:\s*([0-9]{{1,2}})\s*秒)?)?"
    rf"|([0-9]{{1,2}}):([0-9]{{2}})(?::([0-9]{{2}}))?)(?:\s*{_TAIL})?)?"
)
_JAPANESE_DAYS = "月火水木金土日"
_AROUND = " \t\r\n\f\v\u00a0\u3000\"'"
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xA0: " ", 0x202F: " ", 0x2212: "-"}
_LEAP_SECOND = 60
_LONGEST = 500

_FILE = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:-([01][0-9]|2[0-3])-([0-5][0-9])-([0-5][0-9])(?![^-_ ])"
    r"|([Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})?))?"
    r"(?:[-_ ][- ]*(.*))?",
    re.DOTALL,
)


def read(text: str, *, zone: str, naive: Literal["site", "utc"]) -> Reading | Problem:
    """Read a date as typed; a form outside of the table above is a problem, and so is a day that no calendar has.

    ``zone`` is what text without an offset or zone of its own means. With ``naive="utc"`` a *time* without one means UTC, and is
    shown in ``zone``; a bare date is the first instant of that day in ``zone`` either way, as in Jekyll.

    24:00 is midnight of the next day (ISO 8601-1:2019/Amd 1); a leap second is the second before it, with a warning. Warnings
    travel in the reading (``date.ambiguous``, ``date.nonexistent``, ``date.leap-second``, ``date.weekday``); errors are
    ``date.unreadable``, ``date.impossible``, ``date.zone``, ``date.offset`` and ``date.out-of-range``. ``ValueError`` when
    ``zone`` is needed and no zone.
    """
    try:
        match = _ISO.fullmatch(text)
        if match is None:
            return _read_other(text, zone, naive)
        year, _, *others = match.groups()
        return _assemble(text, year, others, zone, naive)
    except OverflowError:
        return refusals.out_of_range(text)


def _read_other(text: str, zone: str, naive: str) -> Reading | Problem:
    """Read what is not plain ISO 8601: first without quotes and full-width signs, then in the other forms."""
    if len(text) > _LONGEST:
        return refusals.unreadable(text)
    plain = text.translate(_PLAIN).strip(_AROUND)
    if match := _ISO.fullmatch(plain):
        year, _, *others = match.groups()
        return _assemble(plain, year, others, zone, naive)
    if match := _BASIC.fullmatch(plain):
        year, *others = match.groups()
        return _assemble(plain, year, others, zone, naive)
    if match := _MAIL.fullmatch(plain):
        name, day, month, year, *clock, tail = match.groups()
        number = str(MONTHS.index(month.capitalize()) + 1)
        reading = _assemble(plain, year, (number, day, *clock, _MAIL_ZONES.get(tail.upper(), tail)), zone, naive)
        weekday = None if name is None else DAYS.index(name.capitalize())
        return _with_weekday(reading, weekday, (int(year), int(number), int(day)))
    if match := _JAPANESE.fullmatch(plain):
        year, month, day, name, *clocks, tail = match.groups()
        clock = clocks[:3] if clocks[0] else clocks[3:]
        reading = _assemble(plain, year, (month, day, *clock, tail), zone, naive)
        weekday = None if name is None else _JAPANESE_DAYS.index(name)
        return _with_weekday(reading, weekday, (int(year), int(month), int(day)))
    return refusals.unreadable(plain)


def _assemble(text: str, year: str, others: Sequence[str | None], zone: str, naive: str) -> Reading | Problem:
    """Make a reading of the matched parts: month, day, then hour, minute, second and zone, each of these maybe None."""
    month, day, hour, minute, second, tail = others
    assert month is not None
    assert day is not None
    fields = (int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    try:
        wall = datetime(*fields)  # noqa: DTZ001 - a wall time has no zone yet
    except ValueError:
        return _odd_clock(text, fields, tail, zone, naive)
    if hour is None:
        return day_start(wall, zone)
    return _place(text, wall, tail, zone, naive)


def _odd_clock(
    text: str, fields: tuple[int, int, int, int, int, int], tail: str | None, zone: str, naive: str
) -> Reading | Problem:
    """Read the two times that Python's clock lacks, 24:00 and a leap second; anything else here is impossible."""
    year, month, day, hour, minute, second = fields
    leap = second == _LEAP_SECOND
    midnight = (hour, minute, second) == (24, 0, 0)
    try:
        wall = datetime(year, month, day, 0 if midnight else hour, minute, second - leap)  # noqa: DTZ001 - likewise
    except ValueError:
        return refusals.impossible(text, year, month, day)
    reading = _place(text, wall + timedelta(days=midnight), tail, zone, naive)
    if not leap:
        return reading
    return _warned(reading, "date.leap-second", f"{refusals.shown(text)} is a leap second, read as :59", "Write :59.")


def _place(text: str, wall: datetime, tail: str | None, zone: str, naive: str) -> Reading | Problem:
    """Put a wall time where its text says, or where a naive one belongs."""
    if tail is None:
        if naive == "utc":
            return Reading(instant=wall.replace(tzinfo=UTC), zone=zones.zone_of(zone).name, has_time=True)
        return localize(wall, zone)
    stated = refusals.stated(tail)
    if isinstance(stated, Unusable):
        return refusals.unusable(text, stated)
    if stated.delta is None:
        return localize(wall, stated.zone)
    return Reading(instant=wall.replace(tzinfo=UTC) - stated.delta, zone=stated.zone, has_time=True)


def _with_weekday(reading: Reading | Problem, named: int | None, date: tuple[int, int, int]) -> Reading | Problem:
    """Add a warning when the text names another day of the week than the date has."""
    if named is None or isinstance(reading, Problem):
        return reading
    actual = calendar.weekday(*date)
    if named == actual:
        return reading
    message = f"{date[0]:04d}-{date[1]:02d}-{date[2]:02d} is a {DAYS[actual]}, not a {DAYS[named]}; the number counts"
    return _warned(reading, "date.weekday", message, "Correct the day of the week, or leave it out.")


def _warned(reading: Reading | Problem, rule: str, message: str, hint: str) -> Reading | Problem:
    if isinstance(reading, Problem):
        return reading
    warning = Problem(rule=rule, severity=Severity.WARNING, message=message, hint=hint)
    return replace(reading, problems=(*reading.problems, warning))


def file_name_date(stem: str) -> tuple[str, str] | None:
    """Split a file name without its extension into the date it begins with, as text for ``read``, and its slug.

    ``YYYY-MM-DD-slug`` (Jekyll; month and day may have one digit), ``YYYY-MM-DD-HH-MM-SS-slug`` (Hugo) and
    ``YYYY-MM-DDTHH:MM:SSZ-slug`` (Zola). ``-``, ``_`` or a space may stand before the slug, which may be empty. Whether the day
    exists, ``read`` tells. None when the name does not begin with a four-digit year: Jekyll's ``25-11-17-slug`` would be a guess.
    """
    match = _FILE.fullmatch(stem)
    if match is None:
        return None
    year, month, day, hour, minute, second, time, slug = match.groups()
    date = f"{year}-{int(month):02d}-{int(day):02d}"
    if hour is not None:
        date = f"{date} {hour}:{minute}:{second}"
    return date + (time or ""), slug or ""
