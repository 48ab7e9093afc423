import numpy as np
import pytest
import torch

from explorer.techniques.factorization.truncation import (
    Thinness,
    energy_rank,
    factors,
    pays,
    scaling_root,
    whitening_root,
)


def matrix(rows: int = 12, columns: int = 20) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))


def inputs(columns: int = 20) -> torch.Tensor:
    """Rows whose features differ in size and depend on each other."""
    random = torch.Generator().manual_seed(1)
    return (
        torch.randn(200, 8, generator=random)
        @ torch.randn(8, columns, generator=random)
        * torch.linspace(0.1, 4, columns)
    )


def by_rank(share: float) -> Thinness:
    return Thinness("rank", share, 1.0)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_the_error_is_the_tail_of_the_singular_values(share: float) -> None:
    """Eckart and Young."""
    weight = matrix()
    first, second = factors(weight, by_rank(share))
    values = torch.linalg.svdvals(weight)
    assert first.shape == (round(share * 12), 20) and second.shape == (12, round(share * 12))
    assert torch.linalg.norm(weight - second @ first) == pytest.approx(
        float(values[round(share * 12) :].square().sum().sqrt()), rel=1e-5
    )


@pytest.mark.parametrize("root", [None, "scaled", "whitened"])
def test_full_rank_is_exact(root: str | None) -> None:
    weight, rows = matrix(), torch.cat([inputs(), torch.randn(50, 20, generator=torch.Generator().manual_seed(2))])
    roots = {
        "scaled": scaling_root(rows.double().norm(dim=0).numpy()),
        "whitened": whitening_root((rows.double().T @ rows.double()).numpy()),
    }
    first, second = factors(weight, by_rank(1.0), roots.get(root))
    assert torch.allclose(second @ first, weight, atol=1e-4)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75])
def test_whitened_loses_never_more_of_the_outputs_than_plain(share: float) -> None:
    weight, rows = matrix(), inputs()

    def lost(root: torch.Tensor | None) -> float:
        first, second = factors(weight, by_rank(share), root)
        return float(torch.linalg.norm(rows @ (weight - second @ first).T))

    plain, whitened = lost(None), lost(whitening_root((rows.double().T @ rows.double()).numpy()))
    assert whitened <= plain * (1 + 1e-6)
    values = torch.linalg.svdvals(rows.double() @ weight.double().T)
    least = float(values[round(share * 12) :].square().sum().sqrt())
    assert whitened == pytest.approx(least, rel=1e-3, abs=0.02), "the least that any matrix of this rank can lose"


def test_scaled_loses_the_least_in_its_own_norm() -> None:
    weight, rows = matrix(), inputs()
    root = scaling_root(rows.double().norm(dim=0).numpy())

    def lost(other: torch.Tensor | None) -> float:
        first, second = factors(weight, by_rank(0.3), other)
        return float(torch.linalg.norm((weight - second @ first).double() @ root))

    tail = torch.linalg.svdvals(weight.double() @ root)[round(0.3 * 12) :]
    assert lost(root) == pytest.approx(float(tail.square().sum().sqrt()), rel=1e-5)
    assert lost(root) < lost(None)


def test_inputs_that_are_always_zero_do_no_harm() -> None:
    rows = inputs()
    rows[:, 3] = 0
    for root in (whitening_root((rows.T @ rows).numpy()), scaling_root(rows.norm(dim=0).numpy())):
        first, second = factors(matrix(), by_rank(0.5), root)
        assert first.isfinite().all() and second.isfinite().all()
    zeros = np.zeros((20, 20))
    assert all(part.isfinite().all() for part in factors(matrix(), by_rank(0.5), whitening_root(zeros)))


def test_energy_chooses_the_smallest_rank_that_keeps_it() -> None:
    values = torch.tensor([3.0, 2.0, 1.0, 0.0])  # squares 9, 4, 1, 0 of 14
    assert [energy_rank(values, share) for share in (0.5, 9 / 14, 0.7, 13 / 14, 0.95, 1.0)] == [1, 1, 2, 2, 3, 3]
    assert Thinness("energy", 0.25, 1.0)(values) == 3
    assert Thinness("rank", 0.25, 1.0)(values) == 1
    assert Thinness("both", 0.5, 1.0)(values) == 2
    assert Thinness("both", 1.0, 0.5)(values) == 1
    assert Thinness("rank", 0.01, 1.0)(values) == 1


def test_two_factors_pay_below_the_break_even_rank() -> None:
    assert pays(384, 1536, 307) and not pays(384, 1536, 308)
    assert not pays(10, 10, 5) and pays(10, 10, 4)
