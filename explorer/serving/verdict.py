"""What a race found, in one sentence, and whether the measurement of the same variant found something else."""

from __future__ import annotations

from typing import Any

from explorer.conclusion import CLOSE, ratio_words
from explorer.quantities import cut, significant
from explorer.serving.client import Standing
from explorer.texts import t
from explorer.variants import FALLBACK_TARGET

BATCH = 1
TOLERANCE = 1.1
"""A race is no measurement: it contradicts one where it is this far outside of its interval."""


def race_sentence(standing: Standing) -> str:
    """Who was faster and by how much, and how often both gave the same answer; empty where one never answered.

    Nothing is rounded in the variant's favour.
    """
    ratio = _ratio(standing)
    if ratio is None:
        return ""
    key = {1: "demo.found.faster", -1: "demo.found.slower", 0: "demo.found.same"}[_direction(ratio)]
    rates = {"variant": cut(standing.variant.per_s), "baseline": cut(standing.baseline.per_s, up=True)}
    speed = ratio_words(key, ratio, **rates) if _direction(ratio) else t(key, **rates)
    answers = t("demo.found.answers", same=f"{standing.same:,}", inputs=f"{standing.inputs:,}")
    return f"{speed} {answers}"


def disagreement(standing: Standing, result: dict[str, Any]) -> str:
    """A sentence where the race and the measurement of ``result`` tell of different speeds, else an empty one.

    Nothing is said where the speed was not measured here, or was disturbed: then the conclusion says so.
    """
    entry, ratio = measured(result), _ratio(standing)
    if entry is None or ratio is None or entry.get("noisy") or entry.get("speedup_low") is None:
        return ""
    low, high, speedup = (float(entry[name]) for name in ("speedup_low", "speedup_high", "speedup"))
    opposite = bool(_direction(ratio)) if low <= 1 <= high else (ratio > 1) != (speedup > 1)
    if not opposite and low / TOLERANCE <= ratio <= high * TOLERANCE:
        return ""
    key = "demo.differs.text" if result.get("kind") == "text" else "demo.differs"
    figures = {name: significant(value) for name, value in (("low", low), ("high", high), ("race", ratio))}
    return t(key, measured=significant(speedup), tokens=entry["sequence"], **figures)


def measured(result: dict[str, Any]) -> dict[str, Any] | None:
    """The latency that a race can be held against: ONNX Runtime on the CPU, one input at a time."""
    fitting = (
        entry
        for entry in result["latency"]
        if entry["target"] == FALLBACK_TARGET
        and entry["batch"] == BATCH
        and entry.get("speedup") is not None
        and entry.get("lengths") != "real"
    )
    return next(fitting, None)


def _ratio(standing: Standing) -> float | None:
    """How many times as fast the variant was."""
    baseline, variant = standing.baseline.per_s, standing.variant.per_s
    return variant / baseline if baseline and variant else None


def _direction(ratio: float) -> int:
    """1 for faster, -1 for slower, 0 where both are as good as equal."""
    return 1 if ratio > CLOSE else -1 if ratio < 1 / CLOSE else 0
