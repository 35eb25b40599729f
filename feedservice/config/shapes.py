"""The schema's types as a reader sees them: what a type is called, what is below it, which keys it has."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from feedservice.config.sections import Words

Shape = Any
"""A type as it stands in the schema: a class, ``list[…]``, ``dict[…]``, a ``Literal``, a union, each perhaps ``Annotated``."""

_SCALARS: Mapping[object, str] = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_SCALAR_COUNT = 4


def _origin(shape: Shape) -> object:
    return get_origin(shape)


def bare(shape: Shape) -> Shape:
    """Return a shape without ``Annotated`` and without its ``| None``."""
    while _origin(shape) is Annotated:
        shape = get_args(shape)[0]
    if _origin(shape) in {Union, types.UnionType}:
        rest = [arg for arg in get_args(shape) if arg is not type(None)]
        return bare(rest[0]) if len(rest) == 1 else shape
    return shape


def branches(shape: Shape) -> tuple[Shape, ...]:
    """Return the alternatives of a union, without None; empty for everything else."""
    shape = bare(shape)
    if _origin(shape) in {Union, types.UnionType}:
        return tuple(arg for arg in get_args(shape) if arg is not type(None))
    return ()


def model(shape: Shape) -> type[BaseModel] | None:
    """Return the section a shape is, or None."""
    shape = bare(shape)
    return shape if isinstance(shape, type) and issubclass(shape, BaseModel) else None


def items(shape: Shape) -> Shape:
    """Return what a list has, or None when the shape is no list."""
    shape = bare(shape)
    return get_args(shape)[0] if _origin(shape) is list else None


def entries(shape: Shape) -> tuple[Shape, Shape] | None:
    """Return key and value of a free mapping, or None when the shape is none."""
    shape = bare(shape)
    if _origin(shape) is not dict:
        return None
    key, value = get_args(shape)
    return key, value


def field_shape(field: FieldInfo) -> Shape:
    """Return the whole type of a field: pydantic keeps the outermost annotations apart."""
    shape: Shape = field.annotation
    for extra in field.metadata:
        shape = Annotated[shape, extra]
    return shape


def keys(shape: Shape) -> tuple[str, ...]:
    """Return the keys that a mapping may have, or nothing when it may have any."""
    section = model(shape)
    if section is not None:
        return tuple(section.model_fields)
    free = entries(shape)
    return tuple(get_args(bare(free[0]))) if free is not None and _origin(bare(free[0])) is Literal else ()


def choices(shape: Shape) -> tuple[object, ...]:
    """Return the values of a ``Literal``; empty for everything else."""
    plain = bare(shape)
    return get_args(plain) if _origin(plain) is Literal else ()


def below(shape: Shape, key: str | int) -> Shape:
    """Return the type of what is under a key or index, or None when there is nothing."""
    section = model(shape)
    if section is not None:
        return field_shape(section.model_fields[str(key)]) if key in section.model_fields else None
    free = entries(shape)
    if free is not None:
        return free[1]
    return items(shape)


def fits(shape: Shape, value: object) -> bool:
    """Return whether a value has the outer form of a shape, whatever is wrong inside."""
    if isinstance(value, Mapping):
        return model(shape) is not None or entries(shape) is not None
    if isinstance(value, list):
        return items(shape) is not None
    plain = bare(shape)
    if _origin(plain) is Literal:
        return value in get_args(plain)
    return type(value) is plain


def accepts_text(shape: Shape) -> bool:
    """Return whether plain text is a value of this shape."""
    return any(bare(one) is str or _origin(bare(one)) is Literal for one in branches(shape) or (shape,))


def is_optional(shape: Shape) -> bool:
    """Return whether null is a value of this shape."""
    while _origin(shape) is Annotated:
        shape = get_args(shape)[0]
    return _origin(shape) in {Union, types.UnionType} and type(None) in get_args(shape)


def words(shape: Shape) -> str:
    """Return what a shape is called in a sentence: ``a list of texts``, ``true or false, or a list of texts``."""
    named = _named(shape)
    if named is not None:
        return named
    alternatives = branches(shape)
    if alternatives:
        return ", or ".join(_alternatives(alternatives))
    plain = bare(shape)
    if _origin(plain) is Literal:
        return "one of " + ", ".join(f"`{arg}`" for arg in get_args(plain))
    item, free = items(plain), entries(plain)
    if item is not None:
        return f"a list of {_several(item)}"
    if free is not None:
        return f"a mapping of {_keys_in_words(free[0])} to {words(free[1])}"
    return _SCALARS.get(plain, "a mapping")


def _named(shape: Shape) -> str | None:
    while _origin(shape) is Annotated or is_optional(shape):
        if _origin(shape) is Annotated:
            own = [extra.text for extra in get_args(shape)[1:] if isinstance(extra, Words)]
            if own:
                return own[-1]
            shape = get_args(shape)[0]
        else:
            rest = [arg for arg in get_args(shape) if arg is not type(None)]
            if len(rest) > 1:
                return None
            shape = rest[0]
    return None


def _alternatives(shapes: tuple[Shape, ...]) -> Iterator[str]:
    scalars = [one for one in shapes if bare(one) in _SCALARS]
    if len(scalars) == _SCALAR_COUNT:
        yield "a single value"
    else:
        yield from map(words, scalars)
    yield from (words(one) for one in shapes if bare(one) not in _SCALARS)


def _several(shape: Shape) -> str:
    plain = bare(shape)
    if _named(shape) is None:
        if plain is str:
            return "texts"
        if _origin(plain) is Literal:
            return ", ".join(f"`{arg}`" for arg in get_args(plain))
        if model(shape) is not None or entries(shape) is not None:
            return "mappings"
    if branches(shape) and len([one for one in branches(shape) if bare(one) in _SCALARS]) == _SCALAR_COUNT:
        return "values"
    return f"items, each {words(shape)}"


def _keys_in_words(shape: Shape) -> str:
    return ", ".join(f"`{arg}`" for arg in get_args(bare(shape))) if _origin(bare(shape)) is Literal else "text"
