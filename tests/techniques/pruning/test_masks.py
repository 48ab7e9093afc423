import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch.nn.utils import prune

from explorer.techniques.pruning.masks import (
    keep_largest,
    keep_n_of_m,
    least_costly_counts,
    magnitude_scores,
    per_input,
    removed_means,
    taylor_scores,
    variance_scores,
    wanda_scores,
)

SPARSITIES = [0.0, 0.3, 0.5, 0.9]


def layers() -> list[torch.nn.Linear]:
    torch.manual_seed(0)
    return [torch.nn.Linear(24, 40), torch.nn.Linear(40, 12)]


def l1_masks(sparsity: float, scope) -> list[torch.Tensor]:
    return keep_largest([magnitude_scores(layer.weight, "l1") for layer in layers()], sparsity, scope)


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_layer_masks_are_those_of_torch(sparsity: float) -> None:
    for layer, mask in zip(layers(), l1_masks(sparsity, "layer"), strict=True):
        prune.l1_unstructured(layer, "weight", amount=sparsity)
        assert torch.equal(mask, layer.weight_mask.bool())


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_global_masks_are_those_of_torch(sparsity: float) -> None:
    reference = layers()
    prune.global_unstructured([(layer, "weight") for layer in reference], prune.L1Unstructured, amount=sparsity)
    for layer, mask in zip(reference, l1_masks(sparsity, "global"), strict=True):
        assert torch.equal(mask, layer.weight_mask.bool())


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_random_masks_are_those_of_torch(sparsity: float) -> None:
    layer = layers()[0]
    (mask,) = keep_largest([magnitude_scores(layer.weight, "random", seed=7)], sparsity, "layer")
    torch.manual_seed(7)
    prune.random_unstructured(layer, "weight", amount=sparsity)
    assert torch.equal(mask, layer.weight_mask.bool())


@pytest.mark.parametrize("sparsity", [0.25, 0.5])
def test_row_masks_are_those_of_torch_row_by_row(sparsity: float) -> None:
    weight = layers()[0].weight
    (mask,) = keep_largest([weight.abs()], sparsity, "row")
    for row, kept in zip(weight, mask, strict=True):
        one = torch.nn.Linear(24, 1)
        one.weight.data = row.detach()[None]
        prune.l1_unstructured(one, "weight", amount=sparsity)
        assert torch.equal(kept, one.weight_mask[0].bool())


def test_shares_of_energy_by_hand_and_their_order() -> None:
    weights = [torch.tensor([[1.0, 2.0]]), torch.tensor([[30.0, 40.0]])]
    scores = [magnitude_scores(weight, "l2") for weight in weights]
    assert torch.allclose(scores[0], torch.tensor([[0.2, 0.8]])) and torch.allclose(
        scores[1], torch.tensor([[0.36, 0.64]])
    )
    # l1 takes the whole small layer, l2 the smaller half of both; inside a layer they agree
    assert [mask.tolist() for mask in keep_largest(scores, 0.5, "global")] == [[[False, True]]] * 2
    sizes = [magnitude_scores(weight, "l1") for weight in weights]
    assert [mask.tolist() for mask in keep_largest(sizes, 0.5, "global")] == [[[False, False]], [[True, True]]]
    weight = layers()[0].weight
    pairs = [keep_largest([magnitude_scores(weight, kind)], 0.4, "layer")[0] for kind in ("l1", "l2")]
    assert torch.equal(*pairs)


def test_a_layer_of_zeros_has_scores() -> None:
    assert not magnitude_scores(torch.zeros(2, 3), "l2").any()


def test_taylor_scores_are_those_of_autograd() -> None:
    weight = torch.tensor([[1.0, -2.0], [0.5, 0.0]], requires_grad=True)
    (weight @ torch.tensor([3.0, 4.0])).square().sum().backward()
    # outputs are -5 and 1.5, so the gradient is 2 x output x input: [-30, -40] and [9, 12]
    assert torch.allclose(taylor_scores(weight, weight.grad), torch.tensor([[30.0, 80.0], [4.5, 0.0]]))


def test_wanda_is_the_paper_in_plain_loops() -> None:
    random = np.random.default_rng(0)
    inputs, weight = random.normal(size=(50, 8)) * np.arange(1, 9), random.normal(size=(6, 8)).astype(np.float32)
    expected = np.ones_like(weight, dtype=bool)
    for row in range(6):
        scores = []
        for column in range(8):
            norm = sum(value**2 for value in inputs[:, column]) ** 0.5
            scores.append(abs(weight[row, column]) * norm)
        for column in sorted(range(8), key=lambda column: scores[column])[:4]:
            expected[row, column] = False
    norm = torch.from_numpy(np.sqrt((inputs**2).sum(0)))
    (mask,) = keep_largest([wanda_scores(torch.from_numpy(weight), norm)], 0.5, "row")
    assert np.array_equal(mask.numpy(), expected)
    assert not torch.equal(mask, keep_largest([torch.from_numpy(weight).abs()], 0.5, "row")[0])


def test_wanda_with_equal_norms_is_magnitude() -> None:
    weight = layers()[0].weight
    masks = [keep_largest([scores], 0.5, "row")[0] for scores in (wanda_scores(weight, torch.ones(24)), weight.abs())]
    assert torch.equal(*masks)


def test_variance_scores_are_the_variances_of_the_products() -> None:
    inputs, weight = torch.randn(100, 5, dtype=torch.double), torch.randn(3, 5, dtype=torch.double)
    products = inputs[:, None, :] * weight
    assert torch.allclose(variance_scores(weight, inputs.var(0)), products.var(0))


@pytest.mark.parametrize("groups", [1, 2])
def test_values_of_channels_stand_beside_the_weights_that_read_them(groups: int) -> None:
    layer = torch.nn.Conv2d(4, 6, 3, groups=groups, bias=False)
    values = torch.tensor([1.0, 2.0, 3.0, 4.0])
    image = values[None, :, None, None].expand(1, 4, 3, 3)
    assert torch.allclose((layer.weight * per_input(values, layer.weight)).sum((1, 2, 3)), layer(image).flatten())


def test_the_mean_of_what_was_removed_is_the_difference_of_the_mean_output() -> None:
    layer, inputs = layers()[0], torch.randn(64, 24) + 3
    mask = torch.rand(layer.weight.shape) > 0.5
    pruned = torch.nn.functional.linear(inputs, layer.weight * mask, layer.bias)
    missing = (layer(inputs) - pruned).mean(0)
    assert torch.allclose(removed_means(layer.weight, mask, inputs.mean(0)), missing, atol=1e-5)


@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (1, 4)])
@pytest.mark.parametrize("shape", [(5, 16), (5, 16, 3, 3)])
def test_exactly_n_of_m_stay_and_they_are_the_largest(n: int, m: int, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    scores = torch.rand(shape)
    mask = keep_n_of_m(scores, n, m)
    assert mask.shape == scores.shape
    for start in range(0, 16, m):
        kept, score = mask[:, start : start + m], scores[:, start : start + m]
        assert bool((kept.sum(1) == n).all())
        smallest_kept = score.masked_fill(~kept, 2.0).amin(1)
        largest_gone = score.masked_fill(kept, -1.0).amax(1)
        assert bool((smallest_kept > largest_gone).all())


def test_two_of_four_by_hand() -> None:
    scores = torch.tensor([[4.0, 1.0, 3.0, 2.0, 0.0, 9.0, 8.0, 7.0]])
    assert keep_n_of_m(scores, 2, 4).int().tolist() == [[1, 0, 1, 0, 0, 1, 1, 0]]


@pytest.mark.parametrize("total", [0, 7, 40, 77])
def test_the_budget_of_costs_is_the_optimum_of_a_linear_program(total: int) -> None:
    """A convex piecewise linear cost as a program: every piece is a variable, bounded by its width."""
    random = np.random.default_rng(total)
    counts = [[0, 5, 10, 20], [0, 10, 20, 25], [0, 8, 16, 32]]
    slopes = np.sort(random.random((3, 3)), axis=1)
    costs = [np.concatenate([[0], np.cumsum(s * np.diff(c))]).tolist() for c, s in zip(counts, slopes, strict=True)]
    chosen = least_costly_counts(counts, costs, total)
    widths = np.diff(counts, axis=1).ravel()
    best = linprog(slopes.ravel(), A_eq=np.ones((1, 9)), b_eq=[total], bounds=[(0, width) for width in widths])
    cost = sum(np.interp(n, c, k) for n, c, k in zip(chosen, counts, costs, strict=True))
    assert sum(chosen) == total and cost == pytest.approx(best.fun, abs=1e-9)


def test_a_curve_that_bends_the_wrong_way_counts_along_its_hull() -> None:
    # the first layer costs 4 for 10 weights whatever happens on the way, the second 0.5 a weight
    counts, costs = [[0, 5, 10], [0, 5, 10]], [[0.0, 3.9, 4.0], [0.0, 2.5, 5.0]]
    assert least_costly_counts(counts, costs, 10) == [10, 0]
    assert least_costly_counts(counts, costs, 15) == [10, 5]


def test_layers_too_small_for_all_levels_are_no_obstacle() -> None:
    assert least_costly_counts([[0, 1, 1, 1], [0, 2, 2, 3]], [[0, 1.0, 1.0, 1.0], [0, 0.5, 0.5, 4.0]], 3) == [1, 2]
