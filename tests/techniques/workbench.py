"""Tiny models of every kind with a tiny task, ready for techniques."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import ResNetConfig, ResNetForImageClassification

from explorer.context import Context, GraphSubject, ModelSubject
from explorer.models.preprocess import ImagePreprocessor, Preprocessor, TextPreprocessor
from explorer.tasks import Split, Task
from tests.models import tiny

KINDS = ("bert", "vit", "cnn")
NAMES = {"bert": "text transformer", "vit": "vision transformer", "cnn": "CNN"}


def cnn(seed: int = 0) -> ResNetForImageClassification:
    """Two stages of two residual blocks over 8 x 8 pixels."""
    torch.manual_seed(seed)
    config = ResNetConfig(
        num_channels=3, embedding_size=16, hidden_sizes=[16, 32], depths=[2, 2], layer_type="basic",
        id2label=dict(enumerate(tiny.LABELS)),
    )  # fmt: skip
    model = ResNetForImageClassification(config)
    model.train()
    for _ in range(20):  # so that batch norm has seen something
        model(torch.randn(64, 3, 8, 8))
    return model.eval()


def lively(model: torch.nn.Module) -> torch.nn.Module:
    """The model with larger weights and no two biases alike, so that its answers differ and it learns quickly."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@dataclass
class Workbench:
    """A model with its preprocessor and task."""

    model: torch.nn.Module
    preprocessor: Preprocessor
    task: Task

    def context(self, seed: int = 0) -> Context:
        """A context whose teacher is this model and whose progress goes nowhere."""
        from explorer.training import evaluate

        def teacher_logits() -> Any:
            return evaluate(self.model, self.task.splits["train"], self.preprocessor)

        return Context(
            self.task, self.preprocessor, lambda: self.model, teacher_logits, seed=seed, report=lambda **_: None
        )

    def subject(self) -> ModelSubject:
        """A copy of the model to compress."""
        return ModelSubject(copy.deepcopy(self.model), self.preprocessor)

    def graph(self) -> GraphSubject:
        """The model exported."""
        from explorer import deploy

        return GraphSubject(deploy.export(self.model, self.preprocessor))

    def tensors(self, count: int = 7) -> dict[str, np.ndarray]:
        """The first validation inputs as the model takes them."""
        return self.preprocessor.encode(self.task.splits["validation"].inputs[:count])

    def logits(self, model: torch.nn.Module, count: int = 7) -> torch.Tensor:
        """Answers of a PyTorch model to ``tensors``."""
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(array) for name, array in self.tensors(count).items()}).logits


def workbench(kind: str) -> Workbench:
    """The workbench of one of ``KINDS``."""
    if kind == "bert":
        names = ("input_ids", "attention_mask", "token_type_ids")
        preprocessor = TextPreprocessor(tiny.tokenizer(), max_length=32, input_names=names)
        return Workbench(lively(tiny.bert()), preprocessor, _task("text"))
    model = lively(tiny.vit()) if kind == "vit" else cnn()
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
    images = ImagePreprocessor(height=8, width=8, channels=3, mean=mean, std=std)
    return Workbench(model, images, _task("image"))


def _task(kind: Any) -> Task:
    def split(n: int, seed: int) -> Split:
        if kind == "text":
            return Split(*tiny.texts(n, seed))
        random = np.random.default_rng(seed)
        labels = random.integers(0, 2, n)
        pixels = random.integers(0, 120, (n, 8, 8, 3)) + 120 * labels[:, None, None, None]
        return Split(pixels.astype(np.uint8), labels.astype(np.int64))

    sizes = {"train": 96, "calibration": 16, "validation": 32, "test": 32}
    splits = {name: split(n, seed) for seed, (name, n) in enumerate(sizes.items())}
    return Task("tiny", kind, tiny.LABELS, splits, digest="tiny")


def run_onnx(graph: Any, tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Logits of a graph in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(["logits"], tensors)[0]
