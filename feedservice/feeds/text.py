"""The text of documents: what the formats must agree on, so that a reader finds the same ids and titles in each.

What XML 1.0 cannot hold is left out of every format alike. Posts arrive filtered and the removal reported, so this
changes nothing as a rule; but one illegal character would otherwise refuse a whole feed, since lxml raises.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from feedservice.model import Category, Entry, FeedSpec, Person

T = TypeVar("T")
R = TypeVar("R")

ILLEGAL = re.compile("[^\\t\\n\\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Everything outside XML 1.0's ``Char`` (§2.2), lone surrogates included."""
_REGION, _SCRIPT = 2, 4
"""Letters of such a subtag of a language tag."""


def legal(value: T) -> T:
    """Return ``value`` (a noun of ``model``, or a tuple, mapping or string within one) with every string filtered."""
    return cast("T", _filtered(value))


def _filtered(value: Any) -> Any:
    if isinstance(value, str):
        return ILLEGAL.sub("", value) if type(value) is str else value
    if isinstance(value, tuple):
        return tuple(map(_filtered, value))
    if isinstance(value, Mapping):
        return {key: _filtered(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value, **{field.name: _filtered(getattr(value, field.name)) for field in dataclasses.fields(value)}
        )
    return value


def written(write: Callable[[T], R], value: T) -> R:
    """Return ``write(value)``, or ``write`` of the filtered value when the writer refused a character.

    Checking every string first would cost as much as writing it; a writer that raises ``ValueError`` costs nothing.
    """
    try:
        return write(value)
    except ValueError:
        return write(legal(value))


def title_of(entry: Entry) -> str:
    """Return the title, or what stands in for one that is blank: Atom demands a title of every entry (RFC 4287 §4.1.2)."""
    return next((text for text in (entry.title, entry.summary) if text.strip()), entry.url)


def feed_title(spec: FeedSpec) -> str:
    """Return the feed's title, or its key when that is blank: every format demands one, and readers list feeds by it."""
    return spec.title if spec.title.strip() else spec.key


def terms_of(entry: Entry) -> list[Category]:
    """Return categories, then tags, without those that name nothing and with a label on each."""
    return [
        term if term.label else dataclasses.replace(term, label=term.term)
        for term in (*entry.categories, *entry.tags)
        if term.term.strip()
    ]


def named(people: Iterable[Person]) -> list[Person]:
    """Return the people who have a name: Atom demands one (RFC 4287 §3.2.1), and an author without is none."""
    return [person for person in people if person.name.strip()]


def language_tag(text: str) -> str:
    """Return a language tag in the usual letters (RFC 5646 §2.1.1): ``en-us`` is ``en-US``, ``zh-hant-tw`` is ``zh-Hant-TW``."""
    first, *others = text.lower().split("-")
    spelled = [first]
    for part in others:
        single = len(spelled[-1]) == 1
        spelled.append(
            part if single else part.upper() if len(part) == _REGION else part.title() if len(part) == _SCRIPT else part
        )
    return "-".join(spelled)
