"""Mixed bit-width: each layer in as many bits as it needs and a budget allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider
from explorer.techniques import sliders
from explorer.techniques.quantization.calibrating import calibration_batches
from explorer.techniques.quantization.rounding import Rounding
from explorer.techniques.quantization.sensitivity import SAMPLES, sensitivities
from explorer.techniques.quantization.weight_bits import (
    candidates,
    finish_graph,
    matrix_of,
    replace_weight,
    rounded_weight,
    stored_group,
)

if TYPE_CHECKING:
    import onnx

WIDTHS = (2, 4, 8)
FLOAT_BYTES = 4


class MixedBits(Technique):
    """Chooses 2, 4 or 8 bits for each layer so that the answers change least within a budget of bytes; sensitive
    layers get more bits than others.

    The harm of a width is the change of the logits when that layer alone is rounded to it, and harms are taken to add
    up. Where HAWQ takes the curvature of the loss, this measures. The head stays float.
    """

    name: ClassVar[str] = "mixed-bits"
    title: ClassVar[str] = "Mixed bit-width"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "deploy"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size")
    cost: ClassVar[str] = "Costs accuracy, more on a small budget; the speed seldom gains."
    paper: ClassVar[str] = "Dong et al., HAWQ: Hessian aware quantization, 2019, arXiv:1905.03696"

    budget: float = slider(
        0.2,
        low=0.1,
        high=0.4,
        step=0.01,
        unit="fraction",
        help="Bytes of the packed weights as a share of the floats.",
        move=sliders.STORED,
    )
    group_size: Literal[16, 32, 64, 128] = choice(
        32,
        unit="weights",
        help="How many weights share one scale.",
        move=sliders.SHARED_SCALE,
    )
    embeddings: bool = flag(True, help="Quantize embedding tables too; they are half of a small text model.")

    @property
    def encodes(self) -> frozenset[str]:
        return frozenset({"layers", "embeddings"} if self.embeddings else {"layers"})

    def apply(self, subject: GraphSubject, context: Context) -> None:
        nodes, tensors = candidates(subject.graph, self.embeddings)
        if not tensors:
            raise BadInput("'mixed-bits' found no weights to quantize in this model with these settings.")
        readers = {tensor.name: nodes[name] for name, tensor in tensors.items()}
        by_name = {tensor.name: tensor for tensor in tensors.values()}
        bits = self._chosen(subject, context, readers, by_name)
        for name, tensor in tensors.items():
            replace_weight(subject.graph, nodes[name], tensor, bits[tensor.name], self.group_size)
        finish_graph(subject.graph)
        counts = Counter(bits.values())
        words = ", ".join(f"{counts[width]} in {width}" for width in WIDTHS if counts[width])
        figures = {f"layers_in_{width}_bits": float(counts[width]) for width in WIDTHS}
        context.note(f"Bits of {len(bits)} layers within {self.budget:.0%} of the float bytes: {words}.", **figures)

    def _chosen(
        self, subject: GraphSubject, context: Context, readers: Mapping[str, Any], tensors: Mapping[str, Any]
    ) -> dict[str, int]:
        """The bits of each weight, by name."""
        batches = calibration_batches(subject, context, SAMPLES)
        sizes, harms = {}, {}
        for width in WIDTHS:
            context.report(stage="apply", text=f"Sensitivity of {len(tensors)} layers to {width} bits")
            sizes[width] = [self._bytes(readers[name], tensor, width) for name, tensor in tensors.items()]
            rounding = Rounding(width)

            def stand_in(tensor: onnx.TensorProto, rounding: Rounding = rounding) -> np.ndarray:
                return rounded_weight(readers[tensor.name], tensor, self.group_size, rounding)

            settings = f"nearest {width} bits in {self.group_size}"
            found = sensitivities(subject.graph, tensors, stand_in, batches, settings)
            harms[width] = [found[name] for name in tensors]
        floats = sum(FLOAT_BYTES * int(np.prod(tensor.dims)) for tensor in tensors.values())
        rows = [list(zip(*layer, strict=True)) for layer in (sizes.values(), harms.values())]
        picked = choose(rows[0], rows[1], int(self.budget * floats))
        if picked is None:
            least = sum(min(row) for row in rows[0]) / floats
            raise BadInput(
                f"'mixed-bits' cannot store these layers in {self.budget:.0%} of their float bytes; with groups of "
                f"{self.group_size} the least is {np.ceil(100 * least):.0f} %."
            )
        return {name: WIDTHS[i] for name, i in zip(tensors, picked, strict=True)}

    def _bytes(self, node: onnx.NodeProto, tensor: Any, bits: int) -> int:
        from onnx import numpy_helper

        rows, columns = matrix_of(node, numpy_helper.to_array(tensor)).shape
        group = stored_group(node, self.group_size, columns)
        return packed_bytes(rows, columns, bits, group, padded=node.op_type in ("MatMul", "Gemm"))


def packed_bytes(rows: int, columns: int, bits: int, group: int, padded: bool) -> int:
    """Bytes of codes, scales and zero points of a matrix; ``padded`` where the last group of a row is stored whole."""
    groups = -(-columns // group)
    codes = groups * group if padded else columns
    return rows * (-(-codes * bits // 8) + FLOAT_BYTES * groups + -(-groups * bits // 8))


def choose(sizes: Sequence[Sequence[int]], harms: Sequence[Sequence[float]], budget: int) -> list[int] | None:
    """For each layer the option that together harm least within ``budget``; None where none fits.

    ``sizes`` and ``harms`` hold a row for each layer and a column for each option. Exact: a knapsack with one choice
    for each layer over all sums of sizes that are worth something, of which layers of like shapes have few.
    """
    rest = np.cumsum([0, *(min(row) for row in reversed(sizes))])[::-1][1:]  # the least that later layers take
    states: list[tuple[int, float, tuple[int, ...]]] = [(0, 0.0, ())]
    for row, harm, later in zip(sizes, harms, rest, strict=True):
        reached = [
            (taken + row[i], lost + harm[i], (*picked, i))
            for taken, lost, picked in states
            for i in range(len(row))
            if taken + row[i] + later <= budget
        ]
        states = _worthwhile(reached)
    return list(min(states, key=lambda state: state[1])[2]) if states else None


def _worthwhile(states: list[tuple[int, float, tuple[int, ...]]]) -> list[tuple[int, float, tuple[int, ...]]]:
    """Without those that take as much as another and harm no less."""
    kept: list[tuple[int, float, tuple[int, ...]]] = []
    for state in sorted(states):
        if not kept or state[1] < kept[-1][1]:
            kept.append(state)
    return kept
