"""Telling hubs of others, and micro.blog, that a feed has changed: a form, and any 2xx is success."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from feedservice.deliveries import Delivery, Outcome, Request, Trust
from feedservice.push import forms, outbox
from feedservice.push.kinds import Occasion, Terms, queued
from feedservice.push.outbox import Reading

WEBSUB, MICROBLOG = "websub", "microblog"
MICROBLOG_PING = "https://micro.blog/ping"

_FIELDS = (("Content-Type", forms.FORM),)


def plan(occasion: Occasion) -> Sequence[Delivery]:
    """Tell every hub of every changed topic (WebSub §6), edits included; the one that took our own's place is one of them."""
    websub = occasion.config.announce.websub
    moved = (websub.moved,) if websub.moved is not None and websub.hub == "embedded" else ()
    return [
        queued(WEBSUB, hub, each.topic.encode(), about=each, subject=each.topic, now=occasion.now)
        for each in occasion.changes
        for hub in dict.fromkeys((*moved, *websub.hubs, *occasion.former_hubs))
    ]


def request(delivery: Delivery, terms: Terms) -> Request:
    """Return the ping that hubs take: ``hub.mode``, and the topic under both names that are in use."""
    del terms
    topic = delivery.payload.decode()
    body = forms.written(hub_mode="publish", hub_url=topic, hub_topic=topic)
    return Request(method="POST", url=delivery.target, headers=_FIELDS, body=body, trust=Trust.OPERATOR)


def plan_microblog(occasion: Occasion) -> Sequence[Delivery]:
    """Tell micro.blog of new posts: one feed is enough."""
    about = occasion.main("json", "atom", "rss")
    if occasion.config.announce.microblog == "off" or not occasion.published or about is None:
        return ()
    return [queued(MICROBLOG, MICROBLOG_PING, about.topic.encode(), about=about, subject=about.topic, now=occasion.now)]


def request_microblog(delivery: Delivery, terms: Terms) -> Request:
    """Return the ping of micro.blog."""
    del terms
    body = forms.written(url=delivery.payload.decode())
    return Request(method="POST", url=delivery.target, headers=_FIELDS, body=body, trust=Trust.OPERATOR)


def read(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read the answer by its status."""
    del delivery, now
    return outbox.by_status(outcome)
