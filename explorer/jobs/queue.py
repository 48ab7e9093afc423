"""The order in which runs wait: each has a place, and the smallest goes first. Hold ``submit.lock`` meanwhile."""

from __future__ import annotations

import time

from explorer.home import runs_folder
from explorer.rundir import PRIORITY_S, Priority, RunFolder
from explorer.store import Store

STEP_S = 0.001
"""How far a run lies behind the last one where the clock was set back since that one came."""
BAND_S = PRIORITY_S["low"] / 2
"""How far from its middle a priority reaches: half of what lies between two."""


def behind(priority: Priority) -> float:
    """A place behind all that wait with this priority: the time in seconds in the priority's band, if it is no less."""
    end = PRIORITY_S[priority] + BAND_S
    waiting = (RunFolder(runs_folder() / run).place() for run in reversed(Store().in_state("queued")))
    last = next((place for place in waiting if place < end), float("-inf"))
    return max(time.time() + PRIORITY_S[priority], last + STEP_S)


def between(places: list[float], before: int) -> float:
    """A place that ``before`` of the sorted ``places`` go ahead of."""
    if not places:
        return 0.0
    if before == 0:
        return places[0] - 1
    return places[-1] + 1 if before == len(places) else (places[before - 1] + places[before]) / 2


def hurry(run: str, priority: Priority) -> None:
    """Let a run that waits go ahead where an equal one is asked for with a higher priority."""
    folder, sooner = RunFolder(runs_folder() / run), behind(priority)
    if sooner < folder.place() and folder.snapshot().state == "queued":
        folder.set_place(sooner)
        Store().refresh(run)
