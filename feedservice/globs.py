"""Path patterns, the same wherever a person writes one.

``*`` and ``?`` stay within one path segment, ``**`` crosses them. A pattern without ``/`` matches a name anywhere; one that ends
in ``/`` matches everything below that directory.
"""

from __future__ import annotations

import functools
import re


def matches(pattern: str, path: str) -> bool:
    """Return whether a path (with ``/``, relative) matches a pattern."""
    return _compiled(pattern).fullmatch(path) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    text = pattern.strip().removeprefix("./")
    anchored = "/" in text.rstrip("/")
    text = text.removeprefix("/")
    if text.endswith("/"):
        text += "**"
    out = [] if anchored else ["(?:.*/)?"]
    position = 0
    for token in re.finditer(r"\*\*/|\*\*|\*|\?", text):
        out += [re.escape(text[position : token.start()]), {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}[token[0]]]
        position = token.end()
    out.append(re.escape(text[position:]))
    # A pattern for a directory holds for all that is in it.
    return re.compile("".join(out) + "(?:/.*)?", re.DOTALL)
