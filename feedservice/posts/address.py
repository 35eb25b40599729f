"""Where a post lives: its own link if its author wrote one, else the site's pattern; and the id that Jekyll made of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from urllib.parse import unquote

from feedservice import dates
from feedservice.model import Severity
from feedservice.posts import fields as typed
from feedservice.posts import permalink
from feedservice.posts.fields import Note
from feedservice.posts.keys import Field, Fields, Origin
from feedservice.posts.permalink import Place
from feedservice.taxonomy import encode_path

_OUTPUT = re.compile(r"\{\{-?\s*([A-Za-z_][\w.-]*)\s*-?\}\}")
_SECTION_FILES = ("_index.md", "_index.markdown", "_index.mkd", "_index.html", "_index.htm")
_WORDS = frozenset({"false", "true"})


def slug(fields: Fields, path: str, *, dialect: str, undated: bool, note: Note) -> str | None:
    """Return the author's slug. With ``undated`` a dated file name has one too, as in Hugo with ``:filename`` dates."""
    text = _text(fields, "slug", note)
    if dialect == "hugo":
        text = (text or "").strip("-") or None
    if text is None and undated:
        dated = dates.file_name_date(permalink.name_of(path))
        text = (dated[1] if dated else "") or None
    return text


def sections(path: str, files: Collection[str]) -> tuple[str, ...]:
    """Return Hugo's sections of a page: the first directory, and those down to the nearest that has an ``_index`` file."""
    parts = path.split("/")[:-1]
    if path.rsplit("/", 1)[-1].startswith("index."):
        parts = parts[:-1]
    for depth in range(len(parts), 1, -1):
        folder = "/".join(parts[:depth])
        if any(f"{folder}/{name}" in files for name in _SECTION_FILES):
            return tuple(parts[:depth])
    return tuple(parts[:1])


def link(fields: Fields, place: Place, *, site_url: str, pattern: str, note: Note) -> str | None:
    """Return the absolute URL of a post: ``permalink``, ``url`` or ``path`` of its author, else ``pattern`` filled in.

    None, and an error noted, when the author's cannot be told.
    """
    field = _own(fields, note)
    if field is None:
        return permalink.url_of(site_url, permalink.path_of(pattern, place))
    own = str(field.value)
    if place.dialect == "eleventy":
        plain = _without_templates(own, field, fields, place, note)
        if plain is None:
            return None
        own = re.sub(r"(^|/)index\.html\Z", r"\1", plain)
    below_language = place.dialect == "hugo" and place.language and not own.startswith(("http:", "https:", "/"))
    if ":" in own and not own.startswith(("http:", "https:")):
        unknown = permalink.check(own)
        if unknown is None and (place.dialect != "hugo" or field.origin is not Origin.POST):
            return permalink.url_of(site_url, permalink.path_of(own, place))
        if unknown is None:
            own = permalink.filled(own, place).replace("%", "%25")
        else:
            message = f"{field.key}: there is no token :{unknown}; it is part of the link as it stands"
            note("permalink.token", message, "see the tokens in docs/front-matter.md", key=field.key)
    if below_language:
        own = f"/{place.language.lower()}/{own.lstrip('/')}"
    if place.dialect == "hugo" and not own.startswith(("http:", "https:")):
        own = own.replace("#", "%23").replace("?", "%3F")
    if not own.endswith("/") and (place.dialect == "zola" or (place.dialect == "hugo" and "." not in own)):
        own += "/"
    return permalink.own_url(site_url, own)


def jekyll_id(slug: str, link: str) -> str:
    """Return Jekyll's ``post.id`` as its ``absolute_url`` filter writes it: the directory of the link, and the slug.

    The filter reads what follows a ``#`` as a fragment and drops an empty one, and brings every part into NFKC.
    """
    path, _, rest = slug.partition("#")
    directory = link.rstrip("/").rsplit("/", 1)[0]
    start = re.match(r"[a-z]+://[^/]*", directory)
    host = start[0] if start else ""
    return host + _nfkc(f"{directory.removeprefix(host)}/{path}") + (f"#{_nfkc(rest)}" if rest else "")


def _nfkc(text: str) -> str:
    return encode_path(unicodedata.normalize("NFKC", unquote(text)))


def _own(fields: Fields, note: Note) -> Field | None:
    """Return the link that stands in the front matter; the post's own before a configured default."""
    found: Sequence[Field] = [*fields.each("permalink"), *fields.each("path")]
    for field in found:
        if not isinstance(field.value, str | bool):
            typed.unreadable(field.key, field.value, typed.TEXT, note)
    usable = [field for field in found if isinstance(field.value, str) and field.value.strip().lower() not in _WORDS]
    return max(usable, key=lambda field: field.origin, default=None)


def _text(fields: Fields, meaning: str, note: Note) -> str | None:
    for field in fields.each(meaning):
        if isinstance(field.value, str):
            return field.value
        typed.unreadable(field.key, field.value, typed.TEXT, note)
    return None


def _without_templates(own: str, field: Field, fields: Fields, place: Place, note: Note) -> str | None:
    """Fill in what Eleventy's templates ask for by name: ``page.fileSlug`` and keys of the front matter; refuse the rest."""

    def fill(match: re.Match[str]) -> str:
        if match[1] == "page.fileSlug":
            return permalink.undated(permalink.name_of(place.path))
        known = fields.key(match[1])
        return (typed.scalar(known.value) if known is not None else None) or match[0]

    filled = _OUTPUT.sub(fill, own)
    left = re.search(r"\{\{.*?\}\}|\{%.*?%\}|\{\{|\{%", filled)
    if left is None:
        return filled
    message = f"{field.key}: {left[0]} is a template, and templates do not run here"
    hint = "write the path out, or set content.permalink; {{ page.fileSlug }} and keys of the front matter are filled in"
    note("permalink.template", message, hint, key=field.key, severity=Severity.ERROR)
    return None
