import numpy as np
import onnx
import pytest
import torch

from explorer import deploy
from explorer.errors import ExplorerError
from tests.techniques.workbench import KINDS, run_onnx, workbench


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_carries_its_parameters_name(kind: str) -> None:
    bench = workbench(kind)
    parameters = dict(bench.model.named_parameters())
    graph = bench.graph().graph
    found = deploy.weights(graph)
    names = {tensor.name for tensor in found.values()}
    wanted = {
        f"{name}.weight"
        for name, module in bench.model.named_modules()
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Embedding))
    }
    assert wanted <= names
    for tensor in found.values():
        values, parameter = onnx.numpy_helper.to_array(tensor), parameters[tensor.name].detach().numpy()
        if values.ndim == 2 and values.shape == parameter.shape and np.array_equal(values, parameter):
            continue
        if values.ndim == 2:
            assert np.array_equal(values, parameter.T), tensor.name
        else:  # batch norm is folded into the convolution: each output channel is scaled
            ratio = (values / parameter).reshape(len(values), -1)
            assert np.allclose(ratio, ratio[:, :1], rtol=1e-3), tensor.name


@pytest.mark.parametrize("kind", KINDS)
def test_batch_and_length_are_free(kind: str) -> None:
    bench = workbench(kind)
    graph = bench.graph().graph
    for count in (1, 3):
        tensors = bench.tensors(count)
        expected = bench.logits(bench.model, count).numpy()
        assert np.abs(run_onnx(graph, tensors) - expected).max() < 1e-4 * np.abs(expected).max()
    if kind == "bert":
        alone = bench.preprocessor.encode(["good w1"])
        padded = bench.preprocessor.encode(["good w1"], length=20)
        assert alone["input_ids"].shape != padded["input_ids"].shape
        assert np.allclose(run_onnx(graph, alone), run_onnx(graph, padded), rtol=1e-4, atol=1e-4)


def sizes_of(graph: onnx.ModelProto) -> list[int]:
    """Height and width of the images as the graph declares them, 0 where they are free."""
    return [dimension.dim_value for dimension in graph.graph.input[0].type.tensor_type.shape.dim[2:]]


@pytest.mark.parametrize("side", [5, 8, 13, 32])
def test_a_cnn_runs_at_other_sizes_as_in_pytorch(side: int) -> None:
    bench = workbench("cnn")
    graph, tensors = bench.graph().graph, bench.preprocessor.dummy_at((3, side))
    assert sizes_of(graph) == [0, 0] and tensors["pixel_values"].shape == (3, 3, side, side)
    deploy.check_parity(graph, bench.model, tensors)


def test_a_vision_transformer_keeps_its_size() -> None:
    assert sizes_of(workbench("vit").graph().graph) == [8, 8]


def test_a_size_that_tracing_made_a_constant_is_no_free_size() -> None:
    class Biased(torch.nn.Module):
        """Runs at every size in PyTorch, but tracing turns what depends on the size into a number."""

        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, pixel_values: torch.Tensor) -> object:
            answer = self.inner(pixel_values=pixel_values)
            answer.logits = answer.logits + int(pixel_values.shape[-1])
            return answer

    bench = workbench("cnn")
    model = Biased(bench.model).eval()
    graph = deploy.export(model, bench.preprocessor)
    assert sizes_of(graph) == [8, 8]
    deploy.check_parity(graph, model, bench.tensors())


def test_a_graph_that_disagrees_is_refused() -> None:
    bench = workbench("bert")
    graph = bench.graph().graph
    with torch.no_grad():
        bench.model.classifier.bias += 1
    with pytest.raises(ExplorerError, match="does not agree with the PyTorch model"):
        deploy.check_parity(graph, bench.model, bench.tensors())


def test_the_file_says_nothing_about_this_machine(tmp_path) -> None:
    bench = workbench("vit")
    deploy.save_graph(bench.graph().graph, tmp_path / "model.onnx")
    content = (tmp_path / "model.onnx").read_bytes()
    assert b"site-packages" not in content and b".py" not in content


@pytest.mark.parametrize(
    ("node", "module"),
    [
        ("/model/bert/encoder/layer.0/output/dense/MatMul", "bert.encoder.layer.0.output.dense"),
        ("/model/resnet/encoder/stages.0/layers/layers.1/Conv", "resnet.encoder.stages.0.layers.1"),
        ("/model/Gemm", ""),
        ("Gemm", ""),
    ],
)
def test_a_node_tells_its_module(node: str, module: str) -> None:
    assert deploy._module_path(node) == module
