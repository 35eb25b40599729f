"""Document bytes → what a reader finds in them: one set of facts for all three formats, without any judgement.

One pass over the parsed tree; the text of contents is never touched.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

from feedservice.feeds import elements
from feedservice.feeds.elements import ATOM, CONTENT, HISTORY, ITUNES, MEDIA, TOMBSTONES, Element

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC5322 = re.compile(
    rf"({'|'.join(_DAYS)}), (\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"
)


class UnreadableError(ValueError):
    """The bytes are no document of their format; ``line`` and ``column`` are 1-based where known."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        """Keep the place beside the message."""
        super().__init__(message)
        self.line = line
        self.column = column


@dataclasses.dataclass(slots=True, kw_only=True)
class Part:
    """The feed itself or one of its entries, as written; a list holds every occurrence, in order."""

    line: int | None = None
    ids: list[str] = dataclasses.field(default_factory=list)
    titles: list[str] = dataclasses.field(default_factory=list)
    dates: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(element, text)"""
    urls: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(element, URL)"""
    alternates: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(type, language) of each alternate link."""
    enclosures: list[Attachment] = dataclasses.field(default_factory=list)
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    """Name → how often, of every element whose number is judged."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Attachment:
    """An enclosure as written; None for what is not there."""

    url: str | None
    type: str | None
    length: str | None


@dataclasses.dataclass(slots=True, kw_only=True)
class Readback:
    """What a reader finds in a document."""

    head: Part
    selfs: list[str]
    entries: list[Part]
    podcast: bool = False
    history: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """(relation, URL) of the head's links to other documents of the feed (RFC 5005 §4)."""
    complete: bool = False
    archive: bool = False
    deleted: list[Tombstone] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True, kw_only=True)
class Tombstone:
    """An ``at:deleted-entry`` (RFC 6721 §3) as written; None for what is not there."""

    line: int | None
    ref: str | None
    when: str | None


def read(format_name: str, body: bytes) -> Readback:
    """Return the facts of a document in ``atom``, ``rss`` or ``json``. Raises UnreadableError."""
    return _READERS[format_name](body)


def instant(format_name: str, text: str) -> datetime | None:
    """Return the instant that ``text`` names, or None when it is no date of the format."""
    try:
        if format_name != "rss":
            return datetime.fromisoformat(text) if _RFC3339.fullmatch(text) else None
        match = _RFC5322.fullmatch(text)
        if match is None:
            return None
        weekday, day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        found = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=timezone(offset)
        )
    except ValueError:
        return None
    return found if _DAYS[found.weekday()] == weekday else None


_ARCHIVE_RELATIONS = ("current", "prev-archive", "next-archive")


def _relations(links: Iterable[Element]) -> list[tuple[str, str]]:
    return [(relation, link.get("href", "")) for link in links if (relation := link.get("rel", "")) in _ARCHIVE_RELATIONS]


def _xml(body: bytes, root: str) -> Element:
    try:
        element = elements.read(body)
    except elements.NotXmlError as error:
        raise UnreadableError(str(error), error.line, error.column) from error
    if element.tag != root:
        raise UnreadableError(f"the root element is {element.tag!s}, not {root}", 1)
    return element


def _text(element: Element) -> str:
    return element.text or ""


def _children(parent: Element) -> Mapping[str, list[Element]]:
    found: dict[str, list[Element]] = defaultdict(list)
    for child in parent.iterchildren("*"):
        found[str(child.tag)].append(child)
    return found


# Atom ---------------------------------------------------------------------------------------------------------------

_A = f"{{{ATOM}}}"
_H = f"{{{HISTORY}}}"


def _atom(body: bytes) -> Readback:
    feed = _xml(body, f"{_A}feed")
    children = _children(feed)
    head = _atom_part(feed, children)
    for name in ("icon", "logo"):
        head.urls.extend((name, _text(element)) for element in children.get(_A + name, ()))
    links = children.get(f"{_A}link", ())
    return Readback(
        head=head,
        selfs=[link.get("href", "") for link in links if link.get("rel") == "self"],
        entries=[_atom_part(entry, _children(entry)) for entry in children.get(f"{_A}entry", ())],
        history=_relations(links),
        complete=f"{_H}complete" in children,
        archive=f"{_H}archive" in children,
        deleted=[
            Tombstone(line=element.sourceline, ref=element.get("ref"), when=element.get("when"))
            for element in children.get(f"{{{TOMBSTONES}}}deleted-entry", ())
        ],
    )


def _atom_part(parent: Element, children: Mapping[str, list[Element]]) -> Part:
    part = Part(line=parent.sourceline)
    part.ids = [_text(element) for element in children.get(f"{_A}id", ())]
    part.titles = [_text(element) for element in children.get(f"{_A}title", ())]
    for name in ("updated", "published"):
        part.dates.extend((name, _text(element)) for element in children.get(_A + name, ()))
    for link in children.get(f"{_A}link", ()):
        relation, target = link.get("rel", "alternate"), link.get("href")
        part.urls.append((f"link rel={relation}", target or ""))
        if relation == "alternate":
            part.alternates.append((link.get("type", ""), link.get("hreflang", "")))
        elif relation == "enclosure":
            part.enclosures.append(Attachment(url=target, type=link.get("type"), length=link.get("length")))
    for author in children.get(f"{_A}author", ()):
        part.urls.extend(("author uri", _text(uri)) for uri in author.iterchildren(f"{_A}uri"))
    for category in children.get(f"{_A}category", ()):
        scheme = category.get("scheme")
        if scheme is not None:
            part.urls.append(("category scheme", scheme))
    part.urls.extend(("media:thumbnail", element.get("url", "")) for element in children.get(f"{{{MEDIA}}}thumbnail", ()))
    for name in ("id", "title", "updated", "author", "content", "published", "summary", "subtitle"):
        part.counts[name] = len(children.get(_A + name, ()))
    return part


# RSS ----------------------------------------------------------------------------------------------------------------


def _rss(body: bytes) -> Readback:
    rss = _xml(body, "rss")
    channel = rss.find("channel")
    if channel is None:
        raise UnreadableError("there is no channel element", rss.sourceline)
    children = _children(channel)
    head = Part(line=channel.sourceline)
    head.titles = [_text(element) for element in children.get("title", ())]
    head.urls = [("link", _text(element)) for element in children.get("link", ())]
    head.dates = [("lastBuildDate", _text(element)) for element in children.get("lastBuildDate", ())]
    for image in children.get("image", ()):
        head.urls.extend((f"image {name}", image.findtext(name, "")) for name in ("url", "link"))
    links = children.get(f"{_A}link", ())
    head.urls.extend((f"atom:link rel={link.get('rel', '')}", link.get("href", "")) for link in links)
    head.urls.extend(("itunes:image", element.get("href", "")) for element in children.get(f"{{{ITUNES}}}image", ()))
    for name in ("title", "link", "description", "lastBuildDate", "image", "language"):
        head.counts[name] = len(children.get(name, ()))
    for name in ("category", "image", "explicit", "owner"):
        head.counts[f"itunes:{name}"] = len(children.get(f"{{{ITUNES}}}{name}", ()))
    return Readback(
        head=head,
        selfs=[link.get("href", "") for link in links if link.get("rel") == "self"],
        entries=[_rss_item(item, _children(item)) for item in children.get("item", ())],
        podcast=ITUNES in rss.nsmap.values(),
        history=_relations(links),
        complete=f"{_H}complete" in children,
        archive=f"{_H}archive" in children,
    )


def _rss_item(item: Element, children: Mapping[str, list[Element]]) -> Part:
    part = Part(line=item.sourceline)
    for guid in children.get("guid", ()):
        part.ids.append(_text(guid))
        if guid.get("isPermaLink", "true") == "true":
            part.urls.append(("guid", _text(guid)))
    part.titles = [_text(element) for element in children.get("title", ())]
    part.urls.extend(("link", _text(element)) for element in children.get("link", ()))
    part.dates = [("pubDate", _text(element)) for element in children.get("pubDate", ())]
    for element in children.get("enclosure", ()):
        part.enclosures.append(Attachment(url=element.get("url"), type=element.get("type"), length=element.get("length")))
    for name in ("content", "thumbnail"):
        part.urls.extend((f"media:{name}", element.get("url", "")) for element in children.get(f"{{{MEDIA}}}{name}", ()))
    for name in ("title", "link", "description", "guid", "pubDate"):
        part.counts[name] = len(children.get(name, ()))
    part.counts["content:encoded"] = len(children.get(f"{{{CONTENT}}}encoded", ()))
    return part


# JSON Feed ----------------------------------------------------------------------------------------------------------


def _json(body: bytes) -> Readback:
    try:
        feed = json.loads(body)
    except json.JSONDecodeError as error:
        raise UnreadableError(error.msg, error.lineno, error.colno) from error
    except UnicodeDecodeError as error:
        raise UnreadableError(str(error)) from error
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        raise UnreadableError("the document is no object with a list of items", 1)
    head = Part(titles=_strings(feed, "title"))
    addresses = ("feed_url", "home_page_url", "next_url", "icon", "favicon")
    head.urls = [(name, url) for name in addresses for url in _strings(feed, name)]
    head.urls += [("hubs url", url) for hub in _objects(feed, "hubs") for url in _strings(hub, "url")]
    head.urls += [("authors url", url) for author in _objects(feed, "authors") for url in _strings(author, "url")]
    head.counts = {name: int(name in feed) for name in ("version", "title", "items")}
    return Readback(
        head=head,
        selfs=_strings(feed, "feed_url"),
        entries=[_json_item(item) for item in _objects(feed, "items")],
        history=[("next_url", url) for url in _strings(feed, "next_url")],
    )


def _json_item(item: Mapping[str, object]) -> Part:
    part = Part(ids=_strings(item, "id"), titles=_strings(item, "title"))
    part.dates = [(name, text) for name in ("date_published", "date_modified") for text in _strings(item, name)]
    part.urls = [(name, url) for name in ("url", "external_url", "image") for url in _strings(item, name)]
    part.urls += [("authors url", url) for author in _objects(item, "authors") for url in _strings(author, "url")]
    for attachment in _objects(item, "attachments"):
        url, media_type, size = (attachment.get(name) for name in ("url", "mime_type", "size_in_bytes"))
        part.enclosures.append(
            Attachment(
                url=url if isinstance(url, str) else None,
                type=media_type if isinstance(media_type, str) else None,
                length=None if size is None else str(size),
            )
        )
    part.counts = {"id": len(part.ids), "content_html or content_text": int("content_html" in item or "content_text" in item)}
    return part


def _strings(item: Mapping[str, object], name: str) -> list[str]:
    value = item.get(name)
    return [value] if isinstance(value, str) else []


def _objects(item: Mapping[str, object], name: str) -> Iterable[Mapping[str, object]]:
    value = item.get(name)
    return [one if isinstance(one, dict) else {} for one in value] if isinstance(value, list) else []


_READERS: Mapping[str, Callable[[bytes], Readback]] = MappingProxyType({"atom": _atom, "rss": _rss, "json": _json})
