"""Which tensors of an ONNX graph are weights, and how many logical parameters each holds.

A parameter is one number of a weight, bias, embedding or norm, however it is stored: a 4-bit weight packed two to a
byte counts twice its bytes. Scales, zero points, running statistics, shape tensors and scalar constants are not
parameters. A quantized number that equals its zero point is zero, for that is what the runtime computes with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.helper import get_attribute_value, tensor_dtype_to_np_dtype

Array = NDArray[Any]

# Operators with quantized weights: input slot of the weight -> input slot of its zero point.
ZERO_POINT_SLOTS: dict[str, dict[int, int]] = {
    "ConvInteger": {0: 2, 1: 3},
    "DequantizeLinear": {0: 2},
    "DynamicQuantizeLSTM": {1: 9, 2: 11},
    "DynamicQuantizeMatMul": {1: 3},
    "GatherBlockQuantized": {0: 3},
    "MatMulInteger": {0: 2, 1: 3},
    "MatMulIntegerToFloat": {0: 4, 1: 5},
    "MatMulNBits": {1: 3},
    "QAttention": {1: 7},
    "QEmbedLayerNormalization": {2: 13, 3: 14, 4: 15, 5: 16, 6: 17},
    "QGemm": {3: 5},
    "QLinearConv": {3: 5},
    "QLinearMatMul": {0: 2, 3: 5},
}
# Slots that hold something else than weights: scales, float zero points, running statistics, bounds.
OTHER_SLOTS: dict[str, tuple[int, ...]] = {
    "BatchNormalization": (3, 4),
    "DequantizeLinear": (1,),
    "DynamicQuantizeLSTM": (8, 10),
    "DynamicQuantizeMatMul": (2,),
    "GatherBlockQuantized": (2,),
    "MatMulIntegerToFloat": (2, 3),
    "MatMulNBits": (2, 3),
    "QAttention": (3, 4),
    "QEmbedLayerNormalization": (8, 9, 10, 11, 12),
    "QGemm": (1, 4, 7),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QuantizeLinear": (1,),
    "Resize": (1, 2),
}
INTEGER_BIAS_SLOTS = {"QLinearConv": 8, "QGemm": 6}
EMBEDDING_SLOTS = {
    "EmbedLayerNormalization": (2, 3, 4),
    "Gather": (0,),
    "GatherBlockQuantized": (0,),
    "QEmbedLayerNormalization": (2, 3, 4),
}
PALETTE = ("Gather", 1)
CODE_TYPES = frozenset({onnx.TensorProto.UINT8, onnx.TensorProto.UINT4, onnx.TensorProto.UINT2})
"""What a weight is stored in that is looked up, number by number, in a palette of floats."""

PASS_THROUGH = frozenset({"Cast", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"})
SCALAR_ARITHMETIC = frozenset(
    {
        "Add",
        "Clip",
        "Div",
        "Equal",
        "Expand",
        "Greater",
        "Less",
        "Max",
        "Min",
        "Mul",
        "Pad",
        "Pow",
        "Range",
        "Sub",
        "Where",
    }
)


@dataclass(frozen=True)
class Weight:
    """One weight: its logical number of parameters, how many are not zero, and the bytes that it takes in the file."""

    name: str
    parameters: int
    nonzero: int
    stored_bytes: int
    embedding: bool


def weights(model: onnx.ModelProto) -> list[Weight]:
    """Every weight of the model once, in the order of storage; a tensor shared by two nodes is one weight."""
    graph = _Graph(model)
    return [found for name in graph.tensors if (found := graph.weight(name)) is not None]


def stored_bytes(model: onnx.ModelProto) -> dict[str, int]:
    """The bytes that each tensor takes in the file, by name: weights, and scales, zero points and constants too."""
    return {tensor.name: _stored_bytes(tensor) for tensor in _stored_tensors(model.graph)}


class _Graph:
    """Tensors and their uses by name, over the main graph and every sub-graph."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = list(_nodes(model.graph))
        self.tensors = {tensor.name: tensor for tensor in _stored_tensors(model.graph)}
        self.uses: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
        for node in self.nodes:
            for slot, name in enumerate(node.input):
                self.uses.setdefault(name, []).append((node, slot))

    @cached_property
    def integer_scales(self) -> frozenset[str]:
        """What an integer product is multiplied with to become a float again: scales, and products of scales."""
        producers = {output: node for node in self.nodes for output in node.output}
        products = [node.output[0] for node in self.nodes if node.op_type in ("MatMulInteger", "ConvInteger")]
        uses = [use for name in products for use in self._reach(name)]
        waiting = [node.input[1 - slot] for node, slot in uses if node.op_type == "Mul"]
        found: set[str] = set()
        while waiting:
            name = waiting.pop()
            found.add(name)
            if name in producers and producers[name].op_type in ("Mul", "Reshape", "Unsqueeze"):
                waiting.extend(producers[name].input)
        return frozenset(found)

    def weight(self, name: str) -> Weight | None:
        tensor, uses = self.tensors[name], list(self._reach(name))
        quantized = [(node, slot) for node, slot in uses if slot in ZERO_POINT_SLOTS.get(node.op_type, {})]
        palette = self._palette_of(name)
        if palette is not None:
            values, zero = palette[_integers(numpy_helper.to_array(tensor)).astype(np.uint8)], np.zeros(1)
        elif _is_float(tensor):
            held = any(self._is_weight_at(node, slot, tensor) for node, slot in self.uses.get(name, []))
            if not held or self._is_palette(name):
                return None
            values, zero = numpy_helper.to_array(tensor), np.zeros(1)
        elif quantized and tensor.data_type != onnx.TensorProto.INT64:
            values, zero = self._codes(*quantized[0], tensor)
        elif any(INTEGER_BIAS_SLOTS.get(node.op_type) == slot for node, slot in uses):
            values, zero = numpy_helper.to_array(tensor), np.zeros(1)
        else:
            return None
        embedding = any(slot in EMBEDDING_SLOTS.get(node.op_type, ()) for node, slot in uses) and len(tensor.dims) > 1
        nonzero = int(np.count_nonzero(values != zero.astype(values.dtype)))
        return Weight(name, values.size, nonzero, _stored_bytes(tensor), embedding)

    def _palette_of(self, name: str) -> Array | None:
        """The float values that these codes stand for: those that a ``Gather`` looks up by them, behind a ``Cast``."""
        if self.tensors[name].data_type not in CODE_TYPES:
            return None
        casts = [node.output[0] for node, _ in self.uses.get(name, []) if node.op_type == "Cast"]
        found = (node for cast in casts for node, slot in self.uses.get(cast, []) if (node.op_type, slot) == PALETTE)
        return next((self._array(node.input[0]) for node in found if self._is_palette(node.input[0])), None)

    def _is_palette(self, name: str) -> bool:
        """Whether these are the few values that stored codes choose from, and no weights themselves."""
        if name not in self.tensors or len(self.tensors[name].dims) != 1:
            return False
        looked_up = [node.input[1] for node, slot in self.uses.get(name, []) if (node.op_type, slot) == ("Gather", 0)]
        stored = {name for name, tensor in self.tensors.items() if tensor.data_type in CODE_TYPES}
        casts = [node for node in self.nodes if node.op_type == "Cast" and node.input[0] in stored]
        codes = {node.output[0] for node in casts}
        return bool(looked_up) and codes >= set(looked_up)

    def _reach(self, name: str) -> Iterator[tuple[onnx.NodeProto, int]]:
        """Uses of a tensor, also behind nodes that only move or dequantize it."""
        for node, slot in self.uses.get(name, []):
            yield node, slot
            moved = slot == 0 and (node.op_type in PASS_THROUGH or node.op_type == "DequantizeLinear")
            if moved or ((node.op_type, slot) == PALETTE and self._is_palette(node.input[0])):
                yield from self._reach(node.output[0])

    def _is_weight_at(self, node: onnx.NodeProto, slot: int, tensor: onnx.TensorProto) -> bool:
        if slot in OTHER_SLOTS.get(node.op_type, ()):
            return False
        if tensor.name in self.integer_scales:
            return False
        return node.op_type not in SCALAR_ARITHMETIC or math.prod(tensor.dims) != 1

    def _codes(self, node: onnx.NodeProto, slot: int, tensor: onnx.TensorProto) -> tuple[Array, Array]:
        """The quantized numbers of a weight and their zero points, broadcastable to them."""
        zero_slot = ZERO_POINT_SLOTS[node.op_type][slot]
        zero = self._array(node.input[zero_slot]) if zero_slot < len(node.input) else None
        stored = _integers(numpy_helper.to_array(tensor))
        if node.op_type == "MatMulNBits":
            return _matmul_codes(stored, zero, _attributes(node))
        if node.op_type == "GatherBlockQuantized":
            blocks = tuple(self.tensors[node.input[2]].dims)
            return _gather_codes(stored, zero, blocks, _attributes(node), tensor.data_type)
        axis, block = _channel_axis(node, stored.ndim), int(_attributes(node).get("block_size", 0))
        return stored, _spread(np.zeros(1, int) if zero is None else zero, stored.shape, axis, block)

    def _array(self, name: str) -> Array | None:
        if name not in self.tensors:
            return None
        array = numpy_helper.to_array(self.tensors[name])
        return array if _is_float(self.tensors[name]) else _integers(array)


def _matmul_codes(stored: Array, zero: Array | None, attributes: dict[str, Any]) -> tuple[Array, Array]:
    """Unpack ``MatMulNBits``: blocks along K, low bits first -> codes [N, K] and zero points [N, K] (or [1])."""
    k, n, bits, block = (attributes[key] for key in ("K", "N", "bits", "block_size"))
    codes = unpack(stored.reshape(n, -1), bits)[:, :k]
    if zero is None:
        return codes, np.array([1 << (bits - 1)])
    packed = np.issubdtype(zero.dtype, np.integer)
    per_block = unpack(zero.reshape(n, -1), bits) if packed else zero.reshape(n, -1)
    return codes if packed else codes.astype(float), np.repeat(per_block, block, axis=1)[:, :k]


def _gather_codes(
    stored: Array, zero: Array | None, blocks: tuple[int, ...], attributes: dict[str, Any], data_type: int
) -> tuple[Array, Array]:
    """Unpack ``GatherBlockQuantized``: bytes are packed along the last axis and centred, 4-bit types are neither."""
    packed = data_type == onnx.TensorProto.UINT8
    bits = int(attributes.get("bits", 4))
    codes = unpack(stored, bits) if packed else stored
    if zero is None:
        return codes, np.array([1 << (bits - 1) if packed else 0])
    zeros = unpack(zero, bits) if packed else zero
    within = zeros[tuple(slice(length) for length in blocks)]
    axis, block = (int(attributes.get(key, usual)) for key, usual in (("quantize_axis", 1), ("block_size", 128)))
    return codes, _spread(within, codes.shape, axis, block)


def unpack(packed: Array, bits: int) -> Array:
    """Split bytes into numbers of ``bits`` bits, low bits first: [..., B] -> [..., B * 8 / bits]."""
    if bits == 8:
        return packed
    parts = [(packed >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)]
    return np.stack(parts, axis=-1).reshape(*packed.shape[:-1], -1)


def _spread(zero: Array, shape: tuple[int, ...], axis: int, block: int) -> Array:
    """Zero points per tensor, per channel or per block, made broadcastable to a weight of ``shape``.

    The last block of a row is shorter where ``block`` does not divide it.
    """
    if zero.size and (zero == zero.flat[0]).all():
        return zero.reshape(-1)[:1]
    if zero.ndim == 1:
        channels = [1] * len(shape)
        channels[axis] = zero.size
        return zero.reshape(channels)
    for dimension, length in enumerate(shape):
        if zero.shape[dimension] not in (1, length):
            zero = np.take(np.repeat(zero, block, axis=dimension), range(length), axis=dimension)
    return zero


def _channel_axis(node: onnx.NodeProto, rank: int) -> int:
    if node.op_type == "DequantizeLinear":
        return int(_attributes(node).get("axis", 1)) if rank > 1 else 0
    by_row = node.op_type in ("ConvInteger", "QLinearConv") or _attributes(node).get("transB", 0)
    return 0 if by_row else rank - 1


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}


def _integers(array: Array) -> Array:
    """Numpy integers from any integer tensor; the 2- and 4-bit types are extension types of one byte each."""
    return array if array.dtype.kind in "iu" else array.astype(np.int8)


def _is_float(tensor: onnx.TensorProto) -> bool:
    name = str(onnx.TensorProto.DataType.Name(tensor.data_type))
    return name.startswith(("FLOAT", "DOUBLE", "BFLOAT"))


def _stored_bytes(tensor: onnx.TensorProto) -> int:
    elements = int(math.prod(tensor.dims))
    type_name = onnx.TensorProto.DataType.Name(tensor.data_type)
    bits = 4 if "INT4" in type_name else 2 if "INT2" in type_name else 0
    if bits:
        return -(-elements * bits // 8)
    return elements * int(tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for sub_graph in _sub_graphs(node):
            yield from _nodes(sub_graph)


def _stored_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Initializers and the values of ``Constant`` nodes, which name them by their output."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                tensor = onnx.TensorProto()
                tensor.CopyFrom(attribute.t)
                tensor.name = node.output[0]
                yield tensor
        for sub_graph in _sub_graphs(node):
            yield from _stored_tensors(sub_graph)


def _sub_graphs(node: onnx.NodeProto) -> Iterable[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs
