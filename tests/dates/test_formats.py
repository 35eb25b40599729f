from __future__ import annotations

import ast
import locale
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import feedservice.dates
from feedservice.dates import Reading, http_date, parse_http_date, read, rfc3339, rfc5322, typed

MORNING = datetime(2025, 11, 17, 4, 42, 9, tzinfo=UTC)
INSTANTS = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Asia/Tokyo", "2025-11-17 13:42 Asia/Tokyo"),
        ("UTC", "2025-11-17 04:42 UTC"),
        ("Etc/UTC", "2025-11-17 04:42 UTC"),
        ("+09:00", "2025-11-17 13:42 +09:00"),
        ("Europe/London", "2025-11-17 04:42 Europe/London"),
    ],
)
def test_what_is_told_to_people_can_be_typed(zone: str, text: str) -> None:
    assert typed(MORNING, zone) == text
    reading = read(text, zone="America/New_York", naive="site")
    assert isinstance(reading, Reading)
    assert reading.instant == MORNING.replace(second=0)


@pytest.mark.parametrize(
    ("zone", "atom", "rss"),
    [
        ("Asia/Tokyo", "2025-11-17T13:42:09+09:00", "Mon, 17 Nov 2025 13:42:09 +0900"),
        ("UTC", "2025-11-17T04:42:09Z", "Mon, 17 Nov 2025 04:42:09 +0000"),
        ("Etc/UTC", "2025-11-17T04:42:09Z", "Mon, 17 Nov 2025 04:42:09 +0000"),
        ("+00:00", "2025-11-17T04:42:09Z", "Mon, 17 Nov 2025 04:42:09 +0000"),
        ("Europe/London", "2025-11-17T04:42:09+00:00", "Mon, 17 Nov 2025 04:42:09 +0000"),
        ("America/New_York", "2025-11-16T23:42:09-05:00", "Sun, 16 Nov 2025 23:42:09 -0500"),
        ("Asia/Kathmandu", "2025-11-17T10:27:09+05:45", "Mon, 17 Nov 2025 10:27:09 +0545"),
        ("America/St_Johns", "2025-11-17T01:12:09-03:30", "Mon, 17 Nov 2025 01:12:09 -0330"),
        ("Pacific/Kiritimati", "2025-11-17T18:42:09+14:00", "Mon, 17 Nov 2025 18:42:09 +1400"),
        ("-00:30", "2025-11-17T04:12:09-00:30", "Mon, 17 Nov 2025 04:12:09 -0030"),
    ],
)
def test_both_formats_in_a_zone(zone: str, atom: str, rss: str) -> None:
    assert rfc3339(MORNING, zone) == atom
    assert rfc5322(MORNING, zone) == rss
    assert rfc3339(MORNING + timedelta(microseconds=999_999), zone) == atom


@pytest.mark.parametrize(
    ("instant", "zone", "atom", "rss"),
    [
        (datetime(2025, 9, 7, tzinfo=UTC), "UTC", "2025-09-07T00:00:00Z", "Sun, 07 Sep 2025 00:00:00 +0000"),
        (datetime(999, 1, 1, tzinfo=UTC), "+09:00", "0999-01-01T09:00:00+09:00", "Tue, 01 Jan 0999 09:00:00 +0900"),
        (datetime(1880, 1, 1, tzinfo=UTC), "Asia/Tokyo", "1880-01-01T00:00:00Z", "Thu, 01 Jan 1880 00:00:00 +0000"),
        (datetime(1, 1, 1, tzinfo=UTC), "America/New_York", "0001-01-01T00:00:00Z", "Mon, 01 Jan 0001 00:00:00 +0000"),
        (datetime(1, 1, 1, tzinfo=UTC), "-05:00", "0001-01-01T00:00:00Z", "Mon, 01 Jan 0001 00:00:00 +0000"),
        (datetime(9999, 12, 31, 23, tzinfo=UTC), "Asia/Tokyo", "9999-12-31T23:00:00Z", "Fri, 31 Dec 9999 23:00:00 +0000"),
        (datetime(9999, 12, 31, 1, tzinfo=UTC), "Asia/Tokyo", "9999-12-31T10:00:00+09:00", "Fri, 31 Dec 9999 10:00:00 +0900"),
        (datetime(9999, 12, 31, 1, tzinfo=UTC), "UTC", "9999-12-31T01:00:00Z", "Fri, 31 Dec 9999 01:00:00 +0000"),
        (datetime(2025, 10, 26, 1, tzinfo=UTC), "Europe/London", "2025-10-26T01:00:00+00:00", "Sun, 26 Oct 2025 01:00:00 +0000"),
        (
            datetime(2025, 10, 26, 0, 59, 59, tzinfo=UTC),
            "Europe/London",
            "2025-10-26T01:59:59+01:00",
            "Sun, 26 Oct 2025 01:59:59 +0100",
        ),
    ],
)
def test_the_ends_of_the_calendar_old_dates_and_transitions(instant: datetime, zone: str, atom: str, rss: str) -> None:
    assert (rfc3339(instant, zone), rfc5322(instant, zone)) == (atom, rss)


def test_a_date_before_the_zone_had_a_standard_time_keeps_its_instant() -> None:
    reading = read("1880-01-01", zone="Asia/Tokyo", naive="site")
    assert isinstance(reading, Reading)
    written = rfc3339(reading.instant, "Asia/Tokyo")
    assert written == "1879-12-31T14:41:00Z"
    assert datetime.fromisoformat(written) == reading.instant


def test_other_aware_datetimes_are_converted_and_naive_ones_refused() -> None:
    there = datetime(2025, 11, 16, 23, 42, 9, tzinfo=timezone(timedelta(hours=-5)))
    assert rfc3339(there, "Asia/Tokyo") == "2025-11-17T13:42:09+09:00"
    assert http_date(there) == "Mon, 17 Nov 2025 04:42:09 GMT"
    for write in (rfc3339, rfc5322):
        with pytest.raises(ValueError, match="aware"):
            write(datetime(2025, 11, 17), "UTC")
        with pytest.raises(ValueError, match="no such zone"):
            write(MORNING, "PST")
    with pytest.raises(ValueError, match="aware"):
        http_date(datetime(2025, 11, 17))


@given(
    instant=INSTANTS,
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Africa/Casablanca", "Europe/Dublin", "-03:30"]),
)
def test_other_parsers_read_the_same_instant(instant: datetime, zone: str) -> None:
    second = instant.replace(microsecond=0)
    assert datetime.fromisoformat(rfc3339(instant, zone)) == second
    assert parsedate_to_datetime(rfc5322(instant, zone)) == second


@given(instant=st.datetimes(timezones=st.just(UTC)))
def test_an_http_date_is_what_the_standard_library_writes_and_is_read_back(instant: datetime) -> None:
    assert http_date(instant) == format_datetime(instant, usegmt=True)
    assert parse_http_date(http_date(instant)) == instant.replace(microsecond=0)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37)),
        ("Sun Nov  6 08:49:37 1994", datetime(1994, 11, 6, 8, 49, 37)),
        ("Wed Nov 16 08:49:37 1994", datetime(1994, 11, 16, 8, 49, 37)),
        (" Sun, 06 Nov 1994 08:49:37 GMT\t", datetime(1994, 11, 6, 8, 49, 37)),
        ("Thursday, 01-Jan-70 00:00:00 GMT", datetime(1970, 1, 1)),
        ("Tuesday, 31-Dec-69 00:00:00 GMT", datetime(2069, 12, 31)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2016, 12, 31, 23, 59, 59)),
        ("Mon, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37)),
    ],
)
def test_the_three_forms_of_an_http_date(text: str, instant: datetime) -> None:
    assert parse_http_date(text) == instant.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "0",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, ０６ Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_no_http_date(text: str) -> None:
    assert parse_http_date(text) is None


@given(text=st.text())
def test_no_text_makes_the_http_date_raise(text: str) -> None:
    assert parse_http_date(text) is None


@pytest.fixture(params=["Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"])
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_the_zone_of_the_machine_changes_nothing(machine_zone: str) -> None:
    assert os.environ["TZ"] == machine_zone
    reading = read("2025-11-17 13:42:09", zone="Asia/Tokyo", naive="site")
    assert isinstance(reading, Reading)
    assert reading.instant == MORNING
    assert rfc5322(MORNING, "Asia/Tokyo") == "Mon, 17 Nov 2025 13:42:09 +0900"


@pytest.fixture
def foreign_locale() -> Iterator[str]:
    before = locale.setlocale(locale.LC_ALL)
    for name in ("ja_JP.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8", "es_ES.UTF-8", "pt_BR.UTF-8"):
        try:
            yield locale.setlocale(locale.LC_ALL, name)
        except locale.Error:
            continue
        else:
            return
        finally:
            locale.setlocale(locale.LC_ALL, before)
    pytest.skip("no locale but the English one is installed")


def test_the_locale_changes_nothing(foreign_locale: str) -> None:
    assert time.strftime("%a", (2025, 11, 17, 0, 0, 0, 0, 1, 0)) != "Mon", foreign_locale
    assert rfc5322(MORNING, "Asia/Tokyo") == "Mon, 17 Nov 2025 13:42:09 +0900"
    assert http_date(MORNING) == "Mon, 17 Nov 2025 04:42:09 GMT"
    assert isinstance(read("Mon, 17 Nov 2025 13:42:09 +0900", zone="UTC", naive="site"), Reading)


def test_nothing_that_asks_the_locale_is_used() -> None:
    for path in sorted(Path(feedservice.dates.__file__).parent.glob("*.py")):
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & {"strftime", "strptime", "ctime", "month_name", "month_abbr", "day_name", "day_abbr"}, path
