"""Recipes that begin alike: what is computed once, as the pipeline finds it in the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from explorer import cache
from explorer.artefacts import finished_in, finished_steps
from explorer.pipeline import Bench
from explorer.recipe import Recipe
from explorer.sharing import Work, work


def recipe(*steps: str, **more: int) -> Recipe:
    return Recipe.parse({"model": "cnn-digits", "steps": [{"technique": name} for name in steps], **more})


def keep(kind: str, of: Recipe, steps: int) -> None:
    """As if the pipeline had kept what the recipe's first ``steps`` steps made."""
    cache.put(kind, Bench(of, lambda **_: None).digest(steps), lambda folder: None)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))


def test_a_run_goes_on_from_the_longest_beginning_that_is_kept() -> None:
    first, second = recipe("prune-neurons"), recipe("prune-neurons", "fine-tune")
    prune, tune = second.steps
    assert work([first, second], [0, 0], lambda step: True) == Work((prune, tune), beginnings=2, exports=0)
    assert work([first, second], [0, 0], lambda step: False) == Work((prune, prune, tune), beginnings=0, exports=0)
    assert work([first, second], [1, 2], lambda step: True) == Work((), beginnings=0, exports=0)
    assert work([second, recipe("prune-neurons", seed=1)], [0, 0], lambda step: True).steps == (prune, tune, prune)


def test_what_steps_on_the_graph_start_from_is_kept_however_quick_it_was() -> None:
    alone = recipe("prune-neurons")
    bits, int8 = recipe("prune-neurons", "weight-bits"), recipe("prune-neurons", "int8-dynamic")
    steps = (*bits.steps, int8.steps[1])
    assert work([bits, int8], [0, 0], lambda step: False) == Work(steps, beginnings=0, exports=1)
    assert work([bits, alone], [0, 0], lambda step: False).steps == (*bits.steps, *alone.steps), "it has no model"
    assert work([recipe("weight-bits")], [0], lambda step: True).exports == 0, "this one starts from the baseline"
    trained = recipe("quantization-aware-training")
    assert work([trained], [0], lambda step: True) == Work(trained.steps, beginnings=1, exports=0)


def test_the_steps_that_lie_in_the_cache_are_those_that_the_pipeline_takes_from_there() -> None:
    alone, bits = recipe("prune-neurons", "fine-tune"), recipe("prune-neurons", "fine-tune", "weight-bits")
    assert finished_in([alone, bits]) == [0, 0] and finished_in([]) == []
    keep("prefixes", alone, 1)
    assert finished_in([alone, bits, recipe("fine-tune")]) == [1, 1, 0]
    keep("exports", bits, 2)
    assert finished_in([alone, bits]) == [1, 2], "an export is a beginning for steps on the graph alone"
    keep("prefixes", alone, 2)
    assert [finished_steps(one) for one in (alone, bits)] == [2, 2]
    gone = alone.model_copy(update={"model": "nobody/has-this"})
    assert finished_in([gone, gone]) == [0, 0]
