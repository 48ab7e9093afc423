from __future__ import annotations

import copy
import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.techniques.pruning.masks import keep_largest
from explorer.training.sparsifying import (
    GradualLesson,
    MovementLesson,
    PenaltyLesson,
    cubic_sparsity,
    gradual_sparsity,
    group_lasso_penalty,
    huber_penalty,
    l1_penalty,
    l2_penalty,
    rounds_sparsity,
    typical_size,
)


@pytest.mark.parametrize(
    ("step", "sparsity"),
    # from 0.2 at step 100 to 0.8 over 400 steps: 0.8 - 0.6 (1 - (t - 100) / 400)³
    [(0, 0.2), (100, 0.2), (200, 0.8 - 0.6 * 27 / 64), (300, 0.725), (400, 0.790625), (500, 0.8), (900, 0.8)],
)
def test_the_cubic_schedule_is_the_paper_s(step: int, sparsity: float) -> None:
    assert cubic_sparsity(step, begin=100, span=400, final=0.8, initial=0.2) == pytest.approx(sparsity)


def test_gradual_sparsity_climbs_in_twenty_steps_and_then_rests() -> None:
    values = [gradual_sparsity(i / 1000, 0.7, 0.6) for i in range(1001)]
    assert values[0] == 0 and values == sorted(values) and len(set(values)) == 21
    assert values[700] == values[-1] == 0.6 and values[664] < 0.6
    assert values[350] == pytest.approx(0.6 - 0.6 / 8)
    assert gradual_sparsity(1.0, 1.0, 0.6) == 0.6
    assert gradual_sparsity(0.2, 0.7, 0.6, begin=0.2) == 0 and gradual_sparsity(0.7, 0.7, 0.6, begin=0.2) == 0.6
    assert gradual_sparsity(0.45, 0.7, 0.6, begin=0.2) == pytest.approx(0.6 - 0.6 / 8)


def test_every_round_removes_the_same_share_of_what_is_left() -> None:
    kept = [1.0, *(1 - rounds_sparsity(k / 4, 4, 0.9) for k in range(4))]
    assert [after / before for before, after in pairwise(kept)] == pytest.approx([0.1**0.25] * 4)
    assert rounds_sparsity(1.0, 4, 0.9) == pytest.approx(0.9)
    assert rounds_sparsity(0.0, 1, 0.9) == pytest.approx(0.9)


def test_penalties_by_hand() -> None:
    weight = torch.tensor([[3.0, -4.0], [0.0, 0.5]])
    assert float(l1_penalty(weight)) == 7.5
    assert float(l2_penalty(weight)) == (9 + 16 + 0.25) / 2
    assert float(group_lasso_penalty(weight)) == pytest.approx(math.sqrt(2) * 5.5, abs=1e-5)


@pytest.mark.parametrize("delta", [0.1, 0.5, 1.0, 5.0])
def test_huber_is_that_of_torch(delta: float) -> None:
    weight = torch.randn(20, 30, generator=torch.Generator().manual_seed(0))
    expected = functional.huber_loss(weight, torch.zeros_like(weight), reduction="sum", delta=delta)
    assert torch.allclose(huber_penalty(weight, delta), expected)


def test_huber_lies_between_l2_and_l1() -> None:
    weight = torch.tensor([0.3, -2.0])
    assert torch.allclose(huber_penalty(weight, 100.0), l2_penalty(weight))
    assert torch.allclose(huber_penalty(weight, 1e-6) / 1e-6, l1_penalty(weight), atol=1e-5)


def test_a_group_of_zeros_has_a_gradient() -> None:
    groups = torch.zeros(2, 3, requires_grad=True)
    group_lasso_penalty(groups).backward()
    assert torch.equal(groups.grad, torch.zeros(2, 3))


def test_the_penalty_is_a_mean_of_multiples_of_the_typical_weight() -> None:
    parts = {"a": torch.tensor([[1.0, -1.0], [2.0, 2.0]]), "b": torch.full((4,), 10.0)}
    sizes = {name: typical_size(part) for name, part in parts.items()}
    assert sizes == {"a": pytest.approx(math.sqrt(2.5)), "b": 10.0}
    lesson = PenaltyLesson(lambda: parts, sizes, l1_penalty, strength=10)
    expected = 2.0 + 10 * (6 / math.sqrt(2.5) + 4) / 8
    assert float(lesson.loss(torch.tensor(2.0), {}, None)) == pytest.approx(expected)
    loss = torch.tensor(2.0)
    assert PenaltyLesson(lambda: parts, sizes, l1_penalty, strength=0).loss(loss, {}, None) is loss
    assert typical_size(torch.zeros(3)) == 1.0


class Toy(nn.Module):
    """One linear layer that learns from a fixed gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(4, 1, bias=False)
        with torch.no_grad():
            self.line.weight.copy_(torch.tensor([[4.0, 3.0, 2.0, 1.0]]))


def learn(model: Toy, lesson, gradients: list[list[float]], rate: float = 1.0) -> None:
    """Plain gradient descent with a lesson, as the training loop calls it."""
    weight = model.line.weight
    lesson.start(model, len(gradients))
    for step, gradient in enumerate(gradients, start=1):
        weight.grad = torch.tensor([gradient], dtype=torch.float)
        lesson.after_backward(step)
        with torch.no_grad():
            weight.sub_(rate * weight.grad)
        lesson.after_step(step)


def choose(scores: list[Tensor], sparsity: float) -> list[Tensor]:
    return keep_largest(scores, sparsity, "global")


def test_zeros_grow_and_stay() -> None:
    model = Toy()
    lesson = GradualLesson(lambda m: {"line.weight": m.line.weight}, lambda p: 0.5 if p >= 0.5 else 0.0, choose)
    learn(model, lesson, [[0, 0, 0, -2.5], [0, 0, 0, 0], [0, -9, -9, 0], [0, -9, -9, 0]])
    # after two steps the weights are 4, 3, 2, 3.5: the second and third go and no gradient revives them
    assert model.line.weight.tolist() == [[4.0, 0.0, 0.0, 3.5]]


def test_movement_scores_are_minus_the_sum_of_weight_times_gradient() -> None:
    model, gradients = Toy(), [[0.5, -0.5, 0.0, 1.0], [1.0, -1.0, 0.5, 0.5]]
    lesson = MovementLesson({"line.weight": model.line.weight}, choose)
    learn(model, lesson, gradients)
    # weights are 4, 3, 2, 1 and then 3.5, 3.5, 2, 0
    assert lesson.scores[0].tolist() == [[-2.0 - 3.5, 1.5 + 3.5, -1.0, -1.0]]
    assert model.line.weight.tolist() == [[2.5, 4.5, 1.5, -0.5]]


def test_movement_removes_what_shrinks_and_not_what_is_small() -> None:
    model = Toy()
    lesson = MovementLesson({"line.weight": model.line.weight}, choose, lambda progress: 0.5)
    learn(model, lesson, [[0.1, 0.1, -0.1, -0.1]] * 3)
    weight = model.line.weight.detach()[0]
    assert weight[:2].tolist() == [0.0, 0.0] and weight[2:].tolist() == pytest.approx([2.3, 1.3])


def test_a_weight_whose_score_rises_comes_back_as_it_was() -> None:
    model = Toy()
    sparsity = {1: 0.25, 2: 0.25, 3: 0.26}  # masks are chosen anew where the sparsity changes
    lesson = MovementLesson({"line.weight": model.line.weight}, choose, lambda p: sparsity[round(p * 3)])
    seen = []
    original = lesson.after_step
    lesson.after_step = lambda step: (original(step), seen.append(copy.deepcopy(model.line.weight.tolist()[0])))
    learn(model, lesson, [[1, 0, 0, 0], [-5, 0, 1, 0], [-5, 0, 1, 0]])
    assert seen[0] == [0.0, 3.0, 2.0, 1.0]  # the first weight shrank most
    assert seen[1][0] == 0.0  # it learns nothing while it is out
    assert seen[2] == [3.0, 3.0, 0.0, 1.0]  # and returns with the value it left with
