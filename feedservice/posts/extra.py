"""Where kramdown, Goldmark and Python-Markdown read another Markdown than the engine.

Of PHP Markdown Extra the engine reads definition lists too, but runs the paragraphs of one definition together when no empty line
stands before it; here it gets that line. Abbreviations are definitions for the whole page, and nothing where they stand. A link
may have spaces in kramdown and Python-Markdown, and that of a picture where no generator is known; a bar in a code span ends no
cell in the first two. The engine would show the one as text, and lose what stands behind the other.

For GitHub one tilde on each side strikes a text out. The ranges of Japanese and Korean are written with it (``5~10分、20~30分``),
so it is a tilde where the generator knows ``~~`` alone, and everywhere inside a word.
"""

from __future__ import annotations

import re

DEFINITION_LISTS = frozenset({"jekyll", "hugo", "pelican"})
"""Dialects whose generators read them without being asked."""
_EXTRA = frozenset({"jekyll", "pelican"})
"""Dialects whose generators know abbreviations, links with spaces, and bars in the code of a table."""

MOST_DEFINITIONS = 2_000
"""Definitions in one post: with more of them none is read. The engine's time grows with their square."""

_STRIKES_WITH_ONE = frozenset({"hugo", "zola"})
_STRIKES_WITH_TWO = frozenset({"jekyll", "pelican", "eleventy"})
# For private use, so that the engine takes it for a letter; in a URL it is percent-encoded.
_TILDE, _TILDE_IN_URL = "\uf07e", "%EF%81%BE"
# What is searched for stands first: an expression that begins with a condition is many times slower.
_LONE_TILDE = re.compile(r"~(?<![~\\]~)(?!~)")
_INNER_TILDE = re.compile(r"~(?<=\w~)(?=\w)")

_DETAILS = re.compile(r" {0,3}:[ \t]+\S")
_DEFINITION = re.compile(r"\n[ \t>*+-]*:[ \t]")
_ABBREVIATION = re.compile(r" {0,3}\*\[[^\]\n]+\]:")
_CODE = re.compile(r"(`+[^`]*`+)")
_SEGMENT = r"(?:[^()<>\"'\s]|\([^()<>\"'\s]*\))+"
_SPACED_LINK = re.compile(rf"\]\([ \t]*({_SEGMENT}(?: +{_SEGMENT})+)([ \t]+(?:\"[^\"]*\"|'[^']*'))?[ \t]*\)")
# ``![a](my picture.png)`` where no generator says otherwise: nobody writes that and means text.
_SPACED_PICTURE = re.compile(
    rf"(?<=!\[)([^\[\]\n]*)\]\([ \t]*({_SEGMENT}(?: +{_SEGMENT})*\.[A-Za-z0-9]{{2,5}})([ \t]+(?:\"[^\"]*\"|'[^']*'))?[ \t]*\)"
)
_RULE = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_BAR = re.compile(r"(?<!\\)\|")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")


def has_definitions(markdown: str, dialect: str) -> bool:
    """Tell whether the definition lists of a text are to be read as such."""
    if dialect not in DEFINITION_LISTS:
        return False
    return markdown.count(":") <= MOST_DEFINITIONS or len(_DEFINITION.findall(markdown)) <= MOST_DEFINITIONS


def prepared(markdown: str, dialect: str) -> str:
    """Return Markdown as the engine should read it in this dialect; code blocks with fences stay as they are."""
    spaced = dialect in DEFINITION_LISTS and _DEFINITION.search(markdown) is not None
    extra = dialect in _EXTRA
    abbreviated = extra and "]:" in markdown and "*[" in markdown
    linked = (extra or (dialect == "plain" and "![" in markdown)) and _SPACED_LINK.search(markdown) is not None
    barred = extra and "`" in markdown and "|" in markdown
    if not (spaced or abbreviated or linked or barred):
        return markdown
    lines = markdown.split("\n")
    kept: list[str] = []
    fence = ""
    seen = table = 0
    for at, line in enumerate(lines):
        fence, was = _fence_after(fence, line), fence
        if fence or was:
            kept.append(line)
            continue
        if abbreviated and _ABBREVIATION.match(line) and not (kept and kept[-1].strip()):
            continue
        if spaced and at >= seen and kept and kept[-1].strip() and _DETAILS.match(line):
            seen, loose = _definitions(lines, at)
            kept += [""] * loose
        if barred and at >= table and "|" in line:
            table = _table_end(lines, at)
        kept.append(_inline(line, linked=linked, links=extra, row=at < table) if linked or at < table else line)
    return "\n".join(kept)


def _inline(line: str, *, linked: bool, links: bool, row: bool) -> str:
    """Return a line whose links with spaces, and whose bars in code when it is a row, the engine will understand.

    Without ``links`` only pictures may have spaces.
    """
    parts = _CODE.split(line)
    if linked and not links:
        parts[::2] = [_SPACED_PICTURE.sub(r"\1](<\2>\3)", part) for part in parts[::2]]
    elif linked:
        parts[::2] = [_SPACED_LINK.sub(r"](<\1>\2)", part) for part in parts[::2]]
    if row:
        parts[1::2] = [_BAR.sub(r"\\|", part) for part in parts[1::2]]
    return "".join(parts)


def _table_end(lines: list[str], at: int) -> int:
    """Return where the table ends whose first row this line is; ``at`` when it is none."""
    rule = lines[at + 1] if at + 1 < len(lines) else ""
    if "-" not in rule or not _RULE.fullmatch(rule):
        return at
    end = at + 2
    while end < len(lines) and lines[end].strip():
        end += 1
    return end


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
