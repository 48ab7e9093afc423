import numpy as np
import pytest
from onnx import numpy_helper

from explorer import deploy
from explorer.errors import BadInput
from explorer.recipe import Recipe
from explorer.techniques.quantization.embeddings import QuantizeEmbeddings
from explorer.techniques.quantization.int8_dynamic import Int8Dynamic
from explorer.techniques.quantization.weight_bits import dequantize_groups, quantize_groups
from tests.techniques.workbench import run_onnx, workbench


@pytest.mark.parametrize("bits", [8, 4])
def test_tables_alone_are_rounded(bits: int) -> None:
    bench = workbench("bert")
    subject, rounded = bench.graph(), bench.graph()
    nodes = {node.name: node for node in rounded.graph.graph.node}
    for name, tensor in deploy.weights(rounded.graph).items():
        if nodes[name].op_type == "Gather":
            near = dequantize_groups(*quantize_groups(numpy_helper.to_array(tensor), bits, 16), 16)
            tensor.CopyFrom(numpy_helper.from_array(near, tensor.name))
    others = {t.name for t in deploy.weights(rounded.graph).values() if "embeddings" not in t.name}
    QuantizeEmbeddings(bits=bits, group_size=16).apply(subject, bench.context())
    assert {tensor.name for tensor in deploy.weights(subject.graph).values()} == others
    expected = run_onnx(rounded.graph, bench.tensors())
    assert np.abs(run_onnx(subject.graph, bench.tensors()) - expected).max() < 1e-4 * np.abs(expected).max()


def test_it_goes_before_int8_of_the_layers_and_not_before_int8_of_all() -> None:
    layers = Int8Dynamic(embeddings=False)
    recipe = Recipe(model="minilm-tweets", steps=(QuantizeEmbeddings(bits=4), layers))
    bench = workbench("bert")
    subject = bench.graph()
    for step in recipe.steps:
        step.apply(subject, bench.context())
    operators = [node.op_type for node in subject.graph.graph.node]
    assert operators.count("GatherBlockQuantized") == 3 and operators.count("MatMulInteger") > 10
    assert np.isfinite(run_onnx(subject.graph, bench.tensors())).all()
    with pytest.raises((BadInput, ValueError), match="quantize-embeddings"):
        Recipe(model="minilm-tweets", steps=(QuantizeEmbeddings(), Int8Dynamic()))


def test_a_model_without_tables_is_refused() -> None:
    bench = workbench("vit")
    with pytest.raises(BadInput, match="no embedding tables"):
        QuantizeEmbeddings().apply(bench.graph(), bench.context())
