"""``content.dialect: auto``: which generator's conventions a folder of posts follows."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from feedservice.config.schema import Dialect

_SIGNS: Mapping[str, Dialect] = {
    "_config.yml": "jekyll",
    "_config.yaml": "jekyll",
    "hugo.toml": "hugo",
    "hugo.yaml": "hugo",
    "hugo.yml": "hugo",
    "hugo.json": "hugo",
    "zola.toml": "zola",
    "pelicanconf.py": "pelican",
    ".eleventy.js": "eleventy",
    "eleventy.config.js": "eleventy",
    "eleventy.config.mjs": "eleventy",
    "eleventy.config.cjs": "eleventy",
    "eleventy.config.ts": "eleventy",
    "_posts": "jekyll",
}
"""Name → dialect, the surest first."""

_SHARED = ("config.toml", "config.yaml", "config.yml")
# At the top level only: `content.variables` of our own config.yaml may have a key of this name.
_KEY = re.compile(r"^(?:[ \t]*base_?url[ \t]*=|baseurl[ \t]*:)", re.IGNORECASE | re.MULTILINE)


def _unread(_: str) -> None:
    return None


def detect_dialect(names: Collection[str], read: Callable[[str], str | None] = _unread) -> Dialect:
    """Return the dialect that the names of files and directories tell, ``plain`` when they tell nothing.

    ``names`` are those found in the content directory and in the directories above it, with or without their paths; ``read``
    returns the text of one of them (None when it cannot be read) and is asked only for names that several generators share.
    Without it those names say nothing.
    """
    bases = {name.rstrip("/").rpartition("/")[2] for name in names}
    for sign, dialect in _SIGNS.items():
        if sign in bases:
            return dialect
    for name in sorted(names):
        if name.rpartition("/")[2] in _SHARED:
            found = _KEY.search(read(name) or "")
            if found is not None:
                return "zola" if "_" in found[0] else "hugo"
    return "plain"
