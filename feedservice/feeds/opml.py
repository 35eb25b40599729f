"""The list of all feeds as OPML 2.0 (http://opml.org/spec2.opml), which readers import."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from feedservice import dates
from feedservice.feeds import elements
from feedservice.feeds.text import feed_title, legal
from feedservice.model import FeedSpec, Person

PREFERRED = ("atom", "rss", "json")
"""A feed is listed once, in the first of these formats that it has: readers subscribe to every outline they find."""


def render(title: str, specs: Sequence[FeedSpec], *, owner: Person | None, modified: datetime | None) -> bytes:
    """Return the document, one ``outline`` for each feed in the given order; dates in UTC, as every machine writes them."""
    title, owner = legal(title), legal(owner)
    opml = elements.root("opml", version="2.0")
    head = elements.add(opml, "head")
    elements.add(head, "title", title)
    if modified is not None:
        elements.add(head, "dateModified", dates.rfc5322(modified, "UTC"))
    if owner is not None:
        for name, value in (("ownerName", owner.name), ("ownerEmail", owner.email), ("ownerId", owner.url)):
            if value:
                elements.add(head, name, value)
    body = elements.add(opml, "body")
    for spec in specs:
        _outline(body, spec)
    return elements.document(opml)


def _outline(body: elements.Element, spec: FeedSpec) -> None:
    known = [name for name in PREFERRED if name in spec.urls]
    if not known:
        return
    title = feed_title(spec)
    attributes = {
        "text": title,
        "title": title,
        "type": "rss",
        "xmlUrl": spec.urls[known[0]],
        "htmlUrl": spec.home_url,
        "description": spec.description,
        "language": spec.language,
        # The specification names versions of RSS only.
        "version": "RSS2" if known[0] == "rss" else "",
    }
    outline = elements.add(body, "outline")
    for name, value in attributes.items():
        if value:
            outline.set(name, legal(value))
