"""What a subscriber can see of a hub, clause by clause of the WebSub Recommendation of 2 June 2026: a report on any hub.

A clause that could not be observed is said to be unseen, never to hold.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus

from feedservice.push import signing
from feedservice.service.subscriber import Hit, Reply, Said, Subscriber, always, ask, echo, post_form

_CHALLENGE = re.compile(r"[+\-./0-9=A-Z_a-z]+")
_LINK = re.compile(r'<([^>]*)>\s*((?:;\s*[\w!#$&+.^`|~-]+\*?\s*=\s*(?:"[^"]*"|[^\s;,"]+)\s*)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)
_DAY = 86400
_LONGEST_LEASE = 90 * _DAY


class Verdict(enum.StrEnum):
    """What was seen."""

    HOLDS = "holds"
    FAILS = "fails"
    UNSEEN = "unseen"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report."""

    clause: str
    level: str
    """``MUST``, ``SHOULD``, ``MAY``; ``—`` for a custom."""
    what: str
    verdict: Verdict
    detail: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """What is checked, and how patiently."""

    hub: str
    topic: str
    patience: float = 15.0
    """Seconds to wait for what must come."""
    quiet: float = 2.0
    """Seconds to wait for what must not come."""


def links(fields: Sequence[tuple[str, str]], relation: str) -> list[str]:
    """Return the targets of ``Link`` fields with a relation (RFC 8288)."""
    found: list[str] = []
    for name, value in fields:
        if name == "link":
            for target, parameters in _LINK.findall(value):
                relations = {each for pair in _REL.findall(parameters) for each in " ".join(pair).lower().split()}
                if relation in relations:
                    found.append(target)
    return found


def check(at: Hub, subscriber: Subscriber, *, publish: Callable[[], None] | None = None) -> Iterator[Row]:
    """Yield the report, line by line; ``publish`` changes the topic, without it deliveries are unseen."""
    yield from _discovery(at)
    yield from _requests(at, subscriber)
    yield from _verification(at, subscriber)
    yield from _refusals(at, subscriber)
    yield from _deliveries(at, subscriber, publish)
    yield from _unsubscription(at, subscriber)


def _row(clause: str, level: str, what: str, holds: bool | None, detail: str = "") -> Row:
    verdict = Verdict.UNSEEN if holds is None else Verdict.HOLDS if holds else Verdict.FAILS
    return Row(clause=clause, level=level, what=what, verdict=verdict, detail=detail)


def _fine(reply: Reply) -> bool:
    return HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES


def _discovery(at: Hub) -> Iterator[Row]:
    reply = ask(at.topic)
    hubs, selves = links(reply.fields, "hub"), links(reply.fields, "self")
    yield _row("4", "MUST", "the topic can be fetched", _fine(reply), f"{reply.status}")
    yield _row("4", "SHOULD", "it names its hub in a Link field", at.hub in hubs, ", ".join(hubs))
    yield _row("4", "SHOULD", "it names itself in exactly one Link field", selves == [at.topic], ", ".join(selves))


def _subscription(at: Hub, callback: str, mode: str = "subscribe", **more: str) -> list[tuple[str, str]]:
    pairs = [("hub.mode", mode), ("hub.topic", at.topic), ("hub.callback", callback)]
    return pairs + [(f"hub.{name}", value) for name, value in more.items()]


def _requests(at: Hub, subscriber: Subscriber) -> Iterator[Row]:
    callback = subscriber.callback("/requests")
    good = _subscription(at, callback)

    def refused(reply: Reply) -> bool:
        return not _fine(reply) and reply.status >= HTTPStatus.BAD_REQUEST

    for missing in ("hub.mode", "hub.topic", "hub.callback"):
        reply = post_form(at.hub, [pair for pair in good if pair[0] != missing])
        yield _row("5.1.2", "MUST", f"a request without {missing} is refused", refused(reply), f"{reply.status}")
    reply = post_form(at.hub, [*good[1:], ("hub.mode", "renew")])
    yield _row("5.1.2", "MUST", "an unknown mode is refused", refused(reply), f"{reply.status}")
    reply = post_form(at.hub, [*good, ("hub.secret", "x" * 200)])
    yield _row("5.1", "MUST", "a secret of 200 bytes is refused", refused(reply), f"{reply.status}")
    explained = any(name == "content-type" and value.startswith("text/plain") for name, value in reply.fields) and reply.body
    yield _row("5.1.2", "SHOULD", "a refusal says why, in plain text", bool(explained) if refused(reply) else None)
    reply = post_form(at.hub, good, content_type="application/json")
    yield _row("5.1", "MUST", "another type than a form is refused", refused(reply), f"{reply.status}")
    body = b"hub.mode=subscribe&hub.topic=%FF&hub.callback=%FF"
    reply = ask(at.hub, "POST", body=body, fields={"Content-Type": "application/x-www-form-urlencoded"})
    yield _row("5.1", "MUST", "a form that is not UTF-8 is refused", refused(reply), f"{reply.status}")


def _verification(at: Hub, subscriber: Subscriber) -> Iterator[Row]:
    callback = subscriber.callback("/verified?hub.mode=own&a=%20b")
    token = secrets.token_urlsafe(8)
    reply = post_form(
        at.hub,
        _subscription(at, callback, lease_seconds=str(10 * _DAY), secret="x" * 199, verify_token=token, unknown="1"),
    )
    yield _row("5.1.2", "MUST", "a good request is answered 202", reply.status == HTTPStatus.ACCEPTED, f"{reply.status}")
    yield _row("5.1", "MUST", "unknown parameters are ignored", _fine(reply))
    hits = subscriber.wait("/verified", method="GET", patience=at.patience)
    yield _row("5.2", "MUST", "the intent is verified", bool(hits))
    if not hits:
        return
    yield from _request_of_verification(at, hits[0], token)
    again = subscriber.callback("/again")
    post_form(at.hub, _subscription(at, again, lease_seconds="60"))
    others = subscriber.wait("/again", method="GET", patience=at.patience)
    one, other = hits[0].parameter("hub.challenge"), others[0].parameter("hub.challenge") if others else None
    yield _row("8.2", "SHOULD", "a challenge is used once", one != other if others else None)
    lease = (others[0].parameter("hub.lease_seconds") or "") if others else ""
    yield _row("8.2", "—", "a lease shorter than a day is not refused", bool(others), f"{lease} seconds given for 60")


def _request_of_verification(at: Hub, hit: Hit, token: str) -> Iterator[Row]:
    challenge = hit.parameter("hub.challenge") or ""
    lease = hit.parameter("hub.lease_seconds") or ""
    yield _row(
        "5.3",
        "MUST",
        "it names mode and topic",
        ("hub.mode", "subscribe") in hit.query and hit.parameter("hub.topic") == at.topic,
    )
    yield _row("5.3", "MUST", "the challenge is of the alphabet", _CHALLENGE.fullmatch(challenge) is not None, challenge)
    yield _row("5.3", "MUST", "it says the lease", lease.isdecimal(), lease)
    bounded = lease.isdecimal() and 0 < int(lease) <= _LONGEST_LEASE
    yield _row("5.3.1", "MUST", "the lease is not perpetual", bounded, lease)
    yield _row(
        "5.1.1", "MUST", "the query of the callback is kept", hit.raw_query.startswith("hub.mode=own&a=%20b&"), hit.raw_query[:60]
    )
    echoed = hit.parameter("hub.verify_token") == token
    yield _row("—", "—", "hub.verify_token is echoed (PubSubHubbub 0.3)", echoed)


def _refusals(at: Hub, subscriber: Subscriber) -> Iterator[Row]:
    """Ways not to confirm, seen by what is delivered later; and a topic that is none."""
    scripts: dict[str, Callable[[Hit], Said]] = {
        "/mute": always(200),
        "/wrong": always(200, b"something else"),
        "/absent": always(404),
        "/moved": always(302, Location=subscriber.callback("/elsewhere")),
    }
    for path, script in scripts.items():
        post_form(at.hub, _subscription(at, subscriber.callback(path, script)))
    for path in scripts:
        subscriber.wait(path, method="GET", patience=at.patience)
    followed = subscriber.wait("/elsewhere", patience=at.quiet)
    yield _row("5.3.1", "MUST", "a redirect does not verify and is not followed", not followed)
    unknown = Hub(hub=at.hub, topic=f"{at.topic}/{secrets.token_hex(8)}", patience=at.patience)
    reply = post_form(at.hub, _subscription(unknown, subscriber.callback("/denied")))
    hits = subscriber.wait("/denied", method="GET", patience=at.patience) if reply.status == HTTPStatus.ACCEPTED else []
    denied = any(("hub.mode", "denied") in hit.query and hit.parameter("hub.topic") == unknown.topic for hit in hits)
    yield _row(
        "5.2",
        "MUST",
        "who asks for a topic that is none is denied, or refused",
        denied or reply.status >= HTTPStatus.BAD_REQUEST,
        f"{reply.status}",
    )


def _deliveries(at: Hub, subscriber: Subscriber, publish: Callable[[], None] | None) -> Iterator[Row]:
    said = ("a change is delivered", "the type is the topic's", "a Link field names hub and self", "a secret signs the body")
    if publish is None:
        for what in said:
            yield _row("7", "MUST", what, None, "nothing was published")
        return
    secret = secrets.token_urlsafe(16)
    post_form(at.hub, _subscription(at, subscriber.callback("/signed"), secret=secret))
    subscriber.wait("/signed", method="GET", patience=at.patience)
    post_form(at.hub, _subscription(at, subscriber.callback("/plain")))
    subscriber.wait("/plain", method="GET", patience=at.patience)
    topic = ask(at.topic)
    publish()
    signed = subscriber.wait("/signed", method="POST", patience=at.patience)
    plain = subscriber.wait("/plain", method="POST", patience=at.patience)
    yield _row("7", "MUST", said[0], bool(signed and plain))
    if not (signed and plain):
        return
    kind = next((value for name, value in topic.fields if name == "content-type"), "")
    yield _row("7", "MUST", said[1], (plain[0].field("content-type") or "").partition(";")[0] == kind.partition(";")[0])
    hubs, selves = links(plain[0].fields, "hub"), links(plain[0].fields, "self")
    yield _row("7", "MUST", said[2], at.hub in hubs and selves == [at.topic], ", ".join((*hubs, *selves)))
    count = sum(name == "link" for name, _ in plain[0].fields)
    yield _row("7", "SHOULD", "it is one combined field", count == 1, f"{count}")
    signature = signed[0].field("x-hub-signature") or ""
    fits = signing.is_hub_signature(signature, secret.encode(), signed[0].body)
    yield _row("7.1", "MUST", said[3], fits, signature.partition("=")[0])
    yield _row("7.1", "MUST", "without a secret nothing is signed", plain[0].field("x-hub-signature") is None)
    unwanted = [
        path for path in ("/mute", "/wrong", "/absent", "/moved", "/elsewhere", "/requests") if subscriber.at(path, "POST")
    ]
    yield _row("5.3.1", "MUST", "who did not confirm gets nothing", not unwanted, ", ".join(unwanted))


def _unsubscription(at: Hub, subscriber: Subscriber) -> Iterator[Row]:
    callback = subscriber.callback("/verified", echo) + "?hub.mode=own&a=%20b"
    reply = post_form(at.hub, _subscription(at, callback, "unsubscribe", lease_seconds="never"))
    yield _row("5.1", "MUST", "on unsubscribe a lease is ignored", _fine(reply), f"{reply.status}")
    hits = subscriber.wait("/verified", method="GET", count=2, patience=at.patience)
    asked = [hit for hit in hits if ("hub.mode", "unsubscribe") in hit.query]
    yield _row("5.3", "MUST", "it is verified too", bool(asked))
