"""Which front-matter key means what: one table for Jekyll, Hugo, Zola, Eleventy and Pelican (``docs/front-matter.md``).

Keys are compared without regard to case, ``-`` and ``_``, so ``publishDate``, ``publishdate`` and ``publish_date`` are one.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Collection, Iterable, Iterator, Mapping

from feedservice.model import Value
from feedservice.taxonomy import fold_key

MEANINGS: Mapping[str, tuple[str, ...]] = {
    "title": ("title",),
    "publish": ("publishdate", "pubdate"),
    "date": ("date",),
    "published": ("published",),
    "updated": ("updated", "lastmodifiedat", "lastmod", "lastmodified", "modified"),
    "expires": ("expires", "expirydate", "unpublishdate"),
    "draft": ("draft",),
    "status": ("status",),
    "slug": ("slug",),
    "permalink": ("permalink", "url"),
    "path": ("path",),
    "canonical": ("canonicalurl", "canonical"),
    "category": ("category",),
    "categories": ("categories",),
    "tag": ("tag",),
    "tags": ("tags",),
    "keywords": ("keywords",),
    "author": ("author",),
    "authors": ("authors",),
    "excerpt": ("excerpt", "summary", "description"),
    "image": ("image", "thumbnail", "cover", "featuredimage"),
    "enclosure": ("enclosure", "enclosures"),
    "audio": ("audio",),
    "video": ("video",),
    "language": ("lang", "language", "locale"),
    "guid": ("id", "guid", "uuid"),
    "timezone": ("timezone",),
    "feed": ("feed",),
    "duration": ("duration",),
    "season": ("season",),
    "episode": ("episode",),
    "episode_type": ("episodetype",),
    "explicit": ("explicit",),
    "transcript": ("transcript", "transcripts"),
    "chapters": ("chapters",),
    "wordpress": ("wordpressid", "wpid", "postid"),
}
"""Meaning → keys, the first one present wins."""

PARTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "enclosure": {
        "url": ("url", "src", "href", "file", "path"),
        "length": ("length", "size", "bytes", "size_in_bytes"),
        "type": ("type", "mime_type"),
        "duration": ("duration",),
        "title": ("title",),
    },
    "image": {"url": ("path", "url", "src", "image", "feature", "relative"), "alt": ("alt",)},
    "author": {"name": ("name", "display_name", "title"), "email": ("email",), "url": ("url", "uri", "homepage")},
    "transcript": {"url": ("url", "src"), "type": ("type",), "language": ("language",)},
}
"""Meaning whose value may be a mapping → part of it → keys, the first one present wins."""


class Origin(enum.IntEnum):
    """Where a value comes from: a later one wins."""

    SITE = 0
    """A configured default for every post."""
    PATH = 1
    """A configured default for the posts of a path."""
    POST = 2
    """The post's own front matter."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value with the key it stands under, as typed."""

    key: str
    value: Value
    origin: Origin = Origin.POST


class Fields:
    """A post's front matter, asked by meaning; empty values count as absent."""

    def __init__(self, metadata: Mapping[str, Value], defaults: Iterable[Field], renamed: Mapping[str, str]) -> None:
        """Take the post's own values, the configured defaults below them, and the site's own names of meanings.

        ``renamed`` maps a front-matter key to the meaning it has on this site; ``enclosure.length`` is a meaning below another.
        """
        own = (Field(key=key, value=value) for key, value in metadata.items())
        found: dict[str, Field] = {fold_key(field.key): field for field in (*defaults, *own) if not _empty(field.value)}
        # Zola keeps the author's own keys and the taxonomies one level down, Hugo the author's own keys where it is asked to.
        for nested in ("taxonomies", "extra", "params"):
            above = found.get(nested)
            if above is not None and isinstance(above.value, dict):
                for key, value in above.value.items():
                    beside = found.get(fold_key(key))
                    if not _empty(value) and (beside is None or beside.origin < above.origin):
                        found[fold_key(key)] = Field(key=key, value=value, origin=above.origin)
        for key, meaning in renamed.items():
            field = found.get(fold_key(key))
            if field is None:
                continue
            outer, _, below = meaning.partition(".")
            if not below:
                found[fold_key(outer)] = field
                continue
            group = found.get(fold_key(outer))
            inside = group.value if group is not None and isinstance(group.value, dict) else {}
            found[fold_key(outer)] = Field(key=key, value={**inside, below: field.value}, origin=field.origin)
        self._found = found

    def get(self, meaning: str) -> Field | None:
        """Return the field of a meaning, or None."""
        return next(self.each(meaning), None)

    def each(self, meaning: str) -> Iterator[Field]:
        """Yield every field of a meaning in the table's order."""
        for key in MEANINGS[meaning]:
            field = self._found.get(key)
            if field is not None:
                yield field

    def text(self, meaning: str) -> str | None:
        """Return a scalar as the text typed, or None when it is absent or no scalar."""
        return next((field.value for field in self.each(meaning) if isinstance(field.value, str)), None)

    def key(self, name: str) -> Field | None:
        """Return the field of a key, however it is spelled, or None."""
        return self._found.get(fold_key(name))

    def values(self, keys: Collection[str]) -> dict[str, Value]:
        """Return the values of the given folded keys, by folded key; whatever their origin, they are what the post says."""
        return {key: field.value for key, field in self._found.items() if key in keys}


def _empty(value: Value) -> bool:
    return value is None or value == "" or (isinstance(value, str) and not value.strip())
