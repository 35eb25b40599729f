"""What the schema says of itself: JSON Schema for editors, Markdown for readers, a commented file to begin with."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from feedservice.config import document, shapes
from feedservice.config.document import Path
from feedservice.config.schema import Config, Presentation
from feedservice.config.sections import Words

_USEFUL: Mapping[Path, object] = {
    ("site", "description"): "What the site is about, in one sentence.",
    ("site", "language"): "en",
    ("site", "timezone"): "UTC",
    ("site", "author"): {"name": "The editors", "email": "editors@example.org", "url": "https://example.org/about"},
    ("site", "image"): "/images/logo.png",
    ("site", "copyright"): "© The editors",
    ("content", "directory"): "content",
    ("content", "dialect"): "auto",
    ("content", "permalink"): "/:year/:month/:day/:title/",
    ("content", "naive_dates"): "site",
    ("content", "ignore"): ["README.md", "private/"],
    ("content", "exclude"): [{"robots": "noindex"}],
    ("feeds", "url"): "https://example.org/feeds",
    ("feeds", "formats"): ["atom", "rss", "json"],
    ("feeds", "window"): 50,
    ("feeds", "content"): "full",
    ("feeds", "paths"): "{key}.{format}",
    ("feeds", "aliases"): {"/feed.xml": "all.atom"},
    ("feeds", "categories"): {"News": {"title": "All the news", "slug": "news", "window": 20}},
    ("feeds", "tags"): False,
    ("feeds", "languages"): False,
    ("feeds", "define"): [{"key": "no-ads", "exclude": [{"category": "Advertising"}]}],
    ("output",): "public",
    ("announce", "websub", "hubs"): ["https://hub.example.org/"],
}
"""Keys that a new file shows although they are not set, each with a value that can be taken over or changed."""

_HEAD = """\
# Configuration of feedservice. docs/configuration.md explains every key; `feedservice check` checks this file.
# A key behind a # without a blank is not set: take out the # to set it.
# For completion in an editor: feedservice config schema > config.schema.json, and one # less in the next line.
## yaml-language-server: $schema=config.schema.json
"""

_MARKDOWN_HEAD = """\
# Configuration

`config.yaml` is the one file that says what a site is and which feeds it has. The smallest useful one is

```yaml
site:
  title: My site
  url: https://example.org
```

Everything else has a default that suits a blog. `feedservice init` writes a commented file, with `--from` taking over what
`_config.yml` (Jekyll), `hugo.toml` (Hugo), `config.toml` (Zola) or `pelicanconf.py` (Pelican) says.
`feedservice config show` prints the values in force.

The file is YAML 1.2: `NO`, `on` and `12:30` are text, `true` and `false` are not. An unknown key, a key that stands twice and a
value that cannot be used are mistakes; all of them are reported at once, each with its line and, where there is one, the nearest
valid key.

**In an editor.** `feedservice config schema > config.schema.json` writes the JSON Schema. Editors with YAML support use it for
completion and checking when the first line of the file is `# yaml-language-server: $schema=config.schema.json`.

**From the environment.** Every value can come from a variable: `FEEDSERVICE_FEEDS__WINDOW=20` is `feeds.window: 20`. Two
underscores go one level down; case does not matter; a number is the index of an item of a list. Text is taken as it is, lists are
JSON or separated by commas, mappings are JSON. A variable that names no setting is a mistake. `FEEDSERVICE_CONFIG` is the path of
the file itself.

Relative paths start from the directory of the file.
"""


def schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of ``config.yaml``."""
    made = Config.model_json_schema()
    _unwrap(made)
    definitions: list[tuple[type[BaseModel], dict[str, Any]]] = [(Config, made)]
    definitions += [(section, made["$defs"][section.__name__]) for section, _ in _places(Config, "")]
    for section, definition in definitions:
        for key, field in section.model_fields.items():
            inner = shapes.model(shapes.field_shape(field))
            found = definition["properties"][key]
            # A section whose every key is commented out reads as null.
            if inner is not None and "$ref" in found and not any(one.is_required() for one in inner.model_fields.values()):
                found["anyOf"] = [{"$ref": found.pop("$ref")}, {"type": "null"}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "Configuration of feedservice"}


def schema_text() -> str:
    """Return the JSON Schema as the text of ``docs/config.schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _unwrap(node: object) -> None:
    """Join the lines of descriptions: they are broken for the source's sake."""
    if isinstance(node, dict):
        if isinstance(node.get("description"), str):
            node["description"] = " ".join(node["description"].split())
        for value in node.values():
            _unwrap(value)
    elif isinstance(node, list):
        for value in node:
            _unwrap(value)


def show(config: Config) -> str:
    """Return the values in force as YAML, in the order of the schema; reading it gives the same ``Config``."""
    return document.dump(config.model_dump(mode="json"))


def commented(values: Mapping[str, object]) -> str:
    """Return the text of a ``config.yaml`` with these values, and the most useful other keys commented out.

    Every key stands below its description. Reading the text gives what the values give.
    """
    return _HEAD + "".join(_commented(Config, values, ()))


def _commented(section: type[BaseModel], values: Mapping[str, object], above: Path) -> Iterator[str]:
    indent = "  " * len(above)
    for key, field in section.model_fields.items():
        path = (*above, key)
        inner = shapes.model(shapes.field_shape(field))
        value = values.get(key)
        if inner is not None and any(useful[: len(path)] == path and useful != path for useful in _USEFUL):
            yield f"\n{indent}{key}:\n" if not above else f"{indent}{key}:\n"
            yield from _commented(inner, value if isinstance(value, Mapping) else {}, path)
        elif key in values:
            yield _described(field, indent, "" if above else "\n") + textwrap.indent(document.dump({key: value}), indent)
        elif path in _USEFUL:
            yield _described(field, indent, "" if above else "\n") + textwrap.indent(
                document.dump({key: _USEFUL[path]}), "#" + indent
            )
    for key in values:
        if key not in section.model_fields:
            yield textwrap.indent(document.dump({key: values[key]}), indent)


def _described(field: FieldInfo, indent: str, before: str) -> str:
    text = " ".join((field.description or "").split())
    return before + "".join(
        f"{line}\n" for line in textwrap.wrap(text, 118, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
    )


def markdown() -> str:
    """Return the text of ``docs/configuration.md``."""
    titles: dict[type[BaseModel], str] = {Config: "", **dict(_places(Config, ""))}
    return "\n".join([_MARKDOWN_HEAD, *(_markdown_section(section, title, titles) for section, title in titles.items())])


def _places(
    section: type[BaseModel], above: str, known: frozenset[type[BaseModel]] = frozenset()
) -> list[tuple[type[BaseModel], str]]:
    """Return every section below one, each with the first place it is used at."""
    found: list[tuple[type[BaseModel], str]] = []
    for key, field in section.model_fields.items():
        inner, place = _inside(shapes.field_shape(field), f"{above}.{key}".removeprefix("."))
        if inner is not None and inner not in known:
            found.append((inner, place))
            known |= {inner}
            for one in _places(inner, place, known):
                found.append(one)
                known |= {one[0]}
    return found


def _inside(shape: shapes.Shape, place: str) -> tuple[type[BaseModel] | None, str]:
    item, free = shapes.items(shape), shapes.entries(shape)
    if item is not None:
        return shapes.model(item), place + "[]"
    if free is not None:
        return shapes.model(free[1]), place + ".NAME"
    return shapes.model(shape), place


def _markdown_section(section: type[BaseModel], title: str, titles: Mapping[type[BaseModel], str]) -> str:
    heading = f"`{title}`" if title else "Top level"
    lines = [f"## {heading}", "", " ".join((section.__doc__ or "").split()), ""]
    fields = section.model_fields
    if issubclass(section, Presentation) and section is not Presentation:
        lines += [f"Every key of [`{titles[Presentation]}`](#{_anchor(titles[Presentation])}), and:", ""]
        fields = {key: field for key, field in fields.items() if key not in Presentation.model_fields}
    lines += ["| key | is | default | meaning |", "|---|---|---|---|"]
    for key, field in fields.items():
        inner, _ = _inside(shapes.field_shape(field), "")
        kind = _cell(shapes.words(shapes.field_shape(field)))
        if inner is not None:
            kind = f"[{kind}](#{_anchor(titles[inner])})"
        lines.append(f"| `{key}` | {kind} | {_default(field)} | {_cell(field.description or '')} |")
    return "\n".join([*lines, ""])


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", title.lower())


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel) or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int) and any(isinstance(one, Words) for one in field.metadata):
        return f"`{value // 1024**2}M`" if value % 1024**2 == 0 else f"`{value // 1024}K`"
    return f"`{', '.join(value)}`" if isinstance(value, list) else f"`{_cell(str(value))}`"
