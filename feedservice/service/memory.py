"""What one pass tells the next: the posts as they were read, who was out, the files as they were made.

An empty memory makes a pass of everything. What is remembered in a store makes a restart that reads no post. A memory is changed
by the pass that uses it; when that pass fails it is thrown away, and the next begins with what the store has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from feedservice.config.schema import Config
from feedservice.feeds.archives import Membership
from feedservice.feeds.difference import Served
from feedservice.feeds.lint import Clean
from feedservice.model import Post, Problem
from feedservice.service import guarding, leaving, records
from feedservice.service.ledgers import Ledger
from feedservice.service.naming import Names
from feedservice.service.pack import Mark
from feedservice.service.quarantine import StandIn
from feedservice.service.records import Known
from feedservice.service.roster import Roster, Settled
from feedservice.service.scan import UNREADABLE, Found
from feedservice.service.shelf import Shelf, Shelved
from feedservice.service.shelf import recall as recall_shelf
from feedservice.store import DocumentRow, Store

AT = "pass.at"
"""Fact of the store: when the last pass was made."""
SETTINGS = "pass.settings"
"""Fact of the store: hash of everything beside the posts that the last pass depended on."""
LEDGER = "pass.ledger"
"""Fact of the store: ``Ledger.digest`` of the file that the last pass left."""
DECISIONS = "pass.decisions"
"""Fact of the store: hash of what was decided about feeds that are held."""
NOTES = "pass.notes"
"""Fact of the store: ``chronicle.Notes.mark`` of the notes that it took in last."""
MEDIA = "pass.media"
"""Fact of the store: ``rest.mark`` of the files that are no posts."""
DUE = "pass.due"
"""Fact of the store: when time alone changes something next; nothing when it never does."""
SIBLINGS = "pass.siblings"
"""Fact of the store: hash of the feeds that pages name."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Memory:
    """The state of a site after a pass."""

    names: Names
    addresses: dict[str, str] = dataclasses.field(default_factory=dict)
    """Key of a feed that a label made → the label that has it for good."""
    served: dict[str, Served] = dataclasses.field(default_factory=dict)
    """Feed key → what readers have of it."""
    decisions: str = ""
    """Hash of what was decided about feeds that are held, as of the last pass."""
    known: dict[str, Known] = dataclasses.field(default_factory=dict)
    """Path → what was read, of every file that is a post."""
    context: str = ""
    """Hash of what all records were made with, but for those that are outdated."""
    outdated: set[str] = dataclasses.field(default_factory=set)
    """Paths of records that were made with something else."""
    lost: int = 0
    """Records that another version of this program wrote, and that mean nothing to this one."""
    standing: dict[str, StandIn] = dataclasses.field(default_factory=dict)
    """Path → what stands in for a file that cannot be used."""
    stood: bool = False
    """The ledger was asked what stood in before this process."""
    kept: dict[str, str] = dataclasses.field(default_factory=dict)
    """Path → digest of the sources that are known to be kept."""
    left: Mark | None = None
    """How the file of kept sources was left."""
    files: dict[str, Found] = dataclasses.field(default_factory=dict)
    """Path → file, of every file that is a post."""
    media: dict[str, int] = dataclasses.field(default_factory=dict)
    """Path → bytes, of every other file."""
    media_mark: str | None = None
    """``rest.mark`` of these, while it is known."""
    scanned: bool = False
    """``files`` and ``media`` are those of a scan."""
    scan_problems: tuple[Problem, ...] = ()
    troubled: set[str] = dataclasses.field(default_factory=set)
    """Paths of posts with problems."""
    broken: set[str] = dataclasses.field(default_factory=set)
    """Paths of files that are no post now."""
    unread: set[str] = dataclasses.field(default_factory=set)
    """Paths of posts' files that could not be read: who may read one is not among what ``Fingerprint`` says."""
    refers: set[str] = dataclasses.field(default_factory=set)
    """Paths of posts that may link to others by their files."""
    lookers: set[str] = dataclasses.field(default_factory=set)
    """Paths of posts whose meaning depends on other files."""
    first_seen: dict[str, datetime] = dataclasses.field(default_factory=dict)
    """Path → first sight, of posts without a date."""
    roster: Roster | None = None
    settings: str = ""
    siblings: str = ""
    facts: dict[str, str | None] = dataclasses.field(default_factory=dict)
    """Facts of the store."""
    at: datetime | None = None
    shelf: dict[str, Shelved] = dataclasses.field(default_factory=dict)
    """Feed key → its files; ``""`` → those of no feed."""
    leaving: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Files that are to be removed, as ``service.leaving`` has them."""
    documents: dict[str, DocumentRow] = dataclasses.field(default_factory=dict)
    """Path → document, as the store has it."""
    histories: dict[str, Membership] = dataclasses.field(default_factory=dict)
    """Feed key → archives."""
    inputs: dict[str, str] = dataclasses.field(default_factory=dict)
    """Output path of an archive document → hash of what it was made from."""
    clean: dict[str, Clean] = dataclasses.field(default_factory=dict)
    """As in ``lint.look``: entries of documents that need not be read back again."""
    touched: set[str] = dataclasses.field(default_factory=set)
    """Paths of records that the store does not have like this."""
    forgotten: set[str] = dataclasses.field(default_factory=set)
    """Paths of records that the store has and that are of no post any more."""

    def enter(self, path: str, known: Known) -> None:
        """Take in what the store has of a post that nothing is known of yet."""
        self.known[path] = known
        if known.parsed.problems:
            self.troubled.add(path)
        if known.parsed.post is None:
            self.broken.add(path)
        if any(problem.rule == UNREADABLE for problem in known.parsed.problems):
            self.unread.add(path)
        if known.parsed.refers:
            self.refers.add(path)
        if known.looked:
            self.lookers.add(path)

    def note(self, path: str, known: Known) -> None:
        """Take in what was read."""
        for group in (self.troubled, self.broken, self.unread, self.refers, self.lookers, self.outdated, self.forgotten):
            group.discard(path)
        self.enter(path, known)
        self.touched.add(path)

    def forget(self, path: str) -> None:
        """Let go of a post that is gone."""
        del self.known[path]
        self.touched.discard(path)
        self.forgotten.add(path)
        self.first_seen.pop(path, None)
        for group in (self.troubled, self.broken, self.unread, self.refers, self.lookers, self.outdated):
            group.discard(path)

    def posts(self) -> Posts:
        """Return every post that can be read, as its author wrote it, or what stands in for it, by path, as it is from now on."""
        return Posts(self)

    def post(self, path: str) -> Post | None:
        """Return one of ``posts``."""
        if path in self.standing:
            return self.standing[path].parsed.post
        known = self.known.get(path)
        return known.parsed.post if known is not None else None

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with posts."""
        for path in self.troubled | self.standing.keys():
            yield from (self.standing[path].parsed if path in self.standing else self.known[path].parsed).problems

    def unsaid(self) -> frozenset[str]:
        """Return the keys of the feeds with entries of which the state directory does not say what readers have (any more)."""
        return frozenset(key for key, each in self.shelf.items() if key and each.ids and key not in self.served)

    def settle(self) -> None:
        """Take over from the roster what time has done to the posts that it asked about."""
        roster = self.roster
        if roster is None:
            return
        for path in roster.settled if roster.affected is None else roster.affected & roster.settled.keys():
            settled = roster.settled[path]
            known = self.known.get(path)
            if known is not None and known.settled is not settled and known.settled != settled:
                self.known[path] = dataclasses.replace(known, settled=settled)
                self.touched.add(path)


class Posts(Mapping[str, Post]):
    """``Memory.posts``: making a table of a hundred thousand for the sake of one takes longer than all that is done with it."""

    def __init__(self, memory: Memory) -> None:
        """Look nothing up yet."""
        self._memory = memory

    def __getitem__(self, path: str) -> Post:
        """Return a post. Raises ``KeyError`` when there is none that can be read."""
        post = self._memory.post(path)
        if post is None:
            raise KeyError(path)
        return post

    def __iter__(self) -> Iterator[str]:
        """Yield the paths."""
        memory = self._memory
        others = (path for path in memory.standing if path not in memory.known)
        return (path for path in (*memory.known, *others) if memory.post(path) is not None)

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)


def settled_of(known: Mapping[str, Known]) -> dict[str, Settled]:
    """Return what happened to posts, for a roster."""
    return {path: each.settled for path, each in known.items() if each.settled.out is not None or each.settled.over is not None}


def load(
    store: Store,
    ledger: Path,
    *,
    context: str,
    settings: str,
    config: Config,
    addresses: Mapping[str, str],
    served: Mapping[str, Served],
    shelf: Shelf | None = None,
) -> Memory:
    """Return what a store remembers; ``ledger`` is the path of the ledger's file, the rest is what the state directory has.

    ``shelf`` is what the store has of files, when that was asked for already.

    Raises ``StoreError``, ``ValueError`` for rows that this program did not write, and ``RefusedError`` for a damaged ledger.
    """
    facts = store.meta()
    names = Names(Ledger(ledger, agreed=facts.get(LEDGER), stored=store.ledger))
    memory = Memory(context=context, names=names, addresses=dict(addresses), served=dict(served))
    memory.facts = dict(facts)
    memory.settings, memory.siblings = facts.get(SETTINGS, ""), facts.get(SIBLINGS, "")
    memory.decisions = facts.get(DECISIONS, "")
    memory.leaving = leaving.load(facts.get(leaving.FACT))
    decoder = records.Decoder()
    shape = records.shape_of(context)
    for row in store.posts():
        if row.context != context:
            if records.shape_of(row.context) != shape:
                memory.lost += 1
                memory.forgotten.add(row.path)
                continue
            memory.outdated.add(row.path)
        known = decoder.decode(row)
        memory.enter(row.path, known)
        if known.parsed.undated and known.post is not None:
            memory.first_seen[row.path] = known.post.published
    memory.at = datetime.fromisoformat(facts[AT]) if AT in facts else None
    files = shelf or recall_shelf(store)
    memory.documents, memory.shelf = dict(files.documents), dict(files.feeds)
    if memory.at is not None and not memory.outdated and not memory.lost and memory.settings == settings:
        # Under other ids the posts are not those that the files show.
        everyone = names.recall(memory.posts(), config, memory.at) if names.ledger.agrees() else None
        if everyone is not None:
            memory.roster = Roster(config, memory.addresses, guarding.had(served, memory.at))
            memory.roster.fill(everyone, settled_of(memory.known), memory.at)
    return memory
