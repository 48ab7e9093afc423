"""The one-shot techniques that score weights by data: Taylor, Wanda, activation variance, N:M."""

from __future__ import annotations

import pytest
import torch

from explorer import training
from explorer.errors import BadInput
from explorer.models.activations import activations
from explorer.models.layers import feed_forwards, head, weighted
from explorer.techniques.pruning.activation_variance import PruneActivationVariance
from explorer.techniques.pruning.n_of_m import PruneNOfM
from explorer.techniques.pruning.taylor import PruneTaylor
from explorer.techniques.pruning.wanda import PruneWanda
from tests.techniques.workbench import KINDS, workbench

SCORED = [PruneTaylor, PruneWanda, PruneActivationVariance]


@pytest.mark.parametrize("technique", SCORED)
@pytest.mark.parametrize("kind", KINDS)
def test_zero_sparsity_is_the_identity(technique, kind: str) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    technique(sparsity=0.0).apply(subject, bench.context())
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))


@pytest.mark.parametrize("technique", SCORED)
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_the_share_is_exact_and_the_head_is_left_alone(technique, scope: str) -> None:
    bench = workbench("vit")
    subject = bench.subject()
    technique(sparsity=0.3, scope=scope).apply(subject, bench.context())
    weights = weighted(subject.model, embeddings=False)
    zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    if scope == "layer":
        assert {int((w == 0).sum()) - round(0.3 * w.numel()) for w in weights.values()} == {0}
    else:
        assert zeros == round(0.3 * sum(weight.numel() for weight in weights.values()))
    name = head(subject.model) + ".weight"
    assert torch.equal(subject.model.get_parameter(name), bench.model.get_parameter(name))
    assert all(parameter.grad is None for parameter in subject.model.parameters())


def test_taylor_keeps_what_the_loss_needs() -> None:
    """Against gradients taken by hand, and against chance: the first order tells which weights matter."""
    bench, name = workbench("bert"), "bert.encoder.layer.1.intermediate.dense.weight"
    subject, reference = bench.subject(), bench.subject()
    PruneTaylor(sparsity=0.5, scope="layer").apply(subject, bench.context())
    training.accumulate_gradients(reference.model, bench.task.splits["train"].subset(512, 0), bench.preprocessor)
    weight = reference.model.get_parameter(name)
    products = (weight * weight.grad).abs().flatten()
    kept = subject.model.get_parameter(name).flatten() != 0
    assert products[kept].min() >= products[~kept].max()


@pytest.mark.parametrize("kind", KINDS)
def test_wanda_compares_the_weights_of_one_output(kind: str) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    PruneWanda(sparsity=0.5).apply(subject, bench.context())
    found = activations(bench.model, bench.preprocessor.encode(bench.task.splits["calibration"].inputs))
    for name, weight in weighted(subject.model, embeddings=False).items():
        rows = weight.detach().flatten(1)
        assert bool(((rows == 0).sum(1) == round(0.5 * rows.shape[1])).all()), name
        norm = torch.from_numpy(found[name.removesuffix(".weight")].norm).float()
        before = bench.model.get_parameter(name).detach()
        scores = before.abs() * norm.view(1, -1, *[1] * (before.dim() - 2))
        gone, kept = scores.flatten(1).masked_fill(rows != 0, 0), scores.flatten(1).masked_fill(rows == 0, torch.inf)
        assert bool((gone.amax(1) <= kept.amin(1) * (1 + 1e-5)).all()), name


def test_the_bias_takes_over_what_removed_weights_gave_on_average() -> None:
    """One layer's mean output over the calibration inputs stays as it was; without the flag it moves."""
    bench = workbench("vit")
    arrays = bench.preprocessor.encode(bench.task.splits["calibration"].inputs)
    name = feed_forwards(bench.model)[0].up
    mean = torch.from_numpy(activations(bench.model, arrays)[name].mean).float()
    before = bench.model.get_submodule(name)
    moved = {}
    for compensate in (True, False):
        subject = bench.subject()
        PruneActivationVariance(sparsity=0.6, compensate=compensate).apply(subject, bench.context())
        after = subject.model.get_submodule(name)
        assert bool((after.weight == 0).any())
        with torch.no_grad():
            moved[compensate] = float((after(mean) - before(mean)).abs().max())
    assert moved[True] < 1e-5 < 0.01 < moved[False]


def test_weights_of_a_constant_input_are_the_first_to_go() -> None:
    bench = workbench("bert")
    subject = bench.subject()
    with torch.no_grad():  # the first feature is 1 for every token
        norm = subject.model.bert.encoder.layer[0].attention.output.LayerNorm
        norm.weight[0], norm.bias[0] = 0.0, 1.0
    PruneActivationVariance(sparsity=0.1).apply(subject, bench.context())
    assert not subject.model.bert.encoder.layer[0].intermediate.dense.weight[:, 0].any()


@pytest.mark.parametrize(
    ("kind", "pattern", "importance"),
    [("bert", "2:4", "magnitude"), ("vit", "4:8", "wanda"), ("cnn", "2:4", "wanda"), ("cnn", "1:4", "magnitude")],
)
def test_n_of_m_stay_in_the_finished_model(kind: str, pattern: str, importance: str) -> None:
    bench = workbench(kind)
    subject, context = bench.subject(), bench.context()
    PruneNOfM(pattern=pattern, importance=importance).apply(subject, context)
    n, m = (int(number) for number in pattern.split(":"))
    fitting = 0
    for name, weight in weighted(subject.model, embeddings=False).items():
        if weight.shape[1] % m:  # the three colours of an image
            assert torch.equal(weight, bench.model.get_parameter(name))
            continue
        groups = (weight.movedim(1, -1) != 0).reshape(-1, m)
        assert bool((groups.sum(1) == n).all()), name
        fitting += 1
    assert context.figures["layers_kept"] == fitting > 0
    assert "Ampere" in context.notes[-1]


def test_a_model_without_groups_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = workbench("bert")
    subject = bench.subject()
    odd = {"odd.weight": torch.nn.Parameter(torch.ones(4, 6))}
    monkeypatch.setattr("explorer.models.layers.weighted", lambda model, embeddings: odd)
    with pytest.raises(BadInput, match="no layer whose inputs come in groups of 4"):
        PruneNOfM().apply(subject, bench.context())
