"""The passes of one site, one after the other, and what is remembered between them.

::

    Engine.build ─→ Report      as often as something changed, or became due
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from feedservice.config import Loaded
from feedservice.service import publish
from feedservice.service.collect import Progress
from feedservice.service.publish import silent
from feedservice.service.report import Report
from feedservice.store import Store

Opener = Callable[[Path], Store]
"""Opens the store of a state directory. Raises ``StoreError``."""


class Engine:
    """Builds a site again and again.

    One thread at a time calls ``build``. Whoever builds holds the lock of the state directory (``service.lock``).
    """

    def __init__(self, state: Path, opener: Opener, *, out: Path) -> None:
        """``state`` is the state directory, ``out`` the output directory; the store is opened by the first pass."""
        self.state = state
        self.out = out
        self._opener = opener
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """Return the store, opened if it was not. Raises ``StoreError``."""
        if self._store is None:
            self._store = self._opener(self.state)
        return self._store

    def build(
        self,
        loaded: Loaded,
        *,
        now: datetime,
        paths: Collection[str] | None = None,
        full: bool = False,
        strict: bool = False,
        emptied: bool = False,
        progress: Progress = silent,
    ) -> Report:
        """Make one pass and return what it did.

        ``paths``: all that can have changed since the last pass, relative to the content directory; None: look at every
        file. ``full``: read and render everything anew. ``strict``: write nothing when anything is an error. ``emptied``:
        the content directory may have lost all its posts. Raises ``RefusedError`` when nothing could be done; what was
        published stays as it was then.
        """
        del paths, full, emptied
        return publish.build(loaded, now=now, out=self.out, strict=strict, progress=progress)

    def close(self) -> None:
        """Let go of everything. Closing twice is fine."""
        if self._store is not None:
            self._store.close()
            self._store = None
