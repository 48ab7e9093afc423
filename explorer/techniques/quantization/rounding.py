"""From float weights to codes of a few bits: to the nearest, half-quadratic (HQQ), error-compensated (GPTQ).

All give ``codes`` uint8 [N, K], ``scales`` float32 [N, G] and ``zeros`` uint8 [N, G] for a matrix [N, K] whose rows are
output channels; a weight is ``scale * (code - zero)``, and zero is exact where zero points are whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Codes = tuple[Array, Array, Array]
Method = Literal["nearest", "hqq", "gptq"]
Granularity = Literal["groups", "channel", "tensor"]

DAMPING = 0.01
COLUMNS_AT_ONCE = 128
ROWS_AT_ONCE = 4096
NORM, SHARPNESS, SHARPENING, ITERATIONS = 0.7, 10.0, 1.01, 20
"""p, beta, kappa and iterations of half-quadratic quantization, as its authors set them."""


@dataclass(frozen=True)
class Rounding:
    """How weights become codes.

    Fields:
        bits: 1 to 8.
        method: ``gptq`` needs the products of inputs (``gram``) and is ``nearest`` without them.
        granularity: what shares a scale: a group of a row, a row (output channel), the whole matrix.
        clip: the range that weights are clipped to first; None leaves them.
        fractional: whether ``hqq`` may give zero points float32 that are no whole numbers.
    """

    bits: int
    method: Method = "nearest"
    granularity: Granularity = "groups"
    clip: tuple[float, float] | None = None
    fractional: bool = False

    def __call__(self, matrix: Array, group: int, gram: Array | None = None) -> Codes:
        """Codes of a matrix [N, K]; ``group`` counts only where groups share a scale. ``gram`` is [K, K]."""
        rows, columns = matrix.shape
        matrix = matrix if self.clip is None else np.clip(matrix, *self.clip).astype(np.float32)
        group = group if self.granularity == "groups" else columns
        whole = self.granularity == "tensor"
        flat, size = (matrix.reshape(1, -1), matrix.size) if whole else (matrix, group)
        if self.method == "hqq":
            codes, scales, zeros = half_quadratic(flat, self.bits, size, self.fractional)
        else:
            codes, scales, zeros = quantize_groups(flat, self.bits, size)
        if whole:
            codes = codes.reshape(rows, columns)
            scales, zeros = np.repeat(scales, rows, axis=0), np.repeat(zeros, rows, axis=0)
        if self.method != "gptq" or gram is None:
            return codes, scales, zeros
        fixed = (scales, zeros) if whole else None
        better = compensated(matrix, gram, self.bits, group, fixed)
        return _smaller_error(matrix, gram, (codes, scales, zeros), better, group)


def blocks_of(matrix: Array, group: int) -> Array:
    """[N, K] as float32 [N, G, group], padded with zeros."""
    n, k = matrix.shape
    groups = -(-k // group)
    padded = np.zeros((n, groups * group), np.float32)
    padded[:, :k] = matrix
    return padded.reshape(n, groups, group)


def grid(blocks: Array, bits: int) -> tuple[Array, Array]:
    """Scale and zero point that just hold each block's extremes and zero: float32 [...] and whole float32 [...]."""
    levels = 2**bits - 1
    low = np.minimum(blocks.min(axis=-1), 0)
    high = np.maximum(blocks.max(axis=-1), 0)
    scales = ((high - low) / levels).astype(np.float32)
    scales[scales == 0] = 1
    return scales, np.clip(np.round(-low / scales), 0, levels)


def to_codes(values: Array, scales: Array, zeros: Array, bits: int) -> Array:
    """The nearest whole codes, as floats; scales and zeros broadcast to ``values``."""
    codes: Array = np.clip(np.round(values / scales) + zeros, 0, 2**bits - 1)
    return codes


def quantize_groups(matrix: Array, bits: int, group: int) -> Codes:
    """Round to nearest in groups along the last axis, asymmetric; G = ceil(K / group), the last may be shorter.

    Codes give the weight to within half a scale.
    """
    blocks = blocks_of(matrix, group)
    scales, zeros = grid(blocks, bits)
    codes = to_codes(blocks, scales[..., None], zeros[..., None], bits)
    return codes.reshape(len(matrix), -1)[:, : matrix.shape[1]].astype(np.uint8), scales, zeros.astype(np.uint8)


def dequantize_groups(codes: Array, scales: Array, zeros: Array, group: int) -> Array:
    """What codes stand for, as float32 [N, K]."""
    k = codes.shape[1]
    spread = np.repeat(scales, group, axis=1)[:, :k]
    values: Array = (codes.astype(np.float32) - np.repeat(zeros, group, axis=1)[:, :k]) * spread
    return values


def half_quadratic(matrix: Array, bits: int, group: int, fractional: bool = False) -> Codes:
    """Half-quadratic quantization (Badri and Shaji, 2023), which lets large errors stay large and few.

    The error is split off by a shrinkage of the l_p norm, p = 0.7, and the grid fitted to the rest, in turns. With
    ``fractional`` this is the original: the zero point moves under a fixed scale, and a weight of zero is not exact any
    more. Without, the zero point is rounded and the scale fitted by least squares. Errors are measured in steps, which
    makes it independent of the weights' size. Of all rounds each group keeps its best, so that in that norm it never is
    worse than where it began.
    """
    step = max(1, ROWS_AT_ONCE * 384 // matrix.shape[1])
    parts = [_half_quadratic(matrix[i : i + step], bits, group, fractional) for i in range(0, len(matrix), step)]
    codes, scales, zeros = (np.concatenate(part) for part in zip(*parts, strict=True))
    return codes, scales, zeros


def _half_quadratic(matrix: Array, bits: int, group: int, fractional: bool) -> Codes:
    blocks = blocks_of(matrix, group)
    valid = blocks_of(np.ones((1, matrix.shape[1])), group)
    scales, zeros = grid(blocks, bits)
    best = [scales.copy(), zeros.copy(), np.full(scales.shape, np.inf)]
    sharpness = SHARPNESS
    for _ in range(ITERATIONS):
        codes = _codes(blocks, scales, zeros, bits)
        errors = blocks - scales[..., None] * (codes - zeros[..., None])
        lost = (valid * np.abs(errors) ** NORM).sum(axis=-1)
        better = lost < best[2]
        if not better.any():
            break
        for kept, new in zip(best, (scales, zeros, lost), strict=True):
            kept[better] = new[better]
        outliers = shrink(errors / scales[..., None], sharpness) * scales[..., None]
        targets = blocks - outliers
        zeros = ((valid * (codes - targets / scales[..., None])).sum(axis=-1) / valid.sum(axis=-1)).astype(np.float32)
        if not fractional:
            zeros = np.clip(np.round(zeros), 0, 2**bits - 1)
            scales = _fitted_scales(targets, codes, zeros, valid, scales)
        sharpness *= SHARPENING
    codes = _codes(blocks, best[0], best[1], bits).reshape(len(matrix), -1)[:, : matrix.shape[1]]
    return codes.astype(np.uint8), best[0], best[1] if fractional else best[1].astype(np.uint8)


def _codes(blocks: Array, scales: Array, zeros: Array, bits: int) -> Array:
    """The nearest codes where zero points need not be whole."""
    codes: Array = np.clip(np.round(blocks / scales[..., None] + zeros[..., None]), 0, 2**bits - 1)
    return codes


def shrink(values: Array, sharpness: float, norm: float = NORM) -> Array:
    """The generalised soft threshold: the proximal step of the l_p norm."""
    size = np.abs(values)
    shrunk: Array = np.sign(values) * np.maximum(size - (size + 1e-8) ** (norm - 1) / sharpness, 0)
    return shrunk


def _fitted_scales(targets: Array, codes: Array, zeros: Array, valid: Array, scales: Array) -> Array:
    """The scales that come nearest to ``targets`` with these codes and zero points."""
    steps = valid * (codes - zeros[..., None])
    above, below = (targets * steps).sum(axis=-1), (steps**2).sum(axis=-1)
    fitted: Array = np.where((below > 0) & (above > 0), above / np.maximum(below, 1e-12), scales).astype(np.float32)
    return fitted


def compensated(
    matrix: Array,
    gram: Array,
    bits: int,
    group: int,
    fixed: tuple[Array, Array] | None = None,
    damping: float = DAMPING,
) -> Codes:
    """GPTQ: column by column to the nearest code, the error made up for by the columns that are still free.

    Args:
        matrix: float32 [N, K].
        gram: the sum of x xᵀ over inputs, [K, K]; half the Hessian of the squared error of a row.
        group: columns that share a scale, fitted when their turn comes, a power of two up to 128 or all.
        fixed: scales and zero points [N, 1] to use instead of fitting them.
        damping: share of the mean diagonal that is added to the diagonal.

    Source: Frantar et al., arXiv:2210.17323, algorithm 1 with the Cholesky form.
    """
    n, k = matrix.shape
    factor = inverse_factor(gram, damping)
    free = matrix.astype(np.float64)
    codes = np.zeros((n, k), np.uint8)
    scales, zeros = np.ones((n, -(-k // group)), np.float32), np.zeros((n, -(-k // group)), np.float32)
    if fixed is not None:
        scales, zeros = fixed[0].copy(), fixed[1].astype(np.float32)
    for start in range(0, k, COLUMNS_AT_ONCE):
        end = min(start + COLUMNS_AT_ONCE, k)
        made_up = np.zeros((n, end - start))
        for j in range(start, end):
            g = j // group
            if fixed is None and j % group == 0:
                scales[:, g], zeros[:, g] = grid(free[:, j : j + group].astype(np.float32), bits)
            column = to_codes(free[:, j], scales[:, g], zeros[:, g], bits)
            codes[:, j] = column
            error = (free[:, j] - scales[:, g] * (column - zeros[:, g])) / factor[j, j]
            free[:, j + 1 : end] -= np.outer(error, factor[j, j + 1 : end])
            made_up[:, j - start] = error
        free[:, end:] -= made_up @ factor[start:end, end:]
    return codes, scales, zeros.astype(np.uint8)


def inverse_factor(gram: Array, damping: float) -> Array:
    """The upper triangular U with UᵀU = inverse of the damped gram, [K, K]; inputs that are always zero do no harm."""
    damped = gram.astype(np.float64)
    diagonal = np.einsum("ii->i", damped)
    mean = float(diagonal.mean()) or 1.0
    diagonal[diagonal == 0] = mean
    while True:
        diagonal += damping * mean
        try:
            lower = np.linalg.inv(np.linalg.cholesky(damped))
            upper: Array = np.linalg.cholesky(lower.T @ lower).T
        except np.linalg.LinAlgError:  # singular to working precision: damp it more
            damping = max(10 * damping, 1e-6)
            continue
        return upper


def layer_error(matrix: Array, values: Array, gram: Array) -> Array:
    """The squared error of each output channel over the inputs of ``gram``, [N]."""
    difference = (values - matrix).astype(np.float64)
    errors: Array = ((difference @ gram) * difference).sum(axis=1)
    return errors


def _smaller_error(matrix: Array, gram: Array, plain: Codes, better: Codes, group: int) -> Codes:
    """Row by row the one with the smaller error: compensation is greedy and may lose."""
    first, second = (layer_error(matrix, dequantize_groups(*codes, group), gram) for codes in (plain, better))
    chosen = (second < first)[:, None]
    codes, scales, zeros = (np.where(chosen, b, a) for a, b in zip(plain, better, strict=True))
    return codes, scales, zeros
