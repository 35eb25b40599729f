"""What is claimed and not sent yet: in which order it goes out, and how much of it at once.

::

    claimed ─→ line of its host, in its lane ─ place in the lane? ─ host admits? ─→ sent

Each lane has places of its own, and each host a line of its own in each lane, so a host that is slow or down has its own requests
waiting and nobody else's. A request that has taken longer than ``Pace.patience`` gives its place to another: those that hang are
counted apart, and what answers at once is not kept waiting by them.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Generic, TypeVar

from feedservice.deliveries import Lane, Outcome
from feedservice.push import hosts
from feedservice.push.hosts import Host, Rules, Turn

T = TypeVar("T")

_PLACES: Mapping[Lane, int] = {Lane.VERIFICATION: 32, Lane.FIRST: 200, Lane.RETRY: 48}
_LOOKED_AT = 100
_LEAST = 100
"""Items of one claim: fewer would cost more transactions than they save time."""
_BACKLOG: Mapping[Lane, int] = {Lane.VERIFICATION: 200, Lane.FIRST: 2000, Lane.RETRY: 500}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much at once."""

    places: Mapping[Lane, int] = dataclasses.field(default_factory=lambda: dict(_PLACES))
    """Lane → requests under way that have not taken long yet."""
    hanging: int = 200
    """Requests of one lane that have taken long, beside these."""
    patience: float = 1.0
    """Seconds from which on a request has taken long."""
    backlog: Mapping[Lane, int] = dataclasses.field(default_factory=lambda: dict(_BACKLOG))
    """Lane → items that are claimed ahead."""
    line: int = 50
    """Items of one host and lane that are claimed ahead."""
    hold: float = 2.0
    """Seconds for which an item may wait for its host here; one that must wait longer is given back."""
    remembered: int = 10_000
    """Hosts whose state is kept though nothing is under way there; more only while their breakers are open."""
    rules: Rules = dataclasses.field(default_factory=Rules)


@dataclasses.dataclass(slots=True)
class Line(Generic[T]):
    """The items of one host in one lane."""

    lane: Lane
    host: str
    items: deque[T] = dataclasses.field(default_factory=deque)
    ready: bool = False
    """It is among those that are asked next."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[T]):
    """What to do next: send an item, look again later, or give items back for some seconds."""

    send: T | None = None
    lane: Lane
    host: str
    again: float | None = None
    """Seconds, for this line."""
    back: tuple[T, ...] = ()
    seconds: float = 0.0


class Lanes(Generic[T]):
    """Lines, places and hosts. Knows no clock: ``now`` is an argument, and who waits is told how long."""

    def __init__(self, pace: Pace) -> None:
        """Begin empty."""
        self.pace = pace
        self.backlog = dict.fromkeys(Lane, 0)
        self._lines: dict[tuple[Lane, str], Line[T]] = {}
        self._ready: dict[Lane, deque[Line[T]]] = {lane: deque() for lane in Lane}
        self._hosts: OrderedDict[str, Host] = OrderedDict()
        self._fresh: dict[Lane, OrderedDict[int, float]] = {lane: OrderedDict() for lane in Lane}
        """Requests that have a place: number → instant of the loop's clock at which they have taken long."""
        self._hanging: dict[Lane, set[int]] = {lane: set() for lane in Lane}
        self._number = 0

    @property
    def under_way(self) -> int:
        """Requests that are being sent."""
        return sum(len(self._fresh[lane]) + len(self._hanging[lane]) for lane in Lane)

    def room(self) -> Mapping[Lane, int]:
        """Return lane → how many items more may be claimed; none before half of the backlog is gone.

        After a rest only about as many as can be sent at once: while these are sent, more can be claimed.
        """
        pace = self.pace.backlog
        if not self.under_way and not any(self.backlog.values()):
            return {lane: min(pace[lane], max(_LEAST, places)) for lane, places in self.pace.places.items()}
        return {lane: pace[lane] - count for lane, count in self.backlog.items() if count <= pace[lane] // 2}

    def busy(self, now: datetime) -> frozenset[str]:
        """Return the hosts of which nothing more is to be claimed."""
        full = {host for (_, host), line in self._lines.items() if len(line.items) >= self.pace.line // 2}
        return frozenset(full | {name for name, host in self._hosts.items() if host.closed_until and host.closed(now)})

    def add(self, lane: Lane, host: str, item: T) -> bool:
        """Put an item at the end of its line; False when the line is as long as it may be."""
        line = self._lines.get((lane, host))
        if line is None:
            line = self._lines[lane, host] = Line(lane, host)
        if len(line.items) >= self.pace.line:
            return False
        line.items.append(item)
        self.backlog[lane] += 1
        self._make_ready(line)
        return True

    def wake(self, lane: Lane, host: str) -> None:
        """Ask a line again."""
        line = self._lines.get((lane, host))
        if line is not None:
            self._make_ready(line)

    def steps(self, now: datetime, clock: float) -> Iterator[Step[T]]:
        """Yield what can be done; what is sent has its place, and ``done`` must follow. ``clock`` is an instant of the loop's."""
        for lane, ready in self._ready.items():
            while ready and self._has_place(lane, clock):
                line = ready.popleft()
                line.ready = False
                yield self._step(line, now)

    def begun(self, lane: Lane, clock: float) -> int:
        """Give a request a place, and return its number."""
        self._number += 1
        self._fresh[lane][self._number] = clock + self.pace.patience
        return self._number

    def done(self, lane: Lane, host: str, number: int, outcome: Outcome | None, now: datetime) -> None:
        """Take back a place; None for a request that came to nothing that speaks of the host."""
        if self._fresh[lane].pop(number, None) is None:
            self._hanging[lane].discard(number)
        state = self._hosts[host]
        after = hosts.abandoned(state) if outcome is None else hosts.done(state, outcome, now, self.pace.rules)
        self._hosts[host] = after
        for each in self._ready:
            self.wake(each, host)
        self._forget_hosts(now)

    def crowded(self, clock: float) -> float | None:
        """Return the seconds until a lane that is full has a place because a request has taken long; None when none is full."""
        waits = [
            next(iter(fresh.values())) - clock
            for lane, fresh in self._fresh.items()
            if fresh and self._ready[lane] and len(self._hanging[lane]) < self.pace.hanging
        ]
        return max(0.0, min(waits)) if waits else None

    def drain(self) -> list[T]:
        """Take everything out that was not sent."""
        items = [item for line in self._lines.values() for item in line.items]
        self._lines.clear()
        for ready in self._ready.values():
            ready.clear()
        self.backlog = dict.fromkeys(Lane, 0)
        return items

    def _make_ready(self, line: Line[T]) -> None:
        if line.items and not line.ready:
            line.ready = True
            self._ready[line.lane].append(line)

    def _has_place(self, lane: Lane, clock: float) -> bool:
        fresh, hanging = self._fresh[lane], self._hanging[lane]
        if len(fresh) < self.pace.places[lane]:
            return True
        while fresh and next(iter(fresh.values())) <= clock and len(hanging) < self.pace.hanging:
            hanging.add(fresh.popitem(last=False)[0])
        return len(fresh) < self.pace.places[lane]

    def _step(self, line: Line[T], now: datetime) -> Step[T]:
        state = self._hosts.get(line.host)
        state, admission = hosts.admit(hosts.new(now, self.pace.rules) if state is None else state, now, self.pace.rules)
        self._hosts[line.host] = state
        self._hosts.move_to_end(line.host)
        match admission.turn:
            case Turn.GO:
                item = self._take(line)
                self._make_ready(line)
                return Step(send=item, lane=line.lane, host=line.host)
            case Turn.FULL:
                # `done` wakes it.
                return Step(lane=line.lane, host=line.host)
            case Turn.WAIT if admission.seconds <= self.pace.hold:
                return Step(lane=line.lane, host=line.host, again=admission.seconds)
            case Turn.WAIT:
                back = tuple(self._take(line) for _ in range(len(line.items)))
                return Step(lane=line.lane, host=line.host, back=back, seconds=admission.seconds)

    def _take(self, line: Line[T]) -> T:
        item = line.items.popleft()
        self.backlog[line.lane] -= 1
        if not line.items:
            del self._lines[line.lane, line.host]
        return item

    def _forget_hosts(self, now: datetime) -> None:
        if len(self._hosts) <= self.pace.remembered:
            return
        # Those asked longest ago stand first; one that rests is all but always among them.
        for name in list(itertools.islice(self._hosts, _LOOKED_AT)):
            if not self._hosts[name].rests(now):
                self._hosts.move_to_end(name)
            elif len(self._hosts) > self.pace.remembered:
                del self._hosts[name]
            else:
                return
