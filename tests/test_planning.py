import pytest

from explorer.errors import BadInput
from explorer.planning import SweepAxis, estimate, sliders, sweep
from explorer.recipe import Recipe
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
        (SweepAxis(0, "sparsity", 0.5, 7, 0.5), "sparsity"),
    ],
)
def test_an_impossible_sweep_is_one_sentence(axis, words):
    with pytest.raises(BadInput, match=words):
        sweep(recipe("prune-neurons"), [axis])


def test_a_grid_has_a_limit():
    axes = [SweepAxis(0, "sparsity", 0.1, 0.9, 0.05), SweepAxis(1, "epochs", 1, 5, 0.25)]
    with pytest.raises(BadInput, match="289 runs"):
        sweep(recipe("prune-neurons", "fine-tune"), axes)


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


def test_what_never_ran_here_is_not_guessed():
    assert estimate(recipe("weight-bits"), sample_runs(8)) is None
    assert estimate(recipe("prune-neurons", model="other"), sample_runs(8)) is None
    assert estimate(recipe("prune-neurons"), sample_runs(8, recorded=True)) is None


def test_a_step_from_the_cache_says_nothing_about_time():
    runs = sample_runs(2)
    runs[1].result["steps"][0]["cached"] = True
    assert estimate(recipe("prune-neurons"), runs) is None


def test_a_slider_with_stops_takes_those_in_between():
    recipe = Recipe.parse({"model": "vit-digits", "steps": [{"technique": "weight-bits"}]})
    assert (0, "bits") in sliders(recipe)
    made = sweep(
        recipe, [SweepAxis(0, "bits", 2, 4, 0, (2, 4, 8)), SweepAxis(0, "group_size", 16, 128, 0, (16, 32, 64, 128))]
    )
    assert [(r.steps[0].bits, r.steps[0].group_size) for r in made] == [
        (b, g) for b in (2, 4) for g in (16, 32, 64, 128)
    ]
