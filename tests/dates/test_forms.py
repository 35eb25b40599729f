from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.dates import Reading, file_name_date, read, rfc3339, rfc5322
from feedservice.model import Problem, Severity

TOKYO, NEW_YORK = "Asia/Tokyo", "America/New_York"
MEANINGS: tuple[Literal["site", "utc"], ...] = ("site", "utc")
MORNING = "2025-11-17T04:42:09+00:00"


def understood(text: str, zone: str = TOKYO, naive: Literal["site", "utc"] = "site") -> Reading:
    reading = read(text, zone=zone, naive=naive)
    assert isinstance(reading, Reading), reading
    assert reading.instant.tzinfo is UTC
    assert reading.instant.microsecond == 0
    return reading


def refused(text: str, zone: str = TOKYO, naive: Literal["site", "utc"] = "site") -> Problem:
    problem = read(text, zone=zone, naive=naive)
    assert isinstance(problem, Problem), problem
    assert problem.severity is Severity.ERROR
    assert problem.hint
    return problem


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2025-11-17 04:42:09 +0000", "UTC"),
        ("2025-11-17 04:42:09 +00:00", "UTC"),
        ("2025-11-17 04:42:09 -00:00", "UTC"),
        ("2025-11-17T04:42:09Z", "UTC"),
        ("2025-11-17t04:42:09z", "UTC"),
        ("2025-11-17 04:42:09Z", "UTC"),
        ("2025-11-17 04:42:09 UTC", "UTC"),
        ("2025-11-17 04:42:09 utc", "UTC"),
        ("2025-11-17 04:42:09 GMT", "UTC"),
        ("2025-11-17 04:42:09 Etc/UTC", "UTC"),
        ("2025-11-17T13:42:09+09:00", "+09:00"),
        ("2025-11-17T13:42:09+0900", "+09:00"),
        ("2025-11-17T13:42:09+09", "+09:00"),
        ("2025-11-17 13:42:09 +9", "+09:00"),
        ("2025-11-16 20:42:09 -0800", "-08:00"),
        ("2025-11-17 10:12:09 +05:30", "+05:30"),
        ("2025-11-17 13:42:09", TOKYO),
        ("2025-11-17T13:42:09", TOKYO),
        ("2025-11-17T13:42:09.5", TOKYO),
        ("2025-11-17T13:42:09,999999999999999999Asia/Tokyo", TOKYO),
        ("2025-11-17T04:42:09.123456789Z", "UTC"),
        ("2025-11-17T04:42:09,999Z", "UTC"),
        ("2025-11-17 13:42:09 Asia/Tokyo", TOKYO),
        ("2025-11-17 13:42:09 asia/tokyo", TOKYO),
        ("2025-11-17 13:42:09 Japan", "Japan"),
        ("2025-11-16 23:42:09 America/New_York", NEW_YORK),
        ("2025-11-16 19:42:09 Etc/GMT+9", "Etc/GMT+9"),
        ("2025-11-17  13:42:09\t+0900", "+09:00"),
        ("2025/11/17 13:42:09", TOKYO),
        ("2025/11/17 13:42:09 +0900", "+09:00"),
        ("20251117T044209Z", "UTC"),
        ("20251117t134209", TOKYO),
        ("20251117T134209+0900", "+09:00"),
        ("20251117T134209.25+09", "+09:00"),
        ("Mon, 17 Nov 2025 13:42:09 +0900", "+09:00"),
        ("17 Nov 2025 13:42:09 +0900", "+09:00"),
        ("mon, 17 NOV 2025 13:42:09 +0900", "+09:00"),
        ("Mon, 17 Nov 2025 04:42:09 GMT", "UTC"),
        ("Mon, 17 Nov 2025 04:42:09 UT", "UTC"),
        ("Mon, 17 Nov 2025 04:42:09 Z", "UTC"),
        ("Mon, 17 Nov 2025 04:42:09 -0000", "UTC"),
        ("Sun, 16 Nov 2025 23:42:09 EST", "-05:00"),
        ("Mon, 17 Nov 2025 00:42:09 EDT", "-04:00"),
        ("Sun, 16 Nov 2025 22:42:09 CST", "-06:00"),
        ("Sun, 16 Nov 2025 23:42:09 CDT", "-05:00"),
        ("Sun, 16 Nov 2025 21:42:09 MST", "-07:00"),
        ("Sun, 16 Nov 2025 22:42:09 MDT", "-06:00"),
        ("Sun, 16 Nov 2025 20:42:09 PST", "-08:00"),
        ("Sun, 16 Nov 2025 21:42:09 pdt", "-07:00"),
        ("Mon, 17 Nov 2025\r\n 13:42:09 +0900 (JST)", "+09:00"),
        ("2025年11月17日 13時42分09秒", TOKYO),
        ("2025年11月17日13時42分9秒", TOKYO),
        ("2025年11月17日(月) 13:42:09", TOKYO),
        ("２０２５年１１月１７日（月曜日）　１３：４２：０９", TOKYO),
        ("２０２５－１１－１７　１３：４２：０９", TOKYO),
        ("２０２５-１１-１７Ｔ０４：４２：０９Ｚ", "UTC"),
        ("2025年 11月 17日 13:42:09 +0900", "+09:00"),
        ("2025\N{MINUS SIGN}11\N{MINUS SIGN}17 13:42:09\N{NO-BREAK SPACE}+0900", "+09:00"),
        ('  "2025-11-17 04:42:09 +0000" \n', "UTC"),
        ("'2025-11-17 13:42:09'", TOKYO),
    ],
)
def test_one_instant_in_every_dress(text: str, zone: str) -> None:
    reading = understood(text)
    assert (reading.instant.isoformat(), reading.zone, reading.has_time) == (MORNING, zone, True)
    assert reading.problems == ()


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-17 13:42",
        "2025-11-17T13:42",
        "2025/11/17 13:42",
        "20251117T1342",
        "2025年11月17日 13時42分",
        "2025年11月17日 13:42",
    ],
)
def test_seconds_may_be_left_out(text: str) -> None:
    assert understood(text).instant == datetime(2025, 11, 17, 4, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-1-7", "2025-01-06T15:00:00+00:00"),
        ("2025/1/7", "2025-01-06T15:00:00+00:00"),
        ("2025年1月7日", "2025-01-06T15:00:00+00:00"),
        ("2025-01-07 4:05", "2025-01-06T19:05:00+00:00"),
        ("2025-1-7 4:05:06 +9", "2025-01-06T19:05:06+00:00"),
        ("2025-1-7T4:05Z", "2025-01-07T04:05:00+00:00"),
        ("2025年1月7日 4時5分", "2025-01-06T19:05:00+00:00"),
        ("2025年1月7日 4時", "2025-01-06T19:00:00+00:00"),
        ("0999-01-01 00:00 Z", "0999-01-01T00:00:00+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00"),
        ("2025-11-17 00:00 +14:00", "2025-11-16T10:00:00+00:00"),
        ("2025-11-17 00:00 -14:00", "2025-11-17T14:00:00+00:00"),
        ("2024-02-29", "2024-02-28T15:00:00+00:00"),
    ],
)
def test_short_and_far_away_dates(text: str, instant: str) -> None:
    assert understood(text).instant.isoformat() == instant


@pytest.mark.parametrize(
    "text", ["2025-11-17", "2025/11/17", "20251117", "2025年11月17日", "２０２５年１１月１７日（月）", " '2025-11-17' "]
)
@pytest.mark.parametrize("naive", ["site", "utc"])
def test_a_bare_date_is_the_first_instant_of_that_day_in_the_zone(text: str, naive: Literal["site", "utc"]) -> None:
    reading = understood(text, naive=naive)
    assert (reading.instant.isoformat(), reading.zone, reading.has_time) == ("2025-11-16T15:00:00+00:00", TOKYO, False)
    assert reading.problems == ()


def test_a_naive_time_is_of_the_zone_or_of_utc() -> None:
    assert understood("2025-11-17 04:42:09", naive="site").instant.isoformat() == "2025-11-16T19:42:09+00:00"
    utc = understood("2025-11-17 04:42:09", naive="utc")
    assert (utc.instant.isoformat(), utc.zone) == (MORNING, TOKYO)
    assert understood("2025-11-17 13:42:09 +0900", naive="utc").instant.isoformat() == MORNING
    assert understood("2025-11-17 13:42:09", zone="+0900").zone == "+09:00"


def test_a_naive_time_in_utc_is_never_in_a_gap() -> None:
    assert understood("2025-03-09 02:30", zone=NEW_YORK, naive="utc").problems == ()


@pytest.mark.parametrize(
    ("text", "rule", "hint"),
    [
        ("", "date.unreadable", "Write 2025-11-17 13:42:09 +0900"),
        ("  ", "date.unreadable", "Write 2025-11-17 13:42:09 +0900"),
        ("tomorrow", "date.unreadable", "Write 2025-11-17 13:42:09 +0900"),
        ("05/06/2025", "date.unreadable", "2025-06-05 or 2025-05-06"),
        ("5.6.2025 12:00", "date.unreadable", "2025-06-05 or 2025-05-06"),
        ("05/05/2025", "date.unreadable", "Write the year first: 2025-05-05."),
        ("17-11-2025", "date.unreadable", "Write the year first: 2025-11-17."),
        ("11/17/2025", "date.unreadable", "Write the year first: 2025-11-17."),
        ("33/44/2025", "date.unreadable", "Write the year first"),
        ("25-11-17", "date.unreadable", "four digits: 0025-11-17"),
        ("999-01-01", "date.unreadable", "four digits: 0999-01-01"),
        ("10", "date.unreadable", "Write 2025-11-17 13:42:09 +0900"),
        ("2025", "date.unreadable", "the whole date"),
        ("2025-11", "date.unreadable", "the whole date"),
        ("202511", "date.unreadable", "the whole date"),
        ("may", "date.unreadable", "month as a number"),
        ("Nov 17", "date.unreadable", "month as a number"),
        ("November 17, 2025", "date.unreadable", "month as a number"),
        ("17 Nov 2025", "date.unreadable", "month as a number"),
        ("Mon, 17 Nov 2025 13:42:09", "date.unreadable", "Write the offset after the time"),
        ("Mon Nov 17 04:42:09 2025", "date.unreadable", "month as a number"),
        ("Mon, 17 Nov 25 13:42:09 +0900", "date.unreadable", "month as a number"),
        ("2025-11-17 3:04 PM", "date.unreadable", "hours from 0 to 23|without PM"),
        ("2025-11-17 03:04 p.m.", "date.unreadable", "hours from 0 to 23"),
        ("2025年11月17日 午後3時", "date.unreadable", "hours from 0 to 23"),
        ("令和7年11月17日", "date.unreadable", "common era"),
        ("2025-W47-1", "date.unreadable", "year, month and day"),
        ("2025-321", "date.unreadable", "year, month and day"),
        ("20251117044209", "date.unreadable", "2025-11-17 04:42:09"),
        ("2025-11-17 +0900", "date.unreadable", "A zone needs a time"),
        ("2025-11-17T04", "date.unreadable", "Write the minutes too: 2025-11-17 04:00."),
        ("2025-11-17 4", "date.unreadable", "Write the minutes too: 2025-11-17 04:00."),
        ("2025-11/17", "date.unreadable", "Write"),
        ("2025.11.17", "date.unreadable", "Write"),
        ("2025-11-17T044209Z", "date.unreadable", "Write 2025"),
        ("2025-11-17 04:42:09 +0000 UTC", "date.unreadable", "Write"),
        ("2025-11-17 04:42 :09", "date.unreadable", "Write"),
        ("٢٠٢٥-١١-١٧", "date.unreadable", "Write"),
        ("2025-11-17 04:42\x00", "date.unreadable", "Write"),
        ("\ud800", "date.unreadable", "Write"),
        ("9" * 100_000, "date.unreadable", "Write"),
        ("2025-02-30", "date.impossible", "The last day is 2025-02-28"),
        ("2025-11-31 10:00 Z", "date.impossible", "The last day is 2025-11-30"),
        ("2025-11-00", "date.impossible", "The last day is 2025-11-30"),
        ("2025-13-01", "date.impossible", "2025-11-17"),
        ("20251301", "date.impossible", "2025-11-17"),
        ("2025-00-01", "date.impossible", "2025-11-17"),
        ("2025年2月30日", "date.impossible", "2025-02-28"),
        ("Sun, 30 Feb 2025 10:00:00 +0000", "date.impossible", "2025-02-28"),
        ("2025-02-30 24:00", "date.impossible", "2025-02-28"),
        ("2025-11-17 25:00", "date.impossible", "23:59:59"),
        ("2025-11-17 24:01", "date.impossible", "23:59:59"),
        ("2025-11-17 24:00:60", "date.impossible", "23:59:59"),
        ("2025-11-17 23:60", "date.impossible", "23:59:59"),
        ("2025-11-17 23:59:61", "date.impossible", "23:59:59"),
        ("2025-11-17 04:42 JST", "date.zone", "Asia/Tokyo"),
        ("2025-11-17 04:42JST", "date.zone", "Asia/Tokyo"),
        ("2025-11-17 04:42 jst", "date.zone", "Asia/Tokyo"),
        ("2025-11-17 04:42 EST", "date.zone", "America/New_York"),
        ("2025-11-17 04:42 CST", "date.zone", "America/Chicago or Asia/Shanghai"),
        ("2025-11-17 04:42 CET", "date.zone", "Europe/Berlin"),
        ("2025-07-17 04:42 cet", "date.zone", "Europe/Berlin"),
        ("Mon, 17 Nov 2025 13:42:09 JST", "date.zone", "Asia/Tokyo"),
        ("Mon, 17 Nov 2025 13:42:09 A", "date.zone", "offset"),
        ("2025-11-17 04:42 Asia/Tokio", "date.zone", "Asia/Tokyo"),
        ("2025-11-17 04:42 Mars/Olympus", "date.zone", "such as Asia/Tokyo"),
        ("2025-11-17 04:42 UTC+3", "date.zone", "+03:00"),
        ("2025-11-17 04:42 GMT-0330", "date.zone", "-03:30"),
        ("2025-11-17 04:42 UTC+99", "date.zone", "+09:00"),
        ("2025-11-17 04:42 +14:01", "date.offset", "-14:00 to +14:00"),
        ("2025-11-17 04:42 -1500", "date.offset", "-14:00 to +14:00"),
        ("2025-11-17 04:42 +24:00", "date.offset", "-14:00 to +14:00"),
        ("2025-11-17 04:42 +0960", "date.offset", "-14:00 to +14:00"),
        ("0000-01-01", "date.out-of-range", "Write"),
        ("12025-01-01", "date.out-of-range", "Write"),
        ("+012025-01-01T00:00:00Z", "date.out-of-range", "Write"),
        ("0001-01-01", "date.out-of-range", "Write"),
        ("0001-01-01 00:00", "date.out-of-range", "Write"),
        ("0001-01-01 00:00 +01:00", "date.out-of-range", "Write"),
        ("9999-12-31 23:59 -01:00", "date.out-of-range", "Write"),
        ("9999-12-31 24:00 Z", "date.out-of-range", "Write"),
    ],
)
def test_what_is_not_in_the_table_is_refused_with_a_hint(text: str, rule: str, hint: str) -> None:
    problem = refused(text)
    assert problem.rule == rule
    assert any(part in problem.hint for part in hint.split("|")), problem
    assert len(problem.message) < 160
    problem.message.encode()


def test_the_message_shows_what_was_read() -> None:
    assert "'2025-02-30'" in refused("2025-02-30").message
    assert "2025-02 has 28 days" in refused("2025-02-30").message


def test_the_last_hours_of_the_calendar_are_out_of_range_westwards_only() -> None:
    assert understood("9999-12-31 23:59", zone=TOKYO).instant.isoformat() == "9999-12-31T14:59:00+00:00"
    assert refused("9999-12-31 23:59", zone=NEW_YORK).rule == "date.out-of-range"
    assert understood("0001-01-01", zone="-05:00").instant.isoformat() == "0001-01-01T05:00:00+00:00"
    assert refused("0001-01-01", zone="+05:00").rule == "date.out-of-range"
    assert understood("0001-01-01", zone=NEW_YORK).instant.isoformat() == "0001-01-01T04:56:00+00:00"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-11-17 24:00", "2025-11-17T15:00:00+00:00"),
        ("2025-11-17T24:00:00Z", "2025-11-18T00:00:00+00:00"),
        ("20251231T240000Z", "2026-01-01T00:00:00+00:00"),
        ("2025年12月31日 24時00分", "2025-12-31T15:00:00+00:00"),
    ],
)
def test_24_hours_is_the_midnight_after(text: str, instant: str) -> None:
    reading = understood(text)
    assert (reading.instant.isoformat(), reading.problems) == (instant, ())


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2017-01-01 08:59:60", "Sun, 01 Jan 2017 08:59:60 +0900"])
def test_a_leap_second_is_the_second_before_it_with_a_warning(text: str) -> None:
    reading = understood(text)
    assert reading.instant.isoformat() == "2016-12-31T23:59:59+00:00"
    assert [(problem.rule, problem.severity) for problem in reading.problems] == [("date.leap-second", Severity.WARNING)]
    assert refused("2016-12-31T23:59:60 JST").rule == "date.zone"


@pytest.mark.parametrize("text", ["Tue, 17 Nov 2025 13:42:09 +0900", "2025年11月17日（火）13:42:09"])
def test_a_wrong_day_of_the_week_is_a_warning(text: str) -> None:
    reading = understood(text)
    assert reading.instant.isoformat() == MORNING
    assert [problem.rule for problem in reading.problems] == ["date.weekday"]
    assert "Mon, not a Tue" in reading.problems[0].message


def test_an_unknown_zone_is_the_callers_mistake() -> None:
    for text in ("2025-11-17", "2025-11-17 04:42"):
        for naive in MEANINGS:
            with pytest.raises(ValueError, match="no such zone: 'JST'"):
                read(text, zone="JST", naive=naive)


@pytest.mark.parametrize(
    ("stem", "parts"),
    [
        ("2025-11-17-slug", ("2025-11-17", "slug")),
        ("2025-1-7-slug", ("2025-01-07", "slug")),
        ("2025-08-29-08-aiエーシェント本格普及", ("2025-08-29", "08-aiエーシェント本格普及")),
        ("2025-11-17-投資分析🎉", ("2025-11-17", "投資分析🎉")),
        ("2025-11-17-10-20-30-slug", ("2025-11-17 10:20:30", "slug")),
        ("2025-11-17-10-20-30", ("2025-11-17 10:20:30", "")),
        ("2025-11-17-10-20-99-slug", ("2025-11-17", "10-20-99-slug")),
        ("2025-11-17-10-20-300", ("2025-11-17", "10-20-300")),
        ("2025-11-17-99-20-30-slug", ("2025-11-17", "99-20-30-slug")),
        ("2025-11-17T10:20:30Z-slug", ("2025-11-17T10:20:30Z", "slug")),
        ("2025-11-17T10:20:30+09:00_slug", ("2025-11-17T10:20:30+09:00", "slug")),
        ("2025-11-17_slug", ("2025-11-17", "slug")),
        ("2025-11-17 - My post", ("2025-11-17", "My post")),
        ("2025-11-17", ("2025-11-17", "")),
        ("2025-11-17-", ("2025-11-17", "")),
        ("2025-02-30-slug", ("2025-02-30", "slug")),
        ("25-11-17-slug", None),
        ("12025-11-17-slug", None),
        ("2025-11-17slug", None),
        ("2025-11-175-slug", None),
        ("2025-11-slug", None),
        ("２０２５-11-17-slug", None),
        ("about", None),
        ("", None),
    ],
)
def test_the_date_in_a_file_name(stem: str, parts: tuple[str, str] | None) -> None:
    assert file_name_date(stem) == parts


DATES = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29))
LIKE_DATES = st.text(alphabet="0123456789０９-/:.,+ TtZzＵUTCGMTJS年月日時分秒(月)\"'\t\n\u3000", max_size=40)


@given(
    text=st.one_of(st.text(max_size=80), LIKE_DATES),
    naive=st.sampled_from(["site", "utc"]),
    zone=st.sampled_from([TOKYO, "+14:00", NEW_YORK]),
)
def test_no_text_makes_it_raise(text: str, naive: Literal["site", "utc"], zone: str) -> None:
    outcome = read(text, zone=zone, naive=naive)
    assert isinstance(outcome, (Reading, Problem))
    assert isinstance(outcome, Reading) or outcome.rule.startswith("date.")


@given(text=st.from_regex(r"\A[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([ T][0-9]{1,2}:[0-9]{2}(:[0-9]{2})? ?([+-][0-9]{4}|Z)?)?\Z"))
def test_no_date_like_text_makes_it_raise(text: str) -> None:
    assert isinstance(read(text, zone=NEW_YORK, naive="site"), (Reading, Problem))


@given(stem=st.text(max_size=60))
def test_no_file_name_makes_it_raise(stem: str) -> None:
    parts = file_name_date(stem)
    assert parts is None or stem.endswith(parts[1])


@given(instant=DATES, zone=st.sampled_from(["UTC", TOKYO, NEW_YORK, "Asia/Kathmandu", "-03:30", "+14:00"]))
def test_what_feeds_write_is_read_back(instant: datetime, zone: str) -> None:
    moment = instant.replace(tzinfo=UTC, microsecond=0)
    for written in (rfc3339(moment, zone), rfc5322(moment, zone)):
        reading = understood(written)
        assert reading.instant == moment
        assert reading.problems == ()
