"""Estimated rows from runs whose work was counted."""

import copy
from dataclasses import replace

import pytest

from explorer.errors import BadInput
from explorer.estimated_rows import estimated_rows, estimated_target
from explorer.measure.devices import device
from explorer.measure.roofline import roofline
from explorer.result import Cost, Result
from explorer.variants import choose
from tests.support.counted import GBYTES_PER_S, GFLOPS, counted, sample_counted
from tests.support.sample_results import OTHER_HOST, sample_runs


def by_shape(rows):
    return {(row.run, row.batch): row for row in rows}


def test_counted_samples_have_the_shape_of_real_results():
    for run in sample_counted(4):
        assert Result.model_validate(run.result).cost[0].batch == 1


def test_one_row_per_run_and_counted_shape():
    runs = sample_counted(6)
    rows = estimated_rows(runs, "nvidia-t4")
    assert len(by_shape(rows)) == len(rows) == 6 * 2
    assert {row.target for row in rows} == {estimated_target("nvidia-t4")} == {"estimated-nvidia-t4"}
    assert all(row.estimated and row.available and row.host == "NVIDIA T4" for row in rows)
    assert len(choose(rows, "estimated-nvidia-t4", 8)) == 6


def test_a_row_has_the_accuracy_and_size_of_its_run():
    runs = sample_counted(6)
    row = by_shape(estimated_rows(runs, "nvidia-t4"))[runs[2].run, 1]
    result = runs[2].result
    assert (row.accuracy, row.file_bytes) == (result["accuracy"][0]["value"], result["size"]["file_bytes"])
    assert (row.accuracy_target, row.label, row.family) == ("cpu-onnxruntime", runs[2].label, "quantization")


def test_the_latency_is_the_ideal_one_times_the_hosts_factor():
    runs = sample_counted(8)
    cost = Cost.model_validate(runs[1].result["cost"][0])
    row = by_shape(estimated_rows(runs, "raspberry-pi-5"))[runs[1].run, 1]
    estimate = row.estimate
    assert row.p50_ms == pytest.approx(roofline(cost, device("raspberry-pi-5")).ms * estimate.calibration.factor)
    assert row.throughput_per_s == pytest.approx(1000 / row.p50_ms)
    assert (estimate.device, estimate.host) == ("Raspberry Pi 5, CPU", "Imaginary CPU 9000, 2 cores")
    assert (estimate.calibration.points, estimate.model) == (16, "minilm-tweets")
    assert (row.p50_low_ms, row.speedup_low) == (None, None)


def test_the_speed_up_is_against_the_models_own_uncompressed_run():
    runs = sample_counted(16)
    rows = by_shape(estimated_rows(runs, "raspberry-pi-5"))
    for run in runs:
        baseline = next(other for other in runs if other.model == run.model and not other.families)
        row, reference = rows[run.run, 8], rows[baseline.run, 8]
        assert row.speedup == pytest.approx(reference.p50_ms / row.p50_ms)
        assert row.baseline_p50_ms == pytest.approx(reference.p50_ms)
    assert {row.speedup for row in rows.values() if row.baseline} == {1.0}
    assert all(row.speedup is None for row in estimated_rows(runs[1:4], "raspberry-pi-5"))


def test_without_measured_points_the_latency_is_the_ideal_one():
    runs = sample_counted(3)
    for run in runs:
        run.result["profile"] = None
    row = estimated_rows(runs, "nvidia-t4")[0]
    cost = Cost.model_validate(runs[0].result["cost"][0])
    assert row.estimate.calibration is None
    assert row.p50_ms == pytest.approx(roofline(cost, device("nvidia-t4")).ms)


def test_a_model_with_few_points_is_judged_by_all():
    rows = estimated_rows(sample_counted(10), "nvidia-t4")
    judged = {row.model: (row.estimate.model, row.estimate.calibration.points) for row in rows}
    assert judged == {"minilm-tweets": ("minilm-tweets", 16), "vit-digits": ("", 20)}


def test_ones_own_points_calibrate_before_recorded_ones_and_noisy_ones_never():
    recorded = [counted(run) for run in sample_runs(16, recorded=True, host=OTHER_HOST)]
    own = sample_counted(4)

    def hosts(runs):
        return {row.estimate.host for row in estimated_rows(runs, "nvidia-t4") if row.model == "minilm-tweets"}

    (host,) = hosts(recorded + own)
    assert host == "Imaginary CPU 9000, 2 cores"
    for run in own:
        for entry in run.result["latency"]:
            entry["noisy"] = True
    (host,) = hosts(recorded + own)
    assert host == "Other Imaginary CPU, 8 cores"


def test_a_host_that_is_as_fast_as_its_ideal_has_a_factor_of_one():
    runs = sample_counted(8)
    for run in runs:
        for entry in run.result["latency"]:
            for work in run.result["cost"]:
                if entry["target"] == "cpu-onnxruntime" and work["batch"] == entry["batch"]:
                    moved = work["weight_bytes"] + work["activation_bytes"]
                    seconds = max(work["operations"]["fp32"] / (GFLOPS * 1e9), moved / (GBYTES_PER_S * 1e9))
                    entry |= {"p50_ms": 1000 * seconds, "noisy": False}
    found = estimated_rows(runs, "nvidia-t4")[0].estimate.calibration
    assert (found.factor, found.median_error, found.ninety_error) == pytest.approx((1, 0, 0))


def test_runs_without_counted_work_have_no_estimate():
    assert estimated_rows(sample_runs(4), "nvidia-t4") == []
    with pytest.raises(BadInput, match="no device 'toaster'"):
        estimated_rows([], "toaster")


def test_a_file_that_does_not_fit_into_the_device_has_no_latency():
    run = copy.deepcopy(sample_counted(1)[0])
    run.result["size"]["file_bytes"] = 9 * 10**9
    row = estimated_rows([replace(run)], "raspberry-pi-5")[0]
    assert (row.available, row.p50_ms) == (False, None)
    assert row.reason == "the file does not fit into the memory of Raspberry Pi 5, CPU"
