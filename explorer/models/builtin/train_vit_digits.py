"""Trains ``vit-digits``: a small vision transformer, distilled from ``cnn-digits`` on augmented digits.

A transformer has to learn from 3,000 images what a convolution has built in, so it sees each of them in hundreds of
variants. The epoch is chosen on validation; the test split is scored once, at the end.
``python -m explorer.models.builtin.train_vit_digits``; interrupt it at any time, the best epoch so far is kept.
"""

from __future__ import annotations

import argparse
import time

import torch
from transformers import ViTConfig, ViTForImageClassification

from explorer import training
from explorer.errors import Cancelled
from explorer.models import zoo
from explorer.models.builtin import publish
from explorer.models.builtin.train_cnn_digits import PREPROCESSOR
from explorer.tasks import Task, load_task

PLAN = training.Plan(
    epochs=150, learning_rate=2e-3, batch_size=100, weight_decay=0.05, schedule="cosine", augment=True, seed=0
)
ALPHA, TEMPERATURE = 0.7, 2.0
CHECK_EVERY = 10


def build(labels: tuple[str, ...]) -> ViTForImageClassification:
    """The untrained network: 6 layers of width 96 over 16 patches of 7 x 7 pixels."""
    config = ViTConfig(
        image_size=28,
        patch_size=7,
        num_channels=1,
        hidden_size=96,
        num_hidden_layers=6,
        num_attention_heads=6,
        intermediate_size=384,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
        attn_implementation="eager",
    )
    return mimetic(ViTForImageClassification(config))


@torch.no_grad()
def mimetic(model: ViTForImageClassification) -> ViTForImageClassification:
    """Start attention where training on much data ends: patches look at themselves and at near ones.

    Trockman and Kolter, Mimetic initialization of self-attention layers, 2023, arXiv:2305.09828: in every head
    ``W_Q W_K^T`` is about ``0.7 Z + 0.7 I``, ``W_V W_O`` about ``0.4 Z - 0.4 I``, and positions start as waves.
    """
    width, heads = model.config.hidden_size, model.config.num_attention_heads
    size = width // heads
    for layer in model.vit.layers:
        attention = layer.attention
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)
            left, values, right = torch.linalg.svd(0.7 * (torch.randn(width, width) / width**0.5 + torch.eye(width)))
            attention.q_proj.weight[rows] = (left[:, :size] * values[:size].sqrt()).T
            attention.k_proj.weight[rows] = right[:size] * values[:size].sqrt()[:, None]
        left, values, right = torch.linalg.svd(0.4 * (torch.randn(width, width) / width**0.5 - torch.eye(width)))
        attention.v_proj.weight.copy_((left * values.sqrt()).T)
        attention.o_proj.weight.copy_((values.sqrt()[:, None] * right).T)
    model.vit.embeddings.position_embeddings[0, 1:] = waves(side=28 // model.config.patch_size, width=width)
    return model


def waves(side: int, width: int) -> torch.Tensor:
    """Sine and cosine of each patch's row and column at several frequencies, ``[side * side, width]``, size 0.1."""
    place = torch.arange(side, dtype=torch.float32)
    row, column = (grid.flatten() for grid in torch.meshgrid(place, place, indexing="ij"))
    frequency = 1 / 100 ** (torch.arange(width // 4) / (width // 4))
    angles = [axis[:, None] * frequency for axis in (row, column)]
    return 0.1 * torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)


class Best:
    """Keeps the weights of the epoch that is best on validation."""

    def __init__(self, model: ViTForImageClassification, task: Task) -> None:
        self.model, self.task = model, task
        self.accuracy, self.epoch = 0.0, 0
        self.start = time.monotonic()

    def check(self, epoch: int) -> None:
        """Score every ``CHECK_EVERY`` epochs, and save what is better than before."""
        if epoch % CHECK_EVERY and epoch != PLAN.epochs:
            return
        accuracy = publish.score(self.model, self.task.splits["validation"], PREPROCESSOR)["accuracy"]
        print(f"epoch {epoch}: validation {accuracy:.4f} after {time.monotonic() - self.start:.0f} s", flush=True)
        if accuracy >= self.accuracy:
            self.accuracy, self.epoch = accuracy, epoch
            publish.save_weights(self.model, PREPROCESSOR, publish.BUILT_IN / "vit-digits")


def main() -> None:
    """Train, keep the best epoch, score it on the test split, and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="stop after this long with the best epoch so far")
    limit = parser.parse_args().minutes * 60
    torch.manual_seed(PLAN.seed)
    task = load_task("digits")
    model = build(task.labels)
    teacher, _ = zoo.load("cnn-digits")
    best = Best(model, task)
    try:
        training.train(
            model,
            task.splits["train"],
            PREPROCESSOR,
            PLAN,
            teacher=teacher,
            alpha=ALPHA,
            temperature=TEMPERATURE,
            report=publish.show,
            cancelled=lambda: time.monotonic() - best.start > limit,
            after_epoch=best.check,
        )
    except (Cancelled, KeyboardInterrupt):
        print("stopped before the last epoch")
    publish_card(task, best)


def publish_card(task: Task, best: Best) -> None:
    """Score the best epoch's saved weights and write ``card.json``."""
    folder = publish.BUILT_IN / "vit-digits"
    model, preprocessor = zoo.load("vit-digits")
    publish.save_card(
        folder,
        model,
        task,
        title="Vision transformer on digits",
        architecture="vit",
        description="A small vision transformer (6 layers of width 96) that reads handwritten digits of 28 x 28.",
        measured=publish.scores(model, task, preprocessor),
        training=f"Epoch {best.epoch} of {PLAN.epochs}, the best on validation, on {len(task.splits['train']):,} "
        f"augmented digits, distilled from cnn-digits (alpha {ALPHA}, temperature {TEMPERATURE:g}), "
        f"{time.monotonic() - best.start:.0f} s.",
    )


if __name__ == "__main__":
    main()
