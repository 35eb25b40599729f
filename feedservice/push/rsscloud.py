"""rssCloud: subscriptions by form or XML-RPC, kept for 25 hours, told of changes by a thin ping that names the feed.

Whoever names another host must show by a challenge that this host wants it; a callback on the requester's own address is asked
with a trial ping.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from xml.sax.saxutils import quoteattr

from feedservice.deliveries import Delivery, Failure, Lane, Outcome, Request, Subscription, SubscriptionKey, Trust
from feedservice.push import forms, signing, urls, xmlrpc
from feedservice.push.kinds import delivery_id
from feedservice.push.outbox import Reading, Verdict
from feedservice.push.xmlrpc import Call, Value

PROTOCOL = "rsscloud"
VERIFY = "rsscloud-verify"
LEASE = 90_000.0
"""Seconds: a day, and an hour for readers that renew every day."""
MOST = 50
"""Feeds in one request."""
ATTEMPTS = 3

_PROTOCOLS = {"http-post", "https-post", "xml-rpc"}
_PROCEDURE = re.compile(r"[A-Za-z0-9_.:/]{1,200}")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_PORT = re.compile(r"[0-9]{1,5}")
_SECURE = 443


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to be told of feeds."""

    callback: str
    procedure: str
    """``http-post``, or ``xml-rpc:`` and the procedure."""
    topics: tuple[str, ...]
    challenged: bool
    """Another host than the requester's is named: it must answer a challenge."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A request that cannot be used, and why."""

    text: str


def read_form(form: Mapping[str, tuple[str, ...]], requester: str) -> Asked | Refused:
    """Read ``pleaseNotify`` as a form; ``requester`` is the address that it came from."""
    single = {name: values[0].strip() for name, values in form.items()}
    numbered = sorted((int(name[3:]), single[name]) for name in single if re.fullmatch(r"url[0-9]{1,4}", name))
    return _asked(
        procedure=single.get("notifyProcedure", ""),
        port=single.get("port", ""),
        path=single.get("path", ""),
        protocol=single.get("protocol", ""),
        topics=[topic for _, topic in numbered],
        domain=single.get("domain", ""),
        requester=requester,
    )


def read_call(call: Call, requester: str) -> Asked | Refused:
    """Read ``rssCloud.pleaseNotify``: procedure, port, path, protocol, list of feeds, and perhaps a domain."""
    arguments: Sequence[Value] = call.arguments
    if len(arguments) not in {5, 6} or not isinstance(arguments[4], list):
        return Refused(text="pleaseNotify takes a procedure, a port, a path, a protocol, a list of feeds, and perhaps a domain")
    procedure, port, path, protocol = (str(each).strip() for each in arguments[:4])
    topics = [str(each).strip() for each in arguments[4]]
    domain = str(arguments[5]).strip() if len(arguments) > 5 else ""  # noqa: PLR2004 - the sixth
    return _asked(procedure=procedure, port=port, path=path, protocol=protocol, topics=topics, domain=domain, requester=requester)


def _asked(
    *, procedure: str, port: str, path: str, protocol: str, topics: Sequence[str], domain: str, requester: str
) -> Asked | Refused:
    own = _bracketed(requester)
    host = domain or own
    faults = (
        (protocol not in _PROTOCOLS, f"protocol must be one of {', '.join(sorted(_PROTOCOLS))}"),
        (_PORT.fullmatch(port) is None, "port is no number"),
        (protocol == "xml-rpc" and _PROCEDURE.fullmatch(procedure) is None, "notifyProcedure is missing"),
        (not 0 < len(topics) <= MOST, f"give one to {MOST} feeds"),
        (_HOST.fullmatch(host) is None, "there is no host to notify"),
        # A challenge is a GET; many an XML-RPC server answers 200 to whatever it is called with.
        (protocol == "xml-rpc" and host != own, "another host can be named with http-post and https-post only"),
    )
    for wrong, text in faults:
        if wrong:
            return Refused(text=text)
    secure = protocol == "https-post" or int(port) == _SECURE
    callback = f"{'https' if secure else 'http'}://{host}:{int(port)}/{path.removeprefix('/')}"
    unfit = next(filter(None, map(urls.fault, (callback, *topics))), None)
    if unfit is not None:
        return Refused(text=f"one of the URLs {unfit}")
    named = f"xml-rpc:{procedure}" if protocol == "xml-rpc" else "http-post"
    distinct = tuple(dict.fromkeys(map(urls.plain, topics)))
    return Asked(callback=callback, procedure=named, topics=distinct, challenged=host != own)


def _bracketed(address: str) -> str:
    try:
        return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address  # noqa: PLR2004 - IPv6
    except ValueError:
        return ""


def verification(asked: Asked, topic: str, *, version: int, challenge: str, now: datetime) -> Delivery:
    """Return the delivery that asks whether the callback wants to be told of a feed."""
    payload = {
        "topic": topic,
        "procedure": asked.procedure,
        "challenge": challenge,
        "challenged": asked.challenged,
        "version": version,
    }
    return Delivery(
        id=delivery_id(VERIFY, challenge),
        kind=VERIFY,
        target=asked.callback,
        host=urls.host_of(asked.callback),
        subject=f"{PROTOCOL} {topic}",
        payload=json.dumps(payload).encode(),
        lane=Lane.VERIFICATION,
        created_at=now,
        due_at=now,
    )


def verifying(delivery: Delivery) -> Request:
    """Return the challenge, or for the requester's own address a trial ping."""
    asked = json.loads(delivery.payload)
    if asked["challenged"]:
        url = urls.appended(delivery.target, [("url", asked["topic"]), ("challenge", asked["challenge"])])
        return Request(method="GET", url=url, trust=Trust.CALLBACK)
    return _ping(delivery.target, asked["procedure"], asked["topic"])


def verified(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read the answer: 2xx, and where a challenge was sent, the challenge."""
    if outcome.status is None or outcome.status // 100 == 5:  # noqa: PLR2004 - a class of status
        final = outcome.failure is Failure.ADDRESS
        return Reading(verdict=Verdict.REFUSED if final else Verdict.LATER, attempts=ATTEMPTS)
    asked = json.loads(delivery.payload)
    if not outcome.confirmed:
        return Reading(verdict=Verdict.REFUSED, detail=f"not confirmed: {outcome.status}")
    if asked["challenged"] and not signing.same(outcome.answer, asked["challenge"].encode()):
        return Reading(verdict=Verdict.REFUSED, detail="the answer is not the challenge")
    subscription = Subscription(
        key=SubscriptionKey(protocol=PROTOCOL, topic=asked["topic"], callback=delivery.target),
        host=delivery.host,
        procedure=asked["procedure"],
        verified_at=now,
        lease_end=now + timedelta(seconds=LEASE),
        delivered=asked["version"],
        due_at=now,
    )
    return Reading(verdict=Verdict.CONFIRMED, verified=subscription)


def notification(subscription: Subscription) -> Request:
    """Return the thin ping."""
    return _ping(subscription.key.callback, subscription.procedure, subscription.key.topic)


def _ping(callback: str, procedure: str, topic: str) -> Request:
    kind, _, method = procedure.partition(":")
    if kind == "xml-rpc":
        fields, body = (("Content-Type", xmlrpc.CONTENT_TYPE),), xmlrpc.call(method, [topic])
    else:
        fields, body = (("Content-Type", forms.FORM),), forms.written(url=topic)
    return Request(method="POST", url=callback, headers=fields, body=body, trust=Trust.CALLBACK)


def result(element: str, *, success: bool, text: str, json_wanted: bool) -> tuple[str, bytes]:
    """Return the answer to a request, as (media type, body): XML as the walkthrough has it, or JSON."""
    if json_wanted:
        return "application/json", json.dumps({"success": success, "msg": text}).encode()
    told = f"<{element} success={quoteattr(str(success).lower())} msg={quoteattr(text)}/>"
    return "text/xml; charset=utf-8", f'<?xml version="1.0" encoding="UTF-8"?>\n{told}\n'.encode()
