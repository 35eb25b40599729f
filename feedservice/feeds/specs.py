"""Which feeds a site has: configuration and the labels its posts use → ``FeedSpec``.

Keys: ``all``; the slug of a category; ``tags/<slug>``, ``authors/<slug>``, ``languages/<tag>``, ``<category>/<language>``; the
key of a declared feed.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from feedservice.config.schema import CategoryFeed, Config, Presentation
from feedservice.feeds import formats, selection
from feedservice.feeds.identity import Named
from feedservice.model import FeedKind, FeedSpec, Problem, Severity
from feedservice.taxonomy import RESERVED, encode_path, identity, slugs

_NOTHING = Presentation()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The feeds of a site and how its labels are written in them."""

    specs: tuple[FeedSpec, ...]
    categories: Mapping[str, tuple[str, str]]
    """Category identity → (slug, label)."""
    tags: Mapping[str, tuple[str, str]]
    """Tag identity → (slug, label)."""
    aliases: Mapping[str, str]
    """Identity of another spelling → identity of the category."""
    problems: tuple[Problem, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A feed before it has its URLs."""

    key: str
    kind: FeedKind
    label: str
    slug: str
    term: str = ""
    language_term: str = ""
    settings: Presentation = _NOTHING
    language: str | None = None


def feeds_base(config: Config) -> str:
    """Return the public base of the feeds, without a slash at its end."""
    return (config.feeds.url or config.site.url.rstrip("/") + "/feeds").rstrip("/")


def plan(config: Config, posts: Sequence[Named], addresses: Mapping[str, str] | None = None) -> Plan:
    """Return the feeds of a site; ``posts`` are those that are out (``Live.posts``), so that nothing scheduled shows through.

    ``addresses``: slug → identity of the category whose feed had it first. No other category gets it, whatever becomes of that
    one: its readers would be given the posts of another.
    """
    aliases = selection.category_aliases(config)
    settings = {identity(label): (label, value or CategoryFeed()) for label, value in config.feeds.categories.items()}
    oldest_first = posts[::-1]
    labels: dict[str, str] = {key: label for key, (label, _) in settings.items()}
    tags: dict[str, str] = {}
    for each in oldest_first:
        for key, label in selection.category_keys(each.post, aliases).items():
            labels.setdefault(key, label)
        for label in each.post.tags:
            tags.setdefault(identity(label), label)
    owners = {slug: aliases.get(key, key) for slug, key in (addresses or {}).items()}
    taken = RESERVED | {query.key for query in config.feeds.define} | {slug for slug, key in owners.items() if key not in labels}
    fixed = {key: value.slug for key, (_, value) in settings.items() if value.slug}
    kept = {key: slug for slug, key in owners.items() if key in labels and slug.startswith(slugs([labels[key]])[key])}
    category_slugs = slugs(labels.values(), fixed=kept | fixed, taken=taken)
    categories = {key: (category_slugs[key], label) for key, label in labels.items()}
    tag_slugs = slugs(tags.values())
    tag_names = {key: (tag_slugs[key], label) for key, label in tags.items()}

    wanted = [_Wanted(key="all", kind=FeedKind.ALL, label="", slug="all", settings=config.feeds.all)]
    wanted += _category_feeds(config, categories, {key: value for key, (_, value) in settings.items()}, oldest_first, aliases)
    wanted += _label_feeds(FeedKind.TAG, "tags", config.feeds.tags, tag_names)
    authors = {identity(name): name for each in posts for name in selection.author_names(each.post, config)}
    author_slugs = slugs(authors.values())
    author_names = {key: (author_slugs[key], label) for key, label in sorted(authors.items())}
    wanted += _label_feeds(FeedKind.AUTHOR, "authors", config.feeds.authors, author_names)
    languages = {
        language: (language, language) for language in sorted({selection.language_of(each.post, config) for each in posts})
    }
    wanted += _label_feeds(FeedKind.LANGUAGE, "languages", config.feeds.languages, languages)
    wanted += [_Wanted(key=q.key, kind=FeedKind.QUERY, label=q.key, slug=q.key, settings=q) for q in config.feeds.define]

    problems: list[Problem] = []
    wanted = list(_own(wanted, owners, labels, problems))
    specs = tuple(_placed((_spec(config, each) for each in wanted), config, problems))
    problems += unknown_feeds(posts, specs)
    return Plan(specs=specs, categories=categories, tags=tag_names, aliases=aliases, problems=tuple(problems))


def _own(
    wanted: Iterable[_Wanted], owners: Mapping[str, str], labels: Mapping[str, str], problems: list[Problem]
) -> Iterator[_Wanted]:
    """Pass on the feeds but those whose slug, given by hand, was the name of another category's feed."""
    for each in wanted:
        owner = owners.get(each.slug, each.term)
        if each.kind is not FeedKind.CATEGORY or owner == each.term:
            yield each
            continue
        was = labels.get(owner, owner)
        message = f"the slug {each.slug!r} of {each.label!r} was that of {was!r}: its readers would be given other posts"
        hint = f"choose another slug; when it is the same category under a new name, write `aka: [{was}]`"
        problems.append(Problem(rule="feed.name-used", severity=Severity.ERROR, message=message, hint=hint, path=each.slug))


def former(config: Config, specs: Sequence[FeedSpec]) -> Iterator[tuple[FeedSpec, FeedSpec]]:
    """Yield for every other spelling of a category (``aka``) the feed that it would have had, and the one that it is part of."""
    current = {spec.term: spec for spec in specs if spec.kind is FeedKind.CATEGORY}
    for label, settings in config.feeds.categories.items():
        spec = current.get(identity(label))
        if settings is None or spec is None:
            continue
        for other in settings.aka:
            key = identity(other)
            slug = slugs([other], taken=RESERVED)[key]
            yield _spec(config, _Wanted(key=slug, kind=FeedKind.CATEGORY, label=other, slug=slug, term=key)), spec


def _category_feeds(
    config: Config,
    categories: Mapping[str, tuple[str, str]],
    settings: Mapping[str, CategoryFeed],
    posts: Sequence[Named],
    aliases: Mapping[str, str],
) -> Iterator[_Wanted]:
    languages: dict[str, set[str]] = {}
    for each in posts:
        for key in selection.category_keys(each.post, aliases):
            languages.setdefault(key, set()).add(selection.language_of(each.post, config))
    for key, (slug, label) in categories.items():
        own = settings.get(key, CategoryFeed())
        if own.feed and (config.feeds.category_feeds or key in settings):
            yield _Wanted(key=slug, kind=FeedKind.CATEGORY, label=label, slug=slug, term=key, settings=own)
        for language in sorted(languages.get(key, ())) if config.feeds.category_languages and own.feed else ():
            plain = Presentation(description=own.description, image=own.image, window=own.window, content=own.content)
            yield _Wanted(
                key=f"{slug}/{language}",
                kind=FeedKind.CATEGORY_LANGUAGE,
                label=f"{label} ({language})",
                slug=slug,
                term=key,
                language_term=language,
                settings=plain,
                language=language,
            )


def _label_feeds(kind: FeedKind, folder: str, asked: bool | list[str], names: Mapping[str, tuple[str, str]]) -> Iterator[_Wanted]:
    if asked is False:
        return
    keys = list(names) if asked is True else [identity(label) for label in asked]
    spelled = {identity(label): label for label in asked} if isinstance(asked, list) else {}
    for key in dict.fromkeys(keys):
        slug, label = names.get(key) or (slugs([spelled[key]])[key], spelled[key])
        language = label if kind is FeedKind.LANGUAGE else None
        yield _Wanted(key=f"{folder}/{slug}", kind=kind, label=label, slug=slug, term=key, language=language)


def _spec(config: Config, wanted: _Wanted) -> FeedSpec:
    site, feeds, own = config.site, config.feeds, wanted.settings
    if wanted.kind is FeedKind.ALL:
        title, description = own.title or site.title, own.description or site.description
    else:
        title = own.title or feeds.title_pattern.format(label=wanted.label, site=site.title, key=wanted.key)
        description = own.description or ""
    home = own.home
    if home is None and wanted.kind is FeedKind.CATEGORY and feeds.category_home:
        home = feeds.category_home.format(slug=wanted.slug, key=wanted.key, name=wanted.label)
    written = {name: _path(config, wanted, name) for name in feeds.formats}
    zone = "UTC" if feeds.dates == "utc" else "author" if feeds.dates == "author" else own.timezone or site.timezone
    aliases = {_file(path, name): name for path, name in own.aliases.items()}
    for pattern, target in feeds.aliases.items():
        kind, _, name = target.rpartition(".")
        if kind in {wanted.kind.value, wanted.key} and name in feeds.formats:
            aliases[_file(_filled(pattern, wanted, name), name)] = name
    return FeedSpec(
        key=wanted.key,
        kind=wanted.kind,
        term=wanted.term,
        language_term=wanted.language_term,
        title=title,
        description=description,
        language=own.language or wanted.language or site.language,
        image=site_url(config, own.image or site.image),
        zone=zone,
        window=own.window or feeds.window,
        retired=isinstance(own, CategoryFeed) and own.retired,
        full=(own.content or feeds.content) == "full",
        home_url=site_url(config, home) or site.url.rstrip("/") + "/",
        urls={name: _origin(feeds_base(config)) + encode_path(path) for name, path in written.items()},
        paths={name: _file(path, name) for name, path in written.items()},
        aliases={path: name for path, name in aliases.items() if path not in {_file(p, n) for n, p in written.items()}},
    )


def site_url(config: Config, typed: str | None) -> str | None:
    """Return the absolute URL of what the configuration says: ``https://…``, or a path below the site."""
    if not typed:
        return None
    if urlsplit(typed).scheme in {"http", "https"}:
        return typed
    return config.site.url.rstrip("/") + encode_path("/" + typed.lstrip("/"))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _path(config: Config, wanted: _Wanted, name: str) -> str:
    """Return the path of a document on its host, unencoded, beginning with a slash."""
    chosen: object = wanted.settings.paths.get(name)  # type: ignore[call-overload]
    if chosen is None:
        chosen = config.feeds.paths
        if isinstance(chosen, Mapping):
            chosen = chosen.get(wanted.kind.value)
        if isinstance(chosen, Mapping):
            chosen = chosen.get(name)
    pattern = chosen if isinstance(chosen, str) else "{key}.{format}"
    path = _filled(pattern, wanted, name)
    return path if path.startswith("/") else f"{urlsplit(feeds_base(config)).path}/{path}"


def _filled(pattern: str, wanted: _Wanted, name: str) -> str:
    # The raw label may hold anything: what would be a separator or a dot segment is made harmless.
    label = wanted.label.replace("/", "-").replace("\\", "-").strip(". ") or wanted.slug
    extension = formats.FORMATS[name].extension
    return pattern.format(key=wanted.key, slug=wanted.slug, name=label, format=extension, language=wanted.language or "")


def _file(path: str, name: str) -> str:
    """Return the output path of a URL path: a directory's document is its index."""
    relative = path.lstrip("/")
    if relative.endswith("/") or not relative:
        relative += "index." + ("json" if name == "json" else "xml")
    return relative


def unknown_feeds(posts: Iterable[Named], specs: Iterable[FeedSpec]) -> Iterator[Problem]:
    """Yield a warning for every key under ``feed`` of a post that no feed has: nobody would see the post there."""
    known = {spec.key: spec.key.casefold() for spec in specs}
    hints: dict[str, str] = {}
    for each in posts:
        wanted = each.post.feeds or ()
        missing = [key for key in wanted if key not in known]
        for key in missing:
            message = f"feed: there is no feed {key!r}" + ("; the post is in no feed" if len(missing) == len(wanted) else "")
            if key not in hints:
                near = difflib.get_close_matches(key.casefold(), known.values(), n=3, cutoff=0.6)
                names = [name for name, folded in known.items() if folded in near]
                hints[key] = f"did you mean {' or '.join(names)}?" if names else f"the feeds are {', '.join(list(known)[:20])}"
            rule, path = "feed.unknown-key", each.post.path
            yield Problem(rule=rule, severity=Severity.WARNING, message=message, hint=hints[key], path=path)


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


def _placed(specs: Iterable[FeedSpec], config: Config, problems: list[Problem]) -> Iterator[FeedSpec]:
    """Pass on the specs whose paths are theirs alone; the first feed keeps a path that two ask for."""
    claims = _Claims()
    prefix = urlsplit(feeds_base(config)).path.strip("/")
    prefix = f"{prefix}/" if prefix else ""
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
