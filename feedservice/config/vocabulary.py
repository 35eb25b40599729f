"""Words that belong to the reading of posts and that a configuration writes: permalink tokens, meanings of front-matter keys.

The configuration is checked before a post is read, and knows nothing of how posts are; so the words stand here a second time,
and a test holds them equal to those of ``posts``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from feedservice.config.constraints import Fault, quoted

STYLES = frozenset({"date", "pretty", "ordinal", "weekdate", "none"})
"""Jekyll's named permalinks."""

TOKENS = frozenset({
    "categories", "collection", "contentbasename", "day", "filename", "hour", "i_day", "i_month", "long_day", "long_month",
    "minute", "month", "monthname", "name", "output_ext", "path", "second", "section", "sections", "short_day", "short_month",
    "short_year", "slug", "slugified_categories", "slugorcontentbasename", "slugorfilename", "title", "w_day", "w_year", "week",
    "weekday", "weekdayname", "y_day", "year", "yearday",
})  # fmt: skip
"""What may follow a colon in a permalink."""

KEYS = frozenset({
    "audio", "author", "authors", "canonical", "canonicalurl", "categories", "category", "chapters", "cover", "date",
    "description", "draft", "duration", "enclosure", "enclosures", "episode", "episodetype", "excerpt", "expires", "expirydate",
    "explicit", "featuredimage", "feed", "guid", "id", "image", "keywords", "lang", "language", "lastmod", "lastmodified",
    "lastmodifiedat", "locale", "modified", "path", "permalink", "postid", "pubdate", "publishdate", "published", "season",
    "slug", "status", "summary", "tag", "tags", "thumbnail", "timezone", "title", "transcript", "transcripts", "unpublishdate",
    "updated", "url", "uuid", "video", "wordpressid", "wpid",
})  # fmt: skip
"""Front-matter keys that mean something, folded."""

_MEDIA = frozenset({
    "bytes", "duration", "file", "href", "length", "mime_type", "path", "size", "size_in_bytes", "src", "title", "type", "url",
})  # fmt: skip
_PICTURE = frozenset({"alt", "feature", "image", "path", "relative", "src", "url"})
_PERSON = frozenset({"display_name", "email", "homepage", "name", "title", "uri", "url"})
_TRANSCRIPT = frozenset({"language", "src", "type", "url"})

PARTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("enclosure", "enclosures", "audio", "video"), _MEDIA),
    **dict.fromkeys(("image", "thumbnail", "cover", "featuredimage"), _PICTURE),
    **dict.fromkeys(("author", "authors"), _PERSON),
    **dict.fromkeys(("transcript", "transcripts"), _TRANSCRIPT),
}
"""Folded key whose value may be a mapping → the keys of that."""

_TOKEN = re.compile(r":([a-z_]+|(?=[A-Z0-9])\w+)(\[[^\[\]/]*\])?")
_PART = re.compile(r"\[(?:\d+|last|(?:\d*|last):(?:\d*|last))\]")


def permalink(pattern: str) -> Fault | None:
    """Check that the tokens of a permalink exist; of ``:sections`` a part may be taken, ``:sections[1:]``."""
    if pattern in STYLES:
        return None
    for match in _TOKEN.finditer(pattern):
        name, part = match.groups()
        known = name in TOKENS or name.rstrip("_") in TOKENS
        if known and (part is None or (name == "sections" and _PART.fullmatch(part) is not None)):
            continue
        if known:
            hint = f"write it whole: `:{name}`" if name != "sections" else "write it like `:sections[1:]`"
            return Fault("config.permalink", f"{quoted(pattern)} takes a part of `:{name}` that cannot be taken", hint)
        near = _near(name, TOKENS)
        hint = f"did you mean `:{near}`?" if near else "docs/front-matter.md has a table of all tokens"
        return Fault("config.permalink", f"{quoted(pattern)} has the unknown token `:{name}`", hint)
    if "/" not in pattern and ":" not in pattern:
        near = _near(pattern, STYLES)
        hint = f"did you mean `{near}`?" if near else "write a path such as `/:year/:title/`"
        return Fault("config.permalink", f"{quoted(pattern)} is neither a path nor one of Jekyll's styles", hint)
    return None


def meaning(text: str) -> Fault | None:
    """Check that a key of the author's own stands for one that means something, or for a part of one: ``enclosure.url``."""
    key, dot, part = text.partition(".")
    folded = key.translate(str.maketrans("", "", "-_")).lower()
    if folded not in KEYS:
        near = _near(folded, KEYS)
        hint = f"did you mean `{near}{dot}{part}`?" if near else "docs/front-matter.md has a table of all keys"
        return Fault("config.meaning", f"there is no key {quoted(key)} that it could stand for", hint)
    if not dot or part in PARTS.get(folded, ()):
        return None
    if folded not in PARTS:
        return Fault("config.meaning", f"{quoted(text)}: `{key}` has no parts", f"write `{key}`")
    near = _near(part, PARTS[folded])
    hint = f"did you mean `{key}.{near}`?" if near else "its parts are " + ", ".join(f"`{one}`" for one in sorted(PARTS[folded]))
    return Fault("config.meaning", f"{quoted(text)}: `{key}` has no part {quoted(part)}", hint)


def _near(word: str, known: Collection[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)), None)
