"""The engine of a site, with the store that it remembers in: chosen here, because the database takes a while to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from feedservice.cli import storage
from feedservice.config import Loaded
from feedservice.deliveries import State
from feedservice.push.live import LIVE
from feedservice.service import announcing
from feedservice.service.announcing import Announcer, Revision
from feedservice.service.engine import Engine
from feedservice.service.forkserver import ForkServer
from feedservice.service.remember import Replaced
from feedservice.service.roster import Roster
from feedservice.store.history import Event
from feedservice.store.sql import SqlStore


def engine_of(loaded: Loaded, server: ForkServer) -> Engine:
    """Return what builds a site and plans what is announced; whoever uses it is ``alone.only_one``, and closes it.

    Posts are read and rendered in the processes of ``server``.
    """
    root, config = loaded.root, loaded.config
    out = root / config.output

    def announce(replaced: Sequence[Replaced], events: Sequence[Event], roster: Roster, now: datetime) -> Mapping[str, Any]:
        revisions = [Revision(before=each.before, after=each.after) for each in replaced]
        planned = Announcer(store_of(engine), out).plan(revisions, roster.plan.specs, roster.out, roster.config, now, events)
        return {} if planned is None else {"announcement": planned}

    file = storage.FILE if config.store is None else None
    engine = Engine(root / config.state, lambda _: storage.opened(loaded), out=out, announce=announce, file=file, server=server)
    return engine


def untold(engine: Engine, loaded: Loaded) -> int | None:
    """Return how many deliveries wait for a service that sends them; None where nobody is ever told of anything."""
    if not announcing.is_on(loaded.config):
        return None
    counts = store_of(engine).counts()
    # A look at the public URL tells nobody of anything.
    return sum(number for (kind, state), number in counts.items() if state is State.QUEUED and kind != LIVE)


def store_of(engine: Engine) -> SqlStore:
    """Return the store of an engine as what ``engine_of`` has made it."""
    store = engine.store
    assert isinstance(store, SqlStore)
    return store
