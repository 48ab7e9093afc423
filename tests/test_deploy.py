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
