"""Named combinations of techniques that belong together: what the Compress page offers to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explorer.technique import ModelKind, Technique, build, techniques


@dataclass(frozen=True)
class Combination:
    """Steps in their order under one name; ``title`` and ``why`` are for people."""

    name: str
    title: str
    why: str
    steps: tuple[Mapping[str, Any], ...]

    def suits(self, kind: ModelKind | None) -> bool:
        """Whether every step works on this kind of model; an unknown kind is not refused."""
        return kind is None or all(kind in techniques()[step["technique"]].suits for step in self.steps)

    def built(self) -> list[Technique]:
        """The steps with every parameter; raises ``BadInput`` where a technique has changed under it."""
        return [build(dict(step)) for step in self.steps]


def _step(technique: str, **settings: Any) -> dict[str, Any]:
    return {"technique": technique, **settings}


INT8, RECOVER = _step("int8-dynamic"), _step("fine-tune")

COMBINATIONS: tuple[Combination, ...] = (
    Combination(
        "prune-recover-int8",
        "Prune neurons, recover, int8",
        "The usual way to a file that is smaller and faster on any processor.",
        (_step("prune-neurons"), RECOVER, INT8),
    ),
    Combination(
        "student-int8",
        "Distilled student in int8",
        "Half of the layers, taught by the whole model, then whole numbers: the largest speed-up for the least loss.",
        (_step("distill-student"), INT8),
    ),
    Combination(
        "heads-neurons-int8",
        "Heads and neurons, recover, int8",
        "Both halves of every layer become narrower.",
        (_step("prune-heads"), _step("prune-neurons"), RECOVER, INT8),
    ),
    Combination(
        "layers-static",
        "Drop layers, recover, static int8",
        "Whole layers go, and ranges are fixed beforehand.",
        (_step("prune-layers"), RECOVER, _step("int8-static")),
    ),
    Combination(
        "low-rank-int8",
        "Low rank, recover, int8",
        "Each matrix as a product of two thin ones, then whole numbers.",
        (_step("low-rank"), RECOVER, INT8),
    ),
    Combination(
        "vocabulary-student-int8",
        "Smaller vocabulary, student, int8",
        "For texts: words that never occur go first, they are half of a small model.",
        (_step("trim-vocabulary"), _step("distill-student"), INT8),
    ),
    Combination(
        "embeddings-int8",
        "Narrow embeddings, recover, int8",
        "The embedding table as two factors, then whole numbers.",
        (_step("factorize-embeddings"), RECOVER, INT8),
    ),
    Combination(
        "shared-4-bits",
        "Shared layers, recover, 4 bits",
        "The smallest download: one layer for all, in 4 bits. It computes as much as before.",
        (_step("share-layers"), RECOVER, _step("weight-bits", bits=4)),
    ),
    Combination(
        "two-of-four-fp16",
        "2:4 sparsity, recover, fp16",
        "For NVIDIA GPUs with sparse tensor cores; a processor gains nothing from the zeros.",
        (_step("prune-n-m"), RECOVER, _step("half-precision")),
    ),
    Combination(
        "deep-compression",
        "Deep compression",
        "Prune, recover, share values: the zipped file shrinks most.",
        (_step("prune-magnitude"), RECOVER, _step("cluster-weights")),
    ),
    Combination(
        "gradual-8-bits",
        "Gradual pruning, then 8 bits",
        "Zeros grow while the model trains, then weights of one byte.",
        (_step("prune-gradual"), _step("weight-bits", bits=8)),
    ),
    Combination(
        "prune-qat",
        "Prune neurons, then train for 4 bits",
        "Quantization-aware training repairs both cuts at once.",
        (_step("prune-neurons"), _step("quantization-aware-training")),
    ),
    Combination(
        "fused-int8",
        "Fused operators, then int8",
        "No training: the graph is tidied first, then quantized.",
        (_step("optimize-graph"), INT8),
    ),
)
