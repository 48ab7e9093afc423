from itertools import product

import numpy as np
import pytest

from explorer import deploy
from explorer.errors import BadInput
from explorer.techniques.quantization.mixed_bits import WIDTHS, MixedBits, choose, packed_bytes
from explorer.techniques.quantization.weight_bits import WeightBits
from tests.techniques.workbench import KINDS, run_onnx, workbench


@pytest.mark.parametrize("seed", range(8))
def test_no_other_choice_within_the_budget_harms_less(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = np.sort(random.integers(1, 60, (6, 3)), axis=1).tolist()
    harms = (-np.sort(-random.random((6, 3)), axis=1)).tolist()
    if seed % 2:
        random.shuffle(harms[0])  # more bits need not harm less
    budget = int(random.integers(sum(row[0] for row in sizes), sum(row[2] for row in sizes)))
    every = [
        (sum(harms[i][j] for i, j in enumerate(picked)), picked)
        for picked in product(range(3), repeat=6)
        if sum(sizes[i][j] for i, j in enumerate(picked)) <= budget
    ]
    found = choose(sizes, harms, budget)
    assert sum(sizes[i][j] for i, j in enumerate(found)) <= budget
    assert sum(harms[i][j] for i, j in enumerate(found)) == pytest.approx(min(every)[0])


def test_where_nothing_fits_there_is_no_choice() -> None:
    assert choose([[2, 4], [3, 5]], [[1, 0], [1, 0]], 4) is None
    assert choose([[2, 4], [3, 5]], [[1, 0], [1, 0]], 5) == [0, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", WIDTHS)
def test_bytes_are_those_that_packing_takes(kind: str, bits: int) -> None:
    bench = workbench(kind)
    step = MixedBits(group_size=16)
    packed = bench.graph()
    WeightBits(bits=bits, group_size=16).apply(packed, bench.context())
    endings = ("_q", "_scale", "_zero", "_zero_q")
    stored = sum(len(tensor.raw_data) for tensor in packed.graph.graph.initializer if tensor.name.endswith(endings))
    graph = bench.graph().graph
    chosen = list(deploy.weights(graph).items())[:-1]
    nodes = {node.name: node for node in graph.graph.node}
    foretold = {tensor.name: step._bytes(nodes[name], tensor, bits) for name, tensor in chosen}
    assert sum(foretold.values()) == pytest.approx(
        stored, rel=0.01
    )  # 2-bit zero points of kernels fill their last byte
    assert packed_bytes(3, 20, 4, 16, padded=True) == 3 * (16 + 8 + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_more_bytes_bring_nearer_answers_and_none_takes_more_than_allowed(kind: str) -> None:
    bench = workbench(kind)
    exact = run_onnx(bench.graph().graph, bench.tensors(32))
    chosen = list(deploy.weights(bench.graph().graph).values())[:-1]
    floats = sum(4 * int(np.prod(tensor.dims)) for tensor in chosen)
    errors, widths = [], []
    for budget in (0.17, 0.35):
        subject, context = bench.graph(), bench.context()
        MixedBits(budget=budget).apply(subject, context)
        stored = [t for t in subject.graph.graph.initializer if t.name.endswith(("_q", "_scale", "_zero", "_zero_q"))]
        assert sum(len(tensor.raw_data) for tensor in stored) <= budget * floats * 1.01
        errors.append(float(((run_onnx(subject.graph, bench.tensors(32)) - exact) ** 2).mean()))
        widths.append([context.figures[f"layers_in_{width}_bits"] for width in WIDTHS])
    assert errors[1] < 0.5 * errors[0]
    assert all(sum(counts) == len(chosen) for counts in widths)
    assert sum(count > 0 for count in widths[0]) > 1


def test_a_budget_too_small_for_two_bits_is_refused_with_the_least() -> None:
    bench = workbench("bert")
    with pytest.raises(BadInput, match=r"in 10% of their float bytes; .* the least is \d\d %"):
        MixedBits(budget=0.1, group_size=16).apply(bench.graph(), bench.context())
