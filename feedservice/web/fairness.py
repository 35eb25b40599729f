"""Fairness among pollers: who is asked to come later, and how a client's address is told behind proxies.

A pure state machine. The shell keeps one ``PollerState`` for each (client, resource) in a bounded table that forgets the
least recently seen; a forgotten client counts as new, and a new one is always served.

Two allowances, each a generic cell rate algorithm with one instant as its whole memory:

- *waste*: a full body of a version that this client was sent before. Only clients that ignore validators ever spend it.
- *visits*: every request, however cheap. Generous; it stops loops.

A client that sends its validators gets 304, 226 or a version new to it, none of which is waste.
"""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import math
import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal

from feedservice.web.fields import Fields, combined

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix:"
"""The address of a peer on a Unix socket."""

_SUBSCRIBER_PREFIX = 64
_BRACKETED = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")


class Reason(enum.StrEnum):
    """Why a request was refused."""

    WASTE = "waste"
    """The same version, in full, again."""
    VISITS = "visits"
    """Too many requests of any kind."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """``burst`` requests at once, and one more every ``interval``."""

    interval: timedelta
    burst: int

    def __post_init__(self) -> None:
        """Refuse an allowance that would refuse everybody."""
        if self.burst < 1 or self.interval < timedelta():
            raise ValueError(f"an allowance needs a burst of at least 1 and no negative interval, got {self!r}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a poller may do; the defaults suit a blog."""

    waste: Allowance = Allowance(interval=timedelta(minutes=30), burst=4)
    """A full body of a version already sent: a desktop reader that was restarted a few times is no offender."""
    visits: Allowance = Allowance(interval=timedelta(seconds=5), burst=60)
    """Any request."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PollerState:
    """What is remembered of one client at one resource."""

    version: str | None
    """Hash of the version last sent to it in full."""
    waste: datetime
    """When its waste allowance will be whole again."""
    visits: datetime
    """When its visits allowance will be whole again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request and the answer it would get."""

    status: int
    """Of that answer: 200, 226, 304, …"""
    with_body: bool
    """False for HEAD."""
    version: str
    """Hash of the current version (``Document.etag``)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Serve, or answer 429 with Retry-After."""

    served: bool
    retry_after: int | None = None
    """Seconds, at least 1; the same request will be served then. None when served."""
    reason: Reason | None = None


def judge(state: PollerState | None, request: Request, now: datetime, limits: Limits) -> tuple[PollerState, Verdict]:
    """Decide about one request; ``state`` is None on the first visit, which is always served.

    A refusal leaves the state as it is, so that a client that waits is served, however often it asked meanwhile.
    """
    full = request.status == HTTPStatus.OK and request.with_body
    fresh = PollerState(version=None, waste=now, visits=now)
    known = state or fresh
    visits, visits_wait = _spend(known.visits, now, limits.visits)
    wasted = full and known.version == request.version
    waste, waste_wait = _spend(known.waste, now, limits.waste) if wasted else (known.waste, timedelta())
    wait = max(visits_wait, waste_wait)
    if state is not None and wait > timedelta():
        reason = Reason.WASTE if waste_wait >= visits_wait else Reason.VISITS
        return state, Verdict(served=False, retry_after=max(1, math.ceil(wait.total_seconds())), reason=reason)
    version = request.version if full else known.version
    return PollerState(version=version, waste=waste, visits=visits), Verdict(served=True)


def _spend(whole_at: datetime, now: datetime, allowance: Allowance) -> tuple[datetime, timedelta]:
    """Take one unit: (when the allowance would be whole again, how long to wait first; zero or less is now)."""
    capacity = allowance.interval * allowance.burst
    # A clock that was set back must not leave a debt longer than a full allowance.
    spent = max(now, min(whole_at, now + capacity)) + allowance.interval
    return spent, spent - now - capacity


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrustedProxies:
    """Which peers may say whom they speak for, and in which field."""

    networks: tuple[Network, ...] = ()
    unix: bool = False
    """Peers on a Unix socket are proxies."""
    field: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The one field that the proxies write. The other one is never read: a client could have sent it."""


def trusted_proxies(entries: Iterable[str], field: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for") -> TrustedProxies:
    """Read a list of addresses, networks (``10.0.0.0/8``) and ``unix:``.

    Raises ValueError that names the entry which is none of these.
    """
    networks: list[Network] = []
    unix = False
    for entry in entries:
        if entry.strip().lower() in {UNIX, "unix"}:
            unix = True
        else:
            networks.append(ipaddress.ip_network(entry.strip(), strict=False))
    return TrustedProxies(networks=tuple(networks), unix=unix, field=field)


def client_address(peer: str | None, fields: Fields, proxies: TrustedProxies) -> str:
    """Tell who is asking: an IP address in its shortest form, or ``unix:``.

    ``peer`` is the other end of the connection; None, empty or ``unix:…`` for a Unix socket. From there the hops are
    walked from the last to the first, as long as the address reached is a trusted proxy's: what a proxy wrote down is
    believed, what stood before it is the word of the hop it names. A hop that is no address (``unknown``, ``_hidden``)
    ends the walk at the proxy that wrote it. IPv4 inside IPv6 (``::ffff:192.0.2.1``) is IPv4. A peer that is neither an
    address nor a Unix socket comes back as it is and speaks for nobody.
    """
    on_unix = not peer or peer.startswith(UNIX)
    reached = _address(peer or "")
    if reached is None and not on_unix:
        return str(peer)
    hops = _hops(fields, proxies.field)
    while _is_trusted(reached, proxies):
        hop = _address(next(hops, ""))
        if hop is None:
            break
        reached = hop
    return UNIX if reached is None else str(reached)


def poller_network(address: str) -> str:
    """Reduce an address to what one subscriber commands: an IPv4 address, the /64 of an IPv6 address, ``unix:``."""
    parsed = _address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(parsed), _SUBSCRIBER_PREFIX), strict=False))
    return address if parsed is None else str(parsed)


def _is_trusted(address: Address | None, proxies: TrustedProxies) -> bool:
    if address is None:
        return proxies.unix
    return any(address in network for network in proxies.networks)


def _address(text: str) -> Address | None:
    """Read one node: an address, with a port or brackets or without (RFC 7239 §6)."""
    node = text.strip(' \t"')
    match = _BRACKETED.fullmatch(node) or _WITH_PORT.fullmatch(node)
    try:
        address = ipaddress.ip_address(match[1] if match is not None else node)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        # A zone means something on one machine only.
        return ipaddress.IPv6Address(int(address))
    return address


def _hops(fields: Fields, field: str) -> Iterator[str]:
    """Walk the nodes of the forwarding field from the last to the first."""
    elements = _from_the_right(combined(fields, field) or "", ",")
    return elements if field == "x-forwarded-for" else map(_for_parameter, elements)


def _from_the_right(value: str, separator: str) -> Iterator[str]:
    """Split at the separators outside quoted strings, beginning at the end.

    Read from the start, a quote that a client left open would swallow what the proxy added after it. Seen from the end
    the proxies' elements come first, and theirs are well-formed.
    """
    end = len(value)
    quoted = False
    for at in range(len(value) - 1, -1, -1):
        if value[at] == '"':
            before = value[:at]
            escaped = (len(before) - len(before.rstrip("\\"))) % 2 == 1
            quoted ^= not escaped
        elif value[at] == separator and not quoted:
            yield value[at + 1 : end]
            end = at
    yield value[:end]


def _for_parameter(element: str) -> str:
    """Take the ``for`` of one element of Forwarded (RFC 7239 §4); empty when there is none."""
    for pair in _from_the_right(element, ";"):
        name, _, node = pair.partition("=")
        if name.strip(" \t").lower() == "for":
            return node
    return ""
