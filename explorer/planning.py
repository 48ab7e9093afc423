"""What a launch will do: the recipes of a sweep, and how long a recipe takes judging by what was measured here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from explorer.errors import BadInput
from explorer.recipe import Recipe
from explorer.technique import techniques
from explorer.variants import RunLike

MOST_RUNS = 200


@dataclass(frozen=True)
class SweepAxis:
    """A slider's values from ``low`` to ``high`` in steps of ``by``: ``position`` is the step's place in the recipe.

    A slider that rests on ``stops`` only takes those between ``low`` and ``high``, and ``by`` is not used.
    """

    position: int
    parameter: str
    low: float
    high: float
    by: float
    stops: tuple[float, ...] = ()

    def values(self) -> list[float]:
        """All values, both ends included where the step meets them; raises ``BadInput`` for an impossible range."""
        if self.low > self.high:
            raise BadInput(
                f"The sweep of '{self.parameter}' goes from {self.low:g} to {self.high:g}; give the smaller first."
            )
        if self.stops:
            return [stop for stop in self.stops if self.low <= stop <= self.high]
        if self.by <= 0:
            raise BadInput(f"The step of the sweep of '{self.parameter}' is {self.by:g}; it must be more than 0.")
        count = math.floor((self.high - self.low) / self.by + 1e-9) + 1
        if count > MOST_RUNS:
            raise BadInput(f"The sweep of '{self.parameter}' has {count} values; at most {MOST_RUNS} are possible.")
        return [round(self.low + index * self.by, 10) for index in range(count)]


def sweep(recipe: Recipe, axes: Sequence[SweepAxis]) -> list[Recipe]:
    """One recipe for every combination of the axes' values; raises ``BadInput`` with one sentence."""
    grid = list(itertools.product(*(axis.values() for axis in axes)))
    if len(grid) > MOST_RUNS:
        raise BadInput(f"This sweep has {len(grid)} runs; at most {MOST_RUNS} are possible. Take larger steps.")
    return [_with_values(recipe, axes, values) for values in grid]


def _with_values(recipe: Recipe, axes: Sequence[SweepAxis], values: Sequence[float]) -> Recipe:
    fields = recipe.plain()
    for axis, value in zip(axes, values, strict=True):
        step = fields["steps"][axis.position]
        whole = isinstance(step[axis.parameter], int)
        step[axis.parameter] = round(value) if whole else value
    return Recipe.parse(fields)


@dataclass(frozen=True)
class Estimate:
    """Seconds that a recipe is expected to take, from the quickest and slowest of what was measured."""

    seconds: float
    low: float
    high: float
    runs: int


def estimate(recipe: Recipe, runs: Iterable[RunLike]) -> Estimate | None:
    """Add up what the same techniques took on the same model in the reader's own runs; None where one is unknown.

    Recorded runs do not count, since another machine made them; neither do steps that were taken from the cache.
    """
    results = [run.result for run in runs if run.result and not run.recorded and run.model == recipe.model]
    parts = [_rest_seconds(results), *(_step_seconds(results, step.name) for step in recipe.steps)]
    if not all(parts):
        return None
    low, middle, high = (sum(pick(part) for part in parts) for pick in (min, median, max))
    return Estimate(middle, low, high, len(results))


def _step_seconds(results: Iterable[dict[str, Any]], technique: str) -> list[float]:
    steps = (step for result in results for step in result["steps"])
    return [step["seconds"] for step in steps if step["technique"] == technique and not step.get("cached")]


def _rest_seconds(results: Iterable[dict[str, Any]]) -> list[float]:
    """What runs took besides their steps: loading, exporting, measuring."""
    return [max(result["seconds"] - sum(step["seconds"] for step in result["steps"]), 0) for result in results]


def sliders(recipe: Recipe) -> list[tuple[int, str]]:
    """The parameters that a sweep can go through: (position of the step, parameter)."""
    known = techniques()
    return [
        (position, parameter.name)
        for position, step in enumerate(recipe.steps)
        for parameter in known[step.name].parameters()
        if parameter.kind in ("slider", "stops")
    ]
