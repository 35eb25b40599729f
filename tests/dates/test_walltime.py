from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st

from feedservice.dates import Reading, localize, read, rfc3339, rfc5322
from feedservice.dates.zones import steady
from feedservice.model import Severity

SECOND = timedelta(seconds=1)


def oracle(name: str) -> ZoneInfo:
    """The standard library's own reading of the data that pytz has."""
    with pytz.open_resource(name) as file:  # type: ignore[attr-defined]  # the stubs lack it
        return ZoneInfo.from_file(file, key=name)


def expected(naive: datetime, zone: ZoneInfo) -> tuple[datetime, str | None]:
    """The instant that ``fold=0`` gives (PEP 495), and the warning that belongs to it."""
    first = naive.replace(tzinfo=zone)
    instant = first.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) != naive:
        return instant, "date.nonexistent"
    return instant, None if first.utcoffset() == first.replace(fold=1).utcoffset() else "date.ambiguous"


def different_zones() -> list[str]:
    """Every zone whose transitions no zone before it has: half of the names are aliases."""
    seen: dict[tuple[object, ...], str] = {}
    for name in pytz.all_timezones:
        zone = pytz.timezone(name)
        seen.setdefault((repr(getattr(zone, "_utc_transition_times", name)), repr(getattr(zone, "_transition_info", ""))), name)
    return list(seen.values())


def walls_around_transitions(name: str) -> Iterator[datetime]:
    """Wall times from 1970 to 2037 just before, at, within and just after each gap and overlap of a zone."""
    zone = pytz.timezone(name)
    times = getattr(zone, "_utc_transition_times", [])
    offsets = [info[0] for info in getattr(zone, "_transition_info", [])]
    for before, after, moment in zip(offsets, offsets[1:], times[1:], strict=False):
        if 1970 <= moment.year <= 2037 and before != after:
            low, high = sorted((moment + before, moment + after))
            yield from (low - SECOND, low, low + (high - low) / 2, high - SECOND, high)


def has_seconds(aware: datetime) -> bool:
    offset = aware.utcoffset()
    assert offset is not None
    return bool(offset % timedelta(minutes=1))


ZONES = different_zones()


@pytest.mark.parametrize("part", range(8))
def test_every_transition_of_every_zone_from_1970_to_2037(part: int) -> None:
    checked = 0
    for name in ZONES[part::8]:
        zone = oracle(name)
        for wall in walls_around_transitions(name):
            if name == "Africa/Monrovia" and wall.year == 1972:
                continue  # until that January its offset was -0:44:30, which pytz rounds
            reading = localize(wall, name)
            instant, rule = expected(wall, zone)
            assert (reading.instant, [problem.rule for problem in reading.problems]) == (instant, [rule] if rule else []), (
                name,
                wall,
            )
            written = rfc3339(reading.instant, name)
            assert datetime.fromisoformat(written) == instant, (name, wall)
            assert len(written) in {20, 25}
            assert parsedate_to_datetime(rfc5322(reading.instant, name)) == instant, (name, wall)
            checked += 1
    assert checked > 5000


def test_aliases_too_are_zones_to_localize_in() -> None:
    wall = datetime(2025, 7, 1, 12)
    for name in pytz.all_timezones:
        instant, _ = expected(wall, oracle(name))
        assert localize(wall, name).instant == instant, name
        assert datetime.fromisoformat(rfc3339(instant, name)).replace(tzinfo=None) == wall, name


@given(wall=st.datetimes(min_value=datetime(1902, 1, 1), max_value=datetime(2037, 12, 31)), name=st.sampled_from(ZONES))
def test_any_wall_time_is_what_the_standard_library_makes_of_it(wall: datetime, name: str) -> None:
    zone = oracle(name)
    instant, rule = expected(wall.replace(microsecond=0), zone)
    near = [(instant + timedelta(days=days)).astimezone(zone) for days in (-1, 0, 1)]
    reading = localize(wall, name)
    if any(has_seconds(aware) for aware in near):
        assert abs(reading.instant - instant) <= timedelta(seconds=30)
    else:
        assert (reading.instant, [problem.rule for problem in reading.problems]) == (instant, [rule] if rule else [])


@given(wall=st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2040, 1, 1)), name=st.sampled_from(ZONES))
def test_a_steady_offset_is_the_offset_all_day(wall: datetime, name: str) -> None:
    offset = steady(name, wall.toordinal())
    shown = pytz.timezone(name).fromutc(wall)
    assert offset is None or offset.delta == shown.utcoffset()


@given(wall=st.datetimes(), name=st.sampled_from(ZONES))
def test_any_wall_time_of_the_calendar_has_an_instant_or_overflows(wall: datetime, name: str) -> None:
    try:
        instant = localize(wall, name).instant
    except OverflowError:
        assert wall.year in {1, 9999}
    else:
        assert abs(instant.replace(tzinfo=None) - wall) <= timedelta(hours=40)
        assert datetime.fromisoformat(rfc3339(instant, name)) == instant


@pytest.mark.parametrize(
    ("zone", "wall", "first", "second"),
    [
        ("America/New_York", "2025-11-02T01:30:00", "2025-11-02T01:30:00-04:00", "2025-11-02T01:30:00-05:00"),
        ("Europe/Berlin", "2025-10-26T02:30:00", "2025-10-26T02:30:00+02:00", "2025-10-26T02:30:00+01:00"),
        ("Europe/London", "2025-10-26T01:30:00", "2025-10-26T01:30:00+01:00", "2025-10-26T01:30:00+00:00"),
        ("Europe/Dublin", "2025-10-26T01:30:00", "2025-10-26T01:30:00+01:00", "2025-10-26T01:30:00+00:00"),
        ("Africa/Casablanca", "2025-02-23T02:30:00", "2025-02-23T02:30:00+01:00", "2025-02-23T02:30:00+00:00"),
        ("Australia/Lord_Howe", "2025-04-06T01:45:00", "2025-04-06T01:45:00+11:00", "2025-04-06T01:45:00+10:30"),
        ("Europe/Moscow", "2014-10-26T01:30:00", "2014-10-26T01:30:00+04:00", "2014-10-26T01:30:00+03:00"),
    ],
)
def test_a_time_that_happens_twice_is_its_first_occurrence(zone: str, wall: str, first: str, second: str) -> None:
    reading = localize(datetime.fromisoformat(wall), zone)
    assert rfc3339(reading.instant, zone) == first
    assert len(reading.problems) == 1
    warning = reading.problems[0]
    assert (warning.rule, warning.severity, warning.path, warning.line) == ("date.ambiguous", Severity.WARNING, "", None)
    assert first in warning.message
    assert second in warning.message
    assert first in warning.hint


@pytest.mark.parametrize(
    ("zone", "wall", "chosen", "other"),
    [
        ("America/New_York", "2025-03-09T02:30:00", "2025-03-09T03:30:00-04:00", "2025-03-09T01:30:00-05:00"),
        ("Europe/Dublin", "2025-03-30T01:30:00", "2025-03-30T02:30:00+01:00", "2025-03-30T00:30:00+00:00"),
        ("Africa/Casablanca", "2025-04-06T02:30:00", "2025-04-06T03:30:00+01:00", "2025-04-06T01:30:00+00:00"),
        ("Australia/Lord_Howe", "2025-10-05T02:15:00", "2025-10-05T02:45:00+11:00", "2025-10-05T01:45:00+10:30"),
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-31T12:00:00+14:00", "2011-12-29T12:00:00-10:00"),
    ],
)
def test_a_time_that_is_skipped_moves_forward_by_the_gap(zone: str, wall: str, chosen: str, other: str) -> None:
    reading = localize(datetime.fromisoformat(wall), zone)
    assert rfc3339(reading.instant, zone) == chosen
    assert [(problem.rule, problem.severity) for problem in reading.problems] == [("date.nonexistent", Severity.WARNING)]
    assert chosen in reading.problems[0].message
    assert other in reading.problems[0].message


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("America/Havana", "2025-03-09", "2025-03-09T01:00:00-04:00"),
        ("America/Havana", "2025-11-02", "2025-11-02T00:00:00-04:00"),
        ("Asia/Beirut", "2025-03-30", "2025-03-30T01:00:00+03:00"),
        ("Africa/Cairo", "2025-04-25", "2025-04-25T01:00:00+03:00"),
        ("America/Santiago", "2025-09-07", "2025-09-07T01:00:00-03:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),
        ("America/Asuncion", "2023-10-01", "2023-10-01T01:00:00-03:00"),
        ("Asia/Amman", "2021-03-26", "2021-03-26T01:00:00+03:00"),
        ("Asia/Tehran", "2022-03-22", "2022-03-22T01:00:00+04:30"),
        ("America/Toronto", "1919-03-31", "1919-03-31T00:30:00-04:00"),
        ("America/New_York", "2025-03-09", "2025-03-09T00:00:00-05:00"),
        ("America/New_York", "2025-11-02", "2025-11-02T00:00:00-04:00"),
    ],
)
def test_a_bare_date_is_the_first_instant_of_its_day_without_a_warning(zone: str, day: str, first: str) -> None:
    reading = read(day, zone=zone, naive="site")
    assert isinstance(reading, Reading)
    assert (rfc3339(reading.instant, zone), reading.has_time, reading.problems) == (first, False, ())
    assert localize(datetime.fromisoformat(day), zone).has_time


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"),
        ("Pacific/Fakaofo", "2011-12-30", "2011-12-31T00:00:00+13:00"),
        ("Pacific/Kwajalein", "1993-08-21", "1993-08-22T00:00:00+12:00"),
    ],
)
def test_a_day_that_a_zone_skipped_is_the_first_instant_after_it_with_a_warning(zone: str, day: str, first: str) -> None:
    reading = read(day, zone=zone, naive="site")
    assert isinstance(reading, Reading)
    assert (rfc3339(reading.instant, zone), reading.has_time) == (first, False)
    assert [(problem.rule, problem.severity) for problem in reading.problems] == [("date.nonexistent", Severity.WARNING)]
    assert first in reading.problems[0].message


@pytest.mark.parametrize("part", range(4))
def test_every_day_with_a_transition_begins_with_its_first_instant(part: int) -> None:
    for name in ZONES[part::4]:
        zone = oracle(name)
        days = {wall.date() for wall in walls_around_transitions(name) if wall.year >= 1990}
        for day in days:
            reading = read(day.isoformat(), zone=name, naive="site")
            assert isinstance(reading, Reading)
            shown, before = reading.instant.astimezone(zone), (reading.instant - SECOND).astimezone(zone)
            assert before.date() < day <= shown.date(), (name, day)
            assert bool(reading.problems) == (shown.date() != day), (name, day)


def test_warnings_reach_the_reading_and_an_offset_avoids_them() -> None:
    def rules(text: str) -> list[str]:
        reading = read(text, zone="America/New_York", naive="site")
        assert isinstance(reading, Reading)
        return [problem.rule for problem in reading.problems]

    assert rules("2025-11-02 01:30") == ["date.ambiguous"]
    assert rules("2025-11-02 01:30 -0400") == []
    assert rules("2025-11-02 01:30 America/Chicago") == ["date.ambiguous"]
    assert rules("2025-03-09 02:30:60") == ["date.nonexistent", "date.leap-second"]


def test_the_hint_of_a_warning_can_be_pasted() -> None:
    reading = localize(datetime(2025, 11, 2, 1, 30), "America/New_York")
    pasted = reading.problems[0].hint.split(" or ")[-1].rstrip(".")
    again = read(pasted, zone="America/New_York", naive="site")
    assert isinstance(again, Reading)
    assert again.instant.isoformat() == "2025-11-02T06:30:00+00:00"
    assert again.problems == ()


def test_fold_and_fraction_make_no_difference() -> None:
    wall = datetime(2025, 11, 2, 1, 30)
    assert localize(wall.replace(fold=1, microsecond=999_999), "America/New_York") == localize(wall, "America/New_York")


def test_only_naive_wall_times_and_known_zones() -> None:
    with pytest.raises(ValueError, match="naive"):
        localize(datetime(2025, 11, 2, tzinfo=UTC), "Asia/Tokyo")
    with pytest.raises(ValueError, match="no such zone"):
        localize(datetime(2025, 11, 2), "JST")
    with pytest.raises(OverflowError):
        localize(datetime(1, 1, 1), "Asia/Tokyo")
