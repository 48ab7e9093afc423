"""Magnitude pruning while the model trains."""

from __future__ import annotations

from typing import ClassVar, Literal

from explorer.context import Context, LearningRate, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider
from explorer.techniques import sliders
from explorer.techniques.pruning.masks import keep_largest, magnitude_scores
from explorer.techniques.pruning.zeroing import choose_masks, zero


class PruneGradual(Technique):
    """Lets the zeros grow while the model trains, the smallest weights first, so that the others can take over their
    part; the file keeps its size until it is zipped.

    The classification head is left alone. Later training in the same recipe keeps the zeros.
    """

    name: ClassVar[str] = "prune-gradual"
    title: ClassVar[str] = "Gradual pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = (
        "Costs training time, and accuracy at high sparsity; the speed and the file before zipping stay as they are."
    )
    paper: ClassVar[str] = (
        "cubic: Zhu and Gupta, To prune or not to prune, 2017, arXiv:1710.01878; "
        "rounds: Han et al., Learning both weights and connections, 2015, arXiv:1506.02626, in equal shares as "
        "Frankle and Carbin, The lottery ticket hypothesis, 2019, arXiv:1803.03635"
    )

    sparsity: float = sliders.zeroed("Share of the weights that is zero at the end.")
    schedule: Literal["cubic", "rounds"] = choice(
        "cubic",
        help="In many small steps, quickly at first and then ever more slowly (cubic), or a part at the start of each "
        "of some rounds of training (rounds).",
    )
    ramp: float = slider(
        0.7, low=0.1, high=1.0, step=0.05, unit="fraction", only_with="schedule=cubic",
        help="Share of the training in which the zeros grow; the rest is recovery.",
        move="Higher: the zeros come more gently, with less time to recover. Lower: they come sooner, with more time.",
    )  # fmt: skip
    rounds: int = slider(
        3, low=1, high=10, step=1, only_with="schedule=rounds",
        help="How often a part is pruned and the rest trained; 1 prunes everything first.",
        move="Higher: smaller cuts, each with less training. Lower: larger cuts, each with more training.",
    )  # fmt: skip
    scope: Literal["global", "layer"] = choice(
        "global", help="Compare weights across the whole model (global) or inside each layer on its own (layer)."
    )
    embeddings: bool = flag(False, help="Prune the embedding tables too; they are half of a small text model.")
    epochs: float = sliders.passes()
    learning_rate: LearningRate = choice(
        "usual", help="Size of the steps: what suits this kind of model (usual), 0.3 times that, or 3 times that."
    )
    distill: bool = flag(True, help="Learn from the uncompressed model's answers as well as from the labels.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import weighted
        from explorer.training.sparsifying import GradualLesson

        lesson = GradualLesson(
            lambda model: weighted(model, self.embeddings),
            self._sparsity_at,
            lambda scores, sparsity: keep_largest(scores, sparsity, self.scope),
        )
        context.train(
            subject, epochs=self.epochs, learning_rate=self.learning_rate, distill=self.distill, lesson=lesson
        )
        weights = weighted(subject.model, self.embeddings)
        scores = {name: magnitude_scores(weight, "l1") for name, weight in weights.items()}
        zero(subject, context, choose_masks(subject, context, scores, self.sparsity, self.scope))

    def _sparsity_at(self, progress: float) -> float:
        from explorer.training.sparsifying import gradual_sparsity, rounds_sparsity

        if self.schedule == "rounds":
            return rounds_sparsity(progress, self.rounds, self.sparsity)
        return gradual_sparsity(progress, self.ramp, self.sparsity)
