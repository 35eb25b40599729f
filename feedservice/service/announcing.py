"""What a pass published → what is added to the outbox, in the transaction that remembers the documents.

::

    documents before and after, who is out ─feeds.changes→ Change, News ─push.announce→ Announcement ─→ Store.publish

What was never announced before is the baseline: when announcing is turned on for a site that has a thousand posts, nobody is
told of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from feedservice.config.schema import Config
from feedservice.config.sections import seconds
from feedservice.deliveries import Announcement, Change, Delivery, EntryFacts, News, Notice, TopicVersion
from feedservice.feeds import changes, quoting
from feedservice.feeds.identity import Named
from feedservice.feeds.links import former_hubs, hub_urls, subscription_link
from feedservice.model import FeedSpec
from feedservice.push import announce, hub, webhooks
from feedservice.push.kinds import Before, Occasion
from feedservice.service.compress import SUFFIXES, is_gzip_of
from feedservice.store import DocumentRow
from feedservice.store.history import Event, What
from feedservice.store.outbox import Outbox

_NEWS = timedelta(days=1)
"""How old an event is at most that the operator is told of: a pass that was killed is made again, perhaps later."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A document that is other than before; None where there is none."""

    before: DocumentRow | None
    after: DocumentRow | None


def is_on(config: Config) -> bool:
    """Return whether anybody is ever told of anything."""
    settings = config.announce
    return bool(
        settings.websub.hub == "embedded"
        or settings.websub.hubs
        or settings.rsscloud == "on"
        or settings.microblog == "on"
        or settings.xmlrpc
        or settings.webhooks
        or settings.email.server
        or settings.indexnow.key_file
    )


def notices(events: Iterable[Event], specs: Iterable[FeedSpec], now: datetime) -> tuple[Notice, ...]:
    """Return what the operator is told of feeds: of each the last thing, unless it is old news."""
    urls = {spec.key: next(iter(spec.urls.values())) for spec in specs}
    last = {each.feed: each for each in events if each.what in {What.HELD, What.RELEASED} and now - each.at < _NEWS}
    return tuple(
        Notice(held=each.what is What.HELD, feed=each.feed, url=urls[each.feed], at=each.at, reasons=each.note)
        for each in last.values()
        if each.feed in urls
    )


class Announcer:
    """Plans what is announced of each pass. Reads the outbox and the files that the pass wrote; writes nothing."""

    def __init__(self, outbox: Outbox, root: Path) -> None:
        """``root`` is the output directory."""
        self._outbox = outbox
        self._root = root

    def plan(
        self,
        revisions: Sequence[Revision],
        specs: Iterable[FeedSpec],
        out: Iterable[Named],
        config: Config,
        now: datetime,
        events: Sequence[Event] = (),
    ) -> Announcement | None:
        """Return what is to be announced of a pass; ``out`` are the posts that are out, ``events`` what happened. None: nothing.

        Called after the files were written. Raises ``OSError`` when one of them is gone already, ``StoreError``.
        """
        if not is_on(config):
            return None
        feeds = tuple(specs)
        occasion, versions, retired = self._seen(revisions, feeds, out, config, now)
        occasion = dataclasses.replace(occasion, notices=notices(events, feeds, now))
        made = announce.announcement(occasion, versions, retired=tuple(retired))
        denials = [each for topic, moved in retired.items() if moved for each in self._denials(topic, moved, now)]
        return dataclasses.replace(made, deliveries=(*made.deliveries, *denials))

    def _denials(self, topic: str, moved: str, now: datetime) -> Iterator[Delivery]:
        """Yield what tells the subscribers of a topic that it has moved.

        Nothing comes to them there any more: told so (WebSub §5.2 lets a hub deny at any time), they look for the feed again.
        """
        for each in self._outbox.subscriptions(protocol=hub.PROTOCOL, topic=topic):
            if each.lease_end > now:
                nonce = f"{topic} {each.key.callback} {now.isoformat()}"
                yield hub.denial(each.key.callback, topic, f"the feed has moved to {moved}", nonce=nonce, now=now)

    def again(self, rows: Sequence[DocumentRow], config: Config, now: datetime) -> Announcement:
        """Return the announcement of documents as they are: as if their newest entry were new, to all but webhooks."""
        known = self._outbox.topic_versions()
        versions = [self._version(row, known.get(row.url, 0) + 1, config, now) for row in rows]
        newest = [row.entries[0].id for row in rows if row.entries][:1]
        facts = self._outbox.announced(newest)
        found = [
            Change(
                feed=row.feed,
                format=row.format,
                topic=row.url,
                home_url=config.site.url,
                title=config.site.title,
                version=each.version,
                at=now,
                first=False,
                new=tuple(newest),
            )
            for row, each in zip(rows, versions, strict=True)
        ]
        bare = announce.occasion(found, News(at=now, published=tuple(facts.values())), config, now=now)
        made = announce.announcement(dataclasses.replace(bare, standings=self._standings(bare)), versions)
        return dataclasses.replace(made, deliveries=tuple(each for each in made.deliveries if each.kind != webhooks.WEBHOOK))

    def _seen(
        self, revisions: Sequence[Revision], specs: Iterable[FeedSpec], out: Iterable[Named], config: Config, now: datetime
    ) -> tuple[Occasion, list[TopicVersion], dict[str, str]]:
        known = self._outbox.topic_versions()
        by_key = {spec.key: spec for spec in specs}
        found: list[Change] = []
        versions: list[TopicVersion] = []
        retired: dict[str, str] = {}
        """Topic → the one that it is now; empty where it is no more."""
        for each in revisions:
            row = each.after
            if row is None:
                assert each.before is not None
                retired[each.before.url] = ""
                continue
            if each.before is not None and each.before.url != row.url and each.before.url in known:
                retired[each.before.url] = row.url
            version = known.get(row.url, 0) + 1
            # A document that was there before announcing was turned on is a first version all the same.
            before = each.before.entries if each.before is not None and row.url in known else None
            found.append(changes.change(by_key[row.feed], row.format, before, row.entries, config, version=version, at=now))
            versions.append(self._version(row, version, config, now))
        # A document that moved is not retired under the address that another one has now.
        there = {each.topic for each in versions}
        news = self._news(found, out, config, now, baseline=not known)
        if config.announce.webhooks:
            news = self._quoting(news, revisions)
        bare = announce.occasion(found, news, config, now=now)
        occasion = dataclasses.replace(bare, standings=self._standings(bare), former_hubs=self._former_hubs(found, config))
        return occasion, versions, {topic: moved for topic, moved in retired.items() if topic not in there}

    def _former_hubs(self, found: Sequence[Change], config: Config) -> tuple[str, ...]:
        """Return the hubs that documents named before. They are the site's, so one document that was there knows them."""
        topic = next((each.topic for each in found if not each.first), None)
        before = self._outbox.topic(topic) if topic is not None else None
        return former_hubs(before.link, config) if before is not None else ()

    def baseline(self, rows: Iterable[DocumentRow], config: Config, now: datetime) -> Announcement | None:
        """Return the topics that documents which did not change must have, so that they can be subscribed to; None for none."""
        if not is_on(config):
            return None
        known = self._outbox.topic_versions()
        missing = tuple(self._version(row, 1, config, now) for row in rows if row.url not in known)
        return Announcement(topics=missing) if missing else None

    def _version(self, row: DocumentRow, version: int, config: Config, now: datetime) -> TopicVersion:
        body = (self._root / row.path).read_bytes()
        return TopicVersion(
            topic=row.url,
            version=version,
            feed=row.feed,
            etag=row.etag,
            media_type=row.media_type,
            link=subscription_link(row.url, hub_urls(config)),
            body=body,
            entries=row.entries,
            published_at=now,
            packed=self._packed(row, body),
        )

    def _packed(self, row: DocumentRow, body: bytes) -> bytes:
        """Return the gzip form that lies beside a document, when it is its own: a store takes a seventh of the bytes sooner."""
        with contextlib.suppress(OSError):
            packed = (self._root / f"{row.path}{SUFFIXES['gzip']}").read_bytes()
            if is_gzip_of(packed, body):
                return packed
        return b""

    def _news(self, found: Sequence[Change], out: Iterable[Named], config: Config, now: datetime, *, baseline: bool) -> News:
        touched = {entry for each in found for entry in (*each.new, *each.changed, *each.removed)}
        after = [changes.facts(each, summary=each.post.summary or "") for each in out if each.id in touched]
        before = None if baseline else self._outbox.announced(touched)
        max_age = timedelta(seconds=seconds(config.announce.max_age))
        return changes.news(before, after, max_age=max_age, at=now)

    def _quoting(self, news: News, revisions: Sequence[Revision]) -> News:
        """Give the entries that are told of the summary that readers see, where the front matter has none."""
        wanted = {each.id for each in (*news.published, *news.updated) if not each.summary}
        found: dict[str, str] = {}
        for row in (each.after for each in revisions):
            here = wanted.difference(found).intersection(span.id for span in row.entries) if row is not None else ()
            if row is not None and here:
                found |= quoting.summaries(row.format, (self._root / row.path).read_bytes(), row.entries, here)

        def quoted(entries: tuple[EntryFacts, ...]) -> tuple[EntryFacts, ...]:
            return tuple(dataclasses.replace(each, summary=found.get(each.id, each.summary)) for each in entries)

        return dataclasses.replace(news, published=quoted(news.published), updated=quoted(news.updated))

    def _standings(self, occasion: Occasion) -> Mapping[tuple[str, str, str], Before]:
        wanted = announce.places(occasion)
        found = self._outbox.standings(wanted) if wanted else {}
        return {place: Before(waiting=each.waiting, attempted_at=each.attempted_at) for place, each in found.items()}
