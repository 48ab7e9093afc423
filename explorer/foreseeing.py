"""What a recipe will probably give, judging by what was measured so far; nothing where nothing speaks for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.latest import Latest
from explorer.recipe import Measuring, Recipe
from explorer.runlike import RunLike, remembered
from explorer.sweeps import Axis, kind_of, numbers_of
from explorer.variants import Variant, own_rows


@dataclass(frozen=True)
class Span:
    """An expected value and between what it will probably lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Foreseen:
    """Accuracy as a fraction and the speed-up on the recipe's first target, and the file in bytes; None where unknown.

    The speed-up is that at the first of the recipe's batches and lengths.
    ``runs`` are what it rests on: the same recipe, or the two nearest that differ in the number on ``axis`` alone.
    """

    accuracy: Span | None
    file_bytes: Span | None
    speedup: Span | None
    runs: tuple[str, ...]
    axis: Axis | None = None


FIELDS = {"accuracy": ("accuracy_low", "accuracy_high"), "file_bytes": None, "speedup": ("speedup_low", "speedup_high")}


def foresee(recipe: Recipe, runs: Sequence[RunLike]) -> Foreseen | None:
    """Read off the same recipe's run, else between the nearest two on either side of one number; None without them.

    Between two, the value is on the straight line and the interval reaches from the lowest to the highest that either
    allows. Another machine's times are left out.
    """
    plain = recipe.plain()
    wanted = numbers_of(plain)
    kind = kind_of(recipe.model, plain)
    alike = _alike.of((runs,), (recipe.model, kind), lambda: _of_kind(runs, recipe.model, kind))
    numbers = {run.run: _numbers(run) for run in alike}
    same = [run for run in alike if numbers[run.run] == wanted]
    if same:
        own = [run for run in same if not _elsewhere(run)]
        return _between(recipe, [(own or same)[-1]], 0.0, None)
    found = [one for axis in wanted if (one := _neighbours(alike, numbers, wanted, axis)) is not None]
    if not found:
        return None
    _, axis, pair, share = min(found, key=lambda one: one[0])
    return _between(recipe, pair, share, axis)


_alike: Latest[list[RunLike]] = Latest()


def _of_kind(runs: Iterable[RunLike], model: str, kind: str) -> list[RunLike]:
    return [run for run in runs if run.model == model and run.finished and _kind(run) == kind]


def _kind(run: RunLike) -> str:
    return remembered(run, "kind", lambda: kind_of(run.model, run.recipe))


def _numbers(run: RunLike) -> dict[Axis, float]:
    return remembered(run, "numbers", lambda: numbers_of(run.recipe))


def _neighbours(
    alike: list[RunLike], numbers: Mapping[str, Mapping[Axis, float]], wanted: Mapping[Axis, float], axis: Axis
) -> tuple[float, Axis, list[RunLike], float] | None:
    """How far apart the nearest runs below and above are on an axis, and where between them the wanted number lies."""
    others = {key: value for key, value in wanted.items() if key != axis}
    line = [run for run in alike if {k: v for k, v in numbers[run.run].items() if k != axis} == others]
    below = [run for run in line if numbers[run.run][axis] < wanted[axis]]
    above = [run for run in line if numbers[run.run][axis] > wanted[axis]]
    if not below or not above:
        return None
    low = max(below, key=lambda run: numbers[run.run][axis])
    high = min(above, key=lambda run: numbers[run.run][axis])
    ends = numbers[low.run][axis], numbers[high.run][axis]
    gap = (ends[1] - ends[0]) / abs(wanted[axis] or 1.0)
    return gap, axis, [low, high], (wanted[axis] - ends[0]) / (ends[1] - ends[0])


def _between(recipe: Recipe, runs: Sequence[RunLike], share: float, axis: Axis | None) -> Foreseen:
    rows = [_rows(run, recipe) for run in runs]
    elsewhere = any(map(_elsewhere, runs))
    spans = {field: _span([one[field] for one in rows], field, share, elsewhere) for field in FIELDS}
    return Foreseen(**spans, runs=tuple(run.run for run in runs), axis=axis)


def _elsewhere(run: RunLike) -> bool:
    return run.recorded or run.imported


def _rows(run: RunLike, recipe: Recipe) -> dict[str, Variant | None]:
    """By field the row that speaks for it: a file is the same everywhere, answers are a target's, times a batch's."""
    rows = [row for row in own_rows(run) if not row.reported]
    there = [row for row in rows if row.target == recipe.targets[0] and row.available]
    as_long = _lengths(run.recipe)[:1] == recipe.measure.lengths[:1]
    timed = [row for row in there if as_long and row.batch == recipe.measure.batches[0]]
    found = {"file_bytes": rows, "accuracy": there, "speedup": timed}
    return {field: next(iter(fitting), None) for field, fitting in found.items()}


def _lengths(plain: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple((plain.get("measure") or {}).get("lengths") or Measuring().lengths)


def _span(rows: list[Variant | None], field: str, share: float, elsewhere: bool) -> Span | None:
    if field == "speedup" and elsewhere:
        return None
    values = [getattr(row, field) for row in rows if row is not None]
    if len(values) < len(rows) or None in values:
        return None
    interval = FIELDS[field]
    lows = [getattr(row, interval[0]) or value if interval else value for row, value in zip(rows, values, strict=True)]
    highs = [getattr(row, interval[1]) or value if interval else value for row, value in zip(rows, values, strict=True)]
    first, last = values[0], values[-1]
    return Span(first + share * (last - first), min(lows), max(highs))
