"""What was matched → rows of the ledger: ids byte for byte, and the dates that readers know.

An old site may have named one post twice, in RSS and in Atom. Both ids are kept, each where its readers look for it: a row
has one for Atom and one for RSS and JSON. A third is a conflict, and so is another id in a second feed of one format: the feed
that was given first counts.

A feed shows its newest entries, and its readers know older ones. When all ids of a feed follow from one rule, what the rule makes
of the older posts is what readers know them by.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from feedservice.feeds import identity
from feedservice.feeds.adoption import Doubt, Matched, Pair
from feedservice.feeds.foreign import OldEntry
from feedservice.feeds.identity import Named
from feedservice.feeds.inference import Rule, infer
from feedservice.feeds.ledger import Identified, Row, ordered
from feedservice.model import Post

_FIRST = ("rss", "json", "atom")
"""Format whose id a post gets, if it has several; Atom has a place for its own."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A post, and what is taken over for it."""

    path: str
    title: str
    id: str
    atom: str
    """The id in Atom, where that is another."""
    by: str
    """By what it was known, in words."""
    source: str
    row: Row
    """Its row of the ledger from now on."""
    changed: bool
    """The ledger does not say so yet."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """An id that is not taken over."""

    path: str
    """Of the post."""
    id: str
    kept: str
    """The id that the post has instead."""
    source: str
    why: str
    replaceable: bool = False
    """The post was published here under another id; whoever knows that nobody reads it by that can have it replaced."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """An old entry that is no post, or may be several."""

    source: str
    entry: OldEntry
    doubt: Doubt | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What taking over would change, and everything that a person should know before."""

    taken: tuple[Taken, ...]
    ruled: tuple[Taken, ...]
    """Posts older than what the old feeds show, named by the rule that made the other ids."""
    rule: Rule | None
    conflicts: tuple[Conflict, ...]
    doubtful: tuple[Stranger, ...]
    strangers: tuple[Stranger, ...]
    """Old entries without a post. Their ids are remembered, so that nobody else gets one."""
    unknown: tuple[Named, ...]
    """Posts that are out and that no old entry is or may be; oldest first."""
    rows: tuple[Row, ...]
    """The whole ledger, as it is to be written."""
    changed: bool
    """Whether it says anything new."""
    replaced: Mapping[str, str]
    """Id that a post was published here with → the one that it has instead."""


def take_over(
    matches: Sequence[Matched],
    identified: Identified,
    rows: Iterable[Row],
    *,
    out: Collection[str],
    site_url: str,
    zone: str,
    now: datetime,
    replace: bool = False,
) -> Adoption:
    """Decide what is taken over.

    ``identified`` and ``rows`` are the posts with the ids that they have now, and the ledger; ``out`` are the ids of those that
    are in feeds now. What was published here under another id keeps it unless ``replace``: its readers know it by that.
    """
    work = _Takeover(matches, identified, rows, site_url, now, replace=replace)
    work.take_pairs()
    rule, ruled = work.take_older(out, site_url, zone)
    strangers = work.remember_strangers()
    after = ordered(work.rows.values())
    known = work.unsure | {each.path for each in (*work.taken, *ruled)} | {each.path for each in work.conflicts}
    unknown = [each for each in identified.named if each.id in out and each.post.path not in known]
    return Adoption(
        taken=tuple(work.taken),
        ruled=tuple(ruled),
        rule=rule,
        conflicts=tuple(work.conflicts),
        doubtful=tuple(
            Stranger(source=each.source.name, entry=doubt.entry, doubt=doubt) for each in matches for doubt in each.doubts
        ),
        strangers=strangers,
        unknown=tuple(sorted(unknown, key=lambda each: (each.post.published, each.post.path))),
        rows=after,
        changed=after != ordered(work.before),
        replaced=work.replaced,
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the old feeds say of one post."""

    id: str | None
    """In RSS or JSON."""
    atom: str | None
    permalink: str
    origin: str
    published: datetime | None
    updated: datetime | None


class _Takeover:
    """One takeover; ``rows`` becomes the new ledger."""

    def __init__(
        self,
        matches: Sequence[Matched],
        identified: Identified,
        rows: Iterable[Row],
        site_url: str,
        now: datetime,
        *,
        replace: bool,
    ) -> None:
        self.matches = matches
        self.identified = identified
        self.before = tuple(rows)
        self.rows = {row.id: row for row in self.before}
        self.names = {name: row.id for row in self.before for name in (row.id, row.atom) if name}
        """Id, in whichever format → id of the row that has it."""
        self.site_url = site_url
        self.now = now
        self.replace = replace
        self.unsure = {path for each in matches for doubt in each.doubts for path in doubt.paths}
        """Paths of posts that may be an old entry."""
        self.replaced: dict[str, str] = {}
        self.taken: list[Taken] = []
        self.conflicts: list[Conflict] = []
        self.evidence: list[tuple[Post, str]] = []
        self.atom_evidence: list[tuple[Post, str]] = []

    def take_pairs(self) -> None:
        """Take over the ids of the entries that are posts."""
        found: dict[str, list[tuple[Matched, Pair]]] = {}
        for matched in self.matches:
            for pair in matched.pairs:
                found.setdefault(pair.named.post.path, []).append((matched, pair))
        for path in sorted(found):
            self._take(found[path])

    def _take(self, known: Sequence[tuple[Matched, Pair]]) -> None:
        by_format: dict[str, tuple[Matched, Pair]] = {}
        for matched, pair in known:
            by_format.setdefault(matched.source.format, (matched, pair))
        main, pair = next(by_format[name] for name in _FIRST if name in by_format)
        own = pair.entry.known_by
        atom = by_format["atom"][1].entry.known_by if "atom" in by_format else None
        self.evidence.append((pair.named.post, own))
        if atom is not None:
            self.atom_evidence.append((pair.named.post, atom))
        entries = [pair.entry, *(each.entry for _, each in known)]
        told = _Told(
            id=own if main.source.format != "atom" else None,
            atom=atom,
            permalink=_permalink(main.source.format, pair.entry),
            origin=main.source.name,
            published=self._past(each.published for each in entries),
            updated=self._past(each.updated for each in entries),
        )
        row = self._row(pair.named, told)
        if row is not None:
            self._note(pair.named, row, pair.by, main.source.name)
        for matched, other in known:
            theirs = other.entry.known_by
            if theirs not in {own, atom} and row is not None:
                first = by_format[matched.source.format][0]
                why = f"{first.source.name} has another one, and was given first"
                if first is matched:
                    why = f"{main.source.name} has another one, and RSS and JSON have one id here"
                self._refuse(pair.named, theirs, row.id, matched.source.name, why)

    def _note(self, named: Named, row: Row, by: str, source: str) -> None:
        changed = self.rows.get(row.id) != row
        self._put(row)
        post = named.post
        self.taken.append(
            Taken(path=post.path, title=post.title, id=row.id, atom=row.atom, by=by, source=source, row=row, changed=changed)
        )

    def _put(self, row: Row) -> None:
        self.rows[row.id] = row
        self.names |= dict.fromkeys(filter(None, (row.id, row.atom)), row.id)

    def _drop(self, row: Row) -> None:
        del self.rows[row.id]
        for name in (row.id, row.atom):
            self.names.pop(name, None)

    def _refuse(self, named: Named, theirs: str, kept: str, source: str, why: str, *, replaceable: bool = False) -> None:
        path = named.post.path
        self.conflicts.append(Conflict(path=path, id=theirs, kept=kept, source=source, why=why, replaceable=replaceable))

    def _past(self, instants: Iterable[datetime | None]) -> datetime | None:
        """Return the first instant that is one, and that is not still to come."""
        return next((each for each in instants if each is not None and each <= self.now), None)

    def _row(self, named: Named, told: _Told) -> Row | None:
        """Return the row that a post has from now on; None when it may not have the id, which is noted."""
        post, row = named.post, self.identified.rows[named.id]
        ours = row.atom or identity.iri(row.id, self.site_url)
        if row.out is None:
            own = told.id or told.atom or row.id
            # White space around an id is of RSS alone.
            atom = told.atom or identity.iri(own.strip(), self.site_url)
        else:
            # What has readers here already keeps its id in the formats that no old feed speaks of.
            own, atom = told.id or row.id, told.atom or ours
            if (own, atom) == (row.id, ours):
                return row
            if not self.replace:
                theirs = own if own != row.id else atom
                why = f"published here since {row.out:%Y-%m-%d}"
                self._refuse(named, theirs, row.id, told.origin, why, replaceable=True)
                return None
        owners = [self.rows[self.names[name]] for name in {own, atom} if name in self.names]
        others = [each for each in owners if each.id != row.id]
        owner = next((each for each in others if each.gone is None and each.out is not None), None)
        if owner is not None:
            self._refuse(named, own, row.id, told.origin, f"the id is that of {owner.path}")
            return None
        for each in others:
            # Of a post that nobody has seen, or of an old entry whose post has turned up.
            if each.id in self.rows:
                self._drop(each)
        self._leave(row, own)
        known = told.published or self._past([post.published])
        changed = told.updated is not None and known is not None and told.updated > known
        return dataclasses.replace(
            row,
            id=own,
            path=post.path,
            origin=f"adopted {told.origin}",
            atom="" if atom == own == identity.iri(own, self.site_url) else atom,
            permalink=told.permalink if told.id else row.permalink,
            claim=post.guid if post.guid != own else None,
            first_seen=min(row.first_seen, known or self.now),
            out=row.out or known or self.now,
            published=known,
            updated=told.updated if changed else None,
            withdrawn=None,
            gone=None,
            broken=None,
            title=post.title,
            link=post.link,
            date=self.identified.dates[named.id],
            sketch=post.sketch,
        )

    def _leave(self, row: Row, taken: str) -> None:
        """Take the id that a post had so far from it. One that nobody knows is forgotten; another is nobody's for ever."""
        if row.id == taken or row.id not in self.rows:
            return
        if row.out is None:
            self._drop(row)
        else:
            self.replaced[row.id] = taken
            left = dataclasses.replace(row, atom="", gone=row.gone or self.now, withdrawn=row.withdrawn or self.now)
            self._drop(row)
            self._put(left)

    def take_older(self, out: Collection[str], site_url: str, zone: str) -> tuple[Rule | None, list[Taken]]:
        """Name the posts that are older than what an old feed shows as that feed would have named them."""
        rule, of_atom = infer(self.evidence, site_url, zone), infer(self.atom_evidence, site_url, zone)
        shown = [[entry.published for entry in each.source.entries if entry.published is not None] for each in self.matches]
        before = max((min(dates) for dates in shown if dates), default=None)
        if rule is None or before is None:
            return rule, []
        unsure = self.unsure | {each.path for each in self.taken} | {each.path for each in self.conflicts}
        first = len(self.taken)
        for named in sorted(self.identified.named, key=lambda each: each.post.path):
            post = named.post
            row = self.identified.rows[named.id]
            if row.out is not None or named.id not in out or post.published >= before or post.path in unsure:
                continue
            made = rule.make(post)
            atom = of_atom.make(post) if of_atom is not None else None
            if made not in self.names and (atom is None or atom not in self.names):
                told = _Told(
                    id=made,
                    atom=atom,
                    permalink="",
                    origin=f"{rule.origin} ({rule.scheme})",
                    published=post.published,
                    updated=None,
                )
                ours = self._row(named, told)
                if ours is not None:
                    self._note(named, ours, "the rule of the other ids", "")
        ruled, self.taken = self.taken[first:], self.taken[:first]
        return rule, ruled

    def remember_strangers(self) -> tuple[Stranger, ...]:
        """Keep the ids of old entries that no post is: they may come yet, and nobody else may have them."""
        found: dict[str, Stranger] = {}
        for each in self.matches:
            for entry in each.left:
                found.setdefault(entry.known_by, Stranger(source=each.source.name, entry=entry))
        for known, stranger in found.items():
            if known.strip() and known not in self.names:
                self._put(self._stranger_row(stranger))
        return tuple(found.values())

    def _stranger_row(self, stranger: Stranger) -> Row:
        entry = stranger.entry
        seen = self._past([entry.published]) or self.now
        return Row(
            id=entry.known_by,
            # Where it was: there is no file. An address is the path of none.
            path=entry.link or entry.known_by,
            origin=f"adopted {stranger.source}",
            first_seen=seen,
            out=seen,
            published=self._past([entry.published]),
            withdrawn=self.now,
            gone=self.now,
            title=entry.title.strip(),
            link=entry.link,
            date=entry.published,
            sketch=entry.sketch,
        )


def _permalink(format_name: str, entry: OldEntry) -> str:
    """Return the ``isPermaLink`` that makes readers find the same id: some resolve an id that is a link, and only such a one."""
    if format_name != "rss":
        return ""
    if not entry.id.strip():
        return "true"
    return "true" if entry.permalink else "false"
