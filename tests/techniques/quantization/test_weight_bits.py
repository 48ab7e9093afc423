import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from transformers import AlbertConfig, AlbertForSequenceClassification

from explorer import deploy
from explorer.context import GraphSubject
from explorer.measure.weights import weights
from explorer.techniques.quantization.weight_bits import (
    WeightBits,
    candidates,
    dequantize_groups,
    fitting_group,
    pack_bits,
    quantize_groups,
    rounded_weight,
)
from tests.models import tiny
from tests.techniques.workbench import KINDS, Workbench, lively, run_onnx, workbench


def matrix(n: int = 24, k: int = 96) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, k)).astype(np.float32)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("k", [96, 75])
def test_every_weight_is_within_half_a_step(bits: int, k: int) -> None:
    weights = matrix(k=k)
    codes, scales, zeros = quantize_groups(weights, bits, 32)
    assert codes.max() <= 2**bits - 1
    error = np.abs(dequantize_groups(codes, scales, zeros, 32) - weights)
    step = np.repeat(scales, 32, axis=1)[:, :k]
    # the zero point is rounded too, so the ends of the range may be another half step away
    assert (error <= step * 1.001).all() and np.median(error / step) < 0.3


def test_zero_stays_exactly_zero() -> None:
    weights = matrix()
    weights[weights < 0.5] = 0
    assert (dequantize_groups(*quantize_groups(weights, 4, 32), 32)[weights == 0] == 0).all()


def test_codes_are_those_of_onnxruntime() -> None:
    """onnxruntime's own 4-bit quantizer on the same matrix gives the same values to within a rounding of the scale."""
    weights = matrix(n=16, k=64)
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 64])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 16])
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    graph = onnx.helper.make_graph([node], "g", [x], [y], [onnx.numpy_helper.from_array(weights.T.copy(), "w")])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    quantizer = MatMulNBitsQuantizer(model, bits=4, block_size=32, is_symmetric=False)
    quantizer.process()
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in quantizer.model.model.graph.initializer}
    theirs = next(
        array for name, array in stored.items() if name.startswith("w") and array.dtype == np.uint8 and array.ndim == 3
    )
    codes, scales, _ = quantize_groups(weights, 4, 32)
    ours = pack_bits(codes.reshape(16, 2, 32), 4)
    low = np.abs((ours & 15).astype(int) - (theirs & 15).astype(int))
    high = np.abs((ours >> 4).astype(int) - (theirs >> 4).astype(int))
    assert max(low.max(), high.max()) <= 1 and (low + high == 0).mean() > 0.95
    their_scales = next(a for n, a in stored.items() if a.dtype == np.float32 and a.size == scales.size)
    assert np.allclose(their_scales.reshape(scales.shape), scales, rtol=1e-5)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_packing_puts_the_first_code_lowest(bits: int) -> None:
    codes = np.random.default_rng(0).integers(0, 2**bits, (3, 11)).astype(np.uint8)
    packed = pack_bits(codes, bits)
    assert packed.shape == (3, -(-11 * bits // 8))
    for row in range(3):
        number = int.from_bytes(packed[row].tobytes(), "little")
        assert [(number >> (bits * i)) & (2**bits - 1) for i in range(11)] == codes[row].tolist()


def test_a_group_is_never_much_wider_than_the_row() -> None:
    assert [fitting_group(128, width) for width in (9, 16, 17, 64, 100, 500)] == [16, 16, 32, 64, 128, 128]


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("group", [16, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_computes_with_the_rounded_weights(kind: str, group: int, bits: int) -> None:
    """The packed graph answers as the float graph does with every weight rounded by ``quantize_groups``."""
    bench = workbench(kind)
    subject, rounded = bench.graph(), bench.graph()
    round_weights(rounded.graph, bits, group)
    WeightBits(bits=bits, group_size=group).apply(subject, bench.context())
    expected, given = run_onnx(rounded.graph, bench.tensors()), run_onnx(subject.graph, bench.tensors())
    assert np.abs(expected - given).max() < 2e-3 * max(1.0, float(np.abs(expected).max()))


@pytest.mark.parametrize("bits", [8, 2])
def test_weights_that_layers_share_are_stored_once(bits: int) -> None:
    """ALBERT goes through the same layer again and again."""
    bench = workbench("bert")
    bench = Workbench(lively(albert()), bench.preprocessor, bench.task)
    subject, rounded, context = bench.graph(), bench.graph(), bench.context()
    tensors = {tensor.name: int(np.prod(tensor.dims)) for tensor in list(deploy.weights(rounded.graph).values())[:-1]}
    round_weights(rounded.graph, bits, 32)
    WeightBits(bits=bits).apply(subject, context)
    onnx.checker.check_model(subject.graph)
    expected, given = run_onnx(rounded.graph, bench.tensors()), run_onnx(subject.graph, bench.tensors())
    assert np.abs(expected - given).max() < 2e-3 * max(1.0, float(np.abs(expected).max()))
    assert sum(tensor.name.endswith("_q") for tensor in subject.graph.graph.initializer) == len(tensors) == 11
    assert context.figures["weights"] == sum(tensors.values())


def test_a_kernel_and_a_table_that_several_nodes_read_are_stored_once() -> None:
    """Two convolutions with one kernel, and an embedding that a product reads too, which wants another layout."""
    random = np.random.default_rng(0)
    shapes = {"kernel": (16, 16, 3, 3), "table": (24, 32), "head": (24, 24)}
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        onnx.helper.make_node("Conv", ["x", "kernel"], ["a"], name="one", pads=[1, 1, 1, 1]),
        onnx.helper.make_node("Conv", ["a", "kernel"], ["b"], name="two", pads=[1, 1, 1, 1]),
        onnx.helper.make_node("ReduceSum", ["b"], ["s"], name="sum", keepdims=0),
        onnx.helper.make_node("Gather", ["table", "ids"], ["rows"], name="look-up"),
        onnx.helper.make_node("Gemm", ["rows", "table"], ["products"], name="product", transB=1),
        onnx.helper.make_node("Gemm", ["products", "head"], ["answers"], name="head", transB=1),
        onnx.helper.make_node("Add", ["answers", "s"], ["logits"], name="both"),
    ]
    inputs = [
        onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 16, 5, 5]),
        onnx.helper.make_tensor_value_info("ids", onnx.TensorProto.INT64, [4]),
    ]
    output = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [4, 24])
    stored = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = onnx.helper.make_graph(nodes, "shared", inputs, [output], stored)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    rounded, bench = onnx.ModelProto.FromString(model.SerializeToString()), workbench("cnn")
    round_weights(rounded, 4, 32)
    WeightBits(bits=4, group_size=32).apply(GraphSubject(model), bench.context())
    onnx.checker.check_model(model)
    feed = {"x": random.standard_normal((1, 16, 5, 5)).astype(np.float32), "ids": np.array([0, 5, 5, 23])}
    expected, given = run_onnx(rounded, feed), run_onnx(model, feed)
    assert np.abs(expected - given).max() < 2e-3 * np.abs(expected).max()
    assert sum(node.op_type == "DequantizeLinear" for node in model.graph.node) == 1


@pytest.mark.parametrize("granularity", ["groups", "channel", "tensor"])
@pytest.mark.parametrize("rounding", ["nearest", "hqq", "gptq"])
@pytest.mark.parametrize("kind", ["bert", "cnn"])
def test_the_file_computes_with_what_each_rounding_gives(kind: str, rounding: str, granularity: str) -> None:
    """However it is stored, as MatMulNBits or as DequantizeLinear, each weight is what the rounding made of it."""
    bench = workbench(kind)
    step = WeightBits(bits=3, rounding=rounding, granularity=granularity, own_range=True, low=-0.3, high=0.3)
    subject, rounded = bench.graph(), bench.graph()
    nodes, tensors = candidates(rounded.graph, True)
    quantizers = step._quantizers(rounded, bench.context(), nodes, tensors)
    for name, tensor in tensors.items():
        near = rounded_weight(nodes[name], tensor, step._group, quantizers[tensor.name])
        tensor.CopyFrom(onnx.numpy_helper.from_array(near.astype(np.float32), tensor.name))
    context = bench.context()
    step.apply(subject, context)
    onnx.checker.check_model(subject.graph)
    expected, given = run_onnx(rounded.graph, bench.tensors()), as_written(subject.graph, bench.tensors())
    assert np.abs(expected - given).max() < 2e-3 * max(1.0, float(np.abs(expected).max()))
    assert 0 < context.figures["clipped_share"] < 0.95
    assert "They take 8 values; no runtime here stores 3 bits." in context.notes


def as_written(graph: onnx.ModelProto, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Logits without onnxruntime's rewriting: of a product behind DequantizeLinear it makes one with 8-bit inputs."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.SerializeToString(), options).run(["logits"], tensors)[0]


@pytest.mark.parametrize("granularity", ["groups", "channel", "tensor"])
def test_every_parameter_is_counted_once_in_every_form(granularity: str) -> None:
    for kind in ("bert", "cnn"):
        bench = workbench(kind)
        before = sum(one.parameters for one in weights(bench.graph().graph))
        for rounding in ("nearest", "hqq"):
            subject = bench.graph()
            WeightBits(bits=4, granularity=granularity, rounding=rounding).apply(subject, bench.context())
            assert sum(one.parameters for one in weights(subject.graph)) == before


@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_calibrated_rounding_is_nearer_than_the_nearest(kind: str) -> None:
    bench = workbench(kind)
    exact = run_onnx(bench.graph().graph, bench.tensors(32))
    errors = {}
    for rounding in ("nearest", "gptq"):
        subject = bench.graph()
        WeightBits(bits=3, rounding=rounding).apply(subject, bench.context())
        errors[rounding] = float(((run_onnx(subject.graph, bench.tensors(32)) - exact) ** 2).mean())
    assert errors["gptq"] < 0.9 * errors["nearest"]


def test_what_it_encodes_follows_the_embeddings() -> None:
    assert WeightBits(embeddings=False).encodes == {"layers"}
    assert WeightBits().encodes == {"layers", "embeddings"}


def albert() -> AlbertForSequenceClassification:
    """Three times through one layer of width 32."""
    torch.manual_seed(0)
    config = AlbertConfig(
        vocab_size=len(tiny.WORDS), embedding_size=16, hidden_size=32, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=40, attn_implementation="eager",
    )  # fmt: skip
    return AlbertForSequenceClassification(config).eval()


def round_weights(graph: onnx.ModelProto, bits: int, group: int) -> None:
    """Exchange every weight but the head's for the nearest values that ``bits`` can hold, once."""
    chosen = {tensor.name: (name, tensor) for name, tensor in reversed(list(deploy.weights(graph).items())[:-1])}
    for name, tensor in chosen.values():
        node = next(node for node in graph.graph.node if node.name == name)
        values = onnx.numpy_helper.to_array(tensor)
        transposed = node.op_type == "MatMul"
        flat = (values.T if transposed else values).reshape(values.shape[1] if transposed else len(values), -1)
        size = group if node.op_type == "Conv" else fitting_group(group, flat.shape[1])
        near = dequantize_groups(*quantize_groups(flat, bits, size), size)
        near = near.T if transposed else near.reshape(values.shape)
        tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(near), tensor.name))
