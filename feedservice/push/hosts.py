"""How hard one host may be pressed: concurrency, a breaker, a rate. Pure state machines; the loop keeps one state for each host.

- *Concurrency* begins at 1 and grows by one for each round of successes, to 8; trouble halves it (AIMD).
- *Breaker*: after 5 troubles in a row nothing is sent for 30 s, then one probe alone. A probe that fails doubles the pause, up to
  15 minutes; one that succeeds closes the breaker.
- *Rate*: a token bucket.

Trouble is what speaks of the host: no answer, 429, 502, 503, 504. A 404 or 500 is the affair of one callback, and others live
there.
"""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime, timedelta

from feedservice.deliveries import Failure, Outcome

_TROUBLES = frozenset({429, 502, 503, 504})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for every host."""

    most: int = 8
    """Requests at once."""
    troubles: int = 5
    """In a row, until the breaker opens."""
    pause: float = 30.0
    """Seconds of the first pause."""
    longest: float = 900.0
    """Seconds of the longest pause."""
    rate: float = 50.0
    """Requests a second, on average."""
    burst: float = 100.0
    """Requests at once after a rest."""

    def __post_init__(self) -> None:
        """Refuse rules under which nothing could ever be sent."""
        if self.most < 1 or self.troubles < 1 or self.rate <= 0 or self.burst < 1 or not 0 < self.pause <= self.longest:
            raise ValueError(f"rules must let something through, got {self!r}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What is known of one host."""

    window: float = 1.0
    """Requests at once; the whole part counts."""
    active: int = 0
    tokens: float
    filled_at: datetime
    troubles: int = 0
    """In a row."""
    closed_until: datetime | None = None
    """The breaker is open: nothing before this instant, then one probe."""
    pause: float = 0.0
    """Seconds of the present pause; 0 while the breaker is closed."""

    def closed(self, now: datetime) -> float:
        """Return the seconds until it may be asked again; 0 when it may be now, or when the clock was set back meanwhile."""
        left = (self.closed_until - now).total_seconds() if self.closed_until is not None else 0.0
        return left if 0 < left <= self.pause else 0.0

    def rests(self, now: datetime) -> bool:
        """Whether it may be forgotten: nothing is under way, and nothing forbids to ask it. Troubles are counted anew then."""
        return self.active == 0 and not self.closed(now)


class Turn(enum.StrEnum):
    """Whether one more request may go to a host now."""

    GO = "go"
    FULL = "full"
    """When one of those under way has ended."""
    WAIT = "wait"
    """Not before some seconds have passed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The answer to "may I": a turn, and for ``WAIT`` the seconds."""

    turn: Turn
    seconds: float = 0.0


_GO, _FULL = Admission(turn=Turn.GO), Admission(turn=Turn.FULL)


def new(now: datetime, rules: Rules) -> Host:
    """Return a host that nothing is known of."""
    return Host(tokens=rules.burst, filled_at=now)


def admit(host: Host, now: datetime, rules: Rules) -> tuple[Host, Admission]:
    """Ask for one request; with ``GO`` it counts as begun, and ``done`` or ``abandoned`` must follow."""
    if host.closed_until is not None:
        left = host.closed(now)
        if left:
            return host, Admission(turn=Turn.WAIT, seconds=left)
        if host.active:
            return host, _FULL
    elif host.active >= int(host.window):
        return host, _FULL
    # A clock that was set back fills nothing and takes nothing.
    passed = max(0.0, (now - host.filled_at).total_seconds())
    tokens = min(rules.burst, host.tokens + passed * rules.rate)
    if tokens < 1:
        return host, Admission(turn=Turn.WAIT, seconds=(1 - tokens) / rules.rate)
    # Made anew, not by ``dataclasses.replace``: this and ``_fine`` are done for every request there is.
    admitted = Host(
        window=host.window,
        active=host.active + 1,
        tokens=tokens - 1,
        filled_at=now,
        troubles=host.troubles,
        closed_until=host.closed_until,
        pause=host.pause,
    )
    return admitted, _GO


def done(host: Host, outcome: Outcome, now: datetime, rules: Rules) -> Host:
    """Return the host after a request that was admitted came to an outcome."""
    _refuse_idle(host)
    return _trouble(host, now, rules) if is_trouble(outcome) else _fine(host, rules)


def abandoned(host: Host) -> Host:
    """Return the host after an admitted request was not sent: nothing is learnt from it."""
    _refuse_idle(host)
    return dataclasses.replace(host, active=host.active - 1)


def is_trouble(outcome: Outcome) -> bool:
    """Return whether an outcome speaks of the host, not of the one thing that was asked for."""
    if outcome.failure is not None:
        return outcome.failure not in {Failure.ADDRESS, Failure.BREAKER}
    return outcome.status in _TROUBLES


def _fine(host: Host, rules: Rules) -> Host:
    window = min(float(rules.most), host.window + 1 / host.window)
    return Host(window=window, active=host.active - 1, tokens=host.tokens, filled_at=host.filled_at)


def _trouble(host: Host, now: datetime, rules: Rules) -> Host:
    troubles = host.troubles + 1
    after = dataclasses.replace(host, active=host.active - 1, window=max(1.0, host.window / 2), troubles=troubles)
    if host.closed(now):
        # One that was under way when the breaker opened: it is known already.
        return after
    if host.closed_until is not None:
        pause = min(rules.longest, host.pause * 2)
    elif troubles >= rules.troubles:
        pause = rules.pause
    else:
        return after
    return dataclasses.replace(after, window=1.0, pause=pause, closed_until=now + timedelta(seconds=pause))


def _refuse_idle(host: Host) -> None:
    if host.active < 1:
        raise ValueError("no request to this host is under way")
