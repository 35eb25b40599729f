"""The end of a pass: what is there now, told to the memory and to the store in one transaction with what is to be announced."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from feedservice.model import FeedSpec
from feedservice.service import chronicle, history, leaving, ledgerfile, records, rest, shelf
from feedservice.service.memory import AT, DECISIONS, DUE, LEDGER, MEDIA, NOTES, SETTINGS, SIBLINGS, Memory
from feedservice.service.report import Changed
from feedservice.service.roster import Roster
from feedservice.service.shelf import Shelved
from feedservice.store import BodyRow, Changes, DocumentRow, PostRow, Store
from feedservice.store.history import Event


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A document that is other than before."""

    before: DocumentRow | None
    """None: there was none."""
    after: DocumentRow | None
    """None: it was removed."""


Announce = Callable[[Sequence[Replaced], Sequence[Event], Roster, datetime], Mapping[str, Any]]
"""Plans what to announce: (documents that changed, what happened, who is out, now) → further arguments for ``Store.publish``."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """Where things are remembered, and who announces them."""

    store: Store | None
    state: Path
    """The state directory: what happened is noted there."""
    keep: timedelta
    """How long it is remembered what happened."""
    announce: Announce | None = None


def remember(
    remembering: Remembering,
    memory: Memory,
    made: dict[str, Shelved],
    *,
    specs: Sequence[FeedSpec],
    settings: str,
    siblings: str,
    bodies: Sequence[BodyRow],
    now: datetime,
    due: datetime | None,
    roster: Roster,
) -> tuple[Changed, ...]:
    """Remember a pass whose files are there; return the documents that are other than before. Raises ``StoreError``."""
    rows = _documents(made, specs, memory)
    gone = [path for path in memory.documents if path not in rows]
    written = [row for path, row in rows.items() if _other(row, memory.documents.get(path))]
    replaced = [Replaced(before=memory.documents.get(row.path), after=row) for row in written]
    replaced = [each for each in replaced if each.before is None or each.after is None or each.before.etag != each.after.etag]
    replaced += [Replaced(before=memory.documents[path], after=None) for path in gone]
    changed = tuple(_changed(each) for each in replaced)
    store = remembering.store
    if store is None:
        memory.shelf, memory.documents = made, rows
        return changed
    feeds = [shelf.feed_row(each) for key, each in made.items() if memory.shelf.get(key) is not each]
    forgotten = [key for key in memory.shelf if key not in made]
    posts = [_post_row(path, memory) for path in sorted(memory.touched) if path in memory.known]
    waiting, ledger = leaving.leaving(memory.shelf, made, memory.leaving), memory.names.ledger
    facts = _facts(memory, settings, siblings, due) | _other_fact(memory, leaving.FACT, leaving.dump(waiting))
    notes = chronicle.read(remembering.state)
    # A process that was killed before it could remove them has them in the store.
    events = () if notes.mark == memory.facts.get(NOTES) else notes.events
    facts |= {NOTES: notes.mark} if events else {}
    if posts or memory.forgotten or bodies or written or gone or feeds or forgotten or facts or ledger.owed:
        plan = remembering.announce
        further = plan(replaced, events, roster, now) if plan is not None and (replaced or events) else {}
        kept = store.publish(
            at=now,
            posts=Changes(changed=posts, removed=memory.forgotten),
            bodies=bodies,
            documents=Changes(changed=written, removed=gone),
            feeds=Changes(changed=feeds, removed=forgotten),
            ledger=Changes(changed=[ledgerfile.stored(row) for row in ledger.owed.values()]),
            events=events,
            events_since=now - remembering.keep if events else None,
            meta={**facts, AT: now.isoformat()},
            **further,
        )
        memory.facts |= facts
        ledger.saved()
        memory.at, memory.leaving = now, waiting
        rows |= {row.path: row for row in kept}
    if notes.mark:
        chronicle.clear(remembering.state)
    memory.documents = rows
    memory.shelf = {key: _agreed(each, rows) for key, each in made.items()}
    made |= memory.shelf
    memory.settings, memory.siblings = settings, siblings
    memory.touched, memory.forgotten, memory.lost = set(), set(), 0
    return changed


def _documents(made: Mapping[str, Shelved], specs: Sequence[FeedSpec], memory: Memory) -> dict[str, DocumentRow]:
    """Return the documents that are there, by path, aliases and archives apart."""
    found: dict[str, DocumentRow] = {}
    for spec in specs:
        shelved = made[spec.key]
        if memory.shelf.get(spec.key) is shelved:
            found |= {path: memory.documents[path] for path in spec.paths.values() if path in memory.documents}
            continue
        places = {path: name for name, path in spec.paths.items()}
        for each in shelved.published:
            if each.path in places:
                name = places[each.path]
                found[each.path] = DocumentRow(
                    path=each.path,
                    feed=spec.key,
                    format=name,
                    url=spec.urls[name],
                    media_type=each.media_type,
                    etag=each.etag,
                    last_modified=each.last_modified,
                    size=each.size,
                    entries=each.entries,
                )
    return found


def _other(row: DocumentRow, before: DocumentRow | None) -> bool:
    return before is None or (before is not row and before != row)


def _changed(replaced: Replaced) -> Changed:
    before, after = replaced.before, replaced.after
    row = after or before
    assert row is not None
    return Changed(
        path=row.path,
        feed=row.feed,
        format=row.format,
        before=before.etag if before is not None else None,
        after=after.etag if after is not None else None,
    )


def _post_row(path: str, memory: Memory) -> PostRow:
    known = memory.known[path]
    return PostRow(path=path, fingerprint=known.fingerprint, context=memory.context, record=records.encode(known))


def _facts(memory: Memory, settings: str, siblings: str, due: datetime | None) -> dict[str, str | None]:
    """Return the facts that are other than what the store has."""
    memory.media_mark = memory.media_mark or rest.mark(memory.media)
    facts: dict[str, str | None] = {
        SETTINGS: settings,
        SIBLINGS: siblings,
        DECISIONS: memory.decisions,
        LEDGER: memory.names.ledger.digest,
        MEDIA: memory.media_mark,
        DUE: due.isoformat() if due is not None else None,
        history.FACT: json.dumps(history.dumped(memory.histories), ensure_ascii=False) if memory.histories else None,
        history.INPUTS_FACT: json.dumps(memory.inputs, ensure_ascii=False) if memory.inputs else None,
    }
    return {key: value for key, value in facts.items() if memory.facts.get(key) != value}


def _other_fact(memory: Memory, key: str, value: str | None) -> dict[str, str | None]:
    return {key: value} if memory.facts.get(key) != value else {}


def _agreed(shelved: Shelved, documents: Mapping[str, DocumentRow]) -> Shelved:
    """Return the files with the dates of change that the store kept: they never go back."""
    later = {
        each.path: documents[each.path].last_modified
        for each in shelved.published
        if each.path in documents and documents[each.path].last_modified != each.last_modified
    }
    if not later:
        return shelved
    files = tuple(
        dataclasses.replace(each, last_modified=later[each.path]) if each.path in later else each for each in shelved.published
    )
    return dataclasses.replace(shelved, published=files)
