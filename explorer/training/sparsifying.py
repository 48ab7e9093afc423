"""What training towards sparsity adds to the training loop: zeros that grow, movement scores, and penalties.

Schedules and penalties are functions; the lessons only carry them into ``explorer.training.train``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from explorer.training import Lesson

PRUNINGS = 20
"""How many times the zeros grow while training; the paper finds that it matters little."""

Choose = Callable[[list[Tensor], float], list[Tensor]]
"""Masks of the weights that stay, from their scores and a sparsity."""


def cubic_sparsity(step: float, begin: float, span: float, final: float, initial: float = 0.0) -> float:
    """The sparsity after ``step``: from ``initial`` at ``begin``, quickly at first, to ``final`` ``span`` steps later.

    s_f + (s_i - s_f) (1 - (t - t_0) / (n Δt))³. Zhu and Gupta 2017, arXiv:1710.01878, equation 1.
    """
    done = min(max((step - begin) / span, 0.0), 1.0)
    return final + (initial - final) * (1 - done) ** 3


def gradual_sparsity(progress: float, end: float, final: float, begin: float = 0.0) -> float:
    """``cubic_sparsity`` after the share ``progress`` of a training, in ``PRUNINGS`` steps, ``begin`` to ``end``."""
    done = max(progress - begin, 0.0) / (end - begin)
    return cubic_sparsity(int(done * PRUNINGS + 1e-9), 0, PRUNINGS, final)


def rounds_sparsity(progress: float, rounds: int, final: float) -> float:
    """The sparsity of iterative pruning: each round begins by removing the same share of what is left.

    Han et al. 2015, arXiv:1506.02626; in equal shares as Frankle and Carbin 2019, arXiv:1803.03635.

    >>> [round(rounds_sparsity(progress, 2, 0.75), 6) for progress in (0.0, 0.4, 0.5, 1.0)]
    [0.5, 0.5, 0.75, 0.75]
    """
    number = min(int(progress * rounds + 1e-9) + 1, rounds)
    left: float = (1 - final) ** (number / rounds)
    return 1 - left


class GradualLesson(Lesson):
    """Sets ever more of the smallest weights to zero while the model learns; a zero stays zero.

    ``weights`` finds them in the model; ``sparsity_at`` gives the sparsity after a share of the training.
    """

    def __init__(
        self,
        weights: Callable[[nn.Module], Mapping[str, Tensor]],
        sparsity_at: Callable[[float], float],
        choose: Choose,
    ) -> None:
        self.find, self.sparsity_at, self.choose = weights, sparsity_at, choose

    def start(self, model: nn.Module, steps: int) -> None:
        self.weights, self.steps, self.sparsity = list(self.find(model).values()), steps, 0.0
        self.masks = [torch.ones_like(weight, dtype=torch.bool) for weight in self.weights]
        self._follow(0.0)

    def after_step(self, step: int) -> None:
        _multiply(self.weights, self.masks)  # momentum still moves what has become zero
        self._follow(step / self.steps)

    def state(self) -> dict[str, Tensor]:
        return _numbered("masks", self.masks)

    def restore(self, state: Mapping[str, Tensor], step: int) -> None:
        self.sparsity = self.sparsity_at(step / self.steps)
        _take(self.masks, state, "masks")

    def _follow(self, progress: float) -> None:
        wanted = self.sparsity_at(progress)
        if wanted == self.sparsity:
            return
        self.sparsity = wanted
        self.masks = self.choose([weight.detach().abs() for weight in self.weights], wanted)
        _multiply(self.weights, self.masks)


class MovementLesson(Lesson):
    """Scores each weight by how far training moves it away from zero: minus the sum of weight x gradient.

    With ``sparsity_at`` the weights of the lowest scores are zero for the forward pass, learn nothing and come back at
    the next pruning when their score has risen; without it the model trains as usual. Sanh et al., arXiv:2005.07683.
    ``scores`` has one tensor for each of ``weights``, in their order.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], choose: Choose, sparsity_at: Callable[[float], float] | None = None
    ) -> None:
        self.names, self.choose, self.sparsity_at = list(weights), choose, sparsity_at
        self.scores = [torch.zeros_like(weight, requires_grad=False) for weight in weights.values()]

    def start(self, model: nn.Module, steps: int) -> None:
        self.steps, self.sparsity = steps, 0.0
        self.weights: list[Tensor] = [model.get_parameter(name) for name in self.names]
        self.whole = [weight.detach().clone() for weight in self.weights]
        self.masks = [torch.ones_like(weight, dtype=torch.bool) for weight in self.weights]
        self.scores = [score.to(weight.device) for score, weight in zip(self.scores, self.weights, strict=True)]

    def after_backward(self, step: int) -> None:
        for weight, whole, score, mask in zip(self.weights, self.whole, self.scores, self.masks, strict=True):
            if weight.grad is not None:
                score.sub_(weight.grad * whole)
                weight.grad.mul_(mask)

    def after_step(self, step: int) -> None:
        for weight, whole, mask in zip(self.weights, self.whole, self.masks, strict=True):
            torch.where(mask, weight.detach(), whole, out=whole)
        if self.sparsity_at is None:
            return
        wanted = self.sparsity_at(step / self.steps)
        if wanted != self.sparsity or step == self.steps:
            self.sparsity, self.masks = wanted, self.choose(self.scores, wanted)
        with torch.no_grad():
            for weight, whole, mask in zip(self.weights, self.whole, self.masks, strict=True):
                torch.mul(whole, mask, out=weight.data)

    def state(self) -> dict[str, Tensor]:
        return {**_numbered("scores", self.scores), **_numbered("whole", self.whole), **_numbered("masks", self.masks)}

    def restore(self, state: Mapping[str, Tensor], step: int) -> None:
        self.sparsity = self.sparsity_at(step / self.steps) if self.sparsity_at else 0.0
        for name, tensors in (("scores", self.scores), ("whole", self.whole), ("masks", self.masks)):
            _take(tensors, state, name)


def l1_penalty(weight: Tensor) -> Tensor:
    """The sum of |w|, as in the lasso: small weights are pulled to zero as hard as large ones."""
    return weight.abs().sum()


def l2_penalty(weight: Tensor) -> Tensor:
    """Half the sum of w², as in ridge regression: all weights shrink by the same share."""
    return 0.5 * weight.square().sum()


def huber_penalty(weight: Tensor, delta: float) -> Tensor:
    """The sum of w²/2 up to ``delta`` and delta (|w| - delta/2) beyond: ``torch.nn.functional.huber_loss`` to zero."""
    size = weight.abs()
    return torch.where(size <= delta, 0.5 * size.square(), delta * (size - 0.5 * delta)).sum()


def group_lasso_penalty(groups: Tensor) -> Tensor:
    """The sum over groups, [G, K], of sqrt(K) times their norm: whole groups are pulled to zero.

    Yuan and Lin 2006; for networks Wen et al. 2016, arXiv:1608.03665.
    """
    # a norm has no gradient at zero, and a neuron of zeros is what this leads to
    norms = (groups.square().sum(dim=1) + 1e-12).sqrt()
    return math.sqrt(groups.shape[1]) * norms.sum()


def typical_size(weight: Tensor) -> float:
    """The root of the mean of w²; 1 for a layer of zeros."""
    return float(weight.detach().square().mean().sqrt()) or 1.0


class PenaltyLesson(Lesson):
    """Adds ``strength`` times the mean penalty of weights, each as a multiple of its layer's size, to the loss.

    ``parts`` gives the weights by name as they are now, ``sizes`` what each is measured by.
    """

    def __init__(
        self,
        parts: Callable[[], Mapping[str, Tensor]],
        sizes: Mapping[str, float],
        penalty: Callable[[Tensor], Tensor],
        strength: float,
    ) -> None:
        self.parts, self.sizes, self.penalty, self.strength = parts, sizes, penalty, strength

    def loss(self, loss: Tensor, inputs: dict[str, Tensor], outputs: Any) -> Tensor:
        if not self.strength:
            return loss
        parts = self.parts()
        total = torch.stack([self.penalty(part / self.sizes[name]) for name, part in parts.items()]).sum()
        return loss + self.strength * total / sum(part.numel() for part in parts.values())


def _multiply(weights: list[Tensor], masks: list[Tensor]) -> None:
    with torch.no_grad():
        for weight, mask in zip(weights, masks, strict=True):
            weight.mul_(mask)


def _numbered(name: str, tensors: list[Tensor]) -> dict[str, Tensor]:
    return {f"{name}.{place}": tensor for place, tensor in enumerate(tensors)}


def _take(tensors: list[Tensor], state: Mapping[str, Tensor], name: str) -> None:
    """Fill tensors with what ``_numbered`` called them; those that are shared keep being shared."""
    for place, tensor in enumerate(tensors):
        tensors[place] = state[f"{name}.{place}"].to(tensor.device)
