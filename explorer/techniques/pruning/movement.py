"""Pruning by the direction in which training moves the weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from explorer.context import Context, LearningRate, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider
from explorer.techniques import sliders
from explorer.techniques.distillation.assistant import portion
from explorer.techniques.pruning.masks import keep_largest
from explorer.techniques.pruning.zeroing import last_of_all, zero

if TYPE_CHECKING:
    import torch

    from explorer.training import Lesson

BEGIN, END = 0.2, 0.7
"""Between these shares of the training the zeros grow: the paper too lets scores gather first and settle last."""


class PruneMovement(Technique):
    """Sets the weights to zero that fine-tuning moves towards zero, whatever their size, and recovers; the file keeps
    its size until it is zipped.

    A weight's score is minus the sum of weight times gradient over the fine-tuning. Made for models that still have to
    learn the task: one that has learned it moves at random, and a short training then takes large weights as well as
    small. The classification head is left alone. Later training in the same recipe keeps the zeros.
    """

    name: ClassVar[str] = "prune-movement"
    title: ClassVar[str] = "Movement pruning"
    family: ClassVar[Family] = "pruning"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("zipped size",)
    cost: ClassVar[str] = (
        "Costs training time, and accuracy at high sparsity; the speed and the file before zipping stay as they are."
    )
    paper: ClassVar[str] = "Sanh et al., Movement pruning, 2020, arXiv:2005.07683"

    sparsity: float = sliders.zeroed("Share of the weights that is zero at the end.")
    schedule: Literal["gradual", "end"] = choice(
        "gradual",
        help="Let the zeros grow while the scores are collected, as in the paper (gradual), or prune once when they "
        "are complete (end).",
    )
    scope: Literal["layer", "global"] = choice(
        "layer", help="Compare weights inside each layer on its own (layer) or across the whole model (global)."
    )
    epochs: float = slider(
        3.0, low=0.1, high=20.0, step=0.1, unit="epochs",
        help="How often the training data is gone through while scores are collected; the paper takes 6 to 10.",
        move="Higher: scores that rest on more, longer training. Lower: done sooner, on rougher scores.",
    )  # fmt: skip
    recovery: float = slider(
        1.0, low=0.0, high=20.0, step=0.1, unit="epochs",
        help="How often it is gone through afterwards, with the zeros kept.",
        move="Higher: more of the accuracy comes back, longer training. Lower: done sooner, less comes back.",
    )  # fmt: skip
    learning_rate: LearningRate = choice(
        "usual", help="Size of the steps: what suits this kind of model (usual), 0.3 times that, or 3 times that."
    )
    distill: bool = flag(True, help="Learn from the uncompressed model's answers as well as from the labels.")

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import weighted
        from explorer.training.sparsifying import MovementLesson, gradual_sparsity

        weights, gone = weighted(subject.model, embeddings=False), subject.keep_zeros()

        def choose(scores: list[torch.Tensor], sparsity: float) -> list[torch.Tensor]:
            ranked = last_of_all(dict(zip(weights, scores, strict=True)), gone)
            return keep_largest(list(ranked.values()), sparsity, self.scope)

        def growing(progress: float) -> float:
            return gradual_sparsity(progress, END, self.sparsity, BEGIN)

        lesson = MovementLesson(weights, choose, growing if self.schedule == "gradual" else None)
        share = self.epochs / (self.epochs + self.recovery)
        self._train(subject, context, self.epochs, 0.0, share, lesson)
        masks = choose([score.cpu() for score in lesson.scores], self.sparsity)
        zero(subject, context, dict(zip(weights, masks, strict=True)))
        if self.recovery:
            self._train(subject, context, self.recovery, share, 1 - share, None)

    def _train(
        self, subject: ModelSubject, context: Context, epochs: float, begin: float, share: float, lesson: Lesson | None
    ) -> None:
        """Train for the ``share`` of the whole training that starts at ``begin``."""
        replace(context, report=portion(context.report, begin, share)).train(
            subject, epochs=epochs, learning_rate=self.learning_rate, distill=self.distill, lesson=lesson
        )
