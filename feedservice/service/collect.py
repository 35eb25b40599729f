"""Content directory → everything that is decided before the first entry is rendered.

::

    scan ─→ Found ─workers.parse→ Post ─ledger.identify→ Named ─selection.live→ Live ─specs.plan→ FeedSpec ─select→ windows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from feedservice.config import Loaded
from feedservice.config.dialects import detect_dialect
from feedservice.config.schema import Config, Rule
from feedservice.config.sections import seconds
from feedservice.errors import RefusedError
from feedservice.feeds import identity, ledger, selection, specs
from feedservice.feeds.difference import Served
from feedservice.feeds.identity import Named
from feedservice.feeds.ledger import Identified, Row
from feedservice.feeds.selection import Live, Window
from feedservice.feeds.specs import Plan
from feedservice.model import FeedSpec, Problem
from feedservice.posts.parse import Context, Parsed, kept_keys
from feedservice.service import quarantine, scan, workers
from feedservice.service.scan import Found
from feedservice.service.workers import Workers
from feedservice.taxonomy import identity as label_identity

Progress = Callable[[str, int, int], None]
"""``progress(what, done, total)``."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A site as it is at one instant."""

    config: Config
    context: Context
    files: Mapping[str, Found]
    named: tuple[Named, ...]
    """Every post that could be read."""
    identified: Identified
    broken: frozenset[str]
    """Paths of files that are no post now; the last good version may be among the posts."""
    live: Live
    plan: Plan
    members: Mapping[str, tuple[Named, ...]]
    """Feed key → all its entries, newest first."""
    windows: Mapping[str, tuple[Named, ...]]
    """Feed key → those that its subscription document shows."""
    late: Mapping[str, Mapping[str, datetime]]
    """Feed key → id → since when an entry is shown that there was no room for."""
    refers: frozenset[str]
    """Paths of posts that may link to other posts by their files."""
    first_seen: Mapping[str, datetime]
    """Path → first sight of the posts without a date."""
    problems: tuple[Problem, ...]


def content_directory(loaded: Loaded) -> Path:
    """Return the absolute content directory."""
    return (loaded.root / loaded.config.content.directory).resolve()


def dialect_of(loaded: Loaded) -> str:
    """Return the configured dialect, or the one that the files around the content speak of."""
    config = loaded.config
    if config.content.dialect != "auto":
        return config.content.dialect
    folder = content_directory(loaded)
    places = [place for place in dict.fromkeys((folder, loaded.root.resolve())) if place.is_dir()]
    names = {path.name: path for place in places for path in place.iterdir()}

    def read(name: str) -> str | None:
        try:
            return names[name].read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            # What cannot be read tells nothing about the dialect; whoever owns the file will hear of it elsewhere.
            return None

    return detect_dialect(names.keys(), read)


def collect(
    loaded: Loaded,
    *,
    now: datetime,
    pool: Workers,
    first_seen: Mapping[str, datetime],
    progress: Progress,
    rows: Collection[Row] = (),
    served: Mapping[str, Served] | None = None,
    rejected: Mapping[str, frozenset[str]] | None = None,
) -> Collected:
    """Read the content directory and decide what every feed holds at ``now``.

    ``rows`` are the ledger, ``served`` what readers have of each feed, ``rejected`` ids that a feed does not show.

    Raises ``RefusedError`` when there is no content directory.
    """
    config = loaded.config
    folder = content_directory(loaded)
    if not folder.is_dir():
        raise RefusedError(f"there is no content directory {folder}", "create it, or set content.directory")
    outside = [loaded.root / config.output, loaded.root / config.state]
    dialect = dialect_of(loaded)
    found = scan.scan(folder, config.content, dialect=dialect, outside=[path for path in outside if path.resolve() != folder])
    undated = {file.path: first_seen.get(file.path, now) for file in found.posts}
    context = Context(
        site=config.site,
        content=config.content,
        dialect=dialect,
        zones=_category_zones(config),
        files=found.files,
        kept=kept_keys(_rules(config)),
        first_seen=undated if config.content.missing_dates == "first-seen" else {},
    )
    parsed = _parse(found.posts, context, pool, progress)
    files = {file.path: file for file in found.posts}
    standing = quarantine.stand_ins(loaded.root / config.state, parsed, quarantine.places(rows), files, context, now)
    parsed = [standing[each.path].parsed if each.path in standing else each for each in parsed]
    files |= {path: each.found for path, each in standing.items()}
    problems = [*found.problems, *(problem for each in parsed for problem in each.problems)]
    broken = frozenset(each.path for each in parsed if each.post is None)
    identified = ledger.identify(
        [each.post for each in parsed if each.post is not None],
        rows,
        scheme=config.feeds.ids,
        namer=identity.namer(config.feeds.ids, config.site.url, config.site.timezone),
        site_url=config.site.url,
        now=now,
        broken=broken,
    )
    named = identified.named
    problems += identified.problems
    live = selection.live(named, config, now)
    live = dataclasses.replace(live, due=min(filter(None, (live.due, *(each.until for each in standing.values()))), default=None))
    problems += identity.shared_links(live.posts)
    plan = specs.plan(config, live.posts)
    problems += plan.problems
    members = selection.select(live.posts, plan.specs, config, whole=True)
    for key, refused in (rejected or {}).items():
        if key in members:
            members[key] = tuple(each for each in members[key] if each.id not in refused)
    windows = _windows(members, plan.specs, identified, served or {}, now=now, stay=timedelta(seconds=seconds(config.feeds.late)))
    return Collected(
        config=config,
        context=context,
        files=files,
        named=named,
        identified=identified,
        broken=broken | standing.keys(),
        live=live,
        plan=plan,
        members=members,
        windows={key: each.entries for key, each in windows.items()},
        late={key: each.late for key, each in windows.items() if each.late},
        refers=frozenset(each.path for each in parsed if each.refers),
        first_seen={each.path: undated[each.path] for each in parsed if each.undated},
        problems=tuple(problems),
    )


def _windows(
    members: Mapping[str, tuple[Named, ...]],
    specs: Sequence[FeedSpec],
    identified: Identified,
    served: Mapping[str, Served],
    *,
    now: datetime,
    stay: timedelta,
) -> dict[str, Window]:
    def out(entry_id: str) -> datetime | None:
        return identified.rows[entry_id].out

    return {
        spec.key: selection.window(members[spec.key], spec.window, served.get(spec.key), out, now=now, stay=stay)
        for spec in specs
    }


def _parse(files: Sequence[Found], context: Context, pool: Workers, progress: Progress) -> list[Parsed]:
    size = workers.BATCH
    batches = (workers.ToParse(files=files[start : start + size], context=context) for start in range(0, len(files), size))
    parsed: list[Parsed] = []
    for made in pool.map(workers.parse_batch, batches):
        parsed += made
        progress("reading posts", len(parsed), len(files))
    return parsed


def _category_zones(config: Config) -> dict[str, str]:
    zones: dict[str, str] = {}
    for label, settings in config.feeds.categories.items():
        if settings is not None and settings.timezone is not None:
            zones |= dict.fromkeys(map(label_identity, (label, *settings.aka)), settings.timezone)
    return zones


def _rules(config: Config) -> list[Rule]:
    declared = [rule for query in config.feeds.define for rule in (*query.include, *query.exclude)]
    return [*config.content.exclude, *declared]
