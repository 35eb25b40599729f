"""Who asked for what lately: the bounded table behind the 429 of ``fairness``."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from datetime import datetime
from typing import Literal

from feedservice.web.fairness import Limits, PollerState, Request, Verdict, judge, poller_network

MOST = 20_000
"""Clients × documents that are remembered; the least recently seen are forgotten first."""

FORWARDING = frozenset({b"x-forwarded-for", b"forwarded", b"via"})
"""Fields that proxies add: who asks through one cannot be told by the address alone."""


class Pollers:
    """The states of all clients that were seen lately."""

    def __init__(self, mode: Literal["auto", "on", "off"], limits: Limits | None = None) -> None:
        """``mode`` is that of ``Serve.fairness``, with ``auto`` already off behind a known proxy."""
        self.mode = mode
        self._limits = limits or Limits()
        self._states: OrderedDict[tuple[str, str], PollerState] = OrderedDict()

    def concerns(self, peer: str | None) -> bool:
        """Say whether requests from a peer are judged at all.

        ``auto`` leaves addresses alone that are not of the public internet: an undeclared proxy, a container's gateway and a
        home network speak for many with one address.
        """
        if self.mode != "auto":
            return self.mode == "on"
        try:
            return ipaddress.ip_address(peer or "").is_global
        except ValueError:
            return False

    def judge(self, client: str, path: str, request: Request, now: datetime) -> Verdict:
        """Judge a request of a client (an address), and remember it."""
        key = (poller_network(client), path)
        state, verdict = judge(self._states.get(key), request, now, self._limits)
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > MOST:
            self._states.popitem(last=False)
        return verdict
