import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from torchao.quantization.quant_primitives import MappingType, _fake_quantize_affine, choose_qparams_affine

from explorer.techniques.quantization.rounding import dequantize_groups, quantize_groups
from explorer.training.fake_quantization import (
    GroupGrid,
    QuantizedLesson,
    dynamic_uint8,
    int8_rows,
    settle,
    straight_through,
)
from tests.techniques.workbench import run_onnx, workbench


def weight(rows: int = 6, columns: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * torch.linspace(0.1, 2, columns)


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
@pytest.mark.parametrize("group", [0, 16, 32])
def test_groups_are_those_of_torchao(bits: int, group: int) -> None:
    values = weight()
    block, most = (1, group or 64), 2**bits - 1
    scale, zero = choose_qparams_affine(values, MappingType.ASYMMETRIC, block, torch.uint8, 0, most)
    theirs = _fake_quantize_affine(values, block, scale, zero, torch.uint8, 0, most)
    assert torch.allclose(GroupGrid(bits, group)(values), theirs, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_values_and_gradients_are_those_of_torchs_fake_quantize(bits: int) -> None:
    ours, theirs = weight().requires_grad_(), weight().requires_grad_()
    levels = 2**bits - 1
    low, high = theirs.detach().amin(1), theirs.detach().amax(1)
    scale = (high - low) / levels
    zero = (-low / scale).round().int()
    rounded = torch.fake_quantize_per_channel_affine(theirs, scale, zero, 0, 0, levels)
    simulated = straight_through(ours, GroupGrid(bits)(ours.detach()))
    assert torch.allclose(simulated, rounded, atol=1e-6)
    upstream = weight(seed=9)
    (rounded * upstream).sum().backward()
    (simulated * upstream).sum().backward()
    inside = theirs.grad != 0  # torch cuts the gradient where rounding leaves the range, by half a step at most
    assert inside.float().mean() > 0.95 and torch.equal(ours.grad, upstream)
    assert torch.allclose(ours.grad[inside], theirs.grad[inside], atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 64), (6, 50), (4, 3, 3, 3)])
@pytest.mark.parametrize("bits", [8, 4, 3])
def test_the_simulation_is_what_is_stored(bits: int, shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    matrix = values.reshape(len(values), -1).numpy()
    stored = dequantize_groups(*quantize_groups(matrix, bits, 16), 16)
    assert np.array_equal(GroupGrid(bits, 16)(values).reshape(len(values), -1).numpy(), stored)


def test_activations_are_rounded_as_by_dynamic_quantize_linear() -> None:
    values = (weight() + 0.3).numpy()
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["logits"]),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", kind, [6, 64])],
        [helper.make_tensor_value_info("logits", kind, [6, 64])],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert np.allclose(run_onnx(model, {"x": values}), dynamic_uint8(torch.from_numpy(values)).numpy(), atol=1e-6)
    assert torch.equal(dynamic_uint8(torch.zeros(3)), torch.zeros(3))


def test_integer_rows_have_one_scale_each_and_zero_stays_zero() -> None:
    values = weight()
    values[0] = 0
    values[1, :5] = 0
    rounded = int8_rows(values)
    steps = rounded[1:] / (values[1:].abs().amax(1, keepdim=True) / 127)
    assert torch.allclose(steps, steps.round(), atol=1e-3) and steps.abs().max() <= 127.001
    assert (rounded[0] == 0).all() and (rounded[1, :5] == 0).all()
    assert (rounded - values).abs().max() <= values.abs().max() / 127 / 2 + 1e-6


def test_settling_is_final_even_where_extremes_are_halfway() -> None:
    """-1 and 1 in 4 bits lie at -7.5 and 7.5 steps: rounding moves both, and then the grid."""
    grid, values = GroupGrid(4, 16), weight(8, 64, seed=4)
    values[:, 0], values[:, 1] = -8.0, 8.0
    settle(values, grid)
    assert torch.allclose(grid(values), values, atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "vit", "cnn"])
def test_the_lesson_leaves_a_plain_model_with_weights_on_the_grid(kind: str) -> None:
    bench = workbench(kind)
    model, grid = bench.subject().model, GroupGrid(4, 16)
    names = [
        name
        for name, m in model.named_modules()
        if isinstance(m, (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Embedding))
    ]
    keys, parameters = set(model.state_dict()), {id(parameter) for parameter in model.parameters()}
    lesson = QuantizedLesson(dict.fromkeys(names, grid))
    lesson.simulate(model)
    simulated = bench.logits(model)
    assert {id(parameter) for parameter in model.parameters()} == parameters, "masks of pruned weights hold these"
    lesson.remove(model)
    assert set(model.state_dict()) == keys
    assert torch.allclose(bench.logits(model), simulated, atol=1e-4)
    assert not torch.allclose(bench.logits(model), bench.logits(bench.model), atol=1e-3)
    for name in names:
        values = model.get_submodule(name).weight
        assert torch.allclose(grid(values), values, atol=1e-6)


def test_gradients_reach_the_exact_weights_and_rounded_inputs() -> None:
    layer = torch.nn.Sequential(torch.nn.Linear(16, 4), torch.nn.Linear(4, 2))
    lesson = QuantizedLesson({"0": GroupGrid(2, 16)}, ["0"])
    lesson.simulate(layer)
    exact = layer[0].parametrizations.weight.original
    given = torch.randn(3, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    layer(given).sum().backward()
    upstream = layer[1].weight.sum(0)
    assert torch.allclose(exact.grad, upstream[:, None] * dynamic_uint8(given.detach()).sum(0), atol=1e-5)
    assert torch.allclose(given.grad, (upstream @ layer[0].weight).expand(3, -1), atol=1e-5)
