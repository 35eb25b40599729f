"""The formats a feed is written in, as a table: format → how to write an entry and a document.

A new format is a new row. An entry is written once for each ``Profile`` and its bytes are reused in every feed that
has this profile; ``document`` only joins them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

from feedservice.feeds import jsonfeed, syndication
from feedservice.feeds.stamps import stamps
from feedservice.feeds.text import written
from feedservice.model import Entry, FeedHead, Profile


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to write a feed."""

    name: str
    extension: str
    """Of files, without the dot."""
    media_type: str
    """With its charset, as ``Content-Type`` and ``Document.media_type`` carry it."""
    entry: Callable[[Entry, Profile], bytes]
    """One entry's bytes."""
    document: Callable[[FeedHead, Sequence[bytes]], bytes]
    """The whole document of a head and its entries' bytes, in order."""


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "atom": Format(
            name="atom",
            extension="atom",
            media_type="application/atom+xml; charset=utf-8",
            entry=syndication.atom_entry,
            document=syndication.atom_document,
        ),
        "rss": Format(
            name="rss",
            extension="rss",
            media_type="application/rss+xml; charset=utf-8",
            entry=syndication.rss_item,
            document=syndication.rss_document,
        ),
        "json": Format(
            name="json",
            extension="json",
            media_type="application/feed+json; charset=utf-8",
            entry=jsonfeed.item,
            document=jsonfeed.document,
        ),
    }
)


def render_all(entry: Entry, profile: Profile, formats: Collection[str]) -> dict[str, bytes]:
    """Return format → the entry's bytes, equal to ``FORMATS[format].entry(entry, profile)`` but with shared work.

    ``formats`` are keys of ``FORMATS``; the result has their order.
    """
    if not {"atom", "rss"}.issubset(formats):
        return {name: FORMATS[name].entry(entry, profile) for name in formats}

    def write(value: Entry) -> dict[str, bytes]:
        stamped = stamps(value, profile)
        atom, rss = syndication.both(value, profile, stamped)
        return {"atom": atom, "rss": rss} | ({"json": jsonfeed.legal_item(value, profile, stamped)} if "json" in formats else {})

    shared = written(write, entry)
    return {name: shared[name] if name in shared else FORMATS[name].entry(entry, profile) for name in formats}
