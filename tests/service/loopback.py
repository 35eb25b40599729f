"""Servers on loopback that answer as a test says, and a transport that may call them and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import httpx

from feedservice.deliveries import Trust
from feedservice.push.addresses import Network, networks
from feedservice.service.transport import Limits, Transport

Script = Callable[["Visit"], Awaitable[None]]

LOOPBACK = networks(["127.0.0.0/8", "::1"])
PATIENCE = 20.0
"""Seconds after which a test has failed; nothing takes so long that goes well."""


@dataclasses.dataclass(slots=True)
class Visit:
    """One connection, as the server sees it."""

    number: int
    """From 1, in the order of arrival."""
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: Server

    async def request(self) -> tuple[bytes, bytes]:
        """Read one request: its head, and its body. Raises ``IncompleteReadError`` when the client leaves."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        body = await self.reader.readexactly(length)
        self.server.requests.append((head, body))
        return head, body

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with RST."""
        found = self.writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclasses.dataclass(slots=True)
class Server:
    """What a server was asked."""

    port: int = 0
    visits: int = 0
    requests: list[tuple[bytes, bytes]] = dataclasses.field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextlib.asynccontextmanager
async def serving(script: Script, host: str = "127.0.0.1", tls: object = None) -> AsyncIterator[Server]:
    """Run a server; a script that ends closes its connection."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.visits += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(Visit(server.visits, reader, writer, server))
        finally:
            tasks.discard(task)
            writer.close()

    # Whoever does not fit into the queue of those that want to connect is heard a second later.
    listener = await asyncio.start_server(visit, host, 0, ssl=tls, backlog=4096)  # type: ignore[arg-type]
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listener.wait_closed()


def once(answer: bytes) -> Script:
    """Answer one request on each connection, then close it."""

    async def script(visit: Visit) -> None:
        await visit.request()
        await visit.send(answer)

    return script


def always(answer: bytes) -> Script:
    """Answer every request, and keep the connection."""

    async def script(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.send(answer)

    return script


async def hang(visit: Visit) -> None:
    """Take a request and never answer."""
    await visit.request()
    await asyncio.Event().wait()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is looked at tells nobody
            await asyncio.sleep(0.001)


async def nobody(host: str, port: int) -> Sequence[str]:
    """Resolve nothing."""
    raise OSError(f"no name is known here, not even {host}:{port}")


def answering(**names: list[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Resolve names that are given (with ``_`` for a dot); each answer is used once, the last one from then on."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        answers = names.get(host.removesuffix(".").replace(".", "_"))
        if not answers:
            raise OSError(f"{host}:{port} is not known here")
        return (answers.pop(0) if len(answers) > 1 else answers[0]).split()

    return resolve


@contextlib.asynccontextmanager
async def transport(
    resolve: Callable[[str, int], Awaitable[Sequence[str]]] = nobody,
    *,
    allowed: Sequence[Network] = LOOPBACK,
    limits: Limits | None = None,
    **options: object,
) -> AsyncIterator[Transport]:
    made = Transport(
        allowed={Trust.CALLBACK: allowed, Trust.OPERATOR: allowed},
        resolve=resolve,
        limits=limits or Limits(connect=PATIENCE, total=PATIENCE),
        **options,  # type: ignore[arg-type]
    )
    try:
        yield made
    finally:
        await made.aclose()


async def get(through: Transport, url: str, method: str = "GET", **options: object) -> httpx.Response:
    return await through.handle_async_request(httpx.Request(method, url, **options))  # type: ignore[arg-type]
