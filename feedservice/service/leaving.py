"""Files of the output directory that are nobody's any more: a feed that was renamed, ended, or is not wanted any longer.

They are removed once those who serve know: a server in front would go on to answer 200 for what the program says has moved (301),
has ended (410) or is not there. What is to be removed is remembered with the pass that let go of it, so that a crash in between
costs nothing; a file that somebody else wrote meanwhile is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

from feedservice.feeds import specs
from feedservice.feeds.lifecycle import Former
from feedservice.feeds.specs import Plan
from feedservice.model import Problem, Severity
from feedservice.service.compress import SUFFIXES
from feedservice.service.shelf import Shelved

FACT = "pass.leaving"
"""Fact of the store: files that are to be removed."""

_NAMED = 3
"""Documents that a sentence lists."""

Leaving = Mapping[str, str]
"""Output path → hash of the bytes that were published there."""


def leaving(before: Mapping[str, Shelved], after: Mapping[str, Shelved], waiting: Leaving) -> dict[str, str]:
    """Return what is to be removed after a pass; ``waiting`` is what was to be removed before it."""
    found = dict(waiting)
    for key, old in before.items():
        new = after.get(key)
        if new is not old:
            stay = {each.path for each in new.published} if new is not None else set()
            found |= {each.path: each.etag for each in old.published if each.path not in stay}
    if found:
        # What one feed lets go of may be another's now.
        for each in after.values():
            for published in each.published:
                found.pop(published.path, None)
    return found


def sweep(root: Path, leaving: Leaving) -> tuple[dict[str, str], list[Problem]]:
    """Remove files, their coded forms and the directories that are empty then; return what could not be removed, and why."""
    left: dict[str, str] = {}
    problems: list[Problem] = []
    for path, etag in sorted(leaving.items()):
        file = root / path
        if _hash(file) != etag:
            continue
        try:
            # The coded forms go first: while the file is there, a pass that is cut off here is made again.
            for suffix in SUFFIXES.values():
                file.with_name(file.name + suffix).unlink(missing_ok=True)
            file.unlink()
        except OSError as error:
            left[path] = etag
            message = f"cannot be removed ({error.strerror}): a server in front goes on serving it"
            hint = "check who may write there; the next pass tries again"
            problems.append(Problem(rule="output.left", severity=Severity.WARNING, message=message, hint=hint, path=path))
            continue
        _tidy(root, path)
    return left, problems


def _tidy(root: Path, path: str) -> None:
    for above in list(Path(path).parents)[:-1]:
        with contextlib.suppress(OSError):
            (root / above).rmdir()


def _hash(file: Path) -> str | None:
    try:
        return None if file.is_symlink() else hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return None


def dump(leaving: Leaving) -> str | None:
    """Return the fact."""
    return json.dumps(dict(sorted(leaving.items())), ensure_ascii=False) if leaving else None


def load(fact: str | None) -> dict[str, str]:
    """Return what ``dump`` said. Raises ``ValueError`` for anything else."""
    return {str(path): str(etag) for path, etag in json.loads(fact).items()} if fact else {}


def dropped(documents: Collection[str], plan: Plan, former: Former) -> list[Problem]:
    """Return a warning when documents are not published any more and nobody says where they went."""
    there = {path for spec in plan.specs for path in spec.paths.values()}
    lost = sorted(set(documents).difference(there, specs.outputs((*former.moved, *former.gone))))
    if not lost:
        return []
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    message = f"not published any more, and answered 404: {', '.join(lost[:_NAMED])}{more}"
    hint = "say where they went with aka of a category or feeds.moved (301), or that they ended with feeds.gone (410)"
    return [Problem(rule="feed.dropped", severity=Severity.WARNING, message=message, hint=hint, path=lost[0])]
