"""The output directory as one pass leaves it: every file staged first, then all of them renamed.

The coded forms of a file are renamed before the file itself. So a file that is current has current ones beside it, and a
crash in between is repaired by the next pass, which finds the file itself still old.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Self

from feedservice.feeds import freshness
from feedservice.model import EntrySpan, Published
from feedservice.service import files
from feedservice.service.compress import SMALLEST, SUFFIXES, compress, gzip_of_parts, has_parts
from feedservice.service.files import Staged
from feedservice.service.shelf import stat_of

_AHEAD = 32
"""Files that wait for a processor to compress them, or for the disk: large bodies are not all held."""
_WRITERS = 4
"""Files that are written at once: a journal takes what several have waited for in one go."""
_HELD = 64
"""Files that are replaced whose insides are let go of afterwards, most."""


class Output:
    """Collects the files of a pass; nothing is seen of them before ``commit``."""

    def __init__(
        self,
        root: Path,
        codings: Sequence[str],
        *,
        before: Mapping[str, Published] | None = None,
        stats: Mapping[str, str] | None = None,
        now: datetime | None = None,
    ) -> None:
        """``root`` is the output directory, ``codings`` are keys of ``compress.SUFFIXES``.

        ``before`` are the files of the last pass by path, ``stats`` what ``shelf.stat_of`` said of them, and ``now`` the time of
        this one: a file that is another than before was modified now, unless what it says itself is later.
        """
        self.root = root
        self.codings = tuple(codings)
        self._before = before or {}
        self._stats = stats or {}
        self._now = now
        self.published: list[Published] = []
        self._kept: set[str] = set()
        self._staged: list[Staged] = []
        self._surplus: list[Path] = []
        self._made: set[Path] = set()
        self._waiting: deque[Future[Staged]] = deque()
        # The compressors release the interpreter's lock, so threads do: one for each processor, while others wait for the disk.
        self._threads = ThreadPoolExecutor(_WRITERS, thread_name_prefix="stage")
        self._processors = threading.BoundedSemaphore(os.cpu_count() or 1)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing staged behind, and no thread."""
        self.discard()
        self._threads.shutdown()

    def put(
        self,
        path: str,
        body: bytes,
        *,
        feed: str = "",
        name: str,
        media_type: str,
        last_modified: datetime,
        entries: tuple[EntrySpan, ...] = (),
        links: tuple[str, ...] = (),
        immutable: bool = False,
        etag: str | None = None,
    ) -> None:
        """Stage a file if its bytes, or a coding of them, are not there already. Raises ``OSError``.

        ``etag`` is the hash of the bytes, as ``Document`` has it, when it is known.
        """
        target = self.root / path
        wanted = self.codings if len(body) >= SMALLEST else ()
        beside = {coding: target.with_name(target.name + SUFFIXES[coding]) for coding in wanted}
        changed = not files.same(target, body)
        if changed or not self._has_coded(path, beside):
            if changed:
                self._surplus += [target.with_name(target.name + SUFFIXES[name]) for name in SUFFIXES if name not in beside]
            self._note_missing(target.parent)
            parts = () if immutable else entries
            tasks = [self._threads.submit(self._stage_coded, path, coding, file, body, parts) for coding, file in beside.items()]
            self._waiting.extend(tasks)
            if changed:
                self._waiting.append(self._threads.submit(files.stage, target, body))
            self._gather(_AHEAD)
        etag = etag or hashlib.blake2b(body, digest_size=16).hexdigest()
        known = self._before.get(path)
        if known is not None and known.etag == etag:
            last_modified = known.last_modified
        elif known is not None and self._now is not None:
            last_modified = freshness.last_modified(last_modified, before=known.last_modified, now=self._now)
        self.published.append(
            Published(
                path=path,
                feed=feed,
                format=name,
                media_type=media_type,
                size=len(body),
                etag=etag,
                last_modified=last_modified,
                codings=dict.fromkeys(wanted, 0),
                entries=entries,
                links=links,
                immutable=immutable,
                changed=changed,
            )
        )

    def _has_coded(self, path: str, beside: Mapping[str, Path]) -> bool:
        """Tell whether the coded forms of a current file are there, and those that were written."""
        known = self._before.get(path)
        if known is not None and beside and self._stats.get(path) != stat_of(self.root, known):
            return False
        return all(file.exists() for file in beside.values())

    def _note_missing(self, folder: Path) -> None:
        """Remember the directories that staging will make."""
        while folder not in self._made and not folder.exists():
            self._made.add(folder)
            folder = folder.parent

    def keep(self, published: Iterable[Published]) -> None:
        """Take in files that are there as they are."""
        for each in published:
            self._kept.add(each.path)
            self.published.append(each)

    def keeps(self, path: str) -> bool:
        """Tell whether a file was only taken in, and not put."""
        return path in self._kept

    def commit(self) -> None:
        """Rename everything that is staged, the coded forms of a file before the file. Raises ``OSError``."""
        self._gather(0)
        with files.held(staged.target for staged in self._staged[:_HELD]):
            for staged in self._staged:
                files.commit(staged)
        folders = {staged.target.parent for staged in self._staged}
        self._staged.clear()
        self._made.clear()
        for path in self._surplus:
            path.unlink(missing_ok=True)
        # Those who wait together wait for one write of the journal.
        for settled in [self._threads.submit(files.settle, {folder}) for folder in folders]:
            settled.result()
        self.published = list(self._measured())

    def discard(self) -> None:
        """Remove everything that is staged, what is being staged, and the directories that were made for it."""
        for future in self._waiting:
            # What went wrong is what led here, or no longer matters.
            if not future.cancel() and future.exception() is None:
                self._staged.append(future.result())
        self._waiting.clear()
        for staged in self._staged:
            files.discard(staged)
        self._staged.clear()
        for folder in sorted(self._made, key=lambda path: len(path.parts), reverse=True):
            # Somebody else may have put something into it by now.
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._made.clear()

    def _gather(self, leave: int) -> None:
        while len(self._waiting) > leave:
            self._staged.append(self._waiting.popleft().result())

    def _stage_coded(self, path: str, coding: str, file: Path, body: bytes, entries: Sequence[EntrySpan]) -> Staged:
        with self._processors:
            if coding == "gzip" and has_parts(body, entries):
                coded = gzip_of_parts(body, entries, *self._earlier(path, file))
            else:
                coded = compress(coding, body)
        return files.stage(file, coded)

    def _earlier(self, path: str, file: Path) -> tuple[bytes, Sequence[EntrySpan]]:
        """Return the gzip form that is there and the entries of its document, when it is the one that was written."""
        known = self._before.get(path)
        if known is not None and self._stats.get(path) == stat_of(self.root, known) != "":
            with contextlib.suppress(OSError):
                return file.read_bytes(), known.entries
        return b"", ()

    def _measured(self) -> Iterator[Published]:
        """Give every published file the sizes of its coded forms, now that they are there."""
        for each in self.published:
            if each.path in self._kept:
                yield each
                continue
            target = self.root / each.path
            sizes = {coding: target.with_name(target.name + SUFFIXES[coding]).stat().st_size for coding in each.codings}
            yield dataclasses.replace(each, codings=sizes)
