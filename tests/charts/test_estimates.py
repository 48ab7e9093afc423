"""Estimates on the trade-off chart: hollow in their own way, on no front, and named as what they are."""

import pytest

from explorer.charts import Axes, tradeoff_figure, tradeoff_info
from explorer.estimated_rows import estimated_rows, estimated_target
from explorer.variants import choose, flatten
from tests.support.counted import counted, sample_counted
from tests.support.sample_results import OTHER_HOST, sample_runs

LATENCY = Axes(x="latency")


@pytest.fixture
def info():
    rows = estimated_rows(sample_counted(16), "raspberry-pi-5")
    chosen = choose(rows, estimated_target("raspberry-pi-5"), 1, ["minilm-tweets"])
    return tradeoff_info(chosen, LATENCY, "Raspberry Pi 5, CPU, batch of 1")


def legend(figure):
    return [trace.name for trace in figure.data if trace.showlegend is not False]


def drawn(figure):
    return {
        entry[0]: symbol
        for trace in figure.data
        if trace.customdata is not None
        for entry, symbol in zip(trace.customdata, trace.marker.symbol, strict=True)
    }


def test_estimates_are_on_no_front_and_have_no_knee(info):
    assert len(info.marks) == 8
    assert all(mark.estimated and not mark.on_front and not mark.knee for mark in info.marks)
    assert info.fronts == ()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_they_are_hollow_with_a_cross_and_have_a_word_in_the_legend(info, theme):
    figure = tradeoff_figure(info, theme)
    assert set(drawn(figure).values()) == {"circle-cross-open"}
    assert "estimated, not measured" in legend(figure)
    assert "recorded" not in legend(figure)


def test_recorded_marks_and_estimates_are_told_apart():
    recorded = [counted(run) for run in sample_runs(8, seed=1, recorded=True, host=OTHER_HOST)]
    estimates = estimated_rows(sample_counted(8), "nvidia-t4")
    measured = choose(flatten(recorded), "cpu-onnxruntime", 1)
    figure = tradeoff_figure(tradeoff_info([*measured, *choose(estimates, "estimated-nvidia-t4", 1)], LATENCY))
    assert {"recorded", "estimated, not measured"} <= set(legend(figure))
    assert {symbol for run, symbol in drawn(figure).items() if run.startswith("recorded")} <= {"circle-open"}
    assert {symbol for run, symbol in drawn(figure).items() if run.startswith("sample")} == {"circle-cross-open"}


def test_recorded_runs_can_be_estimated_too_and_are_estimates_then():
    runs = [counted(run) for run in sample_runs(8, recorded=True)]
    info = tradeoff_info(choose(estimated_rows(runs, "nvidia-t4"), "estimated-nvidia-t4", 1), LATENCY)
    assert info.fronts == ()
    assert "Recorded on" not in info.caption
    assert "recorded" not in legend(tradeoff_figure(info))


def test_the_hover_names_the_bound_the_substitute_and_the_error():
    runs = sample_counted(8)
    for run in runs:
        run.result["cost"][0]["operations"]["int8"] = 1e9
    rows = choose(estimated_rows(runs, "raspberry-pi-5"), "estimated-raspberry-pi-5", 1)
    info = tradeoff_info(rows, LATENCY)
    words = info.marks[0].hover.replace("<br>", " ")
    error = rows[0].estimate.calibration
    assert "estimated, not measured: on Raspberry Pi 5, CPU it waits for arithmetic" in words
    assert "int8 taken at the peak of fp32" in words
    assert f"median error {100 * error.median_error:.0f} %, 90 % within {100 * error.ninety_error:.0f} %" in words
    assert "calibrated on 16 measured points of minilm-tweets on Imaginary CPU 9000, 2 cores" in words


def test_an_estimate_is_written_with_two_digits(info):
    for mark in info.marks:
        (line,) = [line for line in mark.hover.split("<br>") if line.startswith("Latency")]
        assert line.startswith("Latency p50: about ")
        figures = line.removesuffix(" ms").split()[-1].strip("0.").replace(".", "").replace(",", "")
        assert len(figures) <= 2, line


def test_the_caption_says_what_it_rests_on(info):
    assert info.caption.startswith("Estimated for Raspberry Pi 5, CPU from counted operations and bytes")
    assert (
        "not measured; calibrated on 16 measured points of minilm-tweets on Imaginary CPU 9000, 2 cores" in info.caption
    )
    assert "is an assumption" in info.caption
    assert "Measured on" not in info.caption


def test_without_a_calibration_the_caption_says_so():
    runs = sample_counted(2)
    rows = choose(estimated_rows(runs, "nvidia-t4"), "estimated-nvidia-t4", 1)
    info = tradeoff_info(rows, LATENCY)
    assert info.caption.startswith("Ideal times for NVIDIA T4")
    assert "not calibrated" in info.caption and "not calibrated" in info.marks[0].hover.replace("<br>", " ")


def test_a_device_that_is_too_small_says_why_there_is_nothing():
    runs = sample_counted(2)
    for run in runs:
        run.result["size"]["file_bytes"] = 9 * 10**9
    rows = choose(estimated_rows(runs, "raspberry-pi-5"), "estimated-raspberry-pi-5", 1)
    assert tradeoff_info(rows, LATENCY).empty == (
        "Not measured: the file does not fit into the memory of Raspberry Pi 5, CPU."
    )
