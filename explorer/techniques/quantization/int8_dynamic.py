"""Dynamic int8: weights stored as int8, activations quantized while the model runs."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, flag, slider, text
from explorer.techniques import sliders
from explorer.techniques.quantization.calibrating import Batches
from explorer.techniques.quantization.sensitivity import (
    KEEP_HELP,
    SENSITIVE_HELP,
    int8_sensitivities,
    kept_weights,
    quantizable,
)

if TYPE_CHECKING:
    import onnx

INTEGER_OPERATORS = ("MatMulInteger", "ConvInteger", "DequantizeLinear")


class Int8Dynamic(Technique):
    """Stores weights as 8-bit integers and computes with integers, quantizing activations on the fly; about
    four times smaller, and faster on CPUs with int8 instructions.

    Done by onnxruntime's own ``quantize_dynamic``. Integer convolutions are small but slow on CPUs.
    """

    name: ClassVar[str] = "int8-dynamic"
    title: ClassVar[str] = "Dynamic int8"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "deploy"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "latency")
    cost: ClassVar[str] = "Costs a little accuracy; a CPU without int8 instructions may be slower."
    paper: ClassVar[str] = (
        "Jacob et al., Quantization and training for integer-arithmetic-only inference, 2018, arXiv:1712.05877"
    )

    embeddings: bool = flag(True, help="Store embedding tables as int8 too; they are half of a small text model.")
    convolutions: bool = flag(
        True, help="Store and compute convolutions as integers too; smaller, but often slower on a CPU."
    )
    per_channel: bool = flag(False, help="One scale for each output channel of a matrix instead of one for all of it.")
    keep: str = text("", help=KEEP_HELP)
    keep_sensitive: float = slider(
        0.0, low=0.0, high=0.9, step=0.05, unit="fraction", help=SENSITIVE_HELP, move=sliders.KEPT
    )

    @property
    def encodes(self) -> frozenset[str]:
        return frozenset({"layers", "embeddings"} if self.embeddings else {"layers"})

    def apply(self, subject: GraphSubject, context: Context) -> None:
        from onnxruntime.quantization import QuantType

        context.report(stage="apply", text="Quantizing weights to int8")
        dense = ["MatMul", "Gemm", *(["Gather"] if self.embeddings else [])]
        kept = self._kept(subject, context, dense)
        subject.graph = quantize_dynamic(subject.graph, dense, self.per_channel, QuantType.QInt8, kept)
        if self.convolutions and any(node.op_type == "Conv" for node in subject.graph.graph.node):
            # Unsigned weights: onnxruntime's ConvInteger took 3.1 ms with them where signed ones took 4.4 ms.
            subject.graph = quantize_dynamic(subject.graph, ["Conv"], False, QuantType.QUInt8, kept)
        counts = Counter(node.op_type for node in subject.graph.graph.node)
        done = {name: counts[name] for name in INTEGER_OPERATORS if counts[name]}
        if not done:
            raise BadInput("'int8-dynamic' found no weights to quantize in this model with these settings.")
        words = ", ".join(f"{count} {name}" for name, count in done.items())
        context.note(f"Integer operators in the graph now: {words}.", **{k: float(v) for k, v in done.items()})

    def _kept(self, subject: GraphSubject, context: Context, dense: list[str]) -> list[str]:
        """The names of the nodes that stay in float."""
        operators = [*dense, *(["Conv"] if self.convolutions else [])]
        nodes, tensors = quantizable(subject.graph, operators)

        def measure(batches: Batches) -> dict[str, float]:
            return int8_sensitivities(subject.graph, nodes, self.per_channel, batches, "dynamic", self.name)

        kept = kept_weights(subject, context, tensors, self.keep, self.keep_sensitive, measure)
        found = [node for node in subject.graph.graph.node if kept & set(node.input)]
        # onnxruntime makes MatMul and Add of a Gemm before it looks at names
        return [name for node in found for name in (node.name, f"{node.name}_MatMul")]


def quantize_dynamic(
    graph: onnx.ModelProto, operators: list[str], per_channel: bool, weight_type: object, keep: Sequence[str] = ()
) -> onnx.ModelProto:
    """onnxruntime's ``quantize_dynamic`` on the named operators but the nodes in ``keep``, from graph to graph."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic as quantize

    with quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize(
            graph,
            path,
            op_types_to_quantize=operators,
            per_channel=per_channel,
            weight_type=weight_type,
            nodes_to_exclude=list(keep),
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
        return onnx.load(path)


@contextmanager
def quiet() -> Iterator[None]:
    """onnxruntime's quantizers advise at length in the log of the whole program."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
