"""The canary at work: asks hubs, remembers callbacks in the state directory, and says which hub fell silent.

Belongs to one event loop; ``look`` may be called from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedservice.config.schema import Config
from feedservice.deliveries import Outcome, Request
from feedservice.feeds.links import canary_base, hub_url, hub_urls
from feedservice.push import canary, signing
from feedservice.push.canary import Callback, Standing, Watch
from feedservice.push.kinds import MAIN
from feedservice.service import files
from feedservice.store import DocumentRow, StoreError
from feedservice.store.outbox import Outbox

NAME = "canary.json"
"""File of the state directory."""
_EVERY = 30.0
"""Seconds from one look at everything to the next."""
_INSTANTS = ("asked_at", "verified_at", "lease_end", "since", "arrived_at")
_TOKEN = 32
"""Bytes of randomness in a callback, and in a secret."""

logger = logging.getLogger("feedservice.canary")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Perches:
    """What is to be watched."""

    hubs: tuple[str, ...] = ()
    topic: str | None = None
    base: str = ""
    """Beginning of the callbacks' public URLs."""


def perches(config: Config, rows: Iterable[DocumentRow]) -> Perches:
    """Return what a configuration wants watched: its hubs, by the first document of the feed that stands for the site.

    Nothing outside of production. Other hubs than our own hear nothing of a feed that is not announced.
    """
    if config.announce.environment != "production" or not config.announce.websub.canary:
        return Perches()
    hubs = hub_urls(config)
    if not config.feeds.all.announce:
        hubs = tuple(hub for hub in hubs if config.announce.websub.hub == "embedded" and hub == hub_url(config))
    found = {row.format: row.url for row in rows if row.feed == MAIN}
    topic = next((found[name] for name in ("atom", "rss", "json") if name in found), None)
    return Perches(hubs=tuple(dict.fromkeys(hubs)), topic=topic, base=canary_base(config))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the canary acts with, chosen by who wires it."""

    outbox: Outbox
    send: Callable[[Request], Awaitable[Outcome]]
    now: Callable[[], datetime]
    token: Callable[[int], str]
    """(bytes of randomness) → text that a URL can hold."""
    file: Path


class Canary:
    """Watches hubs for as long as it runs; the ``Ear`` of the door that they call."""

    def __init__(self, tools: Tools) -> None:
        """Nothing is done before ``start``."""
        self._tools = tools
        self._perches = Perches()
        self._watches: dict[str, Watch] = {}
        """Hub → what we saw of it."""
        self._said: dict[str, Standing] = {}
        self._saved: bytes | None = None
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def watches(self) -> Sequence[Watch]:
        """What was seen of each hub, in their order."""
        return [self._watches[hub] for hub in self._perches.hubs if hub in self._watches]

    async def start(self) -> None:
        """Take up what is remembered, and begin."""
        self._watches = await asyncio.to_thread(read, self._tools.file)
        self._saved = written(list(self._watches.values()))
        self._loop = asyncio.get_running_loop()
        self._running = self._loop.create_task(self._run(), name="canary")

    async def stop(self) -> None:
        """End; what was seen is on the disk."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            await self._save()

    def look(self, perches: Perches) -> None:
        """Watch these hubs, and see what is new. May be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._turn, perches)

    # The ear

    def verify(self, token: str, topic: str, challenge: str, lease: str) -> bool:
        """See ``web.canary.Ear``."""
        watch = self._pending(token)
        after = None if watch is None else canary.verified(watch, token, topic, challenge, lease, self._tools.now())
        if after is None:
            return False
        self._watches[after.hub] = after
        self._woken.set()
        return True

    def deny(self, token: str, topic: str, reason: str) -> bool:
        """See ``web.canary.Ear``."""
        watch = self._pending(token) or self._active(token)
        after = None if watch is None else canary.denied(watch, token, topic, reason)
        if after is None:
            return False
        self._watches[after.hub] = after
        self._woken.set()
        return True

    async def hear(self, token: str, signature: str | None, body: bytes) -> bool:
        """See ``web.canary.Ear``."""
        at = self._tools.now()
        if self._active(token) is None:
            return False
        # A delivery may be faster than the word that something was published.
        await self._see()
        watch = self._active(token)
        if watch is not None:
            self._watches[watch.hub] = canary.arrived(watch, signature, body, at)
            self._woken.set()
        return True

    def _pending(self, token: str) -> Watch | None:
        each = self._watches.values()
        return next((watch for watch in each if watch.pending and signing.same(watch.pending.token, token)), None)

    def _active(self, token: str) -> Watch | None:
        each = self._watches.values()
        return next((watch for watch in each if watch.active and signing.same(watch.active.token, token)), None)

    # The rounds

    def _turn(self, perches: Perches) -> None:
        self._perches = perches
        for hub in set(self._watches) - set(perches.hubs):
            del self._watches[hub]
        for hub in perches.hubs if perches.topic is not None else ():
            if hub not in self._watches or self._watches[hub].topic != perches.topic:
                self._watches[hub] = Watch(hub=hub, topic=perches.topic or "")
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._see()
                await self._ask()
                await self._save()
            except Exception:  # a bug here must cost no announcement
                logger.exception("the canary could not look")
            self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY):
                    await self._woken.wait()

    async def _see(self) -> None:
        """Take note of what was published."""
        for topic in {watch.topic for watch in self._watches.values()}:
            known = min(watch.version for watch in self._watches.values() if watch.topic == topic)
            try:
                live = await asyncio.to_thread(self._newer, topic, known)
            except StoreError as error:
                logger.warning("the canary cannot see what is published: %s (%s)", error, error.hint)
                return
            if live is not None:
                for hub, watch in self._watches.items():
                    if watch.topic == topic:
                        self._watches[hub] = canary.published(watch, *live)

    def _newer(self, topic: str, than: int) -> tuple[int, datetime] | None:
        standing = self._tools.outbox.topic_standing(topic, self._tools.now())
        live = self._tools.outbox.topic(topic) if standing is not None and standing.live > than else None
        return None if live is None else (live.version, live.published_at)

    async def _ask(self) -> None:
        now = self._tools.now()
        due = [watch for watch in self.watches if (canary.due(watch) or now) <= now]
        for watch in due:
            callback = canary.callback(self._tools.token(_TOKEN), self._tools.token(_TOKEN), watch.hub)
            self._watches[watch.hub] = canary.asked(watch, callback, now)
        if due:
            # Before the request: whoever comes with that token after a crash is known.
            await self._save()
            await asyncio.gather(*(self._request(self._watches[watch.hub]) for watch in due))

    async def _request(self, watch: Watch) -> None:
        outcome = await self._tools.send(canary.request(watch, self._perches.base))
        after = self._watches.get(watch.hub)
        # It may have been verified, denied or asked anew in the meantime.
        if not outcome.confirmed and after is not None and after.pending == watch.pending:
            said = f"answers {outcome.status}" if outcome.status is not None else f"{outcome.failure}: {outcome.detail}"
            self._watches[watch.hub] = canary.refused(after, said)

    def _tell(self) -> None:
        now = self._tools.now()
        for watch in self.watches:
            found, before = canary.standing(watch, now), self._said.get(watch.hub)
            self._said[watch.hub] = found
            if found is before:
                continue
            if found is Standing.SILENT:
                what = "took a notice and delivered nothing" if watch.active else "took a subscription and never verified it"
                logger.warning("%s %s", watch.hub, what)
            elif found is Standing.REFUSED:
                logger.warning("%s takes no subscription of the canary: %s", watch.hub, watch.refusal)
            elif before in {Standing.SILENT, Standing.REFUSED} and watch.active is not None:
                logger.info("%s is heard again", watch.hub)

    async def _save(self) -> None:
        text = written(list(self._watches.values()))
        if text != self._saved:
            try:
                await asyncio.to_thread(_write, self._tools.file, text)
                self._saved = text
            except OSError as error:
                logger.warning("%s cannot be written: %s", self._tools.file, error.strerror)


def written(watches: Sequence[Watch]) -> bytes:
    """Return watches as a file has them: JSON, with their secrets."""
    rows = [dataclasses.asdict(watch) for watch in watches]
    return json.dumps(rows, ensure_ascii=False, indent=1, default=datetime.isoformat).encode() + b"\n"


def read(file: Path) -> dict[str, Watch]:
    """Return hub → watch; nothing where there is no file, or none that can be read: the hubs are asked anew then."""
    try:
        found = [_watch(row) for row in json.loads(file.read_bytes())]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        logger.warning("%s cannot be read (%s): the hubs are asked anew", file, error)
        return {}
    return {watch.hub: watch for watch in found}


def _watch(row: dict[str, Any]) -> Watch:
    instants = {name: datetime.fromisoformat(row[name]).astimezone(UTC) for name in _INSTANTS if row[name] is not None}
    callbacks = {name: Callback(**row[name]) for name in ("active", "pending") if row[name] is not None}
    return Watch(**{**row, **instants, **callbacks})


def _write(file: Path, text: bytes) -> None:
    """Replace the file; only its owner may read it."""
    files.commit(files.stage(file, text, private=True))
    files.settle({file.parent})
