"""Unstructured pruning by what each weight does to the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from explorer.context import Context, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice, flag
from explorer.techniques import sliders
from explorer.techniques.pruning.masks import taylor_scores
from explorer.techniques.pruning.zeroing import SCOPE_HELP, SENSITIVITY_PAPER, Scope, choose_masks, zero

if TYPE_CHECKING:
    import torch


class PruneTaylor(Technique):
    """Sets the weights to zero whose loss hardly changes without them, told by gradient times weight; the file keeps
    its size until it is zipped.

    The gradient is that of the mean loss over 512 training inputs. The classification head is left alone.
    """

    name: ClassVar[str] = "prune-taylor"
    title: ClassVar[str] = "Taylor pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"gradients", "calibration"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = (
        "Costs accuracy, more at high sparsity; the speed and the file before zipping stay as they are."
    )
    paper: ClassVar[str] = (
        "Molchanov et al., Importance estimation for neural network pruning, 2019, arXiv:1906.10771; "
        "Lee et al., SNIP, 2019, arXiv:1810.02340; " + SENSITIVITY_PAPER
    )

    sparsity: float = sliders.zeroed()
    scope: Scope = choice("global", help=SCOPE_HELP)
    embeddings: bool = flag(False, help="Prune the embedding tables too; they are half of a small text model.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import weighted

        context.gradients(subject)
        weights = weighted(subject.model, self.embeddings)
        scores = {name: taylor_scores(weight, _gradient(weight)) for name, weight in weights.items()}
        subject.model.zero_grad(set_to_none=True)
        zero(subject, context, choose_masks(subject, context, scores, self.sparsity, self.scope))


def _gradient(weight: Any) -> torch.Tensor:
    """The weight's gradient; zero for one that no answer depends on."""
    import torch

    return torch.zeros_like(weight) if weight.grad is None else weight.grad
