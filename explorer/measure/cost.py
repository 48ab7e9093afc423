"""Work of one call of an artefact's graph: operations by precision and bytes moved, counted and not timed.

- A multiply-add is two operations, as in ``torch.utils.flop_counter``. Operators that are no product count one
  operation for each number of their largest tensor; moving, reshaping and arithmetic on shapes count none.
- The precision is that of the arithmetic: a weight packed into 4 bits that is unpacked and then multiplied in fp32
  counts as fp32. Products whose two sides come straight from 8-bit integers are integer products.
- Bytes are those of the graph as it stands in the file: each operator reads its inputs and writes its outputs, weights
  as they are stored, of a table only the rows that are asked for. A runtime that fuses operators moves less. What a
  runtime computes before the first call costs nothing here; its result is read as a weight.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.errors import BadInput, ExplorerError
from explorer.measure.operators import Operator, Shape, Tensor, operators
from explorer.measure.runners.onnx_runtime import INT8_ACCURACY_LEVEL
from explorer.result import Cost

if TYPE_CHECKING:
    import onnx

PRECISIONS = {"FLOAT": "fp32", "FLOAT16": "fp16", "BFLOAT16": "bf16", "DOUBLE": "fp64"}
INTEGERS = frozenset({"INT8", "UINT8"})
VIEWS = frozenset({"Constant", "Dropout", "Flatten", "Identity", "Reshape", "Shape", "Size", "Squeeze", "Unsqueeze"})
"""Operators that neither compute nor copy."""

MOVES = frozenset(
    {"Cast", "Compress", "Concat", "ConstantOfShape", "DepthToSpace", "Expand", "EyeLike", "Gather", "GatherElements"}
    | {"GatherND", "OneHot", "Pad", "Range", "ReverseSequence", "ScatterElements", "ScatterND", "Slice"}
    | {"SpaceToDepth", "Split", "Tile", "Transpose", "Trilu", "Where"}
)
"""Operators that copy and do not compute."""

UNCOUNTED = frozenset(
    {"DFT", "DeformConv", "Det", "GRU", "GroupQueryAttention", "LSTM", "LinearAttention", "RNN", "RoiAlign", "STFT"}
)
"""Products that have no rule below; to pass over them would make a model look free of work."""

PICKS = frozenset({"Gather", "GatherElements", "GatherND", "Slice"})
"""Operators that read of their first input only what they hand on."""


@dataclass
class Work:
    """What one call does: operations by precision of ``products`` and of all ``others``, bytes read and written."""

    products: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    others: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    weight_bytes: int = 0
    activation_bytes: int = 0

    @property
    def operations(self) -> dict[str, float]:
        """Operations by precision, products and others together."""
        names = sorted({**self.products, **self.others})
        return {name: self.products.get(name, 0.0) + self.others.get(name, 0.0) for name in names}


def costs(artefact: Path, shapes: Sequence[tuple[int, int]]) -> list[Cost]:
    """The work of the artefact in this folder at each shape (batch, tokens; pixels of a side for an image).

    Raises ``BadInput`` for a text of no tokens and ``ExplorerError`` where the work of an operator is not known.
    """
    import onnx

    from explorer.models.preprocess import Preprocessor

    preprocessor = Preprocessor.load(artefact)
    model = onnx.load(artefact / "model.onnx")
    found = []
    for batch, length in shapes:
        if batch < 1 or length < 1:
            raise BadInput(f"Work is counted for at least one input of one token; given were {batch} of {length}.")
        shape_of = {name: array.shape for name, array in preprocessor.dummy_at((batch, length)).items()}
        done = count(model, shape_of)
        found.append(
            Cost(
                batch=batch,
                sequence=length,
                operations=done.operations,
                weight_bytes=done.weight_bytes,
                activation_bytes=done.activation_bytes,
            )
        )
    return found


def count(model: onnx.ModelProto, input_shapes: dict[str, Shape]) -> Work:
    """The work of one call of the graph where its inputs have these shapes."""
    live = [op for op in operators(model, input_shapes) if not op.is_free and not _is_view(op)]
    unpacked = _unpacked_by_products(live)
    done = Work()
    for op in live:
        if op.outputs[0].name not in unpacked:
            _add(done, op, unpacked)
    return done


def total(cost: Cost) -> float:
    """All operations, whatever their precision."""
    return sum(cost.operations.values())


def _is_view(op: Operator) -> bool:
    same = op.kind == "Cast" and op.needed(0).element == op.outputs[0].element
    return same or op.kind in VIEWS


def _unpacked_by_products(live: Sequence[Operator]) -> dict[str, Tensor]:
    """What ``DequantizeLinear`` makes for integer products alone, with what it is made of.

    Runtimes never make it: they see the pattern and multiply the integers (QDQ format of ONNX Runtime).
    """
    sources = {op.outputs[0].name: op.needed(0) for op in live if op.kind == "DequantizeLinear"}
    integers = {name for name, tensor in sources.items() if tensor.element in INTEGERS}
    readers: dict[str, list[bool]] = {}
    for op in live:
        whole = op.kind in QDQ_PRODUCTS and all(op.needed(slot).name in integers for slot in (0, 1))
        for tensor in op.inputs:
            if tensor is not None:
                readers.setdefault(tensor.name, []).append(whole)
    return {name: tensor for name, tensor in sources.items() if readers.get(name) and all(readers[name])}


def _add(done: Work, op: Operator, unpacked: dict[str, Tensor]) -> None:
    """Add one operator's operations and bytes."""
    if op.kind in UNCOUNTED:
        raise ExplorerError(f"The operations of '{op.name}' ({op.kind}) are not known, so no work was counted.")
    if op.kind in PRODUCTS:
        inner = [tensor for tensor in op.inputs[:2] if tensor is not None]
        integer = op.kind in INTEGER_PRODUCTS or all(tensor.name in unpacked for tensor in inner)
        precision = "int8" if integer or _multiplies_integers(op) else _precision(op, op.needed(0))
        done.products[precision] += PRODUCTS[op.kind](op)
    if op.kind not in MOVES:
        _add_others(done, op)
    done.activation_bytes += sum(tensor.bytes for tensor in op.outputs)
    for slot, tensor in enumerate(op.inputs):
        if tensor is not None:
            _add_read(done, op, slot, unpacked.get(tensor.name, tensor))


def _add_others(done: Work, op: Operator) -> None:
    """One operation for each number of the largest tensor; of products only the bias that they add at the end."""
    if op.kind in PRODUCTS:
        bias = op.input(BIAS_SLOTS[op.kind]) if op.kind in BIAS_SLOTS else None
        numbers = op.outputs[0].elements if bias is not None else 0
    else:
        numbers = max(tensor.elements for tensor in (*op.outputs, *op.inputs) if tensor is not None)
    computed = [tensor for tensor in (*op.outputs, *op.inputs) if tensor is not None and tensor.element in PRECISIONS]
    integers = any(tensor.element in INTEGERS for tensor in op.outputs)
    if numbers and (computed or integers):
        done.others[PRECISIONS[computed[0].element] if computed else "int8"] += numbers


def _add_read(done: Work, op: Operator, slot: int, tensor: Tensor) -> None:
    read = _read_bytes(op, slot, tensor)
    if tensor.constant:
        done.weight_bytes += read
    else:
        done.activation_bytes += read


def _read_bytes(op: Operator, slot: int, tensor: Tensor) -> int:
    """Bytes of this input that the operator reads: of tables only the rows that are asked for."""
    if op.kind in PICKS and slot == 0:
        return math.ceil(op.outputs[0].elements * tensor.bits / 8)
    if op.kind == "GatherBlockQuantized" and slot in (0, 2, 3):
        rows = op.needed(0).shape[int(op.attributes.get("gather_axis", 0))]
        return math.ceil(tensor.bytes * op.needed(1).elements / rows)
    if op.kind in ("EmbedLayerNormalization", "QEmbedLayerNormalization") and slot in (2, 3, 4):
        return math.ceil(op.needed(0).elements * tensor.shape[1] * tensor.bits / 8)
    return tensor.bytes


def _multiplies_integers(op: Operator) -> bool:
    return op.kind == "MatMulNBits" and int(op.attributes.get("accuracy_level", 0)) >= INT8_ACCURACY_LEVEL


def _precision(op: Operator, tensor: Tensor) -> str:
    if tensor.element not in PRECISIONS:
        raise ExplorerError(f"'{op.name}' ({op.kind}) multiplies {tensor.element}, of which no operations are counted.")
    return PRECISIONS[tensor.element]


def _matrix(op: Operator, left: int = 0) -> float:
    """[..., M, K] by [..., K, N]: 2 M N K for each matrix of the stack."""
    shape = op.needed(left).shape
    inner = shape[-2] if op.attributes.get("transA") else shape[-1]
    return 2.0 * op.outputs[0].elements * inner


def _convolution(weight: int, op: Operator) -> float:
    """Kernel [out, in / groups, ...]: each output number is a sum over one filter."""
    return 2.0 * op.outputs[0].elements * math.prod(op.needed(weight).shape[1:])


def _transposed_convolution(op: Operator) -> float:
    """Kernel [in, out / groups, ...]: each input number is spread over one filter."""
    return 2.0 * op.needed(0).elements * math.prod(op.needed(1).shape[1:])


def _contraction(op: Operator) -> float:
    """``Einsum`` of two tensors: 2 for each combination of all letters."""
    equation = op.attributes["equation"]
    terms = (equation.decode() if isinstance(equation, bytes) else equation).replace(" ", "").split("->")[0].split(",")
    if len(terms) != 2 or "." in "".join(terms):
        raise ExplorerError(f"The operations of '{op.name}' (Einsum) are counted for two plain terms only.")
    sizes = {
        letter: size
        for slot, term in enumerate(terms)
        for letter, size in zip(term, op.needed(slot).shape, strict=True)
    }
    return 2.0 * math.prod(sizes.values())


def _joined_attention(op: Operator) -> float:
    """Projection to queries, keys and values, scores and weighted sum; a standard ``Attention`` has no projection."""
    weight = op.needed(1)
    if len(op.needed(0).shape) != 3 or len(weight.shape) != 2:
        return _split_attention(op)
    batch, length, width = op.needed(0).shape
    value = op.outputs[0].shape[-1]
    scores = (weight.shape[1] - value) // 2
    return 2.0 * batch * length * width * weight.shape[1] + 2.0 * batch * length * length * (scores + value)


def _split_attention(op: Operator) -> float:
    """Scores and weighted sum over all heads: 2 L S (width of queries + width of values) for each input."""
    query, key = op.needed(0), op.input(1) or op.needed(0)
    by_head = len(query.shape) == 4
    batch, length = query.shape[0], query.shape[2] if by_head else query.shape[1]
    others = key.shape[2] if len(key.shape) == 4 else key.shape[1]
    heads = query.shape[1] if by_head else 1
    made = op.outputs[0]
    values = made.elements // (batch * length)
    width = heads * query.shape[-1] if by_head or len(query.shape) == 3 else values
    return 2.0 * batch * length * others * (width + values)


INTEGER_PRODUCTS = frozenset(
    {"ConvInteger", "DynamicQuantizeMatMul", "MatMulInteger", "MatMulIntegerToFloat", "QAttention", "QGemm"}
    | {"QLinearConv", "QLinearMatMul"}
)
QDQ_PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
PRODUCTS: dict[str, Callable[[Operator], float]] = {
    **dict.fromkeys(("DynamicQuantizeMatMul", "FusedMatMul", "MatMul", "MatMulInteger", "TransposeMatMul"), _matrix),
    **dict.fromkeys(("FusedGemm", "Gemm", "MatMulIntegerToFloat", "MatMulNBits", "QGemm", "QLinearMatMul"), _matrix),
    **dict.fromkeys(("Conv", "ConvInteger", "FusedConv"), lambda op: _convolution(1, op)),
    "QLinearConv": lambda op: _convolution(3, op),
    "ConvTranspose": _transposed_convolution,
    "Einsum": _contraction,
    "Attention": _joined_attention,
    "QAttention": _joined_attention,
    "MultiHeadAttention": _split_attention,
}
BIAS_SLOTS = {
    **dict.fromkeys(("Conv", "ConvTranspose", "FusedConv", "FusedGemm", "Gemm", "QAttention"), 2),
    "DynamicQuantizeMatMul": 4,
    "MatMulIntegerToFloat": 6,
    "MatMulNBits": 5,
    "QGemm": 6,
    "QLinearConv": 8,
}
