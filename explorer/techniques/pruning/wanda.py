"""Unstructured pruning by weights and activations."""

from __future__ import annotations

from typing import ClassVar, Literal

from explorer.context import Context, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice
from explorer.techniques import sliders
from explorer.techniques.pruning.masks import Scope, wanda_scores
from explorer.techniques.pruning.zeroing import choose_masks, with_inputs, zero

ROW_HELP = (
    "Compare the weights that make one output with each other (row), those of each layer (layer), or all of the model "
    "(global)."
)


class PruneWanda(Technique):
    """Sets the weights to zero that are small or multiply small inputs, |weight| times the norm of what flows into it;
    the file keeps its size until it is zipped.

    The norm is that of each input feature over 256 calibration inputs; of a convolution, that of each input channel
    over all pixels. Needs no training. The classification head is left alone.
    """

    name: ClassVar[str] = "prune-wanda"
    title: ClassVar[str] = "Wanda pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = (
        "Costs accuracy, more at high sparsity; the speed and the file before zipping stay as they are."
    )
    paper: ClassVar[str] = "Sun et al., A simple and effective pruning approach, 2024, arXiv:2306.11695"

    sparsity: float = sliders.zeroed()
    scope: Literal["row", "layer", "global"] = choice("row", help=ROW_HELP + " The paper compares rows.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        import torch

        from explorer.models.layers import weighted

        weights = weighted(subject.model, embeddings=False)
        found = with_inputs(weights, context.activations(subject))
        scores = {name: wanda_scores(weights[name], torch.from_numpy(one.norm)) for name, one in found.items()}
        scope: Scope = self.scope
        zero(subject, context, choose_masks(subject, context, scores, self.sparsity, scope))
