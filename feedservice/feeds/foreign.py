"""Bytes of a feed that people subscribe to already → what its readers know each entry by. Whoever wrote it.

RSS 2.0, 1.0, 0.9x, Atom 1.0 and 0.3, JSON Feed 1 and 1.1. Nothing is judged here and nothing mended: an id is what stands there,
to the last character. What cannot be understood is left empty, and what is no feed at all is a problem.
"""

from __future__ import annotations

import dataclasses
import html
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from urllib.parse import urljoin

from feedservice import dates
from feedservice.feeds import elements
from feedservice.feeds.elements import ATOM, CONTENT, DC, Element
from feedservice.model import Problem, Severity

MAX_BYTES = 64 * 1024 * 1024
"""A feed with a whole archive in it is still one; what is larger is something else."""

_A = f"{{{ATOM}}}"
_A03 = "{http://purl.org/atom/ns#}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_RSS_SPACES = ("", "http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/", "http://backend.userland.com/rss2")
_PAGE = re.compile(rb"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_BEGINNING = 2000
"""Bytes in which a page says that it is one."""
_LINK = re.compile(r"<link\b([^>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([A-Za-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_FEED_TYPE = re.compile(r"application/(?:rss\+xml|atom\+xml|feed\+json)", re.IGNORECASE)
_NAMED = 10
"""Feeds of a page that a hint lists."""
_RELATIONS = ("prev-archive", "next")
"""Links to entries that are not in the document: the archive before it (RFC 5005 §4), the next page (§3)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OldEntry:
    """An entry as readers have it; what it has not is empty or None."""

    id: str
    """As typed, white space included: some readers take it off and others do not."""
    permalink: bool | None = None
    """``isPermaLink`` of an RSS ``guid``, which is true when nothing is said; None where there is no such thing."""
    link: str = ""
    """Absolute."""
    title: str = ""
    """As typed: it may be HTML."""
    published: datetime | None = None
    updated: datetime | None = None
    html: str = ""
    """Full text or summary, whatever there is."""
    sketch: str = ""
    """Of the text; whoever wants it puts it in."""

    @property
    def known_by(self) -> str:
        """Return what readers tell it from others by: its id, or its link when it has none. Empty: nothing."""
        return self.id if self.id.strip() else self.link


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OldFeed:
    """A document of a feed."""

    format: str
    """``rss``, ``atom`` or ``json``."""
    title: str = ""
    entries: tuple[OldEntry, ...] = ()
    more: tuple[str, ...] = ()
    """Absolute URLs of documents with further entries: the archive before this one, the next page."""


def read(data: bytes, *, url: str = "") -> OldFeed | Problem:
    """Return what a document says. ``url`` is where it was got from: relative addresses start there.

    ``adopt.unreadable`` is the problem of what is no feed.
    """
    if len(data) > MAX_BYTES:
        return _unreadable(f"it has more than {MAX_BYTES // 1024 // 1024} MB", url)
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    return _json(text, url) if text.startswith(b"{") else _xml(text, url)


def _xml(text: bytes, url: str) -> OldFeed | Problem:
    try:
        root = elements.read(text)
    except elements.NotXmlError as error:
        column = f", column {error.column}" if error.column else ""
        place = f" (line {error.line}{column})" if error.line and f"line {error.line}" not in str(error) else ""
        unreadable = _unreadable(f"it is neither XML nor JSON: {error}{place}", url)
        return _page(text, url) if _PAGE.search(text, 0, _BEGINNING) else unreadable
    if root.tag in {f"{_A}feed", f"{_A03}feed"}:
        return _atom(root, url)
    if _local(root) == "rss" or root.tag == f"{_RDF}RDF":
        return _rss(root, url)
    is_page = str(root.tag).rpartition("}")[2].lower() == "html"
    return _page(text, url) if is_page else _unreadable(f"its root element is {root.tag!s}", url)


def _page(data: bytes, url: str) -> Problem:
    """Return the problem of a page for people, with the feeds that it names (HTML §4.6.7.1, ``alternate``)."""
    found: dict[str, None] = {}
    for link in _LINK.findall(data.decode("utf-8", "replace")):
        said = {name.lower(): html.unescape(one or other or bare) for name, one, other, bare in _ATTRIBUTE.findall(link)}
        if "alternate" in said.get("rel", "").lower().split() and _FEED_TYPE.match(said.get("type", "")) and said.get("href"):
            found[_absolute(url, said["href"])] = None
    if not found:
        return _unreadable("it is a page, and names no feed", url)
    problem = _unreadable("it is a page", url)
    return dataclasses.replace(problem, hint=f"its feeds are {', '.join(list(found)[:_NAMED])}")


def _unreadable(reason: str, url: str) -> Problem:
    return Problem(
        rule="adopt.unreadable",
        severity=Severity.ERROR,
        message=f"this is no feed: {reason}",
        hint="give the address of the feed, or a file of it; one that is broken can be mended in a copy",
        path=url,
    )


# XML ----------------------------------------------------------------------------------------------------------------

Children = Mapping[str, list[Element]]


def _local(element: Element) -> str:
    """Return the name of an RSS element whatever RSS it is of; of another namespace's element with the namespace."""
    space, _, name = str(element.tag).rpartition("}")
    return name if space.removeprefix("{") in _RSS_SPACES else str(element.tag)


def _children(parents: Iterable[Element]) -> Children:
    found: dict[str, list[Element]] = defaultdict(list)
    for parent in parents:
        for child in parent.iterchildren("*"):
            found[_local(child)].append(child)
    return found


def _texts(children: Children, *names: str) -> Iterator[str]:
    """Yield the texts of the elements of these names that have one, in the order of the names."""
    for name in names:
        for element in children.get(name, ()):
            text = elements.text(element)
            if text.strip():
                yield text


def _first(children: Children, *names: str) -> str:
    return next(_texts(children, *names), "")


def _date(texts: Iterable[str]) -> datetime | None:
    for text in texts:
        reading = dates.read(text, zone="UTC", naive="utc")
        if not isinstance(reading, Problem):
            return reading.instant
    return None


def _absolute(base: str, *more: str) -> str:
    for address in more:
        try:
            base = urljoin(base, address.strip())
        except ValueError:
            # A host such as `[x` is no address; the entry has none then.
            return ""
    return base


def _more(links: Iterable[Element], base: str) -> tuple[str, ...]:
    found = [(link.get("rel", ""), _absolute(base, link.get(_XML_BASE, ""), link.get("href", ""))) for link in links]
    return tuple(dict.fromkeys(url for wanted in _RELATIONS for relation, url in found if relation == wanted and url))


def _rss(root: Element, url: str) -> OldFeed:
    top = _children([root])
    channels = top.get("channel", [])
    head = _children(channels)
    # RSS 1.0 has its items beside the channel, the others in it.
    items = [*head.get("item", []), *top.get("item", [])]
    base = _absolute(url, _first(head, "link")) or url
    return OldFeed(
        format="rss",
        title=_first(head, "title").strip(),
        entries=tuple(_item(item, base) for item in items),
        more=_more(head.get(f"{_A}link", ()), url),
    )


def _item(item: Element, base: str) -> OldEntry:
    children = _children([item])
    guid = next(iter(children.get("guid", ())), None)
    about = item.get(f"{_RDF}about", "")
    link = _first(children, "link").strip() or next((each.get("href", "") for each in children.get(f"{_A}link", ())), "")
    permalink = guid.get("isPermaLink", "true").strip().lower() != "false" if guid is not None else None
    identity = elements.text(guid) if guid is not None else about
    address = link or (identity.strip() if permalink or (about and guid is None) else "")
    return OldEntry(
        id=identity,
        permalink=permalink,
        link=_absolute(base, address) if address else "",
        title=_first(children, "title", f"{{{DC}}}title"),
        published=_date(_texts(children, "pubDate", f"{{{DC}}}date", f"{_A}published")),
        updated=_date(_texts(children, f"{_A}updated", "{http://purl.org/dc/terms/}modified")),
        html=_first(children, f"{{{CONTENT}}}encoded", "description"),
    )


def _atom(root: Element, url: str) -> OldFeed:
    space = str(root.tag).removesuffix("feed")
    head = _children([root])
    base = _absolute(url, root.get(_XML_BASE, ""))
    links = head.get(f"{space}link", ())
    home = next((link.get("href", "") for link in links if link.get("rel", "alternate") in {"self", "alternate"}), "")
    return OldFeed(
        format="atom",
        title=_first(head, f"{space}title").strip(),
        entries=tuple(_atom_entry(entry, space, base or home) for entry in head.get(f"{space}entry", ())),
        more=_more(links, base),
    )


def _atom_entry(entry: Element, space: str, base: str) -> OldEntry:
    children = _children([entry])
    alternate = next((link for link in children.get(f"{space}link", ()) if link.get("rel", "alternate") == "alternate"), None)
    # Atom 0.3 says `issued` and `modified`.
    published = _date(_texts(children, f"{space}published", f"{space}issued"))
    return OldEntry(
        id=_first(children, f"{space}id"),
        link=""
        if alternate is None
        else _absolute(base, entry.get(_XML_BASE, ""), alternate.get(_XML_BASE, ""), alternate.get("href", "")),
        title=_first(children, f"{space}title"),
        published=published,
        updated=_date(_texts(children, f"{space}updated", f"{space}modified")),
        html=next((elements.inner(each) for name in ("content", "summary") for each in children.get(space + name, ())), ""),
    )


# JSON Feed ----------------------------------------------------------------------------------------------------------


def _json(data: bytes, url: str) -> OldFeed | Problem:
    try:
        feed = json.loads(data)
    except (ValueError, RecursionError) as error:
        return _unreadable(f"it is no JSON: {error}", url)
    if not isinstance(feed, dict) or not isinstance(feed.get("items"), list):
        return _unreadable("it is JSON, and no object with a list of items", url)
    base = url or _said(feed, "feed_url") or _said(feed, "home_page_url")
    following = _said(feed, "next_url")
    return OldFeed(
        format="json",
        title=_said(feed, "title").strip(),
        entries=tuple(_json_item(item, base) for item in feed["items"] if isinstance(item, dict)),
        more=tuple(filter(None, [_absolute(base, following) if following else ""])),
    )


def _json_item(item: Mapping[str, object], base: str) -> OldEntry:
    identity = item.get("id")
    # JSON Feed 1.1, "Items": a number is read as text.
    number = isinstance(identity, int | float) and not isinstance(identity, bool)
    link = _said(item, "url")
    return OldEntry(
        id=str(identity) if isinstance(identity, str) or number else "",
        link=_absolute(base, link) if link else "",
        title=_said(item, "title"),
        published=_date([_said(item, "date_published")]),
        updated=_date([_said(item, "date_modified")]),
        html=_said(item, "content_html") or _said(item, "content_text") or _said(item, "summary"),
    )


def _said(item: Mapping[str, object], name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
