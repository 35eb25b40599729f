"""``hugo.toml``, ``hugo.yaml``, ``hugo.json`` and the older ``config.*`` of Hugo."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Literal

from feedservice.config.importers.draft import Draft, Imported, count, flag, mapping, read_yaml, refuse, text, texts

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_TOKENS_WITH_RANGE = re.compile(r":\w+\[")


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
    _feeds(draft, data, base)
    if data.get("languages"):
        draft.note(
            "the site has several languages: each is a feed with `feeds.languages: true`; titles per language were not taken over"
        )
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
    sections = texts(params.get("mainsections")) or texts(data.get("mainsections"))
    draft.put("content", "directory", value=text(data.get("contentdir")) or "content")
    draft.put("content", "permalink", value=_permalink(draft, data, sections))
    draft.put("content", "include", value=[f"/{section.strip('/')}/" for section in sections])
    draft.put("content", "ignore", value=["_index.*"])
    if data.get("ignorefiles"):
        draft.note("`ignoreFiles` are regular expressions: write them as globs under `content.ignore`")
    draft.put("content", "future", value=flag(data.get("buildfuture")))
    draft.put("content", "drafts", value=flag(data.get("builddrafts")))
    draft.put("content", "summary_words", value=count(data.get("summarylength")))
    if data.get("frontmatter"):
        draft.note(
            "`frontmatter` (which keys dates come from) was not taken over: publishDate, date and lastmod are read as usual"
        )
    if flag(data.get("buildexpired")):
        draft.note("`buildExpired` has no counterpart: an expired post leaves the feeds")


def _permalink(draft: Draft, data: dict[str, object], sections: list[str]) -> str:
    configured = mapping(data.get("permalinks"))
    patterns = {**{key: one for key, one in configured.items() if isinstance(one, str)}, **mapping(configured.get("page"))}
    found = {section: pattern for section, pattern in patterns.items() if isinstance(pattern, str)}
    order = [*(section for section in sections if section in found), *("posts", "post", "blog"), *found]
    chosen = next((section for section in order if section in found), None)
    if chosen is None:
        ugly = flag(data.get("uglyurls"))
        return "/:sections/:slugorcontentbasename" + (".html" if ugly else "/")
    others = [section for section in found if section != chosen and found[section] != found[chosen]]
    if others:
        draft.note(
            f"`content.permalink` is the one of {chosen}; those of {', '.join(others)} differ: write `url` into those posts"
        )
    if _TOKENS_WITH_RANGE.search(found[chosen]):
        draft.note(f"the permalink {found[chosen]} takes a part of a token: write it with whole tokens")
    return found[chosen]


def _feeds(draft: Draft, data: dict[str, object], base: str) -> None:
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
