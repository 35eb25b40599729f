"""What a running service shows to the world: the desk with the newest library, and the files that remember its readers.

A pass gives its report to ``show``, in the thread that made it; everything else belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import gc
import hashlib
import logging
import secrets
import socket
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from feedservice.config import Loaded
from feedservice.config.sections import seconds
from feedservice.config.serve import Serve
from feedservice.errors import RefusedError
from feedservice.feeds.formats import FORMATS
from feedservice.feeds.lifecycle import Former
from feedservice.model import Published
from feedservice.service import files
from feedservice.service.report import Report
from feedservice.web import counting, library, versions
from feedservice.web.bodies import Bodies
from feedservice.web.bounds import Bounds
from feedservice.web.counting import Counts
from feedservice.web.desk import Desk, Door
from feedservice.web.pollers import Pollers
from feedservice.web.server import Chore, Server
from feedservice.web.terms import terms
from feedservice.web.versions import Memory

READERS = "readers.json"
"""File of the state directory with the counts of readers."""
VERSIONS = "versions.json"
"""File of the state directory with the older versions that deltas start from."""

_COUNTS_EVERY = 60.0
_VERSIONS_EVERY = 10.0
"""Seconds: writing hundreds of documents' versions down takes longer than all else that readers and subscribers wait for."""

logger = logging.getLogger("feedservice")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and how to listen; ``path`` goes before host and port."""

    host: str
    port: int
    path: Path | None
    plain: bool
    given: tuple[str, ...] = ()
    """The arguments that named it in place of the configuration: a restart gives them again."""


class Front:
    """A server and what it serves: a ``Service`` of the daemon."""

    def __init__(self, loaded: Loaded, place: Place, standing: Callable[[], Iterable[Published]] = tuple) -> None:
        """Nothing is read or opened before ``start``; ``standing`` tells what was published before this process, and is there."""
        self.place = place
        self.urls: tuple[str, ...] = ()
        self.desk: Desk | None = None
        self.doors: dict[bytes, Door] = {}
        """Who answers what is no published document: ``Desk.doors``."""
        self._loaded = loaded
        self._standing = standing
        self._server: Server | None = None
        self._told = False
        self._memory: Memory | None = None
        self._saved: Memory | None = None
        """``_memory`` as the file has it."""
        self._published: tuple[Published, ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Listen; until the first ``show``, what an earlier process published is served, and all else is answered 503."""
        loaded, place, serve = self._loaded, self.place, self._loaded.config.serve
        said = terms(loaded.config, unix=place.path is not None)
        file = loaded.root / loaded.config.state / READERS
        counts = _recalled_counts(file)
        first = await asyncio.to_thread(self._recalled, loaded)
        desk = Desk(first, said, bodies=Bodies(serve.memory), pollers=Pollers(said.fairness), counts=counts)
        chores = [
            Chore(every=_COUNTS_EVERY, do=lambda: _save_counts(file, counts)),
            Chore(every=_VERSIONS_EVERY, do=self._save_versions),
        ]
        server = Server(desk, bounds=_bounds(serve), chores=chores, prepare=not place.plain)
        try:
            self.urls = await server.start(host=place.host, port=place.port, path=place.path)
        except OSError as error:
            raise _refused(error, place) from error
        desk.doors = self.doors
        self.desk, self._server = desk, server
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Finish the answers that were begun, and take down who read."""
        timeout = self._loaded.config.serve.stop_timeout
        if self._server is not None and not await self._server.stop(seconds(timeout)):
            logger.warning("some answers were cut off: their readers took longer than %s", timeout)

    def changed(self, loaded: Loaded) -> None:
        """Serve by another configuration; what is published goes with the next ``show``."""
        self._loaded = loaded
        if self.desk is not None:
            said = terms(loaded.config, unix=self.place.path is not None)
            if said.fairness != self.desk.terms.fairness:
                self.desk.pollers = Pollers(said.fairness)
            self.desk.terms = said

    def show(self, loaded: Loaded, report: Report) -> None:
        """Serve what a pass published."""
        assert self.desk is not None
        first = not self.shows
        root = loaded.root / loaded.config.output
        published = [*report.published, *_last_good(report, root)]
        published += self._kept(report, {each.path for each in published}, root)
        self._published = tuple(published)
        memory = self._remembered(loaded, published)
        self.desk.publish(self._library(loaded, report.former, published, memory, due=report.due))
        if self._loop is not None:
            current = {held.key(coding) for held in self.desk.library.resources.values() for coding in held.stored}
            self._loop.call_soon_threadsafe(self.desk.bodies.retain, current)
        self._memory = memory
        if first:
            self.tell()
            # What is here now stays: the collector need not look at it again and again while requests are answered.
            gc.collect()
            gc.freeze()

    @property
    def shows(self) -> bool:
        """Tell whether a pass of this process is shown."""
        return self.desk is not None and self.desk.library.ready

    def tell(self) -> None:
        """Say in the log, once, what is served and where."""
        if self.desk is not None and not self._told:
            self._told = True
            for url in self.urls:
                index = "" if self.place.path is not None else self.desk.terms.index
                logger.info("Serving %s at %s%s", self._loaded.root / self._loaded.config.output, url, index)

    def _save_versions(self) -> None:
        """Write the older versions down for the next start: a process that is killed before sends whole feeds once."""
        memory = self._memory
        if memory is not None and memory != self._saved:
            _write(self._loaded.root / self._loaded.config.state / VERSIONS, versions.to_json(memory), durable=False)
            self._saved = memory

    def _kept(self, report: Report, there: Collection[str], root: Path) -> Iterator[Published]:
        """Yield what else belongs to feeds that stay as they were, such as their pages, and was served until now."""
        stay = {spec.key for spec in report.feeds if not set(report.withheld).isdisjoint(spec.paths.values())}
        for each in self._published:
            if each.feed in stay and each.path not in there and (root / each.path).is_file():
                yield each

    def _recalled(self, loaded: Loaded) -> library.Library:
        """Return what can be served before the first pass: a restart is no reason to send readers away."""
        published = tuple(self._standing())
        if not published:
            return library.NOT_YET
        self._published = published
        self._memory = self._saved = _recalled_versions(loaded.root / loaded.config.state / VERSIONS)
        now = datetime.now(UTC)
        # What fell due meanwhile comes with the first pass: nobody is to keep an answer for long.
        config = loaded.config.feeds
        former = Former(moved=config.moved, gone=frozenset(config.gone))
        found = self._library(loaded, former, published, self._memory, due=now)
        return dataclasses.replace(found, ready=False)

    def _library(
        self, loaded: Loaded, former: Former, published: Iterable[Published], memory: Memory, *, due: datetime | None
    ) -> library.Library:
        return library.make(
            published,
            root=loaded.root / loaded.config.output,
            terms=terms(loaded.config, unix=self.place.path is not None),
            due=due,
            memory=memory,
            moved=former.moved,
            gone=former.gone,
            before=self.desk.library if self.desk is not None else None,
        )

    def _remembered(self, loaded: Loaded, published: Iterable[Published]) -> Memory:
        """Bring the older versions up to date."""
        known = _recalled_versions(loaded.root / loaded.config.state / VERSIONS) if self._memory is None else self._memory
        keep = timedelta(seconds=seconds(loaded.config.serve.delta_keep))
        return versions.advance(known, published, now=datetime.now(UTC), keep=keep)


def _bounds(serve: Serve) -> Bounds:
    return Bounds(
        request_time=seconds(serve.request_timeout), idle_time=seconds(serve.idle_timeout), connections=serve.connections
    )


def _refused(error: OSError, place: Place) -> RefusedError:
    where = str(place.path) if place.path is not None else f"{place.host}:{place.port}"
    if error.errno == errno.EADDRINUSE:
        return RefusedError(f"another program listens on {where}", "stop it, or choose another with --port (or serve.port)")
    if error.errno == errno.EACCES:
        return RefusedError(f"{where} may not be listened on", "take a port above 1023, or a directory that you may write to")
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return RefusedError(f"{where} is no address of this machine", "correct --host or serve.host; 0.0.0.0 is every address")
    return RefusedError(f"cannot listen on {where}: {error.strerror or error}", "correct --host, --port or --socket")


def _last_good(report: Report, root: Path) -> Iterator[Published]:
    """Yield the documents that stay as they were, and their aliases, as far as they are there."""
    withheld = frozenset(report.withheld)
    for spec in report.feeds:
        stay = {name for name, path in spec.paths.items() if path in withheld}
        for path, name in (*((path, name) for name, path in spec.paths.items()), *spec.aliases.items()):
            if name in stay and (root / path).is_file():
                yield _as_it_is(root / path, path, spec.key, name)


def _as_it_is(file: Path, path: str, feed: str, name: str) -> Published:
    body = file.read_bytes()
    beside = {coding: file.with_name(file.name + suffix) for coding, suffix in library.SUFFIXES.items()}
    return Published(
        path=path,
        feed=feed,
        format=name,
        media_type=FORMATS[name].media_type,
        size=len(body),
        etag=hashlib.blake2b(body, digest_size=16).hexdigest(),
        last_modified=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        codings={coding: each.stat().st_size for coding, each in beside.items() if each.is_file()},
        changed=False,
    )


def _recalled_versions(file: Path) -> Memory:
    try:
        return versions.from_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        logger.warning("%s is damaged (%s): readers with an older version are sent the whole feed, once", file, error)
        return {}


def _recalled_counts(file: Path) -> Counts:
    try:
        counted, keys, _ = counting.from_json(file.read_bytes())
        return Counts(counted, keys, secrets.token_bytes)
    except FileNotFoundError:
        pass
    except ValueError as error:
        logger.warning("%s is damaged (%s): readers are counted anew", file, error)
    return counting.beginning(secrets.token_bytes, datetime.now(UTC))


def _save_counts(file: Path, counts: Counts) -> None:
    _write(file, counting.to_json(counts.tally, counts.keys, datetime.now(UTC)))


def _write(file: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file of the state directory; only its owner may read it."""
    if files.same(file, data):
        return
    files.commit(files.stage(file, data, durable=durable, private=True))
    if durable:
        files.settle({file.parent})
