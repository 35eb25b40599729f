"""The delivery machine: what a delivery is after an attempt.

::

              ┌──────────── later ───────────┐
              ▼                              │
    queued ──────── claimed, sent ───────────┤── confirmed ──→ delivered
      │                                      ├── gone (410) ─→ gone
      │                                      └── refused, or the last attempt failed ──→ failed
      ├── its host is down, and was for as long as all waits together ──→ failed
      └── superseded, withdrawn, or dropped by the operator ──→ dropped

A claim counts the attempt before it is made, so an attempt that never came back is one of those that failed. The waits between
attempts add up to about 45 hours. Every move out of an end is a bug and raises ``ValueError``.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime, timedelta

from feedservice.deliveries import Delivery, Failure, Lane, Outcome, Settled, State, Subscription, SubscriptionKey

WAITS = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0, 43200.0, 86400.0)
"""Seconds after the first failed attempt, the second …; the one after the last of them is final."""
ATTEMPTS = len(WAITS) + 1
SPAN = sum(WAITS)
"""Seconds from the first attempt to the last: what could not even be tried for so long, because its host is down, is given up."""
SPREAD = 0.2
"""Waits are spread by this part of them, so that a host that comes back is not met by everything at once."""
PATIENCE = 4.0
"""``Retry-After`` is honoured up to so many times the wait of the table."""
LONGEST = PATIENCE * WAITS[-1] * (1 + SPREAD)
"""Seconds after which at the latest what waits is tried again."""


class Verdict(enum.StrEnum):
    """What an answer means for the delivery."""

    CONFIRMED = "confirmed"
    LATER = "later"
    """It may work another time."""
    GONE = "gone"
    REFUSED = "refused"
    """The same request would be refused again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An outcome as its kind reads it, and what comes of it when the delivery is settled."""

    verdict: Verdict
    at_least: float = 0
    """Seconds before another attempt, if the table says less."""
    after: float | None = None
    """Seconds before another attempt, in place of the table; the kind itself says when it is over."""
    detail: str = ""
    """What the answer said, for people."""
    attempts: int = ATTEMPTS
    """After so many it is over."""
    verified: Subscription | None = None
    ended: SubscriptionKey | None = None
    live: tuple[str, int] | None = None
    follow: tuple[Delivery, ...] = ()


def wait(
    attempts: int, *, jitter: float, retry_after: float | None = None, at_least: float = 0, limit: int = ATTEMPTS
) -> float | None:
    """Return the seconds to wait after this many attempts, the last of them failed; None when it was the last.

    ``jitter`` is a number from -1 to 1. ``retry_after`` counts between the wait of the table and ``PATIENCE`` times that.
    """
    if attempts < 1 or not -1 <= jitter <= 1:
        raise ValueError(f"attempts are counted from 1, jitter lies between -1 and 1: got {attempts} and {jitter}")
    if attempts >= limit:
        return None
    base = WAITS[min(attempts, len(WAITS)) - 1]
    asked = min(max(retry_after, base), PATIENCE * base) if retry_after is not None else base
    # Spread upwards only where somebody said "not before".
    spread = abs(jitter) if retry_after is not None or at_least > asked else jitter
    return max(asked, at_least) * (1 + SPREAD * spread)


def confirmed(delivery: Delivery, outcome: Outcome, now: datetime) -> Delivery:
    """Return the delivery when the target has taken it."""
    return _ended(delivery, State.DELIVERED, outcome, now)


def gone(delivery: Delivery, outcome: Outcome, now: datetime) -> Delivery:
    """Return the delivery when the target is no more."""
    return _ended(delivery, State.GONE, outcome, now)


def refused(delivery: Delivery, outcome: Outcome, now: datetime) -> Delivery:
    """Return the delivery when trying again is of no use."""
    return _ended(delivery, State.FAILED, outcome, now)


def exhausted(delivery: Delivery, outcome: Outcome, now: datetime) -> Delivery:
    """Return the delivery when its last attempt failed."""
    return _ended(delivery, State.FAILED, outcome, now)


def dropped(delivery: Delivery, now: datetime) -> Delivery:
    """Return the delivery when it is not wanted any more."""
    return _ended(delivery, State.DROPPED, None, now)


def later(delivery: Delivery, outcome: Outcome, seconds: float, now: datetime) -> Delivery:
    """Return the delivery when it is to be tried again after so many seconds."""
    _refuse_ended(delivery)
    lane = delivery.lane if delivery.lane is Lane.VERIFICATION else Lane.RETRY
    return dataclasses.replace(delivery, lane=lane, last=outcome, due_at=now + timedelta(seconds=seconds))


def given_back(delivery: Delivery, seconds: float, now: datetime) -> Delivery:
    """Return a claimed delivery that was not sent, with its attempt not counted, due again after so many seconds."""
    _refuse_ended(delivery)
    return dataclasses.replace(delivery, attempts=max(0, delivery.attempts - 1), due_at=now + timedelta(seconds=seconds))


def held_back(delivery: Delivery, seconds: float, now: datetime, *, patience: float = SPAN) -> Delivery:
    """Return a claimed delivery that was not sent because its host is known to be down.

    It is given back, or, when it was made more than ``patience`` seconds ago, failed.
    """
    unsent = given_back(delivery, seconds, now)
    if (now - delivery.created_at).total_seconds() < patience:
        return unsent
    return exhausted(unsent, down(now), now)


def down(now: datetime) -> Outcome:
    """Return the outcome of what was not sent because its host is known to be down."""
    return Outcome(started=now, duration=0, failure=Failure.BREAKER, detail="given up unsent: the host is down")


def settled(delivery: Delivery, outcome: Outcome, reading: Reading, *, jitter: float, now: datetime) -> Settled:
    """Return what a claimed delivery and its outcome come to."""
    noted = dataclasses.replace(outcome, detail=reading.detail) if reading.detail else outcome
    match reading.verdict:
        case Verdict.CONFIRMED:
            after = confirmed(delivery, noted, now)
        case Verdict.GONE:
            after = gone(delivery, noted, now)
        case Verdict.REFUSED:
            after = refused(delivery, noted, now)
        case Verdict.LATER:
            seconds = reading.after
            if seconds is None:
                seconds = wait(
                    max(1, delivery.attempts),
                    jitter=jitter,
                    retry_after=outcome.retry_after,
                    at_least=max(reading.at_least, delivery.spacing),
                    limit=reading.attempts,
                )
            after = exhausted(delivery, noted, now) if seconds is None else later(delivery, noted, seconds, now)
    return Settled(delivery=after, verified=reading.verified, ended=reading.ended, live=reading.live, follow=reading.follow)


_TOO_EARLY = 425
_TIMEOUT = 408
_TOO_MANY = 429
_GONE = 410


def by_status(outcome: Outcome, *, persistent: bool = False) -> Reading:
    """Read an outcome by its status alone: 2xx is success, 410 the end, another 4xx final unless ``persistent``, the rest later.

    So is an address that may not be called final unless ``persistent``. Redirects are failures like 5xx (WebSub §7): they are not
    followed, and may end.
    """
    status = outcome.status
    if status is None:
        final = outcome.failure is Failure.ADDRESS
        return Reading(verdict=Verdict.REFUSED if final and not persistent else Verdict.LATER)
    if outcome.confirmed:
        return Reading(verdict=Verdict.CONFIRMED)
    if status == _GONE:
        return Reading(verdict=Verdict.GONE)
    final = status // 100 == 4 and status not in {_TIMEOUT, _TOO_EARLY, _TOO_MANY}  # noqa: PLR2004 - a class of status
    return Reading(verdict=Verdict.REFUSED if final and not persistent else Verdict.LATER)


def _ended(delivery: Delivery, state: State, outcome: Outcome | None, now: datetime) -> Delivery:
    _refuse_ended(delivery)
    last = outcome if outcome is not None else delivery.last
    return dataclasses.replace(delivery, state=state, last=last, ended_at=now, payload=b"", secret=None)


def _refuse_ended(delivery: Delivery) -> None:
    if delivery.state is not State.QUEUED:
        raise ValueError(f"delivery {delivery.id} is {delivery.state}: nothing follows on that")
