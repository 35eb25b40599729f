"""Where the store of a site is: a file of its state directory, or a database that ``store`` names."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedservice.config import Loaded
from feedservice.errors import FeedserviceError, RefusedError
from feedservice.service.memory import Memory
from feedservice.service.publish import Recall, exported
from feedservice.service.recall import recalled

if TYPE_CHECKING:
    from feedservice.store.sql import SqlStore

FILE = "store.sqlite"
"""In the state directory, where no database is named."""


def exists(loaded: Loaded) -> bool:
    """Tell whether there can be anything in the store yet."""
    return loaded.config.store is not None or _file(loaded).is_file()


def opened(loaded: Loaded) -> SqlStore:
    """Open the store; whoever asks closes it. Raises ``StoreError`` and ``RefusedError``."""
    # The database takes a while to import, and most verbs only look whether there is one.
    from feedservice.store.sql import KEY_FILE, open_store  # noqa: PLC0415

    url = loaded.config.store
    if url is None:
        return open_store(_file(loaded))
    if importlib.util.find_spec("psycopg") is None:
        missing = "`store` names a PostgreSQL database, and psycopg is not installed"
        raise RefusedError(missing, "pip install feedservice[postgresql]")
    # Secrets stay sealed with a key that is not in the database.
    return open_store(url, key_file=loaded.root / loaded.config.state / KEY_FILE)


@contextlib.contextmanager
def recalling(loaded: Loaded) -> Iterator[Recall]:
    """Give a question what the store remembers, where there is one.

    A store that is damaged, or cannot be reached from here as the database of a site from where its posts are checked, is of no
    use to a question, and no hindrance: the ledger's file tells the ids.
    """
    if not exists(loaded):
        yield exported
        return
    try:
        store = opened(loaded)
    except FeedserviceError as error:
        click.echo(f"warning: {error}; every post is read, and ids are those of the ledger's file", err=True)
        yield exported
        return

    def recall(at: Loaded) -> Memory:
        try:
            return recalled(at, store)
        except ValueError:
            return exported(at)

    with contextlib.closing(store):
        yield recall


def _file(loaded: Loaded) -> Path:
    return loaded.root / loaded.config.state / FILE
