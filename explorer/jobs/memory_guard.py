"""The memory guard: a run starts or goes on only where what it is expected to take fits beside the runs at work.

What a run is expected to take is in its request (``memory_bytes``, see ``planning.memory_bytes``); one without it
always fits.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from explorer.errors import BadInput
from explorer.jobs import processes
from explorer.rundir import RunFolder

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_KILLS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"), Path("/proc/vmstat"))
_USES = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))


def total_bytes() -> int:
    """What all runs together may take: ``EXPLORER_MEMORY_GB``, else what this machine or its container has."""
    given = os.environ.get("EXPLORER_MEMORY_GB")
    if given:
        try:
            return int(float(given) * 1e9)
        except ValueError:
            raise BadInput(f"EXPLORER_MEMORY_GB is '{given}'; expected is a number of gigabytes.") from None
    limits = [limit for path in _LIMITS if (limit := _number(path)) is not None]
    return min([psutil.virtual_memory().total, *limits])


def free_bytes(running: Sequence[RunFolder]) -> int:
    """What a run that starts now can have: what is free, less what those that run are still expected to take."""
    expected = [(_expected(folder), _taken(folder)) for folder in running]
    still = sum(max(need - taken, 0) for need, taken in expected)
    if os.environ.get("EXPLORER_MEMORY_GB"):
        return total_bytes() - sum(max(need, taken) for need, taken in expected)
    free = psutil.virtual_memory().available
    for limit, used in zip(map(_number, _LIMITS), map(_number, _USES), strict=True):
        if limit is not None and used is not None:
            free = min(free, limit - used)
    return free - still


def obstacle(folder: RunFolder, running: Sequence[RunFolder]) -> str | None:
    """Why the run has to wait for memory; None where it fits or nothing else runs that could make room.

    One that rests has what it took already, and runs that rest make no room for one another.
    """
    others = [other for other in running if other.run != folder.run]
    if not _expected(folder) or all(folder.pause_requested and other.pause_requested for other in others):
        return None
    missing = -free_bytes([*others, folder])
    if missing <= 0:
        return None
    need = max(_expected(folder), _taken(folder))
    free = max(need - missing, 0)
    return f"waits for memory: it takes about {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"


def kills() -> int | None:
    """How many processes this machine or container ended for lack of memory so far; None where it does not say."""
    for path in _KILLS:
        with suppress(OSError):
            for name, number in (line.split() for line in path.read_text().splitlines()):
                if name == "oom_kill":
                    return int(number)
    return None


def was_short(mark: dict[str, Any] | None) -> bool:
    """Whether processes were ended for lack of memory since the worker with this mark claimed its run."""
    if mark is None or not processes.same_boot(mark):
        return False
    before, now = mark.get("memory_kills"), kills()
    return isinstance(before, int) and now is not None and now > before


def check_fits(need_bytes: int) -> None:
    """Raise ``BadInput`` for a run that could never start here."""
    if need_bytes > (total := total_bytes()):
        raise BadInput(
            f"This run takes about {need_bytes / 1e9:.1f} GB of memory, and all runs here may take "
            f"{total / 1e9:.1f} GB together (EXPLORER_MEMORY_GB sets the limit); choose a smaller model or another "
            "machine."
        )


def _expected(folder: RunFolder) -> int:
    request: dict[str, Any] = folder.request() or {}
    need = request.get("memory_bytes")
    return int(need) if isinstance(need, (int, float)) else 0


def _taken(folder: RunFolder) -> int:
    taken = 0
    for process in processes.family(folder.worker()):
        try:
            taken += int(process.memory_info().rss)
        except psutil.Error:
            continue  # it ended while we looked
    return taken


def _number(path: Path) -> int | None:
    """What a file of the container's limits says; None where there is none, or no limit ("max")."""
    try:
        value = int(path.read_text())
    except (OSError, ValueError):
        return None
    return value if value < 1 << 60 else None
