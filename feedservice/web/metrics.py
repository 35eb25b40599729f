"""Numbers for Prometheus: its text format, version 0.0.4. Values in, bytes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One number and what it is of."""

    value: float
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    suffix: str = ""
    """``_sum`` or ``_count``, of a summary."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One family of numbers. Seconds, bytes and instants (seconds since the epoch) are named as such."""

    name: str
    kind: Literal["counter", "gauge", "summary"]
    text: str
    samples: tuple[Sample, ...]


def counter(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    """Return what only grows: one number, or one for each value of a label."""
    return Metric(name=name, kind="counter", text=text, samples=_samples(value, label))


def gauge(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    """Return what is as it is: one number, or one for each value of a label."""
    return Metric(name=name, kind="gauge", text=text, samples=_samples(value, label))


def _samples(value: float | Mapping[str, float], label: str) -> tuple[Sample, ...]:
    if isinstance(value, Mapping):
        return tuple(Sample(value=each, labels={label: name}) for name, each in value.items())
    return (Sample(value=value),)


def render(metrics: Iterable[Metric]) -> bytes:
    """Write metrics down; a family without numbers is left out."""
    return "".join(f"{line}\n" for metric in metrics if metric.samples for line in _lines(metric)).encode()


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.text.translate(_HELP)}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for sample in metric.samples:
        labels = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in sample.labels.items())
        yield f"{metric.name}{sample.suffix}{f'{{{labels}}}' if labels else ''} {_number(sample.value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
