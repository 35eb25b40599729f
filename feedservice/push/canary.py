"""The canary: we subscribe to our own feed at every hub that we name, to see what a subscriber sees. One state machine a hub.

::

    new ── asked ──→ pending ─┬── verified ──→ listening ── published ──→ expecting ── arrived ──→ listening
             ▲                └── denied, refused, or nothing ──┐              │
             └────────────── after a while, or before the lease ends ──────────┘ (a hub that is silent is asked again, too)

Every request has a callback and a secret of its own (WebSub §5.1.1), which count from the moment that the hub has verified them;
until then those before count. Values in, values out: who calls says what time it is and brings the random tokens.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from datetime import datetime, timedelta
from urllib.parse import urlencode

from feedservice.deliveries import Request, Trust
from feedservice.push import forms, signing, urls

LEASE = 10 * 86400
"""Seconds that are asked for."""
PATIENCE = 900.0
"""Seconds after which a hub that has not verified, or not delivered, is silent."""
_WAITS = (60.0, 600.0, 3600.0, 21_600.0)
"""Seconds to wait after the first, second … request that was not verified."""
_RENEW = 0.75
"""Part of a lease after which it is renewed."""
_CHALLENGE = re.compile(r"[+\-./0-9=A-Z_a-z]{1,1024}")
_SHOWN = 200
"""Characters of a hub's own words that are shown."""


class Standing(enum.StrEnum):
    """What there is to say of a hub."""

    ASKED = "asked"
    """It has not verified the subscription yet."""
    REFUSED = "refused"
    """It would not have it."""
    LISTENING = "listening"
    """Nothing was published since it verified."""
    EXPECTING = "expecting"
    """Something was published, and is not here yet."""
    ARRIVED = "arrived"
    SILENT = "silent"
    """It takes subscriptions or notices and does nothing."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Where a hub calls us: only who knows the token is heard."""

    token: str
    secret: str = ""
    """What deliveries are signed with; empty where it would have travelled in the open."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One hub, and what we saw of it."""

    hub: str
    topic: str
    active: Callback | None = None
    """Verified."""
    pending: Callback | None = None
    """Asked for and not verified: the only one whose challenge is answered (WebSub §5.3.1)."""
    asked_at: datetime | None = None
    asks: int = 0
    """Requests since the last that was verified."""
    refusal: str = ""
    """Why the last request came to nothing, if the hub said so."""
    verified_at: datetime | None = None
    lease_end: datetime | None = None
    version: int = 0
    """Newest version of the topic that was seen to be live."""
    since: datetime | None = None
    """When the oldest version was published that has not arrived."""
    arrived_at: datetime | None = None
    latency: float | None = None
    """Seconds from publication to arrival, of the last version that arrived."""
    arrivals: int = 0
    missed: int = 0
    """Versions since then that were waited for in vain."""


def due(watch: Watch) -> datetime | None:
    """Return when the hub is to be asked (again); None for at once."""
    again = None
    if watch.asked_at is not None and watch.asks:
        wait = _WAITS[min(watch.asks, len(_WAITS)) - 1]
        # A new request makes the old one void: a hub that is slow gets its time.
        again = watch.asked_at + timedelta(seconds=max(wait, PATIENCE) if watch.pending is not None else wait)
    if watch.active is None or watch.verified_at is None or watch.lease_end is None:
        return again
    wanted = watch.verified_at + (watch.lease_end - watch.verified_at) * _RENEW
    if watch.since is not None:
        # It may have lost the subscription.
        silent = max(watch.since + timedelta(seconds=PATIENCE), watch.verified_at + timedelta(seconds=_WAITS[-1]))
        wanted = min(wanted, silent)
    return wanted if again is None else max(wanted, again)


def asked(watch: Watch, callback: Callback, now: datetime) -> Watch:
    """Return the watch once a request goes out; one that was not verified before is not any more."""
    # What was said to the request before stands until there is an answer to this one.
    refusal = watch.refusal if watch.pending is None else ""
    return dataclasses.replace(watch, pending=callback, asked_at=now, asks=watch.asks + 1, refusal=refusal)


def request(watch: Watch, base: str) -> Request:
    """Return the request of a pending callback, which is named below ``base`` (WebSub §5.1). A secret goes over TLS only."""
    assert watch.pending is not None
    pairs = {
        "hub.mode": "subscribe",
        "hub.topic": watch.topic,
        "hub.callback": base + watch.pending.token,
        "hub.lease_seconds": str(LEASE),
        **({"hub.secret": watch.pending.secret} if watch.pending.secret else {}),
    }
    fields = (("Content-Type", forms.FORM),)
    return Request(method="POST", url=watch.hub, headers=fields, body=urlencode(pairs).encode("ascii"), trust=Trust.OPERATOR)


def callback(token: str, secret: str, hub: str) -> Callback:
    """Return a callback for a hub; without TLS it has no secret, which would be one no more (WebSub §5.1)."""
    return Callback(token=token, secret=secret if hub.lower().startswith("https://") else "")


def refused(watch: Watch, reason: str) -> Watch:
    """Return the watch when a request came to nothing, by the hub's answer or its denial (WebSub §5.2)."""
    return dataclasses.replace(watch, pending=None, refusal=_words(reason))


def denied(watch: Watch, token: str, topic: str, reason: str) -> Watch | None:
    """Return the watch when the hub says that there is no subscription, or none any more; None when it is not asked that."""
    if urls.plain(topic) != urls.plain(watch.topic):
        return None
    after = refused(watch, f"denied: {reason}" if reason else "denied")
    ended = watch.active is not None and signing.same(watch.active.token, token)
    return dataclasses.replace(after, active=None, lease_end=None, since=None, missed=0) if ended else after


def verified(watch: Watch, token: str, topic: str, challenge: str, lease: str, now: datetime) -> Watch | None:
    """Return the watch when the challenge may be echoed; None for 404: that is not what we asked for, or not any more.

    A lease that the hub does not name is the one that was asked for.
    """
    if watch.pending is None or not signing.same(watch.pending.token, token):
        return None
    if urls.plain(topic) != urls.plain(watch.topic) or _CHALLENGE.fullmatch(challenge) is None:
        return None
    if lease and re.fullmatch(r"[0-9]{1,9}", lease) is None:
        return None
    end = now + timedelta(seconds=int(lease) if lease else LEASE)
    return dataclasses.replace(watch, active=watch.pending, pending=None, asks=0, refusal="", verified_at=now, lease_end=end)


def published(watch: Watch, version: int, at: datetime) -> Watch:
    """Return the watch when a version is live that was published ``at``.

    It is expected when the hub had verified before. Of several that are expected, the oldest says how long we wait; one that we
    have waited for in vain is missed when a newer one is published.
    """
    if version <= watch.version:
        return watch
    if watch.since is not None and (at - watch.since).total_seconds() > PATIENCE:
        return dataclasses.replace(watch, version=version, since=at, missed=watch.missed + 1)
    expected = watch.active is not None and watch.verified_at is not None and watch.verified_at <= at
    since = at if expected and watch.since is None else watch.since
    return dataclasses.replace(watch, version=version, since=since)


def arrived(watch: Watch, signature: str | None, body: bytes, now: datetime) -> Watch:
    """Return the watch when something came to the active callback; what is not signed as it must be is ignored (§7.1.2)."""
    assert watch.active is not None
    if watch.active.secret and not signing.is_hub_signature(signature or "", watch.active.secret.encode(), body):
        return watch
    latency = watch.latency if watch.since is None else max(0.0, (now - watch.since).total_seconds())
    return dataclasses.replace(watch, since=None, missed=0, arrived_at=now, latency=latency, arrivals=watch.arrivals + 1)


def standing(watch: Watch, now: datetime) -> Standing:
    """Return what there is to say of a hub."""
    silent = timedelta(seconds=PATIENCE)
    subscribed = watch.active is not None and watch.lease_end is not None and watch.lease_end > now
    if subscribed and watch.since is not None:
        return Standing.SILENT if watch.missed or now - watch.since > silent else Standing.EXPECTING
    if subscribed:
        return Standing.LISTENING if watch.arrived_at is None else Standing.ARRIVED
    if watch.pending is not None and watch.asked_at is not None and now - watch.asked_at > silent:
        return Standing.SILENT
    if watch.refusal:
        return Standing.REFUSED
    return Standing.SILENT if watch.asks > 1 else Standing.ASKED


def _words(text: str) -> str:
    """Return a hub's own words in one line."""
    return "".join(c if c.isprintable() else " " for c in text[:_SHOWN]).strip()
