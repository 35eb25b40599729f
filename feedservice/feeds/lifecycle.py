"""What becomes of the addresses of feeds that have another name now: their readers are told where they went.

A category that is listed under ``aka`` of another one, because it was renamed or merged, had a feed of its own once. Whoever
still asks for it is sent to the feed that its posts are in now, for good (RFC 9110 §15.4.2), and readers take up the new address.
"""

from __future__ import annotations

from collections.abc import Sequence

from feedservice.config.schema import Config
from feedservice.feeds import site, specs
from feedservice.model import FeedSpec


def moved(config: Config, feeds: Sequence[FeedSpec]) -> dict[str, str]:
    """Return old path on the host, unencoded → new URL or path: what ``feeds.moved`` says, and what follows from ``aka``.

    A path that some feed has now is in neither: what is published goes before what was.
    """
    taken = {path for spec in feeds for path in (*spec.paths.values(), *spec.aliases)}
    where = site.places(config, feeds)
    found: dict[str, str] = {}
    for old, new in specs.former(config, feeds):
        for name, path in old.paths.items():
            found.setdefault(path, new.urls[name])
        preview = site.places(config, [old]).previews[old.key]
        found.setdefault(preview.removesuffix("index.html"), where.url(where.previews[new.key]))
    pages = {path.removesuffix("index.html") for path in where.previews.values()}
    return {path: url for path, url in found.items() if path not in taken | pages} | config.feeds.moved
