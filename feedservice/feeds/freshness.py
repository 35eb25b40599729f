"""When a feed says that it was updated: never earlier than it has said before, and later when something was taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from feedservice.feeds.identity import Named

_SECOND = timedelta(seconds=1)


def updated(newest: datetime, *, before: datetime | None, taken_back: bool, now: datetime) -> datetime:
    """Return what a feed says that is not what it was.

    ``newest`` is the newest change among its entries, ``before`` what it said last. RFC 4287 §4.2.15 leaves it to the publisher
    what is significant: that an entry is gone is, and no date of another entry says so. In whole seconds, as RSS and HTTP are.
    """
    if before is None or newest > before:
        return newest
    return max(now.replace(microsecond=0), before + _SECOND) if taken_back else before


def last_modified(said: datetime, *, before: datetime, now: datetime) -> datetime:
    """Return Last-Modified (RFC 9110 §8.8.2) of bytes that are others than before; ``said`` is what they say themselves.

    It is when they became what they are, not the date of a post: who asks for what changed since the last visit was here after
    the date that a post was given. And it is another second than before: libcurl, and with it newsboat, throws the body of a
    200 away that has the date of the last one.
    """
    return max(said, now.replace(microsecond=0), before.replace(microsecond=0) + _SECOND)


def taken_back(before: Sequence[str], window: Sequence[Named], members: Sequence[Named]) -> bool:
    """Return whether an entry that was shown is no longer in the feed at all: one that newer ones pushed out is."""
    missing = set(before).difference(each.id for each in window)
    return bool(missing) and not missing.issubset({each.id for each in members})
