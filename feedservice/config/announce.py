"""The section ``announce`` of ``config.yaml``: who is told about new posts, and how."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from feedservice.config import constraints
from feedservice.config.constraints import Fault, quoted
from feedservice.config.sections import Duration, Section, Texts, WebUrl, WebUrls, Words, must, one_or_many

Event = Literal["post.published", "post.updated", "post.removed", "feed.held", "feed.released"]
FeedEvent = Literal["feed.held", "feed.released"]
PLACEHOLDERS = ("title", "url", "summary", "site")
_SERVER = re.compile(r"smtps?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
_MAILBOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
"""The addresses of RFC 5321 §4.1.2 that need no quotes."""


def _networks(values: list[str]) -> Fault | None:
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            hint = "write an address or a network such as `10.0.0.0/8`"
            return Fault("config.value", f"{quoted(value)} is neither an address nor a network", hint)
    return None


def _message(pattern: str) -> Fault | None:
    return constraints.placeholder(pattern, PLACEHOLDERS)


def _server(url: str) -> Fault | None:
    """Check the URL of a mail server: a scheme, a host, and a port or none."""
    if not url or _SERVER.fullmatch(url):
        return None
    return Fault(
        "config.url", f"{quoted(url)} is no mail server", "write `smtp://mail.example.org` or `smtps://mail.example.org:465`"
    )


def _mailbox(value: str | None) -> Fault | None:
    if value is None or _MAILBOX.fullmatch(value):
        return None
    return Fault("config.value", f"{quoted(value)} is no e-mail address", "write one such as `ops@example.org`, without a name")


def _mailboxes(values: list[str]) -> Fault | None:
    return next(filter(None, map(_mailbox, values)), None)


def _endpoint(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


Networks = Annotated[Texts, must(_networks)]


class WebSub(Section):
    """WebSub (W3C Recommendation): who tells subscribers."""

    hub: Literal["embedded", "off"] = "off"
    """`embedded`: `feedservice run` is the hub of its own feeds, and they name it with `rel=hub`."""
    url: WebUrl | None = None
    """Public URL of the embedded hub; default: `/hub` on the host of `feeds.url`."""
    moved: WebUrl | None = None
    """The hub that takes the place of the embedded one: feeds name it, it is told of every change, and requests to subscribe
    here are sent there (308). Who subscribed before is told until the lease ends."""
    hubs: WebUrls = Field(default_factory=list)
    """Other hubs that feeds name with `rel=hub`. Each is told about every changed feed."""
    lease: Duration = "10d"
    """Lease of a subscription that asks for none. What is asked for is kept between 1 and 30 days."""
    signature: Literal["sha256", "sha384", "sha512"] = "sha256"
    """How deliveries to new subscribers with a secret are signed. `feedservice subscribers sign` sets another for one of them."""
    per_host: int = Field(default=10_000, ge=1)
    """Most subscriptions with callbacks on one host."""
    per_topic: int = Field(default=1_000_000, ge=1)
    """Most subscriptions to one feed."""
    canary: bool = True
    """`feedservice run` subscribes to a feed of its own at every hub that it names, and reports how long each takes, or that
    it is silent. Only with `announce.environment: production`."""


class Endpoint(Section):
    """A weblog ping service; a plain URL is the endpoint."""

    url: WebUrl
    """Its XML-RPC endpoint."""
    layout: Literal["extended", "wordpress", "plain"] = "extended"
    """Arguments: `extended` is name, site, page that changed, feed; `wordpress` leaves out the third; `plain` is name and
    site (`weblogUpdates.ping`)."""


class IndexNow(Section):
    """IndexNow: search engines are told which pages are new, changed or gone."""

    key_file: str | None = None
    """File with the key, relative to the config file: 8 to 128 letters, digits and hyphens. Without one, nobody is told."""
    key_location: WebUrl | None = None
    """Where the key is published; default: `/<key>.txt` on the host of `site.url`. `feedservice run` serves that path."""
    endpoint: WebUrl = "https://api.indexnow.org/indexnow"
    """One endpoint is enough: they share what they are told."""


class Webhook(Section):
    """An address that is sent a message for each post, or when a feed is held."""

    url: WebUrl
    """Where messages are posted to."""
    format: Literal["standard", "slack", "discord", "mastodon", "ntfy"] = "standard"
    """`standard`: JSON by Standard Webhooks 1.0. The others are messages for these services."""
    events: Annotated[list[Event], BeforeValidator(one_or_many), Words("a list of events, or one")] = Field(
        default=["post.published"], min_length=1
    )
    """What is told. `feed.held` and `feed.released` are for the operator: the guard holds a feed, or does so no more."""
    secret_file: str | None = None
    """File with the keys that messages are signed with (`whsec_…` or `whsk_…`, one in a line; two while they are changed),
    relative to the config file. For mastodon and ntfy: the access token."""
    text: Annotated[str, must(_message)] = "{title}\n{url}"
    """Message of all formats but `standard`, with `{title}`, `{url}`, `{summary}` and `{site}`."""
    feeds: Texts = Field(default_factory=list)
    """Keys of feeds: only these, and posts that one of them has. Empty for all."""


Endpoints = Annotated[
    list[Annotated[Endpoint, BeforeValidator(_endpoint, json_schema_input_type=str | Endpoint), Words("a URL, or a mapping")]],
    BeforeValidator(one_or_many),
    Words("a list of endpoints, or one"),
]


class Email(Section):
    """The operator is told by e-mail that the guard holds a feed."""

    server: Annotated[str, must(_server)] = ""
    """`smtp://host:port` (default 587, with STARTTLS where the server offers it) or `smtps://host:port` (default 465). Empty:
    none is sent. One that is not at a public address is named in `announce.targets.allow`."""
    to: Annotated[Texts, must(_mailboxes)] = Field(default_factory=list)
    """Whom it goes to."""
    sender: Annotated[str | None, must(_mailbox)] = None
    """Whom it comes from; default: the first of `to`."""
    user: str | None = None
    """Name that the server knows us by. Without one nobody signs in."""
    password_file: str | None = None
    """File with the password, relative to the config file. It is sent over TLS only."""
    events: Annotated[list[FeedEvent], BeforeValidator(one_or_many), Words("a list of events, or one")] = Field(
        default=["feed.held", "feed.released"], min_length=1
    )
    """What is told: the guard holds a feed, or does so no more."""


class Targets(Section):
    """Which addresses beside the public ones may be called for the targets that this file names."""

    allow: Networks = Field(default_factory=list)
    """Addresses and networks, such as `10.0.0.0/8`, that may be called, on any port."""


class Callbacks(Section):
    """Which addresses may be called for callbacks, which strangers name."""

    allow: Networks = Field(default_factory=list)
    """Addresses and networks beside the public ones that may be called, on any port."""


class Announce(Section):
    """Who is told about new posts."""

    environment: str = "production"
    """Anything but `production`: nothing is sent to a public address."""
    verify: Literal["on", "off"] = "on"
    """Tell nobody before the new feed can be fetched from its public URL."""
    verify_timeout: Duration = "15m"
    """How long to wait for that. After it, this change is told to nobody; the next one is tried anew."""
    max_age: Duration = "7d"
    """A new post with an older date is an import: feeds have it, nobody is told of it by itself."""
    keep: Duration = "30d"
    """How long finished deliveries are remembered."""
    websub: WebSub = Field(default_factory=WebSub)
    """Hubs."""
    rsscloud: Literal["on", "off"] = "off"
    """Take subscriptions by rssCloud, and say so in RSS feeds."""
    xmlrpc: Endpoints = Field(default_factory=list)
    """Weblog ping services (`weblogUpdates.extendedPing`); each is told at most every five minutes, of new posts only."""
    microblog: Literal["on", "off"] = "off"
    """Tell micro.blog, which then fetches the feed."""
    indexnow: IndexNow = Field(default_factory=IndexNow)
    """Search engines."""
    webhooks: list[Webhook] = Field(default_factory=list)
    """Addresses that are sent a message for each post, or when a feed is held."""
    email: Email = Field(default_factory=Email)
    """E-mail to the operator."""
    callbacks: Callbacks = Field(default_factory=Callbacks)
    """Addresses that subscribers may have their callbacks on."""
    targets: Targets = Field(default_factory=Targets)
    """Addresses that the targets above may have."""
