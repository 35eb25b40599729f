"""What sections of ``config.yaml`` are made from: their base, and the types of values that several of them use."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from feedservice.config import constraints
from feedservice.config.constraints import Fault, quoted

_SIZE = r"^[0-9]+(\.[0-9]+)?\s*[KkMmGg]?(i?[Bb])?$"
_UNITS = {"": 1, "B": 1, "K": 1024, "KB": 1024, "M": 1024**2, "MB": 1024**2, "G": 1024**3}
_DURATION = r"^[0-9]{1,9}\s*[smhd]?$"
_MILLISECONDS = r"^[0-9]{1,9}\s*ms$"
_DELAY = r"^[0-9]{1,9}\s*(ms|[smhd])?$"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _bytes(value: object) -> object:
    """``2M``, ``500K`` or a plain number of bytes."""
    if isinstance(value, str):
        text = value.strip().upper().replace("IB", "B")
        number = text.rstrip("BKMG")
        unit = text[len(number) :]
        if unit in _UNITS and number.strip().replace(".", "", 1).isdigit():
            return int(float(number) * _UNITS[unit])
    return value


def _plain_seconds(value: object) -> object:
    return f"{value}s" if isinstance(value, int) and not isinstance(value, bool) else value


def _is_duration(text: str) -> Fault | None:
    if re.fullmatch(_DURATION, text):
        return None
    return Fault("config.value", f"{quoted(text)} is no duration", "write a number and s, m, h or d: `90s`, `30m`, `12h`, `7d`")


def seconds(duration: str) -> int:
    """Return how many seconds a ``Duration`` is."""
    number = duration.rstrip("smhd")
    return int(number) * _SECONDS[duration[len(number) :]]


def delay(duration: str) -> float:
    """Return how many seconds a ``Delay`` is."""
    return int(duration.removesuffix("ms")) / 1000 if duration.endswith("ms") else seconds(duration)


def _is_delay(text: str) -> Fault | None:
    return None if re.fullmatch(_MILLISECONDS, text) else _is_duration(text)


def one_or_many(value: object) -> object:
    """Take a single text or mapping for a list of one."""
    return [value] if isinstance(value, str | dict) else value


def _checked(value: Any, check: Callable[[Any], Fault | None]) -> Any:
    fault = check(value)
    if fault is not None:
        raise PydanticCustomError("config", "{text}", {"text": fault.message, "rule": fault.rule, "hint": fault.hint})
    return value


def must(check: Callable[[Any], Fault | None]) -> AfterValidator:
    """Refuse the values of a type that a function finds a fault with."""
    return AfterValidator(functools.partial(_checked, check=check))


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """What a type is called in messages and in the documentation."""

    text: str


Size = Annotated[
    int,
    BeforeValidator(_bytes, json_schema_input_type=int | Annotated[str, Field(pattern=_SIZE)]),
    Field(ge=1),
    Words("a size such as `500K` or `2M`"),
]
Duration = Annotated[
    str,
    BeforeValidator(_plain_seconds, json_schema_input_type=int | Annotated[str, Field(pattern=_DURATION)]),
    must(_is_duration),
    Words("a duration such as `90s`, `30m` or `7d`"),
]
"""Kept as it was written; ``seconds`` reads it. A plain number is seconds."""
Delay = Annotated[
    str,
    BeforeValidator(_plain_seconds, json_schema_input_type=int | Annotated[str, Field(pattern=_DELAY)]),
    must(_is_delay),
    Words("a short duration such as `30ms` or `2s`"),
]
"""A ``Duration`` that may also be milliseconds; ``delay`` reads it."""
Texts = Annotated[
    list[str], BeforeValidator(one_or_many, json_schema_input_type=str | list[str]), Words("a list of texts, or one")
]


URI = Field(json_schema_extra={"format": "uri"})
WebUrl = Annotated[str, must(constraints.web_url), Words("an absolute http or https URL"), URI]
WebUrls = Annotated[
    list[WebUrl], BeforeValidator(one_or_many, json_schema_input_type=WebUrl | list[WebUrl]), Words("a list of URLs, or one")
]


class Section(BaseModel):
    """A mapping of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        # A section whose every key is commented out reads as null.
        return {} if value is None else value
