"""Header fields as values: lines combined, lists split, weights read (RFC 9110 §5.3, §5.6.1, §12.4.2).

Nothing here raises on what a client sends: a member that cannot be read is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Fields = Iterable[tuple[str, str]]
"""Header field lines in the order received: (name in any case, value), decoded as Latin-1."""

WHOLE = 1000
"""The weight ``q=1``; weights are counted in thousandths (RFC 9110 §12.4.2)."""

_WEIGHT = re.compile(r"0?\.[0-9]+|0\.?|1(?:\.0*)?")


def combined(fields: Fields, name: str) -> str | None:
    """Join all lines of one field to one value, with ``, `` and in order (RFC 9110 §5.3); None when there is none.

    ``name`` is lower case.
    """
    lines = [value for field, value in fields if field.lower() == name]
    return ", ".join(lines) if lines else None


def members(value: str) -> tuple[str, ...]:
    """Split a list into its members, without the white space around them and without empty ones (RFC 9110 §5.6.1).

    A comma inside a quoted string does not divide. A quote that is never closed quotes all that follows.
    """
    parts = value.split(",") if '"' not in value else _outside_quotes(value)
    return tuple(part for part in (part.strip(" \t") for part in parts) if part)


def _outside_quotes(value: str) -> Iterator[str]:
    start = 0
    quoted = escaped = False
    for at, character in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            yield value[start:at]
            start = at + 1
    yield value[start:]


def weighted(value: str) -> tuple[tuple[str, int], ...]:
    """Read the members of a list with their weights: (member in lower case, thousandths), in order.

    No ``q`` means 1000. A member whose ``q`` is no number between 0 and 1 is left out, as if it had not been sent:
    neither a wish nor a refusal can be read from it. ``q=.5`` and more than three digits are understood.
    """
    found: list[tuple[str, int]] = []
    for member in members(value):
        token, *parameters = (part.strip(" \t").lower() for part in member.split(";"))
        weight: int | None = WHOLE
        for parameter in parameters:
            name, _, number = parameter.partition("=")
            if name.rstrip(" \t") == "q":
                weight = _weight(number.strip(" \t"))
                break
        if token and weight is not None:
            found.append((token, weight))
    return tuple(found)


def _weight(number: str) -> int | None:
    return round(float(number) * WHOLE) if _WEIGHT.fullmatch(number) else None
