"""Latency of a variant beside its baseline, with intervals, a control and a mark on noisy results."""

from __future__ import annotations

import filecmp
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import Unavailable
from explorer.measure.host import default_threads
from explorer.measure.load import Load, bearable_cores, wait_for_quiet
from explorer.measure.process import run_fresh
from explorer.measure.runners import MODEL_FILE, unavailable_reason
from explorer.measure.shapes import REAL, Shape, refused_shapes, shapes_of
from explorer.measure.statistics import median_interval, median_ratio, percentile_intervals
from explorer.measure.targets import targets
from explorer.result import Energy, Latency, TargetUse

PERCENTS = (50, 90, 95, 99)
CONTROL_WITHIN = 0.05
CLOCK_WITHIN_S = 1.0
PATIENCE_SECONDS = 5.0
START_SECONDS = 180.0
SLACK_SECONDS = 60.0


def measure_latency(
    variant_folder: str | Path,
    baseline_folder: str | Path,
    target: str,
    shapes: Sequence[Shape] | None = None,
    threads: int | None = None,
    seed: int = 0,
    **limits: Any,
) -> list[Latency]:
    """The latencies of ``measure_target`` alone."""
    return measure_target(variant_folder, baseline_folder, target, shapes, threads, seed, **limits)[0]


def measure_target(
    variant_folder: str | Path,
    baseline_folder: str | Path,
    target: str,
    shapes: Sequence[Shape] | None = None,
    threads: int | None = None,
    seed: int = 0,
    *,
    inputs: Sequence[str] = (),
    min_repeats: int = 50,
    min_seconds: float = 2.0,
    max_seconds: float = 60.0,
    patience_s: float = PATIENCE_SECONDS,
) -> tuple[list[Latency], TargetUse | None]:
    """Time variant, baseline and a second copy of the baseline in one fresh process; one entry per shape.

    Each contestant is called at least ``min_repeats`` times and for ``min_seconds``, unless one shape would take longer
    than ``max_seconds``. Shapes with ``REAL`` tokens take texts from ``inputs``; a size that a file does
    not take is unavailable. It waits up to ``patience_s`` for a quiet machine. Shapes that come out noisy are measured
    once more in another process and the quieter of the two is kept, unless the machine is busy still: then a repeat
    would only take longer. Hold ``lock.measuring_slot`` meanwhile. Also tells how the target ran; where it is not
    there, that is None and the entries say why.
    Raises ``ExplorerError`` when the process crashes.
    """
    shapes = list(shapes or shapes_of(variant_folder))
    specification = {
        "folders": {
            "baseline": str(Path(baseline_folder).resolve()),
            "control": str(Path(baseline_folder).resolve()),
            "variant": str(Path(variant_folder).resolve()),
        },
        "target": target,
        "threads": threads or default_threads(),
        "seed": seed,
        "inputs": list(inputs),
        "same_file": _same_file(Path(variant_folder), Path(baseline_folder)),
        "min_repeats": min_repeats,
        "min_seconds": min_seconds,
        "max_seconds": max_seconds,
    }
    reason = unavailable_reason(variant_folder, target) or unavailable_reason(baseline_folder, target)
    if reason is not None:
        return [_unavailable(target, shape, reason) for shape in shapes], None
    refused = refused_shapes(baseline_folder, shapes) | refused_shapes(variant_folder, shapes)
    try:
        return _those_possible(specification, shapes, refused, patience_s)
    except Unavailable as error:
        return [_unavailable(target, shape, str(error)) for shape in shapes], None


def _same_file(variant: Path, baseline: Path) -> bool:
    """Whether the variant is the baseline itself: then its speed-up is one more control."""
    try:
        return filecmp.cmp(variant / MODEL_FILE, baseline / MODEL_FILE, shallow=False)
    except OSError:
        return False


def _those_possible(
    specification: dict[str, Any], shapes: Sequence[Shape], refused: dict[Shape, str], patience_s: float
) -> tuple[list[Latency], TargetUse | None]:
    """All shapes in their order; those that are ``refused`` with the reason instead of times."""
    found = {shape: _unavailable(specification["target"], shape, reason) for shape, reason in refused.items()}
    possible = [shape for shape in shapes if shape not in refused]
    use = None
    if possible:
        timed, use = _twice_where_noisy(specification, possible, patience_s)
        found |= dict(zip(possible, timed, strict=True))
    return [found[shape] for shape in shapes], use


def _twice_where_noisy(
    specification: dict[str, Any], shapes: Sequence[Shape], patience_s: float
) -> tuple[list[Latency], TargetUse]:
    threads = specification["threads"]
    first, use = _measure(specification, shapes, wait_for_quiet(threads, patience_s))
    noisy = [shape for shape in shapes if first[shape].noisy]
    second: dict[Shape, Latency] = {}
    if noisy:
        load = wait_for_quiet(threads, patience_s)
        if load.cores <= bearable_cores(threads):
            second, _ = _measure({**specification, "seed": specification["seed"] + 1}, noisy, load)
    return [_quieter(first[shape], second.get(shape)) for shape in shapes], use


def _measure(
    specification: dict[str, Any], shapes: Sequence[Shape], before: Load
) -> tuple[dict[Shape, Latency], TargetUse]:
    timeout = START_SECONDS + len(shapes) * (specification["max_seconds"] + SLACK_SECONDS)
    given = {**specification, "shapes": [list(shape) for shape in shapes]}
    answer = run_fresh("explorer.measure.latency_process", given, timeout)
    latencies = {
        shape: _unavailable(specification["target"], shape, one["refused"])
        if "refused" in one
        else summarize(shape, one, before, specification, answer["clock"])
        for shape, one in zip(shapes, answer["shapes"], strict=True)
    }
    last = next((shape for shape in reversed(shapes) if latencies[shape].kind == "measured"), shapes[-1])
    return latencies, _use(specification, last, answer)


def _use(specification: dict[str, Any], last: Shape, answer: dict[str, Any]) -> TargetUse:
    """How the target ran; energy was counted at the ``last`` shape that could be timed."""
    batch, sequence = last
    return TargetUse(
        target=specification["target"],
        provider=answer["provider"],
        precision_asked=targets()[specification["target"]].precision,
        precision_used=answer["precision"],
        baseline_precision_used=answer["baseline_precision"],
        threads=specification["threads"],
        processors=answer["processors"],
        energy=Energy(**answer["energy"], batch=batch, sequence=sequence),
        gpu=answer["gpu"],
    )


def summarize(
    shape: Shape, timed: dict[str, Any], before: Load, specification: dict[str, Any], clock: Any = "wall"
) -> Latency:
    """One entry from the times of all rounds: percentiles, throughput, ratios with intervals, and the noise found."""
    times = {name: np.array(values, dtype=np.float64) / 1e6 for name, values in timed["times_ns"].items()}
    variant, seed = times["variant"], specification["seed"]
    p50, p90, p95, p99 = (float(value) for value in np.percentile(variant, PERCENTS))
    around_p50, around_p90, around_p95, around_p99 = percentile_intervals(variant, PERCENTS, seed)
    baseline_low, baseline_high = median_interval(times["baseline"], seed)
    speedup, speedup_low, speedup_high = median_ratio(times["baseline"], variant, seed)
    control = median_ratio(times["baseline"], times["control"], seed)[0]
    copies = [control, speedup] if specification.get("same_file") else [control]
    noise = _noise(before, timed, copies, specification)
    return Latency(
        target=specification["target"],
        batch=shape[0],
        sequence=round(timed["tokens"]) if shape[1] == REAL else shape[1],
        lengths="real" if shape[1] == REAL else "padded",
        clock=clock,
        repeats=len(variant),
        threads=specification["threads"],
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        p50_low_ms=around_p50[0],
        p50_high_ms=around_p50[1],
        p90_low_ms=around_p90[0],
        p90_high_ms=around_p90[1],
        p95_low_ms=around_p95[0],
        p95_high_ms=around_p95[1],
        p99_low_ms=around_p99[0],
        p99_high_ms=around_p99[1],
        throughput_per_s=shape[0] * 1000 / p50,
        baseline_p50_ms=float(np.median(times["baseline"])),
        baseline_p50_low_ms=baseline_low,
        baseline_p50_high_ms=baseline_high,
        speedup=speedup,
        speedup_low=speedup_low,
        speedup_high=speedup_high,
        control=control,
        noisy=bool(noise),
        noise_reason="; ".join(noise) or None,
    )


def _noise(before: Load, timed: dict[str, Any], copies: list[float], specification: dict[str, Any]) -> list[str]:
    """What speaks against the figures: load before and during (on the processors of the timing), the ratios of copies
    of the baseline to itself, the clock, repeats."""
    found, during, repeats = [], Load(**timed["load"]), len(timed["times_ns"]["variant"])
    if during.cores > timed["bearable_cores"]:
        found.append(during.words())
    elif before.cores > bearable_cores(specification["threads"]):
        found.append(f"just before, {before.words()}")
    furthest = max(copies, key=lambda ratio: abs(ratio - 1))
    if abs(furthest - 1) > CONTROL_WITHIN:
        found.append(f"a second copy of the baseline measured {furthest:.2f} times as fast as the first")
    if abs(timed["clock_jump_s"]) > CLOCK_WITHIN_S:
        found.append(f"the system's clock jumped by {timed['clock_jump_s']:+.0f} s meanwhile")
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
    batch, sequence = shape
    real: Any = "real" if sequence == REAL else "padded"
    return Latency(target=target, kind="unavailable", reason=reason, batch=batch, sequence=sequence, lengths=real)
