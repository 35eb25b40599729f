"""Bytes → text: UTF-8 with or without a byte order mark, line ends as LF; anything else is refused with a guess at what it is."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from feedservice.model import Problem
from feedservice.posts.frontmatter_loaded import error, position

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32LE"),
    (codecs.BOM_UTF32_BE, "UTF-32BE"),
    (codecs.BOM_UTF16_LE, "UTF-16LE"),
    (codecs.BOM_UTF16_BE, "UTF-16BE"),
)
_ISO_2022_JP = re.compile(rb"\x1b\$[B@]")
_JAPANESE = (("cp932", "Shift_JIS"), ("euc_jp", "EUC-JP"))
_KANA = re.compile("[\u3001-\u30ff]")
_KANJI = re.compile("[\u4e00-\u9fff]")
_KANJI_RUN = re.compile("[\u4e00-\u9fff]{2}")
_UNLIKELY = re.compile("[\uff61-\uff9f\ue000-\uf8ff]")
_READABLE = re.compile("[\t\n\r\x20-\x7e\u00a0-\u024f\u2010-\u2027\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]")
_SAMPLE = 65_536
_FEW = 0.15
_SHORT = 8
_MOST = 0.9


def decode(data: bytes) -> str | Problem:
    """Read a file's bytes as UTF-8; CRLF and CR become LF, a byte order mark is dropped.

    Returns a problem ``encoding.invalid`` with the line and column of the first byte that is not UTF-8 and the encoding that
    the file seems to be in. UTF-16 and UTF-32 are refused even with their byte order mark: the generator of the site could
    not read them either.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _refused("the file begins with the byte order mark of " + name, name, 1, 1)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as failure:
        guess = _guess(data)
        what = f"the byte 0x{data[failure.start]:02X} is not UTF-8"
        if guess is not None and guess.startswith("UTF-16"):
            return _refused(what, guess, 1, 1)
        return _refused(what, guess, *_place(data[: failure.start]))
    if b"\0" in data and (wide := _wide(data)) is not None:
        return _refused("the bytes are no UTF-8 text", wide, 1, 1)
    if b"\x1b" in data and (escape := _ISO_2022_JP.search(data)) is not None:
        return _refused("the file switches character sets by escape sequences", "ISO-2022-JP", *_place(data[: escape.start()]))
    return _unix(text)


def _unix(text: str) -> str:
    if text.startswith("\ufeff"):
        text = text.lstrip("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _place(before: bytes) -> tuple[int, int]:
    text = _unix(before.decode("utf-8"))
    return position(text, len(text))


def _refused(what: str, encoding: str | None, line: int, column: int) -> Problem:
    if encoding is None:
        message = f"{what}; the rest of the file is UTF-8, so a few bytes are damaged or were pasted in another encoding"
        return error("encoding.invalid", message, hint="retype the text at this place", line=line, column=column)
    hint = f"save the file as UTF-8 (iconv -f {encoding} -t UTF-8)"
    return error("encoding.invalid", f"{what}; the file seems to be {encoding}", hint=hint, line=line, column=column)


def _guess(data: bytes) -> str | None:
    """Name the encoding that reads best; None for UTF-8 with a few damaged bytes."""
    sample = data[:_SAMPLE]
    lenient = sample.decode("utf-8", "replace")
    damaged = lenient.count("\ufffd")
    if 0 < 2 * damaged < sum(char > "\x7f" for char in lenient) - damaged:
        return None
    if (wide := _wide(data)) is not None:
        return wide
    return max(_east_asian(data), default=(0.0, "windows-1252"))[1]


def _wide(data: bytes) -> str | None:
    """Tell UTF-16 without a byte order mark: read as such it is text almost throughout, which no other text is."""
    sample = data[: min(_SAMPLE, len(data) // 2 * 2)]
    for name in ("UTF-16LE", "UTF-16BE"):
        text = sample.decode(name, "replace")
        latin = sum(char < "\u0250" or "\u3000" <= char < "\u3100" for char in text)
        if text and len(_READABLE.findall(text)) > _MOST * len(text) and latin > _FEW * len(text):
            return name
    return None


def _east_asian(data: bytes) -> Iterator[tuple[float, str]]:
    """Yield (how well it reads, name) of each encoding that the bytes are valid in and look like."""
    for codec, name in _JAPANESE:
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        wide = sum(char > "\x7f" for char in text)
        kana = len(_KANA.findall(text))
        score = kana + len(_KANJI.findall(text)) - 2 * len(_UNLIKELY.findall(text))
        # Latin text may be valid here by accident: then its kanji are few and stand alone, without kana.
        if 2 * score > wide and (kana > _FEW * wide or _KANJI_RUN.search(text) is not None):
            chinese = codec == "euc_jp" and not kana and wide > _SHORT
            yield score / wide, "GB18030" if chinese else name
