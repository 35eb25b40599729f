"""Collected site → Documents, feed by feed.

Every entry is rendered once, in the order in which feeds first need it, and forgotten when the last feed that shows it is
done: the whole archive is never in memory.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from feedservice.config.schema import Config
from feedservice.feeds import archives, assemble, entries, lint
from feedservice.feeds.archives import Membership
from feedservice.feeds.identity import Named
from feedservice.feeds.specs import feeds_base
from feedservice.model import Document, Entry, FeedHead, FeedSpec, Fragment, Problem, Profile, Severity
from feedservice.service import workers
from feedservice.service.collect import Collected, Progress
from feedservice.service.workers import Order, Rendered, ToRender, Workers

PREVIEWED = 20
"""Entries that the page of a feed shows in full: people look at the newest."""


class ChangedError(Exception):
    """A post changed between being read and being rendered: what was decided no longer holds, so the pass begins anew."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One feed in every format, and what its own checks and its entries' rendering found."""

    spec: FeedSpec
    head: FeedHead
    documents: tuple[Document, ...]
    total: int
    """Entries of the feed."""
    entries: tuple[Entry, ...]
    """The newest ``PREVIEWED`` of them with their text; empty when there are no pages."""
    window: tuple[Named, ...]
    """Those that are in the documents, in their order."""
    members: tuple[Named, ...]
    """All entries of the feed, newest first, in this document or not."""
    history: Membership | None
    """The feed's archives, when it keeps any."""
    problems: tuple[Problem, ...]


def profile_of(spec: FeedSpec, config: Config) -> Profile:
    """Return all that a feed decides about the bytes of its entries."""
    return entries.profile(spec, podcast=assemble.podcast(spec, config) is not None)


def make(
    collected: Collected,
    specs: Sequence[FeedSpec],
    formats: Sequence[str],
    pool: Workers,
    progress: Progress,
    *,
    pages: bool = False,
    stylesheet: str | None = None,
    histories: Mapping[str, Membership] | None = None,
) -> Iterator[Made]:
    """Yield the feeds in order; with ``pages`` their newest entries too.

    ``stylesheet`` is the URL of the CSS that XML documents name. ``histories`` are the archives of feeds that have some, by key:
    each of these feeds comes with its archives as they have to be now. Raises ``ChangedError`` when a post is no longer what
    was read.
    """
    config = collected.config
    profiles = {spec.key: profile_of(spec, config) for spec in specs}
    uses = Counter(each.post.path for spec in specs for each in collected.windows[spec.key])
    rendered = _rendered(collected, specs, profiles, formats, pool, shown=PREVIEWED if pages else 0)
    epoch = min((each.post.published for each in collected.live.posts), default=assemble.EPOCH)
    ready: dict[str, Rendered] = {}
    for number, spec in enumerate(specs):
        window = collected.windows[spec.key]
        problems: list[Problem] = []
        for each in window:
            while each.post.path not in ready:
                made = next(rendered)
                if made.changed:
                    raise ChangedError(made.path)
                ready[made.path] = made
                problems += made.problems
        parts = {name: [ready[each.post.path].fragments[profiles[spec.key], name] for each in window] for name in formats}
        texts = [entry for each in window[:PREVIEWED] if (entry := ready[each.post.path].entry) is not None]
        settings = Settings(config=config, epoch=epoch, stylesheet=stylesheet)
        history = None if histories is None else histories.get(spec.key)
        yield _feed(
            spec, window, collected.members[spec.key], parts, texts=texts, settings=settings, history=history, problems=problems
        )
        for each in window:
            uses[each.post.path] -= 1
            if not uses[each.post.path]:
                del ready[each.post.path]
        progress("writing feeds", number + 1, len(specs))


def fragments(collected: Collected, wanted: Mapping[str, Profile], formats: Sequence[str], pool: Workers) -> Iterator[Rendered]:
    """Yield the entries of the posts with the given paths, each in one profile. Raises ``ChangedError``."""
    named = {each.post.path: each for each in collected.named if each.post.path in wanted}
    orders = [_order(collected, named[path], (profile,)) for path, profile in wanted.items()]
    for made in pool.map(workers.render_batch, _batches(collected, orders, formats)):
        for each in made:
            if each.changed:
                raise ChangedError(each.path)
            yield each


def every_problem(collected: Collected, paths: Sequence[str], pool: Workers, progress: Progress) -> Iterator[Problem]:
    """Yield what rendering the given posts finds, for those that no feed shows."""
    by_path = {each.post.path: each for each in collected.named}
    orders = [_order(collected, by_path[path], ()) for path in paths if path in by_path]
    done = 0
    for made in pool.map(workers.render_batch, _batches(collected, orders, ())):
        for each in made:
            yield from each.problems
        done += len(made)
        progress("checking posts", done, len(orders))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the heads of all feeds of a pass have in common."""

    config: Config
    epoch: datetime
    stylesheet: str | None


def _feed(
    spec: FeedSpec,
    window: Sequence[Named],
    members: Sequence[Named],
    parts: Mapping[str, Sequence[Fragment]],
    *,
    texts: Sequence[Entry],
    settings: Settings,
    history: Membership | None,
    problems: Sequence[Problem],
) -> Made:
    shown = assemble.fitting(parts, settings.config.feeds.max_bytes)
    window, parts = window[:shown], {name: fragments[:shown] for name, fragments in parts.items()}
    head, grown = _head(spec, window, members, settings, history)
    documents, found = _documents(head, parts)
    refused: list[Problem] = []
    if _errors(found):
        # One bad entry must not cost a feed the others: each is tried alone, and what fails alone is left out. When that does
        # not help, the fault is not theirs, and the documents that have it are withheld as they are.
        alone = [_errors(_documents(head, {name: part[at : at + 1] for name, part in parts.items()})[1]) for at in range(shown)]
        kept = [at for at in range(shown) if not alone[at]]
        bad = {window[at].id for at in range(shown) if alone[at]}
        others = [each for each in members if each.id not in bad]
        rest, regrown = _head(spec, [window[at] for at in kept], others, settings, history)
        good, left = _documents(rest, {name: [part[at] for at in kept] for name, part in parts.items()})
        if kept and not _errors(left):
            refused = [dataclasses.replace(wrong[0], path=window[at].post.path) for at, wrong in enumerate(alone) if wrong]
            head, documents, found, members, grown = rest, good, left, others, regrown
            window = [window[at] for at in kept]
    present = {span.id for span in documents[0].entries}
    return Made(
        spec=spec,
        head=head,
        documents=documents,
        total=len(documents[0].entries),
        entries=tuple(entry for entry in texts if entry.id in present),
        window=tuple(window),
        members=tuple(members),
        history=grown,
        problems=(*problems, *refused, *found),
    )


def _head(
    spec: FeedSpec, window: Sequence[Named], members: Sequence[Named], settings: Settings, history: Membership | None
) -> tuple[FeedHead, Membership | None]:
    """Return the head of a subscription document, and the feed's archives with what this pass seals."""
    head = assemble.head(spec, window, settings.config, epoch=settings.epoch)
    head = dataclasses.replace(head, stylesheet=settings.stylesheet)
    base = feeds_base(settings.config)
    if history is not None:
        shown = [each.id for each in window]
        history = archives.extend(history, [each.id for each in reversed(members)], shown, size=max(2, len(shown)))
        return archives.subscription_head(head, history, base=base), history
    # Without archives nothing can be said of a feed that has more than it shows.
    whole = len(window) == len(members)
    return (archives.subscription_head(head, Membership(), base=base) if whole else head), None


def _documents(head: FeedHead, parts: Mapping[str, Sequence[Fragment]]) -> tuple[tuple[Document, ...], list[Problem]]:
    documents = tuple(assemble.document(head, name, fragments) for name, fragments in parts.items())
    return documents, [problem for document in documents for problem in lint.check(document)]


def _errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def _rendered(
    collected: Collected,
    specs: Sequence[FeedSpec],
    profiles: Mapping[str, Profile],
    formats: Sequence[str],
    pool: Workers,
    *,
    shown: int,
) -> Iterator[Rendered]:
    """Yield every entry that some feed shows, once, in the order in which the feeds need them."""
    wanted: dict[str, dict[Profile, None]] = {}
    texts: set[str] = set()
    named: dict[str, Named] = {}
    for spec in specs:
        window = collected.windows[spec.key]
        texts.update(each.post.path for each in window[:shown])
        for each in window:
            named[each.post.path] = each
            wanted.setdefault(each.post.path, {})[profiles[spec.key]] = None
    orders = [_order(collected, named[path], tuple(needed), shown=path in texts) for path, needed in wanted.items()]
    for made in pool.map(workers.render_batch, _batches(collected, orders, formats)):
        yield from made


def _order(collected: Collected, named: Named, profiles: Sequence[Profile], *, shown: bool = False) -> Order:
    entry = entries.entry(named, html="", summary="", config=collected.config, plan=collected.plan)
    return Order(file=collected.files[named.post.path].file, post=named.post, entry=entry, profiles=profiles, shown=shown)


def _batches(collected: Collected, orders: Sequence[Order], formats: Sequence[str]) -> Iterator[ToRender]:
    context = dataclasses.replace(collected.context, files={}, first_seen={}, zones={})
    urls: Mapping[str, str] = post_urls(collected) if collected.refers else {}
    size = workers.BATCH // 4
    for start in range(0, len(orders), size):
        batch = orders[start : start + size]
        refers = any(order.post.path in collected.refers for order in batch)
        yield ToRender(orders=batch, formats=formats, context=context, post_urls=urls if refers else {})


def post_urls(collected: Collected) -> dict[str, str]:
    """Return how posts are named in links between posts → where they live: by path, and in Jekyll by ``YYYY-MM-DD-slug``."""
    urls: dict[str, str] = {}
    for each in collected.named:
        path = each.post.path
        urls[path] = each.post.link
        if "_posts/" in path:
            urls.setdefault(path.rsplit("_posts/", 1)[1].rsplit(".", 1)[0], each.post.link)
    return urls
