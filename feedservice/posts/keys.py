"""Which front-matter key means what: one table for Jekyll, Hugo, Zola, Eleventy and Pelican (``docs/front-matter.md``).

Keys are compared without regard to case, ``-`` and ``_``, so ``publishDate``, ``publishdate`` and ``publish_date`` are one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from feedservice.model import Value

MEANINGS: Mapping[str, tuple[str, ...]] = {
    "title": ("title",),
    "publish": ("publishdate", "pubdate"),
    "date": ("date",),
    "published": ("published",),
    "updated": ("updated", "lastmodifiedat", "lastmod", "modified"),
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

_SEPARATORS = str.maketrans("", "", "-_")


def fold(key: str) -> str:
    """Return what a key is compared by."""
    return key.translate(_SEPARATORS).lower()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A value with the key it stands under, as typed."""

    key: str
    value: Value


class Fields:
    """A post's front matter, asked by meaning; empty values count as absent."""

    def __init__(self, metadata: Mapping[str, Value], defaults: Mapping[str, Value], renamed: Mapping[str, str]) -> None:
        """Take the post's own values, the configured defaults below them, and the site's own names of meanings.

        ``renamed`` maps a front-matter key to the meaning it has on this site; ``enclosure.length`` is a meaning below another.
        """
        found: dict[str, Field] = {}
        for key, value in (*defaults.items(), *metadata.items()):
            if not _empty(value):
                found[fold(key)] = Field(key=key, value=value)
        # Zola keeps the author's own keys and the taxonomies one level down.
        for nested in ("taxonomies", "extra"):
            inner = found.get(nested)
            if inner is not None and isinstance(inner.value, dict):
                for key, value in inner.value.items():
                    if not _empty(value):
                        found.setdefault(fold(key), Field(key=key, value=value))
        for key, meaning in renamed.items():
            field = found.get(fold(key))
            if field is None:
                continue
            outer, _, below = meaning.partition(".")
            if not below:
                found[fold(outer)] = field
                continue
            group = found.get(fold(outer))
            inside = group.value if group is not None and isinstance(group.value, dict) else {}
            found[fold(outer)] = Field(key=key, value={**inside, below: field.value})
        self._found = found

    def get(self, meaning: str) -> Field | None:
        """Return the field of a meaning, or None."""
        for key in MEANINGS[meaning]:
            if key in self._found:
                return self._found[key]
        return None

    def each(self, meaning: str) -> Iterator[Field]:
        """Yield every field of a meaning in the table's order."""
        for key in MEANINGS[meaning]:
            field = self._found.get(key)
            if field is not None:
                yield field

    def text(self, meaning: str) -> str | None:
        """Return a scalar as the text typed, or None when it is absent or no scalar."""
        for field in self.each(meaning):
            if isinstance(field.value, str):
                return field.value
        return None


def _empty(value: Value) -> bool:
    return value is None or value == "" or (isinstance(value, str) and not value.strip())
