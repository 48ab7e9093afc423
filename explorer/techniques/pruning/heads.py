"""Structured pruning of attention heads, physically removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from explorer.context import Context, ModelSubject
from explorer.technique import Family, ModelKind, Need, Stage, Technique, choice
from explorer.techniques import sliders
from explorer.techniques.pruning.removal import (
    BREAKS_PATTERNS,
    Importance,
    Scope,
    choose_kept,
    mean_squares,
    per_head,
    random_scores,
    removal,
    weight_scores,
)

if TYPE_CHECKING:
    import torch

    from explorer.models.activations import Activations
    from explorer.models.layers import Attention


class PruneHeads(Technique):
    """Removes the least important attention heads for good, so that attention has fewer parameters and less to
    compute.

    A head is its rows of query, key and value and its columns of the output. At least one stays in each layer. By our
    own surgery; the heads that go are those that torch-pruning takes.
    """

    name: ClassVar[str] = "prune-heads"
    title: ClassVar[str] = "Head pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"calibration", "gradients"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs accuracy, of which fine-tuning after it brings a part back."
    not_after: ClassVar[dict[str, str]] = BREAKS_PATTERNS
    paper: ClassVar[str] = (
        "Michel et al., Are sixteen heads really better than one?, 2019, arXiv:1905.10650; "
        "taylor: Molchanov et al., 2019, arXiv:1906.10771"
    )
    suits: ClassVar[tuple[ModelKind, ...]] = ("text transformer", "vision transformer")

    sparsity: float = sliders.removed("attention heads")
    importance: Importance = choice(
        "l2",
        help="What makes a head important: the size of its weights (l2, l1), its effect on the loss (taylor, needs "
        "gradients), how much it puts out for calibration inputs (activation), or chance (random, to compare with).",
    )
    scope: Scope = choice(
        "uniform", help="The same share from every layer (uniform), or the least important of all layers (global)."
    )

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import attentions
        from explorer.models.surgery import distinct, keep_heads

        if self.sparsity == 0:
            context.note("Nothing was removed.")
            return
        with removal(subject, context, gradients=self.importance == "taylor"):
            found = context.activations(subject) if self.importance == "activation" else {}
            layers = distinct(subject.model, attentions(subject.model), lambda attention: attention.output)
            scores = [self._scores(subject.model, one, found, context.seed + i) for i, one in enumerate(layers)]
            kept = choose_kept(scores, self.sparsity, self.scope, round_to=1)
            for attention, heads in zip(layers, kept, strict=True):
                keep_heads(subject.model, attention, heads)
        left = ", ".join(f"{len(heads)} of {len(score)}" for heads, score in zip(kept, scores, strict=True))
        context.note(f"Heads left in each layer: {left}.")

    def _scores(
        self, model: torch.nn.Module, attention: Attention, found: dict[str, Activations], seed: int
    ) -> torch.Tensor:
        from explorer.models.surgery import head_cuts

        if self.importance == "activation":
            return per_head(mean_squares(found, attention.output), attention.head_size)
        scores = weight_scores(head_cuts(model, attention), "l2" if self.importance == "random" else self.importance)
        heads = per_head(scores, attention.head_size)
        return random_scores(len(heads), seed) if self.importance == "random" else heads
