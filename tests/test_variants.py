from dataclasses import replace

import pytest

from explorer.measure.statistics import wilson
from explorer.result import Result
from explorer.variants import choose, family_of, flatten, model_of, models_of_one_task, with_baselines
from tests.support.sample_results import HOST, sample_runs


def test_the_sample_has_the_shape_of_real_results():
    for run in sample_runs(16):
        assert Result.model_validate(run.result).run == run.run


def test_one_row_per_run_target_and_batch():
    runs = sample_runs(3)
    rows = flatten(runs)
    assert len(rows) == 3 * 3 * 2
    assert len({(row.run, row.target, row.batch) for row in rows}) == len(rows)


def test_a_row_carries_what_the_result_says():
    run = sample_runs(3)[2]
    row = next(row for row in flatten([run]) if (row.target, row.batch) == ("cpu-torch", 8))
    latency = next(e for e in run.result["latency"] if (e["target"], e["batch"]) == ("cpu-torch", 8))
    accuracy = next(e for e in run.result["accuracy"] if e["target"] == "cpu-torch")
    assert (row.p50_ms, row.speedup, row.speedup_low) == (latency["p50_ms"], latency["speedup"], latency["speedup_low"])
    assert (row.accuracy, row.accuracy_low, row.accuracy_target) == (accuracy["value"], accuracy["ci_low"], "cpu-torch")
    assert row.file_bytes == run.result["size"]["file_bytes"]
    assert (row.family, row.families, row.host) == ("quantization", ("quantization",), "Imaginary CPU 9000, 2 cores")


def test_an_unavailable_target_keeps_its_reason_and_has_no_latency():
    row = next(row for row in flatten(sample_runs(1)) if row.target == "cuda-onnxruntime")
    assert not row.available
    assert row.reason == "no NVIDIA GPU was found on this machine"
    assert row.p50_ms is None


def test_accuracy_falls_back_to_onnxruntime_on_the_cpu():
    run = sample_runs(2)[1]
    run.result["accuracy"] = [e for e in run.result["accuracy"] if e["target"] == "cpu-onnxruntime"]
    row = next(row for row in flatten([run]) if row.target == "cpu-torch")
    assert row.accuracy == run.result["accuracy"][0]["value"]
    assert row.accuracy_target == "cpu-onnxruntime"


def test_the_test_split_never_stands_on_a_chart():
    run = sample_runs(1)[0]
    for entry in run.result["accuracy"]:
        entry["split"] = "test"
    assert all(row.accuracy is None for row in flatten([run]))


@pytest.mark.parametrize(
    ("families", "family"),
    [
        ((), "baseline"),
        (("pruning",), "pruning"),
        (("pruning", "training"), "pruning"),
        (("training",), "training"),
        (("pruning", "training", "quantization"), "combined"),
        (("pruning", "pruning"), "pruning"),
    ],
)
def test_the_family_that_decides_the_colour(families, family):
    assert family_of(families) == family


def test_a_missing_baseline_is_read_off_what_was_measured_beside_the_variant():
    runs = sample_runs(3)[1:]
    rows = with_baselines(flatten(runs), runs)
    derived = [row for row in rows if row.derived]
    first = runs[0].result
    assert len(derived) == 2 * 2  # targets that are there, batches; not once per run
    assert {row.file_bytes for row in derived} == {first["baseline_size"]["file_bytes"]}
    row = next(row for row in derived if (row.target, row.batch) == ("cpu-onnxruntime", 1))
    assert (row.p50_ms, row.speedup, row.accuracy) == (first["latency"][0]["baseline_p50_ms"], 1.0, 0.80)
    assert (row.p50_low_ms, row.p50_high_ms) == pytest.approx((0.97 * row.p50_ms, 1.03 * row.p50_ms))
    assert (row.accuracy_low, row.accuracy_high) == pytest.approx(wilson(1600, 2000))
    assert row.run not in {run.run for run in runs}


def test_an_older_result_knows_no_interval_of_the_baselines_latency():
    run = sample_runs(2)[1]
    for entry in run.result["latency"]:
        entry.pop("baseline_p50_low_ms", None)
        entry.pop("baseline_p50_high_ms", None)
    row = next(row for row in with_baselines(flatten([run]), [run]) if row.derived)
    assert row.p50_ms is not None and (row.p50_low_ms, row.p50_high_ms) == (None, None)


def test_a_baseline_run_of_its_own_needs_no_other():
    runs = sample_runs(4)
    assert not any(row.derived for row in with_baselines(flatten(runs), runs))


def test_filters():
    runs = sample_runs(16)
    rows = flatten(runs)
    assert len(choose(rows, "cpu-onnxruntime", 1)) == 16
    assert {row.model for row in choose(rows, "cpu-torch", 8, ["vit-digits"])} == {"vit-digits"}
    pruned = choose(rows, "cpu-onnxruntime", 1, families=["pruning"])
    assert all("pruning" in row.families or row.baseline for row in pruned)
    assert any(row.family == "combined" for row in pruned) and any(row.baseline for row in pruned)
    assert choose(rows, "cpu-onnxruntime", 1, studies=["nothing"]) == []


def test_the_baselines_of_a_study_stay_whatever_study_they_were_run_in():
    runs = [
        replace(run, studies=("default", "mine") if index in (2, 3) else ("default",))
        for index, run in enumerate(sample_runs(16))
    ]
    recorded = sample_runs(8, recorded=True)
    rows = flatten(runs + recorded)
    chosen = choose(rows, "cpu-onnxruntime", 1, studies=["mine"])
    assert [row.run for row in chosen] == ["sample-0000", "sample-0002", "sample-0003"]
    assert [row.baseline for row in chosen] == [True, False, False]
    assert choose(rows, "cpu-onnxruntime", 1, studies=["mine"], models=["vit-digits"]) == []


def test_a_baseline_read_off_another_study_stays_too():
    runs = [
        replace(run, studies=("mine",) if index == 0 else ("default",)) for index, run in enumerate(sample_runs(3)[1:])
    ]
    chosen = choose(with_baselines(flatten(runs), runs), "cpu-onnxruntime", 1, studies=["mine"])
    assert [(row.label, row.derived) for row in chosen] == [("prune-neurons", False), ("baseline", True)]


def test_a_row_names_the_machine_of_its_target():
    (run,) = sample_runs(1)
    run.result["host"] = HOST | {"gpu": {"name": "Imaginary GPU"}}
    for entry in run.result["latency"]:
        entry["target"] = entry["target"].replace("cpu-torch", "cuda-tensorrt")
    hosts = {row.target: row.host for row in flatten([run])}
    assert hosts["cpu-onnxruntime"] == "Imaginary CPU 9000, 2 cores"
    assert hosts["cuda-tensorrt"] == hosts["cuda-onnxruntime"] == "Imaginary GPU"


def test_an_unavailable_target_gives_one_row_per_run_whatever_the_batch():
    rows = choose(flatten(sample_runs(5)), "cuda-onnxruntime", 4)
    assert len(rows) == 5


def test_a_size_that_does_not_fit_takes_nothing_from_the_run():
    images = sample_runs(16)[8]
    first = images.result["latency"][0]
    refused = {"sequence": 99, "kind": "unavailable", "p50_ms": None, "reason": "it fits no other size"}
    images.result["latency"].insert(1, first | {"sequence": 56, "p50_ms": 9.0})
    images.result["latency"].append(first | refused)
    rows = flatten([images])
    (row,) = choose(rows, first["target"], first["batch"])
    assert (row.available, row.sequence) == (True, first["sequence"]), "fronts compare at the own size"
    assert choose(rows, first["target"], 77) == [], "a batch that was not measured is not 'unavailable'"


def test_what_is_shown_first():
    recorded, own = sample_runs(16, recorded=True), sample_runs(9)
    rows = flatten(recorded + own)
    assert models_of_one_task(rows) == ["vit-digits"]
    assert models_of_one_task(rows, "recorded-0001") == ["minilm-tweets"]
    assert models_of_one_task(flatten(recorded)) == ["minilm-tweets"]
    assert models_of_one_task([]) == []


def test_of_one_task_too_the_latest_own_model_is_shown_first():
    rows = flatten(sample_runs(16, recorded=True) + sample_runs(9))
    rows = [replace(row, model="another") if row.run == "sample-0008" else row for row in rows]
    assert models_of_one_task(rows) == ["vit-digits", "another"]
    assert model_of(rows) == "another"
    assert model_of(rows, "recorded-0009") == "vit-digits"
    assert model_of(flatten(sample_runs(16, recorded=True))) == "minilm-tweets"
    with pytest.raises(ValueError, match="no variants"):
        model_of([])


def test_the_gpu_names_a_gpu_host():
    from explorer.variants import host_text

    assert host_text(HOST | {"gpu": {"name": "Imaginary GPU"}}, "cuda") == "Imaginary GPU"


def test_disturbed_inputs_are_not_the_accuracy_of_a_variant():
    (run,) = sample_runs(1)
    usual = flatten([run])
    disturbed = run.result["accuracy"][0] | {"condition": "typos", "value": 0.1}
    run.result["accuracy"] = [disturbed, *run.result["accuracy"], disturbed]
    assert [row.accuracy for row in flatten([run])] == [row.accuracy for row in usual]


def test_rows_are_chosen_once_for_the_same_list_and_the_same_wish() -> None:
    rows = flatten(sample_runs(16))
    chosen = choose(rows, "cpu-onnxruntime", 1)
    assert choose(rows, "cpu-onnxruntime", 1) is chosen and len(chosen) == 16
    assert {row.model for row in choose(rows, "cpu-onnxruntime", 1, ["vit-digits"])} == {"vit-digits"}
    assert choose(list(rows), "cpu-onnxruntime", 1) == chosen
