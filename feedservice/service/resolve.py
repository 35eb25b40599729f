"""Names → addresses, in threads of its own: a silent name server holds up nobody but those who ask for its names."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""``resolve(host, port)`` → addresses as text, best first. Raises ``OSError`` when there are none."""

THREADS = 128
"""Names asked for at once; the system's resolver gives one up after some ten seconds."""


class SystemResolver:
    """Asks what the system asks: its files, its name servers, its order of addresses (RFC 6724)."""

    def __init__(self, threads: int = THREADS) -> None:
        """Threads begin with the first names."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """See ``Resolve``."""
        ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [str(address[0]) for *_, address in found]

    def close(self) -> None:
        """Ask for no more names; what is being asked may take its time."""
        self._threads.shutdown(wait=False, cancel_futures=True)
