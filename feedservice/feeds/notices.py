"""What a feed says of itself in entries that nobody wrote: that one was taken back, that the feed has ended."""

from __future__ import annotations

from feedservice import dates
from feedservice.feeds import elements
from feedservice.feeds.elements import Element
from feedservice.feeds.stamps import head_zone
from feedservice.feeds.text import feed_title, title_of
from feedservice.feeds.words import chosen
from feedservice.model import Entry, FeedHead


def withdrawn(channel: Element, entry: Entry, head: FeedHead) -> None:
    """Add an item under the id of an entry that was taken back: readers that update entries show it in its place."""
    said = chosen(head.spec.language)
    item = elements.add(channel, "item")
    elements.add(item, "title", said.withdrawn.format(title=title_of(entry)))
    elements.add(item, "link", head.spec.home_url)
    elements.add(item, "description", said.withdrawn_explained)
    elements.add(item, "guid", entry.id, isPermaLink="true" if entry.id_is_permalink else "false")
    elements.add(item, "pubDate", dates.rfc5322(entry.published, head_zone(head)))


def has_ended(head: FeedHead) -> bool:
    """Tell whether a document says that its feed has ended: an archive does not, it is what it always was."""
    return head.spec.retired and (head.history is None or not head.history.current)


def ended_atom(feed: Element, head: FeedHead) -> None:
    """Add the last entry of a feed that has ended. JSON Feed has a word for it, ``expired``; Atom and RSS have none."""
    said, when = chosen(head.spec.language), dates.rfc3339(head.updated, head_zone(head))
    entry = elements.add(feed, "entry")
    elements.add(entry, "title", said.ended_title.format(feed=feed_title(head.spec)), type="text")
    elements.add(entry, "id", _id(head))
    elements.add(entry, "updated", when)
    elements.add(entry, "published", when)
    elements.add(entry, "link", rel="alternate", type="text/html", href=head.spec.home_url)
    elements.add(entry, "summary", said.ended_explained, type="text")


def ended_rss(channel: Element, head: FeedHead) -> None:
    """Add the last item of a feed that has ended."""
    said = chosen(head.spec.language)
    item = elements.add(channel, "item")
    elements.add(item, "title", said.ended_title.format(feed=feed_title(head.spec)))
    elements.add(item, "link", head.spec.home_url)
    elements.add(item, "description", said.ended_explained)
    elements.add(item, "guid", _id(head), isPermaLink="false")
    elements.add(item, "pubDate", dates.rfc5322(head.updated, head_zone(head)))


def _id(head: FeedHead) -> str:
    return f"{head.id}#ended"
