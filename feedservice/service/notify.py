"""What the service manager is told (sd_notify(3)): that the service is ready, reloads, stops, lives, and what it does.

One datagram to the socket that ``NOTIFY_SOCKET`` names; without it, nobody listens and nothing is sent.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping


class Manager:
    """Whoever started this process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read where to send to, and how often a sign of life is wanted."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        microseconds = environ.get("WATCHDOG_USEC", "")
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdigit() else None
        """Seconds within which a sign of life must come; None when nobody waits for one."""

    @property
    def listens(self) -> bool:
        """Say whether there is one: it starts and stops this process, and asks how it ended."""
        return bool(self._address)

    def tell(self, **fields: str | int) -> None:
        """Send assignments such as ``READY=1``; a manager that cannot be reached is no reason to stop."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={value}" for name, value in fields.items())
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(text.encode(), address)

    def ready(self, status: str) -> None:
        """Say that the service does its work, for the first time or again."""
        self.tell(READY=1, STATUS=status)

    def reloading(self) -> None:
        """Say that the configuration is read again; ``ready`` ends it."""
        self.tell(RELOADING=1, MONOTONIC_USEC=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def stopping(self) -> None:
        """Say that the service comes to its end."""
        self.tell(STOPPING=1, STATUS="stopping")

    def alive(self) -> None:
        """Give a sign of life."""
        self.tell(WATCHDOG=1)
