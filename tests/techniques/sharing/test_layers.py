import copy

import onnx
import pytest
import torch

from explorer import deploy
from explorer.errors import BadInput
from explorer.models.layers import parameter_count
from explorer.models.structure import load_torch, save_torch
from explorer.techniques.pruning.neurons import PruneNeurons
from explorer.techniques.quantization.int8_dynamic import Int8Dynamic
from explorer.techniques.sharing.layers import ShareLayers, layer_groups, mean_layer, share
from explorer.techniques.training.fine_tune import FineTune
from explorer.training import accumulate_gradients
from tests.models import tiny
from tests.techniques.workbench import run_onnx, workbench

KINDS = ("bert", "vit")


def layers_of(model: torch.nn.Module, kind: str) -> torch.nn.ModuleList:
    return model.bert.encoder.layer if kind == "bert" else model.vit.layers


def test_groups() -> None:
    assert layer_groups(6, 0.05, "sequence") == [[0, 1, 2, 3, 4, 5]] == layer_groups(6, 0.05, "cycle")
    assert layer_groups(5, 0.4, "sequence") == [[0, 1, 2], [3, 4]]
    assert layer_groups(4, 1.0, "cycle") == [[0], [1], [2], [3]] == layer_groups(4, 1.0, "sequence")


def test_where_the_shared_weights_start() -> None:
    linears = [torch.nn.Linear(3, 3) for _ in range(3)]
    for start, expected in (
        ("first", linears[0].weight), ("middle", linears[1].weight),
        ("mean", (linears[0].weight + linears[1].weight + linears[2].weight) / 3),
    ):  # fmt: skip
        layers = torch.nn.ModuleList(linears)
        share(layers, [[0, 1, 2]], start)
        assert layers[0] is layers[1] is layers[2]
        assert torch.allclose(layers[0].weight, expected)


def test_the_mean_of_a_layer_with_itself_is_the_layer() -> None:
    layer = torch.nn.Linear(4, 5)
    assert torch.equal(mean_layer([layer, copy.deepcopy(layer)]).weight, layer.weight)


@pytest.mark.parametrize("kind", KINDS)
def test_no_sharing_is_the_identity(kind: str) -> None:
    bench = workbench(kind)
    subject, context = bench.subject(), bench.context()
    ShareLayers(unique=1.0).apply(subject, context)
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model)) and context.notes


@pytest.mark.parametrize("kind", KINDS)
def test_layers_that_are_alike_can_be_shared_for_nothing(kind: str) -> None:
    bench = workbench(kind)
    layers = layers_of(bench.model, kind)
    layers[1].load_state_dict(layers[0].state_dict())
    subject = bench.subject()
    ShareLayers(unique=0.5).apply(subject, bench.context())
    assert torch.equal(bench.logits(subject.model), bench.logits(bench.model))
    assert parameter_count(subject.model) == parameter_count(bench.model) - parameter_count(layers[0])


@pytest.mark.parametrize("kind", KINDS)
def test_both_files_hold_the_weights_once(kind: str, tmp_path) -> None:
    bench = workbench(kind)
    subject = bench.subject()
    ShareLayers(unique=0.5).apply(subject, bench.context())
    save_torch(subject.model, tmp_path)
    once = 4 * parameter_count(subject.model)
    assert (tmp_path / "model.safetensors").stat().st_size < once + 8000
    again = load_torch(tmp_path)
    assert layers_of(again, kind)[0] is layers_of(again, kind)[1]
    assert torch.equal(bench.logits(again), bench.logits(subject.model))
    graph = deploy.export(again, bench.preprocessor)
    sizes = {tensor.name: onnx.numpy_helper.to_array(tensor).nbytes for tensor in graph.graph.initializer}
    assert sum(sizes.values()) == once
    assert set(sizes) <= {name for name, _ in again.named_parameters()}
    deploy.check_parity(graph, again, bench.tensors())


def test_shared_weights_are_quantized_once() -> None:
    bench = workbench("bert")
    subject = bench.subject()
    ShareLayers(unique=0.5).apply(subject, bench.context())
    bench.model = subject.model
    deployed = bench.graph()
    exact = run_onnx(deployed.graph, bench.tensors())
    Int8Dynamic().apply(deployed, bench.context())
    squares = [t for t in deployed.graph.graph.initializer if list(t.dims) == [16, 16]]
    assert len(squares) == 4 + 1  # query, key, value and output of one layer, and the pooler
    assert abs(run_onnx(deployed.graph, bench.tensors()) - exact).mean() < 0.25 * abs(exact).mean()


def test_training_keeps_them_one(quick_learning) -> None:
    bench = workbench("bert")
    subject = bench.subject()
    ShareLayers(unique=0.5).apply(subject, bench.context())
    name = "bert.encoder.layer.0.output.dense.weight"
    before = subject.model.state_dict()[name].clone()
    FineTune(epochs=1, distill=False).apply(subject, bench.context())
    layers = subject.model.bert.encoder.layer
    assert layers[0] is layers[1]
    assert (subject.model.state_dict()[name] - before).abs().max() > 1e-4


def test_every_use_of_a_shared_layer_teaches_it() -> None:
    """Its gradient is the sum of those that copies of it would get."""
    bench = workbench("bert")
    copies, layers = bench.model, bench.model.bert.encoder.layer
    layers[1].load_state_dict(layers[0].state_dict())
    subject = bench.subject()
    ShareLayers(unique=0.5, start="first").apply(subject, bench.context())
    for model in (copies, subject.model):
        accumulate_gradients(model, bench.task.splits["train"], bench.preprocessor)
    apart = [layer.output.dense.weight.grad for layer in layers]
    assert min(float(gradient.abs().max()) for gradient in apart) > 0
    assert torch.allclose(
        subject.model.bert.encoder.layer[1].output.dense.weight.grad, apart[0] + apart[1], rtol=1e-4, atol=1e-7
    )


def test_layers_of_different_shape_have_no_mean() -> None:
    bench = workbench("bert")
    subject = bench.subject()
    PruneNeurons(scope="global", importance="random", round_to=1).apply(subject, bench.context(seed=4))
    widths = {layer.intermediate.dense.out_features for layer in subject.model.bert.encoder.layer}
    assert len(widths) == 2
    with pytest.raises(BadInput, match="layers of one shape"):
        ShareLayers(unique=0.5).apply(subject, bench.context())
    ShareLayers(unique=0.5, start="first").apply(subject, bench.context())
    assert bench.logits(subject.model).isfinite().all() and len(tiny.LABELS) == bench.logits(subject.model).shape[1]
