from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.config import document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12:30", "12:30"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("3.10", 3.1),
        ("1e3", 1000.0),
        ("-.inf", -math.inf),
        ("2025-11-17", "2025-11-17"),
        ("2025-11-17 04:42:09 +0000", "2025-11-17 04:42:09 +0000"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_plain_scalars_are_read_by_the_core_schema(text: str, value: object) -> None:
    assert document.scalar(text) == value
    assert document.read(f"a: {text}\n").values == {"a": value}


def test_not_a_number() -> None:
    value = document.scalar(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


def test_quoted_and_tagged_scalars_are_what_they_say() -> None:
    read = document.read("a: '5'\nb: !!str 5\nc: !!int '5'\nd: |\n  5\n2024: x\n")
    assert read.values == {"a": "5", "b": "5", "c": 5, "d": "5\n", "2024": "x"}
    assert read.flaws == ()


def test_places_are_one_based() -> None:
    places = document.read("site:\n  title: A\nfeeds:\n  define:\n    - key: x\n").places
    assert places["site", "title"] == document.Place(key=(2, 3), value=(2, 10))
    assert places["feeds", "define", 0, "key"] == document.Place(key=(5, 7), value=(5, 12))


def test_an_empty_document_is_an_empty_mapping() -> None:
    assert document.read("# nothing\n").values == {}


def test_aliases_are_followed() -> None:
    assert document.read("a: &x [1]\nb: *x\n").values == {"a": [1], "b": [1]}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1), "first in line 1"),
        ("a: b: c\n", (1, 5), "mapping values"),
        ("\ta: 1\n", (1, 1), "'\\t'"),
        ("a: {{ x }}\n", (1, 5), "a key must be text"),
        ("a: &x [*x]\n", (1, 4), "contain itself"),
        ("a: !thing 1\n", (1, 4), "`!thing`"),
        ("a: !!set {b}\n", (1, 4), "`!!set`"),
        ("a: 1\n---\nb: 1\n", (2, 1), "another document"),
        ("a: 1\nb: \x07\n", (2, 4), "U+0007"),
        ("a: *nothing\n", (1, 4), "alias"),
    ],
)
def test_flaws_have_their_place(text: str, place: tuple[int, int], words: str) -> None:
    (flaw,) = document.read(text).flaws
    assert (flaw.line, flaw.column) == place
    assert words in flaw.message
    assert flaw.hint


@pytest.mark.parametrize("text", ["[" * 3000, "{a: " * 3000, "- " * 3000])
def test_deep_nesting_is_refused(text: str) -> None:
    read = document.read(text)
    assert read.values is None
    assert "too deeply" in read.flaws[0].message


def test_an_alias_bomb_is_refused_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    flaws = document.read("\n".join(lines)).flaws
    assert len(flaws) == 1
    assert "beyond measure" in flaws[0].message


plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
written = st.one_of(
    plain, st.sampled_from(["NO", "1e3", "0o17", "~", "null", "12:30", "1_0", ".inf", "=", "<<", "2025-01-01", "- a", "a: b"])
)
values = st.recursive(
    st.one_of(written, st.integers(), st.booleans(), st.none()),
    lambda inner: st.lists(inner) | st.dictionaries(written, inner),
    max_leaves=8,
)


@given(st.dictionaries(written, values, max_size=4))
def test_what_is_dumped_is_read_back(value: dict[str, object]) -> None:
    read = document.read(document.dump(value))
    assert read.flaws == ()
    assert read.values == value


@given(st.text())
def test_no_text_crashes_the_reader(text: str) -> None:
    read = document.read(text)
    assert read.values is not None or read.flaws
