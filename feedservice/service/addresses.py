"""Which category each address of a category feed belongs to: a name is not given to another one when its category is gone.

Kept in ``addresses.json`` of the state directory, slug → identity. Losing the file costs this promise and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from feedservice.errors import RefusedError
from feedservice.feeds.specs import Plan
from feedservice.model import FeedKind
from feedservice.service import files

_FILE = "addresses.json"


def recall(state: Path) -> dict[str, str]:
    """Return slug → identity of the category that has it for good. Raises ``RefusedError`` when the file is damaged."""
    path = state / _FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(slug): str(identity) for slug, identity in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError) as error:
        hint = "restore it from a backup, or delete it: names of feeds that are gone are free again then"
        raise RefusedError(f"{path} is damaged: {error}", hint) from error


def given(plan: Plan, known: Mapping[str, str]) -> dict[str, str]:
    """Return what is known, and the names of the category feeds that there are now."""
    return {spec.key: spec.term for spec in plan.specs if spec.kind is FeedKind.CATEGORY} | dict(known)


def remember(state: Path, known: Mapping[str, str]) -> None:
    """Write it. Raises ``OSError``."""
    body = (json.dumps(dict(sorted(known.items())), ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    if not files.same(state / _FILE, body):
        files.commit(files.stage(state / _FILE, body))
        files.settle({state})
