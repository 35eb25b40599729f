"""The section ``serve`` of ``config.yaml``: how the feeds are served over HTTP."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import Field

from feedservice.config.constraints import Fault, quoted
from feedservice.config.sections import Duration, Section, Size, Texts, must

ANY_HOST = "*"
"""In ``Serve.hosts``: every ``Host`` is answered."""

_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:/?#\[\]@\\%]+)(?::[0-9]{1,5})?")


def _hosts(values: list[str]) -> Fault | None:
    wrong = next((value for value in values if value != ANY_HOST and _HOST.fullmatch(value) is None), None)
    if wrong is None:
        return None
    return Fault("config.value", f"{quoted(wrong)} is no host name", "write it as `feeds.example.org`, or `*` for any")


def _proxies(values: list[str]) -> Fault | None:
    for value in values:
        try:
            if value not in {"unix", "unix:"}:
                ipaddress.ip_network(value, strict=False)
        except ValueError:
            hint = "write an address, a network such as `10.0.0.0/8`, or `unix:` for peers on a Unix socket"
            return Fault("config.value", f"{quoted(value)} is neither an address nor a network", hint)
    return None


class Serve(Section):
    """How `feedservice run` serves the feeds over HTTP."""

    host: str = "127.0.0.1"
    """Address to listen on. `0.0.0.0` and `::` are every address of the machine."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on; 0 takes a free one and says which."""
    socket: str | None = None
    """Unix socket to listen on in place of host and port, relative to the config file. Who may enter its directory may use it."""
    hosts: Annotated[Texts, must(_hosts)] = Field(default_factory=list)
    """Names that requests may be for, beside those of `site.url` and `feeds.url`, `localhost` and the address connected to;
    `*` for any."""
    trusted_proxies: Annotated[Texts, must(_proxies)] = Field(default_factory=list)
    """Addresses and networks of the proxies in front, or `unix:`: whom they say they speak for is believed."""
    forwarded_field: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """The field in which those proxies say it. The other one is not read."""
    poll_interval: Duration = "30m"
    """How long an answer stays fresh (`max-age`); readers take it as their delay. It shortens when a scheduled post is near."""
    browser_xml: bool = True
    """Tell browsers `application/xml`, so that they show a feed with its style sheet. Off for caches that must not vary."""
    fairness: Literal["auto", "on", "off"] = "auto"
    """Answer 429 to a client that fetches the same version again and again. `auto`: only for clients that come straight from
    the internet, and not at all with `trusted_proxies` or a Unix socket."""
    delta_keep: Duration = "7d"
    """How long a replaced version is remembered, so that a reader who has it can be sent only what is new."""
    memory: Size = 32 * 1024**2
    """Most bytes of feeds that are kept in memory; the others are read from disk when they are asked for."""
    admin_token_file: str | None = None
    """File with the token for `/-/status`, `/-/rebuild` and the other operations, relative to the config file; only its owner may
    read it. Without it they are answered on a Unix socket only, and only to those who come straight to it."""
    connections: int = Field(default=1000, ge=1, le=100_000)
    """Most connections at one time. When there are more, idle ones are closed, and then newcomers get 503."""
    request_timeout: Duration = "10s"
    """How long a client may take to send a request."""
    idle_timeout: Duration = "15s"
    """How long a connection is kept open between requests, or while a client takes nothing of an answer."""
    stop_timeout: Duration = "10s"
    """How long answers that were begun may take to finish when the service stops."""
