"""What the configuration says of serving, in the form that answering needs it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from feedservice.config.schema import Config
from feedservice.config.sections import seconds
from feedservice.config.serve import ANY_HOST
from feedservice.feeds.specs import feeds_base
from feedservice.web.fairness import TrustedProxies, trusted_proxies

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

_BROWSER_TYPE = "application/xml; charset=utf-8"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every answer is subject to."""

    hosts: frozenset[str]
    """Our names as on the wire (``target.resolve``); empty for any."""
    poll_interval: int
    """Seconds an answer stays fresh."""
    browser_type: str | None
    """Content-Type of XML feeds for a browser's own navigation; None where caches must not vary."""
    index: str
    """URL path of the index of all feeds: what ``/`` is where the site has no page there."""
    proxies: TrustedProxies
    fairness: Literal["auto", "on", "off"]


def terms(config: Config, *, unix: bool = False) -> Terms:
    """Read the terms from a configuration; ``unix`` says that the server listens on a Unix socket, behind a proxy."""
    serve = config.serve
    behind = unix or bool(serve.trusted_proxies)
    return Terms(
        hosts=frozenset() if ANY_HOST in serve.hosts else _hosts(config.site.url, feeds_base(config), names=serve.hosts),
        poll_interval=seconds(serve.poll_interval),
        browser_type=_BROWSER_TYPE if serve.browser_xml else None,
        index=urlsplit(feeds_base(config)).path.rstrip("/") + "/",
        proxies=trusted_proxies(serve.trusted_proxies, serve.forwarded_field),
        fairness="off" if serve.fairness == "auto" and behind else serve.fairness,
    )


def _hosts(*urls: str, names: Iterable[str]) -> frozenset[str]:
    public = (urlsplit(url).hostname or "" for url in urls)
    return LOOPBACK | {on_the_wire(host) for host in (*public, *names)}


def on_the_wire(host: str) -> str:
    """Write a host as requests have it: lower case, IDNA A-labels, an IPv6 address in brackets."""
    lowered = host.lower().rstrip(".")
    if ":" in lowered and lowered.replace(":", "").replace(".", "").isalnum() and lowered.count(":") > 1:
        return f"[{lowered}]"
    if lowered.isascii():
        return lowered
    name, colon, port = lowered.partition(":")
    return name.encode("idna").decode("ascii") + colon + port
