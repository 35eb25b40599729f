from __future__ import annotations

import unicodedata
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.taxonomy import RESERVED, encode_path, identity, slug, slugs


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AI", "ai"),
        ("AI", "ＡＩ"),
        ("é", "e\u0301"),
        ("STRASSE", "straße"),
        ("  two   words ", "Two Words"),
        ("\u3000全角\u3000", "全角"),
        ("İ", "i\u0307"),
        ("ｶﾞ", "ガ"),
    ],
)
def test_spellings_of_one_category(one: str, other: str) -> None:
    assert identity(one) == identity(other)


@pytest.mark.parametrize(("one", "other"), [("C", "C++"), ("C++", "C#"), ("ai", "aı"), ("投資", "投資分析")])
def test_different_categories(one: str, other: str) -> None:
    assert identity(one) != identity(other)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("投資分析", "投資分析"),
        ("AI最新ニュース", "ai最新ニュース"),
        ("Tips & Tricks", "tips-and-tricks"),
        ("C", "c"),
        ("C++", "cplusplus"),
        ("C#", "csharp"),
        ("Node.js", "node.js"),
        (".NET", "net"),
        ("a/b", "a-b"),
        ("../../etc/passwd", "etc-passwd"),
        ("Träffar", "träffar"),
        ("mind sciences", "mind-sciences"),
        ("a\x00b\nc", "a-b-c"),
        ("trailing. ", "trailing"),
        ("snake_case", "snake-case"),
    ],
)
def test_slug(label: str, expected: str) -> None:
    assert slug(label) == expected


@pytest.mark.parametrize("label", ["", ".", "..", "///", "🎉", "con", "NUL", "com1.txt", "\x00"])
def test_slug_of_dangerous_names_is_a_hash(label: str) -> None:
    made = slug(label)
    assert made
    assert made not in {".", ".."}
    assert made.split(".")[0] not in {"con", "nul", "com1"}
    assert "/" not in made


def test_long_names_are_cut_with_a_mark() -> None:
    one, other = slug("長" * 300), slug("長" * 299 + "短")
    assert one != other
    assert max(len(one.encode()), len(other.encode())) <= 120


@given(st.text())
def test_slug_is_always_a_safe_file_name(label: str) -> None:
    made = slug(label)
    assert made
    assert not made.startswith((".", "-", "~"))
    assert not made.endswith((".", " "))
    assert not any(c in '/\\\0:*?"<>|' or unicodedata.category(c) == "Cc" for c in made)
    assert len(made.encode("utf-8", "surrogatepass")) <= 140
    assert slug(label) == made


@given(st.lists(st.text(), max_size=12))
def test_slugs_are_never_shared(labels: list[str]) -> None:
    made = slugs(labels, taken=RESERVED)
    assert set(made) == {identity(label) for label in labels}
    assert len(set(made.values())) == len(made)
    assert not set(made.values()) & RESERVED


def test_the_exact_name_keeps_the_plain_slug() -> None:
    made = slugs(["C++", "cplusplus", "C plus plus"])
    assert made["cplusplus"] == "cplusplus"
    assert made["c++"].startswith("cplusplus-")


def test_the_earlier_name_keeps_its_slug_when_a_later_one_collides() -> None:
    before = slugs(["a/b"])
    after = slugs(["a/b", "a\\b"])
    assert after["a/b"] == before["a/b"]
    assert after["a\\b"] != after["a/b"]


def test_configured_slug_wins() -> None:
    made = slugs(["投資分析", "investment"], fixed={"投資分析": "investment"})
    assert made["投資分析"] == "investment"
    assert made["investment"] != "investment"


@given(st.text().filter(lambda text: text.isprintable()))
def test_encoded_paths_are_ascii_and_decode_back(path: str) -> None:
    made = encode_path(path)
    assert made.isascii()
    assert unquote(made) == path
