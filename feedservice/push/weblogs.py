"""Weblog pings by XML-RPC: ``weblogUpdates.extendedPing``, and ``weblogUpdates.ping`` for services that refuse it.

Of new posts only: services ban weblogs that ping for edits. One endpoint hears of one site at most every five minutes; what
happens in between is one ping.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from feedservice.deliveries import Delivery, Outcome, Request, Trust
from feedservice.push import outbox, xmlrpc
from feedservice.push.kinds import Before, Occasion, Place, Terms, queued
from feedservice.push.outbox import Reading, Verdict
from feedservice.push.xmlrpc import XmlRpcError

XMLRPC = "xmlrpc"
SPACING = 300.0
"""Seconds between two pings to an endpoint for a site."""
LONGEST_URL = 255
"""Characters of a URL in a ping (weblogs.com's API). A character of Japanese takes nine in a URL, so 28 of them fill it."""

_LAYOUTS = {"extended": ("name", "home", "page", "feed"), "wordpress": ("name", "home", "feed"), "plain": ("name", "home")}


def places(occasion: Occasion) -> Sequence[Place]:
    """Return what must be known of the endpoints."""
    return [(XMLRPC, endpoint.url, occasion.config.site.url) for endpoint in occasion.config.announce.xmlrpc]


def plan(occasion: Occasion) -> Sequence[Delivery]:
    """Ping every endpoint once when there are new posts, and not before its five minutes are over."""
    about = occasion.main("rss", "atom", "json")
    if not occasion.published or about is None:
        return ()
    site = occasion.config.site
    made: list[Delivery] = []
    for endpoint in occasion.config.announce.xmlrpc:
        before = occasion.standings.get((XMLRPC, endpoint.url, site.url), Before())
        free = before.attempted_at + timedelta(seconds=SPACING) if before.attempted_at is not None else occasion.now
        payload = {
            "layout": endpoint.layout if len(about.topic) <= LONGEST_URL else "plain",
            "name": site.title,
            "home": site.url,
            "page": next((post.url for post in occasion.published if len(post.url) <= LONGEST_URL), site.url),
            "feed": about.topic,
        }
        made.append(
            queued(
                XMLRPC,
                endpoint.url,
                json.dumps(payload, ensure_ascii=False).encode(),
                about=about,
                subject=site.url,
                spacing=SPACING,
                due_at=max(free, occasion.now),
                now=occasion.now,
            )
        )
    return made


def request(delivery: Delivery, terms: Terms) -> Request:
    """Return the call in the layout that this endpoint takes."""
    del terms
    said = json.loads(delivery.payload)
    method = "weblogUpdates.ping" if said["layout"] == "plain" else "weblogUpdates.extendedPing"
    body = xmlrpc.call(method, [said[name] for name in _LAYOUTS[said["layout"]]])
    fields = (("Content-Type", xmlrpc.CONTENT_TYPE),)
    return Request(method="POST", url=delivery.target, headers=fields, body=body, trust=Trust.OPERATOR)


def read(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read the answer: success is a struct whose ``flerror`` is false. A refused extended ping is followed by a plain one."""
    by_status = outbox.by_status(outcome)
    if by_status.verdict is not Verdict.CONFIRMED:
        return by_status
    try:
        answer = xmlrpc.read_answer(outcome.answer)
    except XmlRpcError as error:
        return Reading(verdict=Verdict.REFUSED, detail=f"the answer is no XML-RPC: {error}", follow=_plainly(delivery, now))
    if answer.fault is not None:
        return Reading(verdict=Verdict.REFUSED, detail=f"fault: {answer.fault}", follow=_plainly(delivery, now))
    said = answer.value if isinstance(answer.value, dict) else {}
    message = str(said.get("message", ""))
    if str(said.get("flerror")).lower() in {"true", "1"}:
        return Reading(verdict=Verdict.REFUSED, detail=f"flerror: {message}", follow=_plainly(delivery, now))
    return Reading(verdict=Verdict.CONFIRMED, detail=message)


def _plainly(delivery: Delivery, now: datetime) -> tuple[Delivery, ...]:
    said = json.loads(delivery.payload)
    if said["layout"] == "plain":
        return ()
    plain = queued(
        XMLRPC,
        delivery.target,
        json.dumps({**said, "layout": "plain"}, ensure_ascii=False).encode(),
        about=None,
        subject=delivery.subject,
        spacing=SPACING,
        due_at=now + timedelta(seconds=SPACING),
        now=now,
    )
    return (plain,)
