import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.quantization.quant_utils import QuantFormat

from explorer.errors import BadInput
from explorer.measure.size import measure_size
from explorer.measure.weights import unpack, weights
from tests.measure.tiny import CLASSES, HIDDEN, PARAMETERS, WORDS, text_graph


def zero_half(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Every second number of the two matrices and the embedding becomes 0."""
    for tensor in graph.graph.initializer:
        array = numpy_helper.to_array(tensor).copy()
        if array.ndim == 2:
            array.reshape(-1)[::2] = 0
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return graph


def embedding_bytes(path) -> int:
    return sum(weight.stored_bytes for weight in weights(onnx.load(path)) if weight.embedding)


MATRICES = WORDS * HIDDEN + HIDDEN * HIDDEN + HIDDEN * CLASSES


def test_float_model(text_artefact, tmp_path):
    path = text_artefact / "model.onnx"
    size = measure_size(path)
    assert size.file_bytes == path.stat().st_size
    assert size.parameters == size.nonzero_parameters == PARAMETERS
    with zipfile.ZipFile(tmp_path / "it.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.write(path, "model.onnx")
        assert size.zipped_bytes == archive.getinfo("model.onnx").compress_size
    assert embedding_bytes(path) == WORDS * HIDDEN * 4


def test_zeros_are_seen_and_only_the_zip_gets_smaller(text_artefact, tmp_path):
    dense = measure_size(text_artefact / "model.onnx")
    onnx.save(zero_half(text_graph()), tmp_path / "sparse.onnx")
    sparse = measure_size(tmp_path / "sparse.onnx")
    assert sparse.nonzero_parameters == PARAMETERS - MATRICES // 2
    assert sparse.parameters == PARAMETERS
    assert sparse.file_bytes == dense.file_bytes
    assert sparse.zipped_bytes < 0.8 * dense.zipped_bytes


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("weight_type", [QuantType.QUInt8, QuantType.QInt8])
@pytest.mark.parametrize("operators", [["MatMul"], ["Gather"], ["MatMul", "Gather"]])
def test_dynamic_int8_keeps_the_count(tmp_path, operators, weight_type, per_channel):
    before, after = tmp_path / "float.onnx", tmp_path / "int8.onnx"
    onnx.save(zero_half(text_graph()), before)
    options = {"weight_type": weight_type, "per_channel": per_channel, "op_types_to_quantize": operators}
    quantize_dynamic(before, after, **options)
    found = {node.op_type for node in onnx.load(after).graph.node}
    assert ("MatMulInteger" in found, "DequantizeLinear" in found) == ("MatMul" in operators, operators == ["Gather"])
    size = measure_size(after)
    assert size.parameters == PARAMETERS
    # Small numbers are rounded to zero too, but few: 1/255 of the range.
    assert PARAMETERS - MATRICES // 2 >= size.nonzero_parameters > PARAMETERS - MATRICES // 2 - MATRICES * 0.02
    assert embedding_bytes(after) == WORDS * HIDDEN * (1 if "Gather" in operators else 4)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weight_bits_keep_the_count(tmp_path, bits, symmetric):
    quantizer = MatMulNBitsQuantizer(zero_half(text_graph()), bits=bits, block_size=32, is_symmetric=symmetric)
    quantizer.process()
    quantizer.model.save_model_to_file(str(tmp_path / "bits.onnx"))
    assert "MatMulNBits" in {node.op_type for node in quantizer.model.model.graph.node}
    size = measure_size(tmp_path / "bits.onnx")
    assert size.parameters == PARAMETERS
    assert size.nonzero_parameters <= PARAMETERS - MATRICES // 2
    assert size.nonzero_parameters > PARAMETERS - MATRICES * {2: 0.9, 4: 0.7, 8: 0.52}[bits]


@pytest.mark.parametrize("symmetric", [True, False])
def test_four_bit_tensors_keep_the_count(tmp_path, symmetric):
    """``DequantizeLinear`` with groups, and ``GatherBlockQuantized`` on a 4-bit tensor."""
    graph = text_graph()
    for form, operators in ((QuantFormat.QDQ, ("MatMul",)), (QuantFormat.QOperator, ("MatMul", "Gather"))):
        quantizer = MatMulNBitsQuantizer(
            onnx.ModelProto.FromString(zero_half(graph).SerializeToString()),
            bits=4,
            block_size=16,
            is_symmetric=symmetric,
            quant_format=form,
            op_types_to_quantize=operators,
        )
        quantizer.process()
        path = tmp_path / f"{form}.onnx"
        quantizer.model.save_model_to_file(str(path))
        size = measure_size(path)
        assert size.parameters == PARAMETERS
        assert PARAMETERS - MATRICES * 0.7 < size.nonzero_parameters <= PARAMETERS - MATRICES // 2
        assert embedding_bytes(path) == WORDS * HIDDEN * (4 if form is QuantFormat.QDQ else 0.5)


@pytest.mark.parametrize(("bits", "zero_points"), [(2, None), (4, None), (4, 5), (8, 200)])
def test_packed_embeddings_agree_with_what_the_runtime_computes(tmp_path, bits, zero_points):
    """``GatherBlockQuantized`` on bytes: the numbers that come out as 0 are those not counted."""
    import onnxruntime

    draw, per_byte, blocks = np.random.default_rng(0), 8 // bits, 2
    packed = draw.integers(0, 256, (10, 32 * blocks // per_byte)).astype(np.uint8)
    initializers = [
        numpy_helper.from_array(packed, "data"),
        numpy_helper.from_array(np.ones((10, blocks), np.float32), "scales"),
    ]
    names = ["data", "ids", "scales"]
    if zero_points is not None:
        codes = np.full((10, -(-blocks // per_byte)), sum(zero_points << s for s in range(0, 8, bits)), np.uint8)
        initializers.append(numpy_helper.from_array(codes, "zeros"))
        names.append("zeros")
    node = helper.make_node(
        "GatherBlockQuantized", names, ["out"], domain="com.microsoft", bits=bits, block_size=32, quantize_axis=1
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 64])],
        initializers,
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    path = tmp_path / "gather.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    computed = session.run(None, {"ids": np.arange(10)})[0]
    size = measure_size(path)
    assert (size.parameters, size.nonzero_parameters) == (640, int(np.count_nonzero(computed)))


def test_running_statistics_and_scalar_constants_are_no_parameters():
    arrays = {
        "kernel": np.ones((4, 1, 3, 3)),
        "gamma": np.ones(4),
        "beta": np.zeros(4),
        "mean": np.ones(4),
        "var": np.ones(4),
        "two": np.array([2.0]),
        "one_bias": np.array([1.0]),
        "last": np.ones((4, 1)),
        "unused": np.ones(9),
    }
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"]),
        helper.make_node("BatchNormalization", ["c", "gamma", "beta", "mean", "var"], ["n"]),
        helper.make_node("Mul", ["n", "two"], ["m"]),
        helper.make_node("GlobalAveragePool", ["m"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "last", "one_bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()],
    )
    found = {w.name: (w.parameters, w.nonzero) for w in weights(helper.make_model(graph))}
    assert found == {"kernel": (36, 36), "gamma": (4, 4), "beta": (4, 0), "last": (4, 4), "one_bias": (1, 1)}


def test_weights_in_a_file_beside_the_model_count(tmp_path):
    graph = text_graph()
    onnx.save(graph, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    size = measure_size(tmp_path / "m.onnx")
    assert size.file_bytes == sum((tmp_path / name).stat().st_size for name in ("m.onnx", "m.data"))
    assert size.parameters == PARAMETERS


def test_unpack_takes_low_bits_first():
    assert unpack(np.array([0x21, 0x43], np.uint8), 4).tolist() == [1, 2, 3, 4]
    assert unpack(np.array([0b11100100], np.uint8), 2).tolist() == [0, 1, 2, 3]


def test_what_is_no_model_is_named(tmp_path):
    (tmp_path / "text.onnx").write_text("hello, this is not a model")
    with pytest.raises(BadInput, match=r"'text\.onnx' is not an ONNX model"):
        measure_size(tmp_path / "text.onnx")
    with pytest.raises(BadInput, match=r"There is no file 'none\.onnx'"):
        measure_size(tmp_path / "none.onnx")


def test_zero_points_of_groups_that_do_not_divide_the_row() -> None:
    """Nine columns in groups of four: the last group is shorter, and the others keep their length."""
    columns, group, zeros = 9, 4, [1, 2, 3]
    weight = np.array([[zeros[column // group] for column in range(columns)]], dtype=np.uint8)
    weight[0, [0, 8]] += 1
    stored = {
        "weight": weight,
        "scale": np.ones((1, 3), dtype=np.float32),
        "zero": np.array([zeros], dtype=np.uint8),
    }
    node = helper.make_node("DequantizeLinear", ["weight", "scale", "zero"], ["floats"], axis=1, block_size=group)
    product = helper.make_node("Gemm", ["x", "floats"], ["y"], transB=1)
    graph = helper.make_graph(
        [node, product],
        "blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, columns])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    (found,) = [one for one in weights(helper.make_model(graph)) if one.name == "weight"]
    assert (found.parameters, found.nonzero) == (columns, 2)
