import numpy as np
import pytest

from explorer import deploy
from explorer.techniques.conversion.heads import Heads, attention_heads, divide_by_scales
from explorer.techniques.factorization.low_rank import LowRank
from explorer.techniques.pruning.heads import PruneHeads
from tests.techniques.workbench import run_onnx, workbench


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_heads_are_read_from_the_graph(kind: str) -> None:
    bench = workbench(kind)
    assert attention_heads(bench.graph().graph) == [Heads(2, 8), Heads(2, 8)]
    subject = bench.subject()
    PruneHeads(sparsity=0.5).apply(subject, bench.context())
    LowRank(rank=0.25).apply(subject, bench.context())
    assert attention_heads(deploy.export(subject.model, bench.preprocessor)) == [Heads(1, 8), Heads(1, 8)]


def test_a_cnn_has_none() -> None:
    assert attention_heads(workbench("cnn").graph().graph) == []


@pytest.mark.parametrize("kind", ["bert", "vit"])
def test_dividing_changes_no_answer(kind: str) -> None:
    bench = workbench(kind)
    graph = bench.graph().graph
    exact = run_onnx(graph, bench.tensors())
    divide_by_scales(graph)
    assert (
        sum(node.name.endswith("/attention/Mul") for node in graph.graph.node) == 2 * (kind == "vit") or kind == "bert"
    )
    assert np.allclose(run_onnx(graph, bench.tensors()), exact, atol=1e-5)
