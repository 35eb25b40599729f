"""Zones: their names, and the offset each has at an instant. The door of pytz.

A zone is named by the IANA (``Asia/Tokyo``) or is a fixed offset from UTC (``+09:00``). Offsets are whole minutes: pytz
rounds the local mean times of the 19th century, and knows no transition before December 1901 or after 2037.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

import pytz
from pytz.tzinfo import BaseTzInfo

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_FURTHEST = timedelta(hours=14)
_FIXED = re.compile(r"([+-])([0-9]{1,2})(?::?([0-9]{2}))?")
_UTC_NAMES = frozenset({"UTC", "UCT", "Universal", "Zulu", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu"})
_LAST_DAY = date.max.toordinal()
_MARGIN = 3


class Zone(NamedTuple):
    """A zone by its canonical name."""

    name: str
    tz: tzinfo


class Offset(NamedTuple):
    """A distance from UTC and the two ways feeds write it."""

    delta: timedelta
    extended: str
    """RFC 3339 §5.6 ``time-offset``: ``+09:00``, or ``Z`` in zone UTC."""
    basic: str
    """RFC 5322 §3.3 ``zone``: ``+0900``."""


def database() -> str:
    """Return the version of the database of zones: another one may give a wall time another instant."""
    version: str = pytz.OLSON_VERSION  # type: ignore[attr-defined]
    return version


def fixed_offset(text: str) -> timedelta | None:
    """Read ``±HH:MM``, ``±HHMM``, ``±HH`` or ``±H``; None for anything else, and when there are more than 59 minutes."""
    match = _FIXED.fullmatch(text)
    if match is None:
        return None
    sign, hours, minutes = match.groups(default="0")
    if int(minutes) > 59:  # noqa: PLR2004 - minutes of an hour
        return None
    delta = timedelta(hours=int(hours), minutes=int(minutes))
    return -delta if sign == "-" else delta


def within_reach(delta: timedelta) -> bool:
    """Tell whether an offset lies within ±14:00, the widest that any zone has."""
    return -_FURTHEST <= delta <= _FURTHEST


def extended(delta: timedelta) -> str:
    """Write an offset of whole minutes as ``+09:00``."""
    minutes = delta // _MINUTE
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def fixed_name(delta: timedelta) -> str:
    """Name of the zone that always has this offset: ``+09:00``, and ``UTC`` for zero."""
    return extended(delta) if delta else "UTC"


@functools.lru_cache(maxsize=1024)
def _known(name: str) -> Zone | None:
    trimmed = name.strip()
    delta = fixed_offset(trimmed)
    if delta is not None:
        return Zone(fixed_name(delta), timezone(delta)) if within_reach(delta) else None
    try:
        tz = pytz.timezone(trimmed)
    except pytz.UnknownTimeZoneError:
        return None
    return Zone("UTC", UTC) if tz.zone in _UTC_NAMES else Zone(str(tz.zone), tz)


def zone_of(name: str) -> Zone:
    """Find a zone by its name; ``ValueError`` when there is none, because names are checked where they are typed."""
    zone = _known(name)
    if zone is None:
        msg = f"no such zone: {name!r}"
        raise ValueError(msg)
    return zone


def canonical_zone(name: str) -> str | None:
    """Spell a zone as the IANA does (``asia/tokyo`` → ``Asia/Tokyo``, ``+0900`` → ``+09:00``); None when unknown.

    The names of Coordinated Universal Time, and offset zero, are ``UTC``. Offsets reach from -14:00 to +14:00.
    """
    zone = _known(name)
    return None if zone is None else zone.name


def is_zone(name: str) -> bool:
    """Tell whether a ``timezone`` setting is valid: an IANA name in any case, or a fixed offset such as ``+09:00``."""
    return _known(name) is not None


def zone_names() -> tuple[str, ...]:
    """Every zone name that pytz knows, sorted."""
    return tuple(pytz.all_timezones)


@functools.lru_cache(maxsize=16384)
def steady(zone: str, day: int) -> Offset | None:
    """Give the offset of a zone around a day (proleptic ordinal) when it is the same all through; else None.

    It holds for every wall time of that day in the zone, and for every instant of that day in UTC: the offset is the same
    from a day before to a day after. None also in local mean time, which feeds never write, and at both ends of the calendar.
    """
    name, tz = zone_of(zone)
    if not _MARGIN < day < _LAST_DAY - _MARGIN:
        return None
    if isinstance(tz, timezone):
        delta = tz.utcoffset(None)
        return Offset(delta, "Z" if name == "UTC" else extended(delta), extended(delta).replace(":", ""))
    start = datetime.fromordinal(day) - _DAY
    samples = [tz.fromutc(start + hours * timedelta(hours=12)) for hours in range(7)]
    delta = _offset(samples[0])
    if any(_offset(sample) != delta or sample.tzname() == "LMT" for sample in samples) or delta % _MINUTE:
        return None
    return Offset(delta, extended(delta), extended(delta).replace(":", ""))


def local(instant: datetime, zone: str) -> datetime:
    """Give the wall time of an aware instant in a zone, aware; ``ValueError`` for a naive datetime or an unknown zone.

    Where the wall time would leave the years 1 to 9999, the instant is given in UTC.
    """
    moment = utc(instant)
    try:
        return moment.astimezone(zone_of(zone).tz)
    except OverflowError:
        return moment


def utc(instant: datetime) -> datetime:
    """Give an aware instant in ``datetime.UTC``; ``ValueError`` for a naive one."""
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        msg = f"an instant must be aware, got {instant!r}"
        raise ValueError(msg)
    return instant.astimezone(UTC)


def only_reading(wall: datetime, zone: str) -> datetime | None:
    """Give the one instant (UTC) at which the clocks of a zone show a naive wall time; None when there is none, or are two.

    ``OverflowError`` when the instant lies outside the years 1 to 9999.
    """
    tz = zone_of(zone).tz
    if not isinstance(tz, BaseTzInfo):
        return wall.replace(tzinfo=tz).astimezone(UTC)
    if wall.year in {1, 9999}:
        # pytz looks a day around: at the ends of the calendar that is no date, and there is no transition to find.
        aside = tz.localize(wall + (7 * _DAY if wall.year == 1 else -7 * _DAY), is_dst=None)
        return wall.replace(tzinfo=UTC) - _offset(aside)
    try:
        return tz.localize(wall, is_dst=None).astimezone(UTC)
    except (pytz.AmbiguousTimeError, pytz.NonExistentTimeError):
        return None


def readings(wall: datetime, zone: str) -> tuple[list[datetime], list[timedelta]]:
    """Give every instant (UTC, sorted) that shows a wall time near a transition, and every offset in force around it, sorted.

    What counts is the offsets alone: Dublin's and Casablanca's daylight saving is negative, so a flag for it says nothing.
    """
    tz = zone_of(zone).tz
    moment = wall.replace(tzinfo=UTC)
    offsets: set[timedelta] = set()
    found = {_offset(at.astimezone(tz)) for at in (moment - _DAY, moment, moment + _DAY)}
    while found - offsets:
        offsets |= found
        found = {_offset((moment - offset).astimezone(tz)) for offset in offsets}
    instants = sorted(moment - offset for offset in offsets)
    return [instant for instant in instants if instant + _offset(instant.astimezone(tz)) == moment], sorted(offsets)


def _offset(aware: datetime) -> timedelta:
    offset = aware.utcoffset()
    assert offset is not None
    return offset
