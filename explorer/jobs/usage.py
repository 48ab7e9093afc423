"""What a running job takes of this machine, all its processes together."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psutil

from explorer.home import runs_folder
from explorer.jobs import processes
from explorer.labels import needed
from explorer.measure.targets import availability
from explorer.rundir import RunFolder

KEPT = 64
_before: dict[str, tuple[float, float]] = {}
"""By run, when it was last looked at and the processor time in seconds that its processes had had by then."""


@dataclass(frozen=True)
class Usage:
    """``rss_bytes`` of memory, and how many ``cores`` were busy since the last look, None at the first one."""

    rss_bytes: int
    cores: float | None


def usage(run: str) -> Usage | None:
    """What the run's worker and everything that it started take now; None where nothing of it runs."""
    family = processes.family(RunFolder(runs_folder() / run).worker())
    memory, seconds = 0, 0.0
    for process in family:
        try:
            times = process.cpu_times()
            seconds += times.user + times.system
            memory += process.memory_info().rss
        except psutil.Error:
            continue  # it ended while we looked
    if not memory:
        return None
    now, before = time.monotonic(), _before.get(run)
    if len(_before) > KEPT:
        _before.clear()
    _before[run] = now, seconds
    return Usage(memory, _cores(before, now, seconds))


def is_elsewhere(run: str) -> bool:
    """Whether the run was given to a cluster, whose processes are not seen from here."""
    return RunFolder(runs_folder() / run).elsewhere


def uses_gpu(recipe: dict[str, Any]) -> bool:
    """Whether a run of this recipe has work for this machine's NVIDIA GPU: training, gradients, or a target there."""
    targets = {target for target in recipe.get("targets", ()) if str(target).startswith("cuda")}
    if needed(recipe) & {"training", "gradients"}:
        targets.add("cuda-torch")
    return any(availability(target) is None for target in targets)


def _cores(before: tuple[float, float] | None, now: float, seconds: float) -> float | None:
    """Processes that ended take their time with them: a sum that fell says nothing."""
    if before is None or now <= before[0] or seconds < before[1]:
        return None
    return (seconds - before[1]) / (now - before[0])
