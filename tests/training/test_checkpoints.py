"""A training that was interrupted and goes on from its checkpoint ends exactly where an uninterrupted one does."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer import training
from explorer.errors import Cancelled
from explorer.models.preprocess import ImagePreprocessor, TextPreprocessor
from explorer.tasks import Split
from explorer.techniques.pruning.masks import keep_largest
from explorer.training.checkpoints import Checkpoint
from explorer.training.sparsifying import GradualLesson, MovementLesson
from tests.models import tiny

PLAN = training.Plan(epochs=3, learning_rate=5e-3, batch_size=16, seed=1)
TEXTS = TextPreprocessor(tiny.tokenizer(), 16, ("input_ids", "attention_mask", "token_type_ids"))
IMAGES = ImagePreprocessor(8, 8, 3, (0.5,) * 3, (0.25,) * 3)


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINT_S", "0")


def texts() -> Split:
    return Split(*tiny.texts(160))


def images() -> Split:
    labels = np.arange(48) % 2
    pixels = np.random.default_rng(0).integers(0, 120, (48, 8, 8, 3)) + 120 * labels[:, None, None, None]
    return Split(pixels.astype(np.uint8), labels.astype(np.int64))


def choose(scores: list[Tensor], sparsity: float) -> list[Tensor]:
    return keep_largest(scores, sparsity, "layer")


def _weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.named_parameters() if name.endswith("intermediate.dense.weight")}


def gradual(_: nn.Module) -> training.Lesson:
    return GradualLesson(_weights, lambda progress: round(progress, 1) / 2, choose)


def movement(model: nn.Module) -> training.Lesson:
    return MovementLesson(_weights(model), choose, lambda progress: round(progress, 1) / 2)


def plain(_: nn.Module) -> training.Lesson:
    return training.Lesson()


@dataclasses.dataclass
class Stops:
    """Says that the training is cancelled when it asks before step ``at``."""

    at: int
    asked: int = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked == self.at


@pytest.mark.parametrize(
    ("make", "split", "preprocessor", "lesson", "plan"),
    [
        (tiny.bert, texts(), TEXTS, plain, PLAN),
        (tiny.bert, texts(), TEXTS, gradual, PLAN),
        (tiny.bert, texts(), TEXTS, movement, PLAN),
        (tiny.vit, images(), IMAGES, plain, dataclasses.replace(PLAN, augment=True)),
    ],
    ids=["text", "text, gradual pruning", "text, movement pruning", "vision transformer"],
)
def test_it_goes_on_as_if_nothing_had_happened(tmp_path, make, split, preprocessor, lesson, plan) -> None:
    def train(model: nn.Module, checkpoint: Checkpoint | None, cancelled: Callable[[], bool] | None = None):
        how = {"lesson": lesson(model), "checkpoint": checkpoint, "cancelled": cancelled}
        return training.train(model, split, preprocessor, plan, **how)

    whole, first, second = make(), make(), make()
    steps = train(whole, None).steps
    with pytest.raises(Cancelled):
        train(first, Checkpoint(tmp_path / "kept"), Stops(at=steps // 2 + 1))
    asked = Stops(at=-1)
    assert train(second, Checkpoint(tmp_path / "kept"), asked).steps == steps
    assert asked.asked == steps - steps // 2
    for (name, expected), (_, found) in zip(whole.state_dict().items(), second.state_dict().items(), strict=True):
        assert torch.equal(expected, found), name


@pytest.fixture
def kept(tmp_path) -> Path:
    with pytest.raises(Cancelled):
        training.train(
            tiny.bert(), texts(), TEXTS, PLAN, checkpoint=Checkpoint(tmp_path / "kept"), cancelled=Stops(at=6)
        )
    return tmp_path / "kept"


def _steps_taken(kept: Path, model: nn.Module, plan: training.Plan) -> int:
    asked = Stops(at=-1)
    training.train(model, texts(), TEXTS, plan, checkpoint=Checkpoint(kept), cancelled=asked)
    return asked.asked


def test_a_checkpoint_of_the_same_training_is_taken(kept) -> None:
    assert _steps_taken(kept, tiny.bert(), PLAN) == 25


def test_a_checkpoint_of_another_plan_is_not_taken(kept) -> None:
    assert _steps_taken(kept, tiny.bert(), dataclasses.replace(PLAN, learning_rate=1e-3)) == 30


def test_a_checkpoint_of_another_model_is_not_taken(kept) -> None:
    assert _steps_taken(kept, tiny.bert(("one", "two", "three")), PLAN) == 30


def test_garbage_is_not_taken(kept) -> None:
    kept.write_bytes(os.urandom(1000))
    assert _steps_taken(kept, tiny.bert(), PLAN) == 30


def test_a_full_disk_does_not_end_the_training(tmp_path, monkeypatch) -> None:
    checkpoint = Checkpoint(tmp_path / "missing" / "kept")  # nothing can be written there
    assert training.train(tiny.bert(), texts(), TEXTS, PLAN, checkpoint=checkpoint).steps == 30


def test_a_quick_training_leaves_none(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("EXPLORER_CHECKPOINT_S")
    training.train(tiny.bert(), texts(), TEXTS, PLAN, checkpoint=Checkpoint(tmp_path / "kept"))
    assert list(tmp_path.iterdir()) == []
