"""What one connection may cost, and what it can be waiting for."""

from __future__ import annotations

import dataclasses
import enum


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one connection may cost. Times are in seconds, sizes in bytes."""

    head: int = 16 * 1024
    """Request line and header fields."""
    lines: int = 100
    """Header field lines."""
    body: int = 64 * 1024
    hook_body: int = 2 * 1024**2
    """Of what a Git host tells of a push: it names every commit."""
    request_time: float = 10
    """For a request to arrive."""
    idle_time: float = 15
    """Between requests, and for a client to take some of an answer."""
    linger_time: float = 2
    """For a client to read why it was refused."""
    connections: int = 1000


class Phase(enum.Enum):
    """What a connection waits for."""

    FIRST = "first"
    HEAD = "head"
    BODY = "body"
    ANSWER = "answer"
    IDLE = "idle"
    LINGER = "linger"
