"""Settings that a running service cannot change: where it writes, what it remembers in, where it listens."""

from __future__ import annotations

import dataclasses

from feedservice.config import Loaded

FIXED = ("output", "state", "store", "serve.host", "serve.port", "serve.socket", "serve.memory", "serve.connections")


def changed(before: Loaded, after: Loaded) -> list[str]:
    """Name the settings that differ and stay as they were until the next start."""
    return [name for name in FIXED if _value(before, name) != _value(after, name)]


def kept(loaded: Loaded, running: Loaded) -> Loaded:
    """Return a configuration that was read anew as it can be put in force where another runs: with that one's fixed settings."""
    config = loaded.config
    top = {name: _value(running, name) for name in FIXED if "." not in name}
    serve = {name.removeprefix("serve."): _value(running, name) for name in FIXED if name.startswith("serve.")}
    return dataclasses.replace(loaded, config=config.model_copy(update={**top, "serve": config.serve.model_copy(update=serve)}))


def _value(loaded: Loaded, name: str) -> object:
    found: object = loaded.config
    for part in name.split("."):
        found = getattr(found, part)
    return found
