"""What subscribers are sent, cut once for all that stand at the same version."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from feedservice.deliveries import Subscription, TopicVersion
from feedservice.push import hub
from feedservice.store.outbox import Outbox

logger = logging.getLogger("feedservice.deliver")

MOST = 32 * 1024 * 1024
"""Bytes of bodies that are kept."""

Place = tuple[str, int]
"""Topic, and the version that a subscriber has been sent."""


class Bodies:
    """Keeps the newest versions, whole and cut. Used in one thread at a time."""

    def __init__(self, outbox: Outbox, most: int = MOST) -> None:
        """Begin empty; ``most`` in bytes."""
        self._outbox = outbox
        self._most = most
        self._whole: OrderedDict[str, TopicVersion] = OrderedDict()
        self._cut: OrderedDict[Place, TopicVersion] = OrderedDict()
        self._size = 0
        self._unread: set[str] = set()
        """Topics of which it was said that they cannot be read."""

    def of(self, subscriptions: Iterable[Subscription]) -> Mapping[Place, TopicVersion]:
        """Return what each is to be sent, by topic and cursor; a topic that has nothing to send is not in the mapping."""
        wanted: dict[Place, int] = {}
        for each in subscriptions:
            place = (each.key.topic, each.delivered)
            wanted[place] = max(wanted.get(place, 0), each.tried)
        found: dict[Place, TopicVersion] = {}
        for place, least in wanted.items():
            try:
                version = self._version(place[0], least)
                if version is not None:
                    found[place] = self._abridged(place, version)
            except (ValueError, TypeError, LookupError):
                # Of one topic; the others are none the worse for it.
                if place[0] not in self._unread:
                    self._unread.add(place[0])
                    logger.exception("what is stored of %s cannot be read: nobody is sent it", place[0])
        self._forget()
        return found

    def _version(self, topic: str, least: int) -> TopicVersion | None:
        known = self._whole.get(topic)
        # A version that is higher than that of the claim was cut while it was claimed, or is of a store that was put aside.
        if known is None or known.version != least:
            self._drop(topic)
            known = self._outbox.topic(topic)
            if known is None:
                return None
            self._unread.discard(topic)
            self._whole[topic] = known
            self._size += len(known.body)
        self._whole.move_to_end(topic)
        return known

    def _abridged(self, place: Place, version: TopicVersion) -> TopicVersion:
        known = self._cut.get(place)
        if known is None:
            known = hub.abridged(version, self._outbox.sent(*place))
            self._cut[place] = known
            self._size += len(known.body) if known is not version else 0
        self._cut.move_to_end(place)
        return known

    def _drop(self, topic: str) -> None:
        whole = self._whole.pop(topic, None)
        self._size -= len(whole.body) if whole is not None else 0
        for place in [each for each in self._cut if each[0] == topic]:
            self._lose(place, whole)

    def _lose(self, place: Place, whole: TopicVersion | None) -> None:
        cut = self._cut.pop(place)
        self._size -= len(cut.body) if cut is not whole else 0

    def _forget(self) -> None:
        while self._size > self._most and len(self._whole) > 1:
            self._drop(next(iter(self._whole)))
        while self._size > self._most and self._cut:
            place = next(iter(self._cut))
            self._lose(place, self._whole.get(place[0]))
