"""Names → addresses, in threads of its own: a silent name server holds up nobody but those who ask for its names.

A thread that asks a silent server is lost for some ten seconds, whatever its asker does meanwhile. Whoever subscribes names a
host, so there is no end of names that one such server is asked for; the names of one zone therefore have a share of the threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""``resolve(host, port)`` → addresses as text, best first. Raises ``OSError`` when there are none."""

THREADS = 128
"""Names asked for at once; the system's resolver gives one up after some ten seconds."""
SHARE = 16
"""Of these, for the names of one zone. A server that answers in 20 ms is asked for 800 names a second."""
_SHORT = 3
"""Characters of a second label behind which names are given to anybody: ``co.uk``, ``or.jp``, ``com.br``."""


@dataclasses.dataclass(slots=True)
class _Zone:
    places: asyncio.Semaphore
    users: int = 0
    """Who asks, or waits to."""


class SystemResolver:
    """Asks what the system asks: its files, its name servers, its order of addresses (RFC 6724). Belongs to one event loop."""

    def __init__(self, threads: int = THREADS, share: int = SHARE) -> None:
        """Threads begin with the first names."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="resolve")
        self._share = share
        self._zones: dict[str, _Zone] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """See ``Resolve``."""
        loop, name = asyncio.get_running_loop(), zone_of(host)
        zone = self._zones.setdefault(name, _Zone(asyncio.Semaphore(self._share)))
        zone.users += 1
        try:
            await zone.places.acquire()
        except BaseException:
            self._left(name, zone)
            raise
        ask = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        asked = self._threads.submit(ask)
        # When the thread is free again, not when nobody waits for it any more.
        asked.add_done_callback(lambda _: self._end(loop, name, zone))
        return [str(address[0]) for *_, address in await asyncio.wrap_future(asked)]

    def close(self) -> None:
        """Ask for no more names; what is being asked may take its time."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _end(self, loop: asyncio.AbstractEventLoop, name: str, zone: _Zone) -> None:
        # A loop that was closed meanwhile has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._free, name, zone)

    def _free(self, name: str, zone: _Zone) -> None:
        zone.places.release()
        self._left(name, zone)

    def _left(self, name: str, zone: _Zone) -> None:
        zone.users -= 1
        if not zone.users:
            del self._zones[name]


def zone_of(host: str) -> str:
    """Return what most likely has one owner and one name server: the last two labels, or three where the second is short."""
    labels = host.lower().rstrip(".").split(".")
    return ".".join(labels[-3:] if len(labels[-2:][0]) <= _SHORT else labels[-2:])
