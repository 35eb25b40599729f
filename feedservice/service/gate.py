"""The guard in a pass: each feed that was made is looked at before it is staged, and what readers have is remembered after it.

::

    Made ─difference→ what readers would see ─guard.judge→ goes out, or is held: the last good files stay
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from feedservice.config.schema import Config
from feedservice.feeds import archives, difference, guard
from feedservice.feeds.archives import Membership
from feedservice.feeds.difference import Difference, Served, Shown
from feedservice.feeds.formats import FORMATS
from feedservice.feeds.guard import Known, Verdict
from feedservice.feeds.selection import Reason
from feedservice.feeds.specs import Plan, feeds_base
from feedservice.model import Problem
from feedservice.service import chronicle, guarding
from feedservice.service.chronicle import Happened
from feedservice.service.collect import Collected
from feedservice.service.guarding import Decisions, Held
from feedservice.service.output import Output
from feedservice.service.render import Made


class Gate:
    """One pass of the guard."""

    def __init__(
        self, state: Path, *, now: datetime, served: Mapping[str, Served], decisions: Decisions, emptied: bool = False
    ) -> None:
        """Take what ``guarding`` remembers; ``emptied``: all posts may be gone, and nobody needs to be asked again."""
        self.state = state
        self.now = now
        self.emptied = emptied
        self.served = served
        self.decisions = decisions
        self.held: dict[str, Held] = {}
        self.verdicts: list[Verdict] = []
        """Of the feeds that are held."""
        self.told: list[Difference] = []
        """What readers see of the feeds that go out, where they see anything."""
        self.rejected: list[tuple[str, str, str]] = []
        """(feed, id, title) of the entries that the operator took out."""
        self._passed: dict[str, Served] = {}
        self._made: set[str] = set()
        self._at: datetime | None = None
        """As of when readers have what goes out, once something does."""

    def look(self, made: Made, collected: Collected) -> Problem | None:
        """Return None for a feed that goes out, else the problem; note either."""
        key = made.spec.key
        self._made.add(key)
        before = self.served.get(key)
        known = self.decisions.held.get(key)
        # A post is doubted in the pass that sees it first; the doubt stays until somebody decides.
        doubtful = {**(known.doubtful if known is not None else {}), **collected.identified.doubtful}
        refused = self.decisions.rejected.get(key, ())
        # What was rejected since the feed was held is among its new entries no more.
        taken_out = [name for name in known.new if name in refused] if known is not None else []
        rows = collected.identified.rows
        self.rejected += [(key, name, rows[name].title if name in rows else "") for name in taken_out]
        verdict = judge(made, collected, before, self.now, doubtful=doubtful)
        # Whoever wrote a date of expiry meant it.
        agreed = not made.window and (self.emptied or _expired(before, collected))
        if verdict.held and not agreed and self.decisions.released.get(key) != verdict.key:
            since = known.since if known is not None and known.key == verdict.key else self.now
            reasons = tuple(reason.text for reason in verdict.reasons)
            new = (*verdict.about, *self._behind(verdict, made, collected))
            doubts = {name: doubtful[name] for name in new if name in doubtful}
            self.held[key] = Held(feed=key, since=since, key=verdict.key, reasons=reasons, new=new, doubtful=doubts)
            self.verdicts.append(verdict)
            return guard.problem(verdict, next(iter(made.spec.paths.values())), since=since, zone=collected.config.site.timezone)
        if self._at is None:
            self._at = collected.step.at(self.now, self.served)
        self._passed[key] = _served(made, collected, before, verdict, self.now, self._at)
        if not verdict.difference.nothing:
            self.told.append(verdict.difference)
        return None

    def _behind(self, verdict: Verdict, made: Made, collected: Collected) -> list[str]:
        """Return the ids of the entries that came with a flood and that the window had no room for: they are part of it."""
        before = self.served.get(made.spec.key)
        if before is None or not any(reason.rule == "guard.flood" for reason in verdict.reasons):
            return []
        shown, rows = {each.id for each in made.window}, collected.identified.rows
        return [each.id for each in made.members if each.id not in shown and rows[each.id].first_seen > before.at]

    def count(self, key: str) -> int:
        """Return how many entries readers have of a feed."""
        return len(self.served[key].entries) if key in self.served else 0

    def held_back(self) -> frozenset[str]:
        """Return the ids of the entries that readers were to see anew, and that no feed shows them."""
        told = [verdict.difference for verdict in self.verdicts]
        waiting = {each.id for one in told for each in one.new} | {pair[1].id for one in told for pair in one.updated}
        return frozenset(waiting.difference(each.id for served in self._passed.values() for each in served.entries))

    def _how(self, feed: str) -> str:
        """Tell how a feed that was held came free."""
        if feed in self.decisions.released:
            return ""
        return "what was rejected is left out" if any(feed == key for key, *_ in self.rejected) else "nothing is strange any more"

    def remember(self, keep: timedelta, plan: Plan) -> tuple[dict[str, Served], Decisions]:
        """Write what readers have from now on, what is held, and what happened; return the first two. Raises ``OSError``.

        ``keep``: how long it is remembered what happened. What is no feed in the ``plan`` is not held any more.
        """
        there = {spec.key for spec in plan.specs}
        held = {key: each for key, each in self.decisions.held.items() if key in there - self._made} | self.held
        released = {key: each for key, each in self.decisions.released.items() if key not in self._passed}
        decided = dataclasses.replace(self.decisions, held=held, released=released)
        known = {each.key for each in self.decisions.held.values()}
        now_held = [each for each in self.held.values() if each.key not in known]
        free = [feed for feed in {**self.decisions.released, **self.decisions.held} if feed in self._passed]
        let_go = [(feed, self._how(feed)) for feed in free]
        happened = Happened(differences=self.told, held=now_held, released=let_go, rejected=self.rejected)
        found = chronicle.events(self.now, happened)
        out = {key: each.at for key, each in self.served.items()}
        chronicle.write(self.state, chronicle.unsaid(found, chronicle.read(self.state).events, out), keep=keep)
        for key, each in self._passed.items():
            if each != self.served.get(key):
                guarding.remember(self.state, each)
        if decided != self.decisions:
            guarding.decide(self.state, decided)
        return guarding.forget(self.state, {**self.served, **self._passed}, there, self.now), decided


def keep(made: Made, config: Config, output: Output, page: str | None, history: Membership | None) -> None:
    """Let everything beside the documents of a held feed be what it is: other names, page and archives. Raises ``OSError``."""
    spec = made.spec
    names = [(path, name, FORMATS[name].media_type, False) for path, name in spec.aliases.items()]
    if page is not None:
        names.append((page, "html", "text/html; charset=utf-8", False))
    for number in range(1, len(history.archives) + 1 if history is not None else 1):
        places = {name: archives.place(spec, name, number, base=feeds_base(config)) for name in spec.urls}
        names += [(place.path, name, FORMATS[name].media_type, True) for name, place in places.items()]
    for path, name, media_type, immutable in names:
        file = output.root / path
        if file.is_file():
            output.put(
                path,
                file.read_bytes(),
                feed=spec.key,
                name=name,
                media_type=media_type,
                last_modified=made.head.updated,
                immutable=immutable,
            )


def judge(
    made: Made, collected: Collected, before: Served | None, now: datetime, *, doubtful: Mapping[str, str] | None = None
) -> Verdict:
    """Return what readers of ``before`` would see of a feed, and whether it may go out; ``doubtful`` is as in ``Known``."""
    after = _shown(made)
    had = before.entries if before is not None else ()
    missing = {each.id for each in had}.difference(each.id for each in after)
    members: Collection[str] = {each.id for each in made.members} if missing else ()
    withdrawn = before.withdrawn if before is not None else ()
    told = difference.difference(made.spec.key, had, after, members, withdrawn=withdrawn)
    since = before.at if before is not None else now
    rows = collected.identified.rows
    arrived = collected.identified.arrived
    fresh = {each.id for each in told.new if each.id in arrived or rows[each.id].first_seen > since}
    doubts = collected.identified.doubtful if doubtful is None else doubtful
    config = collected.config
    known = Known(fresh=fresh, doubtful=doubts, zone=config.site.timezone)
    if told.gone and not told.shown:
        gone = {each.id for each in told.gone}
        out = {each.id for each in collected.roster.out}
        known = dataclasses.replace(known, elsewhere=gone & out, together=_together(gone, collected))
    return guard.judge(told, known, config.guard, now)


def _together(names: Collection[str], collected: Collected) -> int:
    """Return how many posts' files vanished when those of some entries did, in this pass or in one before it."""
    rows, there = collected.identified.rows, {each.id for each in collected.named}
    counts = Counter(
        row.gone for row in rows.values() if row.out is not None and row.id not in there and row.path not in collected.files
    )
    # What has vanished since the last pass is not said to be gone yet.
    return max((counts[rows[name].gone] for name in names if name in rows and name not in there), default=0)


def _expired(before: Served | None, collected: Collected) -> bool:
    """Tell whether every entry that readers have of a feed is over by the date that its author gave it."""
    rows, held = collected.identified.rows, collected.roster.held
    paths = [rows[each.id].path if each.id in rows else "" for each in before.entries] if before is not None else []
    return all(held.get(path) is Reason.EXPIRED for path in paths)


def _shown(made: Made) -> list[Shown]:
    digests = {span.id: span.digest for span in made.documents[0].entries}
    return [difference.shown(each, digests.get(each.id, "")) for each in made.window]


def _served(made: Made, collected: Collected, before: Served | None, verdict: Verdict, now: datetime, at: datetime) -> Served:
    key = made.spec.key
    entries = tuple(_shown(made))
    present = {each.id for each in entries}
    late = {name: since for name, since in collected.late.get(key, {}).items() if name in present}
    gone = dict.fromkeys((each.id for each in verdict.difference.gone), now)
    old = before.withdrawn if before is not None else {}
    back = {each.id for each in made.members} if old else set()
    withdrawn = {name: since for name, since in (gone | dict(old)).items() if name not in back}
    told = Served(
        feed=key,
        since=before.since if before is not None else now,
        at=at,
        window=made.spec.window,
        entries=entries,
        late=late,
        withdrawn=withdrawn,
        whole=len(entries) == len(made.members),
        said=made.head.updated,
    )
    if before is not None and dataclasses.replace(told, at=before.at) == before:
        return before
    return told
