"""What time will bring, as far as the files say now. Nothing is written, and the running service is not asked."""

from __future__ import annotations

from datetime import datetime

from feedservice.config import Loaded
from feedservice.service.collect import Ask, collect
from feedservice.service.forkserver import ForkServer
from feedservice.service.publish import exported, silent
from feedservice.service.report import Coming, coming
from feedservice.service.workers import Workers


def outlook(loaded: Loaded, *, now: datetime, server: ForkServer | None = None) -> tuple[Coming, ...]:
    """Return which posts will appear or expire by themselves, the next first.

    Raises ``RefusedError`` when there is no content directory.
    """
    with Workers(1, server) as pool:
        collected = collect(loaded, Ask(now=now), pool=pool, memory=exported(loaded), progress=silent)
    return coming(collected.named, collected.live.held)
