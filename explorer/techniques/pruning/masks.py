"""Which single weights stay: how important each is, and masks under a scope, a pattern, or a budget of costs.

Scores have the shape of their weight, larger is more important; a mask is True where a weight stays.

| scope | compared are |
|---|---|
| global | all weights with each other |
| layer | the weights of one layer |
| row | the weights that make one output of a layer |
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Magnitude = Literal["l1", "l2", "random"]
Scope = Literal["global", "layer", "row"]
GONE = -math.inf
"""The score of a weight that was removed before and must stay so: it goes first."""


def magnitude_scores(weight: torch.Tensor, importance: Magnitude, seed: int = 0) -> torch.Tensor:
    """|w| (l1), the share of its layer's energy, w² over the sum of w² (l2), or seeded chance (random).

    l1 and l2 order the weights of one layer alike; between layers, l2 spares those whose weights are small throughout.
    Random takes those that ``torch.nn.utils.prune.random_unstructured`` takes after ``torch.manual_seed(seed)``.
    """
    import torch

    values = weight.detach()
    if importance == "random":
        return -torch.rand(values.shape, generator=torch.Generator().manual_seed(seed))
    return values.abs() if importance == "l1" else values.square() / values.square().sum().clamp_min(1e-30)


def taylor_scores(weight: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """|w x gradient|: to first order how much the loss changes when the weight becomes zero."""
    return (weight.detach() * gradient).abs()


def wanda_scores(weight: torch.Tensor, norm: torch.Tensor) -> torch.Tensor:
    """|w| times the norm of its input feature, ``norm`` [K]. Sun et al., arXiv:2306.11695, equation 1."""
    return weight.detach().abs() * per_input(norm, weight)


def variance_scores(weight: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """w² times the variance of its input feature, ``variance`` [K]: how much the output fluctuates with it."""
    return weight.detach().square() * per_input(variance, weight)


def per_input(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Values of K input features as they stand beside a weight [out, in] or [out, in, h, w], where K = in x groups."""
    groups = len(values) // weight.shape[1]
    rows = values.to(weight).view(groups, weight.shape[1]).repeat_interleave(weight.shape[0] // groups, dim=0)
    return rows.view(*rows.shape, *[1] * (weight.dim() - 2))


def removed_means(weight: torch.Tensor, mask: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """What the weights that go, of [out, in, ...], add on average to each output, [out]; ``mean`` [K] of the inputs."""
    gone = weight.detach() * ~mask * per_input(mean, weight)
    return gone.flatten(1).sum(dim=1)


def keep_largest(scores: list[torch.Tensor], sparsity: float, scope: Scope) -> list[torch.Tensor]:
    """Masks so that round(sparsity x count) of the smallest scores go, compared under ``scope``.

    l1 matches ``torch.nn.utils.prune.l1_unstructured`` (layer) and ``global_unstructured`` (global).
    """
    import torch

    if scope == "row":
        return [_keep_in_rows(score, round(sparsity * score[0].numel())) for score in scores]
    if scope == "layer":
        return [keep_all_but(score, round(sparsity * score.numel())) for score in scores]
    every = torch.cat([score.flatten() for score in scores])
    pieces = torch.split(keep_all_but(every, round(sparsity * every.numel())), [score.numel() for score in scores])
    return [piece.view_as(score) for piece, score in zip(pieces, scores, strict=True)]


def keep_all_but(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The mask without the ``count`` smallest scores."""
    import torch

    mask = torch.ones(scores.numel(), dtype=torch.bool, device=scores.device)
    if count:
        mask[torch.topk(scores.flatten(), count, largest=False).indices] = False
    return mask.view_as(scores)


def _keep_in_rows(scores: torch.Tensor, count: int) -> torch.Tensor:
    import torch

    rows = scores.flatten(1)
    mask = torch.ones_like(rows, dtype=torch.bool)
    if count:
        mask.scatter_(1, torch.topk(rows, count, dim=1, largest=False).indices, False)
    return mask.view_as(scores)


def keep_n_of_m(scores: torch.Tensor, n: int, m: int) -> torch.Tensor:
    """The mask of the ``n`` largest of every ``m`` scores in a row along the input axis, the second.

    [out, in] or [out, in, h, w] where m divides in; the layout of NVIDIA's sparse tensor cores, arXiv:2104.08378.
    """
    import torch

    last = scores.movedim(1, -1)
    groups = last.reshape(*last.shape[:-1], -1, m)
    kept = torch.topk(groups, n, dim=-1).indices
    mask = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, kept, True)
    return mask.flatten(-2).movedim(-1, 1)


def least_costly_counts(counts: list[list[int]], costs: list[list[float]], total: int) -> list[int]:
    """How many weights go from each layer so that ``total`` go in all and the sum of their costs is least.

    For each layer ``counts`` ascends from 0 and ``costs`` tells what removing so many costs. Between them the cost is
    taken to be linear, along the lower convex hull; then the cheapest weights of all layers first is the optimum.
    """
    steps = [
        ((cost - cheaper) / (count - fewer), layer, count - fewer)
        for layer, curve in enumerate(zip(counts, costs, strict=True))
        for (fewer, cheaper), (count, cost) in pairwise(_lower_hull(list(zip(*curve, strict=True))))
    ]
    chosen = [0] * len(counts)
    for _, layer, more in sorted(steps):
        chosen[layer] += min(more, total - sum(chosen))
    return chosen


def _lower_hull(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """The corners of the lower convex hull of points with ascending first coordinates."""
    hull: list[tuple[int, float]] = []
    for x, y in points:
        if hull and hull[-1][0] == x:
            continue
        while len(hull) > 1 and _above(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return hull


def _above(first: tuple[int, float], middle: tuple[int, float], last: tuple[int, float]) -> bool:
    """Whether the middle point lies on or above the line through the others."""
    run, rise = last[0] - first[0], last[1] - first[1]
    return (middle[1] - first[1]) * run >= rise * (middle[0] - first[0])
