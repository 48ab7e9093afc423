"""Graph optimisation: operators fused in the file itself, before it is quantized."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from explorer.context import Context, GraphSubject
from explorer.technique import Family, ModelKind, Stage, Technique, choice
from explorer.techniques.conversion.heads import Heads, attention_heads, divide_by_scales

if TYPE_CHECKING:
    import onnx

    from explorer.models.preprocess import Arrays

Level = Literal["basic", "extended", "transformer"]

CONTRIB = "com.microsoft"
TOLERANCE = 1e-3
"""Largest difference of a logit that fusion may make, relative to the largest logit."""

LEFT_TO_LOADING = ["ConvActivationFusion", "GemmActivationFusion"]
"""Fusions that ONNX Runtime does when it loads the file anyhow, and that would hide weights from quantization."""

UNPACKED = "constants are computed in advance, which would turn its packed weights into floats again; put it first"
STORED = ("half-precision", "int8-dynamic", "int8-static", "mixed-bits", "quantize-embeddings", "weight-bits")


class OptimizeGraph(Technique):
    """Fuses operators in the file itself; ONNX Runtime does most of it when it loads a float file, so that the gain
    is a quicker start, and integers that are quicker when quantization comes after it.

    ``basic`` leaves standard operators only, which any runtime reads. ``extended`` and ``transformer`` use ONNX
    Runtime's own, on any of its processors; nothing is fitted to this machine. ``transformer`` fuses attention by
    onnxruntime's transformer optimizer, into MultiHeadAttention, whose matrices can be quantized afterwards.
    An exported CNN has nothing left to fuse.
    """

    name: ClassVar[str] = "optimize-graph"
    title: ClassVar[str] = "Graph optimisation"
    family: ClassVar[Family] = "conversion"
    stage: ClassVar[Stage] = "deploy"
    effect: ClassVar[tuple[str, ...]] = ("latency",)
    cost: ClassVar[str] = (
        "Costs no accuracy to speak of; the fused operators are ONNX Runtime's own, which others may lack."
    )
    paper: ClassVar[str] = "fusion in general: Niu et al., DNNFusion, 2021, arXiv:2108.13342"
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer", "vision transformer")
    not_after: ClassVar[dict[str, str]] = dict.fromkeys(
        (*STORED, "cluster-weights", "quantization-aware-training"), UNPACKED
    )

    level: Level = choice(
        "extended",
        help="Constants and redundant operators (basic, read by any runtime), fused operators of ONNX Runtime too "
        "(extended), or whole attentions (transformer).",
    )

    def apply(self, subject: GraphSubject, context: Context) -> None:
        context.report(stage="apply", text="Fusing operators")
        before = subject.graph
        if self.level == "transformer":
            example = padded_example((subject.preprocessor or context.preprocessor).dummy(2, 16))
            subject.graph = self._transformer(before, example, context)
        else:
            subject.graph = optimised(before, self.level)
        _note_fused(context, before, subject.graph)

    def _transformer(self, graph: onnx.ModelProto, example: Arrays, context: Context) -> onnx.ModelProto:
        """With attentions fused where that leaves the answers as they were, else as ``extended``."""
        heads = attention_heads(graph)
        if not heads:
            context.note("There is no attention to fuse; operators are fused as by extended.")
            return optimised(graph, "extended")
        if len(set(heads)) > 1:
            counts = ", ".join(str(one.count) for one in heads)
            context.note(f"Attentions were not fused: layers differ in their heads ({counts}).")
            return fused(graph, heads[0], attention=False)
        made = fused(graph, heads[0], attention=True)
        difference = _difference(graph, made, example)
        if not difference <= TOLERANCE:
            context.note("Attentions were not fused: the answers would change.")
            return fused(graph, heads[0], attention=False)
        if not any(node.op_type == "MultiHeadAttention" for node in made.graph.node):
            context.note("Attentions were not fused: onnxruntime does not know their form.")
        return made


def optimised(graph: onnx.ModelProto, level: Literal["basic", "extended"]) -> onnx.ModelProto:
    """What ONNX Runtime's own optimiser makes of a graph for any processor: constants folded, operators fused."""
    import onnx
    import onnxruntime

    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = levels.ORT_ENABLE_BASIC if level == "basic" else levels.ORT_ENABLE_EXTENDED
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=LEFT_TO_LOADING
        )
        return _tidy(onnx.load(path), graph)


def fused(graph: onnx.ModelProto, heads: Heads, attention: bool) -> onnx.ModelProto:
    """What onnxruntime's transformer optimizer makes of a graph; nothing in it depends on the machine."""
    import onnx
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    given = onnx.ModelProto()
    given.CopyFrom(graph)
    divide_by_scales(given)
    options: Any = FusionOptions("bert")
    options.enable_attention, options.use_multi_head_attention = attention, True
    options.use_raw_attention_mask(True)  # the other form counts tokens, which wants padding on the right
    options.enable_embed_layer_norm = False  # it would hide tables from quantization
    # onnxruntime 1.31 on a CPU took 12 % longer for the whole of MiniLM with SkipLayerNormalization
    options.enable_skip_layer_norm = options.enable_bias_skip_layer_norm = False
    with _quiet():
        made = optimize_model(
            given, "bert", num_heads=heads.count, hidden_size=heads.count * heads.size, optimization_options=options,
            opt_level=0,
        ).model  # fmt: skip
    return _tidy(made, graph)


def padded_example(arrays: Arrays) -> Arrays:
    """Inputs whose second text is half as long as the first."""
    mask = arrays.get("attention_mask")
    if mask is None:
        return arrays
    mask = mask.copy()
    mask[1, mask.shape[1] // 2 :] = 0
    return {**arrays, "attention_mask": mask}


def _difference(first: onnx.ModelProto, second: onnx.ModelProto, example: Arrays) -> float:
    """Largest difference of the logits of two graphs, relative to the largest; infinite where one does not run."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        answers = [
            onnxruntime.InferenceSession(
                graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
            ).run(["logits"], example)[0]
            for graph in (first, second)
        ]  # fmt: skip
    except Exception:  # ONNX Runtime's errors have no class in common
        return float("inf")
    return float(np.abs(answers[0] - answers[1]).max() / max(1.0, float(np.abs(answers[0]).max())))


def _tidy(made: onnx.ModelProto, original: onnx.ModelProto) -> onnx.ModelProto:
    """Declare the operators that are used and no others, and no shapes of what lies between them."""
    from onnx import helper

    versions = {opset.domain: opset.version for opset in [*made.opset_import, *original.opset_import]}
    domains = {node.domain for node in made.graph.node}
    del made.opset_import[:]
    made.opset_import.extend(helper.make_opsetid(name, versions.get(name, 1)) for name in sorted({"", *domains}))
    del made.graph.value_info[:]
    made.producer_name, made.producer_version = original.producer_name, original.producer_version
    made.ir_version = original.ir_version
    return made


def _note_fused(context: Context, before: onnx.ModelProto, after: onnx.ModelProto) -> None:
    old, new = (_operators(graph) for graph in (before, after))
    gained = {name: count - old[name] for name, count in sorted(new.items()) if count > old[name]}
    words = ", ".join(f"{count} {name}" for name, count in gained.items()) or "none"
    context.note(
        f"{old.total():,} operators became {new.total():,}; those that came in: {words}.",
        operators_before=float(old.total()),
        operators_after=float(new.total()),
        **{name: float(count) for name, count in gained.items()},
    )
    if any(node.domain == CONTRIB for node in after.graph.node):
        context.note("The file holds operators that only ONNX Runtime has.")


def _operators(graph: onnx.ModelProto) -> Counter[str]:
    """How many operators of each type compute something."""
    return Counter(node.op_type for node in graph.graph.node if node.op_type != "Constant")


@contextmanager
def _quiet() -> Iterator[None]:
    """The optimizer warns of a producer that it does not know."""
    logger = logging.getLogger("onnxruntime.transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
