from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization import quantize_static as theirs

from explorer import deploy
from explorer.context import GraphSubject
from explorer.errors import BadInput
from explorer.measure.runners.onnx_runtime import graph_precision, optimized_graph
from explorer.measure.targets import targets
from explorer.measure.weights import weights
from explorer.techniques.quantization.calibrating import calibration_batches
from explorer.techniques.quantization.int8_static import Int8Static, quantizable_nodes
from tests.techniques.workbench import KINDS, run_onnx, workbench

METHODS = ("min-max", "percentile", "entropy", "mse")


def test_min_max_is_onnxruntimes_own_static_quantization(tmp_path: Path) -> None:
    bench = workbench("vit")
    subject, context = bench.graph(), bench.context()
    batches = calibration_batches(subject, context)

    class Reader(CalibrationDataReader):
        waiting = iter(batches)

        def get_next(self) -> dict | None:
            return next(self.waiting, None)

    names = [node.name for node in quantizable_nodes(subject.graph)]
    theirs(
        bench.graph().graph, tmp_path / "q.onnx", Reader(), calibrate_method=CalibrationMethod.MinMax,
        nodes_to_quantize=names, op_types_to_quantize=["MatMul", "Gemm", "Conv"],
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"]},
    )  # fmt: skip
    Int8Static(calibration="min-max").apply(subject, context)
    expected = run_onnx(onnx.load(tmp_path / "q.onnx"), bench.tensors())
    assert np.abs(run_onnx(subject.graph, bench.tensors()) - expected).max() < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_products_with_a_weight_compute_in_integers(kind: str, tmp_path: Path) -> None:
    bench = workbench(kind)
    subject = bench.graph()
    before = weights(subject.graph)
    Int8Static().apply(subject, bench.context())
    deploy.save_graph(subject.graph, tmp_path / "q.onnx")
    made = optimized_graph(tmp_path / "q.onnx", targets()["cpu-onnxruntime"])
    counts = Counter(node.op_type for node in made.graph.node)
    integers = sum(counts[name] for name in ("QLinearConv", "QLinearMatMul", "MatMulIntegerToFloat", "QGemm"))
    wanted = [node for node in quantizable_nodes(bench.graph().graph) if node.op_type != "Gather"]
    assert integers == len(wanted)
    assert "int8" in graph_precision(made)
    assert sum(one.parameters for one in weights(subject.graph)) == sum(one.parameters for one in before)


@pytest.mark.parametrize("method", METHODS)
def test_the_constant_of_the_attention_mask_stays_out(method: str) -> None:
    """It is -3.4e38: a range that holds it would leave one step for everything else."""
    bench = workbench("bert")
    subject = bench.graph()
    constants = {attribute.t.SerializeToString() for node in subject.graph.graph.node for attribute in node.attribute
                 if node.op_type == "Constant" and attribute.t.data_type == 1}  # fmt: skip
    masks = [raw for raw in constants if numpy_helper.to_array(onnx.TensorProto.FromString(raw)).min() < -1e30]
    assert masks, "the graph has such a constant"
    Int8Static(calibration=method).apply(subject, bench.context())
    held = {attribute.t.SerializeToString() for node in subject.graph.graph.node for attribute in node.attribute
            if node.op_type == "Constant"}  # fmt: skip
    assert set(masks) <= held
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in subject.graph.graph.initializer}
    readers = {name: node.op_type for node in subject.graph.graph.node for name in node.input}
    quantizers = [node for node in subject.graph.graph.node if node.op_type == "QuantizeLinear"]
    assert quantizers
    for node in quantizers:
        assert arrays[node.input[1]] < 10
        assert readers[node.output[0]] == "DequantizeLinear"
    exact = run_onnx(bench.graph().graph, bench.tensors())
    assert np.abs(run_onnx(subject.graph, bench.tensors()) - exact).mean() < 0.4 * np.abs(exact).mean()


def test_ranges_without_outliers_are_nearer_where_there_are_outliers() -> None:
    """One pixel in the calibration inputs fifty times larger than the others spoils min-max."""
    bench = workbench("vit")
    images = bench.task.splits["calibration"].inputs
    exact = run_onnx(bench.graph().graph, bench.tensors(32))
    errors = {}
    for method in METHODS:
        subject, context = bench.graph(), bench.context()
        spoiled = bench.preprocessor.encode(images)["pixel_values"]
        spoiled[0, 0, 0, 0] = 100.0
        subject.preprocessor = Given(spoiled)
        Int8Static(calibration=method, percentile=99.0).apply(subject, context)
        errors[method] = float(np.abs(run_onnx(subject.graph, bench.tensors(32)) - exact).mean())
    assert max(errors["percentile"], errors["entropy"]) < 0.85 * errors["min-max"], errors
    assert errors["mse"] < errors["min-max"]  # one such value still is most of the squared error


class Given:
    """A preprocessor that hands out the same pixels whatever it is given."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def encode(self, inputs) -> dict[str, np.ndarray]:
        return {"pixel_values": self.pixels}


def test_symmetric_ranges_have_their_zero_in_the_middle() -> None:
    bench = workbench("vit")
    for symmetric in (False, True):
        subject = bench.graph()
        Int8Static(symmetric=symmetric).apply(subject, bench.context())
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in subject.graph.graph.initializer}
        zeros = {int(arrays[node.input[2]]) for node in subject.graph.graph.node if node.op_type == "QuantizeLinear"}
        assert (zeros <= {127, 128}) is symmetric


def test_a_scale_for_each_channel_and_tables_in_int8_follow_their_switches() -> None:
    bench = workbench("bert")
    sizes = {}
    for per_channel in (False, True):
        for embeddings in (False, True):
            subject = bench.graph()
            step = Int8Static(per_channel=per_channel, embeddings=embeddings)
            step.apply(subject, bench.context())
            scales = [t for t in subject.graph.graph.initializer if t.name.endswith("weight_scale")]
            sizes[per_channel, embeddings] = sum(int(np.prod(t.dims)) for t in scales)
            tables = [t for t in deploy.weights(subject.graph).values() if "embeddings" in t.name]
            assert bool(tables) is not embeddings
            assert step.encodes == ({"layers", "embeddings"} if embeddings else {"layers"})
    assert sizes[True, True] > 5 * sizes[False, True]


def test_a_graph_without_weights_is_refused() -> None:
    bench = workbench("vit")
    info = [onnx.helper.make_tensor_value_info(name, 1, ["n", 3, 8, 8]) for name in ("pixel_values", "logits")]
    node = onnx.helper.make_node("Sigmoid", ["pixel_values"], ["logits"], name="only")
    graph = onnx.helper.make_graph([node], "g", info[:1], info[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    with pytest.raises(BadInput, match="no weights to quantize"):
        Int8Static().apply(GraphSubject(model), bench.context())
