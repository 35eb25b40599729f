"""The outbox: what is to be told to whom, and what it promises.

::

    topics         topic → version, live version, body, entries    a body once, however many subscribers
    sent           topic, version → digests                        so that a subscriber gets only what is new to it
    deliveries     id → a message to a target                      ended ones stay for a while, without payload and secret
    subscriptions  protocol, topic, callback → cursor, lease       due when the cursor is behind the live version
    announced      entry id → facts                                so that a post is news once

This module imports no database; ``feedservice.store.sql`` makes one that is an ``Outbox`` as well as a ``Store``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from feedservice.deliveries import (
    Advanced,
    Announcement,
    Claim,
    Delivery,
    EntryFacts,
    Lane,
    Settled,
    State,
    Subscription,
    SubscriptionKey,
    TopicVersion,
)
from feedservice.store import Stream


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one target stands with one subject: what a plan must know before it adds to it."""

    waiting: Delivery | None = None
    """Queued and not being sent: the one that a newer delivery drops."""
    attempted_at: datetime | None = None
    """Start of the last attempt that is still remembered, of any delivery with this target and subject."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TopicStanding:
    """How a topic stands with its subscribers."""

    topic: str
    version: int
    live: int
    """Version that subscribers are sent; ``version``, or an older one that is still being looked at."""
    published_at: datetime
    active: int
    """Subscriptions whose lease has not ended."""
    confirmed: int
    """Of these, how many have been sent the live version."""
    confirmed_at: datetime | None
    """When the last of these confirmed it."""
    retrying: tuple[str, ...]
    """Hosts of those that failed at least once and will be tried again; at most 20, by name."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStanding:
    """How the outbox stands as a whole; names no callback."""

    counts: Mapping[tuple[str, State], int]
    """(kind, state) → how many deliveries are remembered."""
    subscriptions: int
    """Whose lease has not ended."""
    retrying: int
    """Hosts that failed at least once and will be tried again."""
    retrying_hosts: tuple[str, ...]
    """Of these at most 20, by name."""
    oldest: datetime | None
    """When the oldest delivery that is queued was made."""
    next_due: datetime | None
    """As ``Outbox.next_due`` says."""


class Outbox(Protocol):
    """What every outbox promises; ``tests/store/outbox_contract.py`` is these sentences as tests.

    **Whole or not at all, and durable**, as ``Store`` has it: each method that writes is one transaction, and when it returns,
    what it wrote survives a power cut. A call with hundreds of items costs about what a call with one does.

    **At least once.** A delivery is queued until it is settled as ended. A claim counts the attempt before it returns, so that a
    crash in the middle of sending neither loses the message nor repeats it without end.

    **One at a time.** What is claimed is given to nobody else before the lease ends. After that it may be claimed again, with a
    higher fence, and a settlement with the older fence changes nothing.

    ``StoreError`` and ``RuntimeError`` are raised as ``Store`` says. Callbacks and secrets appear in no error and no log.
    """

    # What is announced. ``Store.publish(..., announcement=Announcement(...))`` writes one in the transaction of the documents.

    def announce(self, announcement: Announcement) -> None:
        """Write an announcement that belongs to no publication, exactly as ``Store.publish`` does with one.

        Topics are inserted or replaced; ``ValueError`` when a version is not higher than the one before. The digests of the
        entries of a replaced version are kept in ``sent``. Of versions that are not live, the newest eight are kept. A retired
        topic keeps its subscriptions and its version number, but nothing is claimed for it.

        A queued delivery that is not claimed becomes ``dropped`` when a new one has the same kind, target and (not empty)
        subject. A delivery whose id is known is not added again.
        """
        ...

    def enqueue(self, deliveries: Sequence[Delivery]) -> None:
        """Add deliveries, as ``announce`` does."""
        ...

    def standings(self, wanted: Collection[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Standing]:
        """Return how each (kind, target, subject) stands; one without any delivery is not in the mapping."""
        ...

    def announced(self, ids: Collection[str] | None = None) -> Mapping[str, EntryFacts]:
        """Return what is remembered of these entries, or of all."""
        ...

    # Topics.

    def topic_versions(self) -> Mapping[str, int]:
        """Return topic → newest version, retired topics included."""
        ...

    def topic(self, topic: str) -> TopicVersion | None:
        """Return the live version with its body; None for a topic that is unknown, retired or was never live."""
        ...

    def sent(self, topic: str, version: int) -> frozenset[str] | None:
        """Return ``EntrySpan.digest`` of the entries of a version; None when that is forgotten: send the full body then."""
        ...

    # The loop.

    def claim(self, now: datetime, *, lanes: Mapping[Lane, int], lease: float, busy: Collection[str] = ()) -> Claim:
        """Claim what is due, oldest due first: of each lane at most so many, none of a ``busy`` host, for ``lease`` seconds.

        Due is a queued delivery with ``due_at <= now`` whose topic is live in its version or a later one; and a subscription
        whose lease has not ended, whose ``delivered`` is less than the live version of its topic, and which has either never
        been tried with that version (lane ``first``) or has ``due_at <= now`` (lane ``retry``). A claim sets ``tried`` to the
        live version, and with a new one ``attempts`` to 1 and ``due_at`` to now.

        Each item is returned as it is after the claim: with its new fence, and with this attempt counted. One that cannot be read
        (its secret is sealed with a key that is lost, say) is passed over, is due again after an hour, and keeps nobody else
        waiting; the claim says why.
        """
        ...

    def settle(self, deliveries: Sequence[Settled] = (), subscriptions: Sequence[Advanced] = ()) -> int:
        """Write what came of attempts, let go of the claims, and return how many items had an old fence and were ignored.

        An ended delivery loses its payload and its secret; with ``told`` it is an event (``Store.events``), and so are the
        confirmations of a version by subscribers, all of them in one. An item that was settled is let go: who settles it again
        changes nothing, as with an old fence. ``verified`` is inserted; when it exists, its secret (or
        the absence of one), method, procedure, ``verified_at`` and ``lease_end`` are replaced and the cursor is kept. ``live``
        never goes back.
        """
        ...

    def next_due(self, now: datetime, busy: Collection[str] = ()) -> datetime | None:
        """Return when something can be claimed next, ``now`` or earlier when it can be now; None when nothing is to be sent."""
        ...

    # Subscriptions.

    def subscriptions(self, *, protocol: str | None = None, topic: str | None = None) -> Stream[Subscription]:
        """Yield subscriptions by key."""
        ...

    def subscription(self, key: SubscriptionKey) -> Subscription | None:
        """Return one subscription."""
        ...

    def signed_by(self, key: SubscriptionKey) -> str | None:
        """Return the method that a subscription is signed by; None when there is none. It needs no key of secrets to be told."""
        ...

    def count_subscriptions(self, *, host: str | None = None, topic: str | None = None) -> int:
        """Count subscriptions of a callback host, of a topic, of both, or all."""
        ...

    def count_verifying(self, host: str) -> int:
        """Count the queued deliveries of lane ``verification`` to this host."""
        ...

    def end_subscriptions(self, keys: Iterable[SubscriptionKey]) -> int:
        """Drop subscriptions; return how many there were."""
        ...

    def sign_with(self, keys: Iterable[SubscriptionKey], method: str) -> int:
        """Have what is sent to these subscriptions signed by another method from now on; return how many there are."""
        ...

    def import_subscriptions(self, subscriptions: Iterable[Subscription]) -> int:
        """Insert or replace subscriptions whole; return how many."""
        ...

    # What the operator sees.

    def deliveries(
        self, *, state: State | None = None, kind: str | None = None, target: str | None = None, post: str | None = None
    ) -> Stream[Delivery]:
        """Yield deliveries, newest first."""
        ...

    def delivery(self, id: str) -> Delivery | None:  # noqa: A002 - the noun's own word
        """Return one delivery."""
        ...

    def retry(self, ids: Collection[str], now: datetime) -> int:
        """Make queued deliveries due now, with no attempts counted; return how many. Ended ones have no payload left to send."""
        ...

    def drop(self, ids: Collection[str], now: datetime) -> int:
        """End queued deliveries as ``dropped``; return how many."""
        ...

    def topic_standing(self, topic: str, now: datetime) -> TopicStanding | None:
        """Return how far the newest version has come."""
        ...

    def counts(self) -> Mapping[tuple[str, State], int]:
        """Return (kind, state) → how many deliveries."""
        ...

    def outbox_standing(self, now: datetime) -> OutboxStanding:
        """Return how everything stands."""
        ...

    # Housekeeping.

    def hasten(self, now: datetime, *, longest: float, lease: float) -> int:
        """Bring back what a wrong clock has put off; return how many.

        Queued deliveries that are due in more than ``longest`` seconds are due now. Claims that last longer end after ``lease``
        seconds; until then whoever holds one may settle.
        """
        ...

    def expire(self, now: datetime) -> int:
        """Forget subscriptions whose lease has ended; return how many."""
        ...

    def withdraw(self, now: datetime, before: datetime) -> int:
        """End as ``dropped``, with the reason, what can never be due; return how many.

        That is a queued delivery, not claimed, whose topic is retired or unknown; or one that was made ``before`` that instant
        and waits for a version that is not live yet.
        """
        ...

    def forget_ended(self, before: datetime) -> int:
        """Forget deliveries that ended before, and ``sent`` that no cursor points to; return how many deliveries."""
        ...
