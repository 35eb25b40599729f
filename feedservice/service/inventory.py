"""What files there are, kept from pass to pass: a look at the few that something was told of, or at every one."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path

from feedservice.config import Loaded
from feedservice.service import scan
from feedservice.service.memory import Memory
from feedservice.service.scan import Found, Scan


def suspects(
    loaded: Loaded,
    folder: Path,
    dialect: str,
    memory: Memory,
    *,
    paths: Collection[str] | None,
    full: bool,
    fatal: Collection[str],
) -> Collection[str]:
    """Bring the lists of files in ``folder`` up to date, and return the paths of posts that may be other than before.

    ``paths`` are all that can have changed, None for any; with ``full`` all posts are suspects. ``fatal`` are digests of posts
    that end what renders them: these are suspects whenever every file is looked at.
    """
    if paths is not None and memory.scanned:
        outside = _outside(loaded, folder)
        looked = scan.look(folder, loaded.config.content, memory.files, paths, dialect=dialect, outside=outside)
        if looked is not None:
            return _took(looked, memory)
    again, before = memory.scanned, memory.files if memory.scanned else _recorded(str(folder), memory)
    found = every(loaded, folder, dialect, before)
    if found.unseen:
        found = _with_unseen(str(folder), memory, found)
    media_stays = again and memory.media == found.files
    memory.files = {file.path: file for file in found.posts}
    if not media_stays:
        memory.media, memory.media_mark = found.files, None
    memory.scan_problems = found.problems
    memory.scanned = True
    for path in memory.first_seen.keys() - memory.files.keys():
        del memory.first_seen[path]
    if full:
        return memory.known.keys() | memory.files.keys()
    others = {file.path for file in found.posts if before.get(file.path) is not file} | memory.outdated | memory.unread
    others.update(path for path in memory.known if path not in memory.files)
    if not media_stays:
        others |= memory.lookers
    if fatal:
        others.update(path for path, known in memory.known.items() if known.post is not None and known.post.digest in fatal)
    return others


def every(loaded: Loaded, folder: Path, dialect: str, before: Mapping[str, Found]) -> Scan:
    """Look at every file in ``folder``; ``before`` is as in ``scan.scan``."""
    return scan.scan(folder, loaded.config.content, dialect=dialect, outside=_outside(loaded, folder), before=before)


def _outside(loaded: Loaded, folder: Path) -> list[Path]:
    ours = (loaded.root / loaded.config.output, loaded.root / loaded.config.state)
    return [path for path in ours if path.resolve() != folder]


def _with_unseen(root: str, memory: Memory, found: Scan) -> Scan:
    """Return what was found, and what was there and could not be looked at: a disk that fails deletes no post."""
    folders = tuple(each for each in found.unseen if each.endswith("/") or not each)

    def unseen(path: str) -> bool:
        return path in found.unseen or path.startswith(folders)

    posts = {each.path: each for each in found.posts}
    for path, known in memory.known.items():
        if path not in posts and unseen(path):
            posts[path] = memory.files.get(path) or Found(path=path, root=root, name=path, fingerprint=known.fingerprint)
    media = {path: size for path, size in memory.media.items() if unseen(path)}
    ordered = tuple(posts[path] for path in sorted(posts))
    return dataclasses.replace(found, posts=ordered, files=media | found.files)


def _recorded(root: str, memory: Memory) -> dict[str, Found]:
    """Return the files of the posts that are remembered, as far as what is a post is decided as it was then."""
    return {
        path: Found(path=path, root=root, name=path, fingerprint=known.fingerprint)
        for path, known in memory.known.items()
        if path not in memory.outdated
    }


def _took(looked: Mapping[str, Found | int | None], memory: Memory) -> Collection[str]:
    others = set(looked)
    for path, each in looked.items():
        if isinstance(each, Found):
            memory.files[path] = each
        elif path in memory.files:
            del memory.files[path]
        if isinstance(each, int) and memory.media.get(path) != each:
            memory.media[path], memory.media_mark = each, None
            others |= memory.lookers
        elif not isinstance(each, int) and memory.media.pop(path, None) is not None:
            memory.media_mark = None
            others |= memory.lookers
    return others
