"""What a race found, in one sentence, and whether the measurement found something else than a race or answers did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from explorer.conclusion import CLOSE, ratio_words
from explorer.quantities import cut, significant
from explorer.serving.client import Answer, Standing
from explorer.texts import t

Seen = tuple[str, float | None, dict[str, Any]]
"""A variant's name, how many times as fast as the baseline it was (None where nobody knows), and its result."""

BATCH = 1
TOLERANCE = 1.1
"""Neither a race nor an answer is a measurement: they contradict one where they are this far outside its interval."""


def race_sentence(standing: Standing, place: int = 0) -> str:
    """How much faster than the baseline the variant at ``place`` was, and how often both gave the same answer.

    Nothing is rounded in the variant's favour: a race has no interval, so a small gain is called none, and a small loss
    is said. Empty where one of the two never answered.
    """
    ratio = race_ratio(standing, place)
    if ratio is None:
        return ""
    close = 1 <= ratio <= CLOSE
    key = "demo.found.same" if close else "demo.found.faster" if ratio > 1 else "demo.found.slower"
    rates = {"variant": cut(standing.variants[place].per_s), "baseline": cut(standing.baseline.per_s, up=True)}
    speed = t(key, **rates) if close else ratio_words(key, ratio, **rates)
    agreement = standing.agreements[place]
    answers = t("demo.found.answers", same=f"{agreement.same:,}", inputs=f"{agreement.inputs:,}")
    return f"{speed} {answers}"


def disagreement(variants: Sequence[Seen], target: str, seen: Literal["race", "answers"]) -> str:
    """What is to be said where what was ``seen`` on ``target`` and the measurements there differ in speed.

    It names those of the ``variants`` of which that is true. Empty where all agree, and where the speed was not
    measured there, or was disturbed: then the conclusion says so.
    """
    found, tokens = [], set()
    for name, ratio, result in variants:
        entry = measured(result, target)
        if entry is not None and ratio is not None and _contradicts(ratio, entry):
            keys = {"measured": "speedup", "low": "speedup_low", "high": "speedup_high"}
            figures = {word: significant(entry[key]) for word, key in keys.items()}
            found.append(t(f"demo.differs.{seen}.one", name=name, seen=significant(ratio), **figures))
            if result.get("kind") == "text":
                tokens.add(entry["sequence"])
    if not found:
        return ""
    lengths = t("word.and").join(str(length) for length in sorted(tokens))
    own = ".text" if tokens else ""
    return t(f"demo.differs.{seen}{own}", variants=t("demo.differs.join").join(found), tokens=lengths)


def _contradicts(ratio: float, entry: dict[str, Any]) -> bool:
    """Whether a sound measurement and a speed-up of ``ratio`` are too far apart, or on two sides of the baseline."""
    if entry.get("noisy") or entry.get("speedup_low") is None:
        return False
    low, high, speedup = (float(entry[name]) for name in ("speedup_low", "speedup_high", "speedup"))
    opposite = bool(_direction(ratio)) if low <= 1 <= high else (ratio > 1) != (speedup > 1)
    return opposite or not low / TOLERANCE <= ratio <= high * TOLERANCE


def measured(result: dict[str, Any], target: str) -> dict[str, Any] | None:
    """The latency that a race on ``target`` can be held against: one input at a time."""
    fitting = (
        entry
        for entry in result["latency"]
        if entry["target"] == target
        and entry["batch"] == BATCH
        and entry.get("speedup") is not None
        and entry.get("lengths") != "real"
    )
    return next(fitting, None)


def race_ratio(standing: Standing, place: int = 0) -> float | None:
    """How many times as fast as the baseline the variant at ``place`` was; None where one of the two never answered."""
    baseline, variant = standing.baseline.per_s, standing.variants[place].per_s
    return variant / baseline if baseline and variant else None


def answer_ratio(baseline: Answer, variant: Answer) -> float | None:
    """The same of one input that both answered."""
    answered = baseline.best is not None and variant.best is not None
    return baseline.ms / variant.ms if answered and variant.ms else None


def _direction(ratio: float) -> int:
    """1 for faster, -1 for slower, 0 where both are as good as equal."""
    return 1 if ratio > CLOSE else -1 if ratio < 1 / CLOSE else 0
