"""``pelicanconf.py`` of Pelican, read as text: nothing of it is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from feedservice.config.importers.draft import Draft, Imported, count, flag, refuse, text, texts

_LARGEST = 100_000
_DATE = re.compile(r"\{date:([^}]*)\}")
_DIRECTIVE = re.compile(r"%(-?[A-Za-z%])")
_DIRECTIVES: Mapping[str, str] = {
    "%": "%",
    "Y": ":year",
    "y": ":short_year",
    "G": ":w_year",
    "m": ":month",
    "-m": ":i_month",
    "b": ":short_month",
    "B": ":long_month",
    "d": ":day",
    "-d": ":i_day",
    "j": ":y_day",
    "V": ":week",
    "a": ":short_day",
    "A": ":long_day",
    "H": ":hour",
    "M": ":minute",
    "S": ":second",
}
"""Directives of ``strftime`` → permalink tokens."""
_DEFAULTS: Mapping[str, object] = {
    "ARTICLE_URL": "{slug}.html",
    "FEED_ALL_ATOM": "feeds/all.atom.xml",
    "CATEGORY_FEED_ATOM": "feeds/{slug}.atom.xml",
    "AUTHOR_FEED_ATOM": "feeds/{slug}.atom.xml",
    "AUTHOR_FEED_RSS": "feeds/{slug}.rss.xml",
    "PAGE_PATHS": ["pages"],
    "PATH": ".",
    "USE_FOLDER_AS_CATEGORY": True,
    "WITH_FUTURE_DATES": True,
    "DEFAULT_LANG": "en",
}
"""Pelican's own defaults, where they decide about URLs or about what is published."""
_INTERESTING = frozenset(
    [
        *(
            "ARTICLE_EXCLUDES",
            "ARTICLE_PATHS",
            "ARTICLE_URL",
            "AUTHOR",
            "AUTHOR_FEED_ATOM",
            "AUTHOR_FEED_RSS",
            "CATEGORY_FEED_ATOM",
        ),
        *(
            "CATEGORY_FEED_RSS",
            "CATEGORY_URL",
            "DEFAULT_CATEGORY",
            "DEFAULT_LANG",
            "DEFAULT_METADATA",
            "FEED_ALL_ATOM",
            "FEED_ALL_RSS",
        ),
        *(
            "FEED_ATOM",
            "FEED_MAX_ITEMS",
            "FEED_RSS",
            "PAGE_PATHS",
            "PATH",
            "SITENAME",
            "SITESUBTITLE",
            "SITEURL",
            "SLUGIFY_SOURCE",
        ),
        *("SUMMARY_MAX_LENGTH", "TAG_FEED_ATOM", "TAG_FEED_RSS", "TIMEZONE", "USE_FOLDER_AS_CATEGORY", "WITH_FUTURE_DATES"),
    ]
)


class _UnreadableError(Exception):
    """An expression that only running it would tell."""


def import_pelican(source: str) -> Imported:
    """Read a Pelican settings file; raises ``ConfigError`` when it is no Python. The written configuration belongs beside it."""
    draft = Draft("pelican")
    settings = {**_DEFAULTS, **_settings(source, draft)}
    title = text(settings.get("SITENAME"))
    base = draft.site(title=title, url=text(settings.get("SITEURL")), description=text(settings.get("SITESUBTITLE")))
    draft.language(text(settings["DEFAULT_LANG"]), title)
    draft.timezone(text(settings.get("TIMEZONE")), "Pelican's default")
    draft.author(settings.get("AUTHOR"))
    _content(draft, settings)
    draft.put("feeds", "ids", value="pelican")
    draft.put("feeds", "window", value=count(settings.get("FEED_MAX_ITEMS")))
    _feeds(draft, settings, base)
    home = text(settings.get("CATEGORY_URL"))
    draft.put("feeds", "category_home", value=f"{base}/{home.lstrip('/')}" if home else None)
    return draft.finish()


def _settings(source: str, draft: Draft) -> dict[str, object]:
    """Return the names assigned at the top level whose values can be told without running the file."""
    name = "pelicanconf.py"
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise refuse(name, f"this is no Python: {error.msg}", "check the file", error.lineno, error.offset) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise refuse(name, f"this is no Python: {error}", "check the file") from None
    found: dict[str, object] = {}
    for statement in tree.body:
        targets = _targets(statement)
        for target in targets:
            assert isinstance(statement, ast.Assign | ast.AnnAssign)
            try:
                found[target] = _value(statement.value, found)
            except (_UnreadableError, RecursionError):
                found.pop(target, None)
                if target in _INTERESTING:
                    draft.note(f"line {statement.lineno}: `{target}` is computed and was not read; write its value by hand")
        if not targets:
            _note_hidden(statement, draft)
    return found


def _targets(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    if isinstance(statement, ast.AnnAssign) and statement.value is not None and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def _note_hidden(statement: ast.stmt, draft: Draft) -> None:
    if isinstance(statement, ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
        draft.note(
            f"line {statement.lineno}: settings imported from `{statement.module}` were not read; import that file too, by hand"
        )
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in _INTERESTING:
            draft.note(
                f"line {node.lineno}: `{node.id}` is set under a condition or in steps and was not read; write its value by hand"
            )


def _value(node: ast.expr | None, known: Mapping[str, object]) -> object:
    value: object
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bool | int | float | None):
        value = node.value
    elif isinstance(node, ast.Name) and node.id in known:
        value = known[node.id]
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        value = [_value(item, known) for item in node.elts]
    elif isinstance(node, ast.Dict):
        value = {str(_value(key, known)): _value(item, known) for key, item in zip(node.keys, node.values, strict=True)}
    elif isinstance(node, ast.JoinedStr):
        value = "".join(_piece(part, known) for part in node.values)
    elif isinstance(node, ast.BinOp):
        value = _joined(node.op, _value(node.left, known), _value(node.right, known))
    else:
        raise _UnreadableError
    if isinstance(value, str | list) and len(value) > _LARGEST:
        raise _UnreadableError
    return value


def _piece(part: ast.expr, known: Mapping[str, object]) -> str:
    plain = isinstance(part, ast.FormattedValue) and part.conversion == -1 and part.format_spec is None
    value = _value(part.value if isinstance(part, ast.FormattedValue) and plain else part, known)
    if not isinstance(value, str | int):
        raise _UnreadableError
    return str(value)


def _joined(operator: ast.operator, left: object, right: object) -> object:
    if isinstance(operator, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(operator, ast.Add) and isinstance(left, list) and isinstance(right, list):
        return left + right
    if (
        isinstance(operator, ast.Mod)
        and isinstance(left, str)
        and isinstance(right, str)
        and left.count("%") == left.count("%s") == 1
    ):
        return left.replace("%s", right)
    raise _UnreadableError


def _content(draft: Draft, settings: Mapping[str, object]) -> None:
    draft.put("content", "directory", value=text(settings["PATH"]))
    draft.put("content", "permalink", value=_permalink(draft, text(settings["ARTICLE_URL"]) or "{slug}.html", settings))
    draft.put(
        "content", "include", value=[f"/{path.strip('/')}/" for path in texts(settings.get("ARTICLE_PATHS")) if path.strip("/.")]
    )
    excluded = [*texts(settings.get("PAGE_PATHS")), *texts(settings.get("ARTICLE_EXCLUDES"))]
    draft.put("content", "ignore", value=list(dict.fromkeys(f"/{path.strip('/')}/" for path in excluded if path.strip("/."))))
    draft.put("content", "summary_words", value=count(settings.get("SUMMARY_MAX_LENGTH")))
    if not settings["USE_FOLDER_AS_CATEGORY"]:
        draft.put("content", "category_directories", value=False)
    if flag(settings["WITH_FUTURE_DATES"]):
        draft.put("content", "future", value=True)
        draft.note(
            "Pelican publishes posts with a future date at once, and so does `content.future: true`: take it out to hold them"
        )
    metadata = settings.get("DEFAULT_METADATA")
    values = {str(key).lower(): value for key, value in metadata.items()} if isinstance(metadata, dict) else {}
    category = text(settings.get("DEFAULT_CATEGORY"))
    if category:
        values.setdefault("category", category)
    draft.put("content", "defaults", value=[{"values": values}] if values else None)


def _permalink(draft: Draft, url: str, settings: Mapping[str, object]) -> str | None:
    from_file = text(settings.get("SLUGIFY_SOURCE")) == "basename"
    slug = ":slugorfilename" if from_file else ":slug"
    unknown: list[str] = []

    def directive(match: re.Match[str]) -> str:
        if match[1] not in _DIRECTIVES:
            unknown.append(match[0])
        return _DIRECTIVES.get(match[1], "")

    filled = _DATE.sub(lambda match: _DIRECTIVE.sub(directive, match[1]), url)
    filled = filled.replace("{slug}", slug).replace("{category}", ":slugified_categories")
    unknown += re.findall(r"\{[^}]*\}", filled)
    if unknown:
        draft.note(f"ARTICLE_URL has {', '.join(unknown)}, which has no counterpart: write `content.permalink` by hand")
        return None
    if not from_file:
        draft.note(
            "Pelican makes slugs from titles in ASCII letters: give posts with other titles a `Slug:` so that their links stay"
        )
    return "/" + filled.lstrip("/")


def _feeds(draft: Draft, settings: Mapping[str, object], base: str) -> None:
    def path(name: str) -> str | None:
        value = text(settings.get(name))
        return f"{base}/{value.lstrip('/').replace('%s', '{slug}')}" if value else None

    paths: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for form in ("atom", "rss"):
        candidates = [one for one in (path(f"FEED_ALL_{form.upper()}"), path(f"FEED_{form.upper()}")) if one]
        if candidates:
            paths[form] = candidates[0]
        aliases.update(dict.fromkeys(candidates[1:], form))
    draft.put("feeds", "all", "paths", value=paths)
    draft.put("feeds", "all", "aliases", value=aliases)
    kinds: dict[str, object] = {}
    for kind in ("category", "tag", "author"):
        found = {form: one for form in ("atom", "rss") if (one := path(f"{kind.upper()}_FEED_{form.upper()}"))}
        if kind == "author" and "category" in kinds and set(found.values()) & set(kinds["category"].values()):  # type: ignore[attr-defined]
            draft.note("author feeds had the same paths as category feeds and were not taken over: see `feeds.authors`")
            continue
        if found:
            kinds[kind] = found
        if found and kind != "category":
            draft.put("feeds", f"{kind}s", value=True)
    draft.put("feeds", "paths", value=kinds)
    if "category" not in kinds:
        draft.put("feeds", "category_feeds", value=False)
    if not paths:
        draft.note(
            "the file switches feeds off, as is usual while writing: take the FEED settings over from publishconf.py by hand"
        )
