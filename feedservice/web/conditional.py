"""What a feed's URL answers: (method, header fields, resource) → status, header fields, which body. No socket, no clock.

The order of decisions is that of RFC 9110 §13.2: what would fail anyway (405, 406), then If-Match and
If-Unmodified-Since (412), then If-None-Match or, only in its absence, If-Modified-Since (304), then a delta (226), then 200.
``docs/http.md`` says the same to operators.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from feedservice.dates import http_date, parse_http_date
from feedservice.model import Document
from feedservice.web import delta, negotiation
from feedservice.web.fields import Fields, combined, weighted
from feedservice.web.negotiation import IDENTITY, Acceptance, Variant

ALLOW = "GET, HEAD, OPTIONS"
FLOOR = 5
"""Shortest max-age of a feed whose next change is near, in seconds."""

_YEAR = 365 * 24 * 3600
_EXPOSED = "Date, Delta-Base, ETag, IM, Link, Retry-After"
_FEED = "feed"
_TAG = re.compile(r'([Ww]/)?"([^"]*)"|([^\s,"]+)')
_SUFFIX = re.compile(r"(.+?)(?:--|[-;:])(gzip|br|zstd|deflate)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The current representation of one URL, in all its codings."""

    media_type: str
    """With its charset, as Content-Type has it."""
    last_modified: datetime
    variants: Mapping[str, Variant]
    """Coding → variant; always with ``identity``."""
    poll_interval: int
    """How long an answer stays fresh when no change is due, in seconds."""
    next_change: datetime | None = None
    """When the next scheduled post (or expiry) will change the feed."""
    immutable: bool = False
    """An archive that keeps its membership: fresh for a year."""
    links: tuple[str, ...] = ()
    """Ready values for Link (RFC 8288), in order."""
    browser_type: str | None = "application/xml; charset=utf-8"
    """Content-Type for a browser's own navigation; None where caches must not vary, and for JSON."""
    document: Document | None = None
    """What deltas are cut from; None where there are no deltas."""

    def __post_init__(self) -> None:
        """Refuse what no publisher may build: a naive date, no plain variant."""
        if self.last_modified.tzinfo is not UTC:
            raise ValueError(f"last_modified must be in datetime.UTC, got {self.last_modified!r}")
        if IDENTITY not in self.variants:
            raise ValueError(f"variants must have identity, got {sorted(self.variants)}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in a stable order."""
    coding: str | None = None
    """Coding of the prepared body to send; None when the answer has no prepared body."""
    delta: delta.DeltaPlan | None = None
    """The body to cut (``delta.body``); None when there is none."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EntityTag:
    """One member of If-Match or If-None-Match."""

    opaque: str
    weak: bool


def answer(
    method: str,
    fields: Fields,
    resource: Resource,
    *,
    versions: Mapping[str, delta.Version],
    now: datetime,
) -> Answer:
    """Decide the answer to a request for a resource.

    ``fields``: the request's header fields; any text is allowed. ``versions``: remembered older versions by hash
    (``Version.etag``), for deltas. ``now``: the instant of the answer, in UTC; it becomes Date.
    """
    if method == "OPTIONS":
        return _options(now)
    if method not in {"GET", "HEAD"}:
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, now, ("allow", ALLOW))
    lines = tuple(fields)
    accepted = negotiation.acceptance(combined(lines, "accept-encoding"))
    chosen = negotiation.choose(accepted, resource.variants)
    if chosen is None:
        return refusal(HTTPStatus.NOT_ACCEPTABLE, now, ("vary", _vary(resource)))
    if _precondition_fails(lines, resource, accepted):
        return refusal(HTTPStatus.PRECONDITION_FAILED, now, ("vary", _vary(resource)))
    current = _current_variant(lines, resource, accepted, chosen, now)
    if current is not None:
        return _not_modified(resource, current, now)
    plan = _delta_plan(lines, resource, accepted, chosen=chosen, versions=versions)
    full = _delta(lines, resource, plan, now) if plan is not None else _whole(lines, resource, chosen, now)
    return full if method == "GET" else dataclasses.replace(full, coding=None, delta=None)


def max_age(poll_interval: int, next_change: datetime | None, now: datetime) -> int:
    """Say how long an answer stays fresh, in seconds: the poll interval, or less when a change comes sooner.

    Never below ``FLOOR`` (a change may be a little late, and nobody should spin), unless the interval itself is shorter;
    never negative. Readers take it as the delay to their next visit.
    """
    interval = max(0, poll_interval)
    if next_change is None:
        return interval
    return min(interval, max(FLOOR, math.ceil((next_change - now).total_seconds())))


def entity_tags(value: str) -> tuple[EntityTag, ...]:
    """Read the tags of a combined If-Match or If-None-Match value, in order (RFC 9110 §8.8.3).

    Tags whose quotes were lost and ``w/`` are understood; ``*`` is no tag.
    """
    return tuple(
        EntityTag(opaque=match[2] if match[3] is None else match[3], weak=match[1] is not None)
        for match in _TAG.finditer(value)
        if match[3] != "*"
    )


def refusal(status: int, now: datetime, *fields: tuple[str, str]) -> Answer:
    """Make an answer without a body; ``fields`` are added to what every answer has."""
    return Answer(
        status=int(status),
        headers=(("date", http_date(now)), *fields, ("content-length", "0"), *_cross_origin()),
    )


def too_many(retry_after: int, now: datetime) -> Answer:
    """429 for a poller that should come later: after ``retry_after`` seconds (RFC 6585 §4)."""
    return refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        now,
        ("retry-after", str(retry_after)),
        ("cache-control", "no-store"),
    )


def _options(now: datetime) -> Answer:
    return Answer(
        status=HTTPStatus.NO_CONTENT.value,
        headers=(
            ("date", http_date(now)),
            ("allow", ALLOW),
            ("access-control-allow-methods", ALLOW),
            ("access-control-allow-headers", "A-IM, Cache-Control, If-Modified-Since, If-None-Match"),
            ("access-control-max-age", "86400"),
            *_cross_origin(),
        ),
    )


def _cross_origin() -> tuple[tuple[str, str], ...]:
    return (("access-control-allow-origin", "*"), ("access-control-expose-headers", _EXPOSED))


def _precondition_fails(lines: Fields, resource: Resource, accepted: Acceptance) -> bool:
    """If-Match, or in its absence If-Unmodified-Since (RFC 9110 §13.1.1, §13.1.4)."""
    wanted = combined(lines, "if-match")
    if wanted is not None:
        if wanted.strip() == "*":
            return False
        strong = {f'"{tag.opaque}"' for tag in entity_tags(wanted) if not tag.weak}
        return not any(variant.etag in strong for variant in _acceptable(resource, accepted))
    since = _date(lines, "if-unmodified-since")
    return since is not None and _whole_seconds(resource.last_modified) > since


def _current_variant(lines: Fields, resource: Resource, accepted: Acceptance, chosen: Variant, now: datetime) -> Variant | None:
    """Find the variant that the client already holds; None when it needs a body (RFC 9110 §13.1.2, §13.1.3)."""
    held = combined(lines, "if-none-match")
    if held is not None:
        return chosen if held.strip() == "*" else _held_variant(held, resource, accepted, chosen)
    since = _date(lines, "if-modified-since")
    # A date that has not come yet says nothing about what the client holds: its clock is wrong.
    known = since is not None and _whole_seconds(resource.last_modified) <= since <= now
    return chosen if known else None


def _held_variant(held: str, resource: Resource, accepted: Acceptance, chosen: Variant) -> Variant | None:
    """Weak comparison of each tag's hash, provided that the tag's coding is one the client accepts now.

    A tag of an acceptable coding that would not have been the choice selects that coding: its holder needs nothing new,
    and a shared cache is told about the very response it has stored.
    """
    digest = _digest(resource)
    found: Variant | None = None
    for tag in entity_tags(held):
        base, coding = _split(tag.opaque)
        if base != digest or not negotiation.weight(accepted, coding):
            continue
        if coding == chosen.coding:
            return chosen
        found = found or resource.variants.get(coding, chosen)
    return found


def _split(opaque: str) -> tuple[str, str]:
    """Divide a tag into hash and coding; suffixes are ours (``-gzip``) or added by proxies (``--gzip``, ``;br``)."""
    match = _SUFFIX.fullmatch(opaque)
    return (match[1], match[2]) if match is not None else (opaque, IDENTITY)


def _digest(resource: Resource) -> str:
    return resource.variants[IDENTITY].etag.strip('"')


def _delta_plan(
    lines: Fields,
    resource: Resource,
    accepted: Acceptance,
    *,
    chosen: Variant,
    versions: Mapping[str, delta.Version],
) -> delta.DeltaPlan | None:
    """Plan a delta if the client asks for one, its version is remembered, and it saves bytes against the chosen coding."""
    if resource.document is None or not _asks_for_feed(lines) or not negotiation.weight(accepted, IDENTITY):
        return None
    base = _base(lines, versions)
    plan = None if base is None else delta.plan(resource.document, base)
    return plan if plan is not None and plan.length < chosen.length else None


def _asks_for_feed(lines: Fields) -> bool:
    wishes = dict(weighted(combined(lines, "a-im") or ""))
    return wishes.get(_FEED, 0) > 0 and wishes[_FEED] >= wishes.get(IDENTITY, 0)


def _base(lines: Fields, versions: Mapping[str, delta.Version]) -> delta.Version | None:
    """Find the version that the client has: by its tag or, without one, by the exact date of a single remembered one."""
    held = combined(lines, "if-none-match")
    if held is not None:
        hashes = (_split(tag.opaque)[0] for tag in entity_tags(held))
        return next((versions[digest] for digest in hashes if digest in versions), None)
    since = _date(lines, "if-modified-since")
    if since is None:
        return None
    dated = [version for version in versions.values() if _whole_seconds(version.last_modified) == since]
    return dated[0] if len(dated) == 1 else None


def _acceptable(resource: Resource, accepted: Acceptance) -> Iterable[Variant]:
    return (variant for variant in resource.variants.values() if negotiation.weight(accepted, variant.coding))


def _date(lines: Fields, name: str) -> datetime | None:
    text = combined(lines, name)
    return None if text is None else parse_http_date(text)


def _whole_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _not_modified(resource: Resource, current: Variant, now: datetime) -> Answer:
    """304 with what the 200 would have said of freshness, and nothing of the body (RFC 9110 §15.4.5)."""
    return Answer(
        status=HTTPStatus.NOT_MODIFIED.value,
        headers=(
            ("date", http_date(now)),
            ("etag", current.etag),
            ("cache-control", _cache_control(resource, now)),
            ("vary", _vary(resource)),
            *_cross_origin(),
        ),
    )


def _whole(lines: Fields, resource: Resource, chosen: Variant, now: datetime) -> Answer:
    encoding = () if chosen.coding == IDENTITY else (("content-encoding", chosen.coding),)
    return Answer(
        status=HTTPStatus.OK.value,
        headers=(
            ("date", http_date(now)),
            ("content-type", _content_type(lines, resource)),
            ("content-length", str(chosen.length)),
            *encoding,
            ("etag", chosen.etag),
            *_dated(resource, now),
            ("cache-control", _cache_control(resource, now)),
            ("vary", _vary(resource)),
            *_common(resource.links),
        ),
        coding=chosen.coding,
    )


def _dated(resource: Resource, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return Last-Modified; nothing as long as that lies ahead, which it may not be sent as (RFC 9110 §8.8.2.1).

    It does for a moment when a version takes the place of another within a second. Sent as of now, both would have one date, and
    whoever goes by dates would take the second for the first.
    """
    return (("last-modified", http_date(resource.last_modified)),) if resource.last_modified <= now else ()


def _delta(lines: Fields, resource: Resource, plan: delta.DeltaPlan, now: datetime) -> Answer:
    """226, not to be stored by a cache that does not know what ``im`` means (RFC 3229 §10.4.1, §10.8.3)."""
    return Answer(
        status=HTTPStatus.IM_USED.value,
        headers=(
            ("date", http_date(now)),
            ("content-type", _content_type(lines, resource)),
            ("content-length", str(plan.length)),
            ("etag", resource.variants[IDENTITY].etag),
            *_dated(resource, now),
            ("cache-control", f"no-store, im, max-age={_freshness(resource, now)}"),
            ("vary", f"{_vary(resource)}, If-None-Match, If-Modified-Since"),
            ("im", _FEED),
            ("delta-base", negotiation.entity_tag(plan.base, IDENTITY)),
            *_common(resource.links),
        ),
        delta=plan,
    )


def _common(links: Sequence[str]) -> tuple[tuple[str, str], ...]:
    # One line for all links: clients that look at the first line of a field only still see every one.
    link = (("link", ", ".join(links)),) if links else ()
    return (*link, ("accept-ranges", "none"), ("x-content-type-options", "nosniff"), *_cross_origin())


def _content_type(lines: Fields, resource: Resource) -> str:
    navigates = (combined(lines, "sec-fetch-dest") or "").strip().lower() == "document"
    return resource.browser_type if navigates and resource.browser_type is not None else resource.media_type


def _vary(resource: Resource) -> str:
    """Name what answers depend on: the same for every answer of a resource but 226 (RFC 9110 §12.5.5)."""
    names = ["Accept-Encoding"]
    if resource.browser_type is not None:
        names.append("Sec-Fetch-Dest")
    if resource.document is not None:
        names.append("A-IM")
    return ", ".join(names)


def _freshness(resource: Resource, now: datetime) -> int:
    return _YEAR if resource.immutable else max_age(resource.poll_interval, resource.next_change, now)


def _cache_control(resource: Resource, now: datetime) -> str:
    return f"public, max-age={_freshness(resource, now)}" + (", immutable" if resource.immutable else "")
