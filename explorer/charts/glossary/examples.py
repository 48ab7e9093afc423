"""What the drawings show, computed from examples; fronts and tests as for real runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from explorer import pareto
from explorer.measure.metrics import calibration_error, class_scores, macro_f1
from explorer.measure.statistics import mcnemar_p, paired_difference

Floats = NDArray[np.float64]

BETTER = (False, True)
VARIANTS = ((92, 80.0), (61, 79.7), (47, 79.2), (24, 78.6), (15, 74.2), (12, 69.8), (70, 77.4), (52, 75.9), (33, 76.3))
"""Sizes in MB and accuracies in percent of nine variants."""
WORST = (100.0, 68.0)
LOGITS, SOFT = (6.0, 3.5, 2.0, 0.5), 4.0
INPUTS, RIGHT = 2000, 1600
FLIPS = {"b": (120, 40), "a": (30, 22)}
"""Answers lost and gained by two variants of a model that gets ``RIGHT`` of ``INPUTS`` right."""
MEDIAN_MS, SPREAD = 5.0, 0.35
SAMPLES = (50, 200, 1000, 5000)
RIGHT_SHARE = 0.8
"""Numbers of inputs of which this share got the right answer."""
ANSWERS = ((90, 8, 2), (6, 50, 4), (3, 12, 5))
"""Inputs by label (rows) and answer of a model that hardly knows its rare third class."""
CONFIDENT = ((0.55, 20, 11), (0.65, 30, 18), (0.75, 40, 27), (0.85, 60, 45), (0.95, 100, 83))
"""Confidence, number of answers given with it, and how many of them were right."""
ATTENTION = (((0, 1), (1, 0), (2, 1), (3, 2), (4, 3)), ((0, 4), (1, 4), (2, 3), (3, 3), (4, 3)))
"""For each of two heads, which word each word scores highest."""
SHARPNESS = 2.0
STEPS = 3
"""Steps on either side of zero."""
PALETTE = 4
"""Values of the example palette."""
CALIBRATION_INPUTS = 500
SWEEP = ((0, 80.0), (15, 79.9), (30, 79.7), (45, 79.3), (60, 78.4), (75, 74.8), (90, 64.0))
"""Sparsity and accuracy in percent of the variants of a sweep."""
PEAK_GFLOPS, BANDWIDTH_GB_S = 400.0, 40.0
LAYERS = (2.0, 20.0)
"""Operations for each byte that is read, of a layer that waits for memory and of one that waits for arithmetic."""
LINES = ((0, 92, 80.0), (40, 61, 79.7), (60, 47, 79.2), (80, 24, 74.2))
"""Sparsity in percent, size in MB and accuracy in percent of four variants."""

SHARED = ("1", "1", "2", "2", "3", "3"), ("1", "2", "3", "1", "2", "3")
"""For each of six layers, the first one first, which of three sets of weights it uses: neighbours, and in turn."""
APART, FUSED = ("r1w", "r2w", "r3w"), ("r123w",)
"""What a device does for three operators, by what it computes (1, 2, 3) between a read and a write of memory."""
FORMATS = {"fp32": (8, 23), "fp16": (5, 10), "bf16": (8, 7)}
"""Bits of a float beside the one of its sign: for its range (exponent) and for its digits (fraction)."""


def front_of_examples() -> list[tuple[float, float]]:
    """The examples that no other beats, by size."""
    kept = pareto.front(VARIANTS, BETTER)
    return sorted(point for point, stands in zip(VARIANTS, kept, strict=True) if stands)


def weights(rows: int, columns: int) -> Floats:
    """Example weights ``[rows, columns]``, the same every time."""
    return np.random.default_rng(4).normal(size=(rows, columns))


def without_smallest(matrix: Floats) -> Floats:
    """The matrix with the smaller half of its weights, by size, set to zero."""
    return np.where(np.abs(matrix) > np.median(np.abs(matrix)), matrix, 0.0)


def without_columns(matrix: Floats) -> Floats:
    """The matrix without the weaker half of its columns."""
    norms = np.linalg.norm(matrix, axis=0)
    return matrix[:, np.sort(np.argsort(norms)[len(norms) // 2 :])]


def two_of_four(matrix: Floats) -> Floats:
    """The matrix with the two smallest of each four neighbours in a row set to zero."""
    groups = np.abs(matrix).reshape(-1, 4)
    rank = groups.argsort(axis=1).argsort(axis=1)
    return np.where(rank.reshape(matrix.shape) >= 2, matrix, 0.0)


def rounded(values: Floats) -> tuple[Floats, float]:
    """``values`` to the nearest of ``STEPS`` steps on either side of zero, and the distance between two steps."""
    step = float(np.abs(values).max() / STEPS)
    return np.round(values / step) * step, step


def thin_pair(matrix: Floats, rank: int) -> tuple[Floats, Floats]:
    """Two thin matrices, ``[rows, rank]`` and ``[rank, columns]``, whose product is the closest there is (SVD)."""
    left, sizes, right = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(sizes[:rank])
    return left[:, :rank] * root, root[:, None] * right[:rank]


def palette(values: Floats, colours: int) -> tuple[Floats, Floats]:
    """The values of a palette, by k-means from evenly spaced ones, and for each of ``values`` the nearest of them."""
    centres = np.linspace(values.min(), values.max(), colours)
    for _ in range(20):
        nearest = np.abs(values[:, None] - centres).argmin(axis=1)
        centres = np.array([values[nearest == place].mean() for place in range(colours)])
    return centres, centres[np.abs(values[:, None] - centres).argmin(axis=1)]


def activations() -> Floats:
    """Values that flow through a layer, one for each of ``CALIBRATION_INPUTS``."""
    return np.random.default_rng(4).normal(0.4, 1.0, CALIBRATION_INPUTS)


def attainable_gflops(intensity: float) -> float:
    """The roofline: what a device reaches with so many operations for each byte that it reads."""
    return min(PEAK_GFLOPS, intensity * BANDWIDTH_GB_S)


def softmax(logits: Sequence[float], temperature: float) -> Floats:
    """Probabilities of the classes; a higher temperature makes them more alike."""
    powers = np.exp((np.asarray(logits) - max(logits)) / temperature)
    return np.asarray(powers / powers.sum())


def difference(lost: int, gained: int) -> tuple[float, float, float, bool]:
    """Percentage points between variant and baseline, their 95 % interval, and whether they are within noise."""
    counts = RIGHT - lost, gained, lost, INPUTS - RIGHT - gained
    value, low, high = (100 * share for share in paired_difference(*counts))
    return value, low, high, mcnemar_p(lost, gained) > 0.05


def latency_quantile(share: float) -> float:
    """Milliseconds that this share of the example's calls stay below (a log-normal distribution)."""
    return MEDIAN_MS * math.exp(SPREAD * NormalDist().inv_cdf(share))


def f1_of_classes() -> tuple[Floats, float]:
    """F1 of each class of ``ANSWERS`` and their mean, in percent."""
    confusion = np.array(ANSWERS)
    labels, answers = (np.repeat(places.ravel(), confusion.ravel()) for places in np.indices(confusion.shape))
    scores = class_scores(confusion, confusion.sum(axis=1))
    return 100 * scores.f1, 100 * macro_f1(labels, answers, len(confusion))


def calibration_of_answers() -> float:
    """The calibration error of ``CONFIDENT`` in percent, as of logits between two classes."""
    rows = [(share, right) for share, count, hits in CONFIDENT for right in [True] * hits + [False] * (count - hits)]
    logits = np.array([(math.log(share / (1 - share)), 0.0) for share, _ in rows])
    return 100 * calibration_error(logits, np.array([0 if right else 1 for _, right in rows]))


def attention(head: int) -> Floats:
    """How much each word (row) takes from each word (column), in shares."""
    highest = dict(ATTENTION[head])
    return np.array([softmax([SHARPNESS * (at == highest[word]) for at in highest], 1.0) for word in highest])
