"""The process in which latency is timed: ``python -m explorer.measure.latency_process SPECIFICATION ANSWER``.

Baseline, a second copy of the baseline (the control) and the variant are loaded side by side. After a warm-up each of
them has a short turn in each round, in a fresh random order: what slows the machine for a while slows all three, and
none always runs in the wake of the same neighbour. The first call of a turn is not timed, since it finds the caches
full of the neighbour's weights. The process keeps to its own processors where the system allows.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from explorer.errors import Unavailable
from explorer.measure.energy import EnergyCounter
from explorer.measure.host import gpu_state, pin
from explorer.measure.load import LoadMeter, bearable_cores
from explorer.measure.process import serve
from explorer.measure.runners import Runner, open_runner
from explorer.measure.shapes import REAL, pick_batches
from explorer.measure.targets import targets
from explorer.models.preprocess import ImagePreprocessor, Preprocessor

Calls = dict[str, list[Callable[[], int]]]
"""By contestant: one call per batch of inputs, each of which runs it and returns its nanoseconds."""

WARM_UP_WINDOW = 3
WARM_UP_SECONDS = 2.0
STABLE_WITHIN = 0.05
TURN_SECONDS = 0.05
MOST_CALLS_PER_TURN = 16
ENERGY_SECONDS = 1.0
REASON_LETTERS = 200


def measure(specification: dict[str, Any]) -> dict[str, Any]:
    """Time all contestants at every shape: nanoseconds of each call by contestant, in the order of the rounds.

    A shape whose images a runtime does not take has the reason under ``refused`` instead.
    """
    target, threads = specification["target"], specification["threads"]
    processors = pin(threads) if targets()[target].device == "cpu" else None
    folders = {name: Path(folder) for name, folder in specification["folders"].items()}
    runners = {name: open_runner(folder, target, threads, by_events=True) for name, folder in folders.items()}
    preprocessors = {name: Preprocessor.load(folder) for name, folder in folders.items()}
    shapes: list[dict[str, Any]] = []
    calls: Calls = {}
    for batch, sequence in specification["shapes"]:
        refusal = _refusal(runners, preprocessors, (batch, sequence))
        if refusal is not None:
            shapes.append({"refused": refusal})
            continue
        texts = pick_batches(specification["inputs"], batch, specification["seed"]) if sequence == REAL else []
        calls, tokens = {}, 0.0
        for name, runner in runners.items():
            calls[name], tokens = _calls(runner, preprocessors[name], (batch, sequence), texts)
        shapes.append(_timed_shape(calls, specification) | {"tokens": tokens})
    gpu = gpu_state() if targets()[target].device == "cuda" else None
    energy = _energy(calls, targets()[target].device) if calls else {"kind": "unavailable", "reason": "no shape ran"}
    facts = {name: getattr(runners["variant"], name) for name in ("provider", "precision", "clock")}
    facts["baseline_precision"] = runners["baseline"].precision
    return {"shapes": shapes, "processors": processors, "gpu": gpu, "energy": energy, **facts}


def _refusal(runners: dict[str, Runner], preprocessors: dict[str, Preprocessor], shape: tuple[int, int]) -> str | None:
    """Why images of a size that is not the model's own do not run here; runtimes find out at the first call only."""
    for name, runner in runners.items():
        preprocessor = preprocessors[name]
        if not isinstance(preprocessor, ImagePreprocessor) or shape[1] == preprocessor.height:
            continue
        try:
            runner.bind(preprocessor.dummy_at(shape))()
        except Exception as error:  # every runtime has errors of its own
            words = " ".join(str(error).split())[:REASON_LETTERS].rstrip(".") or type(error).__name__
            return f"The model does not run on images of {shape[1]} pixels a side here: {words}."
    return None


def _calls(
    runner: Runner, preprocessor: Preprocessor, shape: tuple[int, int], texts: list[list[str]]
) -> tuple[list[Callable[[], int]], float]:
    """The timed calls of one contestant and the mean tokens (or pixels of a side) of its inputs."""
    feeds = [preprocessor.encode(batch) for batch in texts] or [preprocessor.dummy_at(shape)]
    bound = [runner.bind(feed) for feed in feeds]
    lengths = [next(iter(feed.values())).shape[-1] for feed in feeds]
    return [lambda call=call: runner.timed(call) for call in bound], statistics.mean(lengths)  # type: ignore[misc]


def _timed_shape(calls: Calls, limits: dict[str, Any]) -> dict[str, Any]:
    warm_up(calls)
    meter, clock = LoadMeter(), ClockWatch()
    times = time_rounds(calls, limits)
    around = {"load": asdict(meter.load()), "bearable_cores": bearable_cores(limits["threads"])}
    return {"times_ns": times, "clock_jump_s": clock.jump_s(), **around}


class ClockWatch:
    """Tells by how much the system's clock and the monotonic one went apart since its making.

    Only the monotonic clock is used for timing. Where the other one jumps, somebody set it, or the machine slept or was
    moved: then the rounds around it are not what they seem.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def jump_s(self) -> float:
        return time.time() - time.monotonic() - self._offset


def warm_up(calls: Calls) -> None:
    """Call all until the medians of two windows in a row agree for each, or the time for it is over."""
    for batches in calls.values():
        for call in batches:  # a new length may cost a compilation
            call()
    end = time.perf_counter() + WARM_UP_SECONDS
    earlier: dict[str, float] = {}
    while True:
        window: dict[str, list[int]] = {name: [] for name in calls}
        for i in range(WARM_UP_WINDOW):
            for name, batches in calls.items():
                window[name].append(batches[i % len(batches)]())
            if time.perf_counter() > end:
                return
        medians = {name: statistics.median(times) for name, times in window.items()}
        stable = all(abs(medians[name] / earlier.get(name, 1.0) - 1) < STABLE_WITHIN for name in calls)
        if earlier and stable:
            return
        earlier = medians


def time_rounds(calls: Calls, limits: dict[str, Any]) -> dict[str, list[int]]:
    """Rounds until each contestant has the fewest repeats and the fewest seconds, or the most seconds are over.

    In each round all contestants make the same number of calls with the same batches of inputs. Only a monotonic clock
    is read: one that somebody sets meanwhile changes nothing.
    """
    order, shuffle = list(calls), random.Random(limits["seed"]).shuffle
    times: dict[str, list[int]] = {name: [] for name in calls}
    spent = dict.fromkeys(calls, 0)
    count = calls_per_turn(calls)
    gc.collect()
    gc.disable()
    start, repeats = time.perf_counter(), 0
    while time.perf_counter() - start < limits["max_seconds"] and (
        repeats < limits["min_repeats"] or min(spent.values()) < limits["min_seconds"] * 1e9
    ):
        shuffle(order)
        for name in order:
            turn = [calls[name][place % len(calls[name])] for place in range(repeats, repeats + count)]
            if count > 1:
                spent[name] += turn[0]()
            taken = [call() for call in turn]
            times[name] += taken
            spent[name] += sum(taken)
        repeats += count
    gc.enable()
    return times


def calls_per_turn(calls: Calls) -> int:
    """Timed calls in a turn: what the slowest contestant does in ``TURN_SECONDS``, at least 1 and at most 16.

    A call that fills a turn by itself costs so much that its neighbour's traces in the caches do not count.
    """
    slowest = max(statistics.median(batches[0]() for _ in range(WARM_UP_WINDOW)) for batches in calls.values())
    return max(1, min(MOST_CALLS_PER_TURN, int(TURN_SECONDS * 1e9 / max(1, slowest))))


def _energy(calls: Calls, device: str) -> dict[str, Any]:
    """Millijoules of one call of baseline and variant at the last shape, each alone for a while; else the reason."""
    try:
        counter = EnergyCounter(device)
    except Unavailable as reason:
        return {"kind": "unavailable", "reason": str(reason)}
    used = {name: _millijoules(counter, calls[name][0]) for name in ("baseline", "variant")}
    found = {"millijoules": used["variant"], "baseline_millijoules": used["baseline"]}
    return {"kind": "measured", "source": counter.source, **found}


def _millijoules(counter: EnergyCounter, call: Callable[[], int]) -> float:
    before, count, end = counter.joules(), 0, time.perf_counter() + ENERGY_SECONDS
    while time.perf_counter() < end:
        call()
        count += 1
    return 1000 * (counter.joules() - before) / count


if __name__ == "__main__":
    serve(measure)
