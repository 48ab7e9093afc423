"""Weight-only quantization to 8, 4 or 2 bits in groups, in forms that onnxruntime loads and runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.technique import Family, Stage, Technique, choice, flag

if TYPE_CHECKING:
    import onnx

CONTRIB = "com.microsoft"


class WeightBits(Technique):
    """Stores each weight in 8, 4 or 2 bits with a scale for every group, and unpacks it while computing; the
    file shrinks, the time seldom does.

    Matrices become MatMulNBits, embeddings GatherBlockQuantized, convolutions DequantizeLinear; the head stays float.
    """

    name: ClassVar[str] = "weight-bits"
    title: ClassVar[str] = "Weight-only bit-width"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "deploy"
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size")
    paper: ClassVar[str] = "Round to nearest in groups, as the baseline of Frantar et al., GPTQ, 2023, arXiv:2210.17323"

    bits: Literal[8, 4, 2] = choice(4, unit="bits", help="Bits that each weight is stored in.")
    group_size: Literal[16, 32, 64, 128] = choice(
        32, unit="weights", help="How many weights share one scale; fewer are more accurate and take more room."
    )
    embeddings: bool = flag(True, help="Quantize embedding tables too; they are half of a small text model.")

    def apply(self, subject: GraphSubject, context: Context) -> None:
        from explorer.deploy import weights

        context.report(stage="apply", text=f"Packing weights into {self.bits} bits")
        chosen = weights(subject.graph)
        head = list(chosen)[-1] if chosen else ""
        packed: dict[str, int] = {}
        for name, tensor in chosen.items():
            node = next(node for node in subject.graph.graph.node if node.name == name)
            if name == head or (node.op_type == "Gather" and not self.embeddings):
                continue
            replace_weight(subject.graph, node, tensor, self.bits, self.group_size)
            packed[tensor.name] = int(np.prod(tensor.dims))
        if not packed:
            raise BadInput("'weight-bits' found no weights to quantize in this model with these settings.")
        _finish(subject.graph)
        count = sum(packed.values())
        words = f"{count:,} weights are stored in {self.bits} bits, one scale for {self.group_size}."
        context.note(words, weights=count)


def quantize_groups(matrix: np.ndarray, bits: int, group: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Round to nearest in groups along the last axis, asymmetric, zero always exact.

    Args:
        matrix: float32 [N, K].
        bits: 1 to 8.
        group: weights that share a scale; the last group of a row may be shorter.

    Returns:
        codes uint8 [N, K] in 0 to 2^bits - 1, scales float32 [N, G], zero points uint8 [N, G]; G = ceil(K / group).
        ``scale * (code - zero)`` gives the weight to within half a scale.
    """
    n, k = matrix.shape
    groups = -(-k // group)
    padded = np.zeros((n, groups * group), np.float32)
    padded[:, :k] = matrix
    blocks = padded.reshape(n, groups, group)
    levels = 2**bits - 1
    low = np.minimum(blocks.min(axis=2), 0)
    high = np.maximum(blocks.max(axis=2), 0)
    scales = ((high - low) / levels).astype(np.float32)
    scales[scales == 0] = 1
    zeros = np.clip(np.round(-low / scales), 0, levels)
    codes = np.clip(np.round(blocks / scales[..., None]) + zeros[..., None], 0, levels)
    return codes.reshape(n, -1)[:, :k].astype(np.uint8), scales, zeros.astype(np.uint8)


def fitting_group(group: int, width: int) -> int:
    """The group size that is stored for rows of ``width`` weights: never padded to more than the next power of 2."""
    smallest = 16
    while smallest < width:
        smallest *= 2
    return min(group, smallest)


def dequantize_groups(codes: np.ndarray, scales: np.ndarray, zeros: np.ndarray, group: int) -> np.ndarray:
    """What ``quantize_groups`` stored, as float32 [N, K]."""
    k = codes.shape[1]
    spread = np.repeat(scales, group, axis=1)[:, :k]
    values: np.ndarray = (codes.astype(np.float32) - np.repeat(zeros, group, axis=1)[:, :k]) * spread
    return values


def pack_bits(codes: np.ndarray, bits: int) -> np.ndarray:
    """Pack codes along the last axis into bytes, the first code in the lowest bits; the rest is padded with 0."""
    per_byte = 8 // bits
    padding = [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % per_byte)]
    wide = np.pad(codes, padding).reshape(*codes.shape[:-1], -1, per_byte)
    packed = np.zeros(wide.shape[:-1], np.uint8)
    for i in range(per_byte):
        packed |= (wide[..., i] << (bits * i)).astype(np.uint8)
    return packed


def replace_weight(graph: onnx.ModelProto, node: onnx.NodeProto, tensor: Any, bits: int, group: int) -> None:
    """Exchange a node that reads a float weight for one that reads packed codes."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor)
    nodes = {"MatMul": _matmul, "Gemm": _gemm, "Gather": _gather, "Conv": _conv}[node.op_type](
        graph, node, tensor.name, values, bits, group
    )
    at = list(graph.graph.node).index(node)
    del graph.graph.node[at]
    for offset, new in enumerate(nodes):
        graph.graph.node.insert(at + offset, new)


def _matmul(
    graph: onnx.ModelProto, node: onnx.NodeProto, name: str, values: np.ndarray, bits: int, group: int
) -> list[onnx.NodeProto]:
    return [_nbits(graph, node.name, [node.input[0]], node.output[0], name, values.T, bits, group)]


def _gemm(
    graph: onnx.ModelProto, node: onnx.NodeProto, name: str, values: np.ndarray, bits: int, group: int
) -> list[onnx.NodeProto]:
    from onnx import helper

    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if attributes.get("alpha", 1.0) != 1 or attributes.get("beta", 1.0) != 1 or attributes.get("transA", 0):
        raise BadInput(f"'weight-bits' cannot store the scaled product '{node.name}'.")
    matrix = values if attributes.get("transB", 0) else values.T
    if len(node.input) < 3:
        return [_nbits(graph, node.name, [node.input[0]], node.output[0], name, matrix, bits, group)]
    product = node.name + "/product"
    return [
        _nbits(graph, node.name, [node.input[0]], product, name, matrix, bits, group),
        helper.make_node("Add", [product, node.input[2]], [node.output[0]], name=node.name + "/bias"),
    ]


def _nbits(
    graph: onnx.ModelProto,
    node_name: str,
    inputs: list[str],
    output: str,
    name: str,
    matrix: np.ndarray,
    bits: int,
    group: int,
) -> onnx.NodeProto:
    """MatMulNBits with the weight [N, K]; its codes are laid out as [N, groups, bytes of a group]."""
    from onnx import helper

    n, k = matrix.shape
    group = fitting_group(group, k)
    codes, scales, zeros = quantize_groups(matrix, bits, group)
    padded = np.zeros((n, scales.shape[1] * group), np.uint8)
    padded[:, :k] = codes
    blob = pack_bits(padded.reshape(n, scales.shape[1], group), bits)
    names = _store(graph, name, blob, scales, pack_bits(zeros, bits))
    settings = {"K": k, "N": n, "bits": bits, "block_size": group}
    return helper.make_node("MatMulNBits", [*inputs, *names], [output], name=node_name, domain=CONTRIB, **settings)


def _gather(
    graph: onnx.ModelProto, node: onnx.NodeProto, name: str, values: np.ndarray, bits: int, group: int
) -> list[onnx.NodeProto]:
    from onnx import helper

    group = fitting_group(group, values.shape[1])
    codes, scales, zeros = quantize_groups(values, bits, group)
    names = _store(graph, name, pack_bits(codes, bits), scales, pack_bits(zeros, bits))
    inputs = [names[0], node.input[1], names[1], names[2]]
    return [
        helper.make_node(
            "GatherBlockQuantized", inputs, [node.output[0]], name=node.name, domain=CONTRIB,
            gather_axis=0, quantize_axis=1, block_size=group, bits=bits,
        )
    ]  # fmt: skip


def _conv(
    graph: onnx.ModelProto, node: onnx.NodeProto, name: str, values: np.ndarray, bits: int, group: int
) -> list[onnx.NodeProto]:
    """DequantizeLinear of the kernel as [out, in x height x width], reshaped in front of the convolution."""
    from onnx import helper, numpy_helper

    codes, scales, zeros = quantize_groups(values.reshape(len(values), -1), bits, group)
    packed = _keep(graph, _narrow(name + "_q", codes, bits))
    zero = _keep(graph, _narrow(name + "_zero_q", zeros, bits))
    scale = _keep(graph, numpy_helper.from_array(scales, name + "_scale"))
    shape = _keep(graph, numpy_helper.from_array(np.array(values.shape, np.int64), name + "_shape"))
    flat, kernel = name + "_flat", name + "_kernel"
    convolution = type(node)()
    convolution.CopyFrom(node)
    convolution.input[1] = kernel
    if any(kernel in other.output for other in graph.graph.node):  # unpacked for an earlier convolution
        return [convolution]
    inputs = [packed, scale, zero]
    return [
        helper.make_node("DequantizeLinear", inputs, [flat], name=name + "/Dequantize", axis=1, block_size=group),
        helper.make_node("Reshape", [flat, shape], [kernel], name=name + "/Reshape"),
        convolution,
    ]


def _narrow(name: str, numbers: np.ndarray, bits: int) -> onnx.TensorProto:
    """An initializer of unsigned integers of 8, 4 or 2 bits."""
    import onnx

    kind = {8: onnx.TensorProto.UINT8, 4: onnx.TensorProto.UINT4, 2: onnx.TensorProto.UINT2}[bits]
    raw = pack_bits(numbers.reshape(-1), bits).tobytes()
    return onnx.helper.make_tensor(name, kind, numbers.shape, raw, raw=True)


def _store(
    graph: onnx.ModelProto, name: str, codes: np.ndarray, scales: np.ndarray, zeros: np.ndarray
) -> tuple[str, str, str]:
    from onnx import numpy_helper

    codes, scales, zeros = (np.ascontiguousarray(array) for array in (codes, scales, zeros))
    return (
        _keep(graph, numpy_helper.from_array(codes, name + "_q")),
        _keep(graph, numpy_helper.from_array(scales, name + "_scale")),
        _keep(graph, numpy_helper.from_array(zeros, name + "_zero")),
    )


def _keep(graph: onnx.ModelProto, tensor: onnx.TensorProto) -> str:
    """Add an initializer and return its name. A weight that several nodes read comes several times: equal ones are
    kept once, and another layout of the same weight gets a name of its own."""
    held = {other.name: other for other in graph.graph.initializer}
    while tensor.name in held and held[tensor.name] != tensor:
        tensor.name += "_"
    if tensor.name not in held:
        graph.graph.initializer.append(tensor)
    return str(tensor.name)


def _finish(graph: onnx.ModelProto) -> None:
    """Drop weights that nothing reads any more and declare the operators' versions."""
    from onnx import helper

    used = {name for node in graph.graph.node for name in node.input}
    kept = [tensor for tensor in graph.graph.initializer if tensor.name in used]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)
    if CONTRIB not in {opset.domain for opset in graph.opset_import}:
        graph.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    if any(tensor.data_type == 25 for tensor in kept):  # UINT2 came with opset 25
        next(opset for opset in graph.opset_import if opset.domain == "").version = 25
        graph.ir_version = 13
