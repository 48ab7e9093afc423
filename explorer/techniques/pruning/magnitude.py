"""Unstructured magnitude pruning."""

from __future__ import annotations

from typing import ClassVar

from explorer.context import Context, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice, flag
from explorer.techniques import sliders
from explorer.techniques.pruning.masks import Magnitude, magnitude_scores
from explorer.techniques.pruning.zeroing import SCOPE_HELP, SENSITIVITY_PAPER, Scope, choose_masks, zero


class PruneMagnitude(Technique):
    """Sets the weights nearest to zero to exactly zero; the file keeps its size until it is zipped, and dense
    kernels keep their speed.

    Later training in the same recipe keeps the zeros. The classification head is left alone.
    """

    name: ClassVar[str] = "prune-magnitude"
    title: ClassVar[str] = "Magnitude pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = (
        "Costs accuracy, more at high sparsity; the speed and the file before zipping stay as they are."
    )
    paper: ClassVar[str] = (
        "Han et al., Learning both weights and connections, 2015, arXiv:1506.02626; " + SENSITIVITY_PAPER
    )

    sparsity: float = sliders.zeroed()
    importance: Magnitude = choice(
        "l1",
        help="Which weights stay: the largest (l1), those with the largest share of the squares of their layer (l2, "
        "which differs from l1 in the scope global only), or any (random, to compare with).",
    )
    scope: Scope = choice("global", help=SCOPE_HELP)
    embeddings: bool = flag(False, help="Prune the embedding tables too; they are half of a small text model.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import weighted

        weights = weighted(subject.model, self.embeddings)
        scores = {
            name: magnitude_scores(weight, self.importance, context.seed + number)
            for number, (name, weight) in enumerate(weights.items())
        }
        zero(subject, context, choose_masks(subject, context, scores, self.sparsity, self.scope))
