"""Instants as feeds and HTTP write them: fixed English names, four-digit years, no locale, no fraction of a second."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from feedservice.dates import zones

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_UTC = zones.Offset(UTC.utcoffset(None), "Z", "+0000")
_MONTH = "|".join(MONTHS)
_CLOCK = "([0-9]{2}):([0-9]{2}):([0-9]{2})"
_IMF_FIXDATE = re.compile(f"(?:{'|'.join(DAYS)}), ([0-9]{{2}}) ({_MONTH}) ([0-9]{{4}}) {_CLOCK} GMT")
_RFC850 = re.compile(f"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, ([0-9]{{2}})-({_MONTH})-([0-9]{{2}}) {_CLOCK} GMT")
_ASCTIME = re.compile(f"(?:{'|'.join(DAYS)}) ({_MONTH}) ([0-9]{{2}}| [0-9]) {_CLOCK} ([0-9]{{4}})")
_CENTURY_TURN = 70
_LEAP_SECOND = 60


def _wall(instant: datetime, zone: str) -> tuple[datetime, zones.Offset]:
    """Give the wall time to write, and the offset to write it with.

    Where the zone still had local mean time, and where its wall time would leave the calendar, both are those of UTC.
    """
    moment = zones.utc(instant)
    offset = zones.steady(zone, moment.toordinal())
    if offset is not None:
        return moment + offset.delta, offset
    shown = zones.local(moment, zone)
    delta = shown.utcoffset()
    if delta is None or delta.seconds % 60 or shown.tzinfo is UTC or shown.tzname() == "LMT":
        return moment, _UTC
    text = zones.extended(delta)
    return shown, zones.Offset(delta, text, text.replace(":", ""))


def rfc3339(instant: datetime, zone: str) -> str:
    """Write an aware instant as RFC 3339 §5.6 in a zone: ``2025-11-17T13:42:09+09:00``; in zone UTC it ends in ``Z``.

    Instants at which the zone still had local mean time, or whose wall time would leave the years 1 to 9999, are written in UTC.
    ``ValueError`` for a naive datetime or an unknown zone.
    """
    wall, offset = _wall(instant, zone)
    return wall.isoformat()[:19] + offset.extended


def typed(instant: datetime, zone: str) -> str:
    """Write an aware instant in a zone as an author would type it: ``2025-11-17 13:42 Asia/Tokyo``. Otherwise as ``rfc3339``."""
    wall, offset = _wall(instant, zone)
    return f"{wall.isoformat(' ')[:16]} {'UTC' if offset.extended == 'Z' else zone}"


def rfc5322(instant: datetime, zone: str) -> str:
    """Write an aware instant as RFC 5322 §3.3 in a zone: ``Mon, 17 Nov 2025 13:42:09 +0900``. Otherwise as ``rfc3339``."""
    wall, offset = _wall(instant, zone)
    text = wall.isoformat()
    return f"{DAYS[wall.weekday()]}, {text[8:10]} {MONTHS[wall.month - 1]} {text[:4]} {text[11:19]} {offset.basic}"


def http_date(instant: datetime) -> str:
    """Write an aware instant as an IMF-fixdate (RFC 9110 §5.6.7): ``Mon, 17 Nov 2025 04:42:09 GMT``."""
    moment = zones.utc(instant)
    text = moment.isoformat()
    return f"{DAYS[moment.weekday()]}, {text[8:10]} {MONTHS[moment.month - 1]} {text[:4]} {text[11:19]} GMT"


def parse_http_date(text: str) -> datetime | None:
    """Read an HTTP date in any of the three forms of RFC 9110 §5.6.7, in UTC; None when it is none of them or no date.

    The two-digit year of the RFC 850 form lies from 1970 to 2069. A leap second is the second before it. The name of the day
    must be one, and need not be the right one.
    """
    trimmed = text.strip(" \t")
    if match := _IMF_FIXDATE.fullmatch(trimmed):
        day, month, year, *clock = match.groups()
    elif match := _RFC850.fullmatch(trimmed):
        day, month, short, *clock = match.groups()
        year = f"{19 if int(short) >= _CENTURY_TURN else 20}{short}"
    elif match := _ASCTIME.fullmatch(trimmed):
        month, day, *clock, year = match.groups()
    else:
        return None
    hour, minute, second = (int(part) for part in clock)
    if second == _LEAP_SECOND:
        second -= 1
    try:
        return datetime(int(year), MONTHS.index(month) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
