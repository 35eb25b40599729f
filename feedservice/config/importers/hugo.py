"""``hugo.toml``, ``hugo.yaml``, ``hugo.json`` and the older ``config.*`` of Hugo."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Literal

from feedservice.config import vocabulary
from feedservice.config.importers.draft import Draft, Imported, count, flag, mapping, read_yaml, refuse, text, texts

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def import_hugo(source: str, *, format: Literal["toml", "yaml", "json"]) -> Imported:  # noqa: A002 the word for it
    """Read Hugo's site configuration; raises ``ConfigError`` when it cannot be read.

    The written configuration belongs beside it.
    """
    draft = Draft("hugo")
    data = _folded(_read(source, format, draft))
    params = mapping(data.get("params"))
    title, description = text(data.get("title")), text(params.get("description"))
    base = draft.site(title=title, url=text(data.get("baseurl")), description=description)
    tag = text(data.get("locale")) or text(data.get("languagecode")) or text(data.get("defaultcontentlanguage"))
    if tag is None and not data.get("languages"):
        tag = "en"  # Hugo's own default
    draft.language(tag, title, description)
    draft.timezone(text(data.get("timezone")), "Hugo's default")
    draft.author(params.get("author") or data.get("author"))
    draft.put("site", "copyright", value=text(data.get("copyright")))
    _content(draft, data, params)
    draft.put("feeds", "ids", value="hugo")
    _feeds(draft, data, base, _main_sections(data, params))
    draft.languages(data.get("languages"), data.get("defaultcontentlanguage"))
    return draft.finish()


def read_toml(source: str, name: str) -> dict[str, object]:
    """Return a TOML document; raises ``ConfigError`` with line and column."""
    try:
        return tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (None, None)
        raise refuse(name, f"this is no TOML: {_PLACE.sub('', str(error)).strip()}", "check the file", line, column) from None
    except RecursionError:
        raise refuse(name, "the file is nested too deeply to be read", "check the file") from None


def _read(source: str, form: str, draft: Draft) -> Mapping[str, object]:
    if form == "toml":
        return read_toml(source, "hugo.toml")
    if form == "yaml":
        return read_yaml(source, "hugo.yaml", draft)
    try:
        data = json.loads(source)
    except json.JSONDecodeError as error:
        raise refuse("hugo.json", f"this is no JSON: {error.msg}", "check the file", error.lineno, error.colno) from None
    except RecursionError:
        raise refuse("hugo.json", "the file is nested too deeply to be read", "check the file") from None
    if not isinstance(data, dict):
        raise refuse("hugo.json", "the file is no mapping", "is it the right file?")
    return data


def _folded(data: Mapping[str, object]) -> dict[str, object]:
    """Return the settings with lower-case keys: Hugo does not tell ``baseURL`` from ``baseurl``."""
    return {key.lower(): _folded(value) if isinstance(value, Mapping) else value for key, value in data.items()}


def _content(draft: Draft, data: dict[str, object], params: dict[str, object]) -> None:
    draft.put("content", "directory", value=text(data.get("contentdir")) or "content")
    _permalinks(draft, data)
    main = [section.strip("/") for section in _main_sections(data, params)]
    if main:
        listed = ", ".join(f"/{section}/" for section in main)
        draft.note(
            "Hugo's index.xml has the pages of every section, and so has the new feed; "
            f"if the theme's keeps to the main sections, write `content.include: [{listed}]`"
        )
    draft.put("content", "ignore", value=["_index.*"])
    if data.get("ignorefiles"):
        draft.note("`ignoreFiles` are regular expressions: write them as globs under `content.ignore`")
    draft.put("content", "future", value=flag(data.get("buildfuture")))
    draft.put("content", "drafts", value=flag(data.get("builddrafts")))
    draft.put("content", "summary_words", value=count(data.get("summarylength")))
    _dates(draft, mapping(data.get("frontmatter")))
    if flag(data.get("buildexpired")):
        draft.note("`buildExpired` has no counterpart: an expired post leaves the feeds")


def _main_sections(data: dict[str, object], params: dict[str, object]) -> list[str]:
    return texts(params.get("mainsections")) or texts(data.get("mainsections"))


def _dates(draft: Draft, configured: dict[str, object]) -> None:
    order = [one.lower() for one in texts(configured.get("date"))]
    if ":filename" in order:
        draft.put("content", "undated_slugs", value=True)
        if order[0] == ":filename":
            draft.note("Hugo took the date in a file's name before that of the front matter; here the front matter's is the date")
        else:
            draft.note(
                "a post with a `date` and a date in its file's name has the latter in its link in Hugo: write `slug` into it"
            )
    elif order or set(configured) - {"date"}:
        draft.note(
            "`frontmatter` (which keys dates come from) was not taken over: publishDate, date and lastmod are read as usual"
        )


def _permalinks(draft: Draft, data: dict[str, object]) -> None:
    """Set the pattern of pages in sections that have none, and those of the sections that have one."""
    ending = ".html" if flag(data.get("uglyurls")) else "/"
    draft.put("content", "permalink", value=f"/:path{ending}")
    configured = data.get("permalinks")
    if isinstance(configured, list):
        draft.note("`permalinks` with targets were not taken over: write them by path under `content.defaults`, as `url`")
    patterns = mapping(configured)
    found = {**{key: one for key, one in patterns.items() if isinstance(one, str)}, **mapping(patterns.get("page"))}
    defaults = []
    for section, pattern in found.items():
        folder = section.strip(" /")
        if not isinstance(pattern, str) or not folder:
            draft.note(f"the permalink of `{section}` was not taken over: write `url` into those posts")
            continue
        fault = vocabulary.permalink(pattern)
        if fault is not None:
            draft.note(f"the permalink of `{section}` was not taken over: {fault.message}; {fault.hint}")
            continue
        defaults.append({"path": f"/{folder}/", "values": {"url": pattern.rstrip("/") + ending}})
    draft.put("content", "defaults", value=defaults)


def _feeds(draft: Draft, data: dict[str, object], base: str, sections: list[str]) -> None:
    outputs, disabled = mapping(data.get("outputs")), {one.lower() for one in texts(data.get("disablekinds"))}
    taxonomies = mapping(data.get("taxonomies")) if "taxonomies" in data else {"category": "categories", "tag": "tags"}
    name = text(mapping(mapping(data.get("outputformats")).get("rss")).get("basename")) or "index"
    limit = count(mapping(mapping(data.get("services")).get("rss")).get("limit")) or count(data.get("rsslimit"))
    draft.put("feeds", "window", value=limit)
    if limit is None:
        draft.note("Hugo's feed had every post: `feeds.window` is 50; older entries stay known to readers")

    def written(kind: str) -> bool:
        listed = outputs.get(kind)
        return not {"rss", kind} & disabled and (listed is None or "rss" in {one.lower() for one in texts(listed)})

    if written("home"):
        draft.put("feeds", "all", "paths", value={"rss": f"{base}/{name}.xml"})
    else:
        draft.note("the site had no feed of its own: the new one is under `feeds.url`")
    paths: dict[str, object] = {}
    for kind, plural in taxonomies.items():
        if kind in {"category", "tag"} and isinstance(plural, str) and written("term") and "taxonomy" not in disabled:
            paths[kind] = {"rss": f"{base}/{plural}/{{slug}}/{name}.xml"}
        elif kind not in {"category", "tag"}:
            draft.note(f"the taxonomy `{plural}` has no counterpart: a feed of it can be declared under `feeds.define`")
    if "category" not in paths:
        draft.put("feeds", "category_feeds", value=False)
    if "tag" in paths:
        draft.put("feeds", "tags", value=True)
    draft.put("feeds", "paths", value=paths)
    if written("section"):
        declared = [_section_feed(section.strip("/"), base, name) for section in sections if section.strip("/")]
        draft.put("feeds", "define", value=declared)
        which = "of the others" if declared else "that have subscribers"
        draft.note(f"Hugo also wrote a feed for every section, `/NAME/{name}.xml`: declare those {which} under `feeds.define`")


def _section_feed(section: str, base: str, name: str) -> dict[str, object]:
    return {
        "key": f"sections/{section}",
        "title": section.rpartition("/")[2].capitalize(),
        "include": [{"path": f"/{section}/"}],
        "paths": {"rss": f"{base}/{section}/{name}.xml"},
    }
