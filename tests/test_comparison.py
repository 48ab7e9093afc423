import pytest

from explorer.charts import compare_figure, compare_info
from explorer.comparison import bars, difference_words, facts, recipe_difference, table, times_smaller
from tests.support.sample_results import sample_runs


def by_key(result):
    return {fact.key: fact for fact in facts(result)}


def test_facts_stand_against_the_baseline():
    result = sample_runs(2)[1].result
    result["size"]["file_bytes"] = 45_500_000
    known = by_key(result)
    assert (known["file_bytes"].value, known["file_bytes"].note) == ("45.5 MB", "2.00× smaller")
    assert known["accuracy cpu-onnxruntime validation"].value.endswith("]")
    assert "as fast" in known["latency cpu-onnxruntime 1x32"].note


def test_an_unavailable_target_is_one_line_with_its_reason():
    lines = [fact for fact in facts(sample_runs(1)[0].result) if fact.group == "NVIDIA GPU, ONNX Runtime"]
    assert [(fact.value, fact.note) for fact in lines] == [("unavailable", "no NVIDIA GPU was found on this machine")]


def test_the_test_split_is_shown_beside_validation():
    result = sample_runs(1)[0].result
    result["accuracy"].append(result["accuracy"][0] | {"split": "test", "value": 0.7})
    assert by_key(result)["accuracy cpu-onnxruntime test"].name == "Accuracy (test)"


def test_zeros_are_mentioned_where_there_are_some():
    result = sample_runs(1)[0].result
    assert "nonzero" not in by_key(result)
    result["size"]["nonzero_parameters"] = result["size"]["parameters"] // 2
    assert by_key(result)["nonzero"].note == "50.0 % of all"


@pytest.mark.parametrize(
    ("before", "after", "words"), [(10, 10, "as the baseline"), (10, 4, "2.50× smaller"), (4, 5, "1.25× larger")]
)
def test_size_in_words(before, after, words):
    assert times_smaller(before, after) == words


def test_a_difference_says_whether_it_is_noise():
    entry = {"difference": -0.0123, "difference_low": -0.02, "difference_high": -0.004, "within_noise": False}
    assert difference_words(entry) == "−1.2 points [−2.0, −0.4], more than noise"
    assert difference_words(entry | {"within_noise": True}).endswith("within sampling noise")
    assert difference_words({"difference": None}) == ""


def test_the_table_has_one_cell_per_variant_and_headings():
    runs = sample_runs(3)
    runs[1].result["latency"] = runs[1].result["latency"][:1]
    rows = table([run.result for run in runs])
    assert next(row.name for row in rows if not row.cells) == "File"
    assert {len(row.cells) for row in rows if row.cells} == {3}
    assert any(cell == ("–", "") for row in rows for cell in row.cells[1:2])


def test_bars_are_percent_of_the_baseline():
    run = sample_runs(2)[1]
    run.result["size"]["file_bytes"] = 45_500_000
    run.result["latency"][0]["speedup"] = 4.0
    shares = bars(run).shares
    assert shares["File size"] == pytest.approx(50)
    assert shares["CPU, ONNX Runtime, Latency p50, batch of 1"] == pytest.approx(25)


def test_the_bar_chart_draws_every_variant_in_every_category():
    info = compare_info([bars(run) for run in sample_runs(3)])
    figure = compare_figure(info, "dark")
    assert [len(trace.x) for trace in figure.data] == [len(info.categories)] * 3
    assert figure.data[0].customdata[0][0] == "sample-0000"


def test_recipes_differ_where_they_differ():
    recipes = [run.recipe for run in sample_runs(5)]
    assert recipe_difference([recipes[1], recipes[1]]) == []
    changed = recipes[1] | {"steps": [{"technique": "prune-neurons", "sparsity": 0.7}]}
    assert recipe_difference([recipes[1], changed]) == [("Step 1: sparsity", ["0.5", "0.7"])]
    assert ("Step 2", ["–", "fine-tune"]) in recipe_difference([recipes[1], recipes[4]])
