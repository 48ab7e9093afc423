"""What the training scripts share: scores, the card, and a progress line on the terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from explorer import training
from explorer.models.preprocess import Preprocessor
from explorer.tasks import Split, Task

BUILT_IN = Path(__file__).parent


def scores(model: nn.Module, task: Task, preprocessor: Preprocessor) -> dict[str, dict[str, float]]:
    """Accuracy and number of samples on validation and test, in float32."""
    return {name: score(model, task.splits[name], preprocessor) for name in ("validation", "test")}


def score(model: nn.Module, split: Split, preprocessor: Preprocessor) -> dict[str, float]:
    """Accuracy and number of samples on one split, in float32."""
    logits = training.evaluate(model, split, preprocessor)
    return {"accuracy": training.accuracy(logits, split.labels), "samples": len(split)}


def save_weights(model: Any, preprocessor: Preprocessor, folder: Path) -> None:
    """Write ``config.json``, ``model.safetensors`` and ``preprocessor.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    preprocessor.save(folder)


def save_card(folder: Path, model: nn.Module, task: Task, **fields: Any) -> None:
    """Write ``card.json``."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    known = {"name": folder.name, "kind": task.kind, "task": task.name, "labels": list(task.labels)}
    card = {**known, "parameters": parameters, "file_bytes": 4 * parameters, **fields}
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=2))


def show(**progress: Any) -> None:
    """A report that rewrites one line on the terminal."""
    rate, left = progress.get("samples_per_s"), progress.get("seconds_left")
    tail = f", {rate:.0f} samples/s, {left:.0f} s left" if rate and left is not None else ""
    print(f"\r{progress['text']}{tail}   ", end="", file=sys.stderr, flush=True)
