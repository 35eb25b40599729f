"""``config.yaml`` as text ↔ as values, with the place of every value.

Read as YAML 1.2 (core schema, chapter 10.3): ``NO``, ``on``, ``12:30`` and ``2025-11-17`` are text, ``010`` is ten. Keys are
always text. A key that stands twice in one mapping is a mistake.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping

import yaml

Path = tuple[str | int, ...]
"""Where a value is in the document: keys and indices."""

_LARGEST = 100_000
_TAG = "tag:yaml.org,2002:"
_UNTYPED = "untyped"
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """1-based line and column of a key and of its value; an item of a list has only a value."""

    key: tuple[int, int]
    value: tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Something that is wrong with the text itself."""

    rule: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was read: ``values`` is None when the text is no YAML at all."""

    values: object
    places: Mapping[Path, Place]
    flaws: tuple[Flaw, ...]


class _Loader(yaml.SafeLoader):
    """Leaves every scalar without a tag of its own untyped; ``scalar`` decides."""

    def resolve(self, kind: type[yaml.Node], value: object, implicit: object) -> str:
        return _UNTYPED if kind is yaml.ScalarNode else str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would read as something else than text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(_TAG + "str", value, style=None if isinstance(scalar(value), str) else '"')


_Dumper.add_representer(str, _text)


def scalar(text: str) -> str | int | float | bool | None:
    """Return what a plain scalar means in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        try:
            return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
        except ValueError:  # more digits than Python converts
            return text
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITE.fullmatch(text):
        return math.nan if "n" in text[1:2].lower() else float(text.replace(".", ""))
    return text


def dump(value: object) -> str:
    """Return a value of plain mappings, lists and scalars as block YAML in the order given."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


def read(text: str) -> Document:
    """Return the values of a YAML text with their places; an empty document is an empty mapping."""
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is None:
            return Document(values={}, places={}, flaws=())
        reader = _Reader()
        values = reader.value(root, (), _at(root))
    except yaml.MarkedYAMLError as error:
        return Document(values=None, places={}, flaws=(_syntax(error),))
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line = before.count("\n") + 1
        message = (
            f"the character U+{error.character:04X} is not allowed in YAML" if isinstance(error.character, int) else str(error)
        )
        flaw = Flaw(
            rule="config.syntax", message=message, hint="take it out", line=line, column=len(before.rpartition("\n")[2]) + 1
        )
        return Document(values=None, places={}, flaws=(flaw,))
    except RecursionError:
        flaw = Flaw(
            rule="config.syntax", message="the file is nested too deeply to be read", hint="no setting needs more than ten levels"
        )
        return Document(values=None, places={}, flaws=(flaw,))
    return Document(values=values, places=reader.places, flaws=tuple(reader.flaws))


def _at(node: yaml.Node) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1)


def _syntax(error: yaml.MarkedYAMLError) -> Flaw:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "not YAML"
    hints = {
        "'\\t'": "indent with spaces, not with tabs",
        "mapping values are not allowed": "put the value in quotes when it contains `: `",
        "cannot start any token": "put the value in quotes",
        "undefined alias": "put text that begins with * in quotes",
        "expected a single document": "take out the second `---`",
        "quoted scalar": "close the quotation mark",
        "block end": "check the indentation of this line and the ones above",
    }
    shown = f"{problem} {error.context or ''}"
    hint = next(
        (advice for part, advice in hints.items() if part in shown), "check the indentation, colons and quotation marks here"
    )
    return Flaw(
        rule="config.syntax",
        message=f"this is no YAML: {problem}",
        hint=hint,
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
    )


class _Reader:
    """Turns nodes into values, keeping places and flaws on the way."""

    def __init__(self) -> None:
        self.places: dict[Path, Place] = {}
        self.flaws: list[Flaw] = []
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, path: Path, key: tuple[int, int]) -> object:
        self._count += 1
        if self._count > _LARGEST or id(node) in self._open:
            if self._count <= _LARGEST or self._count == _LARGEST + 1:
                self._flaw(node, "an alias makes the document contain itself or grow beyond measure", "write the values out")
            return None
        self.places[path] = Place(key=key, value=_at(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        plain = node.tag in {_TAG + "map", _TAG + "seq"}
        if not plain:
            self._flaw(node, f"the tag `{node.tag.replace(_TAG, '!!')}` has no meaning here", "take it out")
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            result: object = [self.value(item, (*path, index), _at(item)) for index, item in enumerate(node.value)]
        else:
            result = self._mapping(node, path)
        self._open.discard(id(node))
        return result

    def _scalar(self, node: yaml.ScalarNode) -> object:
        text = str(node.value)
        if node.tag in {_TAG + "str", _UNTYPED}:
            return scalar(text) if node.style is None and node.tag == _UNTYPED else text
        if node.tag.removeprefix(_TAG) in {"int", "float", "bool", "null"}:
            return scalar(text)
        self._flaw(node, f"the tag `{node.tag.replace(_TAG, '!!')}` has no meaning here", "take it out; put text in quotes")
        return text

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._flaw(key_node, "a key must be text", "`{{ … }}` and `[ … ]` must be put in quotes")
                continue
            key = str(key_node.value)
            if key in result:
                first = self.places[*path, key].key[0]
                self._flaw(
                    key_node, f"`{key}` is written twice: first in line {first}", "keep one of them", rule="config.duplicate-key"
                )
                continue
            result[key] = self.value(value_node, (*path, key), _at(key_node))
        return result

    def _flaw(self, node: yaml.Node, message: str, hint: str, rule: str = "config.syntax") -> None:
        line, column = _at(node)
        self.flaws.append(Flaw(rule=rule, message=message, hint=hint, line=line, column=column))
