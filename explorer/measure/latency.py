"""Latency of a variant beside its baseline, with intervals, a control and a mark on noisy results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import Unavailable
from explorer.measure.host import default_threads
from explorer.measure.load import bearable_cores, wait_for_quiet
from explorer.measure.process import run_fresh
from explorer.measure.runners import unavailable_reason
from explorer.measure.statistics import median_interval, median_ratio
from explorer.result import Latency

Shape = tuple[int, int]

BATCHES = (1, 8)
TOKENS = 128
CONTROL_WITHIN = 0.05
PATIENCE_SECONDS = 5.0
START_SECONDS = 120.0
SLACK_SECONDS = 60.0


def default_shapes(folder: str | Path) -> list[Shape]:
    """Batch 1 and 8, with 128 tokens (fewer where the model takes fewer) or the model's image height in pixels."""
    from explorer.models.preprocess import ImagePreprocessor, Preprocessor, TextPreprocessor

    preprocessor = Preprocessor.load(Path(folder))
    if isinstance(preprocessor, ImagePreprocessor):
        return [(batch, preprocessor.height) for batch in BATCHES]
    assert isinstance(preprocessor, TextPreprocessor)
    return [(batch, min(TOKENS, preprocessor.max_length)) for batch in BATCHES]


def measure_latency(
    variant_folder: str | Path,
    baseline_folder: str | Path,
    target: str,
    shapes: Sequence[Shape] | None = None,
    threads: int | None = None,
    seed: int = 0,
    min_repeats: int = 50,
    min_seconds: float = 2.0,
    max_seconds: float = 60.0,
) -> list[Latency]:
    """Time variant, baseline and a second copy of the baseline in one fresh process; one entry per shape.

    A shape is (batch, tokens or pixels of a side). ``min_seconds`` and ``max_seconds`` bound the rounds of one shape,
    all three contestants together. It waits a few seconds for a quiet machine. Shapes that come out noisy are measured
    once more in another process and the quieter of the two is kept, unless the machine is busy still: then a repeat
    would only take longer. Hold ``lock.measuring_slot`` meanwhile. Where the target is not there, the entries say
    why. Raises ``ExplorerError`` when the process crashes.
    """
    shapes = list(shapes or default_shapes(variant_folder))
    specification = {
        "folders": {
            "baseline": str(Path(baseline_folder).resolve()),
            "control": str(Path(baseline_folder).resolve()),
            "variant": str(Path(variant_folder).resolve()),
        },
        "target": target,
        "threads": threads or default_threads(),
        "seed": seed,
        "min_repeats": min_repeats,
        "min_seconds": min_seconds,
        "max_seconds": max_seconds,
    }
    reason = unavailable_reason(variant_folder, target) or unavailable_reason(baseline_folder, target)
    if reason is not None:
        return [_unavailable(target, shape, reason) for shape in shapes]
    try:
        return _twice_where_noisy(specification, shapes)
    except Unavailable as error:
        return [_unavailable(target, shape, str(error)) for shape in shapes]


def _twice_where_noisy(specification: dict[str, Any], shapes: Sequence[Shape]) -> list[Latency]:
    threads = specification["threads"]
    first = _measure(specification, shapes, wait_for_quiet(threads, PATIENCE_SECONDS))
    noisy = [shape for shape in shapes if first[shape].noisy]
    second: dict[Shape, Latency] = {}
    if noisy:
        load = wait_for_quiet(threads, PATIENCE_SECONDS)
        if load <= bearable_cores(threads):
            second = _measure({**specification, "seed": specification["seed"] + 1}, noisy, load)
    return [_quieter(first[shape], second.get(shape)) for shape in shapes]


def _measure(specification: dict[str, Any], shapes: Sequence[Shape], before: float) -> dict[Shape, Latency]:
    timeout = START_SECONDS + len(shapes) * (specification["max_seconds"] + SLACK_SECONDS)
    given = {**specification, "shapes": [list(shape) for shape in shapes]}
    answer = run_fresh("explorer.measure.latency_process", given, timeout)
    return {
        shape: summarize(shape, timed, before, specification)
        for shape, timed in zip(shapes, answer["shapes"], strict=True)
    }


def summarize(shape: Shape, timed: dict[str, Any], before: float, specification: dict[str, Any]) -> Latency:
    """One entry from the times of all rounds: percentiles, throughput, ratios with intervals, and the noise found."""
    times = {name: np.array(values, dtype=np.float64) / 1e6 for name, values in timed["times_ns"].items()}
    variant, seed = times["variant"], specification["seed"]
    p50, p90, p95, p99 = (float(value) for value in np.percentile(variant, [50, 90, 95, 99]))
    low, high = median_interval(variant, seed)
    speedup, speedup_low, speedup_high = median_ratio(times["baseline"], variant, seed)
    control = median_ratio(times["baseline"], times["control"], seed)[0]
    foreign = max(before, float(timed["foreign_cores"]))
    noise = _noise(foreign, control, len(variant), specification)
    return Latency(
        target=specification["target"],
        batch=shape[0],
        sequence=shape[1],
        repeats=len(variant),
        threads=specification["threads"],
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        p50_low_ms=low,
        p50_high_ms=high,
        throughput_per_s=shape[0] * 1000 / p50,
        baseline_p50_ms=float(np.median(times["baseline"])),
        speedup=speedup,
        speedup_low=speedup_low,
        speedup_high=speedup_high,
        control=control,
        noisy=bool(noise),
        noise_reason="; ".join(noise) or None,
    )


def _noise(foreign: float, control: float, repeats: int, specification: dict[str, Any]) -> list[str]:
    found = []
    if foreign > bearable_cores(specification["threads"]):
        found.append(f"other processes kept {foreign:.2f} cores busy")
    if abs(control - 1) > CONTROL_WITHIN:
        found.append(f"a second copy of the baseline measured {control:.2f} times as fast as the first")
    if repeats < specification["min_repeats"]:
        found.append(f"only {repeats} of {specification['min_repeats']} repeats fitted into the time")
    return found


def _quieter(first: Latency, second: Latency | None) -> Latency:
    if second is None or not first.noisy:
        return first
    return second if not second.noisy or _unrest(second) < _unrest(first) else first


def _unrest(entry: Latency) -> float:
    """How far the control is from 1 on either side, plus the relative width of the speed-up's interval."""
    control, low, high = entry.control or 1.0, entry.speedup_low or 1.0, entry.speedup_high or 1.0
    return abs(math.log(control)) + math.log(high / low)


def _unavailable(target: str, shape: Shape, reason: str) -> Latency:
    return Latency(target=target, kind="unavailable", reason=reason, batch=shape[0], sequence=shape[1])
