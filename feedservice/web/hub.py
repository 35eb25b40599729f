"""``POST /hub``: requests to subscribe become rows, and nothing else happens here.

::

    form ─push.hub.read→ Asked ─ budgets ─→ verify, or deny: one row, committed ─→ 202

The answer is 202 whether or not there is such a subscription, such a topic, or room for one more: whoever owns the callback
learns that there (WebSub §5.2), and nobody else does. No topic is fetched, no callback called, nothing distributed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from feedservice.deliveries import Delivery, SubscriptionKey
from feedservice.push import budgets, forms, hub, rsscloud, urls, xmlrpc
from feedservice.push.hub import Asked as Subscribing
from feedservice.store import StoreError
from feedservice.store.outbox import Outbox
from feedservice.web.desk import Asked
from feedservice.web.reception import Counter, Post, Purse, Reception, Reply, later, told

T = TypeVar("T")

HUB, CLOUD, RPC = "/hub", "/rsscloud/pleaseNotify", "/RPC2"

_BUSY = 30
"""Seconds after which to come again when the store cannot be written."""
_THREADS = 2
"""In which the store is asked. They are nobody else's: a store that is locked for seconds holds up no reader's feed."""
_WAITING = 100
"""Requests that may wait for the store at one time."""
_VERIFYING = 200
"""Verifications of callbacks on one host that may wait at one time."""

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the hub grants."""

    lease: int
    """Seconds, for who asks for none."""
    per_host: int
    """Subscriptions with callbacks on one host."""
    per_topic: int
    method: str = "sha256"
    """Of the signatures of those who were not subscribed before."""
    moved: str | None = None
    """The hub that is to be asked in place of this one."""


class Budgets:
    """How often we call whom to verify; one for all the ways to subscribe."""

    def __init__(self) -> None:
        """Everybody begins with a full budget."""
        self.requesters = Purse(budgets.REQUESTER)
        self.hosts = Purse(budgets.CALLBACK_HOST)
        self.everybody = Purse(budgets.EVERYBODY)

    def callback(self, host: str, now: datetime) -> int:
        """Spend for a verification; return the seconds to wait, or 0."""
        return self.hosts.spend(host, now) or self.everybody.spend("", now)


class Registrar:
    """Writes down who is to be verified: what the hub and the cloud share."""

    def __init__(self, outbox: Outbox, room: Room, *, token: Callable[[], str], queued: Callable[[], None]) -> None:
        """``token`` makes a challenge, ``queued`` tells the delivery loop that there is something to do."""
        self.room = room
        self.budgets = Budgets()
        self._outbox = outbox
        self._token = token
        self._queued = queued
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="hub")
        self._waiting = 0

    def close(self) -> None:
        """Take no more requests; what is being written is."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def register(self, make: Callable[[Outbox, Room, Callable[[], str]], Sequence[Delivery]]) -> bool:
        """Have deliveries made and queued in a thread; False when the store cannot be written now."""
        try:
            await self._asked(lambda: self._register(make))
        except StoreError as error:
            logger.error("a request to subscribe could not be kept: %s (%s)", error, error.hint)  # noqa: TRY400 - no bug of ours
            return False
        self._queued()
        return True

    async def topics(self) -> Collection[str]:
        """Return the topics that there are. Raises ``StoreError``."""
        return await self._asked(lambda: self._outbox.topic_versions().keys())

    async def _asked(self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            raise StoreError(f"{self._waiting} requests wait for the store already", "see why it is slow", path="")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def _register(self, make: Callable[[Outbox, Room, Callable[[], str]], Sequence[Delivery]]) -> None:
        self._outbox.enqueue(make(self._outbox, self.room, self._token))


def version_of(outbox: Outbox, topic: str, now: datetime) -> int | None:
    """Return the version that readers of a topic have now; None when it is no topic of ours, or no more."""
    live = outbox.topic(topic)
    if live is not None:
        return live.version
    standing = outbox.topic_standing(topic, now)
    # A topic that is not live yet: whatever comes is sent. One that was live has ended or moved, and nothing would come.
    return 0 if standing is not None and standing.live == 0 else None


def has_room(outbox: Outbox, room: Room, key: SubscriptionKey, host: str) -> bool:
    """Return whether there may be one subscription more."""
    return outbox.count_subscriptions(host=host) < room.per_host and outbox.count_subscriptions(topic=key.topic) < room.per_topic


def doors(at: Post, registrar: Registrar, *, websub: bool, cloud: bool) -> dict[bytes, Counter]:
    """Return path → door for what the configuration turned on."""
    receptions: dict[str, Reception] = {}
    if websub:
        receptions[HUB] = Hub(registrar)
    if cloud:
        receptions |= {CLOUD: Cloud(registrar), RPC: Rpc(registrar)}
    return {path.encode("ascii"): Counter(at, each, registrar.budgets.requesters) for path, each in receptions.items()}


class Hub:
    """The WebSub hub's ear."""

    def __init__(self, registrar: Registrar) -> None:
        """``registrar`` is shared with the cloud."""
        self._registrar = registrar

    async def receive(self, asked: Asked, body: bytes, client: str, now: datetime) -> Reply:
        """Answer a request of a subscriber, or a publisher's word that a topic changed."""
        del client
        found = _read(asked, body)
        if isinstance(found, hub.Refused):
            return told(found.status, found.text)
        if isinstance(found, hub.Notified):
            return await self._notified(found)
        moved = self._registrar.room.moved
        if moved is not None and found.mode == "subscribe":
            # Whoever has subscribed here before can still end it here (WebSub §5.1.2).
            return told(HTTPStatus.PERMANENT_REDIRECT, "this hub has moved", ("location", moved))
        wait = self._registrar.budgets.callback(urls.host_of(found.callback), now)
        if wait:
            return later(wait)

        def make(outbox: Outbox, room: Room, token: Callable[[], str]) -> Sequence[Delivery]:
            return _subscribing(found, outbox, room, token, now)

        if not await self._registrar.register(make):
            return told(HTTPStatus.SERVICE_UNAVAILABLE, "try again later", ("retry-after", str(_BUSY)))
        return told(HTTPStatus.ACCEPTED, "the callback will be asked to confirm")

    async def _notified(self, found: hub.Notified) -> Reply:
        """Answer a publisher: our own topics are announced by publishing them, nothing is fetched, and there are no others."""
        try:
            known = await self._registrar.topics()
        except StoreError as error:
            logger.error("what a publisher says could not be looked up: %s (%s)", error, error.hint)  # noqa: TRY400 - as above
            return told(HTTPStatus.SERVICE_UNAVAILABLE, "try again later", ("retry-after", str(_BUSY)))
        if any(topic not in known for topic in found.topics):
            return told(HTTPStatus.NOT_FOUND, "this hub has no such topic: it serves the feeds of its own site only")
        return Reply(status=HTTPStatus.NO_CONTENT.value)


def _read(asked: Asked, body: bytes) -> hub.Asked | hub.Notified | hub.Refused:
    try:
        return hub.read(forms.read(_content_type(asked), body))
    except forms.FormError as error:
        return hub.Refused(status=HTTPStatus.BAD_REQUEST.value, text=str(error))


def _subscribing(found: Subscribing, outbox: Outbox, room: Room, token: Callable[[], str], now: datetime) -> Sequence[Delivery]:
    version = version_of(outbox, found.topic, now)
    host = urls.host_of(found.callback)
    if outbox.count_verifying(host) >= _VERIFYING:
        return ()
    method = room.method
    if found.mode == "subscribe":
        key = SubscriptionKey(protocol=hub.PROTOCOL, topic=found.topic, callback=found.callback)
        # Who has a subscription may always renew it, and is signed for as before.
        known = outbox.signed_by(key)
        method = known or method
        reason = ""
        if version is None:
            reason = "this hub has no such topic"
        elif known is None and not has_room(outbox, room, key, host):
            reason = "this hub takes no more subscriptions from this host or to this topic"
        if reason:
            return (hub.denial(found.callback, found.topic, reason, nonce=token(), now=now),)
    asking = hub.verification(found, version=version or 0, challenge=token(), default_lease=room.lease, method=method, now=now)
    return (asking,)


class Cloud:
    """The rssCloud's ear, for forms."""

    def __init__(self, registrar: Registrar) -> None:
        """``registrar`` is shared with the hub."""
        self._registrar = registrar

    async def receive(self, asked: Asked, body: bytes, client: str, now: datetime) -> Reply:
        """Answer ``pleaseNotify``."""
        try:
            found = rsscloud.read_form(forms.read(_content_type(asked), body), client)
        except forms.FormError as error:
            found = rsscloud.Refused(text=str(error))
        reply = await _notify(self._registrar, found, now)
        accepts = next((value for name, value in asked.fields if name == "accept"), "")
        media_type, written = rsscloud.result(
            "notifyResult", success=reply is None, text=reply or _THANKS, json_wanted="application/json" in accepts
        )
        return Reply(
            status=HTTPStatus.OK.value if reply is None else HTTPStatus.BAD_REQUEST.value, body=written, media_type=media_type
        )


class Rpc:
    """The rssCloud's ear, for XML-RPC; errors are faults, and every answer is 200."""

    def __init__(self, registrar: Registrar) -> None:
        """``registrar`` is shared with the hub."""
        self._registrar = registrar

    async def receive(self, asked: Asked, body: bytes, client: str, now: datetime) -> Reply:
        """Answer a call."""
        del asked
        try:
            call = xmlrpc.read_call(body)
        except xmlrpc.XmlRpcError as error:
            return _xml(xmlrpc.fault(4, str(error)))
        if call.method in {"rssCloud.hello", "rssCloud.ping"}:
            return _xml(xmlrpc.answer(True))
        if call.method != "rssCloud.pleaseNotify":
            return _xml(xmlrpc.fault(4, "there is no such method here"))
        refused = await _notify(self._registrar, rsscloud.read_call(call, client), now)
        return _xml(xmlrpc.answer(True) if refused is None else xmlrpc.fault(4, refused))


_THANKS = "Thanks for the registration. It holds once your handler has been seen to answer, and for 25 hours."


async def _notify(registrar: Registrar, found: rsscloud.Asked | rsscloud.Refused, now: datetime) -> str | None:
    """Have a callback verified for each feed; return why not, or None."""
    if isinstance(found, rsscloud.Refused):
        return found.text
    host = urls.host_of(found.callback)
    if any(registrar.budgets.callback(host, now) for _ in found.topics):
        return "too many requests; try again later"

    def make(outbox: Outbox, room: Room, token: Callable[[], str]) -> Sequence[Delivery]:
        if outbox.count_verifying(host) >= _VERIFYING:
            return ()
        made: list[Delivery] = []
        for topic in found.topics:
            key = SubscriptionKey(protocol=rsscloud.PROTOCOL, topic=topic, callback=found.callback)
            version = version_of(outbox, topic, now)
            if version is not None and (outbox.signed_by(key) is not None or has_room(outbox, room, key, host)):
                made.append(rsscloud.verification(found, topic, version=version, challenge=token(), now=now))
        return made

    return None if await registrar.register(make) else "try again later"


def _content_type(asked: Asked) -> str:
    return next((value for name, value in asked.fields if name == "content-type"), "")


def _xml(body: bytes) -> Reply:
    return Reply(status=HTTPStatus.OK.value, body=body, media_type=xmlrpc.CONTENT_TYPE)
