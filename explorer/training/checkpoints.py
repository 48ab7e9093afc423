"""Where a training stands, kept on disk while it goes on, so that a run which ended early goes on from there.

One safetensors file holds the model, the optimizer's moments, what the lesson adds and the random state: a training
that goes on from it makes the same steps as one that was never interrupted. Parameters that do not learn are left out.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from explorer.settings import number

EVERY_S = 30.0
"""Seconds between two checkpoints; ``EXPLORER_CHECKPOINT_S`` gives another number. Shorter trainings leave none."""


@dataclass(frozen=True)
class Training:
    """What a checkpoint takes and gives back.

    Fields:
        model, optimizer: as they are between two steps.
        more: parameters outside of the model that are trained with it.
        lesson: gives the lesson's own tensors by name.
        restore: takes them back, with the number of steps done.
        plan: what must be the same for a checkpoint to fit.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    more: list[nn.Parameter]
    lesson: Callable[[], Mapping[str, Tensor]]
    restore: Callable[[Mapping[str, Tensor], int], None]
    plan: dict[str, Any]

    def learning(self) -> Iterator[tuple[str, Tensor]]:
        """What training changes, by name: parameters that learn, all buffers, and what is trained beside the model."""
        yield from ((f"model.{name}", weight) for name, weight in self.model.named_parameters() if weight.requires_grad)
        yield from ((f"model.{name}", buffer) for name, buffer in self.model.named_buffers())
        yield from ((f"more.{place}", weight) for place, weight in enumerate(self.more))

    def moments(self) -> Iterator[tuple[str, Tensor]]:
        """The optimizer's memory of every parameter, by the parameter's place."""
        parameters = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        for place, weight in enumerate(parameters):
            for name, value in sorted(self.optimizer.state[weight].items()):
                yield f"optimizer.{place}.{name}", value


class Checkpoint:
    """The checkpoint of one training, at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.every_s = number("EXPLORER_CHECKPOINT_S", EVERY_S)
        self.last = time.monotonic()

    def keep(self, training: Training, step: int) -> None:
        """Write down where the training stands after ``step`` steps, once in a while; a full disk does not end it."""
        if time.monotonic() - self.last < self.every_s:
            return
        tensors = {name: value.detach() for name, value in (*training.learning(), *training.moments())}
        tensors |= {f"lesson.{name}": value for name, value in training.lesson().items()}
        tensors["random"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        draft = self.path.with_name(f".{self.path.name}-{os.getpid()}")
        with suppress(OSError, SafetensorError):
            apart = {name: value.cpu().contiguous().clone() for name, value in tensors.items()}
            save_file(apart, draft, {"step": str(step), "plan": _text(training.plan)})
            draft.replace(self.path)
        draft.unlink(missing_ok=True)
        self.last = time.monotonic()

    def restore(self, training: Training) -> int:
        """Bring the training to where the checkpoint stands; returns the steps done, 0 where none fits."""
        try:
            with safe_open(self.path, "pt") as file:
                facts, kept = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError):
            return 0
        learning = dict(training.learning())
        fits = all(name in kept and kept[name].shape == value.shape for name, value in learning.items())
        if not fits or facts.get("plan") != _text(training.plan) or not facts.get("step", "").isdecimal():
            return 0
        with torch.no_grad():
            for name, value in learning.items():
                value.copy_(kept[name])
        _restore_moments(training.optimizer, kept)
        parts = {name.removeprefix("lesson."): value for name, value in kept.items() if name.startswith("lesson.")}
        training.restore(parts, int(facts["step"]))
        torch.set_rng_state(kept["random"])
        if "random.cuda" in kept and torch.cuda.is_available():
            torch.cuda.set_rng_state(kept["random.cuda"])
        return int(facts["step"])

    def drop(self) -> None:
        """The training is over, or is to begin anew."""
        self.path.unlink(missing_ok=True)


def _restore_moments(optimizer: torch.optim.Optimizer, kept: Mapping[str, Tensor]) -> None:
    parameters = [weight for group in optimizer.param_groups for weight in group["params"]]
    for name, value in kept.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            place, _, moment = rest.partition(".")
            weight = parameters[int(place)]
            # the fused AdamW wants its count of steps where the weights are
            optimizer.state[weight][moment] = value.to(weight.device)


def _text(plan: dict[str, Any]) -> str:
    return json.dumps(plan, sort_keys=True)
