"""Options that several verbs have."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from feedservice import dates
from feedservice.config import Loaded, load
from feedservice.model import Problem

Decorated = Callable[..., Any]


def config_option(command: Decorated) -> Decorated:
    """Add ``--config``."""
    return click.option(
        "--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml]."
    )(command)


def as_of_option(command: Decorated) -> Decorated:
    """Add ``--as-of``."""
    return click.option("--as-of", metavar="TIME", help="Act as if it were this time, such as 2026-01-01 09:00.")(command)


def json_option(command: Decorated) -> Decorated:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def listening_options(command: Decorated) -> Decorated:
    """Add ``--host``, ``--port`` and ``--socket``."""
    for option in (
        click.option(
            "--socket", "path", type=click.Path(path_type=Path), help="Unix socket to listen on, in place of host and port."
        ),
        click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 for a free one [default: serve.port]."),
        click.option("--host", help="Address to listen on [default: serve.host in the configuration]."),
    ):
        command = option(command)
    return command


def listening(host: str | None, port: int | None, path: Path | None) -> tuple[str, ...]:
    """Return these options as arguments that mean the same in any directory; nothing for those that were not given."""
    given = {"--host": host, "--port": port, "--socket": None if path is None else path.absolute()}
    return tuple(text for name, value in given.items() if value is not None for text in (name, str(value)))


def loaded_of(ctx: click.Context, own: Path | None) -> Loaded:
    """Return the configuration that the options name. Raises ``ConfigError``."""
    return load(own or ctx.obj, os.environ)


def now_of(loaded: Loaded, as_of: str | None, *, option: str = "--as-of") -> datetime:
    """Return the instant that an option names in the zone of the site, or the present one."""
    if as_of is None:
        return datetime.now(UTC)
    reading = dates.read(as_of, zone=loaded.config.site.timezone, naive="site")
    if isinstance(reading, Problem):
        raise click.BadParameter(f"{reading.message} ({reading.hint})", param_hint=option)
    return reading.instant
