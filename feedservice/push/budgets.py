"""How often somebody may make us call somebody: a token bucket with one instant as its whole memory.

The hub keeps one for each callback host and one for each requester, so that nobody can turn it on a third party.
"""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime, timedelta


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """``burst`` at once, and one more every ``interval`` seconds."""

    interval: float
    burst: int

    def __post_init__(self) -> None:
        """Refuse a budget under which nothing could ever be done."""
        if self.interval <= 0 or self.burst < 1:
            raise ValueError(f"a budget lets something through, got {self!r}")


CALLBACK_HOST = Budget(interval=6.0, burst=30)
"""Verifications of callbacks on one host: a reader with thirty feeds of a site may subscribe to all of them at once."""
REQUESTER = Budget(interval=2.0, burst=60)
"""Requests from one address."""
EVERYBODY = Budget(interval=0.05, burst=400)
"""Verifications altogether."""


def spend(whole_at: datetime | None, now: datetime, budget: Budget) -> tuple[datetime, int]:
    """Take one unit: (when the budget will be whole again, 0), or (as it was, seconds to wait) when nothing is left.

    ``whole_at`` is None for somebody who has spent nothing.
    """
    capacity = timedelta(seconds=budget.interval * budget.burst)
    # A clock that was set back must not leave a debt longer than a full budget.
    known = max(now, min(whole_at, now + capacity)) if whole_at is not None else now
    spent = known + timedelta(seconds=budget.interval)
    over = (spent - now - capacity).total_seconds()
    return (known, max(1, math.ceil(over))) if over > 0 else (spent, 0)
