"""Collected site → Documents, feed by feed.

Every entry is rendered once, in the order in which feeds first need it, and forgotten when the last feed that shows it is
done: the whole archive is never in memory. An entry that a document on disk shows as it has to be is taken from there.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from feedservice.config.schema import Config
from feedservice.feeds import archives, assemble, entries, freshness, lint
from feedservice.feeds.archives import Membership
from feedservice.feeds.identity import Named
from feedservice.feeds.ledger import Row
from feedservice.feeds.lint import Clean
from feedservice.feeds.specs import feeds_base
from feedservice.model import Document, Entry, FeedHead, FeedSpec, Fragment, Problem, Profile, Severity
from feedservice.service import collect as collecting
from feedservice.service import workers
from feedservice.service.collect import Collected, Progress
from feedservice.service.shelf import Shelved, Spans
from feedservice.service.workers import Order, Rendered, ToRender, Workers

PREVIEWED = 20
"""Entries that the page of a feed shows in full: people look at the newest."""

_TOLD = timedelta(days=30)
"""How long a feed says that an entry was taken back: readers that poll once a month hear of it."""
_MOST_TOLD = 50

Linked = tuple[tuple[str, str | None], ...]


class ChangedError(Exception):
    """A post changed between being read and being rendered, or is none because it cannot be rendered: the pass begins anew."""


class DamagedError(Exception):
    """A document that entries were to be taken from is not what was written: they have to be rendered again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One feed to make."""

    spec: FeedSpec
    window: Sequence[Named]
    """The entries that its subscription document has room for, newest first."""
    keys: Sequence[str] = ()
    """For each of these, the hash of everything that its bytes depend on; empty when nothing is remembered."""
    before: Shelved | None = None
    """How it was made last."""
    spans: Spans | None = None
    """Entries that can be used again."""
    said: datetime | None = None
    """When it said that it was updated, as far as that is known without ``before``."""
    withdrawn: Sequence[Entry] = ()
    """What readers had and is out no more, the newest first."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What a page shows of an entry."""

    html: str
    summary: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One feed in every format, and what its own checks and its entries' rendering found."""

    spec: FeedSpec
    head: FeedHead
    documents: tuple[Document, ...]
    total: int
    """Entries of the feed."""
    fitted: int
    """Entries of the window that the documents have room for."""
    entries: tuple[Entry, ...]
    """The newest ``PREVIEWED`` of them with their text; empty when there are no pages."""
    window: tuple[Named, ...]
    """Those that are in the documents, in their order."""
    members: tuple[Named, ...]
    """All entries of the feed, newest first, in this document or not."""
    history: Membership | None
    """The feed's archives, when it keeps any."""
    noted: Mapping[str, tuple[Problem, ...]]
    """Path of a post → what rendering it found."""
    linked: Mapping[str, Linked]
    """Path of a post → the posts that it links to by their files."""
    found: tuple[Problem, ...]
    """What assembling found."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return everything that was found."""
        return (*(problem for found in self.noted.values() for problem in found), *self.found)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the feeds of a pass have in common."""

    now: datetime
    stylesheet: str | None = None
    """URL of the CSS that XML documents name."""
    pages: bool = False
    """The newest entries are wanted with their texts."""
    histories: Mapping[str, Membership] | None = None
    """Archives by feed key; each of these feeds comes with its archives as they have to be now."""
    texts: Mapping[str, Text] = dataclasses.field(default_factory=dict)
    """Path → text of entries that need not be rendered for a page."""
    clean: dict[str, Clean] = dataclasses.field(default_factory=dict)
    """What documents that are made know of entries without problems, for the next ones: it grows."""


def profile_of(spec: FeedSpec, config: Config) -> Profile:
    """Return all that a feed decides about the bytes of its entries."""
    return entries.profile(spec, podcast=assemble.podcast(spec, config) is not None)


def make(
    collected: Collected,
    feeds: Sequence[Wanted],
    formats: Sequence[str],
    pool: Workers,
    progress: Progress,
    settings: Settings,
) -> Iterator[tuple[Made, Mapping[str, Rendered]]]:
    """Yield the feeds in order, each with those of its entries that were rendered for it or for one before it.

    Raises ``ChangedError`` when a post is no longer what was read, ``DamagedError`` when a file is not what was written.
    """
    config = collected.config
    profiles = {each.spec.key: profile_of(each.spec, config) for each in feeds}
    orders = _orders(collected, feeds, profiles, formats, settings)
    ordered = {order.post.path for order in orders}
    uses = Counter(each.post.path for feed in feeds for each in feed.window if each.post.path in ordered)
    rendered = _rendered(collected, orders, formats, pool)
    oldest = collected.roster.out[-1].post.published if collected.roster.out else assemble.EPOCH
    ready: dict[str, Rendered] = {}
    for number, feed in enumerate(feeds):
        paths = [each.post.path for each in feed.window]
        for path in paths:
            while path in ordered and path not in ready:
                made = next(rendered)
                if made.changed:
                    raise ChangedError(made.path)
                ready[made.path] = made
        parts = {name: list(_parts(feed, name, ready, profiles[feed.spec.key])) for name in formats}
        texts = list(_texts(feed, ready, settings, collected)) if settings.pages else []
        noted, linked = _notes(feed, ready)
        usable = dataclasses.replace(feed, withdrawn=withdrawn(collected, feed.spec.key))
        document = _feed(
            usable, collected.members(feed.spec.key), parts, texts=texts, config=config, oldest=oldest, settings=settings
        )
        yield dataclasses.replace(document, noted=noted, linked=linked), ready
        for path in paths:
            if path in ordered:
                uses[path] -= 1
                if not uses[path]:
                    del ready[path]
        progress("writing feeds", number + 1, len(feeds))


def fragments(collected: Collected, wanted: Mapping[str, Profile], formats: Sequence[str], pool: Workers) -> Iterator[Rendered]:
    """Yield the entries of the posts with the given paths, each in one profile. Raises ``ChangedError``."""
    everyone = collected.roster.everyone
    orders = [order_of(collected, everyone[path], (profile,)) for path, profile in wanted.items() if path in everyone]
    for made in _rendered(collected, orders, formats, pool):
        if made.changed:
            raise ChangedError(made.path)
        yield made


def every_problem(collected: Collected, paths: Collection[str], pool: Workers, progress: Progress) -> Iterator[Problem]:
    """Yield what rendering the given posts finds, for those that no feed shows."""
    everyone = collected.roster.everyone
    orders = [order_of(collected, everyone[path], ()) for path in paths if path in everyone]
    for done, made in enumerate(_rendered(collected, orders, (), pool), 1):
        yield from made.problems
        progress("checking posts", done, len(orders))


def _orders(
    collected: Collected,
    feeds: Sequence[Wanted],
    profiles: Mapping[str, Profile],
    formats: Sequence[str],
    settings: Settings,
) -> list[Order]:
    """Return what has to be rendered, each entry once, in the order in which the feeds need them."""
    wanted: dict[str, dict[Profile, None]] = {}
    shown: set[str] = set()
    named: dict[str, Named] = {}
    for feed in feeds:
        for at, each in enumerate(feed.window):
            path = each.post.path
            named[path] = each
            if feed.spans is None or not feed.spans.has(each.id, feed.keys[at], formats):
                wanted.setdefault(path, {})[profiles[feed.spec.key]] = None
            if settings.pages and at < PREVIEWED and path not in settings.texts:
                wanted.setdefault(path, {})
                shown.add(path)
    return [order_of(collected, named[path], tuple(needed), shown=path in shown) for path, needed in wanted.items()]


def _parts(feed: Wanted, name: str, ready: Mapping[str, Rendered], profile: Profile) -> Iterator[Fragment]:
    for at, each in enumerate(feed.window):
        made = ready.get(each.post.path)
        part = made.fragments.get((profile, name)) if made is not None else None
        if part is None and feed.spans is not None:
            part = feed.spans.fragment(each.id, feed.keys[at], name)
        if part is None:
            raise DamagedError(feed.spec.key)
        yield part


def _texts(feed: Wanted, ready: Mapping[str, Rendered], settings: Settings, collected: Collected) -> Iterator[Entry]:
    for each in feed.window[:PREVIEWED]:
        path = each.post.path
        made = ready.get(path)
        if made is not None and made.entry is not None:
            yield made.entry
        elif path in settings.texts:
            text = settings.texts[path]
            yield entries.entry(each, html=text.html, summary=text.summary, config=collected.config, plan=collected.plan)


def _notes(feed: Wanted, ready: Mapping[str, Rendered]) -> tuple[dict[str, tuple[Problem, ...]], dict[str, Linked]]:
    noted: dict[str, tuple[Problem, ...]] = {}
    linked: dict[str, Linked] = {}
    for each in feed.window:
        path = each.post.path
        if path in ready:
            problems, links = ready[path].problems, ready[path].linked
        else:
            problems = feed.before.noted.get(path, ()) if feed.before is not None else ()
            links = feed.before.linked.get(path, ()) if feed.before is not None else ()
        if problems:
            noted[path] = problems
        if links:
            linked[path] = links
    return noted, linked


def _feed(
    feed: Wanted,
    members: Sequence[Named],
    parts: Mapping[str, Sequence[Fragment]],
    *,
    texts: Sequence[Entry],
    config: Config,
    oldest: datetime,
    settings: Settings,
) -> Made:
    spec = feed.spec

    def headed(window: Sequence[Named], members: Sequence[Named]) -> tuple[FeedHead, Membership | None]:
        return _head(feed, window, members, config, oldest, settings)

    shown = assemble.fitting(parts, config.feeds.max_bytes)
    window, parts = feed.window[:shown], {name: fragments[:shown] for name, fragments in parts.items()}
    head, grown = headed(window, members)
    documents, found = _documents(head, parts, settings.clean)
    refused: list[Problem] = []
    if _errors(found):
        # One bad entry must not cost a feed the others: each is tried alone, and what fails alone is left out. When that does
        # not help, the fault is not theirs, and the documents that have it are withheld as they are.
        alone = [
            _errors(_documents(head, {name: part[at : at + 1] for name, part in parts.items()}, {})[1]) for at in range(shown)
        ]
        kept = [at for at in range(shown) if not alone[at]]
        bad = {window[at].id for at in range(shown) if alone[at]}
        others = [each for each in members if each.id not in bad]
        rest, regrown = headed([window[at] for at in kept], others)
        good, left = _documents(rest, {name: [part[at] for at in kept] for name, part in parts.items()}, {})
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
        fitted=shown,
        entries=tuple(entry for entry in texts if entry.id in present),
        window=tuple(window),
        members=tuple(members),
        history=grown,
        noted={},
        linked={},
        found=(*refused, *found, *assemble.shortened(spec, parts, len(members), config.feeds.max_bytes)),
    )


def _head(
    feed: Wanted, window: Sequence[Named], members: Sequence[Named], config: Config, oldest: datetime, settings: Settings
) -> tuple[FeedHead, Membership | None]:
    """Return the head of a subscription document, and the feed's archives with what this pass seals."""
    head = assemble.head(feed.spec, window, config, epoch=oldest)
    # The notice of a feed that has ended comes after its entries.
    newest = max([head.updated, *(each.updated for each in feed.withdrawn)]) + timedelta(seconds=int(feed.spec.retired))
    head = dataclasses.replace(head, withdrawn=tuple(feed.withdrawn), notices=config.feeds.notices)
    updated = freshness.updated(
        newest,
        before=feed.before.updated if feed.before is not None else feed.said,
        taken_back=feed.before is not None and freshness.taken_back(feed.before.ids, window, members),
        now=settings.now,
    )
    head = dataclasses.replace(head, stylesheet=settings.stylesheet, updated=updated)
    base = feeds_base(config)
    history = None if settings.histories is None else settings.histories.get(feed.spec.key)
    if history is not None:
        shown = [each.id for each in window]
        live = [each.id for each in reversed(members)]
        history = archives.extend(history, live, shown, size=max(2, len(shown)))
        return archives.subscription_head(head, history, base=base, newest=archives.linked(history, live, shown)), history
    # Without archives nothing can be said of a feed that has more than it shows.
    return (archives.subscription_head(head, Membership(), base=base) if len(window) == len(members) else head), None


def withdrawn(collected: Collected, key: str) -> tuple[Entry, ...]:
    """Return the entries that readers of a feed had, and that are out no more: they are told so for a while (RFC 6721)."""
    served = collected.served.get(key)
    if served is None:
        return ()
    roster, rows = collected.roster, collected.identified.rows
    gone: dict[str, Row] = {}
    for name in dict.fromkeys([*(each.id for each in served.entries), *served.withdrawn]):
        row = rows.get(name)
        here = roster.everyone.get(row.path) if row is not None else None
        if row is not None and (here is None or here.id != name or row.path in roster.held):
            gone[name] = row
    if gone:
        # Those that only moved are out under another path.
        for each in roster.out:
            gone.pop(each.id, None)
    found = [
        entries.tombstone(row, when, collected.config)
        for row in gone.values()
        if collected.now - (when := (row.withdrawn or collected.now).replace(microsecond=0)) < _TOLD
    ]
    return tuple(sorted(found, key=lambda each: (each.updated, each.id), reverse=True)[:_MOST_TOLD])


def _documents(
    head: FeedHead, parts: Mapping[str, Sequence[Fragment]], clean: dict[str, Clean]
) -> tuple[tuple[Document, ...], list[Problem]]:
    documents = tuple(assemble.document(head, name, fragments) for name, fragments in parts.items())
    problems: list[Problem] = []
    for document in documents:
        looked = lint.look(document, clean)
        problems += looked.problems
        clean.update(looked.clean)
    return documents, problems


def _errors(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def _rendered(collected: Collected, orders: Sequence[Order], formats: Sequence[str], pool: Workers) -> Iterator[Rendered]:
    """Yield every entry that was ordered, in order. Raises ``ChangedError`` when one cannot be rendered, once all are known."""
    failed = ""
    ordered = iter(orders)
    for made in pool.map(workers.render_batch, _batches(collected, orders, formats)):
        for each in made:
            digest = next(ordered).post.digest
            if each.failed:
                failed = each.path
                pool.fatal[digest] = each.problems[0]
            elif not failed:
                yield each
    if failed:
        raise ChangedError(failed)


def order_of(collected: Collected, named: Named, profiles: Sequence[Profile], *, shown: bool = False) -> Order:
    """Return what a worker needs to render an entry."""
    entry = entries.entry(named, html="", summary="", config=collected.config, plan=collected.plan)
    return Order(file=collected.files[named.post.path].file, post=named.post, entry=entry, profiles=profiles, shown=shown)


def _batches(collected: Collected, orders: Sequence[Order], formats: Sequence[str]) -> Iterator[ToRender]:
    context = dataclasses.replace(collected.context, files={}, first_seen={}, zones={})
    refers = collected.refers
    urls: Mapping[str, str] = collecting.post_urls(collected) if any(order.post.path in refers for order in orders) else {}
    size = workers.BATCH // 4
    for start in range(0, len(orders), size):
        batch = orders[start : start + size]
        needed = any(order.post.path in refers for order in batch)
        yield ToRender(orders=batch, formats=formats, context=context, post_urls=urls if needed else {})
