"""``run``: build, then serve what was built until the service is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import gc
import hashlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import uvloop

from feedservice.cli import output
from feedservice.config import Loaded, load
from feedservice.config.sections import seconds
from feedservice.config.serve import Serve
from feedservice.errors import RefusedError
from feedservice.feeds.formats import FORMATS
from feedservice.model import Published
from feedservice.service import files, publish
from feedservice.service.report import Report
from feedservice.web import counting, library, versions
from feedservice.web.bodies import Bodies
from feedservice.web.bounds import Bounds
from feedservice.web.counting import Counts
from feedservice.web.desk import Desk
from feedservice.web.pollers import Pollers
from feedservice.web.server import Chore, Server
from feedservice.web.terms import Terms, terms
from feedservice.web.versions import Memory

READERS = "readers.json"
"""File of the state directory with the counts of readers."""
VERSIONS = "versions.json"
"""File of the state directory with the older versions that deltas start from."""

_COUNTS_EVERY = 60.0

logger = logging.getLogger("feedservice")


@click.command()
@click.option("--config", "own_config", type=click.Path(path_type=Path), help="The configuration file [default: config.yaml].")
@click.option("--host", help="Address to listen on [default: serve.host in the configuration].")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 for a free one [default: serve.port].")
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Unix socket to listen on, in place of host and port.")
@click.option("--plain", is_flag=True, hidden=True, help="Prepare no answers: for tests and measurements.")
@click.pass_context
def run(ctx: click.Context, own_config: Path | None, host: str | None, port: int | None, path: Path | None, plain: bool) -> None:
    """Build the feeds and serve them.

    Ends with SIGTERM or Ctrl+C, after the answers that were begun. Posts with an error are named and left out; the others
    are served. What `build` writes into the output directory is what is served, and nothing else that lies there.
    """
    loaded = load(own_config or ctx.obj, os.environ)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    serve = loaded.config.serve
    if path is None and host is None and port is None and serve.socket is not None:
        path = loaded.root / serve.socket
    with output.progress() as progress:
        report = publish.build(loaded, now=datetime.now(UTC), out=loaded.root / loaded.config.output, progress=progress)
    output.say(report.problems)
    click.echo(
        f"{output.counted(report.posts, 'post')}: {report.live:,} published"
        + (f", {report.refused:,} refused" if report.refused else "")
        + f"; {output.counted(len(report.feeds), 'feed')}",
        err=True,
    )
    said = terms(loaded.config, unix=path is not None)
    place = Place(host=host or serve.host, port=serve.port if port is None else port, path=path, plain=plain)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(loaded, report, said, place))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and how to listen; ``path`` goes before host and port."""

    host: str
    port: int
    path: Path | None
    plain: bool


async def _serve(loaded: Loaded, report: Report, said: Terms, place: Place) -> None:
    serve = loaded.config.serve
    state = loaded.root / loaded.config.state
    counts = await asyncio.to_thread(_recalled_counts, state / READERS)
    made = await asyncio.to_thread(_library, loaded, report, said)
    desk = Desk(made, said, bodies=Bodies(serve.memory), pollers=Pollers(said.fairness), counts=counts)
    save = Chore(every=_COUNTS_EVERY, do=lambda: _save_counts(state / READERS, counts))
    server = Server(desk, bounds=_bounds(serve), chores=[save], prepare=not place.plain)
    try:
        urls = await server.start(host=place.host, port=place.port, path=place.path)
    except OSError as error:
        raise _refused(error, place) from error
    # What is here now stays: the collector need not look at it again and again while requests are answered.
    gc.collect()
    gc.freeze()
    for url in urls:
        click.echo(f"Serving {loaded.root / loaded.config.output} at {url}{'' if place.path else said.index}", err=True)
    with _asked_to_stop() as stopped:
        await stopped.wait()
    click.echo("Stopping", err=True)
    if not await server.stop(seconds(serve.stop_timeout)):
        logger.warning("some answers were cut off: their readers took longer than %s", serve.stop_timeout)


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[asyncio.Event]:
    """Give an event that SIGTERM and SIGINT set."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, event.set)
    try:
        yield event
    finally:
        # A second signal ends the process at once.
        for each in signals:
            loop.remove_signal_handler(each)


def _bounds(serve: Serve) -> Bounds:
    return Bounds(
        request_time=seconds(serve.request_timeout), idle_time=seconds(serve.idle_timeout), connections=serve.connections
    )


def _refused(error: OSError, place: Place) -> RefusedError:
    where = str(place.path) if place.path is not None else f"{place.host}:{place.port}"
    if error.errno == errno.EADDRINUSE:
        return RefusedError(f"another program listens on {where}", "stop it, or choose another with --port (or serve.port)")
    if error.errno == errno.EACCES:
        return RefusedError(f"{where} may not be listened on", "take a port above 1023, or a directory that you may write to")
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return RefusedError(f"{where} is no address of this machine", "correct --host or serve.host; 0.0.0.0 is every address")
    return RefusedError(f"cannot listen on {where}: {error.strerror or error}", "correct --host, --port or --socket")


def _library(loaded: Loaded, report: Report, said: Terms) -> library.Library:
    root = loaded.root / loaded.config.output
    published = (*report.published, *_last_good(report, root))
    memory = _remember(loaded, published)
    feeds = loaded.config.feeds
    return library.make(published, root=root, terms=said, due=report.due, memory=memory, moved=feeds.moved, gone=feeds.gone)


def _last_good(report: Report, root: Path) -> Iterator[Published]:
    """Yield the documents that stayed as they were because the new ones have errors, as far as they are there."""
    places = {path: (spec.key, name) for spec in report.feeds for name, path in spec.paths.items()}
    for path in report.withheld:
        file = root / path
        if path not in places or not file.is_file():
            continue
        key, name = places[path]
        body = file.read_bytes()
        beside = {coding: file.with_name(file.name + suffix) for coding, suffix in library.SUFFIXES.items()}
        yield Published(
            path=path,
            feed=key,
            format=name,
            media_type=FORMATS[name].media_type,
            size=len(body),
            etag=hashlib.blake2b(body, digest_size=16).hexdigest(),
            last_modified=datetime.fromtimestamp(file.stat().st_mtime, UTC),
            codings={coding: each.stat().st_size for coding, each in beside.items() if each.is_file()},
            changed=False,
        )


def _remember(loaded: Loaded, published: Iterable[Published]) -> Memory:
    """Bring the older versions up to date, on disk too."""
    file = loaded.root / loaded.config.state / VERSIONS
    try:
        known = versions.from_json(file.read_bytes())
    except FileNotFoundError:
        known = {}
    except ValueError as error:
        logger.warning("%s is damaged (%s): readers with an older version are sent the whole feed, once", file, error)
        known = {}
    keep = timedelta(seconds=seconds(loaded.config.serve.delta_keep))
    memory = versions.advance(known, published, now=datetime.now(UTC), keep=keep)
    _write(file, versions.to_json(memory))
    return memory


def _recalled_counts(file: Path) -> Counts:
    try:
        counted, keys, _ = counting.from_json(file.read_bytes())
        return Counts(counted, keys, secrets.token_bytes)
    except FileNotFoundError:
        pass
    except ValueError as error:
        logger.warning("%s is damaged (%s): readers are counted anew", file, error)
    return counting.beginning(secrets.token_bytes, datetime.now(UTC))


def _save_counts(file: Path, counts: Counts) -> None:
    _write(file, counting.to_json(counts.tally, counts.keys, datetime.now(UTC)))


def _write(file: Path, data: bytes) -> None:
    """Replace a file of the state directory; only its owner may read it."""
    if files.same(file, data):
        return
    staged = files.stage(file, data)
    staged.temporary.chmod(0o600)
    files.commit(staged)
    files.settle({file.parent})
