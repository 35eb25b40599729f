"""The subscription machine of the hub, by the WebSub Recommendation of 2 June 2026. The hub serves our own topics only.

::

                     POST /hub                                 GET callback?hub.challenge=…
    (nothing) ──────── asked ────────→ verify, a delivery ─┬── echoed ──→ subscription: new, or renewed
        ▲                 │                                ├── echoed (unsubscribe) ──→ (nothing)
        │                 │                                └── anything else ──→ as it was
        │                 └── no topic of ours ──→ deny, a delivery
        └── unsubscribed, gone (410), lease ended, denied

    subscription behind its topic ── POST callback ─┬── 2xx ──→ cursor at that version
                                                    ├── 410 ──→ (nothing)
                                                    └── else ─→ later; after the last attempt, with the next version

A failed delivery never ends a subscription before its lease (§7). Nothing here fetches a topic: what is sent is the document
that was just published.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from feedservice import cutting
from feedservice.deliveries import (
    Advanced,
    Delivery,
    Failure,
    Lane,
    Outcome,
    Request,
    Subscription,
    SubscriptionKey,
    TopicVersion,
    Trust,
)
from feedservice.push import kinds, outbox, rsscloud, signing, urls
from feedservice.push.outbox import Reading, Verdict

PROTOCOL = "websub"
VERIFY, DENY = "verify", "deny"
DAY = 86400
LEAST_LEASE, MOST_LEASE = DAY, 30 * DAY
"""Seconds. Readers renew when less than a day is left, so a shorter lease would be renewed at every refresh."""
LONGEST_SECRET = 199
"""Bytes (WebSub §5.1: less than 200)."""
VERIFICATIONS = 3
"""Attempts, when the callback does not answer; a wrong answer is final."""
_TOKEN = 200
"""Characters of ``hub.verify_token`` that are echoed."""
_CHALLENGE = re.compile(r"[+\-./0-9=A-Z_a-z]+")
_LEASE = re.compile(r"[0-9]{1,12}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A well-formed request of a subscriber (WebSub §5.1)."""

    mode: str
    """``subscribe`` or ``unsubscribe``."""
    callback: str
    topic: str
    secret: bytes | None
    lease: int | None
    """Seconds, as asked for."""
    verify_token: str | None
    """Of PubSubHubbub 0.3: some readers take no verification without it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A request that cannot be used: status 4xx and a plain text."""

    status: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """A publisher says that topics have changed (``hub.mode=publish``). Of our own we know, since we publish them."""

    topics: tuple[str, ...]
    """URLs in plain form, each once: those of ``hub.url``, as publishers write it, and of ``hub.topic``."""


def read(form: Mapping[str, tuple[str, ...]]) -> Asked | Notified | Refused:
    """Read a request from its form; unknown parameters are ignored, and none may contradict itself."""
    single: dict[str, str] = {}
    for name in ("hub.mode", "hub.callback", "hub.topic", "hub.secret", "hub.lease_seconds", "hub.verify_token"):
        values = set(form.get(name, ()))
        if len(values) > 1 and form.get("hub.mode") != ("publish",):
            return Refused(status=400, text=f"{name} is given twice")
        if values:
            single[name] = form[name][0]
    mode = single.get("hub.mode", "")
    if mode == "publish":
        topics = [urls.plain(url) for name in ("hub.url", "hub.topic", "hub.url[]") for url in form.get(name, ()) if url]
        return Notified(topics=tuple(dict.fromkeys(topics))) if topics else Refused(status=400, text="hub.url is missing")
    if mode not in {"subscribe", "unsubscribe"}:
        return Refused(status=400, text="hub.mode must be subscribe or unsubscribe")
    return _asked(mode, single)


def _asked(mode: str, single: Mapping[str, str]) -> Asked | Refused:
    for name in ("hub.callback", "hub.topic"):
        if not single.get(name):
            return Refused(status=400, text=f"{name} is missing")
        wrong = urls.fault(single[name])
        if wrong is not None:
            return Refused(status=400, text=f"{name} {wrong}")
    lease, secret = single.get("hub.lease_seconds", "").strip(), single.get("hub.secret", "").encode()
    if mode == "unsubscribe":
        # To be ignored there (WebSub §5.1), whatever it says; and a secret means nothing.
        lease, secret = "", b""
    if lease and _LEASE.fullmatch(lease) is None:
        return Refused(status=400, text="hub.lease_seconds is no whole number of seconds")
    if len(secret) > LONGEST_SECRET:
        return Refused(status=400, text="hub.secret must be shorter than 200 bytes")
    token = single.get("hub.verify_token")
    if token is not None and len(token) > _TOKEN:
        return Refused(status=400, text=f"hub.verify_token is longer than {_TOKEN} characters")
    return Asked(
        mode=mode,
        callback=urls.plain(single["hub.callback"]),
        topic=urls.plain(single["hub.topic"]),
        secret=secret or None,
        lease=int(lease) if lease else None,
        verify_token=token,
    )


def lease(asked: int | None, default: int) -> int:
    """Return the seconds that a subscription is given; what is out of range is moved into it, never refused."""
    return min(max(asked or default, LEAST_LEASE), MOST_LEASE)


def verification(
    asked: Asked,
    *,
    version: int,
    challenge: str,
    default_lease: int,
    method: str = "sha256",
    protocol: str = PROTOCOL,
    now: datetime,
) -> Delivery:
    """Return the delivery that asks whether the subscriber meant it (WebSub §5.3).

    ``version`` is that of the topic when it was asked for: a newer one that appears before the echo is sent after it.
    ``challenge`` is random, used once, and of the alphabet of §5.3.
    """
    if _CHALLENGE.fullmatch(challenge) is None:
        raise ValueError(f"{challenge!r} is no challenge (WebSub §5.3)")
    payload = {
        "mode": asked.mode,
        "topic": asked.topic,
        "challenge": challenge,
        "lease": lease(asked.lease, default_lease),
        "verify_token": asked.verify_token,
        "version": version,
        "method": method,
    }
    return Delivery(
        id=kinds.delivery_id(VERIFY, challenge),
        kind=VERIFY,
        target=asked.callback,
        host=urls.host_of(asked.callback),
        # At most one at a time is pending for a topic and callback: a newer request takes the place of an older one.
        subject=f"{protocol} {asked.topic}",
        payload=json.dumps(payload).encode(),
        secret=asked.secret,
        lane=Lane.VERIFICATION,
        created_at=now,
        due_at=now,
    )


def denial(callback: str, topic: str, reason: str, *, nonce: str, now: datetime) -> Delivery:
    """Return the delivery that tells a subscriber that there is no subscription (WebSub §5.2); may be sent at any time."""
    return Delivery(
        id=kinds.delivery_id(DENY, nonce),
        kind=DENY,
        target=callback,
        host=urls.host_of(callback),
        subject=f"{PROTOCOL} {topic}",
        payload=json.dumps({"topic": topic, "reason": reason}).encode(),
        lane=Lane.VERIFICATION,
        created_at=now,
        due_at=now,
    )


def verifying(delivery: Delivery) -> Request:
    """Return the request that a verification is (WebSub §5.3)."""
    asked = json.loads(delivery.payload)
    parameters = [("hub.mode", asked["mode"]), ("hub.topic", asked["topic"]), ("hub.challenge", asked["challenge"])]
    if asked["mode"] == "subscribe":
        parameters.append(("hub.lease_seconds", str(asked["lease"])))
    if asked["verify_token"] is not None:
        parameters.append(("hub.verify_token", asked["verify_token"]))
    return Request(method="GET", url=urls.appended(delivery.target, parameters), trust=Trust.CALLBACK)


def denying(delivery: Delivery) -> Request:
    """Return the request that a denial is (WebSub §5.2)."""
    denied = json.loads(delivery.payload)
    parameters = [("hub.mode", "denied"), ("hub.topic", denied["topic"]), ("hub.reason", denied["reason"])]
    return Request(method="GET", url=urls.appended(delivery.target, parameters), trust=Trust.CALLBACK)


def verified(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read the answer to a verification: 2xx and the challenge, byte for byte; anything else leaves all as it was (§5.3.1)."""
    if outcome.failure is Failure.ADDRESS:
        return Reading(verdict=Verdict.REFUSED)
    if outcome.status is None or outcome.status // 100 == 5:  # noqa: PLR2004 - a class of status
        return Reading(verdict=Verdict.LATER, attempts=VERIFICATIONS)
    asked = json.loads(delivery.payload)
    if not outcome.confirmed:
        return Reading(verdict=Verdict.REFUSED, detail=f"not confirmed: {outcome.status}")
    if not signing.same(outcome.answer, asked["challenge"].encode()):
        return Reading(verdict=Verdict.REFUSED, detail="the answer is not the challenge")
    key = SubscriptionKey(protocol=PROTOCOL, topic=asked["topic"], callback=delivery.target)
    if asked["mode"] == "unsubscribe":
        return Reading(verdict=Verdict.CONFIRMED, ended=key)
    return Reading(verdict=Verdict.CONFIRMED, verified=_subscription(key, delivery, asked, now))


def _subscription(key: SubscriptionKey, delivery: Delivery, asked: Mapping[str, object], now: datetime) -> Subscription:
    return Subscription(
        key=key,
        host=delivery.host,
        # None drops the secret of a subscription that had one (§5.1).
        secret=delivery.secret,
        method=str(asked["method"]),
        verified_at=now,
        lease_end=now + timedelta(seconds=int(str(asked["lease"]))),
        delivered=int(str(asked["version"])),
        due_at=now,
    )


def denied(delivery: Delivery, outcome: Outcome) -> Reading:
    """Read the answer to a denial: that it was sent is all there is to it, and what was denied is over."""
    if outcome.status is None:
        final = outcome.failure is Failure.ADDRESS
        return Reading(verdict=Verdict.REFUSED if final else Verdict.LATER, attempts=VERIFICATIONS)
    key = SubscriptionKey(protocol=PROTOCOL, topic=json.loads(delivery.payload)["topic"], callback=delivery.target)
    return Reading(verdict=Verdict.CONFIRMED, ended=key)


def abridged(version: TopicVersion, sent: frozenset[str] | None) -> TopicVersion:
    """Return a version without the entries that a subscriber has been sent; the same for all that stand where it does.

    What comes back is cut no further: ``distribution`` is given None for ``sent`` then.
    """
    cut = cutting.slices(version.entries, len(version.body), sent) if sent is not None else None
    if cut is None or cut[1] == 0:
        return version
    return dataclasses.replace(version, body=cutting.cut(version.body, cut[0]), entries=())


def distribution(subscription: Subscription, version: TopicVersion, sent: frozenset[str] | None) -> Request:
    """Return the request that brings a subscriber up to a version (WebSub §7).

    ``sent`` are the digests of the version that it was sent last: these entries are left out. None, or a change of something else
    than entries: the whole document. The fields are these and no others. A subscriber of rssCloud is told to look by itself.
    """
    if subscription.key.protocol == rsscloud.PROTOCOL:
        return rsscloud.notification(subscription)
    body = abridged(version, sent).body
    fields = [("Content-Type", version.media_type), ("Link", version.link)]
    if subscription.secret is not None:
        fields.append(("X-Hub-Signature", signing.hub_signature(subscription.method, subscription.secret, body)))
    return Request(method="POST", url=subscription.key.callback, headers=tuple(fields), body=body, trust=Trust.CALLBACK)


def distributed(subscription: Subscription, version: int, outcome: Outcome, *, jitter: float, now: datetime) -> Advanced:
    """Return the subscription after an attempt to bring it up to ``version``; the body of the answer is ignored (§7)."""
    last = dataclasses.replace(outcome, answer=b"") if outcome.answer else outcome
    if outcome.confirmed:
        return Advanced(subscription=_confirmed(subscription, version, last, now))
    gone = outbox.by_status(outcome, persistent=True).verdict is Verdict.GONE
    seconds = outbox.wait(max(1, subscription.attempts), jitter=jitter, retry_after=outcome.retry_after)
    # After the last attempt this version is given up. The subscription lives until its lease ends, and newer versions are tried.
    due_at = now + timedelta(seconds=seconds) if seconds is not None else max(now, subscription.lease_end)
    return Advanced(subscription=dataclasses.replace(subscription, due_at=due_at, last=last), ended=gone)


def _confirmed(subscription: Subscription, version: int, last: Outcome, now: datetime) -> Subscription:
    # Named one by one, not by ``dataclasses.replace``, which takes three times as long: this is done for every subscriber.
    return Subscription(
        key=subscription.key,
        host=subscription.host,
        secret=subscription.secret,
        method=subscription.method,
        procedure=subscription.procedure,
        verified_at=subscription.verified_at,
        lease_end=subscription.lease_end,
        delivered=version,
        delivered_at=now,
        tried=subscription.tried,
        attempts=0,
        due_at=now,
        last=last,
        fence=subscription.fence,
    )


def held_back(subscription: Subscription, seconds: float, now: datetime, *, since: datetime | None = None) -> Advanced:
    """Return a claimed subscription that nothing was sent to, with its attempt not counted.

    ``since`` is given when its host is known to be down: the instant at which the version was published. After ``outbox.SPAN``
    from then on this version is given up, and the subscription waits for a newer one.
    """
    if since is not None and (now - since).total_seconds() >= outbox.SPAN:
        given_up = dataclasses.replace(subscription, due_at=max(now, subscription.lease_end), last=outbox.down(now))
        return Advanced(subscription=given_up)
    after = dataclasses.replace(subscription, attempts=max(0, subscription.attempts - 1), due_at=now + timedelta(seconds=seconds))
    return Advanced(subscription=after)
