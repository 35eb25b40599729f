"""What a YAML parser complains of → the mistake that a person made, its place and what to type instead."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from feedservice.model import Problem
from feedservice.posts.frontmatter_loaded import ODD_SPACES, character, error

_KEY = r"[ ]*+(?:-[ ]++)*+(?P<key>[^\s:：﹕#\"'\[{][^:：﹕]*|\"[^\"]*\"|'[^']*')"
_FULL_WIDTH = re.compile(r"[ ]*+(?:-[ ]++)*+(?P<key>[A-Za-z_][\w-]*)[ \u3000]*(?P<at>[：﹕])")
_ODD_SPACE = re.compile(_KEY + rf":(?P<at>[{ODD_SPACES}])")
_NO_SPACE = re.compile(r"[ ]*+(?:-[ ]++)*+(?P<key>[A-Za-z_][\w-]*):(?P<at>(?!//)[^\s:])")
_VALUE = re.compile(_KEY + r":[ \t]+(?P<at>\S.*)")
_ITEM = re.compile(r"(?P<key>[ ]*+(?:-[ ]++)++)(?P<at>\S.*)")
_COLON = re.compile(r":(?=\s|$)")
_SHOWN = 60

_SPECIAL = {
    "[": "a value that begins with [ is a list to YAML, and text follows its end",
    "{": "a value that begins with { is a mapping to YAML",
    "*": "a value that begins with * is an alias to YAML",
    "&": "a value that begins with & is an anchor to YAML",
    "!": "a value that begins with ! is a type tag to YAML",
    "%": "a value cannot begin with % in YAML",
    "@": "a value cannot begin with @ in YAML",
    "`": "a value cannot begin with ` in YAML",
    '"': "text follows the closing quotation mark, or a quotation mark inside the value is not escaped",
    "'": "text follows the closing apostrophe, or an apostrophe inside the value is not doubled",
    "|": "after | the text begins on the next line, indented",
    ">": "after > the text begins on the next line, indented",
    "-": "a list begins on the line after its key",
    "?": "a value cannot begin with ? and a space in YAML",
    ",": "a value cannot begin with , in YAML",
    "]": "a value cannot begin with ] in YAML",
    "}": "a value cannot begin with } in YAML",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What the parser said. Lines and columns are 0-based within the front matter."""

    problem: str
    context: str
    line: int
    column: int
    context_line: int | None
    context_column: int


def explain(text: str, complaint: Complaint, first_line: int) -> Problem:
    """Find the mistake behind a parser's complaint; a ``yaml.*`` error with the line and column of the mistake itself."""
    lines = text.split("\n")
    if complaint.context.endswith("a quoted scalar") and complaint.problem.startswith("found unexpected"):
        return _unclosed_quote(complaint, first_line)
    if "escape" in complaint.problem:
        message = f"a backslash inside double quotes begins an escape, and this one means nothing: {complaint.problem}"
        hint = "write two backslashes, or use single quotes: nothing is an escape there"
        line, column = complaint.line + first_line, complaint.column + 1
        return error("yaml.escape", message, hint=hint, line=line, column=column)
    if complaint.context == "while parsing a flow node":
        number, column = _place(lines, complaint.line, complaint.column)
        message = f"a value is missing inside brackets; read {lines[number].strip()[:_SHOWN]!r}"
        hint = "close the bracket and put something between commas, or quote the whole value"
        return error("yaml.brackets", message, hint=hint, line=number + first_line, column=column + 1)
    if complaint.context_line is not None and complaint.context.startswith("while parsing a flow"):
        return _unclosed_bracket(complaint.context_line, complaint, first_line)
    for number in _suspects(lines, complaint):
        if (found := mistake(lines[number], number + first_line)) is not None:
            return found
    return _unexplained(lines, complaint, first_line)


def _place(lines: list[str], number: int, column: int) -> tuple[int, int]:
    """Move a mark at the end of the text, which the parser counts as a line of its own, to the end of the last line with text."""
    if number < len(lines) and lines[number].strip():
        return number, column
    last = next((index for index in range(min(number, len(lines) - 1), -1, -1) if lines[index].strip()), 0)
    return last, len(lines[last])


def _unexplained(lines: list[str], complaint: Complaint, first_line: int) -> Problem:
    number, column = complaint.line, complaint.column
    if complaint.context_line is not None and complaint.context.startswith("while scanning"):
        number, column = complaint.context_line, complaint.context_column
    number, column = _place(lines, number, column)
    message = f"the front matter is not YAML: {complaint.problem}; read {lines[number].strip()[:_SHOWN]!r}"
    hint = "look for a missing colon, quotation mark or indent on this line and the one above"
    return error("yaml.syntax", message, hint=hint, line=number + first_line, column=column + 1)


def unquotable(line: str) -> str:
    """Say how to type the value of ``line`` so that YAML reads it as text."""
    match = _VALUE.match(line) or _ITEM.match(line)
    return _quote(match["key"], match["at"]) if match is not None else "put the value in quotation marks"


def _suspects(lines: list[str], complaint: Complaint) -> Iterator[int]:
    """Yield the lines that may hold the mistake, likeliest first; a block's context is only where the block begins."""
    if complaint.context_line is not None and complaint.context.startswith("while scanning"):
        yield complaint.context_line
    yield from (number for number in (complaint.line,) if number < len(lines))
    above = next((number for number in range(min(complaint.line, len(lines)) - 1, -1, -1) if lines[number].strip()), None)
    if above is not None:
        yield above


def mistake(source: str, line: int) -> Problem | None:
    """Find what is wrong with one line; None when it looks right."""
    indent = source[: len(source) - len(source.lstrip())]
    if "\t" in indent:
        hint = "indent with spaces; set the editor to insert spaces for the tab key"
        return error("yaml.tab", "a tab indents this line", hint=hint, line=line, column=indent.index("\t") + 1)
    for rule, pattern in (("yaml.full-width-colon", _FULL_WIDTH), ("yaml.odd-space", _ODD_SPACE)):
        if (match := pattern.match(source)) is not None:
            message = f"{character(match['at'])} after the key {match['key']!r}: YAML sees no key here"
            hint = "type an ASCII colon and an ASCII space after the key"
            return error(rule, message, hint=hint, line=line, column=match.start("at") + 1)
    if (match := _NO_SPACE.match(source)) is not None:
        message = f"the colon after {match['key']!r} is not followed by a space"
        hint = f"type a space: {match['key']}: {source[match.start('at') :]}"
        return error("yaml.no-space", message, hint=hint, line=line, column=match.start("at") + 1)
    return _wrong_value(source, line)


def _wrong_value(source: str, line: int) -> Problem | None:
    if (match := _VALUE.match(source) or _ITEM.match(source)) is None:
        return None
    value, column = match["at"], match.start("at") + 1
    hint = _quote(match["key"], value)
    if (reason := _SPECIAL.get(value[0])) is not None and not _closed(value):
        rule = "yaml.template" if value.startswith(("{{", "{%")) else "yaml.needs-quotes"
        return error(rule, f"{reason}; read {value[:_SHOWN]!r}", hint=hint, line=line, column=column)
    if (colon := _COLON.search(value)) is not None and match.re is _VALUE and not _closed(value):
        message = f"a colon followed by a space inside the value; read {value[:_SHOWN]!r}"
        return error("yaml.needs-quotes", message, hint=hint, line=line, column=column + colon.start())
    return None


def _closed(value: str) -> bool:
    """Whether a quoted or bracketed value looks complete, so that the mistake is elsewhere."""
    value = value.rstrip()
    pair = value[0] + value[-1]
    if pair in {"[]", "{}"}:
        return not value.startswith(("{{", "{%"))
    return pair in {'""', "''"} and len(value) > 1 and value[0] not in value[1:-1].replace("\\" + value[0], "").replace("''", "")


def _unclosed_bracket(number: int, complaint: Complaint, first_line: int) -> Problem:
    kind = "mapping, opened with {," if "mapping" in complaint.context else "list, opened with [,"
    message = f"a {kind} is not closed: {complaint.problem}"
    line, column = number + first_line, complaint.context_column + 1
    return error("yaml.unclosed-bracket", message, hint="close it, or quote the whole value", line=line, column=column)


def _unclosed_quote(complaint: Complaint, first_line: int) -> Problem:
    line, column = complaint.line + first_line, complaint.column + 1
    if complaint.context_line is not None:
        line, column = complaint.context_line + first_line, complaint.context_column + 1
    message = "a quotation mark opens here and is not closed before the front matter ends"
    hint = "close it on the same line; inside \"…\" write \\\" for a quotation mark, inside '…' write '' for an apostrophe"
    return error("yaml.unclosed-quote", message, hint=hint, line=line, column=column)


def _quote(key: str, value: str) -> str:
    if len(value) > _SHOWN:
        return "put the value in quotation marks"
    bare = value.strip()
    inner = bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" else bare
    escaped = inner.replace("\\", "\\\\").replace('"', '\\"')
    separator = "" if key.endswith("- ") else ": "
    return f'quote the value: {key.strip() if separator else "- "}{separator}"{escaped}"'
