"""What a document links to as a whole, for its head and for the ``Link`` field of HTTP (RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, urlsplit

from feedservice.config.schema import Config
from feedservice.feeds.text import legal
from feedservice.model import FeedHead

_AUTHORITY = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<host>[^/?#:@\[\]]+)(?P<rest>.*)", re.DOTALL)
_HUB = re.compile(r'<([^>]*)>; rel="hub"')
_URI = "!#$%&'()*+,/:;=?@[]~"
"""What a URI has beside letters, digits and ``-._~`` (RFC 3986 §2.2); ``%`` too, because URLs arrive encoded."""


def history_links(head: FeedHead, name: str) -> tuple[tuple[str, str], ...]:
    """Return (relation, URL) of the other documents of the feed in the format ``name`` (RFC 5005 §4), for XML and HTTP."""
    history = head.history
    if history is None:
        return ()
    related = (("current", history.current), ("prev-archive", history.prev_archive), ("next-archive", history.next_archive))
    return tuple((relation, urls[name]) for relation, urls in related if name in urls)


def link_values(head: FeedHead, name: str) -> tuple[str, ...]:
    """Return the values of the ``Link`` field that a document in the format ``name`` is served with.

    One ``rel=self`` (WebSub §4), every hub, the page that the feed is the feed of, and its archives. ASCII without controls:
    an IRI is written as the URI that it stands for (RFC 3987 §3.1).
    """
    head = legal(head)
    spec = head.spec
    return (
        _value(spec.urls[name], "self"),
        *(_value(hub, "hub") for hub in head.hubs),
        _value(spec.home_url, "alternate") + '; type="text/html"',
        *(_value(url, relation) for relation, url in history_links(head, name)),
    )


def subscription_link(topic: str, hubs: Sequence[str]) -> str:
    """Return the one ``Link`` value that a document is distributed with: its hubs and itself (WebSub §7)."""
    return ", ".join((*(_value(hub, "hub") for hub in hubs), _value(topic, "self")))


def hub_urls(config: Config) -> tuple[str, ...]:
    """Return the hubs that feeds name: our own first, or the one that has taken its place."""
    websub = config.announce.websub
    own = (moved_hub(config) or hub_url(config),) if websub.hub == "embedded" else ()
    return tuple(dict.fromkeys((*own, *websub.hubs)))


def former_hubs(link: str, config: Config) -> tuple[str, ...]:
    """Return the hubs of others that a ``subscription_link`` named and that feeds do not name any more."""
    named = {_uri(url) for url in (*hub_urls(config), hub_url(config))}
    return tuple(url for url in _HUB.findall(link) if url not in named)


def moved_hub(config: Config) -> str | None:
    """Return the URL of the hub that has taken the place of the embedded one, or None when none has."""
    websub = config.announce.websub
    return _uri(websub.moved) if websub.moved is not None and websub.hub == "embedded" else None


def hub_url(config: Config) -> str:
    """Return the public URL of the embedded hub."""
    return config.announce.websub.url or _origin(config) + "/hub"


def cloud_url(config: Config) -> str | None:
    """Return the public URL at which rssCloud subscriptions are taken, or None when they are not."""
    return _origin(config) + "/rsscloud/pleaseNotify" if config.announce.rsscloud == "on" else None


def canary_base(config: Config) -> str:
    """Return the beginning of the public URLs at which hubs call the canary."""
    return _origin(config) + "/-/canary/"


def _origin(config: Config) -> str:
    parts = urlsplit(config.feeds.url or config.site.url)
    return f"{parts.scheme}://{parts.netloc}"


def _value(url: str, relation: str) -> str:
    return f'<{_uri(url)}>; rel="{relation}"'


def _uri(iri: str) -> str:
    match = None if iri.isascii() else _AUTHORITY.match(iri)
    if match is not None:
        iri = match["scheme"] + _ascii(match["host"]) + match["rest"]
    return quote(iri, safe=_URI)


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:  # no name of the DNS: percent-encoded, it is still one that a URI can hold
        return host
