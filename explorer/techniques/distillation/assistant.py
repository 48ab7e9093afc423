"""A student that learns from assistants of sizes between the teacher's and its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, LearningRate, ModelSubject, Report, plain_number
from explorer.technique import Family, Need, Stage, Technique, choice, slider
from explorer.techniques import sliders
from explorer.techniques.distillation.settings import (
    ANNEALING,
    ANNEALING_PAPER,
    LAYERS,
    LEARNING_RATE,
    TEMPERATURE,
    WIDTH,
    Annealing,
    undone_by,
)
from explorer.techniques.distillation.student import Size, begin_student, student_of

if TYPE_CHECKING:
    import torch


class DistillAssistant(Technique):
    """Builds a smaller student that learns from an assistant of a size in between, which has learned from the teacher
    before.

    The student is the one that ``distill-student`` builds; every model of the chain starts from the teacher's weights.
    An assistant that would be as large as its neighbour in the chain is left out and its epochs go to the student.
    """

    name: ClassVar[str] = "distill-assistant"
    title: ClassVar[str] = "Student of an assistant"
    family: ClassVar[Family] = "distillation"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs training time, and accuracy: the smaller the student, the more."
    paper: ClassVar[str] = (
        "Mirzadeh et al., Improved knowledge distillation via teacher assistant, 2020, arXiv:1902.03393; "
        + ANNEALING_PAPER
    )
    not_after: ClassVar[dict[str, str]] = undone_by("distill-assistant")

    layers: float = LAYERS
    width: float = WIDTH
    assistants: Literal[1, 2] = choice(
        1,
        help="How many models stand between the teacher and the student.",
        move="Higher: smaller steps from teacher to student, less training each. Lower: larger steps, more training.",
    )
    epochs: float = slider(
        3.0, low=0.2, high=30.0, step=0.1, unit="epochs",
        help="How often the training data is gone through, by assistants and student together.",
        move=sliders.EPOCHS,
    )  # fmt: skip
    assistant_share: float = slider(
        0.5, low=0.1, high=0.9, step=0.05, unit="fraction",
        help="Share of the epochs in which the assistants learn; the student has the rest.",
        move="Higher: the student has a better teacher, and less time. Lower: it has more time, and a worse teacher.",
    )  # fmt: skip
    alpha: float = slider(
        0.5, low=0.05, high=1.0, step=0.05, unit="fraction",
        help="Weight of the answers of the model before it in the chain (soft) against the labels (hard).",
        move=sliders.ALPHA,
    )  # fmt: skip
    temperature: float = TEMPERATURE
    annealing: Annealing = ANNEALING
    learning_rate: LearningRate = LEARNING_RATE

    def apply(self, subject: ModelSubject, context: Context) -> None:
        student = ModelSubject(subject.model, subject.preprocessor, subject.pruned)
        begin_student(student, context, Size(self.layers, self.width))
        chain = self._assistants(subject, student.model, context)
        share = self.assistant_share / len(chain) if chain else 0.0
        teacher: torch.nn.Module | None = None
        for number, assistant in enumerate(chain):
            learner = ModelSubject(assistant, subject.preprocessor)
            self._train(learner, context, teacher, number * share, share)
            teacher = assistant
        begin = len(chain) * share
        self._train(student, context, teacher, begin, 1 - begin)
        subject.model = student.model

    def _assistants(self, subject: ModelSubject, student: torch.nn.Module, context: Context) -> list[torch.nn.Module]:
        """Untrained models of sizes between, the largest first; a note tells their parameters."""
        from explorer.models.layers import parameter_count

        example, found = subject.preprocessor.dummy(2, 16), []
        largest, smallest = parameter_count(subject.model), parameter_count(student)
        for size in between(Size(self.layers, self.width), self.assistants):
            assistant, _ = student_of(subject.model, size, example, context.seed)
            if smallest < parameter_count(assistant) < largest:
                found.append(assistant)
                largest = parameter_count(assistant)
        sizes = " and ".join(plain_number(parameter_count(assistant)) for assistant in found)
        context.note(
            f"Between teacher and student: {sizes} parameters." if found
            else "No assistant fits between teacher and student: the student learns from the teacher alone.",
            assistants=len(found),
        )  # fmt: skip
        return found

    def _train(
        self, learner: ModelSubject, context: Context, teacher: torch.nn.Module | None, begin: float, share: float
    ) -> None:
        """Train one model of the chain for its ``share`` of the epochs, after the share ``begin`` has passed."""
        from explorer.training.distillation import AnnealedLesson

        replace(context, report=portion(context.report, begin, share)).train(
            learner,
            epochs=self.epochs * share,
            learning_rate=self.learning_rate,
            distill=True,
            alpha=self.alpha,
            temperature=self.temperature,
            fresh=True,
            teacher=teacher,
            lesson=AnnealedLesson(self.annealing),
        )


def between(student: Size, count: int) -> Iterator[Size]:
    """``count`` sizes evenly spaced between the teacher's and the student's, the largest first.

    >>> [size.layers for size in between(Size(0.25, 1.0), 2)]
    [0.75, 0.5]
    """
    for number in range(1, count + 1):
        step = number / (count + 1)
        yield Size(1 - (1 - student.layers) * step, 1 - (1 - student.width) * step)


def portion(report: Report, begin: float, share: float) -> Report:
    """A report whose training is only a portion of the whole: it starts at ``begin`` and takes ``share`` of it."""

    def part(*, stage: str, text: str, fraction: float | None = None, **figures: Any) -> None:
        if stage == "train" and fraction is not None:
            fraction = begin + share * fraction
        report(stage=stage, text=text, fraction=fraction, **figures)

    return part
