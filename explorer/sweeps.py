"""Runs that differ in one or two numbers only: what a sweep made, or what came together run by run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from explorer.runlike import RunLike

LEAST_CURVE, LEAST_GRID = 3, 4
LEAST_BEND = 0.1
"""How far the elbow must lie from the straight line between the ends, as a share of the whole change."""

Axis = tuple[int, str, str]
"""Where a number stands: the step's position, its technique, the parameter."""


@dataclass(frozen=True)
class Sweep:
    """Runs of one model that are alike but for the numbers on one or two ``axes``; ``runs`` by these numbers."""

    model: str
    recorded: bool
    imported: bool
    techniques: tuple[str, ...]
    axes: tuple[Axis, ...]
    runs: Mapping[tuple[float, ...], str]

    def values(self, place: int) -> tuple[float, ...]:
        """The numbers on an axis, smallest first."""
        return tuple(sorted({key[place] for key in self.runs}))


def sweeps(runs: Iterable[RunLike]) -> list[Sweep]:
    """All curves of three runs or more and all grids with two values or more on each axis, largest first.

    A curve that is a line of a grid is left out. Of runs with the same numbers the last one stands.
    """
    alike: dict[str, list[RunLike]] = defaultdict(list)
    for run in runs:
        alike[f"{kind_of(run.model, run.recipe)} {run.recorded} {run.imported}"].append(run)
    found = [sweep for group in alike.values() for sweep in _of_one_kind(group)]
    return sorted(found, key=lambda sweep: (-len(sweep.axes), -len(sweep.runs), sweep.model, sweep.axes))


def kind_of(model: str, recipe: dict[str, Any]) -> str:
    """Everything but numbers: model, data, seed, and which techniques with which words."""
    steps = [{key: value for key, value in step.items() if not _is_number(value)} for step in _steps(recipe)]
    return json.dumps([model, recipe.get("data"), recipe.get("seed", 0), steps])


def numbers_of(recipe: dict[str, Any]) -> dict[Axis, float]:
    """The numbers of a recipe's steps."""
    return {
        (position, str(step["technique"]), name): float(value)
        for position, step in enumerate(_steps(recipe))
        for name, value in step.items()
        if _is_number(value)
    }


def _of_one_kind(group: Sequence[RunLike]) -> list[Sweep]:
    numbers = {run.run: numbers_of(run.recipe) for run in group}
    varying = [
        axis for axis in next(iter(numbers.values())) if len({found.get(axis) for found in numbers.values()}) > 1
    ]
    grids = [sweep for pair in combinations(varying, 2) for sweep in _along(group, numbers, pair)]
    in_grids = {(axis, run) for grid in grids for axis in grid.axes for run in grid.runs.values()}
    curves = [sweep for axis in varying for sweep in _along(group, numbers, (axis,))]
    return grids + [one for one in curves if not {(one.axes[0], run) for run in one.runs.values()} <= in_grids]


def _along(
    group: Sequence[RunLike], numbers: Mapping[str, Mapping[Axis, float]], axes: tuple[Axis, ...]
) -> list[Sweep]:
    """The sets of runs that are equal but for these axes, where they are enough."""
    places: dict[tuple[Any, ...], dict[tuple[float, ...], str]] = defaultdict(dict)
    for run in group:
        known = numbers[run.run]
        others = tuple(sorted((axis, value) for axis, value in known.items() if axis not in axes))
        if all(axis in known for axis in axes):
            places[others][tuple(known[axis] for axis in axes)] = run.run
    first = group[0]
    techniques = tuple(str(step["technique"]) for step in _steps(first.recipe))
    made = [Sweep(first.model, first.recorded, first.imported, techniques, axes, runs) for runs in places.values()]
    return [sweep for sweep in made if _enough(sweep)]


def _enough(sweep: Sweep) -> bool:
    if len(sweep.axes) == 1:
        return len(sweep.runs) >= LEAST_CURVE
    return len(sweep.runs) >= LEAST_GRID and all(len(sweep.values(place)) > 1 for place in range(2))


def _steps(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    return list(recipe.get("steps") or ())


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def elbow(
    xs: Sequence[float],
    ys: Sequence[float],
    higher_is_better: bool = True,
    intervals: Sequence[tuple[float, float] | None] = (),
) -> int | None:
    """Where a curve bends most: the point farthest from the straight line between its ends, both axes scaled to 0..1.

    ``xs`` rise. Only points on the better side of the line count, and by more than their intervals reach towards it:
    what is left is bought cheaply and not by chance. None for fewer than three points, a level curve, or one that
    hardly bends. Source: Satopää et al., Finding a "kneedle" in a haystack, 2011.
    """
    if len(xs) < LEAST_CURVE or xs[0] == xs[-1]:
        return None
    x, y = np.asarray(xs, float), np.asarray(ys, float)
    spread = float(y.max() - y.min())
    if spread == 0:
        return None
    along = (x - x[0]) / (x[-1] - x[0])
    line = y[0] + along * (y[-1] - y[0])
    near = [pair[0 if higher_is_better else 1] if pair else own for pair, own in zip(intervals, ys, strict=False)] or y
    sure = np.asarray(near, float) - line if higher_is_better else line - np.asarray(near, float)
    away = np.where(sure > 0, np.abs(y - line) / spread, 0.0)
    place = int(away.argmax())
    return place if away[place] >= LEAST_BEND else None
