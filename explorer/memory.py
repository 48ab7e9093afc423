"""Giving memory back to the system: what the C library keeps for later is memory that no other job can use."""

from __future__ import annotations

import ctypes
import gc
import platform
import time
from functools import cache
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Parameters of ``mallopt`` from glibc's ``malloc.h``: what is given back, what is mapped, how many heaps."""
LARGE_BYTES = 1 << 20
MANY = 1000
COLLECT_EVERY_S = 5.0
_aside = 0
_collected = 0.0


def release() -> None:
    """Collect garbage and give freed pages back; on systems without glibc only the first."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


def collect() -> None:
    """Collect garbage, unless that was done less than ``COLLECT_EVERY_S`` ago: nothing else goes on meanwhile."""
    global _collected
    if time.monotonic() - _collected >= COLLECT_EVERY_S:
        gc.collect()
        _collected = time.monotonic()


def set_aside(rows: int) -> None:
    """Spare so many rows, which stay, the search for garbage after each run of a page.

    It would take 0.1 s for 10,000 of them, in which no page is served. Does nothing until there are ``MANY`` more.
    """
    global _aside
    if rows >= _aside + MANY:
        _aside = rows
        gc.unfreeze()
        release()
        gc.freeze()


def keep_small() -> None:
    """Let all threads share one heap, since each keeps what was once freed, and give large pieces back at once.

    Left to itself, glibc takes the first large piece that is freed for a sign that more will come, and keeps room for
    such from then on: a report of 5 MB and its copies stayed 40 MB of the process. Does nothing without glibc.
    """
    library = _glibc()
    if library is not None:
        library.mallopt(M_ARENA_MAX, 1)
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)


@cache
def _glibc() -> Any:
    """The C library where it is glibc, else None."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
