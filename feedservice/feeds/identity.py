"""Permanent ids: what a reader remembers an entry by (RFC 4287 §4.2.6).

A post is named by its author's own id, else by the configured scheme: a ``tag:`` URI, or exactly what the generator of a site
that moves in has been writing. ``ledger`` keeps what is given here through renames.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from urllib.parse import quote, unquote, urlsplit

from feedservice import dates
from feedservice.model import Post, Problem, Severity
from feedservice.taxonomy import encode_path

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A post with its id."""

    post: Post
    id: str
    atom_id: str
    """The id as Atom needs it: an IRI. The same as ``id`` unless the author wrote something that is none."""
    appeared: datetime | None = None
    """When the post was first seen, as long as it was never out; None for what the site began with."""
    known: bool = dataclasses.field(default=False, compare=False)
    """Readers know it, with the date that it has here."""
    permalink: bool | None = None
    """The ``isPermaLink`` that readers know the id with; None: true when the id is the link."""


def namer(scheme: str, site_url: str, zone: str) -> Callable[[Post], str]:
    """Return what makes the id of a post that has none of its own; ``scheme`` is a key of ``SCHEMES``."""
    made = SCHEMES[scheme]
    return lambda post: made(post, site_url, zone)


def shared_links(named: Iterable[Named]) -> list[Problem]:
    """Return a warning for every post whose link an earlier post has too; both stay, as two entries with two ids."""
    seen: dict[str, Post] = {}
    problems: list[Problem] = []
    for each in sorted(named, key=lambda each: (each.post.published, each.post.path)):
        first = seen.setdefault(each.post.link, each.post)
        if first is not each.post:
            message = f"the link {each.post.link} is the link of {first.path} too"
            hint = "change the slug or permalink of one of them: on the site one page hides the other"
            problems.append(
                Problem(rule="link.duplicate", severity=Severity.WARNING, message=message, hint=hint, path=each.post.path)
            )
    return problems


def iri(typed: str, site_url: str) -> str:
    """Return an id as an IRI: itself when it is one, else made from it."""
    if _URI.fullmatch(typed):
        return typed
    if _UUID.fullmatch(typed):
        return f"urn:uuid:{typed.lower()}"
    return f"{site_url.rstrip('/')}/#{quote(typed, safe='')}"


def _tag(post: Post, site_url: str, zone: str) -> str:
    """RFC 4151: the site's host, the post's day in the site's zone, the path of its file."""
    path = post.path.rsplit(".", 1)[0]
    path = path.removesuffix("/index") if path != "index" else path
    local = dates.local(post.published, zone)
    return f"tag:{urlsplit(site_url).hostname},{local.year:04}-{local.month:02}-{local.day:02}:{encode_path(path)}"


def _pelican(post: Post, _site_url: str, zone: str) -> str:
    """Pelican's feed writer: host, local day and path of the link as it is before it is percent-encoded."""
    parts = urlsplit(post.link)
    local = dates.local(post.published, zone)
    fragment = f"/{parts.fragment}" if parts.fragment else ""
    return f"tag:{parts.hostname},{local.year:04}-{local.month:02}-{local.day:02}:{unquote(parts.path)}{fragment}"


def _wordpress(post: Post, site_url: str, zone: str) -> str:
    """WordPress's ``guid``: the number of the post, which an export carries as ``wordpress_id``."""
    return f"{site_url.rstrip('/')}/?p={post.legacy_id}" if post.legacy_id else _tag(post, site_url, zone)


SCHEMES: Mapping[str, Callable[[Post, str, str], str]] = {
    "tag": _tag,
    "permalink": lambda post, _url, _zone: post.link,
    "jekyll": lambda post, _url, _zone: post.legacy_id or post.link,
    "hugo": lambda post, _url, _zone: post.link,
    "pelican": _pelican,
    "wordpress": _wordpress,
}
"""Scheme of ``feeds.ids`` → (post, site URL, site zone) → id."""
