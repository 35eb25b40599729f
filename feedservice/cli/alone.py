"""Being the only one who builds a site."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.service import lock
from feedservice.service.lock import Holder, Lock


class TakenError(RefusedError):
    """Another process builds here."""


@contextlib.contextmanager
def only_one(loaded: Loaded) -> Iterator[Lock]:
    """Hold the lock of the state directory.

    Raises ``TakenError`` when another process has it, and ``RefusedError`` when the directory cannot be written.
    """
    state = loaded.root / loaded.config.state
    try:
        held = lock.acquire(state, now=datetime.now(UTC))
    except OSError as error:
        hint = "make it writable for the user that runs feedservice, or set `state` to another directory"
        raise RefusedError(f"the state directory {state} cannot be written: {error.strerror}", hint) from error
    if isinstance(held, Holder):
        who = f"process {held.pid}" if held.pid is not None else "another process"
        since = f" since {held.since:%Y-%m-%d %H:%M:%S} UTC" if held.since is not None else ""
        raise TakenError(
            f"{who} builds here{since}", "`feedservice rebuild` asks a running service to build; `feedservice stop` ends it"
        )
    with held:
        yield held
