from __future__ import annotations

from typing import Any

import pytest
import torch

from explorer.models.layers import feed_forwards, parameter_count, weighted
from explorer.techniques.training.fine_tune import FineTune
from explorer.techniques.training.sparse_training import SparseTraining, penalised, small_groups, small_weights
from tests.techniques.workbench import Workbench, workbench

PENALTIES = ["l1", "l2", "huber", "group-lasso"]


def run(bench: Workbench, step) -> torch.nn.Module:
    subject = bench.subject()
    step.apply(subject, bench.context())
    return subject.model


def sparse(**settings: Any) -> SparseTraining:
    return SparseTraining(**{"distill": False, "epochs": 0.5, **settings})


@pytest.mark.parametrize(
    ("penalty", "kind"), [("l1", "bert"), ("huber", "vit"), ("group-lasso", "cnn"), ("group-lasso", "bert")]
)
def test_without_strength_and_threshold_it_is_fine_tuning(penalty: str, kind: str) -> None:
    bench = workbench(kind)
    expected = run(bench, FineTune(epochs=0.5))
    model = run(bench, SparseTraining(penalty=penalty, strength=0, threshold=0.0, epochs=0.5))
    assert torch.equal(bench.logits(model), bench.logits(expected))


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_penalty_shrinks_what_it_works_on(penalty: str, quick_learning: None) -> None:
    bench = workbench("vit")
    sizes = {}
    for strength in (0, 100):
        model = run(bench, sparse(penalty=penalty, strength=strength, threshold=0.0, epochs=3.0))
        parts = penalised(model, penalty)()
        sizes[strength] = sum(float(part.detach().square().sum()) for part in parts.values())
    assert sizes[100] < 0.95 * sizes[0]


@pytest.mark.parametrize(("penalty", "kind"), [("l1", "bert"), ("l2", "vit"), ("huber", "cnn")])
def test_what_is_under_the_threshold_becomes_zero_and_stays(penalty: str, kind: str) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    sparse(penalty=penalty, threshold=0.8).apply(subject, bench.context())
    for name, weight in weighted(subject.model, embeddings=False).items():
        limit = 0.8 * bench.model.get_parameter(name).detach().square().mean().sqrt()
        assert 0 < float((weight == 0).float().mean()) < 1
        assert weight[weight != 0].abs().min() >= limit * 0.9999, name
    kept = subject.keep_zeros()
    FineTune(epochs=1.0).apply(subject, bench.context())
    assert all(torch.equal(subject.keep_zeros()[name], mask) for name, mask in kept.items())


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_group_lasso_removes_neurons_for_good(kind: str) -> None:
    bench = workbench(kind)
    subject, context = bench.subject(), bench.context()
    sparse(penalty="group-lasso", threshold=1.0).apply(subject, context)
    assert parameter_count(subject.model) < parameter_count(bench.model)
    widths = [subject.model.get_submodule(block.up).out_features for block in feed_forwards(subject.model)]
    assert all(1 <= width < 32 for width in widths)
    assert ", ".join(str(width) for width in widths) + " of 32" in context.notes[-1]
    assert bench.logits(subject.model).shape == (7, 2)


def test_group_lasso_sets_channels_of_a_cnn_to_zero() -> None:
    bench = workbench("cnn")
    model = run(bench, sparse(penalty="group-lasso", threshold=1.0))
    assert parameter_count(model) == parameter_count(bench.model)
    for name, weight in weighted(model, embeddings=False).items():
        silent = (weight == 0).flatten(1)
        assert torch.equal(silent.any(1), silent.all(1)) and not silent.all(), name
    assert any((weight == 0).any() for weight in weighted(model, embeddings=False).values())


def test_a_threshold_that_nothing_falls_under_says_so() -> None:
    bench = workbench("bert")
    context = bench.context()
    sparse(penalty="group-lasso", strength=0, threshold=0.05).apply(bench.subject(), context)
    assert context.notes[-1].startswith("No neuron went")
    assert "0.0% of the neurons" in " ".join(context.notes)


def test_the_group_of_a_neuron_is_what_removing_it_removes() -> None:
    model = workbench("bert").model
    (first, *_), groups = feed_forwards(model), penalised(model, "group-lasso")()
    up, down = model.get_submodule(first.up), model.get_submodule(first.down)
    assert groups[first.up].shape == (32, 16 + 1 + 16)
    assert torch.equal(groups[first.up][5], torch.cat([up.weight[5], up.bias[5:6], down.weight[:, 5]]))


def test_what_counts_as_small() -> None:
    assert small_weights(torch.tensor([0.5, -0.4, 0.0]), 0.5).tolist() == [False, True, True]
    groups = torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.1, 0.0]])  # root mean squares 3.54, 0.71, 0.07
    assert small_groups(groups, 0.8).tolist() == [False, True, True]
    assert small_groups(groups, 9.0).tolist() == [False, True, True]  # the largest always stays
    assert small_groups(groups, 0.0).tolist() == [False, False, False]
