"""The content directory → which files are posts, which are media, and what ``stat`` says of each.

Nothing is read here. Names are compared in NFC, so a file is the same post on every system; the name on disk is kept beside it.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from stat import S_ISREG

from feedservice import globs
from feedservice.config.schema import Content
from feedservice.model import Fingerprint, Problem, Severity

ENDINGS = (".md", ".markdown", ".mkd", ".html", ".htm")
"""Endings of posts."""

# Emacs locks and auto-saves, Vim's probe and swap files, backups, partial downloads and syncs.
_LEAVINGS = re.compile(r"\A(?:\..*|#.*#|4913|.*~|.*\.(?:swp|swo|swx|tmp|temp|part|partial|crdownload|bak|orig|rej))\Z")
_CONFLICT = re.compile(r"conflicted copy|\(競合コピー|sync-conflict-\d", re.IGNORECASE)

_ONLY = {"jekyll": ["**/_posts/**"]}
"""Dialect → globs of posts when ``content.include`` names none: the rest of a Jekyll site are pages and parts of pages."""
_NEVER = {
    "jekyll": ["_site/", "vendor/", "node_modules/"],
    "hugo": ["_index.*"],
    "zola": ["_index.*"],
    "pelican": ["pages/"],
    "eleventy": ["node_modules/", "_site/", "_includes/", "_data/"],
}
"""Dialect → globs of what its generator does not take for posts either."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A post's file."""

    path: str
    """``Source.path``: relative, NFC, with ``/``."""
    file: str
    """Where it is on this machine, as the system spells it."""
    fingerprint: Fingerprint


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What is in a content directory; ``posts`` are sorted by path."""

    posts: tuple[Found, ...]
    files: dict[str, int]
    """Everything else: path → bytes."""
    problems: tuple[Problem, ...]


def scan(root: Path, content: Content, *, dialect: str, outside: Collection[Path] = ()) -> Scan:
    """Walk a content directory.

    Symbolic links are followed inside ``root`` only, each directory once; one file under two names is one post. ``outside`` are
    directories that hold no content though they may lie below ``root``: output and state. A directory that cannot be read is a
    problem, not the end.
    """
    walk = _Walk(root, content, dialect, {path.resolve() for path in outside})
    entries = sorted(walk.directory(str(root), "", frozenset()), key=lambda found: (found.linked, found.found.path))
    owners: dict[tuple[int, int], str] = {}
    names: dict[str, str] = {}
    posts: list[Found] = []
    files: dict[str, int] = {}
    for entry in entries:
        found = entry.found
        if not entry.post:
            files[found.path] = found.fingerprint.size
            continue
        first = owners.setdefault((entry.device, found.fingerprint.inode), found.path)
        if first != found.path:
            message = f"this is the same file as {first}; it is one post, not two"
            walk.note("scan.same-file", message, "remove the link, or list it in content.ignore", found.path)
            continue
        if names.setdefault(found.path, found.file) != found.file:
            message = f"two files have this name, spelled with different Unicode forms ({found.file!r})"
            walk.note("scan.same-name", message, "rename one of them", found.path)
            continue
        posts.append(found)
    posts.sort(key=lambda found: found.path)
    return Scan(posts=tuple(posts), files=files, problems=tuple(walk.problems))


def look(
    root: Path,
    content: Content,
    before: Mapping[str, Found],
    paths: Collection[str],
    *,
    dialect: str,
    outside: Collection[Path] = (),
) -> dict[str, Found | int | None] | None:
    """Look at a few files only: path → the post's file, the bytes of another file, or None for no file.

    ``before`` are the posts of the last scan. None when this cannot be told without a whole scan: a directory came or went, there
    are links, names or inodes that may be another file's. What is ignored is not in the answer.
    """
    walk = _Walk(root, content, dialect, {path.resolve() for path in outside})
    looked: dict[str, Found | int | None] = {}
    for given in paths:
        path = unicodedata.normalize("NFC", given)
        if walk.hidden(path):
            continue
        try:
            stat = walk.plain(given)
        except OSError:
            return None
        if stat is None:
            if path not in before and any(each.startswith(path + "/") for each in before):
                return None
            looked[path] = None
        elif walk.post(path):
            found = _found(path, f"{walk.root}/{given}", stat)
            if _is_twin(found, before) or (path in before and before[path].file != found.file):
                return None
            looked[path] = found
        else:
            looked[path] = stat.st_size
    return None if walk.problems else looked


def _is_twin(found: Found, before: Mapping[str, Found]) -> bool:
    """Tell whether an inode may be that of another post: a scan leaves no two posts with one."""
    inode, own = found.fingerprint.inode, before.get(found.path)
    if own is not None and own.fingerprint.inode == inode:
        return False
    return any(each.fingerprint.inode == inode for each in before.values() if each is not own)


def _found(path: str, file: str, stat: os.stat_result) -> Found:
    fingerprint = Fingerprint(size=stat.st_size, mtime_ns=stat.st_mtime_ns, inode=stat.st_ino)
    return Found(path=path, file=file, fingerprint=fingerprint)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    found: Found
    device: int
    linked: bool
    post: bool


def is_leaving(name: str) -> bool:
    """Say whether a file or directory of this name is what a program leaves behind while it works, or hides: no content."""
    return _LEAVINGS.match(name) is not None


class _Walk:
    def __init__(self, root: Path, content: Content, dialect: str, outside: set[Path]) -> None:
        self.root = os.path.realpath(root)
        self.outside = {str(path) for path in outside}
        self.include = content.include or _ONLY.get(dialect, [])
        self.ignore = [*content.ignore, *_NEVER.get(dialect, ())]
        if not content.drafts:
            self.ignore.append("_drafts/")
        elif dialect == "jekyll" and not content.include:
            self.include = [*self.include, "**/_drafts/**"]
        self.problems: list[Problem] = []

    def note(self, rule: str, message: str, hint: str, path: str) -> None:
        self.problems.append(Problem(rule=rule, severity=Severity.WARNING, message=message, hint=hint, path=path))

    def directory(self, folder: str, prefix: str, above: frozenset[str]) -> Iterator[_Seen]:
        """Yield the files below a folder. ``above`` are the real paths of the folders it is in: a link back to one is a loop."""
        real = os.path.realpath(folder) if above == frozenset() or os.path.islink(folder) else folder  # noqa: PTH114
        if real in above or real in self.outside:
            return
        above |= {real}
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            message = f"the directory cannot be read: {error.strerror}"
            self.note("scan.unreadable", message, "check its permissions", prefix or ".")
            return
        for entry in entries:
            if not is_leaving(entry.name):
                yield from self.entry(entry, prefix, above)

    def entry(self, entry: os.DirEntry[str], prefix: str, above: frozenset[str]) -> Iterator[_Seen]:
        path = prefix + unicodedata.normalize("NFC", entry.name)
        try:
            linked = entry.is_symlink()
            if linked and not self.inside(entry.path):
                self.note(
                    "scan.outside",
                    "the link leads out of the content directory; it is not followed",
                    "copy the file instead",
                    path,
                )
                return
            if entry.is_dir():
                # A name that no pattern spells: the question is whether everything below is ignored.
                if not any(globs.matches(pattern, path + "/\0") for pattern in self.ignore):
                    yield from self.directory(entry.path, path + "/", above)
                return
            if not entry.is_file():
                return
            stat = entry.stat()
        except OSError as error:
            self.note(
                "scan.unreadable", f"the file cannot be looked at: {error.strerror}", "check the link or its permissions", path
            )
            return
        yield _Seen(found=_found(path, entry.path, stat), device=stat.st_dev, linked=linked, post=self.post(path))

    def post(self, path: str) -> bool:
        return path.lower().endswith(ENDINGS) and self.wanted(path)

    def hidden(self, path: str) -> bool:
        """Tell whether the walk would not come to a path, whatever is there."""
        parts = path.split("/")
        folders = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
        file = f"{self.root}/{path}"
        return (
            any(map(_LEAVINGS.match, parts))
            or any(globs.matches(pattern, folder + "/\0") for folder in folders for pattern in self.ignore)
            or any(file.startswith(folder + os.sep) for folder in self.outside)
        )

    def plain(self, given: str) -> os.stat_result | None:
        """Return what ``stat`` says of a file that is reached without a link, None for no file. Raises ``OSError`` for others."""
        file = f"{self.root}/{given}"
        try:
            stat = os.lstat(file)
        except FileNotFoundError:
            return None
        if not S_ISREG(stat.st_mode) or os.path.realpath(file) != file:
            raise OSError(errno.EINVAL, "no plain file", file)
        return stat

    def inside(self, link: str) -> bool:
        real = os.path.realpath(link)
        return real == self.root or real.startswith(self.root + os.sep)

    def wanted(self, path: str) -> bool:
        if _CONFLICT.search(path):
            self.note(
                "scan.conflict",
                "this is a conflict copy of a synchronising program; it is no post",
                "merge it and delete it",
                path,
            )
            return False
        if self.include and not any(globs.matches(pattern, path) for pattern in self.include):
            return False
        return not any(globs.matches(pattern, path) for pattern in self.ignore)
