"""Static int8: weights and activations as 8-bit integers, the activations' ranges fixed beforehand."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider, text
from explorer.techniques import sliders
from explorer.techniques.quantization.calibrating import Batches, calibration_batches, histograms
from explorer.techniques.quantization.int8_dynamic import quiet
from explorer.techniques.quantization.ranges import Calibration, Range, activation_ranges
from explorer.techniques.quantization.sensitivity import (
    KEEP_HELP,
    SENSITIVE_HELP,
    int8_sensitivities,
    kept_weights,
    quantizable,
)

if TYPE_CHECKING:
    import onnx

PRODUCTS = ("MatMul", "Gemm", "Conv")


class Int8Static(Technique):
    """Stores weights as 8-bit integers and computes with integers whose ranges were found over calibration inputs;
    about four times smaller, and fast where the hardware multiplies integers.

    Done by onnxruntime's own ``quantize_static`` in the QDQ format. Only products with a stored weight are quantized:
    the additions of an attention mask, whose constant of -3.4e38 would take the whole range, stay in float.
    """

    name: ClassVar[str] = "int8-static"
    title: ClassVar[str] = "Static int8"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "deploy"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "latency")
    cost: ClassVar[str] = (
        "Costs accuracy where the ranges do not fit the inputs; hardware without int8 instructions may be slower."
    )
    paper: ClassVar[str] = "Wu et al., Integer quantization for deep learning inference, 2020, arXiv:2004.09602"

    calibration: Calibration = choice(
        "percentile",
        help="How a range is found: the extremes, the extremes but for a few outliers, the least loss of information "
        "(entropy), or the least squared error.",
    )
    percentile: float = slider(
        99.99,
        low=99.0,
        high=99.999,
        step=0.001,
        unit="%",
        help="Share of the values inside the range.",
        only_with="calibration=percentile",
        move="Higher: the largest values are kept, on a coarser grid. Lower: a finer grid, more values are cut off.",
    )
    symmetric: bool = flag(False, help="Ranges of activations are centred on zero.")
    per_channel: bool = flag(False, help="One scale for each output channel of a weight instead of one for all of it.")
    embeddings: bool = flag(True, help="Store embedding tables as int8 too; they are half of a small text model.")
    keep: str = text("", help=KEEP_HELP)
    keep_sensitive: float = slider(
        0.0, low=0.0, high=0.9, step=0.05, unit="fraction", help=SENSITIVE_HELP, move=sliders.KEPT
    )

    @property
    def encodes(self) -> frozenset[str]:
        return frozenset({"layers", "embeddings"} if self.embeddings else {"layers"})

    def apply(self, subject: GraphSubject, context: Context) -> None:

        ranges = self._ranges(subject, context) if activations(subject.graph) else {}
        kept = self._kept(subject, context, ranges) if ranges else set()
        chosen = [node for node in quantizable_nodes(subject.graph) if node.name not in kept]
        products = [node.name for node in chosen if node.op_type in PRODUCTS]
        if not products:
            raise BadInput("'int8-static' found no weights to quantize in this model with these settings.")
        context.report(stage="apply", text="Quantizing weights and activations to int8")
        products += followers(subject.graph, products)
        if self.embeddings:
            store_tables(subject.graph, [node.name for node in chosen if node.op_type == "Gather"])
        subject.graph = quantize_static(subject.graph, products, ranges, self.per_channel, self.symmetric)
        counts = Counter(node.op_type for node in subject.graph.graph.node)
        quantized = counts["QuantizeLinear"]
        words = f"{len(ranges)} ranges by {self.calibration} over calibration inputs"
        context.note(f"{words}; {quantized} QuantizeLinear in the graph now.", quantizers=float(quantized))

    def _ranges(self, subject: GraphSubject, context: Context) -> dict[str, Range]:
        """The range of what flows into each product, and out of convolutions."""
        context.report(stage="apply", text="Histograms of activations over calibration inputs")
        found = histograms(subject.graph, activations(subject.graph), calibration_batches(subject, context))
        context.report(stage="apply", text=f"Ranges by {self.calibration}")
        return activation_ranges(found, self.calibration, self.percentile, self.symmetric)

    def _kept(self, subject: GraphSubject, context: Context, ranges: Mapping[str, Range]) -> set[str]:
        """The names of the nodes that stay in float."""
        operators = [*PRODUCTS, *(["Gather"] if self.embeddings else [])]
        nodes, tensors = quantizable(subject.graph, operators)
        settings = f"{self.name} {self.calibration} {self.percentile} {self.symmetric}"

        def measure(batches: Batches) -> dict[str, float]:
            return int8_sensitivities(subject.graph, nodes, self.per_channel, batches, ranges, settings)

        kept = kept_weights(subject, context, tensors, self.keep, self.keep_sensitive, measure)
        return {node.name for node in subject.graph.graph.node if kept & set(node.input)}


def quantizable_nodes(graph: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that carry a float weight, in the order of the graph."""
    from explorer.deploy import weights

    found = weights(graph)
    return [node for node in graph.graph.node if node.name in found]


def store_tables(graph: onnx.ModelProto, names: list[str]) -> None:
    """Store the tables that the nodes ``names`` look rows up in as int8, symmetric, with one scale for each table.

    onnxruntime's own static quantizer would round the rows once more behind the look-up.
    """
    from onnx import helper, numpy_helper

    held = {tensor.name: tensor for tensor in graph.graph.initializer}
    nodes = []
    for node in graph.graph.node:
        nodes.append(node)
        if node.name not in names:
            continue
        table, output = node.input[0], node.output[0]
        stored = [f"{table}_{part}" for part in ("quantized", "scale", "zero_point")]
        if stored[0] not in held:
            values = numpy_helper.to_array(held[table])
            scale = np.float32(np.abs(values).max() / 127 or 1.0)
            arrays = (np.round(values / scale).astype(np.int8), np.array(scale), np.array(0, np.int8))
            made = [numpy_helper.from_array(array, name) for array, name in zip(arrays, stored, strict=True)]
            held |= {tensor.name: tensor for tensor in made}
        node.input[0], node.output[0] = stored[0], f"{output}_quantized"
        inputs = [node.output[0], *stored[1:]]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [output], name=f"{node.name}_dequantized"))
    replaced = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.graph.node[:], graph.graph.initializer[:]
    graph.graph.node.extend(replaced)
    used = {name for node in replaced for name in node.input}
    graph.graph.initializer.extend(tensor for name, tensor in held.items() if name in used)


def followers(graph: onnx.ModelProto, names: list[str]) -> list[str]:
    """The Relu behind each convolution of ``names``: its range is the convolution's, which swallows it."""
    outputs = {node.output[0] for node in graph.graph.node if node.name in names and node.op_type == "Conv"}
    return [node.name for node in graph.graph.node if node.op_type == "Relu" and node.input[0] in outputs]


def activations(graph: onnx.ModelProto) -> list[str]:
    """What needs a range: inputs of all products with a weight; outputs of convolutions and of the Relu behind them."""
    nodes = [node for node in quantizable_nodes(graph) if node.op_type in PRODUCTS]
    names = [node.input[0] for node in nodes] + [node.output[0] for node in nodes if node.op_type == "Conv"]
    behind = set(followers(graph, [node.name for node in nodes]))
    return names + [node.output[0] for node in graph.graph.node if node.name in behind]


def quantize_static(
    graph: onnx.ModelProto, names: list[str], ranges: Mapping[str, Range], per_channel: bool, symmetric: bool
) -> onnx.ModelProto:
    """onnxruntime's ``quantize_static`` on the nodes ``names`` with given ranges of activations, from graph to graph.

    Products of matrices give floats, as integer products with a float output do; convolutions give integers, since
    onnxruntime has no integer convolution that does not.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantize
    from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data

    known = {name: (np.array(low), np.array(high)) for name, (low, high) in ranges.items()}
    with quiet(), tempfile.TemporaryDirectory() as folder:
        path, given = Path(folder) / "model.onnx", Path(folder) / "ranges.json"
        save_tensors_data(TensorsData(CalibrationMethod.MinMax, known), given)
        quantize(
            graph,
            path,
            calibration_cache_path=given,
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=names,
            op_types_to_quantize=[*PRODUCTS, "Relu"],
            per_channel=per_channel,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                "ActivationSymmetric": symmetric,
                "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"],
                "DefaultTensorType": onnx.TensorProto.FLOAT,
            },
        )
        made = onnx.load(path)
    del made.graph.value_info[:]
    return made
