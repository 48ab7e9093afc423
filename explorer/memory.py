"""Giving memory back to the system: what the C library keeps for later is memory that no other job can use."""

from __future__ import annotations

import ctypes
import gc
import platform
from functools import cache
from typing import Any

M_ARENA_MAX = -8
"""The parameter of ``mallopt`` that limits the separate heaps of threads, from glibc's ``malloc.h``."""
MANY = 1000
_aside = 0


def release() -> None:
    """Collect garbage and give freed pages back; on systems without glibc only the first."""
    gc.collect()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


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


def share_heaps(most: int) -> None:
    """Let all threads share at most this many heaps; does nothing without glibc. Each keeps what was once freed."""
    library = _glibc()
    if library is not None:
        library.mallopt(M_ARENA_MAX, most)


@cache
def _glibc() -> Any:
    """The C library where it is glibc, else None."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None
