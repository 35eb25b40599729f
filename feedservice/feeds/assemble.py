"""Fragments + head → Document: a feed in one format, put together from entries that were rendered once.

An entry costs its rendering once, however many feeds it is in; a feed costs its head and a concatenation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid5

from feedservice.config.schema import Config, Presentation
from feedservice.feeds.entries import authors
from feedservice.feeds.formats import FORMATS
from feedservice.feeds.identity import Named
from feedservice.feeds.links import cloud_url, hub_urls
from feedservice.feeds.specs import site_url
from feedservice.model import Document, EntrySpan, FeedHead, FeedKind, FeedSpec, Fragment, Person, Podcast, Problem, Severity
from feedservice.taxonomy import identity

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""``updated`` of a feed of a site that has no post yet: a feed must say something, and say the same every time."""

_PODCAST_NAMESPACE = UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
_PROBE = 32
"""Bytes of an entry that are searched for: searching for a long text costs more than comparing it."""
_HEAD_BYTES = 4096
"""What is set aside for a document's head when its size is estimated."""


def fragment(entry_id: str, body: bytes) -> Fragment:
    """Return an entry's bytes in one format with their digest."""
    return Fragment(id=entry_id, digest=hashlib.blake2b(body, digest_size=8).hexdigest(), body=body)


def head(spec: FeedSpec, entries: Sequence[Named], config: Config, *, epoch: datetime = EPOCH) -> FeedHead:
    """Return a feed without its entries. ``updated`` is the newest change among them, ``epoch`` when there is none."""
    updated = max((each.post.updated or each.post.published for each in entries), default=epoch)
    return FeedHead(
        spec=spec,
        id=next(iter(spec.urls.values())) if "atom" not in spec.urls else spec.urls["atom"],
        updated=updated,
        authors=authors(config),
        hubs=hub_urls(config),
        cloud=cloud_url(config),
        copyright=config.site.copyright,
        icon=site_url(config, config.site.icon),
        podcast=podcast(spec, config),
    )


def settings_of(spec: FeedSpec, config: Config) -> Presentation | None:
    """Return the part of the configuration that is about one feed."""
    if spec.kind is FeedKind.ALL:
        return config.feeds.all
    if spec.kind is FeedKind.CATEGORY:
        return next((value for label, value in config.feeds.categories.items() if identity(label) == spec.term), None)
    if spec.kind is FeedKind.QUERY:
        return next((query for query in config.feeds.define if query.key == spec.key), None)
    return None


def podcast(spec: FeedSpec, config: Config) -> Podcast | None:
    """Return what makes the feed a podcast, or None. The ``guid`` is UUIDv5 of its address without scheme and final slash."""
    settings = settings_of(spec, config)
    if settings is None or settings.podcast is None:
        return None
    own = settings.podcast
    address = spec.urls.get("rss", next(iter(spec.urls.values()))).split("://", 1)[1].rstrip("/")
    return Podcast(
        guid=own.guid or str(uuid5(_PODCAST_NAMESPACE, address)),
        categories=tuple(own.categories),
        explicit=own.explicit,
        owner=Person(name=own.owner.name, email=own.owner.email, url=own.owner.url) if own.owner else None,
        kind=own.type,
        locked=own.locked,
    )


def fitting(fragments: Mapping[str, Sequence[Fragment]], max_bytes: int) -> int:
    """Return how many entries fit into every format's document: the window is shortened, an entry never; at least one stays."""
    fits = []
    for parts in fragments.values():
        size, count = _HEAD_BYTES, 0
        for part in parts:
            size += len(part.body) + 2
            if size > max_bytes and count:
                break
            count += 1
        fits.append(count)
    return min(fits, default=0)


def shortened(spec: FeedSpec, fragments: Mapping[str, Sequence[Fragment]], members: int, max_bytes: int) -> tuple[Problem, ...]:
    """Return the warning that a window is larger than the budget lets it be, by the entries that are shown.

    It says nothing that the next post would change: a feed of such posts has it once.
    """
    wished = min(spec.window, members)
    count = len(next(iter(fragments.values()), ()))
    largest = max((sum(len(part.body) for part in parts) for parts in fragments.values()), default=0)
    if count >= wished or _HEAD_BYTES + largest * wished <= max_bytes * count:
        return ()
    room = f"no room in {max_bytes:,} bytes (feeds.max_bytes): the oldest are left out"
    return (
        Problem(
            rule="feed.shortened",
            severity=Severity.WARNING,
            message=f"the window of {spec.window} entries has {room}",
            hint="set a smaller window, or `content: summary`; most readers refuse documents above 1 to 3 MB",
            path=next(iter(spec.paths.values())),
        ),
    )


def document(head: FeedHead, name: str, fragments: Sequence[Fragment]) -> Document:
    """Return a feed in the format ``name`` (a key of ``FORMATS``)."""
    spec = head.spec
    body = FORMATS[name].document(head, [part.body for part in fragments])
    spans: list[EntrySpan] = []
    position = 0
    for part in fragments:
        # Each entry stands right after the one before it, or after a separator: a search for its first bytes ends at once.
        start = body.index(part.body[:_PROBE], position)
        while not body.startswith(part.body, start):
            start = body.index(part.body[:_PROBE], start + 1)
        position = start + len(part.body)
        spans.append(EntrySpan(id=part.id, digest=part.digest, start=start, end=position))
    return Document(
        feed=spec.key,
        format=name,
        url=spec.urls[name],
        path=spec.paths[name],
        media_type=FORMATS[name].media_type,
        body=body,
        etag=hashlib.blake2b(body, digest_size=16).hexdigest(),
        last_modified=head.updated,
        entries=tuple(spans),
    )
