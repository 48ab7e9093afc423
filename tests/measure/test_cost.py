"""Operations and bytes against closed forms and against PyTorch's own counter."""

import copy
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.utils.flop_counter import FlopCounterMode

from explorer import deploy
from explorer.context import GraphSubject
from explorer.errors import BadInput, ExplorerError
from explorer.measure.cost import Work, costs, count, total
from explorer.techniques.quantization.int8_dynamic import Int8Dynamic
from explorer.techniques.quantization.weight_bits import WeightBits
from tests.measure import tiny
from tests.techniques.workbench import KINDS, workbench

B, S = 3, 7
TEXT_SHAPES = {"input_ids": (B, S), "attention_mask": (B, S)}
FIRST = 2 * B * S * tiny.HIDDEN * tiny.HIDDEN
SECOND = 2 * B * tiny.HIDDEN * tiny.CLASSES


def counted(nodes, inputs, weights=(), opset=21, domains=()) -> Work:
    """The work of a few nodes; ``inputs`` are name to (number format, shape), the last node's output is the graph's."""
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    output = helper.make_value_info(nodes[-1].output[0], helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    initializers = [numpy_helper.from_array(array, name) for name, array in dict(weights).items()]
    graph = helper.make_graph(nodes, "few", infos, [output], initializers)
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return count(helper.make_model(graph, opset_imports=opsets), {name: shape for name, (_, shape) in inputs.items()})


def test_a_bag_of_words_has_its_closed_form():
    done = count(tiny.text_graph(), TEXT_SHAPES)
    hidden = B * S * tiny.HIDDEN
    assert done.products == {"fp32": FIRST + SECOND}
    # bias, relu, mask times hidden, sum of it; sum of the mask, its small summand, the mean; the last bias
    assert done.others == {"fp32": 4 * hidden + B * S + B + B * tiny.HIDDEN + B * tiny.CLASSES}
    rows, vector = 4 * hidden, 4 * tiny.HIDDEN
    first, second = tiny.HIDDEN * vector, 4 * tiny.HIDDEN * tiny.CLASSES
    axes = 8 + 8 + 4  # two axes to sum over, and the small summand
    assert done.weight_bytes == rows + first + vector + second + 4 * tiny.CLASSES + axes
    moved = 8 * B * S + rows  # token ids in, rows out
    moved += 2 * 3 * rows  # matrix, bias and relu each read and write a hidden tensor
    moved += 8 * B * S + 4 * B * S  # the mask as integers in, as floats out
    moved += 2 * rows + 4 * B * S + rows + 4 * B * tiny.HIDDEN  # masked product; its sum over tokens
    moved += 4 * B * S + 4 * B + 2 * 4 * B  # how many tokens count, and with the small summand
    moved += 2 * 4 * B * tiny.HIDDEN + 4 * B  # the mean
    moved += 4 * B * tiny.HIDDEN + 3 * 4 * B * tiny.CLASSES  # the head and its bias
    assert done.activation_bytes == moved


def test_the_record_of_an_artefact(tmp_path):
    folder = tiny.save_text(tmp_path / "text", tiny.text_graph())
    first, second = costs(folder, [(B, S), (1, 4)])
    assert (first.batch, first.sequence) == (B, S)
    assert total(first) == first.operations["fp32"] == sum(count(tiny.text_graph(), TEXT_SHAPES).operations.values())
    assert second.operations["fp32"] < first.operations["fp32"]
    with pytest.raises(BadInput, match="at least one input of one token"):
        costs(folder, [(1, 0)])
    (image,) = costs(tiny.save_image(tmp_path / "image"), [(5, 8)])
    assert image.operations == {"fp32": 2 * 5 * 64 * tiny.CLASSES}
    assert image.weight_bytes == 4 * 64 * tiny.CLASSES
    assert image.activation_bytes == 4 * 5 * (64 + tiny.CLASSES)


@pytest.mark.parametrize("kind", KINDS)
def test_products_agree_with_pytorchs_counter(kind):
    bench = workbench(kind)
    tensors = {name: torch.from_numpy(array) for name, array in bench.preprocessor.dummy(2, 9).items()}
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        bench.model(**tensors)
    graph = deploy.export(bench.model, bench.preprocessor)
    done = count(graph, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    assert set(done.products) == {"fp32"}
    assert done.products["fp32"] == pytest.approx(counter.get_total_flops(), rel=0.01)


def quantized(kind, technique):
    bench = workbench(kind)
    subject = GraphSubject(deploy.export(bench.model, bench.preprocessor))
    shapes = {name: array.shape for name, array in bench.preprocessor.dummy(2, 9).items()}
    before = count(copy.deepcopy(subject.graph), shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        technique.apply(subject, bench.context())
    return before, count(subject.graph, shapes)


@pytest.mark.parametrize("kind", KINDS)
def test_dynamic_int8_multiplies_as_much_with_integers(kind):
    before, after = quantized(kind, Int8Dynamic())
    assert sum(after.products.values()) == sum(before.products.values())
    assert after.products["int8"] > 0.8 * before.products["fp32"]
    assert after.weight_bytes < 0.4 * before.weight_bytes
    assert after.others["fp32"] > before.others["fp32"]  # activations are quantized on the way


@pytest.mark.parametrize("kind", ["bert", "vit"])
@pytest.mark.parametrize("bits", [8, 4])
def test_packed_weights_multiply_in_floats_and_read_fewer_bytes(kind, bits):
    before, after = quantized(kind, WeightBits(bits=bits, group_size=16))
    assert after.products == before.products
    assert after.weight_bytes < (0.75 if bits == 8 else 0.6) * before.weight_bytes


def test_an_unpacked_kernel_is_read_packed_and_written_as_floats():
    before, after = quantized("cnn", WeightBits(bits=4))
    assert after.products == before.products
    assert after.weight_bytes < 0.4 * before.weight_bytes
    assert after.activation_bytes > before.activation_bytes + before.weight_bytes


def test_integers_that_are_unpacked_only_to_be_multiplied_are_integer_products():
    draw = np.random.default_rng(0)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["codes"]),
        helper.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["left"]),
        helper.make_node("DequantizeLinear", ["weight", "scale", "zero"], ["right"]),
        helper.make_node("MatMul", ["left", "right"], ["y"]),
    ]
    weights = {
        "weight": draw.integers(-9, 9, (6, 4)).astype(np.int8),
        "scale": np.float32(0.1),
        "zero": np.int8(0),
    }
    done = counted(nodes, {"x": (TensorProto.FLOAT, (5, 6))}, weights)
    assert done.products == {"int8": 2 * 5 * 6 * 4}
    assert done.others == {"fp32": 5 * 6}
    assert done.weight_bytes == 6 * 4 + 4 + 1
    assert done.activation_bytes == 4 * 30 + 30 + 30 + 4 * 20
    nodes[-1:] = [
        helper.make_node("Relu", ["left"], ["floats"]),
        helper.make_node("MatMul", ["floats", "right"], ["y"]),
    ]
    assert counted(nodes, {"x": (TensorProto.FLOAT, (5, 6))}, weights).products == {"fp32": 2 * 5 * 6 * 4}


@pytest.mark.parametrize(("kind", "precision"), [(TensorProto.FLOAT16, "fp16"), (TensorProto.BFLOAT16, "bf16")])
def test_half_precision_counts_as_such(kind, precision):
    done = counted([helper.make_node("MatMul", ["a", "b"], ["y"])], {"a": (kind, (2, 3)), "b": (kind, (3, 4))})
    assert done.products == {precision: 48}
    assert done.activation_bytes == 2 * (6 + 12 + 8)


def test_convolutions():
    image = {"x": (TensorProto.FLOAT, (2, 4, 6, 6))}
    kernel = {"w": np.zeros((8, 2, 3, 3), np.float32), "b": np.zeros(8, np.float32)}
    done = counted([helper.make_node("Conv", ["x", "w", "b"], ["y"], group=2)], image, kernel)
    assert done.products == {"fp32": 2 * (2 * 8 * 4 * 4) * (2 * 9)}
    assert done.others == {"fp32": 2 * 8 * 4 * 4}
    spread = {"w": np.zeros((4, 5, 2, 2), np.float32)}
    done = counted([helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])], image, spread)
    assert done.products == {"fp32": 2 * (2 * 4 * 6 * 6) * (5 * 4)}


def test_operators_of_onnx_runtime():
    x = {"x": (TensorProto.FLOAT, (2, 5, 8))}
    packed = {"w": np.zeros((6, 1, 8), np.uint8), "s": np.ones((6, 1), np.float32)}
    node = dict(domain="com.microsoft", K=8, N=6, bits=4, block_size=16)
    bits = counted([helper.make_node("MatMulNBits", ["x", "w", "s"], ["y"], **node)], x, packed, 21, ["com.microsoft"])
    assert bits.products == {"fp32": 2 * 2 * 5 * 8 * 6}
    assert bits.weight_bytes == 6 * 8 + 4 * 6
    level = helper.make_node("MatMulNBits", ["x", "w", "s"], ["y"], accuracy_level=4, **node)
    assert counted([level], x, packed, 21, ["com.microsoft"]).products == {"int8": 2 * 2 * 5 * 8 * 6}
    joined = {"w": np.zeros((8, 24), np.float32), "b": np.zeros(24, np.float32)}
    node = helper.make_node("Attention", ["x", "w", "b"], ["y"], domain="com.microsoft", num_heads=2)
    done = counted([node], x, joined, 21, ["com.microsoft"])
    assert done.products == {"fp32": 2 * (2 * 5) * 8 * 24 + 2 * 2 * 5 * 5 * (8 + 8)}
    heads = {name: (TensorProto.FLOAT, (2, 3, 5, 4)) for name in "qkv"}
    done = counted([helper.make_node("Attention", ["q", "k", "v"], ["y"])], heads, opset=23)
    assert done.products == {"fp32": 2 * 2 * 3 * 5 * 5 * (4 + 4)}


def test_a_packed_table_gives_the_rows_that_are_asked_for():
    table = {"t": np.zeros((10, 8), np.uint8), "s": np.ones((10, 1), np.float32)}
    ids = {"ids": (TensorProto.INT64, (2, 3))}
    settings = dict(gather_axis=0, quantize_axis=1, block_size=16, bits=4, domain="com.microsoft")
    node = helper.make_node("GatherBlockQuantized", ["t", "ids", "s"], ["y"], **settings)
    done = counted([node], ids, table, 21, ["com.microsoft"])
    assert done.weight_bytes == 6 * 8 + 6 * 4
    assert done.activation_bytes == 8 * 6 + 4 * 6 * 16


def test_what_a_runtime_makes_of_weights_alone_costs_nothing_at_each_call():
    nodes = [
        helper.make_node("Cast", ["w"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "wide"], ["y"]),
    ]
    weights = {"w": np.zeros((100, 90), np.float16)}
    done = counted(nodes, {"x": (TensorProto.FLOAT, (1, 100))}, weights)
    assert (done.weight_bytes, done.others) == (4 * 9000, {})
    assert done.activation_bytes == 4 * 190


@pytest.mark.parametrize(
    ("node", "domain", "words"),
    [
        (helper.make_node("Mystery", ["x"], ["y"], name="one", domain="com.example"), "com.example", "'one' .*Mystery"),
        (helper.make_node("LSTM", ["x", "w", "w"], ["y"], name="two", hidden_size=2), "", "'two' .LSTM. are not known"),
        (helper.make_node("NonZero", ["x"], ["y"], name="three"), "", "'three' .NonZero. makes is not known"),
        (
            helper.make_node("Einsum", ["x", "x", "x"], ["y"], name="four", equation="abc,abc,abc->a"),
            "",
            "two plain terms",
        ),
    ],
)
def test_work_that_cannot_be_counted_is_never_taken_for_none(node, domain, words):
    weights = {"w": np.zeros((1, 8, 4), np.float32)} if "w" in node.input else {}
    with pytest.raises(ExplorerError, match=words):
        counted([node], {"x": (TensorProto.FLOAT, (2, 3, 4))}, weights, 21, [domain] if domain else [])


@pytest.mark.parametrize("kind", KINDS)
def test_the_shapes_are_those_that_the_runtime_makes(kind):
    from explorer.measure.operators import operators

    bench = workbench(kind)
    graph = deploy.export(bench.model, bench.preprocessor)
    tensors = bench.preprocessor.dummy(2, 9)
    ops = operators(graph, {name: array.shape for name, array in tensors.items()})
    made = {tensor.name: tensor for op in ops for tensor in op.outputs if tensor.name != "logits"}
    for tensor in made.values():
        info = helper.make_value_info(
            tensor.name, helper.make_tensor_type_proto(getattr(TensorProto, tensor.element), None)
        )
        graph.graph.output.append(info)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found = session.run(list(made), tensors)
    assert {name: array.shape for name, array in zip(made, found, strict=True)} == {n: t.shape for n, t in made.items()}
    assert len(made) > 10
