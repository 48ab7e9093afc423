from pathlib import Path

import pytest
import torch

from explorer import deploy
from explorer.context import ModelSubject
from explorer.errors import BadInput
from explorer.models.layers import feed_forwards, head, parameter_count
from explorer.models.modules import LowRankLinear
from explorer.models.structure import load_torch, save_torch
from explorer.recipe import Recipe
from explorer.techniques.factorization.low_rank import LowRank, linears
from explorer.techniques.pruning.heads import PruneHeads
from explorer.techniques.pruning.neurons import PruneNeurons
from explorer.techniques.sharing.layers import ShareLayers
from tests.techniques.workbench import Workbench, workbench

KINDS = ("bert", "vit")


def factorised(bench: Workbench, subject: ModelSubject | None = None, **settings: object) -> torch.nn.Module:
    subject = subject or bench.subject()
    LowRank(**settings).apply(subject, bench.context())
    return subject.model


@pytest.mark.parametrize("kind", KINDS)
def test_full_rank_leaves_every_layer(kind: str) -> None:
    bench = workbench(kind)
    assert torch.equal(bench.logits(factorised(bench, rank=1.0)), bench.logits(bench.model))


@pytest.mark.parametrize("weighting", ["none", "scaled", "whitened"])
@pytest.mark.parametrize("kind", KINDS)
def test_layers_become_two_where_that_is_smaller(kind: str, weighting: str) -> None:
    bench = workbench(kind)
    model = factorised(bench, rank=0.5, weighting=weighting)
    made = {name: module for name, module in model.named_modules() if isinstance(module, LowRankLinear)}
    assert set(made) == {name for block in feed_forwards(bench.model) for name in (block.up, block.down)}
    assert {module.rank for module in made.values()} == {8}
    assert parameter_count(bench.model) - parameter_count(model) == 4 * (16 * 32 - 8 * (16 + 32))
    narrow = factorised(bench, rank=0.25, weighting=weighting)
    assert isinstance(narrow.get_submodule(head(narrow)), torch.nn.Linear) and head(narrow) == "classifier"
    assert not list(linears(narrow)), "every layer but the head is factorised"
    assert bench.logits(narrow).isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_of_low_rank_is_replaced_exactly(kind: str) -> None:
    bench = workbench(kind)
    torch.manual_seed(0)
    with torch.no_grad():
        for _, linear in linears(bench.model):
            rows, columns = linear.weight.shape
            linear.weight.copy_(torch.randn(rows, 4) @ torch.randn(4, columns) / 4)
    for settings in ({"rank": 0.25}, {"choose_by": "energy", "energy": 1.0}, {"rank": 0.3, "weighting": "whitened"}):
        model = factorised(bench, **settings)
        assert not list(linears(model))
        assert torch.allclose(bench.logits(model), bench.logits(bench.model), atol=1e-3)


def test_whitened_answers_more_like_the_whole_model_where_inputs_matter() -> None:
    """Over the calibration inputs of the first factorised layer, whose inputs both share."""
    bench = workbench("vit")
    name = feed_forwards(bench.model)[0].up
    found = bench.context().activations(bench.subject(), gram=True)[name]
    whole = bench.model.get_submodule(name).weight.detach().double()

    def lost(weighting: str) -> float:
        pair = factorised(bench, rank=0.3, weighting=weighting).get_submodule(name)
        difference = whole - (pair[1].weight @ pair[0].weight).detach().double()
        return float(((difference @ torch.from_numpy(found.gram)) * difference).sum())

    assert lost("whitened") < 0.9 * lost("none")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_saved_exported_and_factorised_again(kind: str, tmp_path: Path) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    model = factorised(bench, subject, rank=0.5)
    save_torch(model, tmp_path)
    reloaded = load_torch(tmp_path)
    assert torch.equal(bench.logits(reloaded), bench.logits(model))
    assert deploy.check_parity(deploy.export(reloaded, bench.preprocessor), reloaded, bench.tensors()) < 1e-4
    again = factorised(bench, subject, rank=0.25)
    assert not any(isinstance(part, LowRankLinear) for m in again.modules() for part in m.children() if m is not again
                   and isinstance(m, LowRankLinear))  # fmt: skip
    save_torch(again, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(again))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [PruneNeurons(round_to=1), PruneHeads()], ids=lambda step: step.name)
def test_structured_pruning_cuts_the_factors(step: PruneNeurons | PruneHeads, kind: str, tmp_path: Path) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    before = parameter_count(factorised(bench, subject, rank=0.25))
    step.apply(subject, bench.context())
    assert parameter_count(subject.model) < before
    save_torch(subject.model, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(subject.model))


def test_shared_layers_stay_shared(tmp_path: Path) -> None:
    bench = workbench("bert")
    subject = bench.subject()
    ShareLayers(unique=0.5).apply(subject, bench.context())
    model = factorised(bench, subject, rank=0.25)
    layers = model.bert.encoder.layer
    assert layers[0] is layers[1] and isinstance(layers[0].output.dense, LowRankLinear)
    save_torch(model, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(model))


def test_the_note_says_what_stays_whole() -> None:
    bench = workbench("bert")
    context = bench.context()
    LowRank(rank=0.5).apply(bench.subject(), context)
    assert context.notes[0] == "4 of 13 layers became two, of rank 8; 9 stay, as two factors would not be smaller."
    context = bench.context()
    LowRank(rank=1.0).apply(bench.subject(), context)
    assert context.notes[0].startswith("No layer was factorised")


@pytest.mark.parametrize("earlier", ["prune-magnitude", "prune-n-m"])
def test_zeros_would_be_lost(earlier: str) -> None:
    with pytest.raises(BadInput, match="have no zeros"):
        Recipe.parse({"model": "vit-digits", "steps": [{"technique": earlier}, {"technique": "low-rank"}]})


def test_students_are_cut_from_whole_matrices() -> None:
    with pytest.raises(BadInput, match="cut from whole matrices"):
        Recipe.parse({"model": "vit-digits", "steps": [{"technique": "low-rank"}, {"technique": "distill-student"}]})
