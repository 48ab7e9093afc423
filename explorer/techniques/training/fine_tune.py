"""Fine-tuning, mostly to recover what pruning lost."""

from __future__ import annotations

from typing import ClassVar

from explorer.context import Context, LearningRate, ModelSubject
from explorer.technique import Family, Need, Stage, Technique, choice, flag, slider
from explorer.techniques import sliders
from explorer.techniques.distillation.settings import ANNEALING_PAPER, Annealing


class FineTune(Technique):
    """Trains the model a little more on the task, so that it recovers from what was cut away; zeros and removed
    parts stay as they are."""

    name: ClassVar[str] = "fine-tune"
    title: ClassVar[str] = "Fine-tuning (recovery)"
    family: ClassVar[Family] = "training"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("accuracy",)
    cost: ClassVar[str] = "Costs training time; size and speed stay as they are."
    paper: ClassVar[str] = (
        "Renda et al., Comparing rewinding and fine-tuning, 2020, arXiv:2003.02389; " + ANNEALING_PAPER
    )

    epochs: float = sliders.passes()
    learning_rate: LearningRate = choice(
        "usual", help="Size of the steps: what suits this kind of model (usual), 0.3 times that, or 3 times that."
    )
    distill: bool = flag(True, help="Learn from the uncompressed model's answers as well as from the labels.")
    alpha: float = slider(
        0.5, low=0.0, high=1.0, step=0.05, unit="fraction", only_with="distill",
        help="Weight of the uncompressed model's answers against the labels; used with distillation.",
        move=sliders.ALPHA,
    )  # fmt: skip
    temperature: float = slider(
        2.0, low=1.0, high=10.0, step=0.5, only_with="distill",
        help="How much the teacher's answers are softened; used with distillation.",
        move=sliders.TEMPERATURE,
    )  # fmt: skip
    annealing: Annealing = choice(
        "none", only_with="distill",
        help="How the temperature falls to 1 while training: not at all (none), evenly (linear), or slowly at the "
        "start and at the end (cosine).",
    )  # fmt: skip

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.training.distillation import AnnealedLesson

        context.train(
            subject,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            distill=self.distill,
            alpha=self.alpha,
            temperature=self.temperature,
            lesson=AnnealedLesson(self.annealing),
        )
