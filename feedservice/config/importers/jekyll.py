"""``_config.yml`` of Jekyll, with the plugins jekyll-feed and jekyll-archives."""

from __future__ import annotations

import re
from collections.abc import Iterator

from feedservice import taxonomy
from feedservice.config.importers.draft import Draft, Imported, count, flag, mapping, read_yaml, text, texts

_STYLES = {"date", "pretty", "ordinal", "weekdate", "none"}
_PLUGIN_WINDOW = 10
"""Entries in jekyll-feed's documents unless ``posts_limit`` says otherwise."""
_NO_DIRECTORY = {"gemfile", "rakefile", "makefile", "license", "cname", "dockerfile", "procfile"}
_ALWAYS_EXCLUDED = ("node_modules", "vendor/bundle/", "vendor/cache/", "vendor/gems/", "vendor/ruby/")
_FRONT_MATTER = frozenset(
    [
        *(
            "author",
            "authors",
            "canonical_url",
            "categories",
            "category",
            "description",
            "draft",
            "enclosure",
            "excerpt",
            "explicit",
        ),
        *("feed", "image", "lang", "language", "locale", "published", "robots", "sitemap", "summary", "tag", "tags", "thumbnail"),
        "timezone",
    ]
)
"""Keys that mean something to feeds or to rules over them."""
_SETTINGS = frozenset(
    [
        *("baseurl", "cache_dir", "collections_dir", "data_dir", "destination", "detach", "disable_disk_cache", "encoding"),
        *("excerpt_separator", "force_polling", "future", "highlighter", "host", "includes_dir", "incremental", "layouts_dir"),
        *(
            "limit_posts",
            "livereload",
            "livereload_port",
            "lsi",
            "markdown",
            "markdown_ext",
            "open_url",
            "paginate",
            "paginate_path",
        ),
        *("permalink", "plugins_dir", "port", "profile", "quiet", "remote_theme", "repository", "safe", "show_dir_listing"),
        *(
            "show_drafts",
            "source",
            "strict_front_matter",
            "theme",
            "timezone",
            "title",
            "trace",
            "unpublished",
            "url",
            "verbose",
            "watch",
        ),
    ]
)
"""Scalars that are Jekyll's own: no post asks for them as ``{{ site.… }}``."""
_SECRET = re.compile(r"token|secret|passw|api_?key|private", re.IGNORECASE)


def import_jekyll(source: str) -> Imported:
    """Read ``_config.yml``; raises ``ConfigError`` when it is no YAML mapping.

    The written configuration belongs into the directory of ``_config.yml``: the posts are in every ``_posts`` below it.
    """
    draft = Draft("jekyll")
    data = read_yaml(source, "_config.yml", draft)
    title, description = text(data.get("title")) or text(data.get("name")), text(data.get("description"))
    base = draft.site(title=title, url=text(data.get("url")), description=description, base_path=text(data.get("baseurl")) or "")
    draft.language(text(data.get("lang")) or text(data.get("locale")) or text(data.get("language")), title, description)
    draft.timezone(text(data.get("timezone")), "which Jekyll takes from the machine")
    draft.author(data.get("author"), text(data.get("email")))
    _content(draft, data)
    _defaults(draft, data)
    feed = mapping(data.get("feed"))
    draft.put("site", "image", value=text(feed.get("logo")) or text(data.get("logo")))
    draft.put("site", "icon", value=text(feed.get("icon")) or text(data.get("icon")))
    draft.put("feeds", "ids", value="jekyll")
    categories = _listed_categories(draft, data)
    plugins = [*texts(data.get("plugins")), *texts(data.get("gems"))]
    if feed or "jekyll-feed" in plugins:
        _plugin_feeds(draft, feed, base, categories)
    else:
        draft.note(
            "jekyll-feed is not among the plugins: if the site has a feed of its own making, "
            "give its path under `feeds.all.paths` so that its readers go on"
        )
    draft.put("feeds", "categories", value=categories)
    _archives(draft, mapping(data.get("jekyll-archives")))
    return draft.finish()


def _content(draft: Draft, data: dict[str, object]) -> None:
    draft.put("content", "directory", value=text(data.get("source")) or ".")
    own = text(mapping(mapping(data.get("collections")).get("posts")).get("permalink"))
    permalink = own or text(data.get("permalink")) or "date"
    draft.put("content", "permalink", value=permalink if permalink in _STYLES or ":" in permalink or "/" in permalink else "date")
    draft.put("content", "naive_dates", value="utc")
    draft.put("content", "future", value=flag(data.get("future")))
    if flag(data.get("future")):
        draft.note("posts with a future date are published at once, as in Jekyll: take out `content.future` to schedule them")
    drafts = bool(flag(data.get("show_drafts")) or flag(data.get("unpublished")))
    draft.put("content", "drafts", value=drafts or None)
    draft.put("content", "include", value=["**/_posts/**", *(["**/_drafts/**"] if drafts else [])])
    excluded = [*_ALWAYS_EXCLUDED, text(data.get("destination")) or "_site", *texts(data.get("exclude"))]
    draft.put("content", "ignore", value=list(dict.fromkeys(_globs(excluded))))
    draft.put("content", "excerpt_separator", value=data.get("excerpt_separator"))
    if data.get("limit_posts"):
        draft.note("`limit_posts` has no counterpart: `feeds.window` limits what a feed has")
    variables = {}
    for key, value in data.items():
        if not isinstance(value, str | bool | int | float) or key in _SETTINGS:
            continue
        if _SECRET.search(key):
            draft.note(f"`{key}` looks like a secret and was left out of `content.variables`")
        else:
            variables[key] = value
    draft.put("content", "variables", value=variables)


def _globs(excluded: list[str]) -> Iterator[str]:
    """Yield patterns for the excluded directories; files outside ``_posts`` are no posts anyway."""
    for entry in excluded:
        bare = entry.strip("/").removeprefix("./")
        last = bare.rpartition("/")[2]
        hidden = any(part.startswith(".") for part in bare.split("/"))
        if bare and not hidden and ("_posts" in bare or ("." not in last and last.lower() not in _NO_DIRECTORY)):
            yield f"/{bare}" if "_posts" in bare else f"/{bare}/"


def _defaults(draft: Draft, data: dict[str, object]) -> None:
    taken = []
    listed = data.get("defaults")
    for entry in map(mapping, listed if isinstance(listed, list) else []):
        scope, values = mapping(entry.get("scope")), mapping(entry.get("values"))
        if text(scope.get("type")) not in {None, "posts", "drafts"}:
            continue
        path = text(scope.get("path")) or ""
        permalink = text(values.get("permalink"))
        if permalink and not path:
            draft.put("content", "permalink", value=permalink)
        elif permalink:
            draft.note(f"`defaults` gives {path} the permalink {permalink}: write it into those posts")
        useful = {key: value for key, value in values.items() if key in _FRONT_MATTER and _says_something(key, value)}
        if not path and useful.get("author") == data.get("author"):
            useful.pop("author", None)  # the site's author is what a post without one has anyway
        if useful:
            taken.append({"path": path, "values": useful} if path else {"values": useful})
    draft.put("content", "defaults", value=taken)


def _says_something(key: str, value: object) -> bool:
    # `sitemap: false` keeps a post out of search engines, and rules ask for it; a mapping only tunes the sitemap.
    return value is not None and not (key == "sitemap" and isinstance(value, dict))


def _listed_categories(draft: Draft, data: dict[str, object]) -> dict[str, object]:
    """Return categories from a site's own list of them: mappings with name and slug under a key that says so."""
    found: dict[str, object] = {}
    for key, value in data.items():
        entries = [mapping(entry) for entry in value] if isinstance(value, list) else []
        if (
            "categor" not in key.lower()
            or not entries
            or not all(text(one.get("name")) and text(one.get("slug")) for one in entries)
        ):
            continue
        for entry in entries:
            kept = {"description": text(entry.get("description")), "slug": text(entry.get("slug"))}
            found[text(entry["name"]) or ""] = {name: one for name, one in kept.items() if one}
        draft.note(f"the {len(entries)} categories of `{key}` were taken over with their slugs and descriptions")
    return found


def _plugin_feeds(draft: Draft, feed: dict[str, object], base: str, categories: dict[str, object]) -> None:
    collections = feed.get("collections")
    posts = mapping(mapping(collections).get("posts"))
    others = [name for name in (mapping(collections) or dict.fromkeys(texts(collections))) if name != "posts"]
    if others:
        draft.note(f"jekyll-feed also wrote feeds for the collections {', '.join(others)}: only posts are taken over")
    path = text(posts.get("path")) or text(feed.get("path")) or "feed.xml"
    draft.put("feeds", "all", "paths", value={"atom": f"{base}/{path.strip('/')}"})
    window = count(feed.get("posts_limit"))
    draft.put("feeds", "window", value=window or _PLUGIN_WINDOW)
    if window is None:
        draft.note(
            f"`feeds.window` is {_PLUGIN_WINDOW}, as jekyll-feed had it; a site with several posts a day should raise it, "
            "which shows readers the older posts once"
        )
    if flag(feed.get("excerpt_only")):
        draft.put("feeds", "content", value="summary")
    for name in texts(posts.get("categories")) or texts(feed.get("categories")):
        known = next((one for one in categories if taxonomy.identity(one) == taxonomy.identity(name)), name)
        categories[known] = {**mapping(categories.get(known)), "paths": {"atom": f"{base}/feed/{name}.xml"}}
    _plugin_tags(draft, feed.get("tags"), base)


def _plugin_tags(draft: Draft, value: object, base: str) -> None:
    tags = mapping(value)
    if not tags and not flag(value):
        return
    draft.put("feeds", "tags", value=texts(tags.get("only")) or True)
    directory = (text(tags.get("path")) or "/feed/by_tag/").strip("/")
    draft.put("feeds", "paths", value={"tag": {"atom": f"{base}/{directory}/{{name}}.xml"}})
    if tags.get("except"):
        draft.note("`feed.tags.except` has no counterpart: list the tags that have a feed under `feeds.tags`")


def _archives(draft: Draft, archives: dict[str, object]) -> None:
    permalink = text(mapping(archives.get("permalinks")).get("category"))
    enabled = archives.get("enabled")
    if archives and (enabled in {"all", True} if isinstance(enabled, str | bool) else "categories" in texts(enabled)):
        draft.put("feeds", "category_home", value=(permalink or "/category/:name/").replace(":name", "{slug}"))
