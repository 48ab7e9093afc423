import pytest
import torch

from explorer.models.layers import attentions, feed_forwards, parameter_count
from explorer.models.structure import load_torch, save_torch
from explorer.models.surgery import hidden_cuts
from explorer.techniques.pruning.heads import PruneHeads
from explorer.techniques.pruning.neurons import PruneNeurons
from explorer.techniques.pruning.width import PruneWidth
from tests.techniques.workbench import Workbench, workbench

KINDS = ("bert", "vit")


def pruned(bench: Workbench, **settings: object) -> torch.nn.Module:
    subject = bench.subject()
    PruneWidth(**settings).apply(subject, bench.context())
    return subject.model


@pytest.mark.parametrize("kind", KINDS)
def test_zero_sparsity_is_the_identity(kind: str) -> None:
    bench = workbench(kind)
    assert torch.equal(bench.logits(pruned(bench, sparsity=0.0)), bench.logits(bench.model))


@pytest.mark.parametrize("importance", ["l1", "l2", "taylor", "activation", "random"])
@pytest.mark.parametrize("kind", KINDS)
def test_heads_and_neurons_stay_and_all_else_narrows(kind: str, importance: str) -> None:
    bench = workbench(kind)
    model = pruned(bench, sparsity=0.5, importance=importance, round_to=1)
    assert {place.tensor.shape[place.axis] for place in hidden_cuts(model)} == {8}
    for attention in attentions(model):
        assert model.get_submodule(attention.inputs[0]).weight.shape == (16, 8)
        assert model.get_submodule(attention.output).weight.shape == (8, 16)
    assert all(model.get_submodule(block.up).weight.shape == (32, 8) for block in feed_forwards(model))
    assert parameter_count(model) < 0.6 * parameter_count(bench.model)
    assert model.config.hidden_size == 16  # the head size follows from it
    assert bench.logits(model).isfinite().all()


@pytest.mark.parametrize("importance", ["l1", "l2", "activation"])
def test_dimensions_that_carry_nothing_go_first(importance: str) -> None:
    bench = workbench("vit")
    dead = [1, 4, 10, 15]
    with torch.no_grad():
        for place in hidden_cuts(bench.model):
            place.tensor.index_fill_(place.axis, torch.tensor(dead), 0.0)
    model = pruned(bench, sparsity=0.25, importance=importance, round_to=1)
    alive = [i for i in range(16) if i not in dead]
    assert torch.equal(model.vit.embeddings.cls_token, bench.model.vit.embeddings.cls_token[..., alive])
    assert torch.equal(model.classifier.weight, bench.model.classifier.weight[:, alive])


@pytest.mark.parametrize(("round_to", "width"), [(1, 11), (8, 8), (16, 16)])
def test_the_width_is_a_multiple(round_to: int, width: int) -> None:
    bench = workbench("bert")
    subject, context = bench.subject(), bench.context()
    PruneWidth(sparsity=0.3, round_to=round_to).apply(subject, context)
    assert subject.model.bert.pooler.dense.weight.shape == (16, width)
    assert any("Nothing was removed" in note for note in context.notes) == (width == 16)


@pytest.mark.parametrize("kind", KINDS)
def test_after_other_cuts_it_still_comes_back(kind: str, tmp_path) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    for step in (
        PruneHeads(scope="global"), PruneNeurons(round_to=1), PruneWidth(sparsity=0.2, round_to=1),
        PruneWidth(sparsity=0.2, round_to=1),
    ):  # fmt: skip
        step.apply(subject, bench.context())
    assert subject.model.classifier.in_features == (16 if kind == "bert" else 10)
    save_torch(subject.model, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(subject.model))
