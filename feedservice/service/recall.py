"""What a question about the site starts from: the posts as the store has them, the ids as a pass would find them.

Who only asks (``check``, ``explain``, ``next``, ``diff``) would read every post for it; the last pass has read them. Nothing is
written, and no lock is taken: a running service goes on.
"""

from __future__ import annotations

import dataclasses

from feedservice.config import Loaded
from feedservice.service import collect, ledgerfile, records
from feedservice.service.ledgers import Ledger
from feedservice.service.memory import LEDGER, Memory
from feedservice.service.naming import Names
from feedservice.service.publish import exported
from feedservice.service.roster import NEVER
from feedservice.store import Store


def recalled(loaded: Loaded, store: Store) -> Memory:
    """Return what the state directory and the store remember, for one question.

    What time has done to posts is left out: a question may be about another time. Raises ``StoreError``, ``ValueError`` for rows
    that are damaged, and ``RefusedError`` as ``exported`` does.
    """
    memory = exported(loaded)
    memory.names = Names(Ledger(ledgerfile.place(loaded), agreed=store.meta().get(LEDGER), stored=store.ledger))
    memory.context = collect.context_hash(collect.context_of(loaded))
    decoder = records.Decoder()
    for row in store.posts():
        # A record that was made with something else is not worth its reading.
        if row.context == memory.context:
            known = decoder.decode(row)
            memory.enter(row.path, dataclasses.replace(known, settled=NEVER))
            if known.parsed.undated and known.post is not None:
                memory.first_seen.setdefault(row.path, known.post.published)
    return memory
