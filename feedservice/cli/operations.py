"""What a running service can be asked and told, by the control socket and over HTTP alike."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feedservice import __version__
from feedservice.cli import announced, output
from feedservice.cli.announced import Announced
from feedservice.cli.figures import figures
from feedservice.cli.front import Front
from feedservice.config.sections import seconds
from feedservice.errors import RefusedError
from feedservice.service import story
from feedservice.service.daemon import Daemon
from feedservice.service.passes import Outcome, Wanted
from feedservice.service.pull import pull
from feedservice.service.report import Report
from feedservice.store import StoreError
from feedservice.web.metrics import Metric

_PROBLEMS = 100
"""Problems that a status names; more are counted."""
_PATIENCE = 3.0
"""Seconds that the store may take to say whether it can be written: whoever asks how it is has little time."""


logger = logging.getLogger("feedservice")


class Operations:
    """Answers for one daemon. Belongs to its event loop."""

    def __init__(self, daemon: Daemon, front: Front) -> None:
        """Begin with nobody asking for the end (``stopping``)."""
        self.daemon = daemon
        self.front = front
        self.stopping = asyncio.Event()
        self.deliver: Callable[[], None] = lambda: None
        """Has the outbox looked at."""
        self.writable: Callable[[], None] = lambda: None
        """Raises ``StoreError`` when nothing can be remembered now; blocks."""
        self.announced: Callable[[], Awaitable[Announced | None]] = _silent
        """Says how announcing goes; None where nobody is told of anything."""
        self._pulling = asyncio.Lock()
        self._asking: asyncio.Future[str | None] | None = None

    async def answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer a question of the control socket."""
        match question["do"]:
            case "status":
                return await self.status()
            case "rebuild":
                wanted = Wanted(reasons=("rebuild",), full=question.get("full") is True, emptied=question.get("emptied") is True)
                asked = self.daemon.ask(wanted)
                return told(await asked, question.get("feeds") or ()) if question.get("wait") is True else {"asked": True}
            case "reload":
                problems = await self.daemon.reload()
                return {"problems": [output.problem_json(problem) for problem in problems]}
            case "deliver":
                self.deliver()
                return {"asked": True}
            case "stop":
                self.stopping.set()
                return {"pid": os.getpid()}
        return {"error": f"{question['do']!r} is nothing that can be asked"}

    async def unready(self) -> list[str]:
        """Return why the service is not ready; nothing when it is."""
        daemon = self.daemon
        state = daemon.loaded.root / daemon.loaded.config.state
        late = daemon.late()
        reasons = [] if daemon.ready else ["the first pass is not done yet" if daemon.report is None else "it is stopping"]
        refusal = await asyncio.to_thread(_unwritable, state)
        forgetful = await self._forgetful() if daemon.report is not None else None
        return reasons + [each for each in (refusal, forgetful, late) if each is not None]

    async def _forgetful(self) -> str | None:
        # A server that is gone without a word answers nobody for a while: one asks it, and all wait for that one.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(asyncio.to_thread(_refusal_of, self.writable))
        await asyncio.wait([self._asking], timeout=_PATIENCE)
        return self._asking.result() if self._asking.done() else "the store does not answer"

    def held(self) -> list[str]:
        """Return the keys of the feeds that the guard holds."""
        report = self.daemon.report
        return [] if report is None else [each.feed for each in report.guarded]

    async def status(self) -> dict[str, Any]:
        """Return everything that a person asks first, as JSON values."""
        daemon, report = self.daemon, self.daemon.report
        unready = await self.unready()
        watcher = daemon.watcher
        told_of = await self.announced()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "config": daemon.loaded.path,
            "since": daemon.began,
            "ready": not unready,
            "unready": unready,
            "serving": list(self.front.urls),
            "listening": list(self.front.place.given),
            "managed": daemon.managed,
            "watching": watcher is not None and watcher.silence is None,
            "not_watching": "schedule.watch is off" if watcher is None else watcher.silence,
            "rescan": daemon.loaded.config.schedule.rescan,
            "passes": daemon.passes.count,
            "failures": daemon.failures,
            "building": list(daemon.passes.running.reasons) if daemon.passes.running is not None else None,
            "last_pass": None if daemon.last is None else _pass(daemon.last),
            "next_change": _next(report),
            "next_look": daemon.timetable.when("rescan"),
            "posts": None if report is None else _posts(report),
            "held": self.held(),
            "configuration_problems": [output.problem_json(problem) for problem in daemon.refused],
            "problems": [] if report is None else [output.problem_json(problem) for problem in report.problems[:_PROBLEMS]],
            "problem_count": 0 if report is None else len(report.problems),
            "feeds": [] if report is None else self._feeds(report),
            "served": self._served(),
            "announcing": None if told_of is None else announced.told(told_of),
        }

    async def reload(self) -> Mapping[str, Any]:
        """Read the configuration anew; ``problems`` are its mistakes."""
        return {"problems": [output.problem_json(problem) for problem in await self.daemon.reload()]}

    async def rebuild(self, *, feeds: Sequence[str], full: bool, reason: str) -> Mapping[str, Any]:
        """Make a pass that begins from now on, and return what it did."""
        return told(await self.daemon.ask(Wanted(reasons=(reason,), full=full)), feeds)

    async def pushed(self) -> Mapping[str, Any]:
        """Fetch what was pushed, if that is wanted, and make a pass."""
        loaded = self.daemon.loaded
        if loaded.config.hooks.pull:
            try:
                async with self._pulling:
                    await pull(loaded.root, within=seconds(loaded.config.hooks.pull_timeout))
            except RefusedError as error:
                logger.error("%s", error)  # noqa: TRY400  -- an expected failure; there is nothing in a traceback
                return {"error": str(error), "hint": error.hint}
        return await self.rebuild(feeds=(), full=False, reason="push")

    async def figures(self) -> Sequence[Metric]:
        """Return the numbers for Prometheus."""
        found = figures(self.daemon, self.front, ready=not await self.unready())
        told_of = await self.announced()
        return found if told_of is None else [*found, *announced.numbers(told_of)]

    def _feeds(self, report: Report) -> list[dict[str, Any]]:
        counted = self.front.desk.counts.tally.feeds if self.front.desk is not None else {}
        return [
            {
                "key": spec.key,
                "title": spec.title,
                "urls": dict(spec.urls),
                "requests": counted[spec.key].requests if spec.key in counted else 0,
            }
            for spec in report.feeds
        ]

    def _served(self) -> dict[str, Any]:
        if self.front.desk is None:
            return {}
        tally = self.front.desk.counts.tally
        feeds = tally.feeds.values()
        requests = sum(feed.requests for feed in feeds)
        unmodified = sum(feed.not_modified for feed in feeds)
        return {
            "since": tally.since,
            "requests": requests,
            "not_modified": unmodified,
            "not_modified_share": round(unmodified / requests, 3) if requests else None,
            "bytes": sum(feed.sent for feed in feeds),
        }


async def _silent() -> None:
    """Say nothing of announcing."""


def told(outcome: Outcome, feeds: Sequence[str] = ()) -> dict[str, Any]:
    """Return what became of a pass as JSON values; with ``feeds`` only what concerns these, and which of them there are not."""
    report = outcome.report
    if report is None:
        return {"error": outcome.refusal, "hint": outcome.hint}
    known = {spec.key for spec in report.feeds}
    unknown = [key for key in feeds if key not in known]
    changed = [each for each in report.published if each.changed and (not feeds or each.feed in feeds)]
    return {
        **_pass(outcome),
        "feeds_changed": [key for key in story.feeds_changed(report) if not feeds or key in feeds],
        "files": [{"path": each.path, "feed": each.feed, "format": each.format, "bytes": each.size} for each in changed],
        "posts": _posts(report),
        "unknown": unknown,
        "hint": f"the feeds are: {', '.join(sorted(known)[:20])}" if unknown else None,
        "withheld": list(report.withheld),
        "held": [each.feed for each in report.guarded],
        "problems": [output.problem_json(problem) for problem in report.problems],
        "errors": report.errors,
        "next_change": _next(report),
        "text": story.told(outcome),
    }


def _pass(outcome: Outcome) -> dict[str, Any]:
    report = outcome.report
    return {
        "number": outcome.number,
        "reasons": list(outcome.wanted.reasons),
        "at": outcome.began,
        "seconds": round(outcome.took, 4),
        "refusal": outcome.refusal or None,
        "hint": outcome.hint or None,
        **(
            {}
            if report is None
            else {
                "stages": {name: round(took, 4) for name, took in report.stages.items()},
                "feeds_changed": story.feeds_changed(report),
                "files_written": sum(each.changed for each in report.published),
                "read": report.read,
                "rendered": report.rendered,
            }
        ),
    }


def _posts(report: Report) -> dict[str, Any]:
    held = {reason.value: count for reason, count in report.held.items() if count}
    return {"files": report.posts, "published": report.live, "refused": report.refused, "held": held}


def _next(report: Report | None) -> dict[str, Any] | None:
    if report is None or report.due is None:
        return None
    first = report.coming[0] if report.coming else None
    about = {} if first is None else {"path": first.path, "title": first.title, "what": first.what.value}
    return {"at": report.due, **about}


def _refusal_of(write: Callable[[], None]) -> str | None:
    try:
        write()
    except StoreError as error:
        return f"the store cannot be written: {error}"
    return None


def _unwritable(state: Path) -> str | None:
    """Try to write to the state directory; return why that cannot be."""
    probe = state / ".probe"
    try:
        probe.write_text(datetime.now(UTC).isoformat(), encoding="ascii")
        probe.unlink()
    except OSError as error:
        return f"the state directory cannot be written: {error.strerror}"
    return None
