"""What a running service says to the world, and hears from it: deliveries, the hub's doors, the canary, the plan of every pass.

A ``Service`` of the daemon. Without anything turned on in the section ``announce``, nothing of this runs.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from feedservice.cli.announced import Announced
from feedservice.cli.front import Front
from feedservice.cli.present import present
from feedservice.config import Loaded
from feedservice.config.sections import seconds
from feedservice.deliveries import Outcome, Request, Trust
from feedservice.feeds.links import moved_hub
from feedservice.push.addresses import networks
from feedservice.push.kinds import Terms
from feedservice.push.mail import METHOD
from feedservice.service import announcing, canary, credentials
from feedservice.service.announcing import Announcer
from feedservice.service.canary import Canary, Perches, perches
from feedservice.service.credentials import Credentials
from feedservice.service.deliver import Deliverer, Tools
from feedservice.service.resolve import SystemResolver
from feedservice.store import StoreError
from feedservice.store.sql import SqlStore
from feedservice.web import hub
from feedservice.web.canary import PATH as CANARY
from feedservice.web.canary import Perch
from feedservice.web.desk import Door
from feedservice.web.fairness import client_address
from feedservice.web.hub import Registrar, Room
from feedservice.web.reception import Notice, Post
from feedservice.web.terms import terms

if TYPE_CHECKING:
    from feedservice.service.mailing import Mailer
    from feedservice.service.sender import Sender

logger = logging.getLogger("feedservice")


class Voice:
    """Announces, and takes subscriptions."""

    def __init__(self, loaded: Loaded, outbox: Callable[[], SqlStore], front: Front) -> None:
        """``outbox`` opens the store, or gives the one that is open; ``front`` has the doors."""
        self._loaded = loaded
        self._outbox = outbox
        self._front = front
        self._credentials = Credentials()
        self._resolver = SystemResolver()
        self._sender: Sender | None = None
        self._mailer: Mailer | None = None
        self._deliverer: Deliverer | None = None
        self._registrar: Registrar | None = None
        self._doors: set[bytes] = set()
        self._changing: asyncio.Task[None] | None = None
        self._canary: Canary | None = None
        self._perches: Perches | None = None
        """What is to be watched; None before the first pass has said so."""
        self._complete = False
        """Every document is a topic; from then on passes see to that."""

    async def start(self) -> None:
        """Begin to deliver, and open the doors."""
        if not announcing.is_on(self._loaded.config):
            return
        store = present(self._outbox)
        await self._settings()
        tools = Tools(outbox=store, send=self._send, terms=self._terms, now=_now, jitter=_jitter, keep=self._keep)
        self._deliverer = Deliverer(tools)
        await self._deliverer.start()
        file = self._loaded.root / self._loaded.config.state / canary.NAME
        self._canary = Canary(canary.Tools(outbox=store, send=self._send, now=_now, token=secrets.token_urlsafe, file=file))
        await self._canary.start()
        if self._perches is not None:
            self._canary.look(self._perches)
        self._registrar = Registrar(store, self._room(), token=lambda: secrets.token_urlsafe(32), queued=self.wake)
        self._open()

    async def stop(self) -> None:
        """Finish what was begun to be sent."""
        if self._changing is not None:
            await self._changing
        if self._canary is not None:
            await self._canary.stop()
        if self._registrar is not None:
            self._registrar.close()
        if self._deliverer is not None:
            await self._deliverer.stop()
        if self._sender is not None:
            await self._sender.transport.aclose()
        self._resolver.close()

    def wake(self) -> None:
        """Look for what is to be sent; may be called from any thread."""
        if self._deliverer is not None:
            self._deliverer.wake()

    async def announced(self) -> Announced | None:
        """Say how announcing goes; None while nobody is told of anything."""
        if self._deliverer is None or self._canary is None:
            return None
        standing, refusal, now = None, "", _now()
        try:
            standing = await asyncio.to_thread(lambda: self._outbox().outbox_standing(now))
        except StoreError as error:
            refusal = str(error)
        watches = tuple(self._canary.watches)
        wrong = self._credentials.problems
        figures = self._deliverer.figures
        return Announced(figures=figures, standing=standing, refusal=refusal, watches=watches, problems=wrong, now=now)

    def shown(self, loaded: Loaded) -> None:
        """Take up what a pass has announced; called in the thread that made it."""
        if announcing.is_on(loaded.config):
            if not self._complete:
                store = self._outbox()
                made = Announcer(store, loaded.root / loaded.config.output).baseline(store.documents(), loaded.config, _now())
                if made is not None:
                    store.announce(made)
                self._perches = perches(loaded.config, store.documents())
                self._complete = True
            self.wake()
        else:
            self._perches = Perches()
        if self._canary is not None and self._perches is not None:
            self._canary.look(self._perches)

    def change(self, loaded: Loaded) -> None:
        """Go on by another configuration; called in the event loop."""
        self._changing = asyncio.ensure_future(self._change(loaded, self._changing))

    async def _change(self, loaded: Loaded, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        self._loaded, self._complete = loaded, False
        try:
            if self._deliverer is None or self._registrar is None:
                await self.start()
                return
            await self._settings()
            self._registrar.room = self._room()
            self._open()
        except Exception:  # the next change, and the end, must not meet it again
            logger.exception("what is announced could not be changed as the configuration says")

    async def _settings(self) -> None:
        """Read the keys, and make a way out by the lists of addresses that hold now."""
        # A tenth of a second, which a service that tells nobody of anything has no use for.
        from feedservice.service.mailing import Mailer  # noqa: PLC0415
        from feedservice.service.sender import Sender  # noqa: PLC0415
        from feedservice.service.transport import Transport  # noqa: PLC0415

        self._credentials = await asyncio.to_thread(credentials.read, self._loaded)
        for problem in self._credentials.problems:
            logger.error("%s: %s (%s)", problem.path, problem.message, problem.hint)
        settings, before = self._loaded.config.announce, self._sender
        allowed = {Trust.OPERATOR: networks(settings.targets.allow), Trust.CALLBACK: networks(settings.callbacks.allow)}
        public = settings.environment == "production"
        self._sender = Sender(transport=Transport(allowed=allowed, resolve=self._resolver, public=public), now=_now)
        self._mailer = Mailer(allowed=allowed, resolve=self._resolver, now=_now, public=public)
        if before is not None:
            await before.transport.aclose()

    async def _send(self, request: Request) -> Outcome:
        assert self._sender is not None
        assert self._mailer is not None
        return await (self._mailer.send(request) if request.method == METHOD else self._sender.send(request))

    def _terms(self) -> Terms:
        return self._credentials.terms(_now())

    def _keep(self) -> float:
        return float(seconds(self._loaded.config.announce.keep))

    def _room(self) -> Room:
        websub = self._loaded.config.announce.websub
        return Room(
            lease=seconds(websub.lease),
            per_host=websub.per_host,
            per_topic=websub.per_topic,
            method=websub.signature,
            moved=moved_hub(self._loaded.config),
        )

    def _open(self) -> None:
        """Open the doors of the configuration, and close those of the one before."""
        assert self._registrar is not None
        config, said = self._loaded.config, terms(self._loaded.config, unix=self._front.place.path is not None)
        at = Post(now=_now, client=lambda peer, fields: client_address(peer, fields, said.proxies))
        for path in self._doors:
            self._front.doors.pop(path, None)
        settings = config.announce
        websub, cloud = settings.websub, settings.rsscloud == "on"
        opened: dict[bytes, Door] = {**hub.doors(at, self._registrar, websub=websub.hub == "embedded", cloud=cloud)}
        if self._canary is not None and websub.canary:
            opened[CANARY.encode("ascii")] = Perch(at, self._canary)
        self._front.doors.update(opened)
        self._doors = set(opened)
        key = self._credentials.indexnow_key
        if key:
            path = f"/{key}.txt".encode("ascii")
            self._front.doors[path] = Notice(at, key)
            self._doors.add(path)


def _now() -> datetime:
    return datetime.now(UTC)


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - spreads load, guards nothing
