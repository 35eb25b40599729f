"""What happened to feeds and posts, for people who ask what their readers saw, when, and who was told.

Nothing is decided by it, and what is older than ``guard.history`` is forgotten.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime


class What(enum.StrEnum):
    """What can happen."""

    PUBLISHED = "published"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"
    RENAMED = "renamed"
    HELD = "held"
    RELEASED = "released"
    REJECTED = "rejected"
    ANNOUNCED = "announced"
    UNANNOUNCED = "not announced"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    at: datetime
    """UTC. Of an announcement: when it was confirmed, or given up."""
    what: What
    feed: str = ""
    """Key; empty when it is about none."""
    id: str = ""
    """Of the entry; empty when it is about the feed."""
    title: str = ""
    note: str = ""
    kind: str = ""
    """Of an announcement: ``Delivery.kind``, or the protocol of subscribers."""
    host: str = ""
    """Of an announcement: who was told; empty for subscribers, who are counted."""
    count: int = 0
    """Subscribers that confirmed."""
    of: datetime | None = None
    """Of an announcement: when what it tells of was published, the instant of the pass."""
