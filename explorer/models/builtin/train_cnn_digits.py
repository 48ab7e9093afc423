"""Trains ``cnn-digits``: a small residual network on 3,000 digits.

``python -m explorer.models.builtin.train_cnn_digits``; about a minute on two cores.
"""

from __future__ import annotations

import torch
from transformers import ResNetConfig, ResNetForImageClassification

from explorer import training
from explorer.models.builtin import publish
from explorer.models.preprocess import ImagePreprocessor
from explorer.tasks import load_task

PLAN = training.Plan(
    epochs=30, learning_rate=2e-3, batch_size=64, weight_decay=0.05, schedule="cosine", augment=True, seed=0
)
PREPROCESSOR = ImagePreprocessor(height=28, width=28, channels=1, mean=(0.1307,), std=(0.3081,))


def build(labels: tuple[str, ...]) -> ResNetForImageClassification:
    """The untrained network: three stages of two basic blocks."""
    config = ResNetConfig(
        num_channels=1,
        embedding_size=32,
        hidden_sizes=[32, 64, 128],
        depths=[2, 2, 2],
        layer_type="basic",
        hidden_act="relu",
        downsample_in_first_stage=False,
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    return ResNetForImageClassification(config)


def main() -> None:
    """Train, score once on the test split, and write the files."""
    torch.manual_seed(PLAN.seed)
    task = load_task("digits")
    model = build(task.labels)
    done = training.train(model, task.splits["train"], PREPROCESSOR, PLAN, report=publish.show)
    folder = publish.BUILT_IN / "cnn-digits"
    publish.save_weights(model, PREPROCESSOR, folder)
    publish.save_card(
        folder,
        model,
        task,
        title="CNN on digits",
        architecture="cnn",
        description="A small residual network (six basic blocks) that reads handwritten digits of 28 x 28 pixels.",
        measured=publish.scores(model, task, PREPROCESSOR),
        training=f"{PLAN.epochs} epochs on {len(task.splits['train'])} augmented digits in {done.seconds:.0f} s.",
    )


if __name__ == "__main__":
    main()
