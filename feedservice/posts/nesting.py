"""Depth of HTML: a parser's time grows with the square of it, so that it is bounded before one reads the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

DEEPEST = 100
"""Elements inside each other that are kept; an article needs a tenth of that."""

_TAG = re.compile(r"<!--(?:.*?-->|.*)|<(/?)([A-Za-z][^\s/<>]*)", re.DOTALL)
_FLAT = frozenset({
    "p", "li", "dd", "dt", "td", "th", "tr", "tbody", "thead", "tfoot", "option", "area", "base", "br", "col", "embed", "hr",
    "img", "input", "link", "meta", "param", "source", "track", "wbr", "rt", "rp",
})  # fmt: skip
"""Elements that are void, that their like ends, or that lie in one of the others."""
_USUAL = ("<p>", "<li>", "<td>", "<td ", "<th>", "<th ", "<tr>", "<br ", "<img ", "<hr ")
"""How the commonest of them begin."""


def shallow(html: str) -> tuple[str, bool]:
    """Return HTML without the tags that lie deeper than ``DEEPEST`` (their content stays), and whether there were any."""
    if _opened(html) <= DEEPEST:
        return html, False
    parts: list[str] = []
    position = 0
    for start in _too_deep(html):
        if start < position:
            continue
        parts.append(html[position:start])
        end = html.find(">", start)
        position = len(html) if end < 0 else end + 1
    parts.append(html[position:])
    return "".join(parts), len(parts) > 1


def _opened(html: str) -> int:
    """Return at least how many elements begin that others can lie in: most articles have so few that none can be too deep."""
    return html.count("<") - html.count("</") - sum(map(html.count, _USUAL))


def _too_deep(html: str) -> Iterator[int]:
    """Yield where the tags begin that lie too deep, opening and closing ones."""
    stack: list[str] = []
    surplus: dict[str, int] = {}
    for match in _TAG.finditer(html):
        name = (match[2] or "").lower()
        if not name or name in _FLAT:
            continue
        if not match[1] and len(stack) < DEEPEST:
            stack.append(name)
        elif not match[1]:
            surplus[name] = surplus.get(name, 0) + 1
            yield match.start()
        elif surplus.get(name):
            surplus[name] -= 1
            yield match.start()
        else:
            _close(stack, name)


def _close(stack: list[str], name: str) -> None:
    """Close the innermost element of that name; a table's cells let no end tag out of it."""
    for index in range(len(stack) - 1, -1, -1):
        if stack[index] == name:
            del stack[index:]
            return
        if stack[index] == "table":
            return
