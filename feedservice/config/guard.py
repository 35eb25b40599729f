"""The section ``guard`` of ``config.yaml``: what a feed may not show its readers before a person has looked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from feedservice.config.sections import Duration, Section


class Guard(Section):
    """When a feed is held back. It has no say in feeds that were never published or were empty."""

    enabled: bool = True
    """Whether feeds are looked at before they go out."""
    new: int = Field(default=5, ge=0)
    """Most entries that may be new at once."""
    age: Duration = "7d"
    """An entry that is older than that may not be new."""
    late: Literal["allow", "hold"] = "allow"
    """A post that is dated further back and was never seen before, such as one that was merged late. `allow`: it is no old entry.
    `hold`: its date counts."""
    ids: int = Field(default=0, ge=0)
    """Most entries that may be there again under another id."""
    gone: float = Field(default=0.5, ge=0, le=1)
    """Largest share of a feed's entries that may vanish at once. All of them never may."""
    updated: float = Field(default=0.5, ge=0, le=1)
    """Largest share of a feed's entries that may say at once that they have changed; as many as `new` always may."""
    history: Duration = "400d"
    """How long it is remembered what happened to feeds and posts (`feedservice log`)."""
    moved: float = Field(default=0.5, ge=0, le=1)
    """Largest share of a feed's entries that may stand in another order."""
