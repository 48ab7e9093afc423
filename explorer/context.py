"""What a technique works on and what it is given: the subject and the context of ``Technique.apply``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import torch
    from numpy.typing import NDArray

    from explorer.models.activations import Activations
    from explorer.models.preprocess import Preprocessor
    from explorer.tasks import Task
    from explorer.training import Lesson
    from explorer.training.checkpoints import Checkpoint

LearningRate = Literal["gentle", "usual", "bold"]
RATE_FACTOR = {"gentle": 0.3, "usual": 1.0, "bold": 3.0}


class Report(Protocol):
    """Takes what a run is doing now; every argument but the first two may be missing."""

    def __call__(
        self,
        *,
        stage: str,
        text: str,
        fraction: float | None = None,
        samples_per_s: float | None = None,
        seconds_left: float | None = None,
        metrics: dict[str, float] | None = None,
    ) -> None: ...


@dataclass
class ModelSubject:
    """A PyTorch model that techniques of the stage ``model`` edit or train in place.

    ``preprocessor`` feeds it, and a step may replace it as well. ``pruned`` names the parameters whose zeros must stay
    zero in every later training.
    """

    model: torch.nn.Module
    preprocessor: Preprocessor
    pruned: set[str] = field(default_factory=set)

    def keep_zeros(self) -> dict[str, torch.Tensor]:
        """For each pruned parameter the mask of weights that live, of the parameter's shape and type bool."""
        parameters = dict(self.model.named_parameters())
        return {name: parameters[name].detach() != 0 for name in sorted(self.pruned) if name in parameters}


@dataclass
class GraphSubject:
    """An exported ONNX graph that techniques of the stage ``deploy`` edit; they may replace ``graph``.

    ``preprocessor`` feeds it; None stands for the baseline's.
    """

    graph: onnx.ModelProto
    preprocessor: Preprocessor | None = None


@dataclass
class Context:
    """Everything a technique may use besides its subject.

    Fields:
        task: data splits; techniques use ``train`` and ``calibration`` only.
        preprocessor: turns inputs into the baseline's tensors; a subject of the stage ``model`` has its own.
        teacher: gives the uncompressed baseline as a PyTorch model (loaded when first asked for).
        teacher_logits: gives the baseline's logits on the whole training split, [N, classes], from the cache.
        seed: for everything random in this step.
        report: takes progress.
        checkpoint: gives the next training its checkpoint; None where none is kept.
        notes, figures: what the step says about itself in the result.
    """

    task: Task
    preprocessor: Preprocessor
    teacher: Callable[[], torch.nn.Module]
    teacher_logits: Callable[[], NDArray[np.float32]]
    seed: int
    report: Report
    checkpoint: Callable[[], Checkpoint | None] = lambda: None
    notes: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def note(self, text: str, **figures: float) -> None:
        """Add a plain sentence, and the figures behind it, to the step's report."""
        self.notes.append(text)
        self.figures.update(figures)

    def train(
        self,
        subject: ModelSubject,
        *,
        epochs: float,
        learning_rate: LearningRate,
        distill: bool,
        alpha: float = 0.5,
        temperature: float = 2.0,
        fresh: bool = False,
        teacher: torch.nn.Module | None = None,
        lesson: Lesson | None = None,
    ) -> None:
        """Train the subject on the training split, optionally distilled from the baseline or from another ``teacher``.

        ``fresh`` chooses the higher usual learning rate of a model whose weights were only started from another's.
        ``lesson`` adds to the loop what is special to a technique. Zeros of pruned parameters stay zero.
        """
        from explorer import training

        usual = training.usual_plan(self.task.kind, fresh=fresh)
        rate = usual.learning_rate * RATE_FACTOR[learning_rate]
        plan = replace(usual, learning_rate=rate, epochs=epochs, seed=self.seed)
        known = teacher is None and not plan.augment
        outcome = training.train(
            subject.model,
            self.task.splits["train"],
            subject.preprocessor,
            plan,
            teacher=(teacher or self.teacher()) if distill and not known else None,
            teacher_logits=self.teacher_logits() if distill and known else None,
            alpha=alpha,
            temperature=temperature,
            keep_zeros=subject.keep_zeros(),
            lesson=lesson,
            report=self.report,
            checkpoint=self.checkpoint(),
        )
        subject.model.cpu()
        self.note(
            f"Trained {outcome.steps:,} steps at {outcome.samples_per_s:,.0f} samples per second, "
            f"learning rate {plan.learning_rate:.2g}, loss {outcome.losses[0]:.3f} to {outcome.losses[-1]:.3f}.",
            samples_per_s=outcome.samples_per_s,
        )

    def gradients(self, subject: ModelSubject, samples: int = 512) -> None:
        """Leave the gradient of the loss over ``samples`` training inputs on every parameter's ``.grad``."""
        from explorer import training

        self.report(stage="apply", text=f"Gradients of {samples} training inputs")
        part = self.task.splits["train"].subset(samples, self.seed)
        training.accumulate_gradients(subject.model, part, subject.preprocessor)

    def activations(self, subject: ModelSubject, gram: bool = False, samples: int = 256) -> dict[str, Activations]:
        """What flows into every linear and convolution layer over ``samples`` calibration inputs, by module name.

        Computed once for the same model and inputs and kept in the cache, also for other runs.
        """
        from explorer.models.activations import cached_activations

        self.report(stage="apply", text=f"Activations of {samples} calibration inputs")
        part = self.task.splits["calibration"].subset(samples, self.seed)
        return cached_activations(subject.model, subject.preprocessor.encode(part.inputs), gram)


def plain_number(value: Any) -> str:
    """A whole number with thousands separated."""
    return f"{int(value):,}"
