"""Podcast elements of RSS: Apple's ``itunes`` namespace and Podcasting 2.0, as two feedgen extensions of our own.

feedgen's own podcast extension knows neither ``true``/``false`` for ``itunes:explicit`` nor images with a query, fails on a
category with a quotation mark, and has no ``podcast`` namespace. feedgen calls the methods an extension is registered
for and asks for no base class, so this module needs neither it nor lxml. Atom carries none of these elements.
"""

from __future__ import annotations

from feedservice.feeds import elements
from feedservice.feeds.elements import ITUNES, PODCAST, Element
from feedservice.feeds.text import feed_title, named
from feedservice.model import Entry, Episode, FeedHead, Podcast

NAMESPACES = {"itunes": ITUNES, "podcast": PODCAST}
"""Prefix → namespace; declared at the root of every podcast feed and of no other."""

CHAPTERS_TYPE = "application/json+chapters"


class Show:
    """Channel elements of one podcast (feedgen feed extension)."""

    def __init__(self, head: FeedHead, podcast: Podcast) -> None:
        """Keep what the elements are made from."""
        self._head = head
        self._podcast = podcast

    def extend_ns(self) -> dict[str, str]:
        """Return the namespaces the root must declare."""
        return NAMESPACES

    def extend_rss(self, rss: Element) -> Element:
        """Append the show's elements to the channel."""
        channel, head, podcast = rss[0], self._head, self._podcast
        names = [person.name for person in named(head.authors)] or [
            podcast.owner.name if podcast.owner else feed_title(head.spec)
        ]
        elements.add(channel, f"{{{ITUNES}}}author", ", ".join(names))
        if head.spec.image:
            elements.add(channel, f"{{{ITUNES}}}image", href=head.spec.image)
        _categories(channel, podcast.categories)
        elements.add(channel, f"{{{ITUNES}}}explicit", _boolean(value=podcast.explicit))
        elements.add(channel, f"{{{ITUNES}}}type", podcast.kind)
        _ownership(channel, podcast)
        elements.add(channel, f"{{{PODCAST}}}medium", "podcast")
        return rss


class Item:
    """Elements of one episode (feedgen entry extension)."""

    def __init__(self, entry: Entry) -> None:
        """Keep what the elements are made from."""
        self._entry = entry

    def extend_rss(self, item: Element) -> Element:
        """Append the episode's elements to the item."""
        entry, episode = self._entry, self._entry.episode
        duration = episode.duration if episode else None
        if duration is None and entry.enclosures:
            duration = entry.enclosures[0].duration
        if duration is not None:
            elements.add(item, f"{{{ITUNES}}}duration", str(duration))
        if entry.image:
            elements.add(item, f"{{{ITUNES}}}image", href=entry.image.url)
        if episode is not None:
            _episode(item, episode)
        return item


def _episode(item: Element, episode: Episode) -> None:
    for name, number in (("season", episode.season), ("episode", episode.number)):
        if number is not None:
            elements.add(item, f"{{{ITUNES}}}{name}", str(number))
            elements.add(item, f"{{{PODCAST}}}{name}", str(number))
    if episode.kind:
        elements.add(item, f"{{{ITUNES}}}episodeType", episode.kind)
    if episode.explicit is not None:
        elements.add(item, f"{{{ITUNES}}}explicit", _boolean(value=episode.explicit))
    for transcript in episode.transcripts:
        language = {"language": transcript.language} if transcript.language else {}
        elements.add(item, f"{{{PODCAST}}}transcript", url=transcript.url, type=transcript.type, **language)
    if episode.chapters:
        elements.add(item, f"{{{PODCAST}}}chapters", url=episode.chapters, type=CHAPTERS_TYPE)


def _boolean(*, value: bool) -> str:
    return "true" if value else "false"


def _ownership(channel: Element, podcast: Podcast) -> None:
    owner = podcast.owner
    if owner and owner.email:  # Apple reads the address; an owner without one says nothing
        element = elements.add(channel, f"{{{ITUNES}}}owner")
        elements.add(element, f"{{{ITUNES}}}name", owner.name)
        elements.add(element, f"{{{ITUNES}}}email", owner.email)
    elements.add(channel, f"{{{PODCAST}}}guid", podcast.guid)
    if podcast.locked is not None:
        address = {"owner": owner.email} if owner and owner.email else {}
        elements.add(channel, f"{{{PODCAST}}}locked", "yes" if podcast.locked else "no", **address)


def _categories(channel: Element, categories: tuple[str, ...]) -> None:
    """Append ``itunes:category`` elements; ``Arts > Books`` lies within ``Arts``, which is written once."""
    tops: dict[str, Element] = {}
    for category in categories:
        top, _, sub = (part.strip() for part in category.partition(">"))
        if top not in tops:
            tops[top] = elements.add(channel, f"{{{ITUNES}}}category", text=None)
            tops[top].set("text", top)
        if sub:
            elements.add(tops[top], f"{{{ITUNES}}}category").set("text", sub)
