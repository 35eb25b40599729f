"""File names and titles as generators write them in links: which characters stay, which become hyphens, which go."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

_MULTIPLE = re.compile("-{2,}")
_SPACE = re.compile(r"(?<![-\s])\s++(?!-)")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HUGO_KEEPS = frozenset("./\\_#+~-@%")


def jekyll_slug(text: str, *, pretty: bool, cased: bool) -> str:
    """Return Jekyll's slug: letters, marks and decimal digits of every script stay, runs of others become one hyphen."""
    if text.isascii() and text.replace("-", "").isalnum():
        joined = _MULTIPLE.sub("-", text).removeprefix("-").removesuffix("-")
        return joined if cased else joined.lower()
    keep = "._~!$&'()+,;=@" if pretty else ""
    # Written with a character test instead of a regular expression: ``re`` knows no ``\\p{M}``.
    out = [c if c in keep or _is_word(c) else "\0" for c in text]
    joined = re.sub("\0+", "-", "".join(out)).removeprefix("-").removesuffix("-")
    return joined if cased else joined.lower()


def hugo_path(text: str) -> str:
    r"""Return a path as Hugo makes it safe: lower case, white space to hyphens, punctuation out; ``./\_#+~-@`` stay.

    White space beside a hyphen goes; hyphens that were typed stay as many as they were.
    """
    kept = "".join(c for c in _LONE_PERCENT.sub("", text) if c.isspace() or _hugo_keeps(c))
    joined = re.sub(r"\s+", "", _SPACE.sub("-", kept.strip()))
    # One character at a time, as Go does it: a final sigma stays a sigma, a dotted capital i has one letter.
    return joined.lower() if joined.isascii() else "".join(c.lower()[0] for c in joined)


def hugo_start(text: str) -> str:
    """Return a text without what stands before the first character that Hugo keeps: no hyphen is made of it."""
    return text[next((at for at, c in enumerate(text) if _hugo_keeps(c)), len(text)) :]


def hugo_token(text: str) -> str:
    """Return what fills a token of Hugo's permalinks: a safe path, read as a query afterwards, so that ``+`` is white space."""
    safe = hugo_path(text)
    before, _, fragment = safe.partition("#")
    # An empty fragment is dropped where the text is read as a URL.
    return unquote((safe if fragment else before).replace("+", " "))


def pelican_slug(text: str) -> str:
    """Return Pelican's slug in the text's own script: letters, digits, ``_`` and hyphens stay, everything else goes."""
    kept = re.sub(r"[^\w\s-]", "", unicodedata.normalize("NFKC", text))
    return re.sub(r"[-\s]+", "-", kept.strip()).lower()


def _hugo_keeps(c: str) -> bool:
    return c in _HUGO_KEEPS or _is_word(c)


def _is_word(c: str) -> bool:
    category = unicodedata.category(c)
    return category[0] in "LM" or category == "Nd"
