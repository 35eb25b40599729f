"""``config.toml`` (or ``zola.toml``) of Zola."""

from __future__ import annotations

from feedservice.config.importers.draft import Draft, Imported, count, flag, mapping, text, texts
from feedservice.config.importers.hugo import read_toml


def import_zola(source: str) -> Imported:
    """Read Zola's configuration; raises ``ConfigError`` when it is no TOML. The written configuration belongs beside it."""
    draft = Draft("zola")
    data = read_toml(source, "config.toml")
    title, description = text(data.get("title")), text(data.get("description"))
    base = draft.site(title=title, url=text(data.get("base_url")), description=description)
    draft.language(text(data.get("default_language")) or "en", title)
    draft.timezone(None, "which Zola reads dates in")
    draft.author(data.get("author"))
    draft.put("content", "directory", value="content")
    draft.put("content", "permalink", value="/:sections/:slugorfilename/")
    draft.put("content", "ignore", value=["_index.*", *texts(data.get("ignored_content"))])
    draft.put("feeds", "ids", value="permalink")
    limit = count(data.get("feed_limit"))
    draft.put("feeds", "window", value=limit)
    generates = flag(data.get("generate_feeds") if "generate_feeds" in data else data.get("generate_feed"))
    files = _by_format(draft, texts(data.get("feed_filenames")) or texts(data.get("feed_filename")) or ["atom.xml"])
    if generates:
        draft.put("feeds", "all", "paths", value={form: f"{base}/{name}" for form, name in files.items()})
        if limit is None:
            draft.note("Zola's feed had every post: `feeds.window` is 50; older entries stay known to readers")
    else:
        draft.note("the site had no feed of its own (`generate_feeds`): the new one is under `feeds.url`")
    _taxonomies(draft, data.get("taxonomies"), base, files)
    slugify = text(mapping(data.get("slugify")).get("paths"))
    if slugify in {"safe", "off"}:
        draft.note(
            f"`slugify.paths = {slugify}` was not taken over: links are made of lower-case letters, digits and hyphens; "
            "write `path` into posts whose link would differ"
        )
    draft.languages(data.get("languages"), data.get("default_language"))
    draft.note("feeds of single sections (`generate_feeds` in _index.md) were not taken over: declare them under `feeds.define`")
    return draft.finish()


def _by_format(draft: Draft, files: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in files:
        form = "rss" if "rss" in name else "json" if name.endswith(".json") else "atom"
        if form in found:
            draft.note(f"`{name}` is another feed in {form}: add it under `feeds.all.aliases`")
        found.setdefault(form, name)
    return found


def _taxonomies(draft: Draft, listed: object, base: str, files: dict[str, str]) -> None:
    paths: dict[str, object] = {}
    kinds = {
        "categories": "category",
        "category": "category",
        "tags": "tag",
        "tag": "tag",
        "authors": "author",
        "author": "author",
    }
    for entry in map(mapping, listed if isinstance(listed, list) else []):
        name = text(entry.get("name")) or ""
        if not flag(entry.get("feed")) or flag(entry.get("render")) is False:
            continue
        kind = kinds.get(name.lower())
        if kind is None:
            draft.note(f"the taxonomy `{name}` has no counterpart: a feed of it can be declared under `feeds.define`")
            continue
        paths[kind] = {form: f"{base}/{name}/{{slug}}/{file}" for form, file in files.items()}
        if kind != "category":
            draft.put("feeds", f"{kind}s", value=True)
    draft.put("feeds", "paths", value=paths)
