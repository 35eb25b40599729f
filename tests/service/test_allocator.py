"""What is freed goes back to the system: asked of a process of its own, whose memory nobody else touches."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from feedservice.service import allocator

MEGABYTE = 1 << 20

PROGRAM = """
from pathlib import Path
from feedservice.service import allocator

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

{before}
# Nine in ten are freed; the tenth keeps the heap from shrinking.
blocks = [bytes(1000) for _ in range(100_000)]
full = resident()
blocks = blocks[::10]
freed = resident()
allocator.give_back_now()
print(full, freed, resident(), len(blocks))
"""

glibc = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library has no malloc_trim")


@glibc
@pytest.mark.parametrize("before", ["allocator.keep()", "allocator.give_back()"])
def test_what_lies_free_between_what_is_used_goes_back(before: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(before=before)], capture_output=True, text=True, check=True)
    full, freed, given_back, left = map(int, done.stdout.split())
    assert left == 10_000
    assert full - freed < 30 * MEGABYTE
    assert freed - given_back > 30 * MEGABYTE


def test_a_library_without_these_settings_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other:
        """A C library that has neither."""

    monkeypatch.setattr(ctypes, "CDLL", lambda _name: Other())
    allocator.keep()
    allocator.give_back()
    allocator.give_back_now()
