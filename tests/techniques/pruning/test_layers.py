import math

import numpy as np
import pytest
import torch

from explorer.models.structure import load_torch, save_torch
from explorer.techniques.pruning.layers import (
    PruneLayers,
    angular_distances,
    kept_in_lists,
    new_name,
    removable_layers,
    removed_layers,
)
from explorer.techniques.pruning.magnitude import PruneMagnitude
from tests.techniques.workbench import KINDS, workbench


@pytest.mark.parametrize(
    ("which", "share", "gone"),
    [
        ("last", 0.5, [3, 4, 5]), ("first", 0.3, [0, 1]), ("alternate", 0.5, [1, 3, 5]), ("alternate", 0.3, [2, 5]),
        ("last", 1.0, [1, 2, 3, 4, 5]), ("first", 0.0, []), ("angular", 0.3, [1, 4]), ("angular", 0.5, [1, 3, 4]),
    ],
)  # fmt: skip
def test_which_layers_go(which: str, share: float, gone: list[int]) -> None:
    distances = [0.4, 0.1, 0.5, 0.3, 0.2, 0.6]
    assert removed_layers(list(range(6)), 6, share, which, distances) == gone


def test_the_first_block_of_each_stage_stays() -> None:
    assert removable_layers([2, 2, 3]) == [1, 3, 5, 6]
    gone = removed_layers([1, 3, 5, 6], 7, 0.9, "angular", [0.0] * 7)
    assert gone == [1, 3, 5, 6] and kept_in_lists([2, 2, 3], gone) == [[0], [0], [0]]
    assert removable_layers([4]) == [0, 1, 2, 3]


def test_angles_against_numpy() -> None:
    bench = workbench("bert")
    inputs = bench.tensors(5)
    with torch.inference_mode():
        states = bench.model(
            **{name: torch.from_numpy(array) for name, array in inputs.items()}, output_hidden_states=True
        ).hidden_states
    real = inputs["attention_mask"].astype(bool)
    for layer, distance in enumerate(angular_distances(bench.model, inputs)):
        a, b = (states[layer + i].numpy()[real] for i in (0, 1))
        cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        assert distance == pytest.approx(float(np.arccos(cosine).mean()) / math.pi, abs=1e-5)


def test_a_layer_that_does_nothing_is_the_least_important() -> None:
    bench = workbench("vit")
    with torch.no_grad():  # nothing is added to the residual stream
        for linear in (bench.model.vit.layers[0].attention.o_proj, bench.model.vit.layers[0].mlp.fc2):
            linear.weight.zero_(), linear.bias.zero_()
    subject = bench.subject()
    PruneLayers(sparsity=0.5, which="angular").apply(subject, bench.context())
    assert len(subject.model.vit.layers) == 1
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))


def test_blocks_that_change_the_shape_are_no_choice() -> None:
    bench = workbench("cnn")
    distances = angular_distances(bench.model, bench.tensors())
    assert [math.isinf(distance) for distance in distances] == [False, False, True, False]
    assert all(0 < distance < 1 for distance in distances if not math.isinf(distance))


@pytest.mark.parametrize("which", ["first", "last", "alternate", "angular"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_config_tells_and_the_model_comes_back(kind: str, which: str, tmp_path) -> None:
    bench = workbench(kind)
    subject, context = bench.subject(), bench.context()
    PruneLayers(sparsity=0.5, which=which).apply(subject, context)
    config = subject.model.config
    assert config.depths == [1, 1] if kind == "cnn" else config.num_hidden_layers == 1
    assert context.figures["layers_removed"] == (2 if kind == "cnn" else 1)
    save_torch(subject.model, tmp_path)
    assert torch.equal(bench.logits(load_torch(tmp_path)), bench.logits(subject.model))


def test_nothing_to_remove_is_the_identity() -> None:
    bench = workbench("bert")
    subject, context = bench.subject(), bench.context()
    PruneLayers(sparsity=0.2).apply(subject, context)
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model)) and "Nothing" in context.notes[0]


def test_zeros_stay_zeros_under_the_layers_new_names() -> None:
    names = {"e.layer.1": "e.layer.0", "e.layer.3": "e.layer.1"}
    assert new_name("e.layer.3.w.weight", ["e.layer"], names) == "e.layer.1.w.weight"
    assert new_name("e.layer.2.w.weight", ["e.layer"], names) == ""
    assert new_name("head.weight", ["e.layer"], names) == "head.weight"
    bench = workbench("bert")
    subject = bench.subject()
    PruneMagnitude().apply(subject, bench.context())
    PruneLayers(which="first").apply(subject, bench.context())
    assert set(subject.keep_zeros()) == subject.pruned
    assert not any(".layer.1." in name for name in subject.pruned)
