"""Unstructured magnitude pruning."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from explorer.context import Context, ModelSubject, plain_number
from explorer.technique import Family, Stage, Technique, choice, flag, slider

if TYPE_CHECKING:
    import torch

Scope = Literal["global", "layer"]


class PruneMagnitude(Technique):
    """Sets the weights nearest to zero to exactly zero; the file keeps its size until it is zipped, and dense
    kernels keep their speed.

    Later training in the same recipe keeps the zeros. The classification head is left alone.
    """

    name: ClassVar[str] = "prune-magnitude"
    title: ClassVar[str] = "Magnitude pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    paper: ClassVar[str] = "Han et al., Learning both weights and connections, 2015, arXiv:1506.02626"

    sparsity: float = slider(
        0.5, low=0.0, high=0.95, step=0.05, unit="fraction", help="Share of the weights that becomes zero."
    )
    scope: Scope = choice(
        "global", help="Compare weights across the whole model (global) or inside each layer on its own (layer)."
    )
    embeddings: bool = flag(False, help="Prune the embedding tables too; they are half of a small text model.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        import torch

        from explorer.models.layers import parameter_count, weighted

        chosen = weighted(subject.model, self.embeddings)
        masks = magnitude_masks(list(chosen.values()), self.sparsity, self.scope)
        with torch.no_grad():
            for weight, mask in zip(chosen.values(), masks, strict=True):
                weight.mul_(mask)
        subject.pruned.update(chosen)
        zeros, total = sum(int((~mask).sum()) for mask in masks), parameter_count(subject.model)
        context.note(
            f"Set {plain_number(zeros)} of the model's {plain_number(total)} parameters to zero "
            f"({zeros / total:.1%}); they stay in the file as zeros.",
            zeros=zeros,
        )


def magnitude_masks(weights: list[torch.Tensor], sparsity: float, scope: Scope) -> list[torch.Tensor]:
    """Masks of the weights that stay (True), so that round(sparsity x count) of the smallest |w| go.

    Args:
        weights: tensors of any shape.
        sparsity: from 0 to below 1.
        scope: ``layer`` prunes each tensor by itself, ``global`` ranks all of them together.

    Matches ``torch.nn.utils.prune.l1_unstructured`` and ``global_unstructured``.
    """
    import torch

    if scope == "layer":
        return [magnitude_masks([weight], sparsity, "global")[0] for weight in weights]
    magnitudes = torch.cat([weight.detach().abs().flatten() for weight in weights])
    mask = torch.ones(magnitudes.numel(), dtype=torch.bool, device=magnitudes.device)
    count = round(sparsity * magnitudes.numel())
    if count:
        mask[torch.topk(magnitudes, count, largest=False).indices] = False
    pieces = torch.split(mask, [weight.numel() for weight in weights])
    return [piece.view_as(weight) for piece, weight in zip(pieces, weights, strict=True)]
