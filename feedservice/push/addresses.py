"""Which addresses may be called: a table of our own, asked with the very address that a connection is then made to.

Subscribers name URLs, and names resolve to whatever their owner likes, so an address inside the operator's network is one DNS
answer away. The rule is therefore about addresses, never about names, and one bad answer among good ones refuses the name.

``ipaddress.is_global`` will not do: it calls ``64:ff9b::a9fe:a9fe`` (NAT64 of 169.254.169.254), ``2002:7f00:1::``, ``224.0.0.1``
and ``5f00::1`` global. There is no switch that turns the table off. A list of networks lets through what it names, one list for
the operator's own targets and one for subscribers' callbacks, and lifts the rule about ports for these.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PORTS = frozenset({80, 443, 8000, 8080, 8443})
"""Others speak protocols that an HTTP request could be taken for a message of."""

_SCHEMES = {"http": 80, "https": 443}

_IPV4: Sequence[tuple[ipaddress.IPv4Network, str]] = [
    (ipaddress.IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network (RFC 1122)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("100.64.0.0/10", "shared by a provider (RFC 6598)"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "the platform of a cloud"),
        ("169.254.0.0/16", "link-local (RFC 3927)"),
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.0.0.0/24", "for protocols (RFC 6890)"),
        ("192.0.2.0/24", "for documentation (RFC 5737)"),
        ("192.88.99.0/24", "a 6to4 relay (RFC 7526)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("198.18.0.0/15", "for benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "for documentation (RFC 5737)"),
        ("203.0.113.0/24", "for documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, or broadcast"),
    )
]

# What is not global unicast is refused as a whole, the rest of 2000::/3 by the second table. The first one only names reasons.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_IPV6: Sequence[tuple[ipaddress.IPv6Network, str]] = [
    (ipaddress.IPv6Network(network), why)
    for network, why in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible (RFC 4291)"),
        ("::ffff:0:0:0/96", "IPv4-translated (RFC 2765)"),
        ("64:ff9b::/96", "NAT64 (RFC 6052)"),
        ("64:ff9b:1::/48", "NAT64 of a local network (RFC 8215)"),
        ("100::/64", "for discarding (RFC 6666)"),
        ("5f00::/16", "segment routing (RFC 9602)"),
        ("fc00::/7", "private (RFC 4193)"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local (RFC 3879)"),
        ("ff00::/8", "multicast"),
        ("2001::/32", "Teredo (RFC 4380)"),
        ("2001:db8::/32", "for documentation (RFC 3849)"),
        ("2001::/23", "for protocols (RFC 2928)"),
        ("2002::/16", "6to4 (RFC 3056)"),
        ("3ffe::/16", "the former 6bone (RFC 3701)"),
        ("3fff::/20", "for documentation (RFC 9637)"),
    )
]
# An interface identifier of ISATAP (RFC 5214 §6.1) carries an IPv4 address, whatever the network.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST = 253
_VISIBLE = re.compile(r"[!-~]+")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]*))?")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """It may not be called; ``why`` is for people and names no address that a stranger could learn something from."""

    why: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a URL leads before names are resolved."""

    secure: bool
    """TLS."""
    host: str
    """Lower case; a name as DNS has it, or an address without brackets."""
    port: int
    literal: Address | None
    """The host is an address."""

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` field has them: the port only where it is not the scheme's own (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _SCHEMES["https" if self.secure else "http"] else f"{host}:{self.port}"


def networks(values: Iterable[str]) -> tuple[Network, ...]:
    """Read an allow-list; an address is the network of itself. Raises ``ValueError``."""
    return tuple(ipaddress.ip_network(value, strict=False) for value in values)


def destination(url: str) -> Destination | Refused:
    """Take a URL apart, strictly: what two programs could read differently is refused.

    Userinfo, a fragment (PubSubHubbub 0.3 §6.1), another scheme, a backslash, white space, an address with a zone, and numbers
    that are no dotted IPv4 address (``0177.1``, ``0x7f000001``, ``2130706433``) are refused here. International names must be
    in their ASCII form.
    """
    parts = divided(url)
    return parts if isinstance(parts, Refused) else located(*parts[:2])


def divided(url: str) -> tuple[str, str, str] | Refused:
    """Return the scheme in lower case, the authority and the target (path and query, RFC 9112 §3.2.1) of a URL."""
    if _VISIBLE.fullmatch(url) is None or "\\" in url:
        return Refused(why="the URL has characters that a URL does not have; they must be percent-encoded")
    parts = _URL.fullmatch(url)
    if parts is None:
        return Refused(why="this is no absolute URL")
    scheme, authority, target = parts.groups()
    if "#" in target:
        return Refused(why="the URL has a fragment")
    return scheme.lower(), authority, target if target.startswith("/") else f"/{target}"


def located(scheme: str, authority: str) -> Destination | Refused:
    """Return where a scheme and an authority (host and perhaps port, as they stand in a URL) lead."""
    if scheme not in _SCHEMES:
        return Refused(why="the URL is neither http nor https")
    if "@" in authority:
        return Refused(why="the URL has a user name")
    parts = _AUTHORITY.fullmatch(authority)
    named = _host(parts["host"].lower()) if parts is not None else None
    if parts is None or named is None:
        return Refused(why="the URL has no host that can be understood")
    digits = parts["port"] or str(_SCHEMES[scheme])
    port = int(digits) if len(digits) <= len("65535") else 0
    if not 0 < port < 1 << 16:
        return Refused(why="there is no such port")
    host, literal = named
    return Destination(secure=scheme == "https", host=host, port=port, literal=literal)


def _host(host: str) -> tuple[str, Address | None] | None:
    if host.startswith("["):
        try:
            literal: Address = ipaddress.IPv6Address("%" if "%" in host else host[1:-1])
        except ValueError:
            return None
        return str(literal), literal
    name = host.removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        # The URL standard and inet_aton read such hosts as IPv4 addresses, in forms that hide which; only one form shows it.
        try:
            literal = ipaddress.IPv4Address(host)
        except ValueError:
            return None
        return host, literal
    if len(name) > _LONGEST or not all(map(_LABEL.fullmatch, labels)):
        return None
    return host, None


def canonical(address: str) -> Address | None:
    """Read the text of an address; an IPv4-mapped one is the IPv4 address. None for one with a zone, or for no address."""
    if "%" in address:
        return None
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return found if mapped is None else mapped


def reserved(address: Address) -> str:
    """Return what an address is set apart for; empty for a public one."""
    if isinstance(address, ipaddress.IPv4Address):
        return next((why for network, why in _IPV4 if address in network), "")
    if address.ipv4_mapped is not None:
        return reserved(address.ipv4_mapped)
    why = next((why for network, why in _IPV6 if address in network), "")
    if not why and address not in _UNICAST:
        return "outside of what is assigned (RFC 4291)"
    if not why and (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "ISATAP (RFC 5214)"
    return why


def callable_addresses(
    to: Destination,
    answers: Sequence[str],
    allowed: Collection[Network],
    *,
    public: bool = True,
    ports: Collection[int] = PORTS,
) -> tuple[Address, ...] | Refused:
    """Return the addresses, in order and each once, that a connection may be made to: all that the name has, or none.

    ``answers`` are what the name resolves to (or the literal itself). An address in ``allowed`` passes with any port. Any other
    must be public, with a port of ``ports``; and with ``public`` False there is no other.
    """
    found: dict[Address, None] = {}
    for answer in answers:
        address = canonical(answer)
        if address is None:
            return Refused(why="the name has an answer that is no plain address")
        if not any(address in network for network in allowed):
            why = reserved(address)
            if why:
                return Refused(why=f"an address of the host is not public: {why}")
            if not public:
                return Refused(why="nothing is sent to a public address outside of production")
            if to.port not in ports:
                return Refused(why=f"port {to.port} may not be called")
        found[address] = None
    if not found:
        return Refused(why="the name has no address")
    return tuple(found)
