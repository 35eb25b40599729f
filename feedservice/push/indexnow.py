"""IndexNow: search engines are told the URLs of pages that are new, changed or gone."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from feedservice.deliveries import Delivery, Outcome, Request, Trust
from feedservice.push import outbox
from feedservice.push.kinds import Before, Occasion, Place, Terms, queued
from feedservice.push.outbox import Reading, Verdict

INDEXNOW = "indexnow"
MOST = 10_000
"""URLs in one request."""
_SUBJECT = "urls"
_KEY = re.compile(r"[A-Za-z0-9-]{8,128}")
_TOO_MANY = 429
_HOUR = 3600.0
_REASONS = {
    400: "the request is not understood",
    403: "the key is not found where it should be published, or is another",
    422: "the URLs are not of this host",
}


def is_key(text: str) -> bool:
    """Return whether a text can be a key."""
    return _KEY.fullmatch(text) is not None


def places(occasion: Occasion) -> Sequence[Place]:
    """Return what must be known: URLs that still wait are sent together with the new ones."""
    return [(INDEXNOW, occasion.config.announce.indexnow.endpoint, _SUBJECT)]


def plan(occasion: Occasion) -> Sequence[Delivery]:
    """Collect the URLs of the site's own host, with those that wait, into as few requests as possible."""
    settings = occasion.config.announce.indexnow
    if settings.key_file is None:
        return ()
    host = urlsplit(occasion.config.site.url).hostname
    told = [each for each in (*occasion.news.published, *occasion.news.updated, *occasion.news.removed) if each.announce]
    new = [each.url for each in told if urlsplit(each.url).hostname == host]
    about = occasion.main("atom", "rss", "json")
    if not new:
        return ()
    waiting = occasion.standings.get((INDEXNOW, settings.endpoint, _SUBJECT), Before()).waiting
    old = json.loads(waiting.payload)["urls"] if waiting is not None else []
    urls = list(dict.fromkeys([*old, *new]))
    batches = [urls[at : at + MOST] for at in range(0, len(urls), MOST)]
    made = [
        queued(
            INDEXNOW,
            settings.endpoint,
            json.dumps({"host": host, "urls": batch}).encode(),
            about=about,
            subject=_SUBJECT,
            now=occasion.now,
        )
        for batch in batches
    ]
    # Only one takes the place of what waits; and none of these that of another.
    return [each if at == 0 else dataclasses.replace(each, subject="") for at, each in enumerate(made)]


def request(delivery: Delivery, terms: Terms) -> Request:
    """Return the request with the key that is valid now."""
    said = json.loads(delivery.payload)
    body = {"host": said["host"], "key": terms.indexnow_key, "keyLocation": terms.indexnow_location, "urlList": said["urls"]}
    return Request(
        method="POST",
        url=delivery.target,
        headers=(("Content-Type", "application/json; charset=utf-8"),),
        body=json.dumps(body).encode(),
        trust=Trust.OPERATOR,
    )


def read(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read the answer: 200 and 202 are success, 403 and 422 are for the operator to mend, 429 means much later."""
    del delivery, now
    reading = outbox.by_status(outcome)
    if outcome.status == _TOO_MANY:
        return Reading(verdict=Verdict.LATER, at_least=_HOUR, detail="too many requests")
    reason = _REASONS.get(outcome.status or 0)
    return dataclasses.replace(reading, detail=reason) if reason else reading
