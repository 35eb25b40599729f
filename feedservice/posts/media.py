"""The media of a post: its enclosures, and what makes it an episode of a podcast."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeVar

from feedservice.model import Enclosure, Episode, Value
from feedservice.posts import fields as typed
from feedservice.posts.fields import Note
from feedservice.posts.keys import Fields

T = TypeVar("T")

_MEDIA = ("enclosure", "audio", "video")
_EPISODE = ("season", "episode", "episode_type", "explicit", "duration", "transcript", "chapters")


def read(
    fields: Fields, *, path: str, link: str, site_url: str, files: Mapping[str, int], note: Note
) -> tuple[tuple[Enclosure, ...], Episode | None]:
    """Return the enclosures of a post, and its episode when it has any and says something of it.

    ``files`` are those of the site: path below the content directory → bytes. ``link`` is what paths are relative to.
    """
    given = [field for meaning in _MEDIA if (field := fields.get(meaning)) is not None]
    if not given:
        return (), None
    found = typed.enclosures(given, base=link, sizes=_sizes(path, link, site_url, files), note=note)
    duration = _value(fields, "duration", typed.seconds, typed.DURATION, note)
    timed = tuple(each if each.duration is not None else dataclasses.replace(each, duration=duration) for each in found)
    if not any(map(fields.get, _EPISODE)):
        return timed, None
    return timed, Episode(
        duration=duration,
        season=_value(fields, "season", typed.number, typed.NUMBER, note),
        number=_value(fields, "episode", typed.number, typed.NUMBER, note),
        kind=_value(fields, "episode_type", typed.episode_kind, typed.EPISODE_KIND, note),
        explicit=_value(fields, "explicit", typed.flag, typed.YES_OR_NO, note),
        transcripts=typed.transcripts(fields.get("transcript"), base=link, note=note),
        chapters=typed.link(fields.get("chapters"), base=link, note=note),
    )


def _value(fields: Fields, meaning: str, how: Callable[[Value], T | None], wanted: tuple[str, str], note: Note) -> T | None:
    field = fields.get(meaning)
    if field is None:
        return None
    found = how(field.value)
    if found is None:
        typed.unreadable(field.key, field.value, wanted, note)
    return found


def _sizes(path: str, link: str, site_url: str, files: Mapping[str, int]) -> Callable[[str], int | None]:
    """Find a file of the site: below the content directory, or beside the post when it is a bundle."""
    folder = path.rsplit("/", 1)[0] if "/" in path else ""

    def size(url: str) -> int | None:
        below = typed.file_of(url, site_url)
        beside = typed.file_of(url, link)
        if below is not None and below in files:
            return files[below]
        return files.get(f"{folder}/{beside}".lstrip("/")) if beside is not None else None

    return size
