from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedservice import config
from feedservice.config import reference

DOCS = Path(__file__).parents[2] / "docs"
MINIMAL: dict[str, object] = {"site": {"title": "A", "url": "https://example.org"}}


def parse(text: str) -> config.Config:
    return config.parse(text, name="c", environ={})


def test_the_documentation_is_current() -> None:
    how = "python -c 'from feedservice.config.reference import markdown; print(markdown(), end=\"\")' > docs/configuration.md"
    assert (DOCS / "configuration.md").read_text("utf-8") == reference.markdown(), how


def test_the_schema_file_is_current() -> None:
    how = "feedservice config schema > docs/config.schema.json"
    assert (DOCS / "config.schema.json").read_text("utf-8") == reference.schema_text(), how


def test_every_key_is_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", reference.markdown(), re.MULTILINE)
    assert len(rows) > 70
    assert [key for key, kind, _, meaning in rows if not kind or not meaning] == []


def test_links_of_the_documentation_lead_somewhere() -> None:
    text = reference.markdown()
    anchors = {re.sub(r"[^a-z0-9_-]", "", heading.lower()) for heading in re.findall(r"^## (.*)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= anchors


def test_the_schema_is_strict_and_explains_every_key() -> None:
    made = json.loads(reference.schema_text())
    assert made["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    objects = [made, *made["$defs"].values()]
    assert all(one["additionalProperties"] is False for one in objects)
    assert [
        (one["title"], key) for one in objects for key, value in one["properties"].items() if not value.get("description")
    ] == []
    assert made["properties"]["feeds"]["anyOf"] == [{"$ref": "#/$defs/Feeds"}, {"type": "null"}]
    author = made["$defs"]["Site"]["properties"]["author"]
    assert {"type": "string"} in author["anyOf"]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_references_of_the_schema_lead_somewhere() -> None:
    made = reference.schema()
    definitions = made["$defs"]
    assert isinstance(definitions, dict)
    assert set(_references(made)) <= {f"#/$defs/{name}" for name in definitions}


def test_shown_values_are_all_there_and_read_back() -> None:
    read = parse(
        "site: {title: 'NO', url: 'https://a.org', language: ja}\nfeeds: {categories: {投資: {window: 5}}, tags: ['1e3']}\n"
    )
    shown = config.show(read)
    assert parse(shown) == read
    assert shown.startswith("site:\n  title: 'NO'\n  url: https://a.org\n")
    assert "  max_bytes: 2097152\n" in shown


def test_a_commented_file_says_what_the_values_say() -> None:
    values = {**MINIMAL, "feeds": {"tags": ["a"], "all": {"paths": {"atom": "/feed.xml"}}}, "output": "out"}
    text = config.commented(values)
    assert parse(text) == config.Config.model_validate(values)
    assert "  # Title of the site, and of its main feed.\n  title: A\n" in text
    assert "\n#  window: 50\n" in text


def _commented_out(text: str) -> list[list[int]]:
    """Return the line numbers of each key that is commented out, with the lines that belong to it."""
    lines = text.splitlines()
    off = [number for number, line in enumerate(lines) if re.match(r"#(?![ #])|# {2,}", line)]
    blocks: list[list[int]] = []
    for number in off:
        depth = len(lines[number]) - len(lines[number][1:].lstrip()) - 1
        if (
            blocks
            and blocks[-1][-1] == number - 1
            and depth > len(lines[blocks[-1][0]]) - len(lines[blocks[-1][0]][1:].lstrip()) - 1
        ):
            blocks[-1].append(number)
        else:
            blocks.append([number])
    return blocks


BLOCKS = _commented_out(config.commented(MINIMAL))


def test_keys_are_commented_out() -> None:
    assert len(BLOCKS) > 15


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block[0]))
def test_each_commented_key_can_be_taken_in(block: list[int]) -> None:
    lines = config.commented(MINIMAL).splitlines()
    for number in block:
        lines[number] = lines[number][1:]
    changed = parse("\n".join(lines))
    assert changed.site.title == "A"


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)


@given(
    title=texts,
    description=texts,
    categories=st.lists(texts, unique=True, max_size=3),
    tags=st.lists(texts, max_size=3) | st.booleans(),
)
def test_any_values_survive_being_written(title: str, description: str, categories: list[str], tags: list[str] | bool) -> None:
    values = {
        "site": {"title": title, "url": "https://example.org", "description": description},
        "feeds": {"categories": dict.fromkeys(categories), "tags": tags},
    }
    expected = config.Config.model_validate(values)
    assert parse(config.commented(values)) == expected
    assert parse(config.show(expected)) == expected
