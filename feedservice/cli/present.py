"""The outbox that there is now: who sends and who listens go on when a damaged store was put aside and another begun."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from feedservice.store import StoreError
from feedservice.store.outbox import Outbox

if TYPE_CHECKING:
    from feedservice.store.sql import SqlStore


class _Present:
    """Asks for the store at every call, in the thread of the call: opening one takes a while, and may fail."""

    def __init__(self, store: Callable[[], SqlStore]) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            store = self._store()
            try:
                return getattr(store, name)(*arguments, **named)
            except RuntimeError as error:
                if not store.closed:
                    raise
                # It was put aside between the two lines above.
                raise StoreError("another store is being begun", "wait a moment", path="") from error

        return call


def present(store: Callable[[], SqlStore]) -> Outbox:
    """Return what is an ``Outbox`` as long as ``store`` gives one; ``StoreError`` when it cannot be opened just now."""
    return cast("Outbox", _Present(store))
