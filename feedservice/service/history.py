"""The archives of feeds (RFC 5005): what must be remembered of them, and writing those that changed.

Membership is remembered before the documents are renamed, what they were made from after it: a crash in between costs the
rendering of archives that are there already, and never their membership.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from feedservice import __version__
from feedservice.errors import RefusedError
from feedservice.feeds import archives, assemble, lint
from feedservice.feeds.archives import Archive, Membership
from feedservice.feeds.formats import FORMATS
from feedservice.feeds.identity import Named
from feedservice.feeds.links import link_values
from feedservice.feeds.specs import feeds_base
from feedservice.model import FeedHead, Fragment, Problem, Profile, Published, Severity
from feedservice.service import files, keys, render
from feedservice.service.collect import Collected, post_urls
from feedservice.service.output import Output
from feedservice.service.render import Linked, Made
from feedservice.service.shelf import Shelved, stat_of
from feedservice.service.workers import Workers

MEMBERS = "archives.json"
"""File of the state directory: the membership, readable, and the first to know."""
INPUTS = "archive-inputs.json"
"""File of the state directory: what archives were made from, where there is no store."""
FACT = "archives"
"""Fact of the store: the membership."""
INPUTS_FACT = "archives.inputs"
"""Fact of the store: what archives were made from."""


def recall(folder: Path, fact: str | None = None) -> tuple[dict[str, Membership], list[Problem]]:
    """Return the archives of every feed, from the file and from what the store has.

    The file is written first, so it may be ahead; the store has what was published, so it may be older but not wrong. Raises
    ``RefusedError`` when the file is damaged and the store has nothing: archives must not be divided anew.
    """
    stored = _memberships(json.loads(fact), "the store") if fact is not None else None
    try:
        exported = _memberships(_read(folder / MEMBERS), str(folder / MEMBERS))
    except RefusedError as error:
        if stored is None:
            raise
        message = f"{error}; it is written anew from the store"
        problem = Problem(rule="history.damaged", severity=Severity.WARNING, message=message, hint="nothing is lost")
        return stored, [problem]
    if stored is None:
        return exported, []
    problems: list[Problem] = []
    found = dict(stored)
    for key, members in exported.items():
        known = found.get(key, Membership()).archives
        # Under other ids (``feedservice adopt``) the members are the same.
        if _sizes(members.archives[: len(known)]) == _sizes(known):
            found[key] = members
        elif known[: len(members.archives)] != members.archives:
            message = f"{folder / MEMBERS} divides the archives of {key!r} otherwise than they were published"
            hint = "it is written anew from the store"
            problems.append(Problem(rule="history.damaged", severity=Severity.WARNING, message=message, hint=hint))
    return found, problems


def _sizes(of: Sequence[Collection[str]]) -> list[int]:
    return [len(each) for each in of]


def _memberships(stored: dict[str, object], where: str) -> dict[str, Membership]:
    found: dict[str, Membership] = {}
    for key, value in stored.items():
        membership = archives.load(value, key)
        if isinstance(membership, Problem):
            raise RefusedError(f"{where}: {membership.message}", membership.hint)
        found[key] = membership
    return found


def recall_inputs(folder: Path) -> dict[str, str]:
    """Return what the archives on disk were made from. Raises ``RefusedError`` when the file is damaged."""
    return {path: str(key) for path, key in _read(folder / INPUTS).items()}


def dumped(histories: Mapping[str, Membership]) -> dict[str, list[list[str]]]:
    """Return the membership as JSON values."""
    return {key: archives.dump(each) for key, each in sorted(histories.items()) if each.archives}


def remember_members(folder: Path, histories: Mapping[str, Membership]) -> None:
    """Write the membership, before the documents get their names. Raises ``OSError``."""
    _write(folder / MEMBERS, dumped(histories))


def remember_inputs(folder: Path, inputs: Mapping[str, str]) -> None:
    """Write what the documents were made from, after they got their names. Raises ``OSError``."""
    _write(folder / INPUTS, dict(sorted(inputs.items())))


def write(
    made: Made,
    collected: Collected,
    output: Output,
    pool: Workers,
    *,
    stylesheet: str | None,
    inputs: dict[str, str],
    before: Shelved | None,
) -> tuple[list[Problem], dict[str, Linked]]:
    """Stage the archives of a feed; entries are rendered only for those that are not what they were.

    ``inputs`` is brought up to date. ``before`` are the files of the feed's last pass: one that nobody touched is not read. Also
    returns the links of archived entries to other posts, by path.
    """
    if made.history is None:
        return [], {}
    config, spec = collected.config, made.spec
    by_id = {each.id: each for each in made.members}
    shown = {span.id for span in made.documents[0].entries}
    profile = render.profile_of(spec, config)
    formats = list(spec.urls)
    settings = config.model_dump_json()
    known = {each.path: each for each in before.published if each.immutable} if before is not None else {}
    linked = before.linked if before is not None else {}
    urls = post_urls(collected) if linked else {}
    found: dict[str, Linked] = {}
    problems: list[Problem] = []
    stale: list[tuple[FeedHead, list[Named], Archive]] = []
    for archive in archives.archives(made.history, [each.id for each in reversed(made.members)], shown):
        named = [by_id[entry_id] for entry_id in archive.entries]
        head = assemble.head(spec, named, config, epoch=made.head.updated)
        head = dataclasses.replace(
            archives.archive_head(head, archive, base=feeds_base(config)), stylesheet=stylesheet, podcast=made.head.podcast
        )
        links = {path: tuple((name, urls.get(name)) for name, _ in linked[path]) for path in _paths(named) if path in linked}
        key = _input(settings, archive, named, head, profile, links)
        if not all(inputs.get(head.spec.paths[name]) == key for name in formats):
            stale.append((head, named, archive))
            continue
        found |= links
        kept = [known[path] for path in head.spec.paths.values() if path in known]
        if before is not None and len(kept) == len(formats) and all(_there(output, each, before) for each in kept):
            output.keep(kept)
            continue
        bodies = {name: _current(output.root / head.spec.paths[name]) for name in formats}
        if all(body is not None for body in bodies.values()):
            for name, body in bodies.items():
                _put(output, head, name, body or b"")
        else:
            stale.append((head, named, archive))
    for head, named, archive in stale:
        told, links = _render(head, named, profile, collected, output, pool, known)
        problems += told
        found |= links
        inputs |= dict.fromkeys(head.spec.paths.values(), _input(settings, archive, named, head, profile, links))
    return problems, found


def _paths(named: Iterable[Named]) -> list[str]:
    return [each.post.path for each in named]


def _there(output: Output, published: Published, before: Shelved) -> bool:
    return before.stats.get(published.path) == stat_of(output.root, published) != ""


def _render(
    head: FeedHead,
    named: list[Named],
    profile: Profile,
    collected: Collected,
    output: Output,
    pool: Workers,
    known: Mapping[str, Published],
) -> tuple[list[Problem], dict[str, Linked]]:
    """Stage one archive; a form of it that has errors stays as it was (``known``). Also returns its links to other posts."""
    formats = list(head.spec.urls)
    wanted = dict.fromkeys(_paths(named), profile)
    rendered = {each.path: each for each in render.fragments(collected, wanted, formats, pool)}
    problems: list[Problem] = []
    for name in formats:
        parts: list[Fragment] = [rendered[each.post.path].fragments[profile, name] for each in named]
        document = assemble.document(head, name, parts)
        found = lint.check(document)
        problems += found
        if not any(problem.severity is Severity.ERROR for problem in found):
            _put(output, head, name, document.body)
        elif head.spec.paths[name] in known:
            output.keep([known[head.spec.paths[name]]])
    return problems, {path: each.linked for path, each in rendered.items() if each.linked}


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


def _input(
    settings: str, archive: Archive, named: list[Named], head: FeedHead, profile: Profile, links: Mapping[str, Linked]
) -> str:
    """Return a hash of everything that an archive's bytes depend on; ``links`` are those of its entries to other posts."""
    made_from = (__version__, settings, archive, [keys.entry(each) for each in named], repr(head), profile, sorted(links.items()))
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
