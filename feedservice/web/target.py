"""The request target and Host: which of our own paths is asked for, or why the request is refused (RFC 9112 §3.2, §7).

A path is decoded exactly once, checked, and brought to NFC: one spelling for each resource, so that a client that sends
NFD (as file names on macOS are) or other hexadecimal case finds the same one. Serving looks this path up in a table
of published documents; it never joins it to a directory.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Collection, Sequence
from http import HTTPStatus

LONGEST = 4096
"""Longest request target served, in bytes."""

_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)([^#]*)")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::(?P<port>[0-9]{0,5}))?")
_PERCENT = re.compile(rb"%(.{0,2})", re.DOTALL)
_HEX = re.compile(rb"[0-9A-Fa-f]{2}")
_DELETE = 0x7F
_DEFAULT_PORTS = frozenset({"80", "443"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for."""

    path: str
    """Decoded, in NFC, beginning with ``/``; ``*`` for OPTIONS of the server as a whole."""
    query: str
    """As sent, still encoded, without ``?``; empty when there is none."""
    host: str
    """Lower case, with its port if that was sent; empty for HTTP/1.0 without Host."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request cannot be for any of our resources."""

    status: int
    """400 malformed, 404 well-formed but never ours, 414 too long, 421 another host's."""
    rule: str
    """Stable dotted name."""
    message: str


def resolve(
    method: str,
    target: bytes,
    hosts: Sequence[str],
    *,
    own: Collection[str],
    host_required: bool = True,
    longest: int = LONGEST,
) -> Target | Refusal:
    """Read a request target as it stood in the request line.

    ``hosts``: the value of every Host line. ``own``: our names in lower case, as on the wire (IDNA A-labels, IPv6 in
    brackets); one without a port stands for every port; empty accepts any host. ``host_required``: False for HTTP/1.0.
    """
    if len(target) > longest:
        return Refusal(
            status=HTTPStatus.REQUEST_URI_TOO_LONG.value,
            rule="target.long",
            message=f"the request target has {len(target)} bytes, the limit is {longest}",
        )
    host = _host_field(hosts, host_required)
    if isinstance(host, Refusal):
        return host
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        # RFC 9112 §3.2.2: the target's host replaces whatever Host said.
        named = _host(absolute[1].decode("latin-1"))
        if isinstance(named, Refusal):
            return named
        host = named
    if own and host and not _is_own(host, own):
        return Refusal(
            status=HTTPStatus.MISDIRECTED_REQUEST.value,
            rule="target.foreign",
            message=f"{host!r} is not served here",
        )
    if target == b"*" and method == "OPTIONS":
        return Target(path="*", query="", host=host)
    local = absolute[2] if absolute is not None else target
    if absolute is not None and not local.startswith(b"/"):
        local = b"/" + local
    return _local(local, host)


def _bad(rule: str, message: str) -> Refusal:
    return Refusal(status=HTTPStatus.BAD_REQUEST.value, rule=rule, message=message)


def _never_ours(rule: str, message: str) -> Refusal:
    return Refusal(status=HTTPStatus.NOT_FOUND.value, rule=rule, message=message)


def _host_field(hosts: Sequence[str], required: bool) -> str | Refusal:
    """Check Host: one line, one well-formed name (RFC 9112 §3.2)."""
    if len(hosts) > 1:
        return _bad("host.repeated", f"{len(hosts)} Host lines")
    if hosts:
        return _host(hosts[0].strip(" \t"))
    return _bad("host.missing", "HTTP/1.1 needs a Host line") if required else ""


def _host(text: str) -> str | Refusal:
    match = _HOST.fullmatch(text.lower())
    if match is None:
        return _bad("host.malformed", f"{text[:80]!r} is no host name with an optional port")
    name = match["name"].rstrip(".")
    if not name:
        return _bad("host.malformed", f"{text[:80]!r} has no name")
    return f"{name}:{match['port']}" if match["port"] else name


def _is_own(host: str, own: Collection[str]) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        return host in own or any(f"{host}:{default}" in own for default in _DEFAULT_PORTS)
    return host in own or name in own


def _local(local: bytes, host: str) -> Target | Refusal:
    if not local.startswith(b"/"):
        return _bad("target.form", f"a target begins with / or with http://, got {local[:80]!r}")
    if any(byte <= ord(" ") or byte == _DELETE for byte in local):
        return _bad("target.control", "white space or a control character in the request target")
    if b"#" in local:
        return _bad("target.fragment", "a fragment in the request target")
    encoded, _, query = local.partition(b"?")
    path = _decoded(encoded)
    if isinstance(path, Refusal):
        return path
    return Target(path=path, query=query.decode("latin-1"), host=host)


def _decoded(encoded: bytes) -> str | Refusal:
    """Decode a path once, and refuse what could mean two things."""
    octets = bytearray()
    at = 0
    for escape in _PERCENT.finditer(encoded):
        if _HEX.fullmatch(escape[1]) is None:
            return _bad("target.percent", f"{escape[0]!r} is no percent-encoded byte")
        octet = int(escape[1], 16)
        if octet == ord("/"):
            return _never_ours("target.slash", "an encoded slash")
        octets += encoded[at : escape.start()]
        octets.append(octet)
        at = escape.end()
    octets += encoded[at:]
    try:
        path = unicodedata.normalize("NFC", octets.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _bad("target.utf8", f"the path is not UTF-8 at byte {error.start + 1}")
    if any(unicodedata.category(character) == "Cc" for character in path):
        return _bad("target.control", "a control character in the path")
    if "\\" in path:
        return _bad("target.backslash", "a backslash in the path")
    return _checked_segments(path)


def _checked_segments(path: str) -> str | Refusal:
    segments = path[1:].split("/")
    if any(segment in {".", ".."} for segment in segments):
        return _never_ours("target.dots", "a . or .. segment: resolve it before asking")
    if "" in segments[:-1]:
        return _never_ours("target.empty", "two slashes in a row")
    return path
