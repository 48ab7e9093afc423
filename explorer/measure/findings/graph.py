"""What the ONNX file itself says about how its weights are stored and how wide its products are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.helper import get_attribute_value

from explorer.measure.layers import Layers
from explorer.measure.weights import Weight

Array = NDArray[Any]

WEIGHT_SLOTS = {
    "Conv": 1,
    "ConvInteger": 1,
    "DynamicQuantizeMatMul": 1,
    "FusedMatMul": 1,
    "Gemm": 1,
    "MatMul": 1,
    "MatMulInteger": 1,
    "MatMulIntegerToFloat": 1,
    "QLinearConv": 3,
    "QLinearMatMul": 3,
}
BY_ROW = frozenset({"Conv", "ConvInteger", "QLinearConv"})
"""Operators whose weight stands as [out, in, ...]; that of the others as [in, out]."""

STORABLE_BITS = (1, 2, 4, 8, 16, 32, 64)
FLOAT_BITS = {
    onnx.TensorProto.FLOAT: 32,
    onnx.TensorProto.FLOAT16: 16,
    onnx.TensorProto.BFLOAT16: 16,
    onnx.TensorProto.DOUBLE: 64,
}
LARGE = 1024
"""Weights with fewer parameters are too small to tell anything."""

FEW = 256
GROUP = 32
SLICES = 16
SAMPLE = 1 << 16
EVEN = 8


@dataclass(frozen=True)
class FewValued:
    """Float weights with few different values: how many weights, their bytes, and the most values within ``unit``."""

    weights: int
    stored_bytes: int
    stored_bits: int
    values: int
    unit: str

    @property
    def bits(self) -> int:
        """Bits that tell so many values apart."""
        return max(1, math.ceil(math.log2(self.values)))


@dataclass(frozen=True)
class GraphFacts:
    """Facts about one file; empty where there is none to read.

    ``parameters_by_bits`` counts parameters of large weights by the bits that each is stored in. ``odd_widths`` are
    ``(layer, width)`` of products whose width is no multiple of 8; that of the head, which is the number of classes, is
    not among them.
    """

    embedding_bytes: int = 0
    few_valued: FewValued | None = None
    parameters_by_bits: dict[int, int] = field(default_factory=dict)
    odd_widths: tuple[tuple[str, int], ...] = ()


def graph_facts(path: str | Path) -> GraphFacts:
    """Read the facts from an ONNX file."""
    model = onnx.load(str(path))
    layers = Layers(model)
    large = [weight for weight in layers.weights if weight.parameters >= LARGE]
    return GraphFacts(
        embedding_bytes=sum(weight.stored_bytes for weight in layers.weights if weight.embedding),
        few_valued=_few_valued(model, large),
        parameters_by_bits=_parameters_by_bits(large),
        odd_widths=tuple(_odd_widths(model, layers)),
    )


def _parameters_by_bits(large: list[Weight]) -> dict[int, int]:
    found: Counter[int] = Counter()
    for weight in large:
        # the last group of a row may be padded, so that 4 bits take 4.1
        taken = 8 * weight.stored_bytes / weight.parameters
        found[max(bits for bits in STORABLE_BITS if bits <= taken)] += weight.parameters
    return dict(found)


def _few_valued(model: onnx.ModelProto, large: list[Weight]) -> FewValued | None:
    """The float matrices that hold few different values, described by the one with the most."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    found: list[tuple[Weight, int, str]] = []
    for weight in large:
        tensor = tensors.get(weight.name)
        if tensor is None or len(tensor.dims) < 2 or tensor.data_type not in FLOAT_BITS:
            continue
        values, unit = few_values(numpy_helper.to_array(tensor))
        if unit:
            found.append((weight, values, unit))
    if not found:
        return None
    widest = max(found, key=lambda entry: entry[1])
    return FewValued(
        weights=len(found),
        stored_bytes=sum(weight.stored_bytes for weight, _, _ in found),
        stored_bits=FLOAT_BITS[tensors[widest[0].name].data_type],
        values=widest[1],
        unit=widest[2],
    )


def few_values(array: Array) -> tuple[int, str]:
    """The most different values within a unit in which there are few: ``(values, unit)``, else ``(0, "")``.

    Units are the whole weight, a row or column, and a group of 32 along either, since quantizers share a scale within
    one of these. Few are at most 256, and at most half of the numbers looked at; zero is no evidence, so that pruned
    weights do not look like quantized ones. A smaller unit is named only where it has less than a third of the values:
    any has a few less by chance. Large weights are looked at in samples.
    """
    matrix = array.reshape(len(array), -1)
    sample = matrix.reshape(-1)[:: max(1, matrix.size // SAMPLE)]
    rows = [matrix[i] for i in _spread(len(matrix))]
    columns = [matrix[:, i] for i in _spread(matrix.shape[1])]
    found, named = 0, ""
    for unit, alternatives in (
        ("weight", ([sample],)),
        ("row", (rows, columns)),
        (f"group of {GROUP}", (_groups(rows), _groups(columns))),
    ):
        counts = [count for slices in alternatives if (count := _most_values(slices))]
        if counts and (not found or 3 * min(counts) <= found):
            found, named = min(counts), unit
    return found, named


def _spread(length: int) -> Array:
    return np.unique(np.linspace(0, length - 1, min(SLICES, length)).astype(int))


def _groups(slices: list[Array]) -> list[Array]:
    return [each[start : start + GROUP] for each in slices for start in range(0, len(each) - GROUP + 1, GROUP)]


def _most_values(slices: list[Array]) -> int:
    """The most different values in one slice, or 0 where a slice has many."""
    most = 0
    for each in slices:
        others = each[each != 0]
        count = len(np.unique(others))
        if count > FEW or 2 * count > max(len(others), 1):
            return 0
        most = max(most, count + (len(others) < len(each)))
    return most


def _odd_widths(model: onnx.ModelProto, layers: Layers) -> Iterator[tuple[str, int]]:
    """Layer and width of every product that is wider than 8 and no multiple of it, each once."""
    shapes = list(_product_shapes(model))
    seen: set[tuple[str, int]] = set()
    for i, (name, ins, outs) in enumerate(shapes):
        for width in (ins, outs) if i < len(shapes) - 1 else (ins,):
            entry = layers.of_node(name), width
            if width > EVEN and width % EVEN and entry not in seen:
                seen.add(entry)
                yield entry


def _product_shapes(model: onnx.ModelProto) -> Iterator[tuple[str, int, int]]:
    """Node, inputs and outputs of every product with a stored weight, in the order of the graph."""
    dims = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    for node in model.graph.node:
        attributes = {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}
        slot = WEIGHT_SLOTS.get(node.op_type, len(node.input))
        shape = dims.get(node.input[slot], []) if slot < len(node.input) else []
        if node.op_type == "MatMulNBits":
            yield node.name, attributes["K"], attributes["N"]
        elif len(shape) >= 2:
            by_row = node.op_type in BY_ROW or attributes.get("transB", 0)
            yield (node.name, shape[1], shape[0]) if by_row else (node.name, shape[-2], shape[-1])
