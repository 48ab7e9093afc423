"""What answers are worth beyond the share of right ones: pure functions on arrays; numpy only.

``labels`` and ``answers`` are numbers of classes, int64 ``[N]``. The answer -1 (``NO_ANSWER``) stands for a row of
logits with a number that is not finite: it is wrong, and no class's answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]

NO_ANSWER = -1
BINS = 15
RESAMPLES = 1000
# Resampled counts are held in chunks of about this many numbers, to keep memory small.
CHUNK = 2_000_000


@dataclass(frozen=True)
class Scores:
    """Precision, recall, F1 (fractions) and number of inputs of each class, float64 and int64 ``[classes]``.

    A precision without answers, or a recall without inputs, is 0.
    """

    precision: Floats
    recall: Floats
    f1: Floats
    support: Numbers


def answers_of(logits: NDArray[np.floating]) -> Numbers:
    """The class with the largest logit of each row ``[N, classes]``; ``NO_ANSWER`` where one is not finite."""
    return np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), NO_ANSWER).astype(np.int64)


def confusion_matrix(labels: Numbers, answers: Numbers, classes: int) -> Numbers:
    """How many inputs of each label got each answer, ``[label, answer]``; inputs without an answer are in no cell."""
    answered = answers != NO_ANSWER
    cells = np.bincount(labels[answered] * classes + answers[answered], minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def class_scores(confusion: Numbers, support: Numbers) -> Scores:
    """Each class's scores from a confusion matrix; ``support`` counts also the inputs without an answer."""
    right, answered = np.diagonal(confusion), confusion.sum(axis=0)
    return Scores(
        _share(right, answered), _share(right, support), _share(2 * right, answered + support), support.astype(np.int64)
    )


def macro_f1(labels: Numbers, answers: Numbers, classes: int) -> float:
    """The mean F1 of the classes that occur as a label or as an answer, as scikit-learn's ``average="macro"``."""
    counts = [_count(numbers, classes) for numbers in (labels[labels == answers], answers, labels)]
    return float(_macro(*counts))


def macro_f1_interval(labels: Numbers, answers: Numbers, classes: int, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of macro F1 over inputs, always the same for a seed.

    Inputs with the same label and answer are exchangeable, so that drawing N of them with replacement is one draw from
    the multinomial distribution over the pairs that occur. The percentiles are moved by the bootstrap's own estimate of
    its bias: F1 of a class with few inputs comes out lower in a resample. Source: Efron and Tibshirani, An Introduction
    to the Bootstrap (1993), chapters 10 and 13.
    """
    pairs, counts = np.unique(np.stack([labels, answers]), axis=1, return_counts=True)
    label_of, answer_of = (_one_hot(numbers, classes) for numbers in pairs)
    draw = np.random.default_rng(seed)
    found = []
    for part in np.array_split(np.arange(RESAMPLES), max(1, RESAMPLES * len(counts) // CHUNK)):
        drawn = draw.multinomial(len(labels), counts / len(labels), size=len(part)).astype(np.float64)
        found.append(_macro(drawn @ (label_of * answer_of), drawn @ answer_of, drawn @ label_of))
    resampled = np.concatenate(found)
    bias = resampled.mean() - macro_f1(labels, answers, classes)
    low, high = np.percentile(resampled, [2.5, 97.5]) - bias
    return max(0.0, float(low)), min(1.0, float(high))


def calibration_error(logits: NDArray[np.floating], labels: Numbers, bins: int = BINS) -> float:
    """Expected calibration error: how far confidence is from the share of right answers, over bins of equal width.

    Confidence is the largest softmax probability; bin m of M holds those in ((m - 1)/M, m/M]. A row without an answer
    counts as wrong with full confidence, since it gives no warning. Source: Guo et al. 2017, arXiv:1706.04599, eq. 3.
    """
    answers = answers_of(logits)
    confidence = np.where(answers == NO_ANSWER, 1.0, _confidence(logits))
    right = (answers == labels).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def agreement(answers: Numbers, others: Numbers) -> float:
    """The share of inputs that got the same answer from both, right or wrong; no answer agrees with nothing."""
    return float(((answers == others) & (answers != NO_ANSWER)).mean())


def flipped(labels: Numbers, answers: Numbers, baseline: Numbers) -> NDArray[np.intp]:
    """Places of the inputs that one of the two answered rightly and the other wrongly, in order."""
    return np.flatnonzero((answers == labels) != (baseline == labels))


def _share(part: NDArray[np.number], whole: NDArray[np.number]) -> Floats:
    empty = np.zeros(np.broadcast_shapes(np.shape(part), np.shape(whole)))
    return np.asarray(np.divide(part, whole, out=empty, where=np.asarray(whole) > 0))


def _count(numbers: Numbers, classes: int) -> Numbers:
    return np.bincount(numbers[numbers != NO_ANSWER], minlength=classes).astype(np.int64)


def _macro(right: NDArray[np.number], answered: NDArray[np.number], support: NDArray[np.number]) -> Floats:
    """Mean F1 over the last axis, of the classes that occur."""
    f1 = _share(2 * right, answered + support)
    return np.asarray(f1.sum(axis=-1) / ((answered + support) > 0).sum(axis=-1).clip(1))


def _one_hot(numbers: Numbers, classes: int) -> Floats:
    """``[pairs, classes]``; a row of zeros for no answer."""
    return np.asarray(numbers[:, None] == np.arange(classes), dtype=np.float64)


def _confidence(logits: NDArray[np.floating]) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        wide = logits.astype(np.float64)
        return np.asarray(1 / np.exp(wide - wide.max(axis=1, keepdims=True)).sum(axis=1))
