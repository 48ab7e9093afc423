"""A smaller student that also learns from what goes on inside its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from explorer.context import Context, LearningRate, ModelSubject
from explorer.errors import BadInput
from explorer.technique import Family, Need, Stage, Technique, choice, slider
from explorer.techniques.distillation.settings import (
    ALPHA,
    ANNEALING,
    ANNEALING_PAPER,
    EPOCHS,
    LAYERS,
    LEARNING_RATE,
    SEED_LAYERS,
    START,
    TEMPERATURE,
    WIDTH,
    Annealing,
    SeedLayers,
    Start,
    undone_by,
)
from explorer.techniques.distillation.student import Size, begin_student

if TYPE_CHECKING:
    import torch

    from explorer.training import Lesson


class DistillFeatures(Technique):
    """Builds a smaller student that imitates the teacher's hidden states and attention while it learns its answers.

    The teacher of the hidden states is the model as it comes to this step, that of the answers the uncompressed model.
    The projections between two widths are trained along and thrown away. A CNN has no attention: its stages' outputs
    are compared alone, as in FitNets.
    """

    name: ClassVar[str] = "distill-features"
    title: ClassVar[str] = "Student of hidden states"
    family: ClassVar[Family] = "distillation"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters", "latency")
    cost: ClassVar[str] = "Costs training time, and accuracy: the smaller the student, the more."
    paper: ClassVar[str] = (
        "tinybert: Jiao et al., TinyBERT, 2020, arXiv:1909.10351; minilm: Wang et al., MiniLM, 2020, arXiv:2002.10957 "
        "and MiniLMv2, 2021, arXiv:2012.15828; CNNs: Romero et al., FitNets, 2015, arXiv:1412.6550; " + ANNEALING_PAPER
    )
    not_after: ClassVar[dict[str, str]] = undone_by("distill-features")

    method: Literal["tinybert", "minilm"] = choice(
        "tinybert",
        help="What is imitated: hidden states and attention of all layers (tinybert), or how tokens relate to each "
        "other in the last layer (minilm, for transformers).",
    )
    relations: Literal["query-key-value", "attention-value"] = choice(
        "query-key-value", only_with="method=minilm",
        help="Relations between queries, between keys and between values (MiniLMv2), or the attention and those "
        "between values (MiniLM).",
    )  # fmt: skip
    feature_weight: float = slider(
        1.0, low=0.0, high=10.0, step=0.1,
        help="Weight of the imitation against the loss of the answers; 0 leaves it out.",
        move="Higher: closer to the teacher on the inside, its answers count less. Lower: mainly the answers count.",
    )  # fmt: skip
    layers: float = LAYERS
    width: float = WIDTH
    start: Start = START
    seed_layers: SeedLayers = SEED_LAYERS
    epochs: float = EPOCHS
    alpha: float = ALPHA
    temperature: float = TEMPERATURE
    annealing: Annealing = ANNEALING
    learning_rate: LearningRate = LEARNING_RATE

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import is_cnn
        from explorer.training.distillation import AnnealedLesson

        teacher, thaw = subject.model, self.start == "fresh"
        if is_cnn(teacher) and self.method == "minilm":
            raise BadInput("'method' is minilm but a CNN has no attention; expected is tinybert.")
        begin_student(subject, context, Size(self.layers, self.width, 1.0, self.start, self.seed_layers))
        if self.feature_weight:
            self._imitate(teacher, subject, context, thaw)
        else:
            self._train(subject, context, AnnealedLesson(self.annealing, thaw), None)

    def _imitate(self, teacher: torch.nn.Module, subject: ModelSubject, context: Context, thaw: bool) -> None:
        from explorer.training.distillation import FeatureLesson, Watched

        watched = Watched(teacher)
        answers = watched if self._answers_each_batch(teacher, context) else None
        example = subject.preprocessor.dummy(2, 16)
        lesson = FeatureLesson(watched, self.method, self.relations, self.feature_weight, example, self.annealing, thaw)
        with lesson:
            self._train(subject, context, lesson, answers)
        for first, last in lesson.course():
            context.note(
                f"Distance of what was imitated from the teacher's: {first:.3g} at the start, {last:.3g} at the end.",
                feature_loss_before=first,
                feature_loss_after=last,
            )

    def _answers_each_batch(self, teacher: torch.nn.Module, context: Context) -> bool:
        """Whether one pass of the teacher gives features and answers: texts have their answers in the cache."""
        return self.alpha > 0 and context.task.kind == "image" and same_weights(teacher, context.teacher())

    def _train(self, subject: ModelSubject, context: Context, lesson: Lesson, answers: torch.nn.Module | None) -> None:
        context.train(
            subject,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            distill=self.alpha > 0,
            alpha=self.alpha,
            temperature=self.temperature,
            fresh=True,
            teacher=answers,
            lesson=lesson,
        )


def same_weights(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    """Whether two models have the same weights under the same names."""
    import torch

    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
