"""Quantization-aware training: the model learns with the rounding that it will be stored with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from explorer.context import Context, GraphSubject, LearningRate, ModelSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider
from explorer.techniques import sliders
from explorer.techniques.quantization.int8_dynamic import quantize_dynamic
from explorer.techniques.quantization.rounding import Rounding
from explorer.techniques.quantization.weight_bits import (
    WHOLE_ROWS,
    candidates,
    finish_graph,
    fitting_group,
    replace_weight,
    rounded_weight,
)

if TYPE_CHECKING:
    import onnx
    import torch

    from explorer.training.fake_quantization import Fake

ON_GRID = 1e-5
"""How far a weight of the exported graph may lie from what is stored, relative to the largest: digits of float32."""

PRODUCTS = ("MatMul", "Gemm")


class QuantizationAwareTraining(Technique):
    """Trains the model while its weights are rounded to a few bits, so that it learns to live with them, and stores
    exactly these weights.

    Gradients go straight through the rounding. Weights are stored as by weight-bits, or, with int8 activations, those
    of linear layers as by int8-dynamic with one scale a channel; convolutions and tables then take 8 bits and their
    inputs stay float. The head stays float. A table of words does not learn: it is rounded at the start. ONNX Runtime's
    answers are the simulation's but for the last digits; where a 4-bit matrix has one scale a channel it rounds
    activations to 8 bits of its own accord.
    """

    name: ClassVar[str] = "quantization-aware-training"
    title: ClassVar[str] = "Quantization-aware training"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "model"
    finishes: ClassVar[bool] = True
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size")
    cost: ClassVar[str] = (
        "Costs training time, and a little accuracy; the speed gains only where activations are 8-bit too."
    )
    paper: ClassVar[str] = (
        "Jacob et al., Quantization and training of neural networks, 2018, arXiv:1712.05877; "
        "gradients: Bengio et al., 2013, arXiv:1308.3432"
    )

    bits: Literal[8, 4, 3, 2] = choice(
        4,
        unit="bits",
        only_with="activations=float",
        help="Bits that each weight is rounded to; 3 are stored in 4.",
        move=sliders.STORED,
    )
    granularity: Literal["groups", "channel"] = choice(
        "groups", only_with="activations=float",
        help="What shares one scale: a group of weights, or an output channel.",
    )  # fmt: skip
    group_size: Literal[16, 32, 64, 128] = choice(
        32, unit="weights", only_with="granularity=groups",
        help="How many weights share one scale.",
        move=sliders.SHARED_SCALE,
    )  # fmt: skip
    embeddings: bool = flag(True, help="Quantize embedding tables too; they are half of a small text model.")
    activations: Literal["float", "int8"] = choice(
        "float",
        help="Keep what flows between layers in float, or compute linear layers with 8-bit integers, weights too.",
    )
    epochs: float = sliders.passes()
    learning_rate: LearningRate = choice(
        "gentle", help="Size of the steps: what suits this kind of model (usual), 0.3 times that, or 3 times that."
    )
    distill: bool = flag(True, help="Learn from the uncompressed model's answers as well as from the labels.")
    alpha: float = slider(
        0.5, low=0.0, high=1.0, step=0.05, unit="fraction", only_with="distill",
        help="Weight of the uncompressed model's answers against the labels.",
        move=sliders.ALPHA,
    )  # fmt: skip
    temperature: float = slider(
        2.0,
        low=1.0,
        high=10.0,
        step=0.5,
        only_with="distill",
        help="How much the teacher's answers are softened.",
        move=sliders.TEMPERATURE,
    )

    @property
    def encodes(self) -> frozenset[str]:
        return frozenset({"layers", "embeddings"} if self.embeddings else {"layers"})

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.training.fake_quantization import QuantizedLesson

        weights, inputs = self._grids(subject.model)
        lesson = QuantizedLesson(weights, inputs)
        try:
            context.train(
                subject,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                distill=self.distill,
                alpha=self.alpha,
                temperature=self.temperature,
                lesson=lesson,
            )
        finally:
            lesson.remove(subject.model)
        context.note(
            f"Trained with the weights of {len(weights)} layers and tables rounded to {self._bits} bits"
            + (f", and the inputs of {len(inputs)} to 8." if inputs else "."),
            layers=float(len(weights)),
        )

    def _grids(self, model: torch.nn.Module) -> tuple[dict[str, Fake], list[str]]:
        """The grid of every weight by its module's name, and the modules whose inputs are rounded."""
        import torch

        from explorer.models.layers import weighted
        from explorer.training.fake_quantization import GroupGrid, int8_rows

        grids: dict[str, Fake] = {}
        inputs = []
        for name, weight in weighted(model, self.embeddings).items():
            place = name.removesuffix(".weight")
            module = model.get_submodule(place)
            if self.activations == "int8" and isinstance(module, torch.nn.Linear):
                inputs.append(place)
                grids[place] = int8_rows
            else:
                fitted = self._group if isinstance(module, torch.nn.Conv2d) else self._fitting(weight[0].numel())
                grids[place] = GroupGrid(self._bits, fitted)
        if self.activations == "int8" and not inputs:
            raise BadInput(
                "'activations' is int8, which is for linear layers; this model has none besides its head. Expected is "
                "float."
            )
        return grids, inputs

    @property
    def _bits(self) -> int:
        return 8 if self.activations == "int8" else self.bits

    @property
    def _group(self) -> int:
        return self.group_size if self.activations == "float" and self.granularity == "groups" else WHOLE_ROWS

    def _fitting(self, width: int) -> int:
        return fitting_group(self._group, width) if self._group else WHOLE_ROWS

    def finish(self, subject: GraphSubject, context: Context) -> None:
        nodes, tensors = candidates(subject.graph, self.embeddings)
        products = self.activations == "int8"
        integers = {name for name, node in nodes.items() if products and node.op_type in PRODUCTS}
        quantize = Rounding(self._bits, "nearest", "groups" if self._group else "channel")
        packed: dict[str, int] = {}
        for name, tensor in tensors.items():
            if name not in integers and _is_on_grid(nodes[name], tensor, self._group, quantize):
                replace_weight(subject.graph, nodes[name], tensor, self._stored, self._group, quantize)
                packed[tensor.name] = int(np.prod(tensor.dims))
        finish_graph(subject.graph)
        packed |= {tensors[name].name: int(np.prod(tensors[name].dims)) for name in integers}
        if integers:
            subject.graph = _with_integers(subject.graph, integers)
        left = len({tensor.name for tensor in tensors.values()}) - len(packed)
        more = f"; {left} weights that did not lie on their grid stay float" if left else ""
        count = sum(packed.values())
        context.note(f"{count:,} weights are stored in {self._stored} bits as they were trained{more}.", weights=count)

    @property
    def _stored(self) -> int:
        return 4 if self._bits == 3 else self._bits


def _is_on_grid(node: onnx.NodeProto, tensor: Any, group: int, quantize: Rounding) -> bool:
    """Whether storing a weight changes no more than its last digits."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor)
    moved = np.abs(rounded_weight(node, tensor, group, quantize) - values).max()
    return bool(moved <= ON_GRID * max(float(np.abs(values).max()), 1e-30))


def _with_integers(graph: onnx.ModelProto, names: set[str]) -> onnx.ModelProto:
    """Integer products in the place of the named ones, with activations quantized on the fly."""
    from onnxruntime.quantization import QuantType

    others = [node.name for node in graph.graph.node if node.op_type in PRODUCTS and node.name not in names]
    # onnxruntime makes MatMul and Add of a Gemm before it looks at names
    keep = [name for other in others for name in (other, f"{other}_MatMul")]
    return quantize_dynamic(graph, list(PRODUCTS), True, QuantType.QInt8, keep)
