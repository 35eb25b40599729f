"""The two heavy steps, reading posts and rendering entries, in this process or in others.

Markdown and YAML hold the interpreter's lock, so threads would not help; and they may hang or crash, so a service has others do
it (``forkserver``). Small sites are done before a second worker has started, so they never get one.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any, Protocol, Self, TypeVar

from feedservice.config.sections import seconds
from feedservice.errors import RefusedError
from feedservice.feeds.assemble import fragment
from feedservice.feeds.formats import render_all
from feedservice.model import Entry, Fragment, Post, Problem, Profile, Severity, Source
from feedservice.posts import parse as posts_parse
from feedservice.service.forkserver import Batch, DiedError, ForkServer
from feedservice.service.scan import UNREADABLE, Found

Made = TypeVar("Made")
_Made_co = TypeVar("_Made_co", covariant=True)

WORTH_IT = 600
"""Posts from which on a second process pays for its start."""
BATCH = 200
_BLOCK = 1 << 16
"""Bytes that are read of a file at a time: more than most posts have."""
_AHEAD = 3
"""Batches that each process may be ahead of what is consumed: results are large and are not all held."""


def count_for(posts: int) -> int:
    """Return how many processes are worth it for a number of posts."""
    return (os.cpu_count() or 1) if posts >= WORTH_IT else 1


class Posts(Batch[_Made_co], Protocol[_Made_co]):
    """Posts that something is made of, each for itself."""

    def fatal(self, problem: Problem) -> _Made_co:
        """Return what is made of the only post in it when that ends the process that does it; ``problem`` says how."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ToParse:
    """Files to read as posts."""

    files: Sequence[Found]
    context: posts_parse.Context
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Path → digest of posts that are known: when the bytes are the same, so is the post."""

    @property
    def limit(self) -> float:
        """Seconds that one file may take."""
        return seconds(self.context.content.max_render_time)

    def __len__(self) -> int:
        """Return how many files there are."""
        return len(self.files)

    def part(self, start: int, end: int) -> ToParse:
        """Return the files from ``start`` up to ``end``."""
        return dataclasses.replace(self, files=self.files[start:end])

    def fatal(self, problem: Problem) -> Read:
        """Return the only file as one that is no post."""
        path = self.files[0].path
        return Read(path=path, parsed=refused(path, problem))


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

    @property
    def limit(self) -> float:
        """Seconds that one entry may take."""
        return seconds(self.context.content.max_render_time)

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self.orders)

    def part(self, start: int, end: int) -> ToRender:
        """Return the entries from ``start`` up to ``end``."""
        return dataclasses.replace(self, orders=self.orders[start:end])

    def fatal(self, problem: Problem) -> Rendered:
        """Return the only entry as one that cannot be rendered."""
        path = self.orders[0].post.path
        problem = dataclasses.replace(problem, path=path)
        return Rendered(path=path, changed=False, fragments={}, problems=(problem,), failed=True)


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
    """It ended the process that was to render it; the only one of ``problems`` says how."""


def refused(path: str, problem: Problem) -> posts_parse.Parsed:
    """Return a file as one that is no post, and why."""
    return posts_parse.Parsed(path=path, post=None, problems=(dataclasses.replace(problem, path=path),))


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


def prepare() -> ModuleType:
    """Import what renders entries and return its entrance: a tenth of a second, for those who render and no others."""
    from feedservice.posts import body  # noqa: PLC0415

    return body


def parse_batch(batch: ToParse) -> list[Read]:
    """Read files as posts; one that cannot be read is a problem of its own."""
    return [_parse(found, batch) for found in batch.files]


def _parse(found: Found, batch: ToParse) -> Read:
    context = batch.context
    try:
        # One byte more than is allowed is enough to refuse it, however large it is.
        data = _first_bytes(found.file, context.content.max_post_bytes + 1)
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        problem = Problem(
            rule=UNREADABLE, severity=Severity.ERROR, message=message, hint="check its permissions", path=found.path
        )
        return Read(path=found.path, parsed=posts_parse.Parsed(path=found.path, post=None, problems=(problem,)))
    if found.path in batch.digests and batch.digests[found.path] == posts_parse.digest(data):
        return Read(path=found.path, parsed=None)
    looked = Asked(context.files)
    parsed = posts_parse.parse(Source(path=found.path, data=data), dataclasses.replace(context, files=looked))
    return Read(path=found.path, parsed=parsed, looked=tuple(looked.asked.items()))


def _first_bytes(file: str, most: int) -> bytes:
    """Return the first ``most`` bytes of a file. Raises ``OSError``.

    A file object looks at its file three times before it reads, and makes room for as many bytes as it is asked for: with 100,000
    posts that is seconds.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(descriptor, min(most, _BLOCK))]
        left = most - len(parts[0])
        while left > 0 and parts[-1]:
            parts.append(os.read(descriptor, min(left, _BLOCK)))
            left -= len(parts[-1])
    finally:
        os.close(descriptor)
    return b"".join(parts)


def render_batch(batch: ToRender) -> list[Rendered]:
    """Render entries; the file is read again and must be the one that was parsed."""
    return [_render(order, batch) for order in batch.orders]


def _render(order: Order, batch: ToRender) -> Rendered:
    try:
        data = _first_bytes(order.file, batch.context.content.max_post_bytes + 1)
    except OSError:
        data = b""
    if posts_parse.digest(data) != order.post.digest:
        return Rendered(path=order.post.path, changed=True, fragments={}, problems=())
    asked = Asked(batch.post_urls)
    body = prepare().render(data, order.post, batch.context, post_urls=asked)
    entry = dataclasses.replace(order.entry, html=body.html, summary=body.summary)
    fragments = {
        (profile, name): fragment(entry.id, made)
        for profile in order.profiles
        for name, made in render_all(entry, profile, batch.formats).items()
    }
    shown = entry if order.shown else None
    linked = tuple(asked.asked.items())
    return Rendered(path=order.post.path, changed=False, fragments=fragments, problems=body.problems, entry=shown, linked=linked)


class Workers:
    """Runs batches in this process, or in one or several others; results come in the order of the batches."""

    def __init__(self, count: int, server: ForkServer | None = None, fatal: dict[str, Problem] | None = None) -> None:
        """Remember how many; processes start with the first batch.

        With a ``server`` every post is read and rendered in one of its workers, and one that ends its worker is a problem and no
        more. Without one, a ``count`` of 1 works in this process, and several are of a server of their own. ``fatal`` is
        digest → why, of posts that are known to end a worker when they are rendered: they are taken for no posts.
        """
        self._count = count
        self._server = server
        self._own: ForkServer | None = None
        self._threads: ThreadPoolExecutor | None = None
        self.fatal: dict[str, Problem] = {} if fatal is None else fatal

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes; one that has not done much stays with its server for the next pass."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None
        if self._server is not None:
            self._server.keep(1 if self._count == 1 else 0)
        if self._own is not None:
            self._own.close()
            self._own = self._server = None

    def map(self, work: Callable[[Any], list[Made]], batches: Iterable[Posts[Made]]) -> Iterator[list[Made]]:
        """Yield what ``work`` makes of each batch, one for each post, in order, a few batches computed ahead.

        A post that ends its worker, by taking too long or by a crash, is what ``Posts.fatal`` makes of it.
        """
        if self._count == 1:
            run = work if self._server is None else functools.partial(self._run, self._server, work)
            yield from map(run, batches)
            return
        if self._server is None:
            self._server = self._own = ForkServer(prepare)
        # Before the threads: it is a fork.
        self._server.start()
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="worker")
        waiting: deque[Future[list[Made]]] = deque()
        for batch in batches:
            waiting.append(self._threads.submit(self._run, self._server, work, batch))
            if len(waiting) >= self._count * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _run(
        self, server: ForkServer, work: Callable[[Any], list[Made]], batch: Posts[Made], *, fresh: bool = False
    ) -> list[Made]:
        if not len(batch):
            return []
        worker = server.take(fresh=fresh)
        fresh = worker.fresh
        try:
            made, error = worker.do(work, batch)
        except DiedError as died:
            return self._without(server, work, batch, died.begun, server.end(worker), fresh=fresh)
        server.give(worker)
        if error is not None:
            raise error
        assert made is not None
        return made

    def _without(
        self,
        server: ForkServer,
        work: Callable[[Any], list[Made]],
        batch: Posts[Made],
        begun: int,
        status: int,
        *,
        fresh: bool,
    ) -> list[Made]:
        """Return what became of a batch whose worker has died, at the post that it had begun last.

        Who takes too long is to blame for it. A crash may be the late result of an earlier post, or come from outside: to be
        blamed for one, a post has to crash a worker that has done nothing else.
        """
        if not begun:
            if fresh:
                raise RefusedError("the process that reads posts ended before it read any", "look in the log of the system")
            return self._run(server, work, batch, fresh=True)
        at = begun - 1
        suspect = batch.part(at, at + 1)
        if _too_long(status) or (fresh and not at):
            verdict = [suspect.fatal(problem_of(status, suspect.limit))]
        else:
            verdict = self._run(server, work, suspect, fresh=True)
        before = self._run(server, work, batch.part(0, at))
        return [*before, *verdict, *self._run(server, work, batch.part(begun, len(batch)))]


def _too_long(status: int) -> bool:
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM


def problem_of(status: int, limit: float) -> Problem:
    """Return what is to be said of a post whose process ended so: ``status`` as ``os.waitpid`` has it."""
    if _too_long(status):
        message = f"reading or rendering the post took longer than {limit:g} s"
        hint = "simplify or divide the text, or raise content.max_render_time"
        return Problem(rule="post.render-time", severity=Severity.ERROR, message=message, hint=hint)
    how = f"signal {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else "an error of the program"
    message = f"reading or rendering the post ends the process that does it ({how})"
    hint = "a library has a fault, or memory ran out: take parts of the text away until it works, and report what it was"
    return Problem(rule="post.render-crash", severity=Severity.ERROR, message=message, hint=hint)
