"""The operators of an ONNX graph with the shapes that they really see at one shape of the inputs.

ONNX's own inference is asked for one operator after another; small values such as shapes are computed on the way, so
that a reshape knows what it makes. Operators of ONNX Runtime, which ONNX does not know, have rules of their own here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from explorer.errors import ExplorerError

if TYPE_CHECKING:
    import onnx

Shape = tuple[int, ...]
Array = NDArray[Any]

MOST_KNOWN = 4096
"""Tensors up to so many numbers are computed where everything that they are made of is known."""

BRANCHING = frozenset({"If", "Loop", "Scan", "SequenceMap"})
BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2, "BOOL": 8, "DOUBLE": 64, "COMPLEX64": 64}
"""Those that their name does not end with."""


@dataclass(frozen=True)
class Tensor:
    """A tensor at this shape; ``element`` is ONNX's name of the number format (``FLOAT``, ``UINT4``).

    ``constant`` says that it is made of weights alone, so that a runtime has it before the first call. ``value`` is
    known for small tensors that are made of weights and of the inputs' shapes.
    """

    name: str
    shape: Shape
    element: str
    constant: bool = False
    value: Array | None = field(default=None, compare=False, repr=False)

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def bits(self) -> int:
        """Bits of one number as stored."""
        return bits_of(self.element)

    @property
    def bytes(self) -> int:
        """Bytes of all numbers as stored, packed where they are smaller than a byte."""
        return -(-self.elements * self.bits // 8)


@dataclass(frozen=True)
class Operator:
    """One operator of the graph: ``kind`` is its type (``MatMul``); an input that was left out is None."""

    name: str
    kind: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    attributes: dict[str, Any]

    def input(self, slot: int) -> Tensor | None:
        """The input in this slot, None where there is none."""
        return self.inputs[slot] if slot < len(self.inputs) else None

    def needed(self, slot: int) -> Tensor:
        """An input that this kind of operator always has."""
        found = self.input(slot)
        if found is None:
            raise ExplorerError(f"The operator '{self.name}' ({self.kind}) lacks its input {slot}.")
        return found

    @property
    def is_free(self) -> bool:
        """True where nothing is left to do at run time but arithmetic on shapes."""
        return all(out.constant or (out.value is not None and len(out.shape) < 2) for out in self.outputs)


def bits_of(element: str) -> int:
    """Bits of a number format: ``FLOAT`` 32, ``FLOAT16`` 16, ``FLOAT8E4M3FN`` 8, ``UINT4`` 4."""
    if element in BITS:
        return BITS[element]
    if element.startswith("FLOAT8"):
        return 8
    digits = "".join(character for character in element if character.isdigit())
    return int(digits) if digits else 32


def operators(model: onnx.ModelProto, input_shapes: Mapping[str, Shape]) -> list[Operator]:
    """Every operator of ``model`` in the order of the graph, where its inputs have these shapes.

    Raises ``ExplorerError`` that names the operator whose output cannot be known: one of an unknown domain, one that
    branches, or one whose shape depends on the values of the inputs.
    """
    walk = _Walk(model, input_shapes)
    return [walk.visit(node) for node in model.graph.node]


class _Walk:
    """Goes through the graph once and knows every tensor that was made so far."""

    def __init__(self, model: onnx.ModelProto, input_shapes: Mapping[str, Shape]) -> None:
        from onnx import TensorProto

        self.names = {number: name for name, number in TensorProto.DataType.items()}
        self.numbers = dict(TensorProto.DataType.items())
        self.opsets = list(model.opset_import)
        self.tensors = {tensor.name: self._weight(tensor) for tensor in model.graph.initializer}
        for info in model.graph.input:
            if info.name not in self.tensors:
                element = self.names[info.type.tensor_type.elem_type]
                self.tensors[info.name] = Tensor(info.name, self._shape_of_input(info, input_shapes), element)

    def _weight(self, tensor: onnx.TensorProto) -> Tensor:
        from onnx import numpy_helper

        shape = tuple(tensor.dims)
        value = numpy_helper.to_array(tensor) if math.prod(shape) <= MOST_KNOWN else None
        return Tensor(tensor.name, shape, self.names[tensor.data_type], constant=True, value=value)

    @staticmethod
    def _shape_of_input(info: onnx.ValueInfoProto, input_shapes: Mapping[str, Shape]) -> Shape:
        if info.name not in input_shapes:
            raise ExplorerError(
                f"The model has an input '{info.name}' of which no shape is known; known are {', '.join(input_shapes)}."
            )
        return tuple(input_shapes[info.name])

    def visit(self, node: onnx.NodeProto) -> Operator:
        """The operator with its tensors; its outputs are known from here on."""
        from onnx.helper import get_attribute_value

        if node.op_type in BRANCHING:
            raise ExplorerError(f"The operator '{node.name}' ({node.op_type}) branches, so its work is not known.")
        inputs = tuple(self.tensors[name] if name else None for name in node.input)
        attributes = {item.name: get_attribute_value(item) for item in node.attribute}
        outputs = self._computed(node, inputs) or self._inferred(node, inputs, attributes)
        self.tensors.update({tensor.name: tensor for tensor in outputs})
        return Operator(node.name or node.output[0], node.op_type, inputs, outputs, attributes)

    def _computed(self, node: onnx.NodeProto, inputs: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
        """The outputs by computing them, where all inputs are known and small; empty where they are not."""
        given = [tensor for tensor in inputs if tensor is not None]
        if node.op_type == "Shape":
            value = np.array(given[0].shape, np.int64)[_span(node)]
            return (Tensor(node.output[0], value.shape, "INT64", value=value),)
        known = all(tensor.value is not None for tensor in given)
        if node.domain not in ("", "ai.onnx") or not known or node.op_type == "DequantizeLinear":
            return ()
        constant = all(tensor.constant for tensor in given)
        return tuple(
            Tensor(name, value.shape, self.names[_number(value)], constant, value if value.size <= MOST_KNOWN else None)
            for name, value in zip(node.output, self._run(node, given), strict=True)
        )

    def _run(self, node: onnx.NodeProto, given: Sequence[Tensor]) -> list[Array]:
        from onnx import helper
        from onnx.reference import ReferenceEvaluator

        feed = {tensor.name: tensor for tensor in given}
        inputs = [helper.make_tensor_value_info(t.name, self.numbers[t.element], t.shape) for t in feed.values()]
        outputs = [helper.make_value_info(name, helper.make_tensor_type_proto(0, None)) for name in node.output]
        model = helper.make_model(
            helper.make_graph([node], "one", inputs, outputs), opset_imports=self.opsets, ir_version=10
        )
        found = ReferenceEvaluator(model).run(None, {name: tensor.value for name, tensor in feed.items()})
        return [np.asarray(value) for value in found]

    def _inferred(
        self, node: onnx.NodeProto, inputs: Sequence[Tensor | None], attributes: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        """The outputs by ONNX's inference or by a rule of ours.

        Weights that are only moved or converted are made once, by the runtime, before the first call. What unpacks
        quantized weights stays in the graph and is done at each call.
        """
        given = [tensor for tensor in inputs if tensor is not None]
        constant = bool(given) and all(tensor.constant for tensor in given) and node.op_type != "DequantizeLinear"
        rule = RULES.get(node.op_type) if node.domain not in ("", "ai.onnx") or node.op_type in NOT_ONNX else None
        if rule is not None:
            found = rule(inputs, attributes)
            kinds = [
                found if isinstance(found, tuple) else found[min(i, len(found) - 1)] for i in range(len(node.output))
            ]
        else:
            kinds = self._asked(node, given)
        named = zip(node.output, kinds, strict=True)
        return tuple(Tensor(name, shape, element, constant) for name, (element, shape) in named if name)

    def _asked(self, node: onnx.NodeProto, given: Sequence[Tensor]) -> list[Kind]:
        """ONNX's inference for one operator: number format and shape of each output."""
        from onnx import defs, helper, numpy_helper, shape_inference

        types = {t.name: helper.make_tensor_type_proto(self.numbers[t.element], t.shape) for t in given}
        data = {t.name: numpy_helper.from_array(t.value, t.name) for t in given if t.value is not None}
        plain = _as_standard(node)
        version = next((opset.version for opset in self.opsets if opset.domain == plain.domain), None)
        try:
            schema = defs.get_schema(plain.op_type, version or 1, plain.domain)
            answer = shape_inference.infer_node_outputs(schema, plain, types, data, opset_imports=self.opsets)
        except (defs.SchemaError, shape_inference.InferenceError, ValueError, RuntimeError, KeyError) as error:
            raise _unknown(node) from error
        return [self._kind(node, answer.get(name)) if name else ("FLOAT", ()) for name in node.output]

    def _kind(self, node: onnx.NodeProto, answer: onnx.TypeProto | None) -> Kind:
        if answer is None or not answer.HasField("tensor_type") or not answer.tensor_type.HasField("shape"):
            raise _unknown(node)
        dimensions = answer.tensor_type.shape.dim
        if not all(dimension.HasField("dim_value") for dimension in dimensions):
            raise _unknown(node)
        return self.names[answer.tensor_type.elem_type], tuple(dimension.dim_value for dimension in dimensions)


def _unknown(node: onnx.NodeProto) -> ExplorerError:
    domain = f"{node.domain}." if node.domain else ""
    return ExplorerError(
        f"The shape of what '{node.name or node.output[0]}' ({domain}{node.op_type}) makes is not known."
    )


def _span(node: onnx.NodeProto) -> slice:
    """The part of the shape that ``Shape`` was asked for."""
    limits = {item.name: item.i for item in node.attribute}
    return slice(limits.get("start", 0), limits.get("end"))


def _number(value: Array) -> int:
    from onnx.helper import np_dtype_to_tensor_dtype

    return int(np_dtype_to_tensor_dtype(value.dtype))


def _as_standard(node: onnx.NodeProto) -> onnx.NodeProto:
    """ONNX Runtime's fused operators as the standard ones whose shapes they have."""
    standard = {"FusedConv": "Conv", "FusedGemm": "Gemm"}.get(node.op_type)
    if standard is None:
        return node
    plain = type(node)()
    plain.CopyFrom(node)
    plain.op_type, plain.domain = standard, ""
    kept = [item for item in node.attribute if not item.name.startswith("activation")]
    del plain.attribute[:]
    plain.attribute.extend(kept)
    return plain


Kind = tuple[str, Shape]
"""Number format and shape."""

Given = Sequence[Tensor | None]
Rule = Callable[[Given, dict[str, Any]], Kind | list[Kind]]
"""From inputs and attributes to what all outputs are, or to what each is (the last one stands for the rest)."""


def _first(given: Given, attributes: dict[str, Any]) -> Kind:
    return _at(given, 0).element, _at(given, 0).shape


def _matrices(element: int | None, left: int = 0, right: int = 1) -> Rule:
    """A product of stacked matrices; the number format is that of input ``element``, FLOAT without it."""

    def rule(given: Given, attributes: dict[str, Any]) -> Kind:
        a, b = list(_at(given, left).shape), list(_at(given, right).shape)
        if attributes.get("transA"):
            a[-2:] = a[:-3:-1]
        if attributes.get("transB"):
            b[-2:] = b[:-3:-1]
        stack = np.broadcast_shapes(tuple(a[:-2]), tuple(b[:-2]))
        tail = (*a[-2:-1], *b[-1:]) if len(b) > 1 else tuple(a[-2:-1])
        return "FLOAT" if element is None else _at(given, element).element, (*stack, *tail)

    return rule


def _packed_matrix(given: Given, attributes: dict[str, Any]) -> Kind:
    return _at(given, 0).element, (*_at(given, 0).shape[:-1], int(attributes["N"]))


def _packed_rows(given: Given, attributes: dict[str, Any]) -> Kind:
    """``GatherBlockQuantized``: several numbers share a byte along the last axis, where the table is bytes."""
    table, rows = _at(given, 0), _at(given, 1)
    shape = list(table.shape)
    if table.element == "UINT8":
        shape[-1] *= 8 // int(attributes.get("bits", 4))
    axis = int(attributes.get("gather_axis", 0))
    return _at(given, 2).element, (*shape[:axis], *rows.shape, *shape[axis + 1 :])


def _joined_attention(given: Given, attributes: dict[str, Any]) -> Kind:
    """``Attention`` and ``QAttention``, whose weight makes queries, keys and values at once."""
    sizes = attributes.get("qkv_hidden_sizes")
    width = int(sizes[2]) if sizes else _at(given, 1).shape[1] // 3
    element = _at(given, 0).element
    return element if element.startswith(("FLOAT", "BFLOAT")) else "FLOAT", (*_at(given, 0).shape[:2], width)


def _split_attention(given: Given, attributes: dict[str, Any]) -> Kind:
    query, value = _at(given, 0), given[2] if len(given) > 2 else None
    if len(query.shape) == 5 or value is None:  # packed: [batch, length, heads, 3, width of a head]
        return query.element, (*query.shape[:2], query.shape[2] * query.shape[-1])
    width = value.shape[-1] * (value.shape[1] if len(value.shape) == 4 else 1)
    return query.element, (*query.shape[:2], width)


def _embedding(given: Given, attributes: dict[str, Any]) -> list[Kind]:
    ids, table = _at(given, 0), _at(given, 2)
    element = table.element if table.element.startswith("FLOAT") else "FLOAT"
    sums: Kind = (element, (*ids.shape, table.shape[1]))
    return [sums, ("INT32", ids.shape[:1]), sums]


def _broadcast(given: Given, attributes: dict[str, Any]) -> Kind:
    return _at(given, 0).element, np.broadcast_shapes(_at(given, 0).shape, _at(given, 3).shape)


def _quantized(given: Given, attributes: dict[str, Any]) -> Kind:
    zero = given[2] if len(given) > 2 else None
    return zero.element if zero else "UINT8", _at(given, 0).shape


def _dequantized(given: Given, attributes: dict[str, Any]) -> Kind:
    return _at(given, 1).element, _at(given, 0).shape


def _pooled(given: Given, attributes: dict[str, Any]) -> Kind:
    shape = _at(given, 0).shape
    return _at(given, 0).element, (*shape[:2], *(1 for _ in shape[2:]))


def _at(given: Given, slot: int) -> Tensor:
    found = given[slot] if slot < len(given) else None
    if found is None:
        raise ExplorerError(f"An operator of ONNX Runtime lacks its input {slot}, so its work is not known.")
    return found


NOT_ONNX = frozenset({"SimplifiedLayerNormalization"})
"""Operators of ONNX Runtime that stand in ONNX's own domain."""

RULES: dict[str, Rule] = {
    **dict.fromkeys(("BiasGelu", "BiasSoftmax", "FastGelu", "Gelu", "QuickGelu", "RotaryEmbedding"), _first),
    **dict.fromkeys(("QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax"), _first),
    **dict.fromkeys(("SimplifiedLayerNormalization", "SkipLayerNormalization"), _first),
    "SkipSimplifiedLayerNormalization": _first,
    "Attention": _joined_attention,
    "DequantizeLinear": _dequantized,
    "DynamicQuantizeMatMul": _matrices(None),
    "EmbedLayerNormalization": _embedding,
    "FusedMatMul": _matrices(0),
    "GatherBlockQuantized": _packed_rows,
    "MatMulIntegerToFloat": _matrices(2),
    "MatMulNBits": _packed_matrix,
    "MultiHeadAttention": _split_attention,
    "QAttention": _joined_attention,
    "QEmbedLayerNormalization": _embedding,
    "QGemm": _matrices(None, 0, 3),
    "QLinearAdd": _broadcast,
    "QLinearGlobalAveragePool": _pooled,
    "QLinearMul": _broadcast,
    "QuantizeLinear": _quantized,
    "TransposeMatMul": _matrices(0),
}
