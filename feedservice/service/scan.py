"""The content directory → which files are posts, which are media, and what ``stat`` says of each.

Nothing is read here. Names are compared in NFC, so a file is the same post on every system; the name on disk is kept beside it.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from stat import S_ISREG
from types import MappingProxyType

from feedservice import globs
from feedservice.config.schema import Content
from feedservice.model import Fingerprint, Problem, Severity

UNREADABLE = "post.unreadable"
"""Rule of the problem of a file that is there, and whose bytes cannot be had."""
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
    root: str
    name: str
    """Where it is below ``root``, as the system spells it: most often the same text as ``path``, held once."""
    fingerprint: Fingerprint

    @property
    def file(self) -> str:
        """Return where it is on this machine."""
        return f"{self.root}{os.sep}{self.name}"


NOTHING: Mapping[str, Found] = MappingProxyType({})
"""No post before."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What is in a content directory; ``posts`` are sorted by path."""

    posts: tuple[Found, ...]
    files: dict[str, int]
    """Everything else: path → bytes."""
    problems: tuple[Problem, ...]
    unseen: tuple[str, ...] = ()
    """What is there and could not be looked at: paths of files, and of directories with ``/`` (the root's is empty)."""


def scan(
    root: Path, content: Content, *, dialect: str, outside: Collection[Path] = (), before: Mapping[str, Found] = NOTHING
) -> Scan:
    """Walk a content directory.

    Symbolic links are followed inside ``root`` only, each directory once; one file under two names is one post. ``outside`` are
    directories that hold no content though they may lie below ``root``: output and state. A directory that cannot be read is a
    problem, not the end.

    ``before`` are the posts of a scan of ``root`` with the same arguments: one that is still what it was is the same object in
    the answer, and costs one ``stat``.
    """
    walk = _Walk(root, content, dialect, {path.resolve() for path in outside}, before)
    walk.directory(str(root), "", "", frozenset())
    owners: dict[tuple[int, int], str] = {}
    names: dict[str, str] = {}
    posts: list[Found] = []

    def order(each: tuple[Found, int]) -> tuple[bool, str]:
        # A link that somebody makes to a post has no name that goes before the post's own.
        return each[0].path not in before, each[0].path

    for found, device in (*sorted(walk.posts, key=order), *sorted(walk.links, key=order)):
        path = found.path
        first = owners.setdefault((device, found.fingerprint.inode), path)
        if first != path:
            message = f"this is the same file as {first}; it is one post, not two"
            walk.note("scan.same-file", message, "remove the link, or list it in content.ignore", path)
            continue
        if names.setdefault(path, found.name) != found.name:
            message = f"two files have this name, spelled with different Unicode forms ({found.file!r})"
            walk.note("scan.same-name", message, "rename one of them", path)
            continue
        posts.append(found)
    posts.sort(key=lambda found: found.path)
    return Scan(posts=tuple(posts), files=walk.files, problems=tuple(walk.problems), unseen=tuple(walk.unseen))


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
    walk = _Walk(root, content, dialect, {path.resolve() for path in outside}, before)
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
            found = _found(str(root), path, given, stat)
            if _is_twin(found, before) or (path in before and before[path].name != found.name):
                return None
            looked[path] = found
        else:
            looked[path] = stat.st_size
    return None if walk.problems else looked


def no_posts(others: Iterable[str], dialect: str) -> Problem:
    """Return the warning that no file is a post, with what may be the reason; ``others`` are the paths of all other files."""
    close = sorted(path for path in others if path.lower().endswith(ENDINGS))
    if not close:
        message, hint = "there are no posts yet", "write the first: 2025-11-17-hello.md, with `# Hello` in its first line"
    elif dialect in _ONLY:
        message = f"no file is a post: in dialect {dialect} only those in _posts are, and {len(close):,} others end like one"
        hint = f"set content.dialect: plain, or content.include, if {close[0]} is one"
    else:
        message = f"no file is a post: {len(close):,} that end like one are left out"
        hint = f"look at content.include, content.ignore and content.dialect ({dialect}) if {close[0]} is one"
    return Problem(rule="scan.no-posts", severity=Severity.WARNING, message=message, hint=hint, path=".")


def _is_twin(found: Found, before: Mapping[str, Found]) -> bool:
    """Tell whether an inode may be that of another post: a scan leaves no two posts with one."""
    inode, own = found.fingerprint.inode, before.get(found.path)
    if own is not None and own.fingerprint.inode == inode:
        return False
    return any(each.fingerprint.inode == inode for each in before.values() if each is not own)


def _found(root: str, path: str, name: str, stat: os.stat_result) -> Found:
    fingerprint = Fingerprint(size=stat.st_size, mtime_ns=stat.st_mtime_ns, inode=stat.st_ino)
    return Found(path=path, root=root, name=path if name == path else name, fingerprint=fingerprint)


def is_leaving(name: str) -> bool:
    """Say whether a file or directory of this name is what a program leaves behind while it works, or hides: no content."""
    return _LEAVINGS.match(name) is not None


def _is_there(error: OSError) -> bool:
    """Tell whether a failure is one to look, and not that there is nothing (any more)."""
    return error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class _Walk:
    def __init__(self, root: Path, content: Content, dialect: str, outside: set[Path], before: Mapping[str, Found]) -> None:
        self.given = str(root)
        self.root = os.path.realpath(root)
        self.before = before
        self.outside = {str(path) for path in outside}
        self.include = content.include or _ONLY.get(dialect, [])
        self.ignore = [*content.ignore, *_NEVER.get(dialect, ())]
        if not content.drafts:
            self.ignore.append("_drafts/")
        elif dialect == "jekyll" and not content.include:
            self.include = [*self.include, "**/_drafts/**"]
        self.posts: list[tuple[Found, int]] = []
        """Posts that are files themselves, each with its device."""
        self.links: list[tuple[Found, int]] = []
        """Posts whose names are links."""
        self.files: dict[str, int] = {}
        """Everything else: path → bytes."""
        self.problems: list[Problem] = []
        self.unseen: list[str] = []

    def note(self, rule: str, message: str, hint: str, path: str) -> None:
        self.problems.append(Problem(rule=rule, severity=Severity.WARNING, message=message, hint=hint, path=path))

    def directory(self, folder: str, prefix: str, spelled: str, above: frozenset[str]) -> None:
        """Take in the files below a folder; ``prefix`` and ``spelled`` are how paths and names below it begin.

        ``above`` are the real paths of the folders it is in: a link back to one is a loop.
        """
        real = os.path.realpath(folder) if above == frozenset() or os.path.islink(folder) else folder  # noqa: PTH114
        if real in above or real in self.outside:
            return
        above |= {real}
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            message = f"the directory cannot be read: {error.strerror}"
            self.note("scan.unreadable", message, "check its permissions", prefix or ".")
            if _is_there(error):
                self.unseen.append(prefix)
            return
        before, posts, given = self.before, self.posts, self.given
        for entry in entries:
            name = entry.name
            path = prefix + unicodedata.normalize("NFC", name)
            known = before.get(path)
            if known is None or known.name != spelled + name or entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                if not is_leaving(name):
                    self.entry(entry, path, spelled + name, above)
                continue
            # A post that was here: whether it is content is decided, and most often it is what it was.
            try:
                stat = entry.stat(follow_symlinks=False)
            except OSError as error:
                self.unreadable(path, error)
                continue
            was = known.fingerprint
            if was.mtime_ns != stat.st_mtime_ns or was.size != stat.st_size or was.inode != stat.st_ino or known.root != given:
                known = _found(given, path, known.name, stat)
            posts.append((known, stat.st_dev))

    def entry(self, entry: os.DirEntry[str], path: str, name: str, above: frozenset[str]) -> None:
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
                    self.directory(entry.path, path + "/", name + "/", above)
                return
            if not entry.is_file():
                return
            stat = entry.stat()
        except OSError as error:
            self.unreadable(path, error)
            return
        if self.post(path):
            (self.links if linked else self.posts).append((_found(self.given, path, name, stat), stat.st_dev))
        else:
            self.files[path] = stat.st_size

    def unreadable(self, path: str, error: OSError) -> None:
        message = f"the file cannot be looked at: {error.strerror}"
        self.note("scan.unreadable", message, "check the link or its permissions", path)
        if _is_there(error):
            self.unseen.append(path)

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
