"""Secrets that the configuration names by their files. They are read at the start and at every reload, and never said."""

from __future__ import annotations

import logging

from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.web.admin import Keys

_SHORTEST = 16
_OTHERS = 0o077

logger = logging.getLogger("feedservice")


def keys(loaded: Loaded) -> Keys:
    """Return the secrets of the operations. Raises ``RefusedError`` when a file that is named cannot be used."""
    config = loaded.config
    return Keys(
        token=_secret(loaded, "serve.admin_token_file", config.serve.admin_token_file),
        hook=_secret(loaded, "hooks.secret_file", config.hooks.secret_file),
    )


def _secret(loaded: Loaded, setting: str, name: str | None) -> bytes | None:
    if name is None:
        return None
    path = loaded.root / name
    try:
        secret = path.read_bytes().strip()
        readable = path.stat().st_mode & _OTHERS
    except OSError as error:
        hint = f"write a long random text into it: openssl rand -hex 32 > {path}"
        raise RefusedError(f"{setting}: {path} cannot be read: {error.strerror}", hint) from error
    if len(secret) < _SHORTEST:
        hint = f"write a longer one: openssl rand -hex 32 > {path}"
        raise RefusedError(f"{setting}: the secret in {path} is shorter than {_SHORTEST} characters", hint)
    if readable:
        logger.warning("%s: others may read %s; `chmod 600` keeps it to its owner", setting, path)
    return secret
