"""The one training loop: baselines, recovery and distillation.

What makes it quick on a CPU: one fused AdamW, bf16 where the processor has the instructions, word embeddings frozen
(half of a small text model, and its gradient is dense), and batches of texts of like length.
"""

from __future__ import annotations

import functools
import math
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from explorer.errors import Cancelled
from explorer.models.preprocess import Preprocessor
from explorer.tasks.base import Split
from explorer.training.batches import Batches, lengths_of, pick, pieces_of, tensors_of
from explorer.training.checkpoints import Checkpoint, Training

REPORT_EVERY_S = 0.5
BF16_MINIMUM_PARAMETERS = 5_000_000
"""Below this, converting weights to bf16 is taken to cost more than its faster products gain; a round figure."""

Report = Callable[..., None]


@dataclass(frozen=True)
class Plan:
    """How to train.

    Fields:
        epochs: passes over the data; a fraction stops within a pass.
        warmup: share of all steps in which the learning rate rises from 0.
        schedule: how it falls to 0 afterwards.
        freeze_embeddings: leave word embeddings as they are.
        samples: train on a subset of this many, drawn by ``seed``.
        augment: turn, scale, shear and shift every image at random.
    """

    epochs: float = 1.0
    learning_rate: float = 5e-5
    batch_size: int = 32
    weight_decay: float = 0.01
    warmup: float = 0.1
    schedule: Literal["linear", "cosine"] = "linear"
    freeze_embeddings: bool = True
    seed: int = 0
    samples: int | None = None
    augment: bool = False


@dataclass(frozen=True)
class TrainingReport:
    """What training did; ``losses`` holds the mean loss between two reports."""

    samples_per_s: float
    seconds: float
    steps: int
    losses: tuple[float, ...]


class Lesson:
    """What a technique adds to the training loop; each method changes nothing unless it is overridden.

    Fields:
        arguments: given to every call of the model, for example ``output_hidden_states``.
        attention: how attention is computed; ``eager`` where its maps are asked for.
    """

    arguments: Mapping[str, Any] = {}
    attention: str = "sdpa"

    def start(self, model: nn.Module, steps: int) -> None:
        """Called once, with the model on its device and the number of steps to come."""

    def parameters(self) -> list[nn.Parameter]:
        """Parameters outside of the model that are trained with it; asked for after ``start``."""
        return []

    def temperature(self, usual: float, progress: float) -> float:
        """The temperature of the teacher's answers after this share of the training."""
        return usual

    def loss(self, loss: Tensor, inputs: dict[str, Tensor], outputs: Any) -> Tensor:
        """The loss to minimise, given the usual one, the batch and what the model put out."""
        return loss

    def after_backward(self, step: int) -> None:
        """The gradients of step ``step`` (from 1) are there and not applied yet."""

    def after_step(self, step: int) -> None:
        """The weights of step ``step`` are updated; what it sets to zero stays only if it sees to it."""

    def state(self) -> dict[str, Tensor]:
        """What the lesson remembers from step to step, by name, for a checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Tensor], step: int) -> None:
        """Go on after step ``step`` with what ``state()`` gave; called after ``start``."""


def usual_plan(kind: Literal["text", "image"], fresh: bool) -> Plan:
    """What suits a kind of model: texts with frozen embeddings, images with augmentation.

    ``fresh`` is for a student that was only started from its teacher and may move further.
    """
    if kind == "text":
        return Plan(learning_rate=1.5e-4 if fresh else 5e-5, batch_size=64)
    return Plan(learning_rate=2e-3 if fresh else 1e-3, batch_size=64, schedule="cosine", augment=True)


def accumulate_gradients(model: nn.Module, split: Split, preprocessor: Preprocessor, batch_size: int = 64) -> None:
    """Leave the gradient of the mean cross entropy over ``split`` on every parameter's ``.grad``, in eval mode."""
    device = best_device()
    model.to(device).eval()
    model.zero_grad(set_to_none=True)
    tensors, labels = tensors_of(split, preprocessor), torch.from_numpy(split.labels)
    lengths = lengths_of(tensors)
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        for rows in pieces_of(order[start : start + batch_size], lengths):
            logits = model(**pick(tensors, rows, lengths, device)).logits
            loss = functional.cross_entropy(logits, labels[rows].to(device), reduction="sum") / len(split)
            torch.autograd.backward(loss)
    model.cpu()


def distillation_loss(student: Tensor, teacher: Tensor, labels: Tensor, alpha: float, temperature: float) -> Tensor:
    """``alpha * T^2 * KL(teacher || student)`` of the softened answers plus ``(1 - alpha)`` times cross entropy.

    Logits are ``[N, classes]``, ``labels`` int64 ``[N]``; the mean over N. Hinton et al. 2015, arXiv 1503.02531.
    """
    soft_student = functional.log_softmax(student / temperature, dim=-1)
    soft_teacher = functional.log_softmax(teacher / temperature, dim=-1)
    divergence = (soft_teacher.exp() * (soft_teacher - soft_student)).sum(-1).mean()
    return alpha * temperature**2 * divergence + (1 - alpha) * functional.cross_entropy(student, labels)


def train(
    model: nn.Module,
    split: Split,
    preprocessor: Preprocessor,
    plan: Plan,
    *,
    teacher: nn.Module | None = None,
    teacher_logits: NDArray[np.float32] | None = None,
    alpha: float = 0.5,
    temperature: float = 2.0,
    keep_zeros: dict[str, Tensor] | None = None,
    lesson: Lesson | None = None,
    report: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
    after_epoch: Callable[[int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainingReport:
    """Train ``model`` in place, deterministic by ``plan.seed``; it is left on the CPU in eval mode.

    With a ``teacher`` (or its ``teacher_logits`` for the whole split, in order) the loss is ``distillation_loss``.
    ``keep_zeros`` maps parameter names to masks (1 keeps, 0 stays zero) which are applied after every step.
    ``lesson`` adds what a technique needs. ``after_epoch`` is called with the number of the finished pass.
    ``checkpoint`` is where the training is kept from time to time, and goes on from where there is one.
    Raises ``Cancelled`` within one step.
    """
    report, cancelled, lesson = report or _silent, cancelled or _never, lesson or Lesson()
    device = best_device()
    model.to(device)
    rows = _rows(len(split), plan)
    chosen = split.take(rows)
    batches = Batches(chosen, preprocessor, plan, device)
    soft = _soft_labels(chosen, rows, preprocessor, plan, teacher, teacher_logits, report, cancelled, device)

    torch.manual_seed(plan.seed)
    masks = _masks(model, keep_zeros or {}, device)  # by the names that parameters have before the lesson begins
    with _learning(model, plan, lesson, batches.steps):
        optimizer = _optimizer(model, plan, lesson.parameters())
        kept = Training(model, optimizer, lesson.parameters(), lesson.state, lesson.restore, asdict(plan))
        batches.done = checkpoint.restore(kept) if checkpoint else 0
        if batches.done:
            report(stage="train", text=f"going on from training step {batches.done:,} of {batches.steps:,}")
        progress = _Progress(report, batches)
        for step, pieces in batches:
            if cancelled():
                raise Cancelled("The training was cancelled.")
            warmth = lesson.temperature(temperature, (step - 1) / batches.steps)
            for share, inputs, labels, picked in pieces:
                with autocast(model, device):
                    outputs = model(**inputs, **lesson.arguments)
                answers = _teacher_answers(teacher, soft, inputs, picked, device)
                loss = lesson.loss(_loss(outputs.logits.float(), answers, labels, alpha, warmth), inputs, outputs)
                torch.autograd.backward(share * loss)
                progress.add(share * loss, len(labels))
            lesson.after_backward(step)
            _update(optimizer, plan, batches.steps, step)
            _apply(masks)
            lesson.after_step(step)
            progress.update(step)
            if checkpoint is not None and step < batches.steps:
                checkpoint.keep(kept, step)
            if after_epoch is not None and batches.ends_epoch(step):
                after_epoch(batches.epoch(step))
                model.to(device).train()
    return progress.finish()


@contextmanager
def _learning(model: nn.Module, plan: Plan, lesson: Lesson, steps: int) -> Iterator[None]:
    """The model as it learns: word embeddings frozen, the lesson begun; afterwards as before, in eval mode."""
    frozen = _freeze_word_embeddings(model) if plan.freeze_embeddings else []
    attention = _attention(model)
    try:
        lesson.start(model, steps)
        _set_attention(model, lesson.attention)
        model.train()
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        _set_attention(model, attention)
        model.cpu().eval()


def evaluate(
    model: nn.Module,
    split: Split,
    preprocessor: Preprocessor,
    *,
    batch_size: int = 128,
    fast: bool = False,
    report: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float32]:
    """Logits ``[N, classes]`` in the split's order; ``fast`` computes in bf16 where that is quicker."""
    device = best_device()
    model.to(device).eval()
    tensors = tensors_of(split, preprocessor)
    lengths = lengths_of(tensors)
    order = np.argsort(-lengths, kind="stable")
    pieces, done = [], 0
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            if cancelled is not None and cancelled():
                raise Cancelled("The run was cancelled.")
            rows = order[start : start + batch_size]
            with autocast(model, device) if fast else nullcontext():
                pieces.append(model(**pick(tensors, rows, lengths, device)).logits.float().cpu())
            done += len(rows)
            if report is not None:
                report(stage="evaluate", text=f"{done:,} of {len(order):,} answered", fraction=done / len(order))
    model.cpu()
    logits = np.empty((len(order), pieces[0].shape[1]), dtype=np.float32)
    logits[order] = torch.cat(pieces).numpy()
    return logits


def accuracy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The share of inputs whose largest logit is the label's."""
    return float((logits.argmax(1) == labels).mean())


@functools.cache
def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@functools.cache
def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 in hardware (AMX or AVX512-BF16)."""
    if platform.system() != "Linux" or not Path("/proc/cpuinfo").exists():
        return False
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return "amx_bf16" in flags or "avx512_bf16" in flags


def autocast(model: nn.Module, device: torch.device) -> Any:
    """bf16 where the device multiplies it in hardware and the model is large enough to gain."""
    large = sum(parameter.numel() for parameter in model.parameters()) >= BF16_MINIMUM_PARAMETERS
    if device.type == "cpu" and not (large and cpu_has_bf16()):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


class _Progress:
    """Reports about twice a second, and keeps the mean loss between reports."""

    def __init__(self, report: Report, batches: Batches) -> None:
        self.report, self.steps, self.before = report, batches.steps, batches.done
        self.start = self.last = time.monotonic()
        self.samples, self.done = 0, self.before
        self.pending: list[Tensor] = []
        self.losses: list[float] = []

    def add(self, loss: Tensor, samples: int) -> None:
        """A piece of the step's batch: its part of the loss, and how many samples it held."""
        self.samples += samples
        self.pending.append(loss.detach())

    def update(self, step: int) -> None:
        """The step is done."""
        now = time.monotonic()
        if now - self.last >= REPORT_EVERY_S or step == self.steps:
            self.last = now
            self._tell(step, now - self.start)

    def _tell(self, step: int, seconds: float) -> None:
        self.losses.append(float(torch.stack(self.pending).sum()) / (step - self.done))
        self.done = step
        self.pending.clear()
        self.report(
            stage="train",
            text=f"training step {step:,} of {self.steps:,}",
            fraction=step / self.steps,
            samples_per_s=self.samples / seconds,
            seconds_left=seconds / (step - self.before) * (self.steps - step),
            metrics={"loss": self.losses[-1]},
        )

    def finish(self) -> TrainingReport:
        seconds = time.monotonic() - self.start
        return TrainingReport(self.samples / seconds, seconds, self.done, tuple(self.losses))


def _rows(n: int, plan: Plan) -> NDArray[np.int64]:
    if plan.samples is None or plan.samples >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(plan.seed).permutation(n)[: plan.samples])


def _freeze_word_embeddings(model: nn.Module) -> list[Tensor]:
    """Freeze the largest embedding table, which is the vocabulary's; models of images have none."""
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    if not tables:
        return []
    words = max(tables, key=lambda table: table.num_embeddings).weight
    frozen = [words] if words.requires_grad else []
    words.requires_grad_(False)
    return frozen


def _update(optimizer: torch.optim.Optimizer, plan: Plan, steps: int, step: int) -> None:
    """Step number ``step``, from 1, of ``steps``."""
    for group in optimizer.param_groups:
        group["lr"] = plan.learning_rate * _rate(plan, steps, step - 1)
    nn.utils.clip_grad_norm_([weight for group in optimizer.param_groups for weight in group["params"]], 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _attention(model: nn.Module) -> str:
    """How attention is computed: eager is what exports, fused is quicker to train."""
    config: Any = getattr(model, "config", None)
    return str(getattr(config, "_attn_implementation", None) or "eager")


def _set_attention(model: nn.Module, kind: str) -> None:
    if _attention(model) != kind and getattr(model, "_supports_sdpa", False):
        model.set_attn_implementation(kind)  # type: ignore[operator]


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _masks(model: nn.Module, keep_zeros: dict[str, Tensor], device: torch.device) -> list[tuple[Tensor, Tensor]]:
    parameters = dict(model.named_parameters())
    return [(parameters[name], mask.to(device, parameters[name].dtype)) for name, mask in keep_zeros.items()]


def _apply(masks: list[tuple[Tensor, Tensor]]) -> None:
    with torch.no_grad():
        for weight, mask in masks:
            weight.mul_(mask)


def _optimizer(model: nn.Module, plan: Plan, more: list[nn.Parameter]) -> torch.optim.Optimizer:
    weights = [parameter for parameter in [*_trainable(model), *more] if parameter.ndim > 1]
    others = [parameter for parameter in [*_trainable(model), *more] if parameter.ndim <= 1]
    groups = [{"params": weights, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, fused=True)


def _rate(plan: Plan, steps: int, step: int) -> float:
    rising = plan.warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    left = (steps - step) / max(1.0, steps - rising)
    return left if plan.schedule == "linear" else 0.5 - 0.5 * math.cos(math.pi * left)


def _soft_labels(
    split: Split,
    rows: NDArray[np.int64],
    preprocessor: Preprocessor,
    plan: Plan,
    teacher: nn.Module | None,
    logits: NDArray[np.float32] | None,
    report: Report,
    cancelled: Callable[[], bool],
    device: torch.device,
) -> Tensor | None:
    """The teacher's logits for the chosen rows, computed once; None where each augmented batch asks the teacher."""
    if teacher is not None and plan.augment:
        teacher.to(device).eval()
        return None
    if logits is not None:
        return torch.from_numpy(logits[rows])
    if teacher is None:
        return None
    return torch.from_numpy(evaluate(teacher, split, preprocessor, fast=True, report=report, cancelled=cancelled))


def _teacher_answers(
    teacher: nn.Module | None, soft: Tensor | None, inputs: dict[str, Tensor], rows: Tensor, device: torch.device
) -> Tensor | None:
    if soft is not None:
        return soft[rows].to(device)
    if teacher is None:
        return None
    with torch.no_grad(), autocast(teacher, device):
        answers: Tensor = teacher(**inputs).logits.float()
    return answers


def _loss(logits: Tensor, answers: Tensor | None, labels: Tensor, alpha: float, temperature: float) -> Tensor:
    if answers is None:
        return functional.cross_entropy(logits, labels)
    return distillation_loss(logits, answers, labels, alpha, temperature)


def _silent(**_: Any) -> None:
    """A report that goes nowhere."""


def _never() -> bool:
    return False
