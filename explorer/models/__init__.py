"""Where models come from: built-in ones, a Hugging Face id, or a local folder. torch is imported inside functions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from explorer.errors import BadInput
from explorer.tasks.base import Kind, Task
from explorer.technique import ModelKind, Technique, check_suits

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.preprocess import Preprocessor

Architecture = Literal["bert", "vit", "cnn", "other"]
KINDS: dict[Architecture, ModelKind] = {"bert": "text transformer", "vit": "vision transformer", "cnn": "CNN"}


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model without loading it.

    ``task`` is the built-in task, or the name of the user's data; ``parameters`` counts weights and
    ``file_bytes`` is what they take in float32 (4 bytes each).
    """

    name: str
    title: str
    kind: Kind
    architecture: Architecture
    task: str
    description: str
    parameters: int
    file_bytes: int
    labels: tuple[str, ...] = ()

    @property
    def model_kind(self) -> ModelKind | None:
        """What techniques ask for; None where only the loaded model can tell."""
        return KINDS.get(self.architecture, "text transformer" if self.kind == "text" else None)


@dataclass(frozen=True)
class LoadedModel:
    """A PyTorch model in eval mode with its preprocessor, its task and its card."""

    model: nn.Module
    preprocessor: Preprocessor
    task: Task
    card: ModelCard


def cards() -> dict[str, ModelCard]:
    """The built-in models by name. Reads small files, loads nothing."""
    from explorer.models import zoo

    return {name: zoo.card(name) for name in zoo.NAMES}


def card_for(model: str, data: str | None = None) -> ModelCard:
    """The card of any model; raises ``BadInput`` when it cannot be used, or needs data and none are given."""
    from explorer.models import hub, zoo
    from explorer.tasks import needs_data

    if model in zoo.NAMES:
        return zoo.card(model)
    card = hub.card(model, data)
    if data is None:
        raise BadInput(needs_data(model))
    return card


def check_files(model: str, data: str | None) -> None:
    """Refuse what files on this machine show to be wrong before anything is loaded; the hub is not asked.

    Raises ``BadInput``: a folder that is not there or has no head, data that are missing or without their columns.
    """
    from explorer.models import hub, zoo
    from explorer.tasks import check_data, needs_data

    kind: Kind | None = None
    if model in zoo.NAMES:
        kind = zoo.card(model).kind
    elif hub.is_folder(model):
        kind = hub.card(model, data).kind
    if data is not None:
        check_data(data, kind)
    elif model not in zoo.NAMES:
        raise BadInput(needs_data(model))


def check_steps(model: str, steps: Sequence[Technique]) -> None:
    """Refuse steps that do not work on a built-in model, before it is loaded; of others the run itself tells.

    Raises ``BadInput``.
    """
    from explorer.models import zoo

    if model in zoo.NAMES and (kind := zoo.card(model).model_kind) is not None:
        check_suits(steps, kind, model)


def model_digest(model: str) -> str:
    """A hash over the content of the model's files; of a hub model, over its id and the revision on this machine."""
    from explorer.models import hub, zoo

    return zoo.digest(model) if model in zoo.NAMES else hub.digest(model)


def load_model(model: str, data: str | None = None) -> LoadedModel:
    """Load the model and the task it is measured on.

    Raises ``BadInput``: no such model, no classification head, pickled weights, labels that do not match the data.
    """
    from explorer.models import hub, zoo
    from explorer.models.preprocess import ImagePreprocessor
    from explorer.tasks import load_task, user_task

    card = card_for(model, data)
    _quiet()
    network, preprocessor = zoo.load(model) if model in zoo.NAMES else hub.load(model)
    if data is None:
        return LoadedModel(network, preprocessor, load_task(card.task), card)
    fit = preprocessor.fit if isinstance(preprocessor, ImagePreprocessor) else None
    return LoadedModel(network, preprocessor, user_task(data, card.kind, card.labels, fit), card)


def _quiet() -> None:
    """Keep transformers' loading bars and reports out of the run's log, and what torchao says where it is installed.

    transformers imports torchao when it is there, which then reports kernels for other GPUs and Pythons as missing.
    """
    for name in ("torchao", "torch.utils._pytree"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    logging.getLogger("transformers").setLevel(logging.ERROR)
