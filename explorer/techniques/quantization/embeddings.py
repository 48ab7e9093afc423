"""Embedding tables alone in 8 or 4 bits."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from explorer.context import Context, GraphSubject
from explorer.errors import BadInput
from explorer.technique import Family, ModelKind, Stage, Technique, choice
from explorer.techniques import sliders
from explorer.techniques.quantization.weight_bits import candidates, finish_graph, replace_weight


class QuantizeEmbeddings(Technique):
    """Stores embedding tables in 8 or 4 bits and unpacks only the rows that are looked up; they are half of a small
    text model, and cost no time.

    Tables become GatherBlockQuantized. What the layers are stored in is left to another step.
    """

    name: ClassVar[str] = "quantize-embeddings"
    title: ClassVar[str] = "Quantized embeddings"
    family: ClassVar[Family] = "quantization"
    stage: ClassVar[Stage] = "deploy"
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size")
    cost: ClassVar[str] = "Costs hardly any accuracy in 8 bits, some in 4; the speed stays as it is."
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer",)
    paper: ClassVar[str] = "Zafrir et al., Q8BERT: quantized 8bit BERT, 2019, arXiv:1910.06188"

    bits: Literal[8, 4] = choice(
        8, unit="bits", help="Bits that each number of a table is stored in.", move=sliders.STORED
    )
    group_size: Literal[16, 32, 64, 128] = choice(
        32,
        unit="weights",
        help="How many numbers share one scale.",
        move=sliders.SHARED_SCALE,
    )

    @property
    def encodes(self) -> frozenset[str]:
        return frozenset({"embeddings"})

    def apply(self, subject: GraphSubject, context: Context) -> None:
        context.report(stage="apply", text=f"Packing embedding tables into {self.bits} bits")
        nodes, tensors = candidates(subject.graph, embeddings=True)
        tables = {name: tensor for name, tensor in tensors.items() if nodes[name].op_type == "Gather"}
        if not tables:
            raise BadInput("'quantize-embeddings' found no embedding tables in this model.")
        sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in tables.values()}
        for name, tensor in tables.items():
            replace_weight(subject.graph, nodes[name], tensor, self.bits, self.group_size)
        finish_graph(subject.graph)
        count = sum(sizes.values())
        words = f"{count:,} numbers of {len(sizes)} tables are stored in {self.bits} bits, one scale for"
        context.note(f"{words} {self.group_size}.", weights=float(count))
