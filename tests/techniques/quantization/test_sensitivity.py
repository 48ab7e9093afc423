import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from explorer import deploy
from explorer.errors import BadInput
from explorer.techniques.quantization.calibrating import calibration_batches
from explorer.techniques.quantization.int8_dynamic import Int8Dynamic
from explorer.techniques.quantization.int8_static import Int8Static
from explorer.techniques.quantization.sensitivity import (
    int8_sensitivities,
    int8_values,
    named_layers,
    quantizable,
    sensitivities,
)
from explorer.techniques.quantization.weight_bits import WeightBits
from tests.techniques.workbench import run_onnx, workbench

ALL = ["MatMul", "Gemm", "Conv", "Gather"]


def test_it_is_the_change_of_the_answers_by_one_weight_alone() -> None:
    bench = workbench("vit")
    subject = bench.graph()
    batches = calibration_batches(subject, bench.context())
    _, tensors = quantizable(subject.graph, ALL)
    found = sensitivities(subject.graph, tensors, lambda t: 0.9 * numpy_helper.to_array(t), batches, "nine tenths")
    inputs = {"pixel_values": np.concatenate([batch["pixel_values"] for batch in batches])}
    exact = run_onnx(subject.graph, inputs)
    for name in list(tensors)[:3]:
        changed = onnx.ModelProto.FromString(subject.graph.SerializeToString())
        tensor = next(tensor for tensor in changed.graph.initializer if tensor.name == name)
        tensor.CopyFrom(numpy_helper.from_array(np.float32(0.9) * numpy_helper.to_array(tensor), name))
        expected = float(((run_onnx(changed, inputs) - exact) ** 2).mean())
        assert found[name] == pytest.approx(expected, rel=1e-3)
    unchanged = sensitivities(subject.graph, tensors, numpy_helper.to_array, batches, "identity")
    assert max(unchanged.values()) == 0


def test_int8_is_that_of_a_graph_in_which_one_layer_is_quantized() -> None:
    """Dynamic int8 of one layer alone by onnxruntime's quantizer changes the answers as foretold."""
    bench = workbench("vit")
    subject = bench.graph()
    batches = calibration_batches(subject, bench.context())
    nodes, _ = quantizable(subject.graph, ["MatMul"])
    found = int8_sensitivities(subject.graph, nodes, False, batches, "dynamic", "test")
    name = "vit.layers.0.mlp.fc1.weight"
    others = ",".join(other.removesuffix(".weight") for other in quantizable(subject.graph, ALL)[0] if other != name)
    alone = bench.graph()
    Int8Dynamic(keep=others).apply(alone, bench.context())
    squares = [(run_onnx(alone.graph, batch) - run_onnx(subject.graph, batch)) ** 2 for batch in batches]
    assert found[name] == pytest.approx(float(np.concatenate(squares).mean()), rel=0.2)


def test_int8_values_have_one_scale_for_each_output_channel() -> None:
    graph = workbench("cnn").graph().graph
    nodes, tensors = quantizable(graph, ALL)
    for name, tensor in tensors.items():
        values = numpy_helper.to_array(tensor)
        by_row = values.reshape(len(values), -1)  # kernels and the head stand with outputs first
        limits = np.abs(by_row).max(1, keepdims=True) / 127
        error = np.abs(int8_values(nodes[name], values, True).reshape(by_row.shape) - by_row)
        assert (error <= 0.5001 * limits).all()


@pytest.mark.parametrize("technique", [Int8Dynamic, Int8Static, WeightBits])
def test_named_layers_stay_in_float_and_all_others_do_not(technique) -> None:
    bench = workbench("bert")
    subject, context = bench.graph(), bench.context()
    before = {tensor.name for tensor in deploy.weights(subject.graph).values()}
    technique(keep="bert.encoder.layer.0, *.pooler.dense").apply(subject, context)
    left = {tensor.name.removesuffix("_Transposed") for tensor in deploy.weights(subject.graph).values()}
    wanted = {name for name in before if name.startswith(("bert.encoder.layer.0.", "bert.pooler.dense"))}
    assert wanted <= left <= wanted | {"classifier.weight"}
    assert any(note.startswith("Kept in float: bert.encoder.layer.0") for note in context.notes)


@pytest.mark.parametrize("technique", [Int8Dynamic, Int8Static, WeightBits])
def test_a_share_of_the_most_sensitive_layers_stays_in_float(technique) -> None:
    bench = workbench("vit")
    errors, kept = [], []
    exact = run_onnx(bench.graph().graph, bench.tensors(32))
    settings = {"bits": 2} if technique is WeightBits else {}
    for share in (0.0, 0.5):
        subject, context = bench.graph(), bench.context()
        technique(keep_sensitive=share, **settings).apply(subject, context)
        kept.append(context.figures.get("kept_layers", 0))
        errors.append(float(((run_onnx(subject.graph, bench.tensors(32)) - exact) ** 2).mean()))
    assert errors[1] < errors[0]
    assert kept[0] == 0 and kept[1] in (6, 7)


def test_a_name_that_matches_nothing_is_refused_with_some_that_there_are() -> None:
    tensors = [f"bert.encoder.layer.{i}.dense.weight" for i in range(6)]
    with pytest.raises(BadInput, match=r"no layer 'encoder' to keep; there are bert.encoder.layer.0.dense, .* 2 more"):
        named_layers("encoder", tensors)
    assert named_layers("", tensors) == set()
    assert named_layers("*.layer.[01].*", tensors) == set(tensors[:2])
