"""From a histogram of activations to the range that 8 bits cover: min-max, percentile, entropy, squared error."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from explorer.techniques.quantization.calibrating import Histogram

Calibration = Literal["min-max", "percentile", "entropy", "mse"]
Range = tuple[np.float32, np.float32]

LEVELS = 255
ENTROPY_BINS = 1024
FRACTIONS = 40


def activation_ranges(
    found: Mapping[str, Histogram], method: Calibration, percentile: float, symmetric: bool
) -> dict[str, Range]:
    """The range of each tensor; zero is always inside.

    Percentile and entropy are ONNX Runtime's own on these histograms. Its default of 128 bins would leave entropy
    nothing to choose, so it gets 1,024 bins and 255 levels.
    """
    if method == "min-max":
        return {name: (one.low, one.high) for name, one in found.items()}
    if method == "mse":
        return {name: mse_range(one, symmetric) for name, one in found.items()}
    return _by_runtime(found, method, percentile)


def _by_runtime(found: Mapping[str, Histogram], method: str, percentile: float) -> dict[str, Range]:
    from onnxruntime.quantization.calibrate import HistogramCollector

    collector = HistogramCollector(method, False, ENTROPY_BINS, LEVELS, percentile, "same")
    for name, one in found.items():
        coarse = coarser(one, ENTROPY_BINS) if method == "entropy" else one
        collector.histogram_dict[name] = (coarse.counts, coarse.edges, one.low, one.high, coarse.edges[-1])
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        chosen = collector.compute_collection_result()
    return {name: (np.float32(ends[0]), np.float32(ends[1])) for name, ends in chosen.items()}


def coarser(one: Histogram, bins: int) -> Histogram:
    """The same values in at most ``bins`` bins, rounded up to even, still centred on zero."""
    factor = -(-len(one.counts) // bins)
    if factor == 1:
        return one
    half = -(-len(one.counts) // (2 * factor))
    missing = half * factor - len(one.counts) // 2
    counts = np.pad(one.counts, missing).reshape(2 * half, factor).sum(axis=1)
    width = one.edges[1] - one.edges[0]
    edges = (np.arange(-half, half + 1) * factor * width).astype(one.edges.dtype)
    return Histogram(counts, edges, one.low, one.high)


def mse_range(one: Histogram, symmetric: bool = False, levels: int = LEVELS) -> Range:
    """The range whose rounding to ``levels`` steps costs the least squared error over the histogram.

    Tried are all pairs of 40 equal fractions of either side, the whole range among them. ``symmetric`` tries ranges
    around zero only.
    """
    low, high = min(float(one.low), 0.0), max(float(one.high), 0.0)
    if low == high:
        return np.float32(low), np.float32(high)
    centres, counts = (one.edges[:-1] + one.edges[1:]) / 2, one.counts
    centres, counts = centres[counts > 0].astype(np.float64), counts[counts > 0]
    fractions = np.arange(1, FRACTIONS + 1) / FRACTIONS
    if symmetric:
        ends = max(-low, high) * fractions
        pairs = np.stack([-ends, ends], axis=1)
    else:
        lows = low * fractions if low < 0 else np.zeros(1)
        highs = high * fractions if high > 0 else np.zeros(1)
        pairs = np.stack(np.meshgrid(lows, highs, indexing="ij"), axis=-1).reshape(-1, 2)
    errors = [squared_error(centres, counts, pair[0], pair[1], levels) for pair in pairs]
    best = pairs[int(np.argmin(errors))]
    return np.float32(best[0]), np.float32(best[1])


def squared_error(values: NDArray[Any], counts: NDArray[Any], low: float, high: float, levels: int = LEVELS) -> float:
    """The squared error, summed over ``counts``, of ``values`` in whole steps from ``low`` to ``high``; zero is one."""
    scale = (high - low) / levels
    zero = np.round(-low / scale)
    codes = np.clip(np.round(values / scale) + zero, 0, levels)
    return float((counts * (values - scale * (codes - zero)) ** 2).sum())
