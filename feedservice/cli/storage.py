"""Where the store of a site is: a file of its state directory, or a database that ``store`` names."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from feedservice.config import Loaded
from feedservice.errors import RefusedError

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


def _file(loaded: Loaded) -> Path:
    return loaded.root / loaded.config.state / FILE
