"""The memory guard: a run starts or goes on only where what it is expected to take is free.

What a run is expected to take is in its request (``memory_bytes``, see ``planning.memory_bytes``). One of a hub model
that was not on this machine has no figure: its worker weighs it once the model is here, and waits where it must.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from explorer.errors import BadInput, NeverFits
from explorer.jobs import processes
from explorer.rundir import MEMORY, RunFolder, finite, write_whole

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_KILLS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"), Path("/proc/vmstat"))
LOOK_S = 2.0
"""How often a worker that waits for memory looks whether it is free."""
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
    """Why the run has to wait for memory; None where it fits. Raises ``NeverFits`` for one that could not fit alone.

    One that rests has what it took already, and runs that rest make no room for one another.
    """
    others, rests = [other for other in running if other.run != folder.run], folder.pause_requested
    if not _expected(folder) or (rests and all(other.pause_requested for other in others)):
        return None
    if not rests:
        check_fits(_expected(folder))
    missing = -free_bytes([*others, folder])
    if missing <= 0:
        return None
    need = max(_expected(folder), _taken(folder))
    free = max(need - missing, 0)
    reason = f"waits for memory: it takes about {need / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
    return reason if others else f"{reason}; close other programs"


def weigh(folder: RunFolder, need_bytes: int, report: Callable[[str], None]) -> None:
    """Write down what a run takes that nobody knew when it was launched, and wait until that is free.

    Raises ``NeverFits``. ``report`` gets the sentence for why it waits.
    """
    write_whole(folder.path / MEMORY, json.dumps({"memory_bytes": need_bytes}))
    while (reason := obstacle(folder, [])) is not None:
        report(reason)
        time.sleep(LOOK_S)


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
    """Raise ``NeverFits`` for a run that could never start here."""
    if need_bytes > (total := total_bytes()):
        raise NeverFits(
            f"This run takes about {need_bytes / 1e9:.1f} GB of memory, and all runs here may take "
            f"{total / 1e9:.1f} GB together (EXPLORER_MEMORY_GB sets the limit); choose a smaller model or another "
            "machine."
        )


def _expected(folder: RunFolder) -> int:
    need = (folder.request() or {}).get("memory_bytes")
    if need is None:
        with suppress(OSError, ValueError, AttributeError):  # it was not weighed later either
            need = json.loads((folder.path / MEMORY).read_bytes()).get("memory_bytes")
    return int(finite(need) or 0)


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
