"""E-mail to the operator: that the guard holds a feed, or does so no more (RFC 5322, RFC 5321).

A message is a ``Request`` with the method ``MAIL``, which ``service.mailing`` sends: its URL is the server, its body the message.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import urlsplit

from feedservice import dates
from feedservice.config.announce import Email
from feedservice.deliveries import Delivery, Notice, Outcome, Request, Trust
from feedservice.push.kinds import Occasion, Terms, queued
from feedservice.push.outbox import Reading, Verdict

MAIL = "email"
METHOD = "MAIL"
"""Of the request that is a message."""
PROBE = "NOOP"
"""Of a request that reaches the server, signs in, and sends nothing."""

PORTS = {"smtp": 587, "smtps": 465}
"""Scheme → port (RFC 6409 §3.1, RFC 8314 §3.3)."""
_DONE = 250
_NO = 5
"""First digit of a reply that stays what it is (RFC 5321 §4.2.1)."""


def server(settings: Email) -> str:
    """Return the URL of the server with its port; empty when there is none."""
    if not settings.server:
        return ""
    parts = urlsplit(settings.server)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or PORTS[parts.scheme]}"


def plan(occasion: Occasion) -> Sequence[Delivery]:
    """Make one message to all receivers for each feed that is held, or held no more."""
    settings, site = occasion.config.announce.email, occasion.config.site
    target = server(settings)
    if not target or not settings.to:
        return ()
    made: list[Delivery] = []
    for notice in occasion.notices:
        if ("feed.held" if notice.held else "feed.released") not in settings.events:
            continue
        payload = {
            "from": settings.sender or settings.to[0],
            "name": site.title,
            "to": list(settings.to),
            "subject": f"{site.title}: the feed {notice.feed} is {'held' if notice.held else 'held no more'}",
            "text": _text(notice, site.title, site.timezone),
            "host": urlsplit(site.url).hostname,
            "user": settings.user or "",
        }
        made.append(queued(MAIL, target, json.dumps(payload, ensure_ascii=False).encode(), about=None, now=occasion.now))
    return made


def _text(notice: Notice, title: str, zone: str) -> str:
    when = dates.rfc3339(notice.at.replace(microsecond=0), zone)
    if not notice.held:
        how = f" ({notice.reasons})" if notice.reasons else ""
        return f"The feed {notice.feed} of {title} is held no more since {when}{how}.\n\n{notice.url}\n"
    reasons = "".join(f"  - {reason}\n" for reason in notice.reasons.split("; "))
    return (
        f"The feed {notice.feed} of {title} is held since {when}: readers keep the last one.\n\n"
        f"What they would have seen:\n{reasons}\n"
        f"If they should see it:  feedservice release {notice.feed}\n"
        f"If not:                 feedservice reject {notice.feed}, or mend the posts\n\n"
        f"{notice.url}\n"
    )


def request(delivery: Delivery, terms: Terms) -> Request:
    """Return the message, dated now; its Message-ID stays the same over all attempts."""
    said = json.loads(delivery.payload)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(said["name"], addr_spec=said["from"])
    message["To"] = [Address(addr_spec=each) for each in said["to"]]
    message["Subject"] = said["subject"]
    message["Date"] = terms.now
    message["Message-ID"] = f"<{delivery.id}@{said['host']}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(said["text"])
    fields = [("From", said["from"]), *(("To", each) for each in said["to"])]
    fields += credentials(said["user"], terms.tokens.get(delivery.target))
    return Request(method=METHOD, url=delivery.target, headers=tuple(fields), body=message.as_bytes(), trust=Trust.OPERATOR)


def credentials(user: str, password: str | None) -> list[tuple[str, str]]:
    """Return the field that user and password are carried in; none without either."""
    if not user or password is None:
        return []
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


def read(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read the reply: 5xx is final, 4xx and silence are tried again (RFC 5321 §4.2.1)."""
    del delivery, now
    if outcome.status is None:
        return Reading(verdict=Verdict.LATER)
    if outcome.status == _DONE:
        return Reading(verdict=Verdict.CONFIRMED)
    return Reading(verdict=Verdict.REFUSED if outcome.status // 100 == _NO else Verdict.LATER)
