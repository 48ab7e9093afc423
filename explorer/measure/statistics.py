"""Intervals and tests behind every comparison; numpy only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
RESAMPLES, FEWEST_RESAMPLES = 1000, 200
# Resampled medians are computed in chunks of about this many numbers, to keep memory small.
CHUNK = 2_000_000
MOST_DRAWS = 4_000_000
"""Long series are resampled less often: their medians hardly vary, and a thousand times would take seconds."""


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for a proportion, 95 % unless ``z`` says otherwise.

    Raises ``ValueError`` without trials. Source: Wilson, JASA 22 (1927) 209-212.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"expected 0 <= successes <= trials and at least one trial, got {successes} of {trials}")
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    return low, 1.0 if successes == trials else min(1.0, centre + half)


def mcnemar_p(right_to_wrong: int, wrong_to_right: int) -> float:
    """Two-sided exact p-value of McNemar's test: are flips to either side equally likely? 1 without flips.

    Source: McNemar, Psychometrika 12 (1947) 153-157, in its exact binomial form.
    """
    flips, fewer = right_to_wrong + wrong_to_right, min(right_to_wrong, wrong_to_right)
    if right_to_wrong == wrong_to_right:
        return 1.0
    log_all = math.lgamma(flips + 1) - flips * math.log(2)
    tail = sum(math.exp(log_all - math.lgamma(k + 1) - math.lgamma(flips - k + 1)) for k in range(fewer + 1))
    return min(1.0, 2 * tail)


def paired_difference(
    both_right: int, wrong_to_right: int, right_to_wrong: int, both_wrong: int, z: float = Z95
) -> tuple[float, float, float]:
    """Difference of two accuracies on the same inputs (variant minus baseline) with its 95 % interval.

    Newcombe's square-and-add interval from Wilson's two, corrected for their correlation: it stays inside [-1, 1], and
    does not shrink to a point when few or no answers flip, as the normal approximation does.
    Source: Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10.
    """
    total = both_right + wrong_to_right + right_to_wrong + both_wrong
    variant, baseline = both_right + wrong_to_right, both_right + right_to_wrong
    low_v, high_v = wilson(variant, total, z)
    low_b, high_b = wilson(baseline, total, z)
    p_v, p_b = variant / total, baseline / total
    phi = _phi(both_right, wrong_to_right, right_to_wrong, both_wrong)
    below = _combine(p_v - low_v, high_b - p_b, phi)
    above = _combine(high_v - p_v, p_b - low_b, phi)
    difference = p_v - p_b
    return difference, max(-1.0, difference - below), min(1.0, difference + above)


def _combine(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first * first - 2 * phi * first * second + second * second))


def _phi(a: int, b: int, c: int, d: int) -> float:
    """Correlation of a 2x2 table with Newcombe's continuity correction; 0 where a margin is empty."""
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        return 0.0
    excess: float = a * d - b * c
    if excess > 0:
        excess = max(excess - (a + b + c + d) / 2, 0)
    return excess / math.sqrt(margins)


def median_interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval for the median of a series in the order in which it was measured."""
    return percentile_intervals(values, [50], seed)[0]


def percentile_intervals(
    values: NDArray[np.float64], percents: Sequence[float], seed: int = 0
) -> list[tuple[float, float]]:
    """95 % bootstrap interval for each of these percentiles of a series in the order in which it was measured.

    Neighbours are resampled in blocks, as ``median_ratio`` does. No interval reaches beyond the largest value seen, so
    that the upper end for a p99 of a hundred values is what it cannot be below rather than what it may be.
    """
    found = [np.percentile(values[index], percents, axis=1) for index in _blocks(len(values), seed)]
    return [_percentiles(figures) for figures in np.concatenate(found, axis=1)]


def median_ratio(
    numerator: NDArray[np.float64], denominator: NDArray[np.float64], seed: int = 0
) -> tuple[float, float, float]:
    """Ratio of the medians of two series measured side by side, with its 95 % bootstrap interval.

    Both have one value per round, in order. Rounds are resampled as pairs, so that what slows a whole round cancels,
    and in blocks of neighbours, because a disturbance lasts for several rounds and single rounds would look more
    independent than they are. Source: Künsch, Annals of Statistics 17 (1989) 1217-1241; blocks here wrap around.
    """
    if len(numerator) != len(denominator) or len(numerator) == 0:
        raise ValueError(f"expected two series of equal length, got {len(numerator)} and {len(denominator)}")
    ratios = [
        np.median(numerator[index], axis=1) / np.median(denominator[index], axis=1)
        for index in _blocks(len(numerator), seed)
    ]
    low, high = _percentiles(np.concatenate(ratios))
    return float(np.median(numerator) / np.median(denominator)), low, high


def _blocks(length: int, seed: int) -> list[NDArray[np.intp]]:
    """Resampled positions [resamples, length] in chunks of rows: blocks of about sqrt(length) neighbours."""
    block, resamples = max(1, math.isqrt(length)), min(RESAMPLES, max(FEWEST_RESAMPLES, MOST_DRAWS // length))
    starts = np.random.default_rng(seed).integers(0, length, size=(resamples, -(-length // block)))
    positions = (starts[:, :, None] + np.arange(block)) % length
    flat = positions.reshape(resamples, -1)[:, :length]
    return np.array_split(flat, max(1, flat.size // CHUNK))


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
