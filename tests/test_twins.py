"""Runs of one recipe are known by their digest, or by the recipe where another engine gave another digest."""

from __future__ import annotations

import json
from dataclasses import replace

from explorer.store import recorded_rows
from explorer.twins import kin, standing_for
from tests.support.sample_results import sample_runs


def made(run: str, digest: str, engine: str = "3", **changes):
    """A finished run with this digest; ``changes`` are of its recipe."""
    sample = sample_runs(3)[2]
    recipe = {**sample.recipe, **changes}
    return replace(sample, run=run, result={**sample.result, "digest": digest, "engine": engine, "recipe": recipe})


def test_equal_digests_are_kin_wherever_they_were_measured():
    found = kin([made("here", "d1"), made("there", "d1", targets=["cuda-torch"]), made("other", "d2", seed=1)])
    assert found["here"] == found["there"] == "d1" and found["other"] == "d2"


def test_another_engine_gives_another_digest_to_the_same_recipe():
    found = kin([made("old", "d0", engine="2"), made("new", "d1"), made("again", "d1")])
    assert set(found.values()) == {"d0"}


def test_a_recipe_with_two_digests_of_one_engine_had_other_contents():
    found = kin([made("before", "d1"), made("after", "d2"), made("old", "d0", engine="2")])
    assert found == {"before": "d1", "after": "d2", "old": "d0"}


def test_other_steps_seeds_and_models_are_no_kin():
    runs = [made("a", "d1"), made("b", "d2", engine="2", seed=7), made("c", "d3", engine="2", model="cnn-digits")]
    runs.append(made("d", "d4", engine="2", steps=[]))
    assert len(set(kin(runs).values())) == 4


def test_runs_without_a_result_have_no_kin():
    assert kin([replace(made("a", "d1"), result=None)]) == {}


def test_the_run_itself_stands_for_itself_else_its_twins():
    known = {"a": "d1", "b": "d1", "c": "d2"}
    assert standing_for("a", ["a", "b", "c"], known) == ["a"]
    assert standing_for("a", ["c", "b"], known) == ["b"]
    assert standing_for("a", ["c"], known) == []
    assert standing_for("unknown", ["c"], known) == []
    assert standing_for("unknown", ["c", "unknown"], known) == ["unknown"]


def test_what_was_recorded_on_a_gpu_has_its_twin_among_what_was_recorded_without_one():
    rows = recorded_rows()
    found = kin(rows)
    on_gpu = {row.run for row in rows if any(name.startswith("cuda-") for name in row.recipe["targets"])}
    without = {row.run for row in rows} - on_gpu
    steps = {row.run: json.dumps([row.recipe["model"], row.recipe.get("steps")], sort_keys=True) for row in rows}
    there = {steps[run] for run in without}
    assert sum(steps[run] in there for run in on_gpu) > 10
    for run in on_gpu:
        assert len(standing_for(run, without, found)) == (steps[run] in there)
