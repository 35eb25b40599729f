"""``start``, ``stop``, ``restart``, ``status`` and ``logs``: a service in the background, where no service manager does it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from feedservice.cli import output
from feedservice.cli.options import config_option, listening, listening_options
from feedservice.cli.standing import screen
from feedservice.config import Loaded, load, salvage
from feedservice.config.sections import seconds
from feedservice.errors import RefusedError
from feedservice.service import control, journal
from feedservice.service.control import NotRunningError

LOG = "feedservice.log"
"""File of the state directory that ``start`` has the service log to."""

_STEP = 0.05
_FIRST = 300.0
"""Seconds that the first pass may take; a site of 100,000 posts needs a tenth of it."""
_LINES = 10
_FOLLOW = 0.3


@click.command()
@config_option
@listening_options
@click.pass_context
def start(ctx: click.Context, own_config: Path | None, host: str | None, port: int | None, path: Path | None) -> None:
    """Publish and serve in the background.

    Returns when the feeds are being served, or says why they are not. One service runs in a state directory; its log is
    feedservice.log there. With systemd, use `feedservice install-service` instead.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    _started(loaded, listening(host, port, path))


def _started(loaded: Loaded, arguments: Sequence[str]) -> None:
    state = _state(loaded)
    control.too_long(state / control.NAME)
    try:
        running = control.ask(state, {"do": "status"})
    except NotRunningError:
        pass
    else:
        click.echo(f"feedservice runs already: process {running['pid']}, {_where(running)}")
        return
    log = state / LOG
    try:
        state.mkdir(parents=True, exist_ok=True)
        begin = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            log.chmod(0o600)
            command = [
                sys.executable,
                "-m",
                "feedservice",
                "--config",
                str(loaded.path),
                "run",
                "--log-file",
                str(log),
                *arguments,
            ]
            # No terminal, no input, a session of its own: what ends the shell does not end the service.
            process = subprocess.Popen(  # noqa: S603  -- our own program, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                cwd=loaded.root,
            )
    except OSError as error:
        message = f"the state directory {state} cannot be written: {error.strerror}"
        raise RefusedError(message, "make it writable, or set `state` to another directory") from error
    status = _awaited(process, loaded, log, begin)
    click.echo(f"feedservice runs: process {status['pid']}, {_where(status)}")


def _awaited(process: subprocess.Popen[bytes], loaded: Loaded, log: Path, begin: int) -> dict[str, Any]:
    """Wait until a service is ready; say why it is not with the last lines of its log."""
    end = time.monotonic() + _FIRST
    while time.monotonic() < end:
        code = process.poll()
        if code is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise RefusedError(f"the service {how}", "\n    ".join(_said(log, begin, loaded.config.site.timezone)))
        try:
            status = control.ask(_state(loaded), {"do": "status"})
        except RefusedError:
            status = {}
        if status.get("ready"):
            return status
        time.sleep(_STEP)
    raise RefusedError("the service is still at its first pass", "`feedservice status` and `feedservice logs` say how far it is")


def _said(log: Path, begin: int, zone: str) -> list[str]:
    """Return what a service wrote to its log from a place on, the end of it; times in a zone."""
    with log.open("rb") as file:
        file.seek(begin if log.stat().st_size >= begin else 0)
        text = file.read().decode("utf-8", "replace")
    return [journal.readable(line, zone=zone, colour=False) for line in text.splitlines()][-_LINES:]


@click.command()
@config_option
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds to wait for the end.")
@click.pass_context
def stop(ctx: click.Context, own_config: Path | None, timeout: float) -> None:
    """End the service that runs in the background.

    It finishes the pass and the answers that it has begun. Nothing is done, and that is fine, when none runs.
    """
    _stopped(_as_it_was(own_config or ctx.obj), timeout)


def _as_it_was(path: Path) -> Loaded:
    """Return the configuration, or what is left of one with mistakes: the service runs with what it was before."""
    loaded, errors = salvage(path, os.environ)
    output.say(errors)
    return loaded


def _stopped(loaded: Loaded, timeout: float) -> None:
    state = _state(loaded)
    try:
        pid = int(control.ask(state, {"do": "stop"})["pid"])
    except NotRunningError:
        click.echo("feedservice is not running")
        return
    end = time.monotonic() + timeout
    while _lives(pid):
        if time.monotonic() > end:
            hint = f"`kill -TERM {pid}` ends it at once; `feedservice logs` may say what it does"
            raise RefusedError(f"the service, process {pid}, has not ended after {timeout:g} s", hint)
        time.sleep(_STEP)
    click.echo("feedservice has stopped")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # One that ended and was not fetched by its parent has a number still (a container whose first process is a shell).
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][:1] != "Z"
    except OSError:
        return True


@click.command()
@config_option
@listening_options
@click.pass_context
def restart(ctx: click.Context, own_config: Path | None, host: str | None, port: int | None, path: Path | None) -> None:
    """End the service in the background and start it again.

    It listens where `start` was told to, unless told otherwise now. A configuration with mistakes is said before the running
    service is ended.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    try:
        running = control.ask(_state(loaded), {"do": "status"})
    except NotRunningError:
        running = {}
    if running.get("managed"):
        hint = "`systemctl restart feedservice`, or what its unit is called, restarts it"
        raise RefusedError("systemd runs this service", hint)
    _stopped(loaded, seconds(loaded.config.serve.stop_timeout) + 60.0)
    _started(loaded, listening(host, port, path) or running.get("listening", ()))


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def status(ctx: click.Context, own_config: Path | None, as_json: bool) -> None:
    """Show what the running service does.

    Since when, the last pass, the next event, problems with path:line, the feeds, and what is being served. Exit code 4 when no
    service runs; 1 when it is not ready, the last pass could do nothing, a feed is held, or something is an error.
    """
    loaded = _as_it_was(own_config or ctx.obj)
    told = control.ask(_state(loaded), {"do": "status"})
    if as_json:
        click.echo(output.json_text(told))
    else:
        for line in screen(told, zone=loaded.config.site.timezone):
            click.echo(line)
    wrong = any(problem["severity"] == "error" for problem in (*told["problems"], *told["configuration_problems"]))
    in_vain = told["last_pass"] is not None and told["last_pass"]["refusal"] is not None
    if wrong or in_vain or told["held"] or not told["ready"]:
        ctx.exit(1)


@click.command()
@config_option
@click.option("-n", "--lines", "count", type=click.IntRange(0), default=50, show_default=True, help="How many lines.")
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
@click.option("--json", "as_json", is_flag=True, help="Print the lines as they are: JSON.")
@click.pass_context
def logs(ctx: click.Context, own_config: Path | None, count: int, follow: bool, as_json: bool) -> None:
    """Show the log of the service in the background.

    That of a service that systemd runs is in the journal: journalctl -u feedservice.
    """
    loaded = _as_it_was(own_config or ctx.obj)
    log = _state(loaded) / LOG
    if not log.is_file():
        raise RefusedError(f"there is no log {log}", "`feedservice start` writes one; systemd's is `journalctl -u feedservice`")
    colour = sys.stdout.isatty()
    # Where it ends now: what is written while the lines before are shown is not missed.
    end = log.stat().st_size
    for line in itertools.chain(journal.last_lines(log, count, end), _coming(log, end) if follow else ()):
        click.echo(line if as_json else journal.readable(line, zone=loaded.config.site.timezone, colour=colour))


def _coming(log: Path, begin: int) -> Iterator[str]:
    """Yield lines as they are written from a place on, also after the file was replaced by a new one; until interrupted."""
    file = log.open(encoding="utf-8", errors="replace")
    file.seek(begin)
    rest = ""
    while True:
        text = rest + file.read()
        *lines, rest = text.split("\n")
        yield from lines
        if not lines:
            if log.exists() and log.stat().st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                file = log.open(encoding="utf-8", errors="replace")
            time.sleep(_FOLLOW)


def _state(loaded: Loaded) -> Path:
    return loaded.root / loaded.config.state


def _where(status: Mapping[str, Any]) -> str:
    return f"serving at {', '.join(status['serving'])}" if status["serving"] else "serving nothing yet"
