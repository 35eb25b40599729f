"""The archives of feeds (RFC 5005): what must be remembered of them, and writing those that changed.

Membership is remembered before the documents are renamed, what they were made from after it: a crash in between costs the
rendering of archives that are there already, and never their membership.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

from feedservice import __version__
from feedservice.errors import RefusedError
from feedservice.feeds import archives, assemble, lint
from feedservice.feeds.archives import Archive, Membership
from feedservice.feeds.formats import FORMATS
from feedservice.feeds.identity import Named
from feedservice.feeds.links import link_values
from feedservice.feeds.specs import feeds_base
from feedservice.model import FeedHead, Fragment, Problem, Profile, Severity
from feedservice.service import files, render
from feedservice.service.collect import Collected
from feedservice.service.output import Output
from feedservice.service.render import Made
from feedservice.service.workers import Workers


@dataclasses.dataclass(slots=True, kw_only=True)
class Remembered:
    """What one pass tells the next about archives."""

    histories: dict[str, Membership] | None
    """Feed key → its archives; None when the site keeps none."""
    inputs: dict[str, str]
    """Output path of an archive document → hash of what it was made from."""


def recall(folder: Path, keys: list[str]) -> Remembered:
    """Read what is remembered. Raises ``RefusedError`` when it is damaged: archives must not be divided anew."""
    stored = _read(folder / "archives.json")
    found: dict[str, Membership] = {key: Membership() for key in keys}
    for key, value in stored.items():
        membership = archives.load(value, key)
        if isinstance(membership, Problem):
            raise RefusedError(f"{folder / 'archives.json'}: {membership.message}", membership.hint)
        found[key] = membership
    inputs = _read(folder / "archive-inputs.json")
    return Remembered(histories=found, inputs={path: str(key) for path, key in inputs.items()})


def remember_members(folder: Path, remembered: Remembered) -> None:
    """Write the membership, before the documents get their names. Raises ``OSError``."""
    kept = {key: archives.dump(each) for key, each in sorted((remembered.histories or {}).items()) if each.archives}
    _write(folder / "archives.json", kept)


def remember_inputs(folder: Path, remembered: Remembered) -> None:
    """Write what the documents were made from, after they got their names. Raises ``OSError``."""
    _write(folder / "archive-inputs.json", dict(sorted(remembered.inputs.items())))


def write(
    made: Made, collected: Collected, output: Output, pool: Workers, *, stylesheet: str | None, remembered: Remembered
) -> list[Problem]:
    """Stage the archives of a feed; entries are rendered only for those that are not what they were."""
    if made.history is None:
        return []
    config, spec = collected.config, made.spec
    by_id = {each.id: each for each in made.members}
    shown = {span.id for span in made.documents[0].entries}
    profile = render.profile_of(spec, config)
    formats = list(spec.urls)
    settings = config.model_dump_json()
    problems: list[Problem] = []
    stale: list[tuple[FeedHead, list[Named], str]] = []
    for archive in archives.archives(made.history, [each.id for each in reversed(made.members)], shown):
        named = [by_id[entry_id] for entry_id in archive.entries]
        head = assemble.head(spec, named, config, epoch=made.head.updated)
        head = dataclasses.replace(
            archives.archive_head(head, archive, base=feeds_base(config)), stylesheet=stylesheet, podcast=made.head.podcast
        )
        key = _input(settings, archive, named, head, profile)
        bodies = {name: _current(output.root / head.spec.paths[name]) for name in formats}
        if all(body is not None and remembered.inputs.get(head.spec.paths[name]) == key for name, body in bodies.items()):
            for name, body in bodies.items():
                _put(output, head, name, body or b"")
        else:
            stale.append((head, named, key))
    for head, named, key in stale:
        problems += _render(head, named, profile, collected, output, pool)
        remembered.inputs |= dict.fromkeys(head.spec.paths.values(), key)
    return problems


def _render(
    head: FeedHead, named: list[Named], profile: Profile, collected: Collected, output: Output, pool: Workers
) -> list[Problem]:
    formats = list(head.spec.urls)
    wanted = {each.post.path: profile for each in named}
    rendered = {each.path: each for each in render.fragments(collected, wanted, formats, pool)}
    problems: list[Problem] = []
    for name in formats:
        parts: list[Fragment] = [rendered[each.post.path].fragments[profile, name] for each in named]
        document = assemble.document(head, name, parts)
        found = lint.check(document)
        problems += found
        if not any(problem.severity is Severity.ERROR for problem in found):
            _put(output, head, name, document.body)
    return problems


def _put(output: Output, head: FeedHead, name: str, body: bytes) -> None:
    output.put(
        head.spec.paths[name],
        body,
        feed=head.spec.key,
        name=name,
        media_type=FORMATS[name].media_type,
        last_modified=head.updated,
        links=link_values(head, name),
        immutable=True,
    )


def _input(settings: str, archive: Archive, named: list[Named], head: FeedHead, profile: Profile) -> str:
    """Return a hash of everything that an archive's bytes depend on."""
    made_from = (__version__, settings, archive, [(each.id, each.post.digest) for each in named], repr(head), profile)
    return hashlib.blake2b(repr(made_from).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _current(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _read(path: Path) -> dict[str, object]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise RefusedError(f"{path} is damaged: {error}", "restore it from a backup") from error
    if not isinstance(stored, dict):
        raise RefusedError(f"{path} is damaged: it is no mapping", "restore it from a backup")
    return stored


def _write(path: Path, value: object) -> None:
    body = (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")
    if not files.same(path, body):
        files.commit(files.stage(path, body))
        files.settle({path.parent})
