"""Webhooks: one message for each entry and event, in the form that the receiver takes. They never stand for one another.

Of feeds that the guard holds the operator hears in the same forms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit

from feedservice.config.announce import Webhook
from feedservice.deliveries import Delivery, EntryFacts, Notice, Outcome, Request, Trust
from feedservice.push import outbox, signing
from feedservice.push.kinds import Occasion, Terms, queued
from feedservice.push.outbox import Reading

WEBHOOK = "webhook"
PUBLISHED, UPDATED, REMOVED = "post.published", "post.updated", "post.removed"
HELD, RELEASED = "feed.held", "feed.released"

_JSON = ("Content-Type", "application/json; charset=utf-8")
_SUMMARY = 2000
"""Characters of a summary: a payload stays far below 20 kB."""
_DISCORD = 2000
_MASTODON = 500
"""Characters of a status; a URL counts as 23, so this is on the safe side."""
_SLACK = 4000
_NTFY = 4000
_PLACEHOLDER = re.compile(r"\{(title|url|summary|site)\}")


def plan(occasion: Occasion) -> Sequence[Delivery]:
    """Make a message for every entry, and every feed that is held or free again, that a webhook wants to hear of."""
    news = occasion.news
    happened = ((PUBLISHED, news.published), (UPDATED, news.updated), (REMOVED, news.removed))
    notices = [
        _notice(hook, event, each, occasion)
        for hook in occasion.config.announce.webhooks
        for each in occasion.notices
        if (event := HELD if each.held else RELEASED) in hook.events and (not hook.feeds or each.feed in hook.feeds)
    ]
    return notices + [
        _message(hook, event, entry, occasion)
        for hook in occasion.config.announce.webhooks
        for event, entries in happened
        if event in hook.events
        for entry in entries
        if entry.announce and (not hook.feeds or occasion.feeds_of(entry.id).intersection(hook.feeds))
    ]


def _message(hook: Webhook, event: str, entry: EntryFacts, occasion: Occasion) -> Delivery:
    body = PAYLOADS[hook.format](hook, event, entry, occasion)
    payload = json.dumps({"format": hook.format, "body": body}, ensure_ascii=False).encode()
    return queued(WEBHOOK, hook.url, payload, about=occasion.change_of(entry.id), post=entry.id, subject="", now=occasion.now)


def _notice(hook: Webhook, event: str, notice: Notice, occasion: Occasion) -> Delivery:
    state = "is held" if notice.held else "is held no more"
    title = f"The feed {notice.feed!r} {state}" + (f": {notice.reasons}" if notice.reasons else "")
    hint = f"feedservice release {notice.feed}, or feedservice reject {notice.feed}" if notice.held else ""
    if hook.format == "standard":
        site = occasion.config.site
        data = {
            "feed": notice.feed,
            "url": notice.url,
            "since" if notice.held else "at": _instant(notice.at),
            "reasons": notice.reasons,
            "hint": hint,
            "site": {"title": site.title, "url": site.url},
        }
        body: Mapping[str, object] = {"type": event, "timestamp": _instant(occasion.now), "data": data}
    else:
        said = EntryFacts(id="", digest="", url=notice.url, title=title, summary=hint, published=notice.at, updated=notice.at)
        body = PAYLOADS[hook.format](hook, event, said, occasion)
    payload = json.dumps({"format": hook.format, "body": body}, ensure_ascii=False).encode()
    return queued(WEBHOOK, hook.url, payload, about=None, now=occasion.now)


Payload = Callable[[Webhook, str, EntryFacts, Occasion], Mapping[str, object]]


def standard(hook: Webhook, event: str, entry: EntryFacts, occasion: Occasion) -> Mapping[str, object]:
    """Return the payload of Standard Webhooks: type, timestamp, data."""
    del hook
    data = {
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary[:_SUMMARY],
        "published": _instant(entry.published),
        "updated": _instant(entry.updated),
        "categories": list(entry.categories),
        "site": {"title": occasion.config.site.title, "url": occasion.config.site.url},
    }
    return {"type": event, "timestamp": _instant(occasion.now), "data": data}


def slack(hook: Webhook, event: str, entry: EntryFacts, occasion: Occasion) -> Mapping[str, object]:
    """Return a message of Slack, whose three special characters are written as entities."""
    del event
    said = _text(hook, entry, occasion, _SLACK)
    return {"text": said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def discord(hook: Webhook, event: str, entry: EntryFacts, occasion: Occasion) -> Mapping[str, object]:
    """Return a message of Discord that calls nobody, whatever a title says."""
    del event
    return {"content": _text(hook, entry, occasion, _DISCORD), "allowed_mentions": {"parse": []}}


def mastodon(hook: Webhook, event: str, entry: EntryFacts, occasion: Occasion) -> Mapping[str, object]:
    """Return a status of Mastodon."""
    del event
    return {"status": _text(hook, entry, occasion, _MASTODON)}


def ntfy(hook: Webhook, event: str, entry: EntryFacts, occasion: Occasion) -> Mapping[str, object]:
    """Return a message of ntfy; the topic is the last part of the URL's path."""
    del event
    topic = urlsplit(hook.url).path.rstrip("/").rpartition("/")[2]
    return {
        "topic": topic,
        "title": occasion.config.site.title,
        "message": _text(hook, entry, occasion, _NTFY),
        "click": entry.url,
    }


PAYLOADS: Mapping[str, Payload] = {
    "standard": standard,
    "slack": slack,
    "discord": discord,
    "mastodon": mastodon,
    "ntfy": ntfy,
}
"""``Webhook.format`` → what makes its payload."""


def _text(hook: Webhook, entry: EntryFacts, occasion: Occasion, longest: int) -> str:
    """Fill in the pattern; what is too long is cut from title and summary, never from the URL."""
    words = {"title": entry.title, "url": entry.url, "summary": entry.summary, "site": occasion.config.site.title}
    text = _filled(hook.text, words)
    for name in ("summary", "title", "site"):
        over = len(text) - longest
        if over <= 0:
            break
        # Each place of a name gives way by as much as all of them must.
        words[name] = words[name][: max(0, len(words[name]) - over - 1)] + "…"
        text = _filled(hook.text, words)
    return text[:longest]


def _filled(pattern: str, words: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: words[match[1]], pattern)


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def request(delivery: Delivery, terms: Terms) -> Request:
    """Return the request, signed for this attempt."""
    said = json.loads(delivery.payload)
    form, body = said["format"], json.dumps(said["body"], ensure_ascii=False).encode()
    url, fields = delivery.target, [_JSON]
    token = terms.tokens.get(url)
    if form == "standard":
        fields += signing.webhook_headers(delivery.id, body, terms.keys.get(url, ()), terms.now)
    elif form == "mastodon":
        # The same status twice is one status.
        fields.append(("Idempotency-Key", delivery.id))
    elif form == "ntfy":
        parts = urlsplit(url)
        url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').rpartition('/')[0]}/"
    if token and form in {"mastodon", "ntfy"}:
        fields.append(("Authorization", f"Bearer {token}"))
    return Request(method="POST", url=url, headers=tuple(fields), body=body, trust=Trust.OPERATOR)


def read(delivery: Delivery, outcome: Outcome, now: datetime) -> Reading:
    """Read the answer: Standard Webhooks are tried again whatever was answered but 2xx and 410; a service's 4xx is final."""
    del now
    return outbox.by_status(outcome, persistent=json.loads(delivery.payload)["format"] == "standard")
