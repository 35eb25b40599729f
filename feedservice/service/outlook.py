"""What time will bring, as far as the files say now. Nothing is written, and the running service is not asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from feedservice import dates
from feedservice.config import Loaded
from feedservice.feeds import explain
from feedservice.model import Problem
from feedservice.service.collect import Ask, collect
from feedservice.service.forkserver import ForkServer
from feedservice.service.publish import Recall, exported, silent
from feedservice.service.report import Coming, coming
from feedservice.service.workers import Workers

_DOUBTFUL = frozenset({"date.ambiguous", "date.nonexistent"})


def outlook(loaded: Loaded, *, now: datetime, server: ForkServer | None = None, recall: Recall = exported) -> tuple[Coming, ...]:
    """Return which posts will appear or expire by themselves, the next first.

    Raises ``RefusedError`` when there is no content directory.
    """
    with Workers(1, server) as pool:
        ask = Ask(now=now, emptied=True)
        memory = recall(loaded)
        collected = collect(loaded, ask, pool=pool, memory=memory, progress=silent)
    rows = memory.names.ledger.rows
    # What a clock that was ahead has published is out.
    waiting = [each for each in collected.named if not explain.early(each, rows.get(each.id), now)]
    doubtful = [each for each in collected.problems if each.rule in _DOUBTFUL]
    return tuple(dataclasses.replace(each, note=_note(each, doubtful)) for each in coming(waiting, collected.live.held))


def _note(each: Coming, doubtful: Sequence[Problem]) -> str:
    """Return what was found about the date that was read as this instant: it names all readings."""
    at = dates.rfc3339(each.instant, each.zone)
    return next((found.message for found in doubtful if found.path == each.path and at in found.message), "")
