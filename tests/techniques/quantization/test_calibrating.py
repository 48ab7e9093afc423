import numpy as np
import torch

from explorer import deploy
from explorer.context import GraphSubject
from explorer.models.activations import activations
from explorer.techniques.quantization import calibrating
from explorer.techniques.quantization.calibrating import (
    calibration_batches,
    gram_key,
    grams,
    histograms,
    patches,
)
from tests.techniques.workbench import workbench


def products(graph):
    found = deploy.weights(graph)
    return [(node, tuple(found[node.name].dims)) for node in graph.graph.node if node.name in found]


def test_grams_are_those_of_the_pytorch_model_without_padding() -> None:
    bench = workbench("bert")
    subject = bench.graph()
    batches = calibration_batches(subject, bench.context())
    nodes = [pair for pair in products(subject.graph) if pair[0].op_type != "Gather"]
    found = grams(subject.graph, nodes, batches)
    inputs = bench.preprocessor.encode(bench.task.splits["calibration"].inputs)
    expected = activations(bench.model, inputs, gram=True)
    for node, _ in nodes:
        name = node.name.removeprefix("/model/").rsplit("/", 1)[0].replace("/", ".")
        theirs = expected[name].gram
        assert np.allclose(found[gram_key(node, ())], theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max()), name


def test_patches_times_the_kernel_are_the_convolution() -> None:
    bench = workbench("cnn")
    graph = bench.graph().graph
    random = np.random.default_rng(0)
    for node, shape in products(graph):
        if node.op_type == "Conv":
            x = random.standard_normal((2, shape[1], 8, 8)).astype(np.float32)
            kernel = random.standard_normal(shape).astype(np.float32)
            set_ = {item.name: list(item.ints) for item in node.attribute}
            stride, padding = set_.get("strides", [1, 1]), set_.get("pads", [0] * 4)[:2]
            theirs = torch.nn.functional.conv2d(
                torch.from_numpy(x), torch.from_numpy(kernel), stride=tuple(stride), padding=tuple(padding)
            )
            ours = patches(x, node, shape) @ kernel.reshape(shape[0], -1).T
            assert np.allclose(ours, theirs.permute(0, 2, 3, 1).reshape(-1, shape[0]), atol=1e-3)


def test_histograms_are_collected_once_for_the_same_graph_and_inputs(monkeypatch) -> None:
    bench = workbench("vit")
    subject = bench.graph()
    batches = calibration_batches(subject, bench.context())
    names = [node.input[0] for node, _ in products(subject.graph)]
    first = histograms(subject.graph, names, batches)
    monkeypatch.setattr(calibrating, "watch", None)
    again = histograms(subject.graph, names, batches)
    assert first.keys() == again.keys() == set(names)
    for name, one in first.items():
        assert np.array_equal(one.counts, again[name].counts) and one.low <= one.high
    pixels = np.concatenate([batch["pixel_values"] for batch in batches])
    assert first["pixel_values"].counts.sum() == pixels.size
    assert (first["pixel_values"].low, first["pixel_values"].high) == (pixels.min(), pixels.max())


def test_a_subject_with_its_own_preprocessor_is_fed_by_it() -> None:
    bench, context = workbench("vit"), workbench("vit").context()
    brighter = type(bench.preprocessor)(**{**vars(bench.preprocessor), "mean": (0.0, 0.0, 0.0)})
    plain, own = (
        calibration_batches(GraphSubject(bench.graph().graph, preprocessor), context)[0]["pixel_values"]
        for preprocessor in (None, brighter)
    )
    assert own.min() > plain.min() + 1
