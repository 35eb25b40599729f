"""``run``: build and serve, and keep it so, until the service is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import uvloop

from feedservice.cli.alone import only_one
from feedservice.cli.engine import engine_of, store_of
from feedservice.cli.front import Front, Place
from feedservice.cli.operations import Operations
from feedservice.cli.options import config_option, listening, listening_options
from feedservice.cli.secrets import keys
from feedservice.cli.voice import Voice
from feedservice.config import Loaded, load
from feedservice.config.sections import seconds
from feedservice.errors import RefusedError
from feedservice.feeds import pages
from feedservice.model import Problem
from feedservice.service import allocator, journal
from feedservice.service.control import NAME as CONTROL
from feedservice.service.control import Control, too_long
from feedservice.service.daemon import Daemon, Errand, Work
from feedservice.service.forkserver import ForkServer
from feedservice.service.lock import Lock
from feedservice.service.notify import Manager
from feedservice.service.passes import Wanted
from feedservice.service.report import Report
from feedservice.service.workers import prepare
from feedservice.web.admin import OPERATIONS, Admin

_DAY = 86_400.0
_FAIR = 0.001
"""Seconds for which a pass may keep the interpreter to itself while a request waits."""
_MANY = 1_000
"""Posts that were read from which on a pass leaves so much behind that it is worth tidying up."""


logger = logging.getLogger("feedservice")


@click.command()
@config_option
@listening_options
@click.option("--log-file", type=click.Path(path_type=Path), help="Log to this file, as JSON [default: the error stream].")
@click.option("--plain", is_flag=True, hidden=True, help="Prepare no answers: for tests and measurements.")
@click.pass_context
def run(
    ctx: click.Context,
    own_config: Path | None,
    host: str | None,
    port: int | None,
    path: Path | None,
    log_file: Path | None,
    plain: bool,
) -> None:
    """Publish, serve, and keep it so.

    A post that is saved is published at once, one with a future date at its second. Posts with an error are named in the log
    and left out. SIGHUP reads the configuration anew, SIGUSR1 builds. Ends with SIGTERM or Ctrl+C, after the pass and the
    answers that were begun; at the second one at once. Exit code 1 when the guard held a feed at the end (0 all the same where
    systemd runs it).
    """
    config = own_config or ctx.obj
    loaded = load(config, os.environ)
    allocator.give_back()
    server = ForkServer(prepare)
    serve = loaded.config.serve
    given = listening(host, port, path)
    if path is None and host is None and port is None and serve.socket is not None:
        path = loaded.root / serve.socket
    try:
        journal.configure(file=log_file, kept=loaded.config.schedule.log_kept)
    except OSError as error:
        raise RefusedError(f"cannot write {log_file}: {error.strerror}", "check its directory, or choose another") from error
    place = Place(host=host or serve.host, port=serve.port if port is None else port, path=path, plain=plain, given=given)
    with server, only_one(loaded) as lock, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        held = runner.run(_serve(loaded, config, place, server, lock))
    # A service manager would take that for a failure, and start again what was stopped.
    if held and not Manager(os.environ).listens:
        ctx.exit(1)


async def _serve(loaded: Loaded, config: Path, place: Place, server: ForkServer, lock: Lock) -> Sequence[str]:
    """Bring together what the daemon needs, run it, and return the feeds that are held at the end."""
    state = loaded.root / loaded.config.state
    control = state / CONTROL
    too_long(control)
    engine = engine_of(loaded, server)
    front = Front(loaded, place, engine.standing)

    voice = Voice(loaded, lambda: store_of(engine), front)

    def make(at: Loaded, wanted: Wanted, now: datetime) -> Report:
        first = not front.shows
        report = engine.build(at, now=now, paths=wanted.paths, full=wanted.full, emptied=wanted.emptied)
        front.show(at, report)
        voice.shown(at)
        swept = engine.sweep(report)
        _prepared(at, report, server, first=first)
        return swept

    def look(at: Loaded) -> bool:
        if engine.rests(at, datetime.now(UTC)):
            front.tell()
            return True
        engine.prepare(at)
        return False

    def check() -> Iterable[Problem]:
        return engine.store.integrity()

    def prune() -> Iterable[Problem]:
        engine.store.prune(datetime.now(UTC) - timedelta(seconds=seconds(daemon.loaded.config.serve.delta_keep)))
        return ()

    def changed(to: Loaded) -> None:
        front.changed(to)
        voice.change(to)
        try:
            admin.keys = keys(to)
        except RefusedError as error:
            logger.error("%s; the previous one stays in force", error)  # noqa: TRY400  -- an expected failure

    work = Work(
        load=lambda: load(config, os.environ),
        look=look,
        make=make,
        changed=changed,
        alone=lambda: lock.holds,
        errands=(
            Errand(name="prune", every=_DAY, first=5 * 60.0, do=prune),
            Errand(name="self-check", every=_DAY, first=10 * 60.0, do=check),
        ),
        alive=Manager(os.environ),
    )
    daemon = Daemon(loaded, work)
    operations = Operations(daemon, front)
    operations.deliver, operations.announced = voice.wake, voice.announced
    operations.writable = engine.writable
    admin = Admin(operations, keys(loaded), unix=place.path is not None, name=lambda: secrets.token_hex(8))
    front.doors[OPERATIONS] = admin
    # A further long-running task is wired here.
    daemon.services += [front, voice, Control(control, operations.answer)]
    sys.setswitchinterval(_FAIR)
    try:
        with _signals(daemon, operations.stopping):
            await daemon.run(operations.stopping)
    finally:
        await admin.close()
        await asyncio.to_thread(engine.close)
    held = operations.held()
    if held:
        logger.warning("held at the end: %s (feedservice release, or reject)", ", ".join(held))
    return held


def _prepared(loaded: Loaded, report: Report, server: ForkServer, *, first: bool) -> None:
    """Tidy up after a pass, and after the first do what else the next post that is saved would wait for."""
    if report.read > _MANY:
        allocator.give_back_now()
    if first and not report.rendered:
        if loaded.config.feeds.pages:
            pages.prepare()
        server.give(server.take())


@contextlib.contextmanager
def _signals(daemon: Daemon, stopping: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[object]] = set()

    def stop(number: int) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            # The second one ends the process at once: Python's own answer to Ctrl+C would wait for the pass.
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        if stopping.is_set():
            # `feedservice stop` was the first.
            os.kill(os.getpid(), number)
        stopping.set()

    def reload() -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(daemon.reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def rebuild() -> None:
        daemon.ask(Wanted(reasons=("signal",)))

    handlers: dict[int, Callable[[], None]] = {
        signal.SIGTERM: functools.partial(stop, signal.SIGTERM),
        signal.SIGINT: functools.partial(stop, signal.SIGINT),
        signal.SIGHUP: reload,
        signal.SIGUSR1: rebuild,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
