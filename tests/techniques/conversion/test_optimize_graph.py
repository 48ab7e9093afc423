from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from explorer import deploy
from explorer.context import GraphSubject
from explorer.errors import BadInput
from explorer.measure.size import measure_size
from explorer.models.layers import attentions
from explorer.models.surgery import keep_heads
from explorer.recipe import Recipe
from explorer.technique import Technique
from explorer.techniques.conversion.optimize_graph import OptimizeGraph
from explorer.techniques.quantization.half_precision import HalfPrecision
from explorer.techniques.quantization.int8_dynamic import Int8Dynamic
from explorer.techniques.quantization.int8_static import Int8Static
from explorer.techniques.quantization.weight_bits import WeightBits
from explorer.techniques.sharing.cluster import ClusterWeights
from tests.techniques.workbench import Workbench, run_onnx, workbench

KINDS = ("bert", "vit")
LEVELS = ("basic", "extended", "transformer")


def optimised(bench: Workbench, level: str) -> GraphSubject:
    subject = bench.graph()
    OptimizeGraph(level=level).apply(subject, bench.context())
    return subject


def operators(subject: GraphSubject) -> Counter[str]:
    return Counter(node.op_type for node in subject.graph.graph.node)


def ragged(bench: Workbench) -> dict[str, np.ndarray]:
    """Inputs of texts of different lengths, padded on the left in one of them."""
    tensors = bench.tensors(16)
    if "attention_mask" in tensors:
        tensors["attention_mask"][0, :2] = 0
    return tensors


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_stay_and_operators_become_fewer(kind: str, level: str, tmp_path: Path) -> None:
    bench = workbench(kind)
    plain, made = bench.graph(), optimised(bench, level=level)
    exact = run_onnx(plain.graph, ragged(bench))
    assert np.abs(run_onnx(made.graph, ragged(bench)) - exact).max() < 1e-4 * np.abs(exact).max()
    assert len(made.graph.graph.node) < len(plain.graph.graph.node)
    for subject, name in ((plain, "before.onnx"), (made, "after.onnx")):
        deploy.save_graph(subject.graph, tmp_path / name)
    old, new = measure_size(tmp_path / "before.onnx"), measure_size(tmp_path / "after.onnx")
    assert (old.parameters, old.nonzero_parameters) == (new.parameters, new.nonzero_parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_basic_uses_the_operators_of_the_standard_only(kind: str) -> None:
    made = optimised(workbench(kind), level="basic")
    assert {node.domain for node in made.graph.graph.node} == {""}
    assert [opset.domain for opset in made.graph.opset_import] == [""]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_nothing_is_fitted_to_this_machine(kind: str, level: str) -> None:
    """No blocked layouts, which fit the vector width of one processor."""
    made = optimised(workbench(kind), level=level)
    assert {node.domain for node in made.graph.graph.node} <= {"", "com.microsoft"}


@pytest.mark.parametrize("kind", KINDS)
def test_attentions_and_activations_are_fused(kind: str) -> None:
    bench = workbench(kind)
    counts = operators(optimised(bench, level="transformer"))
    assert counts["MultiHeadAttention"] == counts["BiasGelu"] == 2 and counts["Softmax"] == 0
    assert counts["SkipLayerNormalization"] == 0
    assert operators(optimised(bench, level="extended"))["BiasGelu"] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_heads_that_differ_between_layers_are_not_fused(kind: str) -> None:
    import torch

    bench = workbench(kind)
    subject = bench.subject()
    keep_heads(subject.model, attentions(subject.model)[0], torch.tensor([1]))
    graph, context = GraphSubject(deploy.export(subject.model, bench.preprocessor)), bench.context()
    exact = run_onnx(graph.graph, bench.tensors())
    OptimizeGraph(level="transformer").apply(graph, context)
    assert np.allclose(run_onnx(graph.graph, bench.tensors()), exact, atol=1e-4)
    assert operators(graph)["MultiHeadAttention"] == 0 and operators(graph)["BiasGelu"] == 2
    assert context.notes[0] == "Attentions were not fused: layers differ in their heads (1, 2)."


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_heads_in_every_layer_answer_as_before(kind: str) -> None:
    import torch

    bench = workbench(kind)
    subject = bench.subject()
    for attention in attentions(subject.model):
        keep_heads(subject.model, attention, torch.tensor([0]))
    graph = GraphSubject(deploy.export(subject.model, bench.preprocessor))
    exact = run_onnx(graph.graph, bench.tensors())
    OptimizeGraph(level="transformer").apply(graph, bench.context())
    assert np.allclose(run_onnx(graph.graph, bench.tensors()), exact, atol=1e-4)


QUANTIZED = [Int8Dynamic(), Int8Static(), WeightBits(bits=8), ClusterWeights(bits=8), HalfPrecision()]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("step", QUANTIZED, ids=lambda step: step.name)
def test_what_quantizes_afterwards_finds_every_weight(step: Technique, level: str) -> None:
    bench = workbench("bert" if level == "transformer" else "vit")
    plain, made = bench.graph(), optimised(bench, level=level)
    exact = run_onnx(plain.graph, bench.tensors())
    step.apply(plain, bench.context())
    step.apply(made, bench.context())
    assert _bytes(made.graph) < 1.1 * _bytes(plain.graph)
    assert np.abs(run_onnx(made.graph, bench.tensors()) - exact).mean() < 0.25 * np.abs(exact).mean()


def _bytes(graph: onnx.ModelProto) -> int:
    return sum(len(tensor.raw_data) for tensor in graph.graph.initializer)


@pytest.mark.parametrize(
    "earlier", ["int8-dynamic", "weight-bits", "half-precision", "cluster-weights", "quantization-aware-training"]
)
def test_packed_weights_would_be_unpacked(earlier: str) -> None:
    with pytest.raises(BadInput, match="into floats again"):
        Recipe.parse({"model": "vit-digits", "steps": [{"technique": earlier}, {"technique": "optimize-graph"}]})


def test_the_note_counts_what_came_in() -> None:
    bench = workbench("bert")
    subject, context = bench.graph(), bench.context()
    OptimizeGraph(level="transformer").apply(subject, context)
    assert "2 BiasGelu" in context.notes[0] and "2 MultiHeadAttention" in context.notes[0]
    assert context.figures["MultiHeadAttention"] == 2
    assert context.figures["operators_after"] < context.figures["operators_before"]
    assert context.notes[1] == "The file holds operators that only ONNX Runtime has."
