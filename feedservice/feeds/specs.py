"""Which feeds a site has: configuration and the labels its posts use → ``FeedSpec``.

Keys: ``all``; the slug of a category; ``tags/<slug>``, ``authors/<slug>``, ``languages/<tag>``, ``<category>/<language>``; the
key of a declared feed.
"""

from __future__ import annotations

import dataclasses
import difflib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from feedservice.config.schema import CategoryFeed, Config, Presentation
from feedservice.feeds import claims, formats, selection
from feedservice.feeds.identity import Named
from feedservice.feeds.text import language_tag
from feedservice.model import FeedKind, FeedSpec, Problem, Severity
from feedservice.taxonomy import RESERVED, encode_path, identity, slugs

_NOTHING = Presentation()
_OF_LABELS = frozenset({FeedKind.CATEGORY, FeedKind.CATEGORY_LANGUAGE, FeedKind.TAG, FeedKind.AUTHOR, FeedKind.LANGUAGE})


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
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Key of a feed that labels of posts make → its label."""
    ended: tuple[FeedSpec, ...] = ()
    """Feeds that there would be, were not all their addresses among ``feeds.gone`` and ``feeds.moved``."""


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


def plan(
    config: Config, posts: Sequence[Named], addresses: Mapping[str, str] | None = None, had: Collection[str] = frozenset()
) -> Plan:
    """Return the feeds of a site; ``posts`` are those that are out (``Live.posts``), so that nothing scheduled shows through.

    ``addresses``: key of a feed → label that had it first. No other category gets its name, whatever becomes of that one: its
    readers would be given the posts of another. ``had``: keys of feeds that readers have had entries of. They stay when their
    last post is gone: nobody who subscribed is sent away by accident.
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
    known = addresses or {}
    owners = _owners(known, aliases)
    deserted = {}
    for slug in (each for each in known if each in had and "/" not in each and config.feeds.category_feeds):
        if owners[slug] not in labels:
            deserted[owners[slug]] = slug
            labels[owners[slug]] = known[slug]
    taken = RESERVED | {query.key for query in config.feeds.define} | {slug for slug, key in owners.items() if key not in labels}
    fixed = {key: value.slug for key, (_, value) in settings.items() if value.slug}
    kept = {key: slug for slug, key in owners.items() if key in labels and slug.startswith(slugs([labels[key]])[key])}
    category_slugs = slugs(labels.values(), fixed=kept | deserted | fixed, taken=taken)
    categories = {key: (category_slugs[key], label) for key, label in labels.items()}
    tags |= {key: label for key, label in _below("tags", known, had).items() if key not in tags}
    tag_slugs = slugs(tags.values())
    tag_names = {key: (tag_slugs[key], label) for key, label in tags.items()}

    wanted = [_Wanted(key="all", kind=FeedKind.ALL, label="", slug="all", settings=config.feeds.all)]
    spoken = _spoken(config, oldest_first, aliases)
    for slug, language in (each.split("/") for each in known if each in had and each.count("/") == 1):
        if slug in owners:
            spoken.setdefault(owners[slug], set()).add(language)
    wanted += _category_feeds(config, categories, {key: value for key, (_, value) in settings.items()}, spoken)
    wanted += _label_feeds(FeedKind.TAG, "tags", config.feeds.tags, tag_names)
    authors = _below("authors", known, had)
    authors |= {identity(name): name for each in posts for name in selection.author_names(each.post, config)}
    author_slugs = slugs(authors.values())
    author_names = {key: (author_slugs[key], label) for key, label in sorted(authors.items())}
    wanted += _label_feeds(FeedKind.AUTHOR, "authors", config.feeds.authors, author_names)
    spoken_at_all = {selection.language_of(each.post, config) for each in posts}.union(_below("languages", known, had).values())
    languages = {each: (each, each) for each in sorted(spoken_at_all)}
    wanted += _label_feeds(FeedKind.LANGUAGE, "languages", config.feeds.languages, languages)
    wanted += [_Wanted(key=q.key, kind=FeedKind.QUERY, label=q.key, slug=q.key, settings=q) for q in config.feeds.define]

    problems: list[Problem] = []
    wanted = list(_own(wanted, owners, labels, problems))
    every = [_spec(config, each) for each in wanted]
    closed = outputs((*config.feeds.gone, *config.feeds.moved))
    ended = {spec.key: spec for spec in every if all(path in closed for path in spec.paths.values())}
    folder = urlsplit(feeds_base(config)).path.strip("/")
    specs = tuple(claims.placed((spec for spec in every if spec.key not in ended), config, folder, problems))
    problems += unknown_feeds(posts, specs)
    there = {spec.key for spec in specs}
    return Plan(
        specs=specs,
        categories=categories,
        tags=tag_names,
        aliases=aliases,
        problems=tuple(problems),
        labels={each.key: each.label for each in wanted if each.kind in _OF_LABELS and each.key in there},
        ended=tuple(ended.values()),
    )


def _owners(addresses: Mapping[str, str], aliases: Mapping[str, str]) -> dict[str, str]:
    """Return slug → identity of the category that has it."""
    own = {slug: identity(label) for slug, label in addresses.items() if "/" not in slug}
    return {slug: aliases.get(key, key) for slug, key in own.items()}


def _below(folder: str, addresses: Mapping[str, str], had: Collection[str]) -> dict[str, str]:
    """Return identity → label of the feeds below a folder that readers have had entries of."""
    labels = (label for key, label in addresses.items() if key in had and key.startswith(f"{folder}/"))
    return {identity(label): label for label in labels}


def _spoken(config: Config, posts: Iterable[Named], aliases: Mapping[str, str]) -> dict[str, set[str]]:
    """Return identity of a category → languages of its posts."""
    found: dict[str, set[str]] = {}
    for each in posts if config.feeds.category_languages else ():
        for key in selection.category_keys(each.post, aliases):
            found.setdefault(key, set()).add(selection.language_of(each.post, config))
    return found


def outputs(typed: Iterable[str]) -> frozenset[str]:
    """Return the output paths of addresses as people type them, such as those of ``feeds.gone`` and ``feeds.moved``."""
    plain = [unicodedata.normalize("NFC", unquote(path)) for path in typed]
    return frozenset(_file(path, name) for path in plain for name in ("atom", "json"))


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


def former(
    config: Config, specs: Sequence[FeedSpec], addresses: Mapping[str, str] | None = None
) -> Iterator[tuple[FeedSpec, FeedSpec]]:
    """Yield the feeds that there were, or would have been, and for each the one that its posts are in now.

    They are those of every other spelling of a category (``aka``), and those whose category has another slug than it had
    (``addresses``, as for ``plan``).
    """
    known = addresses or {}
    owners = _owners(known, selection.category_aliases(config))
    of_categories = [spec for spec in specs if spec.kind in {FeedKind.CATEGORY, FeedKind.CATEGORY_LANGUAGE}]
    current = {(spec.term, spec.language_term): spec for spec in of_categories}
    for key, label in known.items():
        slug, _, language = key.partition("/")
        spec = current.get((owners.get(slug, ""), language))
        if spec is not None and spec.key != key:
            wanted = _Wanted(
                key=key, kind=spec.kind, label=label, slug=slug, term=spec.term, language_term=language, language=language or None
            )
            yield _spec(config, wanted), spec
    for label, settings in config.feeds.categories.items():
        spec = current.get((identity(label), ""))
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
    spoken: Mapping[str, Collection[str]],
) -> Iterator[_Wanted]:
    for key, (slug, label) in categories.items():
        own = settings.get(key, CategoryFeed())
        if own.feed and (config.feeds.category_feeds or key in settings):
            yield _Wanted(key=slug, kind=FeedKind.CATEGORY, label=label, slug=slug, term=key, settings=own)
        for language in sorted(spoken.get(key, ())) if config.feeds.category_languages and own.feed else ():
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
        language=own.language or (language_tag(wanted.language) if wanted.language else site.language),
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
