"""Ids of an old feed → the rule by which they were made, so that what the feed no longer shows can be named as well."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from feedservice.feeds import identity
from feedservice.feeds.adoption import address
from feedservice.model import Post

_TAGGED = re.compile(r"tag:([^,@:/\s]+),")
_FEWEST = 3
"""Ids that a rule must explain before it is believed."""
_SITES = 3
"""Addresses that are tried."""
_SHARE = 0.9
"""Of all ids, how many a rule must explain: an author may have set one by hand."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How the old ids were made."""

    scheme: str
    """A key of ``identity.SCHEMES``."""
    origin: str
    """Scheme and host of the site then."""
    make: Callable[[Post], str]


def infer(evidence: Sequence[tuple[Post, str]], site_url: str, zone: str) -> Rule | None:
    """Return the rule by which the ids of a feed were made; None when none explains them, or they are too few to tell."""
    if len(evidence) < _FEWEST:
        return None
    origins = Counter(filter(None, (each for _, told in evidence for each in _origins(told))))
    best: tuple[int, Rule] | None = None
    for origin in [*(each for each, _ in origins.most_common(_SITES)), _origin(site_url)]:
        for scheme in identity.SCHEMES:
            rule = Rule(scheme=scheme, origin=origin, make=_maker(scheme, origin, site_url, zone))
            right = sum(rule.make(post) == told for post, told in evidence)
            if best is None or right > best[0]:
                best = (right, rule)
    return best[1] if best is not None and best[0] >= max(_FEWEST, _SHARE * len(evidence)) else None


def _origins(told: str) -> Iterable[str]:
    """Yield the addresses that a site may have had whose id this is: of a link, or of the host in a ``tag:``."""
    yield _origin(told)
    tagged = _TAGGED.match(told)
    if tagged is not None:
        yield f"https://{tagged[1]}"


def _origin(url: str) -> str:
    if not address(url):
        return ""
    parts = urlsplit(url.strip())
    return f"{parts.scheme}://{parts.netloc}"


def _maker(scheme: str, origin: str, site_url: str, zone: str) -> Callable[[Post], str]:
    """Return what makes an id as the scheme did when the site was at ``origin``."""
    here = _origin(site_url)
    namer = identity.namer(scheme, _moved(site_url, here, origin), zone)

    def make(post: Post) -> str:
        legacy = None if post.legacy_id is None else _moved(post.legacy_id, here, origin)
        return namer(dataclasses.replace(post, link=_moved(post.link, here, origin), legacy_id=legacy))

    return make


def _moved(url: str, here: str, origin: str) -> str:
    return origin + url.removeprefix(here) if url == here or url.startswith((f"{here}/", f"{here}?")) else url
