import copy

import pytest
import torch
import torch_pruning

from explorer.models.layers import attentions, parameter_count
from explorer.models.surgery import head_cuts, keep_heads
from explorer.techniques.pruning.heads import PruneHeads
from explorer.techniques.pruning.removal import per_head, weight_scores
from explorer.training import accumulate_gradients
from tests.techniques.workbench import Workbench, workbench

KINDS = ("bert", "vit")
IMPORTANCES = ("l1", "l2", "taylor", "activation", "random")


def left(model: torch.nn.Module) -> list[int]:
    """How many heads of 8 features each layer has."""
    return [model.get_submodule(one.inputs[0]).out_features // one.head_size for one in attentions(model)]


def pruned(bench: Workbench, **settings: object) -> torch.nn.Module:
    subject = bench.subject()
    PruneHeads(**settings).apply(subject, bench.context())
    return subject.model


def first(bench: Workbench) -> tuple[torch.nn.Linear, torch.nn.Linear]:
    """Value and output of the first layer."""
    attention = attentions(bench.model)[0]
    return bench.model.get_submodule(attention.inputs[2]), bench.model.get_submodule(attention.output)


@pytest.mark.parametrize("kind", KINDS)
def test_with_all_heads_it_is_the_identity(kind: str) -> None:
    bench = workbench(kind)
    assert torch.equal(bench.logits(pruned(bench, sparsity=0.0)), bench.logits(bench.model))
    model = copy.deepcopy(bench.model)
    for attention in attentions(model):
        keep_heads(model, attention, torch.arange(2))
    assert torch.equal(bench.logits(model), bench.logits(bench.model))


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_that_nobody_reads_can_go(kind: str) -> None:
    """Head 0 of the first layer has no output columns and head 1 of the second: the logits stay what they were."""
    bench = workbench(kind)
    with torch.no_grad():
        for dead, attention in enumerate(attentions(bench.model)):
            bench.model.get_submodule(attention.output).weight[:, 8 * dead : 8 * dead + 8] = 0
    model = copy.deepcopy(bench.model)
    for dead, attention in enumerate(attentions(model)):
        keep_heads(model, attention, torch.tensor([1 - dead]))
    expected = bench.logits(bench.model)
    assert left(model) == [1, 1]
    assert torch.allclose(bench.logits(model), expected, atol=1e-6 * float(expected.abs().max()))


@pytest.mark.parametrize("importance", ["l1", "l2", "taylor"])
def test_the_same_heads_as_torch_pruning(importance: str) -> None:
    bench = workbench("bert")
    model = copy.deepcopy(bench.model)
    with torch.no_grad():  # torch-pruning leaves biases out
        for name, parameter in model.named_parameters():
            if ".self." in name and name.endswith("bias"):
                parameter.zero_()
    if importance == "taylor":
        accumulate_gradients(model, bench.task.splits["train"], bench.preprocessor)
    ours = [per_head(weight_scores(head_cuts(model, one), importance), 8) for one in attentions(model)]
    theirs = _scores_of_torch_pruning(model, importance)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, rtol=1e-4)


def _scores_of_torch_pruning(model: torch.nn.Module, importance: str) -> list[torch.Tensor]:
    plain = {"group_reduction": "sum", "normalizer": None}
    criteria = torch_pruning.importance
    score = {
        "l1": lambda: criteria.GroupMagnitudeImportance(p=1, **plain),
        "l2": lambda: criteria.GroupMagnitudeImportance(p=2, **plain),
        "taylor": lambda: criteria.GroupTaylorImportance(multivariable=False, **plain),
    }[importance]()
    inputs = {"input_ids": torch.arange(10).view(1, 10) + 4}
    graph = torch_pruning.DependencyGraph().build_dependency(
        model, inputs, output_transform=lambda output: output.logits
    )
    found = []
    for attention in attentions(model):
        query = model.get_submodule(attention.inputs[0])
        group = graph.get_pruning_group(query, torch_pruning.prune_linear_out_channels, idxs=list(range(16)))
        found.append(score(group).view(2, 8).sum(1).detach())
    return found


@pytest.mark.parametrize("importance", IMPORTANCES)
@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_really_gone(kind: str, importance: str) -> None:
    bench = workbench(kind)
    model = pruned(bench, sparsity=0.5, importance=importance)
    assert left(model) == [1, 1]
    assert parameter_count(bench.model) - parameter_count(model) == 2 * (4 * 8 * 16 + 3 * 8)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("importance", ["l1", "l2", "activation"])
def test_a_silent_head_goes_first(importance: str) -> None:
    bench = workbench("bert")
    with torch.no_grad():
        for attention in attentions(bench.model):
            for name in attention.inputs:
                layer = bench.model.get_submodule(name)
                layer.weight[:8] = layer.bias[:8] = 0
    model = pruned(bench, sparsity=0.5, importance=importance)
    for attention in attentions(model):
        whole, cut = (owner.get_submodule(attention.inputs[2]).weight for owner in (bench.model, model))
        assert torch.equal(cut, whole[8:])


def test_one_head_stays_in_each_layer() -> None:
    bench = workbench("bert")
    value, output = first(bench)
    with torch.no_grad():  # one feeble head in the first layer: globally it goes before all others
        value.weight[:8] = 0
        output.weight[:, :8] = 0
    assert left(pruned(bench, sparsity=0.25, scope="global")) == [1, 2]
    assert left(pruned(bench, sparsity=0.9, scope="global")) == [1, 1]
