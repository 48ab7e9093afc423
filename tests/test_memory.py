"""Memory that was freed goes back to the system, and what stays is not looked through again and again."""

import gc
import platform
import subprocess
import sys

import numpy as np
import psutil
import pytest

from explorer import memory

GLIBC = platform.libc_ver()[0] == "glibc"


@pytest.mark.skipif(not GLIBC, reason="only glibc keeps freed pages that one can ask back")
def test_release_gives_freed_pages_back() -> None:
    def resident() -> int:
        return int(psutil.Process().memory_info().rss)

    blocks = [np.ones(60_000, dtype=np.uint8) for _ in range(4_000)]  # too small to be mapped one by one
    last = blocks[-1]  # stands at the top of the heap, so that freeing the others alone gives nothing back
    del blocks
    before = resident()
    memory.release()
    assert before - resident() > 100e6 and last.any()


LARGE = """
import psutil
from explorer import memory

if {small}:
    memory.keep_small()
first = bytearray(20_000_000)
del first  # from now on glibc takes large pieces from its heap
before = psutil.Process().memory_info().rss
pairs = [(bytearray(b"1") * 5_000_000, bytearray(b"1") * 100_000) for _ in range(8)]
kept = [small for _, small in pairs]
del pairs
print((psutil.Process().memory_info().rss - before) / 1e6)
"""


@pytest.mark.skipif(not GLIBC, reason="only glibc keeps room for large pieces")
@pytest.mark.parametrize(("small", "least", "most"), [(False, 20, 45), (True, 0, 10)])
def test_large_pieces_are_given_back_when_they_are_freed(small: bool, least: float, most: float) -> None:
    code = LARGE.format(small=small)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert least <= float(said.stdout) <= most


def test_without_glibc_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    memory._glibc.cache_clear()
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    try:
        assert memory._glibc() is None
        memory.release()
        memory.keep_small()
    finally:
        memory._glibc.cache_clear()


def test_rows_that_stay_are_not_looked_through_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_aside", 0)
    rows = [[number] for number in range(5_000)]
    try:
        memory.set_aside(memory.MANY - 1)
        assert gc.get_freeze_count() == 0, "few rows are not worth it"
        memory.set_aside(len(rows))
        count = gc.get_freeze_count()
        assert count > len(rows)
        memory.set_aside(len(rows) + 1)
        assert gc.get_freeze_count() == count, "nor is a row more"
    finally:
        gc.unfreeze()


def test_garbage_is_collected_once_in_some_seconds(monkeypatch) -> None:
    now, collected = [1000.0], []
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(memory.gc, "collect", lambda: collected.append(now[0]))
    monkeypatch.setattr(memory, "_collected", 0.0)
    for now[0] in (1000.0, 1001.0, 1004.9, 1005.0, 1006.0):
        memory.collect()
    assert collected == [1000.0, 1005.0]
