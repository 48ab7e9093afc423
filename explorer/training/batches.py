"""Splits as tensors, and the batches that a training takes from them: texts of like length, images turned at random."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from explorer.models.preprocess import Preprocessor
from explorer.tasks.base import Split

if TYPE_CHECKING:
    from explorer.training import Plan

BUCKET_BATCHES = 50
LENGTH_STEP = 8
"""Batches are as long as a multiple of this: every new shape costs the CPU's kernels a compilation and memory."""
PIECE_TOKENS = 2048
"""A batch goes through the model in pieces of at most this many tokens, so that no long text decides the memory."""


class Batches:
    """Shuffled batches for all epochs; texts are sorted by length within stretches of ``BUCKET_BATCHES`` batches.

    ``done`` is how many of the first are left out, a training before having done them.
    Each batch is the list of its pieces: the piece's share of the batch, inputs, labels, and row numbers.
    """

    def __init__(self, split: Split, preprocessor: Preprocessor, plan: Plan, device: torch.device) -> None:
        self.tensors = tensors_of(split, preprocessor)
        self.labels = torch.from_numpy(split.labels)
        self.lengths = lengths_of(self.tensors)
        self.size, self.device, self.plan = plan.batch_size, device, plan
        self.per_epoch = math.ceil(len(split) / plan.batch_size)
        self.steps = max(1, round(self.per_epoch * plan.epochs))
        self.done = 0

    def __iter__(self) -> Iterator[tuple[int, Iterator[tuple[float, dict[str, Tensor], Tensor, Tensor]]]]:
        """The number of each step that is still to do, and its batch."""
        random = np.random.default_rng(self.plan.seed)
        for step in range(self.steps):
            if step % self.per_epoch == 0:
                order = self._order(random)
            if step >= self.done:
                yield step + 1, self._pieces(order[step % self.per_epoch])

    def _pieces(self, batch: NDArray[np.int64]) -> Iterator[tuple[float, dict[str, Tensor], Tensor, Tensor]]:
        for rows in pieces_of(batch, self.lengths):
            inputs = pick(self.tensors, rows, self.lengths, self.device)
            if self.plan.augment and "pixel_values" in inputs:
                inputs["pixel_values"] = random_affine(inputs["pixel_values"])
            yield len(rows) / len(batch), inputs, self.labels[rows].to(self.device), torch.from_numpy(rows)

    def _order(self, random: np.random.Generator) -> list[NDArray[np.int64]]:
        rows = random.permutation(len(self.labels))
        stretch = self.size * BUCKET_BATCHES
        batches = []
        for start in range(0, len(rows), stretch):
            part = rows[start : start + stretch]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches += [part[i : i + self.size] for i in range(0, len(part), self.size)]
        return [batches[i] for i in random.permutation(len(batches))]

    def ends_epoch(self, step: int) -> bool:
        return step % self.per_epoch == 0 or step == self.steps

    def epoch(self, step: int) -> int:
        return math.ceil(step / self.per_epoch)


def random_affine(pixels: Tensor) -> Tensor:
    """Each image ``[N, C, H, W]`` turned up to 15 degrees, scaled 0.85–1.15, sheared up to 0.2, shifted up to 12 %."""
    n, device = len(pixels), pixels.device
    angle, scale_x, scale_y, shear, right, down = (torch.rand(6, n) * 2 - 1).to(device)
    angle, scale_x, scale_y = angle * math.radians(15), 1 + 0.15 * scale_x, 1 + 0.15 * scale_y
    shear, right, down = shear * 0.2, right * 0.24, down * 0.24
    cos, sin = angle.cos(), angle.sin()
    first = torch.stack([cos * scale_x, (cos * shear - sin) * scale_y, right], dim=1)
    second = torch.stack([sin * scale_x, (sin * shear + cos) * scale_y, down], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def tensors_of(split: Split, preprocessor: Preprocessor) -> dict[str, Tensor]:
    """The whole split as tensors on the CPU; tokens as int32, since all of them are held for the whole training."""
    arrays = preprocessor.encode(split.inputs).items()
    return {
        name: torch.from_numpy(array.astype(np.int32) if array.dtype == np.int64 else array) for name, array in arrays
    }


def lengths_of(tensors: dict[str, Tensor]) -> NDArray[np.int64]:
    """Tokens of every text; 0 for images, which are all alike."""
    if "attention_mask" in tensors:
        return tensors["attention_mask"].sum(1).numpy()
    return np.zeros(len(next(iter(tensors.values()))), dtype=np.int64)


def pick(
    tensors: dict[str, Tensor], rows: NDArray[np.int64], lengths: NDArray[np.int64], device: torch.device
) -> dict[str, Tensor]:
    """These rows on ``device``; texts as long as the longest of them, padded."""
    longest = padded(int(lengths[rows].max()))
    index = torch.from_numpy(np.ascontiguousarray(rows))
    picked = {name: tensor[index] for name, tensor in tensors.items()}
    if longest:
        picked = {name: tensor[:, :longest].long() for name, tensor in picked.items()}
    return {name: tensor.to(device) for name, tensor in picked.items()}


def padded(length: int) -> int:
    """The length that texts of at most this many tokens are padded to."""
    return -(-length // LENGTH_STEP) * LENGTH_STEP


def pieces_of(batch: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of a batch, shortest texts first, in pieces of at most ``PIECE_TOKENS`` tokens with their padding."""
    if not lengths[batch].any():
        return [batch]
    found: list[list[np.int64]] = [[]]
    for row in batch[np.argsort(lengths[batch], kind="stable")]:
        if found[-1] and (len(found[-1]) + 1) * padded(int(lengths[row])) > PIECE_TOKENS:
            found.append([])
        found[-1].append(row)
    return [np.array(piece) for piece in found]
