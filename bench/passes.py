"""Measure the passes of a service that has nothing to do but to build, and print a table.

    python bench/passes.py 1k 10k

Per size, each in a process of its own: the first pass over a site; a restart with nothing changed, from the start of the process
to the end of its first pass; and passes after a post of the newest feed was saved, from the saved post to its bytes on disk, told
what changed as the watcher tells it. Memory is that of the process (VmRSS) at its end.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from make_corpus import PER_FOLDER, make

BENCH = Path(__file__).parent
ROUNDS = 40


def resident() -> float:
    """Return the resident memory of this process in megabytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))
    return 0.0


def passes(corpus: Path, posts: int, what: str) -> None:
    """Be the process that is measured; print its numbers."""
    from feedservice.cli.engine import engine_of  # noqa: PLC0415 - importing is a part of a restart
    from feedservice.config import load  # noqa: PLC0415
    from feedservice.service.forkserver import ForkServer  # noqa: PLC0415
    from feedservice.service.workers import prepare  # noqa: PLC0415

    loaded = load(corpus / "config.yaml", {})
    with ForkServer(prepare) as server, contextlib.closing(engine_of(loaded, server)) as engine:
        engine.build(loaded, now=datetime.now(UTC))
        if what != "save":
            print(resident())
            return
        name = f"posts/{(posts - 1) // PER_FOLDER:03d}/post-{posts - 1:06d}.md"
        file = corpus / "content" / name
        original = file.read_bytes()
        took: list[float] = []
        for number in range(ROUNDS):
            file.write_bytes(original + f"\nSaved {number} times.\n".encode())
            start = time.perf_counter()
            engine.build(loaded, now=datetime.now(UTC), paths=[name])
            took.append((time.perf_counter() - start) * 1000)
        file.write_bytes(original)
        engine.build(loaded, now=datetime.now(UTC), paths=[name])
        print(statistics.median(took), max(took), resident())


def measured(corpus: Path, posts: int, what: str) -> tuple[float, list[float]]:
    """Run a process; return its seconds and what it printed."""
    start = time.perf_counter()
    command = [sys.executable, str(Path(__file__)), "--as", what, "--work", str(corpus.parent), str(posts)]
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - start, [float(word) for word in found.stdout.split()]


def compare(posts: int, work: Path) -> None:
    """Measure one size and print its row."""
    corpus = work / str(posts)
    if not (corpus / "made").exists():
        shutil.rmtree(corpus, ignore_errors=True)
        make(corpus, posts)
        (corpus / "made").touch()
    for folder in ("public", ".feedservice"):
        shutil.rmtree(corpus / folder, ignore_errors=True)
    first, _ = measured(corpus, posts, "first")
    restarts = [measured(corpus, posts, "restart") for _ in range(3)]
    _, (median, worst, memory) = measured(corpus, posts, "save")
    again = statistics.median(seconds for seconds, _ in restarts)
    print(f"| {posts:>7,} | {first:>9.2f} | {again:>11.2f} | {median:>12.0f} | {worst:>8.0f} | {memory:>6.0f} |", flush=True)


def size(text: str) -> int:
    """Read ``10k`` as 10000."""
    return int(text.lower().removesuffix("k")) * (1000 if text.lower().endswith("k") else 1)


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description="Measure the passes of a service.")
    parser.add_argument("sizes", nargs="*", type=size, default=[1000, 10_000], help="numbers of posts, such as 1k 10k 100k")
    parser.add_argument("--work", type=Path, default=BENCH / "work", help="where corpora are kept between runs")
    parser.add_argument("--as", dest="what", choices=["first", "restart", "save"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.what:
        passes(arguments.work / str(arguments.sizes[0]), arguments.sizes[0], arguments.what)
        return
    print("|   posts | first (s) | restart (s) | save p50, ms | max (ms) |     MB |")
    print("|--------:|----------:|------------:|-------------:|---------:|-------:|")
    for posts in arguments.sizes:
        compare(posts, arguments.work)


if __name__ == "__main__":
    main()
