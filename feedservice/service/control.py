"""The control socket of a running service: a Unix socket in the state directory that only its owner may open.

A question is one line of JSON, ``{"do": "rebuild", …}``; so is the answer. ``do`` names what is asked, the rest is up to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from feedservice import dates
from feedservice.errors import RefusedError

NAME = "control.sock"
"""File of the state directory."""

_QUESTION = 64 * 1024
"""Longest question, in bytes."""
_ANSWER = 64 * 1024 * 1024
_LONGEST = 104 if os.uname().sysname == "Darwin" else 108
"""Bytes of ``sun_path``, with the zero at its end (unix(7))."""

Answer = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]

logger = logging.getLogger(__name__)


class NotRunningError(RefusedError):
    """Nobody listens on the control socket."""


class Control:
    """Listens, and has every question answered."""

    def __init__(self, path: Path, answer: Answer) -> None:
        """``answer`` takes a question and returns what to say; what it raises is a bug, and said to be one."""
        self._path = path
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises ``RefusedError`` when that cannot be. Whoever starts this holds the lock: an old socket is nobody's."""
        too_long(self._path)
        try:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISSOCK(self._path.lstat().st_mode):
                    self._path.unlink()
            before = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(self._talk, str(self._path), limit=_QUESTION)
            finally:
                os.umask(before)
            self._inode = self._path.lstat().st_ino
        except OSError as error:
            hint = "check the permissions of the state directory"
            raise RefusedError(f"cannot listen on {self._path}: {error.strerror or error}", hint) from error

    async def stop(self) -> None:
        """Listen no more; answers that were begun are cut off."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        # Where the state directory was made anew, another service may listen by this name.
        with contextlib.suppress(OSError):
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answered(line), ensure_ascii=False, default=_text).encode() + b"\n")
                await writer.drain()
        except ValueError:
            writer.write(b'{"error": "the question is too long"}\n')
        except (ConnectionError, asyncio.CancelledError):
            # Who asked has gone, or we go.
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answered(self, line: bytes) -> Mapping[str, Any]:
        try:
            question = json.loads(line)
        except ValueError:
            return {"error": "the question is no JSON"}
        if not isinstance(question, dict) or not isinstance(question.get("do"), str):
            return {"error": 'the question is no object with a text "do"'}
        try:
            return await self._answer(question)
        except Exception:
            logger.exception("a question on the control socket could not be answered")
            return {"error": "an error of the program; its log has more"}


def _text(value: object) -> str:
    """Return what JSON has no form for: instants as RFC 3339, paths as they are."""
    return dates.rfc3339(value, "UTC") if isinstance(value, datetime) else str(value)


def too_long(path: Path) -> None:
    """Refuse a path that no socket can have."""
    if len(os.fsencode(path)) >= _LONGEST:
        raise RefusedError(
            f"the path of the control socket is too long: {path}",
            f"set `state` to a directory with a shorter path: the system allows {_LONGEST - 1} bytes",
        )


def ask(state: Path, question: Mapping[str, Any], *, timeout: float | None = 10.0) -> dict[str, Any]:
    """Ask the service that runs with a state directory, and return its answer; blocks.

    ``timeout`` is in seconds, None waits for as long as it takes. Raises ``NotRunningError`` when none runs, ``RefusedError``
    when it does not answer, or not with what was asked for.
    """
    path = state / NAME
    too_long(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        try:
            client.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError("feedservice is not running here", "`feedservice start` starts it") from None
        except PermissionError:
            raise RefusedError(f"{path} is another user's", "run this as the user whose service it is") from None
        try:
            client.sendall(json.dumps(question).encode() + b"\n")
            with client.makefile("rb") as answers:
                line = answers.readline(_ANSWER)
        except TimeoutError:
            raise RefusedError("the service does not answer", "`feedservice logs` may say why") from None
        except ConnectionError:
            line = b""
    if not line.endswith(b"\n"):
        raise RefusedError("the service stopped before it answered", "`feedservice logs` may say why")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise RefusedError(str(answer["error"]), str(answer.get("hint", "")))
    return answer
