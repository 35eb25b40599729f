"""What a pass adds to the outbox: for each kind of delivery one row, one plan, one request, one reading.

::

    Change, News ─Occasion─→ KINDS[…].plan ─→ Delivery … ─ KINDS[kind].request ─→ Request ─→ Outcome ─ KINDS[kind].read ─→ Reading

Nobody is told of a first version: it is the baseline. WebSub hears of every change of a topic, weblogs and micro.blog of new
posts only, search engines and webhooks of what happened to each post.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime

from feedservice.config.schema import Config
from feedservice.deliveries import Announcement, Change, Delivery, News, Notice, Outcome, Request, Settled, TopicVersion
from feedservice.push import hub, hubs, indexnow, live, mail, outbox, rsscloud, webhooks, weblogs
from feedservice.push.kinds import Before, Kind, Occasion, Place, Terms
from feedservice.push.outbox import Reading


def _never(occasion: Occasion) -> Sequence[Delivery]:
    del occasion
    return ()


_PENDING = 3600.0
"""Seconds for which a subscriber whose host is down is waited for: a challenge is not good for days."""

KINDS: Mapping[str, Kind] = {
    hubs.WEBSUB: Kind(plan=hubs.plan, request=hubs.request, read=hubs.read),
    hubs.MICROBLOG: Kind(plan=hubs.plan_microblog, request=hubs.request_microblog, read=hubs.read),
    weblogs.XMLRPC: Kind(plan=weblogs.plan, request=weblogs.request, read=weblogs.read, places=weblogs.places),
    indexnow.INDEXNOW: Kind(plan=indexnow.plan, request=indexnow.request, read=indexnow.read, places=indexnow.places),
    webhooks.WEBHOOK: Kind(plan=webhooks.plan, request=webhooks.request, read=webhooks.read),
    mail.MAIL: Kind(plan=mail.plan, request=mail.request, read=mail.read),
    # These come from requests to subscribe and from publishing itself, not from what changed.
    hub.VERIFY: Kind(
        plan=_never,
        request=lambda delivery, _: hub.verifying(delivery),
        read=hub.verified,
        patience=_PENDING,
        tells=False,
    ),
    hub.DENY: Kind(
        plan=_never,
        request=lambda delivery, _: hub.denying(delivery),
        read=lambda delivery, out, _: hub.denied(delivery, out),
        patience=_PENDING,
        tells=False,
    ),
    rsscloud.VERIFY: Kind(
        plan=_never,
        request=lambda delivery, _: rsscloud.verifying(delivery),
        read=rsscloud.verified,
        patience=_PENDING,
        tells=False,
    ),
    live.LIVE: Kind(plan=_never, request=live.request, read=live.read, tells=False),
}


def occasion(
    changes: Sequence[Change],
    news: News,
    config: Config,
    *,
    now: datetime,
    standings: Mapping[Place, Before] | None = None,
    notices: Sequence[Notice] = (),
) -> Occasion:
    """Return what is to be announced: changes of feeds whose settings do not forbid it, without first versions."""
    told = tuple(each for each in changes if each.announce and not each.first)
    return Occasion(changes=told, news=news, notices=tuple(notices), config=config, standings=standings or {}, now=now)


def places(of: Occasion) -> tuple[Place, ...]:
    """Return what ``standings`` must say before ``plan``."""
    return tuple(place for kind in KINDS.values() for place in kind.places(of))


def plan(of: Occasion) -> tuple[Delivery, ...]:
    """Return every delivery that an occasion gives rise to."""
    return tuple(delivery for kind in KINDS.values() for delivery in kind.plan(of))


def announcement(of: Occasion, versions: Sequence[TopicVersion], *, retired: Sequence[str] = ()) -> Announcement:
    """Return all that a pass adds; ``versions`` are those of every changed document, first ones included."""
    settings, news = of.config.announce, of.news
    looks = live.plan(versions, settings.verify_timeout, of.now) if settings.verify == "on" else ()
    return Announcement(
        topics=tuple(versions),
        retired=tuple(retired),
        live=settings.verify == "off",
        deliveries=(*looks, *plan(of)),
        remembered=(*news.published, *news.updated, *news.quiet),
        forgotten=tuple(each.id for each in news.removed),
    )


def request(delivery: Delivery, terms: Terms) -> Request:
    """Return the request that a delivery is at this attempt."""
    return KINDS[delivery.kind].request(delivery, terms)


def held_back(delivery: Delivery, seconds: float, now: datetime) -> Delivery:
    """Return a delivery whose host is down: due again after so many seconds, or failed."""
    kind = KINDS.get(delivery.kind)
    # One of a kind that is no more, from an older version, must not end the loop.
    return outbox.held_back(delivery, seconds, now, patience=kind.patience if kind is not None else outbox.SPAN)


def told(settled: Settled) -> Settled:
    """Return what an attempt came to, marked when somebody was to be told of something: the history has a line of its end."""
    kind = KINDS.get(settled.delivery.kind)
    return dataclasses.replace(settled, told=kind is not None and kind.tells)


def read(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Return what an outcome means for a delivery."""
    return KINDS[delivery.kind].read(delivery, outcome, now)
