"""Whether a new document can be fetched from its public URL: until then, nobody is told of it.

The question is a conditional request with the ETag of the new version. 304 says that the public gets this very version; a server
that makes ETags of its own sends the body, and then its beginning is compared.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime

from feedservice.config.sections import seconds
from feedservice.deliveries import Delivery, Failure, Lane, Outcome, Request, TopicVersion, Trust
from feedservice.push import urls
from feedservice.push.kinds import Terms, delivery_id
from feedservice.push.outbox import Reading, Verdict

LIVE = "live"
COMPARED = 4096
"""Bytes of the beginning that are compared; the newest entry stands there."""

_NOT_MODIFIED = 304
_OK = 200
_FIRST, _LONGEST = 0.2, 60.0
"""Seconds: the wait before the second look, and the longest one. They double in between."""


def plan(versions: Sequence[TopicVersion], timeout: str, now: datetime) -> tuple[Delivery, ...]:
    """Return a look at each new version; ``timeout`` is a ``Duration``."""
    return tuple(
        Delivery(
            id=delivery_id(LIVE, each.topic, str(each.version), each.etag),
            kind=LIVE,
            target=each.topic,
            host=urls.host_of(each.topic),
            subject=each.topic,
            payload=json.dumps(
                {
                    "version": each.version,
                    "etag": each.etag,
                    "size": len(each.body),
                    "begins": base64.b64encode(each.body[:COMPARED]).decode(),
                    "until": now.timestamp() + seconds(timeout),
                }
            ).encode(),
            lane=Lane.VERIFICATION,
            created_at=now,
            due_at=now,
        )
        for each in versions
    )


def request(delivery: Delivery, terms: Terms) -> Request:
    """Return the request that any reader who has this version could make."""
    del terms
    etag = json.loads(delivery.payload)["etag"]
    return Request(method="GET", url=delivery.target, headers=(("If-None-Match", f'"{etag}"'),), trust=Trust.OPERATOR)


def read(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read what the public gets."""
    expected = json.loads(delivery.payload)
    if outcome.status == _NOT_MODIFIED or (outcome.status == _OK and _begins_alike(expected, outcome.answer)):
        return Reading(verdict=Verdict.CONFIRMED, live=(delivery.target, expected["version"]))
    if now.timestamp() >= expected["until"] or outcome.failure is Failure.ADDRESS:
        return Reading(verdict=Verdict.REFUSED, detail="the new version did not appear at its public URL")
    return Reading(verdict=Verdict.LATER, after=min(_LONGEST, _FIRST * 2 ** min(delivery.attempts - 1, 10)))


def _begins_alike(expected: dict[str, object], answer: bytes) -> bool:
    begins = base64.b64decode(str(expected["begins"]))
    # All that was kept of the answer, which must be enough to tell.
    return len(answer) >= min(len(begins), COMPARED // 2) and begins.startswith(answer[:COMPARED])
