"""Our hub on loopback as it runs: server, store, deliveries and transport, and subscribers that do as they are told."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop

from feedservice.deliveries import Announcement, Subscription, SubscriptionKey, TopicVersion, Trust
from feedservice.feeds.links import subscription_link
from feedservice.model import EntrySpan, Published
from feedservice.push import hub as machine
from feedservice.push.addresses import networks
from feedservice.push.kinds import Terms as PushTerms
from feedservice.service.deliver import Deliverer, Tools
from feedservice.service.resolve import SystemResolver
from feedservice.service.sender import Sender
from feedservice.service.subscriber import Reply, Script, Subscriber, echo, post_form
from feedservice.service.transport import Limits, Transport
from feedservice.store.sql import SqlStore, open_store
from feedservice.web import counting, hub, library
from feedservice.web.bodies import Bodies
from feedservice.web.desk import Desk
from feedservice.web.fairness import TrustedProxies, client_address
from feedservice.web.hub import Registrar, Room
from feedservice.web.pollers import Pollers
from feedservice.web.reception import Post
from feedservice.web.server import Server
from feedservice.web.terms import LOOPBACK, Terms

ATOM = "application/atom+xml; charset=utf-8"
PATIENCE = 30.0
STEP = 0.02


def document(entries: Sequence[str]) -> tuple[bytes, tuple[EntrySpan, ...]]:
    """Return a document with these entries, and where they stand in it."""
    body, spans = b'<feed xmlns="http://www.w3.org/2005/Atom">', []
    for entry in entries:
        text = f"<entry><id>{entry}</id></entry>".encode()
        digest = hashlib.blake2b(text, digest_size=8).hexdigest()
        spans.append(EntrySpan(id=entry, digest=digest, start=len(body), end=len(body) + len(text)))
        body += text
    return body + b"</feed>", tuple(spans)


class House:
    """A publisher with its hub, in a thread of its own."""

    def __init__(self, folder: Path, store: SqlStore) -> None:
        self.root = folder / "public"
        self.store = store
        self.entries: list[str] = ["one", "two"]
        self.version = 0
        self.names: dict[str, Sequence[str] | None] = {}
        """Name → its addresses; none: there is no such name, None: the name server is silent. Others are the system's affair."""
        self.ahead = timedelta(0)
        """By how much the clock of the deliveries is ahead."""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    # The server and the deliveries

    def start(self) -> House:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        self.publish()
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        terms = Terms(hosts=LOOPBACK, poll_interval=60, browser_type=None, index="/", proxies=TrustedProxies(), fairness="off")
        counts = counting.beginning(lambda size: b"k" * size, datetime.now(UTC))
        self.desk = Desk(library.EMPTY, terms, bodies=Bodies(1 << 20), pollers=Pollers("off"), counts=counts)
        resolver = SystemResolver(4)

        async def resolve(host: str, port: int) -> Sequence[str]:
            if host not in self.names:
                return await resolver(host, port)
            found = self.names[host]
            if found is None:
                await asyncio.Event().wait()
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "there is no such name")
            return found

        allowed = {each: networks(["127.0.0.0/8"]) for each in Trust}
        transport = Transport(allowed=allowed, resolve=resolve, limits=Limits(connect=2, total=2))
        sender = Sender(transport=transport, now=self.now)
        tools = Tools(
            outbox=self.store,
            send=sender.send,
            terms=lambda: PushTerms(now=self.now()),
            now=self.now,
            jitter=lambda: 0.0,
        )
        self.deliverer = Deliverer(tools)
        registrar = self.registrar = Registrar(
            self.store,
            Room(lease=10 * machine.DAY, per_host=1000, per_topic=1000),
            token=lambda: secrets.token_urlsafe(32),
            queued=self.deliverer.wake,
        )
        registrar.budgets.hosts = registrar.budgets.requesters = registrar.budgets.everybody  # one machine is everybody here
        post = Post(now=lambda: datetime.now(UTC), client=lambda peer, fields: client_address(peer, fields, TrustedProxies()))
        self.desk.doors = hub.doors(post, registrar, websub=True, cloud=True)
        server = Server(self.desk)
        (self.url,) = await server.start()
        await self.deliverer.start()
        self._ready.set()
        await self._stop.wait()
        await self.deliverer.stop()
        await server.stop(5)
        await transport.aclose()
        resolver.close()

    def now(self) -> datetime:
        """Return what time the deliveries believe it is."""
        return datetime.now(UTC) + self.ahead

    def later(self, seconds: float) -> None:
        """Let so much time pass for the deliveries."""
        self.ahead += timedelta(seconds=seconds)
        self.deliverer.wake()

    # The publisher

    @property
    def topic(self) -> str:
        return self.url.rstrip("/") + "/feeds/all.atom"

    @property
    def hub(self) -> str:
        return self.url.rstrip("/") + "/hub"

    def publish(self, *entries: str, whole: Sequence[str] | None = None) -> bytes:
        """Publish these entries before those that are there, or ``whole`` in place of all."""
        self.entries = [*entries, *self.entries] if whole is None else list(whole)
        self.version += 1
        body, spans = document(self.entries)
        file = self.root / "feeds" / "all.atom"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        etag = hashlib.blake2b(body, digest_size=16).hexdigest()
        link = subscription_link(self.topic, [self.hub])
        published = Published(
            path="feeds/all.atom",
            feed="all",
            format="atom",
            media_type=ATOM,
            size=len(body),
            etag=etag,
            last_modified=datetime.now(UTC).replace(microsecond=0),
            entries=spans,
            links=tuple(link.split(", ")),
            changed=True,
        )
        made = library.make([published], root=self.root, terms=self.desk.terms, memory={})
        self.desk.publish(made)
        version = TopicVersion(
            topic=self.topic,
            version=self.version,
            feed="all",
            etag=etag,
            media_type=ATOM,
            link=link,
            body=body,
            entries=spans,
            published_at=datetime.now(UTC),
        )
        self.store.announce(Announcement(topics=(version,)))
        self.deliverer.wake()
        return body

    # What a subscriber does

    def ask(self, callback: str, mode: str = "subscribe", topic: str | None = None, **more: str) -> Reply:
        pairs = [("hub.mode", mode), ("hub.topic", topic or self.topic), ("hub.callback", callback)]
        return post_form(self.hub, pairs + [(f"hub.{name}", value) for name, value in more.items()])

    def key(self, callback: str) -> SubscriptionKey:
        return SubscriptionKey(protocol="websub", topic=self.topic, callback=callback)

    def subscription(self, callback: str) -> Subscription | None:
        return self.store.subscription(self.key(callback))

    def until(self, what: Callable[[], Any]) -> Any:
        """Wait until something is so, and return it."""
        deadline = time.monotonic() + PATIENCE
        while not (found := what()):
            assert time.monotonic() < deadline, "it did not come to pass"
            time.sleep(STEP)
        return found

    def subscribed(self, subscriber: Subscriber, path: str, script: Script = echo, **more: str) -> str:
        """Subscribe, confirm, and return the callback."""
        callback = subscriber.callback(path, script)
        assert self.ask(callback, **more).status == 202
        self.until(lambda: self.subscription(callback))
        return callback

    def settled(self, kind: str) -> None:
        """Wait until no delivery of this kind is queued any more."""
        self.until(lambda: not [each for each in self.store.deliveries(kind=kind) if each.state.value == "queued"])

    def retry_now(self) -> None:
        """Let everything be due now."""
        self.store.retry([each.id for each in self.store.deliveries() if each.state.value == "queued"], datetime.now(UTC))
        later = [each for each in self.store.subscriptions() if each.due_at > datetime.now(UTC)]
        self.store.import_subscriptions([dataclasses.replace(each, due_at=datetime.now(UTC) - timedelta(1)) for each in later])
        self.deliverer.wake()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    store = open_store(tmp_path / "store.sqlite")
    made = House(tmp_path, store).start()
    yield made
    made.stop()
    store.close()


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    with Subscriber() as made:
        yield made
