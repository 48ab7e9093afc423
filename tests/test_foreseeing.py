"""What is foreseen comes from the same recipe or from its two neighbours, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from explorer.foreseeing import foresee
from explorer.recipe import Recipe
from explorer.store import RunRow
from explorer.variants import own_rows
from tests.support.sample_results import sample_runs

MODEL = "minilm-tweets"


def recipe(sparsity: float, scope: str = "global", bits: int | None = None) -> Recipe:
    steps: list[dict[str, Any]] = [{"technique": "prune-magnitude", "sparsity": sparsity, "scope": scope}]
    steps += [{"technique": "weight-bits", "bits": bits}] if bits else []
    return Recipe.parse({"model": MODEL, "steps": steps, "targets": ["cpu-onnxruntime"]})


def measured(*recipes: Recipe, recorded: bool = False) -> list[RunRow]:
    """Sample runs as if they had been made from these recipes."""
    from dataclasses import replace

    runs = [run for run in sample_runs(12, recorded=recorded) if run.families and run.model == MODEL]
    return [replace(run, recipe=one.plain()) for run, one in zip(runs, recipes, strict=False)]


def value(run: RunRow, field: str) -> float:
    result = run.result or {}
    if field == "file_bytes":
        return float(result["size"]["file_bytes"])
    entries = result["accuracy"] if field == "accuracy" else result["latency"]
    return float(entries[0]["value" if field == "accuracy" else "speedup"])


def test_the_same_recipe_is_what_it_was() -> None:
    (run,) = measured(recipe(0.5))
    found = foresee(recipe(0.5), [run])
    assert found and found.runs == (run.run,) and found.axis is None
    assert found.accuracy and found.accuracy.value == value(run, "accuracy")
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert found.file_bytes and found.file_bytes.value == found.file_bytes.high == value(run, "file_bytes")


def test_between_two_neighbours_it_lies_on_the_line_and_reaches_as_far_as_either() -> None:
    low, high, far = measured(recipe(0.4), recipe(0.6), recipe(0.9))
    found = foresee(recipe(0.45), [far, high, low])
    assert found and found.runs == (low.run, high.run) and found.axis == (0, "prune-magnitude", "sparsity")
    for field in ("accuracy", "file_bytes", "speedup"):
        span, ends = getattr(found, field), (value(low, field), value(high, field))
        assert span.value == pytest.approx(ends[0] + 0.25 * (ends[1] - ends[0]))
        assert span.low <= min(ends) and span.high >= max(ends)


@pytest.mark.parametrize(
    "known",
    [
        [recipe(0.4), recipe(0.45)],
        [recipe(0.4, "layer"), recipe(0.6, "layer")],
        [recipe(0.4, bits=4), recipe(0.6, bits=4)],
        [],
    ],
)
def test_where_nothing_speaks_for_it_nothing_is_said(known: list[Recipe]) -> None:
    assert foresee(recipe(0.5), measured(*known)) is None


def test_nothing_measured_elsewhere_or_otherwise_speaks_for_a_time() -> None:
    (run,) = measured(recipe(0.5))
    times = {row.batch: row.speedup for row in own_rows(run) if row.target == "cpu-onnxruntime"}
    for how, speedup in (({"batches": [8]}, times[8]), ({"batches": [32]}, None), ({"lengths": [16]}, None)):
        found = foresee(Recipe.parse(recipe(0.5).plain() | {"measure": how}), [run])
        assert found and found.accuracy and found.file_bytes
        assert (found.speedup and found.speedup.value) == speedup, how
    other = foresee(recipe(0.5).model_copy(update={"targets": ("cpu-openvino",)}), [run])
    assert other and other.file_bytes and (other.accuracy, other.speedup) == (None, None)


def test_another_machines_times_are_no_promise_for_this_one() -> None:
    found = foresee(recipe(0.5), measured(recipe(0.5), recorded=True))
    assert found and found.speedup is None and found.accuracy is not None
