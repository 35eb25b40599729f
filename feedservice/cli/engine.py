"""The engine of a site, with the store that it remembers in: chosen here, because the database takes a while to import."""

from __future__ import annotations

from feedservice.config import Loaded
from feedservice.service.engine import Engine
from feedservice.store.sql import open_store

STORE = "store.sqlite"
"""File of the state directory."""


def engine_of(loaded: Loaded) -> Engine:
    """Return what builds a site; whoever uses it is ``alone.only_one``, and closes it."""
    root, config = loaded.root, loaded.config
    return Engine(root / config.state, lambda folder: open_store(folder / STORE), out=root / config.output)
