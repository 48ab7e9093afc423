import copy

import pytest
import torch
import torch_pruning

from explorer.errors import BadInput
from explorer.models.layers import feed_forwards, parameter_count
from explorer.models.modules import LowRankLinear
from explorer.techniques.pruning.neurons import PruneNeurons, keep_neurons, neuron_scores
from explorer.techniques.pruning.removal import choose_kept
from tests.techniques.workbench import KINDS, workbench


def block() -> tuple[torch.nn.Linear, torch.nn.Linear]:
    torch.manual_seed(1)
    return torch.nn.Linear(6, 32), torch.nn.Linear(32, 6)


@pytest.mark.parametrize("importance", ["l1", "l2"])
def test_scores_by_hand(importance: str) -> None:
    up, down = block()
    power = 1 if importance == "l1" else 2
    for i in (0, 17):
        expected = float(up.weight[i].detach().abs().pow(power).sum() + up.bias[i].detach().abs() ** power)
        expected += float(down.weight[:, i].detach().abs().pow(power).sum())
        assert neuron_scores(up, down, importance, seed=0)[i] == pytest.approx(expected)


def test_taylor_scores_are_weight_times_gradient() -> None:
    up, down = block()
    down(torch.relu(up(torch.randn(8, 6)))).square().sum().backward()
    expected = (up.weight * up.weight.grad).abs().sum(1) + (up.bias * up.bias.grad).abs()
    expected += (down.weight * down.weight.grad).abs().sum(0)
    assert torch.allclose(neuron_scores(up, down, "taylor", seed=0), expected)


def test_the_same_neurons_as_torch_pruning() -> None:
    up, down = block()
    net = torch.nn.Sequential(up, torch.nn.ReLU(), down)
    ours = choose_kept([neuron_scores(up, down, "l2", seed=0)], 0.5, "uniform", 1)[0]
    expected = up.weight[ours].clone()
    # no normalisation and no bias, so that both rank by the same sum
    with torch.no_grad():
        up.bias.zero_()
    ours = choose_kept([neuron_scores(up, down, "l2", seed=0)], 0.5, "uniform", 1)[0]
    expected = up.weight[ours].clone()
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2, group_reduction="sum", normalizer=None)
    pruner = torch_pruning.pruner.BasePruner(
        net, torch.randn(2, 6), importance=importance, pruning_ratio=0.5, ignored_layers=[down]
    )
    pruner.step()
    assert torch.equal(net[0].weight, expected)


def test_removing_a_neuron_is_the_same_as_silencing_it() -> None:
    up, down = block()
    silenced = copy.deepcopy(down)
    keep = torch.tensor([0, 3, 4, 20, 31])
    gone = torch.ones(32, dtype=torch.bool)
    gone[keep] = False
    with torch.no_grad():
        silenced.weight[:, gone] = 0
    inputs = torch.randn(5, 6)
    expected = silenced(torch.relu(up(inputs)))
    keep_neurons(up, down, keep)
    assert up.weight.shape == (5, 6) and down.weight.shape == (6, 5)
    assert torch.allclose(down(torch.relu(up(inputs))), expected, atol=1e-6)


def test_widths_are_multiples_and_never_empty() -> None:
    scores = [torch.arange(1.0, 33.0), torch.arange(1.0, 33.0) ** 3]
    for scope in ("uniform", "global"):
        for sparsity in (0.0, 0.3, 0.9):
            widths = [len(keep) for keep in choose_kept(scores, sparsity, scope, 8)]
            assert all(width % 8 == 0 and 8 <= width <= 32 for width in widths)
    assert [len(keep) for keep in choose_kept(scores, 0.0, "global", 8)] == [32, 32]
    narrow, wide = choose_kept(scores, 0.5, "global", 1)
    assert len(narrow) != len(wide) and len(narrow) + len(wide) == 32


@pytest.mark.parametrize("scope", ["uniform", "global"])
def test_a_layer_of_which_all_is_wanted_keeps_an_odd_width(scope: str) -> None:
    scores = [torch.arange(1.0, 1.0 + width) for width in (33, 20, 7)]
    assert [len(keep) for keep in choose_kept(scores, 0.0, scope, 8)] == [33, 20, 7]


@pytest.mark.parametrize("importance", ["l1", "l2", "taylor", "random"])
@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_really_gone(kind: str, importance: str) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    PruneNeurons(sparsity=0.5, importance=importance, round_to=1).apply(subject, bench.context())
    assert parameter_count(subject.model) < 0.9 * parameter_count(bench.model)
    assert all(parameter.grad is None for parameter in subject.model.parameters())
    if kind != "cnn":
        assert {subject.model.get_submodule(b.up).out_features for b in feed_forwards(subject.model)} == {16}


@pytest.mark.parametrize("scope", ["uniform", "global"])
@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_zero_sparsity_is_the_identity(kind: str, odd: bool, scope: str) -> None:
    bench = workbench(kind)
    if odd:  # widths that are no multiples of 16
        PruneNeurons(sparsity=0.3, round_to=1).apply(subject := bench.subject(), bench.context())
        bench.model = subject.model
    subject, context = bench.subject(), bench.context()
    PruneNeurons(sparsity=0.0, round_to=16, scope=scope).apply(subject, context)
    assert parameter_count(subject.model) == parameter_count(bench.model)
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))
    assert context.notes


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_activation_is_the_mean_square_of_what_the_second_layer_reads(kind: str) -> None:
    bench = workbench(kind)
    block = feed_forwards(bench.model)[0]
    down, seen = bench.model.get_submodule(block.down), []
    handle = down.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    inputs = bench.preprocessor.encode(bench.task.splits["calibration"].inputs)
    with torch.inference_mode():
        bench.model(**{name: torch.from_numpy(array) for name, array in inputs.items()})
    handle.remove()
    real = torch.from_numpy(inputs["attention_mask"]).bool() if kind == "bert" else torch.ones(seen[0].shape[:2]).bool()
    strongest = seen[0][real].square().mean(0).topk(16).indices.sort().values
    subject = bench.subject()
    PruneNeurons(sparsity=0.5, importance="activation", round_to=1).apply(subject, bench.context())
    assert torch.equal(subject.model.get_submodule(block.down).weight, down.weight[:, strongest])


@pytest.mark.parametrize("importance", ["activation", "batch-norm"])
@pytest.mark.parametrize("inner", [True, False])
def test_channels_that_are_silent_go_first(inner: bool, importance: str) -> None:
    """Inside of a block one convolution reads them; on the residual stream everything that is added up does."""
    bench = workbench("cnn")
    resnet = bench.model.resnet
    blocks = [block for stage in resnet.encoder.stages for block in stage.layers]
    silent = [block.layer[0 if inner else 1].normalization for block in blocks]
    if not inner:
        shortcuts = [block.shortcut.normalization for block in blocks if hasattr(block.shortcut, "normalization")]
        silent += [resnet.embedder.embedder.normalization, *shortcuts]
    with torch.no_grad():
        for norm in silent:
            norm.weight[[1, 3, 8, 11]] = norm.bias[[1, 3, 8, 11]] = 0
    subject = bench.subject()
    PruneNeurons(sparsity=0.25, importance=importance, round_to=1).apply(subject, bench.context())
    norms = [m for m in subject.model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not any((norm.weight == 0).any() for norm in norms)


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_batch_norm_on_a_model_without_it_is_refused(kind: str) -> None:
    bench = workbench(kind)
    with pytest.raises(BadInput, match="needs a CNN with batch norm"):
        PruneNeurons(importance="batch-norm").apply(bench.subject(), bench.context())


@pytest.mark.parametrize("importance", ["l2", "taylor", "activation"])
def test_neurons_of_a_factorised_layer_can_go(importance: str) -> None:
    bench = workbench("bert")
    dense = bench.model.bert.encoder.layer[0].intermediate.dense
    low = LowRankLinear(16, 3, 32)
    bench.model.bert.encoder.layer[0].intermediate.dense = low
    subject = bench.subject()
    PruneNeurons(sparsity=0.5, importance=importance).apply(subject, bench.context())
    left = subject.model.bert.encoder.layer[0].intermediate.dense
    assert (left.in_features, left.rank, left.out_features) == (16, 3, 16) and dense.out_features == 32
    assert bench.logits(subject.model).isfinite().all()
