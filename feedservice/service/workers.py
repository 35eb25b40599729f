"""The two heavy steps, reading posts and rendering entries, in this process or in several.

Markdown and YAML hold the interpreter's lock, so threads would not help. Small sites are done before a second process has
started, so they never get one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import multiprocessing
import os
import signal
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from feedservice.feeds.assemble import fragment
from feedservice.feeds.formats import render_all
from feedservice.model import Entry, Fragment, Post, Problem, Profile, Severity, Source
from feedservice.posts import body as posts_body
from feedservice.posts import parse as posts_parse
from feedservice.service.scan import Found

Given = TypeVar("Given")
Made = TypeVar("Made")

WORTH_IT = 600
"""Posts from which on a second process pays for its start."""
BATCH = 200
_STANDARD = 2
"""The last of the descriptors that every process has."""
_LOOK = 0.5
"""Seconds."""
_AHEAD = 3
"""Batches that each process may be ahead of what is consumed: results are large and are not all held."""


def count_for(posts: int) -> int:
    """Return how many processes are worth it for a number of posts."""
    return (os.cpu_count() or 1) if posts >= WORTH_IT else 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ToParse:
    """Files to read as posts."""

    files: Sequence[Found]
    context: posts_parse.Context
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Path → digest of posts that are known: when the bytes are the same, so is the post."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A file that was read."""

    path: str
    parsed: posts_parse.Parsed | None
    """None: the bytes are those that are known."""
    looked: tuple[tuple[str, int | None], ...] = ()
    """Other files that were asked for → bytes, None for no such file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One entry to render: ``entry`` has everything but its body."""

    file: str
    post: Post
    entry: Entry
    profiles: Sequence[Profile]
    shown: bool = False
    """A page shows the entry: its text is wanted too."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ToRender:
    """Entries to render."""

    orders: Sequence[Order]
    formats: Sequence[str]
    context: posts_parse.Context
    post_urls: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """An entry in every profile and format asked for; ``changed`` when the file is no longer the one that was read."""

    path: str
    changed: bool
    fragments: Mapping[tuple[Profile, str], Fragment]
    problems: tuple[Problem, ...]
    entry: Entry | None = None
    """With its text, when a page shows it."""
    linked: tuple[tuple[str, str | None], ...] = ()
    """Posts that it links to by their files, as it names them → URL, None for no such post."""
    failed: bool = False
    """It could not be rendered at all; ``problems`` says why."""


Answer = TypeVar("Answer")


class Asked(Mapping[str, Answer]):
    """A mapping that remembers what it was asked for, and what it answered: what an outcome depends on."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        """Keep the answers."""
        self._answers = answers
        self.asked: dict[str, Answer | None] = {}

    def __getitem__(self, key: str) -> Answer:
        """Answer, and remember."""
        answer = self._answers.get(key)
        self.asked[key] = answer
        if answer is None:
            raise KeyError(key)
        return answer

    def __iter__(self) -> Iterator[str]:
        """Refuse: what depends on every answer cannot be remembered."""
        raise TypeError("ask for one at a time")

    def __len__(self) -> int:
        """Return how many answers there are."""
        return len(self._answers)


def parse_batch(batch: ToParse) -> list[Read]:
    """Read files as posts; one that cannot be read is a problem of its own."""
    return [_parse(found, batch) for found in batch.files]


def _parse(found: Found, batch: ToParse) -> Read:
    context = batch.context
    try:
        with open(found.file, "rb") as file:  # noqa: PTH123  -- a Path for each of 100,000 files is measurable
            # One byte more than is allowed is enough to refuse it, however large it is.
            data = file.read(context.content.max_post_bytes + 1)
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        problem = Problem(
            rule="post.unreadable", severity=Severity.ERROR, message=message, hint="check its permissions", path=found.path
        )
        return Read(path=found.path, parsed=posts_parse.Parsed(path=found.path, post=None, problems=(problem,)))
    if found.path in batch.digests and batch.digests[found.path] == posts_parse.digest(data):
        return Read(path=found.path, parsed=None)
    looked = Asked(context.files)
    parsed = posts_parse.parse(Source(path=found.path, data=data), dataclasses.replace(context, files=looked))
    return Read(path=found.path, parsed=parsed, looked=tuple(looked.asked.items()))


def render_batch(batch: ToRender) -> list[Rendered]:
    """Render entries; the file is read again and must be the one that was parsed."""
    return [_render(order, batch) for order in batch.orders]


def _render(order: Order, batch: ToRender) -> Rendered:
    try:
        with open(order.file, "rb") as file:  # noqa: PTH123  -- as above
            data = file.read()
    except OSError:
        data = b""
    if posts_parse.digest(data) != order.post.digest:
        return Rendered(path=order.post.path, changed=True, fragments={}, problems=())
    asked = Asked(batch.post_urls)
    body = posts_body.render(data, order.post, batch.context, post_urls=asked)
    entry = dataclasses.replace(order.entry, html=body.html, summary=body.summary)
    fragments = {
        (profile, name): fragment(entry.id, made)
        for profile in order.profiles
        for name, made in render_all(entry, profile, batch.formats).items()
    }
    shown = entry if order.shown else None
    linked = tuple(asked.asked.items())
    return Rendered(path=order.post.path, changed=False, fragments=fragments, problems=body.problems, entry=shown, linked=linked)


def _begin(parent: int) -> None:
    """Begin a process: let go of everything that is its parent's business."""
    gc.disable()
    signal.set_wakeup_fd(-1)
    # Ctrl+C is sent to all processes of a terminal; whether the pass is finished is decided by the one that makes it.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _let_go()
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _let_go() -> None:
    """Close the sockets and files that were inherited: a port, a connection or a lock would outlive its owner here."""
    for number in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        # The one that this list was read from is gone by now.
        with contextlib.suppress(OSError):
            kind = os.fstat(number).st_mode
            if number > _STANDARD and (stat.S_ISSOCK(kind) or stat.S_ISREG(kind)):
                os.close(number)


def _end_after(parent: int) -> None:
    """End this process soon after its parent did: nobody else would."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


class Workers:
    """Runs batches in this process (``count`` 1) or in ``count`` others; results come in the order of the batches.

    The others live for one pass and make no reference cycles to speak of: they run without the cycle collector, which would
    look at every post again and again.
    """

    def __init__(self, count: int) -> None:
        """Remember how many; processes start with the first batch."""
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def map(self, work: Callable[[Given], Made], batches: Iterable[Given]) -> Iterator[Made]:
        """Yield ``work(batch)`` for each batch, in order, a few of them computed ahead."""
        if self._count == 1:
            yield from map(work, batches)
            return
        if self._pool is None:
            # Forked children share the modules that are loaded already; this process has no threads yet.
            context = multiprocessing.get_context("fork")
            self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_begin, initargs=(os.getpid(),))
        waiting: deque[Future[Made]] = deque()
        for batch in batches:
            waiting.append(self._pool.submit(work, batch))
            if len(waiting) >= self._count * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
