from collections import Counter

import numpy as np
import onnx
import pytest
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from explorer.context import GraphSubject
from explorer.errors import BadInput
from explorer.techniques.quantization.int8_dynamic import Int8Dynamic
from tests.techniques.workbench import run_onnx, workbench


def counts(graph: onnx.ModelProto) -> Counter:
    return Counter(node.op_type for node in graph.graph.node)


def test_weights_are_those_of_onnxruntime(tmp_path) -> None:
    bench = workbench("bert")
    subject = bench.graph()
    quantize_dynamic(
        bench.graph().graph, tmp_path / "q.onnx", op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": 1},
    )  # fmt: skip
    Int8Dynamic().apply(subject, bench.context())
    expected = {t.name: t.raw_data for t in onnx.load(tmp_path / "q.onnx").graph.initializer}
    assert {t.name: t.raw_data for t in subject.graph.graph.initializer} == expected


def test_embeddings_and_convolutions_follow_their_switches() -> None:
    bench = workbench("bert")
    for asked in (False, True):
        subject = bench.graph()
        Int8Dynamic(embeddings=asked).apply(subject, bench.context())
        assert (counts(subject.graph)["DequantizeLinear"] > 0) is asked
    bench = workbench("cnn")
    for asked in (False, True):
        subject = bench.graph()
        Int8Dynamic(convolutions=asked).apply(subject, bench.context())
        assert (counts(subject.graph)["ConvInteger"] > 0) is asked


def test_scales_for_each_channel_are_at_least_as_near() -> None:
    bench = workbench("vit")
    with torch.no_grad():  # one channel a hundred times the others: one scale for all leaves them few steps
        for layer in bench.model.vit.layers:
            layer.mlp.fc1.weight[0] *= 100
    exact = run_onnx(bench.graph().graph, bench.tensors(32))
    errors = []
    for per_channel in (False, True):
        subject = bench.graph()
        Int8Dynamic(per_channel=per_channel, convolutions=False).apply(subject, bench.context())
        errors.append(float(np.abs(run_onnx(subject.graph, bench.tensors(32)) - exact).mean()))
    assert errors[1] < errors[0]


def test_a_graph_without_weights_is_refused() -> None:
    bench = workbench("bert")
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    with pytest.raises(BadInput, match="no weights to quantize"):
        Int8Dynamic().apply(GraphSubject(model), bench.context())
