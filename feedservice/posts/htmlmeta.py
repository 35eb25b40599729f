"""The ``meta`` elements of an HTML document, which are what Pelican has for front matter there."""

from __future__ import annotations

import dataclasses
import html
import re

from feedservice.model import Value
from feedservice.posts.frontmatter import FrontMatter

_HEAD = re.compile(r"<head\b[^<>]*>(.*?)</head\s*>", re.IGNORECASE | re.DOTALL)
_META = re.compile(r"<meta\b([^<>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([A-Za-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""")


def completed(read: FrontMatter) -> FrontMatter:
    """Return front matter with what the document's head says under other names; the front matter's own keys win.

    ``keywords`` are Pelican's ``tags``. Names are in lower case, values as text.
    """
    head = _HEAD.search(read.body)
    found: dict[str, Value] = {}
    lines: dict[str, int] = {}
    for meta in _META.finditer(head[1]) if head is not None else ():
        given = {
            match[1].lower(): html.unescape(match[2] or match[3] or match[4] or "") for match in _ATTRIBUTE.finditer(meta[1])
        }
        name = given.get("name", "").strip().lower()
        if name and given.get("content", "").strip():
            key = "tags" if name == "keywords" else name
            found.setdefault(key, given["content"].strip())
            assert head is not None
            lines.setdefault(key, read.body_line + read.body.count("\n", 0, head.start(1) + meta.start()))
    if not found:
        return read
    return dataclasses.replace(read, metadata={**found, **read.metadata}, lines={**lines, **read.lines})
