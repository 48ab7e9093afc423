import numpy as np
import pytest
import torch
from onnxruntime.quantization.matmul_nbits_quantizer import HQQWeightOnlyQuantizer

from explorer.techniques.quantization.rounding import (
    NORM,
    Rounding,
    compensated,
    dequantize_groups,
    grid,
    half_quadratic,
    inverse_factor,
    layer_error,
    quantize_groups,
    shrink,
    to_codes,
)


def weights(n: int = 24, k: int = 96, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal((n, k)) * random.uniform(0.5, 2, (n, 1))).astype(np.float32)


def inputs(rows: int = 200, k: int = 96) -> np.ndarray:
    """Correlated, as activations are."""
    random = np.random.default_rng(1)
    return random.standard_normal((rows, k)) @ (0.06 * random.standard_normal((k, k)) + np.eye(k) + 0.1)


def test_with_one_weight_left_its_update_is_the_least_squares_optimum() -> None:
    """Two columns: once the first is rounded, the second must be what no other real number can better."""
    x, w = inputs(k=2), weights(8, 2)
    gram, (scales, zeros) = x.T @ x, grid(np.full((8, 1, 1), 4, np.float32) * [-1, 1], 4)
    codes, _, _ = compensated(w, gram, 4, 2, (scales, zeros), damping=0.0)
    first = to_codes(w[:, :1].astype(np.float64), scales, zeros, 4)
    rounded = scales * (first - zeros)
    assert np.array_equal(codes[:, :1], first)
    rest = x @ w.T - x[:, :1] @ rounded.T  # what the second column has to explain
    best = np.linalg.lstsq(x[:, 1:], rest, rcond=None)[0].T
    assert np.array_equal(codes[:, 1:], to_codes(best, scales, zeros, 4))


def test_the_factor_is_that_of_the_inverse_of_the_gram() -> None:
    gram = inputs().T @ inputs()
    factor = inverse_factor(gram, damping=0.0)
    assert np.allclose(factor.T @ factor @ gram, np.eye(len(gram)), atol=1e-8)
    assert np.allclose(np.tril(factor, -1), 0)


@pytest.mark.parametrize("granularity", ["groups", "channel", "tensor"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_compensation_never_does_worse_than_the_nearest_on_any_channel(bits: int, granularity: str) -> None:
    x, w = inputs(), weights()
    gram, group = x.T @ x, 32 if granularity == "groups" else 96
    near, better = Rounding(bits, "nearest", granularity), Rounding(bits, "gptq", granularity)
    errors = [
        ((x @ (dequantize_groups(*codes, group) - w).T) ** 2).sum(0) for codes in (near(w, 32), better(w, 32, gram))
    ]
    assert (errors[1] <= errors[0] * (1 + 1e-6)).all()
    assert errors[1].sum() < 0.75 * errors[0].sum()
    assert np.allclose(layer_error(w, dequantize_groups(*near(w, 32), group), gram), errors[0])


def test_inputs_that_are_not_correlated_leave_nothing_to_compensate() -> None:
    w = weights()
    codes, scales, zeros = compensated(w, np.eye(96), 4, 32, damping=0.0)
    assert all(np.array_equal(a, b) for a, b in zip((codes, scales, zeros), quantize_groups(w, 4, 32), strict=True))


def test_dead_and_repeated_inputs_are_borne() -> None:
    x = inputs()
    x[:, 5], x[:, 7] = 0, x[:, 8]
    codes, scales, zeros = Rounding(4, "gptq")(weights(), 32, x.T @ x)
    assert np.isfinite(scales).all() and codes.max() <= 15
    assert np.abs(dequantize_groups(codes, scales, zeros, 32)).max() < 20


def test_shrinking_is_that_of_onnxruntimes_half_quadratic_quantizer() -> None:
    """Its own function is inside of another: one step from a given scale and zero point must move the zero alike."""
    w = weights(4, 32)
    scale, zero = (torch.full((4, 1), value) for value in (3.0, 7.0))
    _, theirs = HQQWeightOnlyQuantizer.optimize_weights(
        torch.from_numpy(w), scale.clone(), zero.clone(), [0, 15], axis=1,
        opt_params={"lp_norm": NORM, "beta": 10.0, "kappa": 1.01, "iters": 1},
    )  # fmt: skip
    codes = np.clip(np.round(w * 3 + 7), 0, 15)
    outliers = shrink(w - (codes - 7) / 3, 10.0)
    assert np.allclose((codes - (w - outliers) * 3).mean(1, keepdims=True), theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize("fractional", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_half_quadratic_is_no_group_worse_in_its_norm(bits: int, fractional: bool) -> None:
    w = weights(k=75)
    lost = []
    for codes in (quantize_groups(w, bits, 32), half_quadratic(w, bits, 32, fractional)):
        error = np.abs(dequantize_groups(*codes, 32) - w) ** NORM
        lost.append(np.add.reduceat(error, [0, 32, 64], axis=1))
    assert (lost[1] <= lost[0] * (1 + 1e-5)).all()
    assert lost[1].sum() < 0.97 * lost[0].sum()


def test_half_quadratic_keeps_zeros_and_gives_whole_zero_points() -> None:
    w = weights()
    w[w < 0.5] = 0
    codes, scales, zeros = half_quadratic(w, 4, 32)
    assert zeros.dtype == codes.dtype == np.uint8
    assert (dequantize_groups(codes, scales, zeros, 32)[w == 0] == 0).all()


def test_what_shares_a_scale() -> None:
    w = weights()
    for granularity, shape, distinct in (("groups", (24, 3), 72), ("channel", (24, 1), 24), ("tensor", (24, 1), 1)):
        _, scales, _ = Rounding(4, "nearest", granularity)(w, 32)
        assert scales.shape == shape and len(np.unique(scales)) == distinct


def test_one_scale_for_all_is_that_of_torch() -> None:
    w = weights()
    codes, scales, zeros = Rounding(8, "nearest", "tensor")(w, 32)
    theirs = torch.quantize_per_tensor(torch.from_numpy(w), float(scales[0, 0]), int(zeros[0, 0]), torch.quint8)
    assert np.abs(theirs.int_repr().numpy().astype(int) - codes).max() == 0


def test_the_own_range_is_where_weights_end() -> None:
    w = weights()
    values = dequantize_groups(*Rounding(4, "nearest", "tensor", (-0.5, 1.0))(w, 32), 96)
    assert np.isclose(values.min(), -0.5) and np.isclose(values.max(), 1.0)
    assert len(np.unique(values)) == 16
    assert np.array_equal(Rounding(4, clip=(-99, 99))(w, 32)[0], quantize_groups(w, 4, 32)[0])
