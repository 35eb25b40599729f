"""Values against the schema: either a ``Config``, or every mistake in plain words.

pydantic reports a value that fits no branch of a union once for every branch. Here each such value is judged again by the one
branch that has its form, or named once when none has.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from feedservice.config import shapes
from feedservice.config.constraints import quoted
from feedservice.config.document import Path
from feedservice.config.schema import Config
from feedservice.config.shapes import Shape

_TYPE_ENDINGS = ("_type", "_parsing", "_from_float", "_parsing_size", "finite_number")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Something that is wrong at one path of the values."""

    path: Path
    rule: str
    message: str
    hint: str = ""
    on_key: bool = False
    """The key is the mistake, not its value."""


def shown(path: Path) -> str:
    """Return a path as people write it: ``feeds.define[0].key``."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        elif part and not set(part) & set('.[]" '):
            out += f".{part}"
        else:
            out += f'["{part}"]'
    return out.removeprefix(".")


def check(values: object) -> tuple[Config | None, list[Mistake]]:
    """Validate values against the whole schema."""
    try:
        return Config.model_validate(values), []
    except ValidationError as error:
        return None, list(_from_errors(error, Config, values, ()))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Salvaged:
    """What can be used of values that are not all usable."""

    config: Config
    mistakes: Sequence[Mistake]
    """Those of the values as they were."""
    values: dict[str, object]
    """What remains."""
    removed: Sequence[Path]
    """What was taken out, in order, each path as of then."""

    def original(self, path: Path) -> Path:
        """Return where something that remains was before items of lists above it were taken out."""
        for gone in reversed(self.removed):
            *above, last = gone
            here = len(above)
            index = path[here] if path[:here] == tuple(above) and len(path) > here else None
            if isinstance(last, int) and isinstance(index, int) and index >= last:
                path = (*path[:here], index + 1, *path[here + 1 :])
        return path


def salvage(values: object) -> Salvaged:
    """Validate as much as can be: take out what is wrong, and put ``http://localhost`` where a required value is missing.

    With what is left, rules over several values can be checked although some values are wrong.
    """
    config, mistakes = check(values)
    rest = copy.deepcopy(values) if isinstance(values, dict) else {}
    found, removed = mistakes, list[Path]()
    while config is None:
        before = copy.deepcopy(rest)
        for mistake in reversed(found):  # so that later items of a list go before earlier ones
            removed += take_out(rest, mistake.path)
        site = rest.get("site")
        site = site if isinstance(site, dict) else {}
        rest["site"] = {**site, "title": site.get("title") or "?", "url": site.get("url") or "http://localhost"}
        assert rest != before, "a mistake that cannot be taken out"
        config, found = check(rest)
    return Salvaged(config=config, mistakes=mistakes, values=rest, removed=removed)


def take_out(values: Any, path: Path) -> list[Path]:
    """Delete what is at a path; where the path leads nowhere, what is nearest above. Returns the path of what was deleted."""
    trail: list[tuple[Any, str | int]] = []
    for part in path:
        if not _has(values, part):
            break
        trail.append((values, part))
        values = values[part]
    if not trail:
        return []
    # When the end of the path is not there, a required key is missing: what should have had it goes.
    container, key = trail[-1]
    del container[key]
    return [path[: len(trail)]]


def _has(values: Any, part: str | int) -> bool:
    if isinstance(values, dict):
        return part in values
    return isinstance(values, list) and isinstance(part, int) and part < len(values)


def _judge(shape: Shape, value: object, at: Path) -> Iterator[Mistake]:
    try:
        TypeAdapter(shape).validate_python(value)
    except ValidationError as error:
        yield from _from_errors(error, shape, value, at)


def _from_errors(error: ValidationError, shape: Shape, value: object, at: Path) -> Iterator[Mistake]:
    judged: set[Path] = set()
    for details in error.errors(include_url=False):
        found = _locate(shape, value, details["loc"], at)
        if found.path in judged:
            continue
        if found.union:
            judged.add(found.path)
            yield from _judge_union(found)
        else:
            yield _mistake(details, found)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    path: Path
    shape: Shape
    parent: Shape
    value: object
    union: bool = False
    key: bool = False


def _locate(shape: Shape, value: Any, loc: Sequence[str | int], at: Path) -> _Found:
    """Follow pydantic's location, which also names union branches, through the values as they were written."""
    parent: Shape = None
    for part in loc:
        if part == "[key]" and shapes.entries(parent) is not None:
            return _Found(path=at, shape=shape, parent=parent, value=value, key=True)
        if shapes.branches(shape):
            return _Found(path=at, shape=shape, parent=parent, value=value, union=True)
        if isinstance(value, dict) and isinstance(part, str):
            at, value = (*at, part), value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            at, value = (*at, part), value[part]
        # Else a validator has wrapped the value (`author: Name`, one rule for a list of rules): the place stays.
        parent, shape = shape, shapes.below(shape, part)
    return _Found(path=at, shape=shape, parent=parent, value=value)


def _judge_union(found: _Found) -> Iterator[Mistake]:
    fitting = [branch for branch in shapes.branches(found.shape) if shapes.fits(branch, found.value)]
    inner = [mistake for branch in fitting[:1] for mistake in _judge(branch, found.value, found.path)]
    if inner:
        yield from inner
    else:
        yield _wrong_type(found.path, found.shape, found.value)


def _mistake(details: ErrorDetails, found: _Found) -> Mistake:
    kind, path = details["type"], found.path
    if kind == "extra_forbidden" or found.key:
        return _unknown_key(path, found.parent)
    if kind == "missing":
        return _missing(path, found.shape)
    if kind.endswith(_TYPE_ENDINGS):
        return _wrong_type(path, found.shape, found.value)
    return _wrong_value(details, found)


def _wrong_value(details: ErrorDetails, found: _Found) -> Mistake:
    kind, context, path = details["type"], details.get("ctx", {}), found.path
    name, hint = f"`{shown(path)}`", ""
    if kind == "config":
        rule, message, hint = context["rule"], f"{name}: {context['text']}", context["hint"]
    elif kind == "literal_error":
        near = nearest(str(found.value), [str(one) for one in shapes.choices(found.shape)])
        rule, message = "config.choice", f"{name}: expected {shapes.words(found.shape)}, read {read(found.value)}"
        hint = f"did you mean `{near}`?" if near else ""
    elif kind in {"string_too_short", "too_short"}:
        rule, message, hint = "config.empty", f"{name} is empty", "write a value, or take the key out"
    elif kind == "greater_than_equal":
        rule, message = "config.range", f"{name} is {found.value}, and must be at least {context['ge']}"
    else:
        rule, message = "config.value", f"{name}: {details['msg']}, read {read(found.value)}"
    return Mistake(path=path, rule=rule, message=message, hint=hint)


def _wrong_type(path: Path, shape: Shape, value: object) -> Mistake:
    hint = ""
    if isinstance(value, bool | int | float) and shapes.accepts_text(shape):
        hint = f'put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    elif isinstance(value, str) and shapes.items(shape) is not None:
        hint = f"write it as a list: [{value}]"
    elif value is None:
        hint = "write a value, or take the key out"
    message = f"`{shown(path) or 'the file'}`: expected {shapes.words(shape)}, read {read(value)}"
    return Mistake(path=path, rule="config.type", message=message, hint=hint)


def read(value: object) -> str:
    """Return a value in words, for "read …"."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {quoted(value)}" if value else "an empty text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _missing(path: Path, shape: Shape) -> Mistake:
    section = shapes.model(shape)
    if section is not None:
        required = [key for key, field in section.model_fields.items() if field.is_required()]
        hint = f"write `{path[-1]}:` with " + " and ".join(f"`{key}`" for key in required)
    else:
        hint = f"write {shapes.words(shape)}"
    return Mistake(path=path, rule="config.missing", message=f"`{shown(path)}` is missing", hint=hint)


def _unknown_key(path: Path, parent: Shape) -> Mistake:
    key = str(path[-1])
    place = f"in `{shown(path[:-1])}`" if len(path) > 1 else "at the top level"
    return Mistake(
        path=path,
        rule="config.unknown-key",
        message=f"unknown key {quoted(key)} {place}",
        hint=hint_for(key, parent),
        on_key=True,
    )


def hint_for(key: str, parent: Shape) -> str:
    """Return the nearest valid key: here, else the same one elsewhere, else all there are."""
    known = shapes.keys(parent)
    if key == "<<":
        return "write the keys out: YAML 1.2 has no merge key"
    near = nearest(key, known)
    if near:
        return f"did you mean `{near}`?"
    elsewhere = [place for place in _everywhere(Config, ()) if place[-1] == key]
    if elsewhere:
        return f"did you mean `{shown(min(elsewhere, key=len))}`?"
    return "valid keys are " + ", ".join(f"`{one}`" for one in known)


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the word that was probably meant, or None when none is near."""
    folded = {one.replace("-", "").replace("_", "").casefold(): one for one in known}
    typed = word.replace("-", "").replace("_", "").casefold()
    close = difflib.get_close_matches(typed, folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def _everywhere(section: Any, above: Path) -> Iterator[Path]:
    for key, field in section.model_fields.items():
        yield (*above, key)
        inner = shapes.model(shapes.field_shape(field))
        if inner is not None:
            yield from _everywhere(inner, (*above, key))
