"""Entries and heads → Atom 1.0 (RFC 4287) and RSS 2.0 bytes. The door of ``feedgen``.

feedgen builds every element; the two subclasses here correct what version 1.0.0 gets wrong, and nothing of it is
called elsewhere. Its entries are serialised one by one and spliced into a head without entries, so that one fragment
serves every feed with the same profile:

    Entry, Profile ─CorrectedEntry→ fragment ┐
    FeedHead ────────CorrectedFeed→ shell ───┴─splice→ document
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from feedservice import dates
from feedservice.feeds import elements, notices, podcast
from feedservice.feeds.elements import ATOM, CONTENT, DC, HISTORY, MEDIA, TOMBSTONES, XML_LANG, Element, Tree
from feedservice.feeds.links import history_links
from feedservice.feeds.stamps import Stamps, head_zone, stamps
from feedservice.feeds.text import ILLEGAL, feed_title, named, terms_of, title_of, written
from feedservice.model import Enclosure, Entry, FeedHead, Person, Profile

GENERATOR = "feedservice"
"""Without a version: an upgrade must not change the bytes of a feed that did not change."""

_ATOM_NAMESPACES = {"media": MEDIA}
_RSS_NAMESPACES = {"atom": ATOM, "content": CONTENT, "dc": DC, "media": MEDIA}
_UNKNOWN_TYPE = "application/octet-stream"
_PORTS = {"http": 80, "https": 443}

_PLACE = "content stands here"
"""What feedgen is given for an entry's text; the end tag behind it makes it unmistakable."""

_ITEM_PLAIN = re.compile(rb"<(?:title|category)\b[^>]*>[^<]*&[^<]*<")
_CHANNEL_PLAIN = re.compile(rb"<(?:title|description|copyright)\b[^>]*>[^<]*&[^<]*<")


def atom_entry(entry: Entry, profile: Profile) -> bytes:
    """Return the ``<entry>`` of an Atom document, indented, ending with a newline."""
    return written(lambda value: CorrectedEntry(value, profile, stamps(value, profile)).atom_bytes(), entry)


def rss_item(entry: Entry, profile: Profile) -> bytes:
    """Return the ``<item>`` of an RSS document, indented, ending with a newline."""
    return written(lambda value: CorrectedEntry(value, profile, stamps(value, profile)).rss_bytes(), entry)


def both(entry: Entry, profile: Profile, stamped: Stamps) -> tuple[bytes, bytes]:
    """Return ``(atom_entry(…), rss_item(…))``, both from one feedgen entry. Raises ValueError for characters XML cannot hold."""
    built = CorrectedEntry(entry, profile, stamped)
    return built.atom_bytes(), built.rss_bytes()


def atom_document(head: FeedHead, entries: Sequence[bytes]) -> bytes:
    """Return a whole Atom document; ``entries`` are fragments of ``atom_entry`` in the feed's order."""
    shell = written(lambda value: CorrectedFeed(value, "atom").atom_str(pretty=True), head)
    return _splice(shell, b"</feed>", entries)


def rss_document(head: FeedHead, items: Sequence[bytes]) -> bytes:
    """Return a whole RSS document; ``items`` are fragments of ``rss_item`` in the feed's order."""
    shell = written(lambda value: CorrectedFeed(value, "rss").rss_str(pretty=True), head)
    return _splice(_plain(shell, _CHANNEL_PLAIN), b"  </channel>", items)


def _splice(shell: bytes, end: bytes, entries: Sequence[bytes]) -> bytes:
    at = shell.rindex(end)
    return b"".join((shell[:at], *entries, shell[at:]))


def _plain(data: bytes, plain: re.Pattern[bytes]) -> bytes:
    """Return the same XML with ``&`` and ``<`` as hexadecimal references in plain text.

    Readers that cannot tell whether a title is HTML take it for plain text then (RSS Best Practices Profile, "Character Data").
    """
    return plain.sub(lambda match: match[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;"), data)


def _escaped(text: str) -> bytes:
    """Return text as lxml writes it into an element. Raises ValueError for characters that XML cannot hold."""
    if ILLEGAL.search(text):
        raise ValueError("characters that XML 1.0 cannot hold")
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (escaped.replace("\r", "&#13;") if "\r" in escaped else escaped).encode()


class CorrectedEntry(FeedEntry):
    """A feedgen entry that writes what RFC 4287 and RSS 2.0 ask for; only its two ``…_bytes`` methods are meant to be used."""

    def __init__(self, entry: Entry, profile: Profile, stamped: Stamps) -> None:
        """Hand the values over to feedgen, and what it cannot say to the extensions."""
        super().__init__()
        self._podcast = profile.podcast
        self._stamps = stamped
        self._links = _links(entry)
        self.guid(entry.id, permalink=entry.id_is_permalink)
        if entry.atom_id:  # feedgen has one id for both formats
            self._FeedEntry__atom_id = entry.atom_id
        self.title(title_of(entry))
        self.updated(entry.updated)
        self.author(_people(entry.authors))
        self.link(self._links)
        full = profile.full and bool(entry.html)
        self._body = _escaped(entry.html) if full else b""
        if full:
            self.content(_PLACE, type="html")
        if entry.summary or not full:
            self.summary(entry.summary or title_of(entry), type="text")
        # Readers take RSS descriptions for HTML; and content:encoded must not stand alone.
        self._FeedEntry__rss_description = html.escape(entry.summary or title_of(entry), quote=False)
        self.category([_known(term=term.term, label=term.label, scheme=term.scheme) for term in terms_of(entry)])
        self.register_extension("entry_elements", partial(_EntryElements, entry, profile.language, stamped))
        if profile.podcast:
            self.register_extension("podcast_item", partial(podcast.Item, entry), atom=False)

    def author(
        self, author: list[dict[str, str]] | None = None, replace: bool = False, **kwargs: str
    ) -> list[dict[str, str]] | None:
        """Set the Atom authors. RSS has ``dc:creator`` for each: ``author`` must be an e-mail address, and says it twice."""
        result = super().author(author, replace, **kwargs)
        self._FeedEntry__rss_author = None
        return result

    def link(self, link: list[dict[str, str]] | None = None, replace: bool = False, **kwargs: str) -> list[dict[str, str]] | None:
        """Set the Atom links; RSS takes the first enclosure where feedgen takes the last."""
        result = super().link(link, replace, **kwargs)
        enclosures = [one for one in result or () if one["rel"] == "enclosure"]
        self._FeedEntry__rss_enclosure = (
            {"url": enclosures[0]["href"], "type": enclosures[0]["type"], "length": enclosures[0].get("length", "0")}
            if enclosures
            else None
        )
        return result

    def atom_entry(self, extensions: bool = True) -> Element:
        """Return feedgen's element with a typed title, whole seconds in the feed's zone, and links with their attributes."""
        element = super().atom_entry(extensions)
        _identity, title, updated = element[:3]
        title.set("type", "text")
        updated.text = self._stamps.updated
        # feedgen reads the attributes of a link from the element that it is about to write: none is ever set but href.
        for child, link in zip(element.iterchildren("link"), self._links, strict=True):
            for name, value in link.items():
                child.set(name, value)
        return element

    def atom_bytes(self) -> bytes:
        """Return the entry as it stands in a feed's Atom document."""
        feed = elements.root("feed", _ATOM_NAMESPACES)
        return self._filled(elements.fragment(self.atom_entry(), feed, feed), b"</content>")

    def rss_bytes(self) -> bytes:
        """Return the item as it stands in a feed's RSS document."""
        rss = elements.root("rss", _RSS_NAMESPACES | podcast.NAMESPACES if self._podcast else _RSS_NAMESPACES)
        item = _plain(elements.fragment(self.rss_entry(), rss, elements.add(rss, "channel")), _ITEM_PLAIN)
        return self._filled(item, b"</content:encoded>")

    def _filled(self, data: bytes, end: bytes) -> bytes:
        """Put the text where its placeholder stands: escaped once for both formats, and not copied through two trees."""
        return data.replace(b">" + _PLACE.encode() + end, b">" + self._body + end, 1) if self._body else data


class CorrectedFeed(FeedGenerator):
    """A feedgen feed without entries: the shell that fragments are spliced into."""

    def __init__(self, head: FeedHead, format_name: str) -> None:
        """Hand the values over to feedgen; ``format_name`` (``atom`` or ``rss``) chooses the self link."""
        super().__init__()
        spec = head.spec
        title = feed_title(spec)
        self._updated = dates.rfc3339(head.updated, head_zone(head))
        self._stylesheet = head.stylesheet
        self.id(head.id)
        self.title(title)
        self.updated(head.updated)
        # feedgen would write it in UTC, by way of setlocale(), which every thread would feel.
        self._FeedGenerator__rss_lastBuildDate = None
        self.language(spec.language)
        self.author(_people(head.authors) or [{"name": title}])
        self.link(href=spec.urls[format_name], rel="self", type=f"application/{format_name}+xml")
        for hub in head.hubs:
            self.link(href=hub, rel="hub")
        archives = [_archive_link(relation, url, format_name) for relation, url in history_links(head, format_name)]
        self.link(archives)
        # Last, because feedgen's RSS link is the last one set.
        self.link(href=spec.home_url, rel="alternate", type="text/html")
        if spec.description or format_name == "rss":
            self.description(spec.description or title)
        self.generator(GENERATOR)
        self.icon(head.icon)
        self.image(spec.image)
        self.rights(head.copyright)
        namespaces = (_ATOM_NAMESPACES if format_name == "atom" else _RSS_NAMESPACES) | ({"fh": HISTORY} if _marks(head) else {})
        if format_name == "atom" and head.withdrawn:
            namespaces |= {"at": TOMBSTONES}
        contact = next((person for person in named(head.authors) if person.email), None)
        if contact:
            self.managingEditor(f"{contact.email} ({contact.name})")
        self.register_extension("feed_elements", partial(_FeedElements, head, namespaces, contactable=contact is not None))
        if head.podcast:
            self.register_extension("podcast_show", partial(podcast.Show, head, head.podcast), atom=False)

    def _create_atom(self, extensions: bool = True) -> tuple[Element, Tree]:
        feed, tree = super()._create_atom(extensions)
        for child in feed:
            if child.tag in {"title", "subtitle", "rights"}:
                child.set("type", "text")
            elif child.tag == "updated":
                child.text = self._updated
        self._style(feed)
        return feed, tree

    def _create_rss(self, extensions: bool = True) -> tuple[Element, Tree]:
        feed, tree = super()._create_rss(extensions)
        self._style(feed)
        return feed, tree

    def _style(self, feed: Element) -> None:
        if self._stylesheet:
            elements.instruct(feed, "xml-stylesheet", f'type="text/css" href="{html.escape(self._stylesheet)}"')


class _EntryElements:
    """What feedgen's entries cannot say: dates in a zone and without the locale, languages, every author in RSS, media."""

    def __init__(self, entry: Entry, language: str, stamped: Stamps) -> None:
        self._entry = entry
        self._language = language
        self._stamps = stamped

    def extend_atom(self, element: Element) -> Element:
        entry = self._entry
        elements.add(element, "published", self._stamps.published)
        if entry.language != self._language:
            element.set(XML_LANG, entry.language)
        if entry.image:
            elements.add(element, f"{{{MEDIA}}}thumbnail", url=entry.image.url)
        return element

    def extend_rss(self, item: Element) -> Element:
        entry = self._entry
        elements.add(item, "pubDate", dates.rfc5322(entry.published, self._stamps.zone))
        for person in named(entry.authors):
            elements.add(item, f"{{{DC}}}creator", person.name)
        if entry.language != self._language:
            elements.add(item, f"{{{DC}}}language", entry.language)
        if entry.image:
            # Directly in the item: a media:group means renditions of one thing.
            picture = elements.add(item, f"{{{MEDIA}}}content", url=entry.image.url, medium="image")
            if entry.image.alt:
                elements.add(picture, f"{{{MEDIA}}}description", entry.image.alt, type="plain")
            elements.add(item, f"{{{MEDIA}}}thumbnail", url=entry.image.url)
        for enclosure in entry.enclosures[1:]:
            known = {"fileSize": enclosure.length, "duration": enclosure.duration}
            media = elements.add(item, f"{{{MEDIA}}}content", url=enclosure.url, type=enclosure.type or _UNKNOWN_TYPE)
            for name, number in known.items():
                if number:
                    media.set(name, str(number))
            if enclosure.title:
                elements.add(media, f"{{{MEDIA}}}title", enclosure.title, type="plain")
        return item


class _FeedElements:
    """What feedgen's heads cannot say: the build date in a zone, links in RSS, an author without an address, history."""

    def __init__(self, head: FeedHead, namespaces: dict[str, str], *, contactable: bool) -> None:
        self._head = head
        self._namespaces = namespaces
        self._contactable = contactable

    def extend_ns(self) -> dict[str, str]:
        return self._namespaces

    def extend_atom(self, feed: Element) -> Element:
        for name in _marks(self._head):
            elements.add(feed, f"{{{HISTORY}}}{name}")
        zone = head_zone(self._head)
        for entry in self._head.withdrawn:
            when = dates.rfc3339(entry.updated, zone)
            elements.add(feed, f"{{{TOMBSTONES}}}deleted-entry", ref=entry.atom_id or entry.id, when=when)
        if notices.has_ended(self._head):
            notices.ended_atom(feed, self._head)
        return feed

    def extend_rss(self, rss: Element) -> Element:
        channel, head = rss[0], self._head
        elements.add(channel, "lastBuildDate", dates.rfc5322(head.updated, head_zone(head)))
        for hub in head.hubs:
            elements.add(channel, f"{{{ATOM}}}link", href=hub, rel="hub")
        for relation, url in history_links(head, "rss"):
            elements.add(channel, f"{{{ATOM}}}link", **_archive_link(relation, url, "rss"))
        for name in _marks(head):
            elements.add(channel, f"{{{HISTORY}}}{name}")
        if head.cloud:
            elements.add(channel, "cloud", **_cloud(head.cloud))
        if not self._contactable:
            for person in named(head.authors):
                elements.add(channel, f"{{{DC}}}creator", person.name)
        for entry in head.withdrawn if head.notices else ():
            notices.withdrawn(channel, entry, head)
        if notices.has_ended(head):
            notices.ended_rss(channel, head)
        return rss


def _marks(head: FeedHead) -> tuple[str, ...]:
    """Return the elements of RFC 5005 that a head has: a document is complete, or an archive, or neither."""
    history = head.history
    return () if history is None else ("complete",) if history.complete else ("archive",) if history.current else ()


def _cloud(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    return {
        "domain": parts.hostname or "",
        "port": str(parts.port or _PORTS[parts.scheme]),
        "path": parts.path,
        "registerProcedure": "",
        "protocol": "https-post" if secure else "http-post",
    }


def _archive_link(relation: str, url: str, format_name: str) -> dict[str, str]:
    return {"href": url, "rel": relation, "type": f"application/{format_name}+xml"}


def _people(people: Sequence[Person]) -> list[dict[str, str]]:
    return [_known(name=person.name, email=person.email, uri=person.url) for person in named(people)]


def _links(entry: Entry) -> list[dict[str, str]]:
    links = [{"href": entry.url, "rel": "alternate", "type": "text/html"}]
    if entry.external_url:
        links.append({"href": entry.external_url, "rel": "related"})
    return links + [_enclosure(enclosure) for enclosure in entry.enclosures]


def _enclosure(enclosure: Enclosure) -> dict[str, str]:
    length = str(enclosure.length) if enclosure.length else None
    return _known(href=enclosure.url, rel="enclosure", type=enclosure.type or _UNKNOWN_TYPE, title=enclosure.title, length=length)


def _known(**values: str | None) -> dict[str, str]:
    """Return a dictionary of its own for each call (feedgen adds to those it is given), without unknown values."""
    return {name: value for name, value in values.items() if value}
