"""The process in which latency is timed: ``python -m explorer.measure.latency_process SPECIFICATION ANSWER``.

Baseline, a second copy of the baseline (the control) and the variant are loaded side by side. After a warm-up each
round calls each of them once, in a fresh random order: what slows the machine for a while slows all three, and none
always runs in the wake of the same neighbour.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from explorer.measure.load import ForeignLoad
from explorer.measure.process import serve
from explorer.measure.runners import open_runner
from explorer.models.preprocess import Preprocessor

Calls = dict[str, Callable[[], object]]

WARM_UP_WINDOW = 3
WARM_UP_SECONDS = 2.0
STABLE_WITHIN = 0.05


def measure(specification: dict[str, Any]) -> dict[str, Any]:
    """Time all contestants at every shape: nanoseconds of each call by contestant, in the order of the rounds."""
    folders = {name: Path(folder) for name, folder in specification["folders"].items()}
    target, threads = specification["target"], specification["threads"]
    runners = {name: open_runner(folder, target, threads) for name, folder in folders.items()}
    preprocessors = {name: Preprocessor.load(folder) for name, folder in folders.items()}
    shapes = []
    for batch, sequence in specification["shapes"]:
        calls = {name: runners[name].bind(preprocessors[name].dummy(batch, sequence)) for name in folders}
        warm_up(calls)
        load = ForeignLoad()
        times = time_rounds(calls, specification)
        shapes.append({"times_ns": times, "foreign_cores": load.cores()})
    return {"shapes": shapes}


def warm_up(calls: Calls) -> None:
    """Call all until the medians of two windows in a row agree for each, or the time for it is over."""
    end = time.perf_counter() + WARM_UP_SECONDS
    earlier: dict[str, float] = {}
    while True:
        window: dict[str, list[int]] = {name: [] for name in calls}
        for _ in range(WARM_UP_WINDOW):
            for name, call in calls.items():
                window[name].append(_timed(call))
            if time.perf_counter() > end:
                return
        medians = {name: statistics.median(times) for name, times in window.items()}
        stable = all(abs(medians[name] / earlier.get(name, 1.0) - 1) < STABLE_WITHIN for name in calls)
        if earlier and stable:
            return
        earlier = medians


def time_rounds(calls: Calls, limits: dict[str, Any]) -> dict[str, list[int]]:
    """Rounds until both the fewest repeats and the fewest seconds are reached, or the most seconds are over."""
    order, shuffle = list(calls), random.Random(limits["seed"]).shuffle
    times: dict[str, list[int]] = {name: [] for name in calls}
    gc.collect()
    gc.disable()
    start = time.perf_counter()
    rounds, elapsed = 0, 0.0
    while elapsed < limits["max_seconds"] and (rounds < limits["min_repeats"] or elapsed < limits["min_seconds"]):
        shuffle(order)
        for name in order:
            times[name].append(_timed(calls[name]))
        rounds, elapsed = rounds + 1, time.perf_counter() - start
    gc.enable()
    return times


def _timed(call: Callable[[], object]) -> int:
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


if __name__ == "__main__":
    serve(measure)
