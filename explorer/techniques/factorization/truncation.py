"""Truncated singular value decomposition: a matrix as a product of two thin ones, and how thin they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

ChooseBy = Literal["rank", "energy", "both"]

DAMPING = 1e-6
"""Share of the mean diagonal of XᵀX that is added to it: inputs that never vary would divide by zero."""


@dataclass(frozen=True)
class Thinness:
    """How many singular values stay.

    Fields:
        by: which of the following counts; ``both`` takes the smaller rank.
        rank: share of the largest possible rank, above 0 up to 1.
        energy: share of the sum of squared singular values that stays at least, above 0 up to 1.
    """

    by: ChooseBy
    rank: float
    energy: float

    def fixed(self, count: int) -> int | None:
        """The rank where it does not depend on the ``count`` singular values."""
        return max(1, round(self.rank * count)) if self.by == "rank" else None

    def __call__(self, values: torch.Tensor) -> int:
        """The rank for singular values in falling order, [R]: from 1 to R."""
        share = max(1, round(self.rank * len(values)))
        if self.by == "rank":
            return share
        return energy_rank(values, self.energy) if self.by == "energy" else min(share, energy_rank(values, self.energy))


def energy_rank(values: torch.Tensor, energy: float) -> int:
    """The smallest rank whose leading values hold this share of the sum of squares."""
    squares = values.double().square()
    kept = squares.cumsum(0)
    enough = kept >= energy * squares.sum() * (1 - 1e-12)
    return int(enough.int().argmax()) + 1


def factors(matrix: torch.Tensor, thinness: Thinness, root: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
    """Two factors of a weight [out, in]: first [rank, in], second [out, rank]; ``second @ first`` is nearest to it.

    Without ``root`` nearest in the Frobenius norm (Eckart and Young). With ``root``, a matrix L [in, in], nearest in
    the norm of (W - W') L: with L Lᵀ = XᵀX that is the error of the layer's outputs over inputs X, as in SVD-LLM.
    The singular values are spread evenly over both factors.
    """
    import torch

    weight = matrix.detach().double()
    whole = weight if root is None else weight @ root
    wide = whole.shape[0] <= whole.shape[1]
    # the eigenvectors of the smaller product are singular vectors, in a tenth of the time
    squares, vectors = torch.linalg.eigh(whole @ whole.T if wide else whole.T @ whole)
    rank = thinness(squares.flip(0).clamp_min(0).sqrt())
    kept = vectors.flip(1)[:, :rank]
    first, second = (kept.T @ whole, kept) if wide else (kept.T, whole @ kept)
    scale = (first.norm(dim=1) / second.norm(dim=0).clamp_min(1e-30)).clamp_min(1e-15).sqrt()
    first, second = first / scale[:, None], second * scale
    if root is not None:
        first = torch.linalg.solve(root, first, left=False)
    return first.to(matrix.dtype), second.to(matrix.dtype)


def scaling_root(norms: NDArray[Any]) -> torch.Tensor:
    """L of ASVD: a diagonal of the inputs' root sums of squares, [K] to [K, K]."""
    import torch

    squares = torch.from_numpy(norms).double().square()
    return (squares + DAMPING * squares.mean().clamp_min(1e-12)).sqrt().diag()


def whitening_root(gram: NDArray[Any]) -> torch.Tensor:
    """L of SVD-LLM: the Cholesky factor of the damped XᵀX, [K, K]."""
    import torch

    damped = torch.from_numpy(gram).double().clone()
    damped.diagonal().add_(DAMPING * damped.diagonal().mean().clamp_min(1e-12))
    factor: torch.Tensor = torch.linalg.cholesky(damped)
    return factor


def pays(rows: int, columns: int, rank: int) -> bool:
    """Whether two factors take less room than the matrix: rank x (rows + columns) < rows x columns."""
    return rank * (rows + columns) < rows * columns
