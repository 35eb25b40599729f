"""What makes two spellings one category, and what a category is called in a URL.

Categories, tags and authors have an *identity* (what they are compared by), a *label* (what people read: the first spelling
seen, or the configured one) and a *slug* (what stands in paths). Both wings need them, so they live beside the nouns.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote

_SPOKEN = {"+": "plus", "#": "sharp", "&": "-and-", "@": "-at-", "%": "-percent-"}
_SPOKEN_TABLE = str.maketrans(_SPOKEN)
# Letters, marks and decimal digits of every script, and the punctuation that is harmless in paths and file names.
_RUN = re.compile(r"[^\w.~-]+|_+")
_HYPHENS = re.compile(r"-{2,}")
_SEPARATORS = str.maketrans("", "", "-_")
_WINDOWS = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})
_LONGEST = 120
"""Bytes of UTF-8. A file name may have 255, and endings such as ``.atom.br`` and a temporary prefix come on top."""

RESERVED: frozenset[str] = frozenset(
    [
        "all",
        "archive",
        "atom",
        "authors",
        "feed",
        "feeds",
        "hub",
        "index",
        "json",
        "languages",
        "opml",
        "rpc2",
        "rss",
        "tags",
        "xml",
    ]
)
"""Slugs that mean something else in the URL space of feeds."""


@functools.lru_cache(maxsize=4096)
def identity(label: str) -> str:
    """Return what a label is compared by: NFKC, case folded, white space trimmed and collapsed.

    ``AI``, ``ai`` and ``ＡＩ`` are one category; so are ``STRASSE`` and ``straße``.
    """
    if label.isascii():
        return " ".join(label.casefold().split())
    # Case folding can leave text that is no longer normalised (U+0130), so normalise on both sides of it.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    return " ".join(folded.split())


def fold_key(key: str) -> str:
    """Return what a front-matter key is compared by: without regard to case, ``-`` and ``_``."""
    return key.translate(_SEPARATORS).lower()


def slug(label: str) -> str:
    """Return the path segment for a label; scripts are kept, ``C++`` becomes ``cplusplus`` and ``C#`` ``csharp``.

    Never empty, never ``.`` or ``..``, without separators or control characters, at most 120 bytes of UTF-8, and safe as a
    file name on every system. Different labels can have one slug: ``slugs`` tells them apart.
    """
    text = identity(label).translate(_SPOKEN_TABLE)
    text = _HYPHENS.sub("-", _RUN.sub("-", text)).strip("-.~")
    if not text or text in _WINDOWS or text.split(".", 1)[0] in _WINDOWS:
        return _mark(text.replace(".", "-"), label)
    if len(text.encode()) > _LONGEST:
        cut = text.encode()[: _LONGEST - 8].decode(errors="ignore").rstrip("-.~")
        return _mark(cut, label)
    return text


def slugs(labels: Iterable[str], *, fixed: Mapping[str, str] | None = None, taken: Collection[str] = ()) -> dict[str, str]:
    """Give every label of ``labels`` a slug of its own; the result maps identity → slug.

    ``labels`` come in the order of their first appearance: on a collision the one whose slug spells it exactly keeps the plain
    form, else the earlier one; the others get a short hash of their identity, so a name is never given to somebody else.
    ``fixed`` maps identity → configured slug, which always wins. ``taken`` are slugs that are not free.
    """
    fixed = fixed or {}
    result: dict[str, str] = dict(fixed)
    used = {*taken, *fixed.values()}
    waiting: dict[str, str] = {}
    for label in labels:
        waiting.setdefault(identity(label), label)
    order = sorted(waiting.items(), key=lambda item: slug(item[1]) != item[0])
    for key, label in order:
        if key in result:
            continue
        plain = slug(label)
        result[key] = plain if plain not in used else _mark(plain, label)
        used.add(result[key])
    return result


def encode_path(path: str) -> str:
    """Percent-encode a path for a URL (RFC 3986 §3.3): every ``pchar`` and ``/`` stay, everything else is UTF-8 encoded."""
    return path if path.isascii() and path.replace("/", "").replace("-", "").isalnum() else quote(path, safe="/-._~!$&'()*+,;=:@")


def _mark(text: str, label: str) -> str:
    digest = hashlib.blake2b(identity(label).encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()
    return f"{text}-{digest}" if text else digest
