import numpy as np
import pytest

from explorer.errors import ExplorerError
from explorer.measure import latency
from explorer.measure.latency import default_shapes, measure_latency, summarize
from explorer.measure.latency_process import time_rounds, warm_up
from explorer.measure.memory import peak_memory
from tests.measure.tiny import save_text, text_graph

QUICK = {"threads": 1, "min_repeats": 12, "min_seconds": 0.05, "max_seconds": 5.0}
SPECIFICATION = {"target": "cpu-onnxruntime", "threads": 1, "seed": 0, "min_repeats": 50}


def timed(baseline, control, variant, foreign=0.0):
    series = {"baseline": baseline, "control": control, "variant": variant}
    draw = np.random.default_rng(0)
    noisy = {name: (ms * 1e6 * draw.lognormal(0, 0.01, 100)).astype(int).tolist() for name, ms in series.items()}
    return {"times_ns": noisy, "foreign_cores": foreign}


def test_entries_are_measured_in_a_fresh_process(text_artefact, tmp_path):
    wide = save_text(tmp_path / "wide", text_graph(hidden=512))
    small, large = measure_latency(wide, text_artefact, "cpu-onnxruntime", [(1, 8), (8, 16)], **QUICK)
    assert [(e.batch, e.sequence, e.kind, e.threads) for e in (small, large)] == [
        (1, 8, "measured", 1),
        (8, 16, "measured", 1),
    ]
    for entry in (small, large):
        assert entry.repeats >= 12
        assert 0 < entry.p50_ms <= entry.p90_ms <= entry.p95_ms <= entry.p99_ms
        assert entry.p50_low_ms <= entry.p50_ms <= entry.p50_high_ms
        assert entry.speedup == pytest.approx(entry.baseline_p50_ms / entry.p50_ms)
        assert entry.speedup_low <= entry.speedup <= entry.speedup_high
        assert entry.throughput_per_s == pytest.approx(entry.batch * 1000 / entry.p50_ms)
        assert entry.control > 0
        assert entry.noisy == bool(entry.noise_reason)


def test_a_target_that_is_not_there_gives_one_entry_per_shape(text_artefact):
    (text_artefact / "torch-unavailable.txt").write_text("this variant exists as ONNX only")
    entries = measure_latency(text_artefact, text_artefact, "cpu-torch", [(1, 8), (8, 8)])
    assert [(e.batch, e.kind, e.reason, e.p50_ms) for e in entries] == [
        (1, "unavailable", "this variant exists as ONNX only", None),
        (8, "unavailable", "this variant exists as ONNX only", None),
    ]


def test_a_crash_gives_an_error_and_no_result(text_artefact, tmp_path):
    broken = save_text(tmp_path / "broken", text_graph())
    (broken / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ExplorerError, match=r"The measuring process failed: .*model\.onnx"):
        measure_latency(broken, text_artefact, "cpu-onnxruntime", [(1, 8)], **QUICK)


def test_a_quiet_series_gives_the_ratio_of_medians():
    entry = summarize((8, 128), timed(20.0, 20.0, 10.0), 0.01, SPECIFICATION)
    assert entry.speedup == pytest.approx(2.0, rel=0.01)
    assert entry.speedup_low < entry.speedup < entry.speedup_high
    assert entry.control == pytest.approx(1.0, abs=0.01)
    assert entry.throughput_per_s == pytest.approx(800, rel=0.01)
    assert (entry.noisy, entry.noise_reason, entry.repeats) == (False, None, 100)


@pytest.mark.parametrize(
    ("series", "before", "reason"),
    [
        (timed(20, 20, 10, foreign=1.5), 0, "other processes kept 1.50 cores busy"),
        (timed(20, 20, 10), 1.5, "other processes kept 1.50 cores busy"),
        (timed(20, 16, 10), 0, "a second copy of the baseline measured 1.25 times as fast as the first"),
    ],
)
def test_noise_is_marked_with_its_reason(series, before, reason, monkeypatch):
    monkeypatch.setattr(latency, "bearable_cores", lambda threads: 0.15)
    entry = summarize((1, 128), series, before, SPECIFICATION)
    assert (entry.noisy, entry.noise_reason) == (True, reason)


def test_too_few_repeats_are_marked():
    entry = summarize((1, 128), timed(20, 20, 10), 0, {**SPECIFICATION, "min_repeats": 101})
    assert entry.noise_reason == "only 100 of 101 repeats fitted into the time"


def test_noisy_shapes_are_measured_again_and_the_quieter_is_kept(text_artefact, monkeypatch):
    answers = [
        {"shapes": [timed(20, 20, 10), timed(20, 14, 10)]},
        {"shapes": [timed(40, 40, 10)]},
    ]
    asked = []

    def run_fresh(module, specification, timeout_s):
        asked.append(specification["shapes"])
        return answers[len(asked) - 1]

    monkeypatch.setattr(latency, "run_fresh", run_fresh)
    monkeypatch.setattr(latency, "wait_for_quiet", lambda threads, patience: 0.0)
    first, second = measure_latency(text_artefact, text_artefact, "cpu-onnxruntime", [(1, 8), (8, 8)])
    assert asked == [[[1, 8], [8, 8]], [[8, 8]]]
    assert (first.noisy, second.noisy) == (False, False)
    assert (first.speedup, second.speedup) == pytest.approx((2, 4), rel=0.01)


def test_a_machine_that_stays_busy_is_not_measured_again(text_artefact, monkeypatch):
    asked = []

    def run_fresh(module, specification, timeout_s):
        asked.append(specification["shapes"])
        return {"shapes": [timed(20, 20, 10)]}

    monkeypatch.setattr(latency, "run_fresh", run_fresh)
    monkeypatch.setattr(latency, "wait_for_quiet", lambda threads, patience: 99.0)
    (entry,) = measure_latency(text_artefact, text_artefact, "cpu-onnxruntime", [(1, 8)])
    assert asked == [[[1, 8]]]
    assert (entry.noisy, entry.noise_reason) == (True, "other processes kept 99.00 cores busy")


def test_of_two_noisy_measurements_the_one_with_the_better_control_is_kept():
    better = summarize((1, 8), timed(20, 18.5, 10), 0, SPECIFICATION)
    worse = summarize((1, 8), timed(20, 12, 10), 0, SPECIFICATION)
    assert latency._quieter(worse, better) is better
    assert latency._quieter(better, worse) is better


def test_rounds_call_everyone_once_in_changing_order():
    order: list[str] = []
    calls = {name: lambda name=name: order.append(name) for name in ("baseline", "control", "variant")}
    limits = {"seed": 0, "min_repeats": 40, "min_seconds": 0.0, "max_seconds": 60.0}
    times = time_rounds(calls, limits)
    rounds = [tuple(order[i : i + 3]) for i in range(0, len(order), 3)]
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys(calls, 40)
    assert all(sorted(one) == sorted(calls) for one in rounds)
    assert len(set(rounds)) == 6


def test_the_most_seconds_end_the_rounds():
    times = time_rounds({"variant": lambda: None}, {"seed": 0, "min_repeats": 50, "min_seconds": 9, "max_seconds": 0})
    assert times == {"variant": []}


def test_warm_up_calls_everyone_at_least_twice_three_times():
    counts = {"a": 0, "b": 0}

    def call(name):
        counts[name] += 1

    warm_up({name: lambda name=name: call(name) for name in counts})
    assert counts["a"] == counts["b"] >= 6


def test_default_shapes_fit_the_model(text_artefact, image_artefact):
    assert default_shapes(text_artefact) == [(1, 16), (8, 16)]
    assert default_shapes(image_artefact) == [(1, 8), (8, 8)]


def test_peak_memory_is_that_of_the_fresh_process_alone(text_artefact, tmp_path):
    """This process holds PyTorch and more; a child that inherited its peak would report at least as much."""
    ballast = np.ones(100_000_000)  # 800 MB
    big = save_text(tmp_path / "big", text_graph(hidden=200_000))
    small_bytes = peak_memory(text_artefact, "cpu-onnxruntime", (1, 8)).peak_rss_bytes
    big_bytes = peak_memory(big, "cpu-onnxruntime", (1, 8)).peak_rss_bytes
    assert ballast.nbytes > big_bytes
    assert big_bytes - small_bytes > 96 * 200_000 * 4


def test_peak_memory_of_an_unavailable_target_is_none(text_artefact):
    assert peak_memory(text_artefact, "cpu-torch", (1, 8)).peak_rss_bytes is None
