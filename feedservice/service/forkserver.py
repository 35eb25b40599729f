"""Processes in which posts are read and rendered, so that a parser that hangs or crashes takes nothing with it but its own.

::

    this process ─ orders ─→ the fork server ─ fork ─→ Worker ⇄ this process, over a socket of its own

The parsers are C and Rust: nothing in their process can interrupt them, and what they do to its memory they do to all of it. A
worker is forked, because one that is spawned imports for a third of a second; it is forked by a process that has no threads, no
store, no port and no lock, because a fork beside threads may find a lock held for ever, and keeps open what it inherits. So
``ForkServer.start`` belongs to the beginning of a program, before any of these are there.

Nobody outlives the program, however that ends: what the kernel closes for it is read as the end by the server, which ends its
workers. A worker has a limit for each post (``SIGALRM``, which ends it in the middle of anything), and says in a pipe when it
begins one, so that it is known at which one it died.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import pickle
import resource
import signal
import socket
import stat
import struct
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from feedservice.service import allocator

_Made_co = TypeVar("_Made_co", covariant=True)

_ORDER = struct.Struct("=cq")
"""What is wanted, and of which process."""
_FORK, _WAIT, _KILL = b"f", b"w", b"k"
_ANSWER = struct.Struct("=q")
"""A process, or how one ended."""
_LENGTH = struct.Struct("=Q")
_STANDARD = 2
"""The last of the descriptors that every process has."""
_BEGUN = 1 << 16
"""Most that is read of the pipe that says which posts were begun: more than a batch has."""


class Batch(Protocol[_Made_co]):
    """Posts to do something with."""

    @property
    def limit(self) -> float:
        """Seconds that one post may take; 0 for any time."""
        ...

    def __len__(self) -> int:
        """Return how many posts there are."""
        ...

    def part(self, start: int, end: int) -> Self:
        """Return the posts from ``start`` up to ``end``."""
        ...


class DiedError(Exception):
    """A worker ended in the middle of a batch; ``begun`` is how many posts it had begun."""

    def __init__(self, begun: int) -> None:
        """Keep the number."""
        self.begun = begun
        super().__init__(begun)


@dataclasses.dataclass(slots=True, kw_only=True)
class Worker:
    """A process that waits for work. One thread at a time uses it."""

    pid: int
    _channel: socket.socket
    _begun: int
    """The pipe that says which posts were begun."""
    fresh: bool = True
    """It has done nothing yet."""

    def do(self, work: Callable[[Any], list[Any]], batch: Batch[Any]) -> tuple[list[Any] | None, Exception | None]:
        """Return what ``work`` made of every post, or what it raised. Raises ``DiedError``; then the worker is of no use."""
        self.fresh = False
        message = pickle.dumps((work, batch), pickle.HIGHEST_PROTOCOL)
        try:
            _send(self._channel, message)
            answer = _receive(self._channel)
        except (ConnectionError, EOFError):
            raise DiedError(self._read_begun()) from None
        self._read_begun()
        made, error = pickle.loads(answer)  # noqa: S301  -- of a process that this one has started
        return made, error

    def close(self) -> None:
        """Let go: the process ends when it has nothing to do."""
        self._channel.close()
        os.close(self._begun)

    def _read_begun(self) -> int:
        try:
            return len(os.read(self._begun, _BEGUN))
        except BlockingIOError:
            return 0


class ForkServer:
    """Starts workers, and says how they ended. Any thread may ask."""

    def __init__(self, prepare: Callable[[], object] = lambda: None) -> None:
        """Start nothing yet. ``prepare`` is called once in the server: what it imports, every worker has from its beginning."""
        self._prepare = prepare
        self._control: socket.socket | None = None
        self._pid = 0
        self._lock = threading.Lock()
        self._idle: list[Worker] = []

    def __enter__(self) -> Self:
        """Start, and return itself."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self.close()

    def start(self) -> None:
        """Fork the server, as long as this process has one thread; starting twice is fine."""
        with self._lock:
            if self._control is None:
                self._start()

    def close(self) -> None:
        """End the workers and the server. Closing twice is fine."""
        with self._lock:
            for worker in self._idle:
                worker.close()
            self._idle.clear()
            if self._control is not None:
                self._control.close()
                self._control = None
                os.waitpid(self._pid, 0)

    def take(self, *, fresh: bool = False) -> Worker:
        """Return a worker: one that is idle, when it need not be ``fresh``, or a new one."""
        with self._lock:
            return self._fork() if fresh or not self._idle else self._idle.pop()

    def give(self, worker: Worker) -> None:
        """Give back a worker that can be used again."""
        with self._lock:
            self._idle.append(worker)

    def keep(self, number: int) -> None:
        """End the idle workers but for a number of them."""
        with self._lock:
            ended, self._idle = self._idle[number:], self._idle[:number]
        for worker in ended:
            self.end(worker, kill=True)

    def end(self, worker: Worker, *, kill: bool = False) -> int:
        """Wait for the end of a worker, or bring it about, and return how it ended, as ``os.waitpid`` says it.

        That is 0 when nobody knows: it was the child of a server that is gone.
        """
        worker.close()
        with self._lock:
            try:
                return self._ask(_KILL if kill else _WAIT, worker.pid)[0]
            except (ConnectionError, EOFError):
                return 0

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with warnings.catch_warnings():
            # Python warns of threads (from 3.12 on): there are some only when the server has to be replaced.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            ours.close()
            _alone(lambda: _serve(theirs, self._prepare))
        theirs.close()
        self._control, self._pid = ours, pid

    def _fork(self) -> Worker:
        """Have a worker forked, by a new server when somebody has killed the last one."""
        if self._control is None:
            self._start()
        try:
            pid, descriptors = self._ask(_FORK)
        except (ConnectionError, EOFError):
            # There may be threads now; but the parsers hold no lock of theirs, and there is nothing better.
            os.waitpid(self._pid, 0)
            self._start()
            pid, descriptors = self._ask(_FORK)
        channel, begun = descriptors
        os.set_blocking(begun, False)
        return Worker(pid=pid, _channel=socket.socket(fileno=channel), _begun=begun)

    def _ask(self, what: bytes, pid: int = 0) -> tuple[int, list[int]]:
        if self._control is None:
            raise EOFError
        self._control.sendall(_ORDER.pack(what, pid))
        answer, descriptors, _, _ = socket.recv_fds(self._control, _ANSWER.size, 2)
        for each in descriptors:
            os.set_inheritable(each, False)
        if len(answer) < _ANSWER.size:
            raise EOFError
        return _ANSWER.unpack(answer)[0], descriptors


def _send(channel: socket.socket, message: bytes) -> None:
    channel.sendall(_LENGTH.pack(len(message)))
    channel.sendall(message)


def _receive(channel: socket.socket) -> bytearray:
    """Return the next message. Raises ``EOFError`` when none comes any more."""
    return _exactly(channel, _LENGTH.unpack(_exactly(channel, _LENGTH.size))[0])


def _exactly(channel: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data


# In the server


def _alone(do: Callable[[], None]) -> None:
    """Do something, and end this process: it must never go on with what its parent was about to do."""
    code = 1
    try:
        do()
        code = 0
    except BaseException:  # noqa: BLE001  -- a panic of a Rust library is one; whoever waits for this process names the post
        traceback.print_exc()
    finally:
        os._exit(code)


def _serve(control: socket.socket, prepare: Callable[[], object]) -> None:
    """Follow the orders of the parent until there is none any more; then end all workers."""
    _begin(control.fileno())
    allocator.keep()
    prepare()
    # What is there stays: the cycle collector need not look at it, and does not unshare its memory.
    gc.freeze()
    workers: set[int] = set()
    try:
        while True:
            what, pid = _ORDER.unpack(_exactly(control, _ORDER.size))
            if what == _FORK:
                workers.add(_fork_worker(control))
                continue
            if what == _KILL:
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            workers.discard(pid)
            control.sendall(_ANSWER.pack(status))
    except (ConnectionError, EOFError):
        for pid in workers:
            os.kill(pid, signal.SIGKILL)


def _begin(keep: int) -> None:
    """Begin a process: let go of everything that is its parent's business."""
    signal.set_wakeup_fd(-1)
    # Signals are sent to all processes of a terminal or a service; whether the pass is finished is decided by the one that makes
    # it, and these end with it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    # A core dump of a crash takes its time, and has the posts in it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _let_go(keep)


def _let_go(keep: int) -> None:
    """Close the sockets and files that were inherited: a port, a connection or a lock would outlive its owner here."""
    for number in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        # The one that this list was read from is gone by now.
        with contextlib.suppress(OSError):
            kind = os.fstat(number).st_mode
            if number > _STANDARD and number != keep and (stat.S_ISSOCK(kind) or stat.S_ISREG(kind)):
                os.close(number)


def _fork_worker(control: socket.socket) -> int:
    theirs, channel = socket.socketpair()
    begun, began = os.pipe()
    pid = os.fork()
    if not pid:
        control.close()
        theirs.close()
        os.close(begun)
        _alone(lambda: _work(channel, began))
    channel.close()
    os.close(began)
    socket.send_fds(control, [_ANSWER.pack(pid)], [theirs.fileno(), begun])
    theirs.close()
    os.close(begun)
    return pid


# In a worker


def _work(channel: socket.socket, began: int) -> None:
    """Do what is sent, until nothing is sent any more."""
    with contextlib.suppress(ConnectionError, EOFError):
        while True:
            work, batch = pickle.loads(_receive(channel))  # noqa: S301  -- of the process that has started this one
            _send(channel, pickle.dumps(_done(work, batch, began), pickle.HIGHEST_PROTOCOL))


def _done(work: Callable[[Any], list[Any]], batch: Batch[Any], began: int) -> tuple[list[Any] | None, Exception | None]:
    made: list[Any] = []
    try:
        for at in range(len(batch)):
            os.write(began, b".")
            signal.setitimer(signal.ITIMER_REAL, batch.limit)
            made += work(batch.part(at, at + 1))
    except Exception as error:  # noqa: BLE001  -- raised again where the pass is made
        error.add_note(traceback.format_exc())
        return None, error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return made, None
