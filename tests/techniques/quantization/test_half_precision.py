from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from explorer import deploy
from explorer.measure.runners.onnx_runtime import graph_precision, optimized_graph
from explorer.measure.size import measure_size
from explorer.measure.targets import targets
from explorer.techniques.quantization.half_precision import LARGEST, HalfPrecision
from tests.techniques.workbench import KINDS, run_onnx, workbench


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_take_half_the_bytes_and_answers_hardly_change(kind: str, precision: str, tmp_path: Path) -> None:
    bench = workbench(kind)
    subject = bench.graph()
    exact = run_onnx(subject.graph, bench.tensors(32))
    deploy.save_graph(subject.graph, tmp_path / "before.onnx")
    HalfPrecision(precision=precision).apply(subject, bench.context())
    deploy.save_graph(subject.graph, tmp_path / "after.onnx")
    answers = run_onnx(subject.graph, bench.tensors(32))
    assert answers.dtype == np.float32 and np.isfinite(answers).all()
    assert np.abs(answers - exact).mean() < 0.02 * np.abs(exact).mean()
    before, after = measure_size(tmp_path / "before.onnx"), measure_size(tmp_path / "after.onnx")
    assert (after.parameters, after.nonzero_parameters) == (before.parameters, before.nonzero_parameters)
    assert _floats(tmp_path / "after.onnx") < 0.56 * _floats(tmp_path / "before.onnx")


def _floats(path: Path) -> int:
    return sum(len(tensor.raw_data) for tensor in onnx.load(path).graph.initializer)


def test_bf16_holds_the_numbers_that_torch_rounds_to_and_computes_in_fp32(tmp_path: Path) -> None:
    bench = workbench("vit")
    before, subject = bench.graph().graph, bench.graph()
    HalfPrecision(precision="bf16").apply(subject, bench.context())
    stored = {tensor.name: tensor for tensor in subject.graph.graph.initializer}
    compared = 0
    for tensor in before.graph.initializer:
        if len(tensor.dims) >= 2:
            theirs = torch.from_numpy(numpy_helper.to_array(tensor).copy()).to(torch.bfloat16).float().numpy()
            halves = numpy_helper.to_array(stored[f"{tensor.name}_bf16"])
            assert halves.dtype == ml_dtypes.bfloat16 and np.array_equal(halves.astype(np.float32), theirs)
            compared += 1
    assert compared == 16
    deploy.save_graph(subject.graph, tmp_path / "half.onnx")
    made = optimized_graph(tmp_path / "half.onnx", targets()["cpu-onnxruntime"])
    assert graph_precision(made) == "fp32"
    assert not any(name.endswith("_bf16") for node in made.graph.node for name in node.input)  # cast when loaded


def test_fp16_holds_no_constant_that_it_cannot_and_masks_as_before() -> None:
    bench = workbench("bert")
    subject = bench.graph()
    HalfPrecision().apply(subject, bench.context())
    constants = [
        numpy_helper.to_array(attribute.t)
        for node in subject.graph.graph.node
        for attribute in node.attribute
        if node.op_type == "Constant" and attribute.t.data_type in (1, 10)
    ]
    assert min(float(array.min()) for array in constants if array.size) == -LARGEST
    tensors = bench.tensors()
    other = {name: array.copy() for name, array in tensors.items()}
    other["input_ids"][tensors["attention_mask"] == 0] = 9  # what is padded must not matter
    assert (tensors["attention_mask"] == 0).any()
    assert np.abs(run_onnx(subject.graph, tensors) - run_onnx(subject.graph, other)).max() == 0
