"""The passes of one site, one after the other, and what is remembered between them.

::

    Engine.build ─→ Report      as often as something changed, or became due

A pass looks at what changed, makes what that touches, and remembers both, in memory and in the store. When one fails, what is
in memory is thrown away and the store is asked again: it has what was published.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import itertools
import json
import threading
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.model import Problem, Published, Severity
from feedservice.service import addresses, collect, guarding, history, keys, leaving, ledgerfile, publish, render, rest, shelf
from feedservice.service import memory as memories
from feedservice.service.collect import Ask, Progress
from feedservice.service.forkserver import ForkServer
from feedservice.service.memory import Memory
from feedservice.service.publish import Pass, silent
from feedservice.service.remember import Announce
from feedservice.service.report import Report
from feedservice.service.shelf import Shelf
from feedservice.service.workers import Workers
from feedservice.store import Store, StoreError

Opener = Callable[[Path], Store]
"""Opens the store of a state directory. Raises ``StoreError``."""

_TRIES = 3


class Engine:
    """Builds a site again and again.

    One thread at a time calls ``build``. Whoever builds holds the lock of the state directory (``service.lock``).
    """

    def __init__(
        self,
        state: Path,
        opener: Opener,
        *,
        out: Path,
        announce: Announce | None = None,
        file: str | None = "store.sqlite",
        server: ForkServer | None = None,
    ) -> None:
        """Keep everything; the store is opened by the first pass.

        ``state`` is the state directory, ``out`` the output directory. ``file`` is how the names of the store's files in the
        state directory begin: when they are damaged they are put aside. None: the store is a database, nobody's to put aside.
        With a ``server`` posts are read and rendered in its processes: none of them can end this one.
        """
        self.state = state
        self.out = out
        self._opener = opener
        self._announce = announce
        self._file = file
        self._server = server
        self._fatal: dict[str, Problem] = {}
        self._store: Store | None = None
        self._opening = threading.Lock()
        """Whoever delivers asks for the store too: one opens it, and nobody while it is put aside."""
        self._memory: Memory | None = None
        self._problems: list[Problem] = []
        self._loaded: Loaded | None = None
        self._shelf: Shelf | None = None
        """What the store has of files, when nothing else was read of it yet."""
        self._stands = False
        """All of these files are there, and nobody else wrote them."""

    @property
    def store(self) -> Store:
        """Return the store, opened if it was not. Raises ``StoreError``."""
        with self._opening:
            if self._store is None:
                self._store = self._opener(self.state)
            return self._store

    def writable(self) -> None:
        """Raise ``StoreError`` when nothing could be remembered now."""
        self.store.writable()

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
        the content directory may have lost all its posts. Raises ``RefusedError`` when nothing could be done and
        ``StoreError`` when it could not be remembered; what was published stays as it was, or is completed by the next pass.
        """
        ask = Ask(now=now, paths=paths, full=full, emptied=emptied)
        if full or self._loaded is None or self._loaded.config != loaded.config:
            # Who asks for everything anew, or for something else, has every post tried again.
            self._fatal.clear()
        for _ in range(_TRIES):
            try:
                return self._attempt(loaded, ask, strict=strict, progress=progress)
            except render.ChangedError as error:
                # Its times may be what they were: a file that was readable is not any more, or was written twice in one instant.
                ask = dataclasses.replace(ask, paths=None, again=frozenset({*ask.again, str(error)}))
            except render.DamagedError:
                ask = dataclasses.replace(ask, paths=None, full=True)
        raise publish.unsteady()

    def standing(self) -> tuple[Published, ...]:
        """Return what an earlier pass published and is still there, before the first pass of this process.

        Nothing when there is no store that can be read: the pass says why, and makes it anew.
        """
        try:
            self._shelf = shelf.recall(self.store)
        except (StoreError, ValueError):
            return ()
        found = tuple(shelf.standing(self._shelf, self.out))
        self._stands = bool(found) and shelf.is_all(self._shelf, found)
        return found

    def rests(self, loaded: Loaded, now: datetime) -> bool:
        """Tell whether everything is as the last pass left it, before the first pass of this process; ask after ``standing``."""
        with contextlib.suppress(StoreError, RefusedError, ValueError, OSError):
            return self._stands and rest.rests(loaded, self.store, self.state, now)
        return False

    def prepare(self, loaded: Loaded) -> None:
        """Read what is remembered, for the next pass; what stands against it, that pass says."""
        with contextlib.suppress(StoreError, RefusedError, OSError):
            self._memory, self._loaded = self._recalled(loaded), loaded

    def sweep(self, report: Report) -> Report:
        """Remove the files that are nobody's any more, and return the report with what could not be removed.

        Whoever serves calls it when the report is in force: a server in front that looks for a file asks the program then.
        """
        if self._memory is None or not self._memory.leaving:
            return report
        self._memory.leaving, problems = leaving.sweep(self.out, self._memory.leaving)
        return dataclasses.replace(report, problems=publish.ordered([*report.problems, *problems])) if problems else report

    def close(self) -> None:
        """Let go of everything. Closing twice is fine."""
        self._memory = None
        if self._store is not None:
            self._store.close()
            self._store = None

    def _attempt(self, loaded: Loaded, ask: Ask, *, strict: bool, progress: Progress) -> Report:
        if self._store is not None and self._store.lost():
            # What is in memory is not what another file knows.
            with self._opening:
                self._store.close()
                self._store = self._memory = None
        memory = self._recalled(loaded)
        # Until the pass is done, what is in memory is neither what was nor what will be.
        self._memory = None
        count = 1 if memory.known and not ask.full else publish.processes(loaded)
        work = Pass(loaded=loaded, ask=ask, out=self.out, strict=strict, progress=progress, announce=self._announce)
        with Workers(count, self._server, self._fatal) as pool:
            report = work.make(memory, pool, self.store)
        if strict and report.errors:
            return report
        self._memory, self._loaded = memory, loaded
        found, self._problems = self._problems, []
        return dataclasses.replace(report, problems=publish.ordered([*report.problems, *found])) if found else report

    def _recalled(self, loaded: Loaded) -> Memory:
        """Return what the last pass left, or what the store has. Raises ``StoreError`` and ``RefusedError``."""
        if self._memory is not None and self._loaded is not None and self._loaded.config == loaded.config:
            return self._memory
        config = loaded.config
        context = collect.context_hash(collect.context_of(loaded))
        settings = keys.settings(config, context)
        # Nobody else has written since: who builds holds the lock.
        files, self._shelf = self._shelf, None

        def recall(files: Shelf | None = None) -> Memory:
            return memories.load(
                self.store,
                ledgerfile.place(loaded),
                context=context,
                settings=settings,
                config=config,
                addresses=addresses.recall(self.state),
                served=served,
                shelf=files,
            )

        rebuilt: list[Problem] = []
        with _nothing_collected():
            served = guarding.served(self.state)
            try:
                memory = recall(files)
            except (StoreError, ValueError) as error:
                memory, problem = self._mended(error, recall)
                rebuilt = [problem]
        exported = publish.exported(loaded, memory.facts.get(history.FACT), served)
        if not rebuilt and memory.at is None and served:
            rebuilt = [self._missing()]
        self._problems = [*rebuilt, *exported.scan_problems]
        memory.first_seen = exported.first_seen | memory.first_seen
        memory.histories = exported.histories
        inputs = memory.facts.get(history.INPUTS_FACT)
        memory.inputs = json.loads(inputs) if inputs is not None else exported.inputs
        return memory

    def _mended(self, error: StoreError | ValueError, recall: Callable[[], Memory]) -> tuple[Memory, Problem]:
        """Have what cannot be read forgotten, no more than must be; return what can be read, and what is to be said."""
        if isinstance(error, ValueError):
            # The database is well, and one of its rows is not: subscribers and deliveries stand in others.
            with contextlib.suppress(ValueError):
                return self._renewed(error, recall)
        elif not error.damaged:
            raise error
        if self._file is None:
            raise RefusedError(f"{error}", "restore a backup of the database; nothing was changed") from error
        problem = self._put_aside(error)
        return recall(), problem

    def _renewed(self, error: ValueError, recall: Callable[[], Memory]) -> tuple[Memory, Problem]:
        """Forget the rows that are made anew from the content. Raises ``ValueError`` when it is another that cannot be read."""
        forgotten = self.store.renew(datetime.now(UTC))
        memory = recall()
        counts = ", ".join(f"{number} {table}" for table, number in forgotten.items())
        message = f"{error}; what the store knew of posts and files is made anew (forgotten: {counts})"
        hint = "nothing else was touched: ids, subscribers, deliveries and history are kept; look whether the disk is well"
        return memory, Problem(rule="store.renewed", severity=Severity.ERROR, message=message, hint=hint, path=str(self.state))

    def _put_aside(self, error: Exception) -> Problem:
        """Give the files of a damaged store other names, so that the next one is new; return what is to be said."""
        moved: list[str] = []
        with self._opening:
            if self._store is not None:
                self._store.close()
                self._store = None
            for file in sorted(self.state.glob(f"{self._file}*")):
                if ".damaged" not in file.name:
                    free = (file.with_name(f"{file.name}.damaged{number}") for number in itertools.count(1))
                    moved.append(file.rename(next(place for place in free if not place.exists())).name)
        message = f"{error}; what it knew of posts and files is made anew, ids come from the ledger"
        hint = f"what only the store knew (subscribers, deliveries, past versions) may be saved from {', '.join(moved)}"
        return Problem(rule="store.rebuilt", severity=Severity.ERROR, message=message, hint=hint, path=str(self.state))

    def _missing(self) -> Problem:
        """Return what is to be said of a store that knows of no pass where feeds have been published."""
        return Problem(
            rule="store.missing",
            severity=Severity.ERROR,
            message="the store is new, and feeds were published from here before; posts are read anew, ids come from the ledger",
            hint=(
                f"if {self._file} was lost, stop the service and put a backup back: subscribers and deliveries were in it only"
                if self._file is not None
                else "of the store before, subscribers move with `feedservice subscribers export` and `import`"
            ),
            path=str(self.state),
        )


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Make what stays: the cycle collector would look through all of it, again and again as it grows, and later in each pass."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collects:
            gc.enable()
