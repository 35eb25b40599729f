"""What every front matter reader hands back, and the checks that all of them share."""

from __future__ import annotations

import dataclasses
import itertools
import re
import unicodedata

from feedservice.model import Problem, Severity, Value

MAX_DEPTH = 64
"""Deepest nesting of mappings and lists. Real front matter stays below 6; parsers that recurse fail near 1,000."""

ODD_SPACES = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000"
"""For a regular expression's set: spaces that look like U+0020 and are letters to YAML."""

_RAW_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPORTED = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One front matter as its format's reader understood it; worthless when ``problems`` holds an error."""

    metadata: dict[str, Value]
    lines: dict[str, int]
    """Top-level key → 1-based line in the file."""
    problems: tuple[Problem, ...]


def error(rule: str, message: str, *, hint: str, line: int, column: int = 1) -> Problem:
    """Make a problem that refuses the file."""
    return Problem(rule=rule, severity=Severity.ERROR, message=message, hint=hint, line=line, column=column)


def warning(rule: str, message: str, *, hint: str, line: int, column: int = 1) -> Problem:
    """Make a problem that does not refuse the file."""
    return Problem(rule=rule, severity=Severity.WARNING, message=message, hint=hint, line=line, column=column)


def refused(*problems: Problem) -> Loaded:
    """Make the answer of a reader that could read nothing."""
    return Loaded(metadata={}, lines={}, problems=problems)


def position(text: str, index: int, first_line: int = 1) -> tuple[int, int]:
    """Return the 1-based line and column of ``text[index]`` when ``text`` begins on ``first_line``."""
    return first_line + text.count("\n", 0, index), index - text.rfind("\n", 0, index)


def character(char: str) -> str:
    """Name a character that cannot be shown: ``U+3000 IDEOGRAPHIC SPACE``."""
    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X} {name}".rstrip()


def raw_controls(text: str, first_line: int) -> tuple[Problem, ...]:
    """Report raw control characters, byte order marks and noncharacters (XML 1.0 §2.2, YAML 1.2 §5.1)."""
    found: list[Problem] = []
    for match in itertools.islice(_RAW_CONTROL.finditer(text), _REPORTED):
        line, column = position(text, match.start(), first_line)
        message = f"the front matter holds the invisible character {character(match[0])}"
        hint = "delete the character; it is often pasted along with text from a PDF or a chat"
        found.append(error("frontmatter.control-character", message, hint=hint, line=line, column=column))
    return tuple(found)


def without_illegal(value: str) -> str:
    r"""Remove what an escape such as ``"\0"`` or ``"\ud800"`` can bring in and no XML or JSON document can carry out."""
    return _NOT_XML.sub("", value)


def removed_escape(key: str, *, line: int, column: int = 1) -> Problem:
    """Make the warning that ``without_illegal`` took something away."""
    message = f"an escape in {key!r} stands for a character that no feed can carry; it was removed"
    hint = "delete the escape sequence"
    return warning("frontmatter.illegal-escape", message, hint=hint, line=line, column=column)
