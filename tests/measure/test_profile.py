import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from explorer.measure import profile as profiling
from explorer.measure.peak import Peaks
from explorer.measure.profile import profile, summarize
from explorer.measure.profile_process import middle_mean, operator_times, profilers_own_us
from tests.measure.tiny import save_text, text_graph

PATHS = {
    "embed": "/model/toy/embeddings/words/Gather",
    "first": "/model/toy/encoder/layer.0/dense/MatMul",
    "bias": "/model/toy/encoder/layer.0/dense/Add",
    "second": "/model/classifier/MatMul",
    "head": "/model/classifier/Add",
}
NAMES = {
    "embedding": "toy.embeddings.words.weight",
    "first.weight": "toy.encoder.layer.0.dense.weight",
    "first.bias": "toy.encoder.layer.0.dense.bias",
    "second.weight": "classifier.weight",
    "second.bias": "classifier.bias",
}


def exported_graph():
    """The tiny graph with the names that an exporter gives."""
    graph = text_graph()
    for node in graph.graph.node:
        node.name = PATHS.get(node.name, f"/model/toy/{node.name}")
        for i, name in enumerate(node.input):
            node.input[i] = NAMES.get(name, name)
    for tensor in graph.graph.initializer:
        tensor.name = NAMES.get(tensor.name, tensor.name)
    return graph


@pytest.fixture
def baseline(tmp_path):
    return save_text(tmp_path / "baseline", exported_graph())


@pytest.fixture
def quantized(tmp_path, baseline):
    from onnxruntime.quantization import quantize_dynamic

    folder = save_text(tmp_path / "quantized", exported_graph())
    quantize_dynamic(
        str(baseline / "model.onnx"), str(folder / "model.onnx"), op_types_to_quantize=["MatMul", "Gather"]
    )
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(profiling, "SECONDS_PER_SIDE", 0.05)
    monkeypatch.setattr(profiling, "host_peaks", lambda threads: Peaks(100.0, 10.0))


def test_a_quantized_model_beside_its_baseline(quantized, baseline):
    found = profile(quantized, baseline, (2, 8), threads=1, seed=3)
    assert (found.batch, found.sequence, found.threads) == (2, 8, 1)
    operators = {row.name: row for row in found.by_operator}
    integer = {"MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"} & set(operators)
    assert integer
    assert all(operators[name].baseline_ms is None for name in integer)
    assert operators["MatMul"].variant_ms is None and operators["MatMul"].baseline_ms is not None
    assert operators["Gather"].variant_ms is not None and operators["Gather"].baseline_ms is not None
    layers = [row.name for row in found.by_layer]
    assert layers == ["embeddings", "encoder.layer.0", "classifier", "other"]
    for rows in (found.by_operator, found.by_layer):
        assert sum(row.variant_ms or 0 for row in rows) == pytest.approx(found.variant_total_ms)
        assert sum(row.baseline_ms or 0 for row in rows) == pytest.approx(found.baseline_total_ms)


def test_bytes_by_layer_are_those_of_all_tensors(quantized, baseline):
    found = profile(quantized, baseline, (1, 8), threads=1)
    assert sum(row.variant_bytes or 0 for row in found.by_layer) == stored(quantized)
    assert sum(row.baseline_bytes or 0 for row in found.by_layer) == stored(baseline)
    rows = {row.name: row for row in found.by_layer}
    assert rows["embeddings"].baseline_bytes == 4 * 64 * 96
    assert rows["embeddings"].variant_bytes == 64 * 96 + 4 + 1, "with a scale and a zero point"
    assert rows["other"].baseline_bytes == rows["other"].variant_bytes, "constants of the graph alone"


def stored(folder):
    graph = onnx.load(folder / "model.onnx").graph
    constants = [node.attribute[0].t for node in graph.node if node.op_type == "Constant"]
    return sum(numpy_helper.to_array(tensor).nbytes for tensor in [*graph.initializer, *constants])


def test_no_profile_files_stay_behind(quantized, baseline, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.chdir(scratch)
    profile(quantized, baseline, (1, 8), threads=1)
    left = [path.name for path in scratch.rglob("*")]
    assert set(left) <= {".ses"}, "onnxruntime itself leaves that one when it is imported"


def test_where_the_runtime_is_missing_there_is_none(baseline, monkeypatch):
    monkeypatch.setattr(profiling, "unavailable_reason", lambda folder, target: "not installed")
    assert profile(baseline, baseline, (1, 8), threads=1) is None


def run(start, *operators):
    """Events of one call: operators as (index, name, type, duration), one after another."""
    events, now = [], start
    for index, name, kind, duration in operators:
        details = {"op_name": kind, "node_index": str(index)}
        events.append({"name": f"{name}_kernel_time", "ts": now, "dur": duration, "args": details})
        now += duration
    return [*events, {"name": "model_run", "ts": start, "dur": now - start, "args": {}}]


def test_times_are_those_of_the_last_calls():
    calls = [run(1000 * i, (1, "a", "MatMul", 50 if i else 900), (2, "b", "Add", 4)) for i in range(9)]
    events = [event for call in calls for event in call]
    assert operator_times(events, 8) == [("a", "MatMul", 50.0), ("b", "Add", 4.0)]


def test_the_profilers_own_time_is_that_of_operators_that_do_next_to_nothing():
    times = [("a", "Reshape", 2.0), ("b", "MatMul", 90.0), ("c", "Shape", 3.0), ("d", "Flatten", 400.0)]
    assert profilers_own_us(times) == 3.0
    assert profilers_own_us([("b", "MatMul", 90.0)]) == 0.0


def test_operators_without_a_name_are_told_apart_and_those_inside_a_loop_are_not_counted_twice():
    events = run(0, (1, "", "MatMul", 10), (2, "", "MatMul", 20), (3, "loop", "Loop", 30))
    inner = {"op_name": "Mul", "node_index": "0"}
    events.append({"name": "inner_kernel_time", "ts": 35, "dur": 5, "args": inner})
    assert operator_times(events, 1) == [("", "MatMul", 10.0), ("", "MatMul", 20.0), ("loop", "Loop", 30.0)]


def test_the_middle_half_ignores_what_disturbed_a_quarter_of_the_calls():
    assert middle_mean([3, 4, 4, 3, 3, 4, 900, 1]) == pytest.approx(3.5)
    assert middle_mean([7]) == 7


def answer(variant, baseline, variant_bytes=None, baseline_bytes=None):
    return {
        "variant": {"operators": variant, "bytes": variant_bytes or {}},
        "baseline": {"operators": baseline, "bytes": baseline_bytes or {}},
    }


def test_shares_of_the_peaks():
    operators = [["a", "MatMul", 1.0], ["a", "FusedMatMul", 1.0], ["a", "Softmax", 2.0]]
    found = summarize(answer(operators, operators), (1, 8), Peaks(100.0, 10.0), 1, 50e6, 4e6)
    assert found.share_of_peak_flops == pytest.approx(50e6 / 2e-3 / 100e9)
    assert found.share_of_peak_bandwidth == pytest.approx(4e6 / 4e-3 / 10e9)
    assert (found.peak_gflops, found.peak_gbytes_per_s) == (100.0, 10.0)
    without = summarize(answer(operators, operators), (1, 8), Peaks(100.0, 10.0), 1)
    assert without.share_of_peak_flops is None and without.share_of_peak_bandwidth is None


def test_many_operators_and_layers_are_summed_into_others():
    draw = np.random.default_rng(0)
    variant = [[f"layer.{i % 30}", f"Kind{i % 20}", float(ms)] for i, ms in enumerate(draw.uniform(1, 2, 60))]
    found = summarize(answer(variant, variant[:40], {f"layer.{i}": 10 for i in range(30)}), (1, 8), Peaks(1, 1), 1)
    assert len(found.by_operator) == 16 and found.by_operator[-1].name == "other"
    assert len(found.by_layer) == 20 and found.by_layer[-1].name == "other"
    slowest = [max(row.variant_ms, row.baseline_ms) for row in found.by_operator[:-1]]
    assert slowest == sorted(slowest, reverse=True)
    assert sum(row.variant_ms for row in found.by_operator) == pytest.approx(sum(ms for _, _, ms in variant))
    assert sum(row.variant_bytes for row in found.by_layer) == 300
    kept = [int(row.name.split(".")[1]) for row in found.by_layer[:-1]]
    assert kept == sorted(kept), "layers stand in the order of the model"
    assert json.loads(found.model_dump_json())["variant_total_ms"] == pytest.approx(found.variant_total_ms)
