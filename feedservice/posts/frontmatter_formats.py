"""TOML, JSON and Pelican headers → ``Loaded``: the formats that the standard library reads."""

from __future__ import annotations

import datetime as dt
import json
import re
import tomllib
from collections.abc import Iterable, Iterator

from feedservice.model import Problem, Value
from feedservice.posts.frontmatter_loaded import (
    MAX_DEPTH,
    Loaded,
    error,
    position,
    refused,
    removed_escape,
    without_illegal,
)

JSON_TOKEN = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|[{}\[\]]')
"""A string or a bracket of JSON (RFC 8259 §2): enough to find the end of an object without reading it."""

PELICAN_FIELD = re.compile(r"[ ]{0,3}([A-Za-z0-9_-]+):(?!//)[ \t]*(.*)")
"""A line of a Pelican header, as Python-Markdown's meta extension reads it; an URL at the start of a text is none."""

PELICAN_MORE = re.compile(r"(?:[ ]{4,}|\t)(\S.*)")
"""A line that continues the field above it."""

_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TOML_TABLE = re.compile(r"[ \t]*\[\[?[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([\w-]+))")
_TOML_KEY = re.compile(r"[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([\w-]+))[ \t]*[=.]")
# tomllib's time grows with the square of a dotted key's parts.
_TOML_LONG_KEY = re.compile(rf"(?<![\w-])(?:(?:[\w-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{MAX_DEPTH}}}")
_JSON_COLON = re.compile(r"\s*:")


def toml(text: str, first_line: int) -> Loaded:
    """Read TOML 1.0: strings and floats as typed, integers in decimal, dates and times in ISO 8601, booleans as they are."""
    if (long := _TOML_LONG_KEY.search(text)) is not None:
        return refused(_too_deep("toml", *position(text, long.start(), first_line)))
    try:
        read = tomllib.loads(text, parse_float=str)
        lines = _toml_lines(text, first_line)
        metadata = {key: _value(value, 1) for key, value in read.items()}
    except (RecursionError, _TooDeepError):
        return refused(_too_deep("toml", first_line, 1))
    except ValueError as failure:
        return refused(_toml_syntax(text, failure, first_line))
    return _checked(text, metadata, lines, first_line)


class _TooDeepError(Exception):
    """A value is nested deeper than ``MAX_DEPTH``."""


def _value(value: object, depth: int) -> Value:
    """Turn what tomllib read into text, bool, list and dict; an integer too long for a number raises ValueError."""
    if depth > MAX_DEPTH:
        raise _TooDeepError
    match value:
        case str() | bool():
            return value
        case dict():
            return {str(key): _value(item, depth + 1) for key, item in value.items()}
        case list():
            return [_value(item, depth + 1) for item in value]
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return str(value)


def _toml_lines(text: str, first_line: int) -> dict[str, int]:
    """Find the line of each top-level key: exact but for keys that only look like such inside a multi-line string."""
    lines: dict[str, int] = {}
    in_table = False
    for number, line in enumerate(text.split("\n"), first_line):
        table = _TOML_TABLE.match(line)
        match = table or (None if in_table else _TOML_KEY.match(line))
        in_table = in_table or table is not None
        if match is not None:
            lines.setdefault(match[1] or match[2] or match[3] or "", number)
    return lines


def _toml_syntax(text: str, failure: ValueError, first_line: int) -> Problem:
    reason = str(failure)
    place = _TOML_PLACE.search(reason)
    line, column = position(text, len(text.rstrip()), first_line)
    if place is None:
        line, column = first_line, 1
    else:
        reason = reason[: place.start()]
        if place[1]:
            line, column = first_line + int(place[1]) - 1, int(place[2])
    source = text.split("\n")[line - first_line].strip() if line - first_line <= text.count("\n") else ""
    hint = 'text values need quotes in TOML: key = "value"' if source else "close the string, list or table that is still open"
    return error("toml.syntax", f"the front matter is not TOML: {reason}; read {source!r}", hint=hint, line=line, column=column)


def json_object(text: str, first_line: int) -> Loaded:
    """Read a JSON object (RFC 8259): numbers as typed; a key given twice is an error."""
    repeated: list[str] = []

    def pairs(found: list[tuple[str, Value]]) -> dict[str, Value]:
        result = dict(found)
        if len(result) < len(found):
            keys = [key for key, _ in found]
            repeated.extend(key for key in result if keys.count(key) > 1)
        return result

    if (deep := next((index for index, depth, _ in json_tokens(text) if depth > MAX_DEPTH), None)) is not None:
        return refused(_too_deep("json", *position(text, deep, first_line)))
    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_int=str, parse_float=str, parse_constant=str)
    try:
        metadata = decoder.decode(text)
    except json.JSONDecodeError as failure:
        line, column = first_line + failure.lineno - 1, failure.colno
        source = text.split("\n")[failure.lineno - 1].strip()
        message = f"the front matter is not JSON: {failure.msg}; read {source!r}"
        hint = "strings and keys need double quotes, no comma may follow the last member"
        return refused(error("json.syntax", message, hint=hint, line=line, column=column))
    if not isinstance(metadata, dict):
        hint = 'write an object: {"title": …}'
        return refused(error("frontmatter.not-a-mapping", "the front matter is no JSON object", hint=hint, line=first_line))
    if repeated:
        return refused(*_json_duplicates(text, repeated, first_line))
    return _checked(text, metadata, _json_lines(text, first_line), first_line)


def json_tokens(text: str, start: int = 0) -> Iterator[tuple[int, int, str]]:
    """Yield (index, depth after it, token) of every string and bracket from ``start`` on."""
    depth = 0
    for match in JSON_TOKEN.finditer(text, start):
        found = match[0]
        if found in "{[":
            depth += 1
        elif found in "}]":
            depth -= 1
        yield match.start(), depth, found


def _json_keys(text: str) -> Iterator[tuple[int, int, str]]:
    for index, depth, token in json_tokens(text):
        if len(token) > 1 and _JSON_COLON.match(text, index + len(token)):
            yield index, depth, str(json.loads(token))


def _json_lines(text: str, first_line: int) -> dict[str, int]:
    return {key: position(text, index, first_line)[0] for index, depth, key in _json_keys(text) if depth == 1}


def _json_duplicates(text: str, repeated: Iterable[str], first_line: int) -> Iterator[Problem]:
    for key in dict.fromkeys(repeated):
        places = [position(text, index, first_line) for index, _, found in _json_keys(text) if found == key]
        yield duplicate_key("json", key, places[0][0], *places[-1])


def pelican(text: str, first_line: int) -> Loaded:
    """Read ``Key: value`` lines: keys in lower case, values as typed, a continued value with its line breaks."""
    metadata: dict[str, Value] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    values: dict[str, list[str]] = {}
    key = ""
    for number, line in enumerate(text.split("\n"), first_line):
        if (field := PELICAN_FIELD.match(line)) is not None:
            key = field[1].lower()
            if key in lines:
                problems.append(duplicate_key("pelican", key, lines[key], number, field.start(1) + 1))
            lines[key] = number
            values[key] = [field[2].strip()] if field[2].strip() else []
        elif key and (more := PELICAN_MORE.match(line)) is not None:
            values[key].append(more[1].strip())
    metadata.update({key: "\n".join(parts) or None for key, parts in values.items()})
    return Loaded(metadata=metadata, lines=lines, problems=tuple(problems))


def duplicate_key(kind: str, key: str, first: int, line: int, column: int) -> Problem:
    """Make the problem of a key that stands on line ``first`` and again on ``line``."""
    message = f"the key {key!r} is given twice: on line {first} and on line {line}"
    return error(f"{kind}.duplicate-key", message, hint="keep one of the two", line=line, column=column)


def _too_deep(kind: str, line: int, column: int) -> Problem:
    message = f"the front matter is nested deeper than {MAX_DEPTH} levels"
    return error(f"{kind}.too-deep", message, hint="flatten it, or move the data to a file of its own", line=line, column=column)


def _checked(text: str, metadata: dict[str, Value], lines: dict[str, int], first_line: int) -> Loaded:
    """Drop keys that the best-effort search invented, and characters that only an escape can have brought in."""
    problems: list[Problem] = []
    known = {key: lines.get(key, first_line) for key in metadata}
    if "\\" in text:
        cleaned: dict[str, Value] = {}
        for key, value in metadata.items():
            cleaned[without_illegal(key)] = clean = _without_illegal(value)
            if clean != value or without_illegal(key) != key:
                problems.append(removed_escape(without_illegal(key), line=known[key]))
        known = {without_illegal(key): line for key, line in known.items()}
        metadata = cleaned
    return Loaded(metadata=metadata, lines=known, problems=tuple(problems))


def _without_illegal(value: Value) -> Value:
    match value:
        case str():
            return without_illegal(value)
        case list():
            return [_without_illegal(item) for item in value]
        case dict():
            return {without_illegal(key): _without_illegal(item) for key, item in value.items()}
        case _:
            return value
