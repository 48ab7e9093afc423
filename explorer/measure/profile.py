"""Where the time of one call and the bytes of the file go, variant and baseline side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from explorer.measure.layers import OTHER
from explorer.measure.peak import Peaks, host_peaks
from explorer.measure.process import run_fresh
from explorer.measure.runners import unavailable_reason
from explorer.measure.runners.onnx_runtime import FLOAT_PRODUCTS, INTEGER_PRODUCTS
from explorer.result import OperatorTime, Profile

TARGET = "cpu-onnxruntime"
SECONDS_PER_SIDE = 1.0
TIMEOUT_S = 300.0
MOST_OPERATORS = 15
MOST_LAYERS = 20

PRODUCTS = FLOAT_PRODUCTS | INTEGER_PRODUCTS
"""Operator types whose time is that of matrix products."""

Operator = tuple[str, str, float]
"""Layer, operator type, milliseconds a call."""

Bytes = dict[str, int]
Number = TypeVar("Number", int, float)


def profile(
    variant_folder: str | Path,
    baseline_folder: str | Path,
    shape: tuple[int, int],
    threads: int,
    seed: int = 0,
    operations: float | None = None,
    bytes_moved: float | None = None,
) -> Profile | None:
    """Profile both artefacts with ONNX Runtime on the CPU in one fresh process; None where that is not installed.

    ``shape`` is (batch, tokens or pixels of a side). ``operations`` and ``bytes_moved`` are the variant's at this
    shape; from them follow its shares of the host's measured peaks: of operations a second in the time of its products,
    of bytes a second in the time of all operators. A share above 1 is no mistake: integer products can be faster than
    the fp32 peak, and what stays in a cache is read faster than memory. Without them, or with 0, a share is None.

    The profiler costs a few microseconds for each operator; what it says of operators that do next to nothing is taken
    off each. The total is the sum of all operators, without what passes between and around them. Hold
    ``lock.measuring_slot`` meanwhile. Raises ``ExplorerError`` when the process crashes.
    """
    if unavailable_reason(variant_folder, TARGET) is not None:
        return None
    specification = {
        "folders": {
            "variant": str(Path(variant_folder).resolve()),
            "baseline": str(Path(baseline_folder).resolve()),
        },
        "shape": list(shape),
        "threads": threads,
        "seed": seed,
        "seconds": SECONDS_PER_SIDE,
    }
    answer = run_fresh("explorer.measure.profile_process", specification, TIMEOUT_S)
    return summarize(answer, shape, host_peaks(threads), threads, operations, bytes_moved)


def summarize(
    answer: dict[str, Any],
    shape: tuple[int, int],
    peaks: Peaks,
    threads: int,
    operations: float | None = None,
    bytes_moved: float | None = None,
) -> Profile:
    """The record from what the profiling process answered."""
    variant, baseline = (
        [(layer, kind, float(ms)) for layer, kind, ms in answer[side]["operators"]] for side in ("variant", "baseline")
    )
    total_ms = sum(ms for _, _, ms in variant)
    products_ms = sum(ms for _, kind, ms in variant if kind in PRODUCTS)
    return Profile(
        batch=shape[0],
        sequence=shape[1],
        threads=threads,
        by_operator=_by_operator(variant, baseline),
        by_layer=_by_layer(variant, baseline, answer["variant"]["bytes"], answer["baseline"]["bytes"]),
        variant_total_ms=total_ms,
        baseline_total_ms=sum(ms for _, _, ms in baseline),
        peak_gflops=peaks.gflops,
        peak_gbytes_per_s=peaks.gbytes_per_s,
        share_of_peak_flops=_share(operations, products_ms, peaks.gflops),
        share_of_peak_bandwidth=_share(bytes_moved, total_ms, peaks.gbytes_per_s),
    )


def _share(amount: float | None, ms: float, peak_giga_per_s: float) -> float | None:
    return amount / (ms / 1000) / (peak_giga_per_s * 1e9) if amount and ms else None


def _by_operator(variant: Sequence[Operator], baseline: Sequence[Operator]) -> list[OperatorTime]:
    """One row per operator type, the slowest first; those behind the first ones are summed at the end."""
    sides = [_sums((kind, ms) for _, kind, ms in side) for side in (variant, baseline)]
    names = sorted({**sides[0], **sides[1]}, key=lambda name: -max(side.get(name, 0.0) for side in sides))
    return [
        OperatorTime(name=name, variant_ms=_total(sides[0], members), baseline_ms=_total(sides[1], members))
        for name, members in _grouped(names, names[:MOST_OPERATORS]).items()
    ]


def _by_layer(
    variant: Sequence[Operator], baseline: Sequence[Operator], variant_bytes: Bytes, baseline_bytes: Bytes
) -> list[OperatorTime]:
    """One row per layer in the baseline's order; where there are too many, the lightest are summed at the end."""
    times = [_sums((layer, ms) for layer, _, ms in side) for side in (variant, baseline)]
    names = list(dict.fromkeys([*times[1], *baseline_bytes, *times[0], *variant_bytes]))
    weights = {name: _most(name, times) + _most(name, [variant_bytes, baseline_bytes]) for name in names}
    kept = sorted((name for name in names if name != OTHER), key=lambda name: -weights[name])[: MOST_LAYERS - 1]
    return [
        OperatorTime(
            name=name,
            variant_ms=_total(times[0], members),
            baseline_ms=_total(times[1], members),
            variant_bytes=_total(variant_bytes, members),
            baseline_bytes=_total(baseline_bytes, members),
        )
        for name, members in _grouped(names, kept).items()
    ]


def _sums(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for name, value in pairs:
        found[name] += value
    return dict(found)


def _most(name: str, sides: Sequence[Mapping[str, float]]) -> float:
    """The larger of the shares that a name has of either side."""
    return max(side.get(name, 0.0) / (sum(side.values()) or 1.0) for side in sides)


def _grouped(names: Sequence[str], kept: Sequence[str]) -> dict[str, list[str]]:
    """Each kept name with itself in the order of ``names``, then all others under one name."""
    rest = [name for name in names if name not in kept]
    return {name: [name] for name in names if name in kept} | ({OTHER: rest} if rest else {})


def _total(values: Mapping[str, Number], members: Sequence[str]) -> Number | None:
    """The sum over those members that are there; None where none is."""
    present = [values[name] for name in members if name in values]
    return sum(present[1:], present[0]) if present else None
