"""Weight-only quantization to 8, 4, 3 or 2 bits, in forms that onnxruntime loads and runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider, text
from explorer.techniques import sliders
from explorer.techniques.quantization.calibrating import Batches, calibration_batches, gram_key, grams
from explorer.techniques.quantization.rounding import (
    Codes,
    Granularity,
    Method,
    Rounding,
    dequantize_groups,
    quantize_groups,
)
from explorer.techniques.quantization.sensitivity import KEEP_HELP, SENSITIVE_HELP, kept_weights, sensitivities

if TYPE_CHECKING:
    import onnx

__all__ = ["WeightBits", "dequantize_groups", "fitting_group", "pack_bits", "quantize_groups", "replace_weight"]

CONTRIB = "com.microsoft"
WHOLE_ROWS = 0
"""As a group size: no group, a scale for each output channel."""

Nodes = dict[str, "onnx.NodeProto"]
Quantize = Callable[[np.ndarray, int], Codes]


class WeightBits(Technique):
    """Stores each weight in 8, 4, 3 or 2 bits with a scale for every group, and unpacks it while computing; the
    file shrinks, the time seldom does.

    Matrices become MatMulNBits, embeddings GatherBlockQuantized, convolutions DequantizeLinear; the head stays float.
    With one scale for a channel or a matrix, matrices become DequantizeLinear and MatMul, since MatMulNBits would pad
    each row to a power of two. 3 bits are stored in 4. ``hqq`` is half-quadratic quantization (Badri and Shaji, 2023):
    in MatMulNBits with a fractional zero point of 4 bytes a group, so that pruned weights do not stay zero; where zero
    points must be whole the scale is fitted instead. ``gptq`` rounds over calibration inputs of the float model. Tables
    of embeddings, which multiply nothing, are rounded to the nearest in any case.
    """

    name: ClassVar[str] = "weight-bits"
    title: ClassVar[str] = "Weight-only bit-width"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "deploy"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size")
    cost: ClassVar[str] = "Costs accuracy, hardly any in 8 bits and much in 2; the speed seldom gains."
    paper: ClassVar[str] = "Round to nearest in groups, as the baseline of Frantar et al., GPTQ, 2023, arXiv:2210.17323"

    bits: Literal[8, 4, 3, 2] = choice(
        4, unit="bits", help="Bits that each weight is rounded to; 3 are stored in 4.", move=sliders.STORED
    )
    group_size: Literal[16, 32, 64, 128] = choice(
        32,
        unit="weights",
        help="How many weights share one scale.",
        only_with="granularity=groups",
        move=sliders.SHARED_SCALE,
    )
    embeddings: bool = flag(True, help="Quantize embedding tables too; they are half of a small text model.")
    rounding: Method = choice(
        "nearest",
        help="To the nearest value; hqq moves each group's values so that few errors are large; gptq makes up for "
        "errors by the weights that follow, over calibration inputs.",
    )
    granularity: Granularity = choice(
        "groups", help="What shares one scale: a group of weights, an output channel, or the whole matrix."
    )
    own_range: bool = flag(False, help="Clip weights to a range of your own before they are rounded.")
    low: float = slider(
        -0.5,
        low=-2.0,
        high=-0.01,
        step=0.01,
        help="Lower end of the range.",
        only_with="own_range",
        move="Higher: a finer grid, more weights are cut off. Lower: fewer are cut off, on a coarser grid.",
    )
    high: float = slider(
        0.5,
        low=0.01,
        high=2.0,
        step=0.01,
        help="Upper end of the range.",
        only_with="own_range",
        move="Higher: fewer weights are cut off, on a coarser grid. Lower: a finer grid, more are cut off.",
    )
    keep: str = text("", help=KEEP_HELP)
    keep_sensitive: float = slider(
        0.0, low=0.0, high=0.9, step=0.05, unit="fraction", help=SENSITIVE_HELP, move=sliders.STORED
    )

    @property
    def encodes(self) -> frozenset[str]:
        return frozenset({"layers", "embeddings"} if self.embeddings else {"layers"})

    def apply(self, subject: GraphSubject, context: Context) -> None:
        context.report(stage="apply", text=f"Packing weights into {self.bits} bits")
        nodes, tensors = candidates(subject.graph, self.embeddings)
        quantizers = self._quantizers(subject, context, nodes, tensors)
        readers = {tensor.name: nodes[name] for name, tensor in tensors.items()}
        by_name = {tensor.name: tensor for tensor in tensors.values()}

        def measure(batches: Batches) -> dict[str, float]:
            def stand_in(tensor: onnx.TensorProto) -> np.ndarray:
                return rounded_weight(readers[tensor.name], tensor, self._group, quantizers[tensor.name])

            return sensitivities(subject.graph, by_name, stand_in, batches, self._settings())

        kept = kept_weights(subject, context, by_name, self.keep, self.keep_sensitive, measure)
        self._note_clipped(context, by_name)
        packed: dict[str, int] = {}
        for name, tensor in tensors.items():
            if tensor.name not in kept:
                quantize = quantizers[tensor.name]
                replace_weight(subject.graph, nodes[name], tensor, self._stored, self._group, quantize)
                packed[tensor.name] = int(np.prod(tensor.dims))
        if not packed:
            raise BadInput("'weight-bits' found no weights to quantize in this model with these settings.")
        finish_graph(subject.graph)
        self._note_packed(context, sum(packed.values()), {node.op_type for node in nodes.values()})

    @property
    def _group(self) -> int:
        return self.group_size if self.granularity == "groups" else WHOLE_ROWS

    @property
    def _stored(self) -> int:
        return 4 if self.bits == 3 else self.bits

    def _settings(self) -> str:
        left_out = {"keep", "keep_sensitive", "embeddings"}
        return f"{self.name} {self.model_dump_json(exclude=left_out)}"

    def _quantizers(
        self, subject: GraphSubject, context: Context, nodes: Nodes, tensors: Mapping[str, Any]
    ) -> dict[str, Quantize]:
        """What turns each weight, by name, into codes."""
        clip = (self.low, self.high) if self.own_range else None
        plain = Rounding(self.bits, "nearest", self.granularity, clip)
        rounding = replace(plain, method=self.rounding)
        if self.rounding != "gptq":
            fractional = replace(rounding, fractional=self.granularity == "groups")
            by_operator = {"Gather": plain, "Conv": rounding}
            return {tensors[name].name: by_operator.get(nodes[name].op_type, fractional) for name in tensors}
        context.report(stage="apply", text="Products of the layers' inputs over calibration inputs")
        shapes = {name: tuple(tensor.dims) for name, tensor in tensors.items()}
        products = [(nodes[name], shape) for name, shape in shapes.items() if _has_gram(nodes[name], shape)]
        found = grams(subject.graph, products, calibration_batches(subject, context))
        context.report(stage="apply", text=f"Rounding weights to {self.bits} bits, column by column")
        return {
            tensors[name].name: _with_gram(rounding, found.get(gram_key(nodes[name], shape)))
            for name, shape in shapes.items()
        }

    def _note_clipped(self, context: Context, tensors: Mapping[str, Any]) -> None:
        from onnx import numpy_helper

        if not self.own_range:
            return
        arrays = [numpy_helper.to_array(tensor) for tensor in tensors.values()]
        outside = sum(int(((array < self.low) | (array > self.high)).sum()) for array in arrays)
        share = outside / max(1, sum(array.size for array in arrays))
        context.note(f"{share:.3%} of the weights lay outside {self.low:g} to {self.high:g}.", clipped_share=share)

    def _note_packed(self, context: Context, count: int, operators: set[str]) -> None:
        shared = {
            "groups": f"one scale for {self.group_size}",
            "channel": "one scale for each output channel",
            "tensor": "one scale for each matrix",
        }[self.granularity]
        context.note(f"{count:,} weights are stored in {self._stored} bits, {shared}.", weights=count)
        if self._stored != self.bits:
            context.note(f"They take {2**self.bits} values; no runtime here stores {self.bits} bits.")
        if self.granularity != "groups" and operators & {"MatMul", "Gemm"}:
            context.note(
                "MatMulNBits wants groups, so that matrices are DequantizeLinear and MatMul, of which ONNX Runtime "
                "makes products with activations of 8 bits when it loads them on a CPU."
            )


def candidates(graph: onnx.ModelProto, embeddings: bool) -> tuple[Nodes, dict[str, Any]]:
    """The nodes with a weight to pack, and those weights, by the node's name; never the head."""
    from explorer.deploy import weights

    chosen = weights(graph)
    head = list(chosen)[-1] if chosen else ""
    nodes = {node.name: node for node in graph.graph.node if node.name in chosen and node.name != head}
    found = {name: node for name, node in nodes.items() if embeddings or node.op_type != "Gather"}
    return found, {name: tensor for name, tensor in chosen.items() if name in found}


def _has_gram(node: onnx.NodeProto, shape: tuple[int, ...]) -> bool:
    """Whether the products of its inputs are collected: not for look-ups and grouped convolutions."""
    grouped = any(attribute.name == "group" and attribute.i != 1 for attribute in node.attribute)
    return node.op_type != "Gather" and not (node.op_type == "Conv" and (grouped or len(shape) != 4))


def _with_gram(rounding: Rounding, gram: np.ndarray | None) -> Quantize:
    return lambda matrix, group: rounding(matrix, group, gram)


def matrix_of(node: onnx.NodeProto, values: np.ndarray) -> np.ndarray:
    """A weight as [output channels or rows, inputs of each]."""
    return values.reshape(len(values), -1) if _rows_first(node) else values.T


def _rows_first(node: onnx.NodeProto) -> bool:
    return node.op_type in ("Gather", "Conv") or any(item.name == "transB" and item.i for item in node.attribute)


def stored_group(node: onnx.NodeProto, group: int, width: int) -> int:
    """The group size in which the weight of ``node`` is stored."""
    if group == WHOLE_ROWS:
        return width
    return group if node.op_type == "Conv" else fitting_group(group, width)


def rounded_weight(node: onnx.NodeProto, tensor: Any, group: int, quantize: Quantize) -> np.ndarray:
    """The float values, in the weight's own layout, that ``replace_weight`` would store."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor)
    matrix = matrix_of(node, values)
    size = stored_group(node, group, matrix.shape[1])
    near = dequantize_groups(*quantize(matrix, size), size)
    return near.reshape(values.shape) if _rows_first(node) else np.ascontiguousarray(near.T)


def fitting_group(group: int, width: int) -> int:
    """The group size that is stored for rows of ``width`` weights: never padded to more than the next power of 2."""
    smallest = 16
    while smallest < width:
        smallest *= 2
    return min(group, smallest)


def pack_bits(codes: np.ndarray, bits: int) -> np.ndarray:
    """Pack codes along the last axis into bytes, the first code in the lowest bits; the rest is padded with 0."""
    per_byte = 8 // bits
    padding = [(0, 0)] * (codes.ndim - 1) + [(0, -codes.shape[-1] % per_byte)]
    wide = np.pad(codes, padding).reshape(*codes.shape[:-1], -1, per_byte)
    packed = np.zeros(wide.shape[:-1], np.uint8)
    for i in range(per_byte):
        packed |= (wide[..., i] << (bits * i)).astype(np.uint8)
    return packed


def replace_weight(
    graph: onnx.ModelProto,
    node: onnx.NodeProto,
    tensor: Any,
    bits: int,
    group: int,
    quantize: Quantize | None = None,
) -> None:
    """Exchange a node that reads a float weight for one that reads packed codes.

    ``bits`` is the width of storage: 8, 4 or 2. ``quantize`` makes the codes of a matrix for a group size; to the
    nearest where it is missing. With ``WHOLE_ROWS`` as ``group`` there is one scale for each output channel.
    """
    from onnx import numpy_helper

    def usual(matrix: np.ndarray, size: int) -> Codes:
        return quantize_groups(matrix, bits, size)

    values = numpy_helper.to_array(tensor)
    matrix = matrix_of(node, values)
    size = stored_group(node, group, matrix.shape[1])
    packed = _Packed(graph, node, tensor.name, values.shape, bits, size, (quantize or usual)(matrix, size))
    whole = group == WHOLE_ROWS
    make = {"MatMul": _product, "Gemm": _gemm, "Gather": _gather, "Conv": _conv}[node.op_type]
    nodes = make(packed, whole)
    at = list(graph.graph.node).index(node)
    del graph.graph.node[at]
    for offset, new in enumerate(nodes):
        graph.graph.node.insert(at + offset, new)


@dataclass(frozen=True)
class _Packed:
    """A weight to store: its node, name, shape, and codes of the matrix that ``matrix_of`` makes of it."""

    graph: onnx.ModelProto
    node: onnx.NodeProto
    name: str
    shape: tuple[int, ...]
    bits: int
    group: int
    codes: Codes


def _product(one: _Packed, whole: bool, output: str = "") -> list[onnx.NodeProto]:
    """The product alone, without a bias; ``output`` names it where that is not the node's own."""
    output = output or one.node.output[0]
    return _dequantized(one, output) if whole else [_nbits(one, output)]


def _gemm(one: _Packed, whole: bool) -> list[onnx.NodeProto]:
    from onnx import helper

    node = one.node
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if attributes.get("alpha", 1.0) != 1 or attributes.get("beta", 1.0) != 1 or attributes.get("transA", 0):
        raise BadInput(f"'weight-bits' cannot store the scaled product '{node.name}'.")
    if len(node.input) < 3:
        return _product(one, whole)
    product = node.name + "/product"
    return [
        *_product(one, whole, product),
        helper.make_node("Add", [product, node.input[2]], [node.output[0]], name=node.name + "/bias"),
    ]


def _nbits(one: _Packed, output: str) -> onnx.NodeProto:
    """MatMulNBits with the weight [N, K]; its codes are laid out as [N, groups, bytes of a group]."""
    from onnx import helper

    codes, scales, zeros = one.codes
    n, k = codes.shape
    padded = np.zeros((n, scales.shape[1] * one.group), np.uint8)
    padded[:, :k] = codes
    blob = pack_bits(padded.reshape(n, scales.shape[1], one.group), one.bits)
    fractional = zeros.dtype == np.float32
    names = _store(one.graph, one.name, blob, scales, zeros if fractional else pack_bits(zeros, one.bits))
    settings = {"K": k, "N": n, "bits": one.bits, "block_size": one.group}
    inputs = [one.node.input[0], *names]
    return helper.make_node("MatMulNBits", inputs, [output], name=one.node.name, domain=CONTRIB, **settings)


def _dequantized(one: _Packed, output: str) -> list[onnx.NodeProto]:
    """DequantizeLinear of the weight as [K, N], one scale for each column, in front of a plain product."""
    from onnx import helper

    codes, scales, zeros = one.codes
    columns = np.ascontiguousarray(codes.T)
    matrix = one.name + "_float"
    product = helper.make_node("MatMul", [one.node.input[0], matrix], [output], name=one.node.name)
    return [*_unpacked(one, columns, scales[:, 0], zeros[:, 0], matrix, axis=1), product]


def _gather(one: _Packed, whole: bool) -> list[onnx.NodeProto]:
    from onnx import helper

    codes, scales, zeros = one.codes
    group = fitting_group(codes.shape[1] * 2, codes.shape[1]) if whole else one.group
    packed = pack_bits(codes, one.bits)
    names = _store(one.graph, one.name, packed, scales, pack_bits(zeros, one.bits))
    inputs = [names[0], one.node.input[1], names[1], names[2]]
    return [
        helper.make_node(
            "GatherBlockQuantized", inputs, [one.node.output[0]], name=one.node.name, domain=CONTRIB,
            gather_axis=0, quantize_axis=1, block_size=group, bits=one.bits,
        )
    ]  # fmt: skip


def _conv(one: _Packed, whole: bool) -> list[onnx.NodeProto]:
    """DequantizeLinear of the kernel as [out, in x height x width], reshaped in front of the convolution."""
    from onnx import helper, numpy_helper

    name = one.name
    flat, kernel = name + "_flat", name + "_kernel"
    convolution = type(one.node)()
    convolution.CopyFrom(one.node)
    convolution.input[1] = kernel
    codes, scales, zeros = one.codes
    if whole:
        dequantize = _unpacked(one, codes, scales[:, 0], zeros[:, 0], flat, axis=0)
    else:
        dequantize = _unpacked(one, codes, scales, zeros, flat, axis=1, block_size=one.group)
    shape = _keep(one.graph, numpy_helper.from_array(np.array(one.shape, np.int64), name + "_shape"))
    if not dequantize:  # unpacked for an earlier convolution
        return [convolution]
    return [*dequantize, helper.make_node("Reshape", [flat, shape], [kernel], name=name + "/Reshape"), convolution]


def _unpacked(
    one: _Packed, codes: np.ndarray, scales: np.ndarray, zeros: np.ndarray, output: str, **settings: int
) -> list[onnx.NodeProto]:
    """DequantizeLinear of stored codes; nothing where an earlier node already gives this output."""
    from onnx import helper, numpy_helper

    if any(output in other.output for other in one.graph.graph.node):
        return []
    if scales.ndim == 1 and (scales == scales[0]).all() and (zeros == zeros[0]).all():  # one for all
        scales, zeros, settings = scales[0], zeros[0], {}
    packed = _keep(one.graph, _narrow(one.name + "_q", codes, one.bits))
    zero = _keep(one.graph, _narrow(one.name + "_zero_q", np.asarray(zeros), one.bits))
    scale = _keep(one.graph, numpy_helper.from_array(np.asarray(scales), one.name + "_scale"))
    inputs = [packed, scale, zero]
    return [helper.make_node("DequantizeLinear", inputs, [output], name=one.name + "/Dequantize", **settings)]


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


def finish_graph(graph: onnx.ModelProto) -> None:
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
