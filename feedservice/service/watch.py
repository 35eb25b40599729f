"""File events → a debounced "something changed".

::

    watchfiles (a thread for each directory) ─heard→ Changes ─settling→ paths that are at rest

Events only shorten the delay. The look at every file that the timetable has made (``schedule.rescan``) is the truth: events are
lost when a queue overflows, a parent is renamed, a directory is mounted, and on some file systems none come at all.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from pathlib import Path

# The generators of the package do not say when they have begun to listen: a change before that would be missed.
from watchfiles._rust_notify import RustNotify

from feedservice.service import mounts, scan
from feedservice.service.settling import Held, Patience, Settled, Stamp, looked, noticed

_STEP = 30
"""Milliseconds between two looks at what the system has told; the last of them brought nothing new."""
_SLOW_STEP = 200
"""The same for what seldom changes, the configuration and whether the content directory is there: each look costs a little."""
_TOGETHER = 200
"""Milliseconds after which events are handed on though more are coming."""
_TIMEOUT = 60_000
_IN_A_THREAD = 200
"""More files than this are not looked at in the event loop."""

Tell = Callable[[Iterable[str], float], None]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """What belongs together: the content directory, and the file that says how it is read."""

    content: Path
    config: Path
    outside: tuple[Path, ...]
    """Directories that hold no content though they may lie below it: output and state."""


class Changes:
    """Collects what changed until it is at rest. Belongs to one event loop."""

    def __init__(self, patience: Patience, *, busy: Callable[[], bool] = lambda: False) -> None:
        """``busy`` says that a program is known to be writing: a ``git`` that holds its lock."""
        self.patience = patience
        self._busy = busy
        self._heard: set[str] = set()
        self._at = 0.0
        self._something = asyncio.Event()

    def hear(self, paths: Iterable[str], quiet: float = 0.0) -> None:
        """Take in absolute paths that changed; ``quiet`` is for how many seconds nothing has come since."""
        self._heard.update(paths)
        self._at = asyncio.get_running_loop().time() - quiet
        if self._heard:
            self._something.set()

    async def settled(self) -> AsyncIterator[frozenset[str]]:
        """Yield the changed paths, every time that all of them are at rest."""
        clock = asyncio.get_running_loop().time
        held: Held | None = None
        while True:
            try:
                await asyncio.wait_for(self._something.wait(), None if held is None else max(0.0, held.due - clock()))
            except TimeoutError:
                assert held is not None
                outcome = looked(held, await _stamps(held.stamps), max(clock(), held.due), self.patience, busy=self._busy())
                if isinstance(outcome, Settled):
                    held = None
                    yield outcome.paths
                else:
                    held = outcome
                continue
            self._something.clear()
            heard, self._heard = self._heard, set()
            held = noticed(held, await _stamps(heard), self._at, self.patience)


async def _stamps(paths: Collection[str]) -> Mapping[str, Stamp]:
    if len(paths) > _IN_A_THREAD:
        return await asyncio.to_thread(stamps, list(paths))
    return stamps(paths)


def stamps(paths: Iterable[str]) -> dict[str, Stamp]:
    """Return what each path is now; what cannot be looked at counts as not there."""
    found: dict[str, Stamp] = {}
    for path in paths:
        try:
            stat = os.stat(path)  # noqa: PTH116  -- thousands of them after a checkout
        except OSError:
            found[path] = None
        else:
            found[path] = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
    return found


def silent(folder: Path) -> str | None:
    """Return why no events come from a directory; None when they do, as far as the mount table tells."""
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        # Another system than Linux: its events are those of FSEvents or kqueue.
        return None
    mount = mounts.mount_of(str(folder.resolve()), mounts.mounts(table))
    return None if mount is None or mount.tells else f"{mount.point} is a {mount.kind} file system"


class Watcher:
    """Listens to the system about an area. Its methods look at the disk: they block."""

    def __init__(self, area: Area, hear: Tell, *, silent: Callable[[Path], str | None] = silent) -> None:
        """``hear`` is called as ``Changes.hear``, in threads of the watcher's. ``silent`` says why a directory has none."""
        self.area = area
        self._hear = hear
        self._silent = silent
        self._ears: list[_Ear] = []
        self._ours: frozenset[str] = frozenset()
        self._identity: tuple[int, int] | None = None
        self.silence: str | None = "not started"
        """Why no events come; None when they do."""

    def start(self) -> None:
        """Begin to listen; what stands against it is in ``silence``, and in the log."""
        self.silence = self._begin()
        if self.silence is None:
            logger.info("watching %s: changes are read at once", self.area.content)
        else:
            logger.warning("no events from %s: %s; it is looked through at intervals", self.area.content, self.silence)

    def stop(self) -> None:
        """Listen no more."""
        for ear in self._ears:
            ear.stop()
        self._ears = []
        self._identity = None

    def look(self) -> bool:
        """Listen to the content directory that is there now; True when it is another than before.

        It may have been deleted and made again, mounted or unmounted: events come from what was there when they were asked for.
        """
        if _identity(self.area.content) == self._identity and not any(ear.failed for ear in self._ears):
            return False
        before = self.silence
        self.stop()
        self.silence = self._begin()
        if self.silence is None:
            logger.info("watching %s again", self.area.content)
        elif self.silence != before:
            logger.warning("no events from %s: %s; it is looked through at intervals", self.area.content, self.silence)
        return True

    def _begin(self) -> str | None:
        content, config = self.area.content, self.area.config
        self._identity = _identity(content)
        self._ours = frozenset(map(str, (config, config.resolve(), content)))
        reason = None if self._identity is not None else "there is no such directory"
        try:
            if reason is None:
                reason = self._silent(content)
            if reason is None:
                self._listen(content, recursive=True, step=_STEP, wanted=self._is_content)
        except OSError as error:
            # Watching costs the system memory, and the number of directories, and of programs that watch, is limited.
            reason = f"the system refuses ({_told(error)})"
        for folder in {config.parent, config.resolve().parent, content.parent}:
            try:
                self._listen(folder, recursive=False, step=_SLOW_STEP, wanted=self._is_ours)
            except OSError as error:
                logger.warning("no events from %s: %s", folder, _told(error))
        return reason

    def _listen(self, folder: Path, *, recursive: bool, step: int, wanted: Callable[[str], bool]) -> None:
        ear = _Ear(folder, step=step, wanted=wanted, told=self._hear)
        ear.start(recursive=recursive)
        self._ears.append(ear)

    def _is_content(self, path: str) -> bool:
        """Say whether an event may concern a post: not what an editor leaves, nor what is written by us."""
        root = str(self.area.content)
        if any(path == str(folder) or path.startswith(f"{folder}{os.sep}") for folder in self.area.outside):
            return False
        return not any(scan.is_leaving(name) for name in Path(path.removeprefix(root).strip(os.sep)).parts)

    def _is_ours(self, path: str) -> bool:
        return path in self._ours


class _Ear:
    """Hears of one directory, in a thread."""

    def __init__(
        self, folder: Path, *, step: int, wanted: Callable[[str], bool], told: Callable[[Iterable[str], float], None]
    ) -> None:
        self._folder = folder
        self._step = step
        self._wanted = wanted
        self._tell = told
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.failed = False

    def start(self, *, recursive: bool) -> None:
        """Begin; raises ``OSError`` when the system does not let us. From then on nothing is missed."""
        try:
            notify = self._asked(recursive=recursive, passing_over=False)
        except PermissionError:
            # Whoever passes over what may not be read is not told either when there are no watches left.
            notify = self._asked(recursive=recursive, passing_over=True)
        self._thread = threading.Thread(target=self._run, args=(notify,), name=f"watch {self._folder.name}", daemon=True)
        self._thread.start()

    def _asked(self, *, recursive: bool, passing_over: bool) -> RustNotify:
        return RustNotify([str(self._folder)], False, False, 0, recursive, passing_over)

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, notify: RustNotify) -> None:
        with notify:
            while not self._stopped.is_set():
                try:
                    changes = notify.watch(_TOGETHER, self._step, _TIMEOUT, self._stopped)
                except (OSError, RuntimeError):
                    # Whoever looks through the directory next begins anew.
                    self.failed = True
                    return
                paths = {path for _, path in changes if self._wanted(path)} if isinstance(changes, set) else set()
                if paths and not self._stopped.is_set():
                    self._tell(paths, self._step / 1000)


def _told(error: OSError) -> str:
    """Return what the library says without the insides of its error."""
    return error.strerror or str(error).partition(" about [")[0].rstrip(".")


def git_at_work(folder: Path) -> Callable[[], bool]:
    """Return a function that says whether a ``git`` is changing the work tree that a directory lies in."""
    lock = next((each / ".git" / "index.lock" for each in (folder, *folder.parents) if (each / ".git").is_dir()), None)
    return lock.exists if lock is not None else lambda: False


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        stat = folder.stat()
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino)
