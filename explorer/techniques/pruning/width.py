"""Structured pruning of the hidden width, physically removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, ModelSubject
from explorer.technique import Family, ModelKind, Need, Stage, Technique, choice
from explorer.techniques import sliders
from explorer.techniques.pruning.removal import (
    BREAKS_PATTERNS,
    Importance,
    choose_kept,
    mean_squares,
    random_scores,
    removal,
    weight_scores,
)

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Activations


class PruneWidth(Technique):
    """Removes the least important hidden dimensions of a transformer everywhere, from the embeddings to the head, while
    attention heads and neurons stay.

    The same dimensions go from every layer, since all of them read and write one residual stream. By our own surgery;
    the places are those that torch-pruning's dependency graph finds. Expect a deep fall without training afterwards.
    """

    name: ClassVar[str] = "prune-width"
    title: ClassVar[str] = "Width pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration", "gradients"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs accuracy, of which fine-tuning after it brings a part back."
    not_after: ClassVar[dict[str, str]] = BREAKS_PATTERNS
    paper: ClassVar[str] = (
        "Xia et al., Structured pruning learns compact and accurate models, 2022, arXiv:2204.00408; "
        "taylor: Molchanov et al., 2019, arXiv:1906.10771"
    )
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer", "vision transformer")

    sparsity: float = sliders.removed("hidden dimensions", usual=0.3)
    importance: Importance = choice(
        "l2",
        help="What makes a dimension important: the size of its weights (l2, l1), its effect on the loss (taylor, "
        "needs gradients), what layers read there for calibration inputs (activation), or chance (random, to compare "
        "with).",
    )
    round_to: Literal[1, 8, 16] = choice(
        8, help="The width becomes a multiple of this; kernels like 8 and 16.", move=sliders.ROUND_TO
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.surgery import hidden_cuts, keep

        if self.sparsity == 0:
            context.note("Nothing was removed.")
            return
        with removal(subject, context, gradients=self.importance == "taylor"):
            places = hidden_cuts(subject.model)
            width = places[0].tensor.shape[places[0].axis]
            if self.importance == "activation":
                scores = stream_squares(subject.model, context.activations(subject))
            elif self.importance == "random":
                scores = random_scores(width, context.seed)
            else:
                scores = weight_scores(places, self.importance)
            left = choose_kept([scores], self.sparsity, "uniform", self.round_to)[0]
            keep(places, left)
        context.note(f"Hidden width {len(left)} of {width}.")


def stream_squares(model: Any, found: dict[str, Activations]) -> torch.Tensor:
    """The mean square of each hidden dimension where attention and feed-forward blocks read it, their mean, [H]."""
    import torch

    from explorer.models.layers import attentions, feed_forwards
    from explorer.models.surgery import distinct

    readers = [attention.inputs[0] for attention in attentions(model)] + [block.up for block in feed_forwards(model)]
    names = distinct(model, readers, lambda name: name)
    return torch.stack([mean_squares(found, name) for name in names]).mean(dim=0)
