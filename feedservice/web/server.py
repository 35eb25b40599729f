"""Listening: sockets, the second hand that ends what waits too long, batches of counts, and a stop that finishes answers.

uvicorn's protocol is used without uvicorn's server: signals, exit codes and what happens at the end are the command line's.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import resource
import socket
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from uvicorn.config import Config
from uvicorn.server import ServerState

from feedservice.web import desk
from feedservice.web.app import App
from feedservice.web.bounds import Bounds
from feedservice.web.connection import Connection
from feedservice.web.desk import Desk
from feedservice.web.protocol import FastConnection

_BACKLOG = 2048
_SECOND = 1.0
_BATCH = 1000
"""Answers counted at one go: the loop is not held up for longer than a few milliseconds."""
_STEP = 0.02
_OTHER_FILES = 64
"""Descriptors beside those of connections."""

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something to be done now and then, in a thread, and once more at the end."""

    every: float
    """Seconds."""
    do: Callable[[], None]


class Server:
    """Serves what a desk answers. Made, started and stopped in one event loop."""

    def __init__(
        self,
        at: Desk,
        *,
        bounds: Bounds | None = None,
        chores: Sequence[Chore] = (),
        prepare: bool = True,
        app: App | None = None,
    ) -> None:
        """``prepare``: False answers every request through the application."""
        self._desk = at
        self._bounds = bounds or Bounds()
        self._chores = chores
        self._prepare = prepare
        self._app = app or App(at)
        self._state = ServerState()
        self._servers: list[asyncio.Server] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._path: Path | None = None

    async def start(self, *, host: str = "127.0.0.1", port: int = 0, path: Path | None = None) -> tuple[str, ...]:
        """Listen on a Unix socket at ``path``, or on host and port (0: a free one), and return the URLs.

        Raises ``OSError`` when that cannot be done: ``EADDRINUSE`` when another program listens there.
        """
        _allow_descriptors(self._bounds.connections + _OTHER_FILES)
        loop = asyncio.get_running_loop()
        config = Config(
            self._app,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        config.load()

        kind = FastConnection if self._prepare else Connection

        def connection() -> Connection:
            return kind(config, self._state, loop, at=self._desk, bounds=self._bounds)

        if path is not None:
            await asyncio.to_thread(_clear, path)
            server = await loop.create_unix_server(connection, str(path), backlog=_BACKLOG)
            # Who may connect is decided by the directory: a proxy runs as another user.
            await asyncio.to_thread(path.chmod, 0o666)
            self._path = path
            urls: tuple[str, ...] = (f"unix:{path}",)
        else:
            server = await loop.create_server(connection, host, port, backlog=_BACKLOG)
            urls = tuple(_url(listener.getsockname()) for listener in server.sockets)
        self._servers.append(server)
        self._tasks.append(loop.create_task(self._second_hand()))
        self._tasks += [loop.create_task(_again_and_again(chore)) for chore in self._chores]
        return urls

    async def stop(self, timeout: float = 10) -> bool:  # noqa: ASYNC109  -- what is left open then is told, not cancelled
        """Accept nothing more and finish the answers that are due, for ``timeout`` seconds at most; False if some were cut."""
        for server in self._servers:
            server.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for connection in list(self._state.connections):
            connection.shutdown()
        waited = 0.0
        while self._state.connections and waited < timeout:
            await asyncio.sleep(_STEP)
            waited += _STEP
        left = list(self._state.connections)
        for connection in left:
            connection.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        now = desk.moment(self._desk.clock())
        while self._desk.counts.settle(_BATCH, now):
            pass
        for chore in self._chores:
            await asyncio.to_thread(_done, chore)
        return not left

    async def _second_hand(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SECOND)
            for connection in list(self._state.connections):
                if isinstance(connection, Connection):
                    connection.look(loop.time())
            try:
                await self._count()
            except Exception:  # a bug here must not leave connections open for ever
                logger.exception("requests could not be counted")

    async def _count(self) -> None:
        counts = self._desk.counts
        now = desk.moment(self._desk.clock())
        for _ in range(len(counts.waiting) // _BATCH + 1):
            counts.settle(_BATCH, now)
            await asyncio.sleep(0)
        if counts.uncounted:
            logger.warning("%d requests were answered and not counted: there were too many", counts.uncounted)
            counts.uncounted = 0


async def _again_and_again(chore: Chore) -> None:
    while True:
        await asyncio.sleep(chore.every)
        await asyncio.to_thread(_done, chore)


def _done(chore: Chore) -> None:
    try:
        chore.do()
    except OSError as error:
        logger.warning("%s cannot be written: %s", error.filename or "the state", error.strerror)
    except Exception:  # a bug: it is done again all the same
        logger.exception("what is done now and then could not be done")


def _url(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _clear(path: Path) -> None:
    """Remove a socket that nobody listens on any more; raises ``OSError`` when somebody does, or it is something else."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()


def _allow_descriptors(wanted: int) -> None:
    """Raise the limit of open files as far as the system lets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
