"""The techniques that prune while they train: gradual and movement."""

from __future__ import annotations

import pytest
import torch

from explorer.models.layers import weighted
from explorer.techniques.pruning.gradual import PruneGradual
from explorer.techniques.pruning.magnitude import PruneMagnitude
from explorer.techniques.pruning.movement import PruneMovement
from explorer.techniques.training.fine_tune import FineTune
from tests.techniques.workbench import Workbench, workbench


def zeros(model: torch.nn.Module) -> dict[str, int]:
    return {name: int((weight == 0).sum()) for name, weight in weighted(model, embeddings=False).items()}


def run(bench: Workbench, step) -> torch.nn.Module:
    subject = bench.subject()
    step.apply(subject, bench.context())
    return subject.model


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (PruneGradual(sparsity=0.6), "bert"),
        (PruneGradual(sparsity=0.6, epochs=0.5), "cnn"),
        (PruneGradual(sparsity=0.6, schedule="rounds"), "vit"),
        (PruneGradual(sparsity=0.6, epochs=0.5, ramp=1.0), "bert"),
        (PruneMovement(sparsity=0.6, scope="global", epochs=0.5, recovery=0.5), "vit"),
        (PruneMovement(sparsity=0.6, scope="global", epochs=0.5, recovery=0.0), "cnn"),
        (PruneMovement(sparsity=0.6, scope="global", epochs=0.5, schedule="end", recovery=0.0), "bert"),
    ],
    ids=["cubic", "cubic-cnn", "rounds", "short", "movement", "movement-cnn", "movement-end"],
)
def test_the_final_sparsity_is_that_of_one_shot(step, kind: str) -> None:
    bench = workbench(kind)
    one_shot = sum(zeros(run(bench, PruneMagnitude(sparsity=0.6))).values())
    assert sum(zeros(run(bench, step)).values()) == one_shot > 0


@pytest.mark.parametrize("step", [PruneGradual, PruneMovement])
def test_layer_by_layer_each_has_the_share(step) -> None:
    model = run(workbench("bert"), step(sparsity=0.4, scope="layer", epochs=0.5))
    weights = weighted(model, embeddings=False)
    assert zeros(model) == {name: round(0.4 * weight.numel()) for name, weight in weights.items()}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (PruneGradual(sparsity=0.0), "bert"),
        (PruneGradual(sparsity=0.0, schedule="rounds"), "vit"),
        (PruneMovement(sparsity=0.0, epochs=1.0, recovery=0.0), "vit"),
        (PruneMovement(sparsity=0.0, epochs=1.0, recovery=0.0, schedule="end"), "bert"),
    ],
    ids=["cubic", "rounds", "movement", "movement-end"],
)
def test_without_sparsity_it_is_fine_tuning(step, kind: str) -> None:
    bench = workbench(kind)
    expected = bench.logits(run(bench, FineTune(epochs=1.0)))
    assert torch.allclose(bench.logits(run(bench, step)), expected, atol=1e-6)
    assert not torch.equal(expected, bench.logits(bench.model))


def test_one_round_is_one_shot_and_fine_tuning() -> None:
    bench = workbench("bert")
    subject = bench.subject()
    PruneMagnitude(sparsity=0.5).apply(subject, bench.context())
    FineTune(epochs=1.0).apply(subject, bench.context())
    rounds = run(bench, PruneGradual(sparsity=0.5, schedule="rounds", rounds=1))
    assert torch.allclose(bench.logits(rounds), bench.logits(subject.model), atol=1e-6)


@pytest.mark.parametrize(
    "step", [PruneGradual(epochs=1.0), PruneMovement(epochs=1.0, recovery=0.5)], ids=["gradual", "movement"]
)
def test_zeros_survive_later_training_and_earlier_zeros_stay(step) -> None:
    bench = workbench("bert")
    subject = bench.subject()
    PruneMagnitude(sparsity=0.3, importance="random", scope="layer").apply(subject, bench.context())
    first = subject.keep_zeros()
    step.apply(subject, bench.context())
    second = subject.keep_zeros()
    assert all(not (second[name] & ~kept).any() for name, kept in first.items())
    FineTune(epochs=1.0).apply(subject, bench.context())
    assert all(torch.equal(subject.keep_zeros()[name], kept) for name, kept in second.items())


def test_movement_takes_other_weights_than_magnitude(quick_learning: None) -> None:
    bench = workbench("bert")
    name = "bert.encoder.layer.0.intermediate.dense.weight"
    model = run(bench, PruneMovement(epochs=2.0, schedule="end", recovery=0.0))
    gone = model.get_parameter(name) == 0
    before = bench.model.get_parameter(name).abs()
    # magnitude pruning would have taken the smaller half, all of whose weights lie below the median
    assert float((before[gone] > before.median()).float().mean()) > 0.2


def test_training_tells_its_progress_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, told = workbench("bert"), []
    context = bench.context()
    context.report = lambda *, stage, text, fraction=None, **_: told.append(fraction) if stage == "train" else None
    PruneMovement(epochs=1.0, recovery=1.0).apply(bench.subject(), context)
    assert told == sorted(told) and told[-1] == pytest.approx(1.0) and any(part <= 0.5 for part in told)
