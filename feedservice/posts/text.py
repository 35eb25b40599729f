"""Characters: what XML 1.0 can hold, and titles as plain text."""

from __future__ import annotations

import html
import re

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Only these names are tags in a title: `Vec<T>` and `<t>` are text.
_TAGS = frozenset({
    "a", "abbr", "b", "big", "br", "cite", "code", "del", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "ins", "kbd", "mark", "p", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt",
    "u", "var", "wbr",
})  # fmt: skip
_LONE_TAGS = frozenset({"br", "hr", "img", "wbr"})
_BREAKS = frozenset({"br", "hr", "p"})

_CODE = re.compile(r"(?<!`)(`+)(?!`)([^`]+)\1(?!`)")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*)?/?>")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)")
# Emphasis only where no word touches the marks from outside: `f*ck`, `5 * 3` and `*args` keep their stars, and so does
# `__init__` its underscores, which are therefore no marks at all.
_EMPHASIS = re.compile(r"(?<![\w*\\])(\*{1,3})(?=[^\s*])([^*]*[^\s*\\])\1(?![\w*])")
_CJK_STRONG = re.compile(r"(?<![*\\])\*\*(?=[^\s*])([^*]*[^\s*\\])\*\*(?!\*)")
_STRUCK = re.compile(r"(?<!~)~~(?=[^\s~])([^~]*[^\s~])~~(?!~)")
_ESCAPE = re.compile(r"\\([*_`\[\]<>~])")
_MARKS = re.compile(r"[*`<&\[~\\]")


def xml_text(text: str) -> tuple[str, int]:
    r"""Return ``text`` with only the characters that XML 1.0 §2.2 ``Char`` allows, and how many were removed.

    Lone surrogates, C0 controls but TAB, LF and CR, U+FFFE and U+FFFF go; everything else stays as it is.
    """
    if _ILLEGAL.search(text) is None:
        return text, 0
    return _ILLEGAL.subn("", text)


def plain_title(text: str) -> str:
    """Return a title as plain text: Markdown and HTML marks gone, entities decoded exactly once, white space collapsed.

    What only looks like markup stays: ``a < b``, ``5 * 3``, ``Vec<T>``, ``__init__``, a tag that is never closed.
    """
    text, _ = xml_text(text)
    if _MARKS.search(text) is not None:
        parts: list[str] = []
        end = 0
        for code in _CODE.finditer(text):
            parts += (_without_marks(text[end : code.start()]), code[2].strip() or code[2])
            end = code.end()
        text = "".join((*parts, _without_marks(text[end:])))
        text, _ = xml_text(text)
    return " ".join(text.split())


def _without_marks(text: str) -> str:
    closed = {match[2].lower() for match in _TAG.finditer(text) if match[1]}
    opened = {match[2].lower() for match in _TAG.finditer(text) if not match[1]}
    markup = (_TAGS & closed & opened) | _LONE_TAGS

    def tag(match: re.Match[str]) -> str:
        name = match[2].lower()
        if name not in markup:
            return match[0]
        return " " if name in _BREAKS else ""

    text = _TAG.sub(tag, text)
    text = _LINK.sub(r"\1", text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _CJK_STRONG.sub(r"\1", text)
    text = _STRUCK.sub(r"\1", text)
    text = _ESCAPE.sub(r"\1", text)
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)
