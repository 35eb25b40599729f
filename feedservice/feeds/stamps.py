"""The dates of one entry as its documents write them: written once, and used in every format."""

from __future__ import annotations

import dataclasses

from feedservice import dates
from feedservice.model import Entry, FeedHead, Profile


@dataclasses.dataclass(frozen=True, slots=True)
class Stamps:
    """Dates in the zone of a profile."""

    zone: str
    published: str
    """RFC 3339."""
    updated: str
    """RFC 3339."""


def stamps(entry: Entry, profile: Profile) -> Stamps:
    """Return the entry's dates; profile zone ``author`` means the entry's own."""
    zone = entry.zone if profile.zone == "author" else profile.zone
    published = dates.rfc3339(entry.published, zone)
    return Stamps(zone, published, published if entry.updated == entry.published else dates.rfc3339(entry.updated, zone))


def head_zone(head: FeedHead) -> str:
    """Return the zone of the head's own dates: a feed has no author whose zone it could take."""
    return "UTC" if head.spec.zone == "author" else head.spec.zone
