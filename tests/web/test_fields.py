from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.web.fields import combined, members, weighted


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ([], "accept", None),
        ([("Accept", "a")], "accept", "a"),
        ([("ACCEPT", "a"), ("accept", "b")], "accept", "a, b"),
        ([("accept", "")], "accept", ""),
        ([("accept-encoding", "gzip")], "accept", None),
        ([("a", "1"), ("b", "2"), ("a", "3")], "a", "1, 3"),
    ],
)
def test_lines_of_one_field_are_combined_in_order(fields: list[tuple[str, str]], name: str, value: str | None) -> None:
    assert combined(fields, name) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ()),
        (" , ,", ()),
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (" a ,\tb\t", ("a", "b")),
        ("a,,b", ("a", "b")),
        ('a;x="1,2",b', ('a;x="1,2"', "b")),
        ('a;x="\\",",b', ('a;x="\\","', "b")),
        ('a,"b,c', ("a", '"b,c')),
        ("a\\,b", ("a\\", "b")),
    ],
)
def test_members(value: str, expected: object) -> None:
    assert members(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("gzip", [("gzip", 1000)]),
        ("GZip", [("gzip", 1000)]),
        ("gzip;q=0.5", [("gzip", 500)]),
        ("gzip ; Q=0.5", [("gzip", 500)]),
        ("gzip;q=1.000", [("gzip", 1000)]),
        ("gzip;q=1.", [("gzip", 1000)]),
        ("gzip;q=0", [("gzip", 0)]),
        ("gzip;q=0.", [("gzip", 0)]),
        ("gzip;q=.25", [("gzip", 250)]),
        ("gzip;q=0.001", [("gzip", 1)]),
        ("gzip;q=0.57", [("gzip", 570)]),
        ("gzip;q=0.33333", [("gzip", 333)]),
        ("gzip;level=9;q=0.1", [("gzip", 100)]),
        ("gzip;q=0.1;q=0.9", [("gzip", 100)]),
        ("gzip;q=2", []),
        ("gzip;q=1.1", []),
        ("gzip;q=-1", []),
        ("gzip;q=high", []),
        ("gzip;q=", []),
        ("gzip;q=.", []),
        ("gzip;q=1e-1", []),
        ("gzip;q=٠.٥", []),
        ("gzip;q", []),
        (";q=1", []),
        ("gzip;q=x, br", [("br", 1000)]),
    ],
)
def test_weights(value: str, expected: object) -> None:
    assert list(weighted(value)) == expected


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    assert all(0 <= weight <= 1000 for _, weight in weighted(text))
    assert all(member and member == member.strip(" \t") for member in members(text))
