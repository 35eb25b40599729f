"""``content.defaults``: front-matter values for posts that do not have them, by path."""

from __future__ import annotations

from collections.abc import Iterator

from feedservice import globs
from feedservice.config.schema import Content
from feedservice.model import Value
from feedservice.posts.keys import Field, Origin


def for_path(path: str, content: Content) -> Iterator[Field]:
    """Yield the defaults for a post's path; a longer scope comes after a shorter one, and of two alike the later one."""
    for scope in sorted(content.defaults, key=lambda scope: len(scope.path)):
        prefix = scope.path.strip("/")
        if not prefix or path.startswith(prefix + "/") or globs.matches(prefix, path):
            origin = Origin.PATH if prefix else Origin.SITE
            yield from (Field(key=key, value=_typed(value), origin=origin) for key, value in scope.values.items())


def _typed(value: object) -> Value:
    """Return a configured value in the form front matter has: numbers are text."""
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _typed(item) for key, item in value.items()}
    return value if isinstance(value, bool | str) or value is None else str(value)
