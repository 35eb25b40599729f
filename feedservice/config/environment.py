"""``FEEDSERVICE_SERVE__PORT=9000``: values from environment variables, laid over those of the file.

Two underscores go one level down, case does not matter, a number is the index of a list item. What a variable's text means
follows from the type of the setting: text is taken as it is; lists are JSON or separated by commas; mappings are JSON; everything
else is a YAML scalar.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from feedservice.config import shapes
from feedservice.config.document import Path, scalar
from feedservice.config.mistakes import hint_for, nearest, shown
from feedservice.config.schema import Config
from feedservice.config.shapes import Shape

PREFIX = "FEEDSERVICE_"
RESERVED = frozenset({"FEEDSERVICE_CONFIG"})
"""Variables that are no settings: the command line reads them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A variable that names nothing, or cannot be applied."""

    variable: str
    message: str
    hint: str = ""
    rule: str = "config.unknown-variable"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """The values with the environment's on top, and which variable each path has its value from."""

    values: object
    origins: Mapping[Path, str]
    refused: tuple[Refused, ...]


def overlay(values: object, environ: Mapping[str, str]) -> Overlay:
    """Lay the variables of the environment over the values; neither is changed."""
    result = copy.deepcopy(values)
    origins: dict[Path, str] = {}
    refused: list[Refused] = []
    mine = [name for name in environ if name.startswith(PREFIX) and name not in RESERVED]
    # Whole sections first, so that a variable for one key of a section adds to them.
    for name in sorted(mine, key=lambda name: (name.count("__"), name)):
        found = _resolve(name, result)
        if isinstance(found, Refused):
            refused.append(found)
        elif found.path in origins:
            message = f"`{name}` and `{origins[found.path]}` are the same setting"
            refused.append(Refused(variable=name, message=message, hint="keep one of them", rule="config.repeated"))
        elif isinstance(result, dict) and _put(result, found.path, _parsed(environ[name], found.shape)):
            origins[found.path] = name
        else:
            message = f"`{name}` cannot be applied: a value above `{shown(found.path)}` is no mapping"
            refused.append(Refused(variable=name, message=message, hint="set that value as a whole", rule="config.type"))
    return Overlay(values=result, origins=origins, refused=tuple(refused))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    path: Path
    shape: Shape


def _resolve(name: str, values: object) -> _Target | Refused:
    path: Path = ()
    shape: Shape = Config
    here = values
    for part in name.removeprefix(PREFIX).split("__"):
        key = _key(part, shape, here)
        if key is None:
            return _unknown(name, part, path, shape, here)
        path, shape = (*path, key), _below(shape, key)
        here = _child(here, key)
    return _Target(path=path, shape=shape)


def _below(shape: Shape, key: str | int) -> Shape:
    fitting = [one for one in shapes.branches(shape) if shapes.entries(one) is not None or shapes.items(one) is not None]
    return shapes.below(fitting[0] if fitting else shape, key)


def _child(value: object, key: str | int) -> object:
    if isinstance(value, dict):
        return value.get(key)
    return value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None


def _key(part: str, shape: Shape, here: object) -> str | int | None:
    """Return the key or index that a part of a variable's name stands for, or None when there is none."""
    options = (*shapes.branches(shape), shape)
    folded = part.replace("-", "_").casefold()
    for option in options:
        known = shapes.keys(option)
        if known:
            return next((key for key in known if key.replace("-", "_") == folded), None)
        if shapes.entries(option) is not None and part:
            written = here if isinstance(here, dict) else {}
            return next((key for key in written if key.casefold() == part.casefold()), part)
        if shapes.items(option) is not None and part.isascii() and part.isdigit():
            count = len(here) if isinstance(here, list) else 0
            return int(part) if len(part) < len(str(count)) + 1 and int(part) < count else None
    return None


def _unknown(name: str, part: str, path: Path, shape: Shape, here: object) -> Refused:
    above = "__".join([PREFIX.removesuffix("_"), *(str(one).upper() for one in path)]).replace("__", "_", 1)
    known = shapes.keys(shape)
    near = nearest(part, known)
    if near:
        hint = f"did you mean `{above}{'__' if path else '_'}{near.upper()}`?"
    elif shapes.items(shape) is not None:
        hint = f"the list has {len(here) if isinstance(here, list) else 0} items; set the whole list as JSON"
    elif known:
        hint = hint_for(part.lower(), shape)
    else:
        hint = f"`{above}` is a single value: nothing is below it"
    return Refused(variable=name, message=f"`{name}` names no setting: there is no `{part.lower()}`", hint=hint)


def _put(values: Any, path: Path, value: object) -> bool:
    """Set a value, making the mappings above it; False where the file has something else than a mapping there."""
    shape: Shape = Config
    *above, last = path
    for key in above:
        shape = _below(shape, key)
        inner = _child(values, key)
        if inner is None:
            inner = {}
        elif isinstance(inner, str) and shapes.model(shape) is not None:
            inner = {"name": inner}  # an author written as one text
        elif not isinstance(inner, dict | list):
            return False
        values[key] = inner
        values = inner
    values[last] = value
    return True


def _parsed(text: str, shape: Shape) -> object:
    options = shapes.branches(shape) or (shape,)
    if text.lstrip()[:1] in {"{", "["}:
        structured = _json(text)
        if structured is not None and any(shapes.fits(option, structured) for option in options):
            return structured
    value = scalar(text.strip())
    if value is None and shapes.is_optional(shape):
        return None
    if any(shapes.fits(option, value) for option in options) and not isinstance(value, str):
        return value
    if any(shapes.accepts_text(option) for option in options):
        return text
    if any(shapes.items(option) is not None for option in options) and not isinstance(value, bool):
        return [part.strip() for part in text.split(",") if part.strip()]
    return value


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
