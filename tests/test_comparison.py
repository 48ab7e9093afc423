import numpy as np
import pytest
from sklearn.metrics import f1_score

from explorer.charts import compare_figure, compare_info
from explorer.charts.compare import Bars
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
    assert "as fast" in known["latency cpu-onnxruntime Latency p50, batch of 1 × 32 tokens"].note


def test_an_unavailable_target_is_one_line_with_its_reason():
    lines = [fact for fact in facts(sample_runs(1)[0].result) if fact.group == "NVIDIA GPU, ONNX Runtime"]
    assert [(fact.value, fact.note) for fact in lines] == [("unavailable", "no NVIDIA GPU was found on this machine")]


def test_the_test_split_is_shown_beside_validation():
    result = sample_runs(1)[0].result
    result["accuracy"].append(result["accuracy"][0] | {"split": "test", "value": 0.7})
    assert by_key(result)["accuracy cpu-onnxruntime test"].name == "Accuracy (test)"


def test_what_more_is_known_about_the_answers():
    known = by_key(sample_runs(1)[0].result)
    place = "cpu-onnxruntime validation"
    assert known[f"macro_f1 {place}"].name == "Macro F1"
    assert known[f"macro_f1 {place}"].note == "0.0 points"
    assert known[f"agreement {place}"].value == "95.0 %"
    assert (known[f"calibration {place}"].value, known[f"calibration {place}"].note) == ("4.1 %", "baseline 3.5 %")


def test_the_baselines_macro_f1_comes_from_its_answers():
    result = sample_runs(1)[0].result
    entry = result["accuracy"][0]
    labels = np.repeat([0, 1, 2], np.sum(entry["confusion"], axis=1))
    answers = np.concatenate([np.repeat([0, 1, 2], row) for row in entry["baseline_confusion"]])
    difference = 100 * (entry["macro_f1"] - f1_score(labels, answers, average="macro") - 0.05)
    entry["macro_f1"] -= 0.05
    assert by_key(result)["macro_f1 cpu-onnxruntime validation"].note == f"{difference:.1f} points".replace("-", "−")


def test_disturbed_inputs_are_lines_of_their_own():
    result = sample_runs(1)[0].result
    usual = by_key(result)
    result["accuracy"].append(result["accuracy"][0] | {"condition": "typos", "value": 0.5, "difference": -0.3})
    known = by_key(result)
    (line,) = [known[key] for key in known.keys() - usual.keys()]
    assert (line.name, line.value[:6]) == ("Accuracy with typing errors (validation)", "50.0 %")
    assert line.note.startswith("−30.0 points")
    assert all(known[key] == usual[key] for key in usual)


def test_an_old_result_says_what_it_knows():
    old = sample_runs(1)[0].result
    for entry in old["accuracy"]:
        for field in ("macro_f1", "agreement", "calibration_error", "baseline_confusion", "per_class"):
            entry.pop(field, None)
    assert not [key for key in by_key(old) if key.startswith(("macro_f1", "agreement", "calibration"))]


def test_latencies_of_other_lengths_are_other_lines():
    result = sample_runs(2)[1].result
    first = result["latency"][0]
    result["latency"] += [first | {"sequence": 128}, first | {"lengths": "real", "sequence": 17}]
    names = [fact.name for fact in facts(result) if fact.key.startswith("latency cpu-onnxruntime")]
    assert names == [
        "Latency p50, batch of 1 × 32 tokens",
        "Latency p50, batch of 8 × 32 tokens",
        "Latency p50, batch of 1 × 128 tokens",
        "Latency p50, batch of 1, texts as they are",
    ]


def test_the_own_size_of_images_is_not_named_and_others_are():
    images = sample_runs(16)[8].result
    first = images["latency"][0]
    images["latency"] += [
        first | {"sequence": 56},
        first | {"sequence": 99, "kind": "unavailable", "p50_ms": None, "reason": "it fits no other size"},
    ]
    names = [fact.name for fact in facts(images) if fact.key.startswith("latency cpu-onnxruntime")]
    assert names == [
        "Latency p50, batch of 1",
        "Latency p50, batch of 8",
        "Latency p50, batch of 1, images of 56 pixels a side",
    ], "a size that does not fit takes nothing from the target"


def test_what_only_some_variants_have_stands_with_its_like():
    first, second = (run.result for run in sample_runs(2))
    second["accuracy"].append(second["accuracy"][0] | {"condition": "typos"})
    names = [row.name for row in table([first, second]) if row.cells]
    assert names.index("Accuracy with typing errors (validation)") < names.index("Latency p50, batch of 1 × 32 tokens")


def test_zeros_are_mentioned_where_there_are_some():
    result = sample_runs(1)[0].result
    assert "nonzero" not in by_key(result)
    result["size"]["nonzero_parameters"] = result["size"]["parameters"] // 2
    assert by_key(result)["nonzero"].note == "50.0 % of all"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (10, 10, "as the baseline"),
        (10, 4, "2.50× smaller"),
        (4, 5, "1.25× larger"),
        (3997, 1000, "3.99× smaller"),
        (10000, 10006, "1.01× larger"),
    ],
)
def test_size_in_words(before, after, words):
    assert times_smaller(before, after) == words


def test_a_difference_says_whether_it_is_noise():
    entry = {"difference": -0.0123, "difference_low": -0.02, "difference_high": -0.004, "within_noise": False}
    assert difference_words(entry) == "−1.2 points [−2.0, −0.4], more than sampling noise"
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
    assert shares["CPU, ONNX Runtime, Latency p50, batch of 1 × 32 tokens"] == pytest.approx(25)


def test_bars_hold_accuracy_and_memory_with_the_intervals_that_are_known():
    run = sample_runs(3)[2]
    accuracy, latency = run.result["accuracy"][0], run.result["latency"][0]
    run.result["targets"] = [USE]
    accuracy |= {"value": 0.76, "baseline": 0.8, "difference_low": -0.06, "difference_high": -0.02}
    latency |= {"speedup": 2.0, "speedup_low": 1.6, "speedup_high": 2.5}
    drawn, place = bars(run), "CPU, ONNX Runtime"
    names = [f"{place}, {name}" for name in ("Accuracy (validation)", "Latency p50, batch of 1 × 32 tokens")]
    assert [drawn.shares[name] for name in names] == pytest.approx([95, 50])
    assert drawn.intervals[names[0]] == pytest.approx((92.5, 97.5))
    assert drawn.intervals[names[1]] == pytest.approx((40, 62.5))
    memory = f"{place}, Peak memory"
    assert drawn.shares[memory] == pytest.approx(100 * 120 / 310) and memory not in drawn.intervals
    assert drawn.words[memory] == "120 MB, baseline 310 MB"
    assert not [name for name in drawn.shares if name.startswith("NVIDIA")], "what was not measured has no bar"


def test_an_interval_is_drawn_at_its_bar_and_the_label_stands_beyond_it():
    info = compare_info([Bars("a", "a", {"one": 60.0, "two": 50.0}, {}, {"one": (55.0, 67.0)})])
    figure = compare_figure(info)
    (drawn,) = [trace for trace in figure.data if trace.type == "bar"]
    assert (drawn.error_x.array, drawn.error_x.arrayminus) == ((7, None), (5, None))
    assert next(trace.x for trace in figure.data if trace.type == "scatter") == (67, 50)


def test_the_bar_chart_draws_every_variant_in_the_categories_it_was_measured_in():
    shares = [{"size": 50.0, "time": 40.0}, {"size": 60.0}, {"size": 70.0, "time": 30.0}]
    info = compare_info([Bars(f"run-{place}", "a", one, {}) for place, one in enumerate(shares)])
    figure = compare_figure(info, "dark")
    drawn = [trace for trace in figure.data if trace.type == "bar"]
    assert [trace.x for trace in drawn] == [(50, 40), (60,), (70, 30)]
    size, time = figure.layout.yaxis.tickvals
    assert [trace.y[0] for trace in drawn] == [size - 1, size, size + 1]
    assert (drawn[0].y[1], drawn[2].y[1]) == (time - 0.5, time + 0.5), "no room for what was not measured"
    assert drawn[0].customdata[0][0] == "run-0"


def test_a_quantity_has_room_for_the_lines_of_its_name():
    names = {"one word": 50.0, "three lines of a name that is quite long": 50.0, "two": 50.0}
    figure = compare_figure(compare_info([Bars("a", "a", names, {})]))
    first, second, third = figure.layout.yaxis.tickvals
    lines = figure.layout.yaxis.ticktext[1].count("<br>") + 1
    assert lines == 3
    assert second - first >= (1 + lines) / 2 * 0.8 and third - second >= (1 + lines) / 2 * 0.8


def test_labels_stand_at_the_ends_of_bars_and_never_across_the_line_of_the_baseline():
    shares = {"far": 40.0, "near": 97.0, "same": 100.0, "beyond": 104.0, "unknown": None, "once": 50.0}
    others = {"far": 20.0, "once": None}
    figure = compare_figure(compare_info([Bars("a", "a", shares, {}), Bars("b", "b", others, {})]))
    bars_of, labels_of = ([trace for trace in figure.data if trace.type == kind] for kind in ("bar", "scatter"))
    assert labels_of[0].x == (40, 100, 100, 104, 50) and labels_of[1].x == (20,)
    assert [words.strip() for words in labels_of[0].text] == ["40.0 %", "97.0 %", "100 %", "104 %", "50.0 %"]
    for words, drawn in zip(labels_of, bars_of, strict=True):
        assert words.y == drawn.y, "side by side"


def test_recipes_differ_where_they_differ():
    recipes = [run.recipe for run in sample_runs(5)]
    assert recipe_difference([recipes[1], recipes[1]]) == []
    changed = recipes[1] | {"steps": [{"technique": "prune-neurons", "sparsity": 0.7}]}
    assert recipe_difference([recipes[1], changed]) == [("Step 1: sparsity", ["50 %", "70 %"])]
    assert ("Step 2", ["–", "fine-tune"]) in recipe_difference([recipes[1], recipes[4]])


USE = {
    "target": "cpu-onnxruntime",
    "provider": "CPUExecutionProvider",
    "precision_asked": "stored",
    "precision_used": "int8",
    "peak_rss_bytes": 120_000_000,
    "baseline_peak_rss_bytes": 310_000_000,
    "cold_start": {"p50_ms": 180.0, "baseline_p50_ms": 420.0, "starts": 3},
    "energy": {"kind": "unavailable", "reason": "this system has no energy counters"},
}


def use_facts(**changed):
    result = sample_runs(3)[2].result | {"targets": [USE | changed]}
    kinds = ("precision", "start", "memory", "energy")
    return {fact.key.split()[0]: (fact.value, fact.note) for fact in facts(result) if fact.key.split()[0] in kinds}


def test_how_a_target_ran_and_what_it_costs():
    assert use_facts() == {
        "precision": ("int8", "CPUExecutionProvider"),
        "start": ("180 ms", "baseline 420 ms"),
        "memory": ("120 MB", "baseline 310 MB"),
        "energy": ("unavailable", "this system has no energy counters"),
    }


def test_another_precision_than_the_one_asked_for_is_told():
    found = use_facts(precision_asked="fp16", precision_used="fp32")
    assert found["precision"] == ("fp32", "CPUExecutionProvider, asked for fp16")


def test_another_precision_than_the_baselines_is_told():
    assert use_facts(baseline_precision_used="fp32")["precision"] == ("int8", "CPUExecutionProvider, baseline fp32")
    assert use_facts(baseline_precision_used="int8")["precision"] == ("int8", "CPUExecutionProvider")


def test_energy_stands_beside_the_baselines():
    energy = {"kind": "measured", "millijoules": 12.34, "baseline_millijoules": 40.0, "batch": 8}
    assert use_facts(energy=energy)["energy"] == ("12.3 mJ", "baseline 40.0 mJ, batch of 8")


def test_settings_of_recipes_stand_step_by_step_with_true_minus_signs():
    first = {"model": "m", "steps": [{"technique": "a"}, {"technique": "b"}, {"technique": "c", "low": 1}]}
    second = {"model": "m", "steps": [{"technique": "a", "low": -0.5, "name": ""}, {"technique": "b"}]}
    rows = recipe_difference([first, second])
    assert rows == [("Step 1: low", ["–", "−0.5"]), ("Step 3", ["c", "–"]), ("Step 3: low", ["1", "–"])]


def energy_row(results):
    return next(row for row in table(results) if row.name == "Energy per call")


def test_one_reason_why_several_are_unavailable_is_given_once():
    results = [run.result | {"targets": [USE]} for run in sample_runs(4)]
    counted = {"kind": "measured", "millijoules": 8.0, "baseline_millijoules": 9.0, "batch": 8}
    results[0]["targets"] = [USE | {"energy": counted}]
    row = energy_row(results[:3])
    assert row.note == "this system has no energy counters"
    assert row.cells[1:] == (("unavailable", ""),) * 2 and row.cells[0][1].startswith("baseline")
    other = USE | {"energy": {"kind": "unavailable", "reason": "another one"}}
    row = energy_row([*results[1:3], results[3] | {"targets": [other]}])
    assert row.note == "" and [note for _, note in row.cells] == [USE["energy"]["reason"]] * 2 + ["another one"]
    assert energy_row(results[1:2]).cells == (("unavailable", "this system has no energy counters"),)
