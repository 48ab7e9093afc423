from dataclasses import replace

import pytest

from explorer import cache
from explorer.errors import BadInput
from explorer.models import card_for, cards
from explorer.pipeline import Bench
from explorer.planning import (
    Estimate,
    SweepAxis,
    disk_bytes,
    estimate,
    estimate_all,
    sliders,
    still_to_do,
    sweep,
    usual_range,
)
from explorer.recipe import Recipe
from explorer.technique import techniques
from tests.models.tiny import save_bert, write_csv
from tests.support.sample_results import sample_runs


def recipe(*steps, model="minilm-tweets"):
    return Recipe.parse(
        {"model": model, "steps": [{"technique": name} for name in steps], "targets": ["cpu-onnxruntime"]}
    )


def test_a_sweep_has_both_ends():
    recipes = sweep(recipe("prune-neurons"), [SweepAxis(0, "sparsity", 0.1, 0.5, 0.1)])
    assert [each.plain()["steps"][0]["sparsity"] for each in recipes] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_two_axes_make_a_grid():
    axes = [SweepAxis(0, "sparsity", 0.2, 0.4, 0.1), SweepAxis(1, "epochs", 1, 2, 0.5)]
    recipes = sweep(recipe("prune-neurons", "fine-tune"), axes)
    assert len({each.to_yaml() for each in recipes}) == 9


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        (SweepAxis(0, "sparsity", 0.5, 0.1, 0.1), "smaller first"),
        (SweepAxis(0, "sparsity", 0.1, 0.5, 0), "more than 0"),
        (SweepAxis(0, "sparsity", 0.1, 0.5, 0.0001), "at most 200"),
        (SweepAxis(0, "sparsity", 0.5, 7, 0.5), "'sparsity' reaches 7; it must stay from 0 to 0.9"),
        (SweepAxis(0, "sparsity", -1, 0.5, 0.5), "'sparsity' reaches -1"),
    ],
)
def test_an_impossible_sweep_is_one_sentence(axis, words):
    with pytest.raises(BadInput, match=words):
        sweep(recipe("prune-neurons"), [axis])


def test_a_grid_has_a_limit():
    axes = [SweepAxis(0, "sparsity", 0.1, 0.9, 0.05), SweepAxis(1, "epochs", 1, 5, 0.25)]
    with pytest.raises(BadInput, match="289 runs"):
        sweep(recipe("prune-neurons", "fine-tune"), axes)


def values(parameter):
    low, high, by = usual_range(parameter)
    return SweepAxis(0, parameter.name, low, high, by).values()


def test_a_usual_sweep_has_at_most_five_values_around_the_usual_one():
    sliders_of = {(t.name, p.name): p for t in techniques().values() for p in t.parameters() if p.kind == "slider"}
    for parameter in sliders_of.values():
        found = values(parameter)
        assert 2 <= len(found) <= 5 and parameter.default in found
        assert all(parameter.low <= value <= parameter.high for value in found)
    assert values(sliders_of["prune-neurons", "sparsity"]) == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert values(sliders_of["distill-student", "width"]) == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert values(sliders_of["fine-tune", "epochs"]) == [1, 2, 3, 4, 5]


def test_what_means_nothing_is_not_swept():
    off = Recipe.parse({"model": "vit-digits", "steps": [{"technique": "fine-tune", "distill": False}]})
    assert sliders(off) == [(0, "epochs")]


def test_what_can_be_swept():
    assert (0, "sparsity") in sliders(recipe("prune-neurons", "fine-tune"))
    assert (1, "epochs") in sliders(recipe("prune-neurons", "fine-tune"))
    assert sliders(recipe()) == []


def test_an_estimate_adds_up_what_was_measured():
    runs = sample_runs(8)
    for run, seconds in zip(runs, (20, 30, 20, 40, 30, 30, 30, 20), strict=True):
        run.result["seconds"] = seconds
        for step in run.result["steps"]:
            step["seconds"] = 10.0
    time = estimate(recipe("prune-neurons"), runs)
    rests = sorted(run.result["seconds"] - 10 * len(run.result["steps"]) for run in runs)
    assert (time.low, time.high, time.runs) == (10 + rests[0], 10 + rests[-1], 8)
    assert time.seconds == 10 + (rests[3] + rests[4]) / 2


def test_the_first_steps_that_lie_in_the_cache_take_no_time():
    runs = measured(("prune-neurons", {}, 10.0, False), ("fine-tune", {"epochs": 1.0}, 30.0, False), seconds=45)
    both = recipe("prune-neurons", "fine-tune")
    assert [estimate(both, runs, done).seconds for done in (0, 1, 2)] == [45, 35, 5]


def test_the_disk_that_a_sweep_takes_is_known_where_the_model_is_here(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    save_bert(tmp_path / "own")
    here, nowhere = (
        recipe("int8-dynamic").model_copy(update={"model": model, "data": str(write_csv(tmp_path / "data.csv"))})
        for model in (str(tmp_path / "own"), "nobody/has-this")
    )
    assert disk_bytes([here]) == (1 + 2) * 4 * card_for(here.model, here.data).parameters > 0, "with the baseline's two"
    assert disk_bytes([nowhere]) == 0


def test_the_disk_of_a_sweep_counts_what_the_cache_keeps(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    model = "cnn-digits"
    bench = Bench(recipe(model=model), lambda **_: None)
    cache.put("baselines", bench.digest(0), lambda folder: None)
    size = cards()[model].file_bytes
    twice = sweep(recipe("prune-neurons", model=model), [SweepAxis(0, "sparsity", 0.2, 0.8, 0.2)])
    assert disk_bytes(twice) == 4 * (2 + 1) * size, "PyTorch keeps a copy of each, and the cache its beginning"
    on_graph = sweep(recipe("fine-tune", "weight-bits", model=model), [SweepAxis(1, "bits", 2, 8, 0, (2, 3, 4, 8))])
    assert disk_bytes(on_graph) == (4 + 1 + 1) * size, "one beginning and one export for all"
    assert disk_bytes(on_graph, [1] * 4) == (4 + 1) * size


def test_what_never_ran_here_is_not_guessed():
    assert estimate(recipe("weight-bits"), sample_runs(8)) is None
    assert estimate(recipe("prune-neurons", model="other"), sample_runs(8)) is None
    assert estimate(recipe("prune-neurons"), sample_runs(8, recorded=True)) is None


def test_a_step_from_the_cache_says_nothing_about_time():
    runs = sample_runs(2)
    runs[1].result["steps"][0]["cached"] = True
    assert estimate(recipe("prune-neurons"), runs) is None


def test_what_a_step_from_the_cache_took_is_not_taken_off_the_rest():
    (run,) = measured(("fine-tune", {"epochs": 1.0}, 50.0, True), seconds=20)
    (other,) = measured(("fine-tune", {"epochs": 1.0}, 50.0, False), seconds=70)
    assert estimate(recipe("fine-tune"), [run, other]) == Estimate(50 + 20, 50 + 20, 50 + 20, 2)


def test_training_is_scaled_by_its_epochs():
    runs = measured(("fine-tune", {"epochs": 2.0}, 50.0, False), seconds=60)
    assert estimate(steps({"technique": "fine-tune", "epochs": 8.0}), runs) == Estimate(210, 210, 210, 1)
    assert estimate(steps({"technique": "fine-tune", "epochs": 0.5}), runs).seconds == 10 + 12.5


def test_a_student_of_another_size_takes_between_as_long_and_in_proportion():
    runs = measured(("distill-student", {"layers": 0.5, "width": 1.0, "epochs": 1.0}, 30.0, False), seconds=40)
    same = {"technique": "distill-student", "layers": 0.5, "width": 1.0, "epochs": 2.0}
    assert estimate(steps(same), runs) == Estimate(10 + 60, 10 + 60, 10 + 60, 1)
    assert estimate(steps(same | {"layers": 1.0}), runs) == Estimate(10 + 90, 10 + 60, 10 + 120, 1)
    assert estimate(steps(same | {"width": 0.5}), runs) == Estimate(10 + 45, 10 + 30, 10 + 60, 1)


def test_settings_that_an_old_recipe_leaves_out_are_the_usual_ones():
    runs = measured(("fine-tune", {}, 50.0, False), seconds=60)
    assert estimate(steps({"technique": "fine-tune", "epochs": 3.0}), runs).seconds == 10 + 150


def test_a_sweep_takes_the_sum_of_its_runs():
    runs = measured(("fine-tune", {"epochs": 1.0}, 10.0, False), seconds=15)
    recipes = sweep(recipe("fine-tune"), [SweepAxis(0, "epochs", 1, 3, 1)])
    assert estimate_all(recipes, runs) == Estimate(3 * 5 + 60, 3 * 5 + 60, 3 * 5 + 60, 1)
    assert estimate_all([*recipes, recipe("weight-bits")], runs) is None


def test_what_a_sweep_begins_with_counts_once_where_it_is_kept():
    runs = measured(
        ("fine-tune", {"epochs": 1.0}, 30.0, False), ("prune-neurons", {}, 2.0, False),
        ("weight-bits", {}, 4.0, False), ("prune-magnitude", {}, 0.5, False), seconds=46.5,
    )  # fmt: skip
    axis = [SweepAxis(1, "sparsity", 0.1, 0.9, 0.1)]
    slow, quick = (
        sweep(recipe("fine-tune", "prune-neurons"), axis),
        sweep(recipe("prune-magnitude", "prune-neurons"), axis),
    )
    assert len(slow) == len(quick) == 9
    assert estimate_all(slow, runs).seconds == 9 * (10 + 2) + 30
    assert estimate_all(quick, runs).seconds == 9 * (10 + 2 + 0.5), "what takes less than a second is not kept"
    assert estimate_all(slow, runs, [1] * 9).seconds == 9 * (10 + 2), "nor is it computed where it was before"
    seeds = [slow[0], slow[1].model_copy(update={"seed": 7})]
    assert estimate_all(seeds, runs).seconds == 2 * (10 + 2 + 30), "another seed begins otherwise"
    on_graph = sweep(recipe("prune-magnitude", "weight-bits"), [SweepAxis(1, "bits", 2, 8, 0, (2, 3, 4, 8))])
    assert estimate_all(on_graph, runs).seconds == 4 * (10 + 4) + 0.5, "an export is kept however quick it was made"


def measured(*taken, seconds):
    """One run of the reader's own: its steps as (technique, settings, seconds, cached)."""
    (run,) = sample_runs(1)
    run.result["seconds"] = seconds
    run.result["recipe"] = {"steps": [{"technique": name, **settings} for name, settings, _, _ in taken]}
    run.result["steps"] = [{"technique": name, "seconds": took, "cached": c} for name, _, took, c in taken]
    return [run]


def steps(*given):
    return Recipe.parse({"model": "minilm-tweets", "steps": list(given), "targets": ["cpu-onnxruntime"]})


def test_a_slider_with_stops_takes_those_in_between():
    recipe = Recipe.parse({"model": "vit-digits", "steps": [{"technique": "weight-bits"}]})
    assert (0, "bits") in sliders(recipe)
    made = sweep(
        recipe, [SweepAxis(0, "bits", 2, 4, 0, (2, 4, 8)), SweepAxis(0, "group_size", 16, 128, 0, (16, 32, 64, 128))]
    )
    assert [(r.steps[0].bits, r.steps[0].group_size) for r in made] == [
        (b, g) for b in (2, 4) for g in (16, 32, 64, 128)
    ]


def test_what_is_done_or_at_work_is_not_to_do():
    (run,) = sample_runs(1)
    done = Recipe.parse(run.recipe)
    other = Recipe.parse({**run.recipe, "seed": 7})
    here = replace(run, recipe=done.plain())
    assert still_to_do([done, other], [here]) == [other]
    assert still_to_do([done], [replace(here, recorded=True)]) == [done], "another machine's runs are none of ours"
