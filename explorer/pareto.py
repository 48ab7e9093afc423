"""Which variants nobody beats: dominance, front, knee and hypervolume, in numpy only.

Points are an array ``[n, k]`` of k quantities; ``maximise`` has one truth value per quantity and says
whether more of it is better. A point with a NaN is neither on a front nor able to dominate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def dominates(a: ArrayLike, b: ArrayLike, maximise: Sequence[bool]) -> bool:
    """True when ``a`` is at least as good as ``b`` in every quantity and better in one."""
    costs = _costs([np.asarray(a, float), np.asarray(b, float)], maximise)
    if np.isnan(costs).any():
        return False
    return bool((costs[0] <= costs[1]).all() and (costs[0] < costs[1]).any())


def front(points: ArrayLike, maximise: Sequence[bool]) -> NDArray[np.bool_]:
    """Mask ``[n]`` of the points that no other point dominates; equal points stay together."""
    costs = _costs(points, maximise)
    mask = np.zeros(len(costs), dtype=bool)
    valid = np.flatnonzero(~np.isnan(costs).any(axis=1))
    unique, inverse = np.unique(costs[valid], axis=0, return_inverse=True)
    best = _front_of_two(unique) if unique.shape[1] == 2 else _front_of_many(unique)
    mask[valid] = best[inverse.reshape(-1)]
    return mask


def knee(points: ArrayLike, maximise: Sequence[bool]) -> int | None:
    """Index of the front point where giving up more of one quantity stops paying in the other.

    It is the front point farthest beyond the straight line between the two ends of the front, both
    quantities scaled to 0..1 (Das 1999, "On characterizing the knee of the Pareto curve"). None
    when no point lies beyond that line. For two quantities only.
    """
    costs = _costs(points, maximise)
    indices = np.flatnonzero(front(points, maximise))
    if costs.shape[1] != 2:
        raise ValueError(f"A knee needs two quantities; given were {costs.shape[1]}.")
    if len(indices) < 3:
        return None
    low, high = costs[indices].min(axis=0), costs[indices].max(axis=0)
    if (high == low).any():
        return None
    gain = 1 - ((costs[indices] - low) / (high - low)).sum(axis=1)
    return int(indices[gain.argmax()]) if gain.max() > 1e-9 else None


def hypervolume(points: ArrayLike, reference: ArrayLike, maximise: Sequence[bool]) -> float:
    """Area between the front and ``reference``, the worst corner that still counts; two quantities only."""
    costs = _costs(points, maximise)
    corner = _costs([np.asarray(reference, float)], maximise)[0]
    if costs.shape[1] != 2:
        raise ValueError(f"This hypervolume is for two quantities; given were {costs.shape[1]}.")
    kept = np.unique(costs[front(points, maximise)], axis=0)
    kept = kept[(kept < corner).all(axis=1)]
    if not len(kept):
        return 0.0
    right = np.append(kept[1:, 0], corner[0])
    return float(((right - kept[:, 0]) * (corner[1] - kept[:, 1])).sum())


def _costs(points: ArrayLike | Sequence[Floats], maximise: Sequence[bool]) -> Floats:
    """The points with every quantity turned so that less is better, ``[n, k]``."""
    array = np.asarray(points, dtype=float).reshape(-1, len(maximise))
    return np.where(np.asarray(maximise, dtype=bool), -array, array)


def _front_of_two(unique: Floats) -> NDArray[np.bool_]:
    """For distinct points sorted by both columns: one stays when its second cost is the least so far."""
    if not len(unique):
        return np.zeros(0, dtype=bool)
    least_before = np.concatenate(([np.inf], np.minimum.accumulate(unique[:, 1])[:-1]))
    return unique[:, 1] < least_before


def _front_of_many(unique: Floats) -> NDArray[np.bool_]:
    """For distinct points in lexicographic order: a point can only be dominated by an earlier one."""
    kept: list[int] = []
    for index, point in enumerate(unique):
        if not kept or not (unique[kept] <= point).all(axis=1).any():
            kept.append(index)
    mask = np.zeros(len(unique), dtype=bool)
    mask[kept] = True
    return mask
