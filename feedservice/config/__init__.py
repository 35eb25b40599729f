"""Configuration: ``config.yaml`` and the environment become one frozen ``Config``.

::

    text ─document.read→ values, places ─environment.overlay→ values ─mistakes.check→ Config ─consistency→ Loaded

Whatever is wrong on the way is collected: a person sees every mistake at once, each with its line and the nearest valid key.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from feedservice.config import consistency, document, environment, mistakes
from feedservice.config.dialects import detect_dialect
from feedservice.config.document import Document
from feedservice.config.environment import Overlay
from feedservice.config.mistakes import Mistake
from feedservice.config.reference import commented, markdown, schema, show
from feedservice.config.schema import Config
from feedservice.errors import ConfigError
from feedservice.model import Problem, Severity

__all__ = ["Config", "Loaded", "commented", "decoded", "detect_dialect", "load", "markdown", "parse", "salvage", "schema", "show"]

ENVIRONMENT = "environment"
"""``Problem.path`` of mistakes in environment variables."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A usable configuration and where it came from."""

    config: Config
    path: Path
    """Absolute path of the file."""
    root: Path
    """Directory that relative paths of the configuration start from: the file's own."""
    problems: tuple[Problem, ...]
    """Warnings: what is probably not meant, and works."""


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read the file and the environment; raises ``ConfigError`` with every mistake, ``Problem.path`` as the path was given."""
    loaded, errors = salvage(path, environ)
    if errors:
        raise ConfigError(errors)
    return loaded


def salvage(path: Path, environ: Mapping[str, str]) -> tuple[Loaded, tuple[Problem, ...]]:
    """Return what is left without the mistakes, and these: enough to find a service that runs, not to run one.

    Of a text that is no YAML nothing is left but where the state is. Raises ``ConfigError`` when there is no text.
    """
    name = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        hint = "`feedservice init` writes one; `--config FILE` names another"
        raise ConfigError([_whole(name, "config.missing-file", "there is no such file", hint)]) from None
    except OSError as error:
        message = f"the file cannot be read: {error.strerror or error}"
        raise ConfigError([_whole(name, "config.unreadable", message, "check the path and its permissions")]) from error
    text = decoded(data, name)
    config, errors, warnings = _parse(text, name, environ)
    if config is None:
        config = _remains(text, environ)
    absolute = path.absolute()
    return Loaded(config=config, path=absolute, root=absolute.parent, problems=warnings), errors


def parse(text: str, *, name: str, environ: Mapping[str, str]) -> Config:
    """Return the configuration that a text and an environment make; raises ``ConfigError`` with every mistake."""
    config, errors, _ = _parse(text, name, environ)
    if errors or config is None:
        raise ConfigError(errors)
    return config


def decoded(data: bytes, name: str) -> str:
    """Return the text of a configuration file; raises ``ConfigError`` with the place of the first byte that is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        utf16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
        message = "the file is UTF-16, not UTF-8" if utf16 else f"the byte 0x{error.object[error.start]:02x} is not UTF-8"
        problem = Problem(
            rule="config.encoding",
            severity=Severity.ERROR,
            message=message,
            hint="save the file as UTF-8",
            path=name,
            line=before.count("\n") + 1,
            column=len(before.rpartition("\n")[2]) + 1,
        )
        raise ConfigError([problem]) from None


def _whole(name: str, rule: str, message: str, hint: str) -> Problem:
    return Problem(rule=rule, severity=Severity.ERROR, message=message, hint=hint, path=name)


def _parse(text: str, name: str, environ: Mapping[str, str]) -> tuple[Config | None, tuple[Problem, ...], tuple[Problem, ...]]:
    """Return what is left of the configuration without its mistakes, the mistakes, and warnings."""
    read = document.read(text)
    laid = environment.overlay({} if read.values is None else read.values, environ)
    errors = [
        Problem(
            rule=flaw.rule,
            severity=Severity.ERROR,
            message=flaw.message,
            hint=flaw.hint,
            path=name,
            line=flaw.line,
            column=flaw.column,
        )
        for flaw in read.flaws
    ]
    errors += [_whole(ENVIRONMENT, one.rule, one.message, one.hint) for one in laid.refused]
    config = None
    warnings: list[Problem] = []
    # Of a text that is no YAML nothing is known: that its keys are missing would be no news.
    if read.values is not None:
        salvaged = mistakes.salvage(laid.values)
        config = salvaged.config
        errors += _placed(salvaged.mistakes, Severity.ERROR, name, read, laid)
        clashes = [dataclasses.replace(one, path=salvaged.original(one.path)) for one in consistency.mistakes(config)]
        errors += _placed(clashes, Severity.ERROR, name, read, laid)
        warnings = _placed(consistency.doubts(config), Severity.WARNING, name, read, laid)
    return config, tuple(sorted(errors, key=_order)), tuple(sorted(warnings, key=_order))


def _remains(text: str, environ: Mapping[str, str]) -> Config:
    """Return a configuration that knows no more than where the state is: that key stands in a line of its own."""
    line = next((line for line in text.splitlines() if line.startswith("state:")), "")
    values = document.read(line).values
    return mistakes.salvage(environment.overlay({} if values is None else values, environ).values).config


def _order(problem: Problem) -> tuple[bool, int, int]:
    return (problem.path == ENVIRONMENT, problem.line or 0, problem.column or 0)


def _placed(found: Iterable[Mistake], severity: Severity, name: str, read: Document, laid: Overlay) -> list[Problem]:
    problems = []
    for mistake in found:
        variable = next(
            (laid.origins[mistake.path[:end]] for end in range(len(mistake.path), 0, -1) if mistake.path[:end] in laid.origins),
            None,
        )
        if variable is not None:
            message = f"`{variable}`: {mistake.message}"
            problems.append(Problem(rule=mistake.rule, severity=severity, message=message, hint=mistake.hint, path=ENVIRONMENT))
            continue
        line, column = _position(mistake, read)
        problems.append(
            Problem(
                rule=mistake.rule,
                severity=severity,
                message=mistake.message,
                hint=mistake.hint,
                path=name,
                line=line,
                column=column,
            )
        )
    return problems


def _position(mistake: Mistake, read: Document) -> tuple[int, int]:
    """Return where a mistake is in the file: at its value, or at the key above what is missing."""
    place = read.places.get(mistake.path)
    if place is not None:
        return place.key if mistake.on_key else place.value
    for end in range(len(mistake.path) - 1, -1, -1):
        place = read.places.get(mistake.path[:end])
        if place is not None:
            return place.key
    return (1, 1)
