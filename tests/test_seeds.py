from dataclasses import replace
from statistics import fmean, stdev

import pytest

from explorer.seeds import further_seeds, names_of, training_noise, words
from tests.support.sample_results import sample_runs


def with_seeds(*values, index=4):
    """The same recipe (pruned, then fine-tuned) with the seeds 0, 1, ... and these accuracies."""
    runs = []
    for seed, value in enumerate(values):
        (run,) = [run for run in sample_runs(index + 1) if run.run == f"sample-{index:04d}"]
        recipe = run.recipe | {"seed": seed}
        result = run.result | {"recipe": recipe}
        for entry in result["accuracy"]:
            entry |= {"value": value} if entry["kind"] == "measured" else {}
        runs.append(replace(run, run=f"seed-{seed}", recipe=recipe, result=result))
    return runs


def test_mean_deviation_and_range_over_seeds():
    values = [0.79, 0.81, 0.802]
    runs = with_seeds(*values)
    noise = training_noise(runs[0], sample_runs(16) + runs[1:] + runs[:1])
    assert noise.seeds == (0, 1, 2)
    assert (noise.mean, noise.deviation) == pytest.approx((fmean(values), stdev(values)))
    assert (noise.low, noise.high, noise.target) == (0.79, 0.81, "cpu-onnxruntime")
    assert words(noise) == (
        "**Training noise** (other seeds): 80.1 % validation accuracy on average over 3 seeds, "
        "standard deviation 1.01 points, from 79.0 to 81.0 %."
    )


def test_runs_that_differ_in_their_seed_alone_have_it_in_their_names():
    first, second = with_seeds(0.8, 0.8)
    waiting = replace(first, run="waits", state="queued", result=None, recipe=first.recipe | {"seed": 7})
    again = replace(first, run="again")
    others = [run for run in sample_runs(16) if run.run != "sample-0004"]
    names = names_of([first, second, waiting, again, *others])
    label = first.label
    assert {run: names[run] for run in ("seed-0", "seed-1", "waits", "again")} == {
        "seed-0": f"{label} · seed 0",
        "seed-1": f"{label} · seed 1",
        "waits": f"{label} · seed 7",
        "again": f"{label} · seed 0",
    }
    assert all(names[run.run] == run.label for run in others)


@pytest.mark.parametrize("change", [{}, {"data": "mine.csv", "seed": 1}, {"model": "another", "seed": 1}])
def test_runs_that_are_equal_or_differ_in_more_keep_their_names(change):
    (first,) = with_seeds(0.8)
    other = replace(first, run="other", model=change.get("model", first.model), recipe=first.recipe | change)
    assert names_of([first, other]) == {"seed-0": first.label, "other": first.label}


def test_one_seed_is_no_spread():
    (run,) = with_seeds(0.8)
    assert training_noise(run, [run]) is None


def test_a_seed_that_was_run_twice_counts_once_with_its_later_value():
    first, second = with_seeds(0.5, 0.8)
    (again,) = with_seeds(0.9)
    assert training_noise(second, [first, second, again]).mean == pytest.approx(0.85)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: replace(run, recipe=run.recipe | {"data": "mine.csv"}),
        lambda run: replace(run, recipe=run.recipe | {"steps": []}),
        lambda run: replace(run, model="other"),
        lambda run: replace(run, recorded=True),
        lambda run: replace(run, result=None),
        lambda run: replace(run, result=run.result | {"accuracy": []}),
    ],
    ids=["data", "steps", "model", "recorded", "unfinished", "no accuracy"],
)
def test_what_differs_in_more_than_the_seed_is_left_out(change):
    first, second = with_seeds(0.7, 0.8)
    assert training_noise(first, [first, change(second)]) is None


def test_targets_and_shapes_do_not_make_another_recipe():
    first, second = with_seeds(0.7, 0.8)
    second.result["recipe"] |= {"targets": ["cpu-torch"], "measure": {"batches": [1]}}
    second.result["accuracy"] = [entry for entry in second.result["accuracy"] if entry["target"] == "cpu-torch"]
    assert training_noise(first, [first, second]).target == "cpu-torch"


def test_disturbed_inputs_and_the_test_split_are_not_mixed_in():
    first, second = with_seeds(0.7, 0.8)
    usual = first.result["accuracy"][0]
    first.result["accuracy"] += [usual | {"value": 0.1, "condition": "typos"}, usual | {"value": 0.2, "split": "test"}]
    assert training_noise(first, [first, second]).low == 0.7


def test_further_seeds_fill_up_to_three():
    first, second, third = with_seeds(0.7, 0.8, 0.9)
    assert further_seeds(first, [first]) == [1, 2]
    assert further_seeds(third, [third]) == [0, 1]
    assert further_seeds(first, [first, third]) == [1]
    assert further_seeds(first, [first, second, third]) == []
