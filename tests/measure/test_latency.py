import numpy as np
import pytest
from onnxruntime.quantization import quantize_dynamic

from explorer.errors import ExplorerError
from explorer.measure import latency
from explorer.measure.latency import measure_latency, measure_target, summarize
from explorer.measure.latency_process import calls_per_turn, time_rounds, warm_up
from explorer.measure.load import Load
from explorer.measure.shapes import REAL
from tests.measure.tiny import save_text, text_graph

QUICK = {"threads": 1, "min_repeats": 12, "min_seconds": 0.05, "max_seconds": 5.0}
SPECIFICATION = {"target": "cpu-onnxruntime", "threads": 1, "seed": 0, "min_repeats": 50}

ANSWER = {
    "provider": "CPUExecutionProvider",
    "precision": "fp32",
    "baseline_precision": "fp32",
    "clock": "wall",
    "processors": 1,
    "gpu": None,
    "energy": {"kind": "unavailable", "reason": "no counters"},
}


def timed(baseline, control, variant, foreign=0.0, browser=0.0, jump_s=0.0):
    series = {"baseline": baseline, "control": control, "variant": variant}
    draw = np.random.default_rng(0)
    noisy = {name: (ms * 1e6 * draw.lognormal(0, 0.01, 100)).astype(int).tolist() for name, ms in series.items()}
    load = {"foreign_cores": foreign, "browser_cores": browser}
    around = {"bearable_cores": 0.15, "clock_jump_s": jump_s, "tokens": 14.4}
    return {"times_ns": noisy, "load": load, **around}


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
        assert entry.baseline_p50_low_ms <= entry.baseline_p50_ms <= entry.baseline_p50_high_ms
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
    entry = summarize((8, 128), timed(20.0, 20.0, 10.0), Load(0.01), SPECIFICATION)
    assert entry.speedup == pytest.approx(2.0, rel=0.01)
    assert entry.speedup_low < entry.speedup < entry.speedup_high
    assert entry.control == pytest.approx(1.0, abs=0.01)
    assert entry.throughput_per_s == pytest.approx(800, rel=0.01)
    assert (entry.noisy, entry.noise_reason, entry.repeats) == (False, None, 100)


@pytest.mark.parametrize("name", ["p50", "p90", "p95", "p99"])
def test_each_percentile_has_an_interval(name):
    entry = summarize((8, 128), timed(20.0, 20.0, 10.0), Load(0.01), SPECIFICATION)
    value, low, high = (getattr(entry, f"{name}{end}_ms") for end in ("", "_low", "_high"))
    assert low <= value <= high and low < high


@pytest.mark.parametrize(
    ("series", "before", "reason"),
    [
        (timed(20, 20, 10, foreign=1.5), Load(), "other processes kept 1.50 cores busy"),
        (timed(20, 20, 10, browser=0.5), Load(), "the browser kept 0.50 cores busy"),
        (timed(20, 20, 10), Load(1.5), "just before, other processes kept 1.50 cores busy"),
        (timed(20, 20, 10, jump_s=-3600), Load(), "the system's clock jumped by -3600 s meanwhile"),
        (timed(20, 16, 10), Load(), "a second copy of the baseline measured 1.25 times as fast as the first"),
    ],
)
def test_noise_is_marked_with_its_reason(series, before, reason, monkeypatch):
    monkeypatch.setattr(latency, "bearable_cores", lambda threads: 0.15)
    entry = summarize((1, 128), series, before, SPECIFICATION)
    assert (entry.noisy, entry.noise_reason) == (True, reason)


def test_the_baseline_against_itself_is_a_control_too():
    same = {**SPECIFICATION, "same_file": True}
    entry = summarize((1, 128), timed(20, 20, 16), Load(), same)
    assert "a second copy of the baseline measured 1.2" in entry.noise_reason
    assert summarize((1, 128), timed(20, 20, 16), Load(), SPECIFICATION).noise_reason is None


def test_too_few_repeats_are_marked():
    entry = summarize((1, 128), timed(20, 20, 10), Load(), {**SPECIFICATION, "min_repeats": 101})
    assert entry.noise_reason == "only 100 of 101 repeats fitted into the time"


def test_noisy_shapes_are_measured_again_and_the_quieter_is_kept(text_artefact, monkeypatch):
    answers = [
        {"shapes": [timed(20, 20, 10), timed(20, 14, 10)]},
        {"shapes": [timed(40, 40, 10)]},
    ]
    asked = []

    def run_fresh(module, specification, timeout_s):
        asked.append(specification["shapes"])
        return {**ANSWER, **answers[len(asked) - 1]}

    monkeypatch.setattr(latency, "run_fresh", run_fresh)
    monkeypatch.setattr(latency, "_same_file", lambda variant, baseline: False)
    monkeypatch.setattr(latency, "wait_for_quiet", lambda threads, patience: Load())
    first, second = measure_latency(text_artefact, text_artefact, "cpu-onnxruntime", [(1, 8), (8, 8)])
    assert asked == [[[1, 8], [8, 8]], [[8, 8]]]
    assert (first.noisy, second.noisy) == (False, False)
    assert (first.speedup, second.speedup) == pytest.approx((2, 4), rel=0.01)


def test_a_machine_that_stays_busy_is_not_measured_again(text_artefact, monkeypatch):
    asked = []

    def run_fresh(module, specification, timeout_s):
        asked.append(specification["shapes"])
        return {**ANSWER, "shapes": [timed(20, 20, 10)]}

    monkeypatch.setattr(latency, "run_fresh", run_fresh)
    monkeypatch.setattr(latency, "_same_file", lambda variant, baseline: False)
    monkeypatch.setattr(latency, "wait_for_quiet", lambda threads, patience: Load(99.0))
    (entry,) = measure_latency(text_artefact, text_artefact, "cpu-onnxruntime", [(1, 8)])
    assert asked == [[[1, 8]]]
    assert (entry.noisy, entry.noise_reason) == (True, "just before, other processes kept 99.00 cores busy")


def test_of_two_noisy_measurements_the_one_with_the_better_control_is_kept():
    better = summarize((1, 8), timed(20, 18.5, 10), Load(), SPECIFICATION)
    worse = summarize((1, 8), timed(20, 12, 10), Load(), SPECIFICATION)
    assert latency._quieter(worse, better) is better
    assert latency._quieter(better, worse) is better


def test_a_browser_that_stays_is_neither_waited_for_nor_a_reason_to_measure_again(text_artefact, monkeypatch):
    asked = []

    def run_fresh(module, specification, timeout_s):
        asked.append(specification["shapes"])
        return {**ANSWER, "shapes": [timed(20, 20, 10, browser=0.6)]}

    monkeypatch.setattr(latency, "run_fresh", run_fresh)
    monkeypatch.setattr(latency, "_same_file", lambda variant, baseline: False)
    monkeypatch.setattr(latency, "wait_for_quiet", lambda threads, patience: Load(browser_cores=0.6))
    monkeypatch.setattr(latency, "bearable_cores", lambda threads: 0.15)
    (entry,) = measure_latency(text_artefact, text_artefact, "cpu-onnxruntime", [(1, 8)])
    assert asked == [[[1, 8]]]
    assert entry.noise_reason == "the browser kept 0.60 cores busy"


def test_how_the_target_ran_is_told(text_artefact):
    _, use = measure_target(text_artefact, text_artefact, "cpu-onnxruntime", [(1, 8)], **QUICK)
    assert (use.target, use.provider) == ("cpu-onnxruntime", "CPUExecutionProvider")
    assert (use.precision_asked, use.precision_used) == ("stored", "fp32")
    assert use.baseline_precision_used == "fp32"
    assert (use.threads, use.gpu) == (1, None)
    assert use.processors in (1, None)
    assert use.energy.kind in ("measured", "unavailable") and bool(use.energy.reason) == (
        use.energy.millijoules is None
    )


def test_the_baseline_may_run_in_another_precision(text_artefact, tmp_path):
    variant = save_text(tmp_path / "int8", text_graph())
    quantize_dynamic(text_artefact / "model.onnx", variant / "model.onnx")
    _, use = measure_target(variant, text_artefact, "cpu-onnxruntime", [(1, 8)], **QUICK)
    assert (use.precision_used, use.baseline_precision_used) == ("int8", "fp32")


def test_real_lengths_come_from_the_texts(text_artefact, texts):
    (real,) = measure_latency(text_artefact, text_artefact, "cpu-onnxruntime", [(4, REAL)], inputs=texts, **QUICK)
    longest = max(len(text.split()) for text in texts)
    assert real.lengths == "real" and 1 < real.sequence <= longest
    assert real.repeats >= 12 and real.kind == "measured"


def test_a_real_length_is_the_mean_of_its_batches():
    entry = summarize((1, REAL), timed(20, 20, 10), Load(), SPECIFICATION)
    assert (entry.lengths, entry.sequence) == ("real", 14)


LONG_NS = 50_000_000  # a call that fills a turn by itself


def call_of(name, order, nanoseconds=LONG_NS):
    return [lambda: order.append(name) or nanoseconds]


def test_long_calls_take_turns_in_changing_order():
    order: list[str] = []
    calls = {name: call_of(name, order) for name in ("baseline", "control", "variant")}
    limits = {"seed": 0, "min_repeats": 40, "min_seconds": 0.0, "max_seconds": 60.0}
    assert calls_per_turn(calls) == 1
    order.clear()
    times = time_rounds(calls, limits)
    del order[:9]  # how long a call takes was found out first
    rounds = [tuple(order[i : i + 3]) for i in range(0, len(order), 3)]
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys(calls, 40)
    assert all(sorted(one) == sorted(calls) for one in rounds)
    assert len(set(rounds)) == 6


@pytest.mark.parametrize(("slowest_ns", "count"), [(1_000, 16), (8_000_000, 6), (49_000_000, 1), (900_000_000, 1)])
def test_a_turn_has_as_many_calls_as_the_slowest_contestant_can_do(slowest_ns, count):
    assert calls_per_turn({"baseline": call_of("", [], slowest_ns), "variant": call_of("", [], 1_000)}) == count


def test_the_first_call_of_a_turn_warms_the_caches_and_is_not_timed():
    """Each contestant finds the caches full of its neighbour's weights: only its first call pays for that."""
    last = [""]

    def call(name: str) -> int:
        cold, last[0] = last[0] != name, name
        return 9_000_000 if cold else 5_000_000

    calls = {name: [lambda name=name: call(name)] for name in ("baseline", "variant")}
    times = time_rounds(calls, {"seed": 0, "min_repeats": 30, "min_seconds": 0.0, "max_seconds": 60.0})
    assert {name: set(values) for name, values in times.items()} == {name: {5_000_000} for name in calls}


def test_each_contestant_is_called_for_the_fewest_seconds():
    slow, quick = call_of("slow", [], 300_000_000), call_of("quick", [], 100_000_000)
    limits = {"seed": 0, "min_repeats": 2, "min_seconds": 1.0, "max_seconds": 60.0}
    times = time_rounds({"baseline": slow, "variant": quick}, limits)
    assert len(times["variant"]) == 10, "the quickest needs ten calls of 0.1 s to have run for a second"


def test_all_contestants_of_a_round_get_the_same_batches():
    seen = {"baseline": [], "variant": []}
    calls = {
        name: [lambda place=place, batches=batches: batches.append(place) or 20_000_000 for place in range(3)]
        for name, batches in seen.items()
    }
    time_rounds(calls, {"seed": 0, "min_repeats": 6, "min_seconds": 0, "max_seconds": 60})
    turns = [0, 0, 1, 2, 2, 0, 1, 1, 2]  # two timed calls in a turn, and the first of them once more before it
    assert [places[3:] for places in seen.values()] == [turns, turns]


def test_the_most_seconds_end_the_rounds():
    limits = {"seed": 0, "min_repeats": 50, "min_seconds": 9, "max_seconds": 0}
    assert time_rounds({"variant": call_of("variant", [])}, limits) == {"variant": []}


def test_warm_up_calls_everyone_at_least_twice_three_times():
    order: list[str] = []
    warm_up({name: call_of(name, order) for name in ("a", "b")})
    assert order.count("a") == order.count("b") >= 6
