"""Attention heads as an exported graph shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Heads:
    """The heads of one attention: how many, and the features of each."""

    count: int
    size: int


class _Reader:
    """Who makes a tensor, and what the constants are."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        self.producers = {output: node for node in graph.graph.node for output in node.output}
        self.initializers = {tensor.name: tensor for tensor in graph.graph.initializer}

    def producer(self, name: str, *kinds: str) -> onnx.NodeProto | None:
        """The node that makes a tensor where it is one of these operators."""
        node = self.producers.get(name)
        return node if node is not None and node.op_type in kinds else None

    def constant(self, name: str) -> NDArray[Any] | None:
        """The values of a tensor that is stored."""
        from onnx import numpy_helper

        node = self.producer(name, "Constant")
        stored = self.initializers.get(name, node.attribute[0].t if node is not None else None)
        return None if stored is None else np.asarray(numpy_helper.to_array(stored))


def attention_heads(graph: onnx.ModelProto) -> list[Heads]:
    """The heads of each attention, in the order of the graph.

    The size is the last axis that queries are reshaped to, and the bias in front of that tells how many there are.
    """
    reader = _Reader(graph)
    found = [_heads(reader, node) for node in graph.graph.node if node.op_type == "Softmax"]
    return [heads for heads in found if heads is not None]


def _heads(reader: _Reader, softmax: onnx.NodeProto) -> Heads | None:
    scores = reader.producer(softmax.input[0], "Add", "Mul", "Div", "MatMul")
    while scores is not None and scores.op_type != "MatMul":
        scores = reader.producer(scores.input[0], "Add", "Mul", "Div", "MatMul")
    queries = scores and reader.producer(scores.input[0], "Transpose", "Mul", "Div")
    while queries is not None and queries.op_type != "Reshape":
        queries = reader.producer(queries.input[0], "Transpose", "Mul", "Div", "Reshape")
    if queries is None:
        return None
    size, width = _last_axis(reader, queries.input[1]), _width(reader, queries.input[0])
    return Heads(width // size, size) if size > 0 and width % size == 0 and width else None


def _last_axis(reader: _Reader, shape: str) -> int:
    """The last entry of a shape; 0 where it is not stored."""
    joined = reader.producer(shape, "Concat")
    values = reader.constant(joined.input[-1] if joined is not None else shape)
    return 0 if values is None else int(values.reshape(-1)[-1])


def _width(reader: _Reader, name: str) -> int:
    """The features of a linear layer's output; 0 where it has no bias to tell."""
    added = reader.producer(name, "Add")
    sizes = [
        values.size
        for one in (added.input if added is not None else ())
        if (values := reader.constant(one)) is not None
    ]
    return sizes[0] if sizes else 0


def divide_by_scales(graph: onnx.ModelProto) -> None:
    """Write scores that are multiplied with a constant as divided by one, the form that onnxruntime's fusion knows."""
    from onnx import numpy_helper

    reader = _Reader(graph)
    for softmax in [node for node in graph.graph.node if node.op_type == "Softmax"]:
        scaled = reader.producer(softmax.input[0], "Mul", "Add")
        if scaled is not None and scaled.op_type == "Add":
            scaled = reader.producer(scaled.input[0], "Mul")
        scale = reader.constant(scaled.input[1]) if scaled is not None else None
        if scaled is None or scale is None or scale.size != 1 or reader.producer(scaled.input[0], "MatMul") is None:
            continue
        name = scaled.name + "/divisor"
        graph.graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), name))
        scaled.op_type, scaled.input[1] = "Div", name
