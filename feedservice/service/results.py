"""What came of claimed items and is not written yet: attempts that ended, and items that are given back unsent."""

from __future__ import annotations

import dataclasses
import logging
from datetime import datetime

from feedservice.deliveries import Advanced, Delivery, Lane, Outcome, Settled, Subscription, TopicVersion
from feedservice.push import announce, hub, outbox

logger = logging.getLogger("feedservice.deliver")


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """Something claimed; for a subscription, with what it is to be sent."""

    what: Delivery | Subscription
    until: datetime
    """The claim ends."""
    version: TopicVersion | None = None


def lane_of(subscription: Subscription) -> Lane:
    """Return the lane that a claimed subscription came from."""
    return Lane.FIRST if subscription.attempts <= 1 else Lane.RETRY


class Results:
    """Collects what is to be settled together."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.deliveries: list[Settled] = []
        self.subscriptions: list[Advanced] = []

    def __bool__(self) -> bool:
        """Whether there is anything to be written."""
        return bool(self.deliveries or self.subscriptions)

    def take(self) -> Results:
        """Return all there is, and begin anew."""
        taken = Results()
        taken.deliveries, self.deliveries = self.deliveries, []
        taken.subscriptions, self.subscriptions = self.subscriptions, []
        return taken

    def put_back(self, taken: Results) -> None:
        """Take what could not be written before what has come since."""
        self.deliveries[:0], self.subscriptions[:0] = taken.deliveries, taken.subscriptions

    def one_by_one(self) -> list[Results]:
        """Return each item by itself."""
        found: list[Results] = []
        for settled in self.deliveries:
            found.append(Results())
            found[-1].deliveries.append(settled)
        for advanced in self.subscriptions:
            found.append(Results())
            found[-1].subscriptions.append(advanced)
        return found

    def soonest(self) -> datetime | None:
        """Return when the first of these can be claimed again; None when none will be."""
        again = [each.delivery.due_at for each in self.deliveries if each.delivery.ended_at is None]
        again += [each.subscription.due_at for each in self.subscriptions if each.subscription.attempts and not each.ended]
        # A subscriber that was given back has no attempt left, and is due again as well.
        again += [each.subscription.due_at for each in self.subscriptions if not each.subscription.attempts]
        return min(again, default=None)

    def ended(self, item: Item, outcome: Outcome, *, jitter: float, now: datetime) -> None:
        """Add what an attempt came to."""
        if isinstance(item.what, Subscription):
            assert item.version is not None
            self.subscriptions.append(hub.distributed(item.what, item.version.version, outcome, jitter=jitter, now=now))
            return
        try:
            reading = announce.read(item.what, outcome, now)
        except Exception:  # a bug in one kind must not hold up the others: what an answer holds is the other side's choice
            logger.exception("an answer could not be read")
            reading = outbox.Reading(verdict=outbox.Verdict.LATER, detail="internal error: the answer could not be read")
        self.deliveries.append(announce.told(outbox.settled(item.what, outcome, reading, jitter=jitter, now=now)))

    def given_back(self, item: Item, seconds: float, now: datetime) -> None:
        """Add an item that was not sent, with its attempt not counted."""
        if isinstance(item.what, Delivery):
            self.deliveries.append(Settled(delivery=outbox.given_back(item.what, seconds, now)))
        else:
            self.subscriptions.append(hub.held_back(item.what, seconds, now))

    def held_back(self, item: Item, seconds: float, now: datetime) -> None:
        """Add an item that its host, which is down, cannot take; in the end it is given up."""
        if isinstance(item.what, Delivery):
            self.deliveries.append(announce.told(Settled(delivery=announce.held_back(item.what, seconds, now))))
        else:
            assert item.version is not None
            self.subscriptions.append(hub.held_back(item.what, seconds, now, since=item.version.published_at))
