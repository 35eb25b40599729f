from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feedservice.dates import canonical_zone, is_zone, local, suggest_zones
from feedservice.dates.zones import zone_names


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("asia/tokyo ", "Asia/Tokyo"),
        (" AMERICA/NEW_YORK", "America/New_York"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Japan", "Japan"),
        ("EST", "EST"),
        ("Etc/GMT+9", "Etc/GMT+9"),
        ("utc", "UTC"),
        ("Etc/UTC", "UTC"),
        ("Zulu", "UTC"),
        ("+09:00", "+09:00"),
        ("-0330", "-03:30"),
        ("+9", "+09:00"),
        ("+00:00", "UTC"),
        ("-00:00", "UTC"),
        ("+14:00", "+14:00"),
        ("-14:00", "-14:00"),
        ("+14:01", None),
        ("+09:60", None),
        ("+09:00:00", None),
        ("JST", None),
        ("GMT+9", None),
        ("UTC+9", None),
        ("localtime", None),
        ("Factory", None),
        ("../etc/passwd", None),
        ("Asia/Tokyo\x00", None),
        ("東京", None),
        ("", None),
        ("author", None),
    ],
)
def test_names(name: str, canonical: str | None) -> None:
    assert canonical_zone(name) == canonical
    assert is_zone(name) is (canonical is not None)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("JST", ("Asia/Tokyo",)),
        ("jst", ("Asia/Tokyo",)),
        ("PST", ("America/Los_Angeles",)),
        ("CST", ("America/Chicago", "Asia/Shanghai")),
        ("GMT+9", ("+09:00",)),
        ("UTC-3:30", ("-03:30",)),
        ("utc +9", ("+09:00",)),
        ("UTC+25", ()),
        ("Tokyo", ("Asia/Tokyo",)),
        ("new york", ("America/New_York",)),
        ("America/New York", ("America/New_York",)),
        ("America/NewYork", ("America/New_York",)),
        ("Tokio", ("Asia/Tokyo",)),
        ("東京", ("Asia/Tokyo",)),
        ("Europe/Berlin", ("Europe/Berlin",)),
        ("", ()),
        ("Mars/Olympus", ()),
        ("x" * 10_000, ()),
    ],
)
def test_hints(name: str, meant: tuple[str, ...]) -> None:
    assert suggest_zones(name) == meant


def test_the_likeliest_hint_stands_first() -> None:
    assert suggest_zones("Asia/Tokio")[0] == "Asia/Tokyo"


@pytest.mark.parametrize(
    "name",
    [
        "ACST",
        "AEST",
        "AST",
        "BST",
        "CEST",
        "EET",
        "HKT",
        "IST",
        "KST",
        "MET",
        "NST",
        "NZ",
        "PHT",
        "WIB",
        "Z",
        "日本",
        "PRC",
        "GMT+14",
        "Lodnon",
    ],
)
def test_every_hint_is_a_zone(name: str) -> None:
    meant = suggest_zones(name)
    assert meant
    assert all(canonical_zone(zone) == zone for zone in meant)


def test_every_name_is_its_own_canonical_name_or_utc() -> None:
    odd = {name for name in zone_names() if canonical_zone(name.upper()) != name}
    assert {canonical_zone(name) for name in odd} == {"UTC"}
    assert len(odd) < 10


def test_local_is_the_wall_time_of_the_zone() -> None:
    instant = datetime(2025, 7, 29, 17, 25, tzinfo=UTC)
    for zone, wall in [
        ("Asia/Tokyo", "2025-07-30T02:25:00+09:00"),
        ("America/New_York", "2025-07-29T13:25:00-04:00"),
        ("Africa/Casablanca", "2025-07-29T18:25:00+01:00"),
        ("Europe/Dublin", "2025-07-29T18:25:00+01:00"),
        ("-03:30", "2025-07-29T13:55:00-03:30"),
        ("UTC", "2025-07-29T17:25:00+00:00"),
    ]:
        shown = local(instant, zone)
        assert shown.isoformat() == wall
        assert shown == instant


def test_local_takes_any_aware_datetime_and_no_naive_one() -> None:
    there = local(datetime(2025, 7, 29, 17, 25, tzinfo=UTC), "America/New_York")
    assert local(there, "Asia/Tokyo").isoformat() == "2025-07-30T02:25:00+09:00"
    with pytest.raises(ValueError, match="aware"):
        local(datetime(2025, 7, 29), "Asia/Tokyo")
    with pytest.raises(ValueError, match="no such zone"):
        local(there, "PST")


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "+14:00", "-14:00", "UTC"])
def test_local_stays_within_the_calendar(zone: str) -> None:
    for instant in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        shown = local(instant, zone)
        assert shown == instant
        assert local(shown, "UTC") == instant
