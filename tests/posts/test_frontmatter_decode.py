from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice.model import Problem, Severity
from feedservice.posts.frontmatter import decode, read

POST = "---\ntitle: 日本語の題名\n---\n本文です。これはテストです。\n"


def refusal(data: bytes) -> Problem:
    found = decode(data)
    assert isinstance(found, Problem)
    assert (found.rule, found.severity) == ("encoding.invalid", Severity.ERROR)
    assert read(data, dialect="plain") == (found,)
    return found


@pytest.mark.parametrize(
    "data", [b"a\nb\n", b"a\r\nb\r\n", b"a\rb\r", b"a\nb\r", b"\xef\xbb\xbfa\r\nb\n", b"\xef\xbb\xbf\xef\xbb\xbfa\nb\n"]
)
def test_byte_order_marks_and_line_ends_are_simply_read(data: bytes) -> None:
    assert decode(data) == "a\nb\n"


def test_what_is_utf_8_is_untouched() -> None:
    text = "é e\u0301 \u2028 \u0085 \ufeff 😀 \x0b\n"
    assert decode(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "codec", "name", "line", "column"),
    [
        (POST, "shift_jis", "Shift_JIS", 2, 8),
        (POST, "euc_jp", "EUC-JP", 2, 8),
        (POST, "iso2022_jp", "ISO-2022-JP", 2, 8),
        ("---\r\ntitle: 投資分析\r\n---\r\n", "shift_jis", "Shift_JIS", 2, 8),
        ("---\rtitle: 投資分析\r---\r", "euc_jp", "EUC-JP", 2, 8),
        ("カタカナ", "shift_jis", "Shift_JIS", 1, 1),
        ("---\ntitle: 中文标题\n---\n这是正文内容", "gb18030", "GB18030", 2, 8),
        ("---\ntitle: Café été\n---\nÉlan — “quotes” déjà vu", "cp1252", "windows-1252", 2, 11),
        ("title: élan", "cp1252", "windows-1252", 1, 8),
        ("Grüße aus Köln ÄÖÜ", "cp1252", "windows-1252", 1, 3),
        (POST, "utf-16", "UTF-16", 1, 1),
        (POST, "utf-32", "UTF-32", 1, 1),
        ("---\ntitle: a\n---\n", "utf-16-le", "UTF-16LE", 1, 1),
        ("---\ntitle: a\n---\n", "utf-16-be", "UTF-16BE", 1, 1),
        (POST, "utf-16-be", "UTF-16BE", 1, 1),
    ],
)
def test_another_encoding_is_named_and_placed(text: str, codec: str, name: str, line: int, column: int) -> None:
    found = refusal(text.encode(codec))
    assert name in found.message
    assert name in found.hint
    assert (found.line, found.column) == (line, column)


def test_damaged_utf_8_is_told_from_another_encoding() -> None:
    found = refusal("---\ntitle: 題\n---\n本文".encode() + b"\xe9" + "です。".encode())
    assert (found.line, found.column) == (4, 3)
    assert "0xE9" in found.message
    assert "seems" not in found.message


def test_a_nul_byte_alone_is_no_other_encoding() -> None:
    assert decode("日本語の本文です\0".encode()) == "日本語の本文です\0"


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_a_problem_with_a_place(data: bytes) -> None:
    found = decode(data)
    if isinstance(found, Problem):
        assert found.line is not None
        assert 1 <= found.line <= 1 + data.count(b"\n") + data.count(b"\r")
        assert found.hint
    else:
        assert "\r" not in found


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\ufeff\0\x1b")))
def test_all_text_without_carriage_returns_comes_back(text: str) -> None:
    assert decode(text.encode()) == text
