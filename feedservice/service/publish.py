"""One pass: what is in the content directory becomes what is in ``public/``.

::

    scan → parse → name → select → render → assemble → lint → stage ─┬─ all staged → rename → sync
                                                                     └─ refused    → the last good file stays

Nothing is renamed before everything is staged, so a pass that fails half-way changes nothing, and a crash between two renames
leaves whole files that the next pass completes.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from feedservice import dates
from feedservice.config import Loaded
from feedservice.errors import RefusedError
from feedservice.feeds import archives, assemble, ledger, opml, pages, site
from feedservice.feeds.entries import authors
from feedservice.feeds.links import link_values
from feedservice.feeds.pages import Preview
from feedservice.feeds.selection import Reason
from feedservice.feeds.specs import feeds_base
from feedservice.model import Problem, Severity
from feedservice.service import files, guarding, history, ledgerfile, quarantine, render, workers
from feedservice.service.collect import Collected, Progress, collect, content_directory
from feedservice.service.gate import Gate, keep
from feedservice.service.history import Remembered
from feedservice.service.output import Output
from feedservice.service.report import Report, coming
from feedservice.service.workers import Workers
from feedservice.taxonomy import encode_path

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
_TRIES = 3


def silent(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""


def build(loaded: Loaded, *, now: datetime, out: Path, strict: bool = False, progress: Progress = silent) -> Report:
    """Make one pass and return what it did.

    With ``strict`` nothing is written when anything is an error. Raises ``RefusedError`` when nothing could be done: no
    content directory, an output directory that cannot be written, posts that never hold still.
    """
    for _ in range(_TRIES):
        try:
            return _pass(loaded, now=now, out=out, strict=strict, progress=progress)
        except render.ChangedError:
            continue
    raise RefusedError("posts kept changing while they were read", "wait until the program that writes them is done")


def _pass(loaded: Loaded, *, now: datetime, out: Path, strict: bool, progress: Progress) -> Report:
    clock = _Stages()
    config = loaded.config
    withheld: list[str] = []
    seen_file = loaded.root / config.state / "first-seen.json"
    first_seen = _recall(seen_file) if config.content.missing_dates == "first-seen" else {}
    known = ledgerfile.opened(loaded)
    state = loaded.root / config.state
    gate = Gate(state, now=now, served=guarding.served(state), decisions=guarding.decisions(state))
    with Workers(processes(loaded)) as pool, Output(out, config.feeds.compress) as output:
        collected = collect(
            loaded,
            now=now,
            pool=pool,
            first_seen=first_seen,
            progress=progress,
            rows=known.rows.values(),
            served=gate.served,
            rejected=gate.decisions.rejected,
        )
        clock.mark("read")
        problems = [*loaded.problems, *known.problems, *collected.problems]
        taken = archives.blocked(collected.plan.specs, base=feeds_base(config)) if config.feeds.archives else {}
        problems += taken.values()
        keys = [spec.key for spec in collected.plan.specs if spec.key not in taken]
        remembered = history.recall(state, keys) if config.feeds.archives else Remembered(histories=None, inputs={})
        try:
            problems += _feeds(collected, output, pool, progress, withheld, remembered, gate)
            clock.mark("render")
            refused = strict and any(problem.severity is Severity.ERROR for problem in problems)
            if refused:
                output.discard()
            else:
                if first_seen != collected.first_seen:
                    seen = files.stage(seen_file, _remember(collected.first_seen))
                    files.commit(seen)
                if remembered.histories is not None:
                    history.remember_members(state, remembered)
                # Before anybody can read an entry, its id is remembered: a crash in between gives no second one.
                out_now = {each.id for each in collected.live.posts}
                changed = ledger.settle(
                    known.rows.values(), collected.identified, out_now, now=now, broken=collected.broken, held=gate.held_back()
                )
                known.write(changed)
                output.commit()
                if remembered.histories is not None:
                    history.remember_inputs(state, remembered)
                gate.remember()
                shown = {each.post.path: each.post for window in collected.windows.values() for each in window}
                quarantine.keep(state, shown.values(), collected.files, collected.broken)
        except OSError as error:
            message = f"cannot write {error.filename or out}: {error.strerror}"
            raise RefusedError(message, "check permissions and free space; nothing was changed") from error
        clock.mark("write")
        published = () if refused else tuple(output.published)
    return Report(
        posts=len(collected.files),
        live=len(collected.live.posts),
        refused=len(collected.files) - len(collected.named),
        held={reason: sum(held is reason for held in collected.live.held.values()) for reason in Reason},
        feeds=collected.plan.specs,
        published=published,
        withheld=tuple(withheld),
        problems=ordered(problems),
        due=collected.live.due,
        stages=clock.seconds,
        read=len(collected.files),
        coming=coming(collected.named, collected.live.held),
        guarded=tuple(gate.held.values()),
    )


def _feeds(
    collected: Collected,
    output: Output,
    pool: Workers,
    progress: Progress,
    withheld: list[str],
    remembered: Remembered,
    gate: Gate,
) -> list[Problem]:
    """Stage every feed, its aliases and its page, and what lists them; return the problems of making them."""
    config, specs = collected.config, collected.plan.specs
    where = site.places(config, specs)
    page = site.page(config, where)
    previews: list[Preview] = []
    problems: list[Problem] = []
    with_pages = config.feeds.pages
    # By its path alone: the same bytes work on the site's own host, behind another name, and on the machine they are made on.
    stylesheet = encode_path("/" + where.stylesheet) if with_pages else None
    formats = list(config.feeds.formats)
    made_feeds = render.make(
        collected, specs, formats, pool, progress, pages=with_pages, stylesheet=stylesheet, histories=remembered.histories
    )
    newest = max((each.post.updated or each.post.published for each in collected.live.posts), default=assemble.EPOCH)
    for made in made_feeds:
        problems += made.problems
        broken = {problem.path for problem in made.problems if problem.severity is Severity.ERROR}
        found = None if broken else gate.look(made, collected)
        if found is not None:
            problems.append(found)
            withheld += made.spec.paths.values()
            keep(made, config, output, where.previews[made.spec.key] if with_pages else None, remembered)
            if with_pages:
                previews.append(Preview(spec=made.spec, updated=None, entries=(), total=gate.count(made.spec.key)))
            continue
        for document in made.documents:
            if document.path in broken:
                withheld.append(document.path)
                continue
            names = [document.path, *(path for path, name in made.spec.aliases.items() if name == document.format)]
            links = link_values(made.head, document.format)
            for path in names:
                output.put(
                    path,
                    document.body,
                    feed=document.feed,
                    name=document.format,
                    media_type=document.media_type,
                    last_modified=document.last_modified,
                    entries=document.entries,
                    links=links,
                )
        if made.history is not None:
            (remembered.histories or {})[made.spec.key] = made.history
            problems += history.write(made, collected, output, pool, stylesheet=stylesheet, remembered=remembered)
        if with_pages:
            updated = made.head.updated if made.total else None
            shown = Preview(spec=made.spec, updated=updated, entries=made.entries, total=made.total)
            body = pages.preview(page, shown, specs)
            output.put(
                where.previews[made.spec.key],
                body,
                feed=made.spec.key,
                name="html",
                media_type=HTML,
                last_modified=made.head.updated,
            )
            # The index shows titles only: the texts are let go here.
            latest = tuple(dataclasses.replace(entry, html="", summary="") for entry in made.entries[: pages.LATEST])
            previews.append(Preview(spec=made.spec, updated=updated, entries=latest, total=made.total))
    listed = opml.render(config.site.title, specs, owner=authors(config)[0], modified=newest)
    output.put(where.opml, listed, name="opml", media_type="text/x-opml; charset=utf-8", last_modified=newest)
    if with_pages:
        output.put(where.index, pages.index(page, previews), name="html", media_type=HTML, last_modified=newest)
        output.put(where.stylesheet, pages.xml_stylesheet(page, specs), name="css", media_type=CSS, last_modified=newest)
        output.put(where.snippet, pages.snippet(specs), name="snippet", media_type=HTML, last_modified=newest)
    return problems


def check(loaded: Loaded, *, now: datetime, progress: Progress = silent) -> tuple[Problem, ...]:
    """Return every problem of the configuration, of every post, and of every feed as it would be now; nothing is written."""
    for _ in range(_TRIES):
        try:
            with Workers(processes(loaded)) as pool:
                known = ledgerfile.opened(loaded)
                collected = collect(loaded, now=now, pool=pool, first_seen={}, progress=progress, rows=known.rows.values())
                problems = [*loaded.problems, *known.problems, *collected.problems]
                for made in render.make(collected, collected.plan.specs, list(loaded.config.feeds.formats), pool, progress):
                    problems += made.problems
                shown = {each.post.path for window in collected.windows.values() for each in window}
                rest = [each.post.path for each in collected.named if each.post.path not in shown]
                problems += render.every_problem(collected, rest, pool, progress)
                return ordered(problems)
        except render.ChangedError:
            continue
    raise RefusedError("posts kept changing while they were read", "wait until the program that writes them is done")


def one(loaded: Loaded, key: str, name: str, *, now: datetime) -> tuple[bytes, tuple[Problem, ...]]:
    """Return one feed in one format as it would be now. Raises ``RefusedError`` when there is no such feed."""
    with Workers(1) as pool:
        rows = ledgerfile.opened(loaded).rows.values()
        collected = collect(loaded, now=now, pool=pool, first_seen={}, progress=silent, rows=rows)
        spec = next((spec for spec in collected.plan.specs if key in {spec.key, *spec.paths.values()}), None)
        if spec is None:
            keys = ", ".join(spec.key for spec in collected.plan.specs[:20])
            raise RefusedError(f"there is no feed {key!r}", f"the feeds are: {keys}")
        if name not in spec.urls:
            spec = dataclasses.replace(
                spec, urls={**spec.urls, name: next(iter(spec.urls.values()))}, paths={**spec.paths, name: name}
            )
        made = next(render.make(collected, [spec], [name], pool, silent))
        return made.documents[0].body, ordered(made.problems)


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems without repeats, by path and line; errors of a line first."""
    key = {
        problem: (problem.path, problem.line or 0, problem.column or 0, problem.severity, problem.rule) for problem in problems
    }
    return tuple(sorted(key, key=key.__getitem__))


def processes(loaded: Loaded) -> int:
    """Return how many processes to use, from a cheap look at how much there is."""
    folder = content_directory(loaded)
    seen = 0
    for path in folder.rglob("*") if folder.is_dir() else ():
        seen += path.suffix in {".md", ".markdown", ".html"}
        if seen >= workers.WORTH_IT:
            break
    return workers.count_for(seen)


def _recall(path: Path) -> dict[str, datetime]:
    """Return when posts without a date were first seen; a file that is damaged is said so, not forgotten."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): datetime.fromisoformat(text).astimezone(UTC) for name, text in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, TypeError) as error:
        raise RefusedError(
            f"{path} is damaged: {error}", "restore it from a backup, or delete it to date those posts anew"
        ) from error


def _remember(first_seen: Mapping[str, datetime]) -> bytes:
    lines = {path: dates.rfc3339(instant, "UTC") for path, instant in sorted(first_seen.items())}
    return (json.dumps(lines, ensure_ascii=False, indent=1) + "\n").encode()


class _Stages:
    """Seconds per stage, for the report."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now
