"""One plain sentence about a variant, generated from its measurements and never rounded in its favour."""

from __future__ import annotations

import math
from typing import Any

from explorer.quantities import cut, signed
from explorer.texts import t, target_title
from explorer.variants import SPLIT, length_words

CLOSE = 1.05
"""A file smaller by less than this factor is called as large as before; larger or slower by less is slightly so."""
SAME = 1.001
"""A file larger by no more than this factor is called no smaller than before."""


def conclusion(
    result: dict[str, Any], target: str | None = None, batch: int | None = None, length: str | None = None
) -> str:
    """``3.9 times smaller, 2.5 times faster (CPU, ONNX Runtime, batch 1), accuracy within noise.``

    ``result`` is a run's result as plain data; without ``target`` and ``batch`` its first measured latency is taken,
    and without ``length``, as ``variants.length_of`` gives it for texts, the one that it was measured at first.
    Ratios in the variant's favour are cut to two digits, those against it rounded up. A baseline is only called so.
    """
    if not result["recipe"]["steps"]:
        return t("conclusion.baseline")
    of_texts = None if result.get("kind") == "image" else length
    parts = [_size(result), _speed(result, target, batch, of_texts), _accuracy(result, target)]
    sentence = t("conclusion.comma").join(part for part in parts if part)
    return sentence[:1].upper() + sentence[1:] + t("conclusion.stop")


def _size(result: dict[str, Any]) -> str:
    before, now = result["baseline_size"]["file_bytes"], result["size"]["file_bytes"]
    ratio = before / now
    if ratio < CLOSE and 1 / ratio <= SAME:
        return t("conclusion.same_size" if ratio >= 1 else "conclusion.no_smaller")
    return ratio_words("conclusion.smaller", ratio) if ratio > 1 else ratio_words("conclusion.larger", ratio)


def _speed(result: dict[str, Any], target: str | None, batch: int | None, length: str | None) -> str:
    entry = _latency(result, target, batch, length)
    if entry is None:
        return t("conclusion.speed_unknown")
    low, high = entry.get("speedup_low"), entry.get("speedup_high")
    place = {"target": target_title(entry["target"]), "batch": entry["batch"]}
    texts = {"length": length_words(length)} if length else {}
    where = t("conclusion.where.length" if length else "conclusion.where", **place, **texts)
    if entry.get("noisy"):
        return t("conclusion.noisy", where=where)
    if low is None or high is None or low <= 1 <= high:
        return t("conclusion.same_speed", where=where)
    ratio = float(entry["speedup"])
    return f"{ratio_words('conclusion.faster' if ratio > 1 else 'conclusion.slower', ratio)} {where}"


def _latency(
    result: dict[str, Any], target: str | None, batch: int | None, length: str | None
) -> dict[str, Any] | None:
    fitting = (
        entry
        for entry in result["latency"]
        if entry.get("speedup") is not None
        and target in (None, entry["target"])
        and batch in (None, entry["batch"])
        and (entry.get("lengths") != "real" if length is None else _length_of(entry) == length)
    )
    return next(fitting, None)


def _length_of(entry: dict[str, Any]) -> str:
    return "real" if entry.get("lengths") == "real" else str(entry["sequence"])


def _accuracy(result: dict[str, Any], target: str | None) -> str:
    """By the validation split; a loss that another split shows, and this one does not, is said too."""
    clean = [
        entry
        for entry in result["accuracy"]
        if entry.get("condition", "clean") == "clean" and entry.get("value") is not None
    ]
    measured = [entry for entry in clean if entry["split"] == SPLIT]
    entry = next((one for one in measured if one["target"] == target), measured[0] if measured else None)
    if entry is None or entry.get("difference") is None:
        return t("conclusion.accuracy_unknown")
    if not entry.get("within_noise"):
        return t("conclusion.points", points=_points(entry))
    others = (one for one in clean if one["target"] == entry["target"] and one.get("within_noise") is False)
    lost = next((one for one in others if (one.get("difference") or 0) < 0), None)
    return t("conclusion.lost_elsewhere", points=_points(lost)) if lost else t("conclusion.within_noise")


def _points(entry: dict[str, Any]) -> str:
    """A difference in points: away from zero for a loss, towards it for a gain."""
    tenths = math.floor(round(1000 * float(entry["difference"]), 6))
    return signed(tenths / 10)


def ratio_words(key: str, ratio: float, **more: str) -> str:
    """The text of ``key`` with a ratio in two digits: cut where it speaks for the variant, raised where it does not.

    A gain that two digits do not show, or a loss by a factor below ``CLOSE``, is the text of ``key.slightly``.
    """
    factor = max(ratio, 1 / ratio)
    shown = cut(factor, 2, up=ratio < 1)
    slight = shown == "1.0" if ratio > 1 else factor < CLOSE
    return t(f"{key}.slightly", **more) if slight else t(key, ratio=shown, **more)
