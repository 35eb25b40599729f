"""Two states of a site → what there is to tell of: a ``Change`` for each document, and the ``News`` of the whole site.

A document changes by what is in its window; a post is news by itself, once, however many feeds have it. So an old post that
slides back into a window because a newer one was removed changes documents, and is no news.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from feedservice.config.schema import Config
from feedservice.deliveries import Change, EntryFacts, News
from feedservice.feeds.assemble import settings_of
from feedservice.feeds.identity import Named
from feedservice.model import EntrySpan, FeedSpec
from feedservice.taxonomy import fold_key


def change(
    spec: FeedSpec,
    name: str,
    before: Sequence[EntrySpan] | None,
    after: Sequence[EntrySpan],
    config: Config,
    *,
    version: int,
    at: datetime,
) -> Change:
    """Return how the document of a feed in format ``name`` differs from what it was; ``before`` is None when there was none.

    ``version`` is the topic's next.
    """
    old = {span.id: span.digest for span in before or ()}
    new = {span.id: span.digest for span in after}
    settings = settings_of(spec, config)
    return Change(
        feed=spec.key,
        format=name,
        topic=spec.urls[name],
        home_url=spec.home_url,
        title=spec.title,
        version=version,
        at=at,
        first=before is None,
        new=tuple(id_ for id_ in new if id_ not in old),
        changed=tuple(id_ for id_, digest in new.items() if old.get(id_, digest) != digest),
        removed=tuple(id_ for id_ in old if id_ not in new),
        announce=settings is None or settings.announce,
    )


def facts(named: Named, *, summary: str) -> EntryFacts:
    """Return what is told and remembered of a post that is out; ``summary`` is the plain text that feeds have of it."""
    post = named.post
    updated = post.updated or post.published
    shown = f"{post.digest}\n{post.link}\n{post.title}\n{updated.isoformat()}"
    return EntryFacts(
        id=named.id,
        digest=hashlib.blake2b(shown.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest(),
        url=post.link,
        title=post.title,
        summary=summary,
        published=post.published,
        updated=updated,
        categories=post.categories,
        announce=not _is_false(post.metadata.get(fold_key("announce"))),
    )


def _is_false(value: object) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() in {"false", "no", "off"})


def news(before: Mapping[str, EntryFacts] | None, after: Iterable[EntryFacts], *, max_age: timedelta, at: datetime) -> News:
    """Return what is new, changed and gone among the posts that are out.

    ``before``: entry id → facts as last remembered; None when nothing was ever remembered, so that all of it is the baseline.
    Both may be restricted to the ids that a pass has touched. A new post that is older than ``max_age`` is an import.
    """
    known = before or {}
    published: list[EntryFacts] = []
    updated: list[EntryFacts] = []
    quiet: list[EntryFacts] = []
    out: set[str] = set()
    for each in after:
        out.add(each.id)
        old = known.get(each.id)
        if old is None:
            fresh = before is not None and each.announce and each.published > at - max_age
            (published if fresh else quiet).append(each)
        elif old.digest != each.digest:
            (updated if each.announce else quiet).append(each)
    return News(
        at=at,
        published=tuple(published),
        updated=tuple(updated),
        removed=tuple(each for id_, each in known.items() if id_ not in out),
        quiet=tuple(quiet),
    )
