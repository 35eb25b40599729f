"""Which output paths are whose: two documents cannot have one, and none can be where a directory has to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from feedservice.config.schema import Config
from feedservice.model import FeedSpec, Problem, Severity


class _Claims:
    """Which output paths are taken, by whom, and which directories they make: a path cannot be a file and a directory.

    Compared without case: some file systems do not tell AI.atom from ai.atom.
    """

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def owner(self, path: str) -> str | None:
        """Return who has this very path as a file."""
        return self._files.get(path.casefold())

    def obstacle(self, path: str) -> str | None:
        """Return why there can be no file at this path, where others have files above or below it."""
        folded = path.casefold()
        if folded in self._folders:
            return f"{path} is a directory: {self._folders[folded]} is written below it"
        above = next((folder for folder in _above(folded) if folder in self._files), None)
        return None if above is None else f"{path} lies below {above}, which is a file: {self._files[above]} is written there"

    def take(self, path: str, owner: str) -> None:
        """Give a path to somebody."""
        folded = path.casefold()
        self._files.setdefault(folded, owner)
        for folder in _above(folded):
            self._folders.setdefault(folder, owner)


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def placed(specs: Iterable[FeedSpec], config: Config, folder: str, problems: list[Problem]) -> Iterator[FeedSpec]:
    """Pass on the specs whose paths are theirs alone; the first feed keeps a path that two ask for.

    ``folder`` is where pages are, below the output directory. What is wrong is added to ``problems``.
    """
    claims = _Claims()
    prefix = f"{folder}/" if folder else ""
    claims.take(config.feeds.opml.lstrip("/"), "the list of feeds")
    if config.feeds.pages:
        for name, what in (("index.html", "the index"), ("feed.css", "the style sheet"), ("links.html", "the list of links")):
            claims.take(prefix + name, what)
    titles: dict[str, str] = {}
    for spec in specs:
        page = [f"{prefix}{spec.key}/index.html"] if config.feeds.pages else []
        clash = _clash(spec, page, claims)
        if clash is not None:
            problems.append(clash)
            continue
        for path in spec.paths.values():
            claims.take(path, f"the feed {spec.key!r}")
        for path in page:
            claims.take(path, f"the page of {spec.key!r}")
        aliases = {}
        for path, name in spec.aliases.items():
            owner, obstacle = claims.owner(path), claims.obstacle(path)
            if owner is None and obstacle is None:
                aliases[path] = name
                claims.take(path, f"an alias of {spec.key!r}")
                continue
            reason = f"{path} is the path of {owner}" if owner is not None else obstacle
            message = f"an alias of {spec.key!r}: {reason}"
            problems.append(_taken(path, message, "remove the alias"))
        title = spec.title
        if title in titles:
            # Readers list feeds by title: two that look alike cannot be told apart.
            title = f"{title} ({spec.key})"
        titles[title] = spec.key
        yield dataclasses.replace(spec, aliases=aliases, title=title)


def _clash(spec: FeedSpec, page: Sequence[str], claims: _Claims) -> Problem | None:
    """Return what is wrong with the paths of a feed and of its page, among others and among themselves."""
    hint = "give one of them another slug, key or path (feeds.paths)"
    own = _Claims()
    for path in (*spec.paths.values(), *page):
        owner = claims.owner(path)
        if owner is not None:
            return _taken(path, f"the feed {spec.key!r} and {owner} are both written to {path}", hint)
        if own.owner(path) is not None:
            return _taken(path, f"two formats of the feed {spec.key!r} go to {path}", "put {format} into the path")
        obstacle = claims.obstacle(path)
        if obstacle is not None:
            return _taken(path, f"the feed {spec.key!r}: {obstacle}", hint)
        obstacle = own.obstacle(path)
        if obstacle is not None:
            return _taken(path, f"the feed {spec.key!r}: {obstacle}", f"{hint}, or set feeds.pages to false")
        own.take(path, "another file of this feed" if path in spec.paths.values() else "its page")
    return None


def _taken(path: str, message: str, hint: str) -> Problem:
    return Problem(rule="feed.path-taken", severity=Severity.ERROR, message=message, hint=hint, path=path)
