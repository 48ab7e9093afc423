import pytest
import torch
from torch.nn.utils import prune

from explorer.context import ModelSubject
from explorer.models.layers import head
from explorer.techniques.pruning.magnitude import PruneMagnitude, magnitude_masks
from explorer.techniques.training.fine_tune import FineTune
from tests.techniques.workbench import KINDS, workbench


def layers() -> list[torch.nn.Linear]:
    torch.manual_seed(0)
    return [torch.nn.Linear(24, 40), torch.nn.Linear(40, 12)]


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.9])
def test_layer_masks_are_those_of_torch(sparsity: float) -> None:
    ours = magnitude_masks([layer.weight for layer in layers()], sparsity, "layer")
    for layer, mask in zip(layers(), ours, strict=True):
        prune.l1_unstructured(layer, "weight", amount=sparsity)
        assert torch.equal(mask, layer.weight_mask.bool())


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.9])
def test_global_masks_are_those_of_torch(sparsity: float) -> None:
    ours = magnitude_masks([layer.weight for layer in layers()], sparsity, "global")
    reference = layers()
    pairs = [(layer, "weight") for layer in reference]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=sparsity)
    for layer, mask in zip(reference, ours, strict=True):
        assert torch.equal(mask, layer.weight_mask.bool())


def test_zero_sparsity_is_the_identity() -> None:
    bench = workbench("bert")
    subject = bench.subject()
    PruneMagnitude(sparsity=0.0).apply(subject, bench.context())
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_survive_fine_tuning_and_the_head_is_left_alone(kind: str) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    PruneMagnitude(sparsity=0.6, scope="layer").apply(subject, bench.context())
    zeros = zero_places(subject)
    assert sum(int(mask.sum()) for mask in zeros.values()) > 0
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    FineTune(epochs=1.0).apply(subject, bench.context())
    for name, mask in zeros.items():
        assert not subject.model.get_parameter(name)[mask].any(), name
    assert any(not torch.equal(before[name], value) for name, value in subject.model.state_dict().items())
    assert bool((subject.model.get_submodule(head(subject.model)).weight != 0).all())


def test_embeddings_are_pruned_only_when_asked_for() -> None:
    bench = workbench("bert")
    for asked in (False, True):
        subject = bench.subject()
        PruneMagnitude(sparsity=0.5, scope="layer", embeddings=asked).apply(subject, bench.context())
        share = float((subject.model.bert.embeddings.word_embeddings.weight == 0).float().mean())
        # the padding row is zero from the start
        assert (share > 0.4) is asked


def zero_places(subject: ModelSubject) -> dict[str, torch.Tensor]:
    return {name: ~mask for name, mask in subject.keep_zeros().items()}
