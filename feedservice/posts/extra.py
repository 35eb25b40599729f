"""Where kramdown, Goldmark and Python-Markdown read another Markdown than the engine: PHP Markdown Extra, and a single tilde.

The engine reads definition lists too, but runs the paragraphs of one definition together when no empty line stands before it;
here it gets that line. Abbreviations are definitions for the whole page, and nothing where they stand.

For GitHub one tilde on each side strikes a text out. The ranges of Japanese and Korean are written with it (``5~10分、20~30分``),
so it is a tilde where the generator knows ``~~`` alone, and everywhere inside a word.
"""

from __future__ import annotations

import re

DEFINITION_LISTS = frozenset({"jekyll", "hugo", "pelican"})
"""Dialects whose generators read them without being asked."""
_ABBREVIATIONS = frozenset({"jekyll", "pelican"})

MOST_DEFINITIONS = 2_000
"""Definitions in one post: with more of them none is read. The engine's time grows with their square."""

_STRIKES_WITH_ONE = frozenset({"hugo", "zola"})
_STRIKES_WITH_TWO = frozenset({"jekyll", "pelican", "eleventy"})
# For private use, so that the engine takes it for a letter; in a URL it is percent-encoded.
_TILDE, _TILDE_IN_URL = "\uf07e", "%EF%81%BE"
_LONE_TILDE = re.compile(r"(?<![~\\])~(?!~)")
_INNER_TILDE = re.compile(r"(?<=\w)~(?=\w)")

_DETAILS = re.compile(r" {0,3}:[ \t]+\S")
_DEFINITION = re.compile(r"^[ \t>*+-]*:[ \t]", re.MULTILINE)
_ABBREVIATION = re.compile(r" {0,3}\*\[[^\]\n]+\]:")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def has_definitions(markdown: str, dialect: str) -> bool:
    """Tell whether the definition lists of a text are to be read as such."""
    if dialect not in DEFINITION_LISTS:
        return False
    return markdown.count(":") <= MOST_DEFINITIONS or len(_DEFINITION.findall(markdown)) <= MOST_DEFINITIONS


def prepared(markdown: str, dialect: str) -> str:
    """Return Markdown as the engine should read it in this dialect; code blocks with fences stay as they are."""
    spaced = dialect in DEFINITION_LISTS and _DEFINITION.search(markdown) is not None
    abbreviated = dialect in _ABBREVIATIONS and "]:" in markdown and "*[" in markdown
    if not spaced and not abbreviated:
        return markdown
    lines = markdown.split("\n")
    kept: list[str] = []
    fence = ""
    seen = 0
    for at, line in enumerate(lines):
        fence, was = _fence_after(fence, line), fence
        if not fence and not was:
            if abbreviated and _ABBREVIATION.match(line) and not (kept and kept[-1].strip()):
                continue
            if spaced and at >= seen and kept and kept[-1].strip() and _DETAILS.match(line):
                seen, loose = _definitions(lines, at)
                kept += [""] * loose
        kept.append(line)
    return "\n".join(kept)


def _fence_after(fence: str, line: str) -> str:
    """Return the mark of the code block that is open after a line; empty when none is."""
    match = _FENCE.match(line)
    if match is None:
        return fence
    mark, rest = match[1], match[2]
    if not fence:
        return "" if mark[0] == "`" and "`" in rest else mark
    return "" if mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip() else fence


def _definitions(lines: list[str], at: int) -> tuple[int, bool]:
    """Return where the definitions of the term above end, and whether an empty line is in one of them."""
    loose = False
    while at < len(lines):
        while at < len(lines) and lines[at].strip():
            at += 1
        while at < len(lines) and not lines[at].strip():
            at += 1
        if at < len(lines) and lines[at].startswith(("  ", "\t")):
            loose = True
        elif at == len(lines) or not _DETAILS.match(lines[at]):
            break
    return at, loose


def lone_tildes_kept(markdown: str, dialect: str) -> str:
    """Return Markdown in which tildes that strike nothing out in this dialect are hidden from the engine."""
    if dialect in _STRIKES_WITH_ONE or _TILDE in markdown:
        return markdown
    return (_LONE_TILDE if dialect in _STRIKES_WITH_TWO else _INNER_TILDE).sub(_TILDE, markdown)


def lone_tildes(html: str) -> str:
    """Return the engine's HTML with the tildes that were hidden from it."""
    return html.replace(_TILDE, "~").replace(_TILDE_IN_URL, "~")
