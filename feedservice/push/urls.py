"""URLs that strangers give: read strictly, compared exactly, and added to without touching what stands there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

LONGEST = 2048
"""Bytes of a URL."""

_PORTS = {"http": 80, "https": 443}
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_VISIBLE = re.compile(r"[!-~]+")


def plain(url: str) -> str:
    """Return a URL with percent-encoding undone where a character needs none (WebSub §5.1.1, RFC 3986 §6.2.2.2)."""
    return _ENCODED.sub(_decoded, url)


def _decoded(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code in _UNRESERVED else match[0]


def fault(url: str) -> str | None:
    """Return what keeps a URL from being called, in words; None for one that may be."""
    if len(url) > LONGEST:
        return f"is longer than {LONGEST} bytes"
    if _VISIBLE.fullmatch(url) is None or "\\" in url:
        return "has blanks, controls or characters that must be percent-encoded"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    faults = (
        (parts.scheme.lower() not in _PORTS, "is no http or https URL"),
        (not host or port == 0, "has no host"),
        ("@" in parts.netloc, "has a user name or password"),
        ("#" in url, "has a fragment"),
    )
    return next((words for wrong, words in faults if wrong), None)


def host_of(url: str) -> str:
    """Return host and port, lower case: what budgets, breakers and lanes go by."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return f"{host}:{parts.port or _PORTS.get(parts.scheme.lower(), 0)}"


def appended(url: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Return a URL with parameters behind its query, which stays as it is, overlapping names included (WebSub §5.1.1)."""
    query = "&".join(f"{quote(name, safe='.')}={quote(value, safe='')}" for name, value in parameters)
    if "?" not in url:
        return f"{url}?{query}"
    return url + query if url.endswith(("?", "&")) else f"{url}&{query}"
