"""What a kind of delivery is: when one comes about, what request it makes, and how the answer is read.

Each kind is one module with three functions, and one row in ``announce.KINDS``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b

from feedservice.config.schema import Config
from feedservice.deliveries import Change, Delivery, EntryFacts, Lane, News, Notice, Outcome, Request
from feedservice.push import urls
from feedservice.push.outbox import SPAN, Reading
from feedservice.push.signing import Key

MAIN = "all"
"""Key of the feed that stands for the site."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How a target stands with a subject before more is added."""

    waiting: Delivery | None = None
    """Queued and not being sent; a newer delivery takes its place."""
    attempted_at: datetime | None = None


Place = tuple[str, str, str]
"""(kind, target, subject)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Something to be announced."""

    changes: tuple[Change, ...]
    """Of feeds that are announced; no first versions."""
    news: News
    notices: tuple[Notice, ...] = ()
    config: Config
    standings: Mapping[Place, Before] = dataclasses.field(default_factory=dict)
    former_hubs: tuple[str, ...] = ()
    """Hubs of others that feeds have named until now: this change is the last that they are told of (WebSub §6)."""
    now: datetime

    @property
    def published(self) -> tuple[EntryFacts, ...]:
        """New entries whose authors want them told."""
        return tuple(each for each in self.news.published if each.announce)

    def main(self, *formats: str) -> Change | None:
        """Return the document that stands for the site, in the first of these formats that it changed in."""
        found = {change.format: change for change in self.changes if change.feed == MAIN}
        wanted = next((found[name] for name in formats if name in found), None)
        return wanted or next(iter(found.values()), None) or next(iter(self.changes), None)

    def change_of(self, entry: str) -> Change | None:
        """Return a document that changed by an entry; the site's feed if it did."""
        touched = [each for each in self.changes if entry in {*each.new, *each.changed, *each.removed}]
        return min(touched, key=lambda each: each.feed != MAIN, default=None)

    def feeds_of(self, entry: str) -> frozenset[str]:
        """Return the keys of the feeds that changed by an entry."""
        return frozenset(each.feed for each in self.changes if entry in {*each.new, *each.changed, *each.removed})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a request needs that is not stored with its delivery: read anew for every attempt."""

    now: datetime
    keys: Mapping[str, tuple[Key, ...]] = dataclasses.field(default_factory=dict)
    """URL of a webhook → keys to sign with."""
    tokens: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """URL of a webhook → access token."""
    indexnow_key: str = ""
    indexnow_location: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The three functions of a kind."""

    plan: Callable[[Occasion], Sequence[Delivery]]
    """Deliveries that an occasion gives rise to."""
    request: Callable[[Delivery, Terms], Request]
    read: Callable[[Delivery, Outcome, datetime], Reading]
    places: Callable[[Occasion], Sequence[Place]] = lambda _: ()
    """What ``Occasion.standings`` must say before ``plan`` is called."""
    tells: bool = True
    """Somebody is told of a feed or a post: its end is remembered as an event."""
    patience: float = SPAN
    """Seconds after which a delivery is given up that cannot be tried, because its host is down."""


def delivery_id(*parts: str) -> str:
    """Return an id made from what makes a delivery one of its own."""
    return "msg_" + blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def queued(
    kind: str,
    target: str,
    payload: bytes,
    *,
    about: Change | None,
    now: datetime,
    subject: str = "",
    post: str = "",
    spacing: float = 0,
    due_at: datetime | None = None,
) -> Delivery:
    """Return a new delivery that waits until the document it is about is live."""
    topic, version = (about.topic, about.version) if about is not None else ("", 0)
    name = f"{now.isoformat()} {payload.hex()}" if not topic else f"{now.isoformat()} {version} {payload.hex()}"
    return Delivery(
        id=delivery_id(kind, target, subject, topic, post, name),
        kind=kind,
        target=target,
        host=urls.host_of(target),
        topic=topic,
        version=version,
        subject=subject,
        post=post,
        payload=payload,
        spacing=spacing,
        lane=Lane.FIRST,
        created_at=now,
        due_at=due_at or now,
    )
