"""What must hold between several values of a configuration: paths do not collide, a key is one feed's, a name one category's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import get_args
from urllib.parse import urlsplit

from feedservice import taxonomy
from feedservice.config.document import Path
from feedservice.config.mistakes import Mistake, shown
from feedservice.config.schema import Config, Feeds, Format, Kind, Presentation

_DEFAULT = "{key}.{format}"
_LOCAL = ("localhost", "127.0.0.1", "::1")


def mistakes(config: Config) -> Iterator[Mistake]:
    """Yield what makes the configuration unusable."""
    yield from _keys(config.feeds)
    yield from _patterns(config.feeds)
    yield from _collisions(config)
    for key, directory in (("output", config.output), ("state", config.state)):
        if _directory(directory) == _directory(config.content.directory):
            message = f"`{key}` and `content.directory` are the same directory"
            yield Mistake(path=(key,), rule="config.path-collision", message=message, hint="write into another directory")


def doubts(config: Config) -> Iterator[Mistake]:
    """Yield what is probably not meant, and works."""
    for path, url in ((("site", "url"), config.site.url), (("feeds", "url"), config.feeds.url)):
        host = urlsplit(url or "").hostname or ""
        if host in _LOCAL or host.endswith(".localhost"):
            message = f"`{shown(path)}` is {url}: links and ids made from it are of no use to others"
            yield Mistake(path=path, rule="config.local-url", message=message, hint="write the public URL before publishing")
    seen: dict[str, str] = {}
    for name, category in config.feeds.categories.items():
        for label in (name, *(category.aka if category else ())):
            other = seen.setdefault(taxonomy.identity(label), name)
            if other != name:
                message = f"the categories `{other}` and `{name}` are one: `{label}` belongs to both"
                yield Mistake(
                    path=("feeds", "categories", name),
                    rule="config.one-category",
                    message=message,
                    hint="keep one of them and list the other spelling under `aka`",
                    on_key=True,
                )


def _directory(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def _keys(feeds: Feeds) -> Iterator[Mistake]:
    taken = {"all": "feeds.all"}
    for index, query in enumerate(feeds.define):
        path: Path = ("feeds", "define", index, "key")
        if query.key in taken:
            message = f"`{shown(path)}`: the key `{query.key}` is also the one of `{taken[query.key]}`"
            yield Mistake(path=path, rule="config.repeated", message=message, hint="give every feed a key of its own")
        taken.setdefault(query.key, shown(path[:-1]))
    slugs: dict[str, str] = {}
    for name, category in feeds.categories.items():
        if category is not None and category.slug is not None:
            other = slugs.setdefault(category.slug, name)
            if other != name:
                path = ("feeds", "categories", name, "slug")
                message = f"`{shown(path)}`: `{category.slug}` is also the slug of `{other}`"
                yield Mistake(path=path, rule="config.repeated", message=message, hint="give every category a slug of its own")


def _several(feeds: Feeds, kind: Kind) -> bool:
    """Return whether there can be more than one feed of a kind."""
    listed = {
        "category": feeds.category_feeds or len(feeds.categories) > 1,
        "tag": feeds.tags is True or len(feeds.tags or ()) > 1,
        "author": feeds.authors is True or len(feeds.authors or ()) > 1,
        "language": feeds.languages is True or len(feeds.languages or ()) > 1,
        "category-language": feeds.category_languages,
        "query": len(feeds.define) > 1,
    }
    return listed.get(kind, False)


def _tells_apart(kind: Kind, pattern: str) -> bool:
    named = "{slug}" in pattern or "{name}" in pattern
    if kind == "language":
        named = named or "{language}" in pattern
    elif kind == "category-language":
        named = named and "{language}" in pattern
    return named or "{key}" in pattern


def _pattern(feeds: Feeds, kind: Kind, form: Format) -> str:
    if isinstance(feeds.paths, str):
        return feeds.paths
    of_kind = feeds.paths.get(kind, _DEFAULT)
    return of_kind if isinstance(of_kind, str) else of_kind.get(form, _DEFAULT)


def _patterns(feeds: Feeds) -> Iterator[Mistake]:
    """Check each pattern by itself: it gives every feed and every format a path of its own."""
    whole: Path = ("feeds", "paths")
    reported: set[Path] = set()
    for kind in get_args(Kind):
        place = whole if isinstance(feeds.paths, str) else (*whole, kind)
        patterns = [_pattern(feeds, kind, form) for form in feeds.formats]
        for form, pattern in zip(feeds.formats, patterns, strict=True):
            if place in reported:
                continue
            if _several(feeds, kind) and not _tells_apart(kind, pattern):
                reported.add(place)
                yield Mistake(
                    path=place,
                    rule="config.path-collision",
                    message=f"`{shown(place)}`: every {kind} feed would be written to `{pattern}`",
                    hint="put `{key}` into it"
                    if kind != "category-language"
                    else "put `{key}`, or `{slug}` and `{language}`, into it",
                )
            elif patterns.count(pattern) > 1 and "{format}" not in pattern:
                reported.add(place)
                yield Mistake(
                    path=place,
                    rule="config.path-collision",
                    message=f"`{shown(place)}`: `{pattern}` is the path of several formats ({form} is one of them)",
                    hint="put `{format}` into it, or give each format a path",
                )


def _collisions(config: Config) -> Iterator[Mistake]:
    """Check the paths that are known before any post is read: each must be one document's."""
    owners: dict[str, _Use] = {}
    reported: set[tuple[str, str]] = set()
    for use in _uses(config):
        owner = owners.setdefault(use.path, use)
        if owner is use:
            yield from _file_and_directory(use, owners)
        # Two formats of one feed from one pattern are the pattern's own mistake; one sentence for two feeds is enough.
        same = use.feed == owner.feed and use.from_pattern and owner.from_pattern
        if owner is use or same or (use.feed, owner.feed) in reported:
            continue
        if use.feed != owner.feed:
            reported.add((use.feed, owner.feed))
        message = f"`{shown(use.where)}`: `/{use.path}` is the path of {use.what} and of {owner.what}"
        yield Mistake(path=use.where, rule="config.path-collision", message=message, hint="give every document a path of its own")


def _file_and_directory(use: _Use, owners: Mapping[str, _Use]) -> Iterator[Mistake]:
    """Check that no file is where another one needs a directory."""
    for path, owner in owners.items():
        upper, lower = (owner, use) if use.path.startswith(path + "/") else (use, owner)
        if lower.path.startswith(upper.path + "/"):
            message = f"`{shown(use.where)}`: `/{lower.path}` ({lower.what}) lies below `/{upper.path}`, which is {upper.what}"
            yield Mistake(
                path=use.where, rule="config.path-collision", message=message, hint="a path cannot be a file and a directory"
            )
            return


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """A path that is known without any post."""

    path: str
    where: Path
    what: str
    feed: str
    from_pattern: bool = False


def _uses(config: Config) -> Iterator[_Use]:
    feeds = config.feeds
    below = urlsplit(feeds.url or config.site.url.rstrip("/") + "/feeds").path.strip("/")

    def full(path: str) -> str:
        return path.removeprefix("/") if path.startswith("/") else f"{below}/{path}".removeprefix("/")

    yield _Use(path=feeds.opml.lstrip("/"), where=("feeds", "opml"), what="the list of feeds", feed="opml")
    for where, kind, key, presentation in _known_feeds(feeds):
        name = shown(where)
        for form in feeds.formats:
            own = presentation.paths.get(form)
            filled = (own or _pattern(feeds, kind, form)).replace("{format}", form).replace("{key}", key or "{key}")
            if "{" not in filled:
                place = where if own is None else (*where, "paths", form)
                yield _Use(path=full(filled), where=place, what=f"`{name}` as {form}", feed=name, from_pattern=own is None)
        for alias, form in presentation.aliases.items():
            if "{" not in alias:
                yield _Use(path=full(alias), where=(*where, "aliases", alias), what=f"an alias of `{name}` as {form}", feed=name)
    for alias, target in feeds.aliases.items():
        if "{" not in alias:
            yield _Use(path=full(alias), where=("feeds", "aliases", alias), what=f"an alias of {target}", feed=target)


def _known_feeds(feeds: Feeds) -> Iterator[tuple[Path, Kind, str | None, Presentation]]:
    yield ("feeds", "all"), "all", "all", feeds.all
    keys = {"all"}
    for index, query in enumerate(feeds.define):
        if query.key not in keys:  # a repeated key is a mistake of its own
            yield ("feeds", "define", index), "query", query.key, query
        keys.add(query.key)
    slugs: set[str] = set()
    for name, category in feeds.categories.items():
        if category is not None and category.feed and category.slug not in slugs:
            yield ("feeds", "categories", name), "category", category.slug, category
            slugs |= {category.slug} if category.slug else set()
