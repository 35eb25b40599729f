"""What the C library does with memory that was freed: whether it keeps it for the next one who asks, or gives it back.

glibc decides by what it has seen, and for these programs it decides badly both ways. A worker frees megabytes with every batch
and asks for them again at once, and each of their pages has to be made anew by the system. The service makes a thousand documents
once and then none for days, and keeps the memory of each of its threads. Other libraries have no such settings; with them nothing
is done, and nothing is lost but that.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""``mallopt(3)``."""
_MEGABYTE = 1 << 20


def keep() -> None:
    """Keep what is freed: for a process that ends soon."""
    _set({_TRIM_THRESHOLD: 64 * _MEGABYTE, _MMAP_THRESHOLD: 32 * _MEGABYTE})


def give_back() -> None:
    """Give back what is freed, but for what the next small pass needs, and let all threads share one heap: for the service.

    Bodies of large documents and what compresses them come from the heap too: the system would have to make their pages anew for
    each one, and there are dozens in a pass.
    """
    _set({_TRIM_THRESHOLD: 4 * _MEGABYTE, _MMAP_THRESHOLD: 8 * _MEGABYTE, _ARENA_MAX: 1})


def give_back_now() -> None:
    """Give back what lies free between what is used."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _set(settings: dict[int, int]) -> None:
    mallopt = _function("mallopt")
    if mallopt is not None:
        for name, value in settings.items():
            mallopt(name, value)


def _function(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None)
