"""(posts, feed, now) → the entries of a feed: who is in, in which order, and what changes next.

The clock enters the pure part of the house here and nowhere else, to hold back what is not due.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from feedservice import globs
from feedservice.config.schema import Config, QueryFeed, Rule, Scalar
from feedservice.config.sections import seconds
from feedservice.feeds.difference import Served
from feedservice.feeds.identity import Named
from feedservice.model import FeedKind, FeedSpec, Post
from feedservice.taxonomy import fold_key, identity


class Reason(enum.StrEnum):
    """Why a post is in no feed now."""

    DRAFT = "draft"
    FUTURE = "future"
    HOLD_BACK = "held back"
    EXPIRED = "expired"
    EXCLUDED = "excluded"
    NO_FEED = "feed: false"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The posts that are out now, newest first, and what is not out."""

    posts: tuple[Named, ...]
    held: Mapping[str, Reason]
    """Path → why not."""
    due: datetime | None
    """When the next post appears or expires by itself, UTC."""


def verdict(post: Post, config: Config, now: datetime, appeared: datetime | None = None) -> Reason | None:
    """Return why a post is in no feed at ``now``, or None when it is out; ``appeared`` is ``Named.appeared``."""
    if post.draft and not config.content.drafts:
        return Reason.DRAFT
    if post.feeds == ():
        return Reason.NO_FEED
    if any(matches(rule, post, config) for rule in config.content.exclude):
        return Reason.EXCLUDED
    if post.expires is not None and post.expires <= now:
        return Reason.EXPIRED
    if post.published > now and not config.content.future:
        return Reason.FUTURE
    waits = appeared is not None and appeared + hold_back(post, config) > now
    return Reason.HOLD_BACK if waits else None


def hold_back(post: Post, config: Config) -> timedelta:
    """Return how long a post is held back after it was first seen."""
    if config.feeds.hold_back == "0s" and not any(each and each.hold_back for each in config.feeds.categories.values()):
        return timedelta(0)
    delays = {identity(label): each.hold_back for label, each in config.feeds.categories.items() if each and each.hold_back}
    own = [delays[key] for key in category_keys(post, category_aliases(config)) if key in delays]
    return timedelta(seconds=max(map(seconds, own or [config.feeds.hold_back])))


def live(named: Iterable[Named], config: Config, now: datetime) -> Live:
    """Return what is out at ``now`` in the order of every feed: newest first, posts of one second by id."""
    out: list[Named] = []
    held: dict[str, Reason] = {}
    due: datetime | None = None
    for each in named:
        reason = verdict(each.post, config, now, each.appeared)
        if reason is None:
            out.append(each)
        else:
            held[each.post.path] = reason
        moment = each.post.published if reason is Reason.FUTURE else each.post.expires if reason is None else None
        if reason is Reason.HOLD_BACK and each.appeared is not None:
            moment = each.appeared + hold_back(each.post, config)
        if moment is not None and (due is None or moment < due):
            due = moment
    out.sort(key=lambda each: each.id)
    out.sort(key=lambda each: each.post.published, reverse=True)
    return Live(posts=tuple(out), held=held, due=due)


def select(
    posts: Sequence[Named], specs: Sequence[FeedSpec], config: Config, *, whole: bool = False
) -> dict[str, tuple[Named, ...]]:
    """Return feed key → its entries, newest first; a window of them, or with ``whole`` all. ``posts`` are ``Live.posts``."""
    queries = {query.key: query for query in config.feeds.define}
    aliases = category_aliases(config)
    groups: dict[tuple[FeedKind, str, str], list[FeedSpec]] = defaultdict(list)
    general: list[FeedSpec] = []
    for spec in specs:
        if spec.kind in {FeedKind.ALL, FeedKind.QUERY}:
            general.append(spec)
        else:
            groups[spec.kind, spec.term, spec.language_term].append(spec)
    chosen: dict[str, list[Named]] = {spec.key: [] for spec in specs}
    kinds = {kind for kind, _, _ in groups}
    for each in posts:
        post = each.post
        wanted = [spec for group in _groups(post, config, aliases, kinds) for spec in groups.get(group, ())]
        wanted += [spec for spec in general if spec.kind is FeedKind.ALL or in_query(queries[spec.key], post, config)]
        for spec in wanted:
            window = chosen[spec.key]
            if (whole or len(window) < spec.window) and (post.feeds is None or spec.key in post.feeds):
                window.append(each)
    return {key: tuple(window) for key, window in chosen.items()}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The entries of a subscription document, newest first."""

    entries: tuple[Named, ...]
    late: Mapping[str, datetime] = dataclasses.field(default_factory=dict)
    """Id → since when an entry is among them that there was no room for."""


def window(
    members: Sequence[Named],
    size: int,
    served: Served | None,
    fresh: Collection[str],
    *,
    now: datetime,
    stay: timedelta,
) -> Window:
    """Return what a feed shows of its ``members`` (newest first): the newest ``size``, what came late, and no old news.

    ``served`` is what its readers have, ``fresh`` are the ids of all posts that were not out when the feed last went out.

    - A post that comes late, or with many others, stands behind ``size`` newer ones before anybody saw it. It is
      shown all the same, where its date puts it, for as long as ``stay``; of these too at most ``size``.
    - When an entry is withdrawn, no older one comes back in its place: readers that never had it would take it for a new
      one. The window fills again from its newest end. One that readers had, and that was withdrawn, does come back; and one
      that comes to stand between those that they have, from another category say, is no older one.
    - A feed that showed all that it had has nothing old to come back: what is at its end came to it just now, from another
      category say. It is shown when it is not older than ``stay``.
    """
    base, late = list(members[:size]), dict[str, datetime]()
    if served is None:
        return Window(entries=tuple(base))
    had, before = {each.id for each in served.entries}, served.late
    if had and size <= served.window:
        known = had.union(fresh, served.withdrawn)
        first = _end_of(members, size, had.difference(before))
        rest: list[Named] = []
        for at, each in enumerate(base[first:]):
            if each.id not in known and not (served.whole and now - each.post.published < stay):
                continue
            if len(rest) < at:
                # Something old stands before it: it came late, and lets that in no more than if there were no room for it.
                late[each.id] = before.get(each.id, now)
            rest.append(each)
        base = [*base[:first], *rest]
    behind: list[Named] = []
    # All but a few of a large feed were out long ago.
    behind_it = [each for each in members[size:] if each.id in fresh or each.id in before]
    for each in behind_it if stay else ():
        since = before.get(each.id) if each.id in had else now if each.id in fresh else None
        if since is not None and now - since < stay and len(behind) < size:
            late[each.id] = since
            behind.append(each)
    return Window(entries=(*base, *behind), late=late)


def _end_of(members: Sequence[Named], size: int, had: Collection[str]) -> int:
    """Return how many of the first ``size`` stand before the last of those that readers ``had``: between these nothing is old."""
    last = max((at for at, each in enumerate(members[:size], 1) if each.id in had), default=0)
    pushed_out = set(had).difference(each.id for each in members[:size])
    return size if pushed_out and any(each.id in pushed_out for each in members[size:]) else last


def category_aliases(config: Config) -> dict[str, str]:
    """Return the identity of every other spelling (``aka``) → the identity of the category it is."""
    settings = config.feeds.categories.items()
    return {identity(other): identity(label) for label, setting in settings if setting for other in setting.aka}


def category_keys(post: Post, aliases: Mapping[str, str]) -> dict[str, str]:
    """Return the identities of a post's categories → the label that the post writes, in order."""
    keys: dict[str, str] = {}
    for label in post.categories:
        key = identity(label)
        keys.setdefault(aliases.get(key, key), label)
    return keys


def language_of(post: Post, config: Config) -> str:
    """Return the language a post is written in, lower case: its own, else the site's."""
    return (post.language or config.site.language).lower()


def author_names(post: Post, config: Config) -> list[str]:
    """Return the names of a post's authors: its own, else the site's."""
    if post.authors:
        return [person.name for person in post.authors]
    return [config.site.author.name] if config.site.author else []


def in_query(query: QueryFeed, post: Post, config: Config) -> bool:
    """Return whether a declared feed wants a post."""
    included = not query.include or any(matches(rule, post, config) for rule in query.include)
    return included and not any(matches(rule, post, config) for rule in query.exclude)


def matches(rule: Rule, post: Post, config: Config) -> bool:
    """Return whether every key of a rule matches the post; a list of values matches when one of them does."""
    return all(_matches(key, value if isinstance(value, list) else [value], post, config) for key, value in rule.items())


def _matches(key: str, wanted: Sequence[Scalar], post: Post, config: Config) -> bool:
    texts = [_text(value) for value in wanted]
    match fold_key(key):
        case "path":
            return any(globs.matches(text, post.path) for text in texts)
        case "category" | "categories":
            aliases = category_aliases(config)
            return bool({identity(text) for text in texts} & {*category_keys(post, aliases), *map(identity, post.categories)})
        case "tag" | "tags":
            return bool({identity(text) for text in texts} & {identity(tag) for tag in post.tags})
        case "author" | "authors":
            return bool({identity(text) for text in texts} & {identity(name) for name in author_names(post, config)})
        case "language" | "lang":
            own = language_of(post, config)
            return any(own == text.lower() or own.startswith(text.lower() + "-") for text in texts)
        case _:
            value = post.metadata.get(fold_key(key))
            values = value if isinstance(value, list) else [value]
            own_texts = {_text(each).strip().casefold() for each in values if isinstance(each, str | bool)}
            return bool(own_texts & {text.strip().casefold() for text in texts}) or (None in wanted and value is None)


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)


def _groups(
    post: Post, config: Config, aliases: Mapping[str, str], kinds: Collection[FeedKind]
) -> Iterator[tuple[FeedKind, str, str]]:
    """Yield what a post is grouped by, of these kinds: most sites have feeds of one or two."""
    if FeedKind.CATEGORY in kinds:
        yield from ((FeedKind.CATEGORY, key, "") for key in category_keys(post, aliases))
    if FeedKind.CATEGORY_LANGUAGE in kinds:
        language = language_of(post, config)
        yield from ((FeedKind.CATEGORY_LANGUAGE, key, language) for key in category_keys(post, aliases))
    if FeedKind.TAG in kinds:
        yield from ((FeedKind.TAG, key, "") for key in dict.fromkeys(map(identity, post.tags)))
    if FeedKind.AUTHOR in kinds:
        yield from ((FeedKind.AUTHOR, key, "") for key in dict.fromkeys(map(identity, author_names(post, config))))
    if FeedKind.LANGUAGE in kinds:
        yield (FeedKind.LANGUAGE, language_of(post, config), "")
