"""What things depend on, as hashes: two equal ones, and there is nothing to do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from feedservice import __version__
from feedservice.config.schema import Config
from feedservice.feeds.archives import Membership
from feedservice.feeds.identity import Named
from feedservice.feeds.specs import Plan
from feedservice.model import FeedSpec, Profile
from feedservice.service.guarding import Decisions
from feedservice.service.shelf import Shelved
from feedservice.taxonomy import identity

_ELSEWHERE = {"serve": True, "schedule": True, "state": True, "output": True, "store": True}
"""Sections of the configuration that no file of the output directory depends on."""


def hashed(*parts: object) -> str:
    """Return a hash of the ``repr`` of values."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def settings(config: Config, context: str) -> str:
    """Return the hash of everything beside posts and time: ``context`` is that of the posts' records."""
    return hashed(__version__, config.model_dump_json(exclude=_ELSEWHERE), context)


class EntryKeys:
    """Hashes of entries, each made once in a pass."""

    def __init__(self, settings: str, plan: Plan) -> None:
        """Begin with none. ``settings`` are those of the pass, ``plan`` says how labels are written."""
        self._settings = settings
        self._plan = plan
        self._made: dict[str, str] = {}

    def text(self, named: Named) -> str:
        """Return the hash of everything that the text of an entry depends on, in any feed."""
        post = named.post
        if post.path not in self._made:
            plan = self._plan
            labels = [
                *(plan.categories.get(plan.aliases.get(key, key)) for key in map(identity, post.categories)),
                *(plan.tags.get(key) for key in map(identity, post.tags)),
            ]
            media = (post.image, post.enclosures, post.episode) if post.image or post.enclosures or post.episode else ()
            dates = (post.published.isoformat(), post.updated and post.updated.isoformat(), post.zone)
            self._made[post.path] = hashed(
                self._settings, post.path, post.digest, named.id, named.atom_id, post.link, post.title, dates, labels, media
            )
        return self._made[post.path]

    def entry(self, named: Named, profile: str) -> str:
        """Return the hash of everything that the bytes of an entry depend on, in feeds of a profile."""
        return hashlib.blake2b(f"{self.text(named)} {profile}".encode(), digest_size=16).hexdigest()


def profile(of: Profile, formats: Sequence[str]) -> str:
    """Return the hash of how a feed wants its entries."""
    return hashed(of, list(formats))


def feed(
    settings: str,
    spec: FeedSpec,
    keys: Sequence[str],
    *,
    members: Sequence[Named],
    oldest: datetime | None,
    siblings: str,
    history: Membership | None,
) -> str:
    """Return the hash of everything that a feed's files depend on.

    ``keys`` are those of its window; ``oldest``: date of the site's first post, which dates a feed that has none; ``siblings``:
    hash of the other feeds that its page names; ``history``: its archives as they were, None when it keeps none.
    """
    rest: object = len(members) > len(keys)
    if history is not None:
        rest = (len(history.archives), [entry(each) for each in members])
    return hashed(settings, spec, list(keys), rest, None if keys else oldest, siblings)


def decisions(made: Decisions) -> str:
    """Return the hash of what was decided about feeds that are held."""
    rejected = {feed: sorted(ids) for feed, ids in sorted(made.rejected.items())}
    return hashed(sorted((each.feed, each.key) for each in made.held.values()), sorted(made.released.items()), rejected)


def specs(found: Sequence[FeedSpec]) -> str:
    """Return the hash of what pages say of the feeds of a site."""
    return hashed([(spec.key, spec.title, spec.description, spec.language, dict(spec.urls), spec.home_url) for spec in found])


def site(settings: str, siblings: str, newest: datetime, shown: Sequence[object]) -> str:
    """Return the hash of everything that the files of no feed depend on; ``shown`` is what the index says of every feed."""
    return hashed(settings, siblings, newest, shown)


def title(named: Named) -> object:
    """Return what a list of titles shows of a post."""
    post = named.post
    return (post.canonical or post.link, post.title, post.published, post.language)


def entry(named: Named) -> object:
    """Return what the bytes of an entry depend on, beside settings: a file that only got another name has another link."""
    post = named.post
    return (named.id, named.atom_id, post.digest, post.path, post.link, post.published, post.updated)


def linked(of: Shelved, urls: Mapping[str, str]) -> bool:
    """Return whether the links of a feed's entries to other posts lead where they led."""
    return all(urls.get(name) == url for found in of.linked.values() for name, url in found)
