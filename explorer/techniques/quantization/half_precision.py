"""Half precision: weights as 16-bit floats, either computed with (fp16) or widened when the model is loaded (bf16)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar, Literal

from explorer.context import Context, GraphSubject
from explorer.technique import Family, Stage, Technique, choice

if TYPE_CHECKING:
    import onnx

LARGEST = 1e4
"""What larger constants become in fp16. An attention mask of -1e4 still gives exactly zero after the softmax, and a sum
of several never overflows."""


class HalfPrecision(Technique):
    """Stores every weight as a 16-bit float, which halves the file and hardly changes an answer; a GPU also
    computes faster with them, a CPU does not.

    ``fp16`` converts the whole graph by onnxruntime's own converter; the logits stay fp32. ONNX Runtime has few fp16
    kernels for CPUs and casts around the others. ``bf16`` keeps the range of fp32 with fewer digits and stores the
    matrices and tables only: they become fp32 when the model is loaded, so that time and memory stay as they were.
    """

    name: ClassVar[str] = "half-precision"
    title: ClassVar[str] = "Half precision"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "deploy"
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size")
    cost: ClassVar[str] = "Costs hardly any accuracy; on a CPU it does not gain speed."
    paper: ClassVar[str] = "Micikevicius et al., Mixed precision training, 2018, arXiv:1710.03740"

    precision: Literal["fp16", "bf16"] = choice(
        "fp16", help="fp16 for GPUs, which compute with it; bf16 where only the file is to be smaller."
    )

    def apply(self, subject: GraphSubject, context: Context) -> None:
        context.report(stage="apply", text=f"Converting weights to {self.precision}")
        if self.precision == "fp16":
            subject.graph = to_fp16(subject.graph)
            context.note(
                "Weights are stored and computed with in fp16; where a CPU has no such kernel ONNX Runtime casts to "
                "fp32 and back, which takes time."
            )
        else:
            count = store_as_bf16(subject.graph)
            context.note(
                f"{count} matrices and tables are stored in bf16 and cast to fp32 when the model is loaded: the file "
                "is smaller, time and memory are not.",
                tensors=float(count),
            )


def to_fp16(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph in fp16 with fp32 inputs and outputs, by onnxruntime's converter; constants are clamped to 10,000."""
    import onnx
    from onnxruntime.quantization.onnx_model import ONNXModel
    from onnxruntime.transformers.float16 import convert_float_to_float16

    given = onnx.ModelProto()
    given.CopyFrom(graph)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of every constant that it clamps
        made: onnx.ModelProto = convert_float_to_float16(given, keep_io_types=True, max_finite_val=LARGEST)
    ONNXModel(made).topological_sort()  # it puts the casts of inputs last
    del made.graph.value_info[:]
    return made


def store_as_bf16(graph: onnx.ModelProto) -> int:
    """Store every float matrix and table as bf16, rounded to the nearest, with a Cast to fp32 behind; their number."""
    import ml_dtypes
    import onnx
    from onnx import helper, numpy_helper

    casts = []
    for tensor in graph.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name = tensor.name
        halves = numpy_helper.to_array(tensor).astype(ml_dtypes.bfloat16)
        stored = onnx.helper.make_tensor(
            f"{name}_bf16", onnx.TensorProto.BFLOAT16, halves.shape, halves.tobytes(), raw=True
        )
        tensor.CopyFrom(stored)
        casts.append(helper.make_node("Cast", [stored.name], [name], name=f"{name}/Cast", to=onnx.TensorProto.FLOAT))
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend([*casts, *nodes])
    return len(casts)
