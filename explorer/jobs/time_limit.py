"""How long a run may take: its time limit, against the time for which it was at work."""

from __future__ import annotations

import time
from typing import Any

import psutil

from explorer.jobs import processes
from explorer.rundir import RunFolder

LOOK_S = 1.0


class Clock:
    """Adds up a run's time; ``limit_s`` None is no limit, ``elapsed_s`` what it had before this clock started."""

    def __init__(self, limit_s: float | None, elapsed_s: float = 0.0) -> None:
        self.limit_s, self.elapsed_s = limit_s, elapsed_s
        self.looked = time.monotonic()

    @classmethod
    def of(cls, folder: RunFolder) -> Clock:
        """The clock of a run that goes on; time counts from its worker's claim where that was on this machine."""
        limit = (folder.request() or {}).get("time_limit_s")
        mark = folder.worker() or {}
        return cls(float(limit) if isinstance(limit, (int, float)) else None, _since_claim(mark))

    @property
    def reason(self) -> str:
        """The sentence for a run that is ended by its limit."""
        limit_s = self.limit_s or 0
        limit = f"{limit_s / 60:g} min" if limit_s >= 60 else f"{limit_s:g} s"
        return f"it took longer than its limit of {limit}; give it more time or make it smaller"

    @property
    def due(self) -> bool:
        """Whether there is a limit to look at, which is done once a second."""
        return self.limit_s is not None and time.monotonic() - self.looked >= LOOK_S

    def is_over(self, paused: bool) -> bool:
        """Whether the limit is reached; the time since the last call counts unless the run was ``paused`` or waited."""
        now = time.monotonic()
        self.elapsed_s += 0.0 if paused else now - self.looked
        self.looked = now
        return self.limit_s is not None and self.elapsed_s > self.limit_s


def _since_claim(mark: dict[str, Any]) -> float:
    claimed = mark.get("claimed_since_boot")
    if not isinstance(claimed, (int, float)) or not processes.same_boot(mark):
        return 0.0
    return max(0.0, time.time() - psutil.boot_time() - float(claimed))
