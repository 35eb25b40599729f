"""Entries and heads → JSON Feed 1.1 bytes (https://www.jsonfeed.org/version/1.1/).

One line per item, keys in the order of the specification, UTF-8 as it is: small, and readable in a diff.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from feedservice.feeds.stamps import Stamps, stamps
from feedservice.feeds.text import feed_title, legal, named, terms_of, title_of, written
from feedservice.model import Enclosure, Entry, FeedHead, Person, Profile

VERSION = "https://jsonfeed.org/version/1.1"

_SUSPECT = (b"\\u00", b"\\b", b"\\f", b"\xef\xbf\xbe", b"\xef\xbf\xbf")
"""How JSON text shows what XML 1.0 forbids: an escaped control character, U+FFFE, U+FFFF. Code may show it too."""


T = TypeVar("T", Entry, FeedHead)


def item(entry: Entry, profile: Profile) -> bytes:
    """Return one item as a line of JSON, without the newline."""
    return _legal(lambda value: legal_item(value, profile, stamps(value, profile)), entry)


def legal_item(entry: Entry, profile: Profile, stamped: Stamps) -> bytes:
    """Return ``item(…)`` of an entry that an XML format has written as it is: its text is legal, and its dates are known."""
    return _dump(_item(entry, profile, stamped))


def document(head: FeedHead, items: Sequence[bytes]) -> bytes:
    """Return a whole document; ``items`` are lines of ``item`` in the feed's order."""
    # The head's own braces are cut off, so that the items can follow as its last member.
    members = _legal(lambda value: b",\n".join(_dump({key: member})[1:-1] for key, member in _head(value)), head)
    return b"".join((b"{\n", members, b',\n"items":[', *_lines(items), b"]\n}\n"))


def _lines(items: Sequence[bytes]) -> Iterable[bytes]:
    for number, line in enumerate(items):
        yield b",\n" if number else b"\n"
        yield line
    if items:
        yield b"\n"


def _dump(value: dict[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _legal(write: Callable[[T], bytes], value: T) -> bytes:
    """Return ``write(value)`` without the characters that the XML formats leave out; JSON itself could hold most of them."""
    data = written(write, value)
    return write(legal(value)) if any(mark in data for mark in _SUSPECT) else data


def _head(head: FeedHead) -> Iterable[tuple[str, object]]:
    spec = head.spec
    yield "version", VERSION
    yield "title", feed_title(spec)
    yield "home_page_url", spec.home_url
    yield "feed_url", spec.urls["json"]
    if spec.description:
        yield "description", spec.description
    if head.history and "json" in head.history.prev_archive:
        yield "next_url", head.history.prev_archive["json"]
    if spec.image:
        yield "icon", spec.image
    if head.icon:
        yield "favicon", head.icon
    if authors := _authors(head.authors):
        yield "authors", authors
    yield "language", spec.language
    if spec.retired:
        yield "expired", True
    if head.hubs:
        yield "hubs", [{"type": "WebSub", "url": hub} for hub in head.hubs]


def _item(entry: Entry, profile: Profile, stamped: Stamps) -> dict[str, object]:
    full = profile.full and bool(entry.html)
    title = title_of(entry)
    values: dict[str, object] = {
        "id": entry.id,
        "url": entry.url,
        "external_url": entry.external_url,
        "title": title,
        "content_html": entry.html if full else None,
        "content_text": None if full else entry.summary or title,
        "summary": entry.summary if full else None,
        "image": entry.image.url if entry.image else None,
        "date_published": stamped.published,
        "date_modified": stamped.updated,
        "authors": _authors(entry.authors),
        "tags": list(dict.fromkeys(term.label for term in terms_of(entry))),
        "language": entry.language if entry.language != profile.language else None,
        "attachments": [_attachment(enclosure) for enclosure in entry.enclosures],
    }
    return {key: value for key, value in values.items() if value}


def _authors(people: Iterable[Person]) -> list[dict[str, str]]:
    return [{"name": person.name, "url": person.url} if person.url else {"name": person.name} for person in named(people)]


def _attachment(enclosure: Enclosure) -> dict[str, object]:
    values = {
        "url": enclosure.url,
        "mime_type": enclosure.type or "application/octet-stream",
        "title": enclosure.title,
        "size_in_bytes": enclosure.length,
        "duration_in_seconds": enclosure.duration,
    }
    return {key: value for key, value in values.items() if value}
