"""Which label each feed of a label was made for: its name is not given to another one, and it stays when its posts are gone.

Kept in ``addresses.json`` of the state directory, key → label. Losing the file costs these promises and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from feedservice.errors import RefusedError
from feedservice.feeds.specs import Plan
from feedservice.service import files
from feedservice.taxonomy import identity

_FILE = "addresses.json"


def recall(state: Path) -> dict[str, str]:
    """Return key of a feed → label that has it for good. Raises ``RefusedError`` when the file is damaged."""
    path = state / _FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): str(label) for key, label in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError) as error:
        hint = "restore it from a backup, or delete it: names of feeds that are gone are free again then"
        raise RefusedError(f"{path} is damaged: {error}", hint) from error


def given(plan: Plan, known: Mapping[str, str]) -> dict[str, str]:
    """Return what is known, and the names of the feeds that there are now, with their labels as these are written now."""
    own = {key: label for key, label in plan.labels.items() if identity(known.get(key, label)) == identity(label)}
    return {**known, **own}


def remember(state: Path, known: Mapping[str, str]) -> None:
    """Write it. Raises ``OSError``."""
    body = (json.dumps(dict(sorted(known.items())), ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    if not files.same(state / _FILE, body):
        files.commit(files.stage(state / _FILE, body))
        files.settle({state})
