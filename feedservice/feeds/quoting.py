"""A document as published → the plain summaries that readers see in it, for those who quote it elsewhere."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from feedservice import cutting
from feedservice.feeds import elements
from feedservice.feeds.elements import ATOM
from feedservice.model import EntrySpan

_A = f"{{{ATOM}}}"
Quoted = tuple[str, str]
"""Title and summary, as the entry has them."""


def summaries(name: str, body: bytes, entries: Sequence[EntrySpan], wanted: Collection[str]) -> Mapping[str, str]:
    """Return entry id → summary, for the entries of a document in format ``name`` that are wanted and have one.

    Only these entries are read. Empty when the bytes are no such document: a message without its summary is better than none.
    """
    chosen = [span for span in entries if span.id in wanted]
    ranges = cutting.slices(entries, len(body), {span.digest for span in entries} - {span.digest for span in chosen})
    part = body if ranges is None else cutting.cut(body, ranges[0])
    try:
        found = list(_READERS[name](part))
    except ValueError:
        return {}
    if len(found) != len(chosen):
        return {}
    # An entry without a summary has its title in the place of one.
    pairs = zip(chosen, found, strict=True)
    return {span.id: summary for span, (title, summary) in pairs if summary.strip() and summary != title}


def _atom(body: bytes) -> Iterator[Quoted]:
    for entry in elements.read(body).iterchildren(f"{_A}entry"):
        yield entry.findtext(f"{_A}title", ""), entry.findtext(f"{_A}summary", "")


def _rss(body: bytes) -> Iterator[Quoted]:
    for item in elements.read(body).iterfind("channel/item"):
        # Descriptions are HTML, so the plain text was escaped once more.
        yield item.findtext("title", ""), html.unescape(item.findtext("description", ""))


def _json(body: bytes) -> Iterator[Quoted]:
    document = json.loads(body)
    items = document.get("items") if isinstance(document, dict) else None
    for item in items if isinstance(items, list) else ():
        yield item.get("title", ""), item.get("summary") or item.get("content_text") or ""


_READERS: Mapping[str, Callable[[bytes], Iterator[Quoted]]] = MappingProxyType({"atom": _atom, "rss": _rss, "json": _json})
