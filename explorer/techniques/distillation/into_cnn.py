"""A student of another architecture than its teacher's: a small residual CNN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from explorer.context import Context, LearningRate, ModelSubject, plain_number
from explorer.errors import BadInput
from explorer.technique import Family, ModelKind, Need, Stage, Technique, choice, slider
from explorer.techniques import sliders
from explorer.techniques.distillation.settings import (
    ALPHA,
    ANNEALING,
    ANNEALING_PAPER,
    CUT,
    FACTORED,
    LEARNING_RATE,
    TEMPERATURE,
    TIED,
    ZEROS,
    Annealing,
)

if TYPE_CHECKING:
    import torch
    from transformers import ResNetConfig

ROUND_TO = 8
STEM_STRIDE = 4
"""The first convolution and the pooling after it halve the image twice."""
WIDEST = 512
"""Channels of the first stage; more than any published residual network has there."""


class DistillIntoCNN(Technique):
    """Replaces the model by a small new residual CNN that learns from random weights what a vision transformer or a
    larger CNN answers.

    Channels double from stage to stage; there are as many stages as the image can be halved, two to four.
    """

    name: ClassVar[str] = "distill-into-cnn"
    title: ClassVar[str] = "Student CNN"
    family: ClassVar[Family] = "distillation"
    stage: ClassVar[Stage] = "model"
    needs: ClassVar[frozenset[Need]] = frozenset({"training"})
    effect: ClassVar[tuple[str, ...]] = ("file size", "zipped size", "parameters")
    cost: ClassVar[str] = (
        "Costs long training from nothing, and accuracy; many small convolutions are not always faster."
    )
    paper: ClassVar[str] = (
        "Hinton et al., Distilling the knowledge in a neural network, 2015, arXiv:1503.02531; residual blocks: "
        "He et al., 2015, arXiv:1512.03385; " + ANNEALING_PAPER
    )
    suits: ClassVar[tuple[ModelKind, ...]] = ("vision transformer", "CNN")
    turns_into: ClassVar[ModelKind | None] = "CNN"
    not_after: ClassVar[dict[str, str]] = dict.fromkeys(
        (*ZEROS, *CUT, *FACTORED, *TIED, "prune-layers", "fine-tune", "distill-student", "distill-features",
         "distill-assistant"),
        "the CNN is new and learns from the uncompressed model, so nothing of the earlier step would be left",
    )  # fmt: skip

    size: float = slider(
        0.25, low=0.05, high=1.0, step=0.05, unit="fraction",
        help="Parameters of the CNN at most, as a share of the model's; the channels follow from it.",
        move=sliders.STORED,
    )  # fmt: skip
    blocks: Literal[1, 2, 3] = choice(
        1,
        help="Residual blocks in each stage: more of them are narrower.",
        move="Higher: a deeper and narrower network of the same size. Lower: a wider one with fewer steps to compute.",
    )
    epochs: float = slider(
        10.0, low=0.1, high=60.0, step=0.1, unit="epochs",
        help="How often the training data is gone through; a new network needs more than one that is cut out.",
        move=sliders.EPOCHS,
    )  # fmt: skip
    alpha: float = ALPHA
    temperature: float = TEMPERATURE
    annealing: Annealing = ANNEALING
    learning_rate: LearningRate = LEARNING_RATE

    def apply(self, subject: ModelSubject, context: Context) -> None:
        from explorer.models.layers import parameter_count
        from explorer.training.distillation import AnnealedLesson

        before = parameter_count(subject.model)
        config = cnn_config(subject, self.blocks, int(self.size * before))
        subject.model, subject.pruned = new_cnn(config, context.seed), set()
        after = parameter_count(subject.model)
        context.note(
            f"A residual CNN with {' and '.join(str(width) for width in config.hidden_sizes)} channels took the "
            f"model's place: {plain_number(after)} of {plain_number(before)} parameters ({after / before:.1%}).",
            parameters_before=before,
            parameters_after=after,
        )
        context.train(
            subject,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            distill=self.alpha > 0,
            alpha=self.alpha,
            temperature=self.temperature,
            fresh=True,
            lesson=AnnealedLesson(self.annealing),
        )


def cnn_config(subject: ModelSubject, blocks: int, most: int) -> ResNetConfig:
    """The widest residual CNN of at most ``most`` parameters for the subject's images and labels.

    Eight channels and more in the first stage are a multiple of 8. Raises ``BadInput`` where none is that small.
    """
    pixels: Any = subject.preprocessor.dummy(1, 0)["pixel_values"]
    old: Any = subject.model.config
    labels = {"id2label": old.id2label, "label2id": old.label2id}
    found = None
    for width in (*range(1, ROUND_TO), *range(ROUND_TO, WIDEST + 1, ROUND_TO)):
        config = _config(pixels.shape, width, blocks, labels)
        if (needed := _parameters(config)) > most:
            break
        found = config
    if found is None:
        raise BadInput(
            f"A residual CNN has {plain_number(needed)} parameters at least; 'size' leaves it {plain_number(most)}."
        )
    return found


def stages_for(side: int) -> int:
    """How often an image of ``side`` pixels, already halved twice, can be halved again: two to four stages.

    >>> [stages_for(side) for side in (8, 28, 224)]
    [2, 3, 4]
    """
    return min(4, max(2, round(math.log2(side / STEM_STRIDE))))


def _config(shape: Any, width: int, blocks: int, labels: dict[str, Any]) -> ResNetConfig:
    """For pixels of ``shape`` [N, C, height, width]."""
    from transformers import ResNetConfig

    stages = stages_for(min(shape[2:]))
    config = ResNetConfig(
        num_channels=shape[1],
        embedding_size=width,
        hidden_sizes=[width * 2**stage for stage in range(stages)],
        depths=[blocks] * stages,
        layer_type="basic",
        **labels,
    )
    config.architectures = ["ResNetForImageClassification"]
    return config


def _parameters(config: ResNetConfig) -> int:
    from explorer.models.layers import parameter_count
    from explorer.models.structure import fresh

    return parameter_count(fresh(config, device="meta"))


def new_cnn(config: ResNetConfig, seed: int) -> torch.nn.Module:
    """The CNN that ``config`` describes with random weights, in eval mode."""
    import torch

    from explorer.models.structure import fresh

    torch.manual_seed(seed)
    return fresh(config).eval()
