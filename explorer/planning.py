"""What a launch will do: the recipes of a sweep, and how long they take judging by what was measured here."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any, cast

from explorer.artefacts import baseline_folder
from explorer.errors import BadInput
from explorer.latest import Latest
from explorer.recipe import Recipe
from explorer.runlike import RunLike, remembered
from explorer.sharing import SLOW_STEP_SECONDS, work
from explorer.technique import Parameter, Technique, techniques

MOST_RUNS = 200
PASSES = "epochs"
"""The parameter that says how often a technique goes through the data."""
STUDENT = ("layers", "width")
"""The parameters that say how much of its teacher a student keeps."""


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
    for axis in axes:
        _check_ends(recipe, axis)
    grid = list(itertools.product(*(axis.values() for axis in axes)))
    if len(grid) > MOST_RUNS:
        raise BadInput(f"This sweep has {len(grid)} runs; at most {MOST_RUNS} are possible. Take larger steps.")
    return [_with_values(recipe, axes, values) for values in grid]


def _check_ends(recipe: Recipe, axis: SweepAxis) -> None:
    """What is given by hand must lie within the slider's ends."""
    parameters = type(recipe.steps[axis.position]).parameters()
    low, high = next((p.low, p.high) for p in parameters if p.name == axis.parameter)
    if low is None or high is None:
        return
    outside = next((end for end in (axis.low, axis.high) if not low <= end <= high), None)
    if outside is not None:
        raise BadInput(f"The sweep of '{axis.parameter}' reaches {outside:g}; it must stay from {low:g} to {high:g}.")


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


def estimate(recipe: Recipe, runs: Sequence[RunLike], done: int = 0) -> Estimate | None:
    """Add up what the same techniques took on the same model in the reader's own runs; None where one is unknown.

    Recorded and imported runs do not count, since another machine made them; neither do steps from the cache, of which
    the recipe's first ``done`` are taken. Training is scaled by its epochs. How much of it follows a student's size is
    not known: between nothing and all. What ``runs`` teach is kept for as long as the same list is given: do not change
    it.
    """
    return estimate_all([recipe], runs, [done])


def estimate_all(recipes: Sequence[Recipe], runs: Sequence[RunLike], done: Sequence[int] = ()) -> Estimate | None:
    """What several recipes of one model take one after another; None where a step is unknown.

    Of each so many first steps are ``done`` before (none where nothing is given), and what several begin with counts
    once, where it takes so long that the first one keeps it.
    """
    learnt = _learning(recipes[0].model, runs)
    spreads = _spreads(recipes, learnt)
    todo = work(recipes, done or [0] * len(recipes), lambda step: _is_slow(spreads[step])).steps
    steps = [spread for step in todo if (spread := spreads[step])]
    if learnt.rest is None or len(steps) < len(todo):
        return None
    low, middle, high = (sum(values) for values in zip(*[learnt.rest] * len(recipes), *steps, strict=True))
    return Estimate(middle, low, high, learnt.runs)


def disk_bytes(recipes: Sequence[Recipe], done: Sequence[int] = ()) -> int:
    """The most that the weights take which recipes of one model and its data leave on the disk.

    Each copy is at most as large as the model: an artefact, twice where PyTorch keeps its own, and what the cache keeps
    for other runs: the baseline, exports for steps on the graph, beginnings as if all were slow. Of each recipe so many
    first steps are ``done`` before. 0 where the model's size is not known.
    """
    kept = work(recipes, done or [0] * len(recipes), lambda step: True)
    copies = sum(1 if any(step.stage == "deploy" for step in recipe.steps) else 2 for recipe in recipes)
    copies += kept.beginnings + kept.exports + (0 if baseline_folder(recipes[0]) else 2)
    return copies * _model_bytes(recipes[0].model, recipes[0].data)


def _model_bytes(model: str, data: str | None) -> int:
    """What the model takes; 0 where its files are not on this machine: it is not downloaded for this."""
    from explorer.models import card_for, hub, zoo

    if model not in zoo.NAMES and not hub.is_here(model):
        return 0
    try:
        return card_for(model, data).file_bytes
    except BadInput:
        return 0


TRAINING_BYTES, WORKING_BYTES = 1_500_000_000, 800_000_000
"""What a worker takes besides its model when it trains or collects gradients, and when it does not."""


def memory_bytes(recipe: Recipe) -> int | None:
    """What a worker is expected to hold at most: four copies of the model and what PyTorch and the batches take.

    A rule from measurements (``python -m explorer.bench --only memory``); None where the model's size is not known.
    """
    size = _model_bytes(recipe.model, recipe.data)
    trains = any({"training", "gradients"} & step.needs for step in recipe.steps)
    return 4 * size + (TRAINING_BYTES if trains else WORKING_BYTES) if size else None


def still_to_do(recipes: Sequence[Recipe], runs: Sequence[RunLike]) -> list[Recipe]:
    """Those of these recipes that are neither done here nor at work, and so will be done."""
    model = recipes[0].model
    there = _there.of((runs,), model, lambda: _in_hand(runs, model))
    return [recipe for recipe in recipes if _text(recipe.plain()) not in there]


_there: Latest[set[str]] = Latest()


def _in_hand(runs: Iterable[RunLike], model: str) -> set[str]:
    return {
        remembered(run, "recipe", partial(_text, run.recipe))
        for run in runs
        if run.model == model and not run.recorded and (run.finished or run.state in ("queued", "running"))
    }


def _text(recipe: dict[str, Any]) -> str:
    return json.dumps(recipe, sort_keys=True)


_Scale = tuple[float | None, ...]
"""What a step's time depends on: its passes through the data, then its student's size; None where it has none."""
_Taken = dict[str, dict[_Scale, list[float]]]
"""By technique and scale the seconds that it took."""
_Spread = tuple[float, float, float]
"""The least, the middle and the most of some seconds."""


@dataclass(frozen=True)
class _Learnt:
    """What the reader's own runs of one model took: their steps, the rest of them (least, middle, most), how many."""

    taken: _Taken
    rest: _Spread | None
    runs: int


@dataclass(frozen=True)
class _Seconds:
    """What a run took: by technique the seconds of each step that was really done with its settings, and the rest."""

    steps: tuple[tuple[str, float, _Scale], ...]
    rest: float


_learnt: Latest[_Learnt] = Latest()


def _learning(model: str, runs: Sequence[RunLike]) -> _Learnt:
    return _learnt.of((runs,), model, lambda: _learn(runs, model))


def _learn(runs: Iterable[RunLike], model: str) -> _Learnt:
    alike = [run for run in runs if run.finished and not (run.recorded or run.imported) and run.model == model]
    results = [remembered(run, "seconds", partial(_seconds, run)) for run in alike]
    taken: _Taken = {}
    for result in results:
        for technique, seconds, scale in result.steps:
            taken.setdefault(technique, {}).setdefault(scale, []).append(seconds)
    rest = [result.rest for result in results]
    return _Learnt(taken, _spread(rest) if rest else None, len(results))


def _seconds(run: RunLike) -> _Seconds:
    result = run.result or {}
    done = [
        (report["technique"], report["seconds"], _scale(report["technique"], given))
        for given, report in zip(result["recipe"].get("steps") or (), result["steps"], strict=False)
        if not report.get("cached")
    ]
    return _Seconds(tuple(done), max(result["seconds"] - sum(seconds for _, seconds, _ in done), 0))


def _scale(technique: str, given: Mapping[str, Any]) -> _Scale:
    """The scale of a step with these settings; what an old recipe leaves out is the usual."""
    known = techniques().get(technique)
    settings = {**(known().step() if known else {}), **given}
    return tuple(settings.get(name) for name in (PASSES, *STUDENT))


def _step_seconds(taken: _Taken, step: Technique) -> list[float]:
    wanted = _scale(step.name, step.step())
    return [
        factor * seconds
        for given, known in taken.get(step.name, {}).items()
        for factor in _factors(given, wanted)
        for seconds in known
    ]


def _factors(given: _Scale, wanted: _Scale) -> list[float]:
    """How much longer a step of the scale ``wanted`` takes than one of ``given``: one or two guesses."""
    pairs = zip(given, wanted, strict=True)
    passes, *sizes = (float(new / old) if new is not None and old else 1.0 for old, new in pairs)
    size = math.prod(sizes)
    return [passes] if size == 1 else [passes, passes * size]


def _spreads(recipes: Sequence[Recipe], learnt: _Learnt) -> dict[Technique, _Spread | None]:
    """What each step of these recipes takes; None where that is not known."""
    found = {step: _step_seconds(learnt.taken, step) for step in {step for recipe in recipes for step in recipe.steps}}
    return {step: _spread(seconds) if seconds else None for step, seconds in found.items()}


def _is_slow(spread: _Spread | None) -> bool:
    """Whether what a step makes will be kept, judging by the middle of its seconds; unknown ones count as slow."""
    return spread is None or spread[1] > SLOW_STEP_SECONDS


def _spread(values: list[float]) -> _Spread:
    return min(values), median(values), max(values)


def sliders(recipe: Recipe) -> list[tuple[int, str]]:
    """The parameters that a sweep can go through: (position of the step, parameter)."""
    known = techniques()
    return [
        (position, parameter.name)
        for position, step in enumerate(recipe.steps)
        for parameter in known[step.name].parameters()
        if parameter.kind in ("slider", "stops") and parameter.matters(step.step())
    ]


def usual_range(parameter: Parameter) -> tuple[float, float, float]:
    """At most five values around a slider's usual one, as (from, to, step): fractions a fifth apart, others in steps of
    the usual value, or of a quarter of the range where that holds no second one.
    """
    usual, low, high, step = cast(tuple[float, ...], (parameter.default, parameter.low, parameter.high, parameter.step))
    by = 0.2 if parameter.unit == "fraction" else abs(usual) or step
    if by > max(usual - low, high - usual):
        by = max(1, round((high - low) / 4 / step)) * step
    below = math.floor((usual - low) / by + 1e-9)
    above = math.floor((high - usual) / by + 1e-9)
    first = -min(below, max(2, 4 - above))
    last = min(above, 4 + first)
    number = type(usual)
    return number(round(usual + first * by, 10)), number(round(usual + last * by, 10)), number(by)
