"""Whether everything is as the last pass left it: a look at every file, and at none of the posts.

A service that starts again finds most often that nothing happened. Then what was published stands, and readers and the service
manager need not wait until the posts are in memory; the first pass puts them there, and looks at everything once more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from feedservice.config import Loaded
from feedservice.service import collect, guarding, inventory, keys, ledgerfile
from feedservice.service.ledgers import Ledger
from feedservice.service.memory import AT, DECISIONS, DUE, LEDGER, MEDIA, SETTINGS
from feedservice.service.scan import Found
from feedservice.store import Store


def mark(media: Mapping[str, int]) -> str:
    """Return a hash of the files that are no posts."""
    text = json.dumps(sorted(media.items()), ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def rests(loaded: Loaded, store: Store, state: Path, now: datetime) -> bool:
    """Tell whether a pass would find everything as the last one left it; its files are not looked at.

    ``state`` is the state directory. Raises ``StoreError``, ``ValueError`` for facts that are damaged, and ``RefusedError`` for
    decisions that are: the pass says what is to be said.
    """
    facts = store.meta()
    folder = collect.content_directory(loaded)
    context = collect.context_of(loaded)
    of_records = collect.context_hash(context)
    if facts.get(SETTINGS) != keys.settings(loaded.config, of_records) or not _is_time(facts, now):
        return False
    decisions = guarding.decisions(state)
    # Who asks which feeds are held is told by a pass.
    if decisions.held or facts.get(DECISIONS) != keys.decisions(decisions) or not folder.is_dir():
        return False
    before: dict[str, Found] = {}
    for path, fingerprint, context_of_it in store.fingerprints():
        if context_of_it != of_records:
            return False
        before[path] = Found(path=path, root=str(folder), name=path, fingerprint=fingerprint)
    found = inventory.every(loaded, folder, context.dialect, before)
    if len(found.posts) != len(before) or mark(found.files) != facts.get(MEDIA):
        return False
    if any(each.path not in before or before[each.path].fingerprint != each.fingerprint for each in found.posts):
        return False
    return Ledger(ledgerfile.place(loaded), agreed=facts.get(LEDGER)).agrees()


def _is_time(facts: Mapping[str, str], now: datetime) -> bool:
    """Tell whether it is between the last pass and the next change that comes by itself."""
    if AT not in facts:
        return False
    due = datetime.fromisoformat(facts[DUE]) if DUE in facts else None
    return datetime.fromisoformat(facts[AT]) <= now and (due is None or now < due)
