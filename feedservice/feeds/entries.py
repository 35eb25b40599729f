"""Post + body → Entry: what the reader sees, with every name, id and address final."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from feedservice.config.schema import Config
from feedservice.feeds.identity import Named, iri
from feedservice.feeds.ledger import Row
from feedservice.feeds.specs import Plan, feeds_base
from feedservice.model import Category, Entry, FeedSpec, Person, Profile
from feedservice.taxonomy import identity


def profile(spec: FeedSpec, *, podcast: bool) -> Profile:
    """Return all that a feed decides about the bytes of its entries."""
    return Profile(zone=spec.zone, language=spec.language, full=spec.full, podcast=podcast)


def authors(config: Config) -> tuple[Person, ...]:
    """Return the authors of a feed: the site's, or the site itself, so that no entry is without one (RFC 4287 §4.1.1)."""
    author = config.site.author
    return (Person(name=author.name, email=author.email, url=author.url),) if author else (Person(name=config.site.title),)


def entry(named: Named, *, html: str, summary: str, config: Config, plan: Plan) -> Entry:
    """Return the entry of a post whose body is rendered."""
    post = named.post
    url = post.canonical or post.link
    base = feeds_base(config)
    return Entry(
        id=named.id,
        atom_id=named.atom_id if named.atom_id != named.id else "",
        id_is_permalink=named.id == url if named.permalink is None else named.permalink,
        url=url,
        title=post.title,
        html=html,
        summary=summary,
        published=post.published,
        updated=post.updated or post.published,
        zone=post.zone,
        authors=post.authors or authors(config),
        categories=_labels(post.categories, plan.categories, plan.aliases, f"{base}/#category"),
        tags=_labels(post.tags, plan.tags, {}, f"{base}/#tag"),
        language=post.language or config.site.language,
        image=post.image,
        enclosures=post.enclosures,
        episode=post.episode,
    )


def tombstone(row: Row, when: datetime, config: Config) -> Entry:
    """Return an entry that was taken back, as far as readers need to know it; ``updated`` is when."""
    atom = row.atom or iri(row.id, config.site.url)
    return Entry(
        id=row.id,
        atom_id=atom if atom != row.id else "",
        id_is_permalink=row.permalink == "true" if row.permalink else row.id == row.link,
        url=row.link,
        title=row.title,
        html="",
        summary="",
        published=row.published or when,
        updated=when,
        zone=config.site.timezone,
        language=config.site.language,
    )


def _labels(
    typed: tuple[str, ...], names: Mapping[str, tuple[str, str]], aliases: Mapping[str, str], scheme: str
) -> tuple[Category, ...]:
    found: dict[str, Category] = {}
    for label in typed:
        key = identity(label)
        key = aliases.get(key, key)
        slug, shown = names.get(key, (label, label))
        found.setdefault(key, Category(term=slug, label=shown, scheme=scheme))
    return tuple(found.values())
