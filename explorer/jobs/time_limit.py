"""How long a run may take: its time limit, against the time for which it was at work.

What was counted is written down in the run's folder (``time.json``), so that the next supervisor goes on from there,
also on another machine. What the run did while there was none, its events tell.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import psutil

from explorer.jobs import processes
from explorer.rundir import FINISHED, TIME, RunFolder, finite, write_whole

LOOK_S = 1.0
KEEP_S = 10.0
"""How much more time is counted before it is written down."""


class Clock:
    """Adds up a run's time; ``limit_s`` None is no limit, ``elapsed_s`` what it had before this clock started."""

    def __init__(self, limit_s: float | None, elapsed_s: float = 0.0) -> None:
        self.limit_s, self.elapsed_s = limit_s, elapsed_s
        self.looked = time.monotonic()
        self.kept_s = elapsed_s

    @classmethod
    def of(cls, folder: RunFolder) -> Clock:
        """The clock of a run that goes on, with the time that it was at work until now."""
        limit = finite((folder.request() or {}).get("time_limit_s"))
        return cls(None) if limit is None else cls(limit, _at_work_s(folder))

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

    def keep(self, folder: RunFolder) -> None:
        """Write down what was counted, now and then."""
        if self.elapsed_s - self.kept_s < KEEP_S:
            return
        self.kept_s = self.elapsed_s
        note = {"at_work_s": self.elapsed_s, "time": time.time(), "since_boot": _since_boot()}
        with suppress(OSError):  # until there is room again
            write_whole(folder.path / TIME, json.dumps({**note, "boot_id": processes.boot_id()}))


def _at_work_s(folder: RunFolder) -> float:
    """What was written down, and how long the run was at work after that; the whole of it where nothing was."""
    note = _note(folder)
    found = note or {"at_work_s": 0.0, "time": 0.0}
    since = _worked_s(folder, found["time"])
    start = note or _of_claim(folder.worker() or {})
    if start and processes.same_boot(start):  # by a clock that nobody sets
        since = min(since, max(_since_boot() - float(start["since_boot"]), 0.0))
    return float(found["at_work_s"]) + since


def _worked_s(folder: RunFolder, since: float) -> float:
    """For how many seconds after the moment ``since`` the run was at work, as its events say; a rest is none."""
    total, moment, works = 0.0, since, False
    for event in folder.events():
        told = finite(event.get("time"))
        if told is None:
            continue
        at = max(told, since)
        total += max(at - moment, 0.0) if works else 0.0
        moment = at
        works = event.get("stage") != "wait" and event.get("state") not in FINISHED
    return total + (max(time.time() - moment, 0.0) if works and not folder.pause_requested else 0.0)


def _note(folder: RunFolder) -> dict[str, Any] | None:
    try:
        note = json.loads((folder.path / TIME).read_bytes())
        numbers = {name: float(note[name]) for name in ("at_work_s", "time", "since_boot")}
        return {**numbers, "boot_id": note["boot_id"]}
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _of_claim(mark: dict[str, Any]) -> dict[str, Any] | None:
    claimed = finite(mark.get("claimed_since_boot"))
    return None if claimed is None else {**mark, "since_boot": claimed}


def _since_boot() -> float:
    return time.time() - psutil.boot_time()
