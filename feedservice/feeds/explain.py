"""Why a post is in a feed, or is not: for every feed one sentence, from what selection would do and what is remembered."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from feedservice import dates
from feedservice.config.schema import Config, Rule
from feedservice.config.sections import seconds
from feedservice.feeds import selection
from feedservice.feeds.difference import Served
from feedservice.feeds.identity import Named
from feedservice.feeds.ledger import Row
from feedservice.feeds.selection import Reason
from feedservice.model import FeedKind, FeedSpec
from feedservice.taxonomy import identity

_NO_ROOM = "older than what the document has room for (feeds.max_bytes)"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of all feeds at one instant."""

    config: Config
    now: datetime
    members: Mapping[str, Sequence[Named]]
    """Feed key → all its entries, newest first."""
    windows: Mapping[str, Sequence[Named]]
    """Feed key → those that it shows."""
    late: Mapping[str, Mapping[str, datetime]]
    served: Mapping[str, Served]
    held: Mapping[str, Sequence[str]]
    """Feed key → why the guard holds it."""
    rejected: Mapping[str, Collection[str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How a post stands with one feed."""

    feed: str
    shown: bool
    """The feed would show it now."""
    near: bool
    """The feed is of a kind that could: its category, its tag, or all posts. The others are of no interest to most people."""
    why: str


def absence(post: Named, config: Config, now: datetime) -> str | None:
    """Return why a post is in no feed at all at ``now``, or None when it is out."""
    reason = selection.verdict(post.post, config, now, post.appeared)
    return None if reason is None else _absence(reason, post, config, now)


def _absence(reason: Reason, post: Named, config: Config, now: datetime) -> str:
    zone = post.post.zone
    waits = (post.appeared or now) + selection.hold_back(post.post, config)
    rule = next((rule for rule in config.content.exclude if selection.matches(rule, post.post, config)), {})
    return {
        Reason.DRAFT: "it is a draft",
        Reason.NO_FEED: "its front matter says `feed: false`",
        Reason.FUTURE: f"its time has not come: {moment(post.post.published, zone)}",
        Reason.HOLD_BACK: f"it is new, and held back until {moment(waits, zone)}",
        Reason.EXPIRED: f"it has expired: {moment(post.post.expires or now, zone)}",
        Reason.EXCLUDED: f"a rule of content.exclude matches it: {_rule(rule)}",
    }[reason]


def early(post: Named, row: Row | None, now: datetime) -> bool:
    """Tell whether a post is out before its time: a clock that was ahead published it, and what is out stays."""
    return row is not None and row.out is not None and row.withdrawn is None and post.post.published > now


def moment(instant: datetime, zone: str) -> str:
    """Return an instant in a zone, and in UTC where that is another; the name of the zone where the offset does not say it."""
    there, utc = dates.rfc3339(instant, zone), dates.rfc3339(instant, "UTC")
    aside = [] if there == utc else [utc] if there.endswith(zone) else [zone, utc]
    return f"{there} ({'; '.join(aside)})" if aside else there


def place(post: Named, spec: FeedSpec, known: Known) -> Place:
    """Return how a post that is out stands with a feed."""
    members, window = known.members.get(spec.key, ()), known.windows.get(spec.key, ())
    rank = next((at for at, each in enumerate(members, 1) if each.id == post.id), None)
    shown = any(each.id == post.id for each in window)
    refused = post.id in known.rejected.get(spec.key, ())
    if rank is None and not refused:
        reason, near = _not_for(post, spec, known.config)
        return Place(feed=spec.key, shown=False, near=near, why=reason)
    why = "it was rejected for this feed" if refused or rank is None else _ranked(post, spec, known, rank, shown=shown)
    labels = _folded(post, spec, known.config)
    if labels:
        why += f"; {labels}"
    if spec.key in known.held:
        had = spec.key in known.served and any(each.id == post.id for each in known.served[spec.key].entries)
        why += f"; but the feed is held, and readers have the last one, {'with' if had else 'without'} it"
    return Place(feed=spec.key, shown=shown, near=True, why=why)


def _ranked(post: Named, spec: FeedSpec, known: Known, rank: int, *, shown: bool) -> str:
    size = spec.window
    if not shown:
        if rank <= size:
            served = known.served.get(spec.key)
            behind = "older than what was withdrawn from the feed" if served and served.withdrawn else _NO_ROOM
            return f"rank {rank} of a window of {size}, and {behind}: nothing old comes back"
        return f"rank {rank} of a window of {size}"
    since = known.late.get(spec.key, {}).get(post.id)
    if since is None:
        return f"rank {rank} of a window of {size}"
    until = since + timedelta(seconds=seconds(known.config.feeds.late))
    return f"rank {rank} of a window of {size}, and shown until {moment(until, known.config.site.timezone)} because it came late"


def _not_for(post: Named, spec: FeedSpec, config: Config) -> tuple[str, bool]:
    only = post.post.feeds
    if only is not None and spec.key not in only:
        return f"its front matter names other feeds only: {', '.join(only)}", True
    if spec.kind is FeedKind.QUERY:
        return _query(post, spec, config), True
    own: dict[FeedKind, tuple[str, Sequence[str]]] = {
        FeedKind.CATEGORY: ("categories", post.post.categories),
        FeedKind.CATEGORY_LANGUAGE: ("categories", post.post.categories),
        FeedKind.TAG: ("tags", post.post.tags),
        FeedKind.AUTHOR: ("authors", selection.author_names(post.post, config)),
        FeedKind.LANGUAGE: ("languages", [selection.language_of(post.post, config)]),
        FeedKind.ALL: ("feeds", ()),
    }
    what, labels = own[spec.kind]
    return f"its {what} are others: {', '.join(labels) or 'none'}", False


def _query(post: Named, spec: FeedSpec, config: Config) -> str:
    query = next(query for query in config.feeds.define if query.key == spec.key)
    excluded = next((rule for rule in query.exclude if selection.matches(rule, post.post, config)), None)
    if excluded is not None:
        return f"a rule of its exclude matches: {_rule(excluded)}"
    return f"no rule of its include matches: {'; '.join(map(_rule, query.include))}"


def _folded(post: Named, spec: FeedSpec, config: Config) -> str:
    """Tell when the post writes its category otherwise than the feed does."""
    if spec.kind not in {FeedKind.CATEGORY, FeedKind.CATEGORY_LANGUAGE}:
        return ""
    aliases = selection.category_aliases(config)
    typed = selection.category_keys(post.post, aliases).get(spec.term)
    return f"its category is written {typed!r}, which is this one" if typed and identity(typed) != typed.casefold() else ""


def _rule(rule: Rule) -> str:
    return ", ".join(f"{key}: {value}" for key, value in rule.items())


def memory(row: Row | None, zone: str) -> dict[str, str]:
    """Return what the ledger says of a post, for people: what → sentence."""
    if row is None:
        return {"id": "it has none yet: it was never seen"}
    told = {"id": f"{row.id} ({_origin(row)})"}
    if row.claim is not None:
        told["also"] = f"its front matter says {row.claim}; readers know it by the first"
    told["first seen"] = moment(row.first_seen, zone)
    told["out since"] = moment(row.out, zone) if row.out is not None else "it never was"
    if row.published is not None:
        told["published"] = moment(row.published, zone)
        if row.date is not None and row.date != row.published:
            told["dated now"] = f"{moment(row.date, zone)}; readers keep the date that it was published with"
    for what, instant in (("updated", row.updated), ("withdrawn", row.withdrawn), ("gone", row.gone), ("broken", row.broken)):
        if instant is not None:
            told[what] = moment(instant, zone)
    return told


def _origin(row: Row) -> str:
    if row.origin == "author":
        return "from its front matter"
    return row.origin if row.origin.startswith("adopted") else f"made by the scheme {row.origin} when it was first seen"
