"""What becomes of the addresses of feeds that are no more: their readers are told where they went, or that they ended.

A category that is listed under ``aka`` of another one, because it was renamed or merged, had a feed of its own once; so had one
that has another slug now. Whoever still asks for it is sent to the feed that its posts are in now, for good (RFC 9110 §15.4.2),
and readers take up the new address. A feed whose every address is listed under ``feeds.gone`` ends with all that belonged to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from feedservice.config.schema import Config
from feedservice.feeds import archives, site, specs
from feedservice.feeds.archives import Membership
from feedservice.feeds.specs import Plan
from feedservice.model import FeedSpec

_INDEXES = frozenset({"index.xml", "index.json"})
"""A document of these names is asked for by its directory."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What was published once."""

    moved: Mapping[str, str]
    """Old path on the host → new URL or path."""
    gone: frozenset[str]
    """Paths of what has ended."""


NOTHING = Former(moved={}, gone=frozenset())


def former(
    config: Config, plan: Plan, addresses: Mapping[str, str] | None = None, histories: Mapping[str, Membership] | None = None
) -> Former:
    """Return what ``feeds.moved`` and ``feeds.gone`` say, and what follows from names; ``addresses`` are as in ``specs.plan``.

    A path that some feed has now is in neither: what is published goes before what was. Paths are as they are typed in the
    configuration, or unencoded.
    """
    known = histories or {}
    pages = site.places(config, plan.specs).previews
    taken = {path for spec in plan.specs for path in (*spec.paths.values(), *spec.aliases)}
    taken |= {path.removesuffix("index.html") for path in pages.values()}
    found: dict[str, str] = {}
    for old, new in specs.former(config, plan.specs, addresses):
        page = site.places(config, [new]).url(pages[new.key])
        for path, name in _paths(config, old, known):
            found.setdefault(path, new.urls[name] if name else page)
    moved = {path: url for path, url in found.items() if path not in taken} | config.feeds.moved
    closed = specs.outputs(config.feeds.gone)
    over = (spec for spec in plan.ended if not closed.isdisjoint(spec.paths.values()))
    ended = {path for spec in over for path, _ in _paths(config, spec, known)}
    return Former(moved=moved, gone=frozenset(config.feeds.gone) | ended.difference(taken, moved))


def _paths(config: Config, spec: FeedSpec, histories: Mapping[str, Membership]) -> Iterator[tuple[str, str]]:
    """Yield every path that a feed has had, and the format of what was there; none for its page."""
    for path, name in (*((path, name) for name, path in spec.paths.items()), *spec.aliases.items()):
        yield path, name
        if path.rpartition("/")[2] in _INDEXES:
            yield path.removesuffix(path.rpartition("/")[2]), name
    yield site.places(config, [spec]).previews[spec.key].removesuffix("index.html"), ""
    count = len(histories[spec.key].archives) if spec.key in histories else 0
    for number in range(1, count + 1):
        for name in spec.paths:
            yield archives.place(spec, name, number, base=specs.feeds_base(config)).path, name
