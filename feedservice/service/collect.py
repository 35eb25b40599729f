"""Content directory → everything that is decided before the first entry is rendered.

::

    scan ─→ Found ─ what changed ─workers.parse→ Known ─ledger→ Named ─roster→ who is out, and in which feeds

What did not change since the last pass is taken from the ``Memory``: an empty one makes a whole pass of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from feedservice import __version__, dates
from feedservice.config import Loaded
from feedservice.config.dialects import detect_dialect
from feedservice.config.schema import Config, Rule
from feedservice.config.sections import seconds
from feedservice.errors import RefusedError
from feedservice.feeds import selection
from feedservice.feeds.difference import Served
from feedservice.feeds.identity import Named
from feedservice.feeds.ledger import Identified
from feedservice.feeds.selection import Live, Window
from feedservice.feeds.specs import Plan
from feedservice.model import FeedSpec, Post, Problem
from feedservice.posts.parse import Context, Parsed, kept_keys
from feedservice.service import guarding, inventory, quarantine, records, scan, workers
from feedservice.service.guarding import Decisions
from feedservice.service.memory import Memory, settled_of
from feedservice.service.naming import Step
from feedservice.service.records import Known
from feedservice.service.roster import NEVER, Roster
from feedservice.service.scan import Found
from feedservice.service.workers import Workers
from feedservice.taxonomy import identity as label_identity

Progress = Callable[[str, int, int], None]
"""``progress(what, done, total)``."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a pass is asked to look at."""

    now: datetime
    paths: Collection[str] | None = None
    """All that can have changed, relative to the content directory; None: look at every file."""
    full: bool = False
    """Read and render everything anew."""
    emptied: bool = False
    """The content directory may have lost all its posts."""
    again: Collection[str] = ()
    """Paths of posts that are read anew, whatever is known of their files."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A site as it is at one instant."""

    config: Config
    context: Context
    files: Mapping[str, Found]
    roster: Roster
    step: Step
    """The ids of the posts."""
    gone: frozenset[str]
    """Paths of posts whose files are not there any more."""
    broken: frozenset[str]
    """Paths of files that are no post now; the last good version may be among the posts."""
    until: datetime | None
    """When the next of these last good versions is withdrawn, UTC."""
    decisions: Decisions
    dirty: frozenset[str] | None
    """Keys of the feeds that can be other than the last pass made them; None: all."""
    read: int
    """Posts that were read again."""
    refers: frozenset[str]
    """Paths of posts that may link to other posts by their files."""
    first_seen: Mapping[str, datetime]
    """Path → first sight of the posts without a date."""
    problems: tuple[Problem, ...]
    now: datetime
    served: Mapping[str, Served]
    _windows: dict[str, Window] = dataclasses.field(default_factory=dict)

    @property
    def named(self) -> Collection[Named]:
        """Return every post that could be read."""
        return self.roster.everyone.values()

    @property
    def live(self) -> Live:
        """Return who is out."""
        return self.roster.live

    @property
    def plan(self) -> Plan:
        """Return the feeds."""
        return self.roster.plan

    @property
    def due(self) -> datetime | None:
        """Return when time alone changes something next, UTC."""
        return min(filter(None, (self.roster.due, self.until)), default=None)

    @property
    def identified(self) -> Identified:
        """Return what the ledger says."""
        return self.step.identified

    @property
    def late(self) -> Mapping[str, Mapping[str, datetime]]:
        """Return feed key → id → since when an entry is shown that there was no room for, of the windows asked for."""
        return {key: each.late for key, each in self._windows.items() if each.late}

    def members(self, key: str) -> Sequence[Named]:
        """Return all entries of a feed, newest first, without those that it is not to show."""
        refused = self.decisions.rejected.get(key)
        members = self.roster.members[key]
        return [each for each in members if each.id not in refused] if refused else members

    def window(self, spec: FeedSpec) -> Sequence[Named]:
        """Return the entries that a subscription document shows."""
        found = self._windows.get(spec.key)
        if found is None:
            stay = timedelta(seconds=seconds(self.config.feeds.late))
            members, served = self.members(spec.key), self.served.get(spec.key)
            fresh = self.step.out_since(served.at) if served is not None else ()
            found = selection.window(members, spec.window, served, fresh, now=self.now, stay=stay)
            self._windows[spec.key] = found
        return found.entries


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


def context_of(loaded: Loaded, media: Mapping[str, int] | None = None) -> Context:
    """Return what the meaning of all posts depends on."""
    config = loaded.config
    return Context(
        site=config.site,
        content=config.content,
        dialect=dialect_of(loaded),
        zones=_category_zones(config),
        files=media or {},
        kept=kept_keys(_rules(config)),
    )


def collect(
    loaded: Loaded,
    ask: Ask,
    *,
    pool: Workers,
    memory: Memory,
    progress: Progress,
    decisions: Decisions | None = None,
) -> Collected:
    """Read what changed in the content directory and decide what every feed holds now.

    ``decisions`` are the operator's about feeds that are held.

    ``memory`` is brought up to date; when this raises it is of no use any more. Raises ``RefusedError`` when there is no content
    directory, or nothing in it where there were posts.
    """
    folder = content_directory(loaded)
    if not folder.is_dir():
        raise RefusedError(f"there is no content directory {folder}", "create it, or set content.directory")
    decisions = decisions or Decisions()
    context = context_of(loaded)
    suspects = inventory.suspects(loaded, folder, context.dialect, memory, paths=ask.paths, full=ask.full, fatal=pool.fatal)
    if not memory.files and (memory.known or memory.lost) and not ask.emptied:
        lost = len(memory.known) + memory.lost
        raise RefusedError(
            f"there is no post in {folder}, where {lost:,} were before; the feeds stay as they are",
            "mount or restore the directory; if it is meant to be empty, say so with --allow-empty",
        )
    context = dataclasses.replace(context, files=memory.media)
    gone = [path for path in suspects if path in memory.known and path not in memory.files]
    for path in gone:
        memory.forget(path)
    anew = suspects if ask.full else ask.again
    here = [path for path in {*suspects, *ask.again} if path in memory.files]
    fresh = [path for path in here if path in anew or _stale(path, memory, pool.fatal)]
    changed: dict[str, Post | None] = dict.fromkeys(gone)
    changed |= _read(fresh, loaded.config, context, ask, pool=pool, memory=memory, progress=progress)
    changed |= _stood_in(loaded, changed.keys(), context, memory, ask, pool)
    posts = memory.posts()
    unusable = {path for path in memory.broken | memory.standing.keys() if path not in posts}
    whole = ask.full or memory.roster is None
    step = memory.names.step(
        posts, changed, gone=gone, broken=unusable, standing=memory.standing, config=loaded.config, now=ask.now, whole=whole
    )
    dirty = _judged(loaded.config, step, memory, ask)
    memory.settle()
    assert memory.roster is not None
    none = () if memory.files else (scan.no_posts(memory.media, context.dialect),)
    return Collected(
        config=loaded.config,
        context=context,
        files=memory.files | {path: each.found for path, each in memory.standing.items()} if memory.standing else memory.files,
        roster=memory.roster,
        step=step,
        gone=frozenset(gone),
        broken=frozenset(memory.broken | memory.standing.keys()),
        until=min((each.until for each in memory.standing.values() if each.until is not None), default=None),
        decisions=decisions,
        dirty=dirty,
        read=len(fresh),
        refers=frozenset(memory.refers),
        first_seen=memory.first_seen,
        problems=(*memory.scan_problems, *none, *memory.problems(), *memory.names.problems, *memory.roster.problems),
        now=ask.now,
        served=memory.served,
    )


def _stood_in(
    loaded: Loaded, changed: Collection[str], context: Context, memory: Memory, ask: Ask, pool: Workers
) -> dict[str, Post | None]:
    """Let last good versions stand in, or do so no more; return the posts that are other than before by that."""

    def read(copy: Found) -> Parsed | None:
        (made,) = pool.map(workers.parse_batch, [workers.ToParse(files=[copy], context=context)])
        parsed = made[0].parsed
        return None if parsed is None or parsed.post is None or parsed.post.digest in pool.fatal else parsed

    places = memory.names.places(memory.files, memory.posts())
    wanted = memory.standing.keys() | memory.broken | set(changed)
    stood: set[str] = set()
    if not memory.stood:
        # What another process let stand in: a post without its text is no broken file, and did not change since.
        stood = {path for path, row in places.items() if row.broken is not None}
        wanted |= stood
        memory.stood = True
    suspects = [path for path in wanted if path in memory.known]
    before = {path: each.parsed.post for path, each in memory.standing.items()}
    parsed = [memory.known[path].parsed for path in suspects]
    state, grace = loaded.root / loaded.config.state, timedelta(seconds=seconds(loaded.config.content.grace))
    memory.standing = quarantine.stand_ins(
        state,
        parsed,
        places,
        memory.files,
        read,
        kept=memory.kept,
        grace=grace,
        now=ask.now,
        zone=loaded.config.site.timezone,
    )
    stood -= {path for path, each in memory.standing.items() if each.until is not None}
    if any(places[path].out is not None and places[path].withdrawn is None for path in stood):
        # It was in feeds until that process ended, and its time is over: nobody knows any more in which.
        memory.roster = None
    other: dict[str, Post | None] = {}
    for path in before.keys() | memory.standing.keys():
        post = memory.post(path)
        if path in changed or path not in before or before[path] != post:
            other[path] = post
    return other


def _stale(path: str, memory: Memory, fatal: Collection[str]) -> bool:
    known = memory.known.get(path)
    return (
        known is None
        or (known.post is not None and known.post.digest in fatal)
        or known.fingerprint != memory.files[path].fingerprint
        or path in memory.outdated
        or path in memory.unread
        or any(memory.media.get(other) != size for other, size in known.looked)
    )


def _read(
    paths: Sequence[str], config: Config, context: Context, ask: Ask, *, pool: Workers, memory: Memory, progress: Progress
) -> dict[str, Post | None]:
    """Read posts, remember them, and return those that are other than before."""
    if config.content.missing_dates == "first-seen":
        context = dataclasses.replace(context, first_seen={path: memory.first_seen.get(path, ask.now) for path in paths})
    changed: dict[str, Post | None] = {}
    done = 0
    size = workers.BATCH
    batches = (
        workers.ToParse(
            files=[memory.files[path] for path in paths[start : start + size]],
            digests={} if ask.full else _digests(paths[start : start + size], memory, pool.fatal),
            context=context,
        )
        for start in range(0, len(paths), size)
    )
    for made in pool.map(workers.parse_batch, batches):
        for each in made:
            path, before = each.path, memory.known.get(each.path)
            fingerprint = memory.files[path].fingerprint
            if each.parsed is None:
                assert before is not None
                memory.note(path, dataclasses.replace(before, fingerprint=fingerprint))
                continue
            parsed = each.parsed
            if parsed.post is not None and parsed.post.digest in pool.fatal:
                parsed = workers.refused(path, pool.fatal[parsed.post.digest])
            post, old = parsed.post, before.post if before is not None else None
            if parsed.undated and post is not None:
                memory.first_seen[path] = post.published
            else:
                memory.first_seen.pop(path, None)
            good = None if post is not None or before is None else old or before.good
            settled = before.settled if before is not None else NEVER
            known = Known(fingerprint=fingerprint, parsed=parsed, looked=each.looked, good=good, settled=settled)
            if known != before or path in memory.outdated:
                memory.note(path, known)
            if post != old:
                changed[path] = post
        done += len(made)
        progress("reading posts", done, len(paths))
    return changed


def _digests(paths: Sequence[str], memory: Memory, fatal: Collection[str]) -> dict[str, str]:
    """Return the digests of posts that need not be read again when their bytes are the same."""
    found: dict[str, str] = {}
    for path in paths:
        known = memory.known.get(path)
        if known is None or known.post is None or path in memory.outdated or known.post.digest in fatal:
            continue
        if all(memory.media.get(other) == size for other, size in known.looked):
            found[path] = known.post.digest
    return found


def _judged(config: Config, step: Step, memory: Memory, ask: Ask) -> frozenset[str] | None:
    """Bring the roster up to date; return the keys of the feeds that can be other than before, None for all."""
    roster, had = memory.roster, guarding.had(memory.served, ask.now) | memory.unsaid()
    if roster is not None:
        # What the last pass published counts for what becomes of it now.
        roster.addresses, roster.had = memory.addresses, had
    if roster is None or ask.full:
        memory.roster = Roster(config, memory.addresses, had)
        memory.roster.fill((each for each in step.named.values() if each is not None), settled_of(memory.known), ask.now)
        return None
    if not step.whole:
        return frozenset(roster.update(step.named, ask.now))
    before = roster.everyone
    changed: dict[str, Named | None] = {path: None for path in before if path not in step.named}
    changed |= {path: each for path, each in step.named.items() if path not in before or before[path] != each}
    return frozenset(roster.update(changed, ask.now))


def post_urls(collected: Collected) -> dict[str, str]:
    """Return how posts are named in links between posts → where they live: by path, and in Jekyll by ``YYYY-MM-DD-slug``."""
    urls = {each.post.path: each.post.link for each in collected.named}
    short = [each for each in collected.named if "_posts/" in each.post.path]
    # Of two posts with one such name, the older has it.
    for each in sorted(short, key=lambda each: (each.post.published, each.post.path)):
        urls.setdefault(each.post.path.rsplit("_posts/", 1)[1].rsplit(".", 1)[0], each.post.link)
    return urls


def context_hash(context: Context) -> str:
    """Return a hash of everything that the meaning of all posts depends on; a new database of zones counts."""
    settings = (context.site.model_dump_json(), context.content.model_dump_json(), context.dialect)
    made_from = (__version__, dates.database(), settings, sorted(context.zones.items()), sorted(context.kept))
    return records.context(hashlib.blake2b(repr(made_from).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest())


def _category_zones(config: Config) -> dict[str, str]:
    set_up = ((label, each) for label, each in config.feeds.categories.items() if each is not None)
    return {label_identity(name): each.timezone for label, each in set_up if each.timezone for name in (label, *each.aka)}


def _rules(config: Config) -> list[Rule]:
    declared = [rule for query in config.feeds.define for rule in (*query.include, *query.exclude)]
    return [*config.content.exclude, *declared]
